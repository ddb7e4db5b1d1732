//! The erasure of a user.

use super::Sessions;
use crate::error::SessionError;
use crate::event::{SessionEvent, SessionEventKind};
use crate::revocation::{Operation, Revocation, RevocationKind};

impl Sessions {
    /// Ends all sessions of `subject`, removes everything that the store has about them, and
    /// returns the number of removed records, ended ones included. Access tokens are refused at
    /// once, a refresh is refused as with an unknown token. A login in progress is ended, or begins
    /// after this. A new login works.
    ///
    /// Until the last access token has expired, the store and each instance keep the revocations:
    /// the subject in plain text and the IDs of its sessions, each with a time. They are removed
    /// after the access lifetime and the leeway, in the store up to two hours later. Backups, logs
    /// of the database and pages that it has not overwritten are beyond this.
    ///
    /// Not cancel-safe: let the future run to completion.
    ///
    /// # Errors
    /// `Unavailable` if a store failed or timed out. Some sessions may be ended or removed then:
    /// call it again until it succeeds. A login whose write was delayed by an outage may leave a
    /// record, whose tokens are refused: if in doubt, call it once more.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// assert_eq!(sessions.forget("u-7").await?, 1);
    /// assert!(sessions.export("u-7").await?.sessions.is_empty());
    /// let over = sessions.refresh(&tokens.refresh_token, RefreshRequest::default()).await;
    /// assert_eq!(over.unwrap_err().kind(), SessionErrorKind::Invalid);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn forget(&self, subject: &str) -> Result<usize, SessionError> {
        // Ended first: an operation that extends a session in the meantime fails.
        self.logout_all(subject).await?;
        let removing = self.0.store.forget(subject, self.now());
        let removed = self.watch(Operation::ForgetSubject, removing).await?;
        // A login that began after the logout may have lost its record. Its token is from this
        // second at the latest. The write also makes a removal before it durable.
        let revocations = &self.0.revocations;
        let mut last = revocations.not_ahead(self.now());
        if removed > 0 {
            // An earlier revocation may have moved the `iat` of that token past this second.
            let key = self.key(RevocationKind::Subject, subject);
            let found = revocations.find(&[key]).await?;
            let bounds = found.iter().map(|entry| entry.before);
            let bounds = bounds.filter(|before| !Revocation::is_all(*before));
            last = last.max(bounds.max().unwrap_or(0));
        }
        let before = last.saturating_add(1);
        let entry = revocations.entry(RevocationKind::Subject, subject, before);
        revocations.revoke(&[entry]).await?;
        self.notify_of(|now| SessionEvent {
            subject: Some(subject.to_owned()),
            ..SessionEvent::new(SessionEventKind::Forgotten, now)
        });
        Ok(removed)
    }
}
