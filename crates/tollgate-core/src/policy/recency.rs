//! The maximum time since the last login: step-up authentication (RFC 9470).

use std::time::Duration;

use serde_json::Value;

use super::{ClaimPath, Clause, Facts, Policy, UnreadableClaim};

impl Policy {
    /// Requires a login at most `age` ago, in whole seconds; a fraction is truncated. Use it on
    /// routes that need protection from a stolen or forgotten session.
    ///
    /// For a verified token, the time of the login is its `auth_time` (RFC 9068 section 2.2.1),
    /// compared with the verifier's clock without leeway. A token with an absent, malformed or
    /// future `auth_time` does not satisfy the policy.
    ///
    /// If nothing else is missing, the response is 401 with `insufficient_user_authentication` and
    /// `max_age` (RFC 9470 section 3).
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate::policy::{Held, Policy};
    ///
    /// let policy = Policy::max_authentication_age(Duration::from_secs(300));
    /// assert!(policy.permits(&Held::new().authenticated_ago(300)));
    /// assert!(!policy.permits(&Held::new().authenticated_ago(301)));
    /// assert!(!policy.permits(&Held::new()));
    /// ```
    ///
    /// # Panics
    ///
    /// When `age` is less than one second.
    #[track_caller]
    pub fn max_authentication_age(age: Duration) -> Self {
        let seconds = age.as_secs();
        assert!(
            seconds > 0,
            "an authentication may be a second old at least"
        );
        Self::leaf(Clause::AuthenticatedWithin { seconds })
    }

    fn collect_ages(&self, ages: &mut Vec<u64>) {
        match &self.0.clause {
            Clause::AuthenticatedWithin { seconds } => ages.push(*seconds),
            Clause::Group(_, parts) => parts.iter().for_each(|part| part.collect_ages(ages)),
            Clause::Not(inner) => inner.collect_ages(ages),
            Clause::Scope(_)
            | Clause::Role(_)
            | Clause::Claim { .. }
            | Clause::ClaimPresent { .. }
            | Clause::Impersonated { .. } => {}
        }
    }
}

/// Calls [`Policy::max_authentication_age`].
///
/// ```
/// use std::time::Duration;
/// use tollgate::policy::{Held, max_authentication_age, scope};
///
/// let policy = scope("payments:write") & max_authentication_age(Duration::from_secs(300));
/// assert!(!policy.permits(&Held::new().scope("payments:write").authenticated_ago(3600)));
/// ```
///
/// # Panics
///
/// When `age` is less than a second.
#[track_caller]
pub fn max_authentication_age(age: Duration) -> Policy {
    Policy::max_authentication_age(age)
}

/// Returns the maximum login age that would satisfy the policy for the same caller. `None` when a
/// new login alone does not help.
pub(crate) fn sufficient_age<F: Facts + ?Sized>(policy: &Policy, facts: &F) -> Option<Duration> {
    let mut ages = Vec::new();
    policy.collect_ages(&mut ages);
    ages.sort_unstable();
    ages.dedup();
    let sufficient = |ago: &u64| policy.permits(&LoggedIn { facts, ago: *ago });
    ages.into_iter()
        .rev()
        .find(sufficient)
        .map(Duration::from_secs)
}

/// The same caller with a login the given number of seconds ago.
struct LoggedIn<'f, F: ?Sized> {
    facts: &'f F,
    ago: u64,
}

impl<F: Facts + ?Sized> Facts for LoggedIn<'_, F> {
    fn has_scope(&self, scope: &str) -> bool {
        self.facts.has_scope(scope)
    }

    fn has_role(&self, role: &str) -> bool {
        self.facts.has_role(role)
    }

    fn claim(&self, path: &ClaimPath) -> Result<Option<Value>, UnreadableClaim> {
        self.facts.claim(path)
    }

    fn has_claim(&self, path: &ClaimPath) -> Result<bool, UnreadableClaim> {
        self.facts.has_claim(path)
    }

    fn claim_is(&self, path: &ClaimPath, expected: &Value) -> Result<bool, UnreadableClaim> {
        self.facts.claim_is(path, expected)
    }

    fn authenticated_within(&self, seconds: u64) -> Result<bool, UnreadableClaim> {
        Ok(self.ago <= seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Held, not, role, scope};

    fn age(seconds: u64) -> Policy {
        max_authentication_age(Duration::from_secs(seconds))
    }

    fn sufficient(policy: &Policy, caller: &Held) -> Option<u64> {
        sufficient_age(policy, caller).map(|age| age.as_secs())
    }

    #[test]
    fn a_new_login_is_requested_only_if_nothing_else_is_missing() {
        let old = Held::new().scope("a").authenticated_ago(1000);
        assert_eq!(sufficient(&age(60), &old), Some(60));
        assert_eq!(sufficient(&(scope("a") & age(60)), &old), Some(60));
        assert_eq!(sufficient(&(scope("b") & age(60)), &old), None);
        assert_eq!(sufficient(&(scope("b") | role("r")), &old), None);
        assert_eq!(sufficient(&Policy::deny(), &old), None);
    }

    #[test]
    fn the_largest_sufficient_age_is_requested() {
        let old = Held::new().scope("a").authenticated_ago(1000);
        assert_eq!(sufficient(&(age(60) & age(300)), &old), Some(60));
        assert_eq!(sufficient(&(age(60) | age(300)), &old), Some(300));
        assert_eq!(
            sufficient(&((scope("b") & age(300)) | age(60)), &old),
            Some(60)
        );
        assert_eq!(sufficient(&(age(60) & !age(300)), &old), None);
        assert_eq!(sufficient(&not(age(2000)), &old), None);
    }

    #[test]
    #[should_panic(expected = "a second old at least")]
    fn an_age_below_one_second_is_refused() {
        let _ = max_authentication_age(Duration::from_millis(999));
    }

    #[test]
    fn the_text_includes_the_unit() {
        assert_eq!(
            (scope("a") & age(60)).to_string(),
            r#"scope("a") & max_authentication_age(60s)"#
        );
    }
}
