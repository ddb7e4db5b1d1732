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

    pub(super) fn check(&self, sources: &[Source]) -> Result<(), ConfigError> {
        for page in [Some(&self.login), self.resume.as_ref()]
            .into_iter()
            .flatten()
        {
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

    /// Returns the page for a page load that is refused; `None` for other requests.
    pub(super) fn page_for(
        &self,
        request: &impl RequestView,
        sources: &[Source],
    ) -> Option<String> {
        if !is_navigation(request) {
            return None;
        }
        let path = request.original_path();
        let resume = self.resume.as_deref();
        let is_page = |page: &str| page.split('?').next() == path.as_deref();
        if is_page(&self.login) || resume.is_some_and(is_page) {
            return None;
        }
        let resumed = sources.iter().any(|source| source.is_resumed(request));
        let page = resume.filter(|_| !resumed).unwrap_or(&self.login);
        let to = path.and_then(|path| ReturnTo::of_target(&path, request.query()));
        Some(to.map_or_else(|| page.to_owned(), |to| to.appended_to(page)))
    }
}

/// Returns `true` for a refusal that another access cookie would avoid.
pub(super) fn needs_login(rejection: &Rejection) -> bool {
    match rejection.kind() {
        RejectionKind::MissingCredential => true,
        RejectionKind::UnfitClaims | RejectionKind::AuthenticationTooOld => false,
        _ => rejection.status() == 401 && rejection.source().is_some_and(SourceKind::is_ambient),
    }
}
