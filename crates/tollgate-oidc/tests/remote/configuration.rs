//! Invalid configurations are refused before anything is fetched.

use std::time::Duration;

use tollgate_oidc::{OidcErrorKind, RemoteJwks};

use crate::fixture::{World, seconds};
use crate::time::pass;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test(start_paused = true)]
async fn contradictions_are_refused_with_the_reason() {
    type Change = fn(RemoteJwks) -> RemoteJwks;
    #[allow(clippy::reversed_empty_ranges)]
    let mistakes: [(&str, Change); 8] = [
        ("`timeout`", |jwks| jwks.timeout(Duration::ZERO)),
        ("`timeout`", |jwks| jwks.timeout(seconds(61))),
        ("`life` ends", |jwks| jwks.life(seconds(61)..=seconds(60))),
        ("`life` goes", |jwks| {
            jwks.life(seconds(60)..=DAY + seconds(1))
        }),
        ("`cool_down` is shorter", |jwks| {
            jwks.cool_down(Duration::from_millis(999))
        }),
        ("`cool_down` is longer", |jwks| jwks.cool_down(seconds(61))),
        ("`cool_down` is longer", |jwks| {
            jwks.life(seconds(9)..=seconds(60))
        }),
        ("`stale_if_error`", |jwks| {
            jwks.stale_if_error(DAY + seconds(1))
        }),
    ];
    for (reason, change) in mistakes {
        let world = World::new();
        for error in [
            change(world.jwks()).lazy().unwrap_err(),
            change(world.jwks()).connect().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), OidcErrorKind::Misconfigured);
            assert!(error.to_string().contains(reason), "{error}");
        }
        assert!(world.provider.requests().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn bounds_are_inclusive() {
    let world = World::new();
    let jwks = world
        .jwks()
        .life(DAY..=DAY)
        .stale_if_error(DAY)
        .negative_life(DAY)
        .cool_down(DAY);
    assert!(jwks.timeout(seconds(60)).lazy().is_ok());
    let jwks = world
        .jwks()
        .life(seconds(1)..=seconds(1))
        .stale_if_error(Duration::ZERO);
    assert!(
        jwks.negative_life(Duration::ZERO)
            .cool_down(seconds(1))
            .lazy()
            .is_ok()
    );
}

#[tokio::test(start_paused = true)]
async fn without_stale_if_error_keys_expire_with_their_life() {
    let world = World::new();
    world
        .provider
        .publish(crate::fixture::JWKS, &[crate::fixture::key("1")]);
    let source = world
        .jwks()
        .stale_if_error(Duration::ZERO)
        .connect()
        .await
        .unwrap();
    world.provider.hang(crate::fixture::JWKS);
    pass(seconds(599)).await;
    assert!(source.readiness().serves());
    pass(seconds(1)).await;
    assert!(!source.readiness().serves());
}
