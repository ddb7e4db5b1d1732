//! Claims that hold scopes (RFC 6749 section 3.3).

use std::borrow::Cow;
use std::fmt;

use super::refusal::malformed;
use super::strings::check_strings;
use crate::limits::Limits;
use crate::rejection::{Rejection, RejectionKind};
use crate::token::json::{Kind, Member, Span, StringItems};

pub(super) fn split(scope: &str) -> impl Iterator<Item = &str> {
    scope.split(' ').filter(|token| !token.is_empty())
}

pub(super) fn split_item(item: Cow<'_, str>) -> impl Iterator<Item = Cow<'_, str>> {
    let (borrowed, owned) = match item {
        Cow::Borrowed(item) => (item, Vec::new()),
        Cow::Owned(item) => (
            "",
            split(&item)
                .map(|token| Cow::Owned(token.to_owned()))
                .collect(),
        ),
    };
    split(borrowed).map(Cow::Borrowed).chain(owned)
}

/// Reads a claim that holds scopes.
pub(super) fn scopes(
    member: &Member,
    what: &str,
    text: &str,
    limits: &Limits,
) -> Result<(Span, Kind), Rejection> {
    check_scopes(what, member.raw(text), member.kind, limits.scopes())?;
    Ok((member.value, member.kind))
}

/// Checks a claim that holds scopes: a string is a list, and each element of an array is exactly
/// one scope-token (RFC 6749 section 3.3).
pub(super) fn check_scopes(
    what: impl fmt::Display,
    raw: &str,
    kind: Kind,
    most: usize,
) -> Result<(), Rejection> {
    check_strings(&what, raw, kind, most)?;
    let mut items = StringItems::new(raw, kind).into_iter().flatten().flatten();
    if kind != Kind::Array {
        return items.try_for_each(|list| check_scope_list(&what, &list, most));
    }
    let is_token = |item: &[u8]| {
        !item.is_empty() && are_scope_octets(item) && memchr::memchr(b' ', item).is_none()
    };
    if items.all(|item| is_token(item.as_bytes())) {
        return Ok(());
    }
    let detail = format!("`{what}` has an element that is not one scope-token");
    Err(malformed(detail))
}

/// Checks a list of scopes: scope-tokens (RFC 6749 section 3.3) and spaces. Some issuers send
/// doubled spaces, spaces at the ends, or no scope at all.
pub(super) fn check_scope_list(
    what: impl fmt::Display,
    scope: &str,
    most: usize,
) -> Result<(), Rejection> {
    let bytes = scope.as_bytes();
    if !are_scope_octets(bytes) {
        let detail = format!("`{what}` is not a list of scope-tokens");
        return Err(malformed(detail));
    }
    // A list this short cannot exceed the limit.
    if bytes.len() / 2 < most {
        return Ok(());
    }
    let count = split(scope).count();
    if count > most {
        return Err(Rejection::new(
            RejectionKind::TooLarge,
            format!("`{what}` holds {count} scopes; the limit is {most}"),
        ));
    }
    Ok(())
}

/// Returns `true` if the bytes are those of scope-tokens, and spaces. Processes eight bytes at a
/// time, without an early return.
fn are_scope_octets(bytes: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const LOWS: u64 = ONES * 0x7F;
    /// Sets the high bit of each byte that equals `wanted`. All bytes must be below 0x80.
    const fn are(bytes: u64, wanted: u64) -> u64 {
        !((bytes ^ (ONES * wanted)) + LOWS)
    }
    let mut wrong = 0;
    let mut look = |eight: [u8; 8]| {
        let word = u64::from_le_bytes(eight);
        let low = word & LOWS;
        let outside = word | !(low + ONES * 0x60) | (low + ONES);
        wrong |= outside | are(low, 0x22) | are(low, 0x5C);
    };
    let (eights, rest) = bytes.as_chunks();
    for eight in eights {
        look(*eight);
    }
    let mut last = [b'!'; 8];
    for (place, byte) in last.iter_mut().zip(rest) {
        *place = *byte;
    }
    look(last);
    wrong & !LOWS == 0
}
