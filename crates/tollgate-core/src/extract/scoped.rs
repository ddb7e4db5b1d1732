//! The caller, who holds scopes that the handler's signature names.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use tollgate_core::{Authentication, FromAuthentication, Principal, Refusal, ScopeSet};

/// Extracts the [`Principal`] of a caller who holds every scope of `S`: one type, or a tuple of up to eight.
///
/// The handler's signature is then its own guard; anyone else is answered with 403 and `insufficient_scope`.
///
/// ```
/// use axum::{Router, body::Body, extract::Request, routing::post};
/// use tollgate_axum::{JwtAuth, Scoped};
/// # use tollgate_core::{Key, Scope, SigningKey, Verifier};
/// # use tower::ServiceExt;
///
/// struct OrdersWrite; // `tollgate::scopes! { OrdersWrite = "orders:write" }` says it shorter
/// impl Scope for OrdersWrite {
///     const NAME: &'static str = "orders:write";
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).build()?;
/// let app: Router = Router::new()
///     .route("/", post(async |caller: Scoped<OrdersWrite>| format!("by {:?}", caller.subject())))
///     .layer(JwtAuth::new(verifier));
///
/// let with = |scope: &str| {
///     let claims = serde_json::json!({"exp": 4_000_000_000_u64, "scope": scope});
///     let token = SigningKey::hs256([7; 32]).unwrap().encode(&claims).unwrap();
///     Request::post("/").header("authorization", format!("Bearer {token}")).body(Body::empty())
/// };
/// assert_eq!(app.clone().oneshot(with("orders:write")?).await?.status(), 200);
/// assert_eq!(app.oneshot(with("orders:read")?).await?.status(), 403);
/// # Ok(()) }
/// ```
pub struct Scoped<S: ScopeSet> {
    principal: Principal,
    scopes: PhantomData<fn() -> S>,
}

impl<S: ScopeSet> Scoped<S> {
    /// The caller, by value.
    ///
    /// ```
    /// # use tollgate_axum::Scoped;
    /// # use tollgate_core::{FromAuthentication, Gate, Key, Scope, SigningKey, Verifier};
    /// # struct OrdersRead;
    /// # impl Scope for OrdersRead { const NAME: &'static str = "orders:read"; }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).build()?;
    /// # let claims = serde_json::json!({"exp": 4_000_000_000_u64, "sub": "u-7", "scope": "orders:read"});
    /// # let bearer = format!("Bearer {}", SigningKey::hs256([7; 32])?.encode(&claims)?);
    /// # let request = axum::http::Request::builder().header("authorization", bearer).body(())?;
    /// # let authentication = Gate::from(verifier).decide(&tollgate_tower::RequestHead::from(&request))?;
    /// let scoped = Scoped::<OrdersRead>::from_authentication(&authentication)?;
    /// assert_eq!(scoped.into_principal().subject(), Some("u-7"));
    /// # Ok(()) }
    /// ```
    pub fn into_principal(self) -> Principal {
        self.principal
    }
}

impl<S: ScopeSet> FromAuthentication for Scoped<S> {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        let principal = authentication.authenticated()?;
        if !S::held_by(principal) {
            // The policy, which has to be built, is for the refusal: it names the scopes.
            authentication.require(&S::policy())?;
        }
        Ok(Self {
            principal: principal.clone(),
            scopes: PhantomData,
        })
    }
}

crate::__impl_extractor! { [S,] [Scoped<S>] [S: ScopeSet,] }

impl<S: ScopeSet> Deref for Scoped<S> {
    type Target = Principal;

    fn deref(&self) -> &Principal {
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
