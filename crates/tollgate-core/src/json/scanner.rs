//! The pass over the text: grammar, depth, duplicates.

use super::object::{Kind, Member, Members, Name, Span};
use super::{Bounds, Flaw};

/// Walks `text` once; positions are byte offsets into it.
pub(super) struct Scanner<'t, 'm> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    bounds: Bounds,
    /// The members of the objects that are open, the innermost's last; in the end those of the outermost.
    members: &'m mut Members,
}

impl<'t, 'm> Scanner<'t, 'm> {
    pub(super) fn new(text: &'t str, at: usize, bounds: Bounds, members: &'m mut Members) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at,
            bounds,
            members,
        }
    }

    /// The whole text from the current position must be one object and white space around it.
    pub(super) fn whole_object(&mut self) -> Result<(), Flaw> {
        self.skip_space();
        if self.peek() != Some(b'{') {
            // Well-formed JSON of another type and garbage are told apart for the operator's sake only.
            let flaw = if self.value(self.bounds.depth).is_ok() {
                Flaw::NotAnObject
            } else {
                Flaw::Syntax
            };
            return Err(flaw);
        }
        self.object(self.bounds.depth)?;
        self.skip_space();
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(Flaw::Syntax)
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let hit = self.peek() == Some(byte);
        self.at += usize::from(hit);
        hit
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Leaves the members on the stack; who asked for less takes them off.
    fn object(&mut self, depth: usize) -> Result<(), Flaw> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Flaw::Depth);
        };
        self.at += 1; // `{`
        self.skip_space();
        if self.eat(b'}') {
            return Ok(());
        }
        let first = self.members.len();
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(Flaw::Syntax);
            }
            let (span, escaped) = self.string()?;
            let name = Name::new(self.text, span, escaped);
            self.check_name(first, &name)?;
            self.skip_space();
            if !self.eat(b':') {
                return Err(Flaw::Syntax);
            }
            self.skip_space();
            let start = self.at;
            let kind = self.value(depth)?;
            self.members.push(Member {
                name,
                value: Span::new(start, self.at),
                kind,
            });
            self.skip_space();
            if self.eat(b',') {
                continue;
            }
            return if self.eat(b'}') { Ok(()) } else { Err(Flaw::Syntax) };
        }
    }

    fn nested_object(&mut self, depth: usize) -> Result<(), Flaw> {
        let open = self.members.len();
        self.object(depth)?;
        self.members.truncate(open);
        Ok(())
    }

    /// Whether the object whose members start at `first` may have this name too. Quadratic in a bounded number.
    fn check_name(&self, first: usize, name: &Name) -> Result<(), Flaw> {
        let members = &self.members[first..];
        if members.len() >= self.bounds.members {
            return Err(Flaw::Members);
        }
        for earlier in members {
            if earlier.name.tag == name.tag && earlier.name.read(self.text) == name.read(self.text) {
                return Err(Flaw::Duplicate);
            }
        }
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<(), Flaw> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Flaw::Depth);
        };
        self.at += 1; // `[`
        self.skip_space();
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            self.skip_space();
            self.value(depth)?;
            self.skip_space();
            if self.eat(b',') {
                continue;
            }
            return if self.eat(b']') { Ok(()) } else { Err(Flaw::Syntax) };
        }
    }

    pub(super) fn value(&mut self, depth: usize) -> Result<Kind, Flaw> {
        match self.peek() {
            Some(b'"') => self.string().map(|(_, escaped)| Kind::String { escaped }),
            Some(b'{') => self.nested_object(depth).map(|()| Kind::Object),
            Some(b'[') => self.array(depth).map(|()| Kind::Array),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| Kind::Number),
            Some(b't') => self.literal(b"true", Kind::Bool(true)),
            Some(b'f') => self.literal(b"false", Kind::Bool(false)),
            Some(b'n') => self.literal(b"null", Kind::Null),
            _ => Err(Flaw::Syntax),
        }
    }

    fn literal(&mut self, word: &[u8], kind: Kind) -> Result<Kind, Flaw> {
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(kind)
        } else {
            Err(Flaw::Syntax)
        }
    }

    /// The span between the quotes, and whether an escape stands in it.
    fn string(&mut self) -> Result<(Span, bool), Flaw> {
        self.at += 1; // the opening quote
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += plain_run(&self.bytes[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    let span = Span::new(start, self.at);
                    self.at += 1;
                    return Ok((span, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(Flaw::Syntax), // a control character, or the end
            }
        }
    }

    fn escape(&mut self) -> Result<(), Flaw> {
        self.at += 1; // the backslash
        let kind = self.peek().ok_or(Flaw::Syntax)?;
        self.at += 1;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => match self.hex4()? {
                0xD800..=0xDBFF => {
                    // A high surrogate is only half a character: the low half must follow.
                    if self.eat(b'\\') && self.eat(b'u') && matches!(self.hex4()?, 0xDC00..=0xDFFF) {
                        Ok(())
                    } else {
                        Err(Flaw::Syntax)
                    }
                }
                0xDC00..=0xDFFF => Err(Flaw::Syntax),
                _ => Ok(()),
            },
            _ => Err(Flaw::Syntax),
        }
    }

    fn hex4(&mut self) -> Result<u32, Flaw> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or(Flaw::Syntax)?;
        let mut code = 0;
        for digit in digits {
            code = code * 16 + char::from(*digit).to_digit(16).ok_or(Flaw::Syntax)?;
        }
        self.at += 4;
        Ok(code)
    }

    fn number(&mut self) -> Result<(), Flaw> {
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _signed = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Flaw> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            Err(Flaw::Syntax)
        } else {
            Ok(())
        }
    }
}

/// How many bytes at the front of `bytes` are neither a quote, a backslash nor a control character: eight at a time.
fn plain_run(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // The high bit of each byte of `word` that is zero, at least up to the first such byte.
    const fn zero_bytes(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word & HIGHS
    }
    let mut run = 0;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for chunk in chunks {
        let word = u64::from_le_bytes(*chunk);
        let quote = zero_bytes(word ^ (ONES * 0x22));
        let backslash = zero_bytes(word ^ (ONES * 0x5C));
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let stop = quote | backslash | control;
        if stop != 0 {
            return run + (stop.trailing_zeros() / 8) as usize;
        }
        run += 8;
    }
    run + rest
        .iter()
        .take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1F))
        .count()
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
                    assert_eq!(plain_run(&bytes), at, "{special:#x} at {at} of {length}");
                }
            }
            assert_eq!(plain_run(&vec![0xC3; length]), length);
            assert_eq!(plain_run(&vec![0x7F; length]), length);
            assert_eq!(plain_run(&vec![b' '; length]), length);
        }
    }
}
