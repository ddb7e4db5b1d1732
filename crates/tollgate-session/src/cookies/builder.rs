//! Configuration of a [`CookieTransport`].

use std::sync::Arc;

use tollgate_core::{ConfigError, ConfigErrorKind};

use super::set_cookie::Cookie;
use super::{CookieTransport, Cookies, SameSite};

/// The longest name and path that are taken, in bytes; a browser drops a path of more than 1024 (RFC 6265bis section 5.6).
const LONGEST: usize = 128;

/// Configuration of a [`CookieTransport`], made by [`CookieTransport::builder`].
///
/// ```
/// use tollgate_session::{CookieTransport, SameSite};
///
/// let transport = CookieTransport::builder().path("/account").same_site(SameSite::Strict).build()?;
/// assert_eq!(transport.path(), "/account");
/// # Ok::<(), tollgate_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is built before `build`"]
pub struct CookieTransportBuilder {
    path: String,
    access_name: String,
    refresh_name: String,
    access_prefix: &'static str,
    same_site: SameSite,
    csrf_token: bool,
    plain_http: bool,
}

impl CookieTransportBuilder {
    pub(super) fn new() -> Self {
        Self {
            path: "/auth".to_owned(),
            access_name: "access".to_owned(),
            refresh_name: "refresh".to_owned(),
            access_prefix: "__Host-",
            same_site: SameSite::Lax,
            csrf_token: true,
            plain_http: false,
        }
    }

    /// Where the session endpoints are mounted, as the browser sees it: the refresh cookie is sent there and nowhere else.
    /// `/auth` unless said otherwise. Never `/`, and no slash at the end.
    ///
    /// ```
    /// # use tollgate_session::CookieTransport;
    /// assert!(CookieTransport::builder().path("/account/session").build().is_ok());
    /// assert!(CookieTransport::builder().path("/").build().is_err());
    /// ```
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// The access cookie's name behind its prefix: `access` unless said otherwise.
    ///
    /// ```
    /// # use tollgate_session::CookieTransport;
    /// let transport = CookieTransport::builder().access_name("id").build()?;
    /// assert_eq!(transport.access_name(), "__Host-id");
    /// assert!(CookieTransport::builder().access_name("__Host-id").build().is_err());
    /// # Ok::<(), tollgate_core::ConfigError>(())
    /// ```
    pub fn access_name(mut self, name: impl Into<String>) -> Self {
        self.access_name = name.into();
        self
    }

    /// The refresh cookie's name behind its prefix: `refresh` unless said otherwise.
    ///
    /// ```
    /// # use tollgate_session::CookieTransport;
    /// let transport = CookieTransport::builder().refresh_name("again").build()?;
    /// assert_eq!(transport.refresh_name(), "__Secure-again");
    /// # Ok::<(), tollgate_core::ConfigError>(())
    /// ```
    pub fn refresh_name(mut self, name: impl Into<String>) -> Self {
        self.refresh_name = name.into();
        self
    }

    /// The prefix `__Host-Http-` for the access cookie (RFC 6265bis section 4.1.3): a browser that knows it takes such a
    /// cookie from the server only, never from a script. Others treat it as `__Host-`.
    ///
    /// ```
    /// # use tollgate_session::CookieTransport;
    /// let transport = CookieTransport::builder().host_http_prefix().build()?;
    /// assert_eq!(transport.access_name(), "__Host-Http-access");
    /// # Ok::<(), tollgate_core::ConfigError>(())
    /// ```
    pub const fn host_http_prefix(mut self) -> Self {
        self.access_prefix = "__Host-Http-";
        self
    }

    /// The `SameSite` attribute of both cookies: `Lax` unless said otherwise.
    ///
    /// ```
    /// # use tollgate_session::{CookieTransport, SameSite};
    /// let cross_site = || CookieTransport::builder().same_site(SameSite::None);
    /// assert!(cross_site().build().is_ok());
    /// assert!(cross_site().dangerous_without_csrf_token().build().is_err());
    /// ```
    pub const fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// Asks for `x-csrf-token` on unsafe methods, beside the proof of origin: the value of the access token's `csrf` claim,
    /// which the page is told at login. It is so unless [taken away](Self::dangerous_without_csrf_token).
    ///
    /// ```
    /// # use tollgate_session::CookieTransport;
    /// assert!(CookieTransport::builder().csrf_token().build()?.requires_csrf_token());
    /// # Ok::<(), tollgate_core::ConfigError>(())
    /// ```
    pub const fn csrf_token(mut self) -> Self {
        self.csrf_token = true;
        self
    }

    /// Leaves cross-site requests to the proof of origin (Fetch Metadata, `Origin`) and `SameSite` alone.
    ///
    /// ```
    /// # use tollgate_session::CookieTransport;
    /// assert!(!CookieTransport::builder().dangerous_without_csrf_token().build()?.requires_csrf_token());
    /// # Ok::<(), tollgate_core::ConfigError>(())
    /// ```
    pub const fn dangerous_without_csrf_token(mut self) -> Self {
        self.csrf_token = false;
        self
    }

    /// For development on `http://localhost` only: cookies without `Secure` and without prefixes. Whoever is on the
    /// network reads them, and any subdomain can plant them. A warning is logged when it is built.
    ///
    /// ```
    /// # use tollgate_session::CookieTransport;
    /// let transport = CookieTransport::builder().dangerous_plain_http_for_development().build()?;
    /// assert_eq!(transport.access_name(), "access");
    /// # Ok::<(), tollgate_core::ConfigError>(())
    /// ```
    pub const fn dangerous_plain_http_for_development(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Checks the configuration and makes the transport.
    ///
    /// # Errors
    /// A [`ConfigError`] for a name that is no token (RFC 9110 section 5.6.2) or has a prefix of its own, two equal names, a
    /// path that does not scope the refresh cookie, or `SameSite=None` without a CSRF token or without `Secure`.
    ///
    /// ```
    /// # use tollgate_core::ConfigErrorKind;
    /// # use tollgate_session::CookieTransport;
    /// let error = CookieTransport::builder().access_name("a; Domain=x").build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::InvalidText);
    /// ```
    pub fn build(self) -> Result<CookieTransport, ConfigError> {
        let refuse = |kind, message: &str| Err(ConfigError::new(kind, message));
        for name in [&self.access_name, &self.refresh_name] {
            if name.is_empty() || name.len() > LONGEST || !name.bytes().all(is_token_byte) {
                return refuse(
                    ConfigErrorKind::InvalidText,
                    "a cookie's name is empty, too long or no token",
                );
            }
            // Browsers read prefixes in any case.
            if name.starts_with("__") {
                return refuse(
                    ConfigErrorKind::InvalidText,
                    "a cookie's name begins with `__`: its prefix is put before it",
                );
            }
        }
        if self.access_name == self.refresh_name {
            return refuse(ConfigErrorKind::Duplicate, "both cookies have one name");
        }
        check_path(&self.path)?;
        if self.same_site == SameSite::None {
            if !self.csrf_token {
                return refuse(
                    ConfigErrorKind::Contradiction,
                    "`SameSite=None` sends the cookies with every request of other sites: it needs the CSRF token",
                );
            }
            if self.plain_http {
                return refuse(
                    ConfigErrorKind::Contradiction,
                    "browsers drop a cookie with `SameSite=None` and without `Secure`",
                );
            }
        }
        let (access_prefix, refresh_prefix) = if self.plain_http {
            tracing::warn!(
                target: "tollgate",
                "cookies without `Secure` and without prefixes: for development on plain http only"
            );
            ("", "")
        } else {
            (self.access_prefix, "__Secure-")
        };
        let cookie = |prefix: &str, name: &str, path: &str| Cookie {
            name: format!("{prefix}{name}"),
            path: path.to_owned(),
            secure: !self.plain_http,
            same_site: self.same_site,
        };
        Ok(CookieTransport(Arc::new(Cookies {
            // `__Host-` wants the path `/` and no domain (RFC 6265bis section 4.1.3.2).
            access: cookie(access_prefix, &self.access_name, "/"),
            refresh: cookie(refresh_prefix, &self.refresh_name, &self.path),
            csrf_token: self.csrf_token,
        })))
    }
}

/// RFC 9110 section 5.6.2.
const fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
        || byte.is_ascii_alphanumeric()
}

fn check_path(path: &str) -> Result<(), ConfigError> {
    let refuse = |message: &str| Err(ConfigError::new(ConfigErrorKind::InvalidText, message));
    let Some(inside) = path.strip_prefix('/') else {
        return refuse("the path of the refresh cookie does not begin with `/`");
    };
    if inside.is_empty() {
        return refuse(
            "at the path `/` the refresh cookie goes with every request: mount the endpoints below one",
        );
    }
    // RFC 3986 section 3.3, without the semicolon, which would end the attribute.
    let is_path_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@%/".contains(&byte);
    if path.len() > LONGEST || !inside.bytes().all(is_path_byte) {
        return refuse("the path of the refresh cookie is too long or has a character that it cannot have");
    }
    if inside
        .split('/')
        .any(|segment| matches!(segment, "" | "." | ".."))
    {
        return refuse("the path of the refresh cookie has an empty or a dot segment, or a slash at its end");
    }
    Ok(())
}
