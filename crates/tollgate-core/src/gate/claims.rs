//! Types of the user that represent the claims of a token.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::authorisation::authorise;
use crate::policy::Policy;
use crate::rejection::Rejection;
use crate::verifier::principal::Principal;

/// A user's type that represents the claims of a token and carries its own policy.
/// `#[derive(Claims)]` implements it.
///
/// ```
/// use std::sync::LazyLock;
/// use tollgate::Claims;
/// use tollgate::policy::Policy;
///
/// #[derive(serde::Deserialize)]
/// struct Shopper { sub: String }
///
/// impl Claims for Shopper {
///     fn policy() -> Option<&'static Policy> {
///         static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::scope("orders:read"));
///         Some(&POLICY)
///     }
/// }
/// assert!(Shopper::policy().is_some());
/// ```
///
/// A type without a policy needs the explicit line `impl Claims for Visitor {}`. This ensures that
/// an extractor never bypasses the policy of a type.
///
/// # Shared claims
///
/// An [`Arc`] of a claims type implements the trait too, with the same policy. The claims are
/// deserialized once for each token that the verifier keeps. Later extractions clone the `Arc`:
/// they neither parse nor allocate. The policy is evaluated each time.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
/// # use example::{Request, token, verifier};
/// use std::sync::Arc;
/// # use tollgate::{Claims, Gate};
///
/// # #[derive(serde::Deserialize)]
/// # struct Shopper { sub: String }
/// # impl Claims for Shopper {}
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let gate = Gate::from(verifier());
/// # let request = Request::new("GET").with("authorization", format!("Bearer {}", token("")));
/// let authentication = gate.decide(&request)?;
/// let shopper: Arc<Shopper> = authentication.claims()?;
/// let again: Arc<Shopper> = authentication.claims()?;
/// assert!(shopper.sub == "u-7" && Arc::ptr_eq(&shopper, &again));
/// # Ok(()) }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not implement `Claims`",
    label = "not a type of claims",
    note = "add `#[derive(Claims)]` to `{Self}`",
    note = "or write `impl Claims for {Self} {{}}` if every valid token will do"
)]
pub trait Claims: DeserializeOwned {
    /// The policy that a token must satisfy before the type is extracted from it. The default
    /// `None` accepts any valid token.
    fn policy() -> Option<&'static Policy> {
        None
    }

    /// Reads the type from a principal whose token satisfies the [policy](Self::policy). This
    /// function does not evaluate the policy: extractors do that before they call it.
    ///
    /// The default is [`Principal::claims`]. The result of another implementation must depend on
    /// the claims alone and must not hold the principal: a shared type is kept with the token and
    /// serves all its requests.
    ///
    /// # Errors
    /// [`UnfitClaims`](crate::RejectionKind::UnfitClaims) if the claims do not fit the
    /// type.
    ///
    /// ```
    /// # use tollgate::{Claims, Key, Principal, Rejection, RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let with = |claims: serde_json::Value| SigningKey::hs256([7; 32]).unwrap()
    /// #     .encode(&claims);
    /// #[derive(Debug, serde::Deserialize)]
    /// struct Shopper { sub: String }
    /// impl Claims for Shopper {}
    ///
    /// let principal =
    ///     verifier.verify(&with(serde_json::json!({"exp": 4_000_000_000_u64, "sub": "u-7"}))?)?;
    /// assert_eq!(Shopper::from_principal(&principal)?.sub, "u-7");
    /// let principal = verifier.verify(&with(serde_json::json!({"exp": 4_000_000_000_u64}))?)?;
    /// assert_eq!(Shopper::from_principal(&principal).unwrap_err()
    ///     .kind(), RejectionKind::UnfitClaims);
    /// # Ok(()) }
    /// ```
    fn from_principal(principal: &Principal) -> Result<Self, Rejection> {
        principal.claims()
    }
}

impl Claims for serde_json::Value {}

impl Claims for serde_json::Map<String, serde_json::Value> {}

/// Deserialized once for each token that the verifier keeps. The policy is that of `T`.
impl<T: Claims + Send + Sync + 'static> Claims for Arc<T> {
    fn policy() -> Option<&'static Policy> {
        T::policy()
    }

    fn from_principal(principal: &Principal) -> Result<Self, Rejection> {
        principal.typed().get(|| T::from_principal(principal))
    }
}

impl Principal {
    /// Returns the claims as a shared value of the user's type, after the type's own
    /// [policy](Claims::policy).
    ///
    /// The claims are deserialized once: later calls for the same type, with this principal or a
    /// clone of it, return the same [`Arc`]. A principal of the same token from the verifier's
    /// cache shares it too, in most cases within one thread. The policy is evaluated each time.
    ///
    /// Each token keeps at most four types; any other type is deserialized on each call.
    ///
    /// # Errors
    /// A [`Rejection`]: `InsufficientScope` or `AuthenticationTooOld` if the policy does not hold,
    /// `UnfitClaims` if the claims do not fit the type.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tollgate::{Claims, Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let token = SigningKey::hs256([7; 32])?
    /// #     .encode(&serde_json::json!({"exp": 4_000_000_000_u64, "sub": "u-7"}))?;
    /// #[derive(serde::Deserialize)]
    /// struct Shopper { sub: String }
    /// impl Claims for Shopper {} // or `#[derive(Claims)]`
    ///
    /// let principal = verifier.verify(&token)?;
    /// let shopper = principal.shared_claims::<Shopper>()?;
    /// assert_eq!(shopper.sub, "u-7");
    /// assert!(Arc::ptr_eq(&shopper, &principal.clone().shared_claims()?));
    /// # Ok(()) }
    /// ```
    pub fn shared_claims<T: Claims + Send + Sync + 'static>(&self) -> Result<Arc<T>, Rejection> {
        if let Some(policy) = T::policy() {
            authorise(policy, self)?;
        }
        Arc::from_principal(self)
    }
}

#[cfg(test)]
mod tests;
