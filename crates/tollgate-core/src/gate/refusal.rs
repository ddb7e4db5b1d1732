//! A refusal, ready to be sent.

use std::fmt;

use crate::http::request::{Protocol, RequestView};
use crate::rejection::answer::{self, Answer};
use crate::rejection::{Rejection, RejectionKind};

/// A refused request: the answer for the client, the reason for the operator.
///
/// An adapter sends the answer and leaves the rejection in the response's extensions for outer
/// layers.
///
/// ```
/// use tollgate::{Refusal, RejectionKind};
///
/// let refusal = Refusal::missing_layer();
/// assert_eq!(refusal.rejection().kind(), RejectionKind::Misconfigured);
/// assert_eq!(refusal.answer().status, 500);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal(Box<(Rejection, Answer)>);

impl Refusal {
    /// With a `tracing` event for the operator: at `error` if our own side is at fault, else at
    /// `info`.
    pub(crate) fn logged(rejection: Rejection, answer: Answer) -> Self {
        let kind = rejection.kind();
        if rejection.status() >= 500 {
            tracing::error!(target: "tollgate", ?kind, detail = &*rejection.detail(),
                "cannot authenticate");
        } else {
            tracing::info!(target: "tollgate", ?kind, detail = &*rejection.detail(),
                "request refused");
        }
        Self(Box::new((rejection, answer)))
    }

    /// For an extractor or a policy that finds that no authenticating layer ran: a server error,
    /// never an open door.
    ///
    /// ```
    /// assert_eq!(tollgate::Refusal::missing_layer().answer().header("www-authenticate"), None);
    /// ```
    pub fn missing_layer() -> Self {
        Self::misconfigured(
            "the handler asks for an authenticated caller, but no `JwtAuth` layer stands before it",
        )
    }

    /// For an adapter that finds that the service is put together wrongly: a server error, with the
    /// reason in the log.
    ///
    /// ```
    /// let refusal = tollgate::Refusal::misconfigured("two gates are in sight");
    /// assert_eq!(refusal.answer().status, 500);
    /// ```
    pub fn misconfigured(detail: &'static str) -> Self {
        let rejection = Rejection::new(RejectionKind::Misconfigured, detail);
        let answer = answer::of(&rejection, "", Protocol::Http);
        Self::logged(rejection, answer)
    }

    /// The same refusal in the form that the request's protocol asks for: a gRPC call gets
    /// `grpc-status` 13 for what is wrong on our side. Refusals that a gate makes have it already.
    ///
    /// ```
    /// use tollgate::extend::RequestView;
    /// use tollgate::Refusal;
    ///
    /// struct Call;
    ///
    /// impl RequestView for Call {
    ///     fn method(&self) -> &str {
    ///         "POST"
    ///     }
    ///     fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
    ///         (name == "content-type").then_some(&b"application/grpc"[..]).into_iter()
    ///     }
    ///     fn query(&self) -> Option<&str> {
    ///         None
    ///     }
    /// }
    ///
    /// let refusal = Refusal::missing_layer().for_request(&Call);
    /// assert_eq!(refusal.answer().header("grpc-status"), Some(&b"13"[..]));
    /// ```
    #[must_use]
    pub fn for_request(mut self, request: &impl RequestView) -> Self {
        if self.rejection().kind() == RejectionKind::Misconfigured {
            self.0.1 = answer::of(&self.0.0, "", Protocol::of(request));
        }
        self
    }

    /// Why the request is refused.
    ///
    /// ```
    /// assert_eq!(tollgate::Refusal::missing_layer().rejection().status(), 500);
    /// ```
    pub fn rejection(&self) -> &Rejection {
        &self.0.0
    }

    /// What the client is to be sent.
    ///
    /// ```
    /// assert!(!tollgate::Refusal::missing_layer().answer().body.is_empty());
    /// ```
    pub fn answer(&self) -> &Answer {
        &self.0.1
    }

    /// Both parts, to build a response from.
    ///
    /// ```
    /// let (rejection, answer) = tollgate::Refusal::missing_layer().into_parts();
    /// assert_eq!(rejection.status(), answer.status);
    /// ```
    pub fn into_parts(self) -> (Rejection, Answer) {
        *self.0
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Refusal").field(self.rejection()).finish()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rejection().fmt(f)
    }
}

impl std::error::Error for Refusal {}
