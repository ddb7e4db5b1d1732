//! The issuers that a verifier trusts, and the choice of one for a token.

use std::ops::Deref;
use std::sync::Arc;

use crate::key::Key;
use crate::limits::Limits;
use crate::rejection::{Rejection, RejectionKind, Shown};
use crate::token::compact::Compact;
use crate::verifier::claimed_issuer::ClaimedIssuer;
use crate::verifier::evidence::{Evidence, Trusted};
use crate::verifier::issuer::Issuer;
use crate::verifier::issuer_source::{IssuerSource, PreparedIssuer};

/// The issuers of a verifier: a list, and sources of issuers that are not in the list.
pub(crate) struct Issuers {
    pub(super) listed: Vec<Issuer>,
    pub(super) sources: Vec<Box<dyn IssuerSource>>,
}

/// The issuer whose rules apply to a token.
#[derive(Clone)]
pub(super) enum Chosen<'v> {
    /// The issuer at this index of the list.
    Listed(usize, &'v Issuer),
    Found(PreparedIssuer),
}

impl Chosen<'_> {
    /// Returns a reference for the cache, which keeps no issuer running.
    pub(super) fn trusted(&self) -> Trusted {
        match self {
            Self::Listed(place, _) => Trusted::Listed(*place),
            Self::Found(PreparedIssuer(issuer)) => Trusted::Found(Arc::downgrade(issuer)),
        }
    }
}

impl Deref for Chosen<'_> {
    type Target = Issuer;

    fn deref(&self) -> &Issuer {
        match self {
            Self::Listed(_, issuer) => issuer,
            Self::Found(found) => &found.0,
        }
    }
}

impl Issuers {
    /// Returns the issuer whose keys and rules apply to the token. A single issuer is chosen
    /// without reading the claims. Among several, the unverified `iss` selects one, and a key of
    /// this issuer has to verify the token.
    #[inline]
    pub(super) fn of(&self, token: &Compact<'_>, limits: &Limits) -> Result<Chosen<'_>, Rejection> {
        match self.only() {
            Some(only) => Ok(Chosen::Listed(0, only)),
            None => self.claimed(&ClaimedIssuer::of(token, limits)?),
        }
    }

    pub(super) fn only(&self) -> Option<&Issuer> {
        match (&self.listed[..], &self.sources[..]) {
            ([only], []) => Some(only),
            _ => None,
        }
    }

    fn claimed(&self, claimed: &ClaimedIssuer) -> Result<Chosen<'_>, Rejection> {
        let named = self.named(claimed.name()?);
        match (named, &claimed.trust_domain) {
            // The `iss` of a JWT-SVID is optional, and any text.
            (Err(untrusted), Some(name)) if untrusted.kind() == RejectionKind::UntrustedIssuer => {
                self.named(name).map_err(|error| match error.kind() {
                    RejectionKind::UntrustedIssuer => untrusted,
                    _ => error,
                })
            }
            (named, _) => named,
        }
    }

    /// Returns the issuer of this name, from the list or from an issuer source.
    pub(super) fn named(&self, claimed: &str) -> Result<Chosen<'_>, Rejection> {
        let mut listed = self.listed.iter().enumerate();
        if let Some((place, listed)) = listed.find(|(_, issuer)| issuer.entry.rules.names(claimed))
        {
            return Ok(Chosen::Listed(place, listed));
        }
        for source in &self.sources {
            let found = source.issuer(claimed).map_err(|down| {
                Rejection::unavailable(down.retry_after(), "an issuer source cannot answer now")
            })?;
            if let Some(found) = found
                && found.0.entry.rules.names(claimed)
            {
                return Ok(Chosen::Found(found));
            }
        }
        let got = Shown::part(claimed);
        Err(Rejection::late(RejectionKind::UntrustedIssuer, move |f| {
            write!(f, "`iss` is {}, which is not trusted", Shown(&got))
        }))
    }

    /// Returns an issuer of the list if its keys are those of the evidence.
    #[inline]
    pub(super) fn unchanged(&self, evidence: &Evidence) -> Option<&Issuer> {
        let issuer = match &evidence.issuer {
            Trusted::Listed(place) => self.listed.get(*place),
            // The issuer source is queried again, because it may have prepared another.
            Trusted::Found(_) => None,
        };
        issuer.filter(|issuer| issuer.keyring.is_in(&evidence.epochs))
    }

    /// Reports the verification of another token to the source of the key.
    pub(super) fn note_use(&self, evidence: &Evidence, key: &Key, now: u64) {
        let note = |issuer: &Issuer| issuer.keyring.note_use(evidence.source, key, now);
        match &evidence.issuer {
            Trusted::Listed(place) => self.listed.get(*place).map(note),
            Trusted::Found(found) => found.upgrade().map(|found| note(&found)),
        };
    }

    /// Whether a token of this issuer can pass; `true` if the issuers cannot be enumerated.
    pub(super) fn may_trust(&self, issuer: &str) -> bool {
        let mut listed = self.listed.iter().map(|listed| &listed.entry.rules);
        !self.sources.is_empty()
            || listed
                .any(|rules| rules.issuer.is_none() || rules.names(issuer) || rules.spelled(issuer))
    }

    /// Whether a token can have roles; `true` if the issuers cannot be enumerated.
    pub(super) fn may_read_roles(&self) -> bool {
        let mut listed = self.listed.iter().map(|listed| &listed.entry.rules);
        !self.sources.is_empty() || listed.any(|rules| !rules.role_claims.is_empty())
    }
}
