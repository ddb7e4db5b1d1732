//! Issuers from an issuer source, trusted only as long as the source returns them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tollgate_core::{
    IssuerSource, PreparedIssuer, RejectionKind as Kind, SigningKey, TrustedIssuer, Unavailable,
    Verifier,
};

use super::{
    Hand, Scripted, Way, ask, es256, hits, is_verified_anew, keep, refused, set, status, token_with,
};

const ACME: &str = "https://acme.example";

type Answer = Result<Option<PreparedIssuer>, Unavailable>;

/// An issuer source with a scripted answer for every name.
#[derive(Clone)]
struct Directory(Arc<Mutex<Answer>>);

impl Directory {
    fn new(answer: Answer) -> Self {
        Self(Arc::new(Mutex::new(answer)))
    }

    fn say(&self, answer: Answer) {
        *self.0.lock().unwrap() = answer;
    }
}

impl IssuerSource for Directory {
    fn issuer(&self, _: &str) -> Answer {
        self.0.lock().unwrap().clone()
    }
}

fn acme(key: &SigningKey) -> TrustedIssuer {
    TrustedIssuer::new(ACME)
        .audience("api")
        .key(key.verifying_key())
}

#[allow(clippy::unnecessary_wraps, reason = "a scripted answer")]
fn found(issuer: TrustedIssuer) -> Answer {
    Ok(Some(issuer.prepare().unwrap()))
}

fn verifier(directories: &[&Directory]) -> Verifier {
    let builder = Verifier::builder().clock(Hand::new());
    let asking = directories.iter().fold(builder, |builder, directory| {
        builder.issuer_source(Directory::clone(directory))
    });
    asking.build().unwrap()
}

fn acmes(key: &SigningKey) -> String {
    token_with(key, &json!({ "iss": ACME }))
}

fn down() -> Unavailable {
    Unavailable::new(Duration::from_secs(3))
}

#[test]
fn an_issuer_that_is_no_longer_trusted_is_refused_immediately() {
    let key = es256("1");
    let answer = found(acme(&key));
    let directory = Directory::new(answer.clone());
    let verifier = verifier(&[&directory]);
    let token = acmes(&key);
    keep(&verifier, &token);
    directory.say(Ok(None));
    refused(&verifier, &token, Kind::UntrustedIssuer);
    directory.say(answer);
    assert!(verifier.verify(&token).is_ok());
}

#[test]
fn changed_rules_apply_immediately() {
    let key = es256("1");
    let before = found(acme(&key));
    let directory = Directory::new(before.clone());
    let verifier = verifier(&[&directory]);
    let token = acmes(&key);
    keep(&verifier, &token);
    directory.say(found(
        TrustedIssuer::new(ACME)
            .audience("billing")
            .key(key.verifying_key()),
    ));
    refused(&verifier, &token, Kind::WrongAudience);
    directory.say(found(acme(&key).require_subject().role_claim("sub")));
    let (principal, way) = ask(&verifier, &token);
    assert_eq!(way, Way::Anew);
    assert!(principal.unwrap().has_role("u-7"));
    // Roles depend on the rules, not only on the token.
    directory.say(before);
    let (principal, way) = ask(&verifier, &token);
    assert_eq!(way, Way::Anew);
    assert!(!principal.unwrap().has_role("u-7"));
}

#[test]
fn equal_rules_prepared_again_are_not_the_same() {
    let key = es256("1");
    let directory = Directory::new(found(acme(&key)));
    let verifier = verifier(&[&directory]);
    let token = acmes(&key);
    keep(&verifier, &token);
    directory.say(found(acme(&key)));
    is_verified_anew(&verifier, &token);
    hits(&verifier, &token);
}

#[test]
fn changed_keys_apply_immediately() {
    let (old, new) = (es256("1"), es256("1"));
    let directory = Directory::new(found(acme(&old)));
    let verifier = verifier(&[&directory]);
    let token = acmes(&old);
    keep(&verifier, &token);
    directory.say(found(acme(&new)));
    refused(&verifier, &token, Kind::BadSignature);
}

#[test]
fn an_unavailable_directory_is_never_a_success() {
    let key = es256("1");
    let answer = found(acme(&key));
    let directory = Directory::new(answer.clone());
    let verifier = verifier(&[&directory]);
    let token = acmes(&key);
    keep(&verifier, &token);
    directory.say(Err(down()));
    for _ in 0..3 {
        let rejection = verifier.verify(&token).unwrap_err();
        assert_eq!(
            (rejection.status(), rejection.kind()),
            (503, Kind::Unavailable)
        );
    }
    directory.say(answer);
    assert!(verifier.verify(&token).is_ok());
}

#[test]
fn an_issuer_with_another_name_is_not_used() {
    let key = es256("1");
    let directory = Directory::new(found(acme(&key)));
    let verifier = verifier(&[&directory]);
    let token = acmes(&key);
    keep(&verifier, &token);
    let other = TrustedIssuer::new("https://other.example").audience("api");
    directory.say(found(other.key(key.verifying_key())));
    refused(&verifier, &token, Kind::UntrustedIssuer);
}

#[test]
fn the_keys_of_a_found_issuer_are_checked_too() {
    let (old, new) = (es256("old"), es256("new"));
    let source = Scripted::new(&set(&[&old]));
    let issuer = TrustedIssuer::new(ACME)
        .audience("api")
        .key_source(source.clone());
    let directory = Directory::new(found(issuer));
    let verifier = verifier(&[&directory]);
    let token = acmes(&old);
    keep(&verifier, &token);
    source.have(&set(&[&new]));
    refused(&verifier, &token, Kind::UnknownKey);
    source.go_down();
    refused(&verifier, &token, Kind::Unavailable);
}

/// The first source that has an issuer decides, even if the issuer is added to it later.
#[test]
fn the_order_of_directories_applies_to_cached_tokens() {
    let (ours, theirs) = (es256("1"), es256("1"));
    let (first, second) = (
        Directory::new(Ok(None)),
        Directory::new(found(acme(&theirs))),
    );
    let verifier = verifier(&[&first, &second]);
    let token = acmes(&theirs);
    keep(&verifier, &token);
    first.say(Err(down()));
    refused(&verifier, &token, Kind::Unavailable);
    first.say(found(acme(&ours)));
    refused(&verifier, &token, Kind::BadSignature);
    first.say(Ok(None));
    assert!(verifier.verify(&token).is_ok());
    hits(&verifier, &token);
    assert_eq!(status(&verifier).tokens, 1);
}

#[test]
fn a_directory_cannot_override_a_listed_issuer() {
    let (listed, found_later) = (es256("1"), es256("1"));
    let directory = Directory::new(found(acme(&found_later)));
    let builder = Verifier::builder().clock(Hand::new()).trust(acme(&listed));
    let verifier = builder.issuer_source(directory.clone()).build().unwrap();
    let token = acmes(&listed);
    keep(&verifier, &token);
    directory.say(Err(down()));
    hits(&verifier, &token);
    directory.say(Ok(None));
    hits(&verifier, &token);
    refused(&verifier, acmes(&found_later), Kind::BadSignature);
}
