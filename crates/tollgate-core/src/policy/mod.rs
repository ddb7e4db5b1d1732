//! What a caller must hold: scopes, roles and claims, combined with *and*, *or* and *not*.
//!
//! A [`Policy`] is built once, where the routes are, and asked of every request after the token has been verified:
//!
//! ```
//! use tollgate_core::policy::{claim, role, scope, Held};
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
//! # The rules
//!
//! - Every comparison is exact: octet by octet, case-sensitive, no prefixes, no wildcards (RFC 6749 section 3.3).
//!   `orders:read` is not held by a token that holds `orders:readx` or `Orders:read`.
//! - One scope implies another only where a [`Hierarchy`] says so.
//! - [`any`] of nothing never holds, [`all`] of nothing always does: [`Policy::deny`] and [`Policy::allow`] say which.
//! - [`not`] holds when its inside does not, so an absent claim satisfies `not(claim("plan", "free"))`. A token that
//!   holds *more* can fail it; use it to shut out, never as the only guard of a route.
//! - [`Policy::permits`] allocates nothing. [`Policy::evaluate`] builds the tree that explains a refusal.
//! - A policy has at most [`Policy::MAX_CLAUSES`] clauses and [`Policy::MAX_DEPTH`] levels, so the work for a request is
//!   bounded however the policy was put together.

mod evaluation;
mod facts;
mod hierarchy;
#[cfg(test)]
mod laws;
mod scope;
mod sufficiency;

use std::fmt;
use std::ops::{BitAnd, BitOr, Not};
use std::sync::Arc;

use serde_json::Value;

pub use evaluation::Evaluation;
pub use facts::{Facts, Held, claim_at, claim_matches};
pub use hierarchy::Hierarchy;
pub(crate) use scope::is_scope_octet;
pub use scope::{InvalidScope, Scope, ScopeSet, is_scope_token, parse_scopes};

/// A condition on the scopes, roles and claims of a caller.
///
/// Cheap to clone. See the [module](self) for the rules of matching.
///
/// ```
/// use tollgate_core::policy::{Held, Policy};
///
/// let policy = Policy::scope("orders:read") | Policy::role("admin");
/// assert!(policy.permits(&Held::new().role("admin")));
/// assert!(!policy.permits(&Held::new().role("Admin")));
/// assert_eq!(policy.to_string(), r#"scope("orders:read") | role("admin")"#);
/// ```
#[derive(Clone)]
pub struct Policy(Arc<Node>);

/// A clause with what is needed to keep policies bounded.
#[derive(Clone)]
struct Node {
    clause: Clause,
    /// Clauses in the tree below and including this one, counted each time that a shared part occurs.
    clauses: usize,
    depth: usize,
}

#[derive(Clone)]
enum Clause {
    Scope(Name),
    Role(Name),
    Claim { path: Box<str>, value: Value },
    ClaimPresent { path: Box<str> },
    Group(Join, Vec<Policy>),
    Not(Policy),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Join {
    Any,
    All,
}

/// A scope or role, and the ones that imply it.
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

    /// The name itself, then those that imply it.
    fn spellings(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.name).chain(self.implied_by.iter().map(|name| &**name))
    }

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

impl Policy {
    /// The most clauses that a policy may have, those of its parts included.
    ///
    /// ```should_panic
    /// use tollgate_core::Policy;
    ///
    /// let scopes = (0..Policy::MAX_CLAUSES).map(|n| Policy::scope(&format!("s{n}")));
    /// Policy::any(scopes); // with `any` itself, one too many
    /// ```
    pub const MAX_CLAUSES: usize = 1024;

    /// The most levels that a policy may have. Chains of one operator (`a | b | c`) count as one level.
    ///
    /// ```
    /// use tollgate_core::Policy;
    ///
    /// assert!(Policy::MAX_DEPTH >= 64);
    /// ```
    pub const MAX_DEPTH: usize = 64;

    /// Holds when the token was granted the scope `name`.
    ///
    /// ```
    /// use tollgate_core::policy::{Held, Policy};
    ///
    /// let policy = Policy::scope("orders:read");
    /// assert!(policy.permits(&Held::new().scope("orders:read")));
    /// assert!(!policy.permits(&Held::new().scope("orders:readx")));
    /// ```
    ///
    /// # Panics
    ///
    /// When `name` is not a scope-token of RFC 6749 section 3.3. For names that are not written in the program, use
    /// [`Policy::try_scope`].
    #[track_caller]
    pub fn scope(name: &str) -> Self {
        match Self::try_scope(name) {
            Ok(policy) => policy,
            Err(invalid) => panic!("{name:?} is not a scope: {invalid}"),
        }
    }

    /// Holds when the token was granted the scope `name`, which may come from a configuration.
    ///
    /// ```
    /// use tollgate_core::Policy;
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

    /// Holds when the caller has the role `name`. Which claims carry roles is the verifier's configuration.
    ///
    /// ```
    /// use tollgate_core::policy::{Held, Policy};
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
        assert!(!name.is_empty(), "a role has a name: the empty text is none");
        Self::leaf(Clause::Role(Name::new(name)))
    }

    /// Holds when the claim at `path` is `value`, or is an array with `value` among its elements.
    ///
    /// A dot in `path` descends into an object, unless the token has a claim of exactly that name (`https://example.com/org`
    /// is a common kind): see [`claim_at`]. Types must agree and numbers must be written alike: `1` is neither `"1"` nor
    /// `1.0`. See [`claim_matches`].
    ///
    /// ```
    /// use serde_json::json;
    /// use tollgate_core::policy::{Held, Policy};
    ///
    /// let caller = Held::new().claims(json!({"org": {"tier": "gold"}, "amr": ["pwd", "otp"]}));
    /// assert!(Policy::claim("org.tier", "gold").permits(&caller));
    /// assert!(Policy::claim("amr", "otp").permits(&caller));
    /// assert!(!Policy::claim("amr", "ot").permits(&caller));
    /// ```
    ///
    /// # Panics
    ///
    /// When `path` is empty.
    #[track_caller]
    pub fn claim(path: &str, value: impl Into<Value>) -> Self {
        assert!(
            !path.is_empty(),
            "a claim has a name: the empty path leads to none"
        );
        Self::leaf(Clause::Claim {
            path: path.into(),
            value: value.into(),
        })
    }

    /// Holds when there is a claim at `path` and it is not `null`.
    ///
    /// ```
    /// use serde_json::json;
    /// use tollgate_core::policy::{Held, Policy};
    ///
    /// let caller = Held::new().claims(json!({"tenant": "blue", "org": null}));
    /// assert!(Policy::claim_present("tenant").permits(&caller));
    /// assert!(!Policy::claim_present("org").permits(&caller));
    /// ```
    ///
    /// # Panics
    ///
    /// When `path` is empty.
    #[track_caller]
    pub fn claim_present(path: &str) -> Self {
        assert!(
            !path.is_empty(),
            "a claim has a name: the empty path leads to none"
        );
        Self::leaf(Clause::ClaimPresent { path: path.into() })
    }

    /// Holds when at least one of `policies` does; of none, never.
    ///
    /// ```
    /// use tollgate_core::policy::{Held, Policy};
    ///
    /// let policy = Policy::any([Policy::role("clerk"), Policy::role("admin")]);
    /// assert!(policy.permits(&Held::new().role("clerk")));
    /// assert!(!Policy::any([]).permits(&Held::new().role("clerk")));
    /// ```
    ///
    /// # Panics
    ///
    /// When the whole would pass [`Policy::MAX_CLAUSES`] or [`Policy::MAX_DEPTH`].
    #[track_caller]
    pub fn any(policies: impl IntoIterator<Item = Self>) -> Self {
        Self::joined(Join::Any, policies)
    }

    /// Holds when each of `policies` does; of none, always.
    ///
    /// ```
    /// use tollgate_core::policy::{Held, Policy};
    ///
    /// let policy = Policy::all([Policy::scope("read"), Policy::scope("write")]);
    /// assert!(policy.permits(&Held::new().scope("read").scope("write")));
    /// assert!(!policy.permits(&Held::new().scope("read")));
    /// ```
    ///
    /// # Panics
    ///
    /// When the whole would pass [`Policy::MAX_CLAUSES`] or [`Policy::MAX_DEPTH`].
    #[track_caller]
    pub fn all(policies: impl IntoIterator<Item = Self>) -> Self {
        Self::joined(Join::All, policies)
    }

    /// Always holds: any caller whose token was accepted.
    ///
    /// ```
    /// use tollgate_core::policy::{Held, Policy};
    ///
    /// assert!(Policy::allow().permits(&Held::new()));
    /// ```
    pub fn allow() -> Self {
        Self::leaf(Clause::Group(Join::All, Vec::new()))
    }

    /// Never holds.
    ///
    /// ```
    /// use tollgate_core::policy::{Held, Policy};
    ///
    /// assert!(!Policy::deny().permits(&Held::new().role("root")));
    /// ```
    pub fn deny() -> Self {
        Self::leaf(Clause::Group(Join::Any, Vec::new()))
    }

    /// The same policy, in which each scope also counts as held when one is held that implies it.
    ///
    /// It applies to the clauses that `self` has now: combine first, then call this, or call it on a part only.
    ///
    /// ```
    /// use tollgate_core::policy::{scope, Held, Hierarchy};
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
    /// use tollgate_core::policy::{role, Held, Hierarchy};
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

    fn leaf(clause: Clause) -> Self {
        Self(Arc::new(Node {
            clause,
            clauses: 1,
            depth: 1,
        }))
    }

    /// One group of `policies`; a part that is a group of the same kind is merged into it, and a group of one is its part.
    #[track_caller]
    fn joined(join: Join, policies: impl IntoIterator<Item = Self>) -> Self {
        let mut parts = Vec::new();
        let (mut clauses, mut depth) = (1, 1);
        for policy in policies {
            let merges = matches!(&policy.0.clause, Clause::Group(inner, _) if *inner == join);
            // What is merged loses its own node: one clause and one level less.
            clauses += policy.0.clauses - usize::from(merges);
            depth = depth.max(policy.0.depth + usize::from(!merges));
            check_bounds(clauses, depth);
            if !merges {
                parts.push(policy);
            } else if let Clause::Group(_, inner) = Arc::unwrap_or_clone(policy.0).clause {
                if parts.is_empty() {
                    parts = inner; // the left side of `a | b | c`: keep its allocation
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

/// Checked where a policy is put together, so that nothing that walks one need count.
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

/// Both must hold. See [`Policy::all`].
impl BitAnd for Policy {
    type Output = Self;

    #[track_caller]
    fn bitand(self, other: Self) -> Self {
        Self::all([self, other])
    }
}

/// One of them must hold. See [`Policy::any`].
impl BitOr for Policy {
    type Output = Self;

    #[track_caller]
    fn bitor(self, other: Self) -> Self {
        Self::any([self, other])
    }
}

/// It must not hold. See [`not`].
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

/// As it would be written in a program, on one line; quotes and control characters in names are escaped.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.clause {
            Clause::Scope(name) => write!(f, "scope({name})"),
            Clause::Role(name) => write!(f, "role({name})"),
            Clause::Claim { path, value } => write!(f, "claim({path:?}, {value})"),
            Clause::ClaimPresent { path } => write!(f, "claim_present({path:?})"),
            Clause::Not(inner) => write!(f, "!{}", Operand(inner)),
            Clause::Group(Join::Any, parts) if parts.is_empty() => f.write_str("deny()"),
            Clause::Group(Join::All, parts) if parts.is_empty() => f.write_str("allow()"),
            Clause::Group(join, parts) => {
                for (index, part) in parts.iter().enumerate() {
                    if index > 0 {
                        f.write_str(if *join == Join::Any { " | " } else { " & " })?;
                    }
                    write!(f, "{}", Operand(part))?;
                }
                Ok(())
            }
        }
    }
}

/// A part of a larger policy: in parentheses when it has an operator of its own.
struct Operand<'a>(&'a Policy);

impl fmt::Display for Operand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.0.clause {
            Clause::Group(_, parts) if !parts.is_empty() => write!(f, "({})", self.0),
            _ => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.name)?;
        for (index, name) in self.implied_by.iter().enumerate() {
            write!(f, "{} {name:?}", if index == 0 { ", implied by" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({self})")
    }
}

/// [`Policy::scope`], for use in expressions.
///
/// ```
/// use tollgate_core::policy::{scope, Held};
///
/// assert!(scope("orders:read").permits(&Held::new().scope("orders:read")));
/// ```
///
/// # Panics
///
/// When `name` is not a scope-token of RFC 6749 section 3.3.
#[track_caller]
pub fn scope(name: &str) -> Policy {
    Policy::scope(name)
}

/// [`Policy::role`], for use in expressions.
///
/// ```
/// use tollgate_core::policy::{role, Held};
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

/// [`Policy::claim`], for use in expressions.
///
/// ```
/// use serde_json::json;
/// use tollgate_core::policy::{claim, Held};
///
/// let caller = Held::new().claims(json!({"email_verified": true}));
/// assert!(claim("email_verified", true).permits(&caller));
/// assert!(!claim("email_verified", "true").permits(&caller));
/// ```
///
/// # Panics
///
/// When `path` is empty.
#[track_caller]
pub fn claim(path: &str, value: impl Into<Value>) -> Policy {
    Policy::claim(path, value)
}

/// [`Policy::claim_present`], for use in expressions.
///
/// ```
/// use tollgate_core::policy::{claim_present, Held};
///
/// assert!(!claim_present("tenant").permits(&Held::new()));
/// ```
///
/// # Panics
///
/// When `path` is empty.
#[track_caller]
pub fn claim_present(path: &str) -> Policy {
    Policy::claim_present(path)
}

/// [`Policy::any`], for use in expressions.
///
/// ```
/// use tollgate_core::policy::{any, scope, Held};
///
/// assert!(any([scope("a"), scope("b")]).permits(&Held::new().scope("b")));
/// ```
///
/// # Panics
///
/// When the whole would pass [`Policy::MAX_CLAUSES`] or [`Policy::MAX_DEPTH`].
#[track_caller]
pub fn any(policies: impl IntoIterator<Item = Policy>) -> Policy {
    Policy::any(policies)
}

/// [`Policy::all`], for use in expressions.
///
/// ```
/// use tollgate_core::policy::{all, scope, Held};
///
/// assert!(!all([scope("a"), scope("b")]).permits(&Held::new().scope("b")));
/// ```
///
/// # Panics
///
/// When the whole would pass [`Policy::MAX_CLAUSES`] or [`Policy::MAX_DEPTH`].
#[track_caller]
pub fn all(policies: impl IntoIterator<Item = Policy>) -> Policy {
    Policy::all(policies)
}

/// Holds when `policy` does not; `!policy` is the same.
///
/// It holds for a caller who lacks everything, so combine it with what the caller must have. A token with fewer scopes is
/// often easy to get: do not rely on `not(scope(..))` to keep anybody out.
///
/// ```
/// use tollgate_core::policy::{not, role, scope, Held};
///
/// let policy = scope("orders:write") & not(role("suspended"));
/// assert!(policy.permits(&Held::new().scope("orders:write")));
/// assert!(!policy.permits(&Held::new().scope("orders:write").role("suspended")));
/// ```
///
/// # Panics
///
/// When the whole would pass [`Policy::MAX_CLAUSES`] or [`Policy::MAX_DEPTH`].
#[track_caller]
pub fn not(policy: Policy) -> Policy {
    !policy
}
