//! Tokens that are bound to a key or certificate of their sender.

use crate::rejection::Rejection;
use crate::verifier::confirmation::Unconfirmed;
use crate::verifier::principal::Principal;

/// A principal whose sender has proved each binding of the token.
pub(super) struct Bound(Principal);

impl Bound {
    #[inline]
    pub(super) fn into_principal(self) -> Principal {
        self.0
    }
}

/// Refuses a token that is bound to a key or certificate: the gate checks no proofs.
#[inline]
pub(super) fn check(verified: Unconfirmed) -> Result<Bound, Rejection> {
    verified.without_proof().map(Bound)
}
