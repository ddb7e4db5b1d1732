//! Where randomness comes from.

use std::fmt;

/// Gives random bytes. Nothing in this crate takes them from anywhere else.
///
/// ```
/// use tollgate_session::{Random, SystemRandom};
///
/// let (mut one, mut other) = ([0; 32], [0; 32]);
/// SystemRandom.fill(&mut one)?;
/// SystemRandom.fill(&mut other)?;
/// assert_ne!(one, other);
/// # Ok::<(), tollgate_session::NoRandomness>(())
/// ```
pub trait Random: Send + Sync {
    /// Fills `bytes`; what cannot be predicted by anybody who has seen all that came before.
    ///
    /// # Errors
    /// [`NoRandomness`] if there is none; nothing is issued then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

/// The cryptographic library's generator, seeded by the operating system.
///
/// ```
/// use tollgate_session::{Random, SystemRandom};
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

/// There is no randomness to be had.
///
/// ```
/// assert_eq!(tollgate_session::NoRandomness.to_string(), "the system gives no randomness");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRandomness;

impl fmt::Display for NoRandomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the system gives no randomness")
    }
}

impl std::error::Error for NoRandomness {}
