//! What a policy is asked about: the scopes, roles and claims that a caller holds.

use std::collections::BTreeSet;

use serde_json::Value;

/// What a caller holds, as a [`Policy`](super::Policy) asks for it.
///
/// The verified principal implements it. [`Held`] does for tests and for decisions about other things than a token.
///
/// ```
/// use serde_json::Value;
/// use tollgate_core::policy::{scope, Facts};
///
/// struct ServiceAccount;
///
/// impl Facts for ServiceAccount {
///     fn has_scope(&self, scope: &str) -> bool {
///         scope == "metrics"
///     }
///     fn has_role(&self, _role: &str) -> bool {
///         false
///     }
///     fn claim(&self, _path: &str) -> Option<Value> {
///         None
///     }
/// }
///
/// assert!(scope("metrics").permits(&ServiceAccount));
/// ```
pub trait Facts {
    /// Whether `scope` was granted. Exact: no case folding, no prefixes.
    fn has_scope(&self, scope: &str) -> bool;

    /// Whether the caller has `role`. Exact, as for scopes.
    fn has_role(&self, role: &str) -> bool;

    /// The claim at `path`, found as [`claim_at`] finds it.
    fn claim(&self, path: &str) -> Option<Value>;

    /// Whether there is a claim at `path` that is not `null`.
    ///
    /// For implementations that know without building a [`Value`].
    fn has_claim(&self, path: &str) -> bool {
        self.claim(path).is_some_and(|claim| !claim.is_null())
    }

    /// Whether the claim at `path` matches `expected`, as [`claim_matches`] decides.
    ///
    /// For implementations that know without building a [`Value`].
    fn claim_is(&self, path: &str, expected: &Value) -> bool {
        self.claim(path)
            .is_some_and(|claim| claim_matches(&claim, expected))
    }
}

impl<F: Facts + ?Sized> Facts for &F {
    fn has_scope(&self, scope: &str) -> bool {
        F::has_scope(self, scope)
    }

    fn has_role(&self, role: &str) -> bool {
        F::has_role(self, role)
    }

    fn claim(&self, path: &str) -> Option<Value> {
        F::claim(self, path)
    }

    fn has_claim(&self, path: &str) -> bool {
        F::has_claim(self, path)
    }

    fn claim_is(&self, path: &str, expected: &Value) -> bool {
        F::claim_is(self, path, expected)
    }
}

/// The member of `claims` at `path`: the one of exactly that name, else the one reached by descending at each dot.
///
/// So `https://example.com/org` finds the claim of that name, and `realm_access.roles` the member `roles` of the object
/// `realm_access`. Arrays are not descended into.
///
/// ```
/// use serde_json::json;
/// use tollgate_core::policy::claim_at;
///
/// let claims = json!({"realm_access": {"roles": ["admin"]}, "https://example.com/org": "blue"});
/// assert_eq!(claim_at(&claims, "realm_access.roles"), Some(&json!(["admin"])));
/// assert_eq!(claim_at(&claims, "https://example.com/org"), Some(&json!("blue")));
/// assert_eq!(claim_at(&claims, "realm_access.roles.0"), None);
/// ```
pub fn claim_at<'a>(claims: &'a Value, path: &str) -> Option<&'a Value> {
    let claims = claims.as_object()?;
    claims.get(path).or_else(|| {
        let mut names = path.split('.');
        let first = claims.get(names.next()?)?;
        names.try_fold(first, |value, name| value.as_object()?.get(name))
    })
}

/// Whether `claim` is `expected`, or an array with `expected` among its elements.
///
/// Exact in type and writing: text by octets, and `1` is neither `"1"` nor `1.0`. An expected array matches an equal
/// array, order included, or one that has it as an element. Only a `null` matches `null`.
///
/// ```
/// use serde_json::json;
/// use tollgate_core::policy::claim_matches;
///
/// assert!(claim_matches(&json!(["pwd", "otp"]), &json!("otp")));
/// assert!(claim_matches(&json!("otp"), &json!("otp")));
/// assert!(!claim_matches(&json!("otp pwd"), &json!("otp")));
/// assert!(!claim_matches(&json!(1), &json!(1.0)));
/// ```
pub fn claim_matches(claim: &Value, expected: &Value) -> bool {
    claim == expected
        || claim
            .as_array()
            .is_some_and(|elements| elements.contains(expected))
}

/// Scopes, roles and claims given one by one: for tests of policies, and for decisions without a token.
///
/// ```
/// use serde_json::json;
/// use tollgate_core::policy::{claim, role, scope, Held};
///
/// let caller = Held::new().scope("orders:read").role("clerk").claims(json!({"tenant": "blue"}));
/// assert!((scope("orders:read") & role("clerk") & claim("tenant", "blue")).permits(&caller));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Held {
    scopes: BTreeSet<String>,
    roles: BTreeSet<String>,
    claims: Value,
}

impl Held {
    /// Nothing.
    ///
    /// ```
    /// use tollgate_core::policy::{scope, Held};
    ///
    /// assert!(!scope("orders:read").permits(&Held::new()));
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// The scope `name`, besides what is held already. No text is refused; one that is no scope-token is never asked for.
    ///
    /// ```
    /// use tollgate_core::policy::{Facts, Held};
    ///
    /// assert!(Held::new().scope("orders:read").has_scope("orders:read"));
    /// ```
    #[must_use]
    pub fn scope(mut self, name: impl Into<String>) -> Self {
        self.scopes.insert(name.into());
        self
    }

    /// The role `name`, besides what is held already.
    ///
    /// ```
    /// use tollgate_core::policy::{Facts, Held};
    ///
    /// assert!(Held::new().role("admin").has_role("admin"));
    /// ```
    #[must_use]
    pub fn role(mut self, name: impl Into<String>) -> Self {
        self.roles.insert(name.into());
        self
    }

    /// The claims, instead of those given before. A value that is no object has no claims.
    ///
    /// ```
    /// use serde_json::json;
    /// use tollgate_core::policy::{Facts, Held};
    ///
    /// let caller = Held::new().claims(json!({"org": {"tier": "gold"}}));
    /// assert_eq!(caller.claim("org.tier"), Some(json!("gold")));
    /// ```
    #[must_use]
    pub fn claims(mut self, claims: Value) -> Self {
        self.claims = claims;
        self
    }
}

impl Facts for Held {
    fn has_scope(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
    }

    fn has_role(&self, role: &str) -> bool {
        self.roles.contains(role)
    }

    fn claim(&self, path: &str) -> Option<Value> {
        claim_at(&self.claims, path).cloned()
    }

    fn has_claim(&self, path: &str) -> bool {
        claim_at(&self.claims, path).is_some_and(|claim| !claim.is_null())
    }

    fn claim_is(&self, path: &str, expected: &Value) -> bool {
        claim_at(&self.claims, path).is_some_and(|claim| claim_matches(claim, expected))
    }
}
