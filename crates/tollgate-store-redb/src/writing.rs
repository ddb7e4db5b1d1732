//! The writes within a transaction.

use redb::{Key, ReadableTable, Table, TableDefinition, Value, WriteTransaction};
use tollgate_session::{MAX_RETENTION, Position, Revocation, SessionId, StoredSession};

use crate::failure::Failure;
use crate::row;
use crate::tables::{
    EPOCH, FACTS, Id, OF_SUBJECT, REVOCATION_ENDS, REVOCATION_ORDER, REVOCATION_SEQUENCES,
    REVOCATIONS, SEQUENCE, SESSION_ENDS, SESSIONS, entry, position_in, readable,
};

const FORMAT: &str = "format";
/// The current format.
const FORMAT_NOW: u64 = 2;
/// The format without the order of the revocations. Changes are followed only while the file is
/// open, so the order begins when it is opened.
const FORMAT_UNORDERED: u64 = 1;

/// Creates missing tables, and restores revocations that were lost from one of them. A file without
/// a position, such as a new one, gets this `epoch`.
pub(crate) fn prepare(transaction: &WriteTransaction, epoch: u64) -> Result<(), Failure> {
    let mut tables = Tables::of(transaction);
    tables.create()?;
    let facts = tables.facts.open()?;
    let format = facts.get(FORMAT)?.map(|format| format.value());
    match format {
        Some(FORMAT_NOW) => {}
        Some(FORMAT_UNORDERED) | None => {
            facts.insert(FORMAT, FORMAT_NOW)?;
        }
        Some(later) => return Err(Failure::Version(later)),
    }
    if position_in(facts).is_err() {
        facts.insert(EPOCH, epoch)?;
        facts.insert(SEQUENCE, 0)?;
    }
    tables.restore_revocations()
}

/// A table that is opened for writing at its first use.
struct Lazy<'t, K: Key + 'static, V: Value + 'static> {
    transaction: &'t WriteTransaction,
    definition: TableDefinition<'static, K, V>,
    opened: Option<Table<'t, K, V>>,
}

impl<'t, K: Key + 'static, V: Value + 'static> Lazy<'t, K, V> {
    fn of(transaction: &'t WriteTransaction, definition: TableDefinition<'static, K, V>) -> Self {
        Self {
            transaction,
            definition,
            opened: None,
        }
    }

    fn open(&mut self) -> Result<&mut Table<'t, K, V>, Failure> {
        Ok(match &mut self.opened {
            Some(table) => table,
            closed => closed.insert(self.transaction.open_table(self.definition)?),
        })
    }
}

/// All tables for writing. An operation opens those that it needs, as each costs a look-up by name.
pub(crate) struct Tables<'t> {
    sessions: Lazy<'t, Id, &'static [u8]>,
    of_subject: Lazy<'t, (&'static str, Id), ()>,
    session_ends: Lazy<'t, (u64, Id), ()>,
    revocations: Lazy<'t, &'static [u8], (u64, u64)>,
    revocation_ends: Lazy<'t, (u64, &'static [u8]), ()>,
    revocation_sequences: Lazy<'t, &'static [u8], u64>,
    revocation_order: Lazy<'t, (u64, &'static [u8]), ()>,
    facts: Lazy<'t, &'static str, u64>,
}

impl<'t> Tables<'t> {
    pub(crate) fn of(transaction: &'t WriteTransaction) -> Self {
        Self {
            sessions: Lazy::of(transaction, SESSIONS),
            of_subject: Lazy::of(transaction, OF_SUBJECT),
            session_ends: Lazy::of(transaction, SESSION_ENDS),
            revocations: Lazy::of(transaction, REVOCATIONS),
            revocation_ends: Lazy::of(transaction, REVOCATION_ENDS),
            revocation_sequences: Lazy::of(transaction, REVOCATION_SEQUENCES),
            revocation_order: Lazy::of(transaction, REVOCATION_ORDER),
            facts: Lazy::of(transaction, FACTS),
        }
    }

    /// Creates the missing tables.
    fn create(&mut self) -> Result<(), Failure> {
        self.sessions.open()?;
        self.of_subject.open()?;
        self.session_ends.open()?;
        self.revocations.open()?;
        self.revocation_ends.open()?;
        self.revocation_sequences.open()?;
        self.revocation_order.open()?;
        self.facts.open()?;
        Ok(())
    }

    pub(crate) fn insert(&mut self, session: &StoredSession, now: u64) -> Result<bool, Failure> {
        let there = self.session(session.id)?;
        if there.as_ref().is_some_and(|there| there.expires_at > now) {
            return Ok(false);
        }
        self.put(there.as_ref(), session)?;
        Ok(true)
    }

    pub(crate) fn replace(
        &mut self,
        session: &StoredSession,
        expected: u64,
        now: u64,
    ) -> Result<bool, Failure> {
        let there = self.session(session.id)?;
        let fits = |there: &StoredSession| there.revision == expected && there.expires_at > now;
        if !there.as_ref().is_some_and(fits) {
            return Ok(false);
        }
        self.put(there.as_ref(), session)?;
        Ok(true)
    }

    /// Removes the sessions of the subject. A row that cannot be read keeps its place in the order
    /// of the ends, which names no subject.
    pub(crate) fn forget(&mut self, subject: &str) -> Result<usize, Failure> {
        let bounds = (subject, Id::default())..=(subject, [u8::MAX; SessionId::BYTES]);
        let mut ids = Vec::new();
        for key in self.of_subject.open()?.range(bounds)? {
            ids.push(key?.0.value().1);
        }
        let mut removed = 0;
        for id in ids {
            self.of_subject.open()?.remove((subject, id))?;
            let there = self.session(SessionId::new(id))?;
            if there.as_ref().is_some_and(|there| there.subject != subject) {
                continue;
            }
            removed += usize::from(self.sessions.open()?.remove(&id)?.is_some());
            if let Some(there) = there {
                self.session_ends.open()?.remove((there.expires_at, id))?;
            }
        }
        Ok(removed)
    }

    /// Stores the entries at the next position.
    pub(crate) fn revoke(&mut self, entries: &[Revocation], ended: u64) -> Result<(), Failure> {
        let Position { epoch, sequence } = position_in(self.facts.open()?)?;
        let sequence = if let Some(next) = sequence.checked_add(1) {
            next
        } else {
            // Only in a damaged file.
            self.facts.open()?.insert(EPOCH, epoch.wrapping_add(1))?;
            1
        };
        for entry in entries.iter().filter(|entry| entry.expires_at > ended) {
            let key = entry.key.to_bytes();
            let there = self
                .revocations
                .open()?
                .get(&*key)?
                .map(|there| there.value());
            let (mut before, mut expires_at) = (entry.before, entry.expires_at);
            if let Some((there_before, there_end)) = there {
                self.revocation_ends.open()?.remove((there_end, &*key))?;
                if there_end > ended {
                    before = before.max(there_before);
                    expires_at = expires_at.max(there_end);
                }
            }
            self.revocations
                .open()?
                .insert(&*key, (before, expires_at))?;
            self.revocation_ends
                .open()?
                .insert((expires_at, &*key), ())?;
            self.leave_order(&key)?;
            self.revocation_sequences.open()?.insert(&*key, sequence)?;
            self.revocation_order
                .open()?
                .insert((sequence, &*key), ())?;
        }
        self.facts.open()?.insert(SEQUENCE, sequence)?;
        Ok(())
    }

    fn leave_order(&mut self, key: &[u8]) -> Result<(), Failure> {
        let removed = self.revocation_sequences.open()?.remove(key)?;
        if let Some(sequence) = removed.map(|removed| removed.value()) {
            self.revocation_order.open()?.remove((sequence, key))?;
        }
        Ok(())
    }

    /// Adds the revocations that are in the order of their ends alone, as after damage to their
    /// rows. The tokens that such an entry refused are unknown, so it refuses all; for a user, all
    /// until the entry ends.
    fn restore_revocations(&mut self) -> Result<(), Failure> {
        let mut lost = Vec::new();
        for row in self.revocation_ends.open()?.iter()? {
            let (row, _) = row?;
            let (end, key) = row.value();
            if self.revocations.open()?.get(key)?.is_none()
                && let Some(entry) = readable(entry(key, Revocation::ALL, end))?
            {
                lost.push(entry);
            }
        }
        if !lost.is_empty() {
            let entries = lost.len();
            tracing::error!(target: "tollgate", entries, "restored revocations of a damaged file");
            self.revoke(&lost, 0)?;
        }
        Ok(())
    }

    /// Removes at most `most` sessions and as many revocations that ended [`MAX_RETENTION`] before
    /// `now`. Returns whether none of them is left. The file outlives the process, whose clock may
    /// have been wrong from the start, so the clock of the store does not count here.
    pub(crate) fn purge(&mut self, now: u64, most: usize) -> Result<bool, Failure> {
        let ended = now.saturating_sub(MAX_RETENTION);
        let sessions = self.purge_sessions(ended, most)?;
        Ok(self.purge_revocations(ended, most)? && sessions)
    }

    fn purge_sessions(&mut self, ended: u64, most: usize) -> Result<bool, Failure> {
        let ends = self.session_ends.open()?;
        for _ in 0..most {
            let first = ends.first()?.map(|first| first.0.value());
            let Some((end, id)) = first.filter(|(end, _)| *end <= ended) else {
                return Ok(true);
            };
            ends.remove((end, id))?;
            let removed = self.sessions.open()?.remove(&id)?;
            let session = removed.map(|row| row::decode(SessionId::new(id), row.value()));
            // The subject of a malformed session is unknown, so its index entry remains.
            if let Some(Ok(session)) = session {
                let of_subject = self.of_subject.open()?;
                of_subject.remove((&*session.subject, id))?;
            }
        }
        Ok(false)
    }

    fn purge_revocations(&mut self, ended: u64, most: usize) -> Result<bool, Failure> {
        for _ in 0..most {
            let ends = self.revocation_ends.open()?;
            let first = ends.first()?;
            let first = first.map(|first| (first.0.value().0, first.0.value().1.to_vec()));
            let Some((end, key)) = first.filter(|(end, _)| *end <= ended) else {
                return Ok(true);
            };
            ends.remove((end, &*key))?;
            self.revocations.open()?.remove(&*key)?;
            self.leave_order(&key)?;
        }
        Ok(false)
    }

    fn session(&mut self, id: SessionId) -> Result<Option<StoredSession>, Failure> {
        match self.sessions.open()?.get(id.as_bytes())? {
            Some(found) => readable(row::decode(id, found.value())),
            None => Ok(None),
        }
    }

    fn put(
        &mut self,
        there: Option<&StoredSession>,
        session: &StoredSession,
    ) -> Result<(), Failure> {
        // A malformed row is detected before anything is changed.
        let row = row::encode(session)?;
        let id = *session.id.as_bytes();
        if let Some(there) = there {
            self.session_ends.open()?.remove((there.expires_at, id))?;
            if there.subject != session.subject {
                self.of_subject.open()?.remove((&*there.subject, id))?;
            }
        }
        self.sessions.open()?.insert(id, &*row)?;
        // Usually there already. A write would copy its pages.
        if self
            .of_subject
            .open()?
            .get((&*session.subject, id))?
            .is_none()
        {
            self.of_subject
                .open()?
                .insert((&*session.subject, id), ())?;
        }
        self.session_ends
            .open()?
            .insert((session.expires_at, id), ())?;
        Ok(())
    }
}
