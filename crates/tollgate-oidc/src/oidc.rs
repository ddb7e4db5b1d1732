//! The builders of [`RemoteKeys`].

use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::Clock;

use crate::error::OidcError;
use crate::event::Event;
use crate::fetch::Fetch;
use crate::remote::RemoteKeys;
use crate::settings::{Location, Settings};

/// The configuration of [`RemoteKeys`].
///
/// `By` is the way to the keys: [`Oidc`] discovers them from an issuer, and [`RemoteJwks`] has
/// their URL. Both have all methods of this type.
#[derive(Clone, Debug)]
pub struct RemoteKeysBuilder<By>(pub(crate) Settings, PhantomData<By>);

/// The keys of an issuer that publishes metadata: `OpenID` Connect Discovery 1.0 section 4, RFC
/// 8414.
///
/// As a key source it never weakens a verifier's rules: issuer and audience are still required, and
/// `build` refuses an issuer other than this one.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
/// # use example::{provider};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
/// # let provider = provider();
/// use tollgate::Verifier;
/// use tollgate::oidc::Oidc;
///
/// let keys = Oidc::discover("https://id.example.com").fetch(provider).connect().await?;
/// let verifier = || Verifier::builder().audience("orders-api").key_source(keys.clone());
/// assert!(verifier().issuer("https://id.example.com").build().is_ok());
/// assert!(verifier().issuer("https://id.example.net").build().is_err());
/// assert!(verifier().build().is_err());
/// # Ok(()) }
/// ```
pub type Oidc = RemoteKeysBuilder<Discovery>;

/// The keys of a JWK Set (RFC 7517 section 5) at a known URL.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
/// # use example::{provider};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
/// # let provider = provider();
/// use tollgate::Verifier;
/// use tollgate::oidc::RemoteJwks;
///
/// let keys = RemoteJwks::new("https://id.example.com/jwks.json").fetch(provider).lazy()?;
/// let verifier = Verifier::builder().issuer("https://id.example.com").audience("orders-api")
///     .key_source(keys).build();
/// assert!(verifier.is_ok());
/// # Ok(()) }
/// ```
pub type RemoteJwks = RemoteKeysBuilder<JwkSetUrl>;

/// Marks the [`RemoteKeysBuilder`] of an issuer: [`Oidc`].
#[derive(Clone, Copy, Debug)]
pub enum Discovery {}

/// Marks the [`RemoteKeysBuilder`] of a JWK Set at a known URL: [`RemoteJwks`].
#[derive(Clone, Copy, Debug)]
pub enum JwkSetUrl {}

impl Oidc {
    /// Starts from the issuer's identifier. It must equal `issuer` in the metadata, byte for byte.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{provider};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = provider();
    /// use tollgate::oidc::{Oidc, OidcErrorKind};
    ///
    /// let keys = |issuer| Oidc::discover(issuer).fetch(provider.clone());
    /// assert!(keys("https://id.example.com").connect().await.is_ok());
    /// // the same place, another name
    /// let error = keys("https://id.example.com/").connect().await.unwrap_err();
    /// assert_eq!(error.kind(), OidcErrorKind::IssuerMismatch);
    /// # Ok(()) }
    /// ```
    pub fn discover(issuer: impl Into<String>) -> Self {
        Self::from_settings(Settings::new(Location::Issuer(issuer.into())))
    }

    pub(crate) const fn from_settings(settings: Settings) -> Self {
        Self(settings, PhantomData)
    }

    /// Sets the URL of the issuer's metadata, for a provider that does not publish it at the
    /// well-known location. `issuer` in it must still equal the issuer's identifier, byte for byte.
    /// The origin of this URL then counts as the issuer's own.
    ///
    /// ```
    /// use tollgate::oidc::Oidc;
    ///
    /// // The common metadata of Microsoft Entra: the issuer in it is a template.
    /// let common = Oidc::discover("https://login.microsoftonline.com/{tenantid}/v2.0")
    ///     .metadata_url("https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration");
    /// assert!(format!("{common:?}").contains("/common/v2.0/"));
    /// ```
    #[must_use]
    pub fn metadata_url(mut self, url: impl Into<String>) -> Self {
        self.0.metadata_url = Some(url.into());
        self
    }

    /// Sets the URL of the issuer's JWK Set, for a provider that publishes no metadata: nothing is
    /// discovered. Contradicts [`metadata_url`](Self::metadata_url) and
    /// [`require_same_origin`](Self::require_same_origin).
    ///
    /// Unlike [`RemoteJwks`], the keys are those of the issuer: `build` refuses them for another
    /// one.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{JWKS, provider};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = provider();
    /// use tollgate::oidc::Oidc;
    ///
    /// let keys = Oidc::discover("https://id.example.com").jwks_url(JWKS);
    /// let keys = keys.fetch(provider.clone()).connect().await?;
    /// assert_eq!(keys.issuer(), Some("https://id.example.com"));
    /// assert_eq!(provider.count("https://id.example.com/.well-known/openid-configuration"), 0);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
        self.0.jwks_url = Some(url.into());
        self
    }

    /// Requires the set to be on the issuer's own origin (scheme, host and port).
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{provider};
    /// # use tollgate::oidc::{Oidc, OidcErrorKind};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = provider();
    /// provider.describe("https://id.example.com", "https://keys.example.net/jwks.json");
    /// let keys = Oidc::discover("https://id.example.com").fetch(provider).require_same_origin();
    /// assert_eq!(keys.connect().await.unwrap_err().kind(), OidcErrorKind::ForeignOrigin);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn require_same_origin(mut self) -> Self {
        self.0.same_origin = true;
        self
    }

    /// Allows the issuer to name a host with a private address, for a set on another origin.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{provider};
    /// # use tollgate::oidc::{Oidc, OidcErrorKind};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = provider();
    /// provider.describe("https://id.example.com", "https://10.0.0.7/jwks.json");
    /// # provider.answer("https://10.0.0.7/jwks.json", tollgate::oidc::FetchResponse::new(200, tollgate_testkit::FakeProvider::jwk_set(&[tollgate_testkit::keys::signing(tollgate::Algorithm::ES256)])));
    /// let keys = || Oidc::discover("https://id.example.com").fetch(provider.clone());
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
    /// Starts from the URL of the set: a JWK Set, or a map of `kid` to certificate as Google and
    /// Firebase publish it
    /// ([`KeySet::from_certificate_map`](tollgate_core::KeySet::from_certificate_map)).
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{provider};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = provider();
    /// use tollgate::oidc::{Readiness, RemoteJwks};
    ///
    /// let keys = RemoteJwks::new("https://id.example.com/jwks.json").fetch(provider)
    ///     .connect().await?;
    /// assert_eq!(keys.readiness(), Readiness::Ready);
    /// # Ok(()) }
    /// ```
    pub fn new(url: impl Into<String>) -> Self {
        Self(Settings::new(Location::Jwks(url.into())), PhantomData)
    }
}

impl<By> RemoteKeysBuilder<By> {
    /// Allows `http` for hosts other than loopback. An attacker on the network path can
    /// then replace the keys.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{provider};
    /// # use tollgate::oidc::{OidcErrorKind, RemoteJwks};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = provider();
    /// let keys = || RemoteJwks::new("http://id.internal/jwks.json")
    ///     .fetch(provider.clone());
    /// assert_eq!(keys().lazy().unwrap_err().kind(), OidcErrorKind::InsecureUrl);
    /// assert!(keys().dangerous_plain_http().lazy().is_ok());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn dangerous_plain_http(mut self) -> Self {
        self.0.plain_http = true;
        self
    }

    /// Reads the set as a SPIFFE trust bundle: its keys have the `use` `jwt-svid`, and all
    /// others are skipped
    /// ([`KeySet::from_spiffe_bundle`](tollgate_core::KeySet::from_spiffe_bundle)).
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{JWKS, provider};
    /// # use tollgate::oidc::{OidcErrorKind, RemoteJwks};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let provider = provider();
    /// // The set has keys, but none for JWT-SVIDs.
    /// let keys = RemoteJwks::new(JWKS).fetch(provider).spiffe_bundle();
    /// assert_eq!(keys.connect().await.unwrap_err().kind(), OidcErrorKind::NoUsableKey);
    /// # }
    /// ```
    #[must_use]
    pub fn spiffe_bundle(mut self) -> Self {
        self.0.spiffe_bundle = true;
        self
    }

    /// Sets the timeout of one exchange, and of a request that waits for it. Default: 5 s.
    /// From above zero to one minute.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{JWKS, provider};
    /// # use tollgate::oidc::{OidcErrorKind, RemoteJwks};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = provider();
    /// use std::time::Duration;
    ///
    /// provider.hang(JWKS);
    /// let keys = RemoteJwks::new(JWKS).fetch(provider).timeout(Duration::from_secs(2));
    /// let start = tokio::spawn(keys.connect());
    /// tokio::time::sleep(Duration::from_secs(2)).await;
    /// assert_eq!(start.await.unwrap().unwrap_err().kind(), OidcErrorKind::TimedOut);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout = timeout;
        self
    }

    /// Sets the life of keys whose response does not state one (RFC 9111 section 4.2).
    /// Default: 10 minutes. The bounds of [`life`](Self::life) apply.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{JWKS, provider};
    /// # use tollgate::oidc::RemoteJwks;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = provider();
    /// use std::time::Duration;
    ///
    /// let keys = RemoteJwks::new(JWKS).fetch(provider).jitter(|| 0.0);
    /// let keys = keys.default_life(Duration::from_secs(1000)).connect().await?;
    /// assert_eq!(keys.status().next_refresh, Some(Duration::from_secs(800)));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn default_life(mut self, life: Duration) -> Self {
        self.0.default_life = life;
        self
    }

    /// Sets the bounds for the life of keys, regardless of the response. Default: 1 minute
    /// to 1 hour; maximum: 24 hours. While the issuer can be reached, a withdrawn key stops
    /// working after the longest life at the latest.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{JWKS, provider};
    /// # use tollgate::oidc::{FetchResponse, RemoteJwks};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = provider();
    /// use std::time::Duration;
    ///
    /// # use tollgate_testkit::{FakeProvider, keys};
    /// # let key = keys::signing(tollgate::Algorithm::ES256);
    /// # let set = FakeProvider::jwk_set(&[key]);
    /// let answer = FetchResponse::new(200, set);
    /// let answer = answer.with_header("cache-control", "max-age=86400");
    /// provider.answer(JWKS, answer);
    /// let keys = RemoteJwks::new(JWKS).fetch(provider).jitter(|| 0.0);
    /// let keys = keys.life(Duration::from_secs(60)..=Duration::from_secs(1000));
    /// let keys = keys.connect().await?;
    /// assert_eq!(keys.status().next_refresh, Some(Duration::from_secs(800)));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn life(mut self, bounds: RangeInclusive<Duration>) -> Self {
        self.0.life = bounds;
        self
    }

    /// Sets the time after their life in which keys are still used while fetches fail.
    /// Default: 1 hour; maximum: 24 hours. After that, the response is 503. An attacker who
    /// blocks the fetches keeps a withdrawn key in use for this time.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{JWKS, provider};
    /// # use tollgate::oidc::{FetchErrorKind, Readiness, RemoteJwks};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = provider();
    /// use std::time::Duration;
    ///
    /// let keys = RemoteJwks::new(JWKS).fetch(provider.clone());
    /// let keys = keys.stale_if_error(Duration::from_secs(300)).connect().await?;
    /// provider.fail(JWKS, FetchErrorKind::Unreachable);
    /// tokio::time::sleep(Duration::from_secs(600 + 299)).await;
    /// assert_eq!(keys.readiness(), Readiness::Stale);
    /// tokio::time::sleep(Duration::from_secs(1)).await;
    /// assert_eq!(keys.readiness(), Readiness::Unavailable);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn stale_if_error(mut self, most: Duration) -> Self {
        self.0.stale_if_error = most;
        self
    }

    /// Sets the minimum time between the start of a fetch that a request caused or that
    /// failed, and the start of the next fetch. Default: 10 s; minimum: 1 s. Until it is
    /// over, a token with a newer key is refused. A `kid` that was looked for and not found
    /// has a fetch per cool-down of its own: see `negative_life`.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{JWKS, provider};
    /// # use tollgate::oidc::{FetchErrorKind, RemoteJwks};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = provider();
    /// use std::time::Duration;
    ///
    /// provider.fail(JWKS, FetchErrorKind::Unreachable);
    /// let keys = RemoteJwks::new(JWKS).fetch(provider.clone());
    /// let keys = keys.cool_down(Duration::from_secs(30)).lazy()?;
    /// tokio::time::sleep(Duration::from_secs(29)).await;
    /// assert_eq!(provider.count(JWKS), 1);
    /// tokio::time::sleep(Duration::from_secs(4)).await; // with jitter
    /// assert_eq!(provider.count(JWKS), 2);
    /// assert_eq!(keys.status().consecutive_failures, 2);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn cool_down(mut self, cool_down: Duration) -> Self {
        self.0.cool_down = cool_down;
        self
    }

    /// Sets the time for which a `kid` that was not found is remembered. Default: 1 hour.
    /// The last 1024 are remembered. Together they have one fetch per cool-down, which
    /// other unknown `kid`s do not use up: a `kid` that a forged token named before the
    /// issuer published it is found by its first genuine token. With zero, all unknown
    /// `kid`s share one fetch per cool-down.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{JWKS, provider};
    /// # use tollgate::extend::{KeySource, MissingKey, Step};
    /// # use tollgate::Algorithm;
    /// # use tollgate::oidc::RemoteJwks;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = provider();
    /// use std::time::Duration;
    ///
    /// let keys = RemoteJwks::new(JWKS).fetch(provider);
    /// let keys = keys.negative_life(Duration::from_secs(300)).connect().await?;
    /// let missing = MissingKey::new(Some("made up"), Algorithm::ES256);
    /// let Step::Pending(fetch) = keys.refresh(&missing) else { panic!() };
    /// fetch.await.unwrap(); // in vain
    /// let other = MissingKey::new(Some("another"), Algorithm::ES256);
    /// assert!(matches!(keys.refresh(&other), Step::Ready(Ok(())))); // in the cool-down
    /// assert!(matches!(keys.refresh(&missing), Step::Pending(_))); // in its own
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn negative_life(mut self, life: Duration) -> Self {
        self.0.negative_life = life;
        self
    }

    /// Sets the HTTP client. Default: `HttpClient`.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{JWKS, provider};
    /// # use tollgate::oidc::RemoteJwks;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = provider();
    /// let keys = RemoteJwks::new(JWKS).fetch(provider.clone()).connect().await?;
    /// assert_eq!(provider.count(JWKS), 1);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn fetch(mut self, fetch: impl Fetch) -> Self {
        self.0.fetch = Some(Arc::new(fetch));
        self
    }

    /// Sets the wall clock: for [`Status`](crate::Status), and for responses that state an
    /// expiry date.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{JWKS, provider};
    /// # use tollgate::oidc::RemoteJwks;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = provider();
    /// let keys = RemoteJwks::new(JWKS).fetch(provider).clock(|| 1_700_000_000);
    /// let keys = keys.connect().await?;
    /// assert_eq!(keys.status().last_success, Some(1_700_000_000));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.0.clock = Arc::new(clock);
        self
    }

    /// Sets the source of jitter, a number from 0 to below 1. It spreads the fetches of
    /// many instances over 72 % to 80 % of the keys' life.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{JWKS, provider};
    /// # use tollgate::oidc::RemoteJwks;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = provider();
    /// use std::time::Duration;
    ///
    /// let keys = RemoteJwks::new(JWKS).fetch(provider).jitter(|| 0.5).connect().await?;
    /// // 76 % of ten minutes
    /// assert_eq!(keys.status().next_refresh, Some(Duration::from_secs(456)));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn jitter(mut self, jitter: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.0.jitter = Arc::new(jitter);
        self
    }

    /// Sets a callback for events. It is called where they happen and must not block.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{provider};
    /// # use tollgate::oidc::{Event, RemoteJwks};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = provider();
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// let failures = Arc::new(AtomicUsize::new(0));
    /// let count = Arc::clone(&failures);
    /// let keys = RemoteJwks::new("https://id.example.com/none").fetch(provider)
    ///     .on_event(move |event| {
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

    /// Fetches the keys and keeps them fresh from then on. A failed first fetch is an
    /// error.
    ///
    /// # Errors
    /// Returns an [`OidcError`] for an invalid configuration, if the first fetch fails, and
    /// outside of a tokio runtime.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{JWKS, provider};
    /// # use tollgate::oidc::{OidcErrorKind, RemoteJwks};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = provider();
    /// let keys = |url| RemoteJwks::new(url).fetch(provider.clone());
    /// assert!(keys(JWKS).connect().await.is_ok());
    /// let error = keys("https://id.example.com/none").connect().await.unwrap_err();
    /// assert_eq!(error.kind(), OidcErrorKind::UnexpectedStatus);
    /// # Ok(()) }
    /// ```
    pub async fn connect(self) -> Result<RemoteKeys, OidcError> {
        RemoteKeys::connect(self.0).await
    }

    /// Starts without keys and fetches them in the background. Until the first have
    /// arrived, the response to tokens is 503.
    ///
    /// # Errors
    /// Returns an [`OidcError`] for an invalid configuration, and outside of a tokio
    /// runtime.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{JWKS, provider};
    /// # use tollgate::oidc::{Readiness, RemoteJwks};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = provider();
    /// let keys = RemoteJwks::new(JWKS).fetch(provider).lazy()?;
    /// assert_eq!(keys.readiness(), Readiness::Unavailable);
    /// tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    /// assert_eq!(keys.readiness(), Readiness::Ready);
    /// # Ok(()) }
    /// ```
    pub fn lazy(self) -> Result<RemoteKeys, OidcError> {
        RemoteKeys::lazy(self.0)
    }
}
