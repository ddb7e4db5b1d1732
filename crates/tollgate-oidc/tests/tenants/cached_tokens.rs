//! Cached tokens of tenants: rule, keys and tenant are still checked.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tollgate_core::{Algorithm, Key, RejectionKind as Kind, SigningKey, TrustedIssuer};
use tollgate_testkit::keys;

use crate::fixture::{ALGORITHM, Book, COOL_DOWN, House};
use crate::time::pass;

const A: &str = "https://a.example";

impl House {
    /// The number of cache hits.
    fn hits(&self) -> u64 {
        self.verifier.token_cache_status().unwrap().hits
    }

    async fn keep(&self, token: &str) {
        self.present(token).await.unwrap();
        let before = self.hits();
        for _ in 0..3 {
            self.verifier.verify(token).unwrap();
        }
        assert_eq!(self.hits() - before, 3);
    }

    #[track_caller]
    fn refuses(&self, token: &str, kind: Kind) {
        assert_eq!(self.verifier.verify(token).unwrap_err().kind(), kind);
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_are_cached_while_the_rule_is_unchanged() {
    let house = House::open();
    house.publish(A);
    let token = house.token(A);
    house.keep(&token).await;
    // The rule was called each time.
    let asked = house.asked.load(Ordering::Relaxed);
    house.verifier.verify(&token).unwrap();
    assert_eq!(house.asked.load(Ordering::Relaxed), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn the_current_rule_applies_to_cached_tokens() {
    let house = House::open();
    house.publish(A);
    let token = house.token(A);
    house.keep(&token).await;
    house.audience(A, "billing-api");
    house.refuses(&token, Kind::WrongAudience);
    house.audience(A, "orders-api");
    house.verifier.verify(&token).unwrap();
    house.verifier.verify(&token).unwrap();
    house.withdraw(A);
    house.refuses(&token, Kind::UntrustedIssuer);
    house.accept_again(A);
    house.verifier.verify(&token).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_is_refused_after_the_refresh() {
    let house = House::open();
    let (stays, goes) = (
        SigningKey::generate(ALGORITHM).unwrap().with_kid("stays"),
        SigningKey::generate(ALGORITHM).unwrap().with_kid("goes"),
    );
    house.publish_keys(A, &[stays.clone(), goes.clone()]);
    let (by_stays, by_goes) = (house.token_by(stays.clone(), A), house.token_by(goes, A));
    house.keep(&by_stays).await;
    house.keep(&by_goes).await;
    house.publish_keys(A, std::slice::from_ref(&stays));
    pass(Duration::from_secs(480)).await;
    let rejection = house.present(&by_goes).await.unwrap_err();
    assert_eq!(rejection.kind(), Kind::UnknownKey);
    house.verifier.verify(&by_stays).unwrap();
    let before = house.hits();
    house.verifier.verify(&by_stays).unwrap();
    assert_eq!(house.hits(), before + 1);
    house.assert_cool_downs();
}

/// A cached token that is not sent again does not keep its tenant: fetching ends after the tenant
/// is withdrawn.
#[tokio::test(start_paused = true)]
async fn cached_tokens_do_not_keep_a_tenant() {
    let house = House::open();
    house.publish(A);
    house.keep(&house.token(A)).await;
    house.withdraw(A);
    pass(Duration::from_secs(60)).await;
    assert!(house.tenants.status().is_empty());
    let before = house.fetched().len();
    pass(Duration::from_secs(3 * 3600)).await;
    assert_eq!(house.fetched().len(), before);
}

/// A removed tenant returns: its keys are fetched again, and its tokens are verified again.
#[tokio::test(start_paused = true)]
async fn a_returning_tenant_starts_without_keys() {
    let house = House::open();
    house.publish(A);
    let token = house.token_by(keys::signing(ALGORITHM), A);
    house.keep(&token).await;
    house.withdraw(A);
    pass(Duration::from_secs(61)).await;
    house.accept_again(A);
    pass(COOL_DOWN).await;
    house.publish_keys(A, &[House::strangers_key()]);
    let rejection = house.present(&token).await.unwrap_err();
    assert_eq!(rejection.kind(), Kind::BadSignature);
    house.present(&house.forged(A)).await.unwrap();
    house.refuses(&token, Kind::BadSignature);
}

/// The keys age without fetches. After their expiry there are no cache hits.
#[tokio::test(start_paused = true)]
async fn expired_keys_invalidate_all_cached_tokens() {
    let house = House::open();
    house.publish(A);
    house.present(&house.token(A)).await.unwrap();
    house.provider.hang(&format!("{A}/jwks"));
    house
        .provider
        .hang(&format!("{A}/.well-known/openid-configuration"));
    let (mut token, mut answered, mut silent) = (String::new(), 0, 0);
    for second in 0..2 * 3600 {
        pass(Duration::from_secs(1)).await;
        if second % 300 == 0 && silent == 0 {
            token = house.token(A);
        }
        match house.verifier.verify(&token) {
            Ok(_) => {
                assert_eq!(silent, 0);
                answered += 1;
            }
            Err(rejection) => {
                assert_eq!(rejection.kind(), Kind::Unavailable);
                silent += 1;
            }
        }
        if silent > 100 {
            break;
        }
    }
    assert!(
        answered > 600 && silent > 100 && house.hits() > 500,
        "{answered} {silent}"
    );
}

/// The rule returns a different answer for each use of a cached token.
#[tokio::test(start_paused = true)]
async fn every_change_of_the_rule_applies() {
    type Change = fn(TrustedIssuer) -> TrustedIssuer;
    let changes: [(Change, Option<Kind>); 12] = [
        (|rules| rules.leeway(Duration::from_secs(11)), None),
        (|rules| rules.role_claim("sub"), None),
        (|rules| rules.scope_claim("sub"), None),
        (|rules| rules.max_age(Duration::from_secs(600)), None),
        (|rules| rules.audience("another"), None),
        (TrustedIssuer::require_subject, None),
        (|rules| rules.algorithms([ALGORITHM]), None),
        (
            |rules| rules.algorithms([Algorithm::RS256]),
            Some(Kind::WrongAlgorithm),
        ),
        (|rules| rules.require_claim("jti"), Some(Kind::MissingClaim)),
        (|rules| rules.typ("special+jwt"), Some(Kind::WrongType)),
        (
            |rules| rules.max_lifetime(Duration::from_secs(60)),
            Some(Kind::LifetimeTooLong),
        ),
        // An invalid configuration is an error of the service.
        (
            TrustedIssuer::dangerous_any_audience,
            Some(Kind::Unavailable),
        ),
    ];
    let change: Arc<Mutex<Option<Change>>> = Arc::default();
    let said = Arc::clone(&change);
    let rule = move |issuer: &str| {
        let rules = TrustedIssuer::new(issuer).audience("orders-api");
        let change = *said.lock().unwrap();
        Some(change.map_or(rules.clone(), |change| change(rules)))
    };
    let house = House::ruled(rule, Arc::new(Mutex::new(Book::default())), |tenants| {
        tenants
    });
    house.publish(A);
    let token = house.token(A);
    house.present(&token).await.unwrap();
    for (n, (next, kind)) in changes.into_iter().enumerate() {
        *change.lock().unwrap() = None;
        house.verifier.verify(&token).unwrap();
        house.verifier.verify(&token).unwrap();
        let before = house.hits();
        *change.lock().unwrap() = Some(next);
        let outcome = house
            .verifier
            .verify(&token)
            .map_err(|rejection| rejection.kind());
        assert_eq!((outcome.err(), house.hits()), (kind, before), "{n}");
    }
}

/// A rule that returns keys, against the documentation, is prepared for each token; keys that it no
/// longer returns are gone.
#[tokio::test(start_paused = true)]
async fn rules_with_keys_never_count_as_equal() {
    let own = SigningKey::generate(ALGORITHM).unwrap().with_kid("own");
    let key: Arc<Mutex<Option<Key>>> = Arc::new(Mutex::new(Some(own.verifying_key())));
    let said = Arc::clone(&key);
    let rule = move |issuer: &str| {
        let rules = TrustedIssuer::new(issuer).audience("orders-api");
        let key = said.lock().unwrap().clone();
        Some(key.into_iter().fold(rules, TrustedIssuer::key))
    };
    let house = House::ruled(rule, Arc::new(Mutex::new(Book::default())), |tenants| {
        tenants
    });
    house.publish(A);
    house.present(&house.token(A)).await.unwrap();
    let token = house.token_by(own, A);
    for _ in 0..3 {
        house.verifier.verify(&token).unwrap();
    }
    assert_eq!(house.hits(), 0);
    *key.lock().unwrap() = None;
    assert!(house.present(&token).await.is_err());
}
