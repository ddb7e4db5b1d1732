//! Revocation checks with a scripted store and paused time.

#![allow(clippy::unwrap_used)]

mod adversary;
mod clock;
#[cfg(feature = "metrics")]
mod metrics;
mod outage;
mod scripted;
mod sync;
mod tokens;

use std::time::Duration;

use scripted::Scripted;
use tokio::time::{Instant, sleep};
use tollgate_core::{Algorithm, Principal, RevocationCheck, Standing, Unavailable, Verifier};
use tollgate_session::Revocations;
use tollgate_testkit::{FakeClock, Mint, keys};

const TIMEOUT: Duration = Duration::from_millis(300);

/// The verdict about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    Revoked,
    Unavailable,
}

impl From<Result<Standing, Unavailable>> for Verdict {
    fn from(standing: Result<Standing, Unavailable>) -> Self {
        match standing {
            Ok(Standing::Good) => Self::Good,
            Ok(Standing::Revoked) => Self::Revoked,
            Err(_) => Self::Unavailable,
        }
    }
}

async fn verdict(check: &impl RevocationCheck, principal: &Principal) -> Verdict {
    check.check(principal).await.into()
}

/// Returns the verdict if no query is needed.
fn at_once(check: &impl RevocationCheck, principal: &Principal) -> Option<Verdict> {
    let known = check.check(principal).ready()?.ok()?;
    Some(Ok(known).into())
}

fn principal_with(claims: &[(&str, serde_json::Value)]) -> Principal {
    let verifier = Verifier::builder()
        .dangerous_any_issuer()
        .audience(Mint::AUDIENCE)
        .key(keys::verifying(Algorithm::HS256))
        .clock(FakeClock::new())
        .build()
        .unwrap();
    let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    let token = claims.iter().fold(mint.token(), |token, (name, value)| {
        token.claim(name, value)
    });
    verifier.verify(token.build()).unwrap()
}

/// Returns a token of a session.
fn of_session(sid: &str) -> Principal {
    principal_with(&[
        ("sid", sid.into()),
        ("jti", format!("token of {sid}").into()),
    ])
}

fn instance(store: &Scripted) -> Revocations {
    Revocations::builder(store.clone(), Mint::ISSUER)
        .timeout(TIMEOUT)
        .clock(FakeClock::new())
        .build()
        .unwrap()
}

async fn in_sync(store: &Scripted) -> Revocations {
    let revocations = instance(store);
    until_in_sync(&revocations).await;
    revocations
}

async fn until_in_sync(revocations: &Revocations) {
    let start = Instant::now();
    while !revocations.in_sync() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "the replica is not in sync"
        );
        sleep(Duration::from_millis(10)).await;
    }
}

/// Runs all tasks that are ready, without advancing the time.
async fn moment() {
    sleep(Duration::from_millis(1)).await;
}
