//! The encoding of a session.

use tollgate_session::{SessionId, StoredSession};

use crate::failure::Failure;

/// The first byte of a row: the version of the encoding.
const VERSION: u8 = 1;

/// Encodes the version, the revision, the end, the length of the subject, the subject and the data.
pub(crate) fn encode(session: &StoredSession) -> Result<Vec<u8>, Failure> {
    let length = u32::try_from(session.subject.len())
        .map_err(|_| Failure::Row("the subject is too long"))?;
    let mut row = Vec::with_capacity(21 + session.subject.len() + session.data.len());
    row.push(VERSION);
    row.extend(session.revision.to_be_bytes());
    row.extend(session.expires_at.to_be_bytes());
    row.extend(length.to_be_bytes());
    row.extend(session.subject.as_bytes());
    row.extend(&session.data);
    Ok(row)
}

pub(crate) fn decode(id: SessionId, row: &[u8]) -> Result<StoredSession, Failure> {
    let parse = || {
        let (version, rest) = row.split_first()?;
        let (revision, rest) = rest.split_first_chunk()?;
        let (expires_at, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (subject, data) = rest.split_at_checked(length)?;
        (*version == VERSION).then_some(())?;
        Some(StoredSession {
            id,
            subject: std::str::from_utf8(subject).ok()?.to_owned(),
            revision: u64::from_be_bytes(*revision),
            expires_at: u64::from_be_bytes(*expires_at),
            data: data.to_vec(),
        })
    };
    parse().ok_or(Failure::Row("malformed session"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_row_or_another_version_is_refused() {
        let session = StoredSession {
            id: SessionId::new([7; 16]),
            subject: "u-7".to_owned(),
            revision: 3,
            expires_at: u64::MAX,
            data: vec![0, 255],
        };
        let row = encode(&session).unwrap();
        assert_eq!(decode(session.id, &row).unwrap(), session);
        for length in 0..24 {
            assert!(decode(session.id, &row[..length]).is_err(), "{length}");
        }
        let mut other = row.clone();
        other[0] = 2;
        assert!(decode(session.id, &other).is_err());
        let mut not_utf8 = row;
        not_utf8[21] = 255;
        assert!(decode(session.id, &not_utf8).is_err());
    }
}
