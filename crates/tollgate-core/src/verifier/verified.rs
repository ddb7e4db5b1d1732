//! The outcome of a verification.

use std::sync::Arc;
use std::time::Duration;

use crate::key::Key;
use crate::rejection::{Rejection, RejectionKind};
use crate::token::claims::{ClaimSetText, Confirmation};
use crate::token::header::Header;
use crate::token::typed::TypedClaims;
use crate::verifier::cache::Cached;
use crate::verifier::evidence::{Evidence, MetRules, Trusted};
use crate::verifier::issuers::{Chosen, Issuers};

/// The outcome of a verification, apart from the time.
#[derive(Clone)]
pub(crate) struct Verified {
    pub(super) header: Header,
    pub(super) claims: ClaimSetText,
    pub(super) met: MetRules,
    pub(super) typed: TypedClaims,
}

impl Verified {
    /// Reads the claims into their final place. They are large, and moving them costs more than
    /// some of the checks.
    pub(super) fn read(
        header: Header,
        met: MetRules,
        read: impl FnOnce(&mut ClaimSetText, &MetRules) -> Result<(), Rejection>,
    ) -> Result<Arc<Self>, Rejection> {
        let mut verified = Arc::new(Self {
            header,
            claims: ClaimSetText::default(),
            met,
            typed: TypedClaims::default(),
        });
        // This is the only reference, so `make_mut` clones nothing.
        let Self { claims, met, .. } = Arc::make_mut(&mut verified);
        read(claims, met)?;
        Ok(verified)
    }

    #[inline]
    pub(super) fn check_times(&self, now: u64) -> Result<(), Rejection> {
        let rules = self.met.rules();
        rules.check_end(self.header.algorithm, now)?;
        rules.check_times(&self.claims, now)
    }

    /// Checks the times again, and returns the time until that check fails.
    pub(crate) fn expires_in(&self, now: u64) -> Result<Duration, Rejection> {
        let (rules, algorithm) = (self.met.rules(), self.header.algorithm);
        rules.check_end(algorithm, now)?;
        let end = (rules.secrets_until).filter(|_| algorithm.family().is_symmetric());
        let until_end = end.map_or(Duration::MAX, |end| {
            Duration::from_secs(end.saturating_sub(now))
        });
        Ok(rules.expires_in(&self.claims, now)?.min(until_end))
    }

    /// The `iss` claim, or the SPIFFE ID of the trust domain.
    pub(super) fn issuer(&self) -> Option<&str> {
        let rules = self.met.rules();
        if rules.spiffe {
            return rules.issuer.as_deref();
        }
        self.claims.string(self.claims.registered.issuer.as_ref())
    }

    /// The name of the issuer in events and metrics.
    pub(super) fn issuer_label(&self) -> &Arc<str> {
        self.met.label().name()
    }

    /// The binding that has to be proved.
    #[inline]
    pub(super) fn confirmation(&self) -> Confirmation {
        match self.claims.registered.confirmation {
            Confirmation::None => Confirmation::None,
            _ if self.met.rules().ignore_confirmation => Confirmation::None,
            bound => bound,
        }
    }

    /// Refuses a `jti` or `sid` that is not a string, and a malformed `act`, for a check that reads
    /// them.
    pub(crate) fn check_ids(&self) -> Result<(), Rejection> {
        match self.claims.registered.other_id {
            None => self.check_actor(),
            Some(name) => Err(Rejection::new(
                RejectionKind::MalformedClaims,
                format!("`{name}` is not a string, and the revocation check reads it"),
            )),
        }
    }

    #[inline]
    pub(super) fn key(&self) -> &Key {
        self.met.key()
    }
}

impl Cached for Verified {
    type Evidence = Evidence;
    type State = Issuers;

    #[inline]
    fn is_valid(&self, evidence: &Evidence, issuers: &Issuers) -> bool {
        match &evidence.issuer {
            Trusted::Listed(_) => issuers.unchanged(evidence).is_some(),
            Trusted::Found(found) => {
                let named = self.issuer().map(|name| issuers.named(name));
                // No other issuer can have this address while the weak reference lives.
                matches!(named,
                    Some(Ok(Chosen::Found(now))) if Arc::as_ptr(&now.0) == found.as_ptr()
                    && now.0.keyring.is_in(&evidence.epochs))
            }
        }
    }

    /// Includes an estimate for the types that the claims are deserialized into.
    fn bytes(&self, evidence: &Evidence) -> usize {
        size_of::<Self>() + 3 * self.claims.bytes() + evidence.bytes()
    }

    fn handle_bytes(&self) -> usize {
        2 * self.claims.bytes()
    }

    fn is_cheap(&self) -> bool {
        self.header.algorithm.family().is_symmetric()
    }
}
