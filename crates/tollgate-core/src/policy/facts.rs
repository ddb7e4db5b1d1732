//! The input of a policy: the scopes, roles and claims of a caller.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::claim_path::{ClaimPath, UnreadableClaim};

/// The scopes, roles, claims and login time of a caller, the input of a [`Policy`](super::Policy).
///
/// The verified principal implements it. [`Held`] implements it for tests and for decisions without
/// a token.
///
/// ```
/// use serde_json::Value;
/// use tollgate::policy::{ClaimPath, Facts, UnreadableClaim, scope};
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
///     fn claim(&self, _path: &ClaimPath) -> Result<Option<Value>, UnreadableClaim> {
///         Ok(None)
///     }
/// }
///
/// assert!(scope("metrics").permits(&ServiceAccount));
/// ```
pub trait Facts {
    /// Returns whether `scope` was granted. The comparison is exact: no case folding, no prefixes.
    ///
    /// ```
    /// # use tollgate::policy::{Facts, Held};
    /// let caller = Held::new().scope("orders:read");
    /// assert!(caller.has_scope("orders:read") && !caller.has_scope("orders"));
    /// ```
    fn has_scope(&self, scope: &str) -> bool;

    /// Returns whether the caller has `role`. The comparison is exact, as for scopes.
    ///
    /// ```
    /// # use tollgate::policy::{Facts, Held};
    /// let caller = Held::new().role("admin");
    /// assert!(caller.has_role("admin") && !caller.has_role("Admin"));
    /// ```
    fn has_role(&self, role: &str) -> bool;

    /// The claim at `path`, looked up like [`claim_at`].
    ///
    /// ```
    /// # use tollgate::policy::{Facts, Held};
    /// let caller = Held::new().claims(serde_json::json!({"tenant": "acme"}));
    /// assert_eq!(caller.claim(&"tenant".into()), Ok(Some("acme".into())));
    /// assert!(caller.claim(&"tenant.name".into()).is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// If the claim [cannot be read](UnreadableClaim).
    fn claim(&self, path: &ClaimPath) -> Result<Option<Value>, UnreadableClaim>;

    /// Returns whether there is a claim at `path` that is not `null`.
    ///
    /// Override it when the implementation can answer without building a [`Value`].
    ///
    /// ```
    /// # use tollgate::policy::{Facts, Held};
    /// let caller = Held::new().claims(serde_json::json!({"tenant": null}));
    /// assert_eq!(caller.has_claim(&"tenant".into()), Ok(false));
    /// ```
    ///
    /// # Errors
    ///
    /// If the claim [cannot be read](UnreadableClaim).
    fn has_claim(&self, path: &ClaimPath) -> Result<bool, UnreadableClaim> {
        let claim = self.claim(path)?;
        Ok(claim.is_some_and(|claim| !claim.is_null()))
    }

    /// Returns whether the claim at `path` matches `expected`, compared like [`claim_matches`].
    ///
    /// Override it when the implementation can answer without building a [`Value`].
    ///
    /// ```
    /// # use tollgate::policy::{Facts, Held};
    /// let caller = Held::new().claims(serde_json::json!({"amr": ["pwd", "otp"]}));
    /// assert_eq!(caller.claim_is(&"amr".into(), &"otp".into()), Ok(true));
    /// ```
    ///
    /// # Errors
    ///
    /// If the claim [cannot be read](UnreadableClaim).
    fn claim_is(&self, path: &ClaimPath, expected: &Value) -> Result<bool, UnreadableClaim> {
        let claim = self.claim(path)?;
        Ok(claim.is_some_and(|claim| claim_matches(&claim, expected)))
    }

    /// Returns whether the caller authenticated at most `seconds` seconds ago. Default: `false`.
    ///
    /// ```
    /// # use tollgate::policy::{Facts, Held};
    /// let caller = Held::new().authenticated_ago(60);
    /// assert_eq!(caller.authenticated_within(60), Ok(true));
    /// assert_eq!(caller.authenticated_within(59), Ok(false));
    /// assert_eq!(Held::new().authenticated_within(u64::MAX), Ok(false));
    /// ```
    ///
    /// # Errors
    ///
    /// If the time of the login [cannot be read](UnreadableClaim).
    fn authenticated_within(&self, seconds: u64) -> Result<bool, UnreadableClaim> {
        let _ = seconds;
        Ok(false)
    }
}

impl<F: Facts + ?Sized> Facts for &F {
    fn has_scope(&self, scope: &str) -> bool {
        F::has_scope(self, scope)
    }

    fn has_role(&self, role: &str) -> bool {
        F::has_role(self, role)
    }

    fn claim(&self, path: &ClaimPath) -> Result<Option<Value>, UnreadableClaim> {
        F::claim(self, path)
    }

    fn has_claim(&self, path: &ClaimPath) -> Result<bool, UnreadableClaim> {
        F::has_claim(self, path)
    }

    fn claim_is(&self, path: &ClaimPath, expected: &Value) -> Result<bool, UnreadableClaim> {
        F::claim_is(self, path, expected)
    }

    fn authenticated_within(&self, seconds: u64) -> Result<bool, UnreadableClaim> {
        F::authenticated_within(self, seconds)
    }
}

/// Returns the claim at `path`; `None` if it is absent or `null`. See [`ClaimPath`] for the rules.
///
/// ```
/// use serde_json::json;
/// use tollgate::policy::claim_at;
///
/// let claims = json!({"realm_access": {"roles": ["admin"]}, "https://example.com/org": "blue"});
/// let find = |path: &str| claim_at(&claims, &path.into());
/// assert_eq!(find("realm_access.roles"), Ok(Some(&json!(["admin"]))));
/// assert_eq!(find("https://example.com/org"), Ok(Some(&json!("blue"))));
/// assert_eq!(find("realm_access.groups"), Ok(None));
/// assert!(find("realm_access.roles.0").is_err());
/// ```
///
/// # Errors
///
/// If a value on the way is not an object, or if the path has several readings.
pub fn claim_at<'a>(
    claims: &'a Value,
    path: &ClaimPath,
) -> Result<Option<&'a Value>, UnreadableClaim> {
    claims
        .as_object()
        .map_or(Ok(None), |claims| path.find(&claims))
}

/// Returns whether `claim` equals `expected`, or is an array that contains `expected`.
///
/// The comparison is exact in type and notation: strings are compared by octet, and `1` is neither
/// `"1"` nor `1.0`. An expected array matches an equal array, order included, or an array that
/// contains it as an element. Only `null` matches `null`.
///
/// ```
/// use serde_json::json;
/// use tollgate::policy::claim_matches;
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

/// A set of scopes, roles and claims, for tests of policies and for decisions without a token.
///
/// ```
/// use serde_json::json;
/// use tollgate::policy::{Held, claim, role, scope};
///
/// let caller = Held::new().scope("orders:read").role("clerk").claims(json!({"tenant": "blue"}));
/// assert!((scope("orders:read") & role("clerk") & claim("tenant", "blue")).permits(&caller));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Held {
    scopes: BTreeSet<String>,
    roles: BTreeSet<String>,
    claims: Value,
    authenticated_ago: Option<u64>,
}

impl Held {
    /// Creates an empty set.
    ///
    /// ```
    /// use tollgate::policy::{Held, scope};
    ///
    /// assert!(!scope("orders:read").permits(&Held::new()));
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the scope `name`. Any string is accepted; one that is not a scope-token never matches.
    ///
    /// ```
    /// use tollgate::policy::{Facts, Held};
    ///
    /// assert!(Held::new().scope("orders:read").has_scope("orders:read"));
    /// ```
    #[must_use]
    pub fn scope(mut self, name: impl Into<String>) -> Self {
        self.scopes.insert(name.into());
        self
    }

    /// Adds the role `name`.
    ///
    /// ```
    /// use tollgate::policy::{Facts, Held};
    ///
    /// assert!(Held::new().role("admin").has_role("admin"));
    /// ```
    #[must_use]
    pub fn role(mut self, name: impl Into<String>) -> Self {
        self.roles.insert(name.into());
        self
    }

    /// Sets the claims and replaces those set before. A value that is not an object has no claims.
    ///
    /// ```
    /// use serde_json::json;
    /// use tollgate::policy::{Facts, Held};
    ///
    /// let caller = Held::new().claims(json!({"org": {"tier": "gold"}}));
    /// assert_eq!(caller.claim(&"org.tier".into()), Ok(Some(json!("gold"))));
    /// ```
    #[must_use]
    pub fn claims(mut self, claims: Value) -> Self {
        self.claims = claims;
        self
    }

    /// Sets the time since the last login, in seconds, and replaces the one set before.
    ///
    /// ```
    /// use tollgate::policy::{Facts, Held};
    ///
    /// assert_eq!(Held::new().authenticated_ago(5).authenticated_within(10), Ok(true));
    /// ```
    #[must_use]
    pub const fn authenticated_ago(mut self, seconds: u64) -> Self {
        self.authenticated_ago = Some(seconds);
        self
    }
}

#[cfg(test)]
impl Held {
    pub(super) fn claims_given(&self) -> &Value {
        &self.claims
    }
}

impl Facts for Held {
    fn has_scope(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
    }

    fn has_role(&self, role: &str) -> bool {
        self.roles.contains(role)
    }

    fn claim(&self, path: &ClaimPath) -> Result<Option<Value>, UnreadableClaim> {
        claim_at(&self.claims, path).map(Option::<&Value>::cloned)
    }

    fn has_claim(&self, path: &ClaimPath) -> Result<bool, UnreadableClaim> {
        claim_at(&self.claims, path).map(|claim| claim.is_some())
    }

    fn claim_is(&self, path: &ClaimPath, expected: &Value) -> Result<bool, UnreadableClaim> {
        let claim = claim_at(&self.claims, path)?;
        Ok(claim.is_some_and(|claim| claim_matches(claim, expected)))
    }

    fn authenticated_within(&self, seconds: u64) -> Result<bool, UnreadableClaim> {
        Ok(self.authenticated_ago.is_some_and(|ago| ago <= seconds))
    }
}

#[cfg(test)]
mod tests;
