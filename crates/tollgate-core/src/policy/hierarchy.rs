//! Implication between scopes and between roles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Clause, Name, Node, Policy};

/// An implication relation between scopes, or between roles.
///
/// Implication is transitive, and the members of a cycle are equal. Only declared implications
/// count: names are compared exactly, and patterns (`orders:*`, `orders.read`) have no meaning.
///
/// Apply it with [`Policy::with_scope_hierarchy`](super::Policy::with_scope_hierarchy) or
/// [`Policy::with_role_hierarchy`](super::Policy::with_role_hierarchy). Both resolve all
/// implications once, so a request pays only for the names in the policy.
///
/// ```
/// use tollgate::policy::Hierarchy;
///
/// let hierarchy = Hierarchy::new().implies("admin", "write").implies("write", "read");
/// assert_eq!(hierarchy.implying("read"), ["admin", "write"]);
/// assert!(hierarchy.implying("admin").is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Hierarchy {
    /// Maps a name to the names that imply it directly.
    above: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
}

impl Hierarchy {
    /// Creates a hierarchy without implications.
    ///
    /// ```
    /// use tollgate::policy::Hierarchy;
    ///
    /// assert!(Hierarchy::new().implying("read").is_empty());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the rule that a caller with `higher` also has `lower`.
    ///
    /// ```
    /// use tollgate::policy::Hierarchy;
    ///
    /// let hierarchy = Hierarchy::new().implies("orders:write", "orders:read");
    /// assert_eq!(hierarchy.implying("orders:read"), ["orders:write"]);
    /// ```
    #[must_use]
    pub fn implies(mut self, higher: &str, lower: &str) -> Self {
        self.above
            .entry(lower.into())
            .or_default()
            .insert(higher.into());
        self
    }

    /// Returns the other names that imply `name`, directly or transitively, sorted.
    ///
    /// ```
    /// use tollgate::policy::Hierarchy;
    ///
    /// let circle = Hierarchy::new().implies("a", "b").implies("b", "a");
    /// assert_eq!(circle.implying("a"), ["b"]);
    /// ```
    pub fn implying(&self, name: &str) -> Vec<&str> {
        let mut found = BTreeSet::new();
        let mut open = vec![name];
        while let Some(lower) = open.pop() {
            for higher in self.above.get(lower).into_iter().flatten() {
                if **higher != *name && found.insert(&**higher) {
                    open.push(higher);
                }
            }
        }
        found.into_iter().collect()
    }
}

impl Policy {
    /// Returns the same policy, where a scope is also satisfied by any scope that implies it.
    ///
    /// The hierarchy applies to the current clauses of `self`. To cover a whole policy, combine its
    /// parts before the call.
    ///
    /// ```
    /// use tollgate::policy::{Held, Hierarchy, scope};
    ///
    /// let hierarchy = Hierarchy::new().implies("orders:write", "orders:read");
    /// let policy = scope("orders:read").with_scope_hierarchy(&hierarchy);
    /// assert!(policy.permits(&Held::new().scope("orders:write")));
    /// assert!(!scope("orders:write").with_scope_hierarchy(&hierarchy)
    ///     .permits(&Held::new().scope("orders:read")));
    /// ```
    #[must_use = "the policy is returned, not changed in place"]
    pub fn with_scope_hierarchy(&self, hierarchy: &Hierarchy) -> Self {
        self.map_leaves(&|leaf| match leaf {
            Clause::Scope(name) => Clause::Scope(name.implied_in(hierarchy)),
            other => other.clone(),
        })
    }

    /// Returns the same policy, where a role is also satisfied by any role that implies it.
    ///
    /// The hierarchy applies to the current clauses of `self`. To cover a whole policy, combine its
    /// parts before the call.
    ///
    /// ```
    /// use tollgate::policy::{Held, Hierarchy, role};
    ///
    /// let ranks = Hierarchy::new().implies("owner", "editor").implies("editor", "viewer");
    /// let policy = role("viewer").with_role_hierarchy(&ranks);
    /// assert!(policy.permits(&Held::new().role("owner")));
    /// assert!(!policy.permits(&Held::new().scope("owner")));
    /// ```
    #[must_use = "the policy is returned, not changed in place"]
    pub fn with_role_hierarchy(&self, hierarchy: &Hierarchy) -> Self {
        self.map_leaves(&|leaf| match leaf {
            Clause::Role(name) => Clause::Role(name.implied_in(hierarchy)),
            other => other.clone(),
        })
    }

    fn map_leaves(&self, map: &dyn Fn(&Clause) -> Clause) -> Self {
        let clause = match &self.0.clause {
            Clause::Group(join, parts) => Clause::Group(
                *join,
                parts.iter().map(|part| part.map_leaves(map)).collect(),
            ),
            Clause::Not(inner) => Clause::Not(inner.map_leaves(map)),
            leaf => map(leaf),
        };
        Self(Arc::new(Node { clause, ..*self.0 }))
    }
}

impl Name {
    fn implied_in(&self, hierarchy: &Hierarchy) -> Self {
        let mut implied_by: Vec<Box<str>> = self.implied_by.to_vec();
        for known in self.spellings() {
            implied_by.extend(hierarchy.implying(known).into_iter().map(Box::from));
        }
        implied_by.sort_unstable();
        implied_by.dedup();
        implied_by.retain(|name| *name != self.name);
        Self {
            name: self.name.clone(),
            implied_by: implied_by.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Held, not, role, scope};

    #[test]
    fn names_do_not_imply_by_pattern_or_in_reverse() {
        let hierarchy = Hierarchy::new()
            .implies("orders", "orders:read")
            .implies("Admin", "orders");
        let policy = scope("orders:read").with_scope_hierarchy(&hierarchy);
        for held in [
            "orders:write",
            "order",
            "admin",
            "orders:*",
            "orders:read:all",
        ] {
            assert!(!policy.permits(&Held::new().scope(held)), "{held}");
        }
        assert!(policy.permits(&Held::new().scope("Admin")));
        assert!(
            !scope("orders")
                .with_scope_hierarchy(&hierarchy)
                .permits(&Held::new().scope("orders:read"))
        );
    }

    #[test]
    fn cycles_terminate() {
        let circle = Hierarchy::new()
            .implies("a", "b")
            .implies("b", "c")
            .implies("c", "a")
            .implies("a", "a");
        assert_eq!(circle.implying("a"), ["b", "c"]);
        let policy = scope("a") & scope("b") & scope("c");
        assert!(
            policy
                .with_scope_hierarchy(&circle)
                .permits(&Held::new().scope("b"))
        );
    }

    #[test]
    fn a_long_chain_is_followed_without_recursion() {
        let names: Vec<_> = (0..20_000).map(|n| format!("r{n}")).collect();
        let chain = names.windows(2).fold(Hierarchy::new(), |chain, pair| {
            chain.implies(&pair[1], &pair[0])
        });
        assert_eq!(chain.implying("r0").len(), names.len() - 1);
        assert!(
            role("r0")
                .with_role_hierarchy(&chain)
                .permits(&Held::new().role("r19999"))
        );
    }

    #[test]
    fn it_applies_to_the_current_clauses_only() {
        let hierarchy = Hierarchy::new().implies("write", "read");
        let policy = scope("read").with_scope_hierarchy(&hierarchy) & scope("read");
        assert!(!policy.permits(&Held::new().scope("write")));
        assert_eq!(
            policy.to_string(),
            r#"scope("read", implied by "write") & scope("read")"#
        );
    }

    #[test]
    fn it_applies_inside_not() {
        let hierarchy = Hierarchy::new().implies("blocked:all", "blocked");
        let policy = not(role("blocked")).with_role_hierarchy(&hierarchy);
        assert!(!policy.permits(&Held::new().role("blocked:all")));
    }

    #[test]
    fn several_hierarchies_accumulate() {
        let policy = role("viewer")
            .with_role_hierarchy(&Hierarchy::new().implies("editor", "viewer"))
            .with_role_hierarchy(&Hierarchy::new().implies("owner", "editor"));
        assert!(policy.permits(&Held::new().role("owner")));
        assert!(policy.permits(&Held::new().role("editor")));
    }

    #[test]
    fn the_challenge_names_the_lesser_scope() {
        let hierarchy = Hierarchy::new().implies("admin", "read");
        let policy = (scope("read") & scope("write")).with_scope_hierarchy(&hierarchy);
        let evaluation = policy.evaluate(&Held::new().scope("admin"));
        assert_eq!(evaluation.sufficient_scopes(), Some(vec!["read", "write"]));
    }
}
