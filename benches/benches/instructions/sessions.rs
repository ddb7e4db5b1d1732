//! Scenarios for sessions in memory.

use std::hint::black_box;
use std::time::Duration;

use tollgate_core::{Algorithm, SigningKey};
use tollgate_session::{
    AccessToken, Issuer, Login, MemoryStore, RefreshKey, RefreshRequest, Sessions,
};

use crate::scenario::Most::Instructions;
use crate::scenario::Scenario;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("eddsa-issue", issue),
    // From the refresh token to the next one and an access token: a load, a read of the
    // revocations and a replacement.
    Scenario::new("eddsa-refresh", refresh).over("eddsa-issue", Instructions(67_000.0)),
];

fn issuer() -> Issuer {
    let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
    let builder = Issuer::builder("https://id.example.com").audience("orders-api");
    builder.signing_key(key.with_kid("1")).build().unwrap()
}

fn issue(rounds: u32) {
    let issuer = issuer();
    let token = AccessToken::new("u-7");
    for _ in 0..rounds {
        black_box(issuer.issue(black_box(&token)).unwrap());
    }
}

fn refresh(rounds: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(async {
        let sessions = Sessions::builder(issuer(), MemoryStore::default())
            .refresh_key(RefreshKey::new(1, [7; 32]))
            .store_timeout(Duration::from_secs(9))
            .build()
            .unwrap();
        let mut tokens = sessions.login(Login::new("u-7")).await.unwrap();
        for _ in 0..rounds {
            let token = black_box(tokens.refresh_token);
            let refreshed = sessions.refresh(&token, RefreshRequest::default());
            tokens = refreshed.await.unwrap();
        }
    });
}
