//! The life of a response, by its own header fields: RFC 9111 section 4.2.
//!
//! For repeated or malformed directives, RFC 9111 section 4.2.1 allows to use the first or to treat
//! the response as stale. Here the strictest directive counts, and a malformed one makes the
//! response stale. That costs a fetch at most, and never trusts a withdrawn key for longer.

use std::time::{Duration, SystemTime};

use crate::fetch::FetchResponse;

/// Returns the life of a response that arrived at `now`, in seconds since the epoch. `None` if the
/// response does not state one.
///
/// This is a private cache: `s-maxage` does not apply. `must-revalidate` and `stale-if-error` are
/// ignored, because the service configures how long stale keys are used.
pub(super) fn life(response: &FetchResponse, now: u64) -> Option<Duration> {
    let said = match max_age(response) {
        CacheControl::Silent => expires(response, now)?,
        CacheControl::Stale => 0,
        CacheControl::MaxAge(seconds) => seconds,
    };
    let life = age(response).map_or(0, |age| said.saturating_sub(age));
    Some(Duration::from_secs(life))
}

/// The lifetime by `cache-control`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CacheControl {
    Silent,
    Stale,
    MaxAge(u64),
}

impl CacheControl {
    fn stricter(self, other: Self) -> Self {
        match (self, other) {
            (Self::Stale, _) | (_, Self::Stale) => Self::Stale,
            (Self::MaxAge(a), Self::MaxAge(b)) => Self::MaxAge(a.min(b)),
            (Self::Silent, other) => other,
            (this, Self::Silent) => this,
        }
    }
}

fn max_age(response: &FetchResponse) -> CacheControl {
    let mut found = CacheControl::Silent;
    for line in lines(response, "cache-control") {
        let Ok(mut rest) = std::str::from_utf8(line) else {
            return CacheControl::Stale;
        };
        while let Some(directive) = next_directive(&mut rest) {
            let Some((name, value)) = directive else {
                return CacheControl::Stale;
            };
            found = found.stricter(meaning(name, value.as_deref()));
        }
    }
    found
}

/// Returns the meaning of a directive (RFC 9111 section 5.2.2).
fn meaning(name: &str, value: Option<&str>) -> CacheControl {
    // `no-cache="set-cookie"` is for caches that keep more than the content.
    if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
        return CacheControl::Stale;
    }
    if !name.eq_ignore_ascii_case("max-age") {
        return CacheControl::Silent;
    }
    value
        .and_then(delta_seconds)
        .map_or(CacheControl::Stale, CacheControl::MaxAge)
}

/// Takes the next directive from a list (RFC 9110 section 5.6.1, RFC 9111 section 5.2):
/// `Some(None)` if it is malformed.
#[allow(
    clippy::option_option,
    reason = "`None` is the end of the list, `Some(None)` a malformed directive"
)]
fn next_directive<'a>(rest: &mut &'a str) -> Option<Option<(&'a str, Option<String>)>> {
    // Empty elements are allowed.
    *rest = rest.trim_start_matches([' ', '\t', ',']);
    if rest.is_empty() {
        return None;
    }
    Some(directive(rest))
}

fn directive<'a>(rest: &mut &'a str) -> Option<(&'a str, Option<String>)> {
    let name = token(rest)?;
    let value = match rest.strip_prefix('=') {
        None => None,
        Some(after) => {
            *rest = after;
            Some(match after.strip_prefix('"') {
                Some(quoted) => {
                    let (value, after) = unquoted(quoted)?;
                    *rest = after;
                    value
                }
                None => token(rest)?.to_owned(),
            })
        }
    };
    *rest = rest.trim_start_matches([' ', '\t']);
    (rest.is_empty() || rest.starts_with(',')).then_some((name, value))
}

/// Takes a token (RFC 9110 section 5.6.2).
fn token<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let end = rest
        .bytes()
        .position(|byte| !is_tchar(byte))
        .unwrap_or(rest.len());
    let (token, after) = rest.split_at(end);
    *rest = after;
    (!token.is_empty()).then_some(token)
}

/// Returns a quoted string and the text after it (RFC 9110 section 5.6.4).
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            char => value.push(char),
        }
    }
    None
}

/// Parses delta-seconds (RFC 9111 section 1.2.2): an overflow counts as a very large number.
fn delta_seconds(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

/// Returns the age of the response on arrival (RFC 9111 section 5.1): `None` if malformed.
fn age(response: &FetchResponse) -> Option<u64> {
    let mut oldest = 0;
    for line in lines(response, "age") {
        let line = std::str::from_utf8(line).ok()?;
        oldest = oldest.max(delta_seconds(line.trim_matches([' ', '\t']))?);
    }
    Some(oldest)
}

/// Returns whether a cache may have stored the response before the request.
pub(super) fn is_from_cache(response: &FetchResponse) -> bool {
    age(response) != Some(0)
}

/// Returns `expires` minus `date`, or minus `now` without `date` (RFC 9111 section 4.2.1, RFC 9110
/// section 6.6.1). `None` without `expires`.
fn expires(response: &FetchResponse, now: u64) -> Option<u64> {
    // An invalid date, above all `0`, is in the past (RFC 9111 section 5.3).
    let expires = lines(response, "expires")
        .map(|line| http_date(line).unwrap_or(0))
        .min()?;
    let dates = lines(response, "date");
    // An invalid date makes the response stale.
    let date = dates.map(|line| http_date(line).unwrap_or(u64::MAX)).max();
    Some(expires.saturating_sub(date.unwrap_or(now)))
}

/// Parses a date into seconds since the epoch (RFC 9110 section 5.6.7).
fn http_date(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line).ok()?;
    let date = httpdate::parse_http_date(line.trim_matches([' ', '\t'])).ok()?;
    let since = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

/// Returns the field lines of that name, including those that are not text.
fn lines<'a>(response: &'a FetchResponse, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    let lines = response.headers.iter();
    lines.filter_map(move |(got, value)| got.eq_ignore_ascii_case(name).then_some(value.as_slice()))
}

#[cfg(test)]
mod tests;
