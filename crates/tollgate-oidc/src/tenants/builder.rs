//! Configuration of [`Tenants`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::admission::Admission;
use super::registry::{self, Registry};
use super::{Complaints, Inner, Known, Rule, SWEEP, Tenants, name};
use crate::error::{OidcError, OidcErrorKind};
use crate::oidc::Oidc;

/// Configuration of [`Tenants`]: see [`Tenants::builder`].
///
/// ```
/// use std::time::Duration;
/// use tollgate::TrustedIssuer;
/// use tollgate::oidc::Tenants;
/// # use tollgate_testkit::FakeProvider;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let http_client = FakeProvider::new();
/// let tenants = Tenants::builder(|issuer| {
///     (issuer == "https://id.acme.example")
///         .then(|| TrustedIssuer::new(issuer).audience("orders-api"))
/// })
/// .keys(|oidc| oidc.timeout(Duration::from_secs(2)).require_same_origin().fetch(http_client))
/// .capacity(200)
/// .build();
/// assert!(tenants.is_ok());
/// # }
/// ```
#[must_use = "nothing is trusted before `build`"]
pub struct TenantsBuilder {
    rule: Rule,
    known: Known,
    listed: Vec<String>,
    remembered: Vec<String>,
    template: Oidc,
    capacity: usize,
    first_fetches: u32,
    idle: Duration,
}

impl TenantsBuilder {
    pub(super) fn new(rule: Rule) -> Self {
        Self {
            rule,
            known: Box::new(|_| false),
            listed: Vec::new(),
            remembered: Vec::new(),
            template: Oidc::discover(""),
            capacity: 1000,
            first_fetches: 10,
            idle: Duration::from_secs(24 * 3600),
        }
    }

    /// The issuers of a list, all of which are known.
    pub(super) fn listed(rule: Rule, listed: Vec<String>) -> Self {
        let capacity = listed.len() + registry::MOST_UNPROVEN;
        Self {
            capacity: capacity.max(1000),
            listed,
            ..Self::new(rule).known(|_| true)
        }
    }

    /// Sets the predicate for *known* tenants, of those that the rule accepts. Default: none is
    /// known, except for the issuers of [`Tenants::listed`].
    ///
    /// The first fetch of a known tenant does not count towards
    /// [`first_fetches`](Self::first_fetches), which strangers can use up. A known tenant is
    /// evicted only for another known one. The predicate must be a lookup in a list or table of no
    /// more than [`capacity`](Self::capacity) tenants, and not a pattern that an invented name can
    /// match. It is called before a first fetch, and must not block.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use std::sync::{Arc, RwLock};
    /// use tollgate::TrustedIssuer;
    /// use tollgate::oidc::Tenants;
    /// # use tollgate_testkit::FakeProvider;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let http_client = FakeProvider::new();
    /// // A table of issuers and audiences that changes while the service runs.
    /// let table = Arc::new(RwLock::new(HashMap::<String, String>::new()));
    /// let tenants = Tenants::builder(move |issuer| {
    ///     let table = table.read().ok()?;
    ///     Some(TrustedIssuer::new(issuer).audience(table.get(issuer)?))
    /// })
    /// .known(|_| true) // every issuer in the table
    /// .keys(|oidc| oidc.fetch(http_client))
    /// .build()?;
    /// assert!(tenants.remembered().is_empty());
    /// # Ok(()) }
    /// ```
    pub fn known(mut self, known: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.known = Box::new(known);
        self
    }

    /// Sets the issuers that [`Tenants::remembered`] returned in an earlier run. Their first
    /// fetches do not count towards [`first_fetches`](Self::first_fetches), so that strangers
    /// cannot lock them out after a start. The rule still decides whether they are accepted. Only
    /// as many as [`capacity`](Self::capacity) are used.
    ///
    /// ```
    /// use tollgate::TrustedIssuer;
    /// use tollgate::oidc::Tenants;
    /// # use tollgate_testkit::FakeProvider;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let http_client = FakeProvider::new();
    /// let file = "https://acme.id.example.com\n"; // written before the last stop
    /// let tenants = Tenants::builder(|issuer| {
    ///     let host = issuer.strip_prefix("https://")?;
    ///     let matches = host.ends_with(".id.example.com");
    ///     matches.then(|| TrustedIssuer::new(issuer).audience("orders-api"))
    /// })
    /// .remembered(file.lines())
    /// .keys(|oidc| oidc.fetch(http_client))
    /// .build()?;
    /// assert_eq!(tenants.remembered(), ["https://acme.id.example.com"]);
    /// # Ok(()) }
    /// ```
    pub fn remembered<I: Into<String>>(mut self, issuers: impl IntoIterator<Item = I>) -> Self {
        self.remembered = issuers.into_iter().map(Into::into).collect();
        self
    }

    /// Configures how the keys of every tenant are fetched and kept, with the methods of [`Oidc`].
    /// All tenants share client, clock and jitter. The issuer of the template is ignored.
    ///
    /// All URLs follow the rules for URLs from an issuer: `https`, and public hosts only.
    /// [`Oidc::dangerous_plain_http`] and [`Oidc::dangerous_allow_private_addresses`] weaken
    /// that; a local identity provider in development needs both. `build` refuses
    /// [`Oidc::metadata_url`] and [`Oidc::jwks_url`].
    ///
    /// ```
    /// # use tollgate::oidc::{OidcErrorKind, Tenants};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let tenants = Tenants::builder(|_| None).keys(|oidc| oidc.timeout(Duration::ZERO));
    /// assert_eq!(tenants.build().unwrap_err().kind(), OidcErrorKind::Misconfigured);
    /// # }
    /// ```
    pub fn keys(mut self, template: impl FnOnce(Oidc) -> Oidc) -> Self {
        self.template = template(self.template);
        self
    }

    /// Sets the maximum number of tenants. Default: 1000; minimum: 2. Each takes a sleeping task
    /// and its keys. A quarter of the places, and at most 64, is for unknown tenants of which no
    /// token has verified yet. Set it above the number of tenants in use: the ones that came last
    /// are evicted.
    ///
    /// ```
    /// # use tollgate::oidc::{OidcErrorKind, Tenants};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let error = Tenants::builder(|_| None).capacity(1).build().unwrap_err();
    /// assert_eq!(error.kind(), OidcErrorKind::Misconfigured);
    /// # }
    /// ```
    pub const fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// Sets the number of first fetches of unknown issuers at once, and per further
    /// [cool-down](Oidc::cool_down). Default: 10. [Known](Self::known) tenants are not counted.
    ///
    /// ```
    /// # use tollgate::oidc::{OidcErrorKind, Tenants};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let error = Tenants::builder(|_| None).first_fetches(0).build().unwrap_err();
    /// assert_eq!(error.kind(), OidcErrorKind::Misconfigured);
    /// # }
    /// ```
    pub const fn first_fetches(mut self, a_cool_down: u32) -> Self {
        self.first_fetches = a_cool_down;
        self
    }

    /// Sets the time without a verified token after which a tenant is removed. Default: 24 hours;
    /// minimum: 1 minute. Its next token waits for a fetch.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate::oidc::{OidcErrorKind, Tenants};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let error = Tenants::builder(|_| None).idle(Duration::from_secs(59)).build().unwrap_err();
    /// assert_eq!(error.kind(), OidcErrorKind::Misconfigured);
    /// # }
    /// ```
    pub const fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// Checks the configuration. Nothing is fetched before the first token.
    ///
    /// # Errors
    /// Returns an [`OidcError`] for an invalid configuration, and outside of a tokio runtime.
    ///
    /// ```
    /// use tollgate::oidc::{OidcErrorKind, Tenants};
    ///
    /// let error = Tenants::builder(|_| None).build().unwrap_err();
    /// assert_eq!(error.kind(), OidcErrorKind::NoRuntime);
    /// ```
    pub fn build(self) -> Result<Tenants, OidcError> {
        let refuse = |why: &'static str| Err(OidcError::new(OidcErrorKind::Misconfigured, why));
        if self.capacity < 2 {
            return refuse("`capacity` is below 2");
        }
        if self.first_fetches == 0 {
            return refuse("`first_fetches` is 0: no tenant could be fetched");
        }
        if self.idle < SWEEP {
            return refuse("`idle` is below 1 minute: tenants in use would be removed");
        }
        let mut settings = self.template.0;
        if settings.metadata_url.is_some() || settings.jwks_url.is_some() {
            return refuse(
                "`metadata_url` or `jwks_url` would apply to all tenants: remove it from the \
                 template",
            );
        }
        settings.check()?;
        let runtime = Handle::try_current().map_err(|_| {
            OidcError::new(
                OidcErrorKind::NoRuntime,
                "there is no tokio runtime: build tenants within one",
            )
        })?;
        // All tenants share one client.
        settings.fetch = Some(settings.fetch_or_default()?);
        settings.issuer_supplied = true;
        if let Some(odd) =
            (self.listed.iter()).find(|issuer| !name::is_plausible(issuer, &settings))
        {
            return Err(OidcError::new(
                OidcErrorKind::Misconfigured,
                format!("the listed issuer {odd:?} is not an `https` URL in normal form"),
            ));
        }
        if registry::most_proven(self.capacity) < self.listed.len() {
            return refuse("`capacity` is too small for the listed tenants: remove it");
        }
        let remembered: Vec<Arc<str>> = (self.remembered.iter())
            .filter(|issuer| name::is_plausible(issuer, &settings))
            .map(|issuer| Arc::from(&**issuer))
            .collect();
        settings.wait_for_first = true;
        let admission = Admission::new(self.first_fetches, settings.cool_down);
        Ok(Tenants(Arc::new_cyclic(|inner| {
            let inner = inner.clone();
            let sweeper = runtime.spawn(async move {
                loop {
                    tokio::time::sleep(SWEEP).await;
                    let Some(inner) = std::sync::Weak::<Inner>::upgrade(&inner) else {
                        return;
                    };
                    inner.sweep();
                }
            });
            Inner {
                rule: self.rule,
                known: self.known,
                registry: Registry::new(self.capacity, admission, remembered),
                settings,
                epoch: tokio::time::Instant::now(),
                idle: self.idle,
                runtime: runtime.clone(),
                delays: Complaints::default(),
                complaints: Complaints::default(),
                sweeper: sweeper.abort_handle(),
            }
        })))
    }
}

impl fmt::Debug for TenantsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantsBuilder")
            .field("keys", &self.template)
            .field("capacity", &self.capacity)
            .field("first_fetches", &self.first_fetches)
            .field("idle", &self.idle)
            .finish_non_exhaustive()
    }
}
