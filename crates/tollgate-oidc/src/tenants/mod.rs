//! Issuers of tenants.

mod admission;
mod builder;
mod name;
mod registry;
mod status;

use std::collections::HashSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tollgate_core::{
    IssuerSource, Key, KeyEpoch, KeySet, KeySource, MissingKey, PreparedIssuer, Step,
    TrustedIssuer, Unavailable,
};

pub use builder::TenantsBuilder;
pub use status::TenantStatus;

use crate::error::{OidcError, OidcErrorKind};
use crate::remote::RemoteKeys;
use crate::settings::{Location, Settings};

use registry::{NotAdmitted, Registry, Resident, Usage};

/// The interval at which unused tenants are removed.
const SWEEP: Duration = Duration::from_secs(60);

/// The time after which an unused unproven issuer is removed.
const UNPROVEN_IDLE: Duration = Duration::from_secs(600);

/// A source of trusted issuers for services whose tenants bring their own identity providers. It
/// trusts the issuers that a rule accepts, and keeps the keys of a bounded number of them. It
/// implements [`IssuerSource`]; clones share everything.
///
/// The rule gets the `iss` of a token and returns the requirements for tokens of that issuer, or
/// `None`. The keys are then discovered ([`Oidc::discover`](crate::Oidc::discover)) and are valid
/// for that issuer only.
///
/// ```
/// use tollgate::extend::Step;
/// use tollgate::{RejectionKind, TrustedIssuer, Verifier};
/// use tollgate::oidc::Tenants;
/// # use tollgate::Algorithm;
/// # use tollgate_testkit::{FakeClock, FakeProvider, Mint, keys};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = FakeClock::new();
/// # let http_client = FakeProvider::new();
/// # http_client.describe("https://id.acme.example", "https://id.acme.example/jwks");
/// # http_client.publish("https://id.acme.example/jwks", &[keys::signing(Algorithm::ES256)]);
/// # let mint = Mint::new(keys::signing(Algorithm::ES256), &clock);
/// # let (acmes, evils) = (
/// #     mint.token().claim("iss", "https://id.acme.example").build(),
/// #     mint.token().claim("iss", "https://evil.example").build(),
/// # );
/// let customers = ["https://id.acme.example", "https://login.globex.example"];
/// let tenants = Tenants::listed(customers, |issuer| {
///     TrustedIssuer::new(issuer).audience("orders-api")
/// })
/// .keys(|oidc| oidc.fetch(http_client))
/// .build()?;
/// let verifier = Verifier::builder().issuer_source(tenants.clone()).clock(clock).build()?;
///
/// // The first token of a tenant waits for its keys.
/// let Step::Pending(first) = verifier.begin(acmes) else { panic!() };
/// assert_eq!(first.await?.issuer(), Some("https://id.acme.example"));
/// // An issuer that is not listed is not fetched.
/// let rejection = verifier.verify(evils).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::UntrustedIssuer);
/// assert_eq!(tenants.status().len(), 1);
/// # Ok(()) }
/// ```
///
/// # The rule runs for each token
///
/// A tenant that the rule no longer accepts is refused with the next token. A change of the
/// requirements, such as another audience, applies at once. While the rule returns the same
/// requirements, without keys of their own, verified tokens are
/// [cached](tollgate_core::TokenCache). The rule must be fast and must not block: look tenants up
/// in memory. Fetching for a tenant that the rule no longer accepts ends within a minute.
///
/// Attackers choose the `iss`. A list of tenants is the best rule: [`Tenants::listed`], or a lookup
/// in a table with [`known`](TenantsBuilder::known). A pattern (every host below `example.com`,
/// every path of a provider) lets an attacker cause fetches for any matching name, within the
/// bounds below. It also trusts every party that can publish keys under such a name.
///
/// # Known tenants
///
/// A tenant is *known* by a list, by [`known`](TenantsBuilder::known), or because one of its tokens
/// has verified before, in this run or in an earlier one
/// ([`remembered`](TenantsBuilder::remembered)). The first fetches of known tenants are not limited
/// in rate: 64 run concurrently, and the others wait. Tokens with invented issuers cannot use up
/// this admission. With a pattern and without remembered tenants, they can lock new tenants out:
/// all unknown issuers share the rate below.
///
/// An ambiguous name never reaches the rule: it must be an `https` URL of at most 512 bytes in
/// normal form, without credentials, query or fragment, and its host may be public.
///
/// # Bounds
///
/// - At most [`capacity`](TenantsBuilder::capacity) tenants are kept. A quarter of them, and at
///   most 64, may be unknown and *unproven*: none of their tokens has verified yet. Invented names
///   evict each other, the least recently used one first, and never a known or proven tenant.
/// - Without a free place, the proven tenant that was admitted last is evicted: a tenant in use is
///   not evicted for tenants that came later. The exception are tenants of the list and of
///   [`known`](TenantsBuilder::known), which evict others and are evicted last.
/// - First fetches of unknown issuers are bounded together:
///   [`first_fetches`](TenantsBuilder::first_fetches) at once and as many per further cool-down,
///   and at most 32 concurrently. Beyond that, a token of an unknown issuer gets a 503 with
///   `Retry-After`; known tenants are not affected.
/// - As many issuers as the capacity are remembered after they were removed. Each takes at most
///   512 bytes.
/// - After its first fetch, tokens cause at most two fetches of an issuer per cool-down. An evicted
///   issuer is not fetched again before a cool-down has passed.
/// - In total, tokens cause per cool-down at most twice `first_fetches` first fetches of unknown
///   issuers, and three fetches for each tenant that is kept or known: the first one, and those for
///   unknown `kid`s ([`cool_down`](crate::Oidc::cool_down)).
/// - A tenant that was not used for [`idle`](TenantsBuilder::idle) is removed; an unproven one
///   after ten minutes.
///
/// # Errors of the rule
///
/// A rule may return a configuration that [`prepare`](TrustedIssuer::prepare) refuses, or one for
/// another issuer. The log then gets an event of level `ERROR`, and the response is 503. Nothing is
/// fetched.
#[derive(Clone)]
pub struct Tenants(Arc<Inner>);

type Rule = Box<dyn Fn(&str) -> Option<TrustedIssuer> + Send + Sync>;

type Known = Box<dyn Fn(&str) -> bool + Send + Sync>;

struct Inner {
    rule: Rule,
    known: Known,
    registry: Registry<Tenant>,
    /// The settings of each tenant, without its location.
    settings: Settings,
    /// The origin of all times that are durations.
    epoch: Instant,
    idle: Duration,
    runtime: Handle,
    /// Of delayed fetches, which strangers can cause: they do not suppress other complaints.
    delays: Complaints,
    complaints: Complaints,
    sweeper: AbortHandle,
}

/// A tenant: its keys, and the prepared requirements of its last token. The rule decides for each
/// token whether they still apply.
struct Tenant {
    keys: RemoteKeys,
    epoch: Instant,
    prepared: ArcSwapOption<PreparedIssuer>,
}

/// The keys of a tenant for a verifier. The tenant owns this value, so the value does not own the
/// tenant.
struct TenantKeys {
    issuer: Arc<str>,
    keys: RemoteKeys,
    epoch: Instant,
    usage: Arc<Usage>,
}

impl TenantKeys {
    fn of(tenant: &Resident<Tenant>) -> Self {
        Self {
            issuer: Arc::clone(&tenant.issuer),
            keys: tenant.value.keys.clone(),
            epoch: tenant.value.epoch,
            usage: Arc::clone(&tenant.usage),
        }
    }
}

impl Tenants {
    /// Starts a configuration with the rule. The rule gets the `iss` of a token and returns the
    /// requirements for exactly that issuer, without keys, or `None`.
    ///
    /// ```
    /// use tollgate::TrustedIssuer;
    /// use tollgate::oidc::Tenants;
    /// # use tollgate_testkit::FakeProvider;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let http_client = FakeProvider::new();
    /// let tenants = Tenants::builder(|issuer| {
    ///     let tenant = issuer.strip_prefix("https://id.example.com/realms/")?;
    ///     Some(TrustedIssuer::new(issuer).audience(format!("orders-{tenant}")))
    /// })
    /// .keys(|oidc| oidc.fetch(http_client))
    /// .build()?;
    /// assert!(tenants.status().is_empty());
    /// # Ok(()) }
    /// ```
    pub fn builder(
        rule: impl Fn(&str) -> Option<TrustedIssuer> + Send + Sync + 'static,
    ) -> TenantsBuilder {
        TenantsBuilder::new(Box::new(rule))
    }

    /// Starts a configuration with a list of issuers, which are all *known*: see
    /// [`known`](TenantsBuilder::known). `rule` gets an issuer of the list and returns the
    /// requirements for it, without keys. Other issuers are refused.
    ///
    /// [`build`](TenantsBuilder::build) refuses a name that could never match, and a
    /// [`capacity`](TenantsBuilder::capacity) with fewer places for proven tenants than the list
    /// has. The default capacity is 1000, or 64 more than the list.
    ///
    /// ```
    /// use tollgate::TrustedIssuer;
    /// use tollgate::oidc::Tenants;
    /// # use tollgate_testkit::FakeProvider;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let http_client = FakeProvider::new();
    /// let customers = ["https://id.acme.example", "https://login.globex.example"];
    /// let tenants = Tenants::listed(customers, |issuer| {
    ///     TrustedIssuer::new(issuer).audience("orders-api").require_subject()
    /// })
    /// .keys(|oidc| oidc.fetch(http_client))
    /// .build()?;
    /// assert!(tenants.status().is_empty()); // nothing is fetched before the first token
    /// # Ok(()) }
    /// ```
    pub fn listed<I: Into<String>>(
        issuers: impl IntoIterator<Item = I>,
        rule: impl Fn(&str) -> TrustedIssuer + Send + Sync + 'static,
    ) -> TenantsBuilder {
        let listed: HashSet<String> = issuers.into_iter().map(Into::into).collect();
        let names = listed.iter().cloned().collect();
        let rule = move |issuer: &str| listed.contains(issuer).then(|| rule(issuer));
        TenantsBuilder::listed(Box::new(rule), names)
    }

    /// Returns the issuers whose tokens have verified in this run, or in an earlier run by
    /// [`TenantsBuilder::remembered`], as far as the rule still accepts them. At most twice the
    /// [`capacity`](TenantsBuilder::capacity). Write them to a file or a table now and then, and
    /// before the service ends, for the next run.
    ///
    /// ```
    /// # use tollgate::oidc::Tenants;
    /// # use tollgate_testkit::FakeProvider;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let http_client = FakeProvider::new();
    /// let tenants = Tenants::builder(|_| None).keys(|oidc| oidc.fetch(http_client)).build()?;
    /// let file = tenants.remembered().join("\n"); // an issuer has no line break
    /// assert_eq!(file, "");
    /// # Ok(()) }
    /// ```
    pub fn remembered(&self) -> Vec<String> {
        let issuers = self.0.registry.remembered().into_iter();
        let accepted = issuers.filter(|issuer| self.0.is_accepted(issuer));
        accepted.map(|issuer| issuer.to_string()).collect()
    }

    /// Returns the status of all tenants that are kept now, by issuer: at most
    /// [`capacity`](TenantsBuilder::capacity).
    ///
    /// ```
    /// # use tollgate::oidc::Tenants;
    /// # use tollgate_testkit::FakeProvider;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let http_client = FakeProvider::new();
    /// let tenants = Tenants::builder(|_| None).keys(|oidc| oidc.fetch(http_client)).build()?;
    /// let proven = tenants.status().into_iter().filter(|tenant| tenant.proven).count();
    /// assert_eq!(proven, 0);
    /// # Ok(()) }
    /// ```
    pub fn status(&self) -> Vec<TenantStatus> {
        let kept = self.0.registry.all();
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
        let known = inner.registry.get(issuer);
        if known.is_none() && !name::is_plausible(issuer, &inner.settings) {
            return Ok(None);
        }
        let Some(rules) = (inner.rule)(issuer) else {
            return Ok(None);
        };
        let now = inner.epoch.elapsed();
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
        tenant
            .value
            .prepared
            .store(Some(Arc::new(prepared.clone())));
        Ok(Some(prepared))
    }
}

impl Inner {
    /// Adds an issuer and starts its first fetch.
    fn admit(
        &self,
        issuer: &str,
        rules: &TrustedIssuer,
        now: Duration,
    ) -> Result<Option<Arc<Resident<Tenant>>>, Unavailable> {
        // An invalid configuration causes no fetch.
        self.prepare(rules.clone().key_source(NoKeys(issuer.to_owned())), issuer)?;
        let is_known = (self.known)(issuer);
        let admitted = self.registry.admit(issuer, is_known, now, |turn| {
            let mut settings = self.settings.clone();
            settings.location = Location::Issuer(issuer.to_owned());
            Ok(Tenant {
                keys: RemoteKeys::spawn(settings, &self.runtime, turn)?,
                epoch: self.epoch,
                prepared: ArcSwapOption::empty(),
            })
        });
        match admitted {
            Ok(tenant) => Ok(Some(tenant)),
            Err(NotAdmitted::Later(wait)) => {
                if self.delays.are_due(now) {
                    tracing::warn!(target: "tollgate", issuer, ?wait,
                        "first fetch of a tenant delayed");
                }
                Err(retry(wait))
            }
            Err(NotAdmitted::Failed(error)) => self.failed(issuer, &error, now),
        }
    }

    /// Handles a tenant that cannot be fetched, because of its name or of the configuration.
    fn failed<T>(
        &self,
        issuer: &str,
        error: &OidcError,
        now: Duration,
    ) -> Result<Option<T>, Unavailable> {
        use OidcErrorKind::{InsecureUrl, InvalidUrl, PrivateAddress};
        if matches!(error.kind(), InvalidUrl | InsecureUrl | PrivateAddress) {
            tracing::debug!(target: "tollgate", issuer, %error, "issuer of a tenant refused");
            return Ok(None);
        }
        if self.complaints.are_due(now) {
            tracing::error!(target: "tollgate", issuer, %error, "keys of a tenant not fetchable");
        }
        Err(retry(Duration::from_secs(1)))
    }

    fn prepare(&self, rules: TrustedIssuer, issuer: &str) -> Result<PreparedIssuer, Unavailable> {
        rules.prepare().map_err(|error| {
            if self.complaints.are_due(self.epoch.elapsed()) {
                tracing::error!(target: "tollgate", issuer, %error,
                    "invalid configuration from the rule for tenants");
            }
            retry(Duration::from_secs(60))
        })
    }

    /// Removes tenants that are unused or no longer accepted.
    fn sweep(&self) {
        let now = self.epoch.elapsed();
        let given_up = self.registry.retain(now, |tenant| {
            let idle = if tenant.is_proven() {
                self.idle
            } else {
                self.idle.min(UNPROVEN_IDLE)
            };
            now.saturating_sub(Duration::from_secs(tenant.last_used())) < idle
                && self.is_accepted(&tenant.issuer)
        });
        if given_up > 0 {
            tracing::debug!(target: "tollgate", given_up, "tenants removed");
        }
    }

    /// A panic of the rule does not remove a tenant; the next token decides.
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

    fn refresh(&self, missing: &MissingKey<'_>) -> Step<Result<(), Unavailable>> {
        self.keys.refresh(missing)
    }

    fn issuer(&self) -> Option<&str> {
        Some(&self.issuer)
    }

    fn used(&self, key: &Key, now: u64) {
        self.usage.verified(self.epoch.elapsed());
        self.keys.used(key, now);
    }
}

/// Replaces the keys while the requirements are checked.
struct NoKeys(String);

impl KeySource for NoKeys {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        Err(retry(Duration::from_secs(1)))
    }

    fn issuer(&self) -> Option<&str> {
        Some(&self.0)
    }
}

/// Limits logging to once a minute: an attacker can send any number of tokens.
#[derive(Default)]
struct Complaints(AtomicU64);

impl Complaints {
    fn are_due(&self, now: Duration) -> bool {
        // Zero means never.
        let now = now.as_secs() + 1;
        let last = self.0.load(Ordering::Relaxed);
        let due = last == 0 || now >= last + 60;
        due && self
            .0
            .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

/// Returns a `Retry-After` from one second to one minute.
fn retry(after: Duration) -> Unavailable {
    Unavailable::new(after.clamp(Duration::from_secs(1), Duration::from_secs(60)))
}

impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenants")
            .field("kept", &self.0.registry.all().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_logs_at_most_once_a_minute() {
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
    fn retry_after_is_between_a_second_and_a_minute() {
        for (after, wanted) in [(0, 1_000), (1, 1_000), (1_500, 1_500), (60_001, 60_000)] {
            let unavailable = retry(Duration::from_millis(after));
            assert_eq!(unavailable.retry_after(), Duration::from_millis(wanted));
        }
    }
}
