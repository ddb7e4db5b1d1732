//! The end of sessions.

use super::store_access::{TRIES, contended};
use super::{SessionInfo, Sessions};
use crate::device::Device;
use crate::error::SessionError;
use crate::event::SessionEvent;
use crate::id::SessionId;
use crate::refresh::{Event, Outcome, Record, RefreshToken, Refused, step};
use crate::revocation::{Revocation, RevocationKind};

impl Sessions {
    /// Ends a session; `false` if it was over before. Once this has returned, no access token of the session is accepted by any
    /// instance that can read its revocations, nothing can be refreshed, and nothing that was under way brings it back.
    ///
    /// If it is dropped before it has returned, less may have happened: a service lets it run to its end.
    ///
    /// # Errors
    /// `Unavailable` if a store failed or was late: it must be tried again.
    ///
    /// ```
    /// # use tollgate_core::{Algorithm, SigningKey};
    /// # use tollgate_session::{Issuer, Login, MemoryStore, RefreshKey, Sessions};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// # let builder = Sessions::builder(issuer, MemoryStore::default()).refresh_key(RefreshKey::generate(1)?);
    /// # let sessions = builder.build()?;
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// assert!(sessions.logout(&tokens.session).await?);
    /// assert!(!sessions.logout(&tokens.session).await?);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn logout(&self, session: &SessionId) -> Result<bool, SessionError> {
        self.within(self.log_out(session)).await
    }

    /// Ends the session that a refresh token belongs to, whether that is still good or not; `false` if there is none, or the
    /// token was made up (RFC 7009 section 2.2 wants no difference told).
    ///
    /// # Errors
    /// As [`logout`](Self::logout).
    ///
    /// ```
    /// # use tollgate_core::{Algorithm, SigningKey};
    /// # use tollgate_session::{Issuer, Login, MemoryStore, RefreshKey, Sessions};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// # let builder = Sessions::builder(issuer, MemoryStore::default()).refresh_key(RefreshKey::generate(1)?);
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
        self.within(async {
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

    /// Ends one of the sessions of `subject`, as from a list of devices; `false` if that has none of this name.
    ///
    /// # Errors
    /// As [`logout`](Self::logout).
    ///
    /// ```
    /// # use tollgate_core::{Algorithm, SigningKey};
    /// # use tollgate_session::{Issuer, Login, MemoryStore, RefreshKey, Sessions};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// # let builder = Sessions::builder(issuer, MemoryStore::default()).refresh_key(RefreshKey::generate(1)?);
    /// # let sessions = builder.build()?;
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// assert!(!sessions.logout_device("u-8", &tokens.session).await?);
    /// assert!(sessions.logout_device("u-7", &tokens.session).await?);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn logout_device(&self, subject: &str, session: &SessionId) -> Result<bool, SessionError> {
        self.within(async {
            match self.load(session, self.now()).await? {
                Some(record) if record.subject == subject => self.log_out(session).await,
                _ => Ok(false),
            }
        })
        .await
    }

    /// Ends all sessions of `subject` but one, and says how many.
    ///
    /// # Errors
    /// As [`logout`](Self::logout); some may have been ended then.
    ///
    /// ```
    /// # use tollgate_core::{Algorithm, SigningKey};
    /// # use tollgate_session::{Issuer, Login, MemoryStore, RefreshKey, Sessions};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// # let builder = Sessions::builder(issuer, MemoryStore::default()).refresh_key(RefreshKey::generate(1)?);
    /// # let sessions = builder.build()?;
    /// let here = sessions.login(Login::new("u-7")).await?;
    /// sessions.login(Login::new("u-7")).await?;
    /// assert_eq!(sessions.logout_others("u-7", &here.session).await?, 1);
    /// assert_eq!(sessions.devices("u-7", None).await?[0].id, here.session);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn logout_others(&self, subject: &str, keep: &SessionId) -> Result<usize, SessionError> {
        self.sweep(subject, Some(keep)).await
    }

    /// Ends all sessions of `subject`, takes back all access tokens of before now, and says how many sessions it were. A login
    /// that was under way is ended, or begins after this.
    ///
    /// # Errors
    /// As [`logout`](Self::logout); some may have been ended then.
    ///
    /// ```
    /// # use tollgate_core::{Algorithm, SigningKey};
    /// # use tollgate_session::{Issuer, Login, MemoryStore, RefreshKey, Sessions};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// # let builder = Sessions::builder(issuer, MemoryStore::default()).refresh_key(RefreshKey::generate(1)?);
    /// # let sessions = builder.build()?;
    /// sessions.login(Login::new("u-7")).await?;
    /// sessions.login(Login::new("u-7")).await?;
    /// assert_eq!(sessions.logout_all("u-7").await?, 2);
    /// assert!(sessions.devices("u-7", None).await?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn logout_all(&self, subject: &str) -> Result<usize, SessionError> {
        // Before the list is read: a login that is not on it yet sees this.
        self.0.revocations.revoke_subject(subject, self.now()).await?;
        self.sweep(subject, None).await
    }

    /// The sessions of `subject` that are not over, the one used last first; `current` is marked.
    ///
    /// # Errors
    /// `Unavailable` if a store failed or was late.
    ///
    /// ```
    /// # use tollgate_core::{Algorithm, SigningKey};
    /// # use tollgate_session::{Device, Issuer, Login, MemoryStore, RefreshKey, Sessions};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// # let builder = Sessions::builder(issuer, MemoryStore::default()).refresh_key(RefreshKey::generate(1)?);
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
        Ok(self.logged_out(ended))
    }

    fn logged_out(&self, ended: Option<Record>) -> bool {
        let Some(record) = ended else { return false };
        self.tell(&SessionEvent::LoggedOut {
            session: record.id,
            subject: record.subject,
        });
        true
    }

    /// Revokes a session's tokens, then ends it. What it was, if it was not over before.
    pub(super) async fn end(&self, id: &SessionId) -> Result<Option<Record>, SessionError> {
        // Whatever this comes to, the revocation is first: without the sessions' store it takes the tokens back at least.
        let there = self.load(id, self.now()).await.ok().flatten();
        self.0.revocations.revoke_session(id).await?;
        // A refresh that sees the entry ends the session, too, and may be first. It is this call's doing all the same.
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
            self.cover(&record).await?;
            let next = record.with(*body);
            if self.replace(&next, now).await? {
                return Ok(Some(next));
            }
        }
        Err(contended())
    }

    /// Where a clock was set back, a token can outlive the entry that revokes it: then that is made to last.
    async fn cover(&self, record: &Record) -> Result<(), SessionError> {
        let mut entry =
            self.0
                .revocations
                .entry(RevocationKind::Session, &record.id.to_string(), Revocation::ALL);
        let needed = record.body.access.expires_at.saturating_add(self.0.rules.leeway);
        if entry.expires_at < needed {
            entry.expires_at = needed;
            self.0.revocations.revoke(&[entry]).await?;
        }
        Ok(())
    }

    async fn sweep(&self, subject: &str, keep: Option<&SessionId>) -> Result<usize, SessionError> {
        let mut count = 0;
        for _ in 0..TRIES {
            let mut found = self.not_ended(subject, self.now()).await?;
            found.retain(|record| Some(&record.id) != keep);
            if found.is_empty() {
                return Ok(count);
            }
            let entry = |record: &Record| {
                let sid = record.id.to_string();
                self.0
                    .revocations
                    .entry(RevocationKind::Session, &sid, Revocation::ALL)
            };
            let entries: Vec<Revocation> = found.iter().map(entry).collect();
            self.0.revocations.revoke(&entries).await?;
            for record in &found {
                // As for one: a refresh may have been first.
                let ended = self.finish(&record.id).await?;
                count += usize::from(self.logged_out(ended.or_else(|| Some(record.clone()))));
            }
        }
        Err(contended())
    }
}
