//! The index over an object's members.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::scanner::Scanner;
use super::{Bounds, Flaw};
use crate::claim_path::ClaimObject;

/// A range of bytes in the indexed text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    #[allow(clippy::cast_possible_truncation)] // `Object::parse` refuses texts past `u32`
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    /// The part of `text` that the span covers; empty if the span belongs to another text.
    pub(crate) fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    /// Like [`of`](Self::of), in bytes: no check for character boundaries.
    #[inline]
    pub(crate) fn bytes_of(self, text: &str) -> &[u8] {
        text.as_bytes()
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    /// The span without its first and last byte: a string without its quotes.
    pub(crate) const fn inner(self) -> Self {
        Self {
            start: self.start + 1,
            end: self.end - 1,
        }
    }
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    String { escaped: bool },
    Number,
    Bool(bool),
    Null,
    Object,
    Array,
}

impl Kind {
    /// The type of an element of an array that the scanner accepted.
    pub(super) fn of(raw: &str) -> Self {
        match raw.as_bytes().first() {
            Some(b'"') => Self::String {
                escaped: raw.contains('\\'),
            },
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') => Self::Null,
            _ => Self::Number,
        }
    }
}

/// The name of a member: its place in the text, and a [`tag`] for comparison.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    pub(super) tag: u64,
    pub(super) span: Span,
    pub(super) escaped: bool,
}

/// The first seven bytes of a name and its length. Names of up to seven bytes are equal if their
/// tags are.
pub(crate) const fn tag(name: &[u8]) -> u64 {
    #[allow(clippy::cast_possible_truncation)] // bounded
    let length = if name.len() < 255 {
        name.len() as u8
    } else {
        255
    };
    if let Some(first) = name.first_chunk() {
        return u64::from_le_bytes(*first) & (u64::MAX >> 8) | (length as u64) << 56;
    }
    let mut tag = [0; 8];
    let mut at = 0;
    while at < name.len() && at < 7 {
        tag[at] = name[at];
        at += 1;
    }
    tag[7] = length;
    u64::from_le_bytes(tag)
}

impl Name {
    /// The name at `span`, without escapes.
    #[inline]
    pub(super) fn verbatim(text: &str, span: Span) -> Self {
        Self {
            tag: tag(span.of(text).as_bytes()),
            span,
            escaped: false,
        }
    }

    /// The name at `span`, with its escapes resolved.
    pub(super) fn escaped(text: &str, span: Span) -> (Self, String) {
        let unescaped = unescape(span.of(text));
        let name = Self {
            tag: tag(unescaped.as_bytes()),
            span,
            escaped: true,
        };
        (name, unescaped)
    }

    /// Returns `true` if the name begins with a dollar sign.
    #[inline]
    pub(super) const fn is_dollar(&self) -> bool {
        self.tag.to_le_bytes()[0] == b'$'
    }

    /// A name of up to seven bytes without escapes. `word` begins with the name, so the [`tag`] is
    /// masked out of it.
    #[inline]
    pub(super) const fn short(word: u64, start: usize, length: usize) -> Self {
        let name = word & ((1 << (8 * length)) - 1);
        Self {
            tag: name | (length as u64) << 56,
            span: Span::new(start, start + length),
            escaped: false,
        }
    }
}

/// A name and its value. The fields of the name are separate, so that a member is half a cache
/// line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    tag: u64,
    name: Span,
    pub(crate) value: Span,
    pub(crate) kind: Kind,
    escaped: bool,
}

const _: () = assert!(size_of::<Member>() == 32);

impl Member {
    #[inline]
    pub(super) const fn new(name: Name, value: Span, kind: Kind) -> Self {
        let Name { tag, span, escaped } = name;
        Self {
            tag,
            name: span,
            value,
            kind,
            escaped,
        }
    }

    pub(crate) fn name<'t>(&self, text: &'t str) -> Cow<'t, str> {
        read_string(self.name.of(text), self.escaped)
    }

    /// The name if it is written without escapes.
    pub(super) fn verbatim_name<'t>(&self, text: &'t str) -> Option<&'t str> {
        (!self.escaped).then(|| self.name.of(text))
    }

    /// The [`tag`] of the name, to match on.
    pub(crate) const fn tag(&self) -> u64 {
        self.tag
    }

    fn is(&self, text: &str, name: &str, tag: u64) -> bool {
        self.tag == tag && (name.len() <= 7 || self.name(text) == name)
    }

    /// The value if it is a string, independent of the text's lifetime.
    pub(crate) fn text(&self, text: &str) -> Option<Text> {
        let Kind::String { escaped } = self.kind else {
            return None;
        };
        let span = self.value.inner();
        Some(if escaped {
            Text::Unescaped(unescape(span.of(text)).into())
        } else {
            Text::Verbatim(span)
        })
    }

    /// The value if it is a string.
    pub(crate) fn string<'t>(&self, text: &'t str) -> Option<Cow<'t, str>> {
        let Kind::String { escaped } = self.kind else {
            return None;
        };
        Some(read_string(self.value.inner().of(text), escaped))
    }

    pub(crate) fn raw<'t>(&self, text: &'t str) -> &'t str {
        self.value.of(text)
    }
}

/// Returns the elements of an outlined array as JSON; `None` if there are more than `most`.
pub(crate) fn elements(array: &str, most: usize) -> Option<Vec<&str>> {
    let mut elements = Vec::new();
    let each = |element: Span| {
        if elements.len() == most {
            return Err(Flaw::Members);
        }
        elements.push(element.of(array));
        Ok(())
    };
    let end = Scanner::outline(array, &mut Members::new()).elements(1, 1, each);
    end.ok().map(|_| elements)
}

/// A string value: its place in the text, or the unescaped string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    Verbatim(Span),
    Unescaped(Box<str>),
}

impl Text {
    pub(crate) fn read<'t>(&'t self, text: &'t str) -> &'t str {
        match self {
            Self::Verbatim(span) => span.of(text),
            Self::Unescaped(owned) => owned,
        }
    }
}

pub(super) type Members = SmallVec<[Member; 12]>;

/// The members of a JSON object, in the order of the text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object {
    members: Members,
}

impl Object {
    /// Checks the whole text and indexes its members.
    pub(crate) fn parse(&mut self, text: &str, bounds: Bounds) -> Result<(), Flaw> {
        if u32::try_from(text.len()).is_err() {
            return Err(Flaw::Syntax);
        }
        self.members.clear();
        #[cfg(any(test, fuzzing))]
        super::work::add(text.len());
        Scanner::new(text, bounds, &mut self.members).whole_object()
    }

    /// Like [`parse`](Self::parse), but checks only the grammar of nested values, at any depth.
    /// Each of them can be parsed, and refused, on its own.
    pub(crate) fn outline(&mut self, text: &str) -> Result<(), Flaw> {
        if u32::try_from(text.len()).is_err() {
            return Err(Flaw::Syntax);
        }
        self.members.clear();
        #[cfg(any(test, fuzzing))]
        super::work::add(text.len());
        Scanner::outline(text, &mut self.members).whole_object()
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        if self.members.spilled() {
            self.members.capacity() * size_of::<Member>()
        } else {
            0
        }
    }

    pub(crate) fn get(&self, text: &str, name: &str) -> Option<&Member> {
        let tag = tag(name.as_bytes());
        self.members
            .iter()
            .find(|member| member.is(text, name, tag))
    }
}

/// An indexed object and its text, to find paths in.
pub(crate) struct Indexed<'t, 'o> {
    text: &'t str,
    object: Cow<'o, Object>,
}

impl<'t, 'o> Indexed<'t, 'o> {
    pub(crate) const fn new(text: &'t str, object: &'o Object) -> Self {
        Self {
            text,
            object: Cow::Borrowed(object),
        }
    }
}

impl<'t> ClaimObject<'t> for Indexed<'t, '_> {
    type Value = (&'t str, Kind);

    fn member(&self, name: &str) -> Option<(&'t str, Kind)> {
        let member = self.object.get(self.text, name)?;
        (member.kind != Kind::Null).then(|| (member.raw(self.text), member.kind))
    }

    fn open((text, kind): (&'t str, Kind)) -> Option<Self> {
        if kind != Kind::Object {
            return None;
        }
        let mut object = Object::default();
        // The bounds were checked when the outermost object was indexed.
        object.parse(text, Bounds::NONE).ok()?;
        Some(Self {
            text,
            object: Cow::Owned(object),
        })
    }
}

/// The strings of an array, or a single string: `aud`, `scp` and roles come in both shapes.
#[derive(Clone, Debug)]
pub(crate) struct StringItems<'t> {
    rest: &'t str,
    /// For a single string, whether it has escapes.
    single: Option<bool>,
}

impl<'t> StringItems<'t> {
    /// Iterates over `raw`, a checked JSON string or array. The types of the elements are checked
    /// while iterating.
    pub(crate) fn new(raw: &'t str, kind: Kind) -> Option<Self> {
        match kind {
            Kind::String { escaped } => Some(Self {
                rest: raw,
                single: Some(escaped),
            }),
            Kind::Array => Some(Self {
                rest: raw.get(1..raw.len() - 1)?,
                single: None,
            }),
            _ => None,
        }
    }

    pub(crate) const fn empty() -> Self {
        Self {
            rest: "",
            single: None,
        }
    }
}

/// `Err` for an element that is not a string.
impl<'t> Iterator for StringItems<'t> {
    type Item = Result<Cow<'t, str>, ()>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self.single {
            None => self.next_of_array(),
            Some(escaped) => {
                let raw = std::mem::take(&mut self.rest);
                let inner = raw.get(1..raw.len().checked_sub(1)?)?;
                Some(Ok(read_string(inner, escaped)))
            }
        }
    }
}

impl<'t> StringItems<'t> {
    fn next_of_array(&mut self) -> Option<Result<Cow<'t, str>, ()>> {
        let rest = self.rest.trim_ascii_start();
        if rest.is_empty() {
            return None;
        }
        if !rest.starts_with('"') {
            self.rest = "";
            return Some(Err(()));
        }
        let body = &rest[1..];
        let bytes = body.as_bytes();
        let (mut at, mut escaped) = (0, false);
        while at < bytes.len() && bytes[at] != b'"' {
            let backslash = bytes[at] == b'\\';
            escaped |= backslash;
            at += 1 + usize::from(backslash);
        }
        let (item, after) = (body.get(..at)?, body.get(at + 1..)?);
        self.rest = after.trim_ascii_start().trim_start_matches(',');
        Some(Ok(read_string(item, escaped)))
    }
}

fn read_string(inner: &str, escaped: bool) -> Cow<'_, str> {
    if escaped {
        Cow::Owned(unescape(inner))
    } else {
        Cow::Borrowed(inner)
    }
}

/// Resolves the escapes of a string that the scanner accepted.
fn unescape(inner: &str) -> String {
    #[cfg(any(test, fuzzing))]
    super::work::add(inner.len());
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let mut after = rest[at + 1..].chars();
        match after.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let (char, used) = unicode_escape(after.as_str());
                out.push(char);
                after = after.as_str().get(used..).unwrap_or_default().chars();
            }
            Some(other) => out.push(other), // `"`, `\`, `/`
            None => {}
        }
        rest = after.as_str();
    }
    out.push_str(rest);
    out
}

/// The character of the four digits after `\u`, or of a surrogate pair, and the bytes it took.
fn unicode_escape(digits: &str) -> (char, usize) {
    let code = |at: usize| {
        digits
            .get(at..at + 4)
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
            .unwrap_or(0xFFFD)
    };
    match code(0) {
        high @ 0xD800..=0xDBFF => {
            let low = code(6).wrapping_sub(0xDC00) & 0x3FF;
            let joined = 0x1_0000 + ((high - 0xD800) << 10) + low;
            (
                char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER),
                10,
            )
        }
        plain => (
            char::from_u32(plain).unwrap_or(char::REPLACEMENT_CHARACTER),
            4,
        ),
    }
}
