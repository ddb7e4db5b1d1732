//! The caller.

use std::ops::Deref;

use tollgate_core::{Authentication, FromAuthentication, Refusal};

/// Who sent the request: the engine's [`Principal`](tollgate_core::Principal), as an extractor. An anonymous caller is
/// refused with 401.
///
/// ```
/// use actix_web::{FromRequest, test::TestRequest};
/// use tollgate_actix::Principal;
/// use tollgate_core::{Key, SigningKey, Verifier};
///
/// async fn handler(user: Principal) -> String {
///     user.subject().unwrap_or("somebody").to_owned()
/// }
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder()
/// #     .dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).clock(|| 1_700_000_000).build()?;
/// # let token = SigningKey::hs256([7; 32])?
/// #     .encode(&serde_json::json!({ "sub": "u-7", "exp": 1_700_000_900 }))?;
/// let with = TestRequest::default()
///     .app_data(verifier.clone()) // or a `JwtAuth` around the handler
///     .insert_header(("authorization", format!("Bearer {token}")))
///     .to_http_request();
/// assert_eq!(handler(Principal::extract(&with).await?).await, "u-7");
///
/// let without = TestRequest::default().app_data(verifier).to_http_request();
/// assert_eq!(Principal::extract(&without).await.unwrap_err().rejection().status(), 401);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Principal(pub tollgate_core::Principal);

impl Deref for Principal {
    type Target = tollgate_core::Principal;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl FromAuthentication for Principal {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        authentication.authenticated().cloned().map(Self)
    }
}

crate::__impl_extractor! { [] [Principal] [] }
