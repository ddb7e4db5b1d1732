//! Which scope or role implies which.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Clause, Name, Node, Policy};

/// Which names imply which others, for scopes or for roles.
///
/// Implication is transitive, and a circle makes its members equal. What a hierarchy does not say, it does not imply:
/// names are compared exactly and their spelling (`orders:*`, `orders.read`) means nothing. Apply it with
/// [`Policy::with_scope_hierarchy`](super::Policy::with_scope_hierarchy) or
/// [`Policy::with_role_hierarchy`](super::Policy::with_role_hierarchy), which look everything up once, so that a request
/// pays only for the names that matter to it.
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
    /// From a name to those that imply it directly.
    above: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
}

impl Hierarchy {
    /// No implications.
    ///
    /// ```
    /// use tollgate::policy::Hierarchy;
    ///
    /// assert!(Hierarchy::new().implying("read").is_empty());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds that whoever holds `higher` counts as holding `lower`.
    ///
    /// ```
    /// use tollgate::policy::Hierarchy;
    ///
    /// let hierarchy = Hierarchy::new().implies("orders:write", "orders:read");
    /// assert_eq!(hierarchy.implying("orders:read"), ["orders:write"]);
    /// ```
    #[must_use]
    pub fn implies(mut self, higher: &str, lower: &str) -> Self {
        self.above.entry(lower.into()).or_default().insert(higher.into());
        self
    }

    /// Every other name that implies `name`, directly or through others, in order.
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
    /// The same policy, in which each scope also counts as held when one is held that implies it.
    ///
    /// It applies to the clauses that `self` has now: combine first, then call this, or call it on a part only.
    ///
    /// ```
    /// use tollgate::policy::{Held, Hierarchy, scope};
    ///
    /// let hierarchy = Hierarchy::new().implies("orders:write", "orders:read");
    /// let policy = scope("orders:read").with_scope_hierarchy(&hierarchy);
    /// assert!(policy.permits(&Held::new().scope("orders:write")));
    /// assert!(!scope("orders:write").with_scope_hierarchy(&hierarchy).permits(&Held::new().scope("orders:read")));
    /// ```
    #[must_use = "the policy is returned, not changed in place"]
    pub fn with_scope_hierarchy(&self, hierarchy: &Hierarchy) -> Self {
        self.map_leaves(&|leaf| match leaf {
            Clause::Scope(name) => Clause::Scope(name.implied_in(hierarchy)),
            other => other.clone(),
        })
    }

    /// The same policy, in which each role also counts as held when one is held that implies it.
    ///
    /// It applies to the clauses that `self` has now: combine first, then call this, or call it on a part only.
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
            Clause::Group(join, parts) => {
                Clause::Group(*join, parts.iter().map(|part| part.map_leaves(map)).collect())
            }
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
    fn nothing_is_implied_by_spelling_or_backwards() {
        let hierarchy = Hierarchy::new()
            .implies("orders", "orders:read")
            .implies("Admin", "orders");
        let policy = scope("orders:read").with_scope_hierarchy(&hierarchy);
        for held in ["orders:write", "order", "admin", "orders:*", "orders:read:all"] {
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
    fn circles_end() {
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
        let chain = names
            .windows(2)
            .fold(Hierarchy::new(), |chain, pair| chain.implies(&pair[1], &pair[0]));
        assert_eq!(chain.implying("r0").len(), names.len() - 1);
        assert!(
            role("r0")
                .with_role_hierarchy(&chain)
                .permits(&Held::new().role("r19999"))
        );
    }

    #[test]
    fn it_applies_to_what_it_was_given() {
        let hierarchy = Hierarchy::new().implies("write", "read");
        let policy = scope("read").with_scope_hierarchy(&hierarchy) & scope("read");
        assert!(!policy.permits(&Held::new().scope("write")));
        assert_eq!(
            policy.to_string(),
            r#"scope("read", implied by "write") & scope("read")"#
        );
    }

    #[test]
    fn it_reaches_into_not() {
        let hierarchy = Hierarchy::new().implies("blocked:all", "blocked");
        let policy = not(role("blocked")).with_role_hierarchy(&hierarchy);
        assert!(!policy.permits(&Held::new().role("blocked:all")));
    }

    #[test]
    fn several_hierarchies_add_up() {
        let policy = role("viewer")
            .with_role_hierarchy(&Hierarchy::new().implies("editor", "viewer"))
            .with_role_hierarchy(&Hierarchy::new().implies("owner", "editor"));
        assert!(policy.permits(&Held::new().role("owner")));
        assert!(policy.permits(&Held::new().role("editor")));
    }

    #[test]
    fn the_lesser_right_is_what_a_client_is_told() {
        let hierarchy = Hierarchy::new().implies("admin", "read");
        let policy = (scope("read") & scope("write")).with_scope_hierarchy(&hierarchy);
        let evaluation = policy.evaluate(&Held::new().scope("admin"));
        assert_eq!(evaluation.sufficient_scopes(), Some(vec!["read", "write"]));
    }
}
