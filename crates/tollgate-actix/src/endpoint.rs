//! The adapter from an endpoint to a service of an app.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use actix_web::body::{BodyStream, MessageBody as _};
use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::rt::time::timeout;
use actix_web::{HttpRequest, HttpResponse, web};
use tollgate_core::__private::actix::{View, of_answer};
use tollgate_core::{Endpoint, EndpointRequest, RequestView, UnreadContent};

use crate::answer::{self, Content};

/// A service that serves an [`Endpoint`] in a scope; the scope determines its path. It responds to
/// every request below that path, with any method.
///
/// The service reads the content before it calls the endpoint, within the limits of the endpoint.
/// The response to larger content is 413, and to slower content 408. The address of the peer is
/// that of the connection.
///
/// Clones are cheap: create one before [`HttpServer::new`](actix_web::HttpServer::new) and clone it
/// in the closure.
///
/// ```
/// use actix_web::{App, test, web};
/// use tollgate::actix::EndpointService;
/// use tollgate::extend::{Answer, BoxFuture, Endpoint, EndpointRequest};
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
/// let ping = EndpointService::new(Ping);
/// let app = App::new().service(web::scope("/auth").service(ping.clone()));
/// let app = test::init_service(app).await;
/// let status = async |path: &str, content: &'static str| {
///     let request = test::TestRequest::post().uri(path).set_payload(content).to_request();
///     test::call_service(&app, request).await.status().as_u16()
/// };
/// assert_eq!(status("/auth/ping", "").await, 204);
/// assert_eq!(status("/auth/pong", "").await, 404);
/// assert_eq!(status("/auth/ping", "12345").await, 413);
/// # }
/// ```
#[derive(Clone)]
pub struct EndpointService {
    endpoint: Arc<dyn Endpoint>,
}

impl EndpointService {
    /// Creates the service of an endpoint.
    pub fn new(endpoint: impl Endpoint) -> Self {
        Self {
            endpoint: Arc::new(endpoint),
        }
    }
}

impl HttpServiceFactory for EndpointService {
    fn register(self, config: &mut AppService) {
        let respond = move |request: HttpRequest, content| {
            respond(Arc::clone(&self.endpoint), request, content)
        };
        web::scope("")
            .default_service(web::to(respond))
            .register(config);
    }
}

impl fmt::Debug for EndpointService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointService").finish_non_exhaustive()
    }
}

async fn respond(
    endpoint: Arc<dyn Endpoint>,
    request: HttpRequest,
    content: web::Payload,
) -> HttpResponse {
    let mut whole = head(&request);
    let head_only = whole.method == "HEAD";
    let mut content: Content = Box::pin(BodyStream::new(content));
    let limit = endpoint.content_limit();
    let read = timeout(endpoint.content_timeout(), read(&mut content, limit)).await;
    let answer = match read.unwrap_or(Err(UnreadContent::TooSlow)) {
        Ok(content) => {
            whole.content = content;
            endpoint.respond(whole).await
        }
        Err(unread) => {
            return answer::of_unread(&endpoint.respond_unread(&whole, unread), content);
        }
    };
    if head_only {
        answer::of_head(&answer)
    } else {
        of_answer(&answer)
    }
}

async fn read(content: &mut Content, limit: usize) -> Result<Vec<u8>, UnreadContent> {
    let mut whole = Vec::new();
    while let Some(piece) = poll_fn(|context| content.as_mut().poll_next(context)).await {
        let piece = piece.map_err(|_| UnreadContent::Broken)?;
        if piece.len() > limit - whole.len() {
            return Err(UnreadContent::TooLarge);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}

/// Returns the request without its content.
fn head(request: &HttpRequest) -> EndpointRequest {
    let view = View(request);
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

/// Returns the path below the endpoint's scope, as it was sent. The router has decoded the rest of
/// the path, except for slashes, so only the number of its segments is reliable.
fn below(request: &HttpRequest) -> &str {
    let segments = request.match_info().unprocessed().matches('/').count();
    let path = request.path();
    let mut slashes = path.rmatch_indices('/');
    let start = segments
        .checked_sub(1)
        .and_then(|earlier| slashes.nth(earlier));
    start.map_or("/", |(at, _)| &path[at..])
}
