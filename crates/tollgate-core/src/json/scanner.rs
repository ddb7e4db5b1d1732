//! The pass over the text: grammar, depth, duplicates.

use super::object::{Kind, Member, Members, Name, Span};
use super::{Bounds, Flaw};

/// Walks `text` once. Each method takes the byte offset to start at and gives the one behind what it has read.
pub(super) struct Scanner<'t, 'm> {
    text: &'t str,
    bytes: &'t [u8],
    bounds: Bounds,
    /// The members of the objects that are open, the innermost's last; in the end those of the outermost.
    members: &'m mut Members,
}

impl<'t, 'm> Scanner<'t, 'm> {
    pub(super) fn new(text: &'t str, bounds: Bounds, members: &'m mut Members) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            bounds,
            members,
        }
    }

    /// The whole text from `at` must be one object and white space around it.
    pub(super) fn whole_object(&mut self, at: usize) -> Result<(), Flaw> {
        let at = self.space(at);
        if self.byte(at) != Some(b'{') {
            // Well-formed JSON of another type and garbage are told apart for the operator's sake only.
            let flaw = if self.value(at, self.bounds.depth).is_ok() {
                Flaw::NotAnObject
            } else {
                Flaw::Syntax
            };
            return Err(flaw);
        }
        let end = self.object(at + 1, self.bounds.depth)?;
        if self.space(end) == self.bytes.len() {
            Ok(())
        } else {
            Err(Flaw::Syntax)
        }
    }

    #[inline]
    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    #[inline]
    fn space(&self, mut at: usize) -> usize {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte(at) {
            at += 1;
        }
        at
    }

    /// From behind the brace. Leaves the members on the stack; who asked for less takes them off.
    fn object(&mut self, at: usize, depth: usize) -> Result<usize, Flaw> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Flaw::Depth);
        };
        let mut at = self.space(at);
        if self.byte(at) == Some(b'}') {
            return Ok(at + 1);
        }
        let first = self.members.len();
        loop {
            if self.byte(at) != Some(b'"') {
                return Err(Flaw::Syntax);
            }
            let (end, escaped) = self.string(at + 1)?;
            let name = Name::new(self.text, Span::new(at + 1, end), escaped);
            self.check_name(first, &name)?;
            at = self.space(end + 1);
            if self.byte(at) != Some(b':') {
                return Err(Flaw::Syntax);
            }
            let start = self.space(at + 1);
            let (end, kind) = self.value(start, depth)?;
            self.members.push(Member {
                name,
                value: Span::new(start, end),
                kind,
            });
            at = self.space(end);
            match self.byte(at) {
                Some(b',') => at = self.space(at + 1),
                Some(b'}') => return Ok(at + 1),
                _ => return Err(Flaw::Syntax),
            }
        }
    }

    fn nested_object(&mut self, at: usize, depth: usize) -> Result<usize, Flaw> {
        let open = self.members.len();
        let end = self.object(at, depth)?;
        self.members.truncate(open);
        Ok(end)
    }

    /// Whether the object whose members start at `first` may have this name too. Quadratic in a bounded number.
    #[inline]
    fn check_name(&self, first: usize, name: &Name) -> Result<(), Flaw> {
        let members = &self.members[first..];
        if members.len() >= self.bounds.members {
            return Err(Flaw::Members);
        }
        // `serde_json` gives such names a meaning of its own: another value would be read than the one that stands here.
        if name.tag.to_le_bytes()[0] == b'$' && name.read(self.text).starts_with("$serde_json::private::") {
            return Err(Flaw::Reserved);
        }
        for earlier in members {
            if earlier.name.tag == name.tag && earlier.name.read(self.text) == name.read(self.text) {
                return Err(Flaw::Duplicate);
            }
        }
        Ok(())
    }

    /// From behind the bracket.
    fn array(&mut self, at: usize, depth: usize) -> Result<usize, Flaw> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Flaw::Depth);
        };
        let mut at = self.space(at);
        if self.byte(at) == Some(b']') {
            return Ok(at + 1);
        }
        loop {
            let (end, _) = self.value(at, depth)?;
            at = self.space(end);
            match self.byte(at) {
                Some(b',') => at = self.space(at + 1),
                Some(b']') => return Ok(at + 1),
                _ => return Err(Flaw::Syntax),
            }
        }
    }

    #[inline]
    fn value(&mut self, at: usize, depth: usize) -> Result<(usize, Kind), Flaw> {
        match self.byte(at) {
            Some(b'"') => {
                let (end, escaped) = self.string(at + 1)?;
                Ok((end + 1, Kind::String { escaped }))
            }
            Some(b'-' | b'0'..=b'9') => Ok((self.number(at)?, Kind::Number)),
            _ => self.other_value(at, depth),
        }
    }

    fn other_value(&mut self, at: usize, depth: usize) -> Result<(usize, Kind), Flaw> {
        match self.byte(at) {
            Some(b'{') => Ok((self.nested_object(at + 1, depth)?, Kind::Object)),
            Some(b'[') => Ok((self.array(at + 1, depth)?, Kind::Array)),
            Some(b't') => self.literal(at, b"true", Kind::Bool(true)),
            Some(b'f') => self.literal(at, b"false", Kind::Bool(false)),
            Some(b'n') => self.literal(at, b"null", Kind::Null),
            _ => Err(Flaw::Syntax),
        }
    }

    fn literal(&self, at: usize, word: &[u8], kind: Kind) -> Result<(usize, Kind), Flaw> {
        if self.bytes[at..].starts_with(word) {
            Ok((at + word.len(), kind))
        } else {
            Err(Flaw::Syntax)
        }
    }

    /// From behind the opening quote to the closing one, and whether an escape stands between.
    #[inline]
    fn string(&self, at: usize) -> Result<(usize, bool), Flaw> {
        let end = plain_end(self.bytes, at);
        match self.byte(end) {
            Some(b'"') => Ok((end, false)),
            Some(b'\\') => self.escaped_string(end).map(|end| (end, true)),
            _ => Err(Flaw::Syntax), // a control character, or the end
        }
    }

    /// From the first escape to the closing quote.
    fn escaped_string(&self, mut at: usize) -> Result<usize, Flaw> {
        loop {
            at = match self.byte(at) {
                Some(b'"') => return Ok(at),
                Some(b'\\') => plain_end(self.bytes, self.escape(at + 1)?),
                _ => return Err(Flaw::Syntax),
            };
        }
    }

    /// From behind the backslash.
    fn escape(&self, at: usize) -> Result<usize, Flaw> {
        match self.byte(at).ok_or(Flaw::Syntax)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 1),
            b'u' => match self.hex4(at + 1)? {
                // A high surrogate is only half a character: the low half must follow.
                0xD800..=0xDBFF => {
                    let low = self.bytes[at + 5..].starts_with(b"\\u")
                        && matches!(self.hex4(at + 7)?, 0xDC00..=0xDFFF);
                    if low { Ok(at + 11) } else { Err(Flaw::Syntax) }
                }
                0xDC00..=0xDFFF => Err(Flaw::Syntax),
                _ => Ok(at + 5),
            },
            _ => Err(Flaw::Syntax),
        }
    }

    fn hex4(&self, at: usize) -> Result<u32, Flaw> {
        let digits = self.bytes.get(at..at + 4).ok_or(Flaw::Syntax)?;
        digits.iter().try_fold(0, |code, digit| {
            Ok(code * 16 + char::from(*digit).to_digit(16).ok_or(Flaw::Syntax)?)
        })
    }

    fn number(&self, mut at: usize) -> Result<usize, Flaw> {
        at += usize::from(self.byte(at) == Some(b'-'));
        at = if self.byte(at) == Some(b'0') {
            at + 1
        } else {
            self.digits(at)?
        };
        if self.byte(at) == Some(b'.') {
            at = self.digits(at + 1)?;
        }
        if let Some(b'e' | b'E') = self.byte(at) {
            at += 1;
            at += usize::from(matches!(self.byte(at), Some(b'+' | b'-')));
            at = self.digits(at)?;
        }
        Ok(at)
    }

    #[inline]
    fn digits(&self, start: usize) -> Result<usize, Flaw> {
        let mut at = start;
        while let Some(b'0'..=b'9') = self.byte(at) {
            at += 1;
        }
        if at == start { Err(Flaw::Syntax) } else { Ok(at) }
    }
}

/// The first position from `at` on of a quote, a backslash or a control character, or the end: eight bytes at a time.
#[inline]
fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // The high bit of each byte of `word` that is zero, at least up to the first such byte.
    const fn zero_bytes(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word & HIGHS
    }
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let quote = zero_bytes(word ^ (ONES * 0x22));
        let backslash = zero_bytes(word ^ (ONES * 0x5C));
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let stop = quote | backslash | control;
        if stop != 0 {
            return at + (stop.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes
        .get(at)
        .is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1F))
    {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_runs_stop_at_every_special_byte_at_every_offset() {
        for length in 0..40 {
            for special in [b'"', b'\\', 0, 0x1F, b'\n'] {
                for at in 0..length {
                    let mut bytes = vec![b'a'; length];
                    bytes[at] = special;
                    assert_eq!(plain_end(&bytes, 0), at, "{special:#x} at {at} of {length}");
                }
            }
            assert_eq!(plain_end(&vec![0xC3; length], 0), length);
            assert_eq!(plain_end(&vec![0x7F; length], 0), length);
            assert_eq!(plain_end(&vec![b' '; length], 0), length);
        }
    }
}
