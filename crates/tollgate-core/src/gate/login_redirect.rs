//! Redirects of refused page loads to the login.

use crate::config::{ConfigError, ConfigErrorKind};
use crate::gate::source::Source;
use crate::http::navigation::is_navigation;
use crate::http::request::RequestView;
use crate::http::return_to::is_own_page;
use crate::http::{ReturnTo, SourceKind};
use crate::rejection::{Rejection, RejectionKind};

/// The pages to which a gate redirects a page load whose cookie is missing or not valid.
///
/// The response is 303 instead of 401, with the path and query of the request in the parameter
/// [`return_to`](crate::ReturnTo). A page load is a `GET` by which a browser loads a page into a
/// tab: `Sec-Fetch-Mode: navigate`, or without Fetch Metadata an `Accept` that prefers HTML.
/// Requests of scripts (`fetch`, htmx, `X-Requested-With`), frames, prefetches and every other
/// method keep the 401. So does a page load of the login page itself.
///
/// With [`resume`](Self::resume), the browser first goes to an endpoint that refreshes the session
/// by its cookie. A page load that is refused again directly after that goes to the login page.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
/// # use example::{Request, verifier};
/// use tollgate::{Gate, LoginRedirect, Source};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let gate = Gate::builder(verifier())
///     .source(Source::cookie("access"))
///     .login_redirect(LoginRedirect::new("/login"))
///     .build()?;
/// let page = Request::new("GET").with("sec-fetch-mode", "navigate");
/// let refusal = gate.decide(&page).unwrap_err();
/// assert_eq!(refusal.answer().status, 303);
/// assert!(refusal.answer().header("location").is_some_and(|to| to.starts_with(b"/login")));
///
/// let script = Request::new("GET").with("sec-fetch-mode", "cors");
/// assert_eq!(gate.decide(&script).unwrap_err().answer().status, 401);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRedirect {
    login: String,
    resume: Option<String>,
    step_up: Option<String>,
}

/// The pages to which a page load goes if it is refused.
#[derive(Default)]
pub(super) struct Pages {
    login: Option<String>,
    step_up: Option<String>,
}

impl LoginRedirect {
    /// Redirects to this login page: a path of the service, as the browser sees it. It may have a
    /// query.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::verifier;
    /// use tollgate::{Gate, LoginRedirect, Source};
    ///
    /// # fn main() {
    /// let gate = |page| Gate::builder(verifier()).source(Source::cookie("access"))
    ///     .login_redirect(LoginRedirect::new(page)).build();
    /// assert!(gate("/login?lang=de").is_ok());
    /// assert!(gate("https://id.example.com/login").is_err());
    /// # }
    /// ```
    pub fn new(login: impl Into<String>) -> Self {
        Self {
            login: login.into(),
            resume: None,
            step_up: None,
        }
    }

    /// Redirects to this path first: that of the endpoint that resumes a session, as the browser
    /// sees it. `CookieTransport::login_redirect` sets it.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, verifier};
    /// use tollgate::{Gate, LoginRedirect, Source};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::builder(verifier())
    ///     .source(Source::cookie("access"))
    ///     .login_redirect(LoginRedirect::new("/login").resume("/auth/resume"))
    ///     .build()?;
    /// let page = || Request::new("GET").with("sec-fetch-mode", "navigate");
    /// let location = |request| {
    ///     let refusal = gate.decide(&request).unwrap_err();
    ///     String::from_utf8(refusal.answer().header("location").unwrap().to_vec()).unwrap()
    /// };
    /// assert!(location(page()).starts_with("/auth/resume"));
    /// assert!(location(page().with("cookie", "access-resumed=1")).starts_with("/login"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn resume(mut self, path: impl Into<String>) -> Self {
        self.resume = Some(path.into());
        self
    }

    /// Redirects a page load whose last login is too old (`AuthenticationTooOld`) to this page,
    /// where the user authenticates again: a path of the service, as the browser sees it. Its own
    /// gate must not limit the age. Without it, the response stays 401.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use std::time::Duration;
    /// # use example::{Request, token, verifier};
    /// use tollgate::{Gate, LoginRedirect, Source};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::builder(verifier())
    ///     .source(Source::cookie("access"))
    ///     .max_authentication_age(Duration::from_secs(300))
    ///     .login_redirect(LoginRedirect::new("/login").step_up("/confirm"))
    ///     .build()?;
    /// let page = Request::new("GET")
    ///     .with("sec-fetch-mode", "navigate")
    ///     .with("cookie", format!("access={}", token(""))); // without `auth_time`
    /// let refusal = gate.decide(&page).unwrap_err();
    /// assert!(refusal.answer().header("location").is_some_and(|to| to.starts_with(b"/confirm")));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn step_up(mut self, page: impl Into<String>) -> Self {
        self.step_up = Some(page.into());
        self
    }

    pub(super) fn check(&self, sources: &[Source]) -> Result<(), ConfigError> {
        let others = self.resume.iter().chain(&self.step_up);
        for page in others.chain([&self.login]) {
            if !is_own_page(page) {
                return Err(ConfigError::new(
                    ConfigErrorKind::InvalidText,
                    format!("`login_redirect` has {page:?}, which is not a path of the service"),
                ));
            }
        }
        if sources.iter().any(|source| source.kind().is_ambient()) {
            return Ok(());
        }
        Err(ConfigError::new(
            ConfigErrorKind::Contradiction,
            "`login_redirect` is for cookies, and no source is one: add the source or remove the \
             redirect",
        ))
    }

    /// Returns the pages for a page load that is refused; none for other requests.
    pub(super) fn pages_for(&self, request: &impl RequestView, sources: &[Source]) -> Pages {
        if !is_navigation(request) {
            return Pages::default();
        }
        let path = request.original_path();
        let is_page = |page: &str| page.split('?').next() == path.as_deref();
        let to = path.as_deref();
        let to = to.and_then(|path| ReturnTo::of_target(path, request.query()));
        let with_return = |page: &str| match &to {
            Some(to) => to.appended_to(page),
            None => page.to_owned(),
        };
        let login = || {
            let resume = self.resume.as_deref();
            if is_page(&self.login) || resume.is_some_and(is_page) {
                return None;
            }
            let resumed = sources.iter().any(|source| source.is_resumed(request));
            Some(resume.filter(|_| !resumed).unwrap_or(&self.login))
        };
        let step_up = self.step_up.as_deref().filter(|page| !is_page(page));
        Pages {
            login: login().map(with_return),
            step_up: step_up.map(with_return),
        }
    }
}

impl Pages {
    /// Returns the page on which the user can avoid the refusal.
    pub(super) fn against(self, rejection: &Rejection) -> Option<String> {
        let by_cookie = rejection.source().is_some_and(SourceKind::is_ambient);
        match rejection.kind() {
            RejectionKind::MissingCredential => self.login,
            RejectionKind::UnfitClaims => None,
            RejectionKind::AuthenticationTooOld => self.step_up.filter(|_| by_cookie),
            _ => self
                .login
                .filter(|_| by_cookie && rejection.status() == 401),
        }
    }
}
