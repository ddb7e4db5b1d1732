//! The caller.

use std::ops::Deref;

use tollgate_core::{Authentication, FromAuthentication, Refusal};

/// Extracts the [`Principal`](tollgate_core::Principal): all that is known of the caller.
///
/// ```
/// use axum::{Router, body::Body, extract::Request, routing::get};
/// use tollgate_axum::{JwtAuth, Principal};
/// # use tollgate_core::{Key, Verifier};
/// # use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).build()?;
/// let app: Router = Router::new()
///     .route("/me", get(async |caller: Principal| caller.subject().unwrap_or_default().to_owned()))
///     .layer(JwtAuth::new(verifier));
/// assert_eq!(app.oneshot(Request::get("/me").body(Body::empty())?).await?.status(), 401);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Principal(pub tollgate_core::Principal);

impl FromAuthentication for Principal {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        authentication.authenticated().cloned().map(Self)
    }

    fn from_owned(authentication: Authentication) -> Result<Self, Refusal> {
        FromAuthentication::from_owned(authentication).map(Self)
    }
}

crate::__impl_extractor! { [] [Principal] [] }

impl Deref for Principal {
    type Target = tollgate_core::Principal;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
