//! Claims that hold a string, an array of strings, or an object whose member names are the strings.

use std::borrow::Cow;
use std::fmt;

use super::refusal::{malformed, too_many};
use crate::rejection::Rejection;
use crate::token::json::{Kind, Object, StringItems};

pub(super) fn string(
    what: impl fmt::Display,
    (raw, kind): (&str, Kind),
) -> Result<Cow<'_, str>, Rejection> {
    let string = matches!(kind, Kind::String { .. });
    let mut items = string.then(|| StringItems::new(raw, kind)).flatten();
    match items.as_mut().and_then(Iterator::next) {
        Some(Ok(text)) => Ok(text),
        _ => Err(malformed(format!("`{what}` is not a string"))),
    }
}

#[inline]
pub(super) fn check_strings(
    what: impl fmt::Display,
    raw: &str,
    kind: Kind,
    most: usize,
) -> Result<(), Rejection> {
    match kind {
        Kind::String { .. } if most > 0 => Ok(()),
        _ => check_items(what, raw, kind, most),
    }
}

fn check_items(
    what: impl fmt::Display,
    raw: &str,
    kind: Kind,
    most: usize,
) -> Result<(), Rejection> {
    let refused = || {
        malformed(format!(
            "`{what}` is neither a string nor an array of strings"
        ))
    };
    let mut count = 0;
    for item in StringItems::new(raw, kind).ok_or_else(refused)? {
        item.map_err(|()| refused())?;
        count += 1;
        if count > most {
            return Err(too_many(what, most));
        }
    }
    Ok(())
}

/// Returns the names of the members of `object`, each of which must be an object. `null` is absent.
/// With `inner`, only the names whose own object has this member.
pub(super) fn member_names<'t>(object: &'t str, inner: Option<&str>) -> Option<Vec<Cow<'t, str>>> {
    let (mut index, mut nested) = (Object::default(), Object::default());
    index.outline(object).ok()?;
    let mut names = Vec::new();
    for member in index.members() {
        match (member.kind, inner) {
            (Kind::Null, _) => {}
            (Kind::Object, None) => names.push(member.name(object)),
            (Kind::Object, Some(inner)) => {
                let text = member.raw(object);
                nested.outline(text).ok()?;
                if (nested.get(text, inner)).is_some_and(|found| found.kind != Kind::Null) {
                    names.push(member.name(object));
                }
            }
            _ => return None,
        }
    }
    Some(names)
}
