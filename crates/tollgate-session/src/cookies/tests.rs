use tollgate_core::ConfigErrorKind;

use super::*;
use crate::id::SessionId;

fn tokens() -> Tokens {
    Tokens {
        access_token: "aaa.bbb.ccc".to_owned(),
        expires_in: 900,
        refresh_token: "rrr".to_owned(),
        refresh_expires_in: 604_800,
        session_expires_in: 2_592_000,
        scope: String::new(),
        session: SessionId::new([7; 16]),
        csrf: None,
        bound: Bound::New("bbb".to_owned().into()),
        browser_session: false,
    }
}

fn lines(edits: &HeaderEdits) -> Vec<String> {
    let lines = edits.iter().map(|(name, value)| {
        assert_eq!(name, "set-cookie");
        String::from_utf8(value.to_vec()).unwrap()
    });
    lines.collect()
}

#[test]
fn all_cookies_are_set_and_deleted_with_the_same_attributes() {
    let transport = CookieTransport::builder().build().unwrap();
    assert_eq!(
        lines(&transport.set(&tokens()).unwrap()),
        [
            "__Host-access=aaa.bbb.ccc; Path=/; Max-Age=900; Secure; HttpOnly; SameSite=Lax",
            "__Host-session=bbb; Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax",
            "__Secure-refresh=rrr; Path=/auth; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax",
        ]
    );
    assert_eq!(
        lines(&transport.clear()),
        [
            "__Host-access=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
            "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
            "__Secure-refresh=; Path=/auth; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
            "__Secure-refresh-2=; Path=/auth; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
        ]
    );
}

#[test]
fn every_setting_applies_to_all_cookies() {
    let transport = CookieTransport::builder()
        .path("/a/b")
        .access_name("id")
        .refresh_name("again")
        .binding_name("tie")
        .former_paths(["/a"])
        .host_http_prefix()
        .same_site(SameSite::None)
        .build()
        .unwrap();
    let expected = [
        "__Secure-again=; Path=/a; Max-Age=0; Secure; HttpOnly; SameSite=None",
        "__Secure-again-2=; Path=/a; Max-Age=0; Secure; HttpOnly; SameSite=None",
        "__Host-Http-id=aaa.bbb.ccc; Path=/; Max-Age=900; Secure; HttpOnly; SameSite=None",
        "__Host-Http-tie=bbb; Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=None",
        "__Secure-again=rrr; Path=/a/b; Max-Age=2592000; Secure; HttpOnly; SameSite=None",
    ];
    assert_eq!(lines(&transport.set(&tokens()).unwrap()), expected);
    let mut refreshed = tokens();
    refreshed.bound = Bound::Kept;
    let lines_of_refresh = lines(&transport.set(&refreshed).unwrap());
    assert_eq!(
        lines_of_refresh,
        [expected[0], expected[1], expected[2], expected[4]]
    );
    let unbound = Tokens {
        bound: Bound::No,
        ..refreshed
    };
    let error = transport.set(&unbound).unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::Misconfigured);
    let strict = CookieTransport::builder()
        .same_site(SameSite::Strict)
        .build()
        .unwrap();
    assert!(
        lines(&strict.clear())
            .iter()
            .all(|line| line.ends_with("; SameSite=Strict"))
    );
}

#[test]
fn development_cookies_have_neither_secure_nor_a_prefix() {
    let transport = CookieTransport::builder()
        .dangerous_plain_http()
        .build()
        .unwrap();
    assert_eq!(
        lines(&transport.set(&tokens()).unwrap()),
        [
            "access=aaa.bbb.ccc; Path=/; Max-Age=900; HttpOnly; SameSite=Lax",
            "session=bbb; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax",
            "refresh=rrr; Path=/auth; Max-Age=2592000; HttpOnly; SameSite=Lax",
        ]
    );
}

#[test]
fn no_cookie_is_set_if_one_is_too_large() {
    let transport = CookieTransport::builder().build().unwrap();
    let mut large = tokens();
    large.refresh_token = "r".repeat(4096);
    assert!(transport.set(&large).is_err());
    let mut planted = tokens();
    planted.refresh_token = "r; Domain=evil.example".to_owned();
    assert!(transport.set(&planted).is_err());
}

#[test]
fn build_refuses_contradictions_and_injections() {
    let refused = |builder: CookieTransportBuilder| builder.build().unwrap_err().kind();
    let builder = CookieTransport::builder;
    let long = "x".repeat(129);
    for name in [
        "",
        "a b",
        "a;b",
        "a=b",
        "a\r\nb",
        "ä",
        "__Host-a",
        "__secure-a",
        "__HTTP-a",
        &long,
    ] {
        let invalid = ConfigErrorKind::InvalidText;
        assert_eq!(refused(builder().access_name(name)), invalid, "{name}");
        assert_eq!(refused(builder().refresh_name(name)), invalid, "{name}");
        assert_eq!(refused(builder().binding_name(name)), invalid, "{name}");
    }
    for path in [
        "",
        "/",
        "auth",
        "/auth/",
        "//auth",
        "/a/../b",
        "/.",
        "/a; Domain=evil.example",
        "/a\r\nb",
        "/a b",
        "/ä",
        "/a?b",
        "/a#b",
        "/a\"",
        &format!("/{long}"),
    ] {
        let invalid = ConfigErrorKind::InvalidText;
        assert_eq!(refused(builder().path(path)), invalid, "{path}");
        assert_eq!(refused(builder().former_paths([path])), invalid, "{path}");
    }
    for twice in [
        builder().access_name("refresh"),
        builder().access_name("session"),
        builder().binding_name("access-resumed"),
        builder().refresh_name("session"),
        builder().former_paths(["/auth"]),
        builder().former_paths(["/old", "/older", "/old"]),
    ] {
        assert_eq!(refused(twice), ConfigErrorKind::Duplicate);
    }
    let none = || builder().same_site(SameSite::None);
    assert_eq!(
        refused(none().dangerous_without_csrf_token()),
        ConfigErrorKind::Contradiction
    );
    assert_eq!(
        refused(none().dangerous_plain_http()),
        ConfigErrorKind::Contradiction
    );
}

#[test]
fn the_cookies_of_a_browser_session_have_no_max_age() {
    let transport = CookieTransport::builder()
        .former_paths(["/old"])
        .build()
        .unwrap();
    let tokens = Tokens {
        browser_session: true,
        ..tokens()
    };
    let set = lines(&transport.set(&tokens).unwrap());
    let (former, own): (Vec<_>, Vec<_>) = set.iter().partition(|line| line.contains("/old"));
    assert_eq!(own.len(), 3, "access, binding and refresh");
    assert!(!own.iter().any(|line| line.contains("Max-Age")), "{own:?}");
    assert!(
        former.iter().all(|line| line.contains("Max-Age=0")),
        "{former:?}"
    );
    assert!(
        lines(&transport.clear())
            .iter()
            .all(|line| line.contains("Max-Age=0"))
    );
}

#[test]
fn cookies_of_a_domain_expire_those_of_the_host() {
    let transport = CookieTransport::builder()
        .former_paths(["/old"])
        .dangerous_domain("example.com")
        .former_domains(["app.example.com"])
        .build()
        .unwrap();
    let set = lines(&transport.set(&tokens()).unwrap());
    let end = "; Secure; HttpOnly; SameSite=Lax";
    // First, as the cookie store of RFC 6265 has one place for a host and a domain of one name.
    let (expired, new) = set.split_at(set.len() - 3);
    assert_eq!(
        new,
        [
            format!("__Secure-access=aaa.bbb.ccc; Path=/; Domain=example.com; Max-Age=900{end}"),
            format!("__Secure-session=bbb; Path=/; Domain=example.com; Max-Age=2592000{end}"),
            format!("__Secure-refresh=rrr; Path=/auth; Domain=example.com; Max-Age=2592000{end}"),
        ]
    );
    let mut expired: Vec<_> = expired.iter().map(String::as_str).collect();
    expired.sort_unstable();
    let mut expected = Vec::new();
    for path in ["/auth", "/old"] {
        for name in ["__Secure-refresh", "__Secure-refresh-2"] {
            for domain in ["", "; Domain=app.example.com", "; Domain=example.com"] {
                if (path, domain) != ("/auth", "; Domain=example.com") {
                    expected.push(format!("{name}=; Path={path}{domain}; Max-Age=0{end}"));
                }
            }
        }
    }
    for (prefix, domain) in [("Host", ""), ("Secure", "; Domain=app.example.com")] {
        for name in ["access", "session", "session-device"] {
            expected.push(format!(
                "__{prefix}-{name}=; Path=/{domain}; Max-Age=0{end}"
            ));
        }
    }
    expected.sort_unstable();
    assert_eq!(expired, expected);

    let cleared = lines(&transport.clear());
    assert!(
        cleared.iter().all(|line| line.contains("=; ")),
        "{cleared:?}"
    );
    for line in &set {
        let (pair, attributes) = line.split_once("; ").unwrap();
        let name = pair.split('=').next().unwrap();
        let place = attributes.split("; Max-Age").next().unwrap();
        let deletion = format!("{name}=; {place}; Max-Age=0{end}");
        assert!(cleared.contains(&deletion), "{deletion}");
    }
}

#[test]
fn a_domain_is_a_host_name_of_two_labels() {
    let label = "x".repeat(64);
    let long = vec!["x"; 128].join(".");
    for domain in [
        "",
        "com",
        "localhost",
        ".example.com",
        "example.com.",
        "example..com",
        "example.com:443",
        "https://example.com",
        "example.com/",
        "*.example.com",
        "Example.com",
        "ex ample.com",
        "ex\u{e4}mple.com",
        "-a.example.com",
        "a-.example.com",
        "example.com; Path=/x",
        "example.com\r\nx: y",
        "192.0.2.7",
        "2130706433.7",
        "a.0x7f",
        "a.0x",
        "[2001:db8::1]",
        "2001:db8::1",
        &format!("{label}.example.com"),
        &long,
    ] {
        for builder in [
            CookieTransport::builder().dangerous_domain(domain),
            CookieTransport::builder().former_domains([domain]),
        ] {
            let error = builder.build().unwrap_err();
            assert_eq!(error.kind(), ConfigErrorKind::InvalidText, "{domain:?}");
        }
    }
    for domain in ["example.com", "a-b.xn--bcher-kva.example", "a_b.7.example"] {
        let builder = CookieTransport::builder().dangerous_domain(domain);
        assert!(builder.build().is_ok(), "{domain}");
    }
    let refused = |builder: CookieTransportBuilder| builder.build().unwrap_err().kind();
    let domain = || CookieTransport::builder().dangerous_domain("example.com");
    assert_eq!(
        refused(domain().host_http_prefix()),
        ConfigErrorKind::Contradiction
    );
    for twice in [
        domain().former_domains(["example.com"]),
        CookieTransport::builder().former_domains(["a.example", "a.example"]),
    ] {
        assert_eq!(refused(twice), ConfigErrorKind::Duplicate);
    }
}
