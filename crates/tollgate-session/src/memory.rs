//! A store in memory.

use std::collections::hash_map::{Entry, HashMap, RandomState};
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::future::ready;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, PoisonError};

use tokio::sync::watch;
use tollgate_core::Clock;

use crate::attempts::{AttemptCharge, AttemptLevel, AttemptMemory};
use crate::clock::{SteadyClock, ended_until};
use crate::id::SessionId;
use crate::revocation::{
    Position, Revocation, RevocationFeed, RevocationKey, RevocationKind, RevocationSnapshot,
    RevocationStore,
};
use crate::store::{SessionStore, StoreError, StoreErrorKind, StoreFuture, StoredSession};
use crate::sync::{Mutex, MutexGuard};

/// A store that keeps sessions and revocations in the memory of one process. Clones share their
/// content.
///
/// The store is bounded. Expired entries make room. If there are none, it returns
/// [`Full`](StoreErrorKind::Full) and never drops a live entry.
///
/// The store's clock is a [`SteadyClock`] that starts with the store. An entry is dropped when it
/// has ended by that clock and by the caller's, see [`ended_until`].
///
/// ```
/// use tollgate::session::{MemoryStore, SessionId, SessionStore, StoredSession};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let store = MemoryStore::default();
/// let session = StoredSession {
///     id: SessionId::new([7; 16]),
///     subject: "u-7".to_owned(),
///     revision: 1,
///     expires_at: 1_700_000_900,
///     data: b"{}".to_vec(),
/// };
/// assert!(store.insert(&session, 1_700_000_000).await?);
/// assert_eq!(store.clone().load(&session.id, 1_700_000_000).await?, Some(session.clone()));
/// assert_eq!(store.load(&session.id, 1_700_000_900).await?, None, "it has expired");
/// # Ok::<(), tollgate::session::StoreError>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
}

struct Shared {
    state: Mutex<State>,
    hints: watch::Sender<()>,
    max_sessions: usize,
    max_revocations: usize,
    attempts: AttemptMemory,
}

struct State {
    sessions: HashMap<SessionId, StoredSession>,
    of_subject: HashMap<String, HashSet<SessionId>>,
    /// Ordered by expiry.
    session_ends: BTreeSet<(u64, SessionId)>,
    /// With the sequence of the last change.
    revocations: HashMap<RevocationKey, (Revocation, u64)>,
    revocation_ends: BTreeSet<(u64, RevocationKey)>,
    /// Ordered by the sequence of the last change.
    revocation_order: BTreeSet<(u64, RevocationKey)>,
    position: Position,
}

impl MemoryStore {
    /// The maximum number of sessions of a default store.
    pub const MAX_SESSIONS: usize = 100_000;

    /// The maximum number of revocations of a default store. A tenth of it is reserved for
    /// revocations of users and keys, so that logouts cannot make those fail.
    pub const MAX_REVOCATIONS: usize = 100_000;

    /// Creates an empty store with a maximum number of sessions and of revocations.
    ///
    /// ```
    /// use tollgate::session::{
    ///     MemoryStore, SessionId, SessionStore, StoreErrorKind, StoredSession,
    /// };
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let store = MemoryStore::new(1, 1);
    /// let session = |id| StoredSession {
    ///     id: SessionId::new([id; 16]),
    ///     subject: String::new(),
    ///     revision: 1,
    ///     expires_at: 10,
    ///     data: Vec::new(),
    /// };
    /// store.insert(&session(1), 5).await?;
    /// assert_eq!(store.insert(&session(2), 5).await.unwrap_err().kind(), StoreErrorKind::Full);
    /// assert!(store.insert(&session(2), 10).await?, "the first has expired");
    /// # Ok::<(), tollgate::session::StoreError>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(max_sessions: usize, max_revocations: usize) -> Self {
        let shared = Shared {
            state: Mutex::new(State {
                sessions: HashMap::new(),
                of_subject: HashMap::new(),
                session_ends: BTreeSet::new(),
                revocations: HashMap::new(),
                revocation_ends: BTreeSet::new(),
                revocation_order: BTreeSet::new(),
                position: Position {
                    // Unique for each store, as each hasher has its own seed.
                    epoch: RandomState::new().build_hasher().finish(),
                    sequence: 0,
                },
            }),
            hints: watch::Sender::new(()),
            max_sessions,
            max_revocations,
            attempts: AttemptMemory::default(),
        };
        Self {
            shared: Arc::new(shared),
            clock: Arc::new(SteadyClock::new()),
        }
    }

    /// Sets the store's own clock, for this handle and its clones from now on. Default: a
    /// [`SteadyClock`].
    ///
    /// ```
    /// use tollgate::session::{MemoryStore, RevocationStore};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let store = MemoryStore::default().with_clock(|| 1_700_000_000);
    /// assert_eq!(store.clock().await?, Some(1_700_000_000));
    /// # Ok::<(), tollgate::session::StoreError>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'static) -> Self {
        let clock = Arc::new(clock);
        Self { clock, ..self }
    }

    /// The time up to which entries have ended for a caller.
    fn ended_until(&self, now: u64) -> u64 {
        ended_until(now, self.clock.now())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn insert_now(&self, session: &StoredSession, now: u64) -> Result<bool, StoreError> {
        let mut state = self.state();
        state.drop_ended(self.ended_until(now));
        if let Some(there) = state.sessions.get(&session.id) {
            if there.expires_at > now {
                return Ok(false);
            }
            state.remove(&session.id);
        }
        if state.sessions.len() >= self.shared.max_sessions {
            return Err(full("session", self.shared.max_sessions));
        }
        state.put(session);
        Ok(true)
    }

    fn replace_now(&self, session: &StoredSession, expected: u64, now: u64) -> bool {
        let mut state = self.state();
        state.drop_ended(self.ended_until(now));
        let State {
            sessions,
            session_ends,
            ..
        } = &mut *state;
        let found = sessions
            .get_mut(&session.id)
            .filter(|there| there.revision == expected && there.expires_at > now);
        let Some(there) = found else {
            return false;
        };
        if there.expires_at != session.expires_at {
            session_ends.remove(&(there.expires_at, there.id));
            session_ends.insert((session.expires_at, session.id));
            there.expires_at = session.expires_at;
        }
        there.revision = session.revision;
        there.data.clone_from(&session.data);
        true
    }

    fn revoke_now(&self, entries: &[Revocation], now: u64) -> Result<(), StoreError> {
        let ended = self.ended_until(now);
        let mut state = self.state();
        state.drop_ended(ended);
        let new: HashSet<&RevocationKey> = entries
            .iter()
            .filter(|entry| entry.expires_at > ended && !state.revocations.contains_key(&entry.key))
            .map(|entry| &entry.key)
            .collect();
        // Logouts leave room for users, and both leave room for keys.
        let reserve = |key: &&RevocationKey| match key.kind() {
            RevocationKind::Token | RevocationKind::Session => self.shared.max_revocations / 10,
            RevocationKind::Subject | RevocationKind::SubjectSessions => {
                self.shared.max_revocations / 100
            }
            RevocationKind::Key => 0,
        };
        let reserved = new.iter().map(reserve).min().unwrap_or(0);
        let most = self.shared.max_revocations - reserved;
        if !new.is_empty() && state.revocations.len() + new.len() > most {
            return Err(full("revocation", most));
        }
        state.position.sequence += 1;
        for entry in entries.iter().filter(|entry| entry.expires_at > ended) {
            state.widen(entry);
        }
        drop(state);
        self.shared.hints.send_replace(());
        Ok(())
    }
}

impl State {
    /// Drops everything that has ended at `ended`.
    fn drop_ended(&mut self, ended: u64) {
        while let Some(&(end, id)) = self.session_ends.first()
            && end <= ended
        {
            self.remove(&id);
        }
        while self
            .revocation_ends
            .first()
            .is_some_and(|(end, _)| *end <= ended)
        {
            if let Some((_, key)) = self.revocation_ends.pop_first()
                && let Some((_, sequence)) = self.revocations.remove(&key)
            {
                self.revocation_order.remove(&(sequence, key));
            }
        }
    }

    fn put(&mut self, session: &StoredSession) {
        self.session_ends.insert((session.expires_at, session.id));
        let ids = self.of_subject.entry(session.subject.clone()).or_default();
        ids.insert(session.id);
        self.sessions.insert(session.id, session.clone());
    }

    fn remove(&mut self, id: &SessionId) {
        let Some(session) = self.sessions.remove(id) else {
            return;
        };
        self.session_ends.remove(&(session.expires_at, *id));
        if let Entry::Occupied(mut ids) = self.of_subject.entry(session.subject) {
            ids.get_mut().remove(id);
            if ids.get().is_empty() {
                ids.remove();
            }
        }
    }

    /// Adds the entry, or extends the entry of the same key, at the current position.
    fn widen(&mut self, entry: &Revocation) {
        let key = &entry.key;
        let (there, sequence) = self
            .revocations
            .entry(key.clone())
            .or_insert_with(|| (entry.clone(), 0));
        self.revocation_ends
            .remove(&(there.expires_at, key.clone()));
        self.revocation_order.remove(&(*sequence, key.clone()));
        there.widen(entry);
        *sequence = self.position.sequence;
        self.revocation_ends.insert((there.expires_at, key.clone()));
        self.revocation_order.insert((*sequence, key.clone()));
    }

    fn changes(&self, after: Position, ended: u64) -> Option<RevocationSnapshot> {
        if after.epoch != self.position.epoch || after.sequence > self.position.sequence {
            return None;
        }
        // The least of all keys.
        let least = RevocationKey::new(RevocationKind::Token, "", "");
        let changed = self.revocation_order.range((after.sequence + 1, least)..);
        let entries = changed.filter_map(|(_, key)| self.revocations.get(key));
        Some(RevocationSnapshot {
            position: self.position,
            entries: entries
                .map(|(entry, _)| entry)
                .filter(|entry| entry.expires_at > ended)
                .cloned()
                .collect(),
        })
    }
}

impl Default for MemoryStore {
    /// Creates a store with [`MAX_SESSIONS`](Self::MAX_SESSIONS) and
    /// [`MAX_REVOCATIONS`](Self::MAX_REVOCATIONS).
    fn default() -> Self {
        Self::new(Self::MAX_SESSIONS, Self::MAX_REVOCATIONS)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("MemoryStore")
            .field("sessions", &state.sessions.len())
            .field("revocations", &state.revocations.len())
            .finish_non_exhaustive()
    }
}

impl SessionStore for MemoryStore {
    fn insert<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        Box::pin(async move { self.insert_now(session, now) })
    }

    fn load<'a>(&'a self, id: &'a SessionId, now: u64) -> StoreFuture<'a, Option<StoredSession>> {
        Box::pin(async move {
            let state = self.state();
            let found = state
                .sessions
                .get(id)
                .filter(|session| session.expires_at > now);
            Ok(found.cloned())
        })
    }

    fn replace<'a>(
        &'a self,
        session: &'a StoredSession,
        expected: u64,
        now: u64,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move { Ok(self.replace_now(session, expected, now)) })
    }

    fn of_subject<'a>(
        &'a self,
        subject: &'a str,
        most: usize,
        now: u64,
    ) -> StoreFuture<'a, Vec<StoredSession>> {
        Box::pin(async move {
            let state = self.state();
            let ids = state.of_subject.get(subject).into_iter().flatten();
            let sessions = ids.filter_map(|id| state.sessions.get(id));
            let live = sessions.filter(|session| session.expires_at > now);
            Ok(live.take(most).cloned().collect())
        })
    }

    // Nothing that is visible can be lost.
    fn confirm<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let state = self.state();
            let there = state.sessions.get(&session.id);
            Ok(there
                .is_some_and(|there| there.revision == session.revision && there.expires_at > now))
        })
    }

    fn forget<'a>(&'a self, subject: &'a str, _: u64) -> StoreFuture<'a, usize> {
        Box::pin(async move {
            let mut state = self.state();
            let ids = state.of_subject.get(subject).cloned().unwrap_or_default();
            for id in &ids {
                state.remove(id);
            }
            Ok(ids.len())
        })
    }

    fn charge<'a>(
        &'a self,
        charges: &'a [AttemptCharge],
        now: u64,
    ) -> StoreFuture<'a, Option<Vec<AttemptLevel>>> {
        Box::pin(async move { Ok(Some(self.shared.attempts.charge(charges, now))) })
    }
}

impl RevocationStore for MemoryStore {
    fn revoke<'a>(&'a self, entries: &'a [Revocation], now: u64) -> StoreFuture<'a, ()> {
        Box::pin(async move { self.revoke_now(entries, now) })
    }

    fn find<'a>(&'a self, keys: &'a [RevocationKey], now: u64) -> StoreFuture<'a, Vec<Revocation>> {
        Box::pin(async move {
            let ended = self.ended_until(now);
            let state = self.state();
            let found = keys.iter().filter_map(|key| state.revocations.get(key));
            Ok(found
                .map(|(entry, _)| entry)
                .filter(|entry| entry.expires_at > ended)
                .cloned()
                .collect())
        })
    }

    fn snapshot(&self, now: u64) -> StoreFuture<'_, RevocationSnapshot> {
        Box::pin(async move {
            let ended = self.ended_until(now);
            let state = self.state();
            let entries = state.revocations.values().map(|(entry, _)| entry);
            let live = entries.filter(|entry| entry.expires_at > ended);
            Ok(RevocationSnapshot {
                position: state.position,
                entries: live.cloned().collect(),
            })
        })
    }

    fn position(&self) -> StoreFuture<'_, Position> {
        Box::pin(ready(Ok(self.state().position)))
    }

    fn changes(&self, after: Position, now: u64) -> StoreFuture<'_, Option<RevocationSnapshot>> {
        Box::pin(async move { Ok(self.state().changes(after, self.ended_until(now))) })
    }

    fn feed(&self) -> StoreFuture<'_, Box<dyn RevocationFeed>> {
        let feed: Box<dyn RevocationFeed> = Box::new(Feed(self.shared.hints.subscribe()));
        Box::pin(ready(Ok(feed)))
    }

    fn clock(&self) -> StoreFuture<'_, Option<u64>> {
        Box::pin(ready(Ok(Some(self.clock.now()))))
    }
}

struct Feed(watch::Receiver<()>);

impl RevocationFeed for Feed {
    fn next(&mut self) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            self.0
                .changed()
                .await
                .map_err(|_| StoreError::new(StoreErrorKind::Unavailable, "the store was dropped"))
        })
    }
}

fn full(what: &str, most: usize) -> StoreError {
    let detail = format!("{most} {what}s, none of them expired");
    StoreError::new(StoreErrorKind::Full, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revocation::RevocationKind;

    const NOW: u64 = 1_700_000_000;

    fn session(id: u8, expires_at: u64) -> StoredSession {
        StoredSession {
            id: SessionId::new([id; 16]),
            subject: "u-7".to_owned(),
            revision: 1,
            expires_at,
            data: Vec::new(),
        }
    }

    fn entry(value: &str, expires_at: u64) -> Revocation {
        Revocation {
            key: RevocationKey::new(RevocationKind::Token, "iss", value),
            before: Revocation::ALL,
            expires_at,
        }
    }

    #[tokio::test]
    async fn only_expired_entries_make_room() {
        let store = MemoryStore::new(2, 2);
        assert!(store.insert(&session(1, NOW + 1), NOW).await.unwrap());
        assert!(store.insert(&session(2, NOW + 9), NOW).await.unwrap());
        let full = store.insert(&session(3, NOW + 9), NOW).await.unwrap_err();
        assert_eq!(full.kind(), StoreErrorKind::Full);
        assert!(
            !store.insert(&session(2, NOW + 9), NOW).await.unwrap(),
            "the session exists"
        );
        assert!(store.insert(&session(3, NOW + 9), NOW + 1).await.unwrap());
        assert_eq!(store.of_subject("u-7", 9, NOW + 1).await.unwrap().len(), 2);

        store.revoke(&[entry("a", NOW + 1)], NOW).await.unwrap();
        let position = store.position().await.unwrap();
        let two = [entry("b", NOW + 9), entry("c", NOW + 9)];
        assert_eq!(
            store.revoke(&two, NOW).await.unwrap_err().kind(),
            StoreErrorKind::Full
        );
        assert_eq!(
            store.snapshot(NOW).await.unwrap().entries,
            [entry("a", NOW + 1)]
        );
        assert_eq!(store.position().await.unwrap(), position);
        store.revoke(&two, NOW + 1).await.unwrap();
        store
            .revoke(&[entry("b", NOW + 20)], NOW + 1)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn replaced_and_expired_sessions_leave_no_trace() {
        let store = MemoryStore::default();
        store.insert(&session(1, NOW + 1), NOW).await.unwrap();
        assert!(store.replace(&session(1, NOW + 5), 1, NOW).await.unwrap());
        store
            .revoke(&[entry("a", NOW + 1), entry("a", NOW + 5)], NOW)
            .await
            .unwrap();
        let sizes = |state: &State| {
            let sessions = (
                state.sessions.len(),
                state.session_ends.len(),
                state.of_subject.len(),
            );
            (
                sessions,
                state.revocations.len(),
                (state.revocation_ends.len(), state.revocation_order.len()),
            )
        };
        assert_eq!(sizes(&store.state()), ((1, 1, 1), 1, (1, 1)));
        store.state().drop_ended(NOW + 5);
        assert_eq!(sizes(&store.state()), ((0, 0, 0), 0, (0, 0)));
    }
}
