//! What happens to remote keys, for whoever watches.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::OidcError;

/// Something that happened to a source of keys. It is told to `on_event`, and to [`tracing`] under the target `tollgate`.
///
/// What an issuer or a token wrote (`kid`s, the reasons why keys are skipped) is theirs: quote it where it is shown, as
/// `Debug` and `Display` do.
///
/// With the feature `metrics` they are numbers too, each with the label `source`, the issuer or the URL of the set. Issuers of
/// [`Tenants`](crate::Tenants) are counted together, as `tenants`, and have the two counters alone.
///
/// | Metric | |
/// |---|---|
/// | `tollgate_jwks_fetches_total` | counts fetches; label `outcome`: `refreshed`, `unchanged` or `failed` |
/// | `tollgate_jwks_unknown_keys_total` | counts the keys that were looked for in vain |
/// | `tollgate_jwks_keys` | how many keys are used: zero once they have expired |
/// | `tollgate_jwks_consecutive_failures` | how many fetches failed since the last that did not |
/// | `tollgate_jwks_last_success_timestamp_seconds` | when keys were last fetched; the age of the keys is the time since |
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use tollgate_core::Algorithm;
/// use tollgate_oidc::{Event, RemoteJwks};
/// use tollgate_testkit::{FakeProvider, FakeTimer, keys};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tollgate_oidc::OidcError> {
/// # const JWKS: &str = "https://id.example.com/jwks.json";
/// # let timer = FakeTimer::new();
/// # let provider = FakeProvider::new(&timer);
/// # provider.publish(JWKS, &[keys::signing(Algorithm::ES256).with_kid("2031-01")]);
/// let events = Arc::new(Mutex::new(Vec::new()));
/// let log = Arc::clone(&events);
/// let source = RemoteJwks::new(JWKS)
///     .on_event(move |event| log.lock().unwrap().push(event.clone()))
/// #   .fetch(provider).timer(timer)
///     .connect()
///     .await?;
///
/// let Event::Refreshed { added, .. } = &events.lock().unwrap()[0] else { panic!("keys have come") };
/// assert_eq!(added, &["2031-01"]);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Other keys have come.
    #[non_exhaustive]
    Refreshed {
        /// The issuer, or the URL of the set.
        source: Arc<str>,
        /// How many there are.
        keys: usize,
        /// The `kid`s that are new.
        added: Vec<String>,
        /// The `kid`s that are no longer there: tokens by these keys are refused from now on.
        withdrawn: Vec<String>,
        /// The members of the set that are not used, and why.
        skipped: Vec<String>,
        /// How long the keys are fresh.
        life: Duration,
    },
    /// The keys are still the same.
    #[non_exhaustive]
    Unchanged {
        /// The issuer, or the URL of the set.
        source: Arc<str>,
        /// How many there are.
        keys: usize,
        /// How long they are fresh from now on.
        life: Duration,
    },
    /// A fetch brought nothing that may replace what is there.
    #[non_exhaustive]
    Failed {
        /// The issuer, or the URL of the set.
        source: Arc<str>,
        /// What was wrong.
        error: OidcError,
        /// How many failed in a row, this one included.
        consecutive: u32,
        /// How long the keys of before are still used; zero if there are none.
        usable_for: Duration,
    },
    /// The keys were not renewed in time: requests get a 503 from now on.
    #[non_exhaustive]
    Expired {
        /// The issuer, or the URL of the set.
        source: Arc<str>,
    },
    /// A fetch that was made for keys that tokens named did not bring them: forged tokens, or an issuer that signs with a key
    /// which it does not publish. It is told once for a fetch.
    #[non_exhaustive]
    UnknownKey {
        /// The issuer, or the URL of the set.
        source: Arc<str>,
        /// One of the `kid`s, cut to 64 characters.
        kid: String,
        /// How many were looked for in vain.
        count: usize,
    },
}

impl Event {
    /// The issuer that it is about, or the URL of the set where that is all that is known. A query of the URL is left out: there
    /// may be a secret in it.
    ///
    /// ```
    /// # use tollgate_oidc::{Oidc, RemoteJwks};
    /// # use tollgate_testkit::{FakeProvider, FakeTimer};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let provider = FakeProvider::new(&FakeTimer::new());
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
                "{source:?} has {keys} keys for {} s: added {added:?}, withdrawn {withdrawn:?}, {} skipped",
                life.as_secs(),
                skipped.len()
            ),
            Self::Unchanged { keys, life, .. } => {
                write!(f, "{source:?} has the same {keys} keys for {} s", life.as_secs())
            }
            Self::Failed {
                error,
                consecutive,
                usable_for,
                ..
            } => write!(
                f,
                "{source:?} cannot be fetched ({consecutive} in a row), its keys are used for another {} s: {error}",
                usable_for.as_secs()
            ),
            Self::Expired { .. } => write!(
                f,
                "{source:?} could not be fetched in time: its keys are not used any more"
            ),
            Self::UnknownKey { kid, count, .. } => {
                write!(
                    f,
                    "{source:?} does not have {count} keys that tokens named, as {kid:?}"
                )
            }
        }
    }
}
