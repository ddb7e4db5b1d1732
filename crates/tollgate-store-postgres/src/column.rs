//! How values lie in columns.

use std::fmt;

use bytes::BytesMut;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tollgate_session::{SessionId, StoreError, StoreErrorKind, StoredSession};

/// A time as a column holds it. Those beyond 2^63 - 2 are all the last one there is, which reads as `u64::MAX`: whatever
/// ends or begins so late does so never, and a revocation of everything stays one.
pub(crate) fn of_time(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

/// The time in a column.
pub(crate) fn time(column: i64) -> Result<u64, StoreError> {
    match column {
        i64::MAX => Ok(u64::MAX),
        _ => u64::try_from(column).map_err(|_| corrupt("a time is negative")),
    }
}

/// A number that is only ever compared for equality: its bits.
pub(crate) const fn of_bits(number: u64) -> i64 {
    number.cast_signed()
}

/// The number of such bits.
pub(crate) const fn bits(column: i64) -> u64 {
    column.cast_unsigned()
}

/// A column of a row.
pub(crate) fn get<'r, T: FromSql<'r>>(row: &'r Row, index: usize) -> Result<T, StoreError> {
    row.try_get(index)
        .map_err(|_| corrupt("a column is missing or of another type"))
}

/// A row of `id, subject, revision, expires_at, data`.
pub(crate) fn session(row: &Row) -> Result<StoredSession, StoreError> {
    let id: &[u8] = get(row, 0)?;
    let subject: &[u8] = get(row, 1)?;
    Ok(StoredSession {
        id: SessionId::new(
            id.try_into()
                .map_err(|_| corrupt("a session's id has another length"))?,
        ),
        subject: std::str::from_utf8(subject)
            .map_err(|_| corrupt("a subject is not UTF-8"))?
            .to_owned(),
        revision: bits(get(row, 2)?),
        expires_at: time(get(row, 3)?)?,
        data: get(row, 4)?,
    })
}

/// What stands in the tables is not what this crate writes.
pub(crate) fn corrupt(what: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, what)
}

/// A parameter that is nobody's business: `tokio_postgres` writes parameters to its debug log.
pub(crate) struct Private<T>(pub(crate) T);

impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("private")
    }
}

impl<T: ToSql> ToSql for Private<T> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        self.0.to_sql(kind, out)
    }

    fn accepts(kind: &Type) -> bool {
        T::accepts(kind)
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_beyond_the_column_stay_the_latest() {
        for exact in [0, 1, 1_700_000_000, u64::MAX] {
            assert_eq!(time(of_time(exact)).unwrap(), exact);
        }
        assert_eq!(time(of_time(u64::MAX - 1)).unwrap(), u64::MAX);
        assert!(of_time(u64::MAX - 1) > of_time(1 << 62));
        assert_eq!(time(-1).unwrap_err().kind(), StoreErrorKind::Corrupt);
    }

    #[test]
    fn revisions_and_epochs_keep_every_bit() {
        for number in [0, 1, u64::MAX, 1 << 63] {
            assert_eq!(bits(of_bits(number)), number);
        }
    }

    #[test]
    fn a_private_parameter_is_not_shown() {
        assert_eq!(format!("{:?}", Private("u-7")), "private");
    }
}
