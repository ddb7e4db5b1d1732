//! Scenarios for the whole middleware in front of a route with a static response.

use tollgate_benches::routes::{Ask, Endpoint, actix, axum, tower};
use tollgate_benches::tokens::Fixture;
use tollgate_core::{Algorithm, Verifier};

use crate::scenario::Most::{Instructions, Times};
use crate::scenario::{Scenario, all_of, over};

use Algorithm::{ES256, EdDSA, HS256, PS256, RS256};
use Endpoint::{
    Bare, Claims, ClaimsAlone, Derived, Inserting, Layer, Optional, Principal, PrincipalAlone,
    Shared, SharedAlone,
};

/// The measured ratio plus a small margin. See docs/PERFORMANCE.md for the targets.
const COLD_HS256: f64 = 1.73;
/// The same for actix-web and plain tower, where a layer costs less than `Router::layer` of axum.
const COLD_HS256_OTHERS: f64 = 1.67;
const COLD_ASYMMETRIC: f64 = 1.046;
/// A cached token, with owned claims, behind a layer. On axum and tower, 800 of these are for the
/// extensions of the response.
const WARM: f64 = 5500.0;
const WARM_LAYER: f64 = 4100.0;
const WARM_TOWER: f64 = 4480.0;
const WARM_ACTIX: f64 = 3600.0;
/// The same with shared claims and the layer around the whole router.
const WARM_AROUND: f64 = 3250.0;
/// The same with shared claims or a principal, without a layer.
const WARM_ALONE: f64 = 2110.0;
/// The maximum cost of other extractors relative to `Jwt<T>`, with a margin for the check for a
/// caller.
const NO_MORE: f64 = 1.02;

macro_rules! cold {
    ($ask:ident, $endpoint:expr, $algorithm:expr) => {
        |rounds| {
            let fixture = Fixture::new($algorithm);
            again(
                $ask($endpoint, &fixture.cold_verifier(), &fixture.token),
                rounds,
            );
        }
    };
}

macro_rules! warm {
    ($ask:ident, $endpoint:expr, $algorithm:expr) => {
        |rounds| {
            let fixture = Fixture::new($algorithm);
            again($ask($endpoint, &fixture.verifier(), &fixture.token), rounds);
        }
    };
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    // axum
    Scenario::new("axum-bare", cold!(on_axum, Bare, HS256)),
    Scenario::new("axum-inserting", cold!(on_axum, Inserting, HS256)),
    Scenario::new("axum-hs256-cold", cold!(on_axum, Claims, HS256))
        .over("axum-bare", Times(COLD_HS256, all_of("hs256-signature"))),
    Scenario::new("axum-rs256-cold", cold!(on_axum, Claims, RS256))
        .slow()
        .over(
            "axum-bare",
            Times(COLD_ASYMMETRIC, all_of("rs256-signature")),
        ),
    Scenario::new("axum-ps256-cold", cold!(on_axum, Claims, PS256))
        .slow()
        .over(
            "axum-bare",
            Times(COLD_ASYMMETRIC, all_of("ps256-signature")),
        ),
    Scenario::new("axum-es256-cold", cold!(on_axum, Claims, ES256))
        .slow()
        .over(
            "axum-bare",
            Times(COLD_ASYMMETRIC, all_of("es256-signature")),
        ),
    Scenario::new("axum-eddsa-cold", cold!(on_axum, Claims, EdDSA))
        .slow()
        .over(
            "axum-bare",
            Times(COLD_ASYMMETRIC, all_of("eddsa-signature")),
        ),
    Scenario::new("axum-hs256-one-time", one_time).over("axum-hs256-cold", Instructions(2000.0)),
    Scenario::new("axum-hs256-warm", warm!(on_axum, Claims, HS256))
        .over("axum-bare", Instructions(WARM)),
    Scenario::new("axum-rs256-warm", warm!(on_axum, Claims, RS256))
        .over("axum-bare", Instructions(WARM)),
    Scenario::new("axum-layer-warm", warm!(on_axum, Layer, HS256))
        .over("axum-bare", Instructions(WARM_LAYER)),
    Scenario::new("axum-shared-warm", warm!(on_axum, Shared, HS256)).over(
        "axum-bare",
        Times(1.0, over("axum-hs256-warm", "axum-bare")),
    ),
    Scenario::new("axum-optional-cold", cold!(on_axum, Optional, HS256)).over(
        "axum-bare",
        Times(NO_MORE, over("axum-hs256-cold", "axum-bare")),
    ),
    Scenario::new("axum-optional-warm", warm!(on_axum, Optional, HS256)).over(
        "axum-bare",
        Times(NO_MORE, over("axum-hs256-warm", "axum-bare")),
    ),
    Scenario::new("axum-principal-cold", cold!(on_axum, Principal, HS256)).over(
        "axum-bare",
        Times(NO_MORE, over("axum-hs256-cold", "axum-bare")),
    ),
    Scenario::new("axum-principal-warm", warm!(on_axum, Principal, HS256)).over(
        "axum-bare",
        Times(NO_MORE, over("axum-hs256-warm", "axum-bare")),
    ),
    Scenario::new("axum-derived-cold", cold!(on_axum, Derived, HS256)).over(
        "axum-bare",
        Times(NO_MORE, over("axum-hs256-cold", "axum-bare")),
    ),
    Scenario::new("axum-derived-warm", warm!(on_axum, Derived, HS256)).over(
        "axum-bare",
        Times(NO_MORE, over("axum-hs256-warm", "axum-bare")),
    ),
    // Without a layer.
    Scenario::new("axum-alone-cold", cold!(on_axum, ClaimsAlone, HS256)).over(
        "axum-bare",
        Times(1.0, over("axum-hs256-cold", "axum-bare")),
    ),
    Scenario::new("axum-alone-warm", warm!(on_axum, ClaimsAlone, HS256)).over(
        "axum-bare",
        Times(1.0, over("axum-hs256-warm", "axum-bare")),
    ),
    Scenario::new("axum-shared-alone-warm", warm!(on_axum, SharedAlone, HS256))
        .over("axum-bare", Instructions(WARM_ALONE)),
    Scenario::new(
        "axum-principal-alone-warm",
        warm!(on_axum, PrincipalAlone, HS256),
    )
    .over("axum-bare", Instructions(WARM_ALONE)),
    // With the layer around the whole router.
    Scenario::new("around-inserting", cold!(around_axum, Inserting, HS256)),
    Scenario::new("around-hs256-cold", cold!(around_axum, Claims, HS256)).over(
        "axum-bare",
        Times(1.0, over("axum-hs256-cold", "axum-bare")),
    ),
    Scenario::new("around-hs256-warm", warm!(around_axum, Claims, HS256)).over(
        "axum-bare",
        Times(1.0, over("axum-hs256-warm", "axum-bare")),
    ),
    Scenario::new("around-shared-warm", warm!(around_axum, Shared, HS256))
        .over("axum-bare", Instructions(WARM_AROUND)),
    // actix-web
    Scenario::new("actix-bare", cold!(on_actix, Bare, HS256)),
    Scenario::new("actix-inserting", cold!(on_actix, Inserting, HS256)),
    Scenario::new("actix-hs256-cold", cold!(on_actix, Claims, HS256)).over(
        "actix-bare",
        Times(COLD_HS256_OTHERS, all_of("hs256-signature")),
    ),
    Scenario::new("actix-hs256-warm", warm!(on_actix, Claims, HS256))
        .over("actix-bare", Instructions(WARM_ACTIX)),
    Scenario::new("actix-rs256-warm", warm!(on_actix, Claims, RS256))
        .over("actix-bare", Instructions(WARM_ACTIX)),
    Scenario::new("actix-optional-warm", warm!(on_actix, Optional, HS256)).over(
        "actix-bare",
        Times(NO_MORE, over("actix-hs256-warm", "actix-bare")),
    ),
    Scenario::new("actix-principal-warm", warm!(on_actix, Principal, HS256)).over(
        "actix-bare",
        Times(NO_MORE, over("actix-hs256-warm", "actix-bare")),
    ),
    Scenario::new("actix-derived-warm", warm!(on_actix, Derived, HS256)).over(
        "actix-bare",
        Times(NO_MORE, over("actix-hs256-warm", "actix-bare")),
    ),
    Scenario::new("actix-alone-warm", warm!(on_actix, ClaimsAlone, HS256))
        .over("actix-bare", Instructions(WARM_ACTIX)),
    // Plain tower
    Scenario::new("tower-bare", cold!(on_tower, Bare, HS256)),
    Scenario::new("tower-inserting", cold!(on_tower, Inserting, HS256)),
    Scenario::new("tower-hs256-cold", cold!(on_tower, Claims, HS256)).over(
        "tower-bare",
        Times(COLD_HS256_OTHERS, all_of("hs256-signature")),
    ),
    Scenario::new("tower-hs256-warm", warm!(on_tower, Claims, HS256))
        .over("tower-bare", Instructions(WARM_TOWER)),
    Scenario::new("tower-rs256-warm", warm!(on_tower, Claims, RS256))
        .over("tower-bare", Instructions(WARM_TOWER)),
];

fn again(mut ask: Ask, rounds: u32) {
    for _ in 0..rounds {
        assert_eq!(ask(), 200);
    }
}

fn on_axum(endpoint: Endpoint, verifier: &Verifier, token: &str) -> Ask {
    axum::ask(axum::router(endpoint, verifier), [Some(token)])
}

fn around_axum(endpoint: Endpoint, verifier: &Verifier, token: &str) -> Ask {
    axum::ask_around(endpoint, verifier, [Some(token)]).unwrap()
}

fn on_actix(endpoint: Endpoint, verifier: &Verifier, token: &str) -> Ask {
    actix::ask(endpoint, verifier, [Some(token)])
}

fn on_tower(endpoint: Endpoint, verifier: &Verifier, token: &str) -> Ask {
    tower::ask(endpoint, verifier, [Some(token)]).unwrap()
}

/// Verifies distinct tokens with a cache.
fn one_time(rounds: u32) {
    const MOST: usize = 600;
    let fixture = Fixture::new(HS256);
    // A fixed number of tokens, so that their creation cancels out of the difference.
    let tokens = fixture.distinct(MOST);
    let router = axum::router(Claims, &fixture.forgetful_verifier());
    again(
        axum::ask(router, tokens.iter().map(|token| Some(&**token))),
        rounds,
    );
}
