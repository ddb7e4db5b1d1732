//! The stages of a gate, with a revocation check that waits.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use super::*;
use crate::gate::revocation::Standing;
use crate::http::request::TestRequest;
use crate::key::source::Unavailable;
use crate::key::{Key, SigningKey};
use crate::rejection::RejectionKind;

/// A check that always waits. It counts the calls that were answered and those that were dropped.
#[derive(Clone, Default)]
struct Asked {
    answered: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

struct CountsDrop(Arc<AtomicUsize>);

impl Drop for CountsDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl RevocationCheck for Asked {
    fn check(&self, _: &Principal) -> Step<Result<Standing, Unavailable>> {
        let answered = Arc::clone(&self.answered);
        let dropped = CountsDrop(Arc::clone(&self.dropped));
        Step::pending(async move {
            let _dropped = dropped;
            answered.fetch_add(1, Ordering::SeqCst);
            Ok(Standing::Good)
        })
    }
}

fn gate(check: Asked) -> Gate {
    let verifier = Verifier::builder()
        .dangerous_any_issuer()
        .dangerous_any_audience();
    let verifier = verifier.key(Key::hs256([7; 32]).unwrap()).build().unwrap();
    Gate::builder(verifier).revocation(check).build().unwrap()
}

fn good() -> TestRequest {
    let claims = serde_json::json!({"exp": 4_000_000_000_u64});
    let token = SigningKey::hs256([7; 32]).unwrap().encode(&claims).unwrap();
    TestRequest::new("GET").with("authorization", format!("Bearer {token}"))
}

#[test]
fn a_caller_that_cannot_wait_is_refused() {
    let check = Asked::default();
    let refusal = gate(check.clone()).decide(&good()).unwrap_err();
    assert_eq!(refusal.rejection().kind(), RejectionKind::Unavailable);
    assert_eq!(refusal.answer().status, 503);
    assert_eq!(refusal.answer().header("retry-after"), Some(&b"1"[..]));
    assert_eq!(check.answered.load(Ordering::SeqCst), 0);
    assert_eq!(check.dropped.load(Ordering::SeqCst), 1);
}

#[test]
fn a_dropped_decision_drops_the_revocation_check() {
    let check = Asked::default();
    let gate = gate(check.clone());
    let Step::Pending(decision) = gate.begin(&good()) else {
        panic!("the check is called")
    };
    drop(gate); // the decision owns its data
    drop(decision);
    assert_eq!(check.answered.load(Ordering::SeqCst), 0);
    assert_eq!(check.dropped.load(Ordering::SeqCst), 1);
}

#[test]
fn a_good_standing_admits_the_request() {
    let check = Asked::default();
    let Step::Pending(mut decision) = gate(check.clone()).begin(&good()) else {
        panic!("the check is called")
    };
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(decided) = Pin::new(&mut decision).poll(&mut context) else {
        panic!("the check answers at once")
    };
    assert!(decided.unwrap().principal().is_some());
    assert_eq!(check.answered.load(Ordering::SeqCst), 1);
}

#[test]
fn a_refused_request_is_not_checked_for_revocation() {
    let check = Asked::default();
    let gate = gate(check.clone());
    for request in [
        TestRequest::new("GET"),
        TestRequest::new("GET").with("authorization", "Bearer a.b.c"),
    ] {
        assert!(matches!(gate.begin(&request), Step::Ready(Err(_))));
    }
    assert_eq!(check.dropped.load(Ordering::SeqCst), 0);
}

/// A byte outside of the alphabet decides the refusal, regardless of other errors of the token.
#[test]
fn an_invalid_character_makes_the_credential_malformed() {
    let signing = SigningKey::hs256([7; 32]).unwrap();
    let claims = serde_json::json!({"exp": 4_000_000_000_u64, "sub": "u-7"});
    let good = signing.encode(&claims).unwrap();
    let unknown = signing.with_kid("other").encode(&claims).unwrap();
    let key = Key::hs256([7; 32]).unwrap().with_kid("this");
    let verifier = Verifier::builder()
        .dangerous_any_issuer()
        .dangerous_any_audience()
        .key(key);
    let gate = Gate::from(verifier.build().unwrap());
    let kind = |token: &[u8]| {
        let request = TestRequest::new("GET").with("authorization", [b"Bearer ", token].concat());
        gate.decide(&request)
            .err()
            .map(|refusal| refusal.rejection().kind())
    };
    for token in [&good, &unknown] {
        for place in 0..token.len() {
            let with = |byte| {
                let mut bytes = token.clone().into_bytes();
                bytes[place] = byte;
                kind(&bytes)
            };
            for foreign in *b"\"%,:\\\x7f\x80" {
                assert_eq!(
                    with(foreign),
                    Some(RejectionKind::MalformedCredential),
                    "{place}"
                );
            }
            // A character of the credential alphabet that no token contains.
            let other = with(b'~');
            assert!(
                !matches!(other, None | Some(RejectionKind::MalformedCredential)),
                "{place}"
            );
        }
    }
    assert_eq!((kind(good.as_bytes()), kind(good.as_bytes())), (None, None));
    assert_eq!(kind(unknown.as_bytes()), Some(RejectionKind::UnknownKey));
}
