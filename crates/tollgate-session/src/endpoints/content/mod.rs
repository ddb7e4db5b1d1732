//! Strict parsing of request content: JSON or a form.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tollgate_core::{EndpointRequest, RequestView, json};

/// The media type of a request's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContentType {
    Json,
    Form,
}

/// The reason why content was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// The type is not supported: 415.
    Type,
    /// The content does not follow its type, or has another shape than expected: 400.
    Malformed,
}

impl ContentType {
    /// The type of a request's content (RFC 9110 section 8.3); `None` if there is neither.
    ///
    /// A type with another parameter than `charset=utf-8` is not supported.
    pub(super) fn of(request: &EndpointRequest) -> Result<Option<Self>, Unreadable> {
        let mut lines = request.header("content-type");
        let line = match (lines.next(), lines.next()) {
            (None, _) if request.content.is_empty() => return Ok(None),
            (Some(line), None) => line,
            _ => return Err(Unreadable::Type),
        };
        let mut parts = line.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().unwrap_or_default();
        let plain = parts.all(|parameter| {
            parameter.is_empty()
                || [&b"charset=utf-8"[..], b"charset=\"utf-8\""]
                    .iter()
                    .any(|known| parameter.eq_ignore_ascii_case(known))
        });
        if plain && name.eq_ignore_ascii_case(b"application/json") {
            Ok(Some(Self::Json))
        } else if plain && name.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
            Ok(Some(Self::Form))
        } else {
            Err(Unreadable::Type)
        }
    }

    /// Reads the content as one object. The values of a form are strings.
    pub(super) fn read<T: DeserializeOwned>(self, content: &[u8]) -> Result<T, Unreadable> {
        let read = match self {
            Self::Json => json::from_slice(content).ok(),
            Self::Form => {
                form(content).and_then(|form| serde_json::from_value(Value::Object(form)).ok())
            }
        };
        read.ok_or(Unreadable::Malformed)
    }
}

/// A form (URL standard section 5.1) without duplicate names (RFC 6749 section 3.2).
fn form(content: &[u8]) -> Option<Map<String, Value>> {
    let mut object = Map::new();
    for pair in content
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
    {
        let at = pair
            .iter()
            .position(|byte| *byte == b'=')
            .unwrap_or(pair.len());
        let value = decoded(pair.get(at + 1..).unwrap_or_default())?;
        if object
            .insert(decoded(&pair[..at])?, Value::String(value))
            .is_some()
        {
            return None;
        }
    }
    Some(object)
}

/// Decodes percent-encoding; `None` if it is broken or not UTF-8.
fn decoded(text: &[u8]) -> Option<String> {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => {
                let (digits, after) = rest.split_first_chunk::<2>()?;
                rest = after;
                digit(&digits[0])? << 4 | digit(&digits[1])?
            }
            byte => *byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
