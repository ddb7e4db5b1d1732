//! Tokens that are bound to a key or certificate of their sender (RFC 7800).

use crate::rejection::{Rejection, RejectionKind};
use crate::token::claims::Confirmation;
use crate::verifier::principal::Principal;

/// A principal whose token may be bound to a key or certificate. The binding is not checked yet.
pub(crate) struct Unconfirmed(Principal);

impl Unconfirmed {
    #[inline]
    pub(super) const fn new(principal: Principal) -> Self {
        Self(principal)
    }

    /// Refuses a bound token, because no proof of the binding is checked. Stricter than RFC 7800
    /// section 3.1, which lets a recipient ignore confirmations that it does not understand.
    #[inline]
    pub(crate) fn without_proof(self) -> Result<Principal, Rejection> {
        match self.0.verified().confirmation() {
            Confirmation::None => Ok(self.0),
            bound => Err(refused(bound).with_issuer(self.0.issuer_label())),
        }
    }
}

#[cold]
fn refused(bound: Confirmation) -> Rejection {
    let (kind, detail) = match bound {
        Confirmation::Malformed => (
            RejectionKind::MalformedClaims,
            "`cnf` is not an object with members",
        ),
        _ => (
            RejectionKind::UnprovenBinding,
            "the token is bound to a key or certificate by `cnf`, and no proof was checked",
        ),
    };
    Rejection::new(kind, detail)
}
