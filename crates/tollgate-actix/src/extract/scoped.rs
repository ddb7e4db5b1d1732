//! The caller, if it has the scopes.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use tollgate_core::{Authentication, FromAuthentication, Principal, Refusal, ScopeSet};

/// Who sent the request, proved to hold the scopes `S`: one, or a tuple of which all must be held. An anonymous caller is
/// refused with 401, one who lacks a scope with 403 and a challenge that names what is needed.
///
/// ```
/// use actix_web::{FromRequest, test::TestRequest};
/// use tollgate_actix::Scoped;
/// use tollgate_core::{Key, Scope, SigningKey, Verifier};
///
/// struct OrdersRead;
/// impl Scope for OrdersRead { // or by the macro `scopes!`
///     const NAME: &'static str = "orders:read";
/// }
///
/// async fn orders(user: Scoped<OrdersRead>) -> String {
///     format!("orders of {}", user.subject().unwrap_or("nobody"))
/// }
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder()
/// #     .dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).clock(|| 1_700_000_000).build()?;
/// let extract = async |scope: &str| -> Result<_, Box<dyn std::error::Error>> {
///     let token = SigningKey::hs256([7; 32])?
///         .encode(&serde_json::json!({ "sub": "u-7", "exp": 1_700_000_900, "scope": scope }))?;
///     let request = TestRequest::default()
///         .app_data(verifier.clone()) // or a `JwtAuth` around the handler
///         .insert_header(("authorization", format!("Bearer {token}")))
///         .to_http_request();
///     Ok(Scoped::<OrdersRead>::extract(&request).await)
/// };
/// assert_eq!(orders(extract("profile orders:read").await??).await, "orders of u-7");
/// let rejected = extract("profile").await?.unwrap_err();
/// assert_eq!(rejected.rejection().scope(), Some("orders:read"));
/// # Ok(()) }
/// ```
pub struct Scoped<S: ScopeSet> {
    principal: Principal,
    scopes: PhantomData<fn() -> S>,
}

impl<S: ScopeSet> Scoped<S> {
    /// The principal alone.
    ///
    /// ```
    /// # use tollgate_core::{Key, Scope, SigningKey, Verifier};
    /// use actix_web::{FromRequest, test::TestRequest};
    /// use tollgate_actix::Scoped;
    ///
    /// # struct OrdersRead;
    /// # impl Scope for OrdersRead { const NAME: &'static str = "orders:read"; }
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder()
    /// #     .dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).clock(|| 1_700_000_000).build()?;
    /// # let token = SigningKey::hs256([7; 32])?
    /// #     .encode(&serde_json::json!({ "exp": 1_700_000_900, "scope": "orders:read" }))?;
    /// # let request = TestRequest::default()
    /// #     .app_data(verifier)
    /// #     .insert_header(("authorization", format!("Bearer {token}")))
    /// #     .to_http_request();
    /// let user = Scoped::<OrdersRead>::extract(&request).await?;
    /// assert!(user.into_principal().has_scope("orders:read"));
    /// # Ok(()) }
    /// ```
    pub fn into_principal(self) -> Principal {
        self.principal
    }
}

impl<S: ScopeSet> Deref for Scoped<S> {
    type Target = Principal;

    fn deref(&self) -> &Self::Target {
        &self.principal
    }
}

impl<S: ScopeSet> Clone for Scoped<S> {
    fn clone(&self) -> Self {
        Self {
            principal: self.principal.clone(),
            scopes: PhantomData,
        }
    }
}

impl<S: ScopeSet> fmt::Debug for Scoped<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scoped").field(&self.principal).finish()
    }
}

impl<S: ScopeSet> FromAuthentication for Scoped<S> {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        let principal = authentication.authenticated()?;
        if !S::held_by(principal) {
            authentication.require(&S::policy())?; // refuses, and says what would have been enough
        }
        Ok(Self {
            principal: principal.clone(),
            scopes: PhantomData,
        })
    }
}

crate::__impl_extractor! { [S] [Scoped<S>] [S: ScopeSet] }
