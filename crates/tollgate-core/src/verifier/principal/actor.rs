//! The actor of a principal.

use super::{Principal, Verified};
use crate::claim_path::UnreadableClaim;
use crate::rejection::{Rejection, RejectionKind};
use crate::token::claims::Actor;

impl Verified {
    fn actor(&self) -> Result<Option<Actor<'_>>, UnreadableClaim> {
        self.claims.actor().map(Actor::read).transpose()
    }

    /// Refuses a malformed `act`, for a check that reads it.
    #[inline]
    pub(in crate::verifier) fn check_actor(&self) -> Result<(), Rejection> {
        if self.actor().is_ok() {
            return Ok(());
        }
        Err(Rejection::new(
            RejectionKind::MalformedClaims,
            "`act` names no actor, and the revocation check reads it",
        ))
    }
}

impl Principal {
    /// The actor: who acts as the subject of the token, from the claim `act` (RFC 8693 section
    /// 4.1). `None` if it is absent or `null`: the subject acts. For a policy, see
    /// [`impersonated`](crate::policy::impersonated).
    ///
    /// # Errors
    /// If `act` is not an object, has no `sub` or an empty one, or has a `sub`, `iss` or `sid` that
    /// is not a string. A handler must not treat it as absent.
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// let claims = serde_json::json!({
    ///     "exp": 4_000_000_000_u64, "sub": "u-7", "act": {"sub": "admin-1"},
    /// });
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// let actor = principal.actor()?.ok_or("the user acts")?;
    /// assert_eq!(actor.subject(), "admin-1");
    /// assert_eq!((actor.issuer(), actor.session_id()), (None, None));
    /// # Ok(()) }
    /// ```
    pub fn actor(&self) -> Result<Option<Actor<'_>>, UnreadableClaim> {
        self.verified().actor()
    }
}
