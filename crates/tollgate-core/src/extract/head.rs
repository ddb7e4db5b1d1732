//! A request of the `http` crate 1.x, as the gate reads it.

use http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE, HOST,
    HeaderName, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, request::Parts};

use crate::http::request::RequestView;

/// The head of a request, from which a [`Gate`](crate::Gate) decides.
///
/// `JwtAuth` makes one for each request. Make one to call a gate by hand.
///
/// ```
/// use http::Request;
/// use tollgate::extend::RequestView;
/// use tollgate::tower::RequestHead;
///
/// let request = Request::put("https://api.example.com/orders?page=2").header("x-a", "1")
///     .body(())?;
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

/// The constant for a name that the engine asks for or answers with, which saves parsing it.
#[inline(always)]
#[allow(clippy::inline_always)] // the comparison is evaluated at compile time only when inlined
pub(super) fn known(name: &str) -> Option<&'static HeaderName> {
    Some(match name {
        "access-control-request-method" => &ACCESS_CONTROL_REQUEST_METHOD,
        "authorization" => &AUTHORIZATION,
        "cache-control" => &CACHE_CONTROL,
        "content-type" => &CONTENT_TYPE,
        "cookie" => &COOKIE,
        "host" => &HOST,
        "origin" => &ORIGIN,
        "sec-websocket-key" => &SEC_WEBSOCKET_KEY,
        "sec-websocket-protocol" => &SEC_WEBSOCKET_PROTOCOL,
        "sec-websocket-version" => &SEC_WEBSOCKET_VERSION,
        "upgrade" => &UPGRADE,
        "www-authenticate" => &WWW_AUTHENTICATE,
        _ => return None,
    })
}

impl RequestView for RequestHead<'_> {
    fn method(&self) -> &str {
        self.method.as_str()
    }

    #[inline]
    fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let lines = match known(name) {
            Some(known) => self.headers.get_all(known),
            None => self.headers.get_all(name),
        };
        lines.into_iter().map(HeaderValue::as_bytes)
    }

    fn query(&self) -> Option<&str> {
        self.target.query()
    }

    fn path(&self) -> &str {
        self.target.path()
    }

    /// `:authority` of HTTP/2, or the host of an absolute target of HTTP/1.1 (RFC 9112 section
    /// 3.2.2).
    fn authority(&self) -> Option<&str> {
        self.target.authority().map(::http::uri::Authority::as_str)
    }
}
