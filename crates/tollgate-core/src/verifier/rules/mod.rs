//! The rules that header and claims must satisfy for one issuer.

mod audience;
mod issuer;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use audience::AuthorizedParties;
pub(crate) use issuer::{TENANT, Tenants, is_template, is_tenant};

use crate::algorithm::Algorithm;
use crate::limits::Limits;
use crate::rejection::{Rejection, RejectionKind, Shown};
use crate::token::claims::ClaimSetText;

/// The rules of one issuer, as configured; `None` for a rule that is not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) issuer: Option<String>,
    pub(crate) issuer_aliases: Vec<String>,
    /// If set, the issuer's name and its aliases are templates.
    pub(crate) tenants: Option<Tenants>,
    pub(crate) audiences: Arc<Vec<String>>,
    /// The claim that names the audience, if it is not `aud`.
    pub(crate) audience_claim: Option<String>,
    /// The values that `aud` may contain beside the audiences; `None` allows any.
    pub(crate) further_audiences: Option<Vec<String>>,
    pub(crate) authorized_parties: AuthorizedParties,
    pub(crate) algorithms: Option<Vec<Algorithm>>,
    pub(crate) typ: Option<Typ>,
    pub(crate) leeway: Duration,
    pub(crate) max_age: Option<Duration>,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) required: Vec<String>,
    /// Claims with their allowed values.
    pub(crate) values: Vec<(String, Vec<String>)>,
    pub(crate) role_claims: Vec<String>,
    /// Claims that hold scopes, in addition to `scope` and `scp`.
    pub(crate) scope_claims: Vec<String>,
    pub(crate) require_exp: bool,
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
            audiences: Arc::default(),
            audience_claim: None,
            further_audiences: None,
            authorized_parties: AuthorizedParties {
                clients: Vec::new(),
                required: true,
            },
            algorithms: None,
            typ: None,
            leeway: Duration::from_secs(10),
            max_age: None,
            max_lifetime: None,
            required: Vec::new(),
            values: Vec::new(),
            role_claims: Vec::new(),
            scope_claims: Vec::new(),
            require_exp: true,
            ignore_confirmation: false,
            access_token_profile: false,
        }
    }
}

/// RFC 9068 section 2.2: the claims that an access token must have; `iss` and `aud` are checked by
/// their own rules.
const ACCESS_TOKEN_CLAIMS: [&str; 7] = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"];

impl Rules {
    /// Checks `typ`, which distinguishes kinds of tokens (RFC 8725 section 3.11).
    pub(crate) fn check_type(&self, typ: Option<&str>) -> Result<(), Rejection> {
        let wanted: &[&str] = match (&self.typ, self.access_token_profile) {
            (Some(wanted), _) if typ.is_none() && !wanted.required => return Ok(()),
            (Some(wanted), _) => &[&wanted.name],
            (None, true) => &["at+jwt"],
            (None, false) if typ.is_none() => return Ok(()),
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
        let profile: &[&str] = if self.access_token_profile {
            &ACCESS_TOKEN_CLAIMS
        } else {
            &[]
        };
        for name in self
            .required
            .iter()
            .map(String::as_str)
            .chain(profile.iter().copied())
        {
            if !claims.has(name) {
                return Err(Rejection::new(
                    RejectionKind::MissingClaim,
                    format!("there is no {name:?}"),
                ));
            }
        }
        self.values
            .iter()
            .try_for_each(|(path, values)| check_value(claims, path, values))?;
        self.check_authorized_party(claims)?;
        self.role_claims
            .iter()
            .try_for_each(|path| claims.check_strings_at(path, limits.scopes()))?;
        self.scope_claims
            .iter()
            .try_for_each(|path| claims.check_scopes_at(path, limits))
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
                return Err(Rejection::new(
                    RejectionKind::LifetimeTooLong,
                    format!(
                        "from `iat` {iat} to `exp` {} is more than {} s",
                        exp.ceil(),
                        max_lifetime.as_secs()
                    ),
                ));
            }
        }
        Ok(())
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
fn check_value(claims: &ClaimSetText, path: &str, values: &[String]) -> Result<(), Rejection> {
    match claims.string_at(path)? {
        Some(got) if values.iter().any(|value| *value == got) => Ok(()),
        Some(_) => Err(Rejection::new(
            RejectionKind::WrongClaim,
            format!("`{path}` is none of {values:?}"),
        )),
        None => Err(missing(path)),
    }
}

fn missing(name: &str) -> Rejection {
    Rejection::new(RejectionKind::MissingClaim, format!("there is no `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000;

    fn check(rules: &Rules, json: &str) -> Result<(), RejectionKind> {
        let limits = Limits::default();
        let mut claims = ClaimSetText::default();
        claims.read(json.as_bytes(), "", &limits).unwrap();
        rules
            .check_claims(&claims, None, NOW, &limits)
            .map_err(|rejection| rejection.kind())
    }

    fn rules() -> Rules {
        Rules {
            require_exp: false,
            ..Rules::default()
        }
    }

    #[test]
    fn times_are_exact_to_the_second() {
        let rules = rules();
        assert_eq!(check(&rules, r#"{"exp":999991}"#), Ok(()));
        assert_eq!(
            check(&rules, r#"{"exp":999990}"#),
            Err(RejectionKind::Expired)
        );
        assert_eq!(
            check(&rules, r#"{"exp":999990.9}"#),
            Err(RejectionKind::Expired)
        );
        assert_eq!(check(&rules, r#"{"nbf":1000010}"#), Ok(()));
        assert_eq!(
            check(&rules, r#"{"nbf":1000010.1}"#),
            Err(RejectionKind::NotYetValid)
        );
        assert_eq!(check(&rules, r#"{"iat":1000010}"#), Ok(()));
        assert_eq!(
            check(&rules, r#"{"iat":1000011}"#),
            Err(RejectionKind::NotYetValid)
        );
        assert_eq!(check(&rules, r#"{"exp":9223372036854775807}"#), Ok(()));
        let exact = Rules {
            leeway: Duration::ZERO,
            ..rules
        };
        assert_eq!(
            check(&exact, r#"{"exp":1000000}"#),
            Err(RejectionKind::Expired)
        );
        assert_eq!(
            check(&exact, r#"{"exp":1000001,"nbf":1000000,"iat":1000000}"#),
            Ok(())
        );
        assert_eq!(
            check(&Rules::default(), "{}"),
            Err(RejectionKind::MissingClaim)
        );
    }

    #[test]
    fn age_and_lifetime_require_their_claims() {
        let rules = Rules {
            max_age: Some(Duration::from_secs(60)),
            ..rules()
        };
        assert_eq!(check(&rules, r#"{"iat":999930}"#), Ok(()));
        assert_eq!(
            check(&rules, r#"{"iat":999929}"#),
            Err(RejectionKind::TooOld)
        );
        assert_eq!(check(&rules, "{}"), Err(RejectionKind::MissingClaim));
        let rules = Rules {
            max_lifetime: Some(Duration::from_secs(60)),
            ..self::rules()
        };
        assert_eq!(check(&rules, r#"{"iat":1000000,"exp":1000060}"#), Ok(()));
        assert_eq!(
            check(&rules, r#"{"iat":1000000,"exp":1000060.1}"#),
            Err(RejectionKind::LifetimeTooLong)
        );
        assert_eq!(
            check(&rules, r#"{"exp":1000060}"#),
            Err(RejectionKind::MissingClaim)
        );
        assert_eq!(
            check(&rules, r#"{"iat":1000000}"#),
            Err(RejectionKind::MissingClaim)
        );
    }

    #[test]
    fn issuer_and_audience_are_exact_and_required() {
        let rules = Rules {
            issuer: Some("https://a".into()),
            audiences: Arc::new(vec!["x".into(), "y".into()]),
            ..rules()
        };
        assert_eq!(check(&rules, r#"{"iss":"https://a","aud":"y"}"#), Ok(()));
        assert_eq!(
            check(&rules, r#"{"iss":"https://a","aud":["z","x"]}"#),
            Ok(())
        );
        assert_eq!(
            check(&rules, r#"{"aud":"x"}"#),
            Err(RejectionKind::MissingClaim)
        );
        assert_eq!(
            check(&rules, r#"{"iss":"https://a"}"#),
            Err(RejectionKind::MissingClaim)
        );
        assert_eq!(
            check(&rules, r#"{"iss":"https://a","aud":[]}"#),
            Err(RejectionKind::MissingClaim)
        );
        assert_eq!(
            check(&rules, r#"{"iss":"https://a/","aud":"x"}"#),
            Err(RejectionKind::UntrustedIssuer)
        );
        assert_eq!(
            check(&rules, r#"{"iss":"https://a","aud":"X"}"#),
            Err(RejectionKind::WrongAudience)
        );
        assert_eq!(
            check(&rules, r#"{"iss":"https://a","aud":"xy"}"#),
            Err(RejectionKind::WrongAudience)
        );
    }

    #[test]
    fn types_follow_the_prefix_rule() {
        let accepts = |rules: &Rules, typ| rules.check_type(typ).is_ok();
        let default = Rules::default();
        for typ in [
            None,
            Some("JWT"),
            Some("jwt"),
            Some("at+jwt"),
            Some("application/at+jwt"),
            Some("Application/JWT"),
        ] {
            assert!(accepts(&default, typ), "{typ:?}");
        }
        for typ in [
            "",
            "JOSE",
            "dpop+jwt",
            "text/JWT",
            "application/",
            "application/x/JWT",
            "JWT ",
            "logout+jwt",
        ] {
            assert!(!accepts(&default, Some(typ)), "{typ:?}");
        }
        let exact = Rules {
            typ: Some(Typ {
                name: "application/secevent+jwt".into(),
                required: true,
            }),
            ..Rules::default()
        };
        assert!(accepts(&exact, Some("secevent+jwt")));
        assert!(!accepts(&exact, None) && !accepts(&exact, Some("JWT")));
        let optional = Rules {
            typ: Some(Typ {
                name: "JWT".into(),
                required: false,
            }),
            ..Rules::default()
        };
        assert!(accepts(&optional, None) && accepts(&optional, Some("application/jwt")));
        assert!(!accepts(&optional, Some("at+jwt")) && !accepts(&optional, Some("")));
        let profile = Rules {
            access_token_profile: true,
            ..Rules::default()
        };
        assert!(accepts(&profile, Some("at+JWT")));
        assert!(!accepts(&profile, None) && !accepts(&profile, Some("JWT")));
    }

    #[test]
    fn a_required_claim_that_is_null_is_absent() {
        let rules = Rules {
            required: vec!["tenant".into(), "org.id".into()],
            ..rules()
        };
        assert_eq!(check(&rules, r#"{"tenant":"a","org":{"id":0}}"#), Ok(()));
        for json in [
            r#"{"tenant":null,"org":{"id":0}}"#,
            r#"{"tenant":"a","org":{"id":null}}"#,
            r#"{"tenant":"a"}"#,
        ] {
            assert_eq!(
                check(&rules, json),
                Err(RejectionKind::MissingClaim),
                "{json}"
            );
        }
    }

    #[test]
    fn the_access_token_profile_requires_its_claims() {
        let rules = Rules {
            access_token_profile: true,
            ..rules()
        };
        let whole = r#"{"iss":"i","exp":1000100,"aud":"a","sub":"s","client_id":"c","iat":1000000,"jti":"j"}"#;
        assert_eq!(check(&rules, whole), Ok(()));
        for name in ACCESS_TOKEN_CLAIMS {
            let cut = whole.replace(&format!("\"{name}\":"), "\"x\":");
            assert_eq!(
                check(&rules, &cut),
                Err(RejectionKind::MissingClaim),
                "{name}"
            );
        }
    }

    #[test]
    fn only_allowed_values_are_accepted() {
        let rules = Rules {
            values: vec![
                ("token_use".into(), vec!["access".into(), "other".into()]),
                ("a.b".into(), vec!["x".into()]),
            ],
            ..rules()
        };
        assert_eq!(
            check(&rules, r#"{"token_use":"access","a":{"b":"x"}}"#),
            Ok(())
        );
        assert_eq!(
            check(&rules, r#"{"token_use":"other","a.b":"\u0078"}"#),
            Ok(())
        );
        for (json, wanted) in [
            (r#"{"token_use":"id","a.b":"x"}"#, RejectionKind::WrongClaim),
            (
                r#"{"token_use":"Access","a.b":"x"}"#,
                RejectionKind::WrongClaim,
            ),
            (r#"{"token_use":"","a.b":"x"}"#, RejectionKind::WrongClaim),
            (r#"{"token_use":"access"}"#, RejectionKind::MissingClaim),
            (r#"{"a.b":"x"}"#, RejectionKind::MissingClaim),
            (
                r#"{"token_use":["access"],"a.b":"x"}"#,
                RejectionKind::MalformedClaims,
            ),
            (
                r#"{"token_use":null,"a.b":"x"}"#,
                RejectionKind::MalformedClaims,
            ),
            (
                r#"{"token_use":true,"a.b":"x"}"#,
                RejectionKind::MalformedClaims,
            ),
            (
                r#"{"token_use":"access","a":"x"}"#,
                RejectionKind::MalformedClaims,
            ),
            (
                r#"{"token_use":"access","a.b":"x","a":{"b":"y"}}"#,
                RejectionKind::MalformedClaims,
            ),
        ] {
            assert_eq!(check(&rules, json), Err(wanted), "{json}");
        }
        let mut claims = ClaimSetText::default();
        claims
            .read(br#"{"token_use":"secret"}"#, "", &Limits::default())
            .unwrap();
        let rejection = rules.check_claims(&claims, None, NOW, &Limits::default());
        assert!(!rejection.unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn further_scopes_are_checked_like_the_others() {
        let rules = Rules {
            scope_claims: vec!["permissions".into()],
            ..rules()
        };
        for good in [
            "{}",
            r#"{"permissions":[]}"#,
            r#"{"permissions":["a","b c"]}"#,
            r#"{"permissions":"a b"}"#,
        ] {
            assert_eq!(check(&rules, good), Ok(()), "{good}");
        }
        for bad in [
            r#"{"permissions":7}"#,
            r#"{"permissions":null}"#,
            r#"{"permissions":["a",7]}"#,
            r#"{"permissions":["a  b"]}"#,
            r#"{"permissions":["a\"b"]}"#,
        ] {
            assert_eq!(
                check(&rules, bad),
                Err(RejectionKind::MalformedClaims),
                "{bad}"
            );
        }
        let many = vec!["\"s\""; 257].join(",");
        assert_eq!(
            check(&rules, &format!(r#"{{"permissions":[{many}]}}"#)),
            Err(RejectionKind::TooLarge)
        );
        let many = vec!["s"; 257].join(" ");
        assert_eq!(
            check(&rules, &format!(r#"{{"permissions":["{many}"]}}"#)),
            Err(RejectionKind::TooLarge)
        );
    }
}
