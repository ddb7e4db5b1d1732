//! The configuration of an [`Issuer`].

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use tollgate_core::{Clock, ConfigError, ConfigErrorKind, SigningKey, SystemClock};

use super::access_token::ACTOR_CLAIM;
use super::schedule::Schedule;
use super::snapshot::Snapshot;
use super::{AccessToken, Inner, Issuer};
use crate::random::{Random, SystemRandom};

/// The longest access lifetime. Anything longer should be a session.
pub(crate) const LONGEST_ACCESS: Duration = Duration::from_secs(24 * 60 * 60);
/// The largest leeway, which is also the largest of a verifier.
pub(crate) const LONGEST_LEEWAY: Duration = Duration::from_secs(300);

/// A builder of an [`Issuer`]. Created by [`Issuer::builder`].
///
/// ```
/// use std::time::Duration;
/// use tollgate::{Algorithm, SigningKey};
/// use tollgate::session::Issuer;
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
#[must_use = "a builder does nothing until `build` is called"]
pub struct IssuerBuilder {
    name: String,
    audiences: Vec<String>,
    client_id: Option<String>,
    role_claim: String,
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
            role_claim: "roles".to_owned(),
            first: Vec::new(),
            next: Vec::new(),
            access_lifetime: Duration::from_secs(15 * 60),
            leeway: Duration::from_secs(60),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }

    /// Sets the audience of the access tokens (`aud`, RFC 9068 section 2.2): the resource server.
    /// Required, exactly once.
    ///
    /// ```
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::Issuer;
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

    /// Sets the key that signs first, without a start time. Every key needs its own `kid`, HMAC
    /// secrets too. Required, exactly once.
    ///
    /// ```
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::Issuer;
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

    /// Schedules a key that signs from `active_from` on, in seconds since the epoch. It is
    /// published at once, so that verifiers can fetch it in time. A time in the past is correct for
    /// a service that restarts: the previous key then counts as superseded at that time.
    ///
    /// ```
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::{Issuer, KeyPhase};
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

    /// Sets the lifetime of access tokens, in whole seconds. Default: 15 minutes. Maximum: 24
    /// hours.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::Issuer;
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

    /// Sets the tolerance for clock differences. Default: 60 seconds. Maximum: 300 seconds. A
    /// retired key verifies this much longer than its last token lives, and
    /// [`verifier`](Issuer::verifier) allows this much.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::Issuer;
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

    /// Sets the `client_id` of access tokens that do not name one (RFC 9068 section 2.2 requires
    /// it). Default: the audience.
    ///
    /// ```
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::{AccessToken, Issuer};
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

    /// Sets the claim with the roles of [`Login::role`](crate::Login::role), a member of the claims
    /// set. [`Issuer::verifier`] and [`Sessions::gate`](crate::Sessions::gate) read roles from it.
    /// Default: `roles` (RFC 9068 section 2.2.3.1).
    ///
    /// ```
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::{AccessToken, Issuer};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let issuer = Issuer::builder("https://id.example.com")
    ///     .audience("orders-api")
    ///     .role_claim("https://example.com/roles")
    ///     .signing_key(SigningKey::generate(Algorithm::EdDSA)?.with_kid("1"))
    ///     .build()?;
    /// let mut token = AccessToken::new("u-7");
    /// token.roles.push("admin".to_owned());
    /// let user = issuer.verifier().build()?.verify(issuer.issue(&token)?)?;
    /// assert!(user.has_role("admin"));
    /// # Ok(()) }
    /// ```
    pub fn role_claim(mut self, name: impl Into<String>) -> Self {
        self.role_claim = name.into();
        self
    }

    /// Sets the clock. Default: the system clock.
    ///
    /// ```
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::Issuer;
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

    /// Sets the source of randomness. Default: the cryptographic library.
    ///
    /// ```
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::{Issuer, SystemRandom};
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

    /// Checks the configuration and creates the issuer.
    ///
    /// # Errors
    /// [`ConfigError`] if:
    ///
    /// - the issuer, the audience, the client or the role claim is missing, empty or has control
    ///   characters;
    /// - the role claim is a claim that the issuer sets otherwise, such as `sub`;
    /// - there is no first key, or more than one;
    /// - a key has no `kid`, two keys have the same `kid`, or two become active in the same second;
    /// - an HMAC secret stands beside public keys;
    /// - the lifetime or the leeway is out of range.
    ///
    /// ```
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::session::Issuer;
    /// let error = Issuer::builder("https://id.example.com")
    ///     .audience("orders-api").build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::MissingKey);
    /// ```
    pub fn build(self) -> Result<Issuer, ConfigError> {
        let refuse = |kind, message: &str| Err(ConfigError::new(kind, message));
        let mut audiences = self.audiences.into_iter();
        let Some(audience) = audiences.next() else {
            return refuse(ConfigErrorKind::MissingAudience, "`audience` is required");
        };
        if audiences.next().is_some() {
            return refuse(ConfigErrorKind::Contradiction, "`audience` is set twice");
        }
        let client_id = self.client_id.unwrap_or_else(|| audience.clone());
        for text in [&self.name, &audience, &client_id, &self.role_claim] {
            if text.is_empty() || text.chars().any(char::is_control) {
                return refuse(
                    ConfigErrorKind::InvalidText,
                    "the issuer, `audience`, `client_id` or `role_claim` is empty or has a control \
                     character",
                );
            }
        }
        if AccessToken::is_registered_claim(&self.role_claim) || self.role_claim == ACTOR_CLAIM {
            return refuse(
                ConfigErrorKind::Contradiction,
                "`role_claim` is a claim that the issuer sets: choose another name",
            );
        }
        let lifetime = self.access_lifetime;
        if lifetime < Duration::from_secs(1)
            || lifetime > LONGEST_ACCESS
            || lifetime.subsec_nanos() != 0
        {
            return refuse(
                ConfigErrorKind::OutOfRange,
                "`access_lifetime` must be in whole seconds, between 1 s and 24 h",
            );
        }
        if self.leeway > LONGEST_LEEWAY || self.leeway.subsec_nanos() != 0 {
            return refuse(
                ConfigErrorKind::OutOfRange,
                "`leeway` must be in whole seconds and at most 300 s",
            );
        }
        let mut first = self.first.into_iter();
        let (Some(key), None) = (first.next(), first.next()) else {
            return refuse(
                ConfigErrorKind::MissingKey,
                "exactly one `signing_key` is required: add later keys by `next_key`",
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
            role_claim: self.role_claim,
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
