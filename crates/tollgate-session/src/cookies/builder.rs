//! The configuration of a [`CookieTransport`].

use std::sync::Arc;

use tollgate_core::__private::RESUMED;
use tollgate_core::{ConfigError, ConfigErrorKind};

use super::set_cookie::Cookie;
use super::{CookieTransport, Cookies, SameSite};

/// The longest name and path, in bytes. A browser drops a path of more than 1024 (RFC 6265bis
/// section 5.6).
const LONGEST: usize = 128;

const HOST_PREFIX: &str = "__Host-";
const SECURE_PREFIX: &str = "__Secure-";

/// A builder of a [`CookieTransport`]. Created by [`CookieTransport::builder`].
///
/// ```
/// use tollgate::session::{CookieTransport, SameSite};
///
/// let transport = CookieTransport::builder()
///     .path("/account").same_site(SameSite::Strict).build()?;
/// assert_eq!(transport.path(), "/account");
/// # Ok::<(), tollgate::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct CookieTransportBuilder {
    path: String,
    access_name: String,
    refresh_name: String,
    binding_name: String,
    former_paths: Vec<String>,
    domain: Option<String>,
    former_domains: Vec<String>,
    host_prefix: &'static str,
    same_site: SameSite,
    csrf_token: bool,
    clear_site_data: bool,
    plain_http: bool,
}

impl CookieTransportBuilder {
    pub(super) fn new() -> Self {
        Self {
            path: "/auth".to_owned(),
            access_name: "access".to_owned(),
            refresh_name: "refresh".to_owned(),
            binding_name: "session".to_owned(),
            former_paths: Vec::new(),
            domain: None,
            former_domains: Vec::new(),
            host_prefix: HOST_PREFIX,
            same_site: SameSite::Lax,
            csrf_token: true,
            clear_site_data: false,
            plain_http: false,
        }
    }

    /// Sets the path of the session endpoints in the URLs of the browser. The refresh cookie is
    /// sent only there. Default: `/auth`. Must not be `/` or end with a slash.
    ///
    /// ```
    /// # use tollgate::session::CookieTransport;
    /// assert!(CookieTransport::builder().path("/account/session").build().is_ok());
    /// assert!(CookieTransport::builder().path("/").build().is_err());
    /// ```
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Sets the name of the access cookie after its prefix. Default: `access`.
    ///
    /// ```
    /// # use tollgate::session::CookieTransport;
    /// let transport = CookieTransport::builder().access_name("id").build()?;
    /// assert_eq!(transport.access_name(), "__Host-id");
    /// assert!(CookieTransport::builder().access_name("__Host-id").build().is_err());
    /// # Ok::<(), tollgate::ConfigError>(())
    /// ```
    pub fn access_name(mut self, name: impl Into<String>) -> Self {
        self.access_name = name.into();
        self
    }

    /// Sets the name of the refresh cookie after its prefix. Default: `refresh`.
    ///
    /// ```
    /// # use tollgate::session::CookieTransport;
    /// let transport = CookieTransport::builder().refresh_name("again").build()?;
    /// assert_eq!(transport.refresh_name(), "__Secure-again");
    /// # Ok::<(), tollgate::ConfigError>(())
    /// ```
    pub fn refresh_name(mut self, name: impl Into<String>) -> Self {
        self.refresh_name = name.into();
        self
    }

    /// Sets the name of the binding cookie after its prefix. Default: `session`. Applications on
    /// one host need different names, and different [access names](Self::access_name), because a
    /// `__Host-` cookie is for the whole host.
    ///
    /// ```
    /// # use tollgate::session::CookieTransport;
    /// let transport = CookieTransport::builder().binding_name("shop").build()?;
    /// assert_eq!(transport.binding_name(), "__Host-shop");
    /// # Ok::<(), tollgate::ConfigError>(())
    /// ```
    pub fn binding_name(mut self, name: impl Into<String>) -> Self {
        self.binding_name = name.into();
        self
    }

    /// Sets the paths where the endpoints were mounted earlier. Login, refresh and logout expire
    /// the refresh cookie there, which a browser would keep and send until its end. Default: none.
    ///
    /// Do not list a path where another application has a refresh cookie of the same name.
    ///
    /// ```
    /// # use tollgate::session::CookieTransport;
    /// let moved = || CookieTransport::builder().path("/api/auth");
    /// let transport = moved().former_paths(["/api"]).build()?;
    /// assert_eq!(transport.clear().iter().count(), 6); // the refresh cookies are two at each path
    /// assert!(moved().former_paths(["/api/auth"]).build().is_err(), "it is the current path");
    /// # Ok::<(), tollgate::ConfigError>(())
    /// ```
    pub fn former_paths(mut self, paths: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.former_paths = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Sends all cookies to every host of this domain (`Domain=`), for one session over several
    /// subdomains. Default: only to the host that sets them. `build` logs a warning.
    ///
    /// Every host of the domain is then trusted with every session:
    ///
    /// - Its server receives the cookies, and can use them elsewhere. `HttpOnly` does not matter.
    /// - It can replace the cookies, so that a user acts in the session of someone else (session
    ///   fixation). The proof of origin and the CSRF token do not prevent that.
    /// - It can add a second access cookie. The gates then answer 400 until it is deleted.
    ///
    /// Use it only if one party runs all hosts of the domain. It must not be a public suffix, such
    /// as `co.uk` or `github.io`: browsers drop the cookies there, and `build` does not know them.
    ///
    /// The names begin with `__Secure-`, as `__Host-` forbids a domain. Login, refresh and logout
    /// expire the cookies from before this option, which belong to one host. Users log in again.
    ///
    /// ```
    /// # use tollgate::session::CookieTransport;
    /// let cookies = CookieTransport::builder().dangerous_domain("example.com").build()?;
    /// assert_eq!(cookies.access_name(), "__Secure-access");
    /// for domain in [".example.com", "example.com:8443", "192.0.2.7", "localhost"] {
    ///     assert!(CookieTransport::builder().dangerous_domain(domain).build().is_err());
    /// }
    /// # Ok::<(), tollgate::ConfigError>(())
    /// ```
    pub fn dangerous_domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Sets the values that [`dangerous_domain`](Self::dangerous_domain) had earlier. Login,
    /// refresh and logout expire the cookies there, which every host of the domain would receive
    /// until their end. Default: none.
    ///
    /// ```
    /// # use tollgate::session::CookieTransport;
    /// let cookies = CookieTransport::builder().former_domains(["example.com"]).build()?;
    /// assert_eq!(cookies.clear().iter().count(), 9); // four cookies, and those of the domain
    /// # Ok::<(), tollgate::ConfigError>(())
    /// ```
    pub fn former_domains(mut self, domains: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.former_domains = domains.into_iter().map(Into::into).collect();
        self
    }

    /// Adds `Clear-Site-Data: "cache", "storage"` to the response of each logout that ends the
    /// session of the browser. The browser then deletes its cache, `localStorage`, `IndexedDB` and
    /// service workers for the origin of the endpoints. Default: no.
    ///
    /// The cookies of other applications stay. All applications of the origin lose their storage.
    /// A front-end on another origin keeps its own. Browsers ignore the field without TLS.
    ///
    /// ```
    /// # use tollgate::session::CookieTransport;
    /// let edits = CookieTransport::builder().clear_site_data().build()?.clear();
    /// let field = edits.iter().find(|(name, _)| *name == "clear-site-data");
    /// assert_eq!(field.map(|(_, value)| value), Some(&br#""cache", "storage""#[..]));
    /// # Ok::<(), tollgate::ConfigError>(())
    /// ```
    pub const fn clear_site_data(mut self) -> Self {
        self.clear_site_data = true;
        self
    }

    /// Uses the prefix `__Host-Http-` for the access cookie and the binding cookie (RFC 6265bis
    /// section 4.1.3). Browsers that support it accept the cookies only from the server, never from
    /// a script. Others treat it as `__Host-`.
    ///
    /// ```
    /// # use tollgate::session::CookieTransport;
    /// let transport = CookieTransport::builder().host_http_prefix().build()?;
    /// assert_eq!(transport.access_name(), "__Host-Http-access");
    /// # Ok::<(), tollgate::ConfigError>(())
    /// ```
    pub const fn host_http_prefix(mut self) -> Self {
        self.host_prefix = "__Host-Http-";
        self
    }

    /// Sets the `SameSite` attribute of all cookies. Default: `Lax`.
    ///
    /// ```
    /// # use tollgate::session::{CookieTransport, SameSite};
    /// let cross_site = || CookieTransport::builder().same_site(SameSite::None);
    /// assert!(cross_site().build().is_ok());
    /// assert!(cross_site().dangerous_without_csrf_token().build().is_err());
    /// ```
    pub const fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// Requires `x-csrf-token` on unsafe methods, besides the proof of origin. Its value is the
    /// access token's `csrf` claim, which the page receives at login. The default, unless
    /// [disabled](Self::dangerous_without_csrf_token).
    ///
    /// ```
    /// # use tollgate::session::CookieTransport;
    /// assert!(CookieTransport::builder().csrf_token().build()?.requires_csrf_token());
    /// # Ok::<(), tollgate::ConfigError>(())
    /// ```
    pub const fn csrf_token(mut self) -> Self {
        self.csrf_token = true;
        self
    }

    /// Disables the CSRF token. Only the proof of origin (Fetch Metadata, `Origin`) and `SameSite`
    /// protect against cross-site requests then.
    ///
    /// ```
    /// # use tollgate::session::CookieTransport;
    /// assert!(!CookieTransport::builder().dangerous_without_csrf_token().build()?
    ///     .requires_csrf_token());
    /// # Ok::<(), tollgate::ConfigError>(())
    /// ```
    pub const fn dangerous_without_csrf_token(mut self) -> Self {
        self.csrf_token = false;
        self
    }

    /// Sets cookies without `Secure` and without prefixes, for development on `http://localhost`
    /// only. Anyone on the network can read them, and any subdomain can plant them, the binding
    /// cookie included. `build` logs a warning.
    ///
    /// ```
    /// # use tollgate::session::CookieTransport;
    /// let transport = CookieTransport::builder().dangerous_plain_http().build()?;
    /// assert_eq!(transport.access_name(), "access");
    /// # Ok::<(), tollgate::ConfigError>(())
    /// ```
    pub const fn dangerous_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Checks the configuration and creates the transport.
    ///
    /// # Errors
    /// [`ConfigError`] if:
    ///
    /// - a name is not a token (RFC 9110 section 5.6.2) or has its own prefix, or two names are
    ///   equal;
    /// - the path or a former path does not scope the refresh cookie, or two of them are equal;
    /// - a domain is not a host name of at least two labels in lower case, is listed twice, or
    ///   comes with `host_http_prefix`;
    /// - `SameSite=None` is set without a CSRF token or without `Secure`.
    ///
    /// ```
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::session::CookieTransport;
    /// let error = CookieTransport::builder().access_name("a; Domain=x").build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::InvalidText);
    /// ```
    pub fn build(self) -> Result<CookieTransport, ConfigError> {
        let other_name = format!("{}-2", self.refresh_name);
        let resumed = format!("{}{RESUMED}", self.access_name);
        let device = format!("{}-device", self.binding_name);
        self.check([&other_name, &resumed, &device])?;
        let (host_prefix, secure_prefix) = if self.plain_http {
            tracing::warn!(
                target: "tollgate",
                "cookies without `Secure` and prefixes: use them for development only"
            );
            ("", "")
        } else {
            (self.host_prefix, SECURE_PREFIX)
        };
        if let Some(domain) = &self.domain {
            tracing::warn!(
                target: "tollgate",
                domain = &**domain,
                "cookies for a whole domain: each of its hosts can read and replace them"
            );
        }
        // `__Host-` requires the path `/` and no domain (RFC 6265bis section 4.1.3.2).
        let of_host = |name: &str, domain: Option<&str>| {
            let prefix = domain.map_or(host_prefix, |_| secure_prefix);
            self.cookie(format!("{prefix}{name}"), "/", domain)
        };
        let refresh = |path: &str, domain: Option<&str>| {
            [&self.refresh_name, &other_name]
                .map(|name| self.cookie(format!("{secure_prefix}{name}"), path, domain))
        };
        let domain = self.domain.as_deref();
        let former_domains = self.former_domains.iter().map(|domain| Some(&**domain));
        let former_hosts: Vec<_> = self
            .domain
            .iter()
            .map(|_| None)
            .chain(former_domains)
            .collect();
        let mut former = Vec::new();
        for domain in &former_hosts {
            let names = [&self.access_name, &self.binding_name, &device];
            former.extend(names.map(|name| of_host(name, *domain)));
            former.extend(refresh(&self.path, *domain));
        }
        for path in &self.former_paths {
            former.extend(refresh(path, domain));
            former.extend(
                former_hosts
                    .iter()
                    .flat_map(|domain| refresh(path, *domain)),
            );
        }
        Ok(CookieTransport(Arc::new(Cookies {
            access: of_host(&self.access_name, domain),
            binding: of_host(&self.binding_name, domain),
            resumed: of_host(&resumed, domain),
            device: of_host(&device, domain),
            refresh: refresh(&self.path, domain),
            former,
            csrf_token: self.csrf_token,
            clear_site_data: self.clear_site_data,
        })))
    }

    /// Checks all settings, with the names that are derived from others.
    fn check(&self, derived: [&String; 3]) -> Result<(), ConfigError> {
        let refuse = |kind, message: &str| Err(ConfigError::new(kind, message));
        let names = [&self.access_name, &self.refresh_name, &self.binding_name];
        for name in names {
            if name.is_empty() || name.len() > LONGEST || !name.bytes().all(is_token_byte) {
                return refuse(
                    ConfigErrorKind::InvalidText,
                    "a cookie name must be a token of 1 to 128 bytes",
                );
            }
            // Browsers compare prefixes without case.
            if name.starts_with("__") {
                return refuse(
                    ConfigErrorKind::InvalidText,
                    "a cookie name must not begin with `__`: the prefix is added",
                );
            }
        }
        if has_duplicate(&[&names[..], &derived].concat()) {
            return refuse(
                ConfigErrorKind::Duplicate,
                "`access_name`, `access_name` with `-resumed`, `refresh_name`, `refresh_name` with \
                 `-2`, `binding_name`, and `binding_name` with `-device` must differ",
            );
        }
        let mut paths = vec![&self.path];
        paths.extend(&self.former_paths);
        for path in &paths {
            check_path(path)?;
        }
        if has_duplicate(&paths) {
            return refuse(
                ConfigErrorKind::Duplicate,
                "`path` and each of `former_paths` must differ",
            );
        }
        let mut domains: Vec<_> = self.domain.iter().collect();
        domains.extend(&self.former_domains);
        for domain in &domains {
            check_domain(domain)?;
        }
        if has_duplicate(&domains) {
            return refuse(
                ConfigErrorKind::Duplicate,
                "`dangerous_domain` and each of `former_domains` must differ",
            );
        }
        if self.domain.is_some() && self.host_prefix != HOST_PREFIX {
            return refuse(
                ConfigErrorKind::Contradiction,
                "`host_http_prefix` contradicts `dangerous_domain`, as `__Host-` forbids a domain",
            );
        }
        if self.same_site == SameSite::None {
            if !self.csrf_token {
                return refuse(
                    ConfigErrorKind::Contradiction,
                    "`SameSite=None` requires the CSRF token",
                );
            }
            if self.plain_http {
                return refuse(
                    ConfigErrorKind::Contradiction,
                    "`SameSite=None` requires `Secure`",
                );
            }
        }
        Ok(())
    }

    fn cookie(&self, name: String, path: &str, domain: Option<&str>) -> Cookie {
        Cookie {
            name,
            path: path.to_owned(),
            domain: domain.map(str::to_owned),
            secure: !self.plain_http,
            same_site: self.same_site,
        }
    }
}

/// Refuses a text that browsers do not accept as `Domain`, and a name of one label, which is a
/// public suffix or a single host.
fn check_domain(domain: &str) -> Result<(), ConfigError> {
    let refuse = |message: &str| Err(ConfigError::new(ConfigErrorKind::InvalidText, message));
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    };
    if domain.len() > 253 || !domain.split('.').all(is_label) {
        return refuse(
            "a domain must be a host name in lower case, without a leading or trailing dot, scheme \
             and port",
        );
    }
    let Some((_, last)) = domain.rsplit_once('.') else {
        return refuse("a domain must have at least two labels, such as `example.com`");
    };
    // Browsers take a name for an IPv4 address if its last label is a number, such as `0x7f`.
    let hexadecimal = last.strip_prefix("0x");
    if last.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        return refuse("a domain must not be an IP address");
    }
    Ok(())
}

fn has_duplicate(texts: &[&String]) -> bool {
    (1..texts.len()).any(|at| texts[..at].contains(&texts[at]))
}

/// Returns `true` for a byte of a token (RFC 9110 section 5.6.2).
const fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
        || byte.is_ascii_alphanumeric()
}

fn check_path(path: &str) -> Result<(), ConfigError> {
    let refuse = |message: &str| Err(ConfigError::new(ConfigErrorKind::InvalidText, message));
    let Some(inside) = path.strip_prefix('/') else {
        return refuse("`path` must begin with `/`");
    };
    if inside.is_empty() {
        return refuse("`path` must not be `/`, where every request carries the refresh cookie");
    }
    // RFC 3986 section 3.3, without the semicolon, which ends the attribute.
    let is_path_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@%/".contains(&byte);
    if path.len() > LONGEST || !inside.bytes().all(is_path_byte) {
        return refuse("`path` is too long or has an invalid character");
    }
    if inside
        .split('/')
        .any(|segment| matches!(segment, "" | "." | ".."))
    {
        return refuse("`path` must not have an empty or dot segment, or end with `/`");
    }
    Ok(())
}
