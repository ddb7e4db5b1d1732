//! The rules that header and claims must satisfy for one issuer.

mod audience;
mod issuer;
mod spiffe;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use audience::AuthorizedParties;
pub(crate) use issuer::{TENANT, Tenants, is_template, is_tenant};
pub(crate) use spiffe::{ALGORITHMS as SVID_ALGORITHMS, SCHEME, is_trust_domain, trust_domain};

use crate::algorithm::Algorithm;
use crate::claim_path::ClaimPath;
use crate::limits::Limits;
use crate::rejection::{Few, Rejection, RejectionKind, Shown};
use crate::token::bounds;
use crate::token::claims::{ClaimSetText, missing};
use crate::token::json::{Kind, NumericDate, Object};

/// The rules of one issuer, as configured; `None` for a rule that is not set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is an option of the builder"
)]
pub(crate) struct Rules {
    pub(crate) issuer: Option<String>,
    pub(crate) issuer_aliases: Vec<String>,
    /// If set, the issuer's name and its aliases are templates.
    pub(crate) tenants: Option<Tenants>,
    /// Whether the issuer is a SPIFFE trust domain: it is in `sub`, and `iss` is not read.
    pub(crate) spiffe: bool,
    pub(crate) audiences: Arc<Vec<String>>,
    /// The claim that names the audience, if it is not `aud`.
    pub(crate) audience_claim: Option<ClaimPath>,
    /// The values that `aud` may contain beside the audiences; `None` allows any.
    pub(crate) further_audiences: Option<Vec<String>>,
    pub(crate) authorized_parties: AuthorizedParties,
    pub(crate) algorithms: Option<Vec<Algorithm>>,
    /// The time from which on no shared secret verifies a token, in seconds since the epoch.
    pub(crate) secrets_until: Option<u64>,
    pub(crate) typ: Option<Typ>,
    pub(crate) leeway: Duration,
    pub(crate) max_age: Option<Duration>,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) required: Vec<ClaimPath>,
    /// Claims with their allowed values.
    pub(crate) values: Vec<(ClaimPath, Vec<String>)>,
    /// Members of the header with their allowed values.
    pub(crate) headers: Vec<(String, Vec<String>)>,
    /// Whether the segments may be padded.
    pub(crate) padded_segments: bool,
    /// Claims that may be absent, with their allowed values.
    pub(crate) optional_values: Vec<(ClaimPath, Vec<String>)>,
    /// Claims of which `values` must have one.
    pub(crate) constraints: Vec<String>,
    pub(crate) role_claims: Vec<ClaimPath>,
    /// The member that the object of each role must have.
    pub(crate) role_member: Option<String>,
    /// Whether the first role claim is that of an issuer in this process, which spells it right.
    pub(crate) issued_roles: bool,
    /// Claims that hold scopes, in addition to `scope` and `scp`.
    pub(crate) scope_claims: Vec<ClaimPath>,
    pub(crate) require_exp: bool,
    pub(crate) require_auth_time: bool,
    /// Whether an integer in `sub` is accepted as its text.
    pub(crate) numeric_subject: bool,
    /// Whether `cnf` is not read.
    pub(crate) ignore_confirmation: bool,
    pub(crate) access_token_profile: bool,
}

/// The required `typ` of the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Typ {
    pub(crate) name: String,
    pub(crate) required: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            issuer: None,
            issuer_aliases: Vec::new(),
            tenants: None,
            spiffe: false,
            audiences: Arc::default(),
            audience_claim: None,
            further_audiences: None,
            authorized_parties: AuthorizedParties {
                clients: Vec::new(),
                required: true,
            },
            algorithms: None,
            secrets_until: None,
            typ: None,
            leeway: Duration::from_secs(10),
            max_age: None,
            max_lifetime: None,
            required: Vec::new(),
            values: Vec::new(),
            headers: Vec::new(),
            padded_segments: false,
            optional_values: Vec::new(),
            constraints: Vec::new(),
            role_claims: Vec::new(),
            role_member: None,
            issued_roles: false,
            scope_claims: Vec::new(),
            require_exp: true,
            require_auth_time: false,
            numeric_subject: false,
            ignore_confirmation: false,
            access_token_profile: false,
        }
    }
}

/// RFC 9068 section 2.2: the claims that an access token must have; `iss` and `aud` are checked by
/// their own rules.
const ACCESS_TOKEN_CLAIMS: [&str; 7] = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"];

impl Rules {
    /// The paths of all options.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &ClaimPath> {
        let valued = self.all_values().map(|(path, _)| path);
        self.audience_claim
            .iter()
            .chain(&self.required)
            .chain(&self.role_claims)
            .chain(&self.scope_claims)
            .chain(valued)
    }

    /// The claims with their allowed values, also those that may be absent.
    pub(crate) fn all_values(&self) -> impl Iterator<Item = &(ClaimPath, Vec<String>)> {
        self.values.iter().chain(&self.optional_values)
    }

    /// Checks `typ`, which distinguishes kinds of tokens (RFC 8725 section 3.11).
    pub(crate) fn check_type(&self, typ: Option<&str>) -> Result<(), Rejection> {
        let wanted: &[&str] = match (&self.typ, self.access_token_profile) {
            (Some(wanted), _) if typ.is_none() && !wanted.required => return Ok(()),
            (Some(wanted), _) => &[&wanted.name],
            (None, true) => &["at+jwt"],
            (None, false) if typ.is_none() => return Ok(()),
            (None, false) if self.spiffe => &["JWT", "JOSE"],
            (None, false) => &["JWT", "at+jwt"],
        };
        let Some(typ) = typ else {
            return Err(Rejection::new(
                RejectionKind::WrongType,
                format!("there is no `typ`; wanted {wanted:?}"),
            ));
        };
        if wanted.iter().any(|wanted| {
            *wanted == typ || short_type(wanted).eq_ignore_ascii_case(short_type(typ))
        }) {
            Ok(())
        } else {
            Err(Rejection::new(
                RejectionKind::WrongType,
                format!("`typ` is {}; wanted {wanted:?}", Shown(typ)),
            ))
        }
    }

    /// Checks that the list of keys for this algorithm has not ended.
    #[inline]
    pub(crate) fn check_end(&self, algorithm: Algorithm, now: u64) -> Result<(), Rejection> {
        match self.secrets_until {
            Some(end) if end <= now && algorithm.family().is_symmetric() => {
                let kind = RejectionKind::WrongAlgorithm;
                Err(Rejection::untimely(kind, "shared_secrets_until", end, now))
            }
            _ => Ok(()),
        }
    }

    /// Checks the members of the header that have a rule.
    #[inline]
    pub(crate) fn check_header(&self, header: &str, limits: &Limits) -> Result<(), Rejection> {
        if self.headers.is_empty() {
            return Ok(());
        }
        self.check_header_members(header, limits)
    }

    #[cold]
    fn check_header_members(&self, header: &str, limits: &Limits) -> Result<(), Rejection> {
        let mut object = Object::default();
        object.parse(header, bounds(limits)).map_err(|flaw| {
            let detail = format!("the header {}", flaw.as_str());
            Rejection::new(RejectionKind::MalformedHeader, detail)
        })?;
        for (name, values) in &self.headers {
            let member = object.get(header, name);
            let Some(member) = member.filter(|member| member.kind != Kind::Null) else {
                let detail = format!("there is no `{name}` in the header");
                return Err(Rejection::new(RejectionKind::MissingClaim, detail));
            };
            let got = member.string(header);
            if !got.is_some_and(|got| values.iter().any(|value| *value == got)) {
                let detail = format!("`{name}` in the header is none of {}", Few(values));
                return Err(Rejection::new(RejectionKind::WrongClaim, detail));
            }
        }
        Ok(())
    }

    /// Checks the claims. `key_issuer` is the issuer that the verifying key is bound to, if any.
    pub(crate) fn check_claims(
        &self,
        claims: &ClaimSetText,
        key_issuer: Option<&str>,
        now: u64,
        limits: &Limits,
    ) -> Result<(), Rejection> {
        self.check_issuer(claims, key_issuer)?;
        self.check_audience(claims, limits)?;
        self.check_times(claims, now)?;
        self.required
            .iter()
            .try_for_each(|path| claims.require(path))?;
        if self.access_token_profile {
            ACCESS_TOKEN_CLAIMS
                .iter()
                .try_for_each(|name| claims.require_member(name))?;
        }
        self.values
            .iter()
            .try_for_each(|(path, values)| check_value(claims, path, values, true))?;
        self.optional_values
            .iter()
            .try_for_each(|(path, values)| check_value(claims, path, values, false))?;
        if self.require_auth_time {
            self.check_auth_time(claims, now)?;
        }
        self.check_authorized_party(claims)?;
        let member = self.role_member.as_deref();
        self.role_claims
            .iter()
            .try_for_each(|path| claims.check_roles_at(path, member, limits.scopes()))?;
        self.scope_claims
            .iter()
            .try_for_each(|path| claims.check_scopes_at(path, limits))
    }

    /// Checks `auth_time`, which must not be in the future. A token that passes once passes later.
    fn check_auth_time(&self, claims: &ClaimSetText, now: u64) -> Result<(), Rejection> {
        const NAME: &str = "auth_time";
        let at = claims.date_member(NAME)?.ok_or_else(|| missing(NAME))?;
        if at.ceil() > now.saturating_add(self.leeway.as_secs()) {
            return Err(Rejection::untimely(
                RejectionKind::NotYetValid,
                NAME,
                at.ceil(),
                now,
            ));
        }
        Ok(())
    }

    /// Checks the rules whose outcome depends on the time.
    pub(crate) fn check_times(&self, claims: &ClaimSetText, now: u64) -> Result<(), Rejection> {
        let registered = &claims.registered;
        let leeway = self.leeway.as_secs();
        let refuse = |kind, name, at| Err(Rejection::untimely(kind, name, at, now));
        match registered.expires_at {
            // RFC 7519 section 4.1.4: "on or after which the JWT MUST NOT be accepted".
            Some(exp) if exp.floor().saturating_add(leeway) <= now => {
                return refuse(RejectionKind::Expired, "exp", exp.floor());
            }
            None if self.require_exp => return Err(missing("exp")),
            _ => {}
        }
        if let Some(nbf) = registered.not_before
            && nbf.ceil() > now.saturating_add(leeway)
        {
            return refuse(RejectionKind::NotYetValid, "nbf", nbf.ceil());
        }
        let issued = registered.issued_at;
        if let Some(iat) = issued
            && iat.ceil() > now.saturating_add(leeway)
        {
            return refuse(RejectionKind::NotYetValid, "iat", iat.ceil());
        }
        if let Some(max_age) = self.max_age {
            let iat = issued.ok_or_else(|| missing("iat"))?.floor();
            if iat.saturating_add(max_age.as_secs()).saturating_add(leeway) < now {
                return refuse(RejectionKind::TooOld, "iat", iat);
            }
        }
        if let Some(max_lifetime) = self.max_lifetime {
            let iat = issued.ok_or_else(|| missing("iat"))?.floor();
            let exp = registered.expires_at.ok_or_else(|| missing("exp"))?;
            if exp.ceil() > iat.saturating_add(max_lifetime.as_secs()) {
                return Err(Rejection::late(RejectionKind::LifetimeTooLong, move |f| {
                    let (exp, most) = (exp.ceil(), max_lifetime.as_secs());
                    write!(f, "from `iat` {iat} to `exp` {exp} is more than {most} s")
                }));
            }
        }
        Ok(())
    }

    /// Checks the times, and returns the time until that check fails.
    pub(crate) fn expires_in(
        &self,
        claims: &ClaimSetText,
        now: u64,
    ) -> Result<Duration, Rejection> {
        self.check_times(claims, now)?;
        let registered = &claims.registered;
        let exp = registered.expires_at.map(NumericDate::floor);
        // `max_age` is inclusive: the token is too old one second later.
        let oldest = self.max_age.zip(registered.issued_at).map(|(age, iat)| {
            let last = iat.floor().saturating_add(age.as_secs());
            last.saturating_add(1)
        });
        let first = exp.into_iter().chain(oldest).min();
        Ok(first.map_or(Duration::MAX, |end| {
            let end = end.saturating_add(self.leeway.as_secs());
            Duration::from_secs(end.saturating_sub(now))
        }))
    }
}

/// Removes the prefix "application/", which may be omitted if no other slash follows (RFC 7515
/// section 4.1.9).
fn short_type(typ: &str) -> &str {
    match typ.split_at_checked("application/".len()) {
        Some((prefix, rest))
            if prefix.eq_ignore_ascii_case("application/") && !rest.contains('/') =>
        {
            rest
        }
        _ => typ,
    }
}

/// Checks the value of a claim. The refusal does not contain the actual value, which may not be fit
/// for a log.
fn check_value(
    claims: &ClaimSetText,
    path: &ClaimPath,
    values: &[String],
    required: bool,
) -> Result<(), Rejection> {
    match claims.string_at(path)? {
        Some(got) if values.iter().any(|value| *value == got) => Ok(()),
        Some(_) => Err(Rejection::new(
            RejectionKind::WrongClaim,
            format!("`{path}` is none of {}", Few(values)),
        )),
        None if required => Err(missing(path)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
