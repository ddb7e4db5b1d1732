//! Operators and free functions that build policies.

use std::ops::{BitAnd, BitOr, Not};
use std::sync::Arc;

use serde_json::Value;

use super::scope::ScopeName;
use super::{ClaimPath, Clause, Node, Policy, check_bounds};

/// Requires both policies. See [`Policy::all`].
impl BitAnd for Policy {
    type Output = Self;

    #[track_caller]
    fn bitand(self, other: Self) -> Self {
        Self::all([self, other])
    }
}

/// Requires at least one of the policies. See [`Policy::any`].
impl BitOr for Policy {
    type Output = Self;

    #[track_caller]
    fn bitor(self, other: Self) -> Self {
        Self::any([self, other])
    }
}

/// Negates the policy. See [`not`].
impl Not for Policy {
    type Output = Self;

    #[track_caller]
    fn not(self) -> Self {
        if let Clause::Not(inner) = &self.0.clause {
            return inner.clone();
        }
        let (clauses, depth) = (self.0.clauses + 1, self.0.depth + 1);
        check_bounds(clauses, depth);
        Self(Arc::new(Node {
            clause: Clause::Not(self),
            clauses,
            depth,
        }))
    }
}

/// Calls [`Policy::scope`] with a string or a type declared by `scopes!`.
///
/// ```
/// use tollgate::policy::{Held, scope};
///
/// assert!(scope("orders:read").permits(&Held::new().scope("orders:read")));
/// ```
///
/// # Panics
///
/// When `name` is not a scope-token of RFC 6749 section 3.3.
#[track_caller]
#[allow(clippy::needless_pass_by_value)] // callers pass `OrdersRead` or `"orders:read"` by value
pub fn scope(name: impl ScopeName) -> Policy {
    Policy::scope(name.scope_name())
}

/// Calls [`Policy::role`].
///
/// ```
/// use tollgate::policy::{Held, role};
///
/// assert!(role("admin").permits(&Held::new().role("admin")));
/// ```
///
/// # Panics
///
/// When `name` is empty.
#[track_caller]
pub fn role(name: &str) -> Policy {
    Policy::role(name)
}

/// Calls [`Policy::claim`].
///
/// ```
/// use serde_json::json;
/// use tollgate::policy::{Held, claim};
///
/// let caller = Held::new().claims(json!({"email_verified": true}));
/// assert!(claim("email_verified", true).permits(&caller));
/// assert!(!claim("email_verified", "true").permits(&caller));
/// ```
///
/// # Panics
///
/// When `path` has no name.
#[track_caller]
pub fn claim(path: impl Into<ClaimPath>, value: impl Into<Value>) -> Policy {
    Policy::claim(path, value)
}

/// Calls [`Policy::claim_present`].
///
/// ```
/// use tollgate::policy::{Held, claim_present};
///
/// assert!(!claim_present("tenant").permits(&Held::new()));
/// ```
///
/// # Panics
///
/// When `path` has no name.
#[track_caller]
pub fn claim_present(path: impl Into<ClaimPath>) -> Policy {
    Policy::claim_present(path)
}

/// Calls [`Policy::any`].
///
/// ```
/// use tollgate::policy::{Held, any, scope};
///
/// assert!(any([scope("a"), scope("b")]).permits(&Held::new().scope("b")));
/// ```
///
/// # Panics
///
/// When the result exceeds [`Policy::MAX_CLAUSES`] or [`Policy::MAX_DEPTH`].
#[track_caller]
pub fn any(policies: impl IntoIterator<Item = Policy>) -> Policy {
    Policy::any(policies)
}

/// Calls [`Policy::all`].
///
/// ```
/// use tollgate::policy::{Held, all, scope};
///
/// assert!(!all([scope("a"), scope("b")]).permits(&Held::new().scope("b")));
/// ```
///
/// # Panics
///
/// When the result exceeds [`Policy::MAX_CLAUSES`] or [`Policy::MAX_DEPTH`].
#[track_caller]
pub fn all(policies: impl IntoIterator<Item = Policy>) -> Policy {
    Policy::all(policies)
}

/// Negates `policy`, like `!policy`.
///
/// A caller without any scopes, roles or claims satisfies it, so combine it with a positive
/// requirement. A client can often obtain a token with fewer scopes: do not use `not(scope(..))` to
/// deny access.
///
/// ```
/// use tollgate::policy::{Held, not, role, scope};
///
/// let policy = scope("orders:write") & not(role("suspended"));
/// assert!(policy.permits(&Held::new().scope("orders:write")));
/// assert!(!policy.permits(&Held::new().scope("orders:write").role("suspended")));
/// ```
///
/// # Panics
///
/// When the result exceeds [`Policy::MAX_CLAUSES`] or [`Policy::MAX_DEPTH`].
#[track_caller]
pub fn not(policy: Policy) -> Policy {
    !policy
}
