//! Strangers who name issuers while genuine tenants come back after a start.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tollgate_core::{BoxFuture, TrustedIssuer};
use tollgate_oidc::{Fetch, FetchError, FetchRequest, FetchResponse, OidcErrorKind, Tenants};
use tollgate_testkit::FakeProvider;

use crate::fixture::House;
use crate::time::pass;

fn tenants(count: usize) -> Vec<String> {
    (0..count)
        .map(|n| format!("https://tenant{n}.example"))
        .collect()
}

/// Returns how many of these tenants are served within a minute, while strangers send so many
/// tokens with invented issuers a second.
async fn served(house: &House, tenants: &[String], strangers: usize) -> usize {
    let mut waiting: Vec<_> = tenants.iter().collect();
    for second in 0..60 {
        let mut invented = 0;
        let mut left = Vec::new();
        for (n, issuer) in waiting.iter().enumerate() {
            while invented * waiting.len() < (n + 1) * strangers {
                let _ = house.named(&format!("https://made-up-{second}-{invented}.example"));
                invented += 1;
            }
            if house.present(&house.token(issuer)).await.is_err() {
                left.push(*issuer);
            }
        }
        waiting = left;
        if waiting.is_empty() {
            break;
        }
        pass(Duration::from_secs(1)).await;
    }
    tenants.len() - waiting.len()
}

#[tokio::test(start_paused = true)]
async fn strangers_do_not_lock_known_tenants_out_after_a_start() {
    for strangers in [100, 480] {
        let tenants = tenants(20);
        let known: HashSet<String> = tenants.iter().cloned().collect();
        let house = House::with(|builder| builder.known(move |issuer| known.contains(issuer)));
        for issuer in &tenants {
            house.publish(issuer);
        }
        let began = Instant::now();
        assert_eq!(served(&house, &tenants, strangers).await, 20, "{strangers}");
        assert!(began.elapsed() < Duration::from_secs(1));
        house.assert_cool_downs();
    }
}

/// The tenants of the last run are admitted, and the others share the rate of unknown issuers.
#[tokio::test(start_paused = true)]
async fn strangers_do_not_lock_remembered_tenants_out_after_a_start() {
    let tenants = tenants(20);
    let before = House::with(|builder| builder.first_fetches(1_000));
    for issuer in &tenants {
        before.publish(issuer);
        before.present(&before.token(issuer)).await.unwrap();
    }
    // Proven by no token, so it is not remembered.
    before.named("https://stranger.example").unwrap();
    let remembered = before.tenants.remembered();
    assert_eq!(remembered, tenants);

    for strangers in [100, 480] {
        let house = House::with(|builder| builder.remembered(remembered.clone()));
        for issuer in &tenants {
            house.publish(issuer);
        }
        assert_eq!(house.tenants.remembered(), tenants);
        let began = Instant::now();
        assert_eq!(served(&house, &tenants, strangers).await, 20, "{strangers}");
        assert!(began.elapsed() < Duration::from_secs(1));
        assert_eq!(house.tenants.remembered(), tenants);
    }
    // The rule still decides.
    let house = House::with(|builder| builder.remembered(remembered));
    house.withdraw(&tenants[3]);
    assert_eq!(house.named(&tenants[3]), Ok(false));
    assert_eq!(house.tenants.remembered().len(), 19);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_was_idle_comes_back_in_spite_of_strangers() {
    let tenants = tenants(20);
    let house = House::with(|builder| builder.first_fetches(1_000).idle(Duration::from_secs(60)));
    for issuer in &tenants {
        house.publish(issuer);
        house.present(&house.token(issuer)).await.unwrap();
    }
    pass(Duration::from_secs(600)).await;
    assert!(house.tenants.status().is_empty());
    for n in 0..2_000 {
        let _ = house.named(&format!("https://made-up-{n}.example"));
    }
    for issuer in &tenants {
        house.present(&house.token(issuer)).await.unwrap();
    }
}

/// A provider that takes 200 ms for each response.
#[derive(Clone, Default)]
struct Slow {
    provider: FakeProvider,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Fetch for Slow {
    fn get(&self, request: FetchRequest) -> BoxFuture<Result<FetchResponse, FetchError>> {
        let this = self.clone();
        Box::pin(async move {
            let running = this.running.fetch_add(1, Ordering::Relaxed) + 1;
            this.most.fetch_max(running, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(200)).await;
            this.running.fetch_sub(1, Ordering::Relaxed);
            this.provider.get(request).await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn five_hundred_listed_tenants_are_served_within_seconds() {
    let issuers = tenants(500);
    let house = House::open();
    let slow = Slow {
        provider: house.provider.clone(),
        ..Slow::default()
    };
    let fetch = slow.clone();
    let listed = Tenants::listed(issuers.clone(), |issuer| {
        TrustedIssuer::new(issuer).audience("orders-api")
    });
    let house = House::of(
        listed.keys(|oidc| oidc.fetch(fetch)).build().unwrap(),
        house,
    );
    for issuer in &issuers {
        house.publish(issuer);
        // Strangers can name it before.
        assert_eq!(house.named(issuer), Ok(true));
    }
    let began = Instant::now();
    let waiting: Vec<_> = issuers
        .iter()
        .map(|issuer| {
            let (house, token) = (house.clone(), house.token(issuer));
            tokio::spawn(async move { house.present(&token).await.is_ok() })
        })
        .collect();
    for one in waiting {
        assert!(one.await.unwrap());
    }
    // Eight rounds of two responses each.
    assert_eq!(began.elapsed().as_millis() / 100, 32);
    assert_eq!(slow.most.load(Ordering::Relaxed), 64);
    assert_eq!(house.tenants.status().len(), 500);
    assert_eq!(house.named("https://stranger.example"), Ok(false));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_could_never_work_is_refused_at_build() {
    let build = |issuers: Vec<String>, capacity: Option<usize>| {
        let tenants = Tenants::listed(issuers, |issuer| {
            TrustedIssuer::new(issuer).audience("orders-api")
        });
        let tenants = tenants.keys(|oidc| oidc.fetch(FakeProvider::new()));
        match capacity {
            Some(capacity) => tenants.capacity(capacity),
            None => tenants,
        }
        .build()
    };
    for odd in [
        "https://ID.example",
        "http://id.example",
        "https://127.0.0.1",
        "",
    ] {
        let error = build(vec![odd.to_owned()], None).unwrap_err();
        assert_eq!(error.kind(), OidcErrorKind::Misconfigured);
        assert!(error.to_string().contains(&format!("{odd:?}")), "{error}");
    }
    assert!(build(tenants(5_000), None).is_ok());
    assert!(build(tenants(500), Some(564)).is_ok());
    let error = build(tenants(500), Some(563)).unwrap_err();
    assert!(error.to_string().contains("`capacity`"), "{error}");
}

/// A thousand later tenants with providers of their own, in use all the time.
#[tokio::test(start_paused = true)]
async fn a_tenant_in_use_is_not_pushed_out_by_later_ones() {
    let house = House::with(|builder| builder.capacity(40).first_fetches(1_000));
    let first = tenants(30); // 30 proven and 10 unproven
    for issuer in &first {
        house.publish(issuer);
        house.present(&house.token(issuer)).await.unwrap();
    }
    for n in 0..1_000 {
        let later = format!("https://later{n}.example");
        house.publish(&later);
        house.present(&house.token(&later)).await.unwrap();
        // The first ones are used once in two hours.
        if n % 120 == 0 {
            pass(Duration::from_secs(60)).await;
            for issuer in &first {
                house.verifier.verify(house.token(issuer)).unwrap();
            }
        }
        pass(Duration::from_secs(60)).await;
        assert!(house.tenants.status().len() <= 40);
    }
    let kept = house.tenants.status();
    for issuer in &first {
        assert!(
            kept.iter().any(|tenant| tenant.issuer == *issuer),
            "{issuer}"
        );
        house.verifier.verify(house.token(issuer)).unwrap();
    }
}
