//! Types of the user's that stand for a token's claims.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::authentication::authorise;
use crate::policy::Policy;
use crate::rejection::Rejection;
use crate::verifier::principal::Principal;

/// A type of the user's that stands for a token's claims and guards itself: what `#[derive(Claims)]` implements.
///
/// ```
/// use std::sync::LazyLock;
/// use tollgate_core::Claims;
/// use tollgate_core::policy::Policy;
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
/// A type without a guard says so in one line, `impl Claims for Visitor {}`. That is asked for so that an extractor can
/// never hand out a type with a guard past it.
///
/// # Shared claims
///
/// An [`Arc`] of a claim set is one as well, with the same guard. It is read once for each token that the verifier keeps,
/// and handed out as a clone of the `Arc` after that: nothing is parsed and nothing allocated. The guard is asked each time.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
/// # use example::{Request, token, verifier};
/// use std::sync::Arc;
/// # use tollgate_core::{Claims, Gate};
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
    message = "`{Self}` does not say what guards it",
    label = "not a claim set",
    note = "derive `Claims` for it, or write `impl Claims for {Self} {{}}` if any valid token will do"
)]
pub trait Claims: DeserializeOwned {
    /// What a token must satisfy for the type to be drawn from it; `None`, unless said otherwise: any valid token will do.
    fn policy() -> Option<&'static Policy> {
        None
    }

    /// Reads the type from a principal whose token satisfies the [policy](Self::policy), which is not asked here: extractors
    /// ask it before they come here.
    ///
    /// Unless said otherwise, by [`Principal::claims`]. What another implementation makes must depend on the claims alone, and
    /// must not hold the principal: where the type is shared, it is kept with the token and is the same for all its requests.
    ///
    /// # Errors
    /// [`MalformedClaims`](crate::RejectionKind::MalformedClaims) where the claims do not fit the type.
    ///
    /// ```
    /// # use tollgate_core::{Claims, Key, Principal, Rejection, RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).build()?;
    /// # let with = |claims: serde_json::Value| SigningKey::hs256([7; 32]).unwrap().encode(&claims);
    /// #[derive(Debug, serde::Deserialize)]
    /// struct Shopper { sub: String }
    /// impl Claims for Shopper {}
    ///
    /// let principal = verifier.verify(&with(serde_json::json!({"exp": 4_000_000_000_u64, "sub": "u-7"}))?)?;
    /// assert_eq!(Shopper::from_principal(&principal)?.sub, "u-7");
    /// let principal = verifier.verify(&with(serde_json::json!({"exp": 4_000_000_000_u64}))?)?;
    /// assert_eq!(Shopper::from_principal(&principal).unwrap_err().kind(), RejectionKind::MalformedClaims);
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
    /// The claims as the user's type, after the type's own [policy](Claims::policy), read once: whoever asks for the same
    /// type again, with this principal or a clone of it, gets the same [`Arc`]; with one of the same token from the verifier's
    /// cache, mostly so in the same thread. The policy is asked each time.
    ///
    /// Four types are kept for each token; any other is read anew each time.
    ///
    /// # Errors
    /// A [`Rejection`]: `InsufficientScope` or `AuthenticationTooOld` where the policy does not hold, `MalformedClaims`
    /// where the claims do not fit the type.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tollgate_core::{Claims, Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).build()?;
    /// # let token = SigningKey::hs256([7; 32])?.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "sub": "u-7"}))?;
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
mod tests {
    use std::sync::LazyLock;

    use serde_json::json;

    use super::*;
    use crate::gate::{Authentication, Gate};
    use crate::http::request::TestRequest;
    use crate::key::{Key, SigningKey};
    use crate::rejection::RejectionKind;
    use crate::verifier::Verifier;

    #[derive(Debug, serde::Deserialize)]
    struct Visitor {
        sub: String,
    }

    impl Claims for Visitor {}

    #[derive(Debug, serde::Deserialize)]
    struct Buyer {
        sub: String,
    }

    impl Claims for Buyer {
        fn policy() -> Option<&'static Policy> {
            static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::scope("orders:write"));
            Some(&POLICY)
        }
    }

    fn decided(request: &TestRequest) -> Authentication {
        let verifier = Verifier::builder()
            .dangerous_any_issuer()
            .dangerous_any_audience();
        let verifier = verifier.key(Key::hs256([7; 32]).unwrap()).build().unwrap();
        let gate = Gate::builder(verifier).optional().build().unwrap();
        gate.decide(request).unwrap()
    }

    fn with(claims: &serde_json::Value) -> Authentication {
        let token = SigningKey::hs256([7; 32]).unwrap().encode(claims).unwrap();
        decided(&TestRequest::new("GET").with("authorization", format!("Bearer {token}")))
    }

    #[test]
    fn what_was_read_once_is_shared() {
        let caller = with(&json!({"exp": 4_000_000_000_u64, "sub": "u-7", "scope": "orders:write"}));
        let visitor: Arc<Visitor> = caller.claims().unwrap();
        let buyer: Arc<Buyer> = caller.claims().unwrap();
        assert_eq!((visitor.sub.as_str(), buyer.sub.as_str()), ("u-7", "u-7"));
        assert!(Arc::ptr_eq(&visitor, &caller.clone().claims().unwrap()));
        assert!(Arc::ptr_eq(&buyer, &caller.clone().claims().unwrap()));
        let principal = caller.principal().unwrap();
        assert!(Arc::ptr_eq(&visitor, &principal.clone().shared_claims().unwrap()));
        assert!(Arc::ptr_eq(&buyer, &principal.shared_claims().unwrap()));
        let owned: Buyer = caller.claims().unwrap();
        assert!(!std::ptr::eq(&raw const owned, Arc::as_ptr(&buyer)));
    }

    /// A thread's own handle to a token starts with no claims read, and keeps those that are.
    #[test]
    fn a_token_that_is_recognised_is_read_once_by_each_thread() {
        let verifier = Verifier::builder()
            .dangerous_any_issuer()
            .dangerous_any_audience();
        let verifier = verifier.key(Key::hs256([7; 32]).unwrap()).build().unwrap();
        let claims = json!({"exp": 4_000_000_000_u64, "sub": "u-7"});
        let token = SigningKey::hs256([7; 32]).unwrap().encode(&claims).unwrap();
        let read = || {
            verifier
                .verify(&token)
                .unwrap()
                .shared_claims::<Visitor>()
                .unwrap()
        };
        let [new, kept] = [read(), read()];
        let [recognised, again] = [read(), read()];
        assert!(Arc::ptr_eq(&recognised, &again));
        assert!(!Arc::ptr_eq(&recognised, &kept) && !Arc::ptr_eq(&kept, &new));
        let elsewhere = std::thread::scope(|scope| scope.spawn(read).join().unwrap());
        assert!(!Arc::ptr_eq(&recognised, &elsewhere));
        assert!(
            [new, kept, recognised, elsewhere]
                .iter()
                .all(|user| user.sub == "u-7")
        );
    }

    #[test]
    fn the_guard_is_asked_though_the_claims_were_read() {
        let caller = with(&json!({"exp": 4_000_000_000_u64, "sub": "u-7", "scope": "orders:read"}));
        let principal = caller.principal().unwrap();
        // Nothing but this reads past the guard, and says so.
        assert_eq!(Arc::<Buyer>::from_principal(principal).unwrap().sub, "u-7");
        for _ in 0..2 {
            let refusal = caller.claims::<Arc<Buyer>>().unwrap_err();
            assert_eq!(refusal.rejection().kind(), RejectionKind::InsufficientScope);
            assert!(caller.claims::<Arc<Arc<Buyer>>>().is_err());
            let rejection = principal.shared_claims::<Buyer>().unwrap_err();
            assert_eq!(rejection.kind(), RejectionKind::InsufficientScope);
            assert!(principal.shared_claims::<Arc<Buyer>>().is_err());
        }
        assert_eq!(caller.claims::<Arc<Visitor>>().unwrap().sub, "u-7");
    }

    #[test]
    fn neither_nobody_nor_what_does_not_fit_is_shared() {
        let refusal = decided(&TestRequest::new("GET"))
            .claims::<Arc<Visitor>>()
            .unwrap_err();
        assert_eq!(refusal.rejection().kind(), RejectionKind::MissingCredential);
        let unfit = with(&json!({"exp": 4_000_000_000_u64}));
        for _ in 0..2 {
            let refusal = unfit.claims::<Arc<Visitor>>().unwrap_err();
            assert_eq!(refusal.rejection().kind(), RejectionKind::MalformedClaims);
        }
    }
}
