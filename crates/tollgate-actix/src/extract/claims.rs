//! The claims as the user's type.

use tollgate_core::{Authentication, Claims, FromAuthentication, Refusal};

/// The token's claims as a `T`. An anonymous caller is refused with 401, and so is a token whose claims do not fit.
///
/// The type's own policy is asked first. A type that derives `Claims` has one, and is an extractor by itself; any other
/// says `impl Claims for T {}` to be read without a guard.
///
/// `Jwt<Arc<T>>` is guarded as `Jwt<T>` is, and reads the claims once for each token that the verifier keeps: after
/// that a handler gets a clone of the [`Arc`](std::sync::Arc).
///
/// ```
/// use actix_web::{FromRequest, test::TestRequest};
/// use tollgate_actix::Jwt;
/// use tollgate_core::{Key, SigningKey, Verifier};
///
/// #[derive(Debug, serde::Deserialize)]
/// struct Shopper { tenant: String }
///
/// impl tollgate_core::Claims for Shopper {}
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder()
/// #     .dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).clock(|| 1_700_000_000).build()?;
/// let extract = async |claims| -> Result<_, Box<dyn std::error::Error>> {
///     let token = SigningKey::hs256([7; 32])?.encode(&claims)?;
///     let request = TestRequest::default()
///         .app_data(verifier.clone()) // or a `JwtAuth` around the handler
///         .insert_header(("authorization", format!("Bearer {token}")))
///         .to_http_request();
///     Ok(Claims::<Shopper>::extract(&request).await)
/// };
/// let Jwt(shopper) = extract(serde_json::json!({ "exp": 1_700_000_900, "tenant": "blue" })).await??;
/// assert_eq!(shopper.tenant, "blue");
/// let rejected = extract(serde_json::json!({ "exp": 1_700_000_900 })).await?.unwrap_err();
/// assert_eq!(rejected.rejection().status(), 401);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jwt<T>(pub T);

impl<T: Claims> FromAuthentication for Jwt<T> {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        authentication.claims().map(Self)
    }
}

crate::__impl_extractor! { [T] [Jwt<T>] [T: Claims] }
