//! The encoding of columns.

use std::fmt;

use bytes::BytesMut;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tollgate_session::{SessionId, StoreError, StoreErrorKind, StoredSession};

/// A number that is compared by order. The type is `numeric(20, 0)`, as `bigint` ends at half of
/// `u64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) u64);

/// The base of the server's digits.
const BASE: u64 = 10_000;
/// The largest number of such digits in a `u64`.
const DIGITS: usize = 5;

impl ToSql for Number {
    /// Writes the number of digits, the exponent of the first, the sign, the scale, and the digits,
    /// each of two bytes.
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let mut digits = [0_u8; 2 * DIGITS];
        let mut rest = self.0;
        for digit in digits.rchunks_exact_mut(2) {
            let value = u16::try_from(rest % BASE)?;
            digit.copy_from_slice(&value.to_be_bytes());
            rest /= BASE;
        }
        out.extend_from_slice(&[0, 5, 0, 4, 0, 0, 0, 0]);
        out.extend_from_slice(&digits);
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::NUMERIC
    }

    to_sql_checked!();
}

impl<'r> FromSql<'r> for Number {
    fn from_sql(_: &Type, raw: &'r [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let mut fields = raw
            .chunks_exact(2)
            .filter_map(|field| field.try_into().ok())
            .map(u16::from_be_bytes);
        let (Some(count), Some(power), Some(0), Some(_)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err("not a number, or negative".into());
        };
        if count == 0 {
            return Ok(Self(0));
        }
        // Missing digits are zero.
        let mut number = 0_u64;
        for _ in 0..=power {
            number = number
                .checked_mul(BASE)
                .and_then(|number| number.checked_add(fields.next().unwrap_or(0).into()))
                .ok_or("a number above 64 bits")?;
        }
        match fields.next() {
            None => Ok(Self(number)),
            Some(_) => Err("a number with decimals".into()),
        }
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::NUMERIC
    }
}

/// Returns the bits of a number that is compared only for equality.
pub(crate) const fn of_bits(number: u64) -> i64 {
    number.cast_signed()
}

/// Returns the number of these bits.
pub(crate) const fn bits(column: i64) -> u64 {
    column.cast_unsigned()
}

/// Reads a column. `None` if this row has `NULL` or another value that cannot be read.
///
/// # Errors
/// `Unavailable` if the column has another type, in all rows.
pub(crate) fn get<'r, T: FromSql<'r>>(row: &'r Row, index: usize) -> Result<Option<T>, StoreError> {
    let column = row.columns().get(index);
    if !column.is_some_and(|column| T::accepts(column.type_())) {
        return Err(StoreError::new(
            StoreErrorKind::Unavailable,
            "a column of the tables has another type",
        ));
    }
    Ok(row.try_get(index).ok())
}

/// Reads a column that all rows must have.
pub(crate) fn require<'r, T: FromSql<'r>>(row: &'r Row, index: usize) -> Result<T, StoreError> {
    get(row, index)?.ok_or_else(|| corrupt("a value is missing or out of range"))
}

/// Reads rows of `id, subject, revision, expires_at, data`. A row that cannot be read is skipped: a
/// session must not depend on others.
pub(crate) fn readable(rows: &[Row]) -> Result<Vec<StoredSession>, StoreError> {
    let mut sessions = Vec::with_capacity(rows.len());
    for row in rows {
        let session = try_session(row)?;
        if session.is_none() {
            tracing::error!(target: "tollgate", "unreadable row of a session skipped");
        }
        sessions.extend(session);
    }
    Ok(sessions)
}

/// Reads such a row.
pub(crate) fn session(row: &Row) -> Result<StoredSession, StoreError> {
    try_session(row)?.ok_or_else(|| corrupt("the row of the session cannot be read"))
}

fn try_session(row: &Row) -> Result<Option<StoredSession>, StoreError> {
    let id = get::<&[u8]>(row, 0)?.and_then(|id| id.try_into().ok());
    let subject = get::<&[u8]>(row, 1)?.and_then(|subject| std::str::from_utf8(subject).ok());
    let revision = get(row, 2)?;
    let expires_at = get::<Number>(row, 3)?;
    let data = get(row, 4)?;
    let (Some(id), Some(subject), Some(revision), Some(Number(expires_at)), Some(data)) =
        (id, subject, revision, expires_at, data)
    else {
        return Ok(None);
    };
    Ok(Some(StoredSession {
        id: SessionId::new(id),
        subject: subject.to_owned(),
        revision: bits(revision),
        expires_at,
        data,
    }))
}

/// Creates the error for rows that this crate did not write.
pub(crate) fn corrupt(what: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, what)
}

/// A private parameter: `tokio_postgres` writes parameters to its debug log.
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
    fn numbers_round_trip() {
        for number in [
            0,
            1,
            9_999,
            10_000,
            100_000_000,
            1_700_000_000,
            u64::MAX - 1,
            u64::MAX,
        ] {
            let mut raw = BytesMut::new();
            Number(number).to_sql(&Type::NUMERIC, &mut raw).unwrap();
            assert_eq!(
                Number::from_sql(&Type::NUMERIC, &raw).unwrap(),
                Number(number)
            );
        }
        // The server's form of 10000, without the trailing zero.
        assert_eq!(
            Number::from_sql(&Type::NUMERIC, &[0, 1, 0, 1, 0, 0, 0, 0, 0, 1]).unwrap(),
            Number(10_000)
        );
    }

    #[test]
    fn an_invalid_number_is_refused() {
        let malformed: [&[u8]; 8] = [
            &[],
            &[0, 1, 0, 0, 0, 0],
            // -1, NaN, infinity, 0.0001, 1.0001, 10000 to the 9th and to the 65535th.
            &[0, 1, 0, 0, 0x40, 0, 0, 0, 0, 1],
            &[0, 0, 0, 0, 0xc0, 0, 0, 0],
            &[0, 0, 0, 0, 0xd0, 0, 0, 0],
            &[0, 2, 0, 0, 0, 0, 0, 4, 0, 1, 0, 1],
            &[0, 1, 0, 9, 0, 0, 0, 0, 0, 1],
            &[0, 1, 0xff, 0xff, 0, 0, 0, 4, 0, 1],
        ];
        for raw in malformed {
            assert!(Number::from_sql(&Type::NUMERIC, raw).is_err(), "{raw:?}");
        }
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
