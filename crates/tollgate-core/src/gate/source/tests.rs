//! Tests of the sources of credentials.

use super::*;
use crate::http::request::TestRequest;

fn found(
    sources: &[Source],
    strict: bool,
    request: &TestRequest,
) -> Result<Option<(String, SourceKind)>, RejectionKind> {
    let credential = find(sources, strict, false, request).map_err(|rejection| rejection.kind())?;
    let Some(credential) = credential else {
        return Ok(None);
    };
    compact::check_alphabet(&credential.token, credential.source, false)
        .map_err(|rejection| rejection.kind())?;
    let token = String::from_utf8(credential.token.to_vec()).unwrap();
    Ok(Some((token, credential.source)))
}

fn bearer(value: &str) -> Result<Option<String>, RejectionKind> {
    let request = TestRequest::new("GET").with("authorization", value);
    found(&[Source::bearer()], false, &request).map(|found| found.map(|(token, _)| token))
}

#[test]
fn the_scheme_is_case_insensitive() {
    for value in [
        "Bearer a.b.c",
        "bearer a.b.c",
        "BEARER   a.b.c",
        " Bearer a.b.c ",
    ] {
        assert_eq!(bearer(value), Ok(Some("a.b.c".into())), "{value}");
    }
    for value in ["Basic YTpi", "DPoP a.b.c", "Bearers a", "a.b.c", ""] {
        assert_eq!(bearer(value), Ok(None), "{value}");
    }
    for value in [
        "Bearer:a",
        "Bearer\ta.b.c",
        "Bearer \ta.b.c",
        "Bearer\u{a0}a",
        "Bearer a\r",
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a,b",
        "Bearer a, Bearer b",
        "Bearer \"a\"",
        "Bearer =",
        "Bearer ä",
    ] {
        assert_eq!(
            bearer(value),
            Err(RejectionKind::MalformedCredential),
            "{value}"
        );
    }
}

#[test]
fn two_credentials_in_one_place_are_refused() {
    let sources = [
        Source::bearer(),
        Source::cookie("c"),
        Source::header("X-Token"),
        Source::websocket_protocol("bearer"),
        Source::dangerous_query_parameter("t"),
    ];
    let get = || TestRequest::new("GET");
    for request in [
        get()
            .with("authorization", "Bearer a")
            .with("authorization", "Bearer b"),
        get()
            .with("authorization", "Bearer a")
            .with("authorization", "Basic b"),
        get().with("cookie", "c=a; c=b"),
        get().with("cookie", "c=a").with("cookie", "c=a"),
        get().with("x-token", "a").with("x-token", "b"),
        get().with("sec-websocket-protocol", "bearer, a, bearer, b"),
        get().with("sec-websocket-protocol", "bearer, bearer, a"),
        get().query("t=a&t=b"),
        get().with("authorization", "Bearer a").query("t=b"),
        get().with("authorization", "Bearer a").with("x-token", "a"),
        get()
            .with("cookie", "c=a")
            .with("x-token", "a")
            .query("t=b"),
    ] {
        assert_eq!(
            found(&sources, false, &request),
            Err(RejectionKind::MultipleCredentials)
        );
    }
    let cookie_first = [
        Source::cookie("c"),
        Source::bearer(),
        Source::dangerous_query_parameter("t"),
    ];
    let request = get()
        .with("cookie", "c=a")
        .with("authorization", "Bearer b")
        .query("t=d");
    assert_eq!(
        found(&cookie_first, false, &request),
        Err(RejectionKind::MultipleCredentials)
    );
}

#[test]
fn a_header_wins_over_a_cookie_unless_strict() {
    let sources = [Source::bearer(), Source::cookie("c")];
    let both = TestRequest::new("GET")
        .with("authorization", "Bearer a")
        .with("cookie", "c=b");
    assert_eq!(
        found(&sources, false, &both),
        Ok(Some(("a".into(), SourceKind::Bearer)))
    );
    assert_eq!(
        found(&sources, true, &both),
        Err(RejectionKind::MultipleCredentials)
    );
    let cookie = TestRequest::new("GET")
        .with("authorization", "Basic x")
        .with("cookie", "c=b");
    assert_eq!(
        found(&sources, true, &cookie),
        Ok(Some(("b".into(), SourceKind::Cookie)))
    );
    let reversed = [Source::cookie("c"), Source::bearer()];
    assert_eq!(
        found(&reversed, false, &both),
        Ok(Some(("b".into(), SourceKind::Cookie)))
    );
}

#[test]
fn every_source_is_read() {
    let get = || TestRequest::new("GET");
    let one = |source: Source, request: TestRequest| {
        found(&[source], false, &request).map(|found| found.map(|(token, _)| token))
    };
    assert_eq!(
        one(Source::header("X-Token"), get().with("x-token", " a.b ")),
        Ok(Some("a.b".into()))
    );
    assert_eq!(
        one(Source::header("X-Token"), get().with("x-token", "Bearer a")),
        Err(RejectionKind::MalformedCredential)
    );
    let protocol = || Source::websocket_protocol("bearer");
    assert_eq!(
        one(
            protocol(),
            get().with("sec-websocket-protocol", "chat, bearer, a.b")
        ),
        Ok(Some("a.b".into()))
    );
    assert_eq!(
        one(
            protocol(),
            get()
                .with("sec-websocket-protocol", "bearer")
                .with("sec-websocket-protocol", "a.b, chat")
        ),
        Ok(Some("a.b".into()))
    );
    assert_eq!(
        one(
            protocol(),
            get().with("sec-websocket-protocol", "chat, a.b")
        ),
        Ok(None)
    );
    assert_eq!(
        one(
            protocol(),
            get().with("sec-websocket-protocol", "chat, bearer")
        ),
        Err(RejectionKind::MalformedCredential)
    );
    let parameter = || Source::dangerous_query_parameter("t");
    assert_eq!(
        one(parameter(), get().query("x=1&t=a.b")),
        Ok(Some("a.b".into()))
    );
    assert_eq!(one(parameter(), get().query("tt=1&T=a")), Ok(None));
    assert_eq!(
        one(parameter(), get().query("t")),
        Err(RejectionKind::MalformedCredential)
    );
    assert_eq!(
        one(parameter(), get().query("t=a%2Eb")),
        Err(RejectionKind::MalformedCredential)
    );
    assert_eq!(
        one(Source::cookie("c"), get().with("cookie", "c=")),
        Err(RejectionKind::MalformedCredential)
    );
    assert_eq!(
        one(Source::cookie("c"), get().with("cookie", "C=a")),
        Ok(None)
    );
}

#[test]
fn sources_of_one_place_overlap() {
    let prefix = Source::websocket_prefix;
    for (one, other, wanted) in [
        (prefix("bearer."), prefix("bearer.x."), true),
        (
            prefix("bearer."),
            Source::websocket_base64url("bearer."),
            true,
        ),
        (prefix("bearer."), prefix("base64url.bearer."), false),
        (
            prefix("bearer."),
            Source::websocket_protocol("bearer.token"),
            true,
        ),
        (
            prefix("bearer."),
            Source::websocket_protocol("bearer"),
            false,
        ),
        (Source::header("X-A"), Source::header_of_proxy("x-a"), true),
        (Source::header("X-A"), Source::header_of_proxy("x-b"), false),
        (Source::bearer(), Source::bearer(), true),
    ] {
        assert_eq!(one.overlaps(&other), wanted, "{one:?} {other:?}");
        assert_eq!(other.overlaps(&one), wanted, "{other:?} {one:?}");
    }
}

#[test]
fn invalid_sources_are_refused() {
    for source in [
        Source::cookie("a b"),
        Source::cookie(""),
        Source::header("Authorization"),
        Source::header("cookie"),
        Source::header("x:y"),
        Source::websocket_protocol("a,b"),
        Source::websocket_prefix(""),
        Source::websocket_prefix("a b."),
        Source::websocket_base64url("a,"),
        Source::header_of_proxy("Cookie"),
        Source::dangerous_query_parameter("a&b"),
    ] {
        assert_eq!(
            source.check().unwrap_err().kind(),
            ConfigErrorKind::InvalidText,
            "{source:?}"
        );
    }
    assert!(Source::bearer().check().is_ok());
    assert!(Source::cookie("__Host-access").check().is_ok());
}
