//! A token before the end of its verification.

use std::sync::Arc;

use crate::key::keyring::{Epochs, Search, Verifying};
use crate::key::source::MissingKey;
use crate::limits::Limits;
use crate::rejection::{Rejection, RejectionKind};
use crate::token::compact::{Compact, Segment};
use crate::token::header_cache::ReadHeader;
use crate::verifier::evidence::MetRules;
use crate::verifier::issuer::Issuer;
use crate::verifier::verified::Verified;

/// A token within the limits, with its header read. No part of it is verified.
pub(super) struct Unverified<'t, 'h> {
    compact: Compact<'t>,
    header: ReadHeader<'h>,
}

/// A token whose signature no key has verified.
pub(super) struct Unsigned<'t, 'h> {
    pub(super) compact: Compact<'t>,
    pub(super) header: ReadHeader<'h>,
    pub(super) search: Search,
}

/// A token whose signature a key of the issuer has verified. Its claims are not checked yet.
pub(super) struct Signed<'h> {
    header: ReadHeader<'h>,
    verifying: Verifying,
}

impl<'t, 'h> Unverified<'t, 'h> {
    pub(super) fn read(
        compact: Compact<'t>,
        segment: &'h mut Segment,
        limits: &Limits,
    ) -> Result<Self, Rejection> {
        let header = ReadHeader::of(&compact, segment, limits)?;
        Ok(Self { compact, header })
    }

    /// Verifies the signature with a key of the issuer, or returns the search for one.
    pub(super) fn signed_by(
        self,
        issuer: &Issuer,
        now: u64,
        limits: &Limits,
    ) -> Result<Result<Signed<'h>, Unsigned<'t, 'h>>, Rejection> {
        let Self {
            compact,
            header: read,
        } = self;
        let (header, text) = read.parts();
        let algorithm = header.algorithm;
        let rules = &issuer.entry.rules;
        if compact.is_padded() && !rules.padded_segments {
            return Err(padded());
        }
        rules.check_header(text, limits)?;
        rules.check_type(header.typ.as_ref().map(|typ| typ.read(text)))?;
        if let Some(allowed) = &rules.algorithms
            && !allowed.contains(&algorithm)
        {
            let detail = format!("`alg` is {algorithm}; wanted one of {allowed:?}");
            return Err(Rejection::new(RejectionKind::WrongAlgorithm, detail));
        }
        rules.check_end(algorithm, now)?;
        let kid = header.kid.as_ref().map(|kid| kid.read(text));
        let missing = MissingKey::new(kid, algorithm);
        let mut segment = Segment::new();
        let signature = compact.signature(&mut segment)?;
        let (chosen, most) = (rules.algorithms.is_some(), limits.candidate_keys());
        let input = compact.signing_input();
        match issuer
            .keyring
            .verify(input, signature, missing, chosen, most)
        {
            Ok(verifying) => {
                read.keep(&compact, limits);
                Ok(Ok(Signed {
                    header: read,
                    verifying,
                }))
            }
            Err(search) => Ok(Err(Unsigned {
                compact,
                header: read,
                search,
            })),
        }
    }
}

impl Signed<'_> {
    /// Reads the claims and checks them against the issuer's rules, the last check of a token. The
    /// source of the key and the epochs of the sources are for the cache.
    pub(super) fn verified(
        self,
        payload: &[u8],
        issuer: &Issuer,
        now: u64,
        limits: &Limits,
    ) -> Result<(Arc<Verified>, Option<usize>, Epochs), Rejection> {
        let Verifying {
            key,
            source,
            epochs,
        } = self.verifying;
        let met = MetRules::new(issuer.entry.clone(), key, &issuer.keyring);
        let (header, text) = self.header.parts();
        let verified = Verified::read(header.clone(), met, |claims, met| {
            claims.read(payload, text, limits)?;
            claims.check_subject(met.rules().numeric_subject)?;
            let of_key = met.key().issuer();
            met.rules().check_claims(claims, of_key, now, limits)?;
            met.note_roles(claims);
            Ok(())
        })?;
        Ok((verified, source, epochs))
    }
}

#[cold]
fn padded() -> Rejection {
    Rejection::new(
        RejectionKind::MalformedToken,
        "the segments are padded: this issuer does not have `dangerous_padded_segments`",
    )
}
