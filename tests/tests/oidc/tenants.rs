//! Tenants with their own identity providers.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tollgate_core::{TrustedIssuer, Verifier};
use tollgate_oidc::Tenants;
use tollgate_testkit::Segments;

use crate::services::{Services, runtime};
use crate::world::{AUDIENCE, Issuer, TIMEOUT};

const KEYS: [(&str, &str); 1] = [("ES256", "1")];

/// The services, with one provider per tenant.
struct House {
    tenants: Tenants,
    services: Services,
    /// The runtime of the key fetches.
    _runtime: Runtime,
}

impl House {
    fn of(issuers: [&Issuer; 2]) -> Self {
        let known = issuers.map(|issuer| issuer.front.url());
        let runtime = runtime();
        let tenants = Tenants::builder(move |issuer| {
            let is_known = known.iter().any(|known| known == issuer);
            is_known.then(|| TrustedIssuer::new(issuer).audience(AUDIENCE))
        });
        let tenants = tenants.keys(|oidc| {
            // Longer than a test, so that no cool-down ends meanwhile.
            oidc.cool_down(Duration::from_secs(60))
                .timeout(TIMEOUT)
                .dangerous_plain_http()
                .dangerous_allow_private_addresses()
        });
        let tenants = {
            let _in = runtime.enter();
            tenants.build().unwrap()
        };
        let verifier = Verifier::builder()
            .issuer_source(tenants.clone())
            .build()
            .unwrap();
        Self {
            services: Services::start(&verifier),
            tenants,
            _runtime: runtime,
        }
    }
}

#[test]
fn only_a_tenants_own_token_fetches_its_keys() {
    let (Some(acme), Some(globex), Some(stranger)) = (
        Issuer::start(&KEYS),
        Issuer::start(&KEYS),
        Issuer::start(&KEYS),
    ) else {
        return;
    };
    let House {
        tenants, services, ..
    } = &House::of([&acme, &globex]);

    services.expect(401, &stranger.token());
    assert_eq!(stranger.front.paths(), [""; 0]);
    for tenant in [&acme, &globex] {
        assert_eq!(tenant.fetches(), 0);
        let answer = services.expect(200, &tenant.token());
        assert!(answer.content.contains(&tenant.front.url()), "{answer:?}");
        services.expect(200, &tenant.token());
        assert_eq!(tenant.fetches(), 1);
    }

    // Acme's provider signs a token in the name of Globex, with the same `kid`.
    let token = Segments::of(&acme.token());
    let mut claims: Value = serde_json::from_slice(&token.payload_bytes()).unwrap();
    claims["iss"] = json!(globex.front.url());
    let crossed = Segments::unsigned(token.header_bytes(), claims.to_string());
    let crossed = Segments {
        signature: token.signature,
        ..crossed
    };
    services.expect(401, &crossed.to_string());

    let proven = tenants
        .status()
        .into_iter()
        .filter(|tenant| tenant.proven)
        .count();
    assert_eq!(proven, 2);
}

#[test]
fn the_outage_of_one_tenants_provider_does_not_affect_others() {
    let (Some(mut acme), Some(globex)) = (Issuer::start(&KEYS), Issuer::start(&KEYS)) else {
        return;
    };
    let House { services, .. } = &House::of([&acme, &globex]);

    let token = acme.token();
    acme.provider.stop();
    for _ in 0..10 {
        services.expect(503, &token);
        services.expect(200, &globex.token());
    }
    assert!(acme.front.paths().len() <= 1, "{:?}", acme.front.paths());
}
