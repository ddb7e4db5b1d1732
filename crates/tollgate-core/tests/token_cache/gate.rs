//! The checks after verification do not depend on the cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tollgate_core::policy::{Policy, max_authentication_age, scope};
use tollgate_core::{
    Gate, GateBuilder, Principal, RejectionKind as Kind, RevocationCheck, Source, Standing, Step,
    Unavailable,
};

use super::example::Request;
use super::{Hand, NOW, signer, status, token, token_with, usual};

pub(crate) fn bearer(token: &str) -> Request {
    Request::new("GET").with("authorization", format!("Bearer {token}"))
}

fn post(token: &str) -> Request {
    Request::new("POST").with("cookie", format!("access={token}"))
}

fn gate(clock: &Hand, configure: impl FnOnce(GateBuilder) -> GateBuilder) -> Gate {
    configure(Gate::builder(usual(clock))).build().unwrap()
}

#[track_caller]
fn refuses(gate: &Gate, request: &Request, kind: Kind) {
    let refusal = gate.decide(request).unwrap_err();
    assert_eq!(refusal.rejection().kind(), kind);
}

/// Returns the number of cache hits of the verifier.
fn hits(gate: &Gate) -> u64 {
    status(gate.verifier()).hits
}

#[derive(Clone, Default)]
struct Revocations(Arc<AtomicBool>, Arc<AtomicUsize>);

impl RevocationCheck for Revocations {
    fn check(&self, principal: &Principal) -> Step<Result<Standing, Unavailable>> {
        assert_eq!(principal.subject(), Some("u-7"));
        self.1.fetch_add(1, Ordering::SeqCst);
        if self.0.load(Ordering::SeqCst) {
            Step::Ready(Ok(Standing::Revoked))
        } else {
            Step::Ready(Ok(Standing::Good))
        }
    }
}

#[test]
fn a_revocation_applies_to_a_cached_token_immediately() {
    let revocations = Revocations::default();
    let gate = gate(&Hand::new(), |gate| gate.revocation(revocations.clone()));
    let request = bearer(&token(&signer()));
    for _ in 0..3 {
        assert!(gate.decide(&request).is_ok());
    }
    revocations.0.store(true, Ordering::SeqCst);
    refuses(&gate, &request, Kind::Revoked);
    refuses(&gate, &request, Kind::Revoked);
    revocations.0.store(false, Ordering::SeqCst);
    assert!(gate.decide(&request).is_ok());
    // Five of the six were cache hits, and each was checked for revocation.
    assert_eq!((hits(&gate), revocations.1.load(Ordering::SeqCst)), (5, 6));
}

#[test]
fn the_policy_is_checked_each_time() {
    let clock = Hand::new();
    let gate = gate(&clock, |gate| {
        gate.require(max_authentication_age(Duration::from_secs(30)))
    });
    let request = bearer(&token_with(&signer(), &json!({ "auth_time": NOW })));
    for now in [NOW, NOW + 1, NOW + 30] {
        clock.set(now);
        assert!(gate.decide(&request).is_ok());
    }
    clock.set(NOW + 31);
    refuses(&gate, &request, Kind::AuthenticationTooOld);
    assert_eq!(hits(&gate), 3);
}

#[test]
fn a_route_policy_applies_to_a_cached_token() {
    let clock = Hand::new();
    let gate = gate(&clock, |gate| gate);
    let request = bearer(&token_with(
        &signer(),
        &json!({ "auth_time": NOW, "scope": "read" }),
    ));
    gate.decide(&request).unwrap();
    let recent = max_authentication_age(Duration::from_secs(30));
    for (now, fresh) in [(NOW + 30, true), (NOW + 31, false), (NOW + 59, false)] {
        clock.set(now);
        let authentication = gate.decide(&request).unwrap();
        let permits = |policy: &Policy| authentication.require(policy).is_ok();
        assert_eq!(permits(&recent), fresh);
        assert!(permits(&scope("read")) && !permits(&scope("write")));
    }
    assert_eq!(hits(&gate), 3);
}

#[test]
fn two_gates_with_one_verifier_have_their_own_policies() {
    let verifier = usual(&Hand::new());
    let open = Gate::from(verifier.clone());
    let closed = Gate::builder(verifier)
        .require(scope("admin"))
        .build()
        .unwrap();
    let request = bearer(&token_with(&signer(), &json!({ "scope": "read" })));
    for _ in 0..3 {
        assert!(open.decide(&request).is_ok());
        refuses(&closed, &request, Kind::InsufficientScope);
    }
    assert_eq!(hits(&open), 5);
}

#[test]
fn a_cookie_needs_proof_of_origin_each_time() {
    let gate = gate(&Hand::new(), |gate| {
        gate.source(Source::cookie("access")).require_csrf_token()
    });
    let token = token_with(&signer(), &json!({ "csrf": "c-1" }));
    let own = || post(&token).with("sec-fetch-site", "same-origin");
    let right = own().with("x-csrf-token", "c-1");
    for _ in 0..3 {
        assert!(gate.decide(&right).is_ok());
    }
    refuses(&gate, &own(), Kind::InvalidCsrfToken);
    refuses(
        &gate,
        &own().with("x-csrf-token", "c-2"),
        Kind::InvalidCsrfToken,
    );
    let foreign = post(&token).with("sec-fetch-site", "cross-site");
    refuses(&gate, &foreign.with("x-csrf-token", "c-1"), Kind::CrossSite);
    assert!(gate.decide(&right).is_ok());
}

/// The source of a credential depends on the request, not on the token: in a header it needs no
/// proof of origin.
#[test]
fn the_location_of_a_token_is_not_cached() {
    let gate = gate(&Hand::new(), |gate| {
        gate.source(Source::bearer())
            .source(Source::cookie("access"))
    });
    let token = token(&signer());
    let seen = |request: &Request| gate.decide(request).unwrap().principal().unwrap().source();
    let from_header = seen(&bearer(&token));
    let cookie = post(&token).with("sec-fetch-site", "same-origin");
    let from_cookie = seen(&cookie);
    assert_ne!(from_header, from_cookie);
    assert_eq!(seen(&bearer(&token)), from_header);
    assert_eq!(seen(&cookie), from_cookie);
    refuses(&gate, &post(&token), Kind::CrossSite);
    assert_eq!(hits(&gate), 3);
}

#[test]
fn a_policy_refusal_is_not_cached() {
    let revocations = Revocations::default();
    let gate = gate(&Hand::new(), |gate| gate.revocation(revocations.clone()));
    revocations.0.store(true, Ordering::SeqCst);
    let request = bearer(&token(&signer()));
    // The verifier has cached the token, and the revocation check still runs.
    refuses(&gate, &request, Kind::Revoked);
    refuses(&gate, &request, Kind::Revoked);
    assert_eq!(hits(&gate), 1);
    revocations.0.store(false, Ordering::SeqCst);
    assert!(gate.decide(&request).is_ok());
}
