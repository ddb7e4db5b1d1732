//! The state of the revocations, for readiness and metrics.

use std::fmt;
use std::time::Duration;

use super::health::StoreFailure;
#[cfg(doc)]
use super::{Revocations, RevocationsBuilder};

/// The state of [`Revocations`].
///
/// ```
/// # use tollgate::session::{MemoryStore, Revocations};
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let revocations = Revocations::builder(MemoryStore::default(), "https://id.example.com")
///     .build()?;
/// assert_eq!(revocations.status().confirmed, None, "the store has not been read yet");
/// # Ok::<(), tollgate::ConfigError>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevocationStatus {
    /// `true` if the replica is in sync and no operation on the store fails.
    ///
    /// The operations are those of this handle and of the [`Sessions`](crate::Sessions) that it
    /// belongs to. One fails if it failed less than 5 seconds ago and has not succeeded since. A
    /// malformed session is no failure of the store here, only in `last_error`.
    ///
    /// Gates depend only on the replica: while it is complete they do not query the store.
    pub in_sync: bool,
    /// The time since the replica was last complete; `None` if it never was.
    pub confirmed: Option<Duration>,
    /// The number of entries in the replica.
    pub entries: usize,
    /// The [capacity](RevocationsBuilder::max_entries) of the replica: `entries` divided by it is
    /// the fill level.
    pub max_entries: usize,
    /// `true` if there are more entries than fit. The gate then queries the store for every token.
    pub over_full: bool,
    /// The most recent failure of an operation that has not succeeded since.
    pub last_error: Option<StoreFailure>,
    /// This instance's clock minus the store's, in seconds, less the time that the answer took;
    /// `None` if the store has no clock, or was not read yet. Read about once a minute.
    pub clock_skew: Option<i64>,
    /// The largest `clock_skew` for which all rules hold, in seconds: half the leeway, so that two
    /// instances differ by at most the leeway. A larger one is logged as a warning.
    pub max_clock_skew: u64,
}

impl RevocationStatus {
    /// Returns `true` if the clock differs from the store's by more than
    /// [`max_clock_skew`](Self::max_clock_skew).
    pub fn is_skewed(&self) -> bool {
        let skew = self.clock_skew.map_or(0, i64::unsigned_abs);
        skew > self.max_clock_skew
    }
}

impl fmt::Display for RevocationStatus {
    /// One line for a readiness endpoint. It contains no names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.in_sync {
            "revocations in sync"
        } else {
            "revocations out of sync"
        })?;
        write!(f, ", {} of {} entries", self.entries, self.max_entries)?;
        match self.confirmed {
            Some(age) => write!(f, ", complete {} s ago", age.as_secs())?,
            None => f.write_str(", never read")?,
        }
        if self.over_full {
            f.write_str(", over full")?;
        }
        if let Some(failure) = &self.last_error {
            write!(f, ", {failure}")?;
        }
        if let (true, Some(skew)) = (self.is_skewed(), self.clock_skew) {
            write!(f, ", the clock differs from the store's by {skew} s")?;
        }
        Ok(())
    }
}
