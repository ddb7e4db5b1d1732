//! Another access token for one that verified.

use tollgate_core::Principal;

use super::store_access::{TRIES, contended, invalid, is_taken_back};
use super::{Renewed, Sessions};
use crate::error::SessionError;
use crate::event::SessionEvent;
use crate::id::SessionId;
use crate::refresh::{Event, Outcome, Presented, step};
use crate::revocation::{Revocation, RevocationKey, RevocationKind};

/// What is wanted of the session.
#[derive(Clone, Copy)]
enum Wish {
    Slide,
    StepUp,
}

impl Sessions {
    /// Another access token for a user who is active: it says the same, and lives as long as a new one may, never past the
    /// session's end. `None` if that gains nothing, if the session is over, or if the token was taken back since it was
    /// verified. Many who come at once with one token are given the same successor.
    ///
    /// # Errors
    /// `Unavailable` if a store failed or was late.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// let principal = sessions.issuer().verifier().build()?.verify(&tokens.access_token)?;
    /// assert!(sessions.renew(&principal).await?.is_none(), "it is as new as can be");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn renew(&self, principal: &Principal) -> Result<Option<Renewed>, SessionError> {
        let Some((id, presented, names)) = self.presented(principal) else {
            return Ok(None);
        };
        self.within(self.another(&id, &presented, &names, Wish::Slide))
            .await
    }

    /// Another access token for a user who has just proved again who they are: `auth_time` is now, in this token and in all
    /// that follow it in the session (OpenID Connect Core 1.0 section 2, RFC 9470).
    ///
    /// # Errors
    /// `Invalid` if the session is over, or the token is not of a session of these; `Unavailable` if a store failed or
    /// was late.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let tokens = sessions.login(Login::new("u-7").auth_time(1_700_000_000)).await?;
    /// let verifier = sessions.issuer().verifier().build()?;
    /// let renewed = sessions.reauthenticated(&verifier.verify(&tokens.access_token)?).await?;
    /// let principal = verifier.verify(&renewed.access_token)?;
    /// assert_eq!(principal.claim("auth_time"), principal.claim("iat"));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn reauthenticated(&self, principal: &Principal) -> Result<Renewed, SessionError> {
        let over = || invalid("the session is over, or the token is not of a session of these");
        let (id, presented, names) = self.presented(principal).ok_or_else(over)?;
        let renewed = self
            .within(self.another(&id, &presented, &names, Wish::StepUp))
            .await?;
        renewed.ok_or_else(over)
    }

    /// Whether the token is of these sessions' issuer.
    pub(crate) fn issued(&self, principal: &Principal) -> bool {
        principal.issuer() == Some(self.0.issuer.name())
    }

    /// What the token says, if it is of a session of this issuer, and what it may have been taken back by besides the session.
    fn presented(&self, principal: &Principal) -> Option<(SessionId, Presented, Vec<RevocationKey>)> {
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

    async fn another(
        &self,
        id: &SessionId,
        presented: &Presented,
        names: &[RevocationKey],
        wish: Wish,
    ) -> Result<Option<Renewed>, SessionError> {
        let jti = &*self.fresh_jti()?;
        for _ in 0..TRIES {
            // Read before the check for revocations: what expires is counted from here.
            let now = self.now();
            let Some(record) = self.load(id, now).await? else {
                return Ok(None);
            };
            let event = match wish {
                Wish::Slide => Event::Slide { presented, jti },
                Wish::StepUp => Event::Reauthenticate { presented, jti },
            };
            let record = match step(&record, &event, now, &self.0.rules) {
                Outcome::Replace(body) => {
                    let next = record.with(*body);
                    if !self.replace(&next, now).await? {
                        continue;
                    }
                    next
                }
                Outcome::Repeat => record,
                Outcome::Reuse | Outcome::Refused(_) => return Ok(None),
            };
            let against = self.against(&record, names.iter().cloned()).await?;
            if is_taken_back(&record, &against) || was_taken_back(presented, &against) {
                return Ok(None);
            }
            let renewed = Renewed {
                access_token: self.access_token(&record)?,
                expires_in: self.access_end(&record).saturating_sub(now),
            };
            self.tell(&SessionEvent::Renewed {
                session: record.id,
                subject: record.subject,
            });
            return Ok(Some(renewed));
        }
        Err(contended())
    }
}

/// Whether the token itself was taken back since it was verified, as by a refresh: what it was good for is its successor's now.
fn was_taken_back(presented: &Presented, entries: &[Revocation]) -> bool {
    entries.iter().any(|entry| presented.issued_at < entry.before)
}
