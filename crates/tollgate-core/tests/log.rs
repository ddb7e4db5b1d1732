//! Log events for the operator, and values that must not appear in them.

#![allow(clippy::unwrap_used)]

#[path = "example/mod.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the doc examples")]
mod example;

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use example::Request;
use tollgate_core::policy::{any, not, role, scope};
use tollgate_core::{Gate, Key, Policy, SigningKey, TrustedIssuer, Verifier};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// A subscriber that records every event as one line.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut log = self.0.lock().unwrap();
        write!(
            log,
            "{} {}",
            event.metadata().level(),
            event.metadata().target()
        )
        .unwrap();
        event.record(&mut Line(&mut log));
        log.push('\n');
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn bearer(token: &str) -> Request {
    Request::new("GET").with("authorization", format!("Bearer {token}"))
}

const SECRET: [u8; 32] = *b"SECRET-SECRET-SECRET-SECRET-SECR";

fn gate() -> Gate {
    let verifier = Verifier::builder()
        .issuer("https://id.example.com")
        .audience("orders-api")
        .key(Key::hs256(SECRET).unwrap().with_kid("k1"))
        .clock(|| 1_700_000_000)
        .build()
        .unwrap();
    Gate::builder(verifier)
        .require(Policy::scope("orders:read"))
        .build()
        .unwrap()
}

/// Returns the log of one request with these claims and a valid signature.
fn logged(change: &[(&str, serde_json::Value)]) -> String {
    let mut claims = serde_json::json!({
        "iss": "https://id.example.com", "aud": "orders-api", "exp": 1_700_000_900, "sub": "PERSON",
        "jti": "IDENTIFIER", "scope": "orders:read", "email": "PERSON@example.com",
    });
    for (name, value) in change {
        claims[name] = value.clone();
    }
    let token = SigningKey::hs256(SECRET)
        .unwrap()
        .with_kid("k1")
        .encode(&claims)
        .unwrap();
    log_of(&token)
}

fn log_of(token: &str) -> String {
    let log = Log::default();
    let outcome = tracing::subscriber::with_default(log.clone(), || gate().decide(&bearer(token)));
    let text = log.0.lock().unwrap().clone();
    let debug = format!("{outcome:?} {:?}", gate());
    for segment in token.split('.').filter(|segment| segment.len() > 8) {
        assert!(
            !text.contains(segment) && !debug.contains(segment),
            "a part of the token in {text} or {debug}"
        );
    }
    for secret in ["PERSON", "IDENTIFIER", "SECRET"] {
        assert!(
            !text.contains(secret) && !debug.contains(secret),
            "{secret} in {text} or {debug}"
        );
    }
    text
}

#[test]
fn an_accepted_request_is_not_logged() {
    assert_eq!(logged(&[]), "");
}

#[test]
fn a_refusal_logs_the_check_with_expected_and_actual_values() {
    let log = logged(&[("aud", "billing-api".into())]);
    assert!(log.starts_with("INFO tollgate"), "{log}");
    for part in [
        "WrongAudience",
        "billing-api",
        "orders-api",
        "method=\"GET\"",
        "issuer=\"https://id.example.com\"",
        "source=\"bearer\"",
    ] {
        assert!(log.contains(part), "{part} in {log}");
    }
    let log = logged(&[("exp", 1_699_999_000.into())]);
    assert!(
        log.contains("Expired") && log.contains("1699999000") && log.contains("1700000000"),
        "{log}"
    );
    let log = logged(&[("iss", "https://evil.example".into())]);
    assert!(
        log.contains("UntrustedIssuer")
            && log.contains("https://evil.example")
            && !log.contains("issuer="),
        "{log}"
    );
    let log = logged(&[("scope", "profile".into())]);
    assert!(
        log.contains("InsufficientScope") && log.contains("orders:read"),
        "{log}"
    );
    let log = logged(&[("sub", 7.into())]);
    assert!(
        log.contains("MalformedClaims") && log.contains("allow_numeric_subject"),
        "{log}"
    );
}

#[test]
fn values_from_the_client_are_escaped_and_truncated() {
    let log = logged(&[("aud", format!("line\nbreak{}", "x".repeat(5000)).into())]);
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.len() < 500, "{} bytes", log.len());
}

#[test]
fn a_malformed_token_does_not_appear_in_the_log() {
    for token in [
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJQRVJTT04ifQ.",
        "PERSON.IDENTIFIER",
        "SECRETSECRET",
    ] {
        assert!(log_of(token).starts_with("INFO tollgate"));
    }
}

#[test]
fn claims_that_do_not_fit_the_type_of_a_handler_are_logged_with_their_path() {
    #[derive(Debug, serde::Deserialize)]
    struct Org {
        #[expect(dead_code, reason = "only its type matters")]
        tier: u8,
    }
    #[derive(Debug, serde::Deserialize)]
    struct Shopper {
        #[expect(dead_code, reason = "only its type matters")]
        orgs: Vec<Org>,
    }
    impl tollgate_core::Claims for Shopper {}

    let claims = serde_json::json!({
        "iss": "https://id.example.com", "aud": "orders-api", "exp": 1_700_000_900,
        "scope": "orders:read", "orgs": [{"tier": 1}, {"tier": "PERSON"}],
    });
    let signing = SigningKey::hs256(SECRET).unwrap().with_kid("k1");
    let request = bearer(&signing.encode(&claims).unwrap());
    let log = Log::default();
    let refusal = tracing::subscriber::with_default(log.clone(), || {
        gate()
            .decide(&request)
            .unwrap()
            .claims::<Shopper>()
            .unwrap_err()
    });
    let text = log.0.lock().unwrap().clone();
    assert_eq!(text.lines().count(), 1, "{text}");
    for part in ["INFO tollgate", "UnfitClaims", "Shopper", "orgs[1].tier"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("PERSON"), "{text}");
    let answer = refusal.answer();
    let answer = String::from_utf8_lossy(&answer.body);
    assert!(
        !answer.contains("orgs") && !answer.contains("Shopper"),
        "{answer}"
    );
    assert!(answer.contains("does not have the claims"), "{answer}");
}

/// The log of tokens with these claims, verified in order by one verifier, and of the role `admin`
/// asked for each.
fn role_log(tokens: &[serde_json::Value], asked: bool) -> String {
    let verifier = Verifier::builder()
        .issuer("https://id.example.com")
        .dangerous_any_audience()
        .key(Key::hs256(SECRET).unwrap())
        .role_claim("realm_acces.roles")
        .clock(|| 1_700_000_000)
        .build()
        .unwrap();
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || {
        for (number, claims) in tokens.iter().enumerate() {
            let mut claims = claims.clone();
            claims["iss"] = "https://id.example.com".into();
            claims["exp"] = (1_700_000_900 + number).into();
            let token = SigningKey::hs256(SECRET).unwrap().encode(&claims).unwrap();
            let principal = verifier.verify(token).unwrap();
            assert!(!asked || !principal.has_role("admin"));
        }
    });
    log.0.lock().unwrap().clone()
}

#[test]
fn a_role_claim_that_no_token_has_is_reported_once() {
    let without = serde_json::json!({"realm_access": {"roles": ["admin"]}});
    let with = serde_json::json!({"realm_acces": {"roles": ["clerk"]}});
    let many = vec![without.clone(); 40];
    for (tokens, asked) in [(&many[..], false), (&many[..], true), (&many[..1], true)] {
        let log = role_log(tokens, asked);
        assert_eq!(log.lines().count(), 1, "{log}");
        for part in [
            "WARN tollgate",
            "no token so far",
            "realm_acces.roles",
            "https://id.example.com",
        ] {
            assert!(log.contains(part), "{part} in {log}");
        }
    }
    // A few tokens of callers without roles are no error, and one token shows that the path is
    // right.
    assert_eq!(role_log(&many[..5], false), "");
    let seen = [&[with][..], &many[..]].concat();
    assert_eq!(role_log(&seen, true), "");
}

#[test]
fn the_role_claim_of_an_issuer_in_the_process_is_not_reported() {
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || {
        let key = SigningKey::hs256(SECRET).unwrap();
        let verifier = Verifier::builder()
            .issued_role_claim("roles")
            .dangerous_any_issuer()
            .dangerous_any_audience()
            .key(key.verifying_key())
            .build()
            .unwrap();
        for number in 0..40 {
            let claims = serde_json::json!({"exp": 4_000_000_000_u64, "number": number});
            let principal = verifier.verify(key.encode(&claims).unwrap()).unwrap();
            assert!(!principal.has_role("admin"));
        }
    });
    assert_eq!(*log.0.lock().unwrap(), "");
}

/// A single key has no report, so its violations of the standard are logged, without the key.
#[test]
fn tolerated_members_of_a_single_key_are_logged() {
    let log = Log::default();
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let jwk = |x: &str| format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"{x}"}}"#);
    tracing::subscriber::with_default(log.clone(), || {
        Key::from_jwk(jwk(x)).unwrap();
        assert_eq!(*log.0.lock().unwrap(), "");
        Key::from_jwk(jwk(&format!("{x}="))).unwrap();
    });
    let log = log.0.lock().unwrap();
    assert!(
        log.contains("\"x\"") && log.contains("is padded") && log.contains("k1"),
        "{log}"
    );
    assert!(!log.contains(&x[..8]), "{log}");
}

/// The roles of one issuer are known, those of the other cannot be.
#[test]
fn a_role_without_a_role_claim_is_reported_once_for_each_issuer() {
    let key = |fill: u8| SigningKey::hs256([fill; 32]).unwrap();
    let issuer = |name: &str, fill| {
        TrustedIssuer::new(name)
            .dangerous_any_audience()
            .key(key(fill).verifying_key())
    };
    let verifier = Verifier::builder()
        .trust(issuer("https://a.example", 1).role_claim("roles"))
        .trust(issuer("https://b.example", 2))
        .trust(issuer("https://c.example", 3))
        .clock(|| 1_700_000_000)
        .build()
        .unwrap();
    let gate = Gate::builder(verifier)
        .require(any([role("admin"), scope("orders")]))
        .build()
        .unwrap();
    let route = not(role("suspended")) & scope("orders");
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || {
        for (name, fill) in [("a", 1), ("b", 2), ("c", 3), ("b", 2), ("a", 1)] {
            let claims = serde_json::json!({
                "iss": format!("https://{name}.example"), "exp": 1_700_000_900, "scope": "orders",
                "roles": ["clerk"],
            });
            let token = key(fill).encode(&claims).unwrap();
            let decided = gate.decide(&bearer(&token)).unwrap();
            decided.require(&route).unwrap();
        }
    });
    let log = log.0.lock().unwrap().clone();
    assert_eq!(log.lines().count(), 2, "{log}");
    for (line, issuer) in log.lines().zip(["b", "c"]) {
        let issuer = format!("issuer=\"https://{issuer}.example\"");
        for part in [
            "WARN tollgate",
            "has no `role_claim`",
            "role=\"admin\"",
            &issuer,
        ] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }
}

#[test]
fn a_token_after_the_end_of_the_secrets_is_logged_with_the_end() {
    let verifier = Verifier::builder()
        .issuer("https://id.example.com")
        .audience("orders-api")
        .shared_secret(Key::hs256(SECRET).unwrap())
        .shared_secrets_until(1_699_999_999)
        .clock(|| 1_700_000_000)
        .build()
        .unwrap();
    let token = SigningKey::hs256(SECRET)
        .unwrap()
        .encode(&serde_json::json!({}))
        .unwrap();
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || {
        let request = bearer(&token);
        assert!(Gate::from(verifier).decide(&request).is_err());
    });
    let log = log.0.lock().unwrap().clone();
    for part in [
        "WrongAlgorithm",
        "shared_secrets_until",
        "1699999999",
        "1700000000",
    ] {
        assert!(log.contains(part), "{part} in {log}");
    }
}
