//! What an anonymous caller need not have.

use tollgate_core::{Authentication, FromAuthentication, Refusal};

/// `None` for an anonymous caller, and an `E` for everybody else: whatever is wrong with their request is refused.
///
/// It is of use behind a gate that is [`optional`](tollgate_core::GateBuilder::optional); every other gate refuses the
/// anonymous by itself.
///
/// **Not the same as actix-web's `Option<E>`**, which turns every error into `None`: with it, a token whose claims do not
/// fit, a scope that is missing, and a [`JwtAuth`](crate::JwtAuth) that was forgotten all make an anonymous caller.
///
/// ```
/// use actix_web::{FromRequest, test::TestRequest};
/// use tollgate_actix::{Optional, Principal};
/// use tollgate_core::{Gate, Key, Verifier};
///
/// async fn greet(Optional(user): Optional<Principal>) -> String {
///     format!("hello {}", user.as_ref().and_then(|user| user.subject()).unwrap_or("stranger"))
/// }
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).build()?;
/// let gate = Gate::builder(verifier).optional().build()?;
/// let request = || TestRequest::default().app_data(gate.clone()); // or a `JwtAuth` around the handler
///
/// let anonymous = request().to_http_request();
/// assert_eq!(greet(Optional::extract(&anonymous).await?).await, "hello stranger");
///
/// let bad = request().insert_header(("authorization", "Bearer forged")).to_http_request();
/// assert!(Optional::<Principal>::extract(&bad).await.is_err());
/// assert!(Option::<Principal>::extract(&bad).await?.is_none()); // actix-web's
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Optional<E>(pub Option<E>);

impl<E: FromAuthentication> FromAuthentication for Optional<E> {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        Option::from_authentication(authentication).map(Self)
    }
}

crate::__impl_extractor! { [E] [Optional<E>] [E: FromAuthentication] }
