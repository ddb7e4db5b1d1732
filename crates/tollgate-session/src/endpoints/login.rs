//! The request and the failure of a login function.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tollgate_core::{Answer, EndpointRequest};

use super::content::ContentType;
use super::refused::{self, Refused};
use crate::device::Device;

/// A login request, for the login function of the service, which interprets the content.
///
/// `Debug` shows neither fields nor content, because they hold credentials.
///
/// ```
/// use tollgate::extend::{Endpoint, EndpointRequest};
/// use tollgate::session::{Login, LoginFailure, LoginRequest, SessionEndpoints, Transport};
/// # use tollgate::SigningKey;
/// # use tollgate::session::{Issuer, MemoryStore, RefreshKey, Sessions};
///
/// #[derive(serde::Deserialize)]
/// struct Credentials { user: String, password: String }
///
/// async fn login(request: LoginRequest) -> Result<Login, LoginFailure> {
///     let credentials: Credentials = request.read()?;
///     if credentials.user == "alice" && credentials.password == "correct horse" {
///         Ok(Login::new("u-7").scope("orders:read"))
///     } else {
///         Err(LoginFailure::refused())
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
/// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
/// # let sessions = Sessions::builder(issuer, MemoryStore::default())
/// #     .refresh_key(RefreshKey::generate(1)?).build()?;
/// let endpoints = SessionEndpoints::builder(sessions, Transport::Json).login(login).build()?;
/// let mut request = EndpointRequest::new("POST", "/login");
/// request.headers.push(("content-type".to_owned(), b"application/json".to_vec()));
/// request.content = br#"{"user": "alice", "password": "guess"}"#.to_vec();
/// assert_eq!(endpoints.respond(request).await.status, 401);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LoginRequest {
    pub(super) request: EndpointRequest,
    pub(super) content_type: Option<ContentType>,
    pub(super) device: Device,
}

impl LoginRequest {
    /// Deserialises the content, JSON or a form: one object without duplicate names. The values of
    /// a form are strings.
    ///
    /// # Errors
    /// [`LoginFailure`] with status 400 if the content is missing, malformed or of another shape.
    /// Return it unchanged.
    ///
    /// ```
    /// # use tollgate::session::{Login, LoginFailure, LoginRequest};
    /// #[derive(serde::Deserialize)]
    /// struct Code { code: String }
    ///
    /// async fn login(request: LoginRequest) -> Result<Login, LoginFailure> {
    ///     let Code { code } = request.read()?;
    ///     if code == "4711" { Ok(Login::new("u-7")) } else { Err(LoginFailure::refused()) }
    /// }
    /// # let _ = login;
    /// assert!(serde_json::from_str::<Code>("{}").is_err(), "a missing member causes a 400");
    /// ```
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, LoginFailure> {
        let content_type = self.content_type.as_ref();
        let content_type = content_type.ok_or_else(LoginFailure::malformed)?;
        content_type
            .read(&self.request.content)
            .map_err(|unreadable| LoginFailure(unreadable.into()))
    }

    /// Like [`read`](Self::read), for JSON only.
    ///
    /// # Errors
    /// The errors of [`read`](Self::read), and 415 for a form.
    ///
    /// ```
    /// # use tollgate::session::{Login, LoginFailure, LoginRequest};
    /// async fn login(request: LoginRequest) -> Result<Login, LoginFailure> {
    ///     let content: serde_json::Value = request.json()?;
    ///     content["user"].as_str().map(Login::new).ok_or_else(LoginFailure::malformed)
    /// }
    /// # let _ = login;
    /// assert_eq!(LoginFailure::malformed().answer().status, 400);
    /// ```
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, LoginFailure> {
        self.read_if(|content_type| !content_type.is_form())
    }

    /// Like [`read`](Self::read), for a form only: `application/x-www-form-urlencoded`, or
    /// `multipart/form-data` without files.
    ///
    /// # Errors
    /// The errors of [`read`](Self::read), and 415 for JSON.
    ///
    /// ```
    /// # use tollgate::session::{Login, LoginFailure, LoginRequest};
    /// async fn login(request: LoginRequest) -> Result<Login, LoginFailure> {
    ///     let form: std::collections::BTreeMap<String, String> = request.form()?;
    ///     form.get("user").map(Login::new).ok_or_else(LoginFailure::malformed)
    /// }
    /// # let _ = login;
    /// assert_eq!(LoginFailure::malformed().answer().status, 400);
    /// ```
    pub fn form<T: DeserializeOwned>(&self) -> Result<T, LoginFailure> {
        self.read_if(ContentType::is_form)
    }

    /// The whole request, including header fields such as `authorization`.
    ///
    /// ```
    /// # use tollgate::extend::RequestView;
    /// # use tollgate::session::{Login, LoginFailure, LoginRequest};
    /// async fn login(request: LoginRequest) -> Result<Login, LoginFailure> {
    ///     match request.request().header("authorization").next() {
    ///         Some(b"Basic YWxpY2U6c2VjcmV0") => Ok(Login::new("u-7")),
    ///         _ => Err(LoginFailure::refused()),
    ///     }
    /// }
    /// # let _ = login;
    /// assert_eq!(LoginFailure::refused().answer().status, 401);
    /// ```
    pub const fn request(&self) -> &EndpointRequest {
        &self.request
    }

    /// The device of the client. It is stored with the session; values that the
    /// [`Login`](crate::Login) sets take precedence.
    ///
    /// ```
    /// # use tollgate::session::{Login, LoginFailure, LoginRequest};
    /// async fn login(request: LoginRequest) -> Result<Login, LoginFailure> {
    ///     match request.device().address.as_deref() {
    ///         Some("203.0.113.7") => Err(LoginFailure::refused()),
    ///         _ => Ok(Login::new("u-7")),
    ///     }
    /// }
    /// # let _ = login;
    /// assert_eq!(tollgate::session::Device::default().address, None);
    /// ```
    pub const fn device(&self) -> &Device {
        &self.device
    }

    fn read_if<T: DeserializeOwned>(
        &self,
        is_wanted: impl FnOnce(&ContentType) -> bool,
    ) -> Result<T, LoginFailure> {
        if self
            .content_type
            .as_ref()
            .is_some_and(|got| !is_wanted(got))
        {
            return Err(LoginFailure(super::content::Unreadable::Type.into()));
        }
        self.read()
    }
}

impl fmt::Debug for LoginRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginRequest")
            .field("content_type", &self.content_type)
            .finish_non_exhaustive()
    }
}

/// A failed login, as the response to the client.
///
/// ```
/// use tollgate::session::LoginFailure;
///
/// assert_eq!(LoginFailure::refused().answer().status, 401);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct LoginFailure(pub(super) Refused);

impl LoginFailure {
    /// The credentials are wrong: 401. The response does not reveal which of them, or whether the
    /// user exists.
    ///
    /// ```
    /// assert_eq!(tollgate::session::LoginFailure::refused().answer().status, 401);
    /// ```
    pub fn refused() -> Self {
        let (code, error) = ("wrong_credentials", Some("access_denied"));
        let refused = Refused::new(401, code, error, "The credentials are wrong");
        // RFC 9110 section 15.5.2 requires a challenge. No registered scheme describes this login.
        Self(refused.with("www-authenticate", "Login"))
    }

    /// The request is malformed: 400.
    ///
    /// ```
    /// assert_eq!(tollgate::session::LoginFailure::malformed().answer().status, 400);
    /// ```
    pub fn malformed() -> Self {
        Self(refused::malformed())
    }

    /// There were too many attempts: 429, with `Retry-After`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let failure = tollgate::session::LoginFailure::too_many_attempts(Duration::from_secs(30));
    /// assert_eq!(failure.answer().header("retry-after"), Some(&b"30"[..]));
    /// ```
    pub fn too_many_attempts(retry_after: Duration) -> Self {
        let detail = "There were too many attempts";
        let refused = Refused::new(429, "too_many_attempts", None, detail);
        Self(refused.with("retry-after", retry_after.as_secs().max(1).to_string()))
    }

    /// The service cannot decide now, for instance because its database is down: 503, with
    /// `Retry-After`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let failure = tollgate::session::LoginFailure::unavailable(Duration::from_secs(5));
    /// assert_eq!(failure.answer().status, 503);
    /// ```
    pub fn unavailable(retry_after: Duration) -> Self {
        Self(refused::unavailable(retry_after.as_secs()))
    }

    /// The response to the client.
    pub const fn answer(&self) -> &Answer {
        &self.0.answer
    }
}

impl From<Answer> for LoginFailure {
    /// Uses a response of the service, for instance for a required second factor. It is marked as
    /// not cacheable.
    fn from(mut answer: Answer) -> Self {
        answer.set("cache-control", "no-store");
        let code = "login_refused";
        Self(Refused { code, answer })
    }
}

impl From<Box<dyn Error + Send + Sync>> for LoginFailure {
    /// An error of the service, as [`unavailable`](Self::unavailable) for 5 seconds. It is logged,
    /// and the client does not see it.
    ///
    /// ```
    /// use tollgate::session::LoginFailure;
    ///
    /// let failure = LoginFailure::from(Box::from("the database is down"));
    /// assert_eq!(failure.answer().status, 503);
    /// assert!(!String::from_utf8_lossy(&failure.answer().body).contains("database"));
    /// ```
    fn from(error: Box<dyn Error + Send + Sync>) -> Self {
        tracing::error!(target: "tollgate", %error, "login failed");
        Self::unavailable(Duration::from_secs(5))
    }
}

impl fmt::Debug for LoginFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginFailure")
            .field("status", &self.0.answer.status)
            .finish_non_exhaustive()
    }
}
