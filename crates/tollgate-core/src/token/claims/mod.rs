//! The registered claims (RFC 7519 section 4.1, RFC 8693 section 4.2, RFC 9068 section 2.2), read
//! in one pass.

mod act;
mod checks;
mod refusal;
mod registered;
mod scopes;
mod strings;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use self::act::Actor;
use self::refusal::malformed;
pub(crate) use self::refusal::missing;
pub(crate) use self::registered::Confirmation;
use self::registered::{Registered, date};
use self::scopes::{split, split_item};
use self::strings::member_names;
use crate::claim_path::{ClaimPath, UnreadableClaim, find_dotted};
use crate::limits::Limits;
use crate::rejection::Rejection;
use crate::token::bounds;
use crate::token::compact::Decoded;
use crate::token::json::{Document, Indexed, Kind, NumericDate, Object, Span, StringItems, Text};

/// A claims set whose registered members have their standard types. Before the signature is
/// verified, the verifier reads only the issuer, to choose the keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClaimSetText {
    /// The claims, followed by the header.
    text: Decoded,
    /// The end of the claims.
    end: usize,
    object: Object,
    pub(crate) registered: Registered,
}

impl ClaimSetText {
    /// Reads the claims in place, because the text and the index are large to move. Keeps the
    /// header's text with them.
    pub(crate) fn read(
        &mut self,
        claims: &[u8],
        header: &str,
        limits: &Limits,
    ) -> Result<(), Rejection> {
        let text =
            std::str::from_utf8(claims).map_err(|_| malformed("the claims are not UTF-8"))?;
        self.object
            .parse(text, bounds(limits))
            .map_err(|flaw| malformed(format!("the claims text {}", flaw.as_str())))?;
        self.registered.read(text, &self.object, limits)?;
        self.text.set(text, header);
        self.end = text.len();
        Ok(())
    }

    /// The bytes of the text, header included, and of the part of the index on the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len() + self.object.heap_bytes()
    }

    pub(crate) fn document(&self) -> Document<'_> {
        Document::new(&self.text[..self.end], &self.object)
    }

    /// Returns a string of the header.
    pub(crate) fn header_string<'s>(&'s self, member: Option<&'s Text>) -> Option<&'s str> {
        member.map(|text| text.read(&self.text[self.end..]))
    }

    /// Returns the claim at `path`; `None` if it is absent or `null`.
    pub(crate) fn find(&self, path: &ClaimPath) -> Result<Option<(&str, Kind)>, UnreadableClaim> {
        path.find(&self.indexed())
    }

    /// Like [`find`](Self::find), for a dotted text.
    pub(crate) fn find_dotted(&self, path: &str) -> Result<Option<(&str, Kind)>, UnreadableClaim> {
        find_dotted(&self.indexed(), path)
    }

    fn indexed(&self) -> Indexed<'_, '_> {
        Indexed::new(&self.text, &self.object)
    }

    pub(crate) fn string<'s>(&'s self, claim: Option<&'s Text>) -> Option<&'s str> {
        claim.map(|text| text.read(&self.text))
    }

    /// Returns the date in the claim `name`; `None` if it is absent. An error is not a
    /// `NumericDate`.
    pub(crate) fn date(&self, name: &str) -> Result<Option<NumericDate>, UnreadableClaim> {
        match self.object.get(&self.text, name) {
            None => Ok(None),
            Some(member) if member.kind == Kind::Null => Ok(None),
            Some(member) => date(member, &self.text)
                .map(Some)
                .ok_or(UnreadableClaim::TYPE),
        }
    }

    /// Like [`date`](Self::date), and refuses another type.
    pub(crate) fn date_member(&self, name: &str) -> Result<Option<NumericDate>, Rejection> {
        let date = self.date(name);
        date.map_err(|_| malformed(format!("`{name}` is not a `NumericDate`")))
    }

    /// Returns the string in the claim `name`; `None` if it is absent or not a string.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.object.get(&self.text, name)?.string(&self.text)
    }

    /// Returns the claim `act` as it is written; `None` if it is absent.
    pub(crate) fn actor(&self) -> Option<&str> {
        Some(self.registered.actor?.of(&self.text))
    }

    pub(crate) fn audiences(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.items(self.registered.audience)
    }

    /// Returns `true` if `aud` is present, even as an empty array.
    pub(crate) const fn has_audience(&self) -> bool {
        self.registered.audience.is_some()
    }

    /// The tokens of `scope`, then those of `scp`.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let scope = self
            .string(self.registered.scope.as_ref())
            .unwrap_or_default();
        let lists = self.registered.scope_lists.iter().flatten();
        let items = lists.flat_map(|list| self.items(Some(*list)));
        let listed = items.flat_map(split_item);
        split(scope).map(Cow::Borrowed).chain(listed)
    }

    fn items(&self, claim: Option<(Span, Kind)>) -> impl Iterator<Item = Cow<'_, str>> {
        let items = claim.and_then(|(span, kind)| StringItems::new(span.of(&self.text), kind));
        items.unwrap_or_else(StringItems::empty).flatten()
    }

    /// The strings in the claim at `path`; none if it is absent.
    pub(crate) fn strings_at(&self, path: &ClaimPath) -> impl Iterator<Item = Cow<'_, str>> {
        let found = self.find(path).ok().flatten();
        let items = found.and_then(|(raw, kind)| StringItems::new(raw, kind));
        items.unwrap_or_else(StringItems::empty).flatten()
    }

    /// The roles in the claim at `path`; none if it is absent: strings, or the names of an object's
    /// members. With `member`, only the names whose own object has this member.
    pub(crate) fn roles_at(
        &self,
        path: &ClaimPath,
        member: Option<&str>,
    ) -> impl Iterator<Item = Cow<'_, str>> {
        let found = self.find(path).ok().flatten();
        let names = match found {
            Some((raw, Kind::Object)) => member_names(raw, member).unwrap_or_default(),
            _ => Vec::new(),
        };
        let strings = found.filter(|_| member.is_none());
        let items = strings.and_then(|(raw, kind)| StringItems::new(raw, kind));
        let items = items.unwrap_or_else(StringItems::empty).flatten();
        items.chain(names)
    }

    /// The scopes in the claim at `path`; none if it is absent.
    pub(crate) fn scopes_at(&self, path: &ClaimPath) -> impl Iterator<Item = Cow<'_, str>> {
        self.strings_at(path).flat_map(split_item)
    }

    /// `sub` if a number in it was accepted as its text.
    pub(crate) fn numeric_subject(&self) -> Option<&'static str> {
        let registered = &self.registered;
        let accepted = registered.other_subject.is_some() && registered.subject.is_some();
        accepted.then_some("sub")
    }
}
