//! Logout and the list of devices.

use tollgate_core::Principal;

use super::store_access::{Listed, Loaded, TRIES, contended, unreadable};
use super::{SessionInfo, Sessions};
use crate::error::SessionError;
use crate::event::SessionEventKind;
use crate::id::SessionId;
use crate::issuer::{LONGEST_ACCESS, LONGEST_LEEWAY};
use crate::refresh::{Event, Outcome, Record, RefreshToken, Unreadable, is_genuine, step};
use crate::revocation::{Revocation, RevocationKind};
use crate::store::StoreErrorKind;

impl Sessions {
    /// Ends a session. Returns `false` if it had expired or ended before. After this returns, no
    /// instance that can read its revocations accepts an access token of the session. Nothing can
    /// be refreshed, and no operation in progress restores the session.
    ///
    /// A session that the store does not have gets an entry that counts towards no budget. Do not
    /// call this with the ID of an unverified token.
    ///
    /// Not cancel-safe: if the future is dropped, the session may not be ended completely. Let it
    /// run to completion.
    ///
    /// # Errors
    /// `Unavailable` if a store failed or timed out. Try again.
    ///
    /// ```
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::{Issuer, Login, MemoryStore, RefreshKey, Sessions};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// # let builder = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?);
    /// # let sessions = builder.build()?;
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// assert!(sessions.logout(&tokens.session).await?);
    /// assert!(!sessions.logout(&tokens.session).await?);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn logout(&self, session: &SessionId) -> Result<bool, SessionError> {
        self.bounded(self.log_out(session)).await
    }

    /// Ends the session of a refresh token, even if the token is expired or used. Returns `false`
    /// if there is no such session or the token is forged (RFC 7009 section 2.2 does not
    /// distinguish them).
    ///
    /// # Errors
    /// The errors of [`logout`](Self::logout).
    ///
    /// ```
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::{Issuer, Login, MemoryStore, RefreshKey, Sessions};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// # let builder = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?);
    /// # let sessions = builder.build()?;
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// assert!(sessions.logout_by_refresh_token(&tokens.refresh_token).await?);
    /// assert!(!sessions.logout_by_refresh_token("rubbish").await?);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn logout_by_refresh_token(&self, refresh_token: &str) -> Result<bool, SessionError> {
        let Some(token) = RefreshToken::read(refresh_token) else {
            return Ok(false);
        };
        self.bounded(async {
            let now = self.now();
            let genuine = match self.find(&token.session, now).await? {
                Loaded::Missing => false,
                Loaded::Found(record, _) => is_genuine(&record, &token, now, &self.0.rules),
                // It cannot be used, so its end does no harm.
                Loaded::Unreadable(Unreadable::Malformed, _) => true,
                Loaded::Unreadable(why, _) => return Err(unreadable(why)),
            };
            Ok(genuine && self.log_out(&token.session).await?)
        })
        .await
    }

    /// Ends one session of `subject`, for instance from a list of devices. Returns `false` if the
    /// subject has no such session.
    ///
    /// # Errors
    /// The errors of [`logout`](Self::logout).
    ///
    /// ```
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::{Issuer, Login, MemoryStore, RefreshKey, Sessions};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// # let builder = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?);
    /// # let sessions = builder.build()?;
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// assert!(!sessions.logout_device("u-8", &tokens.session).await?);
    /// assert!(sessions.logout_device("u-7", &tokens.session).await?);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn logout_device(
        &self,
        subject: &str,
        session: &SessionId,
    ) -> Result<bool, SessionError> {
        self.bounded(async {
            let owned = match self.find(session, self.now()).await? {
                Loaded::Found(_, stored) | Loaded::Unreadable(_, Some(stored)) => {
                    stored.subject == subject
                }
                Loaded::Missing | Loaded::Unreadable(_, None) => false,
            };
            Ok(owned && self.log_out(session).await?)
        })
        .await
    }

    /// Ends all sessions of `subject` except `keep`, and returns their number.
    ///
    /// # Errors
    /// The errors of [`logout`](Self::logout). Some sessions may be ended then.
    ///
    /// ```
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::{Issuer, Login, MemoryStore, RefreshKey, Sessions};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// # let builder = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?);
    /// # let sessions = builder.build()?;
    /// let here = sessions.login(Login::new("u-7")).await?;
    /// sessions.login(Login::new("u-7")).await?;
    /// assert_eq!(sessions.logout_others("u-7", &here.session).await?, 1);
    /// assert_eq!(sessions.devices("u-7", None).await?[0].id, here.session);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn logout_others(
        &self,
        subject: &str,
        keep: &SessionId,
    ) -> Result<usize, SessionError> {
        self.logout_many(subject, Some(keep)).await
    }

    /// Ends all sessions of `subject`, revokes all access tokens issued before now, and returns the
    /// number of sessions. A login in progress is ended, or begins after this.
    ///
    /// # Errors
    /// The errors of [`logout`](Self::logout). Some sessions may be ended then.
    ///
    /// ```
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::{Issuer, Login, MemoryStore, RefreshKey, Sessions};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// # let builder = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?);
    /// # let sessions = builder.build()?;
    /// sessions.login(Login::new("u-7")).await?;
    /// sessions.login(Login::new("u-7")).await?;
    /// assert_eq!(sessions.logout_all("u-7").await?, 2);
    /// assert!(sessions.devices("u-7", None).await?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn logout_all(&self, subject: &str) -> Result<usize, SessionError> {
        // Revoked before the list is read: a login that is not listed yet finds the revocation.
        let revocations = &self.0.revocations;
        let before = revocations.not_ahead(self.now());
        let kinds = [RevocationKind::Subject, RevocationKind::SubjectSessions];
        let entries = kinds.map(|kind| revocations.entry(kind, subject, before));
        revocations.revoke(&entries).await?;
        self.logout_many(subject, None).await
    }

    /// Returns the sessions of `subject` that have not expired or ended, the most recently used
    /// first. The session `current` is marked.
    ///
    /// # Errors
    /// `Unavailable` if a store failed or timed out.
    ///
    /// ```
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::{Device, Issuer, Login, MemoryStore, RefreshKey, Sessions};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// # let builder = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?);
    /// # let sessions = builder.build()?;
    /// let phone = Device { name: Some("the phone".to_owned()), ..Device::default() };
    /// let tokens = sessions.login(Login::new("u-7").device(phone)).await?;
    /// let devices = sessions.devices("u-7", Some(&tokens.session)).await?;
    /// assert_eq!(devices[0].name.as_deref(), Some("the phone"));
    /// assert!(devices[0].current);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn devices(
        &self,
        subject: &str,
        current: Option<&SessionId>,
    ) -> Result<Vec<SessionInfo>, SessionError> {
        let mut live = Vec::new();
        for record in self.live(subject, self.now()).await? {
            if !self.is_without_actor(&record).await? {
                live.push(record);
            }
        }
        live.sort_by_key(|record| (std::cmp::Reverse(record.body.last_seen), record.id));
        let info = |record: Record| SessionInfo::of(record, current);
        Ok(live.into_iter().map(info).collect())
    }

    pub(super) async fn log_out(&self, session: &SessionId) -> Result<bool, SessionError> {
        let ended = self.end(session).await?;
        Ok(self.notify_logout(ended))
    }

    fn notify_logout(&self, ended: Option<Record>) -> bool {
        let Some(record) = ended else { return false };
        self.notify(SessionEventKind::LoggedOut, &record);
        true
    }

    /// Ends the session of a verified access token. If the store does not have the session, such as
    /// after an earlier logout, its entry counts towards the budget of the subject.
    pub(crate) async fn logout_presented(
        &self,
        session: &SessionId,
        principal: &Principal,
    ) -> Result<bool, SessionError> {
        self.bounded(async {
            let now = self.now();
            if let Some(subject) = principal.subject()
                && let Ok(Loaded::Missing) = self.find(session, now).await
            {
                let revocations = &self.0.revocations;
                let expiry = principal.expires_at().unwrap_or(0);
                let last = principal.issued_at().unwrap_or(0).max(now);
                let [one, merged] = [
                    (
                        RevocationKind::Session,
                        &*session.to_string(),
                        Revocation::ALL,
                    ),
                    (RevocationKind::Subject, subject, last.saturating_add(1)),
                ]
                .map(|(kind, name, before)| {
                    let mut entry = revocations.entry(kind, name, before);
                    entry.expires_at = entry.expires_at.max(revocations.end_after(expiry));
                    entry
                });
                let entries = self.budgeted(subject, vec![one], merged);
                revocations.revoke(&entries).await?;
                return Ok(false);
            }
            self.log_out(session).await
        })
        .await
    }

    /// Revokes a session's tokens, then ends it. Returns its record, unless it was ended before.
    pub(super) async fn end(&self, id: &SessionId) -> Result<Option<Record>, SessionError> {
        // Even if the session store is down or has lost the session, the tokens are revoked.
        match self.find(id, self.now()).await {
            // Revoked by `finish`.
            Ok(Loaded::Found(..) | Loaded::Unreadable(..)) => {}
            Ok(Loaded::Missing) | Err(_) => self.0.revocations.revoke_session(id).await?,
        }
        self.finish(id, None).await
    }

    /// Ends a session. Before the write, it revokes the tokens of the record that the write
    /// replaces, unless it was `revoked` in this revision. An operation that issues a token in the
    /// meantime either loses its own write, or makes this one fail and try again.
    pub(super) async fn finish(
        &self,
        id: &SessionId,
        revoked: Option<u64>,
    ) -> Result<Option<Record>, SessionError> {
        let mut there = None;
        for _ in 0..TRIES {
            let now = self.now();
            let (record, stored) = match self.find(id, now).await? {
                Loaded::Missing => return Ok(there),
                Loaded::Found(record, stored) => (record, stored),
                Loaded::Unreadable(_, stored) => {
                    self.revoke_unreadable(id).await?;
                    let Some(stored) = stored else {
                        return Ok(there);
                    };
                    let next = Record::tombstone(&stored, *id, now);
                    if self.replace(&next, now).await? {
                        return Ok(Some(next));
                    }
                    continue;
                }
            };
            let Outcome::Replace(body) = step(&record, &Event::End, now, &self.0.rules) else {
                // Another instance may have ended it: this one must refuse its tokens at once too.
                self.refuse_at_once(&record, now);
                // Another call has ended it, and may have got an error.
                if self.confirm(&stored, now).await? {
                    return Ok(there);
                }
                continue;
            };
            if revoked != Some(record.revision) {
                let entries = self.ending(std::slice::from_ref(&record), now, true);
                self.0.revocations.revoke(&entries).await?;
            }
            let next = record.with(body);
            if self.replace(&next, now).await? {
                return Ok(Some(next));
            }
            // A concurrent refresh that finds the entry also ends the session, and may be first.
            // This call still counts as the one that ended it.
            there = Some(record);
        }
        Err(contended())
    }

    /// Refuses the tokens of an ended session before this instance has read their revocation.
    pub(super) fn refuse_at_once(&self, record: &Record, now: u64) {
        let entries = self.ending(std::slice::from_ref(record), now, true);
        self.0.revocations.learn(&entries);
    }

    /// Revokes the tokens of a session that cannot be read, as long as any of them can live.
    async fn revoke_unreadable(&self, id: &SessionId) -> Result<(), SessionError> {
        let (id, longest) = (
            id.to_string(),
            LONGEST_ACCESS.saturating_add(LONGEST_LEEWAY),
        );
        let revocations = &self.0.revocations;
        let mut entry = revocations.entry(RevocationKind::Session, &id, Revocation::ALL);
        entry.expires_at = self.now().saturating_add(longest.as_secs());
        Ok(revocations.revoke(&[entry]).await?)
    }

    /// Returns the entries that revoke the tokens of these sessions of one subject: one `each`
    /// within the budget, or one for all. Sessions whose tokens have all expired need none.
    fn ending(&self, records: &[Record], now: u64, each: bool) -> Vec<Revocation> {
        let until = |record: &&Record| record.body.issued().until;
        // By both clocks: the token is accepted again if this clock is ahead and is set back.
        let ended = self.0.revocations.ended_until(now);
        let accepted = |record: &&Record| self.0.revocations.end_after(until(record)) > ended;
        let records: Vec<&Record> = records.iter().filter(accepted).collect();
        let entry = |record: &&Record| {
            let id = record.id.to_string();
            self.entry(record, RevocationKind::Session, &id, Revocation::ALL)
        };
        let last = records.iter().map(|record| record.body.issued().last).max();
        match (records.iter().max_by_key(|record| until(record)), last) {
            (Some(longest), Some(last)) if each => {
                let entries = records.iter().map(entry).collect();
                self.within_budget(longest, entries, last.saturating_add(1))
            }
            (Some(longest), Some(last)) => vec![self.merged(longest, last.saturating_add(1))],
            _ => Vec::new(),
        }
    }

    async fn logout_many(
        &self,
        subject: &str,
        keep: Option<&SessionId>,
    ) -> Result<usize, SessionError> {
        let mut count = 0;
        'again: for _ in 0..TRIES {
            let now = self.now();
            let Listed {
                open: mut found,
                ended,
                mut unreadable,
            } = self.list(subject, now).await?;
            found.retain(|record| Some(&record.id) != keep);
            unreadable.retain(|id| Some(id) != keep);
            if found.is_empty() && unreadable.is_empty() {
                // Another call has ended these, and may have got an error.
                for stored in &ended {
                    if !self.confirm(stored, now).await? {
                        continue 'again;
                    }
                }
                return Ok(count);
            }
            for id in &unreadable {
                count += usize::from(self.log_out(id).await?);
            }
            let now = self.now();
            let revocations = &self.0.revocations;
            let entries = self.ending(&found, now, true);
            match revocations.revoke(&entries).await {
                // There is room for the subject, whose entry exists.
                Err(error) if error.kind() == StoreErrorKind::Full && keep.is_none() => {
                    let entries = self.ending(&found, now, false);
                    revocations.revoke(&entries).await?;
                }
                stored => stored?,
            }
            for record in &found {
                // A refresh may have been first, as in `finish`.
                let ended = self.finish(&record.id, Some(record.revision)).await?;
                count += usize::from(self.notify_logout(ended.or_else(|| Some(record.clone()))));
            }
        }
        Err(contended())
    }
}
