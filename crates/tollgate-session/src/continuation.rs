//! The continuation of a session: the question to the service, and its answer.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

use crate::device::Device;
use crate::id::SessionId;
use crate::issuer::add_scopes;

/// The operation that a [`ContinuedSession`] is about to be continued by.
///
/// ```
/// use tollgate::session::ContinuationReason;
///
/// assert_ne!(ContinuationReason::Refresh, ContinuationReason::Repeat);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContinuationReason {
    /// A refresh token is exchanged for its successor.
    Refresh,
    /// An access token is renewed by activity.
    Renewal,
    /// A refresh or a renewal is repeated. Within the grace period, the tokens have the roles,
    /// claims and scope of the first answer; the hook can only end the session. After it, there is
    /// a new access token, with those of this answer: answer as for a refresh.
    Repeat,
    /// The user has authenticated again.
    Reauthentication,
}

/// A session that is about to be continued, as the
/// [continuation hook](crate::SessionsBuilder::on_continue) sees it.
///
/// `Debug` shows no personal data.
///
/// ```
/// use tollgate::session::{Continuation, ContinuedSession};
///
/// async fn hook(session: ContinuedSession) -> Continuation {
///     match session.subject() {
///         "u-7" => Continuation::keep().roles(["clerk"]),
///         _ => Continuation::end(),
///     }
/// }
/// # let _ = hook;
/// ```
#[derive(Clone)]
pub struct ContinuedSession {
    pub(crate) id: SessionId,
    pub(crate) subject: String,
    pub(crate) roles: Vec<String>,
    pub(crate) claims: Map<String, Value>,
    pub(crate) scope: String,
    pub(crate) login_scope: String,
    pub(crate) device: Device,
    pub(crate) created_at: u64,
    pub(crate) auth_time: u64,
    pub(crate) actor: Option<String>,
    pub(crate) reason: ContinuationReason,
}

impl ContinuedSession {
    /// The session ID.
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// The user (`sub`).
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The roles of the session's last tokens.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(String::as_str)
    }

    /// Returns whether the session has the role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles().any(|held| held == role)
    }

    /// The custom claims of the session.
    pub const fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The scope of the session, separated by spaces. A token may have less, if the client asked
    /// for less.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The scope that the login granted, separated by spaces.
    pub fn login_scope(&self) -> &str {
        &self.login_scope
    }

    /// The device that last used the session.
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// The time of the login, in seconds since the epoch.
    pub const fn created_at(&self) -> u64 {
        self.created_at
    }

    /// The time of the last authentication of the user, in seconds since the epoch.
    pub const fn authenticated_at(&self) -> u64 {
        self.auth_time
    }

    /// The actor (`sub`) who acts as the user, if the login had
    /// [one](crate::Login::actor). End the session if the actor may not do so any more.
    pub fn actor(&self) -> Option<&str> {
        self.actor.as_deref()
    }

    /// The operation that continues the session.
    pub const fn reason(&self) -> ContinuationReason {
        self.reason
    }
}

impl fmt::Debug for ContinuedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContinuedSession")
            .field("id", &self.id)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

/// A change to the roles, claims and scope of a session. Everything else stays.
///
/// The three together have at most 2048 bytes as JSON in a session with cookies, or as many as at
/// the login, because browsers drop a long cookie. Without cookies, a session has at most 16 KiB.
///
/// ```
/// use tollgate::session::SessionUpdate;
///
/// let update = SessionUpdate::new().roles(["clerk"]).claim("tenant", "acme");
/// assert!(!format!("{update:?}").contains("acme"));
/// ```
#[derive(Clone, Default, PartialEq)]
#[must_use]
pub struct SessionUpdate {
    pub(crate) roles: Option<Vec<String>>,
    /// Whether the claims replace all claims of the session.
    pub(crate) all_claims: bool,
    pub(crate) claims: Map<String, Value>,
    pub(crate) scope: Option<String>,
    pub(crate) granted: String,
}

impl SessionUpdate {
    /// Creates an update that changes nothing.
    ///
    /// ```
    /// # use tollgate::session::SessionUpdate;
    /// assert_eq!(SessionUpdate::new(), SessionUpdate::default());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the roles.
    ///
    /// ```
    /// # use tollgate::session::SessionUpdate;
    /// assert_ne!(SessionUpdate::new().roles(["clerk"]), SessionUpdate::new());
    /// ```
    pub fn roles(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut roles: Vec<String> = Vec::new();
        for name in names.into_iter().map(Into::into) {
            if !roles.contains(&name) {
                roles.push(name);
            }
        }
        self.roles = Some(roles);
        self
    }

    /// Replaces all custom claims. A name that the issuer sets is refused, and so is the role
    /// claim: the session does not change then.
    ///
    /// ```
    /// # use tollgate::session::SessionUpdate;
    /// let update = SessionUpdate::new().claims([("tenant", "acme"), ("plan", "free")]);
    /// assert_ne!(update, SessionUpdate::new().claims([("tenant", "acme")]));
    /// ```
    pub fn claims(
        mut self,
        claims: impl IntoIterator<Item = (impl Into<String>, impl Into<Value>)>,
    ) -> Self {
        self.all_claims = true;
        self.claims.clear();
        claims
            .into_iter()
            .fold(self, |update, (name, value)| update.claim(name, value))
    }

    /// Replaces one custom claim, and removes it if the value is null. The others stay. Names as in
    /// [`claims`](Self::claims).
    ///
    /// ```
    /// # use tollgate::session::SessionUpdate;
    /// let removed = SessionUpdate::new().claim("trial", serde_json::Value::Null);
    /// assert_ne!(removed, SessionUpdate::new());
    /// ```
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// Replaces the scope, separated by spaces. Only what the login granted counts; the rest is
    /// left out. An access token has less if the client asked for less.
    ///
    /// ```
    /// # use tollgate::session::SessionUpdate;
    /// assert_ne!(SessionUpdate::new().scope("orders:read"), SessionUpdate::new());
    /// ```
    pub fn scope(mut self, scope: impl AsRef<str>) -> Self {
        let held = self.scope.get_or_insert_default();
        held.clear();
        add_scopes(held, scope.as_ref());
        self
    }

    /// Adds one or several scopes, also beyond those that the login granted. They are in the tokens
    /// of the next refresh; a renewal by activity adds none.
    ///
    /// ```
    /// # use tollgate::session::SessionUpdate;
    /// assert_ne!(SessionUpdate::new().grant_scope("orders:write"), SessionUpdate::new());
    /// ```
    pub fn grant_scope(mut self, scope: impl AsRef<str>) -> Self {
        add_scopes(&mut self.granted, scope.as_ref());
        self
    }
}

impl fmt::Debug for SessionUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionUpdate")
            .field("roles", &self.roles)
            .field("scope", &self.scope)
            .field("granted", &self.granted)
            .finish_non_exhaustive()
    }
}

/// The answer of the [continuation hook](crate::SessionsBuilder::on_continue): the session goes on,
/// ends, or cannot be judged now.
///
/// A hook may also return a [`SessionUpdate`], or a `Result` whose error is logged and counts as
/// [`unavailable`](Self::unavailable).
///
/// ```
/// use tollgate::session::{Continuation, ContinuedSession};
///
/// # async fn roles_of(user: &str) -> Result<Option<Vec<String>>, std::io::Error> { Ok(None) }
/// async fn hook(session: ContinuedSession) -> Result<Continuation, std::io::Error> {
///     Ok(match roles_of(session.subject()).await? {
///         Some(roles) => Continuation::keep().roles(roles),
///         None => Continuation::end(), // the user was disabled
///     })
/// }
/// # let _ = hook;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Continuation(pub(crate) Verdict);

#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Keep(SessionUpdate),
    End,
    /// With the reason, for the operator.
    Unavailable(Cow<'static, str>),
}

impl Continuation {
    /// The session goes on, with the roles, claims and scope that it has, and with the changes that
    /// follow.
    ///
    /// ```
    /// # use tollgate::session::Continuation;
    /// let continuation = Continuation::keep().roles(["clerk"]).claim("tenant", "acme");
    /// # let _ = continuation;
    /// ```
    pub fn keep() -> Self {
        SessionUpdate::new().into()
    }

    /// The session ends, as by a logout. Its tokens are refused at once, and a refresh is 400
    /// `invalid_grant`.
    ///
    /// ```
    /// # use tollgate::session::Continuation;
    /// let continuation = Continuation::end();
    /// # let _ = continuation;
    /// ```
    pub const fn end() -> Self {
        Self(Verdict::End)
    }

    /// The service cannot decide now, for instance because its database is down. The session does
    /// not change, and a refresh is 503 with `Retry-After`. A panic, and an answer that takes too
    /// long, have the same effect.
    ///
    /// ```
    /// # use tollgate::session::Continuation;
    /// let continuation = Continuation::unavailable();
    /// # let _ = continuation;
    /// ```
    pub const fn unavailable() -> Self {
        Self(Verdict::Unavailable(Cow::Borrowed(
            "the continuation hook cannot decide now",
        )))
    }

    /// Replaces the roles: [`SessionUpdate::roles`].
    ///
    /// ```
    /// # use tollgate::session::Continuation;
    /// let no_roles = Continuation::keep().roles([""; 0]);
    /// # let _ = no_roles;
    /// ```
    pub fn roles(self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.with(|update| update.roles(names))
    }

    /// Replaces all custom claims: [`SessionUpdate::claims`].
    ///
    /// ```
    /// # use tollgate::session::Continuation;
    /// let continuation = Continuation::keep().claims([("tenant", "acme")]);
    /// # let _ = continuation;
    /// ```
    pub fn claims(
        self,
        claims: impl IntoIterator<Item = (impl Into<String>, impl Into<Value>)>,
    ) -> Self {
        self.with(|update| update.claims(claims))
    }

    /// Replaces one custom claim, and removes it if the value is null: [`SessionUpdate::claim`].
    ///
    /// ```
    /// # use tollgate::session::Continuation;
    /// let continuation = Continuation::keep().claim("tenant", "acme");
    /// # let _ = continuation;
    /// ```
    pub fn claim(self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.with(|update| update.claim(name, value))
    }

    /// Replaces the scope, within what the login granted: [`SessionUpdate::scope`].
    ///
    /// ```
    /// # use tollgate::session::Continuation;
    /// let continuation = Continuation::keep().scope("orders:read");
    /// # let _ = continuation;
    /// ```
    pub fn scope(self, scope: impl AsRef<str>) -> Self {
        self.with(|update| update.scope(scope))
    }

    /// Adds scopes, also beyond those that the login granted: [`SessionUpdate::grant_scope`].
    ///
    /// ```
    /// # use tollgate::session::Continuation;
    /// let continuation = Continuation::keep().grant_scope("orders:write");
    /// # let _ = continuation;
    /// ```
    pub fn grant_scope(self, scope: impl AsRef<str>) -> Self {
        self.with(|update| update.grant_scope(scope))
    }

    /// Changes the update. A session that ends has none.
    fn with(self, change: impl FnOnce(SessionUpdate) -> SessionUpdate) -> Self {
        match self.0 {
            Verdict::Keep(update) => change(update).into(),
            _ => self,
        }
    }
}

impl From<SessionUpdate> for Continuation {
    fn from(update: SessionUpdate) -> Self {
        Self(Verdict::Keep(update))
    }
}

impl<C: Into<Self>, E: fmt::Display> From<Result<C, E>> for Continuation {
    /// An error is logged, and counts as [`unavailable`](Self::unavailable).
    fn from(answer: Result<C, E>) -> Self {
        answer.map_or_else(
            |error| {
                let reason = format!("the continuation hook failed: {error}");
                Self(Verdict::Unavailable(reason.into()))
            },
            Into::into,
        )
    }
}
