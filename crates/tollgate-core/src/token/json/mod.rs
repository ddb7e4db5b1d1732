//! The strict reading of JSON that headers and claims go through (RFC 8259, RFC 7493).
//!
//! One pass checks the whole text and indexes the members of the outermost object. What a lenient parser lets by is
//! refused: duplicate members at any level, lone surrogates, control characters, text after the end, nesting past
//! a bound. Values are read from the index later, each at most once for each reader.

mod document;
mod names;
mod number;
mod object;
mod read;
mod scanner;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod work;

pub(crate) use document::{Document, MISFIT};
pub(crate) use number::NumericDate;
pub(crate) use object::{Kind, Member, Object, Span, StringItems, Text, elements, tag};
pub use read::{JsonError, from_slice};
pub(crate) use scanner::plain_end;

/// Why a text is not acceptable JSON; for the operator, not for the client.
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

/// The bounds that hold while a text is scanned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How deep objects and arrays may nest, the outermost object included.
    pub(crate) depth: usize,
    /// How many members one object may have.
    pub(crate) members: usize,
}

impl Bounds {
    /// The bounds of a document whose size is bounded already: as deep as `serde_json` reads.
    pub(crate) const DOCUMENT: Self = Self {
        depth: 127,
        members: usize::MAX,
    };
}
