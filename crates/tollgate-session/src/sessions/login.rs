//! Login.

use std::cmp::Reverse;
use std::time::Duration;

use serde_json::{Map, Value};
use tollgate_core::Principal;
use zeroize::Zeroizing;

use super::actor::BeginningActor;
use super::store_access::{TRIES, contended, is_revoked};
use super::{Bound, Former, Sessions, Tokens};
use crate::device::Device;
use crate::error::{SessionError, SessionErrorKind};
use crate::event::SessionEventKind;
use crate::id::SessionId;
use crate::issuer::{ACTOR_CLAIM, add_scopes};
use crate::refresh::{Access, Binding, Body, Bytes, Issued, Record, Sealed};
use crate::revocation::{Revocation, RevocationKind};

/// A login: the user and the content of the tokens. The service must have authenticated the user.
///
/// ```
/// use tollgate::session::{Device, Login};
///
/// let login = Login::new("u-7")
///     .scope("orders:read")
///     .scope("orders:write")
///     .claim("tenant", "acme")
///     .device(Device { name: Some("the laptop".to_owned()), ..Device::default() });
/// assert!(!format!("{login:?}").contains("u-7"));
/// ```
#[derive(Clone)]
#[must_use]
pub struct Login {
    subject: String,
    scope: String,
    roles: Vec<String>,
    claims: Map<String, Value>,
    client_id: Option<String>,
    auth_time: Option<u64>,
    device: Device,
    csrf: bool,
    bound: bool,
    idle: Option<Duration>,
    absolute: Option<Duration>,
    browser_session: bool,
    actor: Option<Principal>,
}

impl Login {
    /// Creates a login of this user (`sub`).
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// let principal = sessions.issuer().verifier().build()?.verify(&tokens.access_token)?;
    /// assert_eq!(principal.subject(), Some("u-7"));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            scope: String::new(),
            roles: Vec::new(),
            claims: Map::new(),
            client_id: None,
            auth_time: None,
            device: Device::default(),
            csrf: false,
            bound: false,
            idle: None,
            absolute: None,
            browser_session: false,
            actor: None,
        }
    }

    /// Adds one or several scopes, separated by spaces. A refresh can request less, never more.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let tokens = sessions.login(Login::new("u-7").scope("a b").scope("c")).await?;
    /// assert_eq!(tokens.scope, "a b c");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scope(mut self, scope: impl AsRef<str>) -> Self {
        add_scopes(&mut self.scope, scope.as_ref());
        self
    }

    /// Adds a role, for [`role`](tollgate_core::policy::role) in the policies behind
    /// [`Sessions::gate`]. It is in the [role claim](crate::IssuerBuilder::role_claim) of every
    /// access token of the session, until [`on_continue`](crate::SessionsBuilder::on_continue) or
    /// [`Sessions::update`] replaces it.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let tokens = sessions.login(Login::new("u-7").role("admin")).await?;
    /// let principal = sessions.issuer().verifier().build()?.verify(&tokens.access_token)?;
    /// assert!(principal.has_role("admin"));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn role(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        if !self.roles.contains(&name) {
            self.roles.push(name);
        }
        self
    }

    /// Adds several roles, as [`role`](Self::role) does.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let tokens = sessions.login(Login::new("u-7").roles(["clerk", "buyer"])).await?;
    /// let principal = sessions.issuer().verifier().build()?.verify(&tokens.access_token)?;
    /// assert_eq!(principal.roles().collect::<Vec<_>>(), ["clerk", "buyer"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn roles(self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        names.into_iter().fold(self, Self::role)
    }

    /// Adds a custom claim to every access token of the session. A name that the issuer sets is
    /// refused at login, and so is the role claim.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let tokens = sessions.login(Login::new("u-7").claim("tenant", "acme")).await?;
    /// let principal = sessions.issuer().verifier().build()?.verify(&tokens.access_token)?;
    /// assert_eq!(principal.claim("tenant"), Some("acme".into()));
    /// assert!(sessions.login(Login::new("u-7").claim("exp", 5)).await.is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// Sets the client (`client_id`). Default: the client of the issuer.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let tokens = sessions.login(Login::new("u-7").client_id("app")).await?;
    /// let principal = sessions.issuer().verifier().build()?.verify(&tokens.access_token)?;
    /// assert_eq!(principal.claim("client_id"), Some("app".into()));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// Sets when the user authenticated (`auth_time`), in seconds since the epoch. Default: now. A
    /// time in the future counts as now.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let tokens = sessions.login(Login::new("u-7").auth_time(1_700_000_000)).await?;
    /// let principal = sessions.issuer().verifier().build()?.verify(&tokens.access_token)?;
    /// assert_eq!(principal.claim("auth_time"), Some(1_700_000_000.into()));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn auth_time(mut self, auth_time: u64) -> Self {
        self.auth_time = Some(auth_time);
        self
    }

    /// Sets the device.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let device = Device { address: Some("203.0.113.7".to_owned()), ..Device::default() };
    /// sessions.login(Login::new("u-7").device(device)).await?;
    /// assert_eq!(sessions.devices("u-7", None).await?[0].address.as_deref(), Some("203.0.113.7"));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Fills the parts of the device that the service has not set.
    pub(crate) fn seen_from(mut self, device: &Device) -> Self {
        self.device = device.updated(self.device);
        self
    }

    /// Adds a CSRF token: the claim `csrf` of each access token, and [`Tokens::csrf`] for the page.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let tokens = sessions.login(Login::new("u-7").with_csrf()).await?;
    /// let principal = sessions.issuer().verifier().build()?.verify(&tokens.access_token)?;
    /// assert_eq!(principal.claim("csrf"), tokens.csrf.map(Into::into));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn with_csrf(mut self) -> Self {
        self.csrf = true;
        self
    }

    /// Sets the idle timeout of this session, in whole seconds. The shorter of this and
    /// [`SessionsBuilder::idle_timeout`](crate::SessionsBuilder::idle_timeout) applies. An access
    /// token lives no longer.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// use std::time::Duration;
    ///
    /// let hour = Duration::from_secs(3600);
    /// let tokens = sessions.login(Login::new("u-7").idle_timeout(hour)).await?;
    /// assert_eq!(tokens.refresh_expires_in, 3600);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn idle_timeout(mut self, idle: Duration) -> Self {
        self.idle = Some(idle);
        self
    }

    /// Sets the absolute timeout of this session, in whole seconds. The shorter of this and
    /// [`SessionsBuilder::absolute_timeout`](crate::SessionsBuilder::absolute_timeout) applies.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// use std::time::Duration;
    ///
    /// let remember_me = false;
    /// let mut login = Login::new("u-7");
    /// if !remember_me {
    ///     login = login.absolute_timeout(Duration::from_secs(12 * 3600)).browser_session();
    /// }
    /// assert_eq!(sessions.login(login).await?.session_expires_in, 12 * 3600);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn absolute_timeout(mut self, absolute: Duration) -> Self {
        self.absolute = Some(absolute);
        self
    }

    /// Makes all cookies of this session end with the browser: they have no `Max-Age`. The timeouts
    /// of the session apply as well, as some browsers restore such cookies. Without cookies it has
    /// no effect.
    ///
    /// ```
    /// # use tollgate::session::{
    /// #     CookieTransport, Issuer, Login, MemoryStore, RefreshKey, Sessions,
    /// # };
    /// # use tollgate::SigningKey;
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?).build()?;
    /// use tollgate::extend::EndpointRequest;
    ///
    /// let transport = CookieTransport::builder().build()?;
    /// let request = EndpointRequest::new("GET", "/callback");
    /// let login = Login::new("u-7").browser_session();
    /// let (_, edits) = transport.log_in(&sessions, login, &request).await?;
    /// let mut lines = edits.iter().map(|(_, line)| String::from_utf8_lossy(line));
    /// assert!(!lines.any(|line| line.contains("Max-Age")));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn browser_session(mut self) -> Self {
        self.browser_session = true;
        self
    }

    /// Sets the actor: the caller of the request, who acts as the user from now on (impersonation).
    /// Every access token of the session has the actor as the claim `act` (RFC 8693 section 4.1),
    /// for [`Principal::actor`] and [`impersonated`](tollgate_core::policy::impersonated). The
    /// service must have authorized the actor to do so.
    ///
    /// The session ends with the session of the actor, and lives no longer. Its `auth_time` is not
    /// later than the actor's. It cannot be [re-authenticated](Sessions::reauthenticated), and it
    /// never evicts a session of the user.
    ///
    /// With cookies, use a transport with other cookie names than those of the actor's session,
    /// which the login would end.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let verifier = sessions.issuer().verifier().build()?;
    /// let admin = sessions.login(Login::new("admin-1").role("admin")).await?;
    /// let admin = verifier.verify(&admin.access_token)?; // a handler gets it from the gate
    ///
    /// let tokens = sessions.login(Login::new("u-7").actor(&admin)).await?;
    /// let principal = verifier.verify(&tokens.access_token)?;
    /// assert_eq!(principal.subject(), Some("u-7"));
    /// assert_eq!(principal.actor()?.ok_or("the user acts")?.subject(), "admin-1");
    /// assert_eq!(sessions.devices("u-7", None).await?[0].actor.as_deref(), Some("admin-1"));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn actor(mut self, actor: &Principal) -> Self {
        self.actor = Some(actor.clone());
        self
    }

    /// Binds the session to the browser, by a cookie with a secret.
    pub(crate) const fn bound(mut self) -> Self {
        self.bound = true;
        self
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("scope", &self.scope)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// The outcome of a login after its session was stored.
enum Settled {
    Begun(Box<Record>),
    /// All sessions of the subject that began before this time were ended.
    Revoked {
        before: u64,
    },
}

impl Sessions {
    /// Begins a session. If the subject has reached the maximum number, the least recently used
    /// session is ended.
    ///
    /// For a login by cookie use [`CookieTransport::log_in`](crate::CookieTransport::log_in). It
    /// binds the session to the browser, and ends the former session of the browser.
    ///
    /// # Errors
    /// The client gets no session in these cases:
    ///
    /// - `Misconfigured`: the subject or a role is empty, there are more than 256 roles, a timeout
    ///   is shorter than a second, the scope is malformed, or a custom claim has a registered name,
    ///   that of the role claim, or `act`. Also if the login would end the session of its
    ///   [actor](Login::actor).
    /// - `Impersonated`: the token of the actor has an actor itself.
    /// - `Invalid`: the session of the actor is over, or its token was revoked or is not from these
    ///   sessions.
    /// - `TooLarge`: the claims do not fit into a session.
    /// - `Unavailable`: a store failed or timed out.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let tokens = sessions.login(Login::new("u-7").scope("orders:read")).await?;
    /// assert_eq!((tokens.expires_in, &*tokens.scope), (15 * 60, "orders:read"));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn login(&self, login: Login) -> Result<Tokens, SessionError> {
        let (tokens, ()) = self.begin(&login, &Former::default(), |_| Ok(())).await?;
        Ok(tokens)
    }

    /// Begins a session and ends the one of the browser's former cookies. `answer` is called before
    /// anything is stored: if it fails, there is no login, and the former session stays. It is called
    /// again for the tokens that are returned.
    pub(crate) async fn begin<T>(
        &self,
        login: &Login,
        former: &Former,
        answer: impl Fn(&Tokens) -> Result<T, SessionError>,
    ) -> Result<(Tokens, T), SessionError> {
        // Boxed, because a login is large and rare.
        self.bounded(Box::pin(self.begin_unbounded(login, former, answer)))
            .await
    }

    async fn begin_unbounded<T>(
        &self,
        login: &Login,
        former: &Former,
        answer: impl Fn(&Tokens) -> Result<T, SessionError>,
    ) -> Result<(Tokens, T), SessionError> {
        let replaced = self.sessions_of(former).await?;
        // One attempt suffices, unless all sessions of the subject are ended at the same moment.
        let mut not_before = 0;
        for _ in 0..TRIES {
            let now = self.now();
            // A logout of all sessions may come from an instance whose clock is ahead of this one.
            let latest = now.saturating_add(self.0.rules.leeway);
            let latest = latest.max(self.0.revocations.by_store(now));
            let now = now.max(not_before.min(latest));
            let actor = match &login.actor {
                Some(principal) => Some(self.beginning_actor(principal, &replaced, now).await?),
                None => None,
            };
            let (record, binding) = self.new_record(login, actor, now)?;
            let binding = binding.map(|binding| Bound::New(binding.write()));
            let tokens = |record: &Record| {
                let mut tokens = self.tokens(record, now)?;
                if let Some(binding) = &binding {
                    tokens.bound = binding.clone();
                }
                Ok::<_, SessionError>(tokens)
            };
            // Answered before anything is stored, so that a misconfiguration leaves no session.
            answer(&tokens(&record)?)?;
            if !self.is_known_to_actor(&record).await? {
                continue;
            }
            let inserted = self.insert(&record, now).await;
            if inserted.is_err() {
                // The store may have it, and would end another session to make room for it.
                let _ = self.finish(&record.id, None).await;
            }
            if !inserted? {
                continue;
            }
            let settled = self.settle(&record, &replaced, now).await;
            if settled.is_err() {
                // The client does not get the session. If ending it fails too, it expires.
                let _ = self.end(&record.id).await;
            }
            let record = match settled? {
                Settled::Begun(record) => *record,
                Settled::Revoked { before } => {
                    not_before = before;
                    continue;
                }
            };
            let tokens = tokens(&record)?;
            let answer = answer(&tokens)?;
            self.notify(SessionEventKind::LoggedIn, &record);
            return Ok((tokens, answer));
        }
        Err(contended())
    }

    /// Ends the sessions that a stored session replaces.
    async fn settle(
        &self,
        record: &Record,
        replaced: &[SessionId],
        now: u64,
    ) -> Result<Settled, SessionError> {
        // After the record is stored: a logout of all sessions lists it, or is found here.
        let mut revocations = self.revocations_of(record, None).await?;
        if is_revoked(record, &revocations) {
            self.finish(&record.id, None).await?;
            let all = |entry: &&Revocation| entry.key.kind() == RevocationKind::SubjectSessions;
            let ends = revocations.iter().filter(all).map(|entry| entry.before);
            let before = ends.max().unwrap_or(0);
            return Ok(Settled::Revoked { before });
        }
        let evicted = self.evict_excess(record, replaced, now).await?;
        // After every step that can fail, as a login that fails must not end a session.
        for session in replaced {
            self.log_out(session).await?;
        }
        // The ends may have revoked the tokens of this second. Without the new token, the client
        // refreshes once more.
        if evicted || !replaced.is_empty() {
            revocations = self.revocations_of(record, None).await.unwrap_or_default();
        }
        let restamped = self.restamped(record.clone(), &revocations).await;
        let settled = restamped.unwrap_or_else(|_| record.clone());
        Ok(Settled::Begun(Box::new(settled)))
    }

    fn new_record(
        &self,
        login: &Login,
        actor: Option<BeginningActor>,
        now: u64,
    ) -> Result<(Record, Option<Binding>), SessionError> {
        let (idle, absolute) = self.check(login)?;
        let rules = &self.0.rules;
        let id = SessionId::generate(&**self.0.issuer.random())?;
        let mut salt = [0; 32];
        self.0.issuer.random().fill(&mut salt)?;
        let key = rules.keys.newest();
        let current = Sealed::new(key.derive(&id, 1, &salt), key.id());
        let of_actor = actor.as_ref();
        let cap = now.saturating_add(absolute);
        let cap = of_actor.map_or(cap, |actor| cap.min(actor.cap));
        let idle_until = now.saturating_add(idle).min(cap);
        let auth_time = login.auth_time.map_or(now, |auth_time| auth_time.min(now));
        let auth_time = of_actor.map_or(auth_time, |actor| auth_time.min(actor.auth_time));
        let actor = actor.map(|actor| actor.actor);
        let access_end = now.saturating_add(rules.access).min(idle_until);
        let actor_end = actor.as_ref().and_then(|actor| actor.until);
        let binding = if login.bound {
            Some(Binding::generate(id, &**self.0.issuer.random())?)
        } else {
            None
        };
        let mut body = Box::new(Body {
            version: Body::VERSION,
            created_at: now,
            cap,
            idle_until,
            last_seen: now,
            auth_time,
            ended_at: None,
            salt: Bytes(salt),
            generation: 1,
            current,
            previous: None,
            rotated_at: now,
            late: None,
            earlier: Vec::new(),
            step_up: None,
            access: Access {
                jti: self.fresh_jti()?,
                issued_at: now,
                expires_at: actor_end.map_or(access_end, |end| access_end.min(end)),
                scope: login.scope.clone(),
                auth_time: Some(auth_time),
            },
            former: None,
            issued: None,
            scope: login.scope.clone(),
            login_scope: None,
            idle: login.idle.map(|_| idle),
            browser_session: login.browser_session,
            roles: login.roles.clone(),
            client_id: login.client_id.clone(),
            csrf: if login.csrf {
                Some(self.fresh_csrf()?)
            } else {
                None
            },
            claims: login.claims.clone(),
            device: login.device.clone().cut(),
            binding: binding.as_ref().map(Binding::hash),
            data: None,
            actor,
        });
        body.issued = Some(Issued {
            last: body.access.issued_at,
            until: body.access.expires_at,
        });
        let record = Record {
            id,
            subject: login.subject.clone(),
            revision: 1,
            body,
        };
        Ok((record, binding))
    }

    /// Returns the idle and the absolute timeout of the session, in seconds.
    fn check(&self, login: &Login) -> Result<(u64, u64), SessionError> {
        if login.subject.is_empty() {
            return Err(SessionError::new(
                SessionErrorKind::Misconfigured,
                "the subject of a session is empty",
            ));
        }
        if login.claims.contains_key(self.0.issuer.role_claim()) {
            return Err(SessionError::new(
                SessionErrorKind::Misconfigured,
                "a custom claim has the name of the role claim: use `Login::role`",
            ));
        }
        if login.claims.contains_key(ACTOR_CLAIM) {
            return Err(SessionError::new(
                SessionErrorKind::Misconfigured,
                "a custom claim has the name `act`: use `Login::actor`",
            ));
        }
        let rules = &self.0.rules;
        let shorter =
            |own: Option<Duration>, rule: u64| own.map_or(rule, |own| own.as_secs().min(rule));
        let (idle, absolute) = (
            shorter(login.idle, rules.idle),
            shorter(login.absolute, rules.absolute),
        );
        if idle == 0 || absolute == 0 {
            return Err(SessionError::new(
                SessionErrorKind::Misconfigured,
                "a timeout of the login is shorter than a second",
            ));
        }
        Ok((idle, absolute))
    }

    fn fresh_csrf(&self) -> Result<String, SessionError> {
        let mut bytes = Zeroizing::new([0; 32]);
        self.0.issuer.random().fill(&mut *bytes)?;
        Ok(base64_simd::URL_SAFE_NO_PAD.encode_to_string(&bytes[..]))
    }

    /// Ends the sessions beyond the maximum, besides those that the login replaces, and returns
    /// whether there were any. Concurrent logins choose the same ones.
    ///
    /// If only the list fails, the user can log in, and the next login ends the sessions.
    async fn evict_excess(
        &self,
        new: &Record,
        replaced: &[SessionId],
        now: u64,
    ) -> Result<bool, SessionError> {
        let mut live = match self.live(&new.subject, now).await {
            Ok(live) => live,
            Err(error) => {
                let session = new.id;
                tracing::error!(
                    target: "tollgate",
                    %session,
                    %error,
                    "login without the list of the user's sessions"
                );
                return Ok(false);
            }
        };
        // Those with an actor count apart, so that an actor never ends a session of the user.
        let impersonated = new.body.actor.is_some();
        live.retain(|record| {
            !replaced.contains(&record.id) && record.body.actor.is_some() == impersonated
        });
        let Some(excess) = live
            .len()
            .checked_sub(self.0.most)
            .filter(|excess| *excess > 0)
        else {
            return Ok(false);
        };
        live.retain(|record| record.id != new.id);
        live.sort_by_key(|record| Reverse((record.body.last_seen, record.id)));
        for record in live.into_iter().rev().take(excess) {
            if self.end(&record.id).await?.is_some() {
                self.notify(SessionEventKind::Evicted, &record);
            }
        }
        Ok(true)
    }
}
