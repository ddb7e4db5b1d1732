//! Tests of `issuer`.

use super::*;

const ONE: &str = "11111111-2222-3333-4444-555555555555";
const TWO: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const TEMPLATE: &str = "https://login.example/{tenantid}/v2.0";

fn rules(tenants: Tenants) -> Rules {
    Rules {
        issuer: Some(TEMPLATE.into()),
        issuer_aliases: vec!["https://sts.example/{tenantid}/".into()],
        tenants: Some(tenants),
        ..Rules::default()
    }
}

fn check(rules: &Rules, json: &str, key: Option<&str>) -> Result<(), RejectionKind> {
    let mut claims = ClaimSetText::default();
    claims
        .read(json.as_bytes(), "", &crate::Limits::default())
        .unwrap();
    rules
        .check_issuer(&claims, key)
        .map_err(|rejection| rejection.kind())
}

fn of(issuer: &str, tenant: &str) -> String {
    format!(r#"{{"iss":"{issuer}","tid":"{tenant}"}}"#)
}

#[test]
fn a_tenant_has_one_spelling() {
    for good in [ONE, TWO, "00000000-0000-0000-0000-000000000000"] {
        assert!(is_tenant(good), "{good}");
    }
    for bad in [
        "",
        "common",
        "{tenantid}",
        "AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE",
        "11111111222233334444555555555555",
        "11111111-2222-3333-4444-55555555555g",
        "11111111-2222-3333-4444-5555555555555",
        "11111111-2222-3333-44445-55555555555",
        "{11111111-2222-3333-4444-5555555555}",
        "11111111-2222-3333-4444-55555555555é",
        "..%2f..%2f-2222-3333-4444-5555555555",
    ] {
        assert!(!is_tenant(bad), "{bad}");
    }
}

#[test]
fn a_template_has_one_placeholder_as_a_segment() {
    for good in [
        TEMPLATE,
        "https://sts.example/{tenantid}",
        "https://sts.example/{tenantid}/",
    ] {
        assert!(is_template(good), "{good}");
    }
    for bad in [
        "https://login.example/v2.0",
        "https://{tenantid}.example/",
        "https://login.example/x{tenantid}/",
        "https://login.example/{tenantid}x",
        "https://login.example/{tenantid}/{tenantid}",
        "https://login.example/{tenantId}/",
        "{tenantid}",
    ] {
        assert!(!is_template(bad), "{bad}");
    }
}

#[test]
fn a_template_matches_only_its_tenants() {
    let any = rules(Tenants::Any);
    let one = rules(Tenants::These(vec![ONE.into()]));
    let filled = |tenant: &str| TEMPLATE.replace(TENANT, tenant);
    assert!(any.names(&filled(ONE)) && any.names(&filled(TWO)));
    assert!(one.names(&filled(ONE)) && !one.names(&filled(TWO)));
    assert!(one.names(&format!("https://sts.example/{ONE}/")));
    assert!(!rules(Tenants::These(Vec::new())).names(&filled(ONE)));
    for foreign in [
        TEMPLATE.to_owned(),
        filled("common"),
        filled(&ONE.replace('1', "A")),
        filled(&format!("{ONE}/x")),
        filled(""),
        filled(ONE) + "/",
        format!("x{}", filled(ONE)),
        format!("https://login.example/{ONE}/"),
        format!("https://sts.example/{ONE}/v2.0"),
        format!("https://login.example/v2.0/{ONE}"),
        String::new(),
    ] {
        assert!(!any.names(&foreign), "{foreign}");
        assert_eq!(
            check(&any, &of(&foreign, ONE), None),
            Err(RejectionKind::UntrustedIssuer),
            "{foreign}"
        );
    }
    assert!(any.spelled(TEMPLATE) && !any.spelled(&filled(ONE)));
}

#[test]
fn a_tenant_has_its_name_in_each_template_and_no_other_tenants() {
    let any = rules(Tenants::Any);
    let (new, old) = (TEMPLATE, "https://sts.example/{tenantid}/");
    let of = |template: &str, tenant: &str| template.replace(TENANT, tenant);
    assert!(any.are_one(&of(new, ONE), &of(old, ONE)));
    assert!(any.are_one(&of(old, ONE), &of(new, ONE)));
    assert!(any.are_one(&of(old, ONE), new) && any.are_one(&of(new, ONE), old));
    assert!(!any.are_one(&of(new, ONE), &of(new, TWO)));
    assert!(!any.are_one(&of(new, ONE), &of(old, TWO)));
    assert!(!any.are_one(&of(new, ONE), "https://other.example/{tenantid}/"));
    assert!(!any.are_one("https://other.example", new));
    let aliased = Rules {
        issuer: Some("https://a".into()),
        issuer_aliases: vec!["a".into(), "b".into()],
        ..Rules::default()
    };
    assert!(aliased.are_one("a", "https://a") && aliased.are_one("a", "b"));
    assert!(!aliased.are_one("a", "c") && !aliased.are_one("c", "a"));
    let unnamed = Rules::default();
    assert!(unnamed.are_one("a", "a") && !unnamed.are_one("a", "b"));
}

#[test]
fn the_tenant_of_token_and_issuer_must_match() {
    let any = rules(Tenants::Any);
    let issuer = TEMPLATE.replace(TENANT, ONE);
    assert_eq!(check(&any, &of(&issuer, ONE), None), Ok(()));
    assert_eq!(
        check(&any, &of(&issuer, TWO), None),
        Err(RejectionKind::UntrustedIssuer)
    );
    assert_eq!(
        check(&any, &of(&issuer, "{tenantid}"), None),
        Err(RejectionKind::UntrustedIssuer)
    );
    for alone in [
        format!(r#"{{"iss":"{issuer}"}}"#),
        format!(r#"{{"iss":"{issuer}","tid":null}}"#),
    ] {
        assert_eq!(check(&any, &alone, None), Err(RejectionKind::MissingClaim));
    }
    for tid in ["7", "true", "[\"x\"]", "{}"] {
        let json = format!(r#"{{"iss":"{issuer}","tid":{tid}}}"#);
        assert_eq!(
            check(&any, &json, None),
            Err(RejectionKind::MalformedClaims),
            "{tid}"
        );
    }
}

#[test]
fn a_key_of_one_tenant_is_refused_for_another() {
    let any = rules(Tenants::Any);
    let token = of(&TEMPLATE.replace(TENANT, ONE), ONE);
    let old = of(&format!("https://sts.example/{ONE}/"), ONE);
    for key in [TEMPLATE.to_owned(), TEMPLATE.replace(TENANT, ONE)] {
        assert_eq!(check(&any, &token, Some(&key)), Ok(()), "{key}");
        assert_eq!(check(&any, &old, Some(&key)), Ok(()), "{key}");
    }
    for key in [
        TEMPLATE.replace(TENANT, TWO),
        "https://other.example/{tenantid}/v2.0".to_owned(),
        String::new(),
    ] {
        assert_eq!(
            check(&any, &token, Some(&key)),
            Err(RejectionKind::UntrustedIssuer),
            "{key}"
        );
    }
}

#[test]
fn an_alias_is_exact() {
    let rules = Rules {
        issuer: Some("https://a".into()),
        issuer_aliases: vec!["a".into()],
        ..Rules::default()
    };
    for good in ["https://a", "a"] {
        assert_eq!(check(&rules, &of(good, ""), None), Ok(()), "{good}");
    }
    for bad in ["A", "a/", "http://a", "", "https://a/"] {
        assert_eq!(
            check(&rules, &of(bad, ""), None),
            Err(RejectionKind::UntrustedIssuer),
            "{bad}"
        );
    }
}
