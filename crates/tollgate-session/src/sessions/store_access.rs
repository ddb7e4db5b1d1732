//! The operations on the stores, each bounded by the timeout.

use std::future::Future;

use tokio::time::timeout;

use super::{Bound, Sessions, Tokens};
use crate::error::{SessionError, SessionErrorKind};
use crate::id::SessionId;
use crate::issuer::{ACTOR_CLAIM, AccessToken};
use crate::refresh::{Event, Outcome, Record, Unreadable, step};
use crate::revocation::{Operation, Revocation, RevocationKey, RevocationKind};
use crate::store::{StoreErrorKind, StoreFuture, StoredSession, no_answer};

/// The number of attempts after lost compare-and-swap races.
pub(super) const TRIES: usize = 16;

/// A session in the store.
pub(super) enum Loaded {
    Missing,
    /// The record, and the stored session that it was read from.
    Found(Record, StoredSession),
    /// The content, or all of it if there is none, cannot be read.
    Unreadable(Unreadable, Option<StoredSession>),
}

/// The sessions of a subject in the store.
pub(super) struct Listed {
    /// The sessions that have not ended.
    pub(super) open: Vec<Record>,
    /// The sessions that have just ended.
    pub(super) ended: Vec<StoredSession>,
    pub(super) unreadable: Vec<SessionId>,
}

impl Sessions {
    pub(crate) fn now(&self) -> u64 {
        self.0.issuer.clock().now()
    }

    /// Bounds a whole operation by the timeout, however many steps it has.
    pub(super) fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, SessionError>>,
    ) -> impl Future<Output = Result<T, SessionError>> {
        // Outside the block, which would have room for `work` once more.
        let work = timeout(self.0.timeout, work);
        async move {
            let done = work.await;
            self.0.revocations.note_whole(done.is_err());
            done.unwrap_or_else(|_| Err(no_answer(self.0.timeout).into()))
        }
    }

    pub(super) async fn watch<T>(
        &self,
        operation: Operation,
        work: StoreFuture<'_, T>,
    ) -> Result<T, SessionError> {
        Ok(self.0.revocations.watch(operation, work).await?)
    }

    /// Loads a session. One that cannot be read is reported in the log.
    pub(super) async fn find(&self, id: &SessionId, now: u64) -> Result<Loaded, SessionError> {
        self.read(id, self.0.store.load(id, now)).await
    }

    async fn read(
        &self,
        id: &SessionId,
        loading: StoreFuture<'_, Option<StoredSession>>,
    ) -> Result<Loaded, SessionError> {
        let loaded = self
            .0
            .revocations
            .watch(Operation::ReadSession, loading)
            .await;
        let (why, stored) = match loaded {
            Ok(Some(stored)) => match read(&stored, id) {
                Ok(record) => return Ok(Loaded::Found(record, stored)),
                Err(why) => (why, Some(stored)),
            },
            Ok(None) => return Ok(Loaded::Missing),
            Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                tracing::error!(target: "tollgate", session = %id, %error, "unreadable session");
                (Unreadable::Malformed, None)
            }
            Err(error) => return Err(error.into()),
        };
        if why == Unreadable::Malformed {
            // If revocations cannot be read either, it is the store and not this session.
            let other = self.key(RevocationKind::Session, id.to_string());
            self.0.revocations.find(&[other]).await?;
        }
        Ok(Loaded::Unreadable(why, stored))
    }

    /// Loads a session that the caller cannot continue without, and its revocations if the store
    /// can read them in the same round trip.
    pub(super) async fn load(
        &self,
        id: &SessionId,
        now: u64,
    ) -> Result<Option<(Record, StoredSession, Option<Vec<Revocation>>)>, SessionError> {
        let mut revocations = None;
        let loaded = match self.0.revocations.find_with_session(id, now) {
            Some(loading) => {
                let loading = async {
                    let loaded = loading.await?;
                    Ok(loaded.map(|(session, entries)| {
                        revocations = Some(entries);
                        session
                    }))
                };
                self.read(id, Box::pin(loading)).await?
            }
            None => self.find(id, now).await?,
        };
        match loaded {
            Loaded::Missing => Ok(None),
            Loaded::Found(record, stored) => Ok(Some((record, stored, revocations))),
            Loaded::Unreadable(why, _) => Err(unreadable(why)),
        }
    }

    /// Waits until a session that another operation has written cannot be lost any more. Returns
    /// `false` if it has changed in the meantime. Nothing may be acknowledged before.
    pub(super) async fn confirm(
        &self,
        stored: &StoredSession,
        now: u64,
    ) -> Result<bool, SessionError> {
        self.watch(Operation::ConfirmSession, self.0.store.confirm(stored, now))
            .await
    }

    pub(super) async fn insert(&self, record: &Record, now: u64) -> Result<bool, SessionError> {
        let stored = record.write()?;
        self.watch(Operation::AddSession, self.0.store.insert(&stored, now))
            .await
    }

    /// Replaces the predecessor of `next`. Returns `false` if another writer was first.
    pub(super) async fn replace(&self, next: &Record, now: u64) -> Result<bool, SessionError> {
        let stored = next.write()?;
        let expected = next.revision.wrapping_sub(1);
        self.watch(
            Operation::WriteSession,
            self.0.store.replace(&stored, expected, now),
        )
        .await
    }

    /// Returns the sessions of the subject that have not expired or ended.
    pub(super) async fn live(&self, subject: &str, now: u64) -> Result<Vec<Record>, SessionError> {
        let mut live = self.list(subject, now).await?.open;
        live.retain(|record| record.body.is_live(now));
        Ok(live)
    }

    /// Returns the sessions of the subject. Some may have just expired while an operation in
    /// progress still uses them. One that cannot be read is reported in the log.
    pub(super) async fn list(&self, subject: &str, now: u64) -> Result<Listed, SessionError> {
        // Sessions that have just ended are still listed, and must not hide others.
        let mut most = self.0.most.saturating_mul(2).saturating_add(64);
        let all = loop {
            let all = self
                .watch(
                    Operation::ListSessions,
                    self.0.store.of_subject(subject, most, now),
                )
                .await?;
            if all.len() < most {
                break all;
            }
            most = most.saturating_mul(2);
        };
        let mut listed = Listed {
            open: Vec::with_capacity(all.len()),
            ended: Vec::new(),
            unreadable: Vec::new(),
        };
        for stored in all {
            if stored.subject != subject {
                let session = stored.id;
                tracing::error!(target: "tollgate", %session, "listed session of another user");
                continue;
            }
            match read(&stored, &stored.id) {
                Ok(record) if record.body.ended_at.is_none() => listed.open.push(record),
                Ok(record) => {
                    self.refuse_at_once(&record, now);
                    listed.ended.push(stored);
                }
                Err(_) => listed.unreadable.push(stored.id),
            }
        }
        Ok(listed)
    }

    /// Creates an entry that lives until no token of the record can be accepted.
    pub(super) fn entry(
        &self,
        record: &Record,
        kind: RevocationKind,
        name: &str,
        before: u64,
    ) -> Revocation {
        Revocation {
            key: self.key(kind, name),
            before,
            expires_at: self.0.revocations.end_after(record.body.issued().until),
        }
    }

    /// Returns `entries` if the subject has room for them within its budget. Otherwise returns the
    /// entry that revokes the subject's tokens issued before `before`.
    pub(super) fn within_budget(
        &self,
        record: &Record,
        entries: Vec<Revocation>,
        before: u64,
    ) -> Vec<Revocation> {
        self.budgeted(&record.subject, entries, self.merged(record, before))
    }

    /// Returns `entries` if the subject has room for them within its budget, else `merged`.
    pub(super) fn budgeted(
        &self,
        subject: &str,
        entries: Vec<Revocation>,
        merged: Revocation,
    ) -> Vec<Revocation> {
        let owned = self.0.revocations.owned_by(subject);
        if owned.saturating_add(entries.len()) <= self.0.most_revocations {
            let owned_by = |entry: Revocation| entry.owned_by(subject);
            return entries.into_iter().map(owned_by).collect();
        }
        vec![merged]
    }

    /// Creates the entry that revokes the subject's tokens issued before `before`.
    pub(super) fn merged(&self, record: &Record, before: u64) -> Revocation {
        self.entry(record, RevocationKind::Subject, &record.subject, before)
    }

    pub(super) fn key(&self, kind: RevocationKind, value: impl Into<String>) -> RevocationKey {
        RevocationKey::new(kind, self.0.issuer.name(), value)
    }

    /// Returns the revocations of a session and of `others` from the store itself. Called before
    /// the write, so that nothing changes while they cannot be read. A logout that has written its
    /// entry is visible here. A later one finds the result of the write and revokes the issued
    /// tokens, or makes the write fail.
    pub(super) async fn revocations_of(
        &self,
        record: &Record,
        others: impl IntoIterator<Item = RevocationKey>,
    ) -> Result<Vec<Revocation>, SessionError> {
        let issuer = self.0.issuer.name();
        let keys = RevocationKey::of_session(issuer, &record.id, &record.subject);
        // A token that the entry of the actor revokes is moved past it.
        let actor = record.body.actor_subject();
        let actor = actor.map(|actor| self.key(RevocationKind::Subject, actor));
        let keys: Vec<_> = keys.into_iter().chain(actor).chain(others).collect();
        Ok(self.0.revocations.find(&keys).await?)
    }

    /// Returns the record as its token may be issued: `iat` is moved past a revocation of the
    /// subject's earlier tokens. If that is not possible, the token is one of those that are
    /// revoked, and the client refreshes again. The result has to be written.
    pub(super) fn past(&self, record: Record, entries: &[Revocation], now: u64) -> Record {
        let subject = entries
            .iter()
            .filter(|entry| entry.key.kind() == RevocationKind::Subject);
        let Some(not_before) = subject.map(|entry| entry.before).max() else {
            return record;
        };
        let event = Event::Restamp { not_before };
        match step(&record, &event, now, &self.0.rules) {
            Outcome::Replace(body) => Record { body, ..record },
            _ => record,
        }
    }

    /// Like [`past`](Self::past), for a record that is stored. The move is a write, so that it does
    /// not overtake the end of the session. If another writer was first, the token stays.
    pub(super) async fn restamped(
        &self,
        record: Record,
        entries: &[Revocation],
    ) -> Result<Record, SessionError> {
        let now = self.now();
        let issued_at = record.body.access.issued_at;
        let moved = self.past(record.clone(), entries, now);
        if moved.body.access.issued_at == issued_at {
            return Ok(record);
        }
        let next = record.with(moved.body);
        Ok(if self.replace_issued(&next, now).await? {
            next
        } else {
            record
        })
    }

    /// Issues the last access token of the record. All callers receive the same one.
    pub(super) fn access_token(&self, record: &Record) -> Result<String, SessionError> {
        let body = &record.body;
        let mut token = AccessToken::new(&*record.subject);
        token.session = Some(record.id);
        token.client_id.clone_from(&body.client_id);
        token.scope.clone_from(&body.access.scope);
        token.auth_time = body.access.auth_time.or(Some(body.auth_time));
        token.csrf.clone_from(&body.csrf);
        token.jti = Some(body.access.jti.clone());
        token.issued_at = Some(body.access.issued_at);
        token.expires_at = Some(self.access_end(record));
        token.roles.clone_from(&body.roles);
        token.claims.clone_from(&body.claims);
        if let Some(actor) = &body.actor {
            token.claims.insert(ACTOR_CLAIM.to_owned(), actor.claim());
        }
        if !body.roles.is_empty() {
            // The role claim may have had another name when the session began.
            token.claims.remove(self.0.issuer.role_claim());
        }
        self.0.issuer.issue(&token)
    }

    pub(super) fn tokens(&self, record: &Record, now: u64) -> Result<Tokens, SessionError> {
        let body = &record.body;
        let refresh_token = record.refresh_token(&self.0.rules.keys);
        let refresh_token = refresh_token.ok_or_else(|| {
            SessionError::new(
                SessionErrorKind::Unavailable,
                "the refresh key of the session is not configured",
            )
        })?;
        Ok(Tokens {
            access_token: self.access_token(record)?,
            expires_in: self.access_end(record).saturating_sub(now),
            refresh_token: refresh_token.write(),
            refresh_expires_in: body.idle_until.saturating_sub(now),
            session_expires_in: body.cap.saturating_sub(now),
            scope: body.access.scope.clone(),
            session: record.id,
            csrf: body.csrf.clone(),
            bound: body.binding.map_or(Bound::No, |_| Bound::Kept),
            browser_session: body.browser_session,
        })
    }

    /// The expiry of the session's access token. If the access lifetime is being shortened, a token
    /// of another instance may be longer; this bounds it.
    pub(super) fn access_end(&self, record: &Record) -> u64 {
        let access = &record.body.access;
        let latest = access.issued_at.saturating_add(self.0.rules.access);
        access.expires_at.min(latest)
    }

    /// Generates a `jti`.
    pub(super) fn fresh_jti(&self) -> Result<String, SessionError> {
        let mut bytes = [0; 16];
        self.0.issuer.random().fill(&mut bytes)?;
        Ok(base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes))
    }
}

/// Returns whether an entry ends the session. A session entry for tokens issued before some time,
/// as a refresh may leave one, does not.
pub(super) fn is_revoked(record: &Record, entries: &[Revocation]) -> bool {
    entries.iter().any(|entry| match entry.key.kind() {
        RevocationKind::Session => Revocation::is_all(entry.before),
        RevocationKind::SubjectSessions => record.body.created_at < entry.before,
        RevocationKind::Token | RevocationKind::Subject | RevocationKind::Key => false,
    })
}

/// Reads a stored session, or reports it in the log.
fn read(stored: &StoredSession, id: &SessionId) -> Result<Record, Unreadable> {
    Record::read(stored, id).inspect_err(|why| {
        tracing::error!(target: "tollgate", session = %id, ?why, "unreadable session");
    })
}

/// The error for a session that cannot be read. The user can log in again.
pub(super) fn unreadable(why: Unreadable) -> SessionError {
    match why {
        Unreadable::Malformed => invalid("the stored session cannot be read"),
        Unreadable::Newer => SessionError::new(
            SessionErrorKind::Unavailable,
            "a newer version of the service has written the session",
        ),
    }
}

pub(super) fn invalid(detail: &'static str) -> SessionError {
    SessionError::new(SessionErrorKind::Invalid, detail)
}

/// The error after too many lost races.
pub(super) fn contended() -> SessionError {
    SessionError::new(
        SessionErrorKind::Unavailable,
        "too many concurrent changes to the session",
    )
}
