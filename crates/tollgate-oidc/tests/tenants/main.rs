//! Issuers of tenants, genuine and invented, with paused time.
#![allow(clippy::unwrap_used)]

mod bounds;
mod cached_tokens;
mod fixture;
mod lifecycle;
mod strangers;
#[path = "../time/mod.rs"]
mod time;

use fixture::House;
use tollgate_core::RejectionKind;

#[tokio::test(start_paused = true)]
async fn the_first_token_of_a_tenant_waits_for_its_keys_and_passes() {
    let house = House::open();
    house.publish("https://a.example");
    assert!(house.fetched().is_empty());

    let principal = house
        .present(&house.token("https://a.example"))
        .await
        .unwrap();
    assert_eq!(principal.issuer(), Some("https://a.example"));
    assert_eq!(house.fetched().len(), 2);
    for _ in 0..100 {
        house
            .verifier
            .verify(house.token("https://a.example"))
            .unwrap();
    }
    assert_eq!(house.fetched().len(), 2);

    let status = house.tenants.status();
    assert_eq!(
        (status.len(), &status[0].issuer[..], status[0].proven),
        (1, "https://a.example", true)
    );
}

#[tokio::test(start_paused = true)]
async fn many_first_tokens_share_one_fetch() {
    let house = House::open();
    house.publish("https://a.example");
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let (house, token) = (house.clone(), house.token("https://a.example"));
            tokio::spawn(async move { house.present(&token).await.is_ok() })
        })
        .collect();
    for one in waiting {
        assert!(one.await.unwrap());
    }
    assert_eq!(house.fetched().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_invalid_token_does_not_prove_its_issuer() {
    let house = House::open();
    house.publish("https://a.example");
    let forged = house.forged("https://a.example");
    let rejection = house.present(&forged).await.unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::BadSignature);
    assert!(!house.tenants.status()[0].proven);

    house
        .present(&house.token("https://a.example"))
        .await
        .unwrap();
    assert!(house.tenants.status()[0].proven);
}

#[tokio::test(start_paused = true)]
async fn each_tenant_has_its_own_rules() {
    let house = House::open();
    house.publish("https://a.example");
    house.audience("https://a.example", "a-api");
    let rejection = house
        .present(&house.token("https://a.example"))
        .await
        .unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::WrongAudience);

    // The current answer of the rule counts.
    house.audience("https://a.example", "orders-api");
    house
        .verifier
        .verify(house.token("https://a.example"))
        .unwrap();
    house.audience("https://a.example", "a-api");
    let rejection = house
        .verifier
        .verify(house.token("https://a.example"))
        .unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::WrongAudience);
}

#[tokio::test(start_paused = true)]
async fn a_configured_issuer_works_beside_tenants() {
    use tollgate_core::{TrustedIssuer, Verifier};
    use tollgate_testkit::keys;

    let house = House::open();
    house.publish("https://a.example");
    let verifier = Verifier::builder()
        .trust(
            TrustedIssuer::new("https://a.example")
                .audience("orders-api")
                .key(keys::verifying(fixture::ALGORITHM)),
        )
        .issuer_source(house.tenants.clone())
        .clock(house.clock.clone())
        .build()
        .unwrap();
    // The named issuer causes no fetch.
    verifier.verify(house.token("https://a.example")).unwrap();
    assert!(house.fetched().is_empty() && house.tenants.status().is_empty());
}

#[tokio::test(start_paused = true)]
async fn invalid_settings_are_refused_at_build() {
    use std::time::Duration;
    use tollgate_oidc::{OidcErrorKind, Tenants, TenantsBuilder};

    let wrong: [fn(TenantsBuilder) -> TenantsBuilder; 7] = [
        |tenants| tenants.capacity(0),
        |tenants| tenants.capacity(1),
        |tenants| tenants.first_fetches(0),
        |tenants| tenants.idle(Duration::from_secs(59)),
        |tenants| tenants.keys(|oidc| oidc.timeout(Duration::ZERO)),
        |tenants| tenants.keys(|oidc| oidc.cool_down(Duration::ZERO)),
        |tenants| tenants.keys(|oidc| oidc.metadata_url("https://id.example.com/metadata")),
    ];
    for (n, wrong) in wrong.into_iter().enumerate() {
        let error = wrong(Tenants::builder(|_| None)).build().unwrap_err();
        assert_eq!(error.kind(), OidcErrorKind::Misconfigured, "{n}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_issuer_of_the_template_is_ignored() {
    let house = House::with(|tenants| {
        tenants.keys(|oidc| {
            let fetch = tollgate_testkit::FakeProvider::new();
            drop(oidc);
            tollgate_oidc::Oidc::discover("https://evil.test").fetch(fetch)
        })
    });
    let rejection = house
        .present(&house.token("https://a.example"))
        .await
        .unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::Unavailable);
    assert_eq!(house.tenants.status()[0].keys.source, "https://a.example");
}
