//! A provider, the proxy in front of it, and its keys on a clock that the test controls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::Instant;
use tollgate_core::Verifier;
use tollgate_oidc::{Event, Oidc, RemoteKeys, Status};
use tollgate_testkit::Segments;
use tollgate_tests::http::Answer;
use tollgate_tests::servers::{Front, OidcProvider, eventually};

use crate::paused::{PausedKeys, PausedRuntime};
use crate::services::Services;

pub(crate) const AUDIENCE: &str = "orders-api";
pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1:9/callback";
pub(crate) const JWKS: &str = "/jwks";
pub(crate) const METADATA: &str = "/.well-known/openid-configuration";

/// The lifetime of the keys, since the provider does not set one.
pub(crate) const LIFE: Duration = Duration::from_secs(600);
/// The grace period of expired keys while the provider is unavailable.
pub(crate) const STALE: Duration = Duration::from_secs(3600);
pub(crate) const COOL_DOWN: Duration = Duration::from_secs(10);
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

/// A provider and the proxy in front of it, whose URL is the issuer name.
pub(crate) struct Issuer {
    pub(crate) provider: OidcProvider,
    pub(crate) front: Front,
}

impl Issuer {
    /// Starts a provider with these keys, as pairs of algorithm and `kid`. `None` if it is not
    /// installed.
    pub(crate) fn start(keys: &[(&str, &str)]) -> Option<Self> {
        Self::start_with(keys, None)
    }

    /// Like `start`, with this `Cache-Control`.
    pub(crate) fn start_with(keys: &[(&str, &str)], cache_control: Option<&str>) -> Option<Self> {
        let front = Front::open();
        let algorithms = ["RS256", "PS256", "ES256", "EdDSA"];
        let resource = |name: String, alg: Option<&str>, audience: &str| {
            let mut about = json!({ "audience": audience, "scope": "orders:read orders:write" });
            if let Some(alg) = alg {
                about["alg"] = json!(alg);
            }
            (name, about)
        };
        let mut resources: serde_json::Map<String, Value> = algorithms
            .iter()
            .map(|alg| resource(format!("urn:orders:{alg}"), Some(alg), AUDIENCE))
            .collect();
        resources.extend([
            resource("urn:orders".to_owned(), None, AUDIENCE),
            resource("urn:stock".to_owned(), None, "stock-api"),
        ]);
        let provider = OidcProvider::start(&json!({
            "issuer": front.url(),
            "keys": keys_of(keys),
            "cacheControl": cache_control,
            "resources": resources,
            "scopes": ["profile"],
            "clients": [
                { "client_id": "robot", "client_secret": "beep",
                    "token_endpoint_auth_method": "client_secret_post" },
                { "client_id": "shop", "redirect_uris": [REDIRECT_URI] },
            ],
            "accounts": { "ada": { "password": "lovelace", "claims": { "name": "Ada Lovelace" } } },
        }))?;
        front.stand_before(provider.port());
        Some(Self { provider, front })
    }

    /// Restarts the provider with other keys.
    pub(crate) fn rotate(&mut self, keys: &[(&str, &str)]) {
        self.provider.restart_with("keys", keys_of(keys));
    }

    /// Creates a new access token for the service, signed with the provider's first key.
    pub(crate) fn token(&self) -> String {
        self.token_for("urn:orders")
    }

    pub(crate) fn token_for(&self, resource: &str) -> String {
        self.provider
            .client_credentials("robot", "beep", resource, "orders:read")
    }

    /// The number of fetches of its keys.
    pub(crate) fn fetches(&self) -> usize {
        self.front.count(JWKS)
    }
}

fn keys_of(keys: &[(&str, &str)]) -> Value {
    keys.iter()
        .map(|(alg, kid)| json!({ "alg": alg, "kid": kid }))
        .collect()
}

/// Applies the options that every key source has, before it starts.
macro_rules! kept {
    ($source:expr, $watch:expr) => {
        $source
            .default_life($crate::world::LIFE)
            .stale_if_error($crate::world::STALE)
            .cool_down($crate::world::COOL_DOWN)
            .timeout($crate::world::TIMEOUT)
            .jitter(|| 0.0)
            .on_event($watch.hook())
    };
}
pub(crate) use kept;

/// Creates a token in the name of `issuer` with an unknown key.
pub(crate) fn stranger(issuer: &str, kid: &str) -> String {
    let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid });
    let claims = json!({ "iss": issuer, "sub": "mallory" });
    let token = Segments::unsigned(header.to_string(), claims.to_string());
    token.with_signature([7; 64]).to_string()
}

/// A counter of attempts to fetch keys.
#[derive(Clone, Default)]
pub(crate) struct Watch {
    /// The number of successful and of failed attempts.
    ended: Arc<[AtomicUsize; 2]>,
}

impl Watch {
    pub(crate) fn hook(&self) -> impl Fn(&Event) + Send + Sync + 'static {
        let ended = Arc::clone(&self.ended);
        move |event| {
            let outcome = match event {
                Event::Refreshed { .. } | Event::Unchanged { .. } => 0,
                Event::Failed { .. } => 1,
                _ => return,
            };
            ended[outcome].fetch_add(1, Ordering::SeqCst);
        }
    }

    pub(crate) fn successes(&self) -> usize {
        self.ended[0].load(Ordering::SeqCst)
    }

    pub(crate) fn failures(&self) -> usize {
        self.ended[1].load(Ordering::SeqCst)
    }
}

/// A provider, and services that trust it.
pub(crate) struct World {
    pub(crate) issuer: Issuer,
    pub(crate) keys: RemoteKeys,
    pub(crate) verifier: Verifier,
    pub(crate) services: Services,
    pub(crate) watch: Watch,
    /// Whether a request to the provider ends only by its timeout.
    hangs: AtomicBool,
    began: Instant,
    pub(crate) runtime: PausedRuntime,
}

impl World {
    /// Creates services with keys by discovery, already fetched.
    pub(crate) fn connect(issuer: Issuer) -> Self {
        Self::with(issuer, |issuer, watch, runtime| {
            let source = kept!(Oidc::discover(issuer.front.url()), watch);
            runtime.block_on(source.connect()).unwrap()
        })
    }

    /// Creates a token in the issuer's name with an unknown key.
    pub(crate) fn stranger(&self, kid: &str) -> String {
        stranger(&self.issuer.front.url(), kid)
    }

    /// Creates services with the keys that `start` returns.
    pub(crate) fn with(
        issuer: Issuer,
        start: impl FnOnce(&Issuer, &Watch, &Handle) -> RemoteKeys,
    ) -> Self {
        let (watch, runtime) = (Watch::default(), PausedRuntime::start());
        let keys = start(&issuer, &watch, runtime.handle());
        let began = {
            let _entered = runtime.handle().enter();
            Instant::now()
        };
        let verifier = Verifier::builder()
            .issuer(issuer.front.url())
            .audience(AUDIENCE)
            .access_token_profile()
            .key_source(PausedKeys {
                keys: keys.clone(),
                handle: runtime.handle().clone(),
            })
            .build()
            .unwrap();
        let world = Self {
            services: Services::start(&verifier),
            verifier,
            issuer,
            keys,
            watch,
            hangs: AtomicBool::new(false),
            began,
            runtime,
        };
        world.settle();
        world
    }

    /// The number of cache hits of the services.
    pub(crate) fn hits(&self) -> u64 {
        self.verifier.token_cache_status().unwrap().hits
    }

    /// The status of the keys, on their clock.
    pub(crate) fn status(&self) -> Status {
        let _entered = self.runtime.handle().enter();
        self.keys.status()
    }

    /// The number of started attempts to fetch keys.
    pub(crate) fn attempts(&self) -> usize {
        usize::try_from(self.status().fetches).unwrap()
    }

    /// The maximum number of attempts: the scheduled ones while they succeed, plus one per
    /// cool-down.
    pub(crate) fn most_attempts(&self) -> usize {
        let each = |pause: Duration| 1 + self.elapsed().as_nanos() / pause.as_nanos();
        usize::try_from(each(LIFE.mul_f64(0.8)) + each(COOL_DOWN)).unwrap()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        let _entered = self.runtime.handle().enter();
        self.began.elapsed()
    }

    /// Asserts that attempts and provider requests stay within the limit.
    pub(crate) fn assert_bounded(&self) {
        let most = self.most_attempts();
        assert!(
            self.attempts() <= most,
            "{} attempts, at most {most}",
            self.attempts()
        );
        for path in [JWKS, METADATA] {
            let count = self.issuer.front.count(path);
            assert!(count <= most, "{count} requests for {path}, at most {most}");
        }
    }

    /// Advances the clock of the keys: each fetch starts when it is due.
    pub(crate) fn pass(&self, time: Duration) {
        let mut left = time;
        self.settle();
        while !left.is_zero() {
            let step = if self.is_fetching() {
                // A hanging fetch ends by its timeout.
                TIMEOUT
            } else {
                let next = self.status().next_refresh.unwrap_or(left);
                // The timers of tokio have a resolution of one millisecond.
                Duration::from_millis(u64::try_from(next.as_micros().div_ceil(1000)).unwrap())
            };
            let step = step.min(left);
            self.runtime.advance(step);
            left -= step;
            self.settle();
        }
    }

    /// Waits until the key source is idle or waits for time to pass.
    pub(crate) fn settle(&self) {
        eventually("the key source is idle", || {
            if self.is_fetching() {
                self.hangs()
            } else {
                self.status().next_refresh != Some(Duration::ZERO)
            }
        });
    }

    /// Sets whether a request to the provider ends only by its timeout.
    pub(crate) fn set_hangs(&self, hangs: bool) {
        self.hangs.store(hangs, Ordering::SeqCst);
    }

    fn hangs(&self) -> bool {
        self.hangs.load(Ordering::SeqCst)
    }

    fn is_fetching(&self) -> bool {
        let ended = self.watch.successes() + self.watch.failures();
        self.attempts() > ended
    }

    /// Sends a token that waits for a provider, and advances the time until the response arrives.
    pub(crate) fn ask_while_time_passes(&self, token: &str) -> Answer {
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| self.services.ask(token));
            eventually("the response arrives", || {
                if self.hangs() && self.is_fetching() {
                    self.runtime.advance(TIMEOUT);
                }
                asked.is_finished()
            });
            asked.join().unwrap()
        })
    }
}
