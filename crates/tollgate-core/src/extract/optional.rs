//! The extractor for handlers that also serve anonymous callers.

use crate::gate::{Authentication, FromAuthentication, Refusal};

/// An extractor of `None` for an anonymous caller, and of `Some` for every other caller that `E`
/// accepts.
///
/// Use it behind an [`optional`](crate::GateBuilder::optional) gate; every other gate refuses
/// anonymous callers. Everything that `E` refuses is refused: invalid claims, a missing scope, a
/// missing `JwtAuth` layer.
///
/// On axum `Option<E>` does the same. **On actix-web it does not**: actix-web turns every error of
/// an extractor in an `Option` into `None`, so a refused caller looks like an anonymous one.
///
/// ```
/// use actix_web::{FromRequest, test::TestRequest};
/// use tollgate::{Gate, Key, Optional, Principal, Verifier};
///
/// async fn greet(Optional(user): Optional<Principal>) -> String {
///     format!("hello {}", user.as_ref().and_then(|user| user.subject()).unwrap_or("stranger"))
/// }
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
/// #     .key(Key::hs256([7; 32])?).build()?;
/// let gate = Gate::builder(verifier).optional().build()?;
/// let request = || TestRequest::default().app_data(gate.clone()); // or a `JwtAuth` layer
///
/// let anonymous = request().to_http_request();
/// assert_eq!(greet(Optional::extract(&anonymous).await?).await, "hello stranger");
///
/// let bad = request().insert_header(("authorization", "Bearer forged")).to_http_request();
/// assert!(Optional::<Principal>::extract(&bad).await.is_err());
/// assert!(Option::<Principal>::extract(&bad).await?.is_none()); // of actix-web
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Optional<E: FromAuthentication>(pub Option<E>);

impl<E: FromAuthentication> FromAuthentication for Optional<E> {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        Option::from_authentication(authentication).map(Self)
    }
}
