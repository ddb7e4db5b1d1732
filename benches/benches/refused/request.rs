//! Requests with any header fields.

use tollgate_core::RequestView;

/// A request, and whether the gate has to accept it.
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) accepted: bool,
    fields: Vec<(&'static str, Vec<u8>)>,
}

impl Request {
    pub(crate) fn accepted(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            accepted: true,
            fields: Vec::new(),
        }
    }

    pub(crate) fn refused(name: impl Into<String>) -> Self {
        Self {
            accepted: false,
            ..Self::accepted(name)
        }
    }

    /// Adds a field.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Adds the field of a bearer token.
    pub(crate) fn bearer(self, token: impl std::fmt::Display) -> Self {
        self.with("authorization", format!("Bearer {token}"))
    }

    /// The bytes of all values.
    pub(crate) fn length(&self) -> usize {
        self.fields.iter().map(|(_, value)| value.len()).sum()
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        self.fields.iter().map(|(name, value)| (*name, &value[..]))
    }
}

impl RequestView for &Request {
    fn method(&self) -> &'static str {
        "GET"
    }

    fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.fields()
            .filter(move |(got, _)| *got == name)
            .map(|(_, value)| value)
    }

    fn query(&self) -> Option<&str> {
        None
    }
}
