//! The schedule of fetches, and the answer to a token whose key is missing. Nothing here waits or
//! reads a clock.
//!
//! Requests have two budgets, one for keys that were never looked for, and one for keys that were
//! looked for and not found. Each allows one fetch per cool-down. So invented `kid`s do not use up
//! the fetch for a `kid` that was named before it was published.
//!
//! Invariant: after the start of a fetch that a request caused, its budget allows none for a
//! cool-down; after the start of a fetch that failed, none begins for a cool-down. So forged tokens
//! cause at most two fetches per cool-down, and a failing issuer is not asked more often. A
//! scheduled fetch that succeeds does not count: a key that changes right after it is found at
//! once. Only [`begin`](Schedule::begin) starts a fetch.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::negative_cache::NegativeCache;
use crate::error::OidcError;
use crate::settings::Settings;

/// The longest pause after consecutive failures.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The bounds of `Retry-After`.
const RETRY: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(60);

/// The schedule of fetches.
#[derive(Debug)]
pub(super) struct Schedule {
    cool_down: Duration,
    /// The timeout of a waiting request, and of a requested fetch that does not begin.
    patience: Duration,
    wait_for_first: bool,

    /// `true` if a fetch is running.
    running: bool,
    /// The start of the last fetch.
    began: Option<Duration>,
    /// For each budget, the start of the last fetch that it paid or that failed: a cool-down
    /// follows.
    cooling: [Option<Duration>; 2],
    /// The number of failures since the last success.
    failures: u32,
    /// The time of the next fetch, unless a request causes one before.
    due: Duration,
    /// The time at which a fetch was requested that has not begun yet.
    wished: Option<Duration>,
    /// The budget that pays for it, unless it is the first one.
    paid_by: Option<Budget>,
    /// The keys that were missing before the running fetch began. Keys that the fetch does not
    /// return do not exist.
    sought: Sought,
    /// The same for the next fetch.
    seeking: Sought,
    /// The keys that were looked for and not found.
    unknown: NegativeCache,
    /// The expiry of the keys, until it was reported.
    expiry: Option<Duration>,
    fetches: u64,
    last_error: Option<OidcError>,
}

/// The budgets of fetches that requests cause.
#[derive(Clone, Copy, Debug)]
enum Budget {
    /// For keys that were never looked for, and for tokens that name none.
    New,
    /// For keys that were looked for and not found.
    Repeated,
}

/// Hashes of missing keys, and one `kid` for display.
#[derive(Debug, Default)]
struct Sought {
    names: HashSet<u64>,
    example: Option<String>,
}

/// The answer to a request whose key is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The keys are current: there is no such key.
    Pointless,
    /// Unknown for now; retry after this time.
    Unavailable(Duration),
    /// A fetch is running or will begin now: wait for it.
    Wait,
}

/// A missing key that a token names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'t> {
    /// A keyed hash of `kid` and algorithm.
    pub(super) hash: u64,
    pub(super) kid: &'t str,
}

/// The keys that a fetch did not return.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InVain {
    pub(super) example: String,
    pub(super) count: usize,
}

impl Schedule {
    /// The most waiting requests, and the most missing keys per fetch.
    pub(super) const MOST_WAITING: usize = 1024;

    /// The first fetch is due at once.
    pub(super) fn new(settings: &Settings, now: Duration) -> Self {
        Self {
            cool_down: settings.cool_down,
            patience: settings.timeout,
            wait_for_first: settings.wait_for_first,
            running: false,
            began: None,
            cooling: [None; 2],
            failures: 0,
            due: now,
            wished: Some(now),
            paid_by: None,
            sought: Sought::default(),
            seeking: Sought::default(),
            unknown: NegativeCache::new(settings.negative_life),
            expiry: None,
            fetches: 0,
            last_error: None,
        }
    }

    /// Starts a fetch if one is due and permitted; it runs until [`succeeded`](Self::succeeded) or
    /// [`failed`](Self::failed).
    pub(super) fn begin(&mut self, now: Duration) -> bool {
        // A wish is made where its budget permits it, and `due` is a cool-down after every start.
        if self.running || (self.wished.is_none() && now < self.due) {
            return false;
        }
        self.running = true;
        self.began = Some(now);
        self.wished = None;
        if let Some(budget) = self.paid_by.take() {
            self.cooling[budget as usize] = Some(now);
        }
        self.sought = std::mem::take(&mut self.seeking);
        self.fetches += 1;
        true
    }

    /// Records a fetch whose keys have this life, and returns the missing keys that it did not
    /// return. `jitter` is from 0 to below 1.
    pub(super) fn succeeded(
        &mut self,
        now: Duration,
        life: Duration,
        jitter: f64,
        brought: &HashSet<u64>,
    ) -> Option<InVain> {
        self.running = false;
        self.failures = 0;
        self.last_error = None;
        self.due = now
            .saturating_add(life.mul_f64(0.80 - 0.08 * fraction(jitter)))
            .max(self.cooled(self.began));
        let sought = std::mem::take(&mut self.sought);
        let mut count = 0;
        for name in sought.names.difference(brought) {
            self.unknown.insert(now, *name);
            count += 1;
        }
        (count > 0).then(|| InVain {
            example: sought.example.unwrap_or_default(),
            count,
        })
    }

    /// Records a failed fetch: the pause doubles with each consecutive failure.
    pub(super) fn failed(&mut self, now: Duration, jitter: f64, error: OidcError) {
        self.running = false;
        self.cooling = [self.began; 2];
        self.last_error = Some(error);
        self.sought = Sought::default();
        let doubled = self.cool_down.saturating_mul(1 << self.failures.min(16));
        let pause = doubled.min(LONGEST_PAUSE.max(self.cool_down));
        self.failures = self.failures.saturating_add(1);
        self.due = now
            .saturating_add(pause.mul_f64(1.0 + 0.1 * fraction(jitter)))
            .max(self.cooled(self.began));
    }

    /// Returns the answer to a request whose key is missing: `named`, or any key if the token names
    /// none. `waiting` is the number of waiting requests.
    pub(super) fn miss(
        &mut self,
        now: Duration,
        named: Option<Named<'_>>,
        has_keys: bool,
        waiting: usize,
    ) -> Verdict {
        let budget = match named {
            Some(named) if self.unknown.contains(now, named.hash) => Budget::Repeated,
            _ => Budget::New,
        };
        let permitted = self.cooled(self.cooling[budget as usize]);
        if !self.is_coming() && now < permitted {
            return if has_keys && self.failures == 0 {
                Verdict::Pointless
            } else {
                Verdict::Unavailable(retry_after(now, permitted))
            };
        }
        if self
            .wished
            .is_some_and(|since| now > since.saturating_add(self.patience))
        {
            // The fetch does not begin: the runtime exists but does not run.
            return Verdict::Unavailable(*RETRY.start());
        }
        if !self.running {
            if self.wished.is_none() {
                self.wished = Some(now);
                self.paid_by = Some(budget);
            }
            self.seeking.add(named);
        }
        if waiting >= Self::MOST_WAITING || !(has_keys || self.wait_for_first) {
            return Verdict::Unavailable(self.retry_after(now));
        }
        Verdict::Wait
    }

    /// The time of the next fetch.
    pub(super) fn due(&self) -> Duration {
        self.wished.unwrap_or(self.due)
    }

    /// The time of the next action: a fetch, or the report of the expiry.
    pub(super) fn next(&self) -> Duration {
        self.expiry
            .map_or(self.due(), |expiry| expiry.min(self.due()))
    }

    /// Sets the expiry of the keys, or none if its report is not wanted.
    pub(super) fn expires(&mut self, expiry: Option<Duration>) {
        self.expiry = expiry;
    }

    /// Returns, once, whether the keys have expired.
    pub(super) fn has_expired(&mut self, now: Duration) -> bool {
        self.expiry.take_if(|expiry| *expiry <= now).is_some()
    }

    /// The earliest time of a fetch for a request without keys, which may name any key.
    pub(super) fn permitted(&self) -> Duration {
        self.cooled(self.cooling[Budget::New as usize])
    }

    /// The end of the cool-down after that start.
    fn cooled(&self, began: Option<Duration>) -> Duration {
        began.map_or(Duration::ZERO, |began| began.saturating_add(self.cool_down))
    }

    /// The `Retry-After` for a client.
    pub(super) fn retry_after(&self, now: Duration) -> Duration {
        if self.is_coming() {
            return *RETRY.start();
        }
        retry_after(now, self.permitted())
    }

    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) const fn fetches(&self) -> u64 {
        self.fetches
    }

    pub(super) const fn last_error(&self) -> Option<&OidcError> {
        self.last_error.as_ref()
    }

    /// Returns `true` if a fetch is requested that has not begun yet.
    pub(super) const fn is_wished(&self) -> bool {
        self.wished.is_some()
    }

    /// The number of hashes in memory.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.sought.names.len() + self.seeking.names.len() + self.unknown.len()
    }

    const fn is_coming(&self) -> bool {
        self.running || self.wished.is_some()
    }
}

impl Sought {
    fn add(&mut self, named: Option<Named<'_>>) {
        if let Some(named) = named
            && self.names.len() < Schedule::MOST_WAITING
        {
            self.names.insert(named.hash);
            self.example
                .get_or_insert_with(|| named.kid.chars().take(64).collect());
        }
    }
}

/// The `Retry-After` until a fetch is permitted.
pub(super) fn retry_after(now: Duration, permitted: Duration) -> Duration {
    permitted
        .saturating_sub(now)
        .clamp(*RETRY.start(), *RETRY.end())
}

/// Returns the jitter, or 0 if it is out of range.
pub(super) fn fraction(jitter: f64) -> f64 {
    if (0.0..1.0).contains(&jitter) {
        jitter
    } else {
        0.0
    }
}
