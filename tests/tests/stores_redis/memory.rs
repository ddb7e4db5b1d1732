//! Servers that evict keys, and servers whose memory is full.

use std::slice::from_ref;
use std::time::{Duration, Instant};

use tollgate_core::{RevocationCheck as _, Standing};
use tollgate_session::{
    Issuer, Login, RefreshKey, RefreshRequest, Revocation, RevocationStore, Revocations,
    SessionStore, Sessions, StoreErrorKind, StoredSession,
};
use tollgate_store_redis::RedisStore;
use tollgate_testkit::keys;
use tollgate_tests::servers::{PATIENCE, Redis};

use crate::fixture::{NOW, TIMEOUT, next, revocation, run, session, soon, store};
use crate::outages::{all_fail, errors, resumes};

const ISSUER: &str = "https://id.example.com";

/// Starts a server of 3 MB with this policy.
fn small(policy: &str) -> Option<Redis> {
    Redis::start_with(&["--maxmemory", "3mb", "--maxmemory-policy", policy])
}

/// Writes until the server refuses writes, or has evicted some.
fn fill(server: &Redis) {
    let script = "for i = 1, 20000 do \
        local done = redis.pcall('SET', 'filling:' .. i, string.rep('x', 1000)) \
        if type(done) == 'table' and done.err then return i end \
      end return 0";
    server.command(&["EVAL", script, "0"]);
    server.command(&["SET", "filling:last", "x"]);
}

fn allowing(url: &str) -> RedisStore {
    let builder = RedisStore::builder(url).timeout(TIMEOUT);
    builder.dangerous_allow_eviction().build().unwrap()
}

#[test]
fn a_server_that_evicts_is_refused() {
    for policy in ["allkeys-lru", "volatile-ttl"] {
        let Some(server) = small(policy) else { return };
        run(async {
            let strict = store(&server.url());
            for error in errors(&strict).await {
                assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
                assert!(error.to_string().contains(policy), "{error}");
            }
            let revocations = Revocations::builder(strict.clone(), ISSUER)
                .build()
                .unwrap();
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert!(
                !revocations.in_sync(),
                "not in sync with a server that evicts"
            );
            assert!(revocations.revoke_session("a").await.is_err());

            resumes(&allowing(&server.url())).await;
            fill(&server);
            // The filling alone would not have been refused by Redis.
            all_fail(&strict, StoreErrorKind::Unavailable).await;
        });
    }
}

#[test]
fn a_policy_that_changes_during_use_is_noticed() {
    let Some(server) = Redis::start() else { return };
    let store = store(&server.url());
    run(async {
        resumes(&store).await;
        let revocations = Revocations::builder(store.clone(), ISSUER).build().unwrap();
        let until = async |what: &str, ask: &dyn Fn() -> bool| {
            let start = Instant::now();
            while !ask() {
                assert!(start.elapsed() < PATIENCE, "{what}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        until("in sync", &|| revocations.in_sync()).await;
        server.command(&["CONFIG", "SET", "maxmemory-policy", "volatile-lru"]);
        until("out of sync", &|| !revocations.in_sync()).await;
        all_fail(&store, StoreErrorKind::Unavailable).await;
        server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
        until("in sync again", &|| revocations.in_sync()).await;
        resumes(&store).await;
    });
}

#[test]
fn a_policy_that_cannot_be_read_is_no_error() {
    let Some(server) = small("allkeys-lru") else {
        return;
    };
    server.command(&[
        "ACL",
        "SETUSER",
        "app",
        "on",
        ">s3cret",
        "allkeys",
        "allchannels",
        "+@all",
        "-info",
    ]);
    let url = server.url().replace("redis://", "redis://app:s3cret@");
    run(resumes(&store(&url)));
}

#[test]
fn evicted_revocations_begin_a_new_epoch() {
    let Some(server) = small("allkeys-lru") else {
        return;
    };
    let store = allowing(&server.url());
    run(async {
        soon(store.revoke(&[revocation("a")], NOW)).await.unwrap();
        let before = soon(store.position()).await.unwrap();
        let gone = || server.command(&["EXISTS", "{tollgate:revocations}:entries"]) == "0";
        let start = Instant::now();
        while !gone() {
            fill(&server);
            assert!(start.elapsed() < PATIENCE, "nothing was evicted");
        }
        let after = soon(store.position()).await.unwrap();
        assert_ne!(before.epoch, after.epoch);
    });
}

#[test]
fn logouts_get_through_when_the_memory_is_full() {
    let Some(server) = small("noeviction") else {
        return;
    };
    let sessions = || {
        let issuer = Issuer::builder(ISSUER)
            .audience("orders-api")
            .signing_key(keys::signing(tollgate_core::Algorithm::HS256))
            .build()
            .unwrap();
        Sessions::builder(issuer, store(&server.url()))
            .refresh_key(RefreshKey::new(1, [7; 32]))
            .store_timeout(TIMEOUT)
            .build()
            .unwrap()
    };
    run(async {
        let here = sessions();
        let mut tokens = Vec::new();
        for subject in ["u-1", "u-1", "u-2", "u-3", "u-4"] {
            tokens.push(soon(here.login(Login::new(subject))).await.unwrap());
        }
        fill(&server);
        let elsewhere = sessions();
        assert!(soon(here.login(Login::new("u-5"))).await.is_err());
        let refresh = here.refresh(&tokens[4].refresh_token, RefreshRequest::default());
        assert!(soon(Box::pin(refresh)).await.is_err());

        assert_eq!(soon(here.logout_all("u-1")).await.unwrap(), 2);
        assert!(soon(here.logout(&tokens[2].session)).await.unwrap());
        let by_token = here.logout_by_refresh_token(&tokens[3].refresh_token);
        assert!(soon(by_token).await.unwrap());
        for ended in &tokens[..4] {
            let verifier = elsewhere.issuer().verifier().build().unwrap();
            let principal = verifier.verify(&ended.access_token).unwrap();
            let start = Instant::now();
            while elsewhere.revocations().check(&principal).await != Ok(Standing::Revoked) {
                assert!(start.elapsed() < PATIENCE, "a token is accepted");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let refresh = elsewhere.refresh(&ended.refresh_token, RefreshRequest::default());
            assert!(soon(Box::pin(refresh)).await.is_err());
        }
        assert_eq!(soon(elsewhere.devices("u-4", None)).await.unwrap().len(), 1);
        server.command(&["FLUSHALL"]);
    });
}

#[test]
fn a_full_server_has_a_bounded_reserve() {
    let Some(server) = Redis::start() else { return };
    let store = store(&server.url());
    run(async {
        let mine = session("u-7");
        assert!(soon(store.insert(&mine, NOW)).await.unwrap());
        soon(store.revoke(&[revocation("a")], NOW)).await.unwrap();
        server.command(&["CONFIG", "SET", "maxmemory", "1"]);
        soon(store.revoke(&[revocation("b")], NOW)).await.unwrap();
        let large = revocation(&"x".repeat(2000));
        let error = soon(store.revoke(&[large], NOW)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Full, "{error}");

        // The end of a session is no larger, and expires earlier.
        let end = StoredSession {
            expires_at: NOW + 1,
            ..next(&mine)
        };
        let larger = StoredSession {
            data: vec![b'x'; 500],
            ..end.clone()
        };
        for refused in [larger, next(&mine)] {
            let error = soon(store.replace(&refused, 1, NOW)).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Full, "{error}");
        }
        assert!(soon(store.confirm(&mine, NOW)).await.unwrap());
        assert!(soon(store.replace(&end, 1, NOW)).await.unwrap());

        server.command(&["CONFIG", "SET", "maxmemory", "0"]);
        let script = "for i = 1, 100000 do redis.call('HSET', KEYS[1], 't' .. i, i) end";
        server.command(&["EVAL", script, "1", "{tollgate:revocations}:entries"]);
        server.command(&["CONFIG", "SET", "maxmemory", "1"]);
        let error = soon(store.revoke(&[revocation("c")], NOW))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Full, "{error}");
        let longer = Revocation {
            expires_at: revocation("a").expires_at + 9,
            ..revocation("a")
        };
        soon(store.revoke(from_ref(&longer), NOW)).await.unwrap();
        let found = soon(store.find(from_ref(&longer.key), NOW)).await.unwrap();
        assert_eq!(found, [longer]);
    });
}
