//! The refresh grant (RFC 6749 section 6, RFC 9700 section 4.14.2).

use super::hook::Permission;
use super::store_access::{TRIES, contended, invalid, is_revoked};
use super::{Sessions, Tokens};
use crate::continuation::ContinuationReason;
use crate::device::Device;
use crate::error::{SessionError, SessionErrorKind};
use crate::event::{SessionEvent, SessionEventKind};
use crate::id::SessionId;
use crate::refresh::{
    Access, Binding, Event, Outcome, Record, RefreshToken, Refused, candidate, granted, step,
    within,
};
use crate::revocation::{Revocation, RevocationKey, RevocationKind};
use crate::store::StoredSession;

/// The optional parameters of a refresh.
///
/// ```
/// use tollgate::session::RefreshRequest;
///
/// let scope = Some("orders:read".to_owned());
/// let request = RefreshRequest { scope, ..RefreshRequest::default() };
/// assert_eq!(request.device.address, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefreshRequest {
    /// The scope of the access token, separated by spaces: a subset of the scope granted at login.
    /// `None` for all of it (RFC 6749 section 6).
    pub scope: Option<String>,
    /// The device of the client. Missing values do not change.
    pub device: Device,
}

/// The outcome of an exchange.
enum Exchange {
    Done(Tokens),
    /// The continuation hook must be asked first.
    Asks(Box<Record>, ContinuationReason),
}

/// The answer to a refresh, before it is carried out.
enum Answer {
    /// The next revision.
    Rotation(Record),
    /// The stored session, with the requested scope, whether its grace period has passed, and
    /// whether the token may be moved past a revocation.
    Repeat(Record, StoredSession, bool, bool),
    /// The next revision, and the access token before the last one.
    LateRepeat(Record, Option<Access>),
}

impl Sessions {
    /// Exchanges a refresh token for its successor and a new access token.
    ///
    /// Of several concurrent callers with one token, one rotates it, and all receive the same
    /// successor. So does a caller that presents the token again within the grace period.
    ///
    /// After the grace period, the last token before the current one returns its successor once
    /// more, if the successor was never presented: see
    /// [`late_repeat`](crate::SessionsBuilder::late_repeat). Any other used token ends its session.
    /// A thief is detected when the thief or the owner presents, after the grace period, a token
    /// that the other one has used.
    ///
    /// On an error, do not delete the client's cookies: a concurrent request may have set new ones.
    ///
    /// # Errors
    /// - `Invalid`: the token is malformed, forged or unknown, the session has ended or expired, or
    ///   its record is damaged. Also if the token was replaced more than once within the grace
    ///   period: the session continues with a newer one.
    /// - `Reuse`: the token was used before.
    /// - `ScopeExceeded`: the scope was not granted.
    /// - `Unavailable`: a store failed or timed out, or the
    ///   [continuation hook](crate::SessionsBuilder::on_continue) could not decide. The client may
    ///   retry with the same token.
    /// - `Misconfigured`, `TooLarge`: the answer of the hook does not fit into a token or a
    ///   session, which does not change.
    ///
    /// ```
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::{Issuer, Login, MemoryStore};
    /// # use tollgate::session::{RefreshKey, RefreshRequest, SessionErrorKind, Sessions};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// # let builder = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?);
    /// # let sessions = builder.build()?;
    /// let tokens = sessions.login(Login::new("u-7").scope("orders:read orders:write")).await?;
    /// let scope = Some("orders:read".to_owned());
    /// let less = RefreshRequest { scope, ..RefreshRequest::default() };
    /// let tokens = sessions.refresh(&tokens.refresh_token, less).await?;
    /// assert_eq!(tokens.scope, "orders:read");
    ///
    /// let more = RefreshRequest { scope: Some("admin".to_owned()), ..RefreshRequest::default() };
    /// let refused = sessions.refresh(&tokens.refresh_token, more).await.unwrap_err();
    /// assert_eq!(refused.kind(), SessionErrorKind::ScopeExceeded);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn refresh(
        &self,
        refresh_token: &str,
        request: RefreshRequest,
    ) -> Result<Tokens, SessionError> {
        let Some(token) = RefreshToken::read(refresh_token) else {
            self.notify_refused(None, &request.device);
            return Err(invalid("malformed refresh token"));
        };
        let session = token.session;
        self.exchanged(&session, &[token], None, &request).await
    }

    fn notify_refused(&self, session: Option<SessionId>, device: &Device) {
        self.notify_of(|now| {
            let event = SessionEvent::new(SessionEventKind::RefreshRefused, now);
            SessionEvent { session, ..event }.with_device(device)
        });
    }

    /// Refreshes the session of a binding by one of its refresh cookies. All `tokens` name that
    /// session.
    pub(crate) async fn refresh_bound(
        &self,
        tokens: &[RefreshToken],
        binding: &Binding,
        request: &RefreshRequest,
    ) -> Result<Tokens, SessionError> {
        self.exchanged(&binding.session, tokens, Some(binding), request)
            .await
    }

    async fn exchanged(
        &self,
        session: &SessionId,
        tokens: &[RefreshToken],
        binding: Option<&Binding>,
        request: &RefreshRequest,
    ) -> Result<Tokens, SessionError> {
        let exchanged = self.exchanged_or_asked(session, tokens, binding, request);
        let exchanged = exchanged.await;
        if let Err(error) = &exchanged
            && matches!(
                error.kind(),
                SessionErrorKind::Invalid | SessionErrorKind::ScopeExceeded
            )
        {
            self.notify_refused(Some(*session), &request.device);
        }
        exchanged
    }

    async fn exchanged_or_asked(
        &self,
        session: &SessionId,
        tokens: &[RefreshToken],
        binding: Option<&Binding>,
        request: &RefreshRequest,
    ) -> Result<Tokens, SessionError> {
        let arrived_at = self.0.revocations.by_store(self.now());
        let mut permission = None;
        for _ in 0..TRIES {
            let permission_so_far = permission.as_ref();
            let exchange = self.exchange(
                session,
                tokens,
                binding,
                request,
                arrived_at,
                permission_so_far,
            );
            match self.bounded(exchange).await? {
                Exchange::Done(tokens) => return Ok(tokens),
                Exchange::Asks(record, reason) => {
                    let answer = Box::pin(self.ask(*record, reason)).await?;
                    permission =
                        Some(answer.ok_or_else(|| {
                            invalid("the continuation hook has ended the session")
                        })?);
                }
            }
        }
        Err(contended())
    }

    async fn exchange(
        &self,
        session: &SessionId,
        tokens: &[RefreshToken],
        binding: Option<&Binding>,
        request: &RefreshRequest,
        arrived_at: u64,
        permission: Option<&Permission>,
    ) -> Result<Exchange, SessionError> {
        let jti = self.fresh_jti()?;
        let mut confirmed = false;
        for _ in 0..TRIES {
            // Read before the revocation check, because the expiry is computed from it.
            let now = self.now();
            let Some((mut record, stored, revocations)) = self.load(session, now).await? else {
                return Err(invalid("the session is unknown or expired"));
            };
            // Boxed, because it is rare.
            if record.body.actor.is_some() && !Box::pin(self.check_actor(&mut record, now)).await? {
                return Err(invalid("the session of the actor is over"));
            }
            let permitted = permission.filter(|permission| permission.is_for(&record));
            let must_ask = self.0.hook.is_some() && permitted.is_none();
            let before = self.permit(&mut record, permitted)?;
            let Some(token) = candidate(&record, tokens, arrived_at, &self.0.rules) else {
                return Err(invalid("no refresh token of the session"));
            };
            let event = Event::Refresh {
                token,
                binding,
                arrived_at,
                by_store: self.0.revocations.by_store(now),
                // The hook may grant what the session does not have yet.
                scope: request.scope.as_deref().filter(|_| !must_ask),
                device: &request.device,
                jti: &jti,
            };
            let other_device = record.body.device.differs(&request.device);
            let answer = match step(&record, &event, now, &self.0.rules) {
                Outcome::Replace(_) if must_ask => {
                    return Ok(Exchange::Asks(
                        Box::new(record),
                        ContinuationReason::Refresh,
                    ));
                }
                Outcome::Replace(body) => Answer::Rotation(record.with(body)),
                // Each generation has one late repeat, and an outage of the store must not use it
                // up. A confirmation may change the revision.
                Outcome::RepeatLate(_) if !confirmed && permitted.is_none() => {
                    confirmed = self.confirm(&stored, now).await?;
                    continue;
                }
                Outcome::RepeatLate(_) if must_ask => {
                    return Ok(Exchange::Asks(Box::new(record), ContinuationReason::Repeat));
                }
                // A caller that lost the race for the rotation has its permission.
                Outcome::Repeat { .. } if must_ask && permission.is_none() => {
                    return Ok(Exchange::Asks(Box::new(record), ContinuationReason::Repeat));
                }
                Outcome::RepeatLate(body) => {
                    let former = record.body.former.clone();
                    Answer::LateRepeat(record.with(body), former)
                }
                Outcome::Repeat { late } => {
                    // The answer that the first caller got counts, not the last one of the hook. If
                    // both differ and the token was revoked, it stays revoked.
                    let moves = !must_ask && before.is_none();
                    let mut record = before.unwrap_or(record);
                    let (held, of_token) = (&record.body.scope, &record.body.access.scope);
                    // A caller that requests less scope does not get more because another caller
                    // was first. An update may have left less than the token had.
                    let scope = match request.scope.as_deref() {
                        None => Some(within(of_token, held)),
                        asked => granted(held, asked),
                    };
                    record.body.access.scope = scope.ok_or_else(|| refused(Refused::Scope))?;
                    Answer::Repeat(record, stored, late, moves)
                }
                Outcome::Reuse => {
                    return Err(Box::pin(self.reused(&record, &request.device)).await?);
                }
                Outcome::Refused(why) => return Err(refused(why)),
            };
            // Boxed, because the future is large.
            let answered = Box::pin(self.answer(answer, revocations, other_device, now));
            if let Some(tokens) = answered.await? {
                return Ok(Exchange::Done(tokens));
            }
        }
        Err(contended())
    }

    /// Carries out an answer. Returns `None` if another writer was first. `revocations` are those
    /// of the session, if they were read with it.
    async fn answer(
        &self,
        answer: Answer,
        revocations: Option<Vec<Revocation>>,
        other_device: bool,
        now: u64,
    ) -> Result<Option<Tokens>, SessionError> {
        let (Answer::Rotation(record)
        | Answer::Repeat(record, ..)
        | Answer::LateRepeat(record, ..)) = &answer;
        let former = record.body.former.iter().cloned();
        let mut formers: Vec<Access> = former.filter(|_| self.0.revoke_former_access).collect();
        if let Answer::LateRepeat(_, Some(before)) = &answer
            && !formers.is_empty()
        {
            // The rotation may not have come to revoke it.
            formers.push(before.clone());
        }
        let keys = formers.iter().map(|former| self.former_key(former));
        let revocations = match revocations {
            Some(revocations) if formers.is_empty() && record.body.actor.is_none() => revocations,
            _ => self.revocations_of(record, keys).await?,
        };
        if is_revoked(record, &revocations) {
            // The session must stay ended after the entry expires. If a logout revoked it, the
            // logout does the same.
            self.finish(&record.id, None).await?;
            return Err(invalid("the session was revoked"));
        }
        formers.retain(|former| {
            let key = self.former_key(former);
            !revocations.iter().any(|entry| entry.key == key)
        });
        let (record, event) = match answer {
            Answer::Rotation(record) => {
                let record = self.past(record, &revocations, now);
                if !self.replace_issued(&record, now).await? {
                    return Ok(None);
                }
                let record = self.revoke_formers(record, &formers).await?;
                (record, None)
            }
            Answer::Repeat(record, stored, late, moves) => {
                let known = if moves { &*revocations } else { &[] };
                let record = self.restamped(record, known).await?;
                if record.revision == stored.revision && !self.confirm(&stored, now).await? {
                    return Ok(None);
                }
                let record = self.revoke_formers(record, &formers).await?;
                (record, Some(late))
            }
            Answer::LateRepeat(record, _) => {
                // Revoked before the write, so that a failure does not use up the late repeat.
                let mut entries = revocations;
                if !formers.is_empty() {
                    let revoked = self.former_entries(&record, &formers);
                    self.0.revocations.revoke(&revoked).await?;
                    entries.extend(revoked);
                }
                let record = self.past(record, &entries, now);
                if !self.replace_issued(&record, now).await? {
                    return Ok(None);
                }
                (record, Some(true))
            }
        };
        let tokens = self.tokens(&record, now)?;
        let kind = match event {
            None => SessionEventKind::Refreshed,
            Some(false) => SessionEventKind::Repeated { other_device },
            Some(true) => {
                tracing::warn!(
                    target: "tollgate",
                    session = %record.id,
                    other_device,
                    "refresh token repeated after the grace period"
                );
                SessionEventKind::RepeatedLate { other_device }
            }
        };
        self.notify(kind, &record);
        Ok(Some(tokens))
    }

    fn former_key(&self, former: &Access) -> RevocationKey {
        self.key(RevocationKind::Token, &*former.jti)
    }

    /// Revokes the access tokens that the one of the stored record replaces.
    async fn revoke_formers(
        &self,
        record: Record,
        formers: &[Access],
    ) -> Result<Record, SessionError> {
        if formers.is_empty() {
            return Ok(record);
        }
        let entries = self.former_entries(&record, formers);
        self.0.revocations.revoke(&entries).await?;
        self.restamped(record, &entries).await
    }

    fn former_entries(&self, record: &Record, formers: &[Access]) -> Vec<Revocation> {
        let id = record.id.to_string();
        let issued_at = record.body.access.issued_at;
        let token = |former: &Access| Revocation {
            key: self.former_key(former),
            before: Revocation::ALL,
            expires_at: self.0.revocations.end_after(former.expires_at),
        };
        let mut entries: Vec<Revocation> = formers.iter().map(token).collect();
        // The tokens that concurrent renewals have issued.
        entries.push(self.entry(record, RevocationKind::Session, &id, issued_at));
        // A merged entry has no `jti`, so it must cover the second of the former token.
        let last = formers.iter().map(|former| former.issued_at).max();
        let before = issued_at.max(last.unwrap_or(0).saturating_add(1));
        self.within_budget(record, entries, before)
    }

    /// Ends the session and returns the error for the client.
    async fn reused(&self, record: &Record, device: &Device) -> Result<SessionError, SessionError> {
        if self.end(&record.id).await?.is_some() {
            tracing::warn!(session = %record.id, "refresh token reuse detected; session ended");
            self.notify_of(|now| {
                SessionEvent::of(SessionEventKind::ReuseDetected, record, now).with_device(device)
            });
        }
        Ok(SessionError::new(
            SessionErrorKind::Reuse,
            "the refresh token was used before; its session was ended",
        ))
    }
}

fn refused(why: Refused) -> SessionError {
    match why {
        Refused::Scope => SessionError::new(
            SessionErrorKind::ScopeExceeded,
            "the requested scope exceeds that of the session",
        ),
        Refused::KeyMissing => SessionError::new(
            SessionErrorKind::Unavailable,
            "the refresh key of the session is not configured",
        ),
        Refused::Unbound => invalid("the refresh token came without the binding of its session"),
        Refused::Ended => invalid("the session was ended"),
        Refused::Expired => invalid("the session has expired"),
        Refused::SteppedUp => invalid("the refresh token is from before a re-authentication"),
        Refused::Outdated => invalid("the refresh token was replaced more than once"),
        Refused::Unknown | Refused::NothingGained => {
            invalid("the refresh token does not belong to the session")
        }
    }
}
