//! The tables and the operations within a transaction.

use redb::{Key, ReadTransaction, ReadableTable, Table, TableDefinition, Value, WriteTransaction};
use tollgate_session::{
    MAX_RETENTION, Position, Revocation, RevocationKey, RevocationSnapshot, SessionId,
    StoredSession,
};

use crate::failure::Failure;
use crate::row;

type Id = [u8; SessionId::BYTES];

const SESSIONS: TableDefinition<'_, Id, &[u8]> = TableDefinition::new("sessions");
const OF_SUBJECT: TableDefinition<'_, (&str, Id), ()> = TableDefinition::new("sessions of subject");
const SESSION_ENDS: TableDefinition<'_, (u64, Id), ()> = TableDefinition::new("session ends");
/// The revocations by key: `before` and `expires_at`.
const REVOCATIONS: TableDefinition<'_, &[u8], (u64, u64)> = TableDefinition::new("revocations");
const REVOCATION_ENDS: TableDefinition<'_, (u64, &[u8]), ()> =
    TableDefinition::new("revocation ends");
/// The sequence of the last change of each revocation, by key and in order.
const REVOCATION_SEQUENCES: TableDefinition<'_, &[u8], u64> =
    TableDefinition::new("revocation sequences");
const REVOCATION_ORDER: TableDefinition<'_, (u64, &[u8]), ()> =
    TableDefinition::new("revocation order");
const FACTS: TableDefinition<'_, &str, u64> = TableDefinition::new("facts");

const FORMAT: &str = "format";
const EPOCH: &str = "epoch";
const SEQUENCE: &str = "sequence";
/// The current format.
const FORMAT_NOW: u64 = 2;
/// The format without the order of the revocations. Changes are followed only while the file is
/// open, so the order begins when it is opened.
const FORMAT_UNORDERED: u64 = 1;

/// Creates missing tables, and restores revocations that were lost from one of them. A file without
/// a position, such as a new one, gets this `epoch`.
pub(crate) fn prepare(transaction: &WriteTransaction, epoch: u64) -> Result<(), Failure> {
    let mut tables = Tables::open(transaction)?;
    let format = tables.facts.get(FORMAT)?.map(|format| format.value());
    match format {
        Some(FORMAT_NOW) => {}
        Some(FORMAT_UNORDERED) | None => {
            tables.facts.insert(FORMAT, FORMAT_NOW)?;
        }
        Some(later) => return Err(Failure::Version(later)),
    }
    if position_in(&tables.facts).is_err() {
        tables.facts.insert(EPOCH, epoch)?;
        tables.facts.insert(SEQUENCE, 0)?;
    }
    tables.restore_revocations()
}

/// Copies all tables. The copy gets this `epoch`.
pub(crate) fn copy(
    from: &ReadTransaction,
    to: &WriteTransaction,
    epoch: u64,
) -> Result<(), Failure> {
    copy_table(from, to, SESSIONS)?;
    copy_table(from, to, OF_SUBJECT)?;
    copy_table(from, to, SESSION_ENDS)?;
    copy_table(from, to, REVOCATIONS)?;
    copy_table(from, to, REVOCATION_ENDS)?;
    copy_table(from, to, REVOCATION_SEQUENCES)?;
    copy_table(from, to, REVOCATION_ORDER)?;
    copy_table(from, to, FACTS)?;
    to.open_table(FACTS)?.insert(EPOCH, epoch)?;
    Ok(())
}

fn copy_table<K: Key + 'static, V: Value + 'static>(
    from: &ReadTransaction,
    to: &WriteTransaction,
    table: TableDefinition<'_, K, V>,
) -> Result<(), Failure> {
    let mut target = to.open_table(table)?;
    for row in from.open_table(table)?.iter()? {
        let (key, value) = row?;
        target.insert(key.value(), value.value())?;
    }
    Ok(())
}

pub(crate) fn load(
    transaction: &ReadTransaction,
    id: SessionId,
    now: u64,
) -> Result<Option<StoredSession>, Failure> {
    let sessions = transaction.open_table(SESSIONS)?;
    let Some(found) = sessions.get(id.as_bytes())? else {
        return Ok(None);
    };
    let session = row::decode(id, found.value())?;
    Ok(Some(session).filter(|session| session.expires_at > now))
}

/// Returns `None` for a malformed row, and logs it.
fn readable<T>(decoded: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match decoded {
        Ok(decoded) => Ok(Some(decoded)),
        Err(Failure::Row(row)) => {
            tracing::error!(target: "tollgate", row, "skipped a row that cannot be read");
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

pub(crate) fn of_subject(
    transaction: &ReadTransaction,
    subject: &str,
    most: usize,
    now: u64,
) -> Result<Vec<StoredSession>, Failure> {
    let sessions = transaction.open_table(SESSIONS)?;
    let of_subject = transaction.open_table(OF_SUBJECT)?;
    let mut listed = Vec::new();
    let bounds = (subject, Id::default())..=(subject, [u8::MAX; SessionId::BYTES]);
    for key in of_subject.range(bounds)? {
        if listed.len() == most {
            break;
        }
        let (key, _) = key?;
        let (_, id) = key.value();
        let Some(found) = sessions.get(&id)? else {
            continue;
        };
        let session = readable(row::decode(SessionId::new(id), found.value()))?;
        // A damaged row may name another subject.
        listed.extend(session.filter(|found| found.expires_at > now && found.subject == subject));
    }
    Ok(listed)
}

pub(crate) fn find(
    transaction: &ReadTransaction,
    keys: impl IntoIterator<Item = RevocationKey>,
    ended: u64,
) -> Result<Vec<Revocation>, Failure> {
    let revocations = transaction.open_table(REVOCATIONS)?;
    let mut entries = Vec::new();
    for key in keys {
        let found = revocations
            .get(&*key.to_bytes())?
            .map(|found| found.value());
        if let Some((before, expires_at)) = found
            && expires_at > ended
        {
            entries.push(Revocation {
                key,
                before,
                expires_at,
            });
        }
    }
    Ok(entries)
}

pub(crate) fn snapshot(
    transaction: &ReadTransaction,
    ended: u64,
) -> Result<RevocationSnapshot, Failure> {
    let mut entries = Vec::new();
    for row in transaction.open_table(REVOCATIONS)?.range::<&[u8]>(..)? {
        let (key, value) = row?;
        let (before, expires_at) = value.value();
        if expires_at > ended {
            entries.extend(readable(entry(key.value(), before, expires_at))?);
        }
    }
    Ok(RevocationSnapshot {
        position: position(transaction)?,
        entries,
    })
}

pub(crate) fn changes(
    transaction: &ReadTransaction,
    after: Position,
    ended: u64,
) -> Result<Option<RevocationSnapshot>, Failure> {
    let position = position(transaction)?;
    if after.epoch != position.epoch || after.sequence > position.sequence {
        return Ok(None);
    }
    let revocations = transaction.open_table(REVOCATIONS)?;
    let order = transaction.open_table(REVOCATION_ORDER)?;
    let mut entries = Vec::new();
    for changed in order.range((after.sequence.saturating_add(1), &[][..])..)? {
        let (changed, _) = changed?;
        let (_, key) = changed.value();
        let Some(found) = revocations.get(key)? else {
            continue;
        };
        let (before, expires_at) = found.value();
        if expires_at > ended {
            entries.extend(readable(entry(key, before, expires_at))?);
        }
    }
    Ok(Some(RevocationSnapshot { position, entries }))
}

fn entry(key: &[u8], before: u64, expires_at: u64) -> Result<Revocation, Failure> {
    let key = RevocationKey::from_bytes(key)
        .map_err(|_| Failure::Row("malformed key of a revocation"))?;
    Ok(Revocation {
        key,
        before,
        expires_at,
    })
}

pub(crate) fn position(transaction: &ReadTransaction) -> Result<Position, Failure> {
    position_in(&transaction.open_table(FACTS)?)
}

fn position_in(facts: &impl ReadableTable<&'static str, u64>) -> Result<Position, Failure> {
    let fact = |name| {
        let found = facts.get(name)?.map(|found| found.value());
        found.ok_or(Failure::Row("the file has no position"))
    };
    Ok(Position {
        epoch: fact(EPOCH)?,
        sequence: fact(SEQUENCE)?,
    })
}

/// All tables, opened for writing.
pub(crate) struct Tables<'t> {
    sessions: Table<'t, Id, &'static [u8]>,
    of_subject: Table<'t, (&'static str, Id), ()>,
    session_ends: Table<'t, (u64, Id), ()>,
    revocations: Table<'t, &'static [u8], (u64, u64)>,
    revocation_ends: Table<'t, (u64, &'static [u8]), ()>,
    revocation_sequences: Table<'t, &'static [u8], u64>,
    revocation_order: Table<'t, (u64, &'static [u8]), ()>,
    facts: Table<'t, &'static str, u64>,
}

impl<'t> Tables<'t> {
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, Failure> {
        Ok(Self {
            sessions: transaction.open_table(SESSIONS)?,
            of_subject: transaction.open_table(OF_SUBJECT)?,
            session_ends: transaction.open_table(SESSION_ENDS)?,
            revocations: transaction.open_table(REVOCATIONS)?,
            revocation_ends: transaction.open_table(REVOCATION_ENDS)?,
            revocation_sequences: transaction.open_table(REVOCATION_SEQUENCES)?,
            revocation_order: transaction.open_table(REVOCATION_ORDER)?,
            facts: transaction.open_table(FACTS)?,
        })
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
        for key in self.of_subject.range(bounds)? {
            ids.push(key?.0.value().1);
        }
        let mut removed = 0;
        for id in ids {
            self.of_subject.remove((subject, id))?;
            let there = self.session(SessionId::new(id))?;
            if there.as_ref().is_some_and(|there| there.subject != subject) {
                continue;
            }
            removed += usize::from(self.sessions.remove(&id)?.is_some());
            if let Some(there) = there {
                self.session_ends.remove((there.expires_at, id))?;
            }
        }
        Ok(removed)
    }

    /// Stores the entries at the next position.
    pub(crate) fn revoke(&mut self, entries: &[Revocation], ended: u64) -> Result<(), Failure> {
        let Position { epoch, sequence } = position_in(&self.facts)?;
        let sequence = if let Some(next) = sequence.checked_add(1) {
            next
        } else {
            // Only in a damaged file.
            self.facts.insert(EPOCH, epoch.wrapping_add(1))?;
            1
        };
        for entry in entries.iter().filter(|entry| entry.expires_at > ended) {
            let key = entry.key.to_bytes();
            let there = self.revocations.get(&*key)?.map(|there| there.value());
            let (mut before, mut expires_at) = (entry.before, entry.expires_at);
            if let Some((there_before, there_end)) = there {
                self.revocation_ends.remove((there_end, &*key))?;
                if there_end > ended {
                    before = before.max(there_before);
                    expires_at = expires_at.max(there_end);
                }
            }
            self.revocations.insert(&*key, (before, expires_at))?;
            self.revocation_ends.insert((expires_at, &*key), ())?;
            self.leave_order(&key)?;
            self.revocation_sequences.insert(&*key, sequence)?;
            self.revocation_order.insert((sequence, &*key), ())?;
        }
        self.facts.insert(SEQUENCE, sequence)?;
        Ok(())
    }

    fn leave_order(&mut self, key: &[u8]) -> Result<(), Failure> {
        let removed = self.revocation_sequences.remove(key)?;
        if let Some(sequence) = removed.map(|removed| removed.value()) {
            self.revocation_order.remove((sequence, key))?;
        }
        Ok(())
    }

    /// Adds the revocations that are in the order of their ends alone, as after damage to their
    /// rows. The tokens that such an entry refused are unknown, so it refuses all; for a user, all
    /// until the entry ends.
    fn restore_revocations(&mut self) -> Result<(), Failure> {
        let mut lost = Vec::new();
        for row in self.revocation_ends.iter()? {
            let (row, _) = row?;
            let (end, key) = row.value();
            if self.revocations.get(key)?.is_none()
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
    /// `now`. The file outlives the process, whose clock may have been wrong from the start, so the
    /// clock of the store does not count here.
    pub(crate) fn purge(&mut self, now: u64, most: usize) -> Result<(), Failure> {
        let ended = now.saturating_sub(MAX_RETENTION);
        for _ in 0..most {
            let Some((end, id)) = self.session_ends.first()?.map(|first| first.0.value()) else {
                break;
            };
            if end > ended {
                break;
            }
            self.session_ends.remove((end, id))?;
            let removed = self.sessions.remove(&id)?;
            let session = removed.map(|row| row::decode(SessionId::new(id), row.value()));
            // The subject of a malformed session is unknown, so its index entry remains.
            if let Some(Ok(session)) = session {
                self.of_subject.remove((&*session.subject, id))?;
            }
        }
        for _ in 0..most {
            let first = self.revocation_ends.first()?;
            let Some((end, key)) =
                first.map(|first| (first.0.value().0, first.0.value().1.to_vec()))
            else {
                break;
            };
            if end > ended {
                break;
            }
            self.revocation_ends.remove((end, &*key))?;
            self.revocations.remove(&*key)?;
            self.leave_order(&key)?;
        }
        Ok(())
    }

    fn session(&self, id: SessionId) -> Result<Option<StoredSession>, Failure> {
        match self.sessions.get(id.as_bytes())? {
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
            self.session_ends.remove((there.expires_at, id))?;
            if there.subject != session.subject {
                self.of_subject.remove((&*there.subject, id))?;
            }
        }
        self.sessions.insert(id, &*row)?;
        // Usually there already. A write would copy its pages.
        if self.of_subject.get((&*session.subject, id))?.is_none() {
            self.of_subject.insert((&*session.subject, id), ())?;
        }
        self.session_ends.insert((session.expires_at, id), ())?;
        Ok(())
    }
}
