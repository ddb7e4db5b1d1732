//! The replica of the revocations in this process.

use std::collections::hash_map::{Entry, HashMap};
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

use super::entry::{Revocation, RevocationKey, RevocationKind, owner};
use super::filter::Filter;
use crate::clock::ended_until;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// The time that the replica stays in sync after a confirmation, in microseconds.
const IN_SYNC: u64 = 1_000_000;

/// A replica of all live entries of one issuer, with the time until which it counts as in sync.
///
/// Entries are dropped only when they end by the clocks of this instance and of the store,
/// regardless of later answers of the store: a token that was refused once stays refused.
pub(super) struct Replica {
    issuer: String,
    most: usize,
    filter: Filter,
    /// Held by writers, also while they write to the filter.
    known: Mutex<Known>,
    /// The origin of the three times below.
    base: Instant,
    /// The store's clock at `base`, in seconds since the epoch; 0 until it is known. The monotonic
    /// clock carries it on.
    store_base: AtomicU64,
    /// The end of the time in sync, in microseconds; 0 if out of sync.
    in_sync_until: AtomicU64,
    /// The time when the replica was last complete, in microseconds plus one; 0 if it never was.
    confirmed: AtomicU64,
}

#[derive(Default)]
struct Known {
    /// The entries by kind and name.
    entries: [HashMap<Box<str>, Extent>; RevocationKind::EVERY.len()],
    /// The number of entries of each owner.
    owned: HashMap<u64, usize>,
    /// `true` if an entry did not fit, so that the replica is incomplete.
    over_full: bool,
}

/// The tokens of a name that are revoked, and the end of the entry.
#[derive(Clone, Copy)]
struct Extent {
    before: u64,
    expires_at: u64,
}

impl Extent {
    /// Returns whether the entry revokes a token that was issued at `issued_at`.
    const fn covers(self, issued_at: u64) -> bool {
        Revocation::is_all(self.before) || issued_at < self.before
    }
}

impl From<&Revocation> for Extent {
    fn from(entry: &Revocation) -> Self {
        Self {
            before: entry.before,
            expires_at: entry.expires_at,
        }
    }
}

/// The error if there are more entries than the replica may hold.
#[derive(Debug)]
pub(super) struct OverFull;

/// The names that a token can be revoked by.
pub(super) struct Names<'a> {
    pub(super) of_token: [Option<(RevocationKind, &'a str)>; 5],
    /// The session of the actor and the actor.
    pub(super) of_actor: [Option<(RevocationKind, &'a str)>; 2],
    /// The token's `iat`; 0 if it has none, as it may have been issued at any time.
    pub(super) issued_at: u64,
}

impl<'a> Names<'a> {
    /// Returns the names, each with the time that its entry is compared with. A refresh of the
    /// actor may revoke the earlier tokens of that session; only its end revokes this token.
    pub(super) fn dated(&self) -> impl Iterator<Item = (RevocationKind, &'a str, u64)> {
        let own = self.of_token.iter().flatten();
        let own = own.map(|(kind, name)| (*kind, *name, self.issued_at));
        own.chain(self.of_actor.iter().flatten().map(|(kind, name)| {
            let issued_at = match kind {
                RevocationKind::Session => Revocation::LAST_TIME,
                _ => self.issued_at,
            };
            (*kind, *name, issued_at)
        }))
    }
}

impl Replica {
    pub(super) fn new(issuer: String, most: usize) -> Self {
        Self {
            issuer,
            most,
            filter: Filter::new(most),
            known: Mutex::default(),
            base: Instant::now(),
            store_base: AtomicU64::new(0),
            in_sync_until: AtomicU64::new(0),
            confirmed: AtomicU64::new(0),
        }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns whether the token is known to be revoked. Calls `now` only if an entry was found.
    pub(super) fn revokes(&self, names: &Names<'_>, now: impl Fn() -> u64) -> bool {
        names.dated().any(|(kind, name, issued_at)| {
            self.filter.may_have(kind.tag(), name)
                && self.known().entries[kind.index()]
                    .get(name)
                    .is_some_and(|extent| self.applies(*extent, issued_at, now()))
        })
    }

    /// Returns whether the entry revokes a token that was issued at `issued_at`.
    pub(super) fn revokes_by(&self, entry: &Revocation, issued_at: u64, now: u64) -> bool {
        self.applies(entry.into(), issued_at, now)
    }

    fn applies(&self, extent: Extent, issued_at: u64, now: u64) -> bool {
        // The store's clock is read only for an entry that has ended by this instance's.
        extent.covers(issued_at)
            && (extent.expires_at > now || extent.expires_at > self.ended_until(now))
    }

    /// Sets the store's clock, which has just been read.
    pub(super) fn set_store_clock(&self, seconds: u64) {
        let passed = self.micros(Instant::now()) / 1_000_000;
        self.store_base
            .store(seconds.saturating_sub(passed), Ordering::Relaxed);
    }

    /// The store's clock now; near zero until it is known.
    pub(super) fn store_clock(&self) -> u64 {
        let base = self.store_base.load(Ordering::Relaxed);
        base.saturating_add(self.micros(Instant::now()) / 1_000_000)
    }

    /// The time up to which entries have ended, by both clocks.
    pub(super) fn ended_until(&self, now: u64) -> u64 {
        ended_until(now, self.store_clock())
    }

    /// Adds entries. Skips those of other issuers, and those that no token is checked for.
    pub(super) fn learn<'a>(
        &self,
        entries: impl IntoIterator<Item = &'a Revocation>,
        now: u64,
    ) -> Result<(), OverFull> {
        let ended = self.ended_until(now);
        let mut known = self.known();
        for entry in entries {
            if entry.key.issuer() != self.issuer
                || entry.expires_at <= ended
                || entry.key.kind() == RevocationKind::SubjectSessions
            {
                continue;
            }
            if !known.widen(entry) {
                if known.len() >= self.most {
                    self.drop_expired(&mut known, now);
                }
                if known.len() >= self.most {
                    known.over_full = true;
                    self.in_sync_until.store(0, Ordering::Release);
                    return Err(OverFull);
                }
                known.insert(entry);
            }
            self.filter.add(entry.key.kind().tag(), entry.key.value());
        }
        // One that did not fit before is read again by the next snapshot.
        if known.over_full {
            Err(OverFull)
        } else {
            Ok(())
        }
    }

    /// Drops expired entries and their bits in the filter.
    pub(super) fn purge(&self, now: u64) {
        self.drop_expired(&mut self.known(), now);
    }

    fn drop_expired(&self, known: &mut Known, now: u64) {
        let ended = self.ended_until(now);
        let before = known.len();
        let mut gone = Vec::new();
        for entries in &mut known.entries {
            entries.retain(|_, extent| {
                let lives = extent.expires_at > ended;
                if !lives {
                    gone.push(Revocation::owner_in(extent.before));
                }
                lives
            });
        }
        for owner in gone {
            known.disown(owner);
        }
        if known.len() < before {
            self.filter.keep_only(known.names());
        }
    }

    /// Marks the replica as complete at `moment`.
    pub(super) fn confirm(&self, moment: Instant) {
        let known = self.known();
        if !known.over_full {
            let micros = self.micros(moment);
            self.confirmed.store(micros + 1, Ordering::Release);
            self.in_sync_until
                .store(micros + IN_SYNC, Ordering::Release);
        }
    }

    /// Clears the over-full state before all entries are read again.
    pub(super) fn restart(&self, now: u64) {
        let mut known = self.known();
        known.over_full = false;
        self.drop_expired(&mut known, now);
    }

    /// Marks the replica as out of sync.
    pub(super) fn lose_sync(&self) {
        self.in_sync_until.store(0, Ordering::Release);
    }

    /// Returns whether the replica is in sync. Must be called before [`revokes`](Self::revokes).
    pub(super) fn is_in_sync(&self) -> bool {
        // A replica out of sync does not read the clock.
        let until = self.in_sync_until.load(Ordering::Acquire);
        until != 0 && self.micros(Instant::now()) < until
    }

    /// The time since the replica was last complete; `None` if it never was.
    pub(super) fn age(&self) -> Option<Duration> {
        let confirmed = self.confirmed.load(Ordering::Acquire).checked_sub(1)?;
        Some(Duration::from_micros(
            self.micros(Instant::now()).saturating_sub(confirmed),
        ))
    }

    /// The number of entries, and whether some did not fit.
    pub(super) fn size(&self) -> (usize, bool) {
        let known = self.known();
        (known.len(), known.over_full)
    }

    /// The maximum number of entries.
    pub(super) const fn most(&self) -> usize {
        self.most
    }

    /// The number of known entries that count as those of `subject`.
    pub(super) fn owned_by(&self, subject: &str) -> usize {
        let owner = owner(subject);
        self.known().owned.get(&owner).copied().unwrap_or(0)
    }

    fn micros(&self, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(self.base);
        since.as_secs() * 1_000_000 + u64::from(since.subsec_micros())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn len(&self) -> usize {
        self.entries.iter().map(HashMap::len).sum()
    }

    /// Extends the entry of the same key. Returns `false` if there is none.
    fn widen(&mut self, entry: &Revocation) -> bool {
        let extent = self.entries[entry.key.kind().index()].get_mut(entry.key.value());
        if let Some(extent) = extent {
            let former = Revocation::owner_in(extent.before);
            extent.before = extent.before.max(entry.before);
            extent.expires_at = extent.expires_at.max(entry.expires_at);
            let owner = Revocation::owner_in(extent.before);
            if owner != former {
                self.disown(former);
                self.own(owner);
            }
            true
        } else {
            false
        }
    }

    fn insert(&mut self, entry: &Revocation) {
        self.own(Revocation::owner_in(entry.before));
        self.entries[entry.key.kind().index()].insert(entry.key.value().into(), entry.into());
    }

    fn own(&mut self, owner: Option<u64>) {
        if let Some(owner) = owner {
            *self.owned.entry(owner).or_default() += 1;
        }
    }

    fn disown(&mut self, owner: Option<u64>) {
        if let Some(owner) = owner
            && let Entry::Occupied(mut count) = self.owned.entry(owner)
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    fn names(&self) -> impl Iterator<Item = (u8, &str)> {
        let kinds = RevocationKind::EVERY.iter().zip(&self.entries);
        kinds.flat_map(|(kind, entries)| entries.keys().map(|name| (kind.tag(), &**name)))
    }
}

/// Returns the keys to query the store for.
pub(super) fn keys(issuer: &str, names: &Names<'_>) -> (Vec<RevocationKey>, Vec<u64>) {
    let dated = names.dated();
    let keys = dated.map(|(kind, name, at)| (RevocationKey::new(kind, issuer, name), at));
    keys.unzip()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64};

    use super::*;

    fn entry(value: &str, expires_at: u64) -> Revocation {
        Revocation {
            key: RevocationKey::new(RevocationKind::Session, "iss", value),
            before: Revocation::ALL,
            expires_at,
        }
    }

    fn replica(most: usize) -> Replica {
        let replica = Replica::new("iss".to_owned(), most);
        replica.set_store_clock(1_700_000_000);
        replica
    }

    fn revokes(replica: &Replica, name: &str, now: u64) -> bool {
        let names = Names {
            of_token: [
                Some((RevocationKind::Session, name)),
                None,
                None,
                None,
                None,
            ],
            of_actor: [None; 2],
            issued_at: 0,
        };
        replica.revokes(&names, || now)
    }

    #[tokio::test]
    async fn a_live_entry_is_never_missed_during_changes() {
        const ROUNDS: u64 = 30_000;
        const LIFE: u64 = 1_000;
        let replica = replica(5_000);
        let names: Vec<String> = (0..ROUNDS)
            .map(|round| format!("passing-{round}"))
            .collect();
        let lasting: Vec<String> = (0..100).map(|number| format!("lasting-{number}")).collect();
        let forever: Vec<Revocation> = lasting.iter().map(|name| entry(name, u64::MAX)).collect();
        replica.learn(&forever, 0).unwrap();
        let learnt = AtomicU64::new(0);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        for name in &lasting {
                            assert!(revokes(&replica, name, 0), "{name}");
                        }
                        let newest = learnt.load(Ordering::Acquire);
                        for round in newest.saturating_sub(100)..newest {
                            let found =
                                revokes(&replica, &names[usize::try_from(round).unwrap()], 0);
                            // A reader that was suspended may find that the entry has expired in
                            // the meantime.
                            let ended = || learnt.load(Ordering::Acquire) > round + LIFE;
                            assert!(found || ended(), "{round}");
                        }
                    }
                });
            }
            for round in 0..ROUNDS {
                let name = &names[usize::try_from(round).unwrap()];
                replica.learn(&[entry(name, round + LIFE)], round).unwrap();
                learnt.store(round + 1, Ordering::Release);
                if round.is_multiple_of(50) {
                    replica.purge(round);
                }
            }
            over.store(true, Ordering::Relaxed);
        });
        assert!(replica.size().0 <= 5_000);
    }

    #[tokio::test]
    async fn an_expired_entry_leaves_no_bit_behind() {
        let replica = replica(10);
        replica.learn(&[entry("a", 5), entry("b", 6)], 4).unwrap();
        assert!(revokes(&replica, "a", 4) && !revokes(&replica, "a", 5));
        replica.purge(5);
        assert!(!replica.filter.may_have(b's', "a"));
        assert!(revokes(&replica, "b", 5));
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_ends_by_both_clocks() {
        const NOW: u64 = 1_700_000_000;
        let replica = replica(10);
        replica.learn(&[entry("a", NOW + 900)], NOW).unwrap();
        for ahead in [0, 899, 900, 3600, 7200] {
            replica.purge(NOW + ahead);
            assert!(revokes(&replica, "a", NOW + ahead), "{ahead} s ahead");
        }
        // An entry that has ended by this instance's clock alone is learnt.
        replica.learn(&[entry("b", NOW + 1)], NOW + 3600).unwrap();
        assert!(revokes(&replica, "b", NOW));
        tokio::time::advance(std::time::Duration::from_secs(900)).await;
        assert!(revokes(&replica, "a", NOW + 899), "this instance is late");
        assert!(!revokes(&replica, "a", NOW + 900));
        replica.purge(NOW);
        assert_eq!(replica.size().0, 2);
        replica.purge(NOW + 900);
        assert_eq!(replica.size().0, 0);

        // A clock that stands still keeps no entry for ever.
        replica.set_store_clock(NOW);
        replica.learn(&[entry("c", NOW + 900)], NOW).unwrap();
        replica.purge(NOW + 900 + 7199);
        assert_eq!(replica.size().0, 1);
        replica.purge(NOW + 900 + 7200);
        assert_eq!(replica.size().0, 0);
    }

    #[tokio::test]
    async fn an_unknown_clock_of_the_store_ends_nothing_early() {
        const NOW: u64 = 1_700_000_000;
        let replica = Replica::new("iss".to_owned(), 10);
        replica.learn(&[entry("a", NOW - 7199)], NOW).unwrap();
        replica.learn(&[entry("b", NOW - 7200)], NOW).unwrap();
        assert_eq!(replica.size().0, 1);
    }

    #[tokio::test]
    async fn an_over_full_replica_is_never_in_sync() {
        let replica = replica(2);
        replica.confirm(Instant::now());
        assert!(replica.is_in_sync());
        replica.learn(&[entry("a", 9), entry("b", 5)], 4).unwrap();
        assert!(replica.learn(&[entry("c", 9)], 4).is_err());
        replica.confirm(Instant::now());
        assert!(!replica.is_in_sync());
        assert!(revokes(&replica, "a", 4) && revokes(&replica, "b", 4));

        replica.restart(5);
        replica.learn(&[entry("a", 9), entry("c", 9)], 5).unwrap();
        replica.confirm(Instant::now());
        assert!(replica.is_in_sync() && revokes(&replica, "c", 5));
    }
}
