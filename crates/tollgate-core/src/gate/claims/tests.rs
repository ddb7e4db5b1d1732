//! Tests of shared claims.

use std::sync::LazyLock;

use serde_json::json;

use super::*;
use crate::gate::{Authentication, Gate};
use crate::http::request::TestRequest;
use crate::key::{Key, SigningKey};
use crate::rejection::RejectionKind;
use crate::verifier::Verifier;

#[derive(Debug, serde::Deserialize)]
struct Visitor {
    sub: String,
}

impl Claims for Visitor {}

#[derive(Debug, serde::Deserialize)]
struct Buyer {
    sub: String,
}

impl Claims for Buyer {
    fn policy() -> Option<&'static Policy> {
        static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::scope("orders:write"));
        Some(&POLICY)
    }
}

fn decided(request: &TestRequest) -> Authentication {
    let verifier = Verifier::builder()
        .dangerous_any_issuer()
        .dangerous_any_audience();
    let verifier = verifier.key(Key::hs256([7; 32]).unwrap()).build().unwrap();
    let gate = Gate::builder(verifier).optional().build().unwrap();
    gate.decide(request).unwrap()
}

fn with(claims: &serde_json::Value) -> Authentication {
    let token = SigningKey::hs256([7; 32]).unwrap().encode(claims).unwrap();
    decided(&TestRequest::new("GET").with("authorization", format!("Bearer {token}")))
}

#[test]
fn claims_are_deserialized_once_and_shared() {
    let caller = with(&json!({"exp": 4_000_000_000_u64, "sub": "u-7", "scope": "orders:write"}));
    let visitor: Arc<Visitor> = caller.claims().unwrap();
    let buyer: Arc<Buyer> = caller.claims().unwrap();
    assert_eq!((visitor.sub.as_str(), buyer.sub.as_str()), ("u-7", "u-7"));
    assert!(Arc::ptr_eq(&visitor, &caller.clone().claims().unwrap()));
    assert!(Arc::ptr_eq(&buyer, &caller.clone().claims().unwrap()));
    let principal = caller.principal().unwrap();
    assert!(Arc::ptr_eq(
        &visitor,
        &principal.clone().shared_claims().unwrap()
    ));
    assert!(Arc::ptr_eq(&buyer, &principal.shared_claims().unwrap()));
    let owned: Buyer = caller.claims().unwrap();
    assert!(!std::ptr::eq(&raw const owned, Arc::as_ptr(&buyer)));
}

/// Each thread has its own handle to a token, which starts without deserialized claims.
#[test]
fn each_thread_deserializes_a_cached_token_once() {
    let verifier = Verifier::builder()
        .dangerous_any_issuer()
        .dangerous_any_audience();
    let verifier = verifier.key(Key::hs256([7; 32]).unwrap()).build().unwrap();
    let claims = json!({"exp": 4_000_000_000_u64, "sub": "u-7"});
    let token = SigningKey::hs256([7; 32]).unwrap().encode(&claims).unwrap();
    let read = || {
        verifier
            .verify(&token)
            .unwrap()
            .shared_claims::<Visitor>()
            .unwrap()
    };
    let [new, kept] = [read(), read()];
    let [recognised, again] = [read(), read()];
    assert!(Arc::ptr_eq(&recognised, &again));
    assert!(!Arc::ptr_eq(&recognised, &kept) && !Arc::ptr_eq(&kept, &new));
    let elsewhere = std::thread::scope(|scope| scope.spawn(read).join().unwrap());
    assert!(!Arc::ptr_eq(&recognised, &elsewhere));
    assert!(
        [new, kept, recognised, elsewhere]
            .iter()
            .all(|user| user.sub == "u-7")
    );
}

#[test]
fn the_policy_is_evaluated_for_shared_claims() {
    let caller = with(&json!({"exp": 4_000_000_000_u64, "sub": "u-7", "scope": "orders:read"}));
    let principal = caller.principal().unwrap();
    // `from_principal` bypasses the policy, as documented.
    assert_eq!(Arc::<Buyer>::from_principal(principal).unwrap().sub, "u-7");
    for _ in 0..2 {
        let refusal = caller.claims::<Arc<Buyer>>().unwrap_err();
        assert_eq!(refusal.rejection().kind(), RejectionKind::InsufficientScope);
        assert!(caller.claims::<Arc<Arc<Buyer>>>().is_err());
        let rejection = principal.shared_claims::<Buyer>().unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::InsufficientScope);
        assert!(principal.shared_claims::<Arc<Buyer>>().is_err());
    }
    assert_eq!(caller.claims::<Arc<Visitor>>().unwrap().sub, "u-7");
}

#[test]
fn anonymous_and_misfitting_claims_are_not_shared() {
    let refusal = decided(&TestRequest::new("GET"))
        .claims::<Arc<Visitor>>()
        .unwrap_err();
    assert_eq!(refusal.rejection().kind(), RejectionKind::MissingCredential);
    let unfit = with(&json!({"exp": 4_000_000_000_u64}));
    for _ in 0..2 {
        let refusal = unfit.claims::<Arc<Visitor>>().unwrap_err();
        assert_eq!(refusal.rejection().kind(), RejectionKind::UnfitClaims);
    }
}
