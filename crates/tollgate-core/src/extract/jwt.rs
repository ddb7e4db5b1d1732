//! The claims as a type of the user.

use std::ops::{Deref, DerefMut};

use crate::Claims;
use crate::gate::{Authentication, FromAuthentication, Refusal};

/// An extractor for the claims of the caller's token, as a type that serde can deserialize.
///
/// The policy of the type is checked first. A type that derives `Claims` has one, and is an
/// extractor by itself. Any other type implements the trait in one line, `impl Claims for T {}`,
/// without a policy. If the claims do not fit the type, the response is 401 with `invalid_token`.
///
/// `Jwt<Arc<T>>` has the same policy as `Jwt<T>`. The claims are deserialized once for each token
/// that the verifier caches; later requests get a clone of the [`Arc`](std::sync::Arc).
///
/// ```
/// use axum::{Router, body::Body, extract::Request, routing::get};
/// use tollgate::axum::JwtAuth;
/// use tollgate::{Claims, Jwt, Key, SigningKey, Verifier};
/// # use tower::ServiceExt;
///
/// #[derive(serde::Deserialize)]
/// struct Member {
///     tenant: String,
/// }
///
/// impl Claims for Member {} // or `#[derive(Claims)]`
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
/// #     .key(Key::hs256([7; 32])?).build()?;
/// let app: Router = Router::new()
///     .route("/", get(async |Jwt(member): Jwt<Member>| member.tenant))
///     .layer(JwtAuth::new(verifier));
///
/// let with = |claims: serde_json::Value| {
///     let token = SigningKey::hs256([7; 32]).unwrap().encode(&claims).unwrap();
///     Request::get("/").header("authorization", format!("Bearer {token}")).body(Body::empty())
/// };
/// let fits = with(serde_json::json!({"exp": 4_000_000_000_u64, "tenant": "acme"}))?;
/// assert_eq!(app.clone().oneshot(fits).await?.status(), 200);
/// let does_not = with(serde_json::json!({"exp": 4_000_000_000_u64, "tenant": 7}))?;
/// assert_eq!(app.oneshot(does_not).await?.status(), 401);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jwt<T: Claims>(pub T);

impl<T: Claims> FromAuthentication for Jwt<T> {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        authentication.claims().map(Self)
    }
}

impl<T: Claims> Deref for Jwt<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Claims> DerefMut for Jwt<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
