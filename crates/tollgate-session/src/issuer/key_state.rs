//! The state of an issuer's keys.

use tollgate_core::Algorithm;

/// The phase of a signing key. After `Retired` the key is removed: it does not verify and is not
/// listed.
///
/// ```
/// use tollgate::{Algorithm, SigningKey};
/// use tollgate::session::{Issuer, KeyPhase};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = Issuer::builder("https://id.example.com")
///     .audience("orders-api")
///     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01"))
///     .clock(|| 1_700_000_000)
///     .build()?;
/// issuer.rotate(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-02"), 1_700_086_400)?;
/// let phases: Vec<_> = issuer.key_states().iter().map(|key| key.phase).collect();
/// assert_eq!(phases, [KeyPhase::Active, KeyPhase::Next]);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyPhase {
    /// The key is published, so that every verifier can fetch it in time, but does not sign yet.
    Next,
    /// The key signs.
    Active,
    /// The key does not sign any more; its tokens still verify.
    Retired,
}

/// The state of one key of an [`Issuer`](super::Issuer). Contains no secret.
///
/// ```
/// use tollgate::{Algorithm, SigningKey};
/// use tollgate::session::Issuer;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = Issuer::builder("https://id.example.com")
///     .audience("orders-api")
///     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01"))
///     .next_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-02"), 1_700_086_400)
///     .clock(|| 1_700_000_000)
///     .build()?;
/// let first = &issuer.key_states()[0];
/// assert_eq!((&*first.kid, first.from), ("2031-01", 0));
/// assert_eq!(first.until, Some(1_700_086_400 + 15 * 60 + 60));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyState {
    /// The `kid`.
    pub kid: String,
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The phase.
    pub phase: KeyPhase,
    /// The time from which the key signs, in seconds since the epoch; 0 for the first key. If the
    /// key replaced a withdrawn one, the time of that key.
    pub from: u64,
    /// The time at which the key is removed, in seconds since the epoch; `None` until a successor
    /// is scheduled.
    pub until: Option<u64>,
}
