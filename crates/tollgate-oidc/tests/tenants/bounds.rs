//! Attacks with chosen `iss` claims.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tollgate_core::{RejectionKind, TrustedIssuer, Verifier};
use tollgate_oidc::{Addresses, Tenants};
use tollgate_testkit::{FakeProvider, keys};

use crate::fixture::{ALGORITHM, COOL_DOWN, House};
use crate::time::{pass, settled};

#[tokio::test(start_paused = true)]
async fn a_refused_issuer_is_neither_fetched_nor_kept() {
    let house = House::open();
    for n in 0..10_000 {
        assert_eq!(house.named(&format!("https://{n}.evil.test")), Ok(false));
    }
    let rejection = house
        .present(&house.token("https://evil.test"))
        .await
        .unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::UntrustedIssuer);
    settled().await;
    assert!(house.fetched().is_empty());
    assert!(house.tenants.status().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_ambiguous_name_does_not_reach_the_rule() {
    let house = House::ruled(
        |issuer| Some(TrustedIssuer::new(issuer).audience("orders-api")),
        Arc::default(),
        |tenants| tenants,
    );
    for issuer in [
        "https://evil@a.example",
        "https://a.example@evil.test",
        "https://@a.example",
        "https://a.example#",
        "https://evil.test#.a.example",
        "https://a.example?",
        "https://a.example\r\nx: y",
        "https://a.example\\.evil.test",
        "https://a.example/../b",
        "https://A.example",
        "https://a.example:443",
        "http://a.example",
        "http://localhost",
        "https://localhost",
        "https://127.0.0.1",
        "https://169.254.169.254",
        "https://[::1]",
        "https://2130706433",
        "file:///etc/passwd",
        "https:a.example",
        "a.example",
        "\u{0}",
        &format!("https://a.example/{}", "a".repeat(8 * 1024)),
    ] {
        let rejection = house.present(&house.token(issuer)).await.unwrap_err();
        assert_ne!(rejection.status(), 503, "{issuer:?}");
        assert_eq!(house.named(issuer), Ok(false), "{issuer:?}");
    }
    settled().await;
    assert!(house.fetched().is_empty());
    assert!(house.tenants.status().is_empty());
    assert_eq!(house.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_tenants_fetches_reach_public_addresses_only() {
    let house = House::open();
    house.publish("https://a.example");
    house
        .present(&house.token("https://a.example"))
        .await
        .unwrap();
    assert_eq!(house.provider.requests().len(), 2);
    for got in house.provider.requests() {
        assert_eq!(
            got.request.addresses,
            Addresses::Public,
            "{}",
            got.request.url
        );
    }
    // Its metadata cannot lead into the private network either.
    for (n, inside) in [
        "https://10.0.0.1/jwks",
        "http://b.example/jwks",
        "https://localhost/jwks",
    ]
    .into_iter()
    .enumerate()
    {
        let issuer = format!("https://b{n}.example");
        house.provider.describe(&issuer, inside);
        house.provider.publish(inside, &[keys::signing(ALGORITHM)]);
        let rejection = house.present(&house.token(&issuer)).await.unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::Unavailable, "{inside}");
        assert_eq!(house.provider.count(inside), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn keys_never_cross_issuers() {
    let house = House::open();
    house.publish("https://a.example");
    house.publish_keys("https://b.example", &[House::strangers_key()]);
    let (a, b) = (keys::signing(ALGORITHM), House::strangers_key());
    assert_eq!(a.kid(), b.kid());

    for _ in 0..2 {
        house
            .present(&house.token_by(a.clone(), "https://a.example"))
            .await
            .unwrap();
        house
            .present(&house.token_by(b.clone(), "https://b.example"))
            .await
            .unwrap();
        for (key, issuer) in [(&a, "https://b.example"), (&b, "https://a.example")] {
            let rejection = house
                .present(&house.token_by(key.clone(), issuer))
                .await
                .unwrap_err();
            assert_eq!(rejection.kind(), RejectionKind::BadSignature, "{issuer}");
        }
        pass(COOL_DOWN).await;
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_of_another_issuer_is_refused() {
    let house = House::open();
    house.publish("https://a.example");
    let metadata = r#"{"issuer": "https://a.example", "jwks_uri": "https://a.example/jwks"}"#;
    house.provider.answer(
        "https://b.example/.well-known/openid-configuration",
        tollgate_oidc::FetchResponse::new(200, metadata),
    );
    let rejection = house
        .present(&house.token("https://b.example"))
        .await
        .unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::Unavailable);
    assert_eq!(house.provider.count("https://a.example/jwks"), 0);
}

#[tokio::test(start_paused = true)]
async fn invalid_rules_are_a_server_error_and_cause_no_fetch() {
    let wrong: [fn(&str) -> TrustedIssuer; 3] = [
        |issuer| TrustedIssuer::new(issuer),
        |_| TrustedIssuer::new("https://a.example").audience("orders-api"),
        |issuer| {
            let secret = tollgate_core::Key::hs256([7; 32]).unwrap();
            TrustedIssuer::new(issuer)
                .audience("orders-api")
                .key(secret)
        },
    ];
    for wrong in wrong {
        let house = House::ruled(
            move |issuer| Some(wrong(issuer)),
            Arc::default(),
            |tenants| tenants,
        );
        house.publish("https://b.example");
        house.publish("https://a.example");
        let rejection = house
            .present(&house.token("https://b.example"))
            .await
            .unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::Unavailable);
        settled().await;
        assert!(house.fetched().is_empty());
        assert!(house.tenants.status().is_empty());
    }
}

/// A hundred thousand names in a hundred seconds, all accepted by a lax rule.
#[tokio::test(start_paused = true)]
async fn a_flood_of_names_is_bounded_and_evicts_no_proven_issuer() {
    let house = House::with(|tenants| tenants.capacity(400));
    let proven: Vec<String> = (0..8)
        .map(|n| format!("https://proven{n}.example"))
        .collect();
    for issuer in &proven {
        house.publish(issuer);
        house.present(&house.token(issuer)).await.unwrap();
    }
    let begin = Instant::now();
    let mut later = 0_u32;
    for n in 0..100_000_u32 {
        match house.named(&format!("https://made-up-{n}.example")) {
            Ok(found) => assert!(found),
            Err(down) => {
                later += 1;
                assert!(down.retry_after() >= Duration::from_secs(1));
                assert!(down.retry_after() <= Duration::from_secs(60));
            }
        }
        if n % 1_000 == 999 {
            pass(Duration::from_secs(1)).await;
            for issuer in &proven {
                house.verifier.verify(house.token(issuer)).unwrap();
            }
            let status = house.tenants.status();
            let unproven = status.iter().filter(|tenant| !tenant.proven).count();
            assert!(
                status.len() <= 400 && unproven <= 64,
                "{} {unproven}",
                status.len()
            );
        }
    }
    let elapsed = begin.elapsed().as_secs();
    assert_eq!(elapsed, 100);
    let beginnings = house.beginnings();
    let made_up = beginnings
        .keys()
        .filter(|issuer| issuer.contains("made-up"))
        .count();
    // Ten at once, and ten in each cool-down.
    assert!((90..=110).contains(&made_up), "{made_up}");
    assert!(later > 99_000, "{later}");
    // In total: these, and the retries of the 64 unproven issuers.
    let all: usize = beginnings.values().map(Vec::len).sum();
    assert!(all <= 110 + 64 * 10 + 8, "{all}");
    house.assert_cool_downs();
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_new_tenants_gets_retry_after() {
    let house = House::open();
    let names: Vec<String> = (0..11).map(|n| format!("https://t{n}.example")).collect();
    for name in &names {
        house.publish(name);
    }
    for name in &names[..10] {
        house.present(&house.token(name)).await.unwrap();
    }
    let rejection = house.present(&house.token(&names[10])).await.unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::Unavailable);
    assert_eq!(rejection.retry_after(), Some(Duration::from_secs(1)));
    assert_eq!(house.provider.count("https://t10.example/jwks"), 0);
    pass(Duration::from_secs(1)).await;
    house.present(&house.token(&names[10])).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn hanging_providers_are_bounded() {
    let house = House::with(|tenants| tenants.first_fetches(1_000));
    for n in 0..40 {
        let issuer = format!("https://slow{n}.example");
        house
            .provider
            .hang(&format!("{issuer}/.well-known/openid-configuration"));
        assert_eq!(house.named(&issuer).is_ok(), n < 32, "{n}");
    }
    settled().await;
    assert_eq!(house.fetched().len(), 32);
    // After their timeouts, others are admitted.
    pass(Duration::from_secs(10)).await;
    house.publish("https://a.example");
    house
        .present(&house.token("https://a.example"))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn evicting_and_naming_an_issuer_does_not_flood_it() {
    let house = House::with(|tenants| tenants.capacity(2).first_fetches(1_000));
    for round in 0..200 {
        let _ = house.named("https://victim.example");
        settled().await;
        let _ = house.named(&format!("https://pusher{round}.example"));
        pass(Duration::from_millis(500)).await;
    }
    let victim = house.beginnings().remove("https://victim.example").unwrap();
    assert!(victim.len() <= 11, "{victim:?}");
    assert!(victim.len() >= 5, "{victim:?}");
    house.assert_cool_downs();
}

#[tokio::test(start_paused = true)]
async fn invented_kids_cost_one_fetch_per_cool_down() {
    let house = House::open();
    house.publish("https://a.example");
    house
        .present(&house.token("https://a.example"))
        .await
        .unwrap();
    for n in 0..300 {
        let key = keys::stranger(ALGORITHM).with_kid(format!("made up {n}"));
        let _ = house
            .present(&house.token_by(key, "https://a.example"))
            .await
            .unwrap_err();
        if n % 10 == 9 {
            pass(Duration::from_secs(1)).await;
            house
                .verifier
                .verify(house.token("https://a.example"))
                .unwrap();
        }
    }
    assert!(house.provider.count("https://a.example/jwks") <= 4);
}

/// Real threads and real time: eight threads verify while others invent names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proven_issuers_are_not_affected_by_invented_ones() {
    let clock = tollgate_testkit::FakeClock::new();
    let provider = FakeProvider::new();
    provider.describe("https://a.example", "https://a.example/jwks");
    provider.publish("https://a.example/jwks", &[keys::signing(ALGORITHM)]);
    let tenants =
        Tenants::builder(|issuer| Some(TrustedIssuer::new(issuer).audience("orders-api")))
            .keys(|oidc| oidc.fetch(provider.clone()))
            .capacity(8)
            .first_fetches(100_000)
            .build()
            .unwrap();
    let verifier = Verifier::builder()
        .issuer_source(tenants.clone())
        .clock(clock.clone())
        .build()
        .unwrap();
    let token = tollgate_testkit::Mint::new(keys::signing(ALGORITHM), &clock)
        .token()
        .claim("iss", "https://a.example")
        .build();
    match verifier.begin(&token) {
        tollgate_core::Step::Ready(outcome) => outcome,
        tollgate_core::Step::Pending(pending) => pending.await,
    }
    .unwrap();

    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let (verifier, token, done) = (verifier.clone(), token.clone(), Arc::clone(&done));
            std::thread::spawn(move || {
                let mut count = 0_u32;
                while !done.load(Ordering::Relaxed) || count == 0 {
                    verifier.verify(&token).unwrap();
                    count += 1;
                }
            })
        })
        .collect();
    let writers: Vec<_> = (0..2)
        .map(|writer| {
            let house = tenants.clone();
            std::thread::spawn(move || {
                for n in 0..500 {
                    use tollgate_core::IssuerSource as _;
                    let _ = house.issuer(&format!("https://w{writer}-{n}.example"));
                    assert!(house.status().len() <= 8);
                }
            })
        })
        .collect();
    tokio::task::spawn_blocking(move || {
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    })
    .await
    .unwrap();
    let kept: HashSet<String> = tenants
        .status()
        .into_iter()
        .map(|tenant| tenant.issuer)
        .collect();
    assert!(kept.contains("https://a.example"));
}
