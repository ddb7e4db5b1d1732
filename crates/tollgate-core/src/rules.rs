//! What a claims set and a header must satisfy for one issuer.

use std::time::Duration;

use crate::algorithm::Algorithm;
use crate::claims::ClaimSetText;
use crate::limits::Limits;
use crate::rejection::{Rejection, RejectionKind, Shown};

/// The rules of one issuer, as configured; `None` where something was not said.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) issuer: Option<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) algorithms: Option<Vec<Algorithm>>,
    pub(crate) typ: Option<String>,
    pub(crate) leeway: Duration,
    pub(crate) max_age: Option<Duration>,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) required: Vec<String>,
    pub(crate) role_claims: Vec<String>,
    pub(crate) require_exp: bool,
    pub(crate) access_token_profile: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            issuer: None,
            audiences: Vec::new(),
            algorithms: None,
            typ: None,
            leeway: Duration::from_secs(10),
            max_age: None,
            max_lifetime: None,
            required: Vec::new(),
            role_claims: Vec::new(),
            require_exp: true,
            access_token_profile: false,
        }
    }
}

/// RFC 9068 section 2.2: the claims that an access token must have; `iss` and `aud` are checked by their own rules.
const ACCESS_TOKEN_CLAIMS: [&str; 7] = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"];

impl Rules {
    /// Whether these are the rules for tokens of that issuer.
    pub(crate) fn names(&self, issuer: &str) -> bool {
        self.issuer.as_deref() == Some(issuer)
    }

    /// RFC 8725 section 3.11: `typ` tells kinds of tokens apart.
    pub(crate) fn check_type(&self, typ: Option<&str>) -> Result<(), Rejection> {
        let wanted: &[&str] = match (&self.typ, self.access_token_profile) {
            (Some(wanted), _) => &[wanted],
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
        if wanted
            .iter()
            .any(|wanted| short_type(wanted).eq_ignore_ascii_case(short_type(typ)))
        {
            Ok(())
        } else {
            Err(Rejection::new(
                RejectionKind::WrongType,
                format!("`typ` is {}; wanted {wanted:?}", Shown(typ)),
            ))
        }
    }

    pub(crate) fn check_claims(
        &self,
        claims: &ClaimSetText,
        now: u64,
        limits: &Limits,
    ) -> Result<(), Rejection> {
        self.check_issuer(claims)?;
        self.check_audience(claims)?;
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
        self.role_claims
            .iter()
            .try_for_each(|path| claims.check_roles_at(path, limits))
    }

    fn check_issuer(&self, claims: &ClaimSetText) -> Result<(), Rejection> {
        let Some(wanted) = &self.issuer else { return Ok(()) };
        match claims.string(claims.registered.issuer.as_ref()) {
            Some(got) if self.names(got) => Ok(()),
            Some(got) => Err(Rejection::new(
                RejectionKind::UntrustedIssuer,
                format!("`iss` is {}; wanted {wanted:?}", Shown(got)),
            )),
            None => Err(missing("iss")),
        }
    }

    /// RFC 7519 section 4.1.3: one of the values must identify this service.
    fn check_audience(&self, claims: &ClaimSetText) -> Result<(), Rejection> {
        if self.audiences.is_empty() {
            return Ok(());
        }
        let mut first = None;
        for got in claims.audiences() {
            if self.audiences.iter().any(|wanted| *wanted == got) {
                return Ok(());
            }
            first.get_or_insert(got);
        }
        match first {
            Some(got) => Err(Rejection::new(
                RejectionKind::WrongAudience,
                format!("`aud` has {}; wanted one of {:?}", Shown(&got), self.audiences),
            )),
            None => Err(missing("aud")),
        }
    }

    fn check_times(&self, claims: &ClaimSetText, now: u64) -> Result<(), Rejection> {
        let registered = &claims.registered;
        let leeway = self.leeway.as_secs();
        let refuse =
            |kind, name, at: u64| Err(Rejection::new(kind, format!("`{name}` is {at}; it is {now}")));
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

/// RFC 7515 section 4.1.9: "application/" may be left out where no other slash follows.
fn short_type(typ: &str) -> &str {
    match typ.split_at_checked("application/".len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") && !rest.contains('/') => rest,
        _ => typ,
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
        claims.read(json.as_bytes(), 0, &limits).unwrap();
        rules
            .check_claims(&claims, NOW, &limits)
            .map_err(|rejection| rejection.kind())
    }

    fn rules() -> Rules {
        Rules {
            require_exp: false,
            ..Rules::default()
        }
    }

    #[test]
    fn times_hold_to_the_second() {
        let rules = rules();
        assert_eq!(check(&rules, r#"{"exp":999991}"#), Ok(()));
        assert_eq!(check(&rules, r#"{"exp":999990}"#), Err(RejectionKind::Expired));
        assert_eq!(check(&rules, r#"{"exp":999990.9}"#), Err(RejectionKind::Expired));
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
        assert_eq!(check(&exact, r#"{"exp":1000000}"#), Err(RejectionKind::Expired));
        assert_eq!(
            check(&exact, r#"{"exp":1000001,"nbf":1000000,"iat":1000000}"#),
            Ok(())
        );
        assert_eq!(check(&Rules::default(), "{}"), Err(RejectionKind::MissingClaim));
    }

    #[test]
    fn age_and_lifetime_need_their_claims() {
        let rules = Rules {
            max_age: Some(Duration::from_secs(60)),
            ..rules()
        };
        assert_eq!(check(&rules, r#"{"iat":999930}"#), Ok(()));
        assert_eq!(check(&rules, r#"{"iat":999929}"#), Err(RejectionKind::TooOld));
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
            audiences: vec!["x".into(), "y".into()],
            ..rules()
        };
        assert_eq!(check(&rules, r#"{"iss":"https://a","aud":"y"}"#), Ok(()));
        assert_eq!(check(&rules, r#"{"iss":"https://a","aud":["z","x"]}"#), Ok(()));
        assert_eq!(check(&rules, r#"{"aud":"x"}"#), Err(RejectionKind::MissingClaim));
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
            typ: Some("application/secevent+jwt".into()),
            ..Rules::default()
        };
        assert!(accepts(&exact, Some("secevent+jwt")));
        assert!(!accepts(&exact, None) && !accepts(&exact, Some("JWT")));
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
            assert_eq!(check(&rules, json), Err(RejectionKind::MissingClaim), "{json}");
        }
    }

    #[test]
    fn the_access_token_profile_requires_its_claims() {
        let rules = Rules {
            access_token_profile: true,
            ..rules()
        };
        let whole =
            r#"{"iss":"i","exp":1000100,"aud":"a","sub":"s","client_id":"c","iat":1000000,"jti":"j"}"#;
        assert_eq!(check(&rules, whole), Ok(()));
        for name in ACCESS_TOKEN_CLAIMS {
            let cut = whole.replace(&format!("\"{name}\":"), "\"x\":");
            assert_eq!(check(&rules, &cut), Err(RejectionKind::MissingClaim), "{name}");
        }
    }
}
