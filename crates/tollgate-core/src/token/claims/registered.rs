//! The claims that the engine reads itself, in one pass.

use super::refusal::malformed;
use super::scopes::{check_scope_list, scopes};
use super::strings::check_strings;
use crate::limits::Limits;
use crate::rejection::Rejection;
use crate::token::json::{Kind, Member, NumericDate, Object, Span, Text, tag};

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
    pub(super) other_subject: Option<(Span, Kind)>,
    /// The name of `jti` or `sid` if it is not a string. Only a revocation check reads them.
    pub(crate) other_id: Option<&'static str>,
    pub(super) actor: Option<Span>,
    pub(super) audience: Option<(Span, Kind)>,
    /// `scope` as a string, the usual form.
    pub(super) scope: Option<Text>,
    /// `scope` as an array, and `scp`.
    pub(super) scope_lists: [Option<(Span, Kind)>; 2],
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
const ACT: u64 = tag(b"act");

impl Registered {
    pub(super) fn read(
        &mut self,
        text: &str,
        object: &Object,
        limits: &Limits,
    ) -> Result<(), Rejection> {
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
                ACT => claims.actor = Some(member.value),
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
pub(super) fn date(member: &Member, text: &str) -> Option<NumericDate> {
    match member.kind {
        Kind::Number => NumericDate::parse(member.value.bytes_of(text)),
        _ => None,
    }
}
