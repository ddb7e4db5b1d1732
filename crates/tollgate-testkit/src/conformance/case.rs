//! One row of the table.

use std::fmt;

use tollgate_core::{Gate, Policy};

use super::expect::Expect;

/// A gate with the requests to send through it, and what must come of each.
///
/// ```
/// use tollgate_testkit::conformance;
///
/// let cases = conformance::cases();
/// let case = cases.iter().find(|case| case.name == "adapters: the layer is missing").expect("it is in the table");
/// assert!(case.gate.is_none());
/// assert_eq!(case.expect[0].status, 500);
/// ```
#[derive(Clone)]
pub struct Case {
    /// What it is about; no two cases have one name.
    pub name: String,
    /// What stands before the handler; `None` where the authenticating layer was forgotten.
    pub gate: Option<Gate>,
    /// What the route requires besides, by the adapter's `require`.
    pub policy: Option<Policy>,
    /// What the handler asks for.
    pub handler: Handler,
    /// How the handler answers who gets through to it.
    pub reply: Reply,
    /// The requests, each of which must be answered as expected.
    pub requests: Vec<Request>,
    /// The answers that will do: one, save where a mutation may be caught by one of several checks.
    pub expect: Vec<Expect>,
}

impl Case {
    pub(super) fn in_group(mut self, group: &str) -> Self {
        self.name = format!("{group}: {}", self.name);
        self
    }

    /// Whether its source of keys has another set after a wait, and for the next request the former one.
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

/// A case whose handler echoes whoever comes, known or not.
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

/// What the handler of a [`Case`] asks for, and writes into its answer. It answers with `content-type: text/plain;
/// charset=utf-8` and what its [`Reply`] says.
///
/// ```
/// use tollgate_testkit::conformance::{self, Handler};
///
/// let cases = conformance::cases();
/// for handler in [Handler::Optional, Handler::Principal, Handler::Claims, Handler::Guarded, Handler::Scoped] {
///     assert!(cases.iter().any(|case| case.handler == handler));
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Handler {
    /// A principal or nobody: the framework's optional extractor. Writes [`echo`](super::echo).
    Optional,
    /// A principal. Writes [`echo`](super::echo) of it.
    Principal,
    /// The claims as a [`Shopper`](super::Shopper). Writes [`echo_claims`](super::echo_claims).
    Claims,
    /// The claims as a [`Buyer`](super::Buyer), by the same extractor. Writes [`echo_guarded`](super::echo_guarded).
    Guarded,
    /// A principal that holds [`OrdersRead`](super::OrdersRead). Writes [`echo`](super::echo) of it.
    Scoped,
}

/// How a handler answers, beside what it writes: 200 and no further field, unless a case says otherwise.
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
    /// Field lines beside the content type, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Whether the response is marked with [`SkipRenewal`](tollgate_core::SkipRenewal) in its extensions.
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

/// A request as the client sends it.
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
    /// The target: path and query, or the absolute form (RFC 9112 section 3.2). Its path is `/resource`.
    pub target: String,
    /// The field lines in their order, names in any case.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Request {
    /// A request without fields.
    ///
    /// ```
    /// assert_eq!(tollgate_testkit::conformance::Request::new("GET", "/resource").method, "GET");
    /// ```
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
        }
    }

    /// The same request with one more field line.
    ///
    /// ```
    /// use tollgate_testkit::conformance::Request;
    ///
    /// let request = Request::new("GET", "/resource").with("Cookie", "a=1").with("Cookie", "b=2");
    /// assert_eq!(request.headers.len(), 2);
    /// ```
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }
}

impl From<Request> for Vec<Request> {
    fn from(request: Request) -> Self {
        vec![request]
    }
}

/// `GET /resource`.
pub(super) fn get() -> Request {
    Request::new("GET", "/resource")
}

/// `POST /resource`.
pub(super) fn post() -> Request {
    Request::new("POST", "/resource")
}

/// `GET /resource` with the token where it belongs.
pub(super) fn bearer(token: impl AsRef<str>) -> Request {
    get().with("Authorization", format!("Bearer {}", token.as_ref()))
}

/// One request for each of the tokens.
pub(super) fn bearers<T: AsRef<str>>(tokens: impl IntoIterator<Item = T>) -> Vec<Request> {
    tokens.into_iter().map(bearer).collect()
}
