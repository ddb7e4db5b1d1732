//! Which scope or role implies which.

use std::collections::{BTreeMap, BTreeSet};

/// Which names imply which others, for scopes or for roles.
///
/// Implication is transitive, and a circle makes its members equal. What a hierarchy does not say, it does not imply:
/// names are compared exactly and their spelling (`orders:*`, `orders.read`) means nothing. Apply it with
/// [`Policy::with_scope_hierarchy`](super::Policy::with_scope_hierarchy) or
/// [`Policy::with_role_hierarchy`](super::Policy::with_role_hierarchy), which look everything up once, so that a request
/// pays only for the names that matter to it.
///
/// ```
/// use tollgate_core::policy::Hierarchy;
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
    /// use tollgate_core::policy::Hierarchy;
    ///
    /// assert!(Hierarchy::new().implying("read").is_empty());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds that whoever holds `higher` counts as holding `lower`.
    ///
    /// ```
    /// use tollgate_core::policy::Hierarchy;
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
    /// use tollgate_core::policy::Hierarchy;
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
