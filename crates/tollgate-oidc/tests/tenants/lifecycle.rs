//! The lifecycle of tenants.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tollgate_core::{Algorithm, RejectionKind, TrustedIssuer};
use tollgate_oidc::{FetchErrorKind, Readiness};
use tollgate_testkit::keys;

use crate::fixture::{ALGORITHM, COOL_DOWN, House};
use crate::time::{pass, settled, tasks};

#[tokio::test(start_paused = true)]
async fn a_withdrawn_tenant_is_refused_with_the_next_token() {
    let house = House::open();
    house.publish("https://a.example");
    house.publish("https://b.example");
    let token = house.token("https://a.example");
    house.present(&token).await.unwrap();
    house
        .present(&house.token("https://b.example"))
        .await
        .unwrap();

    house.withdraw("https://a.example");
    let rejection = house.verifier.verify(&token).unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::UntrustedIssuer);
    house
        .verifier
        .verify(house.token("https://b.example"))
        .unwrap();

    // Fetching for it ends within a minute.
    pass(Duration::from_secs(60)).await;
    assert_eq!(house.tenants.status().len(), 1);
    let before = house.provider.count("https://a.example/jwks");
    pass(Duration::from_secs(3 * 3600)).await;
    assert_eq!(house.provider.count("https://a.example/jwks"), before);
    assert!(house.provider.count("https://b.example/jwks") > 1);

    house.accept_again("https://a.example");
    house
        .present(&house.token("https://a.example"))
        .await
        .unwrap();
    house.assert_cool_downs();
}

#[tokio::test(start_paused = true)]
async fn a_tenant_withdrawn_during_its_first_wait_is_refused() {
    let house = House::open();
    house.publish("https://a.example");
    house.provider.hang("https://a.example/jwks");
    let waiting = {
        let (house, token) = (house.clone(), house.token("https://a.example"));
        tokio::spawn(async move { house.present(&token).await.map(|_| ()) })
    };
    settled().await;
    assert!(!waiting.is_finished());
    house.withdraw("https://a.example");
    house
        .provider
        .publish("https://a.example/jwks", &[keys::signing(ALGORITHM)]);
    let rejection = waiting.await.unwrap().unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::UntrustedIssuer);
}

/// A service with key rotation by tenants must find the keys that are still in use.
#[tokio::test(start_paused = true)]
async fn the_last_use_of_a_tenants_key_is_recorded() {
    let house = House::open();
    let other = tollgate_core::SigningKey::generate(ALGORITHM).unwrap();
    house.publish_keys(
        "https://a.example",
        &[keys::signing(ALGORITHM), other.with_kid("other")],
    );
    house.publish("https://b.example");
    let used = || -> Vec<Vec<_>> {
        let tenants = house.tenants.status().into_iter();
        let keys = tenants.map(|tenant| tenant.keys.keys);
        keys.map(|keys| keys.iter().map(|key| key.last_used).collect())
            .collect()
    };
    let first = house.clock.seconds();
    house
        .present(&house.token("https://a.example"))
        .await
        .unwrap();
    house
        .present(&house.forged("https://b.example"))
        .await
        .unwrap_err();
    assert_eq!(used(), [vec![Some(first), None], vec![None]]);

    pass(Duration::from_secs(30)).await;
    house
        .verifier
        .verify(house.token("https://a.example"))
        .unwrap();
    assert_eq!(used(), [vec![Some(first + 30), None], vec![None]]);
    house
        .present(&house.token("https://b.example"))
        .await
        .unwrap();
    assert_eq!(
        used(),
        [vec![Some(first + 30), None], vec![Some(first + 30)]]
    );
}

/// The sweep continues and removes no keys.
#[tokio::test(start_paused = true)]
async fn a_panicking_rule_in_the_background_removes_no_tenant() {
    let panics = Arc::new(AtomicBool::new(false));
    let read = Arc::clone(&panics);
    let house = House::ruled(
        move |issuer| {
            assert!(!read.load(Ordering::Relaxed), "the rule panics");
            Some(TrustedIssuer::new(issuer).audience("orders-api"))
        },
        Arc::default(),
        |tenants| tenants.idle(Duration::from_secs(600)),
    );
    house.publish("https://a.example");
    house
        .present(&house.token("https://a.example"))
        .await
        .unwrap();
    panics.store(true, Ordering::Relaxed);
    pass(Duration::from_secs(300)).await;
    assert_eq!(house.tenants.status().len(), 1);
    panics.store(false, Ordering::Relaxed);
    house
        .verifier
        .verify(house.token("https://a.example"))
        .unwrap();
    pass(Duration::from_secs(700)).await;
    assert!(house.tenants.status().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_unused_tenant_is_removed() {
    let house = House::with(|tenants| tenants.idle(Duration::from_secs(3600)));
    for issuer in [
        "https://a.example",
        "https://b.example",
        "https://c.example",
    ] {
        house.publish(issuer);
        house.named(issuer).unwrap();
    }
    settled().await;
    for issuer in ["https://a.example", "https://b.example"] {
        house.verifier.verify(house.token(issuer)).unwrap();
    }
    // The unproven tenant is removed first, the unused one next.
    pass(Duration::from_secs(660)).await;
    let kept = |house: &House| -> Vec<String> {
        let status = house.tenants.status().into_iter();
        status.map(|tenant| tenant.issuer).collect()
    };
    assert_eq!(kept(&house), ["https://a.example", "https://b.example"]);
    for _ in 0..6 {
        pass(Duration::from_secs(600)).await;
        house
            .verifier
            .verify(house.token("https://a.example"))
            .unwrap();
    }
    assert_eq!(kept(&house), ["https://a.example"]);
    house
        .present(&house.token("https://b.example"))
        .await
        .unwrap();
    assert_eq!(kept(&house), ["https://a.example", "https://b.example"]);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_rotates_its_key_and_its_next_token_works() {
    let house = House::open();
    house.publish("https://a.example");
    house
        .present(&house.token("https://a.example"))
        .await
        .unwrap();
    pass(COOL_DOWN).await;

    let next = keys::signing(ALGORITHM).with_kid("next");
    house.publish_keys("https://a.example", std::slice::from_ref(&next));
    house
        .present(&house.token_by(next, "https://a.example"))
        .await
        .unwrap();
    house.assert_cool_downs();
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_provider_does_not_affect_other_tenants() {
    let house = House::open();
    house.publish("https://a.example");
    house.publish("https://down.example");
    house
        .provider
        .fail("https://down.example/jwks", FetchErrorKind::Unreachable);
    let rejection = house
        .present(&house.token("https://down.example"))
        .await
        .unwrap_err();
    assert_eq!(
        (rejection.kind(), rejection.status()),
        (RejectionKind::Unavailable, 503)
    );
    let retry = rejection.retry_after().unwrap();
    assert!(
        retry >= Duration::from_secs(1) && retry <= Duration::from_secs(60),
        "{retry:?}"
    );
    house
        .present(&house.token("https://a.example"))
        .await
        .unwrap();
    let down =
        |status: &tollgate_oidc::TenantStatus| status.keys.readiness == Readiness::Unavailable;
    assert_eq!(house.tenants.status().into_iter().filter(down).count(), 1);

    house
        .provider
        .publish("https://down.example/jwks", &[keys::signing(ALGORITHM)]);
    pass(Duration::from_secs(60)).await;
    house
        .present(&house.token("https://down.example"))
        .await
        .unwrap();
    house.assert_cool_downs();
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_stops_all_fetching() {
    let house = House::open();
    for n in 0..5 {
        let issuer = format!("https://t{n}.example");
        house.publish(&issuer);
        house.present(&house.token(&issuer)).await.unwrap();
    }
    settled().await;
    assert!(tasks() >= 6);
    let House {
        provider,
        tenants,
        verifier,
        ..
    } = house;
    drop((tenants, verifier));
    settled().await;
    assert_eq!(tasks(), 0);
    let before = provider.requests().len();
    pass(Duration::from_secs(7200)).await;
    assert_eq!(provider.requests().len(), before);
}

/// The tenant is in use, though no key of its set is.
#[tokio::test(start_paused = true)]
async fn a_token_by_a_shared_secret_proves_its_tenant() {
    let secret = keys::signing(Algorithm::HS256);
    let key = secret.verifying_key();
    let rule = move |issuer: &str| {
        let rules = TrustedIssuer::new(issuer).audience("orders-api");
        Some(rules.shared_secret(key.clone()))
    };
    let house = House::ruled(rule, Arc::default(), |tenants| tenants);
    house.publish("https://a.example");
    let token = house.token_by(secret.clone(), "https://a.example");
    house.present(&token).await.unwrap();
    assert!(house.tenants.status()[0].proven);
}
