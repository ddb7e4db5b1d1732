//! A refusal as an error of actix-web's.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use tollgate_core::{Refusal, Rejection};

use crate::answer;

/// Why an extractor refuses a request; as a response it is the engine's [`Answer`](tollgate_core::Answer), to the byte.
///
/// A handler can use it for refusals of its own:
///
/// ```
/// use actix_web::HttpRequest;
/// use tollgate_actix::{AuthenticationExt, Rejected};
/// use tollgate_core::Refusal;
/// use tollgate_core::policy::role;
///
/// async fn purge(request: HttpRequest) -> Result<&'static str, Rejected> {
///     let authentication = request.authentication().ok_or_else(Refusal::missing_layer)?;
///     authentication.require(&role("admin"))?;
///     Ok("purged")
/// }
///
/// # #[actix_web::main]
/// # async fn main() {
/// let request = actix_web::test::TestRequest::default().to_http_request();
/// let rejected = purge(request).await.unwrap_err();
/// let response = actix_web::ResponseError::error_response(&rejected);
/// assert_eq!(response.status(), 500);
/// assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json");
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Rejected(Refusal);

impl Rejected {
    /// Why the request is refused.
    ///
    /// ```
    /// use tollgate_actix::Rejected;
    /// use tollgate_core::{Refusal, RejectionKind};
    ///
    /// let rejected = Rejected::from(Refusal::missing_layer());
    /// assert_eq!(rejected.rejection().kind(), RejectionKind::Misconfigured);
    /// ```
    pub fn rejection(&self) -> &Rejection {
        self.0.rejection()
    }

    /// The engine's refusal.
    ///
    /// ```
    /// use tollgate_actix::Rejected;
    /// use tollgate_core::Refusal;
    ///
    /// let refusal = Refusal::missing_layer();
    /// assert_eq!(Rejected::from(refusal.clone()).into_inner(), refusal);
    /// ```
    pub fn into_inner(self) -> Refusal {
        self.0
    }
}

impl From<Refusal> for Rejected {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl ResponseError for Rejected {
    fn status_code(&self) -> StatusCode {
        answer::status(self.0.answer())
    }

    fn error_response(&self) -> HttpResponse {
        answer::response(&self.0)
    }
}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rejected").field(self.rejection()).finish()
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Rejected {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.rejection())
    }
}
