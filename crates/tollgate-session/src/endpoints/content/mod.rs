//! Strict parsing of request content: JSON or a form.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tollgate_core::__private::FormType;
use tollgate_core::{EndpointRequest, RequestView, json};

/// The media type of a request's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ContentType {
    Json,
    Form(FormType),
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
    /// A type of JSON with another parameter than `charset=utf-8` is not supported.
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
        } else {
            let form = FormType::of(request).ok_or(Unreadable::Type)?;
            Ok(Some(Self::Form(form)))
        }
    }

    pub(super) const fn is_form(&self) -> bool {
        matches!(self, Self::Form(_))
    }

    /// Reads the content as one object. The values of a form are strings.
    pub(super) fn read<T: DeserializeOwned>(&self, content: &[u8]) -> Result<T, Unreadable> {
        let read = match self {
            Self::Json => json::from_slice(content).ok(),
            Self::Form(form) => {
                object(form, content).and_then(|form| serde_json::from_value(form).ok())
            }
        };
        read.ok_or(Unreadable::Malformed)
    }
}

/// A form without files and duplicate names (RFC 6749 section 3.2).
fn object(form: &FormType, content: &[u8]) -> Option<Value> {
    let mut object = Map::new();
    for field in form.fields(content, true)? {
        let value = Value::String(String::from_utf8(field.value).ok()?);
        if field.is_file || object.insert(field.name, value).is_some() {
            return None;
        }
    }
    Some(Value::Object(object))
}

#[cfg(test)]
mod tests;
