//! The tables, and the reads within a transaction.

use redb::{Key, ReadTransaction, ReadableTable, TableDefinition, Value, WriteTransaction};
use tollgate_session::{
    Position, Revocation, RevocationKey, RevocationSnapshot, SessionId, StoredSession,
};

use crate::failure::Failure;
use crate::row;

pub(crate) type Id = [u8; SessionId::BYTES];

pub(crate) const SESSIONS: TableDefinition<'_, Id, &[u8]> = TableDefinition::new("sessions");
pub(crate) const OF_SUBJECT: TableDefinition<'_, (&str, Id), ()> =
    TableDefinition::new("sessions of subject");
pub(crate) const SESSION_ENDS: TableDefinition<'_, (u64, Id), ()> =
    TableDefinition::new("session ends");
/// The revocations by key: `before` and `expires_at`.
pub(crate) const REVOCATIONS: TableDefinition<'_, &[u8], (u64, u64)> =
    TableDefinition::new("revocations");
pub(crate) const REVOCATION_ENDS: TableDefinition<'_, (u64, &[u8]), ()> =
    TableDefinition::new("revocation ends");
/// The sequence of the last change of each revocation, by key and in order.
pub(crate) const REVOCATION_SEQUENCES: TableDefinition<'_, &[u8], u64> =
    TableDefinition::new("revocation sequences");
pub(crate) const REVOCATION_ORDER: TableDefinition<'_, (u64, &[u8]), ()> =
    TableDefinition::new("revocation order");
pub(crate) const FACTS: TableDefinition<'_, &str, u64> = TableDefinition::new("facts");

pub(crate) const EPOCH: &str = "epoch";
pub(crate) const SEQUENCE: &str = "sequence";

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
pub(crate) fn readable<T>(decoded: Result<T, Failure>) -> Result<Option<T>, Failure> {
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

pub(crate) fn entry(key: &[u8], before: u64, expires_at: u64) -> Result<Revocation, Failure> {
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

pub(crate) fn position_in(
    facts: &impl ReadableTable<&'static str, u64>,
) -> Result<Position, Failure> {
    let fact = |name| {
        let found = facts.get(name)?.map(|found| found.value());
        found.ok_or(Failure::Row("the file has no position"))
    };
    Ok(Position {
        epoch: fact(EPOCH)?,
        sequence: fact(SEQUENCE)?,
    })
}
