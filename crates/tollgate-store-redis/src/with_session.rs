//! The read of a session together with its revocations.

use futures_util::future::try_join;
use redis::Value;
use tollgate_session::{
    Revocation, RevocationKey, RevocationStore as _, SessionId, SessionStore as _, StoreError,
    StoreErrorKind, StoredSession,
};

use crate::scripts::SESSION_AND_ENTRIES;
use crate::sessions::{FIELDS, session};
use crate::store::RedisStore;

type Both = Option<(StoredSession, Vec<Revocation>)>;

impl RedisStore {
    /// The names of the revocations contain the subject, which only the session tells. If this
    /// instance has seen the session before, two commands read both at the same time, in different
    /// slots. Otherwise, a script does on a single server.
    pub(crate) async fn session_and_revocations(
        &self,
        id: &SessionId,
        issuer: &str,
        now: u64,
    ) -> Result<Both, StoreError> {
        let guess = self.subjects().get(id);
        let keys = |subject: &str| RevocationKey::of_session(issuer, id, subject);
        let (session, entries) = match &guess {
            Some(subject) => {
                let keys = keys(subject);
                try_join(self.load(id, now), self.find(&keys, now)).await?
            }
            None => match self.by_script(id, issuer, now).await? {
                Some(both) => return Ok(both),
                None => (self.load(id, now).await?, Vec::new()),
            },
        };
        let Some(session) = session else {
            return Ok(None);
        };
        if guess.as_deref() == Some(&*session.subject) {
            return Ok(Some((session, entries)));
        }
        self.subjects().add(*id, &session.subject);
        let entries = self.find(&keys(&session.subject), now).await?;
        Ok(Some((session, entries)))
    }

    /// Returns `None` if the script is not possible: in a cluster, behind a proxy that spreads the
    /// keys, or if one of both cannot be read.
    async fn by_script(
        &self,
        id: &SessionId,
        issuer: &str,
        now: u64,
    ) -> Result<Option<Both>, StoreError> {
        if self.servers().are_sharded() {
            return Ok(None);
        }
        let deadline = self.deadline();
        let keys = vec![self.keys().session(id), self.keys().entries()];
        // The key ends with the subject.
        let prefixes = RevocationKey::of_session(issuer, id, "").map(|key| key.to_bytes());
        let fields = FIELDS.map(|field| field.as_bytes().to_vec());
        let arguments = prefixes.into_iter().chain(fields).collect();
        let answer = self.read(&SESSION_AND_ENTRIES, keys, arguments, deadline);
        let (fields, found) = match answer.await {
            Ok(Value::Int(0)) => return Ok(Some(None)),
            Ok(Value::Array(both)) => match <[Value; 2]>::try_from(both) {
                Ok([Value::Array(fields), found]) => (fields, found),
                _ => return Ok(None),
            },
            Err(error) if error.kind() != StoreErrorKind::Corrupt => return Err(error),
            _ => return Ok(None),
        };
        let fields = fields.try_into().ok();
        let Some(session) = fields.and_then(|fields| session(*id, fields)) else {
            return Ok(None);
        };
        if session.expires_at <= now {
            return Ok(Some(None));
        }
        self.subjects().add(*id, &session.subject);
        let keys = RevocationKey::of_session(issuer, id, &session.subject);
        let entries = self.found(&keys, found, now, deadline).await?;
        Ok(Some(Some((session, entries))))
    }
}
