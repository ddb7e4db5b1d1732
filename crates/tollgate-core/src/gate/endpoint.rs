//! An HTTP endpoint that tollgate itself serves, such as token refresh, for any framework.

use std::net::IpAddr;
use std::time::Duration;

use crate::http::request::RequestView;
use crate::rejection::answer::Answer;
use crate::step::BoxFuture;

/// An endpoint that answers requests itself: a JWK Set, a refresh, a logout. An adapter mounts it
/// under a path.
///
/// ```
/// use tollgate::extend::{Answer, BoxFuture, Endpoint, EndpointRequest};
///
/// struct Ping;
///
/// impl Endpoint for Ping {
///     fn respond(&self, request: EndpointRequest) -> BoxFuture<Answer> {
///         let known = request.path == "/ping";
///         Box::pin(async move { Answer::new(if known { 204 } else { 404 }) })
///     }
/// }
/// # fn main() {
/// let _answer = Ping.respond(EndpointRequest::new("GET", "/ping"));
/// # }
/// ```
pub trait Endpoint: Send + Sync + 'static {
    /// Answers a request. It never fails: an error is an answer too.
    fn respond(&self, request: EndpointRequest) -> BoxFuture<Answer>;

    /// Answers a request whose content an adapter does not read to its end. `head` has no content.
    /// The default is the problem document of the reason. The adapter closes the connection.
    fn respond_unread(&self, head: &EndpointRequest, reason: UnreadContent) -> Answer {
        let _ = head;
        reason.answer()
    }

    /// The maximum content length of a request, in bytes. An adapter answers a longer one with 413.
    /// The default is 16 KiB.
    fn content_limit(&self) -> usize {
        16 * 1024
    }

    /// The maximum time until all content of a request has arrived, counted from its header
    /// fields. An adapter answers a slower request with 408 and closes the connection. The default
    /// is 10 seconds.
    fn content_timeout(&self) -> Duration {
        Duration::from_secs(10)
    }
}

impl<E: Endpoint + ?Sized> Endpoint for std::sync::Arc<E> {
    fn respond(&self, request: EndpointRequest) -> BoxFuture<Answer> {
        (**self).respond(request)
    }

    fn respond_unread(&self, head: &EndpointRequest, reason: UnreadContent) -> Answer {
        (**self).respond_unread(head, reason)
    }

    fn content_limit(&self) -> usize {
        (**self).content_limit()
    }

    fn content_timeout(&self) -> Duration {
        (**self).content_timeout()
    }
}

/// The reason why the content of a request is not read to its end.
///
/// ```
/// use tollgate::extend::UnreadContent;
///
/// assert_eq!(UnreadContent::TooSlow.answer().status, 408);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnreadContent {
    /// The content exceeds the limit.
    TooLarge,
    /// The content did not arrive in time.
    TooSlow,
    /// The connection or the encoding of the content is broken.
    Broken,
}

impl UnreadContent {
    /// The member `code` of the answer.
    ///
    /// ```
    /// use tollgate::extend::UnreadContent;
    ///
    /// assert_eq!(UnreadContent::TooLarge.code(), "content_too_large");
    /// ```
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "content_too_large",
            Self::TooSlow => "content_too_slow",
            Self::Broken => "broken_content",
        }
    }

    /// The answer: a problem document of status 413, 408 or 400, after which the connection is
    /// closed.
    ///
    /// ```
    /// use tollgate::extend::UnreadContent;
    ///
    /// let answer = UnreadContent::TooLarge.answer();
    /// assert_eq!(answer.header("connection"), Some(&b"close"[..]));
    /// ```
    pub fn answer(self) -> Answer {
        let (status, detail) = match self {
            Self::TooLarge => (413, "The content is too large"),
            Self::TooSlow => (408, "The content did not arrive in time"),
            Self::Broken => (400, "The content cannot be read"),
        };
        let mut answer = Answer::problem(status, self.code(), None, detail);
        // The rest of the content is not read, so no other request can follow it.
        answer.set("connection", "close");
        answer
    }
}

/// A complete request to an [`Endpoint`].
///
/// ```
/// use tollgate::extend::{EndpointRequest, RequestView};
///
/// let mut request = EndpointRequest::new("POST", "/refresh");
/// request.headers.push(("origin".to_owned(), b"https://app.example.com".to_vec()));
/// assert_eq!(request.header("origin").next(), Some(&b"https://app.example.com"[..]));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct EndpointRequest {
    /// The method, in upper case as on the wire.
    pub method: String,
    /// The path below the mount point of the endpoint, with its leading slash.
    pub path: String,
    /// The query of the request target, without the question mark.
    pub query: Option<String>,
    /// Host and port, if the request target contains them; see [`RequestView::authority`].
    pub authority: Option<String>,
    /// Field names in lower case, with their values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The content.
    pub content: Vec<u8>,
    /// The address of the peer, if the adapter has it.
    pub remote_address: Option<IpAddr>,
}

impl EndpointRequest {
    /// Creates a request without header fields and content.
    ///
    /// ```
    /// assert_eq!(tollgate::extend::EndpointRequest::new("GET", "/jwks.json").path, "/jwks.json");
    /// ```
    pub fn new(method: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            path: path.into(),
            query: None,
            authority: None,
            headers: Vec::new(),
            content: Vec::new(),
            remote_address: None,
        }
    }

    /// Drops the part of the content that was read.
    #[doc(hidden)]
    #[must_use]
    pub fn into_head(mut self) -> Self {
        self.content = Vec::new();
        self
    }
}

impl RequestView for EndpointRequest {
    fn method(&self) -> &str {
        &self.method
    }

    fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let lines = self.headers.iter().filter(move |(got, _)| got == name);
        lines.map(|(_, value)| &value[..])
    }

    fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    fn remote_address(&self) -> Option<IpAddr> {
        self.remote_address
    }
}

impl std::fmt::Debug for EndpointRequest {
    /// Omits fields and content, which contain credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndpointRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
