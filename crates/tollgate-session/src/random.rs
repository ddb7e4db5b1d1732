//! Random number generation.

use std::fmt;

/// A source of random bytes. This crate uses no other source.
///
/// ```
/// use tollgate::session::{Random, SystemRandom};
///
/// let (mut one, mut other) = ([0; 32], [0; 32]);
/// SystemRandom.fill(&mut one)?;
/// SystemRandom.fill(&mut other)?;
/// assert_ne!(one, other);
/// # Ok::<(), tollgate::session::NoRandomness>(())
/// ```
pub trait Random: Send + Sync {
    /// Fills `bytes` with unpredictable values, even to an observer of all earlier output.
    ///
    /// # Errors
    /// [`NoRandomness`] if the source fails. Nothing is issued then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

/// The generator of the cryptographic library, seeded by the operating system.
///
/// ```
/// use tollgate::session::{Random, SystemRandom};
///
/// assert!(SystemRandom.fill(&mut [0; 16]).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| NoRandomness)
    }
}

/// The error of a failed random source.
///
/// ```
/// assert_eq!(tollgate::session::NoRandomness.to_string(), "no randomness available");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRandomness;

impl fmt::Display for NoRandomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no randomness available")
    }
}

impl std::error::Error for NoRandomness {}
