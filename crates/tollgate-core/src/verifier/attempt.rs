//! The verification of a token: from the cache or from the start, with or without a wait for keys.

use zeroize::Zeroizing;

use super::{Inner, Verifier};
use crate::http::SourceKind;
use crate::key::keyring::unanswered;
use crate::key::source::{MissingKey, Unavailable};
use crate::rejection::Rejection;
use crate::step::{BoxFuture, Step};
use crate::token::compact::{Compact, Segment};
use crate::verifier::cache::Held;
use crate::verifier::claimed_issuer::ClaimedIssuer;
use crate::verifier::confirmation::Unconfirmed;
use crate::verifier::evidence::Evidence;
use crate::verifier::issuers::Chosen;
use crate::verifier::principal::Principal;
use crate::verifier::unverified::{Unsigned, Unverified};

impl Verifier {
    /// Finds a token in the cache, or verifies it from the start.
    ///
    /// An error is the outcome: a rejection, or a wait for a newer key set. `refreshed` is the
    /// answer of the key sources after such a wait; without it the sources may be queried.
    pub(super) fn attempt(
        &self,
        token: &[u8],
        source: Option<SourceKind>,
        refreshed: Option<Result<(), Unavailable>>,
    ) -> Result<Unconfirmed, Step<Result<Unconfirmed, Rejection>>> {
        let Inner {
            issuers,
            limits,
            clock,
            cache,
            padded,
            ..
        } = &*self.0;
        let now = clock.now();
        let sought = cache.as_ref().and_then(|cache| cache.seek(token));
        if let Some(sought) = &sought
            && let Some(known) = sought.find(now, issuers)
        {
            let verified = known.held.value();
            verified.check_times(now).map_err(|rejection| {
                sought.forget();
                rejection.with_issuer(verified.issuer_label())
            })?;
            if let Some(evidence) = known.due() {
                issuers.note_use(evidence, verified.key(), now);
            }
            return Ok(Unconfirmed::new(Principal::new(known.held, source, now)));
        }
        let compact = match source {
            Some(source) => Compact::split_credential(token, source, limits, *padded)?,
            None => Compact::split(token, limits)?,
        };
        let compact = if *padded {
            compact.with_padding()?
        } else {
            compact
        };
        let mut segments = [Segment::new(), Segment::new()];
        let [header, payload] = &mut segments;
        let token = Unverified::read(compact, header, limits)?;
        let issuer = issuers.of(&compact, limits)?;
        let checked = || {
            let signed = match token.signed_by(&issuer, now, limits)? {
                Ok(signed) => signed,
                Err(unsigned) => {
                    return Err(self.missing_key(&unsigned, &issuer, source, refreshed));
                }
            };
            let payload = compact.payload(payload)?;
            Ok(signed.verified(payload, &issuer, now, limits)?)
        };
        let (verified, key_source, epochs) = checked().map_err(|outcome| match outcome {
            Step::Ready(Err(rejection)) => rejection.with_issuer(issuer.entry.label.name()).into(),
            waits => waits,
        })?;
        issuer.keyring.note_use(key_source, verified.key(), now);
        if let Some(sought) = sought {
            sought.keep(
                now,
                &verified,
                Evidence {
                    issuer: issuer.trusted(),
                    source: key_source,
                    epochs,
                },
            );
        }
        Ok(Unconfirmed::new(Principal::new(
            Held::Together(verified),
            source,
            now,
        )))
    }

    /// Returns the outcome for a token that no key has verified: a query to the key sources, or the
    /// refusal. A token with another `iss` is refused regardless of its key.
    #[cold]
    fn missing_key(
        &self,
        unsigned: &Unsigned<'_, '_>,
        issuer: &Chosen<'_>,
        source: Option<SourceKind>,
        refreshed: Option<Result<(), Unavailable>>,
    ) -> Step<Result<Unconfirmed, Rejection>> {
        let Unsigned {
            compact,
            header,
            search,
        } = unsigned;
        let (header, text) = header.parts();
        let kid = header.kid.as_ref().map(|kid| kid.read(text));
        let missing = MissingKey::new(kid, header.algorithm);
        let refreshed = match refreshed {
            _ if !issuer.keyring.may_be_missing(search, missing) => Ok(()),
            Some(answer) => answer,
            None => {
                // Among several issuers, `iss` has selected this one.
                if self.0.issuers.only().is_some()
                    && let Err(rejection) =
                        ClaimedIssuer::check(compact, &issuer.entry.rules, &self.0.limits)
                {
                    return rejection.into();
                }
                match issuer.keyring.refresh(missing) {
                    Step::Ready(answer) => answer,
                    Step::Pending(answer) => {
                        let refusal = search.rejection(missing, Ok(()));
                        let searched = Evidence {
                            issuer: issuer.trusted(),
                            source: None,
                            epochs: search.epochs.clone(),
                        };
                        return self.wait(compact.token(), source, answer, searched, refusal);
                    }
                }
            }
        };
        search.rejection(missing, refreshed).into()
    }

    /// Waits for newer keys and makes a second attempt, which queries no source. If the keys are
    /// those that were `searched`, the outcome is the `refusal`, or that of the failed fetch: none
    /// of them is tried twice.
    fn wait(
        &self,
        token: &[u8],
        source: Option<SourceKind>,
        newer_keys: BoxFuture<Result<(), Unavailable>>,
        searched: Evidence,
        refusal: Rejection,
    ) -> Step<Result<Unconfirmed, Rejection>> {
        let (verifier, token) = (self.clone(), Zeroizing::new(token.to_vec()));
        Step::pending(async move {
            let refreshed = newer_keys.await;
            // A source without keys may know a better time to retry, unless the fetch has told it.
            let is_known = refreshed.is_err() || searched.epochs.iter().all(Option::is_some);
            if let Some(same) = verifier.0.issuers.unchanged(&searched).filter(|_| is_known) {
                let refusal = refreshed.map_or_else(unanswered, |()| refusal);
                return Err(refusal.with_issuer(same.entry.label.name()));
            }
            match verifier.attempt(&token, source, Some(refreshed)) {
                Ok(unconfirmed) => Ok(unconfirmed),
                Err(outcome) => outcome.await,
            }
        })
    }
}
