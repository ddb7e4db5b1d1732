//! The status of key sources.

use std::fmt;
use std::time::Duration;

use tollgate_core::Algorithm;

use crate::error::OidcError;

/// The status of a key source: see [`RemoteKeys::status`](crate::RemoteKeys::status).
///
/// ```
/// use std::time::Duration;
/// use tollgate::oidc::{Readiness, RemoteJwks};
/// # use tollgate::Algorithm;
/// # use tollgate_testkit::{FakeProvider, keys};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
/// const JWKS: &str = "https://id.example.com/jwks.json";
/// # let provider = FakeProvider::new();
/// # provider.publish(JWKS, &[keys::signing(Algorithm::ES256).with_kid("2031-01")]);
/// let source = RemoteJwks::new(JWKS)
/// #   .fetch(provider)
///     .jitter(|| 0.0)
///     .connect()
///     .await?;
///
/// let status = source.status();
/// assert_eq!(status.source, JWKS);
/// assert_eq!(status.readiness, Readiness::Ready);
/// assert_eq!(status.next_refresh, Some(Duration::from_secs(480))); // 80 % of ten minutes
/// assert_eq!(status.keys[0].kid.as_deref(), Some("2031-01"));
/// assert_eq!(status.keys[0].last_used, None);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// The issuer; or the URL of the set, without its query, if the issuer is not known.
    pub source: String,
    /// `true` if the source can serve.
    pub readiness: Readiness,
    /// The last time at which keys were fetched or found unchanged, in seconds since the epoch.
    pub last_success: Option<u64>,
    /// The time since then.
    pub age: Option<Duration>,
    /// The time until the next fetch. `None` if there will be none because the runtime has ended.
    pub next_refresh: Option<Duration>,
    /// The time until the keys expire, if every fetch fails. `None` without usable keys.
    pub expires_in: Option<Duration>,
    /// The number of failed fetches since the last success.
    pub consecutive_failures: u32,
    /// The error of the last fetch, if it failed.
    pub last_error: Option<OidcError>,
    /// The keys of the last set, in its order, including expired ones.
    pub keys: Vec<KeyStatus>,
    /// The members of the last set that are not used, with the reason.
    pub skipped: Vec<String>,
    /// The number of fetches so far. A fetch of an issuer's metadata and set counts once.
    pub fetches: u64,
}

/// The status of one key. If its last use is longer ago than the lifetime of any token, the issuer
/// can withdraw the key.
///
/// ```
/// # use tollgate::{Algorithm, Verifier};
/// # use tollgate::oidc::RemoteJwks;
/// # use tollgate_testkit::{FakeClock, FakeProvider, Mint, keys};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # const JWKS: &str = "https://id.example.com/jwks.json";
/// # let clock = FakeClock::new();
/// # let provider = FakeProvider::new();
/// # provider.publish(JWKS, &[keys::signing(Algorithm::ES256)]);
/// # let source = RemoteJwks::new(JWKS).fetch(provider).connect().await?;
/// # let verifier = Verifier::builder().issuer(Mint::ISSUER).audience(Mint::AUDIENCE);
/// # let verifier = verifier.key_source(source.clone()).clock(clock.clone()).build()?;
/// # let token = Mint::new(keys::signing(Algorithm::ES256), &clock).token().build();
/// verifier.verify(token)?;
/// assert_eq!(source.status().keys[0].last_used, Some(clock.seconds()));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyStatus {
    /// The `kid`. The issuer chooses it: quote it for display.
    pub kid: Option<String>,
    /// The algorithms of the key.
    pub algorithms: Vec<Algorithm>,
    /// The last time the key verified a token, in seconds since the epoch, by the verifier's clock.
    /// Keys are identified by `kid` and algorithms: a new key with the same ones takes over the
    /// value.
    pub last_used: Option<u64>,
}

/// The readiness of a key source.
///
/// ```
/// use tollgate::oidc::Readiness;
///
/// assert!(Readiness::Stale.serves());
/// assert_eq!(Readiness::Stale.to_string(), "stale");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Readiness {
    /// The keys are fresh.
    Ready,
    /// The keys are past their life and still used, because fetches fail.
    Stale,
    /// There are no usable keys: the response to every token is 503.
    Unavailable,
}

impl Readiness {
    /// Returns whether there are usable keys.
    ///
    /// ```
    /// use tollgate::oidc::Readiness;
    ///
    /// assert!(Readiness::Ready.serves());
    /// assert!(!Readiness::Unavailable.serves());
    /// ```
    pub const fn serves(self) -> bool {
        matches!(self, Self::Ready | Self::Stale)
    }

    /// The name: `ready`, `stale` or `unavailable`.
    ///
    /// ```
    /// assert_eq!(tollgate::oidc::Readiness::Ready.as_str(), "ready");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Stale => "stale",
            Self::Unavailable => "unavailable",
        }
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
