//! Configuration of [`Tenants`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::admission::Admission;
use super::registry::Roster;
use super::{Complaints, Inner, Rule, SWEEP, Tenants};
use crate::error::{OidcError, OidcErrorKind};
use crate::oidc::Oidc;

/// Configuration of [`Tenants`]: see [`Tenants::builder`].
///
/// ```
/// use std::time::Duration;
/// use tollgate_core::TrustedIssuer;
/// use tollgate_oidc::Tenants;
/// # use tollgate_testkit::{FakeProvider, FakeTimer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let http_client = FakeProvider::new(&FakeTimer::new());
/// let tenants = Tenants::builder(|issuer| {
///     (issuer == "https://id.acme.example").then(|| TrustedIssuer::new(issuer).audience("orders-api"))
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
    template: Oidc,
    capacity: usize,
    first_fetches: u32,
    idle: Duration,
}

impl TenantsBuilder {
    pub(super) fn new(rule: Rule) -> Self {
        Self {
            rule,
            template: Oidc::discover(""),
            capacity: 1000,
            first_fetches: 10,
            idle: Duration::from_secs(24 * 3600),
        }
    }

    /// Says how the keys of every tenant are fetched and kept: the methods of [`Oidc`]. Client, timer, clock and chance are
    /// shared by all tenants. Whose keys they are is not for it to say.
    ///
    /// All URLs are held to what holds for an issuer's: `https`, and hosts with public addresses only. What weakens that is
    /// [`Oidc::dangerous_allow_plain_http`] and [`Oidc::dangerous_allow_private_addresses`]; an identity provider on this
    /// machine, in development, needs both. [`Oidc::metadata_url`] is refused at `build`.
    ///
    /// ```
    /// # use tollgate_oidc::{OidcErrorKind, Tenants};
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

    /// How many tenants are kept at most: 1000 unless set, and at least 2. Each takes a task that sleeps, and its keys.
    ///
    /// ```
    /// # use tollgate_oidc::{OidcErrorKind, Tenants};
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

    /// How many tenants may be fetched for the first time at once, and then in each further
    /// [cool-down](Oidc::cool_down): 10 unless set.
    ///
    /// ```
    /// # use tollgate_oidc::{OidcErrorKind, Tenants};
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

    /// After how long without a token that verifies a tenant is given up: a day unless set, and at least a minute. Its next
    /// token waits for a fetch.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate_oidc::{OidcErrorKind, Tenants};
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

    /// Checks the configuration. Nothing is fetched before there is a token.
    ///
    /// # Errors
    /// An [`OidcError`] for a configuration that cannot be, and outside of a tokio runtime.
    ///
    /// ```
    /// use tollgate_oidc::{OidcErrorKind, Tenants};
    ///
    /// let error = Tenants::builder(|_| None).build().unwrap_err();
    /// assert_eq!(error.kind(), OidcErrorKind::NoRuntime);
    /// ```
    pub fn build(self) -> Result<Tenants, OidcError> {
        let refuse = |why: &'static str| Err(OidcError::new(OidcErrorKind::Misconfigured, why));
        if self.capacity < 2 {
            return refuse("the capacity for tenants is below 2");
        }
        if self.first_fetches == 0 {
            return refuse("no tenant may ever be fetched: `first_fetches` is 0");
        }
        if self.idle < SWEEP {
            return refuse("tenants would be given up while they are used: `idle` is below one minute");
        }
        let mut settings = self.template.0;
        if settings.metadata_url.is_some() {
            return refuse("`metadata_url` is one for all tenants: their metadata is where their names lead");
        }
        settings.check()?;
        let runtime = Handle::try_current().map_err(|_| {
            OidcError::new(
                OidcErrorKind::NoRuntime,
                "tenants are built outside of a tokio runtime",
            )
        })?;
        // One client for all of them.
        settings.fetch = Some(settings.fetch_or_default()?);
        settings.issuer_supplied = true;
        settings.wait_for_first = true;
        let admission = Admission::new(self.first_fetches, settings.cool_down);
        Ok(Tenants(Arc::new_cyclic(|inner| {
            let (inner, timer) = (inner.clone(), Arc::clone(&settings.timer));
            let sweeper = runtime.spawn(async move {
                loop {
                    timer.sleep_until(timer.now() + SWEEP).await;
                    let Some(inner) = std::sync::Weak::<Inner>::upgrade(&inner) else {
                        return;
                    };
                    inner.sweep();
                }
            });
            Inner {
                rule: self.rule,
                roster: Roster::new(self.capacity, admission),
                settings,
                idle: self.idle,
                runtime: runtime.clone(),
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
