//! The cases of the table.

use std::fmt;
use std::net::IpAddr;

use tollgate_core::{Gate, Policy};

use super::expect::Expect;

/// A gate, the requests to send through it, and the expected responses.
///
/// ```
/// use tollgate_testkit::conformance;
///
/// let cases = conformance::cases();
/// let case = cases.iter()
///     .find(|case| case.name == "adapters: the layer is missing").expect("it is in the table");
/// assert!(case.gate.is_none());
/// assert_eq!(case.expect[0].status, 500);
/// ```
#[derive(Clone)]
pub struct Case {
    /// The unique name of the case.
    pub name: String,
    /// The gate in front of the handler; `None` if the authentication layer is missing.
    pub gate: Option<Gate>,
    /// The additional policy of the route, applied by the adapter's `require`.
    pub policy: Option<Policy>,
    /// The extractor of the handler.
    pub handler: Handler,
    /// The response of the handler.
    pub reply: Reply,
    /// The requests, each of which must get an expected response.
    pub requests: Vec<Request>,
    /// The accepted responses. There is one, unless a mutation may be caught by one of several
    /// checks.
    pub expect: Vec<Expect>,
}

impl Case {
    pub(super) fn in_group(mut self, group: &str) -> Self {
        self.name = format!("{group}: {}", self.name);
        self
    }

    /// Returns `true` if the source of keys alternates between two sets: the second one after each
    /// wait.
    pub(super) fn waits(&self) -> bool {
        self.name.starts_with("waiting: ") || self.name.contains(": after a wait: ")
    }

    pub(super) fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    pub(super) fn reply(mut self, reply: Reply) -> Self {
        self.reply = reply;
        self
    }

    pub(super) const fn handler(mut self, handler: Handler) -> Self {
        self.handler = handler;
        self
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Creates a case whose handler accepts anonymous requests.
pub(super) fn case(
    name: &str,
    gate: impl Into<Option<Gate>>,
    requests: impl Into<Vec<Request>>,
    expect: impl Into<Vec<Expect>>,
) -> Case {
    Case {
        name: name.to_owned(),
        gate: gate.into(),
        policy: None,
        handler: Handler::Optional,
        reply: Reply::default(),
        requests: requests.into(),
        expect: expect.into(),
    }
}

/// The extractor of a [`Case`]'s handler, whose value it writes. The response has `content-type:
/// text/plain; charset=utf-8` and the settings of its [`Reply`].
///
/// ```
/// use tollgate_testkit::conformance::{self, Handler};
///
/// let cases = conformance::cases();
/// for handler in [Handler::Optional, Handler::Principal, Handler::Claims] {
///     assert!(cases.iter().any(|case| case.handler == handler));
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Handler {
    /// An optional principal. Writes [`echo`](super::echo).
    Optional,
    /// A principal. Writes [`echo`](super::echo) of it.
    Principal,
    /// The claims as a [`Shopper`](super::Shopper). Writes [`echo_claims`](super::echo_claims).
    Claims,
    /// The claims as a [`Buyer`](super::Buyer), by the same extractor. Writes
    /// [`echo_guarded`](super::echo_guarded).
    Guarded,
    /// A principal that holds [`OrdersRead`](super::OrdersRead). Writes [`echo`](super::echo) of
    /// it.
    Scoped,
}

/// The response of a handler. Default: 200 without further fields.
///
/// ```
/// use tollgate_testkit::conformance::Reply;
///
/// let reply = Reply::default();
/// assert_eq!((reply.status, reply.headers.len(), reply.skip_renewal), (200, 0, false));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The fields besides the content type, names in lower case.
    pub headers: Vec<(String, String)>,
    /// `true` if the response is marked with [`SkipRenewal`](tollgate_core::SkipRenewal) in its
    /// extensions.
    pub skip_renewal: bool,
}

impl Default for Reply {
    fn default() -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            skip_renewal: false,
        }
    }
}

impl Reply {
    pub(super) const fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) const fn skip_renewal(mut self) -> Self {
        self.skip_renewal = true;
        self
    }
}

/// A request of a client.
///
/// ```
/// use tollgate_testkit::conformance::Request;
///
/// let request = Request::new("POST", "/resource?x=1").with("Authorization", "Bearer a.b.c");
/// assert_eq!(request.headers, [("Authorization".to_owned(), b"Bearer a.b.c".to_vec())]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The target: path and query, or the absolute form (RFC 9112 section 3.2). Its path is
    /// `/resource`.
    pub target: String,
    /// The fields in order, names in any case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The address of the peer, if the connection has one.
    pub peer: Option<IpAddr>,
}

impl Request {
    /// Creates a request without fields.
    ///
    /// ```
    /// assert_eq!(tollgate_testkit::conformance::Request::new("GET", "/resource").method, "GET");
    /// ```
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            peer: None,
        }
    }

    /// Adds a field.
    ///
    /// ```
    /// use tollgate_testkit::conformance::Request;
    ///
    /// let request = Request::new("GET", "/resource").with("Cookie", "a=1").with("Cookie", "b=2");
    /// assert_eq!(request.headers.len(), 2);
    /// ```
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_vec()));
        self
    }
}

impl Request {
    /// Sets the address of the peer.
    pub(super) const fn with_peer(mut self, peer: IpAddr) -> Self {
        self.peer = Some(peer);
        self
    }
}

impl From<Request> for Vec<Request> {
    fn from(request: Request) -> Self {
        vec![request]
    }
}

/// Creates `GET /resource`.
pub(super) fn get() -> Request {
    Request::new("GET", "/resource")
}

/// Creates `POST /resource`.
pub(super) fn post() -> Request {
    Request::new("POST", "/resource")
}

/// Creates `GET /resource` with the token in the `Authorization` field.
pub(super) fn bearer(token: impl AsRef<str>) -> Request {
    get().with("Authorization", format!("Bearer {}", token.as_ref()))
}

/// Creates one request for each token.
pub(super) fn bearers<T: AsRef<str>>(tokens: impl IntoIterator<Item = T>) -> Vec<Request> {
    tokens.into_iter().map(bearer).collect()
}
