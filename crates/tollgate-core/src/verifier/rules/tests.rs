//! Tests of `rules`.

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

/// The time that `expires_in` returns is the first at which the check of the times fails.
#[test]
fn a_token_expires_when_it_is_refused() {
    let limits = Limits::default();
    let seconds = Duration::from_secs;
    let rules = |max_age, leeway| Rules {
        leeway,
        max_age,
        ..rules()
    };
    for (rules, json, left) in [
        (rules(None, seconds(10)), r#"{"exp":999991}"#, Some(1)),
        (rules(None, seconds(0)), r#"{"exp":1000030.9}"#, Some(30)),
        (rules(None, seconds(10)), "{}", None),
        (
            rules(Some(seconds(60)), seconds(10)),
            r#"{"iat":999990}"#,
            Some(61),
        ),
        (
            rules(Some(seconds(60)), seconds(0)),
            r#"{"iat":1000000,"exp":1000050}"#,
            Some(50),
        ),
        (
            rules(Some(seconds(60)), seconds(0)),
            r#"{"iat":1000000,"exp":1000070}"#,
            Some(61),
        ),
    ] {
        let mut claims = ClaimSetText::default();
        claims.read(json.as_bytes(), "", &limits).unwrap();
        let expected = left.map_or(Duration::MAX, seconds);
        assert_eq!(rules.expires_in(&claims, NOW), Ok(expected), "{json}");
        if let Some(left) = left {
            assert_eq!(
                rules.expires_in(&claims, NOW + left - 1),
                Ok(seconds(1)),
                "{json}"
            );
            assert!(rules.expires_in(&claims, NOW + left).is_err(), "{json}");
        }
    }
    let mut claims = ClaimSetText::default();
    let endless = format!(r#"{{"exp":{}}}"#, u64::MAX / 2);
    claims.read(endless.as_bytes(), "", &limits).unwrap();
    assert!(rules(None, Duration::MAX).expires_in(&claims, NOW).is_ok());
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
    let whole =
        r#"{"iss":"i","exp":1000100,"aud":"a","sub":"s","client_id":"c","iat":1000000,"jti":"j"}"#;
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
            RejectionKind::MissingClaim,
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
        r#"{"permissions":null}"#,
        r#"{"permissions":["a","b"]}"#,
        r#"{"permissions":" a  b "}"#,
        r#"{"permissions":"a b"}"#,
    ] {
        assert_eq!(check(&rules, good), Ok(()), "{good}");
    }
    for bad in [
        r#"{"permissions":7}"#,
        r#"{"permissions":["a",7]}"#,
        r#"{"permissions":["a b"]}"#,
        r#"{"permissions":[""]}"#,
        r#"{"permissions":{"a":true}}"#,
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
        check(&rules, &format!(r#"{{"permissions":"{many}"}}"#)),
        Err(RejectionKind::TooLarge)
    );
}
