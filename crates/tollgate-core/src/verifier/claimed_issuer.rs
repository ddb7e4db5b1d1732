//! The issuer that an unverified token names.

use crate::limits::Limits;
use crate::rejection::Rejection;
use crate::token::claims::{ClaimSetText, missing};
use crate::token::compact::{Compact, Segment};
use crate::verifier::rules::{self, Rules};

/// The issuer that an unverified token names.
pub(super) struct ClaimedIssuer {
    /// The `iss`.
    issuer: Option<Box<str>>,
    /// The trust domain of a SPIFFE ID in `sub`.
    pub(super) trust_domain: Option<Box<str>>,
}

impl ClaimedIssuer {
    pub(super) fn of(token: &Compact<'_>, limits: &Limits) -> Result<Self, Rejection> {
        let mut claims = ClaimSetText::default();
        claims.read(token.payload(&mut Segment::new())?, "", limits)?;
        let subject = claims.string(claims.registered.subject.as_ref());
        Ok(Self {
            issuer: (claims.string(claims.registered.issuer.as_ref())).map(Into::into),
            trust_domain: subject.and_then(rules::trust_domain).map(Into::into),
        })
    }

    pub(super) fn name(&self) -> Result<&str, Rejection> {
        let name = self.issuer.as_ref().or(self.trust_domain.as_ref());
        name.map(|name| &**name).ok_or_else(|| missing("iss"))
    }

    /// Checks the name before a key source is queried for the token's key.
    pub(super) fn check(
        token: &Compact<'_>,
        rules: &Rules,
        limits: &Limits,
    ) -> Result<(), Rejection> {
        if rules.issuer.is_none() {
            return Ok(());
        }
        let claimed = Self::of(token, limits)?;
        let name = if rules.spiffe {
            claimed.trust_domain
        } else {
            claimed.issuer
        };
        rules.check_name(name.as_deref())
    }
}
