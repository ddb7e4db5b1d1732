//! The condition on the actor of a token: impersonation.

use serde_json::Value;

use super::{Clause, Policy, UnreadableClaim};
use crate::token::claims::Actor;

impl Policy {
    /// Requires an actor: the claim `act` of RFC 8693 section 4.1 says that someone else acts as
    /// the user. Its negation protects what only the user may do, such as a change of the password.
    ///
    /// A malformed `act`, which names no actor, satisfies neither this condition nor its negation.
    /// For one actor, use [`claim("act.sub", ..)`](Self::claim).
    ///
    /// ```
    /// use serde_json::json;
    /// use tollgate::policy::{Held, Policy};
    ///
    /// let user = Held::new();
    /// let admin = Held::new().claims(json!({"act": {"sub": "admin-1"}}));
    /// let malformed = Held::new().claims(json!({"act": {}}));
    /// assert!(Policy::impersonated().permits(&admin));
    /// assert!((!Policy::impersonated()).permits(&user));
    /// assert!(!(!Policy::impersonated()).permits(&admin));
    /// assert!(!(!Policy::impersonated()).permits(&malformed));
    /// ```
    pub fn impersonated() -> Self {
        Self::leaf(Clause::Impersonated {
            path: ["act"].into(),
        })
    }
}

/// Calls [`Policy::impersonated`].
///
/// ```
/// use tollgate::policy::{Held, impersonated, not, scope};
///
/// let policy = scope("account:write") & not(impersonated());
/// assert!(policy.permits(&Held::new().scope("account:write")));
/// ```
pub fn impersonated() -> Policy {
    Policy::impersonated()
}

/// Returns whether the claim `act` names an actor.
pub(super) fn is_actor(claim: Option<Value>) -> Result<bool, UnreadableClaim> {
    match claim {
        None | Some(Value::Null) => Ok(false),
        Some(claim) => Actor::read(&claim.to_string()).map(|_| true),
    }
}
