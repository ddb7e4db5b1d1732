//! The configuration of [`SessionEndpoints`].

use std::fmt;
use std::future::Future;
use std::ops::RangeInclusive;
use std::sync::{Arc, Once};
use std::time::Duration;

use tollgate_core::__private::is_own_page;
use tollgate_core::{Answer, ConfigError, ConfigErrorKind, Gate, GateBuilder};

use super::login::{LoginFailure, LoginRequest};
use super::refused::EndpointRefusal;
use super::{Inner, LoginHook, NameHook, RefusalHook, SessionEndpoints, Transport};
use crate::cookies::SameSite;
use crate::sessions::{Login, Sessions};
use crate::throttle::LoginThrottle;

/// The upper bound of `content_limit`: 1 MiB.
const MOST_CONTENT: usize = 1 << 20;

/// The bounds of `content_timeout`.
const CONTENT_TIMES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(300);

type GateHook = Box<dyn Fn(GateBuilder) -> GateBuilder>;

/// A builder of [`SessionEndpoints`]. Created by [`SessionEndpoints::builder`].
///
/// ```
/// # use tollgate::SigningKey;
/// # use tollgate::session::{Issuer, MemoryStore, RefreshKey, Sessions};
/// use tollgate::session::{CookieTransport, Login, LoginFailure, SessionEndpoints, Transport};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
/// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
/// # let sessions = Sessions::builder(issuer, MemoryStore::default())
/// #     .refresh_key(RefreshKey::generate(1)?).build()?;
/// let transport = Transport::Cookie(CookieTransport::builder().build()?);
/// let endpoints = SessionEndpoints::builder(sessions, transport)
///     .login(async |_| Err(LoginFailure::refused()))
///     .gate(|gate| gate.trusted_origin("https://app.example.com"))
///     .build();
/// assert!(endpoints.is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a builder does nothing until `build` is called"]
pub struct SessionEndpointsBuilder {
    sessions: Sessions,
    transport: Transport,
    login: Option<LoginHook>,
    gate: Option<GateHook>,
    proxies: Option<usize>,
    content_limit: usize,
    content_timeout: Duration,
    login_page: Option<String>,
    throttle: Option<LoginThrottle>,
    login_name: Option<NameHook>,
    resumes: bool,
    on_refusal: Option<RefusalHook>,
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
            content_timeout: Duration::from_secs(10),
            login_page: None,
            throttle: Some(LoginThrottle::default()),
            login_name: None,
            resumes: false,
            on_refusal: None,
        }
    }

    /// Sets the login function. It is called with each request to `POST /login` that passed the
    /// proof of origin. Required.
    ///
    /// Its duration must not reveal whether a user exists. Failed attempts are
    /// [throttled](Self::login_throttle).
    ///
    /// ```
    /// # use tollgate::SigningKey;
    /// # use tollgate::session::{Issuer, MemoryStore, RefreshKey, Sessions};
    /// use tollgate::session::{Login, LoginFailure, LoginRequest, SessionEndpoints, Transport};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?).build()?;
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

    /// Changes the gate of the endpoints that need a user, for instance its trusted origins or a
    /// rejection hook.
    ///
    /// ```
    /// # use tollgate::SigningKey;
    /// # use tollgate::session::{CookieTransport, Issuer, LoginFailure, MemoryStore};
    /// # use tollgate::session::{RefreshKey, SessionEndpoints, Sessions, Transport};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?).build()?;
    /// # let transport = Transport::Cookie(CookieTransport::builder().build()?);
    /// let builder = SessionEndpoints::builder(sessions, transport)
    ///     .login(|_| async { Err(LoginFailure::refused()) });
    /// assert!(builder.gate(|gate| gate.trusted_origin("not an origin")).build().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn gate(mut self, change: impl Fn(GateBuilder) -> GateBuilder + 'static) -> Self {
        self.gate = Some(Box::new(change));
        self
    }

    /// Takes the client's address from `X-Forwarded-For`. Exactly `proxies` own proxies must stand
    /// before the service, and each must add to the field. Otherwise clients choose the address
    /// that is shown in the list of devices. `build` logs a warning.
    ///
    /// ```
    /// # use tollgate::SigningKey;
    /// # use tollgate::session::{Issuer, LoginFailure, MemoryStore};
    /// # use tollgate::session::{RefreshKey, SessionEndpoints, Sessions, Transport};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?).build()?;
    /// let builder = SessionEndpoints::builder(sessions, Transport::Json)
    ///     .login(|_| async { Err(LoginFailure::refused()) });
    /// assert!(builder.trust_forwarded_for(1).build().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn trust_forwarded_for(mut self, proxies: usize) -> Self {
        self.proxies = Some(proxies);
        self
    }

    /// Sets the maximum size of a request's content. Default: 16 KiB. Maximum: 1 MiB.
    ///
    /// ```
    /// # use tollgate::extend::Endpoint;
    /// # use tollgate::SigningKey;
    /// # use tollgate::session::{Issuer, LoginFailure, MemoryStore};
    /// # use tollgate::session::{RefreshKey, SessionEndpoints, Sessions, Transport};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?).build()?;
    /// let builder = SessionEndpoints::builder(sessions, Transport::Json)
    ///     .login(|_| async { Err(LoginFailure::refused()) });
    /// assert_eq!(builder.content_limit(1024).build()?.content_limit(), 1024);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn content_limit(mut self, bytes: usize) -> Self {
        self.content_limit = bytes;
        self
    }

    /// Sets the maximum time until all content of a request has arrived, counted from its header
    /// fields. Default: 10 seconds. Minimum: 1 second. Maximum: 5 minutes.
    ///
    /// The response to slower content is 408, and the connection is closed.
    ///
    /// ```
    /// # use tollgate::extend::Endpoint;
    /// # use tollgate::SigningKey;
    /// # use tollgate::session::{Issuer, LoginFailure, MemoryStore};
    /// # use tollgate::session::{RefreshKey, SessionEndpoints, Sessions, Transport};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?).build()?;
    /// use std::time::Duration;
    ///
    /// let builder = SessionEndpoints::builder(sessions, Transport::Json)
    ///     .login(|_| async { Err(LoginFailure::refused()) });
    /// let endpoints = builder.content_timeout(Duration::from_secs(5)).build()?;
    /// assert_eq!(endpoints.content_timeout(), Duration::from_secs(5));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn content_timeout(mut self, timeout: Duration) -> Self {
        self.content_timeout = timeout;
        self
    }

    /// Adds `GET /resume`, which continues a session without scripts: it refreshes the session by
    /// its cookies and redirects to the parameter `return_to`, a [path of the
    /// service](tollgate_core::ReturnTo), by default `/`. If the session is over, it redirects to
    /// this login page, with the same parameter. If the store does not answer, the response is 503.
    ///
    /// It answers only page loads of a browser, also those from other sites; everything else gets
    /// 403. Gates send page loads there with [`CookieTransport::login_redirect`].
    ///
    /// [`CookieTransport::login_redirect`]: crate::CookieTransport::login_redirect
    ///
    /// ```
    /// # use tollgate::SigningKey;
    /// # use tollgate::session::{CookieTransport, Issuer, LoginFailure, MemoryStore, RefreshKey};
    /// # use tollgate::session::{SameSite, SessionEndpoints, Sessions, Transport};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?).build()?;
    /// let endpoints = |same_site| {
    ///     let cookies = CookieTransport::builder().same_site(same_site).build()?;
    ///     SessionEndpoints::builder(sessions.clone(), Transport::Cookie(cookies))
    ///         .login(|_| async { Err(LoginFailure::refused()) })
    ///         .resume("/login")
    ///         .build()
    /// };
    /// assert!(endpoints(SameSite::Lax).is_ok());
    /// assert!(endpoints(SameSite::Strict).is_err()); // a followed link brings no cookies
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resume(mut self, login: impl Into<String>) -> Self {
        self.resumes = true;
        self.login_page(login)
    }

    /// Sets the login page: a path of the service, as the browser sees it. The last call counts,
    /// also that of [`resume`](Self::resume).
    ///
    /// A login by the form of a page is refused with 303 to this page, with the
    /// [code](EndpointRefusal::code) in the parameter `error`, and with `return_to` if the form has
    /// it. After a logout by a form, it is the page if the form has no `return_to`. Requests of
    /// scripts and of other clients get status codes and JSON. Needs cookies.
    ///
    /// ```
    /// # use tollgate::SigningKey;
    /// # use tollgate::session::{CookieTransport, Issuer, LoginFailure, MemoryStore, RefreshKey};
    /// # use tollgate::session::{SessionEndpoints, Sessions, Transport};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?).build()?;
    /// # let transport = Transport::Cookie(CookieTransport::builder().build()?);
    /// use tollgate::extend::{Endpoint, EndpointRequest};
    ///
    /// let endpoints = SessionEndpoints::builder(sessions, transport)
    ///     .login(|_| async { Err(LoginFailure::refused()) })
    ///     .login_page("/login")
    ///     .build()?;
    /// let mut form = EndpointRequest::new("POST", "/login");
    /// for (name, value) in [
    ///     ("content-type", "application/x-www-form-urlencoded"),
    ///     ("sec-fetch-mode", "navigate"),
    ///     ("sec-fetch-site", "same-origin"),
    /// ] {
    ///     form.headers.push((name.to_owned(), value.into()));
    /// }
    /// let answer = endpoints.respond(form).await;
    /// assert_eq!(answer.status, 303);
    /// assert_eq!(answer.header("location"), Some(&b"/login?error=wrong_credentials"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn login_page(mut self, page: impl Into<String>) -> Self {
        self.login_page = Some(page.into());
        self
    }

    /// Sets a function that changes the answer to every refused request, also to one whose content
    /// is too large or too slow. It is called after the [rejection hook](GateBuilder::on_rejection)
    /// of the gate. The last call counts.
    ///
    /// The answer is a problem document. If the function sets another `content-type`, the answer is
    /// sent as it is: an HTML page is not replaced by the redirect of
    /// [`login_page`](Self::login_page). Called on the request path; must not block.
    ///
    /// ```
    /// # use tollgate::SigningKey;
    /// # use tollgate::session::{CookieTransport, Issuer, LoginFailure, MemoryStore, RefreshKey};
    /// # use tollgate::session::{SessionEndpoints, Sessions, Transport};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?).build()?;
    /// # let transport = Transport::Cookie(CookieTransport::builder().build()?);
    /// use tollgate::extend::{Endpoint, EndpointRequest};
    ///
    /// let endpoints = SessionEndpoints::builder(sessions, transport)
    ///     .login(|_| async { Err(LoginFailure::refused()) })
    ///     .on_refusal(|refusal, answer| answer.set("x-reason", refusal.code()))
    ///     .build()?;
    /// let answer = endpoints.respond(EndpointRequest::new("GET", "/nowhere")).await;
    /// assert_eq!(answer.header("x-reason"), Some(&b"not_found"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_refusal(
        mut self,
        hook: impl Fn(&EndpointRefusal<'_>, &mut Answer) + Send + Sync + 'static,
    ) -> Self {
        self.on_refusal = Some(Box::new(hook));
        self
    }

    /// Changes the budgets of failed logins. The default is [`LoginThrottle::default`].
    ///
    /// When a budget is exhausted, the response is 429 with `Retry-After`, and the login function
    /// is not called. An attempt counts from before that call. It is given back if the login
    /// succeeds, or fails with [`malformed`](LoginFailure::malformed), with the error of
    /// [`LoginRequest::read`], or with a status from 500. Every other failure counts.
    ///
    /// With cookies, a login sets one more, `__Host-session-device` after the name of the binding
    /// cookie. It gives the device a budget of its own, and a logout does not delete it.
    ///
    /// ```
    /// # use tollgate::SigningKey;
    /// # use tollgate::session::{Issuer, LoginFailure, MemoryStore};
    /// # use tollgate::session::{RefreshKey, SessionEndpoints, Sessions, Transport};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?).build()?;
    /// let builder = SessionEndpoints::builder(sessions, Transport::Json)
    ///     .login(|_| async { Err(LoginFailure::refused()) });
    /// use std::time::Duration;
    /// use tollgate::session::LoginThrottle;
    ///
    /// let throttle = LoginThrottle::builder().per_network(500, Duration::from_secs(60)).build()?;
    /// assert!(builder.login_throttle(throttle).build().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn login_throttle(mut self, throttle: LoginThrottle) -> Self {
        self.throttle = Some(throttle);
        self
    }

    /// Does not count failed logins. Use it only if something else does, such as the login
    /// function.
    ///
    /// ```
    /// # use tollgate::SigningKey;
    /// # use tollgate::session::{Issuer, LoginFailure, MemoryStore};
    /// # use tollgate::session::{RefreshKey, SessionEndpoints, Sessions, Transport};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?).build()?;
    /// let builder = SessionEndpoints::builder(sessions, Transport::Json)
    ///     .login(|_| async { Err(LoginFailure::refused()) });
    /// assert!(builder.dangerous_without_login_throttle().build().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dangerous_without_login_throttle(mut self) -> Self {
        self.throttle = None;
        self
    }

    /// Sets the function that returns the user name of a login request, by which failed attempts
    /// are counted.
    ///
    /// By default these are the members `username`, `user`, `email`, `login`, `name`, `identifier`,
    /// `mail` and `phone` of the content, in any case and with `_` or `-` in them, and the user of
    /// Basic credentials. If there are several, the attempt counts for each. One member in two
    /// spellings is malformed. Set this if the login function reads another member, or if the
    /// service treats names as equal that differ in more than their case.
    ///
    /// ```
    /// # use tollgate::SigningKey;
    /// # use tollgate::session::{Issuer, LoginFailure, MemoryStore};
    /// # use tollgate::session::{RefreshKey, SessionEndpoints, Sessions, Transport};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?).build()?;
    /// let builder = SessionEndpoints::builder(sessions, Transport::Json)
    ///     .login(|_| async { Err(LoginFailure::refused()) });
    /// #[derive(serde::Deserialize)]
    /// struct Card { card: String }
    ///
    /// let builder = builder.login_name(|request| Some(request.read::<Card>().ok()?.card));
    /// assert!(builder.build().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn login_name(
        mut self,
        name: impl Fn(&LoginRequest) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.login_name = Some(Box::new(name));
        self
    }

    /// Checks the configuration and creates the endpoints.
    ///
    /// # Errors
    /// [`ConfigError`] if there is no login function, the number of proxies is zero, the content
    /// limit is zero or above 1 MiB, or the content timeout is below one second or above 5 minutes.
    /// Also if [`login_page`](Self::login_page) is no path of the service or there are no cookies,
    /// or if [`resume`](Self::resume) has cookies with `SameSite=Strict`. Also the errors of
    /// [`GateBuilder::build`].
    ///
    /// ```
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::SigningKey;
    /// # use tollgate::session::{Issuer, MemoryStore, RefreshKey};
    /// # use tollgate::session::{SessionEndpoints, Sessions, Transport};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?).build()?;
    /// let error = SessionEndpoints::builder(sessions, Transport::Json).build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::Contradiction);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn build(self) -> Result<SessionEndpoints, ConfigError> {
        let refuse = |kind, message: &str| Err(ConfigError::new(kind, message));
        let Some(login) = self.login else {
            return refuse(ConfigErrorKind::Contradiction, "`login` is required");
        };
        if self.content_limit == 0 || self.content_limit > MOST_CONTENT {
            return refuse(
                ConfigErrorKind::OutOfRange,
                "`content_limit` must be between 1 byte and 1 MiB",
            );
        }
        if !CONTENT_TIMES.contains(&self.content_timeout) {
            return refuse(
                ConfigErrorKind::OutOfRange,
                "`content_timeout` must be between 1 second and 5 minutes",
            );
        }
        if let Some(page) = &self.login_page {
            if !is_own_page(page) {
                return refuse(
                    ConfigErrorKind::InvalidText,
                    "`login_page` must be a path of the service",
                );
            }
            match self.transport.cookies() {
                Some(_) if !self.resumes => {}
                Some(cookies) if cookies.same_site() != SameSite::Strict => {}
                None if !self.resumes => {
                    return refuse(
                        ConfigErrorKind::Contradiction,
                        "`login_page` requires cookies: use them or remove it",
                    );
                }
                _ => {
                    return refuse(
                        ConfigErrorKind::Contradiction,
                        "`resume` requires cookies, and not `SameSite=Strict`, with which a \
                         followed link brings none: remove one of the two",
                    );
                }
            }
        }
        if let Some(proxies) = self.proxies {
            if proxies == 0 {
                return refuse(
                    ConfigErrorKind::OutOfRange,
                    "`trust_forwarded_for` requires at least one proxy",
                );
            }
            tracing::warn!(
                target: "tollgate",
                proxies,
                "trusting `X-Forwarded-For`"
            );
        }
        let verifier = self.sessions.issuer().verifier().build()?;
        let gate = |builder: GateBuilder| {
            let builder = self.transport.apply(builder);
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
            without_address: Once::new(),
            content_limit: self.content_limit,
            content_timeout: self.content_timeout,
            login_page: self.login_page,
            throttle: self.throttle,
            login_name: self.login_name,
            resumes: self.resumes,
            on_refusal: self.on_refusal,
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
