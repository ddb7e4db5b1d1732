//! Tests of `builder`.

use super::*;
use crate::key::Key;
use crate::key::source::Unavailable;
use crate::policy::{Hierarchy, all, any, not, role, scope};
use crate::verifier::{IssuerSource, PreparedIssuer, TrustedIssuer};

fn builder() -> GateBuilder {
    let key = Key::hs256([7; 32]).unwrap();
    Gate::builder(
        Verifier::builder()
            .dangerous_any_issuer()
            .dangerous_any_audience()
            .key(key)
            .build()
            .unwrap(),
    )
}

fn refused(builder: GateBuilder) -> Option<ConfigErrorKind> {
    builder.build().err().map(|error| error.kind())
}

#[test]
fn contradictions_of_forward_auth_are_refused() {
    use ConfigErrorKind as Kind;
    let proxy = || ForwardAuth::from_proxies([[127, 0, 0, 1]]);
    let with = |forward| refused(builder().forward_auth(forward));
    let nobody: [std::net::IpAddr; 0] = [];
    assert_eq!(with(proxy()), None);
    assert_eq!(
        with(ForwardAuth::from_proxies(nobody)),
        Some(Kind::Contradiction)
    );
    for name in ["", "a b", "a:", "ü"] {
        assert_eq!(
            with(proxy().fields("m", "h", "s", name)),
            Some(Kind::InvalidText),
            "{name}"
        );
    }
    let twice = proxy().fields("X-Method", "h", "s", "x-method");
    assert_eq!(with(twice), Some(Kind::Duplicate));
    for other in [builder().grpc_answers(), builder().dangerous_plain_http()] {
        let kind = refused(other.forward_auth(proxy()));
        assert_eq!(kind, Some(Kind::Contradiction));
    }
}

#[test]
fn invalid_configurations_are_refused() {
    let invalid = Some(ConfigErrorKind::InvalidText);
    assert_eq!(refused(builder().realm("a\r\nSet-Cookie: x")), invalid);
    assert_eq!(refused(builder().realm("ü")), invalid);
    assert_eq!(refused(builder().source(Source::header("a b"))), invalid);
    for origin in [
        "",
        "*",
        "null",
        "app.example.com",
        "https://",
        "https://App.example.com",
        "https://a.example/",
        "https://a.example:443",
        "https://a.example/x",
    ] {
        assert_eq!(
            refused(builder().trusted_origin(origin)),
            invalid,
            "{origin}"
        );
    }
    let twice = builder()
        .source(Source::cookie("a"))
        .source(Source::cookie("a"));
    assert_eq!(refused(twice), Some(ConfigErrorKind::Duplicate));
    let fine = builder()
        .realm("a \"b\"")
        .trusted_origin("http://localhost:3000")
        .trusted_origin("https://[::1]:8443");
    assert_eq!(refused(fine), None);
    assert_eq!(
        refused(builder().trusted_origin("http://a.example:80")),
        invalid
    );
    assert_eq!(
        refused(builder().trusted_origin("http://a.example:443")),
        None
    );
    let lax = builder().optional().require(Policy::scope("orders:read"));
    assert_eq!(refused(lax), Some(ConfigErrorKind::Contradiction));
    let tokenless = builder().source(Source::bearer()).require_csrf_token();
    assert_eq!(refused(tokenless), Some(ConfigErrorKind::Contradiction));
    let with_cookie = builder().source(Source::cookie("a")).require_csrf_token();
    assert_eq!(refused(with_cookie), None);
    let ageless = builder().max_authentication_age(Duration::from_millis(999));
    assert_eq!(refused(ageless), Some(ConfigErrorKind::OutOfRange));
    let age = Duration::from_secs(300);
    for lax in [builder().optional(), builder().pass_preflight()] {
        let kind = refused(lax.max_authentication_age(age));
        assert_eq!(kind, Some(ConfigErrorKind::Contradiction));
    }
    let past = builder()
        .pass_preflight()
        .require(Policy::scope("orders:read"));
    assert_eq!(refused(past), Some(ConfigErrorKind::Contradiction));
}

#[test]
fn a_role_requires_a_role_claim() {
    struct Nobody;

    impl IssuerSource for Nobody {
        fn issuer(&self, _: &str) -> Result<Option<PreparedIssuer>, Unavailable> {
            Ok(None)
        }
    }

    let issuer = |name: &str| {
        let key = Key::hs256([7; 32]).unwrap();
        TrustedIssuer::new(name).audience("a").key(key)
    };
    let gate =
        |verifier: crate::verifier::VerifierBuilder| Gate::builder(verifier.build().unwrap());
    let hierarchy = Hierarchy::new().implies("owner", "viewer");
    let policies = [
        role("admin"),
        not(role("suspended")),
        any([scope("a"), all([scope("b"), not(role("x")), scope("c")])]),
        role("viewer").with_role_hierarchy(&hierarchy),
    ];
    for policy in policies {
        let without = || Verifier::builder().trust(issuer("i"));
        let error = gate(without()).require(policy.clone()).build().unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::Contradiction);
        assert!(error.to_string().contains("`role_claim`"), "{error}");
        let two = without().trust(issuer("j"));
        assert!(
            gate(two)
                .require(scope("a"))
                .require(policy.clone())
                .build()
                .is_err()
        );
        // Tokens of one of the issuers can have roles.
        for with in [
            without().trust(issuer("j").role_claim("roles")),
            without().issuer_source(Nobody),
        ] {
            assert!(gate(with).require(policy.clone()).build().is_ok());
        }
    }
    assert_eq!(
        refused(builder().require(any([scope("a"), !scope("b")]))),
        None
    );
}

#[test]
fn the_mistake_in_an_origin_is_named() {
    let error = builder()
        .trusted_origin("https://app.example.com/")
        .build()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`trusted_origin` \"https://app.example.com/\" has a trailing slash: write \"https://app.example.com\""
    );
}

#[test]
fn contradictions_of_the_login_redirect_are_refused() {
    use ConfigErrorKind as Kind;
    let to = |redirect| {
        refused(
            builder()
                .source(Source::cookie("access"))
                .login_redirect(redirect),
        )
    };
    assert_eq!(to(LoginRedirect::new("/login?lang=de")), None);
    for page in [
        "",
        "login",
        "//a",
        "/\\a",
        "https://id.example.com/login",
        "/login#a",
        "/a b",
    ] {
        assert_eq!(
            to(LoginRedirect::new(page)),
            Some(Kind::InvalidText),
            "{page:?}"
        );
        for redirect in [
            LoginRedirect::new("/login").resume(page),
            LoginRedirect::new("/login").step_up(page),
        ] {
            assert_eq!(to(redirect), Some(Kind::InvalidText), "{page:?}");
        }
    }
    for other in [
        builder(),
        builder().source(Source::bearer()),
        builder()
            .source(Source::cookie("access"))
            .forward_auth(ForwardAuth::from_proxies([[127, 0, 0, 1]])),
    ] {
        let kind = refused(other.login_redirect(LoginRedirect::new("/login")));
        assert_eq!(kind, Some(Kind::Contradiction));
    }
}
