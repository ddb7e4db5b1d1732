//! The tokens of a session in cookies (RFC 6265bis).

mod builder;
mod presented;
mod read;
mod set_cookie;

use std::sync::Arc;

use tollgate_core::{GateBuilder, HeaderEdits, LoginRedirect, RequestView, Source};

pub use self::builder::CookieTransportBuilder;
pub(crate) use self::presented::PresentedCookies;
use self::set_cookie::Cookie;
use crate::error::{SessionError, SessionErrorKind};
use crate::refresh::RefreshToken;
use crate::sessions::{Bound, Login, RefreshRequest, Renewed, Sessions, Tokens};
use crate::throttle::DeviceToken;

/// The cross-site requests that a browser attaches a cookie to (RFC 6265bis section 4.1.2.7).
///
/// ```
/// assert_eq!(tollgate::session::SameSite::default(), tollgate::session::SameSite::Lax);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SameSite {
    /// No cross-site request, not even a navigation by a link. The first page after a cross-site
    /// link is anonymous.
    Strict,
    /// Navigations by a link.
    #[default]
    Lax,
    /// All cross-site requests. Requires the CSRF token.
    None,
}

impl SameSite {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}

/// A transport of the tokens in cookies. The access token is in a `__Host-` cookie for the whole
/// host, the refresh token in a `__Secure-` cookie that only the session endpoints receive. A third
/// one, the binding cookie, is a `__Host-` cookie that names the session and holds a secret. All
/// are `HttpOnly`, and all are set at login and deleted at logout together.
///
/// A sibling domain can plant a `__Secure-` cookie, but not a `__Host-` cookie. So a refresh needs
/// the binding cookie, and ignores the refresh cookies of other sessions. The store has only a hash
/// of the secret.
///
/// None has a `Domain`, because every host of a domain can read and plant a cookie for it, unless
/// [`dangerous_domain`](CookieTransportBuilder::dangerous_domain) is set.
///
/// ```
/// use tollgate::session::CookieTransport;
///
/// let transport = CookieTransport::builder().path("/auth").build()?;
/// let cleared: Vec<_> = transport.clear()
///     .iter().map(|(_, line)| String::from_utf8_lossy(line).into_owned()).collect();
/// assert_eq!(cleared, [
///     "__Host-access=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
///     "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
///     "__Secure-refresh=; Path=/auth; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
///     "__Secure-refresh-2=; Path=/auth; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
/// ]);
/// # Ok::<(), tollgate::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CookieTransport(Arc<Cookies>);

#[derive(Debug)]
struct Cookies {
    access: Cookie,
    binding: Cookie,
    /// The refresh tokens of the odd and of the even generations. A response that is overtaken by
    /// the next one then overwrites an older token, and one of the last two tokens remains.
    refresh: [Cookie; 2],
    /// The cookies at their former paths and hosts.
    former: Vec<Cookie>,
    /// The marker of a session that was resumed a moment ago.
    resumed: Cookie,
    /// The token of a device that has logged in before. A logout does not delete it.
    device: Cookie,
    csrf_token: bool,
    clear_site_data: bool,
}

/// The longest life of the marker, in seconds: that of a redirect back to the page.
const RESUMED_FOR: u64 = 10;

impl Cookies {
    /// Returns the cookie for a refresh token.
    fn refresh_for(&self, token: &str) -> &Cookie {
        let token = RefreshToken::read(token);
        let [odd, even] = &self.refresh;
        if token.is_some_and(|token| token.generation % 2 == 0) {
            even
        } else {
            odd
        }
    }
}

impl CookieTransport {
    /// Creates a builder.
    ///
    /// ```
    /// let transport = tollgate::session::CookieTransport::builder().build()?;
    /// assert_eq!(transport.access_name(), "__Host-access");
    /// # Ok::<(), tollgate::ConfigError>(())
    /// ```
    pub fn builder() -> CookieTransportBuilder {
        CookieTransportBuilder::new()
    }

    /// Begins a session in this browser, and returns its tokens and the fields that set the
    /// cookies. For handlers that log users in themselves, such as the callback of an OpenID
    /// provider. The handler must have proved the origin of the request, or its `state`.
    ///
    /// The session whose cookies come with `request` is ended, so that a browser has one session.
    /// If the login fails, that session stays. With [`SameSite::Strict`], a redirect from another
    /// site brings no cookies, and ends nothing.
    ///
    /// The CSRF token is added, unless it was
    /// [disabled](CookieTransportBuilder::dangerous_without_csrf_token).
    ///
    /// # Errors
    /// The errors of [`Sessions::login`], and `TooLarge` if a cookie has more than 4096 bytes with
    /// its attributes, because browsers drop it silently. Reduce the custom claims.
    ///
    /// ```
    /// # use tollgate::session::{
    /// #     CookieTransport, Issuer, Login, MemoryStore, RefreshKey, RefreshRequest, Sessions,
    /// # };
    /// # use tollgate::SigningKey;
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11")).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?).build()?;
    /// use tollgate::extend::EndpointRequest; // or `tollgate::tower::RequestHead`
    ///
    /// let transport = CookieTransport::builder().build()?;
    /// let request = EndpointRequest::new("GET", "/callback");
    /// let (tokens, edits) = transport.log_in(&sessions, Login::new("u-7"), &request).await?;
    /// assert_eq!(edits.iter().filter(|(name, _)| *name == "set-cookie").count(), 3);
    /// assert!(tokens.csrf.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn log_in(
        &self,
        sessions: &Sessions,
        login: Login,
        request: &impl RequestView,
    ) -> Result<(Tokens, HeaderEdits), SessionError> {
        let presented = self.presented(request);
        self.begin(sessions, login, presented).await
    }

    pub(crate) async fn begin(
        &self,
        sessions: &Sessions,
        mut login: Login,
        presented: PresentedCookies,
    ) -> Result<(Tokens, HeaderEdits), SessionError> {
        if self.requires_csrf_token() {
            login = login.with_csrf();
        }
        sessions
            .begin(&login.bound(), &presented.former(), |tokens| {
                self.set(tokens)
            })
            .await
    }

    /// Refreshes the session of the binding cookie, and returns its tokens and the fields that set
    /// the cookies. Refresh cookies of other sessions are ignored.
    ///
    /// # Errors
    /// The errors of [`Sessions::refresh`]. `Invalid` also if the binding cookie is missing, comes
    /// with two values, or no refresh cookie belongs to its session. No cookie is deleted then.
    ///
    /// ```
    /// # use tollgate::session::{
    /// #     CookieTransport, Issuer, Login, MemoryStore, RefreshKey, RefreshRequest, Sessions,
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
    /// let mut request = EndpointRequest::new("POST", "/refresh");
    /// let tokens = sessions.login(Login::new("u-8")).await?;
    /// let planted = format!("__Secure-refresh={}", tokens.refresh_token);
    /// request.headers.push(("cookie".to_owned(), planted.into_bytes()));
    /// let refreshed = transport.refresh(&sessions, RefreshRequest::default(), &request).await;
    /// assert!(refreshed.is_err(), "the binding cookie is missing");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn refresh(
        &self,
        sessions: &Sessions,
        wanted: RefreshRequest,
        request: &impl RequestView,
    ) -> Result<(Tokens, HeaderEdits), SessionError> {
        let presented = self.presented(request);
        let tokens = presented.refresh(sessions, &wanted).await?;
        let edits = self.set(&tokens)?;
        Ok((tokens, edits))
    }

    pub(crate) fn presented(&self, request: &impl RequestView) -> PresentedCookies {
        PresentedCookies::read(request, &self.0)
    }

    /// Returns the fields that set the cookies of a session that was begun by
    /// [`log_in`](Self::log_in).
    ///
    /// The refresh cookie lives until the absolute timeout. Activity moves the idle timeout without
    /// a response that could set the cookie again; the server enforces the idle timeout. The
    /// binding cookie lives as long, and is set by the login only. With
    /// [`Login::browser_session`], all of them end with the browser instead.
    ///
    /// # Errors
    /// - `TooLarge`: a cookie has more than 4096 bytes with its attributes. No cookie is set then.
    /// - `Misconfigured`: the session was begun without a binding cookie, by [`Sessions::login`].
    ///
    /// ```
    /// # use tollgate::session::{
    /// #     CookieTransport, Issuer, Login, MemoryStore, RefreshKey, RefreshRequest, Sessions,
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
    /// let (tokens, _) = transport.log_in(&sessions, Login::new("u-7"), &request).await?;
    /// assert!(transport.set(&tokens).is_ok());
    /// assert!(transport.set(&sessions.login(Login::new("u-7")).await?).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set(&self, tokens: &Tokens) -> Result<HeaderEdits, SessionError> {
        let cookies = &*self.0;
        let max_age = |seconds: u64| (!tokens.browser_session).then_some(seconds);
        let session = max_age(tokens.session_expires_in);
        let access = cookies
            .access
            .set(&tokens.access_token, max_age(tokens.expires_in))?;
        let refresh = cookies
            .refresh_for(&tokens.refresh_token)
            .set(&tokens.refresh_token, session)?;
        let binding = match &tokens.bound {
            Bound::New(value) => Some(cookies.binding.set(value, session)?),
            Bound::Kept => None,
            Bound::No => {
                return Err(SessionError::new(
                    SessionErrorKind::Misconfigured,
                    "the session has no binding cookie: begin it by `CookieTransport::log_in`",
                ));
            }
        };
        // First: a client with one place for a host and a domain of the same name (RFC 6265
        // section 5.3) would delete the new cookies with the former ones.
        let mut edits = HeaderEdits::default();
        self.expire_former(&mut edits);
        for line in [Some(access), binding, Some(refresh)].into_iter().flatten() {
            edits.push("set-cookie", line);
        }
        Ok(edits)
    }

    /// Returns the field value that sets the cookie of the device. It outlives the session, unless
    /// that ends with the browser.
    pub(crate) fn set_device(&self, token: &str, tokens: &Tokens) -> Option<String> {
        let life = (!tokens.browser_session).then_some(DeviceToken::LIFE);
        self.0.device.set(token, life).ok()
    }

    /// Returns the device tokens of a request. A sibling host can add cookies of the same name to
    /// those of a domain.
    pub(crate) fn devices<'r>(
        &'r self,
        request: &'r impl RequestView,
    ) -> impl Iterator<Item = &'r str> {
        let values = read::all(request, &self.0.device.name);
        values.filter_map(|value| std::str::from_utf8(value).ok())
    }

    fn expire_former(&self, edits: &mut HeaderEdits) {
        for cookie in &self.0.former {
            edits.push("set-cookie", cookie.delete());
        }
    }

    /// Returns the field that sets only the access cookie, for a sliding session.
    ///
    /// # Errors
    /// The errors of [`set`](Self::set).
    ///
    /// ```
    /// # use tollgate::session::{
    /// #     CookieTransport, Issuer, Login, MemoryStore, RefreshKey, Sessions,
    /// # };
    /// # use std::sync::atomic::{AtomicU64, Ordering};
    /// # use tollgate::SigningKey;
    /// # static NOW: AtomicU64 = AtomicU64::new(1_700_000_000);
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11"))
    /// #     .clock(|| NOW.load(Ordering::Relaxed)).build()?;
    /// # let sessions = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?).build()?;
    /// # let transport = CookieTransport::builder().build()?;
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// let principal = sessions.issuer().verifier().build()?.verify(&tokens.access_token)?;
    /// NOW.fetch_add(600, Ordering::Relaxed); // ten minutes pass
    /// let renewed = sessions.renew(&principal).await?.ok_or("the session has ended")?;
    /// assert_eq!(transport.set_access(&renewed)?.iter().count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_access(&self, renewed: &Renewed) -> Result<HeaderEdits, SessionError> {
        let max_age = (!renewed.browser_session).then_some(renewed.expires_in);
        let mut edits = HeaderEdits::default();
        edits.push(
            "set-cookie",
            self.0.access.set(&renewed.access_token, max_age)?,
        );
        Ok(edits)
    }

    /// Returns the fields that delete all cookies, and `Clear-Site-Data` if it is
    /// [set](CookieTransportBuilder::clear_site_data). Use it only for a logout: a failed refresh
    /// may have lost a race, and deleting would remove the winner's cookies.
    ///
    /// ```
    /// let transport = tollgate::session::CookieTransport::builder().build()?;
    /// assert!(transport.clear().iter().all(|(name, _)| name == "set-cookie"));
    /// # Ok::<(), tollgate::ConfigError>(())
    /// ```
    pub fn clear(&self) -> HeaderEdits {
        let cookies = &*self.0;
        let mut edits = HeaderEdits::default();
        let [refresh, other] = &cookies.refresh;
        for cookie in [&cookies.access, &cookies.binding, refresh, other] {
            edits.push("set-cookie", cookie.delete());
        }
        self.expire_former(&mut edits);
        if cookies.clear_site_data {
            edits.push("clear-site-data", r#""cache", "storage""#);
        }
        edits
    }

    /// The source of the access token for a gate.
    pub fn source(&self) -> Source {
        Source::cookie(&*self.0.access.name)
    }

    /// Configures a gate to read the access token from the cookie and to require the CSRF token,
    /// unless that was [disabled](CookieTransportBuilder::dangerous_without_csrf_token).
    ///
    /// ```
    /// # use tollgate::extend::EndpointRequest;
    /// # use tollgate::{Gate, Key, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder()
    /// #     .dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).build()?;
    /// let transport = tollgate::session::CookieTransport::builder().build()?;
    /// let gate = transport.apply(Gate::builder(verifier)).build()?;
    /// assert!(gate.decide(&EndpointRequest::new("GET", "/orders")).is_err());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn apply(&self, gate: GateBuilder) -> GateBuilder {
        let gate = gate.source(self.source());
        let gate = if self.0.access.secure {
            gate
        } else {
            gate.dangerous_plain_http()
        };
        if self.0.csrf_token {
            gate.require_csrf_token()
        } else {
            gate
        }
    }

    /// Returns the redirect of a gate for page loads whose access cookie is missing or not valid:
    /// first to `GET /resume` of the endpoints at the [path](CookieTransportBuilder::path), which
    /// needs [`resume`](crate::SessionEndpointsBuilder::resume), then to this login page.
    ///
    /// ```
    /// use tollgate::LoginRedirect;
    /// use tollgate::session::CookieTransport;
    ///
    /// let cookies = CookieTransport::builder().path("/auth").build()?;
    /// let redirect = LoginRedirect::new("/login").resume("/auth/resume");
    /// assert_eq!(cookies.login_redirect("/login"), redirect);
    /// # Ok::<(), tollgate::ConfigError>(())
    /// ```
    pub fn login_redirect(&self, login: impl Into<String>) -> LoginRedirect {
        LoginRedirect::new(login).resume(format!("{}/resume", self.path()))
    }

    /// Like [`refresh`](Self::refresh), with the marker beside the access cookie.
    pub(crate) async fn resume(
        &self,
        sessions: &Sessions,
        wanted: RefreshRequest,
        request: &impl RequestView,
    ) -> Result<HeaderEdits, SessionError> {
        let (tokens, mut edits) = self.refresh(sessions, wanted, request).await?;
        let life = tokens.expires_in.min(RESUMED_FOR);
        edits.push("set-cookie", self.0.resumed.set("1", Some(life))?);
        Ok(edits)
    }

    /// Returns `true` if the request has a binding cookie and a refresh cookie, of any value.
    pub(crate) fn has_refresh(&self, request: &impl RequestView) -> bool {
        let has = |cookie: &Cookie| read::all(request, &cookie.name).next().is_some();
        has(&self.0.binding) && self.0.refresh.iter().any(has)
    }

    pub(crate) fn is_resumed(&self, request: &impl RequestView) -> bool {
        read::all(request, &self.0.resumed.name).next().is_some()
    }

    pub(crate) fn same_site(&self) -> SameSite {
        self.0.access.same_site
    }

    /// The name of the access cookie, with its prefix.
    pub fn access_name(&self) -> &str {
        &self.0.access.name
    }

    /// The name of the refresh cookie, with its prefix. Every other refresh token is in a cookie of
    /// this name with `-2`, so that a response that arrives late does not overwrite the newest one.
    pub fn refresh_name(&self) -> &str {
        &self.0.refresh[0].name
    }

    /// The name of the binding cookie, with its prefix.
    pub fn binding_name(&self) -> &str {
        &self.0.binding.name
    }

    /// The path of the refresh cookie.
    pub fn path(&self) -> &str {
        &self.0.refresh[0].path
    }

    /// Returns `true` if the request carries a cookie of this transport, with any value.
    pub(crate) fn are_in(&self, request: &impl RequestView) -> bool {
        let [refresh, other] = &self.0.refresh;
        let mut others = [refresh, other, &self.0.device, &self.0.resumed].into_iter();
        self.name_session_in(request)
            || others.any(|cookie| read::all(request, &cookie.name).next().is_some())
    }

    /// Like [`are_in`](Self::are_in), for the access and the binding cookie only. The refresh
    /// cookies alone have no effect, and a sibling domain can plant them.
    pub(crate) fn name_session_in(&self, request: &impl RequestView) -> bool {
        let cookies = [&self.0.access, &self.0.binding];
        let mut cookies = cookies.iter();
        cookies.any(|cookie| read::all(request, &cookie.name).next().is_some())
    }

    /// Returns `true` if unsafe requests must repeat the CSRF token.
    pub fn requires_csrf_token(&self) -> bool {
        self.0.csrf_token
    }
}

#[cfg(test)]
mod tests;
