//! The view of a request: borrowed, so that no version of the `http` crate is part of the
//! interface.

use std::borrow::Cow;
use std::net::IpAddr;

/// A view of the parts of an HTTP request that a gate reads. An adapter implements it over its
/// framework's request.
///
/// ```
/// use tollgate::extend::RequestView;
///
/// struct Get<'a>(&'a [(&'a str, &'a str)]);
///
/// impl RequestView for Get<'_> {
///     fn method(&self) -> &str {
///         "GET"
///     }
///     fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
///         self.0.iter().filter(move |(header, _)| *header == name)
///             .map(|(_, value)| value.as_bytes())
///     }
///     fn query(&self) -> Option<&str> {
///         None
///     }
/// }
///
/// let request = Get(&[("host", "api.example.com")]);
/// assert_eq!(request.header("host").next(), Some(&b"api.example.com"[..]));
/// ```
pub trait RequestView {
    /// The method, in upper case as on the wire (RFC 9110 section 9).
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::Request;
    /// # use tollgate::extend::RequestView;
    /// # fn main() {
    /// assert_eq!(Request::new("GET").method(), "GET");
    /// # }
    /// ```
    fn method(&self) -> &str;

    /// The values of every field line of this name, in their order. `name` is in lower case.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::Request;
    /// # use tollgate::extend::RequestView;
    /// # fn main() {
    /// let request = Request::new("GET").with("cookie", "a=1").with("cookie", "b=2");
    /// assert_eq!(request.header("cookie").collect::<Vec<_>>(), [b"a=1", b"b=2"]);
    /// # }
    /// ```
    fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]>;

    /// The query of the request target, without the question mark.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::Request;
    /// # use tollgate::extend::RequestView;
    /// # fn main() {
    /// assert_eq!(Request::new("GET")
    ///     .query(), None); // as for `/orders`; `/orders?page=2` has `page=2`
    /// # }
    /// ```
    fn query(&self) -> Option<&str>;

    /// The path of the request target, as the layer sees it: within a nested router it is the
    /// remaining path. Empty if the view does not have it.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::Request;
    /// # use tollgate::extend::{EndpointRequest, RequestView};
    /// # fn main() {
    /// assert_eq!(EndpointRequest::new("GET", "/orders").path(), "/orders");
    /// assert_eq!(Request::new("GET").path(), "");
    /// # }
    /// ```
    #[allow(clippy::unnecessary_literal_bound)] // implementations borrow from the request
    fn path(&self) -> &str {
        ""
    }

    /// The path of the request target as the client sent it, where the view knows it. It differs
    /// from [`path`](Self::path) within a nested router. Only the redirect of a refused page load
    /// asks.
    fn original_path(&self) -> Option<Cow<'_, str>> {
        Some(self.path().into())
    }

    /// The host and port of the request target, if it contains them (`:authority` in HTTP/2 and
    /// HTTP/3). Otherwise the engine reads the `Host` field.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::Request;
    /// # use tollgate::extend::RequestView;
    /// # fn main() {
    /// let request = Request::new("GET").with("host", "api.example.com");
    /// assert_eq!(request.authority(), None); // the `Host` field counts
    /// # }
    /// ```
    fn authority(&self) -> Option<&str> {
        None
    }

    /// `https` or `http`, where it is known for sure which of them the client used. Where it is
    /// not, the default, the gate assumes `https` for the origin of the service.
    fn scheme(&self) -> Option<&str> {
        None
    }

    /// The address of the peer of the connection, where the view knows it. Never taken from a
    /// header field.
    fn remote_address(&self) -> Option<IpAddr> {
        None
    }

    /// The pattern of the route that serves the request, such as `/orders/{id}`, where the view
    /// knows it. Only the event of a refusal names it, and only an event that is enabled asks.
    fn route(&self) -> Option<Cow<'_, str>> {
        None
    }
}

/// The address of the peer of a connection, in the extensions of a request of the `http` crate.
///
/// A gate with [`ForwardAuth`](crate::ForwardAuth) needs it. With axum, a middleware outside of
/// `JwtAuth` inserts it from `ConnectInfo`. With actix-web it is known without.
///
/// ```
/// use http::Request;
/// use tollgate::extend::{PeerAddress, RequestView};
/// use tollgate::tower::RequestHead;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let address = "192.0.2.7".parse()?;
/// let request = Request::get("/").extension(PeerAddress(address)).body(())?;
/// assert_eq!(RequestHead::from(&request).remote_address(), Some(address));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

/// The protocol of a request, which determines the form of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Grpc,
}

impl Protocol {
    /// Detects the protocol. gRPC over HTTP/2 is a `POST` with its own content type. gRPC-Web,
    /// which browsers use, has HTTP answers.
    pub(crate) fn of(request: &impl RequestView) -> Self {
        let grpc = request.method() == "POST"
            && request.header("content-type").next().is_some_and(|value| {
                value
                    .split_at_checked(b"application/grpc".len())
                    .is_some_and(|(kind, rest)| {
                        kind.eq_ignore_ascii_case(b"application/grpc")
                            && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
                    })
            });
        if grpc { Self::Grpc } else { Self::Http }
    }
}

/// Returns `true` for a CORS preflight: an `OPTIONS` request with both fields of the Fetch
/// standard, which a browser sends without credentials.
pub(crate) fn is_preflight(request: &impl RequestView) -> bool {
    request.method() == "OPTIONS"
        && request.header("origin").next().is_some()
        && request
            .header("access-control-request-method")
            .next()
            .is_some()
}

/// A request in memory, for the unit tests of this crate.
#[cfg(test)]
pub(crate) struct TestRequest {
    pub(crate) method: &'static str,
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    pub(crate) query: Option<&'static str>,
}

#[cfg(test)]
impl TestRequest {
    pub(crate) fn new(method: &'static str) -> Self {
        Self {
            method,
            headers: Vec::new(),
            query: None,
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name, value.as_ref().to_vec()));
        self
    }

    pub(crate) fn query(mut self, query: &'static str) -> Self {
        self.query = Some(query);
        self
    }
}

#[cfg(test)]
impl RequestView for TestRequest {
    fn method(&self) -> &str {
        self.method
    }

    fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |(header, _)| *header == name)
            .map(|(_, value)| &value[..])
    }

    fn query(&self) -> Option<&str> {
        self.query
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_is_detected_by_its_content_type() {
        let protocol =
            |value: &str| Protocol::of(&TestRequest::new("POST").with("content-type", value));
        for grpc in [
            "application/grpc",
            "application/grpc+proto",
            "Application/gRPC;x=1",
        ] {
            assert_eq!(protocol(grpc), Protocol::Grpc, "{grpc}");
        }
        for other in [
            "application/grpc-web",
            "application/grpc-web+proto",
            "application/json",
            "application/grp",
            "",
        ] {
            assert_eq!(protocol(other), Protocol::Http, "{other}");
        }
        assert_eq!(Protocol::of(&TestRequest::new("POST")), Protocol::Http);
        let get = TestRequest::new("GET").with("content-type", "application/grpc");
        assert_eq!(Protocol::of(&get), Protocol::Http);
    }

    #[test]
    fn a_preflight_has_both_fields() {
        let both = |method| {
            TestRequest::new(method)
                .with("origin", "https://a")
                .with("access-control-request-method", "PUT")
        };
        assert!(is_preflight(&both("OPTIONS")));
        assert!(!is_preflight(&both("GET")));
        assert!(!is_preflight(
            &TestRequest::new("OPTIONS").with("origin", "https://a")
        ));
    }
}
