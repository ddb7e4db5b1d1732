//! Configuration of [`SessionEndpoints`].

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tollgate_core::{ConfigError, ConfigErrorKind, Gate, GateBuilder};

use super::login::{LoginFailure, LoginRequest};
use super::{Inner, LoginHook, SessionEndpoints, Transport};
use crate::sessions::{Login, Sessions};

/// The most content that can be asked for: 1 MiB.
const MOST_CONTENT: usize = 1 << 20;

type GateHook = Box<dyn Fn(GateBuilder) -> GateBuilder>;

/// Configuration of [`SessionEndpoints`], made by [`SessionEndpoints::builder`].
///
/// ```
/// # use tollgate_core::SigningKey;
/// # use tollgate_session::{Issuer, MemoryStore, RefreshKey, Sessions};
/// use tollgate_session::{CookieTransport, Login, LoginFailure, SessionEndpoints, Transport};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
/// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
/// # let sessions = Sessions::builder(issuer, MemoryStore::default()).refresh_key(RefreshKey::generate(1)?).build()?;
/// let endpoints = SessionEndpoints::builder(sessions, Transport::Cookie(CookieTransport::builder().build()?))
///     .login(async |_| Err(LoginFailure::refused()))
///     .gate(|gate| gate.trusted_origin("https://app.example.com"))
///     .build();
/// assert!(endpoints.is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is built before `build`"]
pub struct SessionEndpointsBuilder {
    sessions: Sessions,
    transport: Transport,
    login: Option<LoginHook>,
    gate: Option<GateHook>,
    proxies: Option<usize>,
    content_limit: usize,
}

impl SessionEndpointsBuilder {
    pub(super) fn new(sessions: Sessions, transport: Transport) -> Self {
        Self {
            sessions,
            transport,
            login: None,
            gate: None,
            proxies: None,
            content_limit: 16 * 1024,
        }
    }

    /// Who may log in: called with each request to `POST /login`, once its origin is proved. Required.
    ///
    /// It must not tell by its time whether there is such a user, and it is the place to count attempts.
    ///
    /// ```
    /// # use tollgate_core::SigningKey;
    /// # use tollgate_session::{Issuer, MemoryStore, RefreshKey, Sessions};
    /// use tollgate_session::{Login, LoginFailure, LoginRequest, SessionEndpoints, Transport};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default()).refresh_key(RefreshKey::generate(1)?).build()?;
    /// let forgotten = SessionEndpoints::builder(sessions.clone(), Transport::Json).build();
    /// assert!(forgotten.is_err());
    ///
    /// let login = |request: LoginRequest| async move {
    ///     let form: std::collections::BTreeMap<String, String> = request.form()?;
    ///     form.get("user").map(Login::new).ok_or_else(LoginFailure::refused)
    /// };
    /// assert!(SessionEndpoints::builder(sessions, Transport::Json).login(login).build().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn login<F, R>(mut self, login: F) -> Self
    where
        F: Fn(LoginRequest) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Login, LoginFailure>> + Send + 'static,
    {
        self.login = Some(Box::new(move |request| Box::pin(login(request))));
        self
    }

    /// Changes the gate before the endpoints that need a user: trusted origins, a hook for rejections.
    ///
    /// ```
    /// # use tollgate_core::SigningKey;
    /// # use tollgate_session::{CookieTransport, Issuer, LoginFailure, MemoryStore, RefreshKey, SessionEndpoints, Sessions, Transport};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default()).refresh_key(RefreshKey::generate(1)?).build()?;
    /// # let transport = Transport::Cookie(CookieTransport::builder().build()?);
    /// let builder = SessionEndpoints::builder(sessions, transport).login(|_| async { Err(LoginFailure::refused()) });
    /// assert!(builder.gate(|gate| gate.trusted_origin("not an origin")).build().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn gate(mut self, change: impl Fn(GateBuilder) -> GateBuilder + 'static) -> Self {
        self.gate = Some(Box::new(change));
        self
    }

    /// Believes what `X-Forwarded-For` says of the client's address, where exactly so many proxies of the service's own stand
    /// before it and each adds to the field. With any other number, or where a request can come past them, clients
    /// choose the address that is shown in the list of devices. A warning is logged when it is built.
    ///
    /// ```
    /// # use tollgate_core::SigningKey;
    /// # use tollgate_session::{Issuer, LoginFailure, MemoryStore, RefreshKey, SessionEndpoints, Sessions, Transport};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default()).refresh_key(RefreshKey::generate(1)?).build()?;
    /// let builder = SessionEndpoints::builder(sessions, Transport::Json).login(|_| async { Err(LoginFailure::refused()) });
    /// assert!(builder.trust_forwarded_for(1).build().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn trust_forwarded_for(mut self, proxies: usize) -> Self {
        self.proxies = Some(proxies);
        self
    }

    /// The most bytes of content of a request: 16 KiB unless said otherwise, 1 MiB at the most.
    ///
    /// ```
    /// # use tollgate_core::{Endpoint, SigningKey};
    /// # use tollgate_session::{Issuer, LoginFailure, MemoryStore, RefreshKey, SessionEndpoints, Sessions, Transport};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default()).refresh_key(RefreshKey::generate(1)?).build()?;
    /// let builder = SessionEndpoints::builder(sessions, Transport::Json).login(|_| async { Err(LoginFailure::refused()) });
    /// assert_eq!(builder.content_limit(1024).build()?.content_limit(), 1024);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn content_limit(mut self, bytes: usize) -> Self {
        self.content_limit = bytes;
        self
    }

    /// Checks the configuration and makes the endpoints.
    ///
    /// # Errors
    /// A [`ConfigError`] without a login function, for zero proxies, a limit that is zero or above 1 MiB, and for what
    /// [`GateBuilder::build`] refuses.
    ///
    /// ```
    /// # use tollgate_core::{ConfigErrorKind, SigningKey};
    /// # use tollgate_session::{Issuer, MemoryStore, RefreshKey, SessionEndpoints, Sessions, Transport};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default()).refresh_key(RefreshKey::generate(1)?).build()?;
    /// let error = SessionEndpoints::builder(sessions, Transport::Json).build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::Contradiction);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn build(self) -> Result<SessionEndpoints, ConfigError> {
        let refuse = |kind, message: &str| Err(ConfigError::new(kind, message));
        let Some(login) = self.login else {
            return refuse(
                ConfigErrorKind::Contradiction,
                "nobody can log in: say who may by `login`",
            );
        };
        if self.content_limit == 0 || self.content_limit > MOST_CONTENT {
            return refuse(
                ConfigErrorKind::OutOfRange,
                "the content limit is zero or above 1 MiB",
            );
        }
        if let Some(proxies) = self.proxies {
            if proxies == 0 {
                return refuse(
                    ConfigErrorKind::OutOfRange,
                    "`trust_forwarded_for` with no proxy believes the client: leave it out",
                );
            }
            tracing::warn!(
                target: "tollgate",
                proxies,
                "`X-Forwarded-For` is believed: exactly so many proxies must add to it"
            );
        }
        let verifier = self.sessions.issuer().verifier().build()?;
        let gate = |builder: GateBuilder| {
            let builder = match &self.transport {
                Transport::Cookie(cookies) => cookies.apply(builder),
                Transport::Json => builder,
            };
            match &self.gate {
                Some(change) => change(builder).build(),
                None => builder.build(),
            }
        };
        let (gate, ending_gate) = (gate(self.sessions.gate())?, gate(Gate::builder(verifier))?);
        Ok(SessionEndpoints(Arc::new(Inner {
            sessions: self.sessions,
            transport: self.transport,
            login,
            gate,
            ending_gate,
            proxies: self.proxies.unwrap_or(0),
            content_limit: self.content_limit,
        })))
    }
}

impl fmt::Debug for SessionEndpointsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionEndpointsBuilder")
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}
