use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Extensions, Request, Response};
use http_body::Body;
use tollgate_core::{Endpoint, EndpointRequest, PeerAddress};
use tower_service::Service;

use super::EndpointFuture;
use crate::body::ResponseBody;

type RemoteAddress = dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync;

/// A service that serves an [`Endpoint`] for any request body, standalone or in
/// `Router::nest_service` of axum.
///
/// The service reads the content before it calls the endpoint, within the limits of the endpoint.
/// The response to larger content is 413, and to slower content 408. It waits for content with
/// Tokio's timer.
///
/// ```
/// use http::Request;
/// use tollgate::extend::{Answer, BoxFuture, Endpoint, EndpointRequest};
/// use tollgate::tower::EndpointService;
/// use tower::ServiceExt;
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
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let service = EndpointService::new(Ping);
/// let post = |path, content: &str| Request::post(path).body(content.to_owned());
/// assert_eq!(service.clone().oneshot(post("/ping", "")?).await?.status(), 204);
/// assert_eq!(service.clone().oneshot(post("/pong", "")?).await?.status(), 404);
/// assert_eq!(service.oneshot(post("/ping", "12345")?).await?.status(), 413);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct EndpointService {
    endpoint: Arc<dyn Endpoint>,
    remote_address: Option<Arc<RemoteAddress>>,
}

impl EndpointService {
    /// Creates the service of an endpoint.
    ///
    /// The address of the peer is that of [`PeerAddress`] in the extensions of the request, or of
    /// `ConnectInfo<SocketAddr>` of axum, for which this crate has the feature `axum`. With the
    /// facade, axum and sessions, that feature is on. Serve the router by
    /// `into_make_service_with_connect_info::<SocketAddr>()`.
    ///
    /// ```
    /// # use tollgate::extend::{Answer, BoxFuture, Endpoint, EndpointRequest};
    /// # struct Ping;
    /// # impl Endpoint for Ping {
    /// #     fn respond(&self, _: EndpointRequest) -> BoxFuture<Answer> {
    /// #         Box::pin(async { Answer::new(204) }) }
    /// # }
    /// let service = tollgate::tower::EndpointService::new(Ping);
    /// assert_eq!(format!("{service:?}"), "EndpointService { .. }");
    /// ```
    pub fn new(endpoint: impl Endpoint) -> Self {
        Self {
            endpoint: Arc::new(endpoint),
            remote_address: None,
        }
    }

    /// Sets the function that reads the address of the peer from the extensions of a request, for
    /// example from `ConnectInfo` of another type, or tonic's `TcpConnectInfo`. It replaces the
    /// places of [`new`](Self::new).
    ///
    /// ```
    /// use std::net::IpAddr;
    /// use tollgate::extend::{Answer, BoxFuture, Endpoint, EndpointRequest};
    /// # use http::Request;
    /// # use tower::ServiceExt;
    ///
    /// struct WhereFrom;
    ///
    /// impl Endpoint for WhereFrom {
    ///     fn respond(&self, request: EndpointRequest) -> BoxFuture<Answer> {
    ///         Box::pin(async move {
    ///             Answer::new(if request.remote_address.is_some() { 200 } else { 404 }) })
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let service = tollgate::tower::EndpointService::new(WhereFrom)
    ///     .remote_address(|extensions| extensions.get::<IpAddr>().copied());
    /// let request = Request::get("/").extension(IpAddr::from([192, 0, 2, 7]))
    ///     .body(String::new())?;
    /// assert_eq!(service.oneshot(request).await?.status(), 200);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn remote_address(
        mut self,
        find: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.remote_address = Some(Arc::new(find));
        self
    }

    /// Returns the request without its content.
    fn head<B>(&self, request: &Request<B>) -> EndpointRequest {
        let target = request.uri();
        let mut head = EndpointRequest::new(request.method().as_str(), target.path());
        head.query = target.query().map(str::to_owned);
        head.authority = target.authority().map(ToString::to_string);
        let fields = request.headers().iter();
        head.headers = fields
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect();
        head.remote_address = match &self.remote_address {
            Some(find) => find(request.extensions()),
            None => peer_of(request.extensions()),
        };
        head
    }
}

fn peer_of(extensions: &Extensions) -> Option<IpAddr> {
    let peer = extensions.get::<PeerAddress>().map(|peer| peer.0);
    #[cfg(feature = "axum")]
    let peer = peer.or_else(|| {
        use axum::extract::ConnectInfo;
        let info = extensions.get::<ConnectInfo<std::net::SocketAddr>>();
        Some(info?.0.ip())
    });
    peer
}

impl<B: Body> Service<Request<B>> for EndpointService {
    /// `String` is a placeholder: there is no body of an inner service.
    type Response = Response<ResponseBody<String>>;
    type Error = Infallible;
    type Future = EndpointFuture<B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> EndpointFuture<B> {
        let head = self.head(&request);
        EndpointFuture::new(Arc::clone(&self.endpoint), head, request.into_body())
    }
}

impl fmt::Debug for EndpointService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointService").finish_non_exhaustive()
    }
}
