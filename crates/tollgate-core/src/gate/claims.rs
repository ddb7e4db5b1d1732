//! Types of the user's that stand for a token's claims.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::authentication::authorise;
use crate::policy::Policy;
use crate::rejection::Rejection;
use crate::verifier::principal::Principal;

/// A type of the user's that stands for a token's claims and guards itself: what
/// `#[derive(Claims)]` implements.
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
/// A type without a guard says so in one line, `impl Claims for Visitor {}`. That is asked for so
/// that an extractor can never hand out a type with a guard past it.
///
/// # Shared claims
///
/// An [`Arc`] of a claim set is one as well, with the same guard. It is read once for each token
/// that the verifier keeps, and handed out as a clone of the `Arc` after that: nothing is parsed
/// and nothing allocated. The guard is asked each time.
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
    /// What a token must satisfy for the type to be drawn from it; `None`, unless said otherwise:
    /// any valid token will do.
    fn policy() -> Option<&'static Policy> {
        None
    }

    /// Reads the type from a principal whose token satisfies the [policy](Self::policy), which is
    /// not asked here: extractors ask it before they come here.
    ///
    /// Unless said otherwise, by [`Principal::claims`]. What another implementation makes must
    /// depend on the claims alone, and must not hold the principal: where the type is shared, it is
    /// kept with the token and is the same for all its requests.
    ///
    /// # Errors
    /// [`MalformedClaims`](crate::RejectionKind::MalformedClaims) where the claims do not fit the
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
    ///     .kind(), RejectionKind::MalformedClaims);
    /// # Ok(()) }
    /// ```
    fn from_principal(principal: &Principal) -> Result<Self, Rejection> {
        principal.claims()
    }
}

impl Claims for serde_json::Value {}

impl Claims for serde_json::Map<String, serde_json::Value> {}

/// Read once for each token that the verifier keeps, and guarded as `T` is.
impl<T: Claims + Send + Sync + 'static> Claims for Arc<T> {
    fn policy() -> Option<&'static Policy> {
        T::policy()
    }

    fn from_principal(principal: &Principal) -> Result<Self, Rejection> {
        principal.typed().get(|| T::from_principal(principal))
    }
}

impl Principal {
    /// The claims as the user's type, after the type's own [policy](Claims::policy), read once:
    /// whoever asks for the same type again, with this principal or a clone of it, gets the same
    /// [`Arc`]; with one of the same token from the verifier's cache, mostly so in the same thread.
    /// The policy is asked each time.
    ///
    /// Four types are kept for each token; any other is read anew each time.
    ///
    /// # Errors
    /// A [`Rejection`]: `InsufficientScope` or `AuthenticationTooOld` where the policy does not
    /// hold, `MalformedClaims` where the claims do not fit the type.
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
