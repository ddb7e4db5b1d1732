//! The one thing that this crate needs of an HTTP client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::BoxFuture;

use crate::address::redacted;

/// Fetches a document over HTTP: the seam for a client of your own. `HttpClient` is the one that comes with the crate.
///
/// An implementation makes one `GET` and hands back what came. It follows no redirect, and keeps no cookie; which redirect
/// may be followed, how long an answer is good for and what is in it is decided by the caller.
///
/// ```
/// use tollgate_core::BoxFuture;
/// use tollgate_oidc::{Fetch, FetchError, FetchRequest, FetchResponse};
///
/// /// A set that is part of the program.
/// struct BuiltIn;
///
/// impl Fetch for BuiltIn {
///     fn get(&self, _: FetchRequest) -> BoxFuture<Result<FetchResponse, FetchError>> {
///         Box::pin(async { Ok(FetchResponse::new(200, r#"{"keys": []}"#)) })
///     }
/// }
/// # fn main() {
/// let _answer = BuiltIn.get(FetchRequest::new("https://id.example.com/jwks.json"));
/// # }
/// ```
pub trait Fetch: Send + Sync + 'static {
    /// Makes the request. The future may be dropped at any time, which ends the request.
    ///
    /// # Errors
    /// A [`FetchError`] where no whole response came: whatever its status, a response is not an error.
    fn get(&self, request: FetchRequest) -> BoxFuture<Result<FetchResponse, FetchError>>;
}

impl<F: Fetch + ?Sized> Fetch for Arc<F> {
    fn get(&self, request: FetchRequest) -> BoxFuture<Result<FetchResponse, FetchError>> {
        (**self).get(request)
    }
}

/// A `GET` to be made by a [`Fetch`].
///
/// ```
/// use tollgate_oidc::{Addresses, FetchRequest};
///
/// let request = FetchRequest::new("https://id.example.com/jwks.json");
/// assert_eq!(request.addresses, Addresses::Public);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct FetchRequest {
    /// The absolute URL: `https`, or `http` where that was allowed.
    pub url: String,
    /// Header fields to send besides the client's own, in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The most bytes of content to read: at one more, the client stops reading and answers
    /// [`TooLarge`](FetchErrorKind::TooLarge). 1 MiB unless set.
    pub content_limit: usize,
    /// How long the whole exchange may take. 5 s unless set.
    pub timeout: Duration,
    /// Which addresses the host's name may stand for.
    pub addresses: Addresses,
}

impl FetchRequest {
    /// A request with the default bounds, to public addresses only.
    ///
    /// ```
    /// # use tollgate_oidc::FetchRequest;
    /// assert_eq!(FetchRequest::new("https://id.example.com/").content_limit, 1 << 20);
    /// ```
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            headers: Vec::new(),
            content_limit: 1 << 20,
            timeout: Duration::from_secs(5),
            addresses: Addresses::Public,
        }
    }
}

/// Without the query of its URL, which may have a secret in it.
impl fmt::Debug for FetchRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchRequest")
            .field("url", &redacted(&self.url))
            .field("headers", &self.headers)
            .field("content_limit", &self.content_limit)
            .field("timeout", &self.timeout)
            .field("addresses", &self.addresses)
            .finish()
    }
}

/// Which addresses a fetch may connect to.
///
/// ```
/// use tollgate_oidc::Addresses;
///
/// assert_ne!(Addresses::Public, Addresses::Any);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Addresses {
    /// Public ones only: an issuer has named the host, and must not reach into the service's network. The address that was
    /// looked at is the one to connect to (a second look-up may tell another).
    Public,
    /// Any: the service's own configuration has named the host.
    Any,
}

/// What came back from a [`Fetch`].
///
/// ```
/// use tollgate_oidc::FetchResponse;
///
/// let response = FetchResponse::new(200, "{}").with_header("ETag", "\"1\"");
/// assert_eq!(response.header("etag"), Some("\"1\""));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct FetchResponse {
    /// The status.
    pub status: u16,
    /// The header fields: names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The content.
    pub content: Vec<u8>,
}

impl FetchResponse {
    /// A response without header fields.
    ///
    /// ```
    /// # use tollgate_oidc::FetchResponse;
    /// assert_eq!(FetchResponse::new(404, "").status, 404);
    /// ```
    pub fn new(status: u16, content: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content: content.into(),
        }
    }

    /// Adds a header field.
    ///
    /// ```
    /// # use tollgate_oidc::FetchResponse;
    /// let response = FetchResponse::new(200, "{}").with_header("cache-control", "max-age=60");
    /// assert_eq!(response.headers.len(), 1);
    /// ```
    #[must_use]
    pub fn with_header(mut self, name: impl AsRef<str>, value: impl Into<Vec<u8>>) -> Self {
        self.headers
            .push((name.as_ref().to_ascii_lowercase(), value.into()));
        self
    }

    /// The first field line of that name, if it is text. `name` is in lower case.
    ///
    /// ```
    /// # use tollgate_oidc::FetchResponse;
    /// assert_eq!(FetchResponse::new(200, "{}").header("etag"), None);
    /// ```
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_lines(name).next()
    }

    /// The field lines of that name that are text, in their order. `name` is in lower case.
    ///
    /// ```
    /// # use tollgate_oidc::FetchResponse;
    /// let response = FetchResponse::new(200, "{}").with_header("age", "1").with_header("age", "2");
    /// assert_eq!(response.header_lines("age").collect::<Vec<_>>(), ["1", "2"]);
    /// ```
    pub fn header_lines(&self, name: &str) -> impl Iterator<Item = &str> {
        let lines = self.headers.iter().filter(move |(got, _)| got == name);
        lines.filter_map(|(_, value)| std::str::from_utf8(value).ok())
    }
}

impl fmt::Debug for FetchResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchResponse")
            .field("status", &self.status)
            .field("bytes", &self.content.len())
            .finish_non_exhaustive()
    }
}

/// Which kind of failure a [`FetchError`] is.
///
/// ```
/// use tollgate_oidc::{FetchError, FetchErrorKind};
///
/// let error = FetchError::new(FetchErrorKind::TooLarge, "more than 1 MiB");
/// assert_eq!(error.kind(), FetchErrorKind::TooLarge);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// No connection: the name is unknown, nobody listens, the certificate is not good, the connection broke.
    Unreachable,
    /// No whole response in time.
    TimedOut,
    /// There was more content than asked for.
    TooLarge,
    /// The host's name stands for an address that is not public, and [`Addresses::Public`] was asked for.
    PrivateAddress,
}

/// A [`Fetch`] brought no whole response. Its text is for the operator.
///
/// ```
/// use tollgate_oidc::{FetchError, FetchErrorKind};
///
/// let error = FetchError::new(FetchErrorKind::Unreachable, "connection refused");
/// assert_eq!(error.to_string(), "connection refused");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError {
    kind: FetchErrorKind,
    detail: String,
}

impl FetchError {
    /// An error of that kind.
    ///
    /// ```
    /// # use tollgate_oidc::{FetchError, FetchErrorKind};
    /// assert_eq!(FetchError::new(FetchErrorKind::TimedOut, "5 s").kind(), FetchErrorKind::TimedOut);
    /// ```
    pub fn new(kind: FetchErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    /// Which kind it is.
    ///
    /// ```
    /// # use tollgate_oidc::{FetchError, FetchErrorKind};
    /// assert_eq!(FetchError::new(FetchErrorKind::TimedOut, "5 s").kind(), FetchErrorKind::TimedOut);
    /// ```
    pub const fn kind(&self) -> FetchErrorKind {
        self.kind
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for FetchError {}
