//! One budget of attempts: a leaky bucket (GCRA) as one number.

/// The name of a budget of login attempts: its kind and a keyed hash. It contains neither a name
/// nor an address in readable form.
///
/// ```
/// use tollgate::session::AttemptKey;
///
/// assert_eq!(AttemptKey::new([7; 16]).as_bytes().len(), AttemptKey::BYTES);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptKey([u8; Self::BYTES]);

impl AttemptKey {
    /// The length of a key in bytes.
    pub const BYTES: usize = 16;

    /// Creates a key. The first byte is the kind of the budget.
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes of the key.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// A change of one budget, for [`SessionStore::charge`](crate::SessionStore::charge).
///
/// A store keeps one number for each key: the time at which the budget is full again, in seconds
/// since the epoch. A missing number is the caller's time. Each attempt moves it by `seconds`, at
/// most to `most` seconds after the caller's time. This is the generic cell rate algorithm (GCRA).
///
/// ```
/// use tollgate::session::{AttemptCharge, AttemptKey, AttemptLevel};
///
/// let key = AttemptKey::new([7; 16]);
/// // Two attempts, and one more in each minute.
/// let charge = AttemptCharge { key, seconds: 60, most: 120, give_back: false };
/// let (first, end) = charge.apply(None, 1000);
/// assert_eq!((first, end), (AttemptLevel { taken: true, seconds: 60 }, 1060));
/// assert_eq!(charge.apply(Some(1120), 1000).0, AttemptLevel { taken: false, seconds: 120 });
/// assert_eq!(AttemptCharge { give_back: true, ..charge }.apply(Some(1120), 1000).1, 1060);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptCharge {
    /// The budget.
    pub key: AttemptKey,
    /// The time after which one attempt is available again, in seconds.
    pub seconds: u64,
    /// The time after which an exhausted budget is full again, in seconds.
    pub most: u64,
    /// Gives an attempt back instead of taking one.
    pub give_back: bool,
}

impl AttemptCharge {
    /// Returns the outcome for the number that is stored, and the number to store. A number that
    /// is not after `now` need not be stored.
    pub fn apply(&self, stored: Option<u64>, now: u64) -> (AttemptLevel, u64) {
        let latest = now.saturating_add(self.most);
        let there = stored.unwrap_or(now).clamp(now, latest);
        let taken = self.give_back || there.saturating_add(self.seconds) <= latest;
        let end = match (taken, self.give_back) {
            (false, _) => there,
            (true, true) => there.saturating_sub(self.seconds).max(now),
            (true, false) => there.saturating_add(self.seconds),
        };
        let seconds = end - now;
        (AttemptLevel { taken, seconds }, end)
    }
}

/// The outcome of an [`AttemptCharge`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptLevel {
    /// `false` if the budget is exhausted, and was not changed.
    pub taken: bool,
    /// The time after which the budget is full again, in seconds.
    pub seconds: u64,
}
