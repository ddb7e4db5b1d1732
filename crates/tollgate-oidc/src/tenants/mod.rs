//! Issuers that tenants bring.

mod admission;
mod builder;
mod name;
mod registry;
mod status;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tollgate_core::{
    IssuerSource, Key, KeyEpoch, KeySet, KeySource, MissingKey, PreparedIssuer, Refresh, TrustedIssuer,
    Unavailable,
};

pub use builder::TenantsBuilder;
pub use status::TenantStatus;

use crate::error::{OidcError, OidcErrorKind};
use crate::event::Event;
use crate::remote::RemoteKeys;
use crate::settings::{Location, Settings};
use crate::timer::Timer;

use admission::Running;
use registry::{Kept, NotKept, Roster, Usage};

/// How often it is looked for tenants that need not be kept any longer.
const SWEEP: Duration = Duration::from_secs(60);

/// How long an issuer is kept that nobody has named and that never proved itself.
const UNPROVEN_IDLE: Duration = Duration::from_secs(600);

/// Trusts the issuers that a rule of yours accepts, and keeps the keys of a bounded number of them: for a service whose tenants
/// bring identity providers of their own. It is an [`IssuerSource`]; clones share everything.
///
/// The rule is given the `iss` that a token claims and says what tokens of that issuer must be, or `None`. The keys are then
/// discovered ([`Oidc::discover`](crate::Oidc::discover)), and they are good for that issuer alone.
///
/// ```
/// use tollgate_core::{RejectionKind, TrustedIssuer, Verification, Verifier};
/// use tollgate_oidc::Tenants;
/// # use tollgate_core::Algorithm;
/// # use tollgate_testkit::{FakeClock, FakeProvider, FakeTimer, Mint, keys};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (clock, timer) = (FakeClock::new(), FakeTimer::new());
/// # let http_client = FakeProvider::new(&timer);
/// # http_client.describe("https://id.acme.example", "https://id.acme.example/jwks");
/// # http_client.publish("https://id.acme.example/jwks", &[keys::signing(Algorithm::ES256)]);
/// # let mint = Mint::new(keys::signing(Algorithm::ES256), &clock);
/// # let (acmes, evils) = (
/// #     mint.token().claim("iss", "https://id.acme.example").build(),
/// #     mint.token().claim("iss", "https://evil.example").build(),
/// # );
/// let customers = ["https://id.acme.example", "https://login.globex.example"];
/// let tenants = Tenants::builder(move |issuer| {
///     let customer = customers.contains(&issuer);
///     customer.then(|| TrustedIssuer::new(issuer).audience("orders-api"))
/// })
/// .keys(|oidc| oidc.fetch(http_client))
/// .build()?;
/// let verifier = Verifier::builder().issuer_source(tenants.clone()).clock(clock).build()?;
///
/// // The first token of a tenant waits until its keys have come.
/// let Verification::Pending(first) = verifier.begin(acmes) else { panic!() };
/// assert_eq!(first.await?.issuer(), Some("https://id.acme.example"));
/// // What the rule refuses is never looked at any further.
/// let rejection = verifier.verify(evils).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::UntrustedIssuer);
/// assert_eq!(tenants.status().len(), 1);
/// # Ok(()) }
/// ```
///
/// # The rule is asked for each token
///
/// So a tenant that it accepts no longer is refused with the next token, and what it says of a tenant (the audience, say) is in
/// force at once. As long as it says the same of a tenant, and says nothing of keys, tokens of that tenant that were verified a
/// moment ago are [recognised](tollgate_core::TokenCache). It must be quick and must not block: look it up in memory. Fetching from a
/// tenant that was withdrawn ends within a minute, too.
///
/// The name is of an attacker's choosing. A list of your tenants is the best rule. One that accepts a pattern (every host below
/// `example.com`, every path of a provider) lets everybody who can write such a name cause a fetch, within the bounds below, and
/// makes a tenant of everybody who can publish keys under one. Names that can be read in more than one way never reach the rule: they must be `https` URLs of at most 512 bytes that are
/// written as a URL is once it is read, without credentials, query or fragment, of a host that may be a public one.
///
/// # Bounds
///
/// - At most [`capacity`](TenantsBuilder::capacity) tenants are kept: a quarter of them, and never more than 64, may be
///   *unproven*, which is to say that no token of theirs has verified yet. Names that are made up push out each other, and
///   never a tenant that has proved itself. Within each class the one that was used the longest ago goes first.
/// - First fetches are bounded together: [`first_fetches`](TenantsBuilder::first_fetches) at once and so many in each further
///   cool-down, and never more than 32 at the same time. Beyond that, a token of a tenant that is not kept gets a 503 with
///   `Retry-After`; those that are kept do not notice.
/// - After its first fetch, tokens cause at most one of an issuer in a cool-down. An issuer that was pushed out is not fetched again
///   before a cool-down has passed since, so pushing it out and naming it again gains nothing.
/// - All in all, whatever tokens say, a cool-down sees no more than twice `first_fetches` of those, and one more of each tenant that
///   was kept in it.
/// - A tenant that has not been used for a [while](TenantsBuilder::idle) is given up; an unproven one after ten minutes.
///
/// # What goes wrong
///
/// A rule that answers with a configuration that [`prepare`](TrustedIssuer::prepare) refuses, or with one for another issuer than
/// the one it was asked for, is our own mistake: an event of level `ERROR`, and a 503 for the client. Nothing is fetched for it.
#[derive(Clone)]
pub struct Tenants(Arc<Inner>);

type Rule = Box<dyn Fn(&str) -> Option<TrustedIssuer> + Send + Sync>;

struct Inner {
    rule: Rule,
    roster: Roster<Tenant>,
    /// Of each tenant, but for its location.
    settings: Settings,
    idle: Duration,
    runtime: Handle,
    complaints: Complaints,
    sweeper: AbortHandle,
}

/// What is kept of a tenant: its keys, and what they were prepared with for its last token. The rule decides each time whether
/// that will do.
struct Tenant {
    keys: RemoteKeys,
    timer: Arc<dyn Timer>,
    prepared: ArcSwapOption<PreparedIssuer>,
}

/// The keys of a tenant, as a verifier asks for them. It does not own what is kept of the tenant, which owns it.
struct TenantKeys {
    issuer: Arc<str>,
    keys: RemoteKeys,
    timer: Arc<dyn Timer>,
    usage: Arc<Usage>,
}

impl TenantKeys {
    fn of(tenant: &Kept<Tenant>) -> Self {
        Self {
            issuer: Arc::clone(&tenant.issuer),
            keys: tenant.value.keys.clone(),
            timer: Arc::clone(&tenant.value.timer),
            usage: Arc::clone(&tenant.usage),
        }
    }
}

impl Tenants {
    /// Starts a configuration with the rule that says which issuers are trusted, and what tokens of theirs must be. It is given
    /// the `iss` that a token claims, and answers with rules for just that issuer, without keys, or with `None`.
    ///
    /// ```
    /// use tollgate_core::TrustedIssuer;
    /// use tollgate_oidc::Tenants;
    /// # use tollgate_testkit::{FakeProvider, FakeTimer};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let http_client = FakeProvider::new(&FakeTimer::new());
    /// let tenants = Tenants::builder(|issuer| {
    ///     let tenant = issuer.strip_prefix("https://id.example.com/realms/")?;
    ///     Some(TrustedIssuer::new(issuer).audience(format!("orders-{tenant}")))
    /// })
    /// .keys(|oidc| oidc.fetch(http_client))
    /// .build()?;
    /// assert!(tenants.status().is_empty());
    /// # Ok(()) }
    /// ```
    pub fn builder(rule: impl Fn(&str) -> Option<TrustedIssuer> + Send + Sync + 'static) -> TenantsBuilder {
        TenantsBuilder::new(Box::new(rule))
    }

    /// How the tenants stand that are kept now, by their issuers: at most [`capacity`](TenantsBuilder::capacity).
    ///
    /// ```
    /// # use tollgate_oidc::Tenants;
    /// # use tollgate_testkit::{FakeProvider, FakeTimer};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let http_client = FakeProvider::new(&FakeTimer::new());
    /// let tenants = Tenants::builder(|_| None).keys(|oidc| oidc.fetch(http_client)).build()?;
    /// let proven = tenants.status().into_iter().filter(|tenant| tenant.proven).count();
    /// assert_eq!(proven, 0);
    /// # Ok(()) }
    /// ```
    pub fn status(&self) -> Vec<TenantStatus> {
        let kept = self.0.roster.all();
        let mut all: Vec<_> = kept
            .iter()
            .map(|tenant| TenantStatus {
                issuer: tenant.issuer.to_string(),
                proven: tenant.is_proven(),
                keys: tenant.value.keys.status(),
            })
            .collect();
        all.sort_by(|a, b| a.issuer.cmp(&b.issuer));
        all
    }
}

impl IssuerSource for Tenants {
    fn issuer(&self, issuer: &str) -> Result<Option<PreparedIssuer>, Unavailable> {
        let inner = &*self.0;
        let known = inner.roster.get(issuer);
        if known.is_none() && !name::is_plausible(issuer, &inner.settings) {
            return Ok(None);
        }
        let Some(rules) = (inner.rule)(issuer) else {
            return Ok(None);
        };
        let now = inner.settings.timer.now();
        let tenant = match known {
            Some(tenant) => tenant,
            None => match inner.admit(issuer, &rules, now)? {
                Some(tenant) => tenant,
                None => return Ok(None),
            },
        };
        tenant.named(now);
        let last = tenant.value.prepared.load();
        if let Some(last) = &*last
            && last.is_of(&rules)
        {
            return Ok(Some(PreparedIssuer::clone(last)));
        }
        let prepared = inner.prepare(rules.key_source(TenantKeys::of(&tenant)), issuer)?;
        tenant.value.prepared.store(Some(Arc::new(prepared.clone())));
        Ok(Some(prepared))
    }
}

impl Inner {
    /// Keeps an issuer that was not kept, and begins its first fetch.
    fn admit(
        &self,
        issuer: &str,
        rules: &TrustedIssuer,
        now: Duration,
    ) -> Result<Option<Arc<Kept<Tenant>>>, Unavailable> {
        // What cannot be used is not fetched for.
        self.prepare(rules.clone().key_source(NoKeys(issuer.to_owned())), issuer)?;
        let admitted = self.roster.admit(issuer, now, |running| {
            Ok(Tenant {
                keys: RemoteKeys::spawn(self.settings_of(issuer, running), &self.runtime)?,
                timer: Arc::clone(&self.settings.timer),
                prepared: ArcSwapOption::empty(),
            })
        });
        match admitted {
            Ok(tenant) => Ok(Some(tenant)),
            Err(NotKept::Later(wait)) => {
                if self.complaints.are_due(now) {
                    tracing::warn!(target: "tollgate", issuer, ?wait, "a tenant has to wait for its first fetch: there are too many");
                }
                Err(retry(wait))
            }
            Err(NotKept::Failed(error)) => self.failed(issuer, &error, now),
        }
    }

    /// A tenant that nothing can be fetched of: its name says so, or we are at fault.
    fn failed<T>(&self, issuer: &str, error: &OidcError, now: Duration) -> Result<Option<T>, Unavailable> {
        use OidcErrorKind::{InsecureUrl, InvalidUrl, PrivateAddress};
        if matches!(error.kind(), InvalidUrl | InsecureUrl | PrivateAddress) {
            tracing::debug!(target: "tollgate", issuer, %error, "an issuer that the rule for tenants accepts is not fetched from");
            return Ok(None);
        }
        if self.complaints.are_due(now) {
            tracing::error!(target: "tollgate", issuer, %error, "the keys of a tenant cannot be fetched");
        }
        Err(retry(Duration::from_secs(1)))
    }

    fn prepare(&self, rules: TrustedIssuer, issuer: &str) -> Result<PreparedIssuer, Unavailable> {
        rules.prepare().map_err(|error| {
            if self.complaints.are_due(self.settings.timer.now()) {
                tracing::error!(target: "tollgate", issuer, %error, "the rule for tenants answers with a configuration that is refused");
            }
            retry(Duration::from_secs(60))
        })
    }

    fn settings_of(&self, issuer: &str, running: Running) -> Settings {
        let mut settings = self.settings.clone();
        settings.location = Location::Issuer(issuer.to_owned());
        let running = Mutex::new(Some(running));
        let hook = settings.on_event.take();
        settings.on_event = Some(Arc::new(move |event: &Event| {
            if matches!(
                event,
                Event::Refreshed { .. } | Event::Unchanged { .. } | Event::Failed { .. }
            ) {
                drop(running.lock().unwrap_or_else(PoisonError::into_inner).take());
            }
            if let Some(hook) = &hook {
                hook(event);
            }
        }));
        settings
    }

    /// Gives up who is not used, and who is not a tenant any more.
    fn sweep(&self) {
        let now = self.settings.timer.now();
        let given_up = self.roster.retain(now, |tenant| {
            let idle = if tenant.is_proven() {
                self.idle
            } else {
                self.idle.min(UNPROVEN_IDLE)
            };
            now.saturating_sub(Duration::from_secs(tenant.last_used())) < idle
                && self.is_accepted(&tenant.issuer)
        });
        if given_up > 0 {
            tracing::debug!(target: "tollgate", given_up, "tenants are not kept any longer");
        }
    }

    /// A rule that panics has not said that the tenant is none; the next token will tell.
    fn is_accepted(&self, issuer: &str) -> bool {
        let answer = catch_unwind(AssertUnwindSafe(|| (self.rule)(issuer)));
        answer.map_or(true, |rules| rules.is_some())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.sweeper.abort();
    }
}

impl KeySource for TenantKeys {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        self.keys.keys()
    }

    fn epoch(&self) -> Result<KeyEpoch, Unavailable> {
        self.keys.epoch()
    }

    fn refresh(&self, missing: &MissingKey<'_>) -> Refresh {
        self.keys.refresh(missing)
    }

    fn issuer(&self) -> Option<&str> {
        Some(&self.issuer)
    }

    fn used(&self, key: &Key, now: u64) {
        self.usage.verified(self.timer.now());
        self.keys.used(key, now);
    }
}

/// Stands for the keys of an issuer while its rules are looked at.
struct NoKeys(String);

impl KeySource for NoKeys {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        Err(retry(Duration::from_secs(1)))
    }

    fn issuer(&self) -> Option<&str> {
        Some(&self.0)
    }
}

/// What is logged because of a token is logged at most once a minute: anybody can send tokens.
#[derive(Default)]
struct Complaints(AtomicU64);

impl Complaints {
    fn are_due(&self, now: Duration) -> bool {
        // Zero stands for never.
        let now = now.as_secs() + 1;
        let last = self.0.load(Ordering::Relaxed);
        let due = last == 0 || now >= last + 60;
        due && self
            .0
            .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

/// At least a second, and a minute at most.
fn retry(after: Duration) -> Unavailable {
    Unavailable::new(after.clamp(Duration::from_secs(1), Duration::from_secs(60)))
}

impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenants")
            .field("kept", &self.0.roster.all().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_complains_at_most_once_a_minute() {
        let complaints = Complaints::default();
        let due = |seconds| complaints.are_due(Duration::from_secs(seconds));
        assert!(due(0));
        assert!(!due(0));
        assert!(!due(59));
        assert!(due(60));
        assert!(!due(119));
        assert!(due(10_000));
    }

    #[test]
    fn a_client_comes_back_after_a_second_at_least_and_a_minute_at_most() {
        for (after, wanted) in [(0, 1_000), (1, 1_000), (1_500, 1_500), (60_001, 60_000)] {
            let unavailable = retry(Duration::from_millis(after));
            assert_eq!(unavailable.retry_after(), Duration::from_millis(wanted));
        }
    }
}
