//! Tests of the claims reader.

use proptest::prelude::*;

use super::scopes::check_scope_list;
use super::*;
use crate::policy::{is_scope_octet, is_scope_token};
use crate::rejection::RejectionKind;

fn read(json: &str) -> Result<ClaimSetText, RejectionKind> {
    let limits = Limits::default().with_audiences(3).with_scopes(3);
    let mut claims = ClaimSetText::default();
    claims
        .read(json.as_bytes(), "", &limits)
        .map_err(|rejection| rejection.kind())?;
    Ok(claims)
}

fn scopes(json: &str) -> Vec<String> {
    read(json).unwrap().scopes().map(Cow::into_owned).collect()
}

#[test]
fn scopes_come_from_both_claims_in_every_shape() {
    assert_eq!(scopes(r#"{"scope":"a b"}"#), ["a", "b"]);
    assert_eq!(scopes(r#"{"scp":"a b"}"#), ["a", "b"]);
    assert_eq!(scopes(r#"{"scp":["a","\u0062"]}"#), ["a", "b"]);
    assert_eq!(scopes(r#"{"scope":["a","\u0062"]}"#), ["a", "b"]);
    assert_eq!(
        scopes(r#"{"scope":["a"],"scp":["b","c"]}"#),
        ["a", "b", "c"]
    );
    assert_eq!(scopes(r#"{"scp":"b c","scope":["a"]}"#), ["a", "b", "c"]);
    assert_eq!(scopes(r#"{"scope":"a","scp":"b c"}"#), ["a", "b", "c"]);
    for name in ["scope", "scp"] {
        for (value, wanted) in [
            (r#""a  b ""#, &["a", "b"][..]),
            (r#""  a\u0020\u0020b""#, &["a", "b"]),
            (r#"["orders:read"]"#, &["orders:read"]),
            (r#""""#, &[]),
            (r#"" ""#, &[]),
            ("[]", &[]),
            ("[ ]", &[]),
        ] {
            assert_eq!(
                scopes(&format!(r#"{{"{name}":{value}}}"#)),
                wanted,
                "{value}"
            );
        }
    }
    assert_eq!(scopes("{}"), [""; 0]);
}

#[test]
fn claims_of_another_type_are_refused() {
    for json in [
        r#"{"iss":1}"#,
        r#"{"iss":["a"]}"#,
        r#"{"exp":"1"}"#,
        r#"{"exp":-1}"#,
        r#"{"exp":1e400}"#,
        r#"{"nbf":true}"#,
        r#"{"iat":9223372036854775808}"#,
        r#"{"aud":123}"#,
        r#"{"aud":["a",1]}"#,
        r#"{"aud":[null]}"#,
        r#"{"aud":{}}"#,
        r#"{"aud":[["a"]]}"#,
        r#"{"scope":["a b"]}"#,
        r#"{"scope":["a ",""]}"#,
        r#"{"scope":["a",""]}"#,
        r#"{"scope":[""]}"#,
        r#"{"scope":["a",1]}"#,
        r#"{"scope":["a",null]}"#,
        r#"{"scope":[["a"]]}"#,
        r#"{"scope":{"a":true}}"#,
        r#"{"scope":1}"#,
        r#"{"scope":true}"#,
        r#"{"scope":"a\nb"}"#,
        r#"{"scope":"ä"}"#,
        r#"{"scp":1}"#,
        r#"{"scp":["b c"]}"#,
        r#"{"scp":["a",2]}"#,
        r#"{"scp":["a\"b"]}"#,
        r#"{"exp":1,"exp":2}"#,
        r#"{"exp":1,"\u0065xp":2}"#,
        "[]",
        "x",
        "",
    ] {
        assert_eq!(
            read(json).unwrap_err(),
            RejectionKind::MalformedClaims,
            "{json}"
        );
    }
    assert!(
        ClaimSetText::default()
            .read(b"{\"x\":\"\xff\"}", "", &Limits::default())
            .is_err()
    );
}

#[test]
fn null_is_absent_in_every_claim_but_cnf() {
    let json = r#"{"iss":null,"sub":null,"aud":null,"exp":null,"nbf":null,"iat":null,"jti":null,
        "sid":null,"client_id":null,"scope":null,"scp":null,"auth_time":null,"x":null}"#;
    let claims = read(json).unwrap();
    let registered = &claims.registered;
    assert!(registered.issuer.is_none() && registered.subject.is_none());
    assert!(registered.jwt_id.is_none() && registered.session_id.is_none());
    assert!(registered.client_id.is_none() && registered.other_id.is_none());
    assert!(registered.expires_at.is_none() && registered.not_before.is_none());
    assert!(registered.issued_at.is_none() && !claims.has_audience());
    assert_eq!(claims.scopes().count() + claims.audiences().count(), 0);
    assert_eq!(claims.date("auth_time"), Ok(None));
    for name in ["iss", "sub", "aud", "exp", "jti", "x"] {
        assert!(claims.require(&name.into()).is_err(), "{name}");
        assert!(claims.require_member(name).is_err(), "{name}");
    }
    let bound = |json| read(json).unwrap().registered.confirmation;
    assert_eq!(bound(r#"{"cnf":null}"#), Confirmation::Malformed);
}

#[test]
fn names_of_another_type_are_refused_where_they_are_read() {
    for value in ["7", "1.5", "true", "{}", "[]", r#"["a"]"#, r#"{"a":1}"#] {
        for name in ["jti", "sid", "client_id"] {
            let claims = read(&format!(r#"{{"{name}":{value}}}"#)).unwrap();
            let rejection = claims.require(&name.into()).unwrap_err();
            assert_eq!(
                rejection.kind(),
                RejectionKind::MalformedClaims,
                "{name} {value}"
            );
            assert!(claims.require_member(name).is_err());
            assert!(claims.string_member(name).is_err());
            let id = (name != "client_id").then_some(name);
            assert_eq!(claims.registered.other_id, id);
        }
    }
}

#[test]
fn a_numeric_subject_needs_its_option() {
    let subject = |value: &str, numeric| {
        let mut claims = read(&format!(r#"{{"a":"b","sub":{value}}}"#)).unwrap();
        claims
            .check_subject(numeric)
            .map_err(|rejection| rejection.to_string())?;
        claims
            .require_member("sub")
            .map_err(|rejection| rejection.to_string())?;
        Ok::<_, String>(
            claims
                .string(claims.registered.subject.as_ref())
                .unwrap()
                .to_owned(),
        )
    };
    for number in ["42", "0", "-7", "18446744073709551616"] {
        assert_eq!(subject(number, true).unwrap(), number);
        assert!(
            subject(number, false)
                .unwrap_err()
                .contains("allow_numeric_subject")
        );
    }
    for other in [
        "1.5",
        "1e3",
        "1.0",
        "true",
        "{}",
        "[]",
        r#"["42"]"#,
        r#"{"a":1}"#,
        r#""""#,
        "null",
    ] {
        assert!(subject(other, true).is_err(), "{other}");
        assert!(subject(other, false).is_err(), "{other}");
    }
    assert_eq!(subject(r#""42""#, false).unwrap(), "42");
}

#[test]
fn an_escaped_name_is_the_same_claim() {
    assert_eq!(
        read(r#"{"\u0061ud":123}"#).unwrap_err(),
        RejectionKind::MalformedClaims
    );
    let claims = read(r#"{"i\u0073s":"https:\/\/a"}"#).unwrap();
    assert_eq!(
        claims.string(claims.registered.issuer.as_ref()),
        Some("https://a")
    );
}

#[test]
fn lists_are_bounded() {
    assert!(read(r#"{"aud":["a","b","c"],"scope":"a b c"}"#).is_ok());
    for json in [
        r#"{"aud":["a","b","c","d"]}"#,
        r#"{"scope":"a b c d"}"#,
        r#"{"scp":["a","b","c","d"]}"#,
    ] {
        assert_eq!(read(json).unwrap_err(), RejectionKind::TooLarge, "{json}");
    }
}

proptest! {
    /// The grammar of RFC 6749 section 3.3, token by token, with spaces at any place.
    #[test]
    fn a_list_of_scopes_is_tokens_and_spaces(scope in r"[a! ]{0,40}|[a~ ]{1,9}[\x00-\x7f\u{e9}][a! ]{0,40}", most in 0_usize..20) {
        let tokens: Vec<_> = scope.split(' ').filter(|token| !token.is_empty()).collect();
        let wanted = if !tokens.iter().all(|token| token.bytes().all(is_scope_octet)) {
            Err(RejectionKind::MalformedClaims)
        } else if tokens.len() > most {
            Err(RejectionKind::TooLarge)
        } else {
            Ok(())
        };
        let got = check_scope_list("scope", &scope, most).map_err(|rejection| rejection.kind());
        prop_assert_eq!(got, wanted, "{:?}", scope);
    }

    /// Both claims read the same value alike: a string by its spaces, each element as one token.
    #[test]
    fn both_claims_read_scopes_alike(
        list in "[ab:]{0,3}( {1,2}[ab:!]{1,3}){0,2} ?",
        items in proptest::collection::vec(r#"[ab!~\u{e9}" ]{0,4}"#, 0..4),
        array in proptest::bool::ANY,
    ) {
        let value = if array { serde_json::json!(items) } else { serde_json::json!(list) };
        let wanted = if !array {
            Some(list.split(' ').filter(|token| !token.is_empty()).map(str::to_owned).collect())
        } else if items.iter().all(|item| is_scope_token(item)) {
            Some(items)
        } else {
            None
        };
        for name in ["scope", "scp"] {
            let json = serde_json::json!({name: value}).to_string();
            if wanted.as_ref().is_none_or(|scopes: &Vec<String>| scopes.len() <= 3) {
                let got = read(&json).ok()
                    .map(|claims| claims.scopes().map(Cow::into_owned).collect::<Vec<_>>());
                prop_assert_eq!(&got, &wanted, "{}", json);
            } else {
                prop_assert_eq!(read(&json).unwrap_err(), RejectionKind::TooLarge);
            }
        }
    }
}

#[test]
fn roles_are_found_by_path_and_checked() {
    let claims =
        read(r#"{"realm_access":{"roles":["admin"]},"role":"x","bad":[1],"https://a.b/r":["y"]}"#)
            .unwrap();
    let roles = |path: &str| {
        claims
            .strings_at(&path.into())
            .map(Cow::into_owned)
            .collect::<Vec<_>>()
    };
    let check = |claims: &ClaimSetText, path: &str| claims.check_strings_at(&path.into(), 9);
    assert_eq!(roles("realm_access.roles"), ["admin"]);
    assert_eq!(roles("role"), ["x"]);
    assert_eq!(roles("https://a.b/r"), ["y"]);
    assert_eq!(roles("none"), [""; 0]);
    assert!(check(&claims, "realm_access.roles").is_ok());
    assert!(check(&claims, "realm_access").is_err());
    assert!(check(&claims, "bad").is_err());
    let claims =
        read(r#"{"r":{"\u0061dmin":{"1":"x"},"b c":{},"n":null},"many":{"a":{},"b":{},"c":{}}}"#)
            .unwrap();
    let names: Vec<_> = claims.roles_at(&"r".into(), None).collect();
    assert_eq!(names, ["admin", "b c"]);
    assert!(claims.check_roles_at(&"many".into(), None, 3).is_ok());
    let rejection = claims.check_roles_at(&"many".into(), None, 2).unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::TooLarge);
    assert!(claims.check_strings_at(&"r".into(), 9).is_err());
    let granted = |json: &str| {
        let (claims, path) = (read(json).unwrap(), "r".into());
        let names = claims.roles_at(&path, Some("1")).map(Cow::into_owned);
        let names = names.collect::<Vec<_>>();
        claims.check_roles_at(&path, Some("1"), 9).map(|()| names)
    };
    let json = r#"{"r":{"a":{"1":"x"},"b":{"2":"x","\u0031":"y"},"c":{"2":"1"},"d":{"1":null}}}"#;
    assert_eq!(granted(json).unwrap(), ["a", "b"]);
    assert_eq!(granted(r#"{"r":{}}"#).unwrap(), [""; 0]);
    for json in [r#"{"r":"a"}"#, r#"{"r":["a"]}"#, r#"{"r":{"a":"1"}}"#] {
        assert!(granted(json).is_err(), "{json}");
    }
    for json in [
        r#"{"a":["admin"]}"#,
        r#"{"a":{"b":7}}"#,
        r#"{"a":{"b":[{"roles":["x"]}]}}"#,
        r#"{"a.b.roles":[],"a":{"b":{"roles":["suspended"]}}}"#,
        r#"{"a.b":{},"a":{"b":{"roles":["suspended"]}}}"#,
    ] {
        assert!(check(&read(json).unwrap(), "a.b.roles").is_err(), "{json}");
    }
    for json in [
        "{}",
        r#"{"a":null}"#,
        r#"{"a":{"b":null}}"#,
        r#"{"a":{"b":{"roles":null}}}"#,
        r#"{"a":{}}"#,
        r#"{"a":{"b":{}}}"#,
        r#"{"a.b.roles":["x"]}"#,
        r#"{"a.b":{"roles":["x"]},"a":{}}"#,
    ] {
        assert!(check(&read(json).unwrap(), "a.b.roles").is_ok(), "{json}");
    }
}
