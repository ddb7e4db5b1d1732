//! Events of key sources.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::OidcError;

/// An event of a key source. It goes to `on_event`, and to [`tracing`] with the target `tollgate`.
///
/// Issuers and tokens choose `kid`s and the reasons for skipped keys: quote them for display, as
/// `Debug` and `Display` do.
///
/// With the feature `metrics`, events are also metrics with the label `source`: the issuer or the
/// URL of the set. Issuers of [`Tenants`](crate::Tenants) are counted together as `tenants`, and
/// have only the two counters.
///
/// | Metric | |
/// |---|---|
/// | `tollgate_jwks_fetches_total` | fetches; label `outcome`: `refreshed`, `unchanged`, `failed` |
/// | `tollgate_jwks_unknown_keys_total` | keys that were not found |
/// | `tollgate_jwks_keys` | the number of usable keys: zero after expiry and withdrawal |
/// | `tollgate_jwks_consecutive_failures` | failed fetches since the last success |
/// | `tollgate_jwks_last_success_timestamp_seconds` | the time of the last successful fetch |
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use tollgate::oidc::{Event, RemoteJwks};
/// # use tollgate::Algorithm;
/// # use tollgate_testkit::{FakeProvider, keys};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
/// const JWKS: &str = "https://id.example.com/jwks.json";
/// # let provider = FakeProvider::new();
/// # provider.publish(JWKS, &[keys::signing(Algorithm::ES256).with_kid("2031-01")]);
/// let events = Arc::new(Mutex::new(Vec::new()));
/// let log = Arc::clone(&events);
/// let source = RemoteJwks::new(JWKS)
///     .on_event(move |event| log.lock().unwrap().push(event.clone()))
/// #   .fetch(provider)
///     .connect()
///     .await?;
///
/// let Event::Refreshed { added, .. } = &events.lock().unwrap()[0] else {
///     panic!("not refreshed")
/// };
/// assert_eq!(added, &["2031-01"]);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The fetch brought a different set.
    #[non_exhaustive]
    Refreshed {
        /// The issuer, or the URL of the set.
        source: Arc<str>,
        /// The number of keys.
        keys: usize,
        /// The `kid`s that are new.
        added: Vec<String>,
        /// The `kid`s that are gone: tokens signed by these keys are refused from now on.
        withdrawn: Vec<String>,
        /// The members of the set that are not used, with the reason.
        skipped: Vec<String>,
        /// The life of the keys.
        life: Duration,
    },
    /// The keys have not changed.
    #[non_exhaustive]
    Unchanged {
        /// The issuer, or the URL of the set.
        source: Arc<str>,
        /// The number of keys.
        keys: usize,
        /// The life of the keys from now on.
        life: Duration,
    },
    /// The fetch failed.
    #[non_exhaustive]
    Failed {
        /// The issuer, or the URL of the set.
        source: Arc<str>,
        /// The error.
        error: OidcError,
        /// The number of consecutive failures, including this one.
        consecutive: u32,
        /// The time for which the current keys are still used; zero without keys.
        usable_for: Duration,
    },
    /// The keys have expired: the response to tokens is 503 from now on.
    #[non_exhaustive]
    Expired {
        /// The issuer, or the URL of the set.
        source: Arc<str>,
    },
    /// The issuer has withdrawn its last key: it publishes exactly `{"keys":[]}`, and a second
    /// fetch past all caches has confirmed it at least five minutes later. The response to tokens
    /// is 503 until it publishes a key again. Emitted once.
    #[non_exhaustive]
    Withdrawn {
        /// The issuer, or the URL of the set.
        source: Arc<str>,
    },
    /// A fetch did not return a key for the `kid` and `alg` of tokens: the tokens are forged, or
    /// the issuer signs with a key that it does not publish. Emitted at most once per fetch.
    #[non_exhaustive]
    UnknownKey {
        /// The issuer, or the URL of the set.
        source: Arc<str>,
        /// One of the `kid`s, cut to 64 characters.
        kid: String,
        /// The number of keys that were not found.
        count: usize,
    },
}

impl Event {
    /// The issuer of the event; or the URL of the set, if the issuer is not known. The URL's query
    /// is left out, because it may contain a secret.
    ///
    /// ```
    /// # use tollgate::oidc::{Oidc, RemoteJwks};
    /// # use tollgate_testkit::FakeProvider;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let provider = FakeProvider::new();
    /// let source = RemoteJwks::new("https://id.example.com/jwks.json")
    ///     .on_event(|event| assert_eq!(event.source(), "https://id.example.com/jwks.json"))
    ///     .fetch(provider);
    /// assert!(source.connect().await.is_err()); // there is nothing at that URL
    /// # }
    /// ```
    pub fn source(&self) -> &str {
        match self {
            Self::Refreshed { source, .. }
            | Self::Unchanged { source, .. }
            | Self::Failed { source, .. }
            | Self::Expired { source }
            | Self::Withdrawn { source }
            | Self::UnknownKey { source, .. } => source,
        }
    }
}

/// One line for an operator.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = self.source();
        match self {
            Self::Refreshed {
                keys,
                added,
                withdrawn,
                skipped,
                life,
                ..
            } => write!(
                f,
                "{source:?} has {keys} keys for {} s: added {added:?}, withdrawn {withdrawn:?}, \
                 {} skipped",
                life.as_secs(),
                skipped.len()
            ),
            Self::Unchanged { keys, life, .. } => {
                write!(
                    f,
                    "{source:?} has the same {keys} keys for {} s",
                    life.as_secs()
                )
            }
            Self::Failed {
                error,
                consecutive,
                usable_for,
                ..
            } => write!(
                f,
                "{source:?} cannot be fetched ({consecutive} in a row), its keys are used for \
                 another {} s: {error}",
                usable_for.as_secs()
            ),
            Self::Expired { .. } => write!(
                f,
                "{source:?} could not be fetched in time: its keys are not used any more"
            ),
            Self::Withdrawn { .. } => write!(
                f,
                "{source:?} has withdrawn its last key: its keys are not used any more"
            ),
            Self::UnknownKey { kid, count, .. } => {
                write!(
                    f,
                    "{source:?} does not have {count} keys that tokens named by `kid` and `alg`, \
                     as {kid:?}"
                )
            }
        }
    }
}
