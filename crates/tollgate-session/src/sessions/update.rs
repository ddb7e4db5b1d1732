//! A change to all sessions of a user.

use super::Sessions;
use super::store_access::{Listed, Loaded, TRIES, contended, unreadable};
use crate::continuation::SessionUpdate;
use crate::error::{SessionError, SessionErrorKind};
use crate::event::SessionEventKind;
use crate::refresh::{Record, Unreadable};
use crate::revocation::RevocationKind;

impl Sessions {
    /// Changes the roles, claims or scope of all sessions of `subject`, and revokes the access
    /// tokens that were issued before. Returns the number of sessions. An empty update only makes
    /// all clients refresh.
    ///
    /// The sessions go on: their clients get a 401, refresh, and get tokens with the change. A
    /// refresh in progress gets the change too, or its access token is refused. So is that of a
    /// login within the same second. A login in progress keeps what its [`Login`](crate::Login)
    /// says, until the [hook](crate::SessionsBuilder::on_continue) is asked.
    ///
    /// With a hook, change the data that the hook reads first: the hook is asked at the next
    /// refresh, and its answer replaces this update.
    ///
    /// # Errors
    /// - `Misconfigured`: a claim has a registered name or that of the role claim, a role is empty,
    ///   there are more than 256, or a scope is malformed. Nothing changes.
    /// - `TooLarge`: the claims do not fit into a session, which does not change. The others do.
    /// - `Unavailable`: a store failed or timed out, or a newer version of the service has written
    ///   a session. Some sessions may have changed: try again.
    ///
    /// The tokens are revoked last, also after an error, unless the store of the revocations fails.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// use tollgate::session::SessionUpdate;
    ///
    /// let first = sessions.login(Login::new("u-7").role("admin")).await?;
    /// assert_eq!(sessions.update("u-7", SessionUpdate::new().roles(["clerk"])).await?, 1);
    ///
    /// let second = sessions.refresh(&first.refresh_token, RefreshRequest::default()).await?;
    /// let principal = sessions.issuer().verifier().build()?.verify(&second.access_token)?;
    /// assert_eq!(principal.roles().collect::<Vec<_>>(), ["clerk"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn update(
        &self,
        subject: &str,
        update: SessionUpdate,
    ) -> Result<usize, SessionError> {
        self.check_update(&update)?;
        let now = self.earlier_now();
        let Listed {
            open,
            unreadable: damaged,
            ..
        } = self.list(subject, now).await?;
        if open.is_empty() && damaged.is_empty() {
            return Ok(0);
        }
        let (mut updated, mut failed) = (Vec::with_capacity(open.len()), None);
        for record in open {
            match self.updated(record, &update).await {
                Ok(record) => updated.extend(record),
                Err(error) => {
                    let of_session = error.kind() == SessionErrorKind::TooLarge;
                    failed = failed.or(Some(error));
                    // Any other may be an outage of the store.
                    if !of_session {
                        break;
                    }
                }
            }
        }
        // After the writes: a token with the former content was issued by a write that came first,
        // so its time is known now.
        let revocations = &self.0.revocations;
        let last = updated.iter().map(|record| record.body.issued().last).max();
        let last = last.unwrap_or(0).max(self.earlier_now());
        let mut entry = revocations.entry(RevocationKind::Subject, subject, last.saturating_add(1));
        for record in &updated {
            let end = revocations.end_after(record.body.issued().until);
            entry.expires_at = entry.expires_at.max(end);
        }
        revocations.revoke(&[entry]).await?;
        let count = updated.len();
        for record in updated {
            self.notify(SessionEventKind::Updated, &record);
        }
        for id in damaged {
            if let Loaded::Unreadable(Unreadable::Newer, _) = self.find(&id, now).await? {
                return Err(unreadable(Unreadable::Newer));
            }
        }
        failed.map_or(Ok(count), Err)
    }

    /// The time, not ahead of the store's: a session that has expired only by the clock of this
    /// instance goes on at the others.
    pub(super) fn earlier_now(&self) -> u64 {
        self.0.revocations.not_ahead(self.now())
    }

    /// Returns the record with the change; `None` if the session has ended.
    async fn updated(
        &self,
        mut record: Record,
        update: &SessionUpdate,
    ) -> Result<Option<Record>, SessionError> {
        for _ in 0..TRIES {
            let mut next = record.with(record.body.clone());
            next.apply(update, self.0.issuer.role_claim())?;
            // Also if nothing changes: it makes a refresh in progress start again.
            if self.replace(&next, self.earlier_now()).await? {
                return Ok(Some(next));
            }
            record = match self.find(&record.id, self.earlier_now()).await? {
                Loaded::Found(record, _) if record.body.ended_at.is_none() => record,
                Loaded::Unreadable(Unreadable::Newer, _) => {
                    return Err(unreadable(Unreadable::Newer));
                }
                _ => return Ok(None),
            };
        }
        Err(contended())
    }
}
