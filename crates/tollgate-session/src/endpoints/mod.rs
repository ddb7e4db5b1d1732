//! Login, refresh, logout and the list of devices over HTTP, for any framework.

mod answers;
mod builder;
mod content;
mod device;
mod devices;
mod grant;
mod login;
mod logout;
mod refused;
mod report;
mod resume;
mod throttled;
mod transport;

use std::fmt;
use std::sync::{Arc, Once};
use std::time::Duration;

use tollgate_core::__private::CsrfForm;
use tollgate_core::{
    Answer, Authentication, BoxFuture, Endpoint, EndpointRequest, Gate, Principal, Refusal, Step,
    UnreadContent,
};

pub use self::builder::SessionEndpointsBuilder;
pub use self::login::{LoginFailure, LoginRequest};
pub use self::refused::EndpointRefusal;
use self::refused::{Form, Refused};
pub use self::transport::Transport;
use crate::cookies::CookieTransport;
use crate::id::SessionId;
use crate::sessions::{Login, Sessions};
use crate::throttle::LoginThrottle;

type RefusalHook = Box<dyn Fn(&EndpointRefusal<'_>, &mut Answer) + Send + Sync>;

type LoginHook = Box<dyn Fn(LoginRequest) -> BoxFuture<Result<Login, LoginFailure>> + Send + Sync>;

type NameHook = Box<dyn Fn(&LoginRequest) -> Option<String> + Send + Sync>;

/// The HTTP endpoints of sessions. An adapter mounts them under a path, such as `/auth`. With
/// cookies, this is the [path](crate::CookieTransportBuilder::path) of the refresh cookie.
///
/// | Request | Needs | Answer |
/// |---|---|---|
/// | `POST /login` | the credentials of the login function | 200 with tokens; 401; 429 |
/// | `POST /refresh` | the refresh token | 200 with tokens; 400 `invalid_grant`, `invalid_scope` |
/// | `GET /resume` | the refresh token; [optional](SessionEndpointsBuilder::resume) | 303 |
/// | `POST /logout` | the access or the refresh token | 204 |
/// | `GET /session` | the access token | 200: the expiry, the scope, the CSRF token |
/// | `GET /sessions` | the access token | 200: the user's devices |
/// | `DELETE /sessions/{id}` | the access token | 204; 404 if the user has no such session |
/// | `POST /sessions/{id}/logout` | the access token | the same, for forms |
/// | `POST /sessions/logout-others` | the access token | 200: the number of ended sessions |
/// | `POST /sessions/logout-all` | the access token | 200: the number of ended sessions |
///
/// With cookies, a refresh needs the binding cookie too, and a logout needs it or the access token.
/// A login ends the session whose cookies come with it.
///
/// With [`Transport::Both`], each request has its own transport, and these rules apply to requests
/// by cookie.
///
/// With cookies, login, refresh and logout require the proof of origin. Unsafe requests that need
/// the access token also require `x-csrf-token`, unless it is
/// [disabled](crate::CookieTransportBuilder::dangerous_without_csrf_token).
///
/// Content is JSON or a form, and may be missing. It must arrive within
/// [10 seconds](SessionEndpointsBuilder::content_timeout), else the response is 408. The names of
/// members and errors are those of OAuth (RFC 6749 sections 5 and 6). If a store does not answer,
/// the response is 503 with `Retry-After`. No response may be cached. A failed refresh never
/// changes a cookie.
///
/// ```
/// use tollgate::extend::{Endpoint, EndpointRequest};
/// use tollgate::SigningKey;
/// use tollgate::session::{
///     CookieTransport, Issuer, Login, MemoryStore, RefreshKey, SessionEndpoints, Sessions,
///     Transport,
/// };
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let issuer = Issuer::builder("https://id.example.com")
///     .audience("orders-api")
///     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11"))
///     .build()?;
/// let sessions = Sessions::builder(issuer, MemoryStore::default())
///     .refresh_key(RefreshKey::generate(1)?).build()?;
/// let cookies = CookieTransport::builder().path("/auth").build()?;
/// let endpoints = SessionEndpoints::builder(sessions, Transport::Cookie(cookies))
///     .login(|_request| async { Ok(Login::new("u-7")) })
///     .build()?;
///
/// let mut request = EndpointRequest::new("POST", "/login");
/// request.headers.push(("sec-fetch-site".to_owned(), b"same-origin".to_vec()));
/// assert_eq!(endpoints.respond(request.clone()).await.status, 200);
///
/// request.headers[0].1 = b"cross-site".to_vec();
/// assert_eq!(endpoints.respond(request).await.status, 403);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SessionEndpoints(Arc<Inner>);

struct Inner {
    sessions: Sessions,
    transport: Transport,
    login: LoginHook,
    gate: Gate,
    /// A gate without the revocation check. A logout revokes the token first, and must be
    /// repeatable if it then fails.
    ending_gate: Gate,
    proxies: usize,
    without_address: Once,
    content_limit: usize,
    content_timeout: Duration,
    login_page: Option<String>,
    throttle: Option<LoginThrottle>,
    login_name: Option<NameHook>,
    /// Whether there is `GET /resume`.
    resumes: bool,
    on_refusal: Option<RefusalHook>,
}

/// The endpoint of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Login,
    Refresh,
    Resume,
    Logout,
    Session,
    Sessions,
    Device(SessionId),
    /// Like `Device`, for forms.
    LogoutDevice(SessionId),
    LogoutOthers,
    LogoutAll,
}

impl Route {
    fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/login" => Self::Login,
            "/refresh" => Self::Refresh,
            "/resume" => Self::Resume,
            "/logout" => Self::Logout,
            "/session" => Self::Session,
            "/sessions" => Self::Sessions,
            "/sessions/logout-others" => Self::LogoutOthers,
            "/sessions/logout-all" => Self::LogoutAll,
            _ => {
                let id = path.strip_prefix("/sessions/")?;
                match id.strip_suffix("/logout") {
                    Some(id) => Self::LogoutDevice(id.parse().ok()?),
                    None => Self::Device(id.parse().ok()?),
                }
            }
        })
    }

    /// The name in log events and metrics.
    const fn operation(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Refresh => "refresh",
            Self::Resume => "resume",
            Self::Logout => "logout",
            Self::Session => "session",
            Self::Sessions => "sessions",
            Self::Device(_) | Self::LogoutDevice(_) => "logout_device",
            Self::LogoutOthers => "logout_others",
            Self::LogoutAll => "logout_all",
        }
    }

    /// The value of `Allow` (RFC 9110 section 10.2.1).
    const fn methods(self) -> &'static str {
        match self {
            Self::Session | Self::Sessions => "GET, HEAD",
            Self::Device(_) => "DELETE",
            Self::Resume => "GET", // not HEAD: it changes state
            _ => "POST",
        }
    }
}

impl SessionEndpoints {
    /// Creates a builder.
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
    /// let builder = SessionEndpoints::builder(sessions, Transport::Json);
    /// assert!(builder.login(|_| async { Err(LoginFailure::refused()) }).build().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(sessions: Sessions, transport: Transport) -> SessionEndpointsBuilder {
        SessionEndpointsBuilder::new(sessions, transport)
    }

    async fn answer(&self, request: EndpointRequest) -> Answer {
        let operation = Route::of(&request.path).map_or("none", Route::operation);
        let served = self.serve(&request).await;
        report::answered(operation, served.as_ref().err());
        let mut answer = served.unwrap_or_else(|refused| self.refuse(&request, refused));
        if request.method == "HEAD" {
            answer.set("content-length", answer.body.len().to_string());
            answer.body.clear();
        }
        answer
    }

    async fn serve(&self, request: &EndpointRequest) -> Result<Answer, Refused> {
        let route = Route::of(&request.path)
            .filter(|route| *route != Route::Resume || self.0.resumes)
            .ok_or_else(refused::not_found)?;
        if !route
            .methods()
            .split(", ")
            .any(|method| method == request.method)
        {
            let detail = "The method is not allowed here";
            return Err(Refused::new(405, "method_not_allowed", None, detail)
                .with("allow", route.methods()));
        }
        // Adapters stop reading at the limit. This covers direct callers.
        if request.content.len() > self.0.content_limit {
            return Err(UnreadContent::TooLarge.into());
        }
        if route != Route::Login && self.0.transport.is_ambiguous(request) {
            return Err(refused::ambiguous());
        }
        let answer = match route {
            Route::Login => self.log_in(request).await,
            Route::Refresh => self.refresh(request).await,
            Route::Resume => self.resume(request).await,
            Route::Logout => self.log_out(request).await,
            Route::Session => self.session(request).await,
            Route::Sessions => self.devices(request).await,
            Route::Device(id) | Route::LogoutDevice(id) => self.log_out_device(request, id).await,
            Route::LogoutOthers => self.log_out_others(request).await,
            Route::LogoutAll => self.log_out_all(request).await,
        }?;
        let form = self.cookies_for(request).and_then(|_| Form::of(request));
        Ok(match form {
            Some(form) if route != Route::Refresh => self.redirected(route, &form, answer),
            _ => answer,
        })
    }

    fn cookies(&self) -> Option<&CookieTransport> {
        self.0.transport.cookies()
    }

    /// Returns the cookies if they transport the tokens of this request.
    fn cookies_for(&self, request: &EndpointRequest) -> Option<&CookieTransport> {
        self.0.transport.cookies_for(request)
    }

    /// Requires the proof of origin for requests whose credentials a browser attaches by itself.
    fn prove_origin(&self, request: &EndpointRequest) -> Result<(), Refused> {
        if self.cookies_for(request).is_some() {
            self.0.gate.prove_origin(request)?;
        }
        Ok(())
    }

    /// Returns the user of the access token.
    async fn user(&self, request: &EndpointRequest) -> Result<Principal, Refused> {
        let authentication = decide(&self.0.gate, request).await?;
        Ok(authentication.authenticated().cloned()?)
    }
}

impl Endpoint for SessionEndpoints {
    fn respond(&self, request: EndpointRequest) -> BoxFuture<Answer> {
        let endpoints = self.clone();
        Box::pin(async move { endpoints.answer(request).await })
    }

    fn respond_unread(&self, head: &EndpointRequest, reason: UnreadContent) -> Answer {
        self.refuse(head, reason.into())
    }

    fn content_limit(&self) -> usize {
        self.0.content_limit
    }

    fn content_timeout(&self) -> Duration {
        self.0.content_timeout
    }
}

impl fmt::Debug for SessionEndpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionEndpoints")
            .field("transport", &self.0.transport)
            .field("gate", &self.0.gate)
            .finish_non_exhaustive()
    }
}

/// Decides on a request, whose CSRF token may be in its form.
async fn decide(gate: &Gate, request: &EndpointRequest) -> Result<Authentication, Refusal> {
    let token = CsrfForm::of(request).and_then(|mut form| {
        let is_cut = form.push(&request.content);
        form.token(!is_cut)
    });
    match gate.begin_with_form(request, Ok(token)) {
        Step::Ready(decided) => decided,
        Step::Pending(pending) => pending.await,
    }
}

impl From<UnreadContent> for Refused {
    fn from(reason: UnreadContent) -> Self {
        Self {
            code: reason.code(),
            answer: reason.answer(),
        }
    }
}

/// Returns the session of a token (`sid`).
fn session_of(user: &Principal) -> Option<SessionId> {
    user.session_id()?.parse().ok()
}

/// Returns the user (`sub`), which every token of the issuer has.
fn subject_of(user: &Principal) -> Result<&str, Refused> {
    user.subject().ok_or_else(refused::malformed)
}
