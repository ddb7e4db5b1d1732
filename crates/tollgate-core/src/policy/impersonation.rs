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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::{Held, any, not};

    #[test]
    fn a_malformed_actor_is_neither_present_nor_absent() {
        let either = any([impersonated(), not(impersonated())]);
        for act in [
            json!("admin-1"),
            json!(true),
            json!({}),
            json!([{"sub": "admin-1"}]),
            json!({"sub": ""}),
            json!({"sub": null}),
            json!({"sub": 7}),
            json!({"sub": "admin-1", "sid": 7}),
        ] {
            let caller = Held::new().claims(json!({ "act": act }));
            assert!(!either.permits(&caller), "{act}");
            assert!(either.evaluate(&caller).is_unreadable(), "{act}");
        }
        for (claims, impersonates) in [
            (json!({"act": {"sub": "admin-1", "act": {"sub": 7}}}), true),
            (json!({"act": null}), false),
            (json!({"org": {"act": {"sub": "admin-1"}}}), false),
            (json!({"act.sub": "admin-1"}), false),
        ] {
            let caller = Held::new().claims(claims);
            assert_eq!(impersonated().permits(&caller), impersonates);
            assert_eq!(not(impersonated()).permits(&caller), !impersonates);
        }
        assert_eq!(not(impersonated()).to_string(), "!impersonated()");
    }
}
