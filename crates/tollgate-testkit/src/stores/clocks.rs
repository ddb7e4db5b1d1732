//! Servers whose clocks jump forward and back: an acknowledged logout holds.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tollgate_core::{Algorithm, Clock, RevocationCheck, Standing, SystemClock};
use tollgate_session::{
    Issuer, Login, RefreshKey, RefreshRequest, RevocationStore, SessionStore, Sessions, Tokens,
};

use super::odd::fresh_id;
use super::{HOUR, answer};
use crate::{FakeClock, keys};

/// The time within which every server refuses a token after its logout.
const EVERYWHERE: Duration = Duration::from_secs(5);

struct Server {
    sessions: Sessions,
    clock: FakeClock,
}

impl Server {
    fn new(store: Arc<impl SessionStore + RevocationStore>, now: u64) -> Self {
        let clock = FakeClock::at(now);
        let issuer = Issuer::builder("https://id.example.com")
            .audience("tollgate-testkit")
            .signing_key(keys::signing(Algorithm::HS256))
            .clock(clock.clone())
            .build()
            .expect("a consistent issuer");
        let sessions = Sessions::builder(issuer, store)
            .refresh_key(RefreshKey::new(1, [7; 32]))
            .store_timeout(Duration::from_secs(5))
            .build()
            .expect("consistent sessions");
        Self { sessions, clock }
    }

    async fn log_in(&self) -> Tokens {
        let login = Login::new(format!("with wrong clocks {}", fresh_id()));
        match self.sessions.login(login).await {
            Ok(tokens) => tokens,
            Err(error) => panic!("login failed: {error}"),
        }
    }

    async fn log_out(&self, tokens: &Tokens) {
        if let Err(error) = self.sessions.logout(&tokens.session).await {
            panic!("logout failed: {error}");
        }
    }

    async fn accepts(&self, tokens: &Tokens) -> bool {
        let verifier = self.sessions.issuer().verifier().build();
        let verifier = verifier.expect("a consistent verifier");
        let Ok(principal) = verifier.verify(&tokens.access_token) else {
            return false;
        };
        let standing = self.sessions.revocations().check(&principal).await;
        standing == Ok(Standing::Good)
    }

    async fn refreshes(&self, tokens: &Tokens) -> bool {
        let request = RefreshRequest::default();
        let refreshed = self.sessions.refresh(&tokens.refresh_token, request).await;
        refreshed.is_ok()
    }
}

/// Panics if a server accepts a token of an ended session, with a clock that differs by `skew`.
async fn all_refuse(servers: &[&Server], ended: &[&Tokens], skew: i64) {
    for server in servers {
        for tokens in ended {
            assert!(
                !server.accepts(tokens).await && !server.refreshes(tokens).await,
                "after a clock differed by {skew} s, the tokens of a session are accepted whose \
                 logout was acknowledged"
            );
        }
    }
}

pub(super) async fn jump<S: SessionStore + RevocationStore>(one: Arc<S>, other: Arc<S>) {
    let clock = answer(one.clock().await);
    let now = clock.unwrap_or_else(|| SystemClock.now());
    let hour = i64::try_from(HOUR).unwrap_or(i64::MAX);
    let here = Server::new(one.clone(), now);
    let there = Server::new(other.clone(), now);
    for skew in [5, -5, 90, -90, hour, -hour, 2 * hour - 60] {
        let wrong = now.saturating_add_signed(skew);
        let (before, meanwhile, live) = (
            here.log_in().await,
            here.log_in().await,
            here.log_in().await,
        );
        here.log_out(&before).await;
        let start = Instant::now();
        while there.accepts(&before).await {
            assert!(
                start.elapsed() < EVERYWHERE,
                "a token is accepted elsewhere {EVERYWHERE:?} after its logout"
            );
            sleep(Duration::from_millis(20)).await;
        }

        there.clock.set(wrong);
        all_refuse(&[&here, &there], &[&before], skew).await;
        there.log_out(&meanwhile).await;
        // Other writes give the store reasons to remove what has ended.
        for _ in 0..4 {
            let other = there.log_in().await;
            there.log_out(&other).await;
        }
        let late = Server::new(other.clone(), wrong);
        let ended = [&before, &meanwhile];
        all_refuse(&[&there, &late], &ended, skew).await;

        there.clock.set(now);
        late.clock.set(now);
        let later = Server::new(one.clone(), now);
        let servers = [&there, &late, &later];
        all_refuse(&servers, &ended, skew).await;
        for server in servers {
            assert!(
                server.accepts(&live).await,
                "after a clock differed by {skew} s, the token of a live session is refused"
            );
        }
        assert!(
            there.refreshes(&live).await,
            "after a clock differed by {skew} s, a live session cannot be refreshed"
        );
        // The heartbeats read the store a few times more.
        sleep(Duration::from_millis(600)).await;
        all_refuse(&[&here, &there, &late, &later], &ended, skew).await;
    }
}
