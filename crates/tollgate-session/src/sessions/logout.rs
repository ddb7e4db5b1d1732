//! Logout and the list of devices.

use super::store_access::{TRIES, contended};
use super::{SessionInfo, Sessions};
use crate::device::Device;
use crate::error::SessionError;
use crate::event::SessionEvent;
use crate::id::SessionId;
use crate::refresh::{Event, Outcome, Record, RefreshToken, Refused, step};
use crate::revocation::Revocation;

impl Sessions {
    /// Ends a session. Returns `false` if it had expired or ended before. After this returns, no
    /// instance that can read its revocations accepts an access token of the session. Nothing can
    /// be refreshed, and no operation in progress restores the session.
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
            let Some(record) = self.load(&token.session, now).await? else {
                return Ok(false);
            };
            let event = Event::Refresh {
                token: &token,
                arrived_at: now,
                scope: None,
                device: &Device::default(),
                jti: "",
            };
            let genuine = match step(&record, &event, now, &self.0.rules) {
                Outcome::Replace(_) | Outcome::Repeat | Outcome::Reuse => true,
                Outcome::Refused(why) => why == Refused::KeyMissing,
            };
            if genuine {
                self.log_out(&record.id).await
            } else {
                Ok(false)
            }
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
            match self.load(session, self.now()).await? {
                Some(record) if record.subject == subject => self.log_out(session).await,
                _ => Ok(false),
            }
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
        self.0
            .revocations
            .revoke_subject(subject, self.now())
            .await?;
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
        let mut live = self.live(subject, self.now()).await?;
        live.sort_by_key(|record| (std::cmp::Reverse(record.body.last_seen), record.id));
        let info = |record: Record| SessionInfo::of(record, current);
        Ok(live.into_iter().map(info).collect())
    }

    async fn log_out(&self, session: &SessionId) -> Result<bool, SessionError> {
        let ended = self.end(session).await?;
        Ok(self.notify_logout(ended))
    }

    fn notify_logout(&self, ended: Option<Record>) -> bool {
        let Some(record) = ended else { return false };
        self.notify(&SessionEvent::LoggedOut {
            session: record.id,
            subject: record.subject,
        });
        true
    }

    /// Revokes a session's tokens, then ends it. Returns its record, unless it was ended before.
    pub(super) async fn end(&self, id: &SessionId) -> Result<Option<Record>, SessionError> {
        // The revocation comes first: even if the session store is down, the tokens are revoked.
        let there = self.load(id, self.now()).await.ok().flatten();
        self.0.revocations.revoke_session(id).await?;
        // A concurrent refresh that finds the entry also ends the session, and may be first. This
        // call still counts as the one that ended it.
        let ended = self.finish(id).await?;
        Ok(ended.or_else(|| there.filter(|record| record.body.ended_at.is_none())))
    }

    /// Ends a session whose tokens have been revoked.
    pub(super) async fn finish(&self, id: &SessionId) -> Result<Option<Record>, SessionError> {
        for _ in 0..TRIES {
            let now = self.now();
            let Some(record) = self.load(id, now).await? else {
                return Ok(None);
            };
            let Outcome::Replace(body) = step(&record, &Event::End, now, &self.0.rules) else {
                return Ok(None);
            };
            self.extend_revocation(&record).await?;
            let next = record.with(*body);
            if self.replace(&next, now).await? {
                return Ok(Some(next));
            }
        }
        Err(contended())
    }

    /// Extends the revocation if a token outlives it, which happens after a clock was set back.
    async fn extend_revocation(&self, record: &Record) -> Result<(), SessionError> {
        let mut entry = self.session_entry(&record.id, Revocation::ALL);
        let needed = record
            .body
            .access
            .expires_at
            .saturating_add(self.0.rules.leeway);
        if entry.expires_at < needed {
            entry.expires_at = needed;
            self.0.revocations.revoke(&[entry]).await?;
        }
        Ok(())
    }

    async fn logout_many(
        &self,
        subject: &str,
        keep: Option<&SessionId>,
    ) -> Result<usize, SessionError> {
        let mut count = 0;
        for _ in 0..TRIES {
            let mut found = self.not_ended(subject, self.now()).await?;
            found.retain(|record| Some(&record.id) != keep);
            if found.is_empty() {
                return Ok(count);
            }
            let entry = |record: &Record| self.session_entry(&record.id, Revocation::ALL);
            let entries: Vec<Revocation> = found.iter().map(entry).collect();
            self.0.revocations.revoke(&entries).await?;
            for record in &found {
                // A refresh may have been first, as in `end`.
                let ended = self.finish(&record.id).await?;
                count += usize::from(self.notify_logout(ended.or_else(|| Some(record.clone()))));
            }
        }
        Err(contended())
    }
}
