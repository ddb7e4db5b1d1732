//! The strict JSON reader (RFC 8259, RFC 7493): headers, claims, JWKs, JWK Sets, and, through
//! [`from_slice`], issuer metadata and the content of requests.
//!
//! One pass checks the whole text and indexes the members of the outermost object. It refuses
//! duplicate members at any level, lone surrogates, control characters, text after the end and
//! nesting past a bound, all of which lenient parsers accept. Values are read from the index.

mod document;
mod names;
mod number;
mod object;
mod read;
mod scanner;
#[cfg(test)]
mod tests;
#[cfg(any(test, fuzzing))]
pub(crate) mod work;

pub(crate) use document::{ABSENT, Document, MISFIT};
pub(crate) use number::NumericDate;
pub(crate) use object::{Indexed, Kind, Member, Object, Span, StringItems, Text, elements, tag};
pub use read::{JsonError, from_slice};
pub(crate) use scanner::plain_end;

/// The reason why a text is refused. For the operator, not for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Syntax,
    NotAnObject,
    Duplicate,
    Depth,
    Members,
    Reserved,
}

impl Flaw {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "is not valid JSON",
            Self::NotAnObject => "is not a JSON object",
            Self::Duplicate => "has a duplicate member",
            Self::Depth => "is nested too deeply",
            Self::Members => "has too many members",
            Self::Reserved => "has a member name that is reserved",
        }
    }
}

/// The bounds of one scan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The deepest nesting of objects and arrays, the outermost object included.
    pub(crate) depth: usize,
    /// The most members of one object.
    pub(crate) members: usize,
}

impl Bounds {
    /// For text whose bounds were checked before.
    pub(crate) const NONE: Self = Self {
        depth: usize::MAX,
        members: usize::MAX,
    };

    /// The bounds of a document of bounded size: the depth is that of `serde_json`.
    pub(crate) const DOCUMENT: Self = Self {
        depth: 127,
        members: usize::MAX,
    };
}
