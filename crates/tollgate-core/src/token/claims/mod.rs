//! The registered claims (RFC 7519 section 4.1, RFC 8693 section 4.2, RFC 9068 section 2.2), read
//! in one pass.

use std::borrow::Cow;
use std::fmt;

use crate::claim_path::{ClaimObject, ClaimPath, UnreadableClaim, find_dotted};
use crate::limits::Limits;
use crate::rejection::{Rejection, RejectionKind};
use crate::token::bounds;
use crate::token::compact::Decoded;
use crate::token::json::{
    Document, Indexed, Kind, Member, NumericDate, Object, Span, StringItems, Text, tag,
};

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

/// The claims that the engine reads itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registered {
    pub(crate) issuer: Option<Text>,
    pub(crate) subject: Option<Text>,
    pub(crate) jwt_id: Option<Text>,
    pub(crate) session_id: Option<Text>,
    pub(crate) client_id: Option<Text>,
    pub(crate) expires_at: Option<NumericDate>,
    pub(crate) not_before: Option<NumericDate>,
    pub(crate) issued_at: Option<NumericDate>,
    pub(crate) confirmation: Confirmation,
    /// `sub` if it is not a string.
    other_subject: Option<(Span, Kind)>,
    /// The name of `jti` or `sid` if it is not a string. Only a revocation check reads them.
    pub(crate) other_id: Option<&'static str>,
    audience: Option<(Span, Kind)>,
    /// `scope` as a string, the usual form.
    scope: Option<Text>,
    /// `scope` as an array, and `scp`.
    scope_lists: [Option<(Span, Kind)>; 2],
}

/// The claim `cnf` (RFC 7800 section 3.1), as far as it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Confirmation {
    #[default]
    None,
    /// An object with members.
    Bound,
    /// Neither absent nor an object with members: `null` and `{}` included.
    Malformed,
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

    /// Like [`find`](Self::find), and refuses a claim that cannot be read, and a registered name of
    /// another type.
    fn read_at(&self, path: &ClaimPath) -> Result<Option<(&str, Kind)>, Rejection> {
        match self.find(path) {
            Ok(Some((_, kind)))
                if !matches!(kind, Kind::String { .. })
                    && NAMES.iter().any(|name| path.is(name)) =>
            {
                Err(malformed(format!("`{path}` is not a string")))
            }
            Ok(found) => Ok(found),
            Err(unreadable) => Err(malformed(format!("`{path}` cannot be read: {unreadable}"))),
        }
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

    /// Accepts an integer in `sub` as its text, if `numeric` is set. Refuses all other types.
    pub(crate) fn check_subject(&mut self, numeric: bool) -> Result<(), Rejection> {
        let Some((span, kind)) = self.registered.other_subject else {
            return Ok(());
        };
        let digits = span.of(&self.text).trim_start_matches('-').as_bytes();
        if kind != Kind::Number {
            return Err(malformed("`sub` is not a string"));
        }
        if !numeric {
            return Err(malformed(
                "`sub` is a number: `allow_numeric_subject` accepts an integer as its text",
            ));
        }
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(malformed("`sub` is a number, but not an integer"));
        }
        self.registered.subject = Some(Text::Verbatim(span));
        Ok(())
    }

    /// `sub` if a number in it was accepted as its text.
    pub(crate) fn numeric_subject(&self) -> Option<&'static str> {
        let registered = &self.registered;
        let accepted = registered.other_subject.is_some() && registered.subject.is_some();
        accepted.then_some("sub")
    }

    /// Refuses the absence of the claim at `path`, a path that cannot be read, and a registered
    /// name of another type.
    pub(crate) fn require(&self, path: &ClaimPath) -> Result<(), Rejection> {
        if let Some(name) = NAMES.into_iter().find(|name| path.is(name)) {
            return self.require_member(name);
        }
        match self.read_at(path)? {
            Some(_) => Ok(()),
            None => Err(missing(path)),
        }
    }

    /// Refuses the absence of the member `name`, and a registered name of another type. An empty
    /// `sub` is absent.
    pub(crate) fn require_member(&self, name: &str) -> Result<(), Rejection> {
        let Some((_, kind)) = self.indexed().member(name) else {
            return Err(missing(name));
        };
        let string = matches!(kind, Kind::String { .. });
        match name {
            "sub" if self.registered.subject.is_some() => Ok(()),
            "sub" => Err(missing(name)),
            _ if string || !NAMES.contains(&name) => Ok(()),
            _ => Err(malformed(format!("`{name}` is not a string"))),
        }
    }

    /// Returns the string in the claim at `path`, `None` if it is absent. Refuses another type, and
    /// a path that cannot be read.
    pub(crate) fn string_at(&self, path: &ClaimPath) -> Result<Option<Cow<'_, str>>, Rejection> {
        let found = self.read_at(path)?;
        found.map(|found| string(path, found)).transpose()
    }

    /// Like [`string_at`](Self::string_at), for the member `name`.
    pub(crate) fn string_member(&self, name: &str) -> Result<Option<Cow<'_, str>>, Rejection> {
        let found = self.indexed().member(name);
        found.map(|found| string(name, found)).transpose()
    }

    /// Refuses a claim that is neither a string nor an array of strings, and a path that cannot be
    /// read.
    pub(crate) fn check_strings_at(&self, path: &ClaimPath, most: usize) -> Result<(), Rejection> {
        match self.read_at(path)? {
            None => Ok(()),
            Some((raw, kind)) => check_strings(path, raw, kind, most),
        }
    }

    /// Like [`check_strings_at`](Self::check_strings_at), for roles: an object of objects is
    /// allowed, too, and required if the objects must have a `member`.
    pub(crate) fn check_roles_at(
        &self,
        path: &ClaimPath,
        member: Option<&str>,
        most: usize,
    ) -> Result<(), Rejection> {
        let Some((raw, kind)) = self.read_at(path)? else {
            return Ok(());
        };
        match kind {
            Kind::Object => {}
            _ if member.is_none() => return check_strings(path, raw, kind, most),
            _ => return Err(malformed(format!("`{path}` has no object for each role"))),
        }
        // Counted without `member`: the limit bounds the work of reading them.
        match member_names(raw, None) {
            Some(names) if names.len() <= most => Ok(()),
            Some(_) => Err(too_many(path, most)),
            None => Err(malformed(format!(
                "`{path}` has neither strings nor an object for each role"
            ))),
        }
    }

    /// Like [`check_strings_at`](Self::check_strings_at), for lists of scopes.
    pub(crate) fn check_scopes_at(
        &self,
        path: &ClaimPath,
        limits: &Limits,
    ) -> Result<(), Rejection> {
        match self.read_at(path)? {
            None => Ok(()),
            Some((raw, kind)) => check_scopes(path, raw, kind, limits.scopes()),
        }
    }
}

/// Returns the names of the members of `object`, each of which must be an object. `null` is absent.
/// With `inner`, only the names whose own object has this member.
fn member_names<'t>(object: &'t str, inner: Option<&str>) -> Option<Vec<Cow<'t, str>>> {
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

/// Registered claims whose type is checked only where they are read.
const NAMES: [&str; 4] = ["sub", "jti", "sid", "client_id"];

fn string(what: impl fmt::Display, (raw, kind): (&str, Kind)) -> Result<Cow<'_, str>, Rejection> {
    let string = matches!(kind, Kind::String { .. });
    let mut items = string.then(|| StringItems::new(raw, kind)).flatten();
    match items.as_mut().and_then(Iterator::next) {
        Some(Ok(text)) => Ok(text),
        _ => Err(malformed(format!("`{what}` is not a string"))),
    }
}

/// Returns the refusal of a token without a claim.
#[cold]
pub(crate) fn missing(claim: impl fmt::Display) -> Rejection {
    Rejection::new(
        RejectionKind::MissingClaim,
        format!("there is no `{claim}`"),
    )
}

// Tags identify names of up to seven bytes; the longer `client_id` is compared, too.
const ISS: u64 = tag(b"iss");
const SUB: u64 = tag(b"sub");
const JTI: u64 = tag(b"jti");
const SID: u64 = tag(b"sid");
const EXP: u64 = tag(b"exp");
const NBF: u64 = tag(b"nbf");
const IAT: u64 = tag(b"iat");
const AUD: u64 = tag(b"aud");
const SCOPE: u64 = tag(b"scope");
const SCP: u64 = tag(b"scp");
const CNF: u64 = tag(b"cnf");
const CLIENT_ID: u64 = tag(b"client_id");

impl Registered {
    fn read(&mut self, text: &str, object: &Object, limits: &Limits) -> Result<(), Rejection> {
        let claims = self;
        for member in object.members() {
            // `null` is absent, except in `cnf`, which must not be ignored by mistake.
            if member.kind == Kind::Null && member.tag() != CNF {
                continue;
            }
            let string = |what| member.text(text).ok_or_else(|| malformed(what));
            let strings = |what, most| {
                check_strings(what, member.raw(text), member.kind, most)
                    .map(|()| (member.value, member.kind))
            };
            match member.tag() {
                ISS => claims.issuer = Some(string("`iss` is not a string")?),
                SUB => match member.text(text) {
                    // An empty subject is none.
                    Some(subject) if subject.read(text).is_empty() => {}
                    Some(subject) => claims.subject = Some(subject),
                    None => claims.other_subject = Some((member.value, member.kind)),
                },
                JTI => match member.text(text) {
                    Some(id) => claims.jwt_id = Some(id),
                    None => claims.other_id = Some("jti"),
                },
                SID => match member.text(text) {
                    Some(id) => claims.session_id = Some(id),
                    None => claims.other_id = Some("sid"),
                },
                CLIENT_ID if member.name(text) == "client_id" => {
                    claims.client_id = member.text(text);
                }
                EXP => {
                    claims.expires_at = Some(
                        date(member, text)
                            .ok_or_else(|| malformed("`exp` is not a NumericDate"))?,
                    );
                }
                NBF => {
                    claims.not_before = Some(
                        date(member, text)
                            .ok_or_else(|| malformed("`nbf` is not a NumericDate"))?,
                    );
                }
                IAT => {
                    claims.issued_at = Some(
                        date(member, text)
                            .ok_or_else(|| malformed("`iat` is not a NumericDate"))?,
                    );
                }
                CNF => {
                    // An object that has a member has a quoted name.
                    let members = member.kind == Kind::Object && member.raw(text).contains('"');
                    claims.confirmation = if members {
                        Confirmation::Bound
                    } else {
                        Confirmation::Malformed
                    };
                }
                AUD => claims.audience = Some(strings("aud", limits.audiences())?),
                SCOPE => match member.text(text) {
                    Some(scope) => {
                        check_scope_list("scope", scope.read(text), limits.scopes())?;
                        claims.scope = Some(scope);
                    }
                    None => {
                        claims.scope_lists[0] = Some(scopes(member, "scope", text, limits)?);
                    }
                },
                SCP => claims.scope_lists[1] = Some(scopes(member, "scp", text, limits)?),
                _ => {}
            }
        }
        Ok(())
    }
}

#[inline]
fn date(member: &Member, text: &str) -> Option<NumericDate> {
    match member.kind {
        Kind::Number => NumericDate::parse(member.value.bytes_of(text)),
        _ => None,
    }
}

fn split(scope: &str) -> impl Iterator<Item = &str> {
    scope.split(' ').filter(|token| !token.is_empty())
}

fn split_item(item: Cow<'_, str>) -> impl Iterator<Item = Cow<'_, str>> {
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
fn scopes(
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
fn check_scopes(
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
fn check_scope_list(what: impl fmt::Display, scope: &str, most: usize) -> Result<(), Rejection> {
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

#[inline]
fn check_strings(
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

#[cold]
fn too_many(what: impl fmt::Display, most: usize) -> Rejection {
    Rejection::new(
        RejectionKind::TooLarge,
        format!("`{what}` holds more than {most} values"),
    )
}

#[cold]
fn malformed(detail: impl Into<Cow<'static, str>>) -> Rejection {
    Rejection::new(RejectionKind::MalformedClaims, detail)
}

#[cfg(test)]
mod tests;
