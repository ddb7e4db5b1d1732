//! Header fields for a response, as plain data.

use std::borrow::Cow;
use std::fmt;

/// Header fields for a response, as plain data. An adapter appends each `set-cookie` to the
/// existing ones, and every other field replaces its earlier values.
///
/// ```
/// use tollgate::extend::HeaderEdits;
///
/// let mut edits = HeaderEdits::default();
/// edits.push("set-cookie", "a=1");
/// assert_eq!(edits.iter().next(), Some(("set-cookie", &b"a=1"[..])));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderEdits(Vec<(Cow<'static, str>, Vec<u8>)>);

impl HeaderEdits {
    /// Adds a field. `name` is in lower case.
    ///
    /// ```
    /// let mut edits = tollgate::extend::HeaderEdits::default();
    /// edits.push("cache-control", "no-store");
    /// assert!(!edits.is_empty());
    /// ```
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Vec<u8>>) {
        self.0.push((name.into(), value.into()));
    }

    /// The fields in their order.
    ///
    /// ```
    /// assert_eq!(tollgate::extend::HeaderEdits::default().iter().count(), 0);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (&**name, &value[..]))
    }

    /// Returns `true` if there is nothing to change.
    ///
    /// ```
    /// assert!(tollgate::extend::HeaderEdits::default().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Shows only the names of the fields: a value may be a token.
impl fmt::Debug for HeaderEdits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HeaderEdits").field(&Names(&self.0)).finish()
    }
}

/// The fields of a response, without their values.
pub(crate) struct Names<'a, V>(pub(crate) &'a [(Cow<'static, str>, V)]);

impl<V> fmt::Debug for Names<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_value() {
        let mut edits = HeaderEdits::default();
        edits.push("set-cookie", "__Host-access=s3cret");
        edits.push("x-access-token", "s3cret");
        let bytes = format!("{:?}", b"s3cret");
        let shown = format!("{edits:?}");
        assert!(shown.contains("set-cookie"), "{shown}");
        assert!(
            !shown.contains("s3cret") && !shown.contains(bytes.trim_matches(['[', ']'])),
            "{shown}"
        );
    }
}
