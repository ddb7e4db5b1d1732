//! The scopes and roles of a principal, and the facts that a policy reads.

use std::borrow::Cow;

use super::Principal;
use crate::claim_path::{ClaimPath, UnreadableClaim};
use crate::policy::Facts;
use crate::verifier::verified::Verified;

impl Principal {
    /// The scopes of `scope` and `scp`, in their order, followed by those of the configured [scope
    /// claims](crate::VerifierBuilder::scope_claim).
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let claims = serde_json::json!({"exp": 4_000_000_000_u64, "scope": "a b", "scp": ["c"]});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert_eq!(principal.scopes().collect::<Vec<_>>(), ["a", "b", "c"]);
    /// assert!(principal.has_scope("b") && !principal.has_scope("B"));
    /// # Ok(()) }
    /// ```
    pub fn scopes(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let Verified { claims, met, .. } = self.verified();
        let further = met
            .rules()
            .scope_claims
            .iter()
            .flat_map(|path| claims.scopes_at(path));
        claims.scopes().chain(further)
    }

    /// Returns `true` if the token has exactly this scope.
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// let claims = serde_json::json!({"exp": 4_000_000_000_u64, "scope": "orders:read profile"});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert!(principal.has_scope("profile"));
    /// assert!(!principal.has_scope("orders"));
    /// # Ok(()) }
    /// ```
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|held| held == scope)
    }

    /// The values of the role claims that are configured at the verifier. Without configuration
    /// there are none.
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let verifier = Verifier::builder()
    ///     .dangerous_any_issuer()
    ///     .dangerous_any_audience()
    ///     .key(Key::hs256([7; 32])?)
    ///     .role_claim("realm_access.roles")
    ///     .build()?;
    /// # let claims =
    /// #     serde_json::json!({"exp": 4_000_000_000_u64, "realm_access": {"roles": ["admin"]}});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert_eq!(principal.roles().collect::<Vec<_>>(), ["admin"]);
    /// assert!(principal.has_role("admin"));
    /// # Ok(()) }
    /// ```
    pub fn roles(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let rules = self.verified().met.rules();
        let member = rules.role_member.as_deref();
        rules
            .role_claims
            .iter()
            .flat_map(move |path| self.verified().claims.roles_at(path, member))
    }

    /// Returns `true` if one of the role claims contains exactly this role.
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?);
    /// let verifier = builder.role_claim("roles").build()?;
    /// let claims = serde_json::json!({"exp": 4_000_000_000_u64, "roles": ["admin"]});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert!(principal.has_role("admin"));
    /// assert!(!principal.has_role("Admin"));
    /// # Ok(()) }
    /// ```
    pub fn has_role(&self, role: &str) -> bool {
        let has = self.roles().any(|held| held == role);
        if !has {
            self.verified().met.note_missing_role(role);
        }
        has
    }
}

impl Facts for Principal {
    fn has_scope(&self, scope: &str) -> bool {
        Self::has_scope(self, scope)
    }

    fn has_role(&self, role: &str) -> bool {
        Self::has_role(self, role)
    }

    fn claim(&self, path: &ClaimPath) -> Result<Option<serde_json::Value>, UnreadableClaim> {
        let found = self.verified().claims.find(path)?;
        Ok(found.and_then(|(raw, _)| serde_json::from_str(raw).ok()))
    }

    fn has_claim(&self, path: &ClaimPath) -> Result<bool, UnreadableClaim> {
        let found = self.verified().claims.find(path)?;
        Ok(found.is_some())
    }

    /// Compares `auth_time` with the clock of the verification. The leeway only tolerates a clock
    /// that is ahead and does not extend the limit. An `auth_time` beyond it in the future does not
    /// count.
    fn authenticated_within(&self, seconds: u64) -> Result<bool, UnreadableClaim> {
        let leeway = self.verified().met.rules().leeway.as_secs();
        let login = self.verified().claims.date("auth_time")?;
        Ok(login.is_some_and(|at| {
            let until = at.floor().saturating_add(seconds);
            at.ceil() <= self.now.saturating_add(leeway) && self.now <= until
        }))
    }
}
