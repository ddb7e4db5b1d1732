//! The tokens of a session in two cookies (RFC 6265bis).

mod builder;
mod read;
mod set_cookie;

use std::sync::Arc;

use tollgate_core::{GateBuilder, HeaderEdits, RequestView, Source};

pub use self::builder::CookieTransportBuilder;
use self::set_cookie::Cookie;
use crate::error::SessionError;
use crate::sessions::{Renewed, Tokens};

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
/// host, the refresh token in a `__Secure-` cookie that only the session endpoints receive. Both
/// are `HttpOnly`, and both are set and deleted together.
///
/// Neither has a `Domain`, because every host of a domain can read and plant a cookie for it.
///
/// ```
/// use tollgate::session::CookieTransport;
///
/// let transport = CookieTransport::builder().path("/auth").build()?;
/// let cleared: Vec<_> = transport.clear()
///     .iter().map(|(_, line)| String::from_utf8_lossy(line).into_owned()).collect();
/// assert_eq!(cleared, [
///     "__Host-access=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
///     "__Secure-refresh=; Path=/auth; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
/// ]);
/// # Ok::<(), tollgate::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CookieTransport(Arc<Cookies>);

#[derive(Debug)]
struct Cookies {
    access: Cookie,
    refresh: Cookie,
    csrf_token: bool,
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

    /// Returns the fields that set both cookies.
    ///
    /// The refresh cookie lives until the absolute timeout. Activity moves the idle timeout without
    /// a response that could set the cookie again; the server enforces the idle timeout.
    ///
    /// # Errors
    /// `TooLarge` if a cookie has more than 4096 bytes with its attributes, because browsers drop
    /// it silently. Reduce the custom claims. No cookie is set then.
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
    /// let transport = CookieTransport::builder().build()?;
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// let edits = transport.set(&tokens)?;
    /// assert_eq!(edits.iter().filter(|(name, _)| *name == "set-cookie").count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set(&self, tokens: &Tokens) -> Result<HeaderEdits, SessionError> {
        let cookies = &*self.0;
        let access = cookies
            .access
            .set(&tokens.access_token, tokens.expires_in)?;
        let refresh = cookies
            .refresh
            .set(&tokens.refresh_token, tokens.session_expires_in)?;
        let mut edits = HeaderEdits::default();
        edits.push("set-cookie", access);
        edits.push("set-cookie", refresh);
        Ok(edits)
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
        let mut edits = HeaderEdits::default();
        edits.push(
            "set-cookie",
            self.0
                .access
                .set(&renewed.access_token, renewed.expires_in)?,
        );
        Ok(edits)
    }

    /// Returns the fields that delete both cookies. Use it only for a logout: a failed refresh may
    /// have lost a race, and deleting would remove the winner's cookies.
    ///
    /// ```
    /// let transport = tollgate::session::CookieTransport::builder().build()?;
    /// assert!(transport.clear().iter().all(|(name, _)| name == "set-cookie"));
    /// # Ok::<(), tollgate::ConfigError>(())
    /// ```
    pub fn clear(&self) -> HeaderEdits {
        let mut edits = HeaderEdits::default();
        edits.push("set-cookie", self.0.access.delete());
        edits.push("set-cookie", self.0.refresh.delete());
        edits
    }

    /// Returns the refresh token of a request, if there is one. It is not verified yet.
    ///
    /// # Errors
    /// `Invalid` if the cookie is present twice, as one may be planted, or is not text.
    ///
    /// ```
    /// use tollgate::extend::EndpointRequest;
    ///
    /// let transport = tollgate::session::CookieTransport::builder().build()?;
    /// let mut request = EndpointRequest::new("POST", "/refresh");
    /// assert_eq!(transport.refresh_token(&request)?, None);
    /// request.headers.push(("cookie".to_owned(), b"__Secure-refresh=abc".to_vec()));
    /// assert_eq!(transport.refresh_token(&request)?, Some("abc"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn refresh_token<'r>(
        &self,
        request: &'r impl RequestView,
    ) -> Result<Option<&'r str>, SessionError> {
        read::only(request, &self.0.refresh.name)
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

    /// The name of the access cookie, with its prefix.
    pub fn access_name(&self) -> &str {
        &self.0.access.name
    }

    /// The name of the refresh cookie, with its prefix.
    pub fn refresh_name(&self) -> &str {
        &self.0.refresh.name
    }

    /// The path of the refresh cookie.
    pub fn path(&self) -> &str {
        &self.0.refresh.path
    }

    /// Returns `true` if unsafe requests must repeat the CSRF token.
    pub fn requires_csrf_token(&self) -> bool {
        self.0.csrf_token
    }
}

#[cfg(test)]
mod tests;
