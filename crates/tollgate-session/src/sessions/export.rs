//! The export of everything that the store has about a user.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Sessions;
use super::store_access::Listed;
use crate::device::Device;
use crate::error::SessionError;
use crate::id::SessionId;
use crate::refresh::Record;
use crate::revocation::{Revocation, RevocationKind};

/// Everything that the store has about a user, for a request of access (such as article 15 of the
/// GDPR). It serialises to an object with these members. All times are in seconds since the epoch.
///
/// It has no token, no token ID, no hash and no salt. `Debug` shows only the counts.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SubjectExport {
    /// The user (`sub`).
    pub subject: String,
    /// The time of the export.
    pub exported_at: u64,
    /// The sessions, by the time of their login.
    pub sessions: Vec<ExportedSession>,
    /// The revocations of the user and of these sessions.
    pub revocations: Vec<ExportedRevocation>,
    /// The IDs of sessions whose records cannot be read.
    /// [`Sessions::forget`](crate::Sessions::forget) removes them too.
    pub unreadable: Vec<String>,
}

/// A session in a [`SubjectExport`].
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExportedSession {
    /// The session ID.
    pub id: String,
    /// The time of the login.
    pub created_at: u64,
    /// The time of the last refresh or renewal.
    pub last_seen: u64,
    /// The time when the user authenticated.
    pub auth_time: u64,
    /// The idle timeout.
    pub idle_until: u64,
    /// The absolute timeout.
    pub expires_at: u64,
    /// The time of the end; `None` if the session has not ended.
    pub ended_at: Option<u64>,
    /// The device: `user_agent`, `address` and `name`.
    pub device: Device,
    /// The client.
    pub client_id: Option<String>,
    /// The actor (`sub`) who uses this session as the user.
    pub actor: Option<String>,
    /// The scope, separated by spaces.
    pub scope: String,
    /// The roles.
    pub roles: Vec<String>,
    /// The custom claims.
    pub claims: Map<String, Value>,
    /// The [data](crate::Sessions::data) of the application; `null` if there is none.
    pub data: Value,
}

/// A revocation in a [`SubjectExport`].
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExportedRevocation {
    /// `subject`, `subject_sessions` or `session`.
    pub kind: &'static str,
    /// The user, or the session ID.
    pub value: String,
    /// Tokens, or sessions, from before this time are refused; `None` for all.
    pub before: Option<u64>,
    /// The end of the revocation.
    pub expires_at: u64,
}

impl fmt::Debug for SubjectExport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubjectExport")
            .field("sessions", &self.sessions.len())
            .field("revocations", &self.revocations.len())
            .field("unreadable", &self.unreadable.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ExportedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportedSession")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ExportedRevocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportedRevocation")
            .field("kind", &self.kind)
            .field("before", &self.before)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl From<Record> for ExportedSession {
    fn from(record: Record) -> Self {
        let body = record.body;
        Self {
            id: record.id.to_string(),
            created_at: body.created_at,
            last_seen: body.last_seen,
            auth_time: body.auth_time,
            idle_until: body.idle_until,
            expires_at: body.cap,
            ended_at: body.ended_at,
            device: body.device,
            client_id: body.client_id,
            actor: body.actor.map(|actor| actor.sub),
            scope: body.scope,
            roles: body.roles,
            claims: body.claims,
            data: body.data.map_or(Value::Null, |data| data.value),
        }
    }
}

impl ExportedRevocation {
    fn of(entry: &Revocation) -> Self {
        Self {
            kind: match entry.key.kind() {
                RevocationKind::SubjectSessions => "subject_sessions",
                RevocationKind::Session => "session",
                _ => "subject",
            },
            value: entry.key.value().to_owned(),
            before: Some(entry.before).filter(|before| !Revocation::is_all(*before)),
            expires_at: entry.expires_at,
        }
    }
}

impl Sessions {
    /// Returns everything that the store has about `subject`: its sessions, those that have just
    /// ended included, and its revocations. Costs two reads of the store.
    ///
    /// # Errors
    /// `Unavailable` if a store failed or timed out.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// sessions.login(Login::new("u-7").role("clerk")).await?;
    /// let export = serde_json::to_value(sessions.export("u-7").await?)?;
    /// assert_eq!(export["subject"], "u-7");
    /// assert_eq!(export["sessions"][0]["roles"][0], "clerk");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn export(&self, subject: &str) -> Result<SubjectExport, SessionError> {
        let work = async {
            let now = self.now();
            let Listed {
                open,
                ended,
                unreadable,
            } = self.list(subject, now).await?;
            let ended = ended.iter();
            let ended = ended.filter_map(|stored| Record::read(stored, &stored.id).ok());
            let mut records: Vec<Record> = open.into_iter().chain(ended).collect();
            records.sort_by_key(|record| (record.body.created_at, record.id));
            let ids = records.iter().map(|record| &record.id).chain(&unreadable);
            let session = |id: &SessionId| self.key(RevocationKind::Session, id.to_string());
            let mut keys: Vec<_> = ids.map(session).collect();
            for kind in [RevocationKind::Subject, RevocationKind::SubjectSessions] {
                keys.push(self.key(kind, subject));
            }
            let mut revocations = self.0.revocations.find(&keys).await?;
            revocations.sort_by(|one, other| one.key.cmp(&other.key));
            Ok(SubjectExport {
                subject: subject.to_owned(),
                exported_at: now,
                sessions: records.into_iter().map(Into::into).collect(),
                revocations: revocations.iter().map(ExportedRevocation::of).collect(),
                unreadable: unreadable.iter().map(ToString::to_string).collect(),
            })
        };
        self.bounded(work).await
    }
}
