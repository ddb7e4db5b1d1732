//! Issuers that a source vouches for, as long as it does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tollgate_core::{
    IssuerSource, PreparedIssuer, RejectionKind as Kind, SigningKey, TrustedIssuer, Unavailable, Verifier,
};

use super::{
    Hand, Scripted, Way, ask, es256, hits, is_verified_anew, keep, refused, set, status, token_with,
};

const ACME: &str = "https://acme.example";

type Answer = Result<Option<PreparedIssuer>, Unavailable>;

/// Answers every name alike, with what the test says.
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
    TrustedIssuer::new(ACME).audience("api").key(key.verifying_key())
}

#[allow(clippy::unnecessary_wraps, reason = "it is one of the answers that there are")]
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
fn an_issuer_that_is_trusted_no_longer_is_out_with_the_next_request() {
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
fn other_rules_hold_at_once() {
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
    // What the rules say of roles is theirs, not the token's.
    directory.say(before);
    let (principal, way) = ask(&verifier, &token);
    assert_eq!(way, Way::Anew);
    assert!(!principal.unwrap().has_role("u-7"));
}

#[test]
fn the_same_rules_made_anew_are_not_known_to_be_the_same() {
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
fn other_keys_hold_at_once() {
    let (old, new) = (es256("1"), es256("1"));
    let directory = Directory::new(found(acme(&old)));
    let verifier = verifier(&[&directory]);
    let token = acmes(&old);
    keep(&verifier, &token);
    directory.say(found(acme(&new)));
    refused(&verifier, &token, Kind::BadSignature);
}

#[test]
fn a_directory_that_is_down_is_never_a_success() {
    let key = es256("1");
    let answer = found(acme(&key));
    let directory = Directory::new(answer.clone());
    let verifier = verifier(&[&directory]);
    let token = acmes(&key);
    keep(&verifier, &token);
    directory.say(Err(down()));
    for _ in 0..3 {
        let rejection = verifier.verify(&token).unwrap_err();
        assert_eq!((rejection.status(), rejection.kind()), (503, Kind::Unavailable));
    }
    directory.say(answer);
    assert!(verifier.verify(&token).is_ok());
}

#[test]
fn one_that_does_not_answer_to_the_name_is_not_used() {
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
fn the_keys_of_an_issuer_that_was_found_are_looked_at_too() {
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

/// The first that knows an issuer decides: one that comes to know it later takes the tokens over.
#[test]
fn the_order_of_directories_holds_for_what_is_known() {
    let (ours, theirs) = (es256("1"), es256("1"));
    let (first, second) = (Directory::new(Ok(None)), Directory::new(found(acme(&theirs))));
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
fn what_a_list_says_of_an_issuer_no_directory_can_say_otherwise() {
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
