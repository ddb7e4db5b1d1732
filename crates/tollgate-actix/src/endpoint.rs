//! An endpoint of tollgate's own, mounted in an app.

use std::fmt;
use std::sync::Arc;

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::{HttpRequest, HttpResponse, web};
use tollgate_core::{Answer, Endpoint, EndpointRequest, RequestView};

use crate::answer;
use crate::view::View;

/// Mounts an [`Endpoint`] under a path, for [`service`](actix_web::App::service) of an app or a scope. It answers every
/// request below that path, whatever its method.
///
/// The whole content is read before the endpoint is asked, up to its own limit: more is answered with 413. The peer's
/// address is that of the connection.
///
/// ```
/// use actix_web::{App, test};
/// use tollgate_core::{Answer, BoxFuture, Endpoint, EndpointRequest};
///
/// struct Ping;
///
/// impl Endpoint for Ping {
///     fn respond(&self, request: EndpointRequest) -> BoxFuture<Answer> {
///         Box::pin(async move { Answer::new(if request.path == "/ping" { 204 } else { 404 }) })
///     }
///     fn content_limit(&self) -> usize {
///         4
///     }
/// }
///
/// # #[actix_web::main]
/// # async fn main() {
/// let app = test::init_service(App::new().service(tollgate_actix::endpoint("/auth", Ping))).await;
/// let status = async |path: &str, content: &'static str| {
///     let request = test::TestRequest::post().uri(path).set_payload(content).to_request();
///     test::call_service(&app, request).await.status().as_u16()
/// };
/// assert_eq!(status("/auth/ping", "").await, 204);
/// assert_eq!(status("/auth/pong", "").await, 404);
/// assert_eq!(status("/auth/ping", "12345").await, 413);
/// # }
/// ```
pub fn endpoint(path: impl Into<String>, endpoint: impl Endpoint) -> MountedEndpoint {
    MountedEndpoint {
        path: path.into(),
        endpoint: Arc::new(endpoint),
    }
}

/// What [`endpoint`] makes. Cheap to clone: make one before [`HttpServer::new`](actix_web::HttpServer::new) and clone it
/// in its closure.
///
/// ```
/// # use tollgate_core::{Answer, BoxFuture, Endpoint, EndpointRequest};
/// # struct Ping;
/// # impl Endpoint for Ping {
/// #     fn respond(&self, _: EndpointRequest) -> BoxFuture<Answer> { Box::pin(async { Answer::new(204) }) }
/// # }
/// let mounted = tollgate_actix::endpoint("/auth", Ping);
/// let app = move || actix_web::App::new().service(mounted.clone());
/// # fn shared<F: Fn() -> A + Send + Clone + 'static, A>(_: &F) {}
/// shared(&app); // as `HttpServer::new` asks
/// ```
#[derive(Clone)]
pub struct MountedEndpoint {
    path: String,
    endpoint: Arc<dyn Endpoint>,
}

impl HttpServiceFactory for MountedEndpoint {
    fn register(self, config: &mut AppService) {
        let Self { path, endpoint } = self;
        let respond = move |request: HttpRequest, content| respond(Arc::clone(&endpoint), request, content);
        web::scope(path.trim_end_matches('/'))
            .default_service(web::to(respond))
            .register(config);
    }
}

impl fmt::Debug for MountedEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MountedEndpoint")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

async fn respond(endpoint: Arc<dyn Endpoint>, request: HttpRequest, content: web::Payload) -> HttpResponse {
    let mut whole = head(&request);
    let head_only = whole.method == "HEAD";
    let answer = match content.to_bytes_limited(endpoint.content_limit()).await {
        Ok(Ok(content)) => {
            whole.content = content.into();
            endpoint.respond(whole).await
        }
        Ok(Err(_)) => Answer::problem(400, "The content cannot be read"),
        Err(_) => Answer::problem(413, "The content is too large"),
    };
    if head_only {
        answer::of_head(&answer)
    } else {
        answer::of(&answer)
    }
}

/// All of the request but its content.
fn head(request: &HttpRequest) -> EndpointRequest {
    let view = View(request.head());
    let mut head = EndpointRequest::new(view.method(), below(request));
    head.query = view.query().map(str::to_owned);
    head.authority = view.authority().map(str::to_owned);
    let fields = request.headers().iter();
    head.headers = fields
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    head.remote_address = request.peer_addr().map(|peer| peer.ip());
    head
}

/// The path below the place of the endpoint as it was sent. The router, which knows where that is, has decoded it, but
/// never a slash: so many segments are taken from the end.
fn below(request: &HttpRequest) -> &str {
    let segments = request.match_info().unprocessed().matches('/').count();
    let path = request.path();
    let mut slashes = path.rmatch_indices('/');
    let start = segments.checked_sub(1).and_then(|earlier| slashes.nth(earlier));
    start.map_or("/", |(at, _)| &path[at..])
}
