//! Tests of `csrf`.

use super::*;
use crate::http::request::TestRequest;

fn allowed(source: SourceKind, request: &TestRequest) -> bool {
    let credential = Credential {
        token: b"a.b.c".as_slice().into(),
        source,
    };
    let origins = Origins {
        trusted: vec!["https://app.example.com".to_owned()],
        trusted_if: None,
        plain_http: false,
    };
    check_origin(credential, request, &origins).is_ok()
}

fn post() -> TestRequest {
    TestRequest::new("POST").with("host", "api.example.com")
}

#[test]
fn a_cookie_on_an_unsafe_method_needs_proof() {
    let cookie = |request: TestRequest| allowed(SourceKind::Cookie, &request);
    assert!(cookie(post().with("sec-fetch-site", "same-origin")));
    assert!(cookie(post().with("sec-fetch-site", "none")));
    assert!(cookie(post().with("origin", "https://api.example.com")));
    assert!(cookie(
        post()
            .with("origin", "https://app.example.com")
            .with("sec-fetch-site", "same-site")
    ));
    assert!(!cookie(post()));
    assert!(!cookie(post().with("sec-fetch-site", "cross-site")));
    assert!(!cookie(post().with("sec-fetch-site", "same-site")));
    assert!(!cookie(
        post()
            .with("sec-fetch-site", "cross-site")
            .with("origin", "https://api.example.com")
    ));
    assert!(!cookie(
        post()
            .with("sec-fetch-site", "same-origin")
            .with("sec-fetch-site", "cross-site")
    ));
    assert!(!cookie(post().with("origin", "null")));
    assert!(!cookie(
        post().with("origin", "https://api.example.com.evil.example")
    ));
    assert!(!cookie(post().with("origin", "https://evil.example")));
    assert!(!cookie(
        post().with("origin", "https://api.example.com:8443")
    ));
    assert!(!cookie(TestRequest::new("POST").with("origin", "https://")));
    assert!(!cookie(
        TestRequest::new("DELETE").with("sec-fetch-site", "cross-site")
    ));
    assert!(
        !cookie(TestRequest::new("get").with("sec-fetch-site", "cross-site")),
        "methods are case-sensitive"
    );
}

#[test]
fn safe_methods_and_explicit_credentials_need_none() {
    for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
        assert!(allowed(
            SourceKind::Cookie,
            &TestRequest::new(method).with("sec-fetch-site", "cross-site")
        ));
    }
    for source in [
        SourceKind::Bearer,
        SourceKind::Header,
        SourceKind::WebSocketProtocol,
        SourceKind::Query,
    ] {
        assert!(allowed(
            source,
            &post().with("sec-fetch-site", "cross-site")
        ));
    }
}

#[test]
fn a_websocket_handshake_with_a_cookie_needs_proof() {
    let handshake = || {
        TestRequest::new("GET")
            .with("host", "api.example.com")
            .with("upgrade", "WebSocket")
    };
    assert!(!allowed(SourceKind::Cookie, &handshake()));
    assert!(!allowed(
        SourceKind::Cookie,
        &handshake().with("origin", "https://evil.example")
    ));
    assert!(!allowed(
        SourceKind::Cookie,
        &handshake().with("sec-fetch-site", "none")
    ));
    assert!(allowed(
        SourceKind::Cookie,
        &handshake().with("origin", "https://api.example.com")
    ));
    let http2 = TestRequest::new("CONNECT").with("sec-websocket-version", "13");
    assert!(!allowed(SourceKind::Cookie, &http2));
}
