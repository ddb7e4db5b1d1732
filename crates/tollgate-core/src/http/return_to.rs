//! The path to which a login sends the browser back.

use std::fmt::Write as _; // into a `String`, which cannot fail

/// A path of the service itself, with its query: the place to which a login may send the browser
/// back.
///
/// It begins with exactly one `/`, also after a browser has resolved it: its path has no dot
/// segment. It consists of at most 2048 visible ASCII characters without backslashes. A browser
/// therefore never resolves it to another host, scheme or script.
///
/// ```
/// use tollgate::ReturnTo;
///
/// assert_eq!(ReturnTo::parse("/orders?page=2").map(|to| to.to_string()).as_deref(),
///     Some("/orders?page=2"));
/// for foreign in ["https://evil.example", "//evil.example", "/\\evil.example", "/.//evil.test"] {
///     assert_eq!(ReturnTo::parse(foreign), None);
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReturnTo(String);

const LONGEST: usize = 2048;
const NAME: &str = "return_to";

impl ReturnTo {
    /// Accepts a path of the service, or returns `None`.
    ///
    /// ```
    /// assert!(tollgate::ReturnTo::parse("/").is_some());
    /// assert!(tollgate::ReturnTo::parse("orders").is_none());
    /// ```
    pub fn parse(target: impl Into<String>) -> Option<Self> {
        let target = target.into();
        let is_own = target.strip_prefix('/').is_some_and(|rest| {
            // A browser takes `//` and `/\` for the start of a host, and removes tabs and line
            // breaks before it looks.
            !rest.starts_with('/') && rest.bytes().all(is_plain) && !has_dot_segment(rest)
        });
        (is_own && target.len() <= LONGEST).then_some(Self(target))
    }

    /// Reads the parameter `return_to` of a query. Returns `None` if it is absent, repeated, or not
    /// a path of the service. Use `/` then.
    ///
    /// ```
    /// use tollgate::ReturnTo;
    ///
    /// let to = ReturnTo::from_query("lang=de&return_to=/orders%3Fpage%3D2");
    /// assert_eq!(to, ReturnTo::parse("/orders?page=2"));
    /// assert_eq!(ReturnTo::from_query("return_to=%2F%2Fevil.example"), None);
    /// ```
    pub fn from_query(query: &str) -> Option<Self> {
        let pairs = query.split('&').map(|pair| pair.split_once('='));
        let mut values = pairs.flatten().filter(|(name, _)| *name == NAME);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Self::parse(decoded(value)?),
            _ => None,
        }
    }

    /// Creates the value for the target of a request. Characters that a value must not have are
    /// percent-encoded.
    pub(crate) fn of_target(path: &str, query: Option<&str>) -> Option<Self> {
        let length = path.len() + query.map_or(0, str::len);
        if length >= LONGEST {
            return None;
        }
        let mut target = String::with_capacity(length + 1);
        let parts = [Some(path), query.map(|_| "?"), query];
        for byte in parts.into_iter().flatten().flat_map(str::bytes) {
            push(&mut target, byte, is_plain(byte));
        }
        Self::parse(target)
    }

    /// The path, with its query.
    ///
    /// ```
    /// let to = tollgate::ReturnTo::parse("/orders?page=2");
    /// assert_eq!(to.as_ref().map(|to| to.as_str()), Some("/orders?page=2"));
    /// ```
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a page with this value as the parameter `return_to` in its query.
    ///
    /// ```
    /// use tollgate::ReturnTo;
    ///
    /// let to = ReturnTo::parse("/orders?page=2").map(|to| to.appended_to("/login?lang=de"));
    /// assert_eq!(to.as_deref(), Some("/login?lang=de&return_to=/orders%3Fpage%3D2"));
    /// ```
    pub fn appended_to(&self, page: &str) -> String {
        let separator = if page.contains('?') { '&' } else { '?' };
        let mut target = format!("{page}{separator}{NAME}=");
        for byte in self.0.bytes() {
            let kept = byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
            push(&mut target, byte, kept);
        }
        target
    }
}

impl std::fmt::Display for ReturnTo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns `true` if the path has a segment that a browser removes: `/.//a` becomes `//a`, which a
/// handler may take for another host.
fn has_dot_segment(target: &str) -> bool {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    path.split('/').any(|segment| {
        let is_dots = |text: &str| matches!(text, "." | "..");
        is_dots(segment) || is_dots(&segment.replace("%2e", ".").replace("%2E", "."))
    })
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'\\'
}

/// Returns `true` for a page to which [`ReturnTo::appended_to`] can add: a path of the service
/// without a fragment.
pub fn is_own_page(page: &str) -> bool {
    ReturnTo::parse(page).is_some() && !page.contains('#')
}

/// Appends a byte as it is, or percent-encoded (RFC 3986 section 2.1).
fn push(text: &mut String, byte: u8, kept: bool) {
    if kept {
        text.push(char::from(byte));
    } else {
        let _ = write!(text, "%{byte:02X}");
    }
}

/// Decodes a value of a query. `None` for an incomplete escape and for other text than UTF-8.
fn decoded(value: &str) -> Option<String> {
    if value.len() > 3 * LONGEST {
        return None;
    }
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16)?).ok();
    let mut bytes = value.bytes();
    let mut decoded = Vec::with_capacity(value.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => digit(bytes.next()?)? << 4 | digit(bytes.next()?)?,
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests;
