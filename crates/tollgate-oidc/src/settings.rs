//! The configuration of a key source.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{Clock, SystemClock};

use crate::address::redacted;
use crate::error::{OidcError, OidcErrorKind};
use crate::event::Event;
use crate::fetch::Fetch;

/// The location of the keys.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// In the metadata of the issuer.
    Issuer(String),
    /// At the URL.
    Jwks(String),
    /// Each key at a URL of its own: this one, a slash, and the `kid`.
    ByKid(String),
}

impl Location {
    pub(crate) fn issuer(&self) -> Option<&str> {
        match self {
            Self::Issuer(issuer) => Some(issuer),
            Self::Jwks(_) | Self::ByKid(_) => None,
        }
    }

    /// Returns the name of the source for display.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Issuer(issuer) => issuer.clone(),
            Self::Jwks(url) | Self::ByKid(url) => redacted(url),
        }
    }
}

/// A callback for events.
pub(crate) type Hook = dyn Fn(&Event) + Send + Sync;

/// The settings of one key source.
#[derive(Clone)]
#[allow(clippy::struct_excessive_bools, reason = "independent options")]
pub(crate) struct Settings {
    pub(crate) location: Location,
    /// The URL of the issuer's metadata, if it is not the well-known one.
    pub(crate) metadata_url: Option<String>,
    /// The URL of an issuer's set, if it publishes no metadata.
    pub(crate) jwks_url: Option<String>,
    /// Whether the set is a SPIFFE trust bundle.
    pub(crate) spiffe_bundle: bool,
    /// `true` if the set must be on the issuer's origin.
    pub(crate) same_origin: bool,
    /// `true` if `http` is allowed for hosts other than loopback.
    pub(crate) plain_http: bool,
    /// `true` if an issuer may name a host in a private network.
    pub(crate) private_addresses: bool,
    /// `true` if the location comes from a token, as for tenants, and not from the configuration.
    pub(crate) issuer_supplied: bool,
    pub(crate) timeout: Duration,
    /// The life of keys whose response does not state one.
    pub(crate) default_life: Duration,
    /// The bounds for the life of keys.
    pub(crate) life: RangeInclusive<Duration>,
    /// The time after their life in which keys are still used while fetches fail.
    pub(crate) stale_if_error: Duration,
    /// The minimum time between the start of a fetch that a request caused or that failed, and the
    /// start of the next one from the same budget.
    pub(crate) cool_down: Duration,
    /// The time for which a `kid` that was not found is remembered.
    pub(crate) negative_life: Duration,
    pub(crate) fetch: Option<Arc<dyn Fetch>>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Returns a number from 0 to below 1.
    pub(crate) jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
    pub(crate) on_event: Option<Arc<Hook>>,
    /// `true` if a request waits for the first fetch. Tenants' requests do.
    pub(crate) wait_for_first: bool,
}

impl Settings {
    pub(crate) fn new(location: Location) -> Self {
        Self {
            location,
            metadata_url: None,
            jwks_url: None,
            spiffe_bundle: false,
            same_origin: false,
            plain_http: false,
            private_addresses: false,
            issuer_supplied: false,
            timeout: Duration::from_secs(5),
            default_life: Duration::from_secs(600),
            life: Duration::from_secs(60)..=Duration::from_secs(3600),
            stale_if_error: Duration::from_secs(3600),
            cool_down: Duration::from_secs(10),
            negative_life: Duration::from_secs(3600),
            fetch: None,
            clock: Arc::new(SystemClock),
            jitter: Arc::new(random_fraction),
            on_event: None,
            wait_for_first: false,
        }
    }

    /// Returns the life of keys whose issuer states this one.
    pub(crate) fn bounded_life(&self, said: Option<Duration>) -> Duration {
        let (least, most) = (*self.life.start(), *self.life.end());
        said.unwrap_or(self.default_life).clamp(least, most)
    }

    /// The limit for a retrieval, which normally ends within twice the timeout.
    pub(crate) fn longest_retrieval(&self) -> Duration {
        self.timeout.saturating_mul(3)
    }

    /// Returns the configured client, or else a new one.
    ///
    /// # Errors
    /// Returns an error where no client can be built.
    pub(crate) fn fetch_or_default(&self) -> Result<Arc<dyn Fetch>, OidcError> {
        match &self.fetch {
            Some(fetch) => Ok(Arc::clone(fetch)),
            None => default_fetch(),
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// Returns [`Misconfigured`](OidcErrorKind::Misconfigured) with the reason.
    pub(crate) fn check(&self) -> Result<(), OidcError> {
        const DAY: Duration = Duration::from_secs(86_400);
        let (least, most) = (*self.life.start(), *self.life.end());
        let mistakes = [
            (
                self.jwks_url.is_some() && (self.metadata_url.is_some() || self.same_origin),
                "`jwks_url` replaces the metadata: remove `metadata_url` and `require_same_origin`",
            ),
            (
                matches!(self.location, Location::ByKid(_))
                    && (self.jwks_url.is_some()
                        || self.metadata_url.is_some()
                        || self.same_origin
                        || self.private_addresses),
                "`jwks_url`, `metadata_url`, `require_same_origin` and \
                 `dangerous_allow_private_addresses` are for an issuer with metadata: remove them",
            ),
            (
                self.timeout.is_zero(),
                "`timeout` is zero: set it to at most 60 s",
            ),
            (
                self.timeout > Duration::from_secs(60),
                "`timeout` is longer than 60 s: requests would wait that long",
            ),
            (
                self.cool_down < Duration::from_secs(1),
                "`cool_down` is shorter than 1 s: forged tokens could flood the issuer with \
                 fetches",
            ),
            (
                least > most,
                "`life` ends before it begins: swap its bounds",
            ),
            (
                most > DAY,
                "`life` goes beyond 24 hours: a withdrawn key would be trusted that long",
            ),
            (
                self.cool_down > least,
                "`cool_down` is longer than the minimum `life`: keys would expire before the next \
                 fetch",
            ),
            (
                self.stale_if_error > DAY,
                "`stale_if_error` is longer than 24 hours: a withdrawn key would be trusted that \
                 long",
            ),
        ];
        match mistakes.into_iter().find(|(mistaken, _)| *mistaken) {
            Some((_, reason)) => Err(OidcError::new(OidcErrorKind::Misconfigured, reason)),
            None => Ok(()),
        }
    }
}

#[cfg(feature = "reqwest")]
fn default_fetch() -> Result<Arc<dyn Fetch>, OidcError> {
    Ok(Arc::new(crate::client::HttpClient::new()?))
}

#[cfg(not(feature = "reqwest"))]
fn default_fetch() -> Result<Arc<dyn Fetch>, OidcError> {
    Err(OidcError::new(
        OidcErrorKind::Misconfigured,
        "there is no HTTP client: set one with `fetch`, or enable the feature `reqwest`",
    ))
}

/// Returns a number from 0 to below 1, from the standard library's randomly keyed hash. Not for
/// cryptographic use.
fn random_fraction() -> f64 {
    use std::hash::{BuildHasher as _, RandomState};
    let bits = RandomState::new().hash_one(0_u8) >> 11;
    #[allow(clippy::cast_precision_loss)] // 53 bits fit
    let fraction = bits as f64 / (1_u64 << 53) as f64;
    fraction
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Location::Issuer(location) | Location::Jwks(location) | Location::ByKid(location)) =
            &self.location;
        f.debug_struct("Settings")
            .field("location", &redacted(location))
            .field("metadata_url", &self.metadata_url.as_deref().map(redacted))
            .field("jwks_url", &self.jwks_url.as_deref().map(redacted))
            .field("life", &self.life)
            .field("stale_if_error", &self.stale_if_error)
            .field("cool_down", &self.cool_down)
            .finish_non_exhaustive()
    }
}
