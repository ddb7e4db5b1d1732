//! Tests of `audience`.

use std::sync::Arc;

use super::*;

fn check(rules: &Rules, json: &str) -> Result<(), RejectionKind> {
    let limits = Limits::default().with_audiences(3);
    let mut claims = ClaimSetText::default();
    claims.read(json.as_bytes(), "", &limits).unwrap();
    rules
        .check_audience(&claims, &limits)
        .and_then(|()| rules.check_authorized_party(&claims))
        .map_err(|rejection| rejection.kind())
}

fn rules() -> Rules {
    Rules {
        audiences: Arc::new(vec!["app".into()]),
        ..Rules::default()
    }
}

#[test]
fn the_audience_may_be_in_another_claim() {
    let rules = Rules {
        audience_claim: Some("client.id".into()),
        ..rules()
    };
    for good in [
        r#"{"client":{"id":"app"}}"#,
        r#"{"client.id":"app"}"#,
        r#"{"client.id":["other","app"]}"#,
        r#"{"client.id":"app","aud":["app","other"]}"#,
    ] {
        assert_eq!(check(&rules, good), Ok(()), "{good}");
    }
    for (bad, wanted) in [
        ("{}", RejectionKind::MissingClaim),
        (r#"{"aud":"app"}"#, RejectionKind::MissingClaim),
        (r#"{"client":{"id":"other"}}"#, RejectionKind::WrongAudience),
        (
            r#"{"client.id":"other","aud":"app"}"#,
            RejectionKind::WrongAudience,
        ),
        (
            r#"{"client.id":"app","aud":"other"}"#,
            RejectionKind::WrongAudience,
        ),
        (
            r#"{"client.id":"app","aud":[]}"#,
            RejectionKind::MissingClaim,
        ),
        (r#"{"client.id":[]}"#, RejectionKind::MissingClaim),
        (r#"{"client.id":"app "}"#, RejectionKind::WrongAudience),
        (r#"{"client.id":7}"#, RejectionKind::MalformedClaims),
        (r#"{"client.id":null}"#, RejectionKind::MissingClaim),
        (r#"{"client.id":["app",7]}"#, RejectionKind::MalformedClaims),
        (r#"{"client":"app"}"#, RejectionKind::MalformedClaims),
        (
            r#"{"client.id":"app","client":{"id":"x"}}"#,
            RejectionKind::MalformedClaims,
        ),
        (
            r#"{"client.id":["app","b","c","d"]}"#,
            RejectionKind::TooLarge,
        ),
    ] {
        assert_eq!(check(&rules, bad), Err(wanted), "{bad}");
    }
}

#[test]
fn further_audiences_must_be_trusted() {
    let alone = Rules {
        further_audiences: Some(Vec::new()),
        ..rules()
    };
    assert_eq!(check(&alone, r#"{"aud":"app"}"#), Ok(()));
    assert_eq!(check(&alone, r#"{"aud":["app","app"]}"#), Ok(()));
    assert_eq!(
        check(&alone, r#"{"aud":["app","other"]}"#),
        Err(RejectionKind::WrongAudience)
    );
    let beside = Rules {
        further_audiences: Some(vec!["project".into()]),
        ..rules()
    };
    assert_eq!(check(&beside, r#"{"aud":["project","app"]}"#), Ok(()));
    // It is allowed beside this service, not instead of it.
    assert_eq!(
        check(&beside, r#"{"aud":"project"}"#),
        Err(RejectionKind::WrongAudience)
    );
    assert_eq!(
        check(&beside, r#"{"aud":["app","project","other"]}"#),
        Err(RejectionKind::WrongAudience)
    );
}

#[test]
fn the_authorized_party_must_be_configured() {
    let party = |required| Rules {
        authorized_parties: AuthorizedParties {
            clients: vec!["app".into(), "cli".into()],
            required,
        },
        ..rules()
    };
    for rules in [party(true), party(false)] {
        assert_eq!(check(&rules, r#"{"aud":"app","azp":"cli"}"#), Ok(()));
        assert_eq!(
            check(&rules, r#"{"aud":"app","azp":"other"}"#),
            Err(RejectionKind::WrongClaim)
        );
        assert_eq!(
            check(&rules, r#"{"aud":"app","azp":"App"}"#),
            Err(RejectionKind::WrongClaim)
        );
        for azp in ["7", "{}", r#"["app"]"#] {
            assert_eq!(
                check(&rules, &format!(r#"{{"aud":"app","azp":{azp}}}"#)),
                Err(RejectionKind::MalformedClaims)
            );
        }
        assert_eq!(
            check(&rules, r#"{"aud":["app","other"]}"#),
            Err(RejectionKind::MissingClaim)
        );
    }
    assert_eq!(
        check(&party(true), r#"{"aud":"app"}"#),
        Err(RejectionKind::MissingClaim)
    );
    assert_eq!(check(&party(false), r#"{"aud":"app"}"#), Ok(()));
    assert_eq!(check(&party(false), r#"{"aud":"app","azp":null}"#), Ok(()));
}
