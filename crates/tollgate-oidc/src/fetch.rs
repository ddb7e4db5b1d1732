//! The HTTP client interface.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::BoxFuture;

use crate::address::redacted;

/// An HTTP client that fetches a document. Implement it for a custom client; `HttpClient` is the
/// default.
///
/// An implementation makes one `GET` and returns the response. It follows no redirect and keeps no
/// cookies. The caller decides about redirects, freshness and content.
///
/// ```
/// use tollgate::extend::BoxFuture;
/// use tollgate::oidc::{Fetch, FetchError, FetchRequest, FetchResponse};
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
    /// Makes the request. Dropping the future cancels the request.
    ///
    /// # Errors
    /// Returns a [`FetchError`] if no complete response arrived. A response of any status is not an
    /// error.
    fn get(&self, request: FetchRequest) -> BoxFuture<Result<FetchResponse, FetchError>>;
}

impl<F: Fetch + ?Sized> Fetch for Arc<F> {
    fn get(&self, request: FetchRequest) -> BoxFuture<Result<FetchResponse, FetchError>> {
        (**self).get(request)
    }
}

/// A `GET` request for a [`Fetch`].
///
/// ```
/// use tollgate::oidc::{Addresses, FetchRequest};
///
/// let request = FetchRequest::new("https://id.example.com/jwks.json");
/// assert_eq!(request.addresses, Addresses::Public);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct FetchRequest {
    /// The absolute URL: `https`, or `http` where it was allowed.
    pub url: String,
    /// Header fields to send in addition to the client's own. Names are in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The maximum size of the content in bytes. Beyond it, the client stops reading and returns
    /// [`TooLarge`](FetchErrorKind::TooLarge). Default: 1 MiB.
    pub content_limit: usize,
    /// The timeout of the whole exchange. Default: 5 s.
    pub timeout: Duration,
    /// The addresses that the host may resolve to.
    pub addresses: Addresses,
}

impl FetchRequest {
    /// Creates a request with the default bounds, to public addresses only.
    ///
    /// ```
    /// # use tollgate::oidc::FetchRequest;
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

/// Leaves out the query of the URL, which may contain a secret.
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

/// The addresses that a fetch may connect to.
///
/// ```
/// use tollgate::oidc::Addresses;
///
/// assert_ne!(Addresses::Public, Addresses::Any);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Addresses {
    /// Public addresses only: the host comes from an issuer and must not reach into the service's
    /// network. The client connects to the address that it checked, without a second lookup.
    Public,
    /// Any address: the host comes from the service's own configuration.
    Any,
}

/// The response of a [`Fetch`].
///
/// ```
/// use tollgate::oidc::FetchResponse;
///
/// let response = FetchResponse::new(200, "{}").with_header("ETag", "\"1\"");
/// assert_eq!(response.header("etag"), Some("\"1\""));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct FetchResponse {
    /// The status.
    pub status: u16,
    /// The header fields. Names are in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The content.
    pub content: Vec<u8>,
}

impl FetchResponse {
    /// Creates a response without header fields.
    ///
    /// ```
    /// # use tollgate::oidc::FetchResponse;
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
    /// # use tollgate::oidc::FetchResponse;
    /// let response = FetchResponse::new(200, "{}").with_header("cache-control", "max-age=60");
    /// assert_eq!(response.headers.len(), 1);
    /// ```
    #[must_use]
    pub fn with_header(mut self, name: impl AsRef<str>, value: impl Into<Vec<u8>>) -> Self {
        self.headers
            .push((name.as_ref().to_ascii_lowercase(), value.into()));
        self
    }

    /// Returns the first field line of that name, if it is text. `name` is in lower case.
    ///
    /// ```
    /// # use tollgate::oidc::FetchResponse;
    /// assert_eq!(FetchResponse::new(200, "{}").header("etag"), None);
    /// ```
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_lines(name).next()
    }

    /// Returns the field lines of that name that are text, in order. `name` is in lower case.
    ///
    /// ```
    /// # use tollgate::oidc::FetchResponse;
    /// let response = FetchResponse::new(200, "{}");
    /// let response = response.with_header("age", "1").with_header("age", "2");
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

/// The kind of a [`FetchError`].
///
/// ```
/// use tollgate::oidc::{FetchError, FetchErrorKind};
///
/// let error = FetchError::new(FetchErrorKind::TooLarge, "more than 1 MiB");
/// assert_eq!(error.kind(), FetchErrorKind::TooLarge);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// No connection: the name does not resolve, the port is closed, the certificate is not valid,
    /// or the connection broke.
    Unreachable,
    /// The complete response did not arrive in time.
    TimedOut,
    /// The content exceeds the limit.
    TooLarge,
    /// The host resolves to an address that is not public, and the request has
    /// [`Addresses::Public`].
    PrivateAddress,
}

/// The error of a [`Fetch`] without a complete response. The message is for the operator.
///
/// ```
/// use tollgate::oidc::{FetchError, FetchErrorKind};
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
    /// Creates an error of that kind.
    ///
    /// ```
    /// # use tollgate::oidc::{FetchError, FetchErrorKind};
    /// let error = FetchError::new(FetchErrorKind::TimedOut, "5 s");
    /// assert_eq!(error.kind(), FetchErrorKind::TimedOut);
    /// ```
    pub fn new(kind: FetchErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    /// The kind.
    ///
    /// ```
    /// # use tollgate::oidc::{FetchError, FetchErrorKind};
    /// let error = FetchError::new(FetchErrorKind::TimedOut, "5 s");
    /// assert_eq!(error.kind(), FetchErrorKind::TimedOut);
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
