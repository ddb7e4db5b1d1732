//! Where keys are, and how they are to be kept: the two beginnings of [`RemoteKeys`].

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::Clock;

use crate::error::OidcError;
use crate::event::Event;
use crate::fetch::Fetch;
use crate::remote::RemoteKeys;
use crate::settings::{Location, Settings};
use crate::timer::Timer;

/// The keys of an issuer that publishes metadata about itself: `OpenID` Connect Discovery 1.0 section 4, RFC 8414.
///
/// As a key source of a verifier they never loosen its rules: issuer and audience are still to be named, and `build` refuses
/// another issuer than this one.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
/// # use example::{provider};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
/// # let (provider, timer) = provider();
/// use tollgate_core::Verifier;
/// use tollgate_oidc::Oidc;
///
/// let keys = Oidc::discover("https://id.example.com").fetch(provider).timer(timer).connect().await?;
/// let verifier = || Verifier::builder().audience("orders-api").key_source(keys.clone());
/// assert!(verifier().issuer("https://id.example.com").build().is_ok());
/// assert!(verifier().issuer("https://id.example.net").build().is_err());
/// assert!(verifier().build().is_err());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Oidc(pub(crate) Settings);

/// The keys of a JWK Set (RFC 7517 section 5) at a URL that you know.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
/// # use example::{provider};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
/// # let (provider, timer) = provider();
/// use tollgate_core::Verifier;
/// use tollgate_oidc::RemoteJwks;
///
/// let keys = RemoteJwks::new("https://id.example.com/jwks.json").fetch(provider).timer(timer).lazy()?;
/// let verifier = Verifier::builder().issuer("https://id.example.com").audience("orders-api").key_source(keys).build();
/// assert!(verifier.is_ok());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct RemoteJwks(pub(crate) Settings);

impl Oidc {
    /// By the issuer's identifier, which must be `issuer` in its metadata, byte for byte.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{provider};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
    /// # let (provider, timer) = provider();
    /// use tollgate_oidc::{Oidc, OidcErrorKind};
    ///
    /// let keys = |issuer| Oidc::discover(issuer).fetch(provider.clone()).timer(timer.clone());
    /// assert!(keys("https://id.example.com").connect().await.is_ok());
    /// // the same place, another name
    /// let error = keys("https://id.example.com/").connect().await.unwrap_err();
    /// assert_eq!(error.kind(), OidcErrorKind::IssuerMismatch);
    /// # Ok(()) }
    /// ```
    pub fn discover(issuer: impl Into<String>) -> Self {
        Self(Settings::new(Location::Issuer(issuer.into())))
    }

    /// Takes the issuer's metadata from this URL, for a provider that does not publish it where the issuer's name leads.
    /// `issuer` in it must still be the issuer's identifier, byte for byte. The origin of this URL is then what counts as the
    /// issuer's own.
    ///
    /// ```
    /// use tollgate_oidc::Oidc;
    ///
    /// // What Microsoft Entra says of all its tenants together: the issuer's identifier is a template there.
    /// let common = Oidc::discover("https://login.microsoftonline.com/{tenantid}/v2.0")
    ///     .metadata_url("https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration");
    /// assert!(format!("{common:?}").contains("/common/v2.0/"));
    /// ```
    #[must_use]
    pub fn metadata_url(mut self, url: impl Into<String>) -> Self {
        self.0.metadata_url = Some(url.into());
        self
    }

    /// Requires the set to be on the issuer's own origin (scheme, host and port).
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{provider};
    /// # use tollgate_oidc::{Oidc, OidcErrorKind};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
    /// # let (provider, timer) = provider();
    /// provider.describe("https://id.example.com", "https://keys.example.net/jwks.json");
    /// let keys = Oidc::discover("https://id.example.com").fetch(provider).timer(timer).require_same_origin();
    /// assert_eq!(keys.connect().await.unwrap_err().kind(), OidcErrorKind::ForeignOrigin);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn require_same_origin(mut self) -> Self {
        self.0.same_origin = true;
        self
    }

    /// Lets the issuer name a host whose address is not public, for a set on another origin than its own.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{provider};
    /// # use tollgate_oidc::{Oidc, OidcErrorKind};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
    /// # let (provider, timer) = provider();
    /// provider.describe("https://id.example.com", "https://10.0.0.7/jwks.json");
    /// # provider.answer("https://10.0.0.7/jwks.json", tollgate_oidc::FetchResponse::new(200, tollgate_testkit::FakeProvider::jwk_set(&[tollgate_testkit::keys::signing(tollgate_core::Algorithm::ES256)])));
    /// let keys = || Oidc::discover("https://id.example.com").fetch(provider.clone()).timer(timer.clone());
    /// assert_eq!(keys().connect().await.unwrap_err().kind(), OidcErrorKind::PrivateAddress);
    /// assert!(keys().dangerous_allow_private_addresses().connect().await.is_ok());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn dangerous_allow_private_addresses(mut self) -> Self {
        self.0.private_addresses = true;
        self
    }
}

impl RemoteJwks {
    /// By its URL.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{provider};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
    /// # let (provider, timer) = provider();
    /// use tollgate_oidc::{Readiness, RemoteJwks};
    ///
    /// let keys = RemoteJwks::new("https://id.example.com/jwks.json").fetch(provider).timer(timer).connect().await?;
    /// assert_eq!(keys.readiness(), Readiness::Ready);
    /// # Ok(()) }
    /// ```
    pub fn new(url: impl Into<String>) -> Self {
        Self(Settings::new(Location::Jwks(url.into())))
    }
}

macro_rules! keeping_methods {
    ($type:ident) => {
        impl $type {
            /// Allows `http` for other hosts than loopback ones: whoever is on the way can then replace the keys.
            ///
            /// ```
            /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
            /// # use example::{provider};
            /// # use tollgate_oidc::{OidcErrorKind, RemoteJwks};
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
            /// # let (provider, timer) = provider();
            /// let keys = || RemoteJwks::new("http://id.internal/jwks.json").fetch(provider.clone()).timer(timer.clone());
            /// assert_eq!(keys().lazy().unwrap_err().kind(), OidcErrorKind::InsecureUrl);
            /// assert!(keys().dangerous_allow_plain_http().lazy().is_ok());
            /// # Ok(()) }
            /// ```
            #[must_use]
            pub fn dangerous_allow_plain_http(mut self) -> Self {
                self.0.plain_http = true;
                self
            }

            /// How long one exchange may take, and a request that waits for it: 5 s unless set.
            /// From above zero to a minute.
            ///
            /// ```
            /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
            /// # use example::{JWKS, provider};
            /// # use tollgate_oidc::{OidcErrorKind, RemoteJwks};
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
            /// # let (provider, timer) = provider();
            /// use std::time::Duration;
            ///
            /// provider.hang(JWKS);
            /// let keys = RemoteJwks::new(JWKS).fetch(provider).timer(timer.clone()).timeout(Duration::from_secs(2));
            /// let start = tokio::spawn(keys.connect());
            /// timer.pass(Duration::from_secs(2)).await;
            /// assert_eq!(start.await.unwrap().unwrap_err().kind(), OidcErrorKind::TimedOut);
            /// # Ok(()) }
            /// ```
            #[must_use]
            pub fn timeout(mut self, timeout: Duration) -> Self {
                self.0.timeout = timeout;
                self
            }

            /// How long keys are fresh where the answer does not say (RFC 9111 section 4.2): 10 minutes unless set.
            /// It is held to the bounds of [`life`](Self::life).
            ///
            /// ```
            /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
            /// # use example::{JWKS, provider};
            /// # use tollgate_oidc::RemoteJwks;
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
            /// # let (provider, timer) = provider();
            /// use std::time::Duration;
            ///
            /// let keys = RemoteJwks::new(JWKS).fetch(provider).timer(timer).jitter(|| 0.0);
            /// let keys = keys.default_life(Duration::from_secs(1000)).connect().await?;
            /// assert_eq!(keys.status().next_refresh, Some(Duration::from_secs(800)));
            /// # Ok(()) }
            /// ```
            #[must_use]
            pub fn default_life(mut self, life: Duration) -> Self {
                self.0.default_life = life;
                self
            }

            /// How short and how long keys may be fresh, whatever the answer says: 1 minute to 1 hour unless set, 24 hours at
            /// most. A key that was withdrawn stops working at the end of the longest life at the latest, as long as its issuer
            /// can be reached.
            ///
            /// ```
            /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
            /// # use example::{JWKS, provider};
            /// # use tollgate_oidc::{FetchResponse, RemoteJwks};
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
            /// # let (provider, timer) = provider();
            /// use std::time::Duration;
            ///
            /// # let set = tollgate_testkit::FakeProvider::jwk_set(&[tollgate_testkit::keys::signing(tollgate_core::Algorithm::ES256)]);
            /// let answer = FetchResponse::new(200, set).with_header("cache-control", "max-age=86400");
            /// provider.answer(JWKS, answer);
            /// let keys = RemoteJwks::new(JWKS).fetch(provider).timer(timer).jitter(|| 0.0);
            /// let keys = keys.life(Duration::from_secs(60)..=Duration::from_secs(1000)).connect().await?;
            /// assert_eq!(keys.status().next_refresh, Some(Duration::from_secs(800)));
            /// # Ok(()) }
            /// ```
            #[must_use]
            pub fn life(mut self, bounds: RangeInclusive<Duration>) -> Self {
                self.0.life = bounds;
                self
            }

            /// How long after their life keys are still used, while no newer ones can be fetched: 1 hour unless set, 24 hours
            /// at most. Then requests get a 503. Whoever keeps the issuer from being heard keeps a withdrawn key in use for so
            /// long.
            ///
            /// ```
            /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
            /// # use example::{JWKS, provider};
            /// # use tollgate_oidc::{FetchErrorKind, Readiness, RemoteJwks};
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
            /// # let (provider, timer) = provider();
            /// use std::time::Duration;
            ///
            /// let keys = RemoteJwks::new(JWKS).fetch(provider.clone()).timer(timer.clone());
            /// let keys = keys.stale_if_error(Duration::from_secs(300)).connect().await?;
            /// provider.fail(JWKS, FetchErrorKind::Unreachable);
            /// timer.pass(Duration::from_secs(600 + 299)).await;
            /// assert_eq!(keys.readiness(), Readiness::Stale);
            /// timer.pass(Duration::from_secs(1)).await;
            /// assert_eq!(keys.readiness(), Readiness::Unavailable);
            /// # Ok(()) }
            /// ```
            #[must_use]
            pub fn stale_if_error(mut self, most: Duration) -> Self {
                self.0.stale_if_error = most;
                self
            }

            /// The least time from the beginning of a fetch that a request has caused, or that has failed, to the next: 10 s
            /// unless set, a second at least. A token whose key has come since a request last caused a fetch is refused until
            /// it is over.
            ///
            /// ```
            /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
            /// # use example::{JWKS, provider};
            /// # use tollgate_oidc::{FetchErrorKind, RemoteJwks};
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
            /// # let (provider, timer) = provider();
            /// use std::time::Duration;
            ///
            /// provider.fail(JWKS, FetchErrorKind::Unreachable);
            /// let keys = RemoteJwks::new(JWKS).fetch(provider.clone()).timer(timer.clone()).cool_down(Duration::from_secs(30));
            /// let keys = keys.lazy()?;
            /// timer.pass(Duration::from_secs(29)).await;
            /// assert_eq!(provider.count(JWKS), 1);
            /// timer.pass(Duration::from_secs(4)).await; // the pause after a failure has some chance in it
            /// assert_eq!(provider.count(JWKS), 2);
            /// assert_eq!(keys.status().consecutive_failures, 2);
            /// # Ok(()) }
            /// ```
            #[must_use]
            pub fn cool_down(mut self, cool_down: Duration) -> Self {
                self.0.cool_down = cool_down;
                self
            }

            /// How long a `kid` that was looked for and not found is not looked for again: 1 minute unless set.
            /// 24 hours at most; zero to look each time that the cool-down allows.
            ///
            /// ```
            /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
            /// # use example::{JWKS, provider};
            /// # use tollgate_core::{Algorithm, KeySource, MissingKey, Refresh};
            /// # use tollgate_oidc::RemoteJwks;
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
            /// # let (provider, timer) = provider();
            /// use std::time::Duration;
            ///
            /// let keys = RemoteJwks::new(JWKS).fetch(provider).timer(timer.clone());
            /// let keys = keys.negative_life(Duration::from_secs(300)).connect().await?;
            /// let missing = MissingKey::new(Some("made up"), Algorithm::ES256);
            /// timer.pass(Duration::from_secs(10)).await;
            /// assert!(matches!(keys.refresh(&missing), Refresh::Pending(_)));
            /// timer.pass(Duration::from_secs(299)).await;
            /// assert!(matches!(keys.refresh(&missing), Refresh::Pointless));
            /// timer.pass(Duration::from_secs(1)).await;
            /// assert!(matches!(keys.refresh(&missing), Refresh::Pending(_)));
            /// # Ok(()) }
            /// ```
            #[must_use]
            pub fn negative_life(mut self, life: Duration) -> Self {
                self.0.negative_life = life;
                self
            }

            /// Fetches with this client instead of `HttpClient`.
            ///
            /// ```
            /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
            /// # use example::{JWKS, provider};
            /// # use tollgate_oidc::RemoteJwks;
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
            /// # let (provider, timer) = provider();
            /// let keys = RemoteJwks::new(JWKS).fetch(provider.clone()).timer(timer).connect().await?;
            /// assert_eq!(provider.count(JWKS), 1);
            /// # Ok(()) }
            /// ```
            #[must_use]
            pub fn fetch(mut self, fetch: impl Fetch) -> Self {
                self.0.fetch = Some(Arc::new(fetch));
                self
            }

            /// Goes by this timer instead of the operating system's.
            ///
            /// ```
            /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
            /// # use example::{JWKS, provider};
            /// # use tollgate_oidc::RemoteJwks;
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
            /// # let (provider, timer) = provider();
            /// use std::time::Duration;
            ///
            /// let keys = RemoteJwks::new(JWKS).fetch(provider).timer(timer.clone()).connect().await?;
            /// timer.pass(Duration::from_secs(60)).await;
            /// assert_eq!(keys.status().age, Some(Duration::from_secs(60)));
            /// # Ok(()) }
            /// ```
            #[must_use]
            pub fn timer(mut self, timer: impl Timer) -> Self {
                self.0.timer = Arc::new(timer);
                self
            }

            /// Takes the wall-clock time from `clock`: for [`Status`](crate::Status), and for answers that say by it until when
            /// they are fresh.
            ///
            /// ```
            /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
            /// # use example::{JWKS, provider};
            /// # use tollgate_oidc::RemoteJwks;
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
            /// # let (provider, timer) = provider();
            /// let keys = RemoteJwks::new(JWKS).fetch(provider).timer(timer).clock(|| 1_700_000_000).connect().await?;
            /// assert_eq!(keys.status().last_success, Some(1_700_000_000));
            /// # Ok(()) }
            /// ```
            #[must_use]
            pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
                self.0.clock = Arc::new(clock);
                self
            }

            /// Takes chance, from 0 to below 1, from `jitter`: it spreads the fetches of many instances, each of which comes at
            /// 72 % to 80 % of the keys' life.
            ///
            /// ```
            /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
            /// # use example::{JWKS, provider};
            /// # use tollgate_oidc::RemoteJwks;
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
            /// # let (provider, timer) = provider();
            /// use std::time::Duration;
            ///
            /// let keys = RemoteJwks::new(JWKS).fetch(provider).timer(timer).jitter(|| 0.5).connect().await?;
            /// assert_eq!(keys.status().next_refresh, Some(Duration::from_secs(456))); // 76 % of ten minutes
            /// # Ok(()) }
            /// ```
            #[must_use]
            pub fn jitter(mut self, jitter: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
                self.0.jitter = Arc::new(jitter);
                self
            }

            /// Tells `hook` of everything that happens. It is called where it happens and must not block.
            ///
            /// ```
            /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
            /// # use example::{provider};
            /// # use tollgate_oidc::{Event, RemoteJwks};
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
            /// # let (provider, timer) = provider();
            /// use std::sync::Arc;
            /// use std::sync::atomic::{AtomicUsize, Ordering};
            ///
            /// let failures = Arc::new(AtomicUsize::new(0));
            /// let count = Arc::clone(&failures);
            /// let keys = RemoteJwks::new("https://id.example.com/none").fetch(provider).timer(timer).on_event(move |event| {
            ///     if let Event::Failed { .. } = event {
            ///         count.fetch_add(1, Ordering::Relaxed);
            ///     }
            /// });
            /// assert!(keys.connect().await.is_err());
            /// assert_eq!(failures.load(Ordering::Relaxed), 1);
            /// # Ok(()) }
            /// ```
            #[must_use]
            pub fn on_event(mut self, hook: impl Fn(&Event) + Send + Sync + 'static) -> Self {
                self.0.on_event = Some(Arc::new(hook));
                self
            }

            /// Fetches the keys and keeps them fresh from then on: to fail fast.
            ///
            /// # Errors
            /// An [`OidcError`] for a configuration that cannot be, where the first fetch fails, and outside of a tokio runtime.
            ///
            /// ```
            /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
            /// # use example::{JWKS, provider};
            /// # use tollgate_oidc::{OidcErrorKind, RemoteJwks};
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
            /// # let (provider, timer) = provider();
            /// let keys = |url| RemoteJwks::new(url).fetch(provider.clone()).timer(timer.clone());
            /// assert!(keys(JWKS).connect().await.is_ok());
            /// let error = keys("https://id.example.com/none").connect().await.unwrap_err();
            /// assert_eq!(error.kind(), OidcErrorKind::UnexpectedStatus);
            /// # Ok(()) }
            /// ```
            pub async fn connect(self) -> Result<RemoteKeys, OidcError> {
                RemoteKeys::connect(self.0).await
            }

            /// Starts without keys, and fetches them in the background: until the first have come, requests get a 503.
            ///
            /// # Errors
            /// An [`OidcError`] for a configuration that cannot be, and outside of a tokio runtime.
            ///
            /// ```
            /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
            /// # use example::{JWKS, provider};
            /// # use tollgate_oidc::{Readiness, RemoteJwks};
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
            /// # let (provider, timer) = provider();
            /// let keys = RemoteJwks::new(JWKS).fetch(provider).timer(timer.clone()).lazy()?;
            /// assert_eq!(keys.readiness(), Readiness::Unavailable);
            /// timer.settled().await;
            /// assert_eq!(keys.readiness(), Readiness::Ready);
            /// # Ok(()) }
            /// ```
            pub fn lazy(self) -> Result<RemoteKeys, OidcError> {
                RemoteKeys::lazy(self.0)
            }
        }
    };
}

keeping_methods!(Oidc);
keeping_methods!(RemoteJwks);
