//! Evaluation of a policy: a boolean, or a tree that explains the result.

use std::fmt;

use super::{Clause, Facts, Join, Policy, impersonation, sufficiency};

impl Policy {
    /// Returns whether `facts` satisfy the policy.
    ///
    /// Stops as soon as the result is known and does not allocate. An implementation of [`Facts`]
    /// may allocate when it looks up a claim.
    ///
    /// ```
    /// use tollgate::policy::{Held, role, scope};
    ///
    /// let policy = scope("orders:read") & !role("suspended");
    /// assert!(policy.permits(&Held::new().scope("orders:read")));
    /// assert!(!policy.permits(&Held::new().scope("orders:read").role("suspended")));
    /// ```
    pub fn permits<F: Facts + ?Sized>(&self, facts: &F) -> bool {
        self.holds(facts) == Some(true)
    }

    /// Returns whether the policy holds; `None` if that depends on a claim that cannot be read.
    fn holds<F: Facts + ?Sized>(&self, facts: &F) -> Option<bool> {
        match &self.0.clause {
            Clause::Scope(name) => Some(name.spellings().any(|scope| facts.has_scope(scope))),
            Clause::Role(name) => Some(name.spellings().any(|role| facts.has_role(role))),
            Clause::Claim { path, value } => facts.claim_is(path, value).ok(),
            Clause::ClaimPresent { path } => facts.has_claim(path).ok(),
            Clause::AuthenticatedWithin { seconds } => facts.authenticated_within(*seconds).ok(),
            Clause::Impersonated { path } => {
                facts.claim(path).and_then(impersonation::is_actor).ok()
            }
            Clause::Group(join, parts) => join.fold(parts.iter().map(|part| part.holds(facts))),
            Clause::Not(inner) => inner.holds(facts).map(|holds| !holds),
        }
    }

    /// Evaluates every clause and returns the result of each, for diagnostics.
    ///
    /// Unlike [`permits`](Self::permits), it does not stop early.
    ///
    /// ```
    /// use tollgate::policy::{Held, role, scope};
    ///
    /// let policy = scope("orders:read") & (role("clerk") | role("admin"));
    /// let evaluation = policy.evaluate(&Held::new().scope("orders:read"));
    /// assert!(!evaluation.satisfied());
    /// assert!(evaluation.children()[0].satisfied());
    /// ```
    pub fn evaluate<'p, F: Facts + ?Sized>(&'p self, facts: &F) -> Evaluation<'p> {
        let children: Vec<_> = match &self.0.clause {
            Clause::Group(_, parts) => parts.iter().map(|part| part.evaluate(facts)).collect(),
            Clause::Not(inner) => vec![inner.evaluate(facts)],
            _ => Vec::new(),
        };
        let holds = match &self.0.clause {
            Clause::Group(join, _) => join.fold(children.iter().map(|child| child.holds)),
            Clause::Not(_) => children[0].holds.map(|holds| !holds),
            _ => self.holds(facts),
        };
        Evaluation {
            policy: self,
            holds,
            children,
        }
    }
}

impl Join {
    /// Joins the results of the parts by Kleene's logic. Stops at the first part that decides.
    fn fold(self, mut parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
        let deciding = self == Self::Any;
        let mut all_read = true;
        let decided = parts.any(|holds| {
            all_read &= holds.is_some();
            holds == Some(deciding)
        });
        (decided || all_read).then_some(decided == deciding)
    }
}

/// The result of a [`Policy`], with the result of each clause.
///
/// Its `Display` output is for operators, one clause a line. It reveals the policy: do not send it
/// to clients.
///
/// ```
/// use tollgate::policy::{Held, role, scope};
///
/// let policy = scope("orders:read") & (role("clerk") | !role("guest"));
/// let evaluation = policy.evaluate(&Held::new().scope("orders:read").role("guest"));
/// assert_eq!(
///     evaluation.to_string(),
///     r#"failed: all of
///   held: scope("orders:read")
///   failed: any of
///     failed: role("clerk")
///     failed: not
///       held: role("guest")"#
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Evaluation<'p> {
    policy: &'p Policy,
    /// `None` if the result depends on a claim that cannot be read.
    holds: Option<bool>,
    children: Vec<Evaluation<'p>>,
}

impl<'p> Evaluation<'p> {
    /// Returns whether this clause is satisfied. For the root, this equals [`Policy::permits`].
    ///
    /// ```
    /// use tollgate::policy::{Held, scope};
    ///
    /// assert!(scope("a").evaluate(&Held::new().scope("a")).satisfied());
    /// ```
    pub fn satisfied(&self) -> bool {
        self.holds == Some(true)
    }

    /// Returns whether the result depends on a claim that cannot be read. Then neither this clause
    /// nor its negation is satisfied.
    ///
    /// ```
    /// use tollgate::policy::{Held, claim};
    ///
    /// let caller = Held::new().claims(serde_json::json!({"profile": "text"}));
    /// let policy = claim("profile.suspended", true);
    /// assert!(policy.evaluate(&caller).is_unreadable());
    /// assert!(!policy.permits(&caller) && !(!policy).permits(&caller));
    /// ```
    pub fn is_unreadable(&self) -> bool {
        self.holds.is_none()
    }

    /// The result; `None` if it is unreadable.
    pub(super) const fn holds(&self) -> Option<bool> {
        self.holds
    }

    /// The clause that was evaluated. Its `Display` output is the clause as text.
    ///
    /// ```
    /// use tollgate::policy::{Held, scope};
    ///
    /// let policy = scope("a") | scope("b");
    /// assert_eq!(policy.evaluate(&Held::new()).clause()
    ///     .to_string(), r#"scope("a") | scope("b")"#);
    /// ```
    pub fn clause(&self) -> &'p Policy {
        self.policy
    }

    /// The results of the parts, in the order of the policy. Empty for a scope, role or claim.
    ///
    /// ```
    /// use tollgate::policy::{Held, scope};
    ///
    /// let policy = scope("a") & scope("b");
    /// let evaluation = policy.evaluate(&Held::new().scope("b"));
    /// let held: Vec<_> = evaluation.children().iter().map(|child| child.satisfied()).collect();
    /// assert_eq!(held, [false, true]);
    /// ```
    pub fn children(&self) -> &[Self] {
        &self.children
    }

    /// The innermost clauses that caused the failure, in the order of the policy. Empty when the
    /// policy is satisfied.
    ///
    /// A failed `not` is reported as a whole, because the clause inside it is satisfied.
    ///
    /// ```
    /// use tollgate::policy::{Held, role, scope};
    ///
    /// let policy = scope("a") & scope("b") & !role("guest");
    /// let evaluation = policy.evaluate(&Held::new().scope("a").role("guest"));
    /// let failed: Vec<_> = evaluation.failed().map(|clause| clause.clause().to_string())
    ///     .collect();
    /// assert_eq!(failed, [r#"scope("b")"#, r#"!role("guest")"#]);
    /// ```
    pub fn failed(&self) -> impl Iterator<Item = &Self> {
        let mut open = vec![self];
        std::iter::from_fn(move || {
            while let Some(next) = open.pop() {
                match &next.policy.0.clause {
                    _ if next.satisfied() => {}
                    Clause::Group(_, parts) if !parts.is_empty() => {
                        open.extend(next.children.iter().rev());
                    }
                    _ => return Some(next),
                }
            }
            None
        })
    }

    /// The smallest complete set of scopes that would satisfy the policy for the same caller, in
    /// the order of the policy.
    ///
    /// `None` when no further scope helps, because a role or claim is missing or a held scope is
    /// forbidden.
    ///
    /// The set includes the scopes that the caller already holds and still needs. It is the set
    /// that a client should request, the `scope` of a challenge (RFC 6750 section 3). Of several
    /// sets of the same size, it is the one with the fewest missing scopes, then the first in the
    /// policy. A scope held through a [`Hierarchy`](super::Hierarchy) has the name that the policy
    /// uses, which is the lesser right.
    ///
    /// Finding the smallest set is a set-cover problem, so the search keeps at most 16 sets for
    /// each clause, and one after it has looked at 64 sets. For a policy with many alternatives
    /// that share scopes, the result may be larger than needed. It may be `None` when
    /// `not(scope(..))` excludes all the sets that were kept. A returned set is always sufficient.
    ///
    /// ```
    /// use tollgate::policy::{Held, role, scope};
    ///
    /// let policy = scope("read") & (scope("write") | role("clerk"));
    /// assert_eq!(policy.evaluate(&Held::new().scope("read"))
    ///     .sufficient_scopes(), Some(vec!["read", "write"]));
    ///
    /// let policy = scope("read") & role("clerk");
    /// assert_eq!(policy.evaluate(&Held::new()).sufficient_scopes(), None);
    /// ```
    pub fn sufficient_scopes(&self) -> Option<Vec<&'p str>> {
        sufficiency::sufficient_scopes(self)
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let answer = match self.holds {
            Some(true) => "held",
            Some(false) => "failed",
            None => "unreadable",
        };
        write!(f, "{:indent$}{answer}: ", "", indent = 2 * depth)?;
        match &self.policy.0.clause {
            Clause::Group(Join::Any, parts) if !parts.is_empty() => f.write_str("any of")?,
            Clause::Group(Join::All, parts) if !parts.is_empty() => f.write_str("all of")?,
            Clause::Not(_) => f.write_str("not")?,
            _ => write!(f, "{}", self.policy)?,
        }
        self.children.iter().try_for_each(|child| {
            f.write_str("\n")?;
            child.write(f, depth + 1)
        })
    }
}

impl fmt::Display for Evaluation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::{Held, Policy, any, not, role, scope};

    fn failed(policy: &Policy, caller: &Held) -> Vec<String> {
        policy
            .evaluate(caller)
            .failed()
            .map(|clause| clause.clause().to_string())
            .collect()
    }

    #[test]
    fn only_clauses_that_caused_the_failure_are_reported() {
        let policy = scope("a") & (scope("b") | role("r")) & any([]);
        let caller = Held::new().scope("a");
        assert_eq!(
            failed(&policy, &caller),
            [r#"scope("b")"#, r#"role("r")"#, "deny()"]
        );
        assert!(failed(&(policy | scope("a")), &caller).is_empty());
    }

    #[test]
    fn a_failed_not_is_reported_as_a_whole() {
        let policy = not(scope("a") | role("r"));
        assert_eq!(
            failed(&policy, &Held::new().scope("a")),
            [r#"!(scope("a") | role("r"))"#]
        );
    }

    #[test]
    fn every_clause_is_evaluated() {
        let policy = scope("a") | (scope("b") & scope("c"));
        let evaluation = policy.evaluate(&Held::new().scope("a").scope("c"));
        assert_eq!(
            evaluation.to_string(),
            "held: any of\n  held: scope(\"a\")\n  failed: all of\n    failed: scope(\"b\")\n    held: scope(\"c\")"
        );
    }

    #[test]
    fn a_name_cannot_inject_a_line() {
        let text = role("x\nheld: role(\"admin\")")
            .evaluate(&Held::new())
            .to_string();
        assert_eq!(text.lines().count(), 1);
    }
}
