//! How a source of keys stands.

use std::fmt;
use std::time::Duration;

use tollgate_core::Algorithm;

use crate::error::OidcError;

/// How a source of keys stands: see [`RemoteKeys::status`](crate::RemoteKeys::status).
///
/// ```
/// use std::time::Duration;
/// use tollgate_core::Algorithm;
/// use tollgate_oidc::{Readiness, RemoteJwks};
/// use tollgate_testkit::{FakeProvider, FakeTimer, keys};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
/// const JWKS: &str = "https://id.example.com/jwks.json";
/// let timer = FakeTimer::new();
/// let provider = FakeProvider::new(&timer);
/// provider.publish(JWKS, &[keys::signing(Algorithm::ES256).with_kid("2031-01")]);
/// let source = RemoteJwks::new(JWKS).fetch(provider).timer(timer).jitter(|| 0.0).connect().await?;
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
    /// The issuer, or the URL of the set, without its query, where that is all that is known.
    pub source: String,
    /// Whether it can serve.
    pub readiness: Readiness,
    /// When keys were last fetched or found unchanged, in seconds since the epoch.
    pub last_success: Option<u64>,
    /// How long ago that was.
    pub age: Option<Duration>,
    /// In how long the next fetch is due. `None` if there will be none: the runtime that fetched has ended.
    pub next_refresh: Option<Duration>,
    /// In how long the keys are of no more use, if nothing newer can be fetched until then. `None` if there are none to use.
    pub expires_in: Option<Duration>,
    /// How many fetches failed since the last that did not.
    pub consecutive_failures: u32,
    /// What was wrong with the last fetch, if it failed.
    pub last_error: Option<OidcError>,
    /// The keys of the last set, in its order, expired ones too.
    pub keys: Vec<KeyStatus>,
    /// Which members of the last set are not used, and why.
    pub skipped: Vec<String>,
    /// How many fetches have begun so far. One of an issuer's keys is of its metadata and of its set.
    pub fetches: u64,
}

/// How one key of a source stands: when its last use is longer ago than any token lives, it is safe to withdraw.
///
/// ```
/// # use tollgate_core::{Algorithm, Verifier};
/// # use tollgate_oidc::RemoteJwks;
/// # use tollgate_testkit::{FakeClock, FakeProvider, FakeTimer, Mint, keys};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # const JWKS: &str = "https://id.example.com/jwks.json";
/// # let (timer, clock) = (FakeTimer::new(), FakeClock::new());
/// # let provider = FakeProvider::new(&timer);
/// # provider.publish(JWKS, &[keys::signing(Algorithm::ES256)]);
/// # let source = RemoteJwks::new(JWKS).fetch(provider).timer(timer).connect().await?;
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
    /// Its `kid`. It is whatever the set says: quote it where it is shown.
    pub kid: Option<String>,
    /// The algorithms that it serves.
    pub algorithms: Vec<Algorithm>,
    /// When it last verified a token, in seconds since the epoch, by the verifier's clock. It is told by `kid` and algorithms:
    /// another key under the same name takes it over.
    pub last_used: Option<u64>,
}

/// Whether a source of keys can serve.
///
/// ```
/// use tollgate_oidc::Readiness;
///
/// assert!(Readiness::Stale.serves());
/// assert_eq!(Readiness::Stale.to_string(), "stale");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Readiness {
    /// The keys are fresh.
    Ready,
    /// The keys are past their life and still used, since no newer ones can be fetched.
    Stale,
    /// There are no keys to use: every token gets a 503.
    Unavailable,
}

impl Readiness {
    /// Whether there are keys to use.
    ///
    /// ```
    /// use tollgate_oidc::Readiness;
    ///
    /// assert!(Readiness::Ready.serves());
    /// assert!(!Readiness::Unavailable.serves());
    /// ```
    pub const fn serves(self) -> bool {
        matches!(self, Self::Ready | Self::Stale)
    }

    /// Its name: `ready`, `stale` or `unavailable`.
    ///
    /// ```
    /// assert_eq!(tollgate_oidc::Readiness::Ready.as_str(), "ready");
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
