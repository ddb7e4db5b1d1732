//! Access policies: scopes, roles, claims and a recent login, combined with *and*, *or* and *not*.
//!
//! A [`Policy`] is built once, beside the routes, and evaluated for every request after token
//! verification:
//!
//! ```
//! use tollgate::policy::{Held, claim, role, scope};
//!
//! let policy = scope("orders:write") & (role("clerk") | claim("org.tier", "gold"));
//!
//! let clerk = Held::new().scope("orders:write").role("clerk");
//! assert!(policy.permits(&clerk));
//!
//! let reader = Held::new().scope("orders:read").role("clerk");
//! assert!(!policy.permits(&reader));
//! assert_eq!(policy.evaluate(&reader).sufficient_scopes(), Some(vec!["orders:write"]));
//! ```
//!
//! # Rules
//!
//! - Every comparison is exact: octet by octet, case-sensitive, no prefixes, no wildcards (RFC 6749
//!   section 3.3). A token with `orders:readx` or `Orders:read` does not hold `orders:read`.
//! - One scope implies another only through a [`Hierarchy`].
//! - An empty [`any`] is never satisfied, an empty [`all`] always is. [`Policy::deny`] and
//!   [`Policy::allow`] are explicit.
//! - [`not`] is satisfied when its operand is not, so an absent claim satisfies `not(claim("plan",
//!   "free"))`. A token with *more* scopes can fail it. Use it to exclude callers, never as the
//!   only guard of a route.
//! - Evaluation is three-valued. A claim that [cannot be read](UnreadableClaim) satisfies neither a
//!   condition nor its negation. `any` needs one part that holds; `all` fails if one part fails.
//!   Otherwise a part that cannot be read makes the result unreadable, and the caller is refused.
//! - [`Policy::permits`] does not allocate. [`Policy::evaluate`] builds the tree that explains a
//!   refusal.
//! - A policy has at most [`Policy::MAX_CLAUSES`] clauses and [`Policy::MAX_DEPTH`] levels, so the
//!   work for a request is bounded.

mod evaluation;
mod expression;
mod facts;
mod hierarchy;
mod impersonation;
mod notation;
#[cfg(test)]
mod proptests;
mod recency;
mod scope;
mod sufficiency;

use std::sync::Arc;

use serde_json::Value;

pub use crate::claim_path::{ClaimPath, UnreadableClaim};
pub use evaluation::Evaluation;
pub use expression::{all, any, claim, claim_present, not, role, scope};
pub use facts::{Facts, Held, claim_at, claim_matches};
pub use hierarchy::Hierarchy;
pub use impersonation::impersonated;
pub use recency::max_authentication_age;
pub(crate) use recency::sufficient_age;
#[cfg(test)]
pub(crate) use scope::is_scope_octet;
pub use scope::{InvalidScope, Scope, ScopeName, ScopeSet, is_scope_token, parse_scopes};

/// A condition on the scopes, roles and claims of a caller.
///
/// Cheap to clone. See the [module](self) for the matching rules.
///
/// ```
/// use tollgate::policy::{Held, Policy};
///
/// let policy = Policy::scope("orders:read") | Policy::role("admin");
/// assert!(policy.permits(&Held::new().role("admin")));
/// assert!(!policy.permits(&Held::new().role("Admin")));
/// assert_eq!(policy.to_string(), r#"scope("orders:read") | role("admin")"#);
/// ```
#[derive(Clone)]
pub struct Policy(Arc<Node>);

/// A clause with its size and depth, to keep policies bounded.
#[derive(Clone)]
struct Node {
    clause: Clause,
    /// Number of clauses in this subtree, this one included. A shared part counts at each
    /// occurrence.
    clauses: usize,
    depth: usize,
}

#[derive(Clone)]
enum Clause {
    Scope(Name),
    Role(Name),
    Claim {
        path: ClaimPath,
        value: Value,
    },
    ClaimPresent {
        path: ClaimPath,
    },
    AuthenticatedWithin {
        seconds: u64,
    },
    /// The path is that of `act`.
    Impersonated {
        path: ClaimPath,
    },
    Group(Join, Vec<Policy>),
    Not(Policy),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Join {
    Any,
    All,
}

/// A scope or role, and the names that imply it.
#[derive(Clone)]
struct Name {
    name: Box<str>,
    implied_by: Box<[Box<str>]>,
}

impl Name {
    fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            implied_by: Box::default(),
        }
    }

    /// The name itself, then the names that imply it.
    fn spellings(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.name).chain(self.implied_by.iter().map(|name| &**name))
    }
}

impl Policy {
    /// The maximum number of clauses in a policy, nested clauses included.
    ///
    /// ```should_panic
    /// use tollgate::Policy;
    ///
    /// let scopes = (0..Policy::MAX_CLAUSES).map(|n| Policy::scope(&format!("s{n}")));
    /// Policy::any(scopes); // together with `any` itself, one too many
    /// ```
    pub const MAX_CLAUSES: usize = 1024;

    /// The maximum nesting depth of a policy. Chains of one operator (`a | b | c`) count as one
    /// level.
    ///
    /// ```
    /// use tollgate::Policy;
    ///
    /// assert!(Policy::MAX_DEPTH >= 64);
    /// ```
    pub const MAX_DEPTH: usize = 64;

    /// Requires the scope `name`.
    ///
    /// ```
    /// use tollgate::policy::{Held, Policy};
    ///
    /// let policy = Policy::scope("orders:read");
    /// assert!(policy.permits(&Held::new().scope("orders:read")));
    /// assert!(!policy.permits(&Held::new().scope("orders:readx")));
    /// ```
    ///
    /// # Panics
    ///
    /// When `name` is not a scope-token of RFC 6749 section 3.3. For names that are not literals,
    /// use [`Policy::try_scope`].
    #[track_caller]
    pub fn scope(name: &str) -> Self {
        match Self::try_scope(name) {
            Ok(policy) => policy,
            Err(invalid) => panic!("{name:?} is not a scope: {invalid}"),
        }
    }

    /// Requires the scope `name`, for names from configuration.
    ///
    /// ```
    /// use tollgate::Policy;
    ///
    /// assert!(Policy::try_scope("orders:read").is_ok());
    /// assert!(Policy::try_scope("orders read").is_err()); // two scopes, not one
    /// ```
    ///
    /// # Errors
    ///
    /// When `name` is not a scope-token of RFC 6749 section 3.3.
    pub fn try_scope(name: &str) -> Result<Self, InvalidScope> {
        scope::check(name)?;
        Ok(Self::leaf(Clause::Scope(Name::new(name))))
    }

    /// Requires the role `name`. The verifier's configuration selects the claims that carry roles.
    ///
    /// ```
    /// use tollgate::policy::{Held, Policy};
    ///
    /// assert!(Policy::role("admin").permits(&Held::new().role("admin")));
    /// assert!(!Policy::role("admin").permits(&Held::new().scope("admin")));
    /// ```
    ///
    /// # Panics
    ///
    /// When `name` is empty.
    #[track_caller]
    pub fn role(name: &str) -> Self {
        assert!(!name.is_empty(), "`role` requires a non-empty name");
        Self::leaf(Clause::Role(Name::new(name)))
    }

    /// Requires the claim at `path` to equal `value`, or to be an array that contains `value`.
    ///
    /// A text descends at its dots, and names may contain dots; an array has the exact names: see
    /// [`ClaimPath`]. Types must agree and numbers must have the same notation: `1` is neither
    /// `"1"` nor `1.0`. See [`claim_matches`]. If the claim [cannot be read](UnreadableClaim), neither
    /// this condition nor its negation holds.
    ///
    /// ```
    /// use serde_json::json;
    /// use tollgate::policy::{Held, Policy};
    ///
    /// let caller = Held::new().claims(json!({"org": {"tier": "gold"}, "amr": ["pwd", "otp"]}));
    /// assert!(Policy::claim("org.tier", "gold").permits(&caller));
    /// assert!(Policy::claim(["org", "tier"], "gold").permits(&caller));
    /// assert!(Policy::claim("amr", "otp").permits(&caller));
    /// assert!(!Policy::claim("amr", "ot").permits(&caller));
    /// ```
    ///
    /// # Panics
    ///
    /// When `path` has no name.
    #[track_caller]
    pub fn claim(path: impl Into<ClaimPath>, value: impl Into<Value>) -> Self {
        let (path, value) = (path.into(), value.into());
        assert!(!path.is_empty(), "`claim` requires a non-empty path");
        Self::leaf(Clause::Claim { path, value })
    }

    /// Requires a claim at `path` that is not `null`.
    ///
    /// ```
    /// use serde_json::json;
    /// use tollgate::policy::{Held, Policy};
    ///
    /// let caller = Held::new().claims(json!({"tenant": "blue", "org": null}));
    /// assert!(Policy::claim_present("tenant").permits(&caller));
    /// assert!(!Policy::claim_present("org").permits(&caller));
    /// ```
    ///
    /// # Panics
    ///
    /// When `path` has no name.
    #[track_caller]
    pub fn claim_present(path: impl Into<ClaimPath>) -> Self {
        let path = path.into();
        assert!(
            !path.is_empty(),
            "`claim_present` requires a non-empty path"
        );
        Self::leaf(Clause::ClaimPresent { path })
    }

    /// Requires at least one of `policies`. Without any, it is never satisfied.
    ///
    /// ```
    /// use tollgate::policy::{Held, Policy};
    ///
    /// let policy = Policy::any([Policy::role("clerk"), Policy::role("admin")]);
    /// assert!(policy.permits(&Held::new().role("clerk")));
    /// assert!(!Policy::any([]).permits(&Held::new().role("clerk")));
    /// ```
    ///
    /// # Panics
    ///
    /// When the result exceeds [`Policy::MAX_CLAUSES`] or [`Policy::MAX_DEPTH`].
    #[track_caller]
    pub fn any(policies: impl IntoIterator<Item = Self>) -> Self {
        Self::joined(Join::Any, policies)
    }

    /// Requires all of `policies`. Without any, it is always satisfied.
    ///
    /// ```
    /// use tollgate::policy::{Held, Policy};
    ///
    /// let policy = Policy::all([Policy::scope("read"), Policy::scope("write")]);
    /// assert!(policy.permits(&Held::new().scope("read").scope("write")));
    /// assert!(!policy.permits(&Held::new().scope("read")));
    /// ```
    ///
    /// # Panics
    ///
    /// When the result exceeds [`Policy::MAX_CLAUSES`] or [`Policy::MAX_DEPTH`].
    #[track_caller]
    pub fn all(policies: impl IntoIterator<Item = Self>) -> Self {
        Self::joined(Join::All, policies)
    }

    /// A policy that every caller with a valid token satisfies.
    ///
    /// ```
    /// use tollgate::policy::{Held, Policy};
    ///
    /// assert!(Policy::allow().permits(&Held::new()));
    /// ```
    pub fn allow() -> Self {
        Self::leaf(Clause::Group(Join::All, Vec::new()))
    }

    /// A policy that no caller satisfies.
    ///
    /// ```
    /// use tollgate::policy::{Held, Policy};
    ///
    /// assert!(!Policy::deny().permits(&Held::new().role("root")));
    /// ```
    pub fn deny() -> Self {
        Self::leaf(Clause::Group(Join::Any, Vec::new()))
    }

    /// Returns a role that the policy reads, if any.
    pub(crate) fn first_role(&self) -> Option<&str> {
        match &self.0.clause {
            Clause::Role(name) => Some(&name.name),
            Clause::Group(_, parts) => parts.iter().find_map(Self::first_role),
            Clause::Not(inner) => inner.first_role(),
            _ => None,
        }
    }

    fn leaf(clause: Clause) -> Self {
        Self(Arc::new(Node {
            clause,
            clauses: 1,
            depth: 1,
        }))
    }

    /// Joins `policies` into one group. Nested groups of the same kind are merged, and a group of
    /// one is replaced by its part.
    #[track_caller]
    fn joined(join: Join, policies: impl IntoIterator<Item = Self>) -> Self {
        let mut parts = Vec::new();
        let (mut clauses, mut depth) = (1, 1);
        for policy in policies {
            let merges = matches!(&policy.0.clause, Clause::Group(inner, _) if *inner == join);
            // A merged group loses its own node: one clause and one level less.
            clauses += policy.0.clauses - usize::from(merges);
            depth = depth.max(policy.0.depth + usize::from(!merges));
            check_bounds(clauses, depth);
            if !merges {
                parts.push(policy);
            } else if let Clause::Group(_, inner) = Arc::unwrap_or_clone(policy.0).clause {
                if parts.is_empty() {
                    parts = inner; // reuse the allocation of the left operand in `a | b | c`
                } else {
                    parts.extend(inner);
                }
            }
        }
        match <[Self; 1]>::try_from(parts) {
            Ok([only]) => only,
            Err(parts) => Self(Arc::new(Node {
                clause: Clause::Group(join, parts),
                clauses,
                depth,
            })),
        }
    }
}

/// Checks the bounds at construction, so that evaluation need not count.
#[track_caller]
fn check_bounds(clauses: usize, depth: usize) {
    assert!(
        clauses <= Policy::MAX_CLAUSES,
        "a policy has at most {} clauses",
        Policy::MAX_CLAUSES
    );
    assert!(
        depth <= Policy::MAX_DEPTH,
        "a policy has at most {} levels",
        Policy::MAX_DEPTH
    );
}

#[cfg(test)]
mod tests;
