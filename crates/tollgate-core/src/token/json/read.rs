//! Deserialization of whole JSON documents that are not on the hot path.

use std::fmt;

use serde::de::DeserializeOwned;

use super::document::{ABSENT, Document, MISFIT};
use super::object::Object;
use super::{Bounds, Flaw};

/// Deserializes a `T` from one JSON object, strictly.
///
/// A duplicate member in any object is refused, in any spelling (RFC 8259 section 4, RFC 7493
/// section 2.3). The nesting is at most 127 levels deep. The text is UTF-8 and ends with the
/// object. The time is proportional to the length of the text, which the caller bounds.
///
/// # Errors
/// A [`JsonError`], which contains no value of the text.
pub fn from_slice<T: DeserializeOwned>(json: &[u8]) -> Result<T, JsonError> {
    let text = std::str::from_utf8(json).map_err(|_| JsonError(Problem::NotUtf8))?;
    let mut object = Object::default();
    object
        .parse(text, Bounds::DOCUMENT)
        .map_err(|flaw| JsonError(Problem::Flaw(flaw)))?;
    T::deserialize(Document::new(text, &object)).map_err(|error| {
        // Other messages of serde may quote a value.
        let error = error.to_string();
        let named = error.starts_with(MISFIT) || error.starts_with(ABSENT);
        JsonError(Problem::Misfit(named.then_some(error)))
    })
}

/// An error for a text that [`from_slice`] refused.
///
/// The message continues a sentence about the text ("the metadata …"). It is for the operator's
/// log.
#[derive(Debug, PartialEq, Eq)]
pub struct JsonError(Problem);

#[derive(Debug, PartialEq, Eq)]
enum Problem {
    NotUtf8,
    Flaw(Flaw),
    /// A value has the wrong type; the text names the member, if it is known.
    Misfit(Option<String>),
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Problem::NotUtf8 => f.write_str("is not UTF-8"),
            Problem::Flaw(flaw) => f.write_str(flaw.as_str()),
            Problem::Misfit(None) => f.write_str("has another shape than expected"),
            Problem::Misfit(Some(what)) => write!(f, "has another shape than expected: {what}"),
        }
    }
}

impl std::error::Error for JsonError {}
