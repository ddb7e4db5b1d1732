//! Configuration of an [`Issuer`].

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use tollgate_core::{Clock, ConfigError, ConfigErrorKind, SigningKey, SystemClock};

use super::schedule::Schedule;
use super::snapshot::Snapshot;
use super::{Inner, Issuer};
use crate::random::{Random, SystemRandom};

/// The longest access lifetime: a day. What should last longer is a session.
const LONGEST_ACCESS: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest leeway, which is also the longest that a verifier takes.
const LONGEST_LEEWAY: Duration = Duration::from_secs(300);

/// Configuration of an [`Issuer`], made by [`Issuer::builder`].
///
/// ```
/// use std::time::Duration;
/// use tollgate_core::{Algorithm, SigningKey};
/// use tollgate_session::Issuer;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = Issuer::builder("https://id.example.com")
///     .audience("orders-api")
///     .signing_key(SigningKey::generate(Algorithm::EdDSA)?.with_kid("2031-01"))
///     .access_lifetime(Duration::from_secs(300))
///     .build()?;
/// assert_eq!(issuer.access_lifetime().as_secs(), 300);
/// # Ok(()) }
/// ```
#[must_use = "nothing is built before `build`"]
pub struct IssuerBuilder {
    name: String,
    audiences: Vec<String>,
    client_id: Option<String>,
    first: Vec<SigningKey>,
    next: Vec<(SigningKey, u64)>,
    access_lifetime: Duration,
    leeway: Duration,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl IssuerBuilder {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            audiences: Vec::new(),
            client_id: None,
            first: Vec::new(),
            next: Vec::new(),
            access_lifetime: Duration::from_secs(15 * 60),
            leeway: Duration::from_secs(60),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }

    /// Whom the access tokens are for (`aud`, RFC 9068 section 2.2): the resource server. Required, once.
    ///
    /// ```
    /// # use tollgate_core::{Algorithm, ConfigErrorKind, SigningKey};
    /// # use tollgate_session::Issuer;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let key = SigningKey::generate(Algorithm::EdDSA)?.with_kid("1");
    /// let error = Issuer::builder("https://id.example.com").signing_key(key).build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::MissingAudience);
    /// # Ok(()) }
    /// ```
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// The key that signs first, from the beginning of time. Every key needs a `kid` of its own, HMAC secrets too. Required.
    ///
    /// ```
    /// # use tollgate_core::{Algorithm, ConfigErrorKind, SigningKey};
    /// # use tollgate_session::Issuer;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let nameless = SigningKey::generate(Algorithm::EdDSA)?;
    /// let builder = Issuer::builder("https://id.example.com").audience("orders-api");
    /// let error = builder.signing_key(nameless).build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::InvalidText);
    /// # Ok(()) }
    /// ```
    pub fn signing_key(mut self, key: SigningKey) -> Self {
        self.first.push(key);
        self
    }

    /// A key that signs from `active_from` on, in seconds since the epoch. It is published at once, so that verifiers
    /// know it by then. A time that has passed is right for a service that starts again: the former key then counts as
    /// superseded at that time.
    ///
    /// ```
    /// # use tollgate_core::{Algorithm, SigningKey};
    /// # use tollgate_session::{Issuer, KeyPhase};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let issuer = Issuer::builder("https://id.example.com")
    ///     .audience("orders-api")
    ///     .signing_key(SigningKey::generate(Algorithm::EdDSA)?.with_kid("2031-01"))
    ///     .next_key(SigningKey::generate(Algorithm::EdDSA)?.with_kid("2031-02"), 1_700_000_000)
    ///     .clock(|| 1_800_000_000)
    ///     .build()?;
    /// assert_eq!(issuer.key_states()[0].kid, "2031-02");
    /// assert_eq!(issuer.key_states()[0].phase, KeyPhase::Active);
    /// # Ok(()) }
    /// ```
    pub fn next_key(mut self, key: SigningKey, active_from: u64) -> Self {
        self.next.push((key, active_from));
        self
    }

    /// How long access tokens live: 15 minutes unless said otherwise; whole seconds, a day at the most.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate_core::{Algorithm, ConfigErrorKind, SigningKey};
    /// # use tollgate_session::Issuer;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = Issuer::builder("https://id.example.com")
    ///     .audience("orders-api")
    ///     .signing_key(SigningKey::generate(Algorithm::EdDSA)?.with_kid("1"));
    /// let error = builder.access_lifetime(Duration::ZERO).build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::OutOfRange);
    /// # Ok(()) }
    /// ```
    pub const fn access_lifetime(mut self, lifetime: Duration) -> Self {
        self.access_lifetime = lifetime;
        self
    }

    /// By how much clocks may differ: 60 seconds unless said otherwise, 300 at the most. A retired key verifies this much
    /// longer than its last token lives, and [`verifier`](Issuer::verifier) allows this much.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate_core::{Algorithm, SigningKey};
    /// # use tollgate_session::Issuer;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = Issuer::builder("https://id.example.com")
    ///     .audience("orders-api")
    ///     .signing_key(SigningKey::generate(Algorithm::EdDSA)?.with_kid("1"));
    /// assert_eq!(builder.leeway(Duration::from_secs(5)).build()?.leeway().as_secs(), 5);
    /// # Ok(()) }
    /// ```
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// The `client_id` of access tokens that do not name one (RFC 9068 section 2.2 requires it). The audience unless said
    /// otherwise.
    ///
    /// ```
    /// # use tollgate_core::{Algorithm, SigningKey};
    /// # use tollgate_session::{AccessToken, Issuer};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let issuer = Issuer::builder("https://id.example.com")
    ///     .audience("orders-api")
    ///     .client_id("web")
    ///     .signing_key(SigningKey::generate(Algorithm::EdDSA)?.with_kid("1"))
    ///     .build()?;
    /// let token = issuer.issue(&AccessToken::new("u-7"))?;
    /// assert_eq!(issuer.verifier().build()?.verify(token)?.client_id(), Some("web"));
    /// # Ok(()) }
    /// ```
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// Takes the time from `clock` instead of the operating system.
    ///
    /// ```
    /// # use tollgate_core::{Algorithm, SigningKey};
    /// # use tollgate_session::Issuer;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let issuer = Issuer::builder("https://id.example.com")
    ///     .audience("orders-api")
    ///     .signing_key(SigningKey::generate(Algorithm::EdDSA)?.with_kid("1"))
    ///     .clock(|| 1_700_000_000)
    ///     .build()?;
    /// assert_eq!(issuer.clock().now(), 1_700_000_000);
    /// # Ok(()) }
    /// ```
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Takes randomness from `random` instead of the cryptographic library.
    ///
    /// ```
    /// # use tollgate_core::{Algorithm, SigningKey};
    /// # use tollgate_session::{Issuer, SystemRandom};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = Issuer::builder("https://id.example.com")
    ///     .audience("orders-api")
    ///     .signing_key(SigningKey::generate(Algorithm::EdDSA)?.with_kid("1"));
    /// assert!(builder.random(SystemRandom).build().is_ok());
    /// # Ok(()) }
    /// ```
    pub fn random(mut self, random: impl Random + 'static) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// Checks the configuration and makes the issuer.
    ///
    /// # Errors
    /// A [`ConfigError`]: for a name, an audience or a client that is missing, empty or has control characters; without a
    /// first key or with two; for a key without `kid`, two of one `kid`, two that become active in the same second, an
    /// HMAC secret beside public keys; for a lifetime or a leeway out of range.
    ///
    /// ```
    /// # use tollgate_core::ConfigErrorKind;
    /// # use tollgate_session::Issuer;
    /// let error = Issuer::builder("https://id.example.com").audience("orders-api").build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::MissingKey);
    /// ```
    pub fn build(self) -> Result<Issuer, ConfigError> {
        let refuse = |kind, message: &str| Err(ConfigError::new(kind, message));
        let mut audiences = self.audiences.into_iter();
        let Some(audience) = audiences.next() else {
            return refuse(ConfigErrorKind::MissingAudience, "the issuer has no audience");
        };
        if audiences.next().is_some() {
            return refuse(ConfigErrorKind::Contradiction, "`audience` is said twice");
        }
        let client_id = self.client_id.unwrap_or_else(|| audience.clone());
        for text in [&self.name, &audience, &client_id] {
            if text.is_empty() || text.chars().any(char::is_control) {
                return refuse(
                    ConfigErrorKind::InvalidText,
                    "the issuer, its audience or its client is empty or has a control character",
                );
            }
        }
        let lifetime = self.access_lifetime;
        if lifetime < Duration::from_secs(1) || lifetime > LONGEST_ACCESS || lifetime.subsec_nanos() != 0 {
            return refuse(
                ConfigErrorKind::OutOfRange,
                "the access lifetime is not in whole seconds, or not between 1 s and 24 h",
            );
        }
        if self.leeway > LONGEST_LEEWAY || self.leeway.subsec_nanos() != 0 {
            return refuse(
                ConfigErrorKind::OutOfRange,
                "the leeway is not in whole seconds, or above 300 s",
            );
        }
        let mut first = self.first.into_iter();
        let (Some(key), None) = (first.next(), first.next()) else {
            return refuse(
                ConfigErrorKind::MissingKey,
                "there is not exactly one first `signing_key`; later ones are for `next_key`",
            );
        };
        let mut schedule = Schedule::new((lifetime + self.leeway).as_secs());
        schedule.add(key, 0)?;
        for (key, active_from) in self.next {
            schedule.add(key, active_from)?;
        }
        let now = self.clock.now();
        schedule.prune(now);
        Ok(Issuer(Arc::new(Inner {
            name: self.name,
            audience,
            client_id,
            access_lifetime: lifetime,
            leeway: self.leeway,
            clock: self.clock,
            random: self.random,
            snapshot: ArcSwap::from_pointee(Snapshot::of(Arc::new(schedule), now)),
            writing: Mutex::new(()),
        })))
    }
}

impl fmt::Debug for IssuerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerBuilder")
            .field("name", &self.name)
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}
