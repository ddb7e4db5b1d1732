//! Sessions in which an actor acts as the user (RFC 8693 section 4.1). They end with the session of
//! the actor.

use tollgate_core::Principal;

use super::Sessions;
use super::renewal::{Reason, was_revoked};
use super::store_access::{TRIES, contended, invalid, is_revoked};
use crate::error::{SessionError, SessionErrorKind};
use crate::event::SessionEventKind;
use crate::id::SessionId;
use crate::refresh::{Actor, Issued, Record};
use crate::store::StoredSession;

/// The limits of a session that an actor begins.
pub(super) struct BeginningActor {
    pub(super) actor: Actor,
    pub(super) cap: u64,
    pub(super) auth_time: u64,
}

impl Sessions {
    /// Returns the actor of a login and its limits. `replaced` are the sessions that the login
    /// ends.
    pub(super) async fn beginning_actor(
        &self,
        principal: &Principal,
        replaced: &[SessionId],
        now: u64,
    ) -> Result<BeginningActor, SessionError> {
        let over =
            || invalid("the session of the actor is over, or its token is not from these sessions");
        if principal.actor().ok() != Some(None) {
            return Err(impersonated());
        }
        let (id, presented, names) = self.presented(principal).ok_or_else(over)?;
        if replaced.contains(&id) {
            return Err(SessionError::new(
                SessionErrorKind::Misconfigured,
                "the login would end the session of its actor: use a `CookieTransport` with other \
                 cookie names",
            ));
        }
        let mut actor = Actor::new(presented.subject.clone(), &id);
        let (record, _) = self.live_actor(&actor).await?.ok_or_else(over)?;
        let revocations = self.revocations_of(&record, names).await?;
        if record.body.actor.is_some() {
            return Err(impersonated());
        }
        let end = end_of(&record);
        if end <= now || was_revoked(&presented, &revocations, Reason::Slide) {
            return Err(over());
        }
        actor.until = Some(end);
        Ok(BeginningActor {
            actor,
            cap: record.body.cap,
            // An older token must not gain the later authentication of its owner.
            auth_time: record.body.auth_time.min(presented.auth_time.unwrap_or(0)),
        })
    }

    /// Reads when the session of the actor ends, for the expiry of the next access token. Returns
    /// `false` if it is over; this session is ended then.
    pub(super) async fn check_actor(
        &self,
        record: &mut Record,
        now: u64,
    ) -> Result<bool, SessionError> {
        let live = record.body.is_live(now);
        let Some(actor) = record.body.actor.as_mut().filter(|_| live) else {
            return Ok(true);
        };
        let Some((of_actor, _)) = self.live_actor(actor).await? else {
            if let Some(ended) = self.end(&record.id).await? {
                self.notify(SessionEventKind::Ended, &ended);
            }
            return Ok(false);
        };
        let end = end_of(&of_actor);
        actor.until = Some(end);
        // Only this clock may be past it.
        Ok(now < end)
    }

    /// Returns whether the session has an actor whose session is over.
    pub(super) async fn is_without_actor(&self, record: &Record) -> Result<bool, SessionError> {
        Ok(match &record.body.actor {
            Some(actor) => self.live_actor(actor).await?.is_none(),
            None => false,
        })
    }

    /// Makes the session of the actor know the access token of `record`, before it is issued: a
    /// logout of the actor then revokes it until its end. A concurrent logout either loses its own
    /// write and tries again, or makes this one fail. Returns `false` if the session of the actor
    /// is over, or ends before the token.
    pub(super) async fn is_known_to_actor(&self, record: &Record) -> Result<bool, SessionError> {
        let Some(actor) = &record.body.actor else {
            return Ok(true);
        };
        let access = &record.body.access;
        for _ in 0..TRIES {
            let Some((of_actor, stored)) = self.live_actor(actor).await? else {
                return Ok(false);
            };
            if end_of(&of_actor) < access.expires_at {
                return Ok(false);
            }
            let before = of_actor.body.issued();
            let issued = Issued {
                last: before.last.max(access.issued_at),
                until: before.until.max(access.expires_at),
            };
            let known = if of_actor.body.issued == Some(issued) {
                self.confirm(&stored, self.now()).await?
            } else {
                let mut next = of_actor.with(of_actor.body.clone());
                next.body.issued = Some(issued);
                self.replace(&next, self.now()).await?
            };
            if known {
                return Ok(true);
            }
        }
        Err(contended())
    }

    /// Like [`replace`](Self::replace), for a record whose access token is issued then.
    pub(super) async fn replace_issued(
        &self,
        next: &Record,
        now: u64,
    ) -> Result<bool, SessionError> {
        // Boxed, because it is rare.
        if next.body.actor.is_some() && !Box::pin(self.is_known_to_actor(next)).await? {
            return Ok(false);
        }
        self.replace(next, now).await
    }

    /// Returns the session of the actor; `None` if it is over. A session that is over only by the
    /// clock of this instance is not.
    async fn live_actor(
        &self,
        actor: &Actor,
    ) -> Result<Option<(Record, StoredSession)>, SessionError> {
        let now = self.earlier_now();
        let Ok(id) = actor.sid.parse() else {
            return Ok(None);
        };
        let (record, stored, revocations) = match self.load(&id, now).await {
            Ok(Some(loaded)) => loaded,
            Ok(None) => return Ok(None),
            // Its record is damaged.
            Err(error) if error.kind() == SessionErrorKind::Invalid => return Ok(None),
            Err(error) => return Err(error),
        };
        if record.subject != actor.sub || !record.body.is_live(now) {
            return Ok(None);
        }
        let revocations = match revocations {
            Some(revocations) => revocations,
            None => self.revocations_of(&record, None).await?,
        };
        Ok((!is_revoked(&record, &revocations)).then_some((record, stored)))
    }
}

/// The end of a session that is not used any more.
fn end_of(record: &Record) -> u64 {
    record.body.idle_until.min(record.body.cap)
}

/// The error for what only the user may do.
pub(super) fn impersonated() -> SessionError {
    SessionError::new(
        SessionErrorKind::Impersonated,
        "the token has an actor: only the user may do this",
    )
}
