//! What the sessions ask of their stores, one operation at a time and each bounded in time.

use std::future::Future;

use super::{Sessions, Tokens};
use crate::error::{SessionError, SessionErrorKind, rubbish};
use crate::id::SessionId;
use crate::issuer::AccessToken;
use crate::refresh::Record;
use crate::revocation::{Revocation, RevocationKey, RevocationKind};
use crate::store::{StoreError, StoreErrorKind, StoreFuture};

/// How often a change is tried again because somebody else was first.
pub(super) const TRIES: usize = 16;

impl Sessions {
    pub(crate) fn now(&self) -> u64 {
        self.0.issuer.clock().now()
    }

    /// The whole of an operation, however many steps it takes, within the time that one may take.
    pub(super) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, SessionError>>,
    ) -> Result<T, SessionError> {
        match tokio::time::timeout(self.0.timeout, work).await {
            Ok(done) => done,
            Err(_) => Err(self.late().into()),
        }
    }

    async fn timed<T>(&self, operation: StoreFuture<'_, T>) -> Result<T, StoreError> {
        let done = tokio::time::timeout(self.0.timeout, operation).await;
        done.unwrap_or_else(|_| Err(self.late()))
    }

    fn late(&self) -> StoreError {
        let detail = format!("no answer within {:?}", self.0.timeout);
        StoreError::new(StoreErrorKind::Timeout, detail)
    }

    pub(super) async fn load(&self, id: &SessionId, now: u64) -> Result<Option<Record>, SessionError> {
        let stored = self.timed(self.0.store.load(id, now)).await?;
        stored.map(|stored| Record::read(stored, id)).transpose()
    }

    pub(super) async fn insert(&self, record: &Record, now: u64) -> Result<bool, SessionError> {
        let stored = record.write()?;
        Ok(self.timed(self.0.store.insert(&stored, now)).await?)
    }

    /// Whether `next` has taken the place of its predecessor; not if somebody else was first.
    pub(super) async fn replace(&self, next: &Record, now: u64) -> Result<bool, SessionError> {
        let stored = next.write()?;
        let expected = next.revision.saturating_sub(1);
        Ok(self.timed(self.0.store.replace(&stored, expected, now)).await?)
    }

    /// The subject's sessions that are not over.
    pub(super) async fn live(&self, subject: &str, now: u64) -> Result<Vec<Record>, SessionError> {
        let mut live = self.not_ended(subject, now).await?;
        live.retain(|record| record.body.is_live(now));
        Ok(live)
    }

    /// The subject's sessions that nobody has ended. Some may have expired just now, while who came before that is still
    /// about to use them.
    pub(super) async fn not_ended(&self, subject: &str, now: u64) -> Result<Vec<Record>, SessionError> {
        // Those that have just ended are still listed.
        let most = self.0.most.saturating_mul(2).saturating_add(64);
        let listed = self.timed(self.0.store.of_subject(subject, most, now)).await?;
        let mut found = Vec::with_capacity(listed.len());
        for stored in listed {
            if stored.subject != subject {
                return Err(rubbish("a list of sessions has another user's"));
            }
            let id = stored.id;
            let record = Record::read(stored, &id)?;
            if record.body.ended_at.is_none() {
                found.push(record);
            }
        }
        Ok(found)
    }

    pub(super) fn key(&self, kind: RevocationKind, value: impl Into<String>) -> RevocationKey {
        RevocationKey::new(kind, self.0.issuer.name(), value)
    }

    /// What the revocation store itself has against a session, and `others`. It is asked after the last write and before
    /// anything is handed out: a logout that has returned is seen here, and one that has not yet will revoke what is handed out.
    pub(super) async fn against(
        &self,
        record: &Record,
        others: impl IntoIterator<Item = RevocationKey>,
    ) -> Result<Vec<Revocation>, SessionError> {
        let mut keys = vec![
            self.key(RevocationKind::Session, record.id.to_string()),
            self.key(RevocationKind::Subject, &*record.subject),
        ];
        keys.extend(others);
        Ok(self.0.revocations.find(&keys).await?)
    }

    /// The access token that the record says was minted last. It is the same for everybody who is given it.
    pub(super) fn access_token(&self, record: &Record) -> Result<String, SessionError> {
        let body = &record.body;
        let mut token = AccessToken::new(&*record.subject);
        token.session = Some(record.id);
        token.client_id.clone_from(&body.client_id);
        token.scope.clone_from(&body.access.scope);
        token.auth_time = Some(body.auth_time);
        token.csrf.clone_from(&body.csrf);
        token.jti = Some(body.access.jti.clone());
        token.issued_at = Some(body.access.issued_at);
        token.expires_at = Some(self.access_end(record));
        token.claims.clone_from(&body.claims);
        self.0.issuer.issue(&token)
    }

    pub(super) fn tokens(&self, record: &Record, now: u64) -> Result<Tokens, SessionError> {
        let body = &record.body;
        let refresh_token = record.refresh_token(&self.0.rules.keys);
        let refresh_token = refresh_token.ok_or_else(|| {
            SessionError::new(
                SessionErrorKind::Unavailable,
                "the refresh key of the session is not there",
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
        })
    }

    /// When the session's access token expires. What another instance has minted may be meant to live longer, while the
    /// lifetime is being made shorter: here none does.
    pub(super) fn access_end(&self, record: &Record) -> u64 {
        let access = &record.body.access;
        let latest = access.issued_at.saturating_add(self.0.rules.access);
        access.expires_at.min(latest)
    }

    /// A name for an access token.
    pub(super) fn fresh_jti(&self) -> Result<String, SessionError> {
        let mut bytes = [0; 16];
        self.0.issuer.random().fill(&mut bytes)?;
        Ok(base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes))
    }
}

/// Whether the session is among what was taken back. An entry of the session that is about tokens of before some second only,
/// which a refresh may leave, does not end it.
pub(super) fn is_taken_back(record: &Record, entries: &[Revocation]) -> bool {
    entries.iter().any(|entry| match entry.key.kind() {
        RevocationKind::Session => entry.before == Revocation::ALL,
        RevocationKind::Subject => record.body.created_at < entry.before,
        RevocationKind::Token | RevocationKind::Key => false,
    })
}

pub(super) fn invalid(detail: &'static str) -> SessionError {
    SessionError::new(SessionErrorKind::Invalid, detail)
}

/// Others were first, again and again.
pub(super) fn contended() -> SessionError {
    SessionError::new(
        SessionErrorKind::Unavailable,
        "the session is being changed by too many at once",
    )
}
