//! The claim `act` (RFC 8693 section 4.1).

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;

use crate::claim_path::UnreadableClaim;

/// The actor of a token: who acts as its subject, from the claim `act` (RFC 8693 section 4.1).
/// [`Principal::actor`](crate::Principal::actor) returns it.
///
/// An `act` inside it is history, which must not be considered in access control, and is not here.
/// `Debug` shows neither the subject nor the session.
#[derive(Clone, PartialEq, Eq)]
pub struct Actor<'a>(Members<'a>);

#[derive(Clone, PartialEq, Eq, Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    sub: Cow<'a, str>,
    #[serde(borrow, default)]
    iss: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    sid: Option<Cow<'a, str>>,
}

impl<'a> Actor<'a> {
    /// Reads the claim as it is written. An error is not an object, has no `sub`, an empty one, or
    /// a member of another type.
    pub(crate) fn read(claim: &'a str) -> Result<Self, UnreadableClaim> {
        // serde would read an array, too.
        let object = claim.starts_with('{').then_some(claim);
        let members = object.and_then(|object| serde_json::from_str::<Members<'_>>(object).ok());
        let named = members.filter(|members| !members.sub.is_empty());
        named.map(Self).ok_or(UnreadableClaim::TYPE)
    }

    /// The `sub` of the actor. It is not empty.
    pub fn subject(&self) -> &str {
        &self.0.sub
    }

    /// The `iss` of the actor; `None` if it is that of the token.
    pub fn issuer(&self) -> Option<&str> {
        self.0.iss.as_deref()
    }

    /// The `sid` of the actor: the session that the token depends on.
    pub fn session_id(&self) -> Option<&str> {
        self.0.sid.as_deref()
    }
}

impl fmt::Debug for Actor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor")
            .field("issuer", &self.0.iss)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_an_object_with_a_subject() {
        let read = |text| Actor::read(text).map(|actor| actor.0.sub.into_owned());
        for well_formed in [
            r#"{"sub":"a"}"#,
            r#"{"sub":"\u0061","sid":null,"iss":null}"#,
            r#"{"sub":"a","act":{"sub":7},"x":[1]}"#,
        ] {
            assert_eq!(read(well_formed).as_deref(), Ok("a"), "{well_formed}");
        }
        for malformed in [
            "{}",
            r#""a""#,
            r#"["a"]"#,
            "true",
            r#"{"sub":""}"#,
            r#"{"sub":null}"#,
            r#"{"sub":7}"#,
            r#"{"sub":"a","sid":7}"#,
            r#"{"sub":"a","iss":{}}"#,
        ] {
            assert!(read(malformed).is_err(), "{malformed}");
        }
    }
}
