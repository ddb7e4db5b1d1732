//! Access tokens and the keys that sign them.
//!
//! A key is published before it is used (`next`), signs (`active`), and verifies as long as its
//! last token can live (`retired`). Then it is removed. The phase depends only on the clock, so
//! several instances with the same keys agree without communication.

mod access_token;
mod builder;
mod jwks;
mod key_state;
mod schedule;
mod snapshot;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tollgate_core::{
    ClaimPath, Clock, ConfigError, KeyEpoch, KeySet, KeySource, SigningKey, Unavailable, Verifier,
    VerifierBuilder,
};

pub use self::access_token::AccessToken;
pub(crate) use self::access_token::{ACTOR_CLAIM, add_scopes, are_roles, is_scope};
use self::access_token::{ClaimsSet, Stamp};
pub use self::builder::IssuerBuilder;
pub(crate) use self::builder::{LONGEST_ACCESS, LONGEST_LEEWAY};
pub use self::jwks::JwksEndpoint;
pub use self::key_state::{KeyPhase, KeyState};
use self::schedule::Schedule;
use self::snapshot::Snapshot;
use crate::error::{SessionError, SessionErrorKind};
use crate::random::Random;

/// An issuer of access tokens (RFC 9068). It rotates the signing keys and publishes the public
/// ones.
///
/// It is the [`KeySource`] of every verifier that it [creates](Self::verifier), so a
/// rotation takes effect in all of them at once. Clones share their state. `Debug` shows `kid`s,
/// never a key.
///
/// ```
/// use tollgate::{Algorithm, SigningKey};
/// use tollgate::session::{AccessToken, Issuer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = Issuer::builder("https://id.example.com")
///     .audience("orders-api")
///     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01"))
///     .build()?;
/// let verifier = issuer.verifier().build()?;
/// let token = issuer.issue(&AccessToken::new("u-7"))?;
/// assert_eq!(verifier.verify(&token)?.subject(), Some("u-7"));
///
/// // A stolen key is withdrawn: its tokens are refused.
/// issuer.rotate(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-02"), 0)?;
/// assert!(issuer.withdraw("2031-01"));
/// assert!(verifier.verify(&token).is_err());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Issuer(Arc<Inner>);

struct Inner {
    name: String,
    audience: String,
    client_id: String,
    role_claim: String,
    access_lifetime: Duration,
    leeway: Duration,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    snapshot: ArcSwap<Snapshot>,
    /// Held while the schedule changes. Readers take no lock.
    writing: Mutex<()>,
}

impl Issuer {
    /// Creates a builder. `name` is the value of `iss`: an https URL (RFC 8414 section 2).
    ///
    /// ```
    /// # use tollgate::config::ConfigErrorKind;
    /// let error = tollgate::session::Issuer::builder("")
    ///     .audience("orders-api").build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::InvalidText);
    /// ```
    pub fn builder(name: impl Into<String>) -> IssuerBuilder {
        IssuerBuilder::new(name.into())
    }

    /// Schedules a key at run time. It is published at once and signs from `active_from` on, in
    /// seconds since the epoch. A time in the past means now.
    ///
    /// Other verifiers get the key with their next fetch of the JWK Set, so schedule it at least
    /// [`max-age`](JwksEndpoint::max_age) ahead.
    ///
    /// # Errors
    /// The errors of [`IssuerBuilder::build`] for the key, or an error if its `kid` was withdrawn.
    /// The schedule is unchanged then.
    ///
    /// ```
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::Issuer;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// let next = SigningKey::generate(Algorithm::ES256)?.with_kid("2031-02");
    /// issuer.rotate(next.clone(), u64::MAX)?;
    /// assert_eq!(issuer.key_states().len(), 2);
    /// assert_eq!(issuer.rotate(next, 0).unwrap_err().kind(), ConfigErrorKind::Duplicate);
    /// # Ok(()) }
    /// ```
    pub fn rotate(&self, key: SigningKey, active_from: u64) -> Result<(), ConfigError> {
        self.change(|schedule, now| {
            schedule.prune(now);
            // The previous key has signed until now, regardless of the schedule. Its tokens must
            // verify.
            schedule.add(key, active_from.max(now))
        })
    }

    /// Removes a key at once, for instance after it was stolen. Its tokens do not verify here any
    /// more, it leaves the JWK Set, and its `kid` is never accepted again. Returns `false` if there
    /// is no such key.
    ///
    /// If the key was active, the next scheduled one becomes active. Without one, nothing can be
    /// issued until a key is [rotated](Self::rotate) in.
    ///
    /// ```
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::{AccessToken, Issuer, SessionErrorKind};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// assert!(issuer.withdraw("2031-01"));
    /// assert!(!issuer.withdraw("2031-01"));
    /// let error = issuer.issue(&AccessToken::new("u-7")).unwrap_err();
    /// assert_eq!(error.kind(), SessionErrorKind::Misconfigured);
    /// # Ok(()) }
    /// ```
    pub fn withdraw(&self, kid: &str) -> bool {
        let withdraw =
            |schedule: &mut Schedule, now| schedule.withdraw(kid, now).then_some(()).ok_or(());
        self.change(withdraw).is_ok()
    }

    /// The current state of the keys, in the order in which they become active.
    ///
    /// ```
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::{Issuer, KeyPhase};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// assert_eq!(issuer.key_states()[0].phase, KeyPhase::Active);
    /// # Ok(()) }
    /// ```
    pub fn key_states(&self) -> Vec<KeyState> {
        let now = self.0.clock.now();
        self.0.snapshot.load().schedule.states(now)
    }

    /// Issues a signed access token. Its `typ` is `at+jwt` (RFC 9068 section 2.1), its `kid` that
    /// of the active key.
    ///
    /// # Errors
    /// `Misconfigured` if:
    ///
    /// - a custom claim has a name that the issuer sets, or beside roles that of the role claim;
    /// - a role is empty, or there are more than 256;
    /// - the subject is empty, or the scope is not a list of scope tokens;
    /// - the lifetime is longer than the [access lifetime](Self::access_lifetime);
    /// - no key is active, or there is no randomness.
    ///
    /// ```
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::{AccessToken, Issuer};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// let token = issuer.issue(&AccessToken::new("u-7"))?;
    /// let principal = issuer.verifier().build()?.verify(token)?;
    /// assert_eq!(principal.token_type(), Some("at+jwt"));
    /// assert_eq!(principal.kid(), Some("2031-01"));
    /// assert!(issuer.issue(&AccessToken::new("")).is_err());
    /// # Ok(()) }
    /// ```
    pub fn issue(&self, token: &AccessToken) -> Result<String, SessionError> {
        let issuer = &*self.0;
        let now = issuer.clock.now();
        let jti = if token.jti.is_none() {
            let mut bytes = [0; 16];
            issuer.random.fill(&mut bytes)?;
            base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
        } else {
            String::new()
        };
        let stamp = Stamp {
            issuer: &issuer.name,
            audience: &issuer.audience,
            client_id: &issuer.client_id,
            role_claim: &issuer.role_claim,
            lifetime: issuer.access_lifetime.as_secs(),
            now,
            jti: &jti,
        };
        let claims = ClaimsSet::of(token, &stamp)?;
        let snapshot = self.snapshot(now);
        let Some(key) = &snapshot.signing else {
            return Err(SessionError::new(
                SessionErrorKind::Misconfigured,
                "no signing key is active: the last one was withdrawn",
            ));
        };
        Ok(key.encode_with("at+jwt", &claims)?)
    }

    /// Creates a builder of a verifier for this issuer's access tokens. The issuer, the audience,
    /// the profile of RFC 9068, the role claim, the rotating keys, the clock and the leeway are
    /// set.
    ///
    /// The verifier refuses a token that was issued longer ago than the
    /// [access lifetime](Self::access_lifetime), whatever its `exp`. After the lifetime was
    /// shortened, a token thus lives no longer than a revocation by user or by key.
    ///
    /// ```
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::{AccessToken, Issuer};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// let verifier = issuer.verifier().role_claim("groups").build()?;
    /// assert!(verifier.verify(issuer.issue(&AccessToken::new("u-7"))?).is_ok());
    /// # Ok(()) }
    /// ```
    pub fn verifier(&self) -> VerifierBuilder {
        let clock = Arc::clone(&self.0.clock);
        let role_claim = &*self.0.role_claim;
        // Exact where a dot in the name would allow other readings.
        let roles = if role_claim.contains('.') {
            ClaimPath::from([role_claim])
        } else {
            ClaimPath::from(role_claim)
        };
        Verifier::builder()
            .issued_role_claim(roles)
            .issuer(&*self.0.name)
            .audience(&*self.0.audience)
            .access_token_profile()
            .key_source(self.clone())
            .clock(move || clock.now())
            .leeway(self.0.leeway)
            .max_age(self.0.access_lifetime)
    }

    /// Creates the endpoint that publishes the public keys.
    ///
    /// ```
    /// # use tollgate::extend::Endpoint;
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::Issuer;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// assert_eq!(issuer.jwks().content_limit(), 0);
    /// # Ok(()) }
    /// ```
    pub fn jwks(&self) -> JwksEndpoint {
        JwksEndpoint::new(self.clone())
    }

    /// The name of the issuer (`iss`).
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The audience of the tokens (`aud`).
    pub fn audience(&self) -> &str {
        &self.0.audience
    }

    /// The claim with the roles.
    pub fn role_claim(&self) -> &str {
        &self.0.role_claim
    }

    /// The longest lifetime of a token.
    pub fn access_lifetime(&self) -> Duration {
        self.0.access_lifetime
    }

    /// The tolerance for clock differences.
    pub fn leeway(&self) -> Duration {
        self.0.leeway
    }

    /// The clock of the issuer. Components around it should use it too.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// The source of randomness.
    pub fn random(&self) -> &Arc<dyn Random> {
        &self.0.random
    }

    /// Returns the snapshot of `now`.
    fn snapshot(&self, now: u64) -> Arc<Snapshot> {
        let held = self.0.snapshot.load();
        if held.holds_at(now) {
            return Arc::clone(&held);
        }
        let fresh = Arc::new(Snapshot::of(Arc::clone(&held.schedule), now));
        let former = self.0.snapshot.compare_and_swap(&*held, Arc::clone(&fresh));
        if Arc::ptr_eq(&former, &held) {
            return fresh;
        }
        // Another thread was first. A key that was withdrawn in the meantime must not be restored.
        if former.holds_at(now) {
            return Arc::clone(&former);
        }
        Arc::new(Snapshot::of(Arc::clone(&former.schedule), now))
    }

    /// Returns a part of the current key set.
    fn holding<T>(&self, of: impl FnOnce(&Arc<KeySet>) -> T) -> T {
        let now = self.0.clock.now();
        let held = self.0.snapshot.load();
        if held.holds_at(now) {
            return of(&held.keys);
        }
        drop(held);
        of(&self.snapshot(now).keys)
    }

    /// Applies a change to the schedule, or leaves it as it is on error.
    fn change<E>(&self, change: impl FnOnce(&mut Schedule, u64) -> Result<(), E>) -> Result<(), E> {
        let _writing = self
            .0
            .writing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now = self.0.clock.now();
        let mut schedule = Schedule::clone(&self.0.snapshot.load().schedule);
        change(&mut schedule, now)?;
        self.0
            .snapshot
            .store(Arc::new(Snapshot::of(Arc::new(schedule), now)));
        Ok(())
    }
}

impl KeySource for Issuer {
    /// Returns the keys of the current phase. Takes no lock, and computes only after a phase
    /// change.
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        Ok(self.holding(Arc::clone))
    }

    fn epoch(&self) -> Result<KeyEpoch, Unavailable> {
        Ok(self.holding(|keys| keys.epoch()))
    }

    /// The issuer's name, so that `build` refuses a verifier for another issuer.
    fn issuer(&self) -> Option<&str> {
        Some(&self.0.name)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("name", &self.0.name)
            .field("audience", &self.0.audience)
            .field("keys", &self.key_states())
            .finish_non_exhaustive()
    }
}
