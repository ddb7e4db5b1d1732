//! The pass over the text: grammar, bounds, duplicate names.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::names::{NameSet, ObjectNames};
use super::object::{Kind, Member, Members, Name, Span};
use super::{Bounds, Flaw};

/// A scanner that reads `text` once. Each method takes the byte offset of its start and returns the
/// offset after the text that it read.
pub(super) struct Scanner<'t, 'm> {
    text: &'t str,
    bytes: &'t [u8],
    bounds: Bounds,
    /// The members of the open objects, the innermost last; at the end those of the outermost.
    members: &'m mut Members,
    names: NameSet<'t>,
    /// `true` if an object has a name twice. The scan continues, so that a syntax error comes
    /// first.
    duplicate: bool,
    /// `true` if values past the depth are skipped, with a check of their grammar, not refused.
    outline: bool,
}

impl<'t, 'm> Scanner<'t, 'm> {
    pub(super) fn new(text: &'t str, bounds: Bounds, members: &'m mut Members) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            bounds,
            members,
            names: NameSet::default(),
            duplicate: false,
            outline: false,
        }
    }

    /// A scanner that skips the values nested in the outermost object or array.
    pub(super) fn outline(text: &'t str, members: &'m mut Members) -> Self {
        let bounds = Bounds {
            depth: 1,
            members: usize::MAX,
        };
        Self {
            outline: true,
            ..Self::new(text, bounds, members)
        }
    }

    /// Checks that the whole text is one object, with optional white space around it.
    pub(super) fn whole_object(&mut self) -> Result<(), Flaw> {
        let (at, first) = self.token(0);
        if first != b'{' {
            // The operator sees whether the text is JSON of another type or no JSON.
            let flaw = if self.value(at, first, self.bounds.depth).is_ok() {
                Flaw::NotAnObject
            } else {
                Flaw::Syntax
            };
            return Err(flaw);
        }
        let end = self.object(at + 1, self.bounds.depth)?;
        if self.token(end).0 != self.bytes.len() {
            return Err(Flaw::Syntax);
        }
        if self.duplicate {
            return Err(Flaw::Duplicate);
        }
        Ok(())
    }

    /// Returns the byte at `at`, or NUL past the end, which the grammar never allows.
    #[inline]
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or_default()
    }

    /// Returns the start of the next token after white space, and its first byte.
    #[inline]
    fn token(&self, at: usize) -> (usize, u8) {
        match self.byte(at) {
            byte @ b'!'.. => (at, byte),
            _ => self.token_behind_space(at),
        }
    }

    #[inline(never)]
    fn token_behind_space(&self, mut at: usize) -> (usize, u8) {
        loop {
            match self.byte(at) {
                b' ' | b'\t' | b'\n' | b'\r' => at += 1,
                byte => return (at, byte),
            }
        }
    }

    /// Reads from after the brace. Leaves the members on the stack, for the caller to remove.
    fn object(&mut self, at: usize, depth: usize) -> Result<usize, Flaw> {
        let Some(depth) = depth.checked_sub(1) else {
            return self.past_depth(at - 1);
        };
        let (mut at, mut byte) = self.token(at);
        if byte == b'}' {
            return Ok(at + 1);
        }
        let first = self.members.len();
        let mut left = self.bounds.members;
        let mut names = ObjectNames::new(at);
        loop {
            if byte != b'"' {
                return Err(Flaw::Syntax);
            }
            left = left.checked_sub(1).ok_or(Flaw::Members)?;
            let end = match self.plain_member(at + 1, &mut names) {
                Some(end) => end,
                None => self.member(at + 1, depth, first, &mut names)?,
            };
            (at, byte) = self.token(end);
            match byte {
                b',' => (at, byte) = self.token(at + 1),
                b'}' => return Ok(at + 1),
                _ => return Err(Flaw::Syntax),
            }
        }
    }

    /// The fast path for most members: no white space, a name of up to seven bytes that is
    /// certainly new, and a string without escapes or a number of digits only.
    ///
    /// Reads from after the opening quote to after the value. `None` for all others, which
    /// [`member`](Self::member) reads.
    #[inline]
    fn plain_member(&mut self, at: usize, names: &mut ObjectNames) -> Option<usize> {
        let word = u64::from_le_bytes(*self.bytes.get(at..)?.first_chunk()?);
        let stop = stops(word);
        if stop == 0 {
            return None;
        }
        let colon = at + (stop.trailing_zeros() / 8) as usize + 1;
        let [b'"', b':', first] = *self.bytes.get(colon - 1..)?.first_chunk()? else {
            return None;
        };
        let start = colon + 1;
        let (end, kind) = match first {
            b'"' => {
                let end = plain_end(self.bytes, start + 1);
                if self.byte(end) != b'"' {
                    return None;
                }
                (end + 1, Kind::String { escaped: false })
            }
            b'1'..=b'9' => {
                let end = digits_end(self.bytes, start + 1);
                if matches!(self.byte(end), b'.' | b'e' | b'E') {
                    return None;
                }
                (end, Kind::Number)
            }
            _ => return None,
        };
        let name = Name::short(word, at, colon - 1 - at);
        if name.is_dollar() || !names.is_first(name.tag) {
            return None;
        }
        self.members
            .push(Member::new(name, Span::new(start, end), kind));
        Some(end)
    }

    /// Reads a member of the object whose members start at `first`, from after its opening quote to
    /// after its value.
    #[inline(never)]
    fn member(
        &mut self,
        at: usize,
        depth: usize,
        first: usize,
        names: &mut ObjectNames,
    ) -> Result<usize, Flaw> {
        let (end, escaped) = self.string(at)?;
        let span = Span::new(at, end);
        let name = if escaped {
            self.escaped_name(first, span, names)?
        } else {
            let name = Name::verbatim(self.text, span);
            if name.is_dollar() || !names.is_first(name.tag) {
                self.check_name(first, name, names)?;
            }
            name
        };
        let (at, byte) = self.token(end + 1);
        if byte != b':' {
            return Err(Flaw::Syntax);
        }
        let (start, byte) = self.token(at + 1);
        let (end, kind) = self.value(start, byte, depth)?;
        self.members
            .push(Member::new(name, Span::new(start, end), kind));
        Ok(end)
    }

    fn nested_object(&mut self, at: usize, depth: usize) -> Result<usize, Flaw> {
        let open = self.members.len();
        let end = self.object(at, depth);
        self.members.truncate(open); // even for a flawed text: its outermost members are still read
        end
    }

    #[inline(never)]
    fn check_name(
        &mut self,
        first: usize,
        name: Name,
        names: &mut ObjectNames,
    ) -> Result<(), Flaw> {
        if !name.is_dollar() && names.is_new_by_tag(&self.members[first..], name.tag) {
            return Ok(());
        }
        let verbatim = Cow::Borrowed(name.span.of(self.text));
        self.check_against_earlier(first, name, verbatim, names)
    }

    #[cold]
    fn escaped_name(
        &mut self,
        first: usize,
        span: Span,
        names: &mut ObjectNames,
    ) -> Result<Name, Flaw> {
        let (name, unescaped) = Name::escaped(self.text, span);
        if name.is_dollar() || !names.is_first(name.tag) {
            self.check_against_earlier(first, name, Cow::Owned(unescaped), names)?;
        }
        Ok(name)
    }

    /// Records a duplicate. Refuses the private names of `serde_json`, which would make it read a
    /// value that differs from the text.
    #[cold]
    fn check_against_earlier(
        &mut self,
        first: usize,
        name: Name,
        unescaped: Cow<'t, str>,
        names: &mut ObjectNames,
    ) -> Result<(), Flaw> {
        if unescaped.starts_with("$serde_json::private::") {
            return Err(Flaw::Reserved);
        }
        let earlier = &self.members[first..];
        let new = self
            .names
            .is_new(names, self.text, earlier, name, unescaped);
        self.duplicate |= !new;
        Ok(())
    }

    /// Reads from after the bracket.
    fn array(&mut self, at: usize, depth: usize) -> Result<usize, Flaw> {
        self.elements(at, depth, |_| Ok(()))
    }

    /// Like [`array`](Self::array), with a call for each element.
    pub(super) fn elements(
        &mut self,
        at: usize,
        depth: usize,
        mut each: impl FnMut(Span) -> Result<(), Flaw>,
    ) -> Result<usize, Flaw> {
        let Some(depth) = depth.checked_sub(1) else {
            return self.past_depth(at - 1);
        };
        let (mut at, mut byte) = self.token(at);
        if byte == b']' {
            return Ok(at + 1);
        }
        loop {
            let (end, _) = self.value(at, byte, depth)?;
            each(Span::new(at, end))?;
            (at, byte) = self.token(end);
            match byte {
                b',' => (at, byte) = self.token(at + 1),
                b']' => return Ok(at + 1),
                _ => return Err(Flaw::Syntax),
            }
        }
    }

    /// Handles an object or array at `at` that is nested deeper than the bound.
    #[cold]
    fn past_depth(&self, at: usize) -> Result<usize, Flaw> {
        if !self.outline {
            return Err(Flaw::Depth);
        }
        // Unlike this scanner, it does not recurse.
        let mut values =
            serde_json::Deserializer::from_str(&self.text[at..]).into_iter::<&RawValue>();
        match values.next() {
            Some(Ok(value)) => Ok(at + value.get().len()),
            _ => Err(Flaw::Syntax),
        }
    }

    /// Reads the value at `at`, whose first byte is `first`.
    fn value(&mut self, at: usize, first: u8, depth: usize) -> Result<(usize, Kind), Flaw> {
        match first {
            b'"' => {
                let (end, escaped) = self.string(at + 1)?;
                Ok((end + 1, Kind::String { escaped }))
            }
            b'-' | b'0'..=b'9' => Ok((self.number(at)?, Kind::Number)),
            b'{' => Ok((self.nested_object(at + 1, depth)?, Kind::Object)),
            b'[' => Ok((self.array(at + 1, depth)?, Kind::Array)),
            b't' => self.literal(at, b"true", Kind::Bool(true)),
            b'f' => self.literal(at, b"false", Kind::Bool(false)),
            b'n' => self.literal(at, b"null", Kind::Null),
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

    /// Reads from after the opening quote to the closing one. Also returns `true` if there are
    /// escapes.
    #[inline]
    fn string(&self, at: usize) -> Result<(usize, bool), Flaw> {
        let end = plain_end(self.bytes, at);
        match self.byte(end) {
            b'"' => Ok((end, false)),
            b'\\' => self.escaped_string(end).map(|end| (end, true)),
            _ => Err(Flaw::Syntax), // a control character, or the end
        }
    }

    /// Reads from the first escape to the closing quote.
    fn escaped_string(&self, mut at: usize) -> Result<usize, Flaw> {
        loop {
            at = match self.byte(at) {
                b'"' => return Ok(at),
                b'\\' => plain_end(self.bytes, self.escape(at + 1)?),
                _ => return Err(Flaw::Syntax),
            };
        }
    }

    /// Reads from after the backslash.
    fn escape(&self, at: usize) -> Result<usize, Flaw> {
        match self.byte(at) {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 1),
            b'u' => match self.hex4(at + 1)? {
                // The low surrogate must follow a high one.
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
        at += usize::from(self.byte(at) == b'-');
        at = if self.byte(at) == b'0' {
            at + 1
        } else {
            self.digits(at)?
        };
        if self.byte(at) == b'.' {
            at = self.digits(at + 1)?;
        }
        if let b'e' | b'E' = self.byte(at) {
            at += 1;
            at += usize::from(matches!(self.byte(at), b'+' | b'-'));
            at = self.digits(at)?;
        }
        Ok(at)
    }

    #[inline]
    fn digits(&self, start: usize) -> Result<usize, Flaw> {
        let at = digits_end(self.bytes, start);
        if at == start {
            Err(Flaw::Syntax)
        } else {
            Ok(at)
        }
    }
}

/// Returns the first position from `at` that is not a digit, or the end. Reads eight bytes at a
/// time.
#[inline]
fn digits_end(bytes: &[u8], at: usize) -> usize {
    let mut rest = bytes.get(at..).unwrap_or_default();
    while let Some((chunk, after)) = rest.split_first_chunk() {
        // A digit becomes 0 to 9. All other bytes get, or have, the high bit.
        let word = u64::from_le_bytes(*chunk) ^ 0x3030_3030_3030_3030;
        let stop = (((word & 0x7F7F_7F7F_7F7F_7F7F) + 0x7676_7676_7676_7676) | word)
            & 0x8080_8080_8080_8080;
        if stop != 0 {
            return bytes.len() - rest.len() + (stop.trailing_zeros() / 8) as usize;
        }
        rest = after;
    }
    bytes.len() - rest.len() + leading(rest, |byte| byte.is_ascii_digit())
}

/// Returns the first position from `at` of a quote, a backslash or a control character, or the end.
/// Reads eight bytes at a time.
#[inline]
pub(crate) fn plain_end(bytes: &[u8], at: usize) -> usize {
    let mut rest = bytes.get(at..).unwrap_or_default();
    while let Some((chunk, after)) = rest.split_first_chunk() {
        let stop = stops(u64::from_le_bytes(*chunk));
        if stop != 0 {
            return bytes.len() - rest.len() + (stop.trailing_zeros() / 8) as usize;
        }
        rest = after;
    }
    bytes.len() - rest.len() + leading(rest, |byte| !matches!(byte, b'"' | b'\\' | 0..=0x1F))
}

/// Returns the number of leading bytes that match.
#[inline(never)]
fn leading(bytes: &[u8], matches: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| matches(**byte)).count()
}

/// Sets the high bit of each byte of `word` that is a quote, a backslash or a control character.
/// Exact up to the first of them.
#[inline]
const fn stops(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    const fn below(word: u64, bound: u64) -> u64 {
        word.wrapping_sub(ONES * bound) & !word
    }
    // 0x22 becomes 0x20, and only control characters are below that.
    let quote_or_control = below(word ^ (ONES * 0x02), 0x21);
    let backslash = below(word ^ (ONES * 0x5C), 1);
    (quote_or_control | backslash) & HIGHS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
            assert_eq!(plain_end(&vec![b'a'; length], length + 1), length);
        }
    }

    #[test]
    fn digits_end_at_every_other_byte_at_every_offset() {
        for length in 0..20 {
            assert_eq!(digits_end(&vec![b'7'; length], 0), length);
            assert_eq!(digits_end(&vec![b'7'; length], length + 1), length);
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut bytes = vec![b'0' + u8::try_from(at % 10).unwrap(); length];
                    bytes[at] = byte;
                    let wanted = if byte.is_ascii_digit() { length } else { at };
                    assert_eq!(
                        digits_end(&bytes, 0),
                        wanted,
                        "{byte:#x} at {at} of {length}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_byte_stops_or_does_not() {
        for byte in 0..=u8::MAX {
            let stop = byte < 0x20 || byte == b'"' || byte == b'\\';
            let word = u64::from_le_bytes([b'a', byte, b'a', b'"', b'a', b'a', b'a', b'a']);
            let wanted = if stop { 1 } else { 3 };
            assert_eq!(stops(word).trailing_zeros() / 8, wanted, "{byte:#x}");
        }
    }

    proptest! {
        /// The fast path returns the same result as the full grammar.
        #[test]
        fn the_fast_path_agrees_with_the_grammar(
            text in r#"[a-c$\\\n\u{e9}]{0,9}"{0,2} ?:{0,2} ?("[a-c\\/\n\u{e9}]{0,20}"?|-?[0-9]{0,20}[.eE]?[0-9]?|true|\{\}) ?[,}]?\PC{0,9}"#
        ) {
            let bounds = Bounds { depth: 3, members: 3 };
            let (mut plain, mut full) = (Members::new(), Members::new());
            let end = Scanner::new(&text, bounds, &mut plain)
                .plain_member(0, &mut ObjectNames::new(0));
            if let Some(end) = end {
                let read = Scanner::new(&text, bounds, &mut full)
                    .member(0, 3, 0, &mut ObjectNames::new(0));
                prop_assert_eq!(read, Ok(end));
                prop_assert_eq!(format!("{plain:?}"), format!("{full:?}"));
            } else {
                prop_assert!(plain.is_empty());
            }
        }
    }
}
