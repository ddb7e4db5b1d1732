//! How the keys of an issuer stand.

use tollgate_core::Algorithm;

/// Where a signing key is in its life. After `Retired` it is gone: it verifies no more and is not listed.
///
/// ```
/// use tollgate_core::{Algorithm, SigningKey};
/// use tollgate_session::{Issuer, KeyPhase};
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
    /// Published, so that every verifier knows it by the time it is used; signs nothing yet.
    Next,
    /// Signs.
    Active,
    /// Signs no more; what it signed still verifies.
    Retired,
}

/// How one key of an [`Issuer`](super::Issuer) stands. It holds nothing secret.
///
/// ```
/// use tollgate_core::{Algorithm, SigningKey};
/// use tollgate_session::Issuer;
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
    /// Its key id.
    pub kid: String,
    /// What it signs under.
    pub algorithm: Algorithm,
    /// Where it is in its life.
    pub phase: KeyPhase,
    /// The second since the epoch that it signs from; 0 for the first key. Where it took the place of one
    /// that was withdrawn, that one's.
    pub from: u64,
    /// The second since the epoch at which it is gone; `None` as long as no successor is scheduled.
    pub until: Option<u64>,
}
