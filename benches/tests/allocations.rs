//! The allocation budgets of a check. Allocation counts do not depend on the machine. There is one
//! test in its own process, because allocations are counted for the whole process.

#![allow(clippy::unwrap_used)] // a test

use std::hint::black_box;
use std::time::Duration;

use tollgate_benches::failing::Failing;
use tollgate_benches::routes::{Ask, Endpoint, actix, axum, tower};
use tollgate_benches::tokens::{ALGORITHMS, Fixture, User};
use tollgate_benches::{Candidate, compare};
use tollgate_core::policy::{role, scope};
use tollgate_core::{Algorithm, Policy, Verifier};

tollgate_benches::count_allocations!();

fn allocations(run: impl FnMut()) -> f64 {
    compare(&mut [Candidate::new("", run)], Duration::from_millis(1))[0].allocations
}

#[test]
fn checks_stay_within_their_allocation_budgets() {
    verification_allocates_once_plus_owned_claims();
    a_satisfied_policy_does_not_allocate();
    malformed_tokens_are_refused_with_few_allocations();
    a_cached_token_does_not_allocate();
    the_middleware_allocates_once_for_a_new_token();
    the_middleware_allocates_only_extensions_for_a_cached_token();
    extractors_without_a_layer_do_not_allocate_for_a_cached_token();
    a_refusal_allocates_only_its_response();
}

fn verification_allocates_once_plus_owned_claims() {
    for algorithm in ALGORITHMS {
        let fixture = Fixture::new(algorithm);
        let verifier = fixture.cold_verifier();
        let verify = || verifier.verify(black_box(&fixture.token)).unwrap();
        assert!(allocations(|| drop(verify())) <= 1.0, "{algorithm}");
        // Two strings and the principal.
        let claims = || drop(black_box(verify().claims::<User>().unwrap()));
        assert!(allocations(claims) <= 3.0, "{algorithm}");
    }
}

fn a_satisfied_policy_does_not_allocate() {
    let fixture = Fixture::new(Algorithm::HS256);
    let principal = fixture.verifier().verify(&fixture.token).unwrap();
    let policy: Policy = (scope("orders:read") & scope("profile")) | role("admin");
    assert!(policy.permits(&principal) && !principal.has_role("admin"));
    assert!(allocations(|| assert!(policy.permits(black_box(&principal)))) < f64::EPSILON);
}

fn malformed_tokens_are_refused_with_few_allocations() {
    let verifier = Fixture::new(Algorithm::HS256).verifier();
    for garbage in [
        "x".repeat(8192),
        "x".repeat(100),
        "..".to_owned(),
        format!("{}.b.c", "x".repeat(8000)),
    ] {
        assert!(allocations(|| drop(verifier.verify(black_box(&garbage)).unwrap_err())) <= 2.0);
    }
}

fn a_cached_token_does_not_allocate() {
    for algorithm in ALGORITHMS {
        let fixture = Fixture::new(algorithm);
        let verifier = fixture.verifier();
        let verify = || {
            drop(black_box(
                verifier.verify(black_box(&fixture.token)).unwrap(),
            ));
        };
        assert!(allocations(verify) < f64::EPSILON, "{algorithm}");
    }
}

/// The strings of the user's struct, which is returned by value.
const CLAIMS: f64 = 2.0;
/// A new token, relative to a layer that inserts a value.
const NEW: f64 = 1.0;
/// The same with the layer around the router, relative to the bare route, including the strings and
/// the extensions of the response.
const AROUND: f64 = 7.0;
/// The first extension of a response of `http` 1.x. The layer leaves the caller there.
const RESPONSE: f64 = 3.0;
/// A cached token, relative to a layer that inserts a value.
const CACHED: f64 = 0.0;
/// The same without a layer, relative to the bare route. On actix-web, one for the stored decision.
const ALONE_ON_AXUM: f64 = 0.0;
const ALONE_ON_ACTIX: f64 = 1.0;
/// A refusal, including its response.
const REFUSED: f64 = 31.0;

fn the_middleware_allocates_once_for_a_new_token() {
    let fixture = Fixture::new(Algorithm::HS256);
    let verifier = fixture.cold_verifier();
    for on in FRAMEWORKS {
        let claims = on.over(Endpoint::Inserting, Endpoint::Claims, &verifier, &fixture);
        assert!(claims <= CLAIMS + NEW + on.response(), "{on:?}: {claims}");
    }
    let bare = Framework::Axum.cost(Endpoint::Bare, &verifier, &fixture);
    let around = Framework::AroundAxum.cost(Endpoint::Claims, &verifier, &fixture) - bare;
    assert!(around <= AROUND, "{around}");
}

fn the_middleware_allocates_only_extensions_for_a_cached_token() {
    for algorithm in [Algorithm::HS256, Algorithm::RS256] {
        let fixture = Fixture::new(algorithm);
        let verifier = fixture.verifier();
        for on in FRAMEWORKS {
            let over = |endpoint| on.over(Endpoint::Inserting, endpoint, &verifier, &fixture);
            let [layer, shared, principal] =
                [Endpoint::Layer, Endpoint::Shared, Endpoint::Principal].map(over);
            let most = CACHED + on.response();
            assert!(layer <= most, "{on:?}, {algorithm}: {layer}");
            assert!(shared <= most, "{on:?}, {algorithm}: {shared}");
            assert!(principal <= most, "{on:?}, {algorithm}: {principal}");
            let claims = over(Endpoint::Claims);
            assert!(claims <= CLAIMS + most, "{on:?}, {algorithm}: {claims}");
        }
    }
}

fn extractors_without_a_layer_do_not_allocate_for_a_cached_token() {
    let fixture = Fixture::new(Algorithm::RS256);
    let verifier = fixture.verifier();
    for (on, alone) in [
        (Framework::Axum, ALONE_ON_AXUM),
        (Framework::Actix, ALONE_ON_ACTIX),
    ] {
        let over = |endpoint| on.over(Endpoint::Bare, endpoint, &verifier, &fixture);
        let [principal, shared] = [Endpoint::PrincipalAlone, Endpoint::SharedAlone].map(over);
        assert!(shared <= alone, "{on:?}: {shared}");
        let claims = over(Endpoint::ClaimsAlone);
        assert!(principal <= alone, "{on:?}: {principal}");
        assert!(claims <= CLAIMS + alone, "{on:?}: {claims}");
    }
}

fn a_refusal_allocates_only_its_response() {
    let fixture = Fixture::new(Algorithm::HS256);
    let verifier = fixture.cold_verifier();
    for on in FRAMEWORKS {
        for failing in Failing::ALL {
            let token = failing.token(&fixture);
            let mut ask = on.ask(Endpoint::Claims, &verifier, token.as_deref());
            let refused = allocations(|| assert_eq!(ask(), 401));
            println!("{on:?}, {failing:?}: {refused}");
            assert!(refused <= REFUSED, "{on:?}, {failing:?}: {refused}");
        }
    }
}

const FRAMEWORKS: [Framework; 4] = [
    Framework::Axum,
    Framework::AroundAxum,
    Framework::Actix,
    Framework::Tower,
];

#[derive(Clone, Copy, Debug)]
enum Framework {
    Axum,
    AroundAxum,
    Actix,
    Tower,
}

impl Framework {
    fn ask(self, endpoint: Endpoint, verifier: &Verifier, token: Option<&str>) -> Ask {
        match self {
            Self::Axum => axum::ask(axum::router(endpoint, verifier), [token]),
            Self::AroundAxum => axum::ask_around(endpoint, verifier, [token]).unwrap(),
            Self::Actix => actix::ask(endpoint, verifier, [token]),
            Self::Tower => tower::ask(endpoint, verifier, [token]).unwrap(),
        }
    }

    /// The cost of the caller in the response. On actix-web the caller stays in the request.
    const fn response(self) -> f64 {
        match self {
            Self::Axum | Self::AroundAxum | Self::Tower => RESPONSE,
            Self::Actix => 0.0,
        }
    }

    fn cost(self, endpoint: Endpoint, verifier: &Verifier, fixture: &Fixture) -> f64 {
        let mut ask = self.ask(endpoint, verifier, Some(&fixture.token));
        allocations(|| assert_eq!(ask(), 200))
    }

    fn over(
        self,
        other: Endpoint,
        endpoint: Endpoint,
        verifier: &Verifier,
        fixture: &Fixture,
    ) -> f64 {
        let over = self.cost(endpoint, verifier, fixture) - self.cost(other, verifier, fixture);
        println!("{self:?}: {endpoint:?} {over} over {other:?}");
        over
    }
}
