//! A request of the `http` crate 1.x, as the gate reads it.

#[cfg(feature = "axum")]
use std::borrow::Cow;
use std::net::IpAddr;

use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, request::Parts};

use crate::gate::{Authentication, FromAuthentication, Refusal};
use crate::http::request::{PeerAddress, RequestView};

/// The head of a request, from which a [`Gate`](crate::Gate) decides.
///
/// `JwtAuth` creates one for each request. Create one to call a gate directly.
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
    extensions: &'a Extensions,
}

impl<'a, B> From<&'a Request<B>> for RequestHead<'a> {
    fn from(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            target: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }
}

impl<'a> From<&'a Parts> for RequestHead<'a> {
    fn from(parts: &'a Parts) -> Self {
        Self {
            method: &parts.method,
            target: &parts.uri,
            headers: &parts.headers,
            extensions: &parts.extensions,
        }
    }
}

super::known_names!(http);

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

    /// The [`PeerAddress`] in the extensions.
    fn remote_address(&self) -> Option<IpAddr> {
        let peer = self.extensions.get::<PeerAddress>();
        peer.map(|PeerAddress(address)| *address)
    }

    /// Below the path of a nested router of axum. Not known if that path has parameters.
    #[cfg(feature = "axum")]
    fn original_path(&self) -> Option<Cow<'_, str>> {
        let Some(nested) = self.extensions.get::<axum::extract::NestedPath>() else {
            return Some(self.path().into());
        };
        let prefix = nested.as_str().trim_end_matches('/');
        (!prefix.contains('{')).then(|| format!("{prefix}{}", self.path()).into())
    }

    /// The `MatchedPath` of axum, which layers inside of the router find.
    #[cfg(feature = "axum")]
    fn route(&self) -> Option<Cow<'_, str>> {
        let matched = self.extensions.get::<axum::extract::MatchedPath>();
        matched.map(|matched| matched.as_str().into())
    }
}

/// Extracts a value from the decision in the extensions of a request.
///
/// # Errors
/// A [`Refusal`] without a layer, or if `T` refuses the request.
#[doc(hidden)]
pub fn extract<T: FromAuthentication>(extensions: &Extensions) -> Result<T, Refusal> {
    let known = extensions.get::<Authentication>();
    T::from_authentication(known.ok_or_else(Refusal::missing_layer)?)
}
