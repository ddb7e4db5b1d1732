//! A refusal, ready to be sent.

use std::fmt;

use crate::http::request::Protocol;
use crate::rejection::answer::{self, Answer};
use crate::rejection::{Rejection, RejectionKind};

/// A refused request: the answer for the client and the reason for the operator.
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
    /// Creates a refusal and emits its `tracing` event: at `error` if the service is at fault,
    /// otherwise at `info`.
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

    /// Creates the refusal for an extractor or a policy without an authenticating layer: a server
    /// error, so the request fails closed.
    ///
    /// ```
    /// assert_eq!(tollgate::Refusal::missing_layer().answer().header("www-authenticate"), None);
    /// ```
    pub fn missing_layer() -> Self {
        Self::misconfigured(
            "the handler asks for an authenticated caller, but no `JwtAuth` layer stands before it",
        )
    }

    /// Creates the refusal for a service that is assembled incorrectly: a server error, with the
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

    /// The reason of the refusal.
    ///
    /// ```
    /// assert_eq!(tollgate::Refusal::missing_layer().rejection().status(), 500);
    /// ```
    pub fn rejection(&self) -> &Rejection {
        &self.0.0
    }

    /// The answer for the client.
    ///
    /// ```
    /// assert!(!tollgate::Refusal::missing_layer().answer().body.is_empty());
    /// ```
    pub fn answer(&self) -> &Answer {
        &self.0.1
    }

    /// Splits the refusal into its parts, to build a response from them.
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
