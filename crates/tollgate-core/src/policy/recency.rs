//! How long ago the caller may have logged in: step-up authentication (RFC 9470).

use std::time::Duration;

use serde_json::Value;

use super::{Clause, Facts, Policy};

impl Policy {
    /// Holds when the caller proved who they are at most `age` ago, in whole seconds, a fraction cut off: for routes that
    /// a stolen or forgotten session must not reach.
    ///
    /// A verified token tells by its `auth_time` (RFC 9068 section 2.2.1), held against the verifier's clock; its leeway
    /// prolongs nothing. A token without one, or with one that is malformed or in the future, does not hold. Who fails for
    /// nothing but this is asked to log in again: 401, `insufficient_user_authentication` and `max_age` (RFC 9470 section 3).
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
    /// When `age` is less than a second: nobody is ever that fresh.
    #[track_caller]
    pub fn max_authentication_age(age: Duration) -> Self {
        let seconds = age.as_secs();
        assert!(seconds > 0, "an authentication may be a second old at least");
        Self::leaf(Clause::AuthenticatedWithin { seconds })
    }

    fn collect_ages(&self, ages: &mut Vec<u64>) {
        match &self.0.clause {
            Clause::AuthenticatedWithin { seconds } => ages.push(*seconds),
            Clause::Group(_, parts) => parts.iter().for_each(|part| part.collect_ages(ages)),
            Clause::Not(inner) => inner.collect_ages(ages),
            Clause::Scope(_) | Clause::Role(_) | Clause::Claim { .. } | Clause::ClaimPresent { .. } => {}
        }
    }
}

/// [`Policy::max_authentication_age`], for use in expressions.
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

/// The oldest login with which the same caller, who was not let in, would have been; `None` where a new login alone does
/// not help.
pub(crate) fn sufficient_age<F: Facts + ?Sized>(policy: &Policy, facts: &F) -> Option<Duration> {
    let mut ages = Vec::new();
    policy.collect_ages(&mut ages);
    ages.sort_unstable();
    ages.dedup();
    let sufficient = |ago: &u64| policy.permits(&LoggedIn { facts, ago: *ago });
    ages.into_iter().rev().find(sufficient).map(Duration::from_secs)
}

/// The same caller, had they logged in that many seconds ago.
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

    fn claim(&self, path: &str) -> Option<Value> {
        self.facts.claim(path)
    }

    fn has_claim(&self, path: &str) -> bool {
        self.facts.has_claim(path)
    }

    fn claim_is(&self, path: &str, expected: &Value) -> bool {
        self.facts.claim_is(path, expected)
    }

    fn authenticated_within(&self, seconds: u64) -> bool {
        self.ago <= seconds
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
    fn a_new_login_is_asked_for_where_nothing_else_is_lacking() {
        let old = Held::new().scope("a").authenticated_ago(1000);
        assert_eq!(sufficient(&age(60), &old), Some(60));
        assert_eq!(sufficient(&(scope("a") & age(60)), &old), Some(60));
        assert_eq!(sufficient(&(scope("b") & age(60)), &old), None);
        assert_eq!(sufficient(&(scope("b") | role("r")), &old), None);
        assert_eq!(sufficient(&Policy::deny(), &old), None);
    }

    #[test]
    fn of_several_ages_the_oldest_that_suffices_is_asked_for() {
        let old = Held::new().scope("a").authenticated_ago(1000);
        assert_eq!(sufficient(&(age(60) & age(300)), &old), Some(60));
        assert_eq!(sufficient(&(age(60) | age(300)), &old), Some(300));
        assert_eq!(sufficient(&((scope("b") & age(300)) | age(60)), &old), Some(60));
        assert_eq!(sufficient(&(age(60) & !age(300)), &old), None);
        assert_eq!(sufficient(&not(age(2000)), &old), None);
    }

    #[test]
    #[should_panic(expected = "a second old at least")]
    fn an_age_of_nothing_is_a_mistake() {
        let _ = max_authentication_age(Duration::from_millis(999));
    }

    #[test]
    fn it_is_written_with_its_unit() {
        assert_eq!(
            (scope("a") & age(60)).to_string(),
            r#"scope("a") & max_authentication_age(60s)"#
        );
    }
}
