//! One refresh token that many clients present at once to two servers.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tollgate_core::Algorithm;
use tollgate_session::{
    Issuer, Login, RefreshKey, RefreshRequest, RevocationStore, SessionEventKind, SessionStore,
    Sessions, Tokens,
};

use super::odd::fresh_id;
use super::{NOW, answer};
use crate::{FakeClock, keys};

/// The number of concurrent clients.
const MANY: usize = 200;
/// The number of attempts of a client, as a store may refuse so many at once.
const TRIES: usize = 20;

pub(super) async fn of_one_token<S: SessionStore + RevocationStore>(one: Arc<S>, other: Arc<S>) {
    let rotations = Arc::new(AtomicUsize::new(0));
    let servers = [one.clone(), other].map(|store| server(store, Arc::clone(&rotations)));
    // A random subject, so that other content of the store does not matter.
    let login = Login::new(format!("refreshed at once {}", fresh_id()));
    let first = match servers[0].login(login).await {
        Ok(tokens) => tokens,
        Err(error) => panic!("login failed: {error}"),
    };
    let start = Arc::new(Barrier::new(MANY));
    let mut clients = JoinSet::new();
    for number in 0..MANY {
        let (server, token) = (servers[number % 2].clone(), first.refresh_token.clone());
        let start = Arc::clone(&start);
        clients.spawn(async move {
            start.wait().await;
            refreshed(&server, &token).await
        });
    }
    let tokens = clients.join_all().await;
    let held: HashSet<_> = tokens
        .iter()
        .map(|tokens| (&tokens.refresh_token, &tokens.access_token))
        .collect();
    assert!(
        held.len() == 1,
        "{MANY} clients presented one refresh token and got {} different successors",
        held.len()
    );
    let rotations = rotations.load(Ordering::SeqCst);
    assert!(
        rotations == 1,
        "one refresh token was rotated {rotations} times"
    );
    let kept = answer(one.load(&first.session, NOW).await);
    assert!(
        kept.is_some_and(|session| session.revision == 2),
        "one rotation must replace the session once"
    );
    // The successor can be refreshed in turn, at either server.
    let next = refreshed(&servers[1], &tokens[0].refresh_token).await;
    assert!(
        next.refresh_token != tokens[0].refresh_token,
        "the successor was not exchanged"
    );
}

async fn refreshed(server: &Sessions, token: &str) -> Tokens {
    for _ in 0..TRIES {
        match server.refresh(token, RefreshRequest::default()).await {
            Ok(tokens) => return tokens,
            Err(error) if error.is_unavailable() => {}
            Err(error) => panic!("a refresh token was refused within its grace period: {error}"),
        }
    }
    panic!("a refresh failed {TRIES} times");
}

/// Creates one of several servers over the same data, with the same keys.
fn server<S: SessionStore + RevocationStore>(
    store: Arc<S>,
    rotations: Arc<AtomicUsize>,
) -> Sessions {
    let issuer = Issuer::builder("https://id.example.com")
        .audience("tollgate-testkit")
        .signing_key(keys::signing(Algorithm::HS256))
        .clock(FakeClock::at(NOW))
        .build()
        .expect("a consistent issuer");
    Sessions::builder(issuer, store)
        .refresh_key(RefreshKey::new(1, [7; 32]))
        .grace(Duration::from_secs(60))
        .store_timeout(Duration::from_secs(10))
        .on_event(move |event| {
            let rotated = event.kind() == SessionEventKind::Refreshed;
            rotations.fetch_add(usize::from(rotated), Ordering::SeqCst);
        })
        .build()
        .expect("consistent sessions")
}
