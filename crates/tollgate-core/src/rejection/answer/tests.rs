//! Tests of the answers to rejections.

use std::time::Duration;

use super::*;

fn of(rejection: &Rejection, realm: &str, protocol: Protocol) -> Answer {
    super::of(rejection, &opening(realm), protocol)
}

fn text(answer: &Answer, name: &str) -> Option<String> {
    answer
        .header(name)
        .map(|value| String::from_utf8(value.to_vec()).unwrap())
}

#[test]
fn debug_shows_no_value() {
    let mut answer = Answer::new(200);
    answer.append("set-cookie", "__Secure-refresh=s3cret");
    answer.body = b"{\"refresh_token\":\"s3cret\"}".to_vec();
    let bytes = format!("{:?}", b"s3cret");
    let shown = format!("{answer:?}");
    assert!(shown.contains("set-cookie"), "{shown}");
    assert!(
        !shown.contains("s3cret") && !shown.contains(bytes.trim_matches(['[', ']'])),
        "{shown}"
    );
}

#[test]
fn a_missing_credential_is_challenged_without_an_error() {
    let rejection = Rejection::new(RejectionKind::MissingCredential, "x");
    let answer = of(&rejection, "api", Protocol::Http);
    assert_eq!(answer.status, 401);
    assert_eq!(
        text(&answer, "www-authenticate").unwrap(),
        "Bearer realm=\"api\""
    );
    assert_eq!(
        std::str::from_utf8(&answer.body).unwrap(),
        r#"{"type":"about:blank","title":"Unauthorized","status":401,"code":"missing_credential","detail":"Authentication is required"}"#
    );
}

#[test]
fn the_realm_is_escaped() {
    let rejection = Rejection::new(RejectionKind::Expired, "x");
    let answer = of(&rejection, r#"a"b\c"#, Protocol::Http);
    assert_eq!(
        text(&answer, "www-authenticate").unwrap(),
        r#"Bearer realm="a\"b\\c", error="invalid_token", error_description="The access token expired""#
    );
}

#[test]
fn insufficient_scope_names_the_scopes() {
    let rejection = Rejection::new(RejectionKind::InsufficientScope, "x").with_scope("a b".into());
    let answer = of(&rejection, "api", Protocol::Http);
    assert_eq!(answer.status, 403);
    assert!(
        text(&answer, "www-authenticate")
            .unwrap()
            .ends_with(", scope=\"a b\"")
    );
    assert!(
        std::str::from_utf8(&answer.body)
            .unwrap()
            .ends_with(r#""error":"insufficient_scope","scope":"a b"}"#)
    );
}

/// RFC 9470 section 3, figure 3.
#[test]
fn a_step_up_challenge_names_the_age() {
    let rejection = Rejection::new(RejectionKind::AuthenticationTooOld, "x")
        .with_max_age(Duration::from_secs(5));
    let answer = of(&rejection, "api", Protocol::Http);
    assert_eq!(answer.status, 401);
    assert_eq!(
        text(&answer, "www-authenticate").unwrap(),
        r#"Bearer realm="api", error="insufficient_user_authentication", error_description="More recent authentication is required", max_age="5""#
    );
    assert!(
        std::str::from_utf8(&answer.body)
            .unwrap()
            .ends_with(r#""error":"insufficient_user_authentication","max_age":5}"#)
    );
    assert_eq!(text(&answer, "retry-after"), None);
}

#[test]
fn server_errors_have_no_challenge() {
    let answer = of(
        &Rejection::unavailable(Duration::from_millis(1200), "x"),
        "api",
        Protocol::Http,
    );
    assert_eq!(
        (answer.status, text(&answer, "retry-after").as_deref()),
        (503, Some("2"))
    );
    assert_eq!(text(&answer, "www-authenticate"), None);
    let answer = of(
        &Rejection::unavailable(Duration::MAX, "x"),
        "api",
        Protocol::Http,
    );
    assert_eq!(text(&answer, "retry-after").unwrap(), u64::MAX.to_string());
    let answer = of(
        &Rejection::unavailable(Duration::ZERO, "x"),
        "api",
        Protocol::Http,
    );
    assert_eq!(text(&answer, "retry-after").as_deref(), Some("1"));
    let answer = of(
        &Rejection::new(RejectionKind::Misconfigured, "x"),
        "api",
        Protocol::Http,
    );
    assert_eq!(
        (answer.status, text(&answer, "www-authenticate")),
        (500, None)
    );
    let answer = of(
        &Rejection::new(RejectionKind::CrossSite, "x"),
        "api",
        Protocol::Http,
    );
    assert_eq!(
        (answer.status, text(&answer, "www-authenticate")),
        (403, None)
    );
}

#[test]
fn grpc_gets_trailers_only() {
    for (kind, status) in [
        (RejectionKind::MissingCredential, "16"),
        (RejectionKind::MultipleCredentials, "16"),
        (RejectionKind::InsufficientScope, "7"),
        (RejectionKind::Unavailable, "14"),
        (RejectionKind::Misconfigured, "13"),
    ] {
        let answer = of(&Rejection::new(kind, "x"), "api", Protocol::Grpc);
        assert_eq!(
            (answer.status, text(&answer, "grpc-status").as_deref()),
            (200, Some(status))
        );
        assert_eq!(
            text(&answer, "content-type").as_deref(),
            Some("application/grpc")
        );
        assert!(answer.body.is_empty());
    }
}

#[test]
fn a_problem_is_json_for_any_detail() {
    for (status, title) in [(413, "Content Too Large"), (418, "Error")] {
        let answer = Answer::problem(status, "odd", None, "a \"b\"\n\u{1}é");
        let read: Value = serde_json::from_slice(&answer.body).unwrap();
        let detail = "a \"b\"\n\u{1}é";
        let wanted = serde_json::json!({"type": "about:blank", "title": title, "status": status,
            "code": "odd", "detail": detail});
        assert_eq!(read, wanted);
    }
    let rejection =
        Rejection::new(RejectionKind::InsufficientScope, "x").with_scope(r#"a"b\c"#.into());
    let answer = of(&rejection, "api", Protocol::Http);
    let read: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(read["scope"], r#"a"b\c"#);
    let challenge = text(&answer, "www-authenticate").unwrap();
    assert!(challenge.ends_with(r#", scope="a\"b\\c""#), "{challenge}");
}
