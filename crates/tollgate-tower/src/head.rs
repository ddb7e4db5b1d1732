//! The engine's view of a request over the types of `http` 1.x.

use http::{HeaderMap, HeaderValue, Method, Request, Uri, request::Parts};
use tollgate_core::RequestView;

/// The head of a request, all that a [`Gate`](tollgate_core::Gate) needs to decide: to call one by hand, as
/// [`JwtAuth`](crate::JwtAuth) does.
///
/// ```
/// use http::Request;
/// use tollgate_core::RequestView;
/// use tollgate_tower::RequestHead;
///
/// let request = Request::put("https://api.example.com/orders?page=2").header("x-a", "1").body(())?;
/// let head = RequestHead::from(&request);
/// assert_eq!(head.method(), "PUT");
/// assert_eq!(head.header("x-a").next(), Some(&b"1"[..]));
/// assert_eq!(head.query(), Some("page=2"));
/// assert_eq!(head.authority(), Some("api.example.com"));
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    method: &'a Method,
    target: &'a Uri,
    headers: &'a HeaderMap,
}

impl<'a, B> From<&'a Request<B>> for RequestHead<'a> {
    fn from(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            target: request.uri(),
            headers: request.headers(),
        }
    }
}

impl<'a> From<&'a Parts> for RequestHead<'a> {
    fn from(parts: &'a Parts) -> Self {
        Self {
            method: &parts.method,
            target: &parts.uri,
            headers: &parts.headers,
        }
    }
}

impl RequestView for RequestHead<'_> {
    fn method(&self) -> &str {
        self.method.as_str()
    }

    fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.get_all(name).into_iter().map(HeaderValue::as_bytes)
    }

    fn query(&self) -> Option<&str> {
        self.target.query()
    }

    fn path(&self) -> &str {
        self.target.path()
    }

    /// What HTTP/2 sends as `:authority`, and HTTP/1.1 in the absolute form of the target (RFC 9112 section 3.2.2).
    fn authority(&self) -> Option<&str> {
        self.target.authority().map(http::uri::Authority::as_str)
    }
}
