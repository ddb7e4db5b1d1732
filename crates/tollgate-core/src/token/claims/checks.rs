//! Checks of claims that the rules of an issuer name.

use std::borrow::Cow;

use super::ClaimSetText;
use super::refusal::{malformed, missing, too_many};
use super::scopes::check_scopes;
use super::strings::{check_strings, member_names, string};
use crate::claim_path::{ClaimObject as _, ClaimPath};
use crate::limits::Limits;
use crate::rejection::Rejection;
use crate::token::json::{Kind, Text};

/// Registered claims whose type is checked only where they are read.
const NAMES: [&str; 4] = ["sub", "jti", "sid", "client_id"];

impl ClaimSetText {
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
