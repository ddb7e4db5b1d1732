//! A refusal as an axum rejection.

use std::fmt;

use axum_core::response::{IntoResponse, Response};
use tollgate_core::{Refusal, Rejection};

/// Why an extractor refuses a request: a [`Refusal`] that axum can answer with.
///
/// As the error of a handler it lets the handler refuse for reasons of its own:
///
/// ```
/// use axum::{Extension, extract::Path};
/// use tollgate_axum::Rejected;
/// use tollgate_core::{Authentication, policy::claim};
///
/// /// Only for members of the tenant that the path names.
/// async fn orders(
///     Path(tenant): Path<String>,
///     Extension(authentication): Extension<Authentication>,
/// ) -> Result<String, Rejected> {
///     let member = authentication.require(&claim("tenant", tenant))?;
///     Ok(format!("orders of {:?}", member.subject()))
/// }
/// # axum::Router::<()>::new().route("/{tenant}/orders", axum::routing::get(orders));
///
/// use axum::response::IntoResponse;
/// use tollgate_core::{Refusal, Rejection};
///
/// let response = Rejected::from(Refusal::missing_layer()).into_response();
/// assert_eq!(response.status(), 500);
/// assert!(response.extensions().get::<Rejection>().is_some());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected(Refusal);

impl Rejected {
    /// Why the request is refused.
    ///
    /// ```
    /// use tollgate_core::{Refusal, RejectionKind};
    ///
    /// let rejected = tollgate_axum::Rejected::from(Refusal::missing_layer());
    /// assert_eq!(rejected.rejection().kind(), RejectionKind::Misconfigured);
    /// ```
    pub fn rejection(&self) -> &Rejection {
        self.0.rejection()
    }

    /// The refusal, with the answer that it is.
    ///
    /// ```
    /// # use tollgate_core::Refusal;
    /// let rejected = tollgate_axum::Rejected::from(Refusal::missing_layer());
    /// assert_eq!(rejected.into_inner().answer().status, 500);
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

/// The answer as the gate describes it; the [`Rejection`] is in the extensions.
impl IntoResponse for Rejected {
    fn into_response(self) -> Response {
        tollgate_tower::into_response(self.0)
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Rejected {}
