//! The extractor for types of the user.

use std::ops::{Deref, DerefMut};

use crate::gate::{Authentication, FromAuthentication, Refusal};

/// An extractor for any type that implements [`FromAuthentication`], behind a `JwtAuth` layer.
///
/// The types of this crate and those that derive `Claims` are extractors by themselves. Any other
/// type implements `FromAuthentication` and is extracted through this one, on axum and on
/// actix-web.
///
/// ```
/// use axum::{Router, body::Body, extract::Request, routing::get};
/// use tollgate::axum::JwtAuth;
/// use tollgate::extend::FromAuthentication;
/// use tollgate::{Authenticated, Authentication, Key, Refusal, SigningKey, Verifier};
/// # use tower::ServiceExt;
///
/// /// The account that the caller acts for.
/// struct Account(String);
///
/// impl FromAuthentication for Account {
///     fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
///         let subject = authentication.authenticated()?.subject().unwrap_or_default();
///         Ok(Self(format!("account of {subject}")))
///     }
/// }
///
/// async fn show(Authenticated(account): Authenticated<Account>) -> String {
///     account.0
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
/// #     .key(Key::hs256([7; 32])?).build()?;
/// let app: Router = Router::new().route("/", get(show)).layer(JwtAuth::new(verifier));
///
/// let token = SigningKey::hs256([7; 32])?
///     .encode(&serde_json::json!({"exp": 4_000_000_000_u64, "sub": "u-7"}))?;
/// let request = Request::get("/").header("authorization", format!("Bearer {token}"));
/// assert_eq!(app.oneshot(request.body(Body::empty())?).await?.status(), 200);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authenticated<E: FromAuthentication>(pub E);

impl<E: FromAuthentication> FromAuthentication for Authenticated<E> {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        E::from_authentication(authentication).map(Self)
    }

    fn from_owned(authentication: Authentication) -> Result<Self, Refusal> {
        E::from_owned(authentication).map(Self)
    }
}

impl<E: FromAuthentication> Deref for Authenticated<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.0
    }
}

impl<E: FromAuthentication> DerefMut for Authenticated<E> {
    fn deref_mut(&mut self) -> &mut E {
        &mut self.0
    }
}
