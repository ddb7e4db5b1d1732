//! What this process knows of what was taken back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::entry::{Revocation, RevocationKey, RevocationKind};
use super::filter::Filter;

/// How long after it was confirmed the replica counts as in sync, in microseconds.
const IN_SYNC: u64 = 1_000_000;

/// Every live entry of one issuer, as far as this process has heard of them, and until when it may be relied upon.
///
/// Nothing that is known is forgotten before it expires, whatever the store says later: a token that was refused once stays
/// refused.
pub(super) struct Replica {
    issuer: String,
    most: usize,
    filter: Filter,
    /// Whoever writes holds it, also while writing to the filter.
    known: Mutex<Known>,
    /// What the two times below count from.
    base: Instant,
    /// Until when the replica counts as in sync, in microseconds; 0 if it does not.
    in_sync_until: AtomicU64,
    /// As of when the replica was last complete, in microseconds and one more; 0 if it never was.
    confirmed: AtomicU64,
}

#[derive(Default)]
struct Known {
    /// For each kind, what is known of which name.
    entries: [HashMap<Box<str>, Extent>; 4],
    /// There was no room for an entry, so that what is here cannot be complete.
    over_full: bool,
}

/// Which tokens of a name are revoked, and until when.
#[derive(Clone, Copy)]
struct Extent {
    before: u64,
    expires_at: u64,
}

/// There are more entries than the replica may hold.
#[derive(Debug)]
pub(super) struct OverFull;

/// The names that a token can be revoked by.
pub(super) struct Names<'a> {
    pub(super) names: [Option<(RevocationKind, &'a str)>; 5],
    /// When the token was issued. One that does not say so may have been issued at any time.
    pub(super) issued_at: u64,
}

impl<'a> Names<'a> {
    pub(super) fn iter(&self) -> impl Iterator<Item = (RevocationKind, &'a str)> {
        self.names.iter().copied().flatten()
    }

    /// Whether the entry, which is for one of the names, takes the token back at `now`.
    pub(super) fn taken_back_by(&self, before: u64, expires_at: u64, now: u64) -> bool {
        expires_at > now && (before == Revocation::ALL || self.issued_at < before)
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
            in_sync_until: AtomicU64::new(0),
            confirmed: AtomicU64::new(0),
        }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whether it is known that the token was taken back. `now` is only asked for if something was found.
    pub(super) fn revokes(&self, names: &Names<'_>, now: impl Fn() -> u64) -> bool {
        names.iter().any(|(kind, name)| {
            self.filter.may_have(kind.tag(), name)
                && self.known().entries[kind.index()]
                    .get(name)
                    .is_some_and(|extent| names.taken_back_by(extent.before, extent.expires_at, now()))
        })
    }

    /// Takes note of entries, those of other issuers left out.
    pub(super) fn learn<'a>(
        &self,
        entries: impl IntoIterator<Item = &'a Revocation>,
        now: u64,
    ) -> Result<(), OverFull> {
        let mut known = self.known();
        for entry in entries {
            if entry.key.issuer() != self.issuer || entry.expires_at <= now {
                continue;
            }
            if !known.widen(entry) {
                if known.len() >= self.most {
                    self.forget_expired(&mut known, now);
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
        Ok(())
    }

    /// Drops what has expired, and the bits that it has set.
    pub(super) fn purge(&self, now: u64) {
        self.forget_expired(&mut self.known(), now);
    }

    fn forget_expired(&self, known: &mut Known, now: u64) {
        let before = known.len();
        for entries in &mut known.entries {
            entries.retain(|_, extent| extent.expires_at > now);
        }
        if known.len() < before {
            self.filter.keep_only(known.names());
        }
    }

    /// Everything was here that the store had at `moment`.
    pub(super) fn confirm(&self, moment: Instant) {
        let known = self.known();
        if !known.over_full {
            let micros = self.micros(moment);
            self.confirmed.store(micros + 1, Ordering::Release);
            self.in_sync_until.store(micros + IN_SYNC, Ordering::Release);
        }
    }

    /// Forgets that there was no room, as all is going to be learnt anew.
    pub(super) fn begin_anew(&self, now: u64) {
        let mut known = self.known();
        known.over_full = false;
        self.forget_expired(&mut known, now);
    }

    /// Something was missed, or may have been.
    pub(super) fn lose_sync(&self) {
        self.in_sync_until.store(0, Ordering::Release);
    }

    /// Whether all is here that the store had a second ago. To be asked before the entries are looked at.
    pub(super) fn is_in_sync(&self) -> bool {
        // A replica that is not in sync costs no look at the clock.
        let until = self.in_sync_until.load(Ordering::Acquire);
        until != 0 && self.micros(Instant::now()) < until
    }

    /// How long ago all was here that the store had; `None` if that never was.
    pub(super) fn age(&self) -> Option<Duration> {
        let confirmed = self.confirmed.load(Ordering::Acquire).checked_sub(1)?;
        Some(Duration::from_micros(
            self.micros(Instant::now()).saturating_sub(confirmed),
        ))
    }

    /// How many entries are known, and whether there was no room for more.
    pub(super) fn size(&self) -> (usize, bool) {
        let known = self.known();
        (known.len(), known.over_full)
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

    /// Widens what is known of that key; `false` if nothing is.
    fn widen(&mut self, entry: &Revocation) -> bool {
        let extent = self.entries[entry.key.kind().index()].get_mut(entry.key.value());
        if let Some(extent) = extent {
            extent.before = extent.before.max(entry.before);
            extent.expires_at = extent.expires_at.max(entry.expires_at);
            true
        } else {
            false
        }
    }

    fn insert(&mut self, entry: &Revocation) {
        let extent = Extent {
            before: entry.before,
            expires_at: entry.expires_at,
        };
        self.entries[entry.key.kind().index()].insert(entry.key.value().into(), extent);
    }

    fn names(&self) -> impl Iterator<Item = (u8, &str)> {
        let kinds = RevocationKind::EVERY.iter().zip(&self.entries);
        kinds.flat_map(|(kind, entries)| entries.keys().map(|name| (kind.tag(), &**name)))
    }
}

/// The keys that a store is asked for.
pub(super) fn keys(issuer: &str, names: &Names<'_>) -> Vec<RevocationKey> {
    let key = |(kind, name)| RevocationKey::new(kind, issuer, name);
    names.iter().map(key).collect()
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

    fn revokes(replica: &Replica, name: &str, now: u64) -> bool {
        let names = Names {
            names: [Some((RevocationKind::Session, name)), None, None, None, None],
            issued_at: 0,
        };
        replica.revokes(&names, || now)
    }

    #[tokio::test]
    async fn a_live_entry_is_never_missed_while_others_come_and_go() {
        const ROUNDS: u64 = 30_000;
        const LIFE: u64 = 1_000;
        let replica = Replica::new("iss".to_owned(), 5_000);
        let names: Vec<String> = (0..ROUNDS).map(|round| format!("passing-{round}")).collect();
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
                            let found = revokes(&replica, &names[usize::try_from(round).unwrap()], 0);
                            // A reader that the system has set aside may find that the entry has ended meanwhile.
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
    async fn what_has_expired_leaves_no_bit_behind() {
        let replica = Replica::new("iss".to_owned(), 10);
        replica.learn(&[entry("a", 5), entry("b", 6)], 4).unwrap();
        assert!(revokes(&replica, "a", 4) && !revokes(&replica, "a", 5));
        replica.purge(5);
        assert!(!replica.filter.may_have(b's', "a"));
        assert!(revokes(&replica, "b", 5));
    }

    #[tokio::test]
    async fn without_room_it_is_never_in_sync() {
        let replica = Replica::new("iss".to_owned(), 2);
        replica.confirm(Instant::now());
        assert!(replica.is_in_sync());
        replica.learn(&[entry("a", 9), entry("b", 5)], 4).unwrap();
        assert!(replica.learn(&[entry("c", 9)], 4).is_err());
        replica.confirm(Instant::now());
        assert!(!replica.is_in_sync());
        assert!(revokes(&replica, "a", 4) && revokes(&replica, "b", 4));

        replica.begin_anew(5);
        replica.learn(&[entry("a", 9), entry("c", 9)], 5).unwrap();
        replica.confirm(Instant::now());
        assert!(replica.is_in_sync() && revokes(&replica, "c", 5));
    }
}
