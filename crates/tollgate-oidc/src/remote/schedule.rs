//! When keys are fetched, and what a token is told whose key is not there. Nothing here waits, and nothing here has a clock.
//!
//! The one law: after a fetch that a request has wished for, and after any that has failed, none begins for a cool-down. So
//! what strangers can cause is one fetch a cool-down, whatever they send, and an issuer in trouble is not asked more often
//! either. A fetch of the schedule's own that has brought keys takes nothing from that: a key that changes right after it is
//! found at once. The law holds because [`begin`](Schedule::begin) is the only place that lets one begin.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::negative_cache::UnknownKeys;
use crate::error::OidcError;
use crate::settings::Settings;

/// The longest pause that failures in a row add up to.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// What a client is told to wait at least and at most.
const RETRY: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(60);

/// When keys are fetched.
#[derive(Debug)]
pub(super) struct Schedule {
    cool_down: Duration,
    /// How long a request waits, and so how long a wish that nobody fulfils is believed in.
    patience: Duration,
    wait_for_first: bool,

    /// Whether a fetch is on its way.
    running: bool,
    /// When the last one began.
    began: Option<Duration>,
    /// When the last one began that a request had wished for, or that failed: a cool-down follows.
    cooling: Option<Duration>,
    /// How many failed since the last one that did not.
    failures: u32,
    /// When the next one is due, if nobody wishes for one before.
    due: Duration,
    /// Since when one is wished for that has not begun yet.
    wished: Option<Duration>,
    /// Whether it is a request that wishes, and not the beginning of it all.
    requested: bool,
    /// The keys that were looked for before the running fetch began: if it does not bring them, they are not there.
    sought: Sought,
    /// The same for the next one.
    seeking: Sought,
    unknown: UnknownKeys,
    /// When the keys are of no more use, until that was told.
    expiry: Option<Duration>,
    fetches: u64,
    last_error: Option<OidcError>,
}

/// Names of keys as hashes, and one to show.
#[derive(Debug, Default)]
struct Sought {
    names: HashSet<u64>,
    example: Option<String>,
}

/// What a request is told that misses a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The keys are as new as they can be.
    Pointless,
    /// Whether there is such a key cannot be told now; after this time it may be.
    Unavailable(Duration),
    /// A fetch is on its way, or will begin now: its end is worth waiting for.
    Wait,
}

/// A key that a token names and that is not there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'t> {
    /// A keyed hash of its `kid` and its algorithm.
    pub(super) hash: u64,
    pub(super) kid: &'t str,
}

/// Names that a fetch did not bring.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InVain {
    pub(super) example: String,
    pub(super) count: usize,
}

impl Schedule {
    /// The most requests that wait at a time, and the most names that are kept for one fetch.
    pub(super) const MOST_WAITING: usize = 1024;

    /// The first fetch is due at once.
    pub(super) fn new(settings: &Settings, now: Duration) -> Self {
        Self {
            cool_down: settings.cool_down,
            patience: settings.timeout,
            wait_for_first: settings.wait_for_first,
            running: false,
            began: None,
            cooling: None,
            failures: 0,
            due: now,
            wished: Some(now),
            requested: false,
            sought: Sought::default(),
            seeking: Sought::default(),
            unknown: UnknownKeys::new(settings.negative_life),
            expiry: None,
            fetches: 0,
            last_error: None,
        }
    }

    /// Whether a fetch begins now; it is then on its way until [`succeeded`](Self::succeeded) or [`failed`](Self::failed).
    pub(super) fn begin(&mut self, now: Duration) -> bool {
        let wanted = self.wished.is_some() || now >= self.due;
        if self.running || !wanted || now < self.permitted() {
            return false;
        }
        self.running = true;
        self.began = Some(now);
        self.wished = None;
        if std::mem::take(&mut self.requested) {
            self.cooling = Some(now);
        }
        self.sought = std::mem::take(&mut self.seeking);
        self.fetches += 1;
        true
    }

    /// The fetch brought keys that are fresh for `life`. Gives the names that it was made for and did not bring. `jitter` is
    /// from 0 to below 1.
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

    /// The fetch brought nothing: the pause doubles with each failure in a row.
    pub(super) fn failed(&mut self, now: Duration, jitter: f64, error: OidcError) {
        self.running = false;
        self.cooling = self.began;
        self.last_error = Some(error);
        self.sought = Sought::default();
        let doubled = self.cool_down.saturating_mul(1 << self.failures.min(16));
        let pause = doubled.min(LONGEST_PAUSE.max(self.cool_down));
        self.failures = self.failures.saturating_add(1);
        self.due = now
            .saturating_add(pause.mul_f64(1.0 + 0.1 * fraction(jitter)))
            .max(self.permitted());
    }

    /// What a request is told that misses a key: `named`, or any key where its token names none. `waiting` is how many wait
    /// already.
    pub(super) fn miss(
        &mut self,
        now: Duration,
        named: Option<Named<'_>>,
        has_keys: bool,
        waiting: usize,
    ) -> Verdict {
        if let Some(named) = named
            && has_keys
            && self.unknown.contains(now, named.hash)
        {
            return Verdict::Pointless;
        }
        if !self.is_coming() && now < self.permitted() {
            return if has_keys && self.failures == 0 {
                Verdict::Pointless
            } else {
                Verdict::Unavailable(self.retry_after(now))
            };
        }
        if self
            .wished
            .is_some_and(|since| now > since.saturating_add(self.patience))
        {
            // nobody fetches: the runtime is there and does not run
            return Verdict::Unavailable(*RETRY.start());
        }
        if !self.running {
            self.requested |= self.wished.is_none();
            self.wished.get_or_insert(now);
            self.seeking.add(named);
        }
        if waiting >= Self::MOST_WAITING || !(has_keys || self.wait_for_first) {
            return Verdict::Unavailable(self.retry_after(now));
        }
        Verdict::Wait
    }

    /// When the next fetch is due.
    pub(super) fn due(&self) -> Duration {
        match self.wished {
            Some(since) => since.max(self.permitted()),
            None => self.due.max(self.permitted()),
        }
    }

    /// When there is something to do next: to fetch, or to tell that the keys have expired.
    pub(super) fn next(&self) -> Duration {
        self.expiry.map_or(self.due(), |expiry| expiry.min(self.due()))
    }

    /// The keys are of use until then.
    pub(super) fn expires(&mut self, expiry: Duration) {
        self.expiry = Some(expiry);
    }

    /// Whether the keys are of no more use, which is to be told now.
    pub(super) fn has_expired(&mut self, now: Duration) -> bool {
        self.expiry.take_if(|expiry| *expiry <= now).is_some()
    }

    /// The time before which none may begin.
    pub(super) fn permitted(&self) -> Duration {
        self.cooled(self.cooling)
    }

    /// When the cool-down is over that a beginning starts.
    fn cooled(&self, began: Option<Duration>) -> Duration {
        began.map_or(Duration::ZERO, |began| began.saturating_add(self.cool_down))
    }

    /// What a client is told that has to come again.
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

    /// Whether a fetch is wished for that has not begun yet.
    pub(super) const fn is_wished(&self) -> bool {
        self.wished.is_some()
    }

    /// How many names are kept.
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

/// What a client is told that has to come again once a fetch is permitted.
pub(super) fn retry_after(now: Duration, permitted: Duration) -> Duration {
    permitted.saturating_sub(now).clamp(*RETRY.start(), *RETRY.end())
}

/// Chance as it was given, unless it is none.
fn fraction(jitter: f64) -> f64 {
    if (0.0..1.0).contains(&jitter) { jitter } else { 0.0 }
}
