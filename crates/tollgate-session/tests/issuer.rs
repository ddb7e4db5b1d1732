//! The issuer: claims, forged tokens and key rotation.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_core::{
    Algorithm, Answer, ConfigErrorKind, Endpoint, EndpointRequest, KeySource, RejectionKind,
    SigningKey, Verifier,
};
use tollgate_session::{AccessToken, Issuer, IssuerBuilder, KeyPhase, SessionErrorKind, SessionId};
use tollgate_testkit::{FakeClock, keys};

const NAME: &str = "https://id.example.com";
const START: u64 = FakeClock::START;
/// The access lifetime plus the leeway.
const RETENTION: u64 = 15 * 60 + 60;

fn key(kid: &str) -> SigningKey {
    SigningKey::generate(Algorithm::EdDSA)
        .unwrap()
        .with_kid(kid)
}

fn builder(clock: &FakeClock) -> IssuerBuilder {
    Issuer::builder(NAME)
        .audience("orders-api")
        .clock(clock.clone())
}

fn issuer(clock: &FakeClock) -> Issuer {
    builder(clock).signing_key(key("a")).build().unwrap()
}

fn verifier(issuer: &Issuer) -> Verifier {
    issuer.verifier().build().unwrap()
}

fn token(issuer: &Issuer) -> String {
    issuer.issue(&AccessToken::new("u-7")).unwrap()
}

fn segment(token: &str, at: usize) -> Value {
    let text = token.split('.').nth(at).unwrap();
    serde_json::from_slice(&base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).unwrap()).unwrap()
}

async fn jwks(issuer: &Issuer, method: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = EndpointRequest::new(method, "/");
    for (name, value) in headers {
        request
            .headers
            .push(((*name).to_owned(), value.as_bytes().to_vec()));
    }
    issuer.jwks().respond(request).await
}

async fn published(issuer: &Issuer) -> Vec<String> {
    let answer = jwks(issuer, "GET", &[]).await;
    let set: Value = serde_json::from_slice(&answer.body).unwrap();
    let kids = set["keys"].as_array().unwrap().iter();
    kids.map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_token_has_the_given_claims_and_no_others() {
    let issuer = builder(&FakeClock::new())
        .client_id("web")
        .signing_key(key("a"))
        .build()
        .unwrap();
    let mut said = AccessToken::new("u-7");
    said.session = Some(SessionId::new([7; 16]));
    said.scope = "orders:read orders:write".to_owned();
    said.auth_time = Some(START - 5);
    said.csrf = Some("c".to_owned());
    said.jti = Some("t-1".to_owned());
    said.claims.insert("tenant".to_owned(), json!("acme"));
    let token = issuer.issue(&said).unwrap();
    assert_eq!(
        segment(&token, 0),
        json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "a"})
    );
    assert_eq!(
        segment(&token, 1),
        json!({
            "iss": NAME, "aud": "orders-api", "sub": "u-7", "client_id": "web", "iat": START,
                "exp": START + 900,
            "jti": "t-1", "sid": SessionId::new([7; 16])
                .to_string(), "scope": "orders:read orders:write",
            "auth_time": START - 5, "csrf": "c", "tenant": "acme",
        })
    );
    assert!(verifier(&issuer).verify(token).is_ok());
}

#[test]
fn every_algorithm_signs_tokens_that_verify() {
    for algorithm in Algorithm::ALL {
        let issuer = builder(&FakeClock::new())
            .signing_key(keys::signing(*algorithm))
            .build()
            .unwrap();
        assert!(
            verifier(&issuer).verify(token(&issuer)).is_ok(),
            "{algorithm} does not verify"
        );
    }
}

#[test]
fn two_tokens_never_share_a_jti() {
    let issuer = issuer(&FakeClock::new());
    assert_ne!(
        segment(&token(&issuer), 1)["jti"],
        segment(&token(&issuer), 1)["jti"]
    );
}

#[test]
fn a_custom_claim_cannot_be_a_registered_one() {
    let issuer = issuer(&FakeClock::new());
    for name in [
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "sid",
        "client_id",
        "scope",
        "scp",
        "auth_time",
        "csrf",
    ] {
        let mut said = AccessToken::new("u-7");
        said.claims.insert(name.to_owned(), json!("x"));
        let error = issuer.issue(&said).unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::Misconfigured, "{name}");
    }
}

#[test]
fn a_token_never_outlives_keys_and_revocations() {
    let issuer = issuer(&FakeClock::new());
    let until = |issued_at, expires_at| {
        let mut said = AccessToken::new("u-7");
        said.issued_at = Some(issued_at);
        said.expires_at = Some(expires_at);
        issuer.issue(&said).map(drop).map_err(|error| error.kind())
    };
    assert_eq!(until(START, START + 900), Ok(()));
    assert_eq!(until(START, START + 1), Ok(()));
    for (from, to) in [
        (START, START + 901),
        (START, START),
        (START, START - 1),
        (START, u64::MAX),
    ] {
        assert_eq!(
            until(from, to),
            Err(SessionErrorKind::Misconfigured),
            "{from} {to}"
        );
    }
}

#[test]
fn a_malformed_scope_or_empty_subject_is_refused() {
    let issuer = issuer(&FakeClock::new());
    for scope in [" ", "a  b", " a", "a ", "a\tb", "a\"b", "ä", "a\nb"] {
        let mut said = AccessToken::new("u-7");
        scope.clone_into(&mut said.scope);
        assert!(issuer.issue(&said).is_err(), "{scope:?}");
    }
    assert!(issuer.issue(&AccessToken::new("")).is_err());
}

#[test]
fn another_kind_of_token_by_the_same_key_is_no_access_token() {
    let clock = FakeClock::new();
    let signing = key("a");
    let issuer = builder(&clock)
        .signing_key(signing.clone())
        .build()
        .unwrap();
    let claims = segment(&token(&issuer), 1);
    let verifier = verifier(&issuer);
    assert!(
        verifier
            .verify(signing.encode_with("at+jwt", &claims).unwrap())
            .is_ok()
    );
    for typ in ["JWT", "refresh+jwt", "logout+jwt", ""] {
        let other = signing.encode_with(typ, &claims).unwrap();
        assert_eq!(
            verifier.verify(other).unwrap_err().kind(),
            RejectionKind::WrongType,
            "{typ}"
        );
    }
    // A refresh token is one piece of base64url, so it is not a token of three segments.
    let refresh = base64_simd::URL_SAFE_NO_PAD.encode_to_string([1; 61]);
    assert_eq!(
        verifier.verify(refresh).unwrap_err().kind(),
        RejectionKind::MalformedToken
    );
}

#[test]
fn a_foreign_key_with_the_same_kid_does_not_verify() {
    let clock = FakeClock::new();
    let (ours, theirs) = (issuer(&clock), issuer(&clock));
    let rejection = verifier(&ours).verify(token(&theirs)).unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::BadSignature);
}

#[test]
fn the_keys_are_refused_for_another_issuer() {
    let issuer = issuer(&FakeClock::new());
    let build = |name: &str| {
        let rules = Verifier::builder().issuer(name).audience("orders-api");
        rules.key_source(issuer.clone()).build()
    };
    assert!(build(issuer.name()).is_ok());
    let error = build("https://evil.example").unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::Contradiction);
}

#[test]
fn a_next_key_verifies_before_it_signs() {
    let clock = FakeClock::new();
    let next = key("b");
    let issuer = builder(&clock)
        .signing_key(key("a"))
        .next_key(next.clone(), START + 100)
        .build()
        .unwrap();
    let verifier = verifier(&issuer);
    // An instance with a clock that is ahead already signs with the key.
    let early = next
        .encode_with("at+jwt", &segment(&token(&issuer), 1))
        .unwrap();
    assert!(verifier.verify(early).is_ok());
    assert_eq!(segment(&token(&issuer), 0)["kid"], "a");
    clock.advance(99);
    assert_eq!(segment(&token(&issuer), 0)["kid"], "a");
    clock.advance(1);
    assert_eq!(segment(&token(&issuer), 0)["kid"], "b");
}

#[test]
fn a_retired_key_verifies_until_its_last_token_expires() {
    let clock = FakeClock::new();
    let old = key("a");
    let issuer = builder(&clock)
        .signing_key(old.clone())
        .next_key(key("b"), START + 100)
        .build()
        .unwrap();
    let verifier = verifier(&issuer);
    clock.set(START + 99);
    let last = token(&issuer);
    clock.set(START + 100 + RETENTION - 2);
    assert!(
        verifier.verify(&last).is_ok(),
        "the last token of the key has not expired"
    );
    clock.set(START + 100 + RETENTION - 1);
    let mut claims = segment(&last, 1);
    // An attacker signs a new token with the stolen, retired key.
    claims["iat"] = json!(clock.seconds());
    claims["exp"] = json!(clock.seconds() + 900);
    let forged = old.encode_with("at+jwt", &claims).unwrap();
    assert!(verifier.verify(&forged).is_ok());
    clock.advance(1);
    assert_eq!(
        verifier.verify(&forged).unwrap_err().kind(),
        RejectionKind::UnknownKey
    );
    assert_eq!(issuer.key_states().len(), 1);
}

#[test]
fn a_late_rotation_does_not_shorten_the_previous_keys_life() {
    let clock = FakeClock::new();
    let issuer = issuer(&clock);
    let token = token(&issuer);
    issuer.rotate(key("b"), START - 10_000).unwrap();
    assert!(verifier(&issuer).verify(&token).is_ok());
    assert_eq!(issuer.key_states()[1].from, START);
    assert_eq!(issuer.key_states()[1].phase, KeyPhase::Active);
}

#[test]
fn a_withdrawn_key_is_refused_at_once() {
    let issuer = issuer(&FakeClock::new());
    let verifier = verifier(&issuer);
    let token = token(&issuer);
    issuer.rotate(key("b"), 0).unwrap();
    assert!(verifier.verify(&token).is_ok());
    assert!(issuer.withdraw("a"));
    assert_eq!(
        verifier.verify(&token).unwrap_err().kind(),
        RejectionKind::UnknownKey
    );
    assert_eq!(
        issuer.rotate(key("a"), u64::MAX).unwrap_err().kind(),
        ConfigErrorKind::Duplicate
    );
}

#[test]
fn build_refuses_contradictions() {
    let clock = FakeClock::new();
    let refused = |builder: IssuerBuilder| builder.build().unwrap_err().kind();
    let good = || builder(&clock).signing_key(key("a"));
    assert!(good().build().is_ok());
    assert_eq!(refused(builder(&clock)), ConfigErrorKind::MissingKey);
    assert_eq!(
        refused(builder(&clock).next_key(key("a"), 0)),
        ConfigErrorKind::MissingKey
    );
    assert_eq!(
        refused(good().signing_key(key("b"))),
        ConfigErrorKind::MissingKey
    );
    assert_eq!(
        refused(good().next_key(key("a"), 9)),
        ConfigErrorKind::Duplicate
    );
    assert_eq!(
        refused(good().next_key(key("b"), 0)),
        ConfigErrorKind::Contradiction
    );
    let twice = good().next_key(key("b"), 9).next_key(key("c"), 9);
    assert_eq!(refused(twice), ConfigErrorKind::Contradiction);
    let nameless = SigningKey::generate(Algorithm::EdDSA).unwrap();
    assert_eq!(
        refused(good().next_key(nameless, 9)),
        ConfigErrorKind::InvalidText
    );
    let hmac = keys::signing(Algorithm::HS256);
    assert_eq!(
        refused(good().next_key(hmac, 9)),
        ConfigErrorKind::MixedKeys
    );
    assert_eq!(
        refused(good().audience("b")),
        ConfigErrorKind::Contradiction
    );
    assert_eq!(refused(good().client_id("")), ConfigErrorKind::InvalidText);
    for lifetime in [0, 86_401] {
        let builder = good().access_lifetime(Duration::from_secs(lifetime));
        assert_eq!(refused(builder), ConfigErrorKind::OutOfRange);
    }
    let fraction = good().access_lifetime(Duration::from_millis(1_500));
    assert_eq!(refused(fraction), ConfigErrorKind::OutOfRange);
    let lax = good().leeway(Duration::from_secs(301));
    assert_eq!(refused(lax), ConfigErrorKind::OutOfRange);
}

#[test]
fn a_refused_rotation_changes_nothing() {
    let issuer = issuer(&FakeClock::new());
    let before = issuer.key_states();
    assert!(issuer.rotate(key("a"), START + 9).is_err());
    assert!(
        issuer
            .rotate(keys::signing(Algorithm::HS256), START + 9)
            .is_err()
    );
    assert_eq!(issuer.key_states(), before);
}

#[test]
fn keys_are_one_snapshot_between_phase_changes() {
    let clock = FakeClock::new();
    let issuer = builder(&clock)
        .signing_key(key("a"))
        .next_key(key("b"), START + 100)
        .build()
        .unwrap();
    let first = issuer.keys().unwrap();
    clock.advance(99);
    assert!(std::sync::Arc::ptr_eq(&first, &issuer.keys().unwrap()));
    clock.advance(1);
    assert!(!std::sync::Arc::ptr_eq(&first, &issuer.keys().unwrap()));
    // If the clock is set back, the phase of its time applies.
    clock.set(START);
    assert_eq!(segment(&token(&issuer), 0)["kid"], "a");
}

#[test]
fn tokens_issued_during_a_rotation_verify() {
    let clock = FakeClock::new();
    let issuer = issuer(&clock);
    let verifier = verifier(&issuer);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let token = token(&issuer);
                    assert!(verifier.verify(&token).is_ok(), "{}", segment(&token, 0));
                }
            });
        }
        for at in 1..200 {
            clock.advance(2);
            issuer
                .rotate(key(&format!("k{at}")), clock.seconds() + 1)
                .unwrap();
            assert!(issuer.key_states().len() <= 128);
            if at % 50 == 0 {
                clock.advance(RETENTION / 2);
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn concurrent_phase_changes_do_not_restore_a_withdrawn_key() {
    let clock = FakeClock::new();
    let issuer = issuer(&clock);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let _keys = issuer.keys().unwrap();
                    clock.advance(1);
                }
            });
        }
        for at in 0..200 {
            let kid = format!("k{at}");
            issuer.rotate(key(&kid), clock.seconds() + 1).unwrap();
            clock.advance(2);
            assert!(issuer.withdraw(&kid));
            let keys = issuer.keys().unwrap();
            assert!(keys.keys().iter().all(|key| key.kid() != Some(&kid)));
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn debug_shows_no_key() {
    let issuer = builder(&FakeClock::new())
        .signing_key(keys::signing(Algorithm::HS256))
        .build()
        .unwrap();
    let shown = format!("{issuer:?}");
    assert!(shown.contains("test-hs256") && !shown.contains("everybody knows"));
    let mut said = AccessToken::new("alice@example.com");
    said.csrf = Some("c5rf".to_owned());
    let shown = format!("{said:?}");
    assert!(!shown.contains("alice") && !shown.contains("c5rf"));
}

#[tokio::test]
async fn the_set_holds_public_members_only() {
    let clock = FakeClock::new();
    for algorithm in Algorithm::ALL {
        let issuer = builder(&clock)
            .signing_key(keys::signing(*algorithm))
            .build()
            .unwrap();
        let answer = jwks(&issuer, "GET", &[]).await;
        let set: Value = serde_json::from_slice(&answer.body).unwrap();
        let members = set["keys"].as_array().unwrap();
        if algorithm.family().is_symmetric() {
            assert!(members.is_empty(), "the HMAC secret was published");
            continue;
        }
        for name in members[0].as_object().unwrap().keys() {
            let public = ["kty", "crv", "x", "y", "n", "e", "use", "alg", "kid"];
            assert!(public.contains(&&**name), "{algorithm}: {name}");
        }
        assert_eq!(members[0]["use"], "sig");
        let read = tollgate_core::KeySet::from_json(&answer.body).unwrap();
        assert_eq!((read.len(), read.skipped().len()), (1, 0));
    }
}

#[tokio::test]
async fn the_set_follows_the_phases() {
    let clock = FakeClock::new();
    let issuer = issuer(&clock);
    assert_eq!(published(&issuer).await, ["a"]);
    issuer.rotate(key("b"), START + 100).unwrap();
    assert_eq!(published(&issuer).await, ["a", "b"]);
    clock.set(START + 100 + RETENTION - 1);
    assert_eq!(published(&issuer).await, ["a", "b"]);
    clock.advance(1);
    assert_eq!(published(&issuer).await, ["b"]);
    issuer.rotate(key("c"), 0).unwrap();
    assert!(issuer.withdraw("b"));
    assert_eq!(published(&issuer).await, ["c"]);
}

#[tokio::test]
async fn the_set_is_not_cached_past_a_phase_change() {
    let clock = FakeClock::new();
    let issuer = builder(&clock)
        .signing_key(key("a"))
        .next_key(key("b"), START + 350)
        .build()
        .unwrap();
    let age = async || {
        let answer = jwks(&issuer, "GET", &[]).await;
        String::from_utf8(answer.header("cache-control").unwrap().to_vec()).unwrap()
    };
    assert_eq!(age().await, "public, max-age=300");
    clock.advance(340);
    assert_eq!(age().await, "public, max-age=10");
    clock.advance(10);
    assert_eq!(age().await, "public, max-age=300");
    clock.advance(RETENTION - 1);
    assert_eq!(age().await, "public, max-age=1");
    clock.advance(1);
    assert_eq!(age().await, "public, max-age=300");
}

#[tokio::test]
async fn a_conditional_request_gets_304() {
    let issuer = issuer(&FakeClock::new());
    let first = jwks(&issuer, "GET", &[]).await;
    let etag = String::from_utf8(first.header("etag").unwrap().to_vec()).unwrap();
    assert!(
        etag.starts_with('"') && etag.ends_with('"'),
        "the entity-tag must be strong"
    );
    for method in ["GET", "HEAD"] {
        let again = jwks(&issuer, method, &[("if-none-match", &etag)]).await;
        assert_eq!((again.status, again.body.len()), (304, 0));
        assert_eq!(again.header("etag"), Some(etag.as_bytes()));
        assert!(again.header("cache-control").is_some());
        assert_eq!(again.header("content-type"), None);
    }
    let other = jwks(&issuer, "GET", &[("if-none-match", "\"x\"")]).await;
    assert_eq!(other.status, 200);
    issuer.rotate(key("b"), u64::MAX).unwrap();
    let changed = jwks(&issuer, "GET", &[("if-none-match", &etag)]).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), Some(etag.as_bytes()));
}

#[tokio::test]
async fn head_is_get_without_content_and_other_methods_are_refused() {
    let issuer = issuer(&FakeClock::new());
    let get = jwks(&issuer, "GET", &[]).await;
    let head = jwks(&issuer, "HEAD", &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(
        head.header("content-length"),
        Some(get.body.len().to_string().as_bytes())
    );
    for name in ["etag", "cache-control", "content-type"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "get", ""] {
        let refused = jwks(&issuer, method, &[]).await;
        assert_eq!(refused.status, 405, "{method}");
        assert_eq!(refused.header("allow"), Some(&b"GET, HEAD"[..]));
        assert!(refused.body.is_empty());
    }
}

#[test]
fn roles_are_in_the_claim_that_the_verifier_reads() {
    let clock = FakeClock::new();
    let named = |name: &str| builder(&clock).signing_key(key("a")).role_claim(name);
    for (name, kind) in [
        ("", ConfigErrorKind::InvalidText),
        ("a\n", ConfigErrorKind::InvalidText),
        ("sub", ConfigErrorKind::Contradiction),
        ("scope", ConfigErrorKind::Contradiction),
    ] {
        assert_eq!(named(name).build().unwrap_err().kind(), kind, "{name:?}");
    }
    for name in ["roles", "groups", "https://example.com/roles", "a.b"] {
        let issuer = named(name).build().unwrap();
        let mut token = AccessToken::new("u-7");
        token.roles = vec!["admin".to_owned(), "clerk".to_owned()];
        // Another claim does not stand in for the path.
        token.claims.insert("a".to_owned(), json!({"b": ["owner"]}));
        let text = issuer.issue(&token).unwrap();
        assert_eq!(segment(&text, 1)[name], json!(["admin", "clerk"]));
        let explicit = issuer.verifier().role_claim("roles").build().unwrap();
        for verifier in [verifier(&issuer), explicit] {
            let principal = verifier.verify(&text).unwrap();
            assert_eq!(principal.roles().collect::<Vec<_>>(), ["admin", "clerk"]);
        }
        token.claims.insert(name.to_owned(), json!(["owner"]));
        let refused = issuer.issue(&token).unwrap_err();
        assert_eq!(refused.kind(), SessionErrorKind::Misconfigured);
        token.roles = vec![String::new()];
        token.claims.clear();
        assert!(issuer.issue(&token).is_err(), "an empty role");
    }
}
