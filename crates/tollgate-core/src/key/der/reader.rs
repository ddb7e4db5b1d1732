//! The subset of DER (X.690) that encodings of keys use. Only definite, minimal lengths are read.

use crate::key::error::KeyError;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed.
pub(super) const CONTEXT_0: u8 = 0xa0;

/// Reads elements one by one.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(der: &'a [u8]) -> Self {
        Self { rest: der }
    }

    /// Returns the contents of the one `SEQUENCE` that fills `der` completely.
    pub(super) fn whole_sequence(der: &'a [u8]) -> Result<Self, KeyError> {
        let mut reader = Self::new(der);
        let inner = reader.expect(SEQUENCE)?;
        reader.end()?;
        Ok(Self::new(inner))
    }

    /// Returns the tag of the next element; `None` at the end.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Returns the next element: its tag and contents.
    pub(super) fn element(&mut self) -> Result<(u8, &'a [u8]), KeyError> {
        const CUT: KeyError =
            KeyError::malformed("the DER is cut short or has a length that is not minimal");
        let [tag, first, after @ ..] = self.rest else {
            return Err(CUT);
        };
        // Tags above 30 take several bytes. No key uses one.
        if tag & 0x1f == 0x1f {
            return Err(KeyError::malformed("the DER has a tag that no key uses"));
        }
        let (length, after) = match (*first, after) {
            (0..=0x7f, after) => (usize::from(*first), after),
            (0x81, [low, after @ ..]) => (usize::from(*low), after),
            (0x82, [high, low, after @ ..]) => (usize::from(*high) << 8 | usize::from(*low), after),
            (0x83, [high, middle, low, after @ ..]) => (
                usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low),
                after,
            ),
            _ => return Err(CUT),
        };
        let least = match first {
            0x81 => 0x80,
            0x82 => 0x100,
            0x83 => 0x1_0000,
            _ => 0,
        };
        if length < least {
            return Err(CUT);
        }
        let (contents, rest) = after.split_at_checked(length).ok_or(CUT)?;
        self.rest = rest;
        Ok((*tag, contents))
    }

    /// Returns the contents of the next element, which must have `tag`.
    pub(super) fn expect(&mut self, tag: u8) -> Result<&'a [u8], KeyError> {
        match self.element()? {
            (found, contents) if found == tag => Ok(contents),
            _ => Err(KeyError::malformed(
                "the DER has another element than belongs there",
            )),
        }
    }

    /// Reads a non-negative `INTEGER` in its minimal form, without the sign byte.
    pub(super) fn unsigned(&mut self) -> Result<&'a [u8], KeyError> {
        const BAD: KeyError =
            KeyError::malformed("the DER has an integer that is negative or not minimal");
        match self.expect(INTEGER)? {
            [] | [0x80..=0xff, ..] => Err(BAD),
            [0, next, ..] if *next < 0x80 => Err(BAD),
            [0, magnitude @ ..] | magnitude => Ok(magnitude),
        }
    }

    /// Reads a `BIT STRING` of whole bytes.
    pub(super) fn bit_string(&mut self) -> Result<&'a [u8], KeyError> {
        match self.expect(BIT_STRING)? {
            [0, bytes @ ..] => Ok(bytes),
            _ => Err(KeyError::malformed(
                "the DER has a bit string that does not end at a byte",
            )),
        }
    }

    /// Returns the bytes up to the position of `later`, a later state of the same reader.
    pub(super) fn up_to(&self, later: &Self) -> &'a [u8] {
        let length = self.rest.len().saturating_sub(later.rest.len());
        self.rest.get(..length).unwrap_or_default()
    }

    /// Checks that no element follows.
    pub(super) fn end(&self) -> Result<(), KeyError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(KeyError::malformed("the DER has bytes after its end"))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic fails the test")]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_minimal_and_within_bounds() {
        let long = |header: &[u8], n: usize| [header, &vec![0; n][..]].concat();
        for (der, length) in [
            (vec![0x04, 0x00], 0),
            (long(&[0x04, 0x7f], 0x7f), 0x7f),
            (long(&[0x04, 0x81, 0x80], 0x80), 0x80),
            (long(&[0x04, 0x82, 0x01, 0x00], 0x100), 0x100),
            (long(&[0x04, 0x83, 0x01, 0x00, 0x00], 0x1_0000), 0x1_0000),
        ] {
            assert_eq!(Reader::new(&der).element().unwrap().1.len(), length);
            assert!(Reader::new(&der[..der.len() - 1]).element().is_err());
        }
        for bad in [
            &[][..],
            &[0x04],
            &[0x04, 0x80, 0x00, 0x00],       // indefinite
            &[0x04, 0x81, 0x01, 0x00],       // fits the short form
            &[0x04, 0x82, 0x00, 0x01, 0x00], // leading zero
            &[0x04, 0x83, 0x00, 0x01, 0x00],
            &[0x04, 0x84, 0x00, 0x00, 0x00, 0x01, 0x00],
            &[0x04, 0xff, 0x00],
            &[0x1f, 0x01, 0x00], // tag of several bytes
        ] {
            assert!(Reader::new(bad).element().is_err(), "{bad:02x?}");
        }
    }

    #[test]
    fn integers_are_minimal_and_not_negative() {
        let read = |contents: &[u8]| {
            let der = [&[INTEGER, u8::try_from(contents.len()).unwrap()], contents].concat();
            Reader::new(&der).unsigned().ok().map(<[u8]>::to_vec)
        };
        assert_eq!(read(&[1]), Some(vec![1]));
        assert_eq!(read(&[0]), Some(vec![]));
        assert_eq!(read(&[0, 0x80]), Some(vec![0x80]));
        for bad in [
            &[][..],
            &[0x80],
            &[0xff, 1],
            &[0, 1],
            &[0, 0],
            &[0, 0x7f, 1],
        ] {
            assert_eq!(read(bad), None, "{bad:02x?}");
        }
    }

    #[test]
    fn a_sequence_fills_the_whole_text() {
        assert!(Reader::whole_sequence(&[0x30, 0x02, 0x05, 0x00]).is_ok());
        assert!(Reader::whole_sequence(&[0x30, 0x02, 0x05, 0x00, 0x00]).is_err());
        assert!(Reader::whole_sequence(&[0x31, 0x02, 0x05, 0x00]).is_err());
    }
}
