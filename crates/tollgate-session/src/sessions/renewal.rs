//! Renewal of access tokens.

use tollgate_core::Principal;

use super::actor::impersonated;
use super::hook::Permission;
use super::store_access::{Loaded, TRIES, contended, invalid, is_revoked, unreadable};
use super::{Renewed, Sessions, Tokens};
use crate::continuation::ContinuationReason;
use crate::error::SessionError;
use crate::event::SessionEventKind;
use crate::id::SessionId;
use crate::refresh::{Event, Outcome, Presented, Record, Unreadable, step};
use crate::revocation::{Revocation, RevocationKey, RevocationKind};

/// The reason for a renewal.
#[derive(Clone, Copy)]
pub(super) enum Reason {
    Slide,
    StepUp,
}

impl Reason {
    const fn for_hook(self) -> ContinuationReason {
        match self {
            Self::Slide => ContinuationReason::Renewal,
            Self::StepUp => ContinuationReason::Reauthentication,
        }
    }
}

/// The outcome of a renewal.
enum Reissue {
    /// The record to issue tokens from, and the time.
    Done(Box<Record>, u64),
    Refused,
    /// The continuation hook must be asked first.
    Asks(Box<Record>, ContinuationReason),
}

impl Sessions {
    /// Issues another access token for an active user, with the same claims, unless the
    /// [continuation hook](crate::SessionsBuilder::on_continue) changes them. It never outlives the
    /// session. Concurrent calls with one token return the same successor.
    ///
    /// Returns `None` if the new token would not live longer, if the session has expired or ended,
    /// or the hook ends it, if the token was revoked after its verification, or if it is from
    /// before the last [re-authentication](Self::reauthenticated).
    ///
    /// # Errors
    /// `Unavailable` if a store failed or timed out, or the hook could not decide. `Misconfigured`
    /// or `TooLarge` if its answer does not fit.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// let principal = sessions.issuer().verifier().build()?.verify(&tokens.access_token)?;
    /// assert!(sessions.renew(&principal).await?.is_none(), "a new token would not live longer");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn renew(&self, principal: &Principal) -> Result<Option<Renewed>, SessionError> {
        let Some((id, presented, names)) = self.presented(principal) else {
            return Ok(None);
        };
        let reissued = self.reissued(&id, &presented, &names, Reason::Slide);
        let Some((record, now)) = reissued.await? else {
            return Ok(None);
        };
        Ok(Some(Renewed {
            access_token: self.access_token(&record)?,
            expires_in: self.access_end(&record).saturating_sub(now),
            browser_session: record.body.browser_session,
        }))
    }

    /// Issues new tokens for a user who has authenticated again. Their `auth_time` is now, as in
    /// all later tokens of the session (OpenID Connect Core 1.0 section 2, RFC 9470).
    ///
    /// The client must replace both tokens. The former tokens never gain the new `auth_time`: the
    /// access token is not renewed, and the refresh token is refused. Within the grace period that
    /// does not end the session, later it is reuse. If the response is lost, let the user
    /// authenticate again.
    ///
    /// # Errors
    /// - `Invalid`: the session has expired or ended, or the token is not from these sessions.
    /// - `Impersonated`: the session has an [actor](crate::Login::actor). The user is not present.
    /// - `Unavailable`: a store failed or timed out, or the hook could not decide.
    /// - `Misconfigured`, `TooLarge`: the answer of the hook does not fit.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let tokens = sessions.login(Login::new("u-7").auth_time(1_700_000_000)).await?;
    /// let verifier = sessions.issuer().verifier().build()?;
    /// let fresh = sessions.reauthenticated(&verifier.verify(&tokens.access_token)?).await?;
    /// let principal = verifier.verify(&fresh.access_token)?;
    /// assert_eq!(principal.claim("auth_time"), principal.claim("iat"));
    ///
    /// let refresh = |token| sessions.refresh(token, RefreshRequest::default());
    /// assert!(refresh(&tokens.refresh_token).await.is_err());
    /// assert!(refresh(&fresh.refresh_token).await.is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn reauthenticated(&self, principal: &Principal) -> Result<Tokens, SessionError> {
        let over =
            || invalid("the session has expired or ended, or the token is not from these sessions");
        let (id, presented, names) = self.presented(principal).ok_or_else(over)?;
        let reissued = self.reissued(&id, &presented, &names, Reason::StepUp);
        let (record, now) = reissued.await?.ok_or_else(over)?;
        self.tokens(&record, now)
    }

    /// Returns whether the token is from the issuer of these sessions.
    pub(crate) fn issued(&self, principal: &Principal) -> bool {
        principal.issuer() == Some(self.0.issuer.name())
    }

    /// Returns the claims of a token from a session of this issuer, and the keys that may revoke it
    /// besides the session.
    pub(super) fn presented(
        &self,
        principal: &Principal,
    ) -> Option<(SessionId, Presented, Vec<RevocationKey>)> {
        if !self.issued(principal) {
            return None;
        }
        let scopes: Vec<_> = principal.scopes().collect();
        let presented = Presented {
            subject: principal.subject()?.to_owned(),
            jti: principal.jwt_id()?.to_owned(),
            issued_at: principal.issued_at()?,
            expires_at: principal.expires_at()?,
            scope: scopes.join(" "),
            auth_time: principal.claim("auth_time").and_then(|time| time.as_u64()),
        };
        let mut names = vec![self.key(RevocationKind::Token, &*presented.jti)];
        let kids = [principal.key().kid(), principal.kid()];
        names.extend(
            kids.into_iter()
                .flatten()
                .map(|kid| self.key(RevocationKind::Key, kid)),
        );
        names.dedup();
        Some((principal.session_id()?.parse().ok()?, presented, names))
    }

    /// Returns the record to issue tokens from, and the time.
    async fn reissued(
        &self,
        id: &SessionId,
        presented: &Presented,
        names: &[RevocationKey],
        reason: Reason,
    ) -> Result<Option<(Record, u64)>, SessionError> {
        let mut permission = None;
        for _ in 0..TRIES {
            let reissue = self.reissue(id, presented, names, reason, permission.as_ref());
            match self.bounded(reissue).await? {
                Reissue::Done(record, now) => return Ok(Some((*record, now))),
                Reissue::Refused => return Ok(None),
                Reissue::Asks(record, reason) => {
                    permission = Box::pin(self.ask(*record, reason)).await?;
                    if permission.is_none() {
                        return Ok(None);
                    }
                }
            }
        }
        Err(contended())
    }

    async fn reissue(
        &self,
        id: &SessionId,
        presented: &Presented,
        names: &[RevocationKey],
        reason: Reason,
        permission: Option<&Permission>,
    ) -> Result<Reissue, SessionError> {
        let jti = &*self.fresh_jti()?;
        for _ in 0..TRIES {
            // Read before the revocation check, because the expiry is computed from it.
            let now = self.now();
            let (mut record, stored) = match self.find(id, now).await? {
                Loaded::Found(record, stored) => (record, stored),
                Loaded::Unreadable(Unreadable::Newer, _) => {
                    return Err(unreadable(Unreadable::Newer));
                }
                Loaded::Missing | Loaded::Unreadable(Unreadable::Malformed, _) => {
                    return Ok(Reissue::Refused);
                }
            };
            if matches!(reason, Reason::StepUp) && record.body.actor.is_some() {
                return Err(impersonated());
            }
            if record.body.actor.is_some() && !Box::pin(self.check_actor(&mut record, now)).await? {
                return Ok(Reissue::Refused);
            }
            let permitted = permission.filter(|permission| permission.is_for(&record));
            let must_ask = self.0.hook.is_some() && permitted.is_none();
            let before = self.permit(&mut record, permitted)?;
            let event = match reason {
                Reason::Slide => Event::Slide { presented, jti },
                Reason::StepUp => Event::Reauthenticate {
                    presented,
                    by_store: self.0.revocations.by_store(now),
                    jti,
                },
            };
            let next = match step(&record, &event, now, &self.0.rules) {
                // A repeat may have become a renewal while the hook was asked about it.
                Outcome::Replace(_)
                    if must_ask || permitted.is_some_and(|it| it.reason != reason.for_hook()) =>
                {
                    let record = before.unwrap_or(record);
                    return Ok(Reissue::Asks(Box::new(record), reason.for_hook()));
                }
                Outcome::Repeat { .. } if must_ask && permission.is_none() => {
                    return Ok(Reissue::Asks(Box::new(record), ContinuationReason::Repeat));
                }
                Outcome::Replace(body) => Some(record.with(body)),
                Outcome::Repeat { .. } => None,
                _ => return Ok(Reissue::Refused),
            };
            let revocations = self.revocations_of(&record, names.iter().cloned()).await?;
            if is_revoked(&record, &revocations) || was_revoked(presented, &revocations, reason) {
                return Ok(Reissue::Refused);
            }
            let record = if let Some(next) = next {
                let next = self.past(next, &revocations, now);
                if !self.replace_issued(&next, now).await? {
                    continue;
                }
                next
            } else {
                let record = before.unwrap_or(record);
                let record = self.restamped(record, &revocations).await?;
                if record.revision == stored.revision && !self.confirm(&stored, now).await? {
                    continue;
                }
                record
            };
            let kind = match reason {
                Reason::Slide => SessionEventKind::Renewed,
                Reason::StepUp => SessionEventKind::Reauthenticated,
            };
            self.notify(kind, &record);
            return Ok(Reissue::Done(Box::new(record), now));
        }
        Err(contended())
    }
}

/// Returns whether the token itself was revoked after its verification, for instance by a refresh.
/// The user who has authenticated again may go on if the session's earlier tokens were revoked.
pub(super) fn was_revoked(presented: &Presented, entries: &[Revocation], reason: Reason) -> bool {
    let counts = |entry: &&Revocation| match reason {
        Reason::Slide => true,
        Reason::StepUp => {
            matches!(
                entry.key.kind(),
                RevocationKind::Token | RevocationKind::Key
            )
        }
    };
    let mut entries = entries.iter().filter(counts);
    entries.any(|entry| presented.issued_at < entry.before)
}
