//! The principal of a caller that has the scopes of a type.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use crate::gate::{Authentication, FromAuthentication, Refusal};
use crate::policy::ScopeSet;
use crate::verifier::principal::Principal;

/// An extractor of the [`Principal`] of a caller that has every scope of `S`.
///
/// `S` is one scope type or a tuple of up to eight. If the token lacks a scope, the response is 403
/// with `insufficient_scope` and the scopes that would satisfy the policy.
///
/// ```
/// use axum::{Router, body::Body, extract::Request, routing::post};
/// use tollgate::axum::JwtAuth;
/// use tollgate::{Key, Scoped, SigningKey, Verifier, scopes};
/// # use tower::ServiceExt;
///
/// scopes! { OrdersWrite = "orders:write" }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
/// #     .key(Key::hs256([7; 32])?).build()?;
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
    /// Returns the principal by value.
    pub fn into_principal(self) -> Principal {
        self.principal
    }
}

impl<S: ScopeSet> FromAuthentication for Scoped<S> {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        let principal = authentication.authenticated()?;
        if !S::held_by(principal) {
            // Only the refusal creates the policy, which allocates and names the scopes.
            authentication.require(&S::policy())?;
        }
        Ok(Self {
            principal: principal.clone(),
            scopes: PhantomData,
        })
    }
}

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
