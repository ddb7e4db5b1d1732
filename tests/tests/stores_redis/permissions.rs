//! Users of Redis with exactly the permissions that the guide names, and with one less.

use tollgate_session::{
    AttemptCharge, AttemptKey, Position, Revocation, RevocationStore, Revocations, SessionStore,
    StoreError, StoreErrorKind, StoredSession,
};
use tollgate_store_redis::RedisStore;
use tollgate_tests::servers::{Redis, RedisCluster};

use crate::fixture::{HOUR, NOW, TIMEOUT, next, revocation, run, session, soon};

const GUIDE: &str = include_str!("../../../docs/guide/stores.md");

/// Returns the rules of a user in the guide, without its password.
fn rules(user: &str) -> Vec<&'static str> {
    let start = format!("ACL SETUSER {user} on >s3cret");
    let (_, rest) = GUIDE.split_once(&start).expect("the guide names the user");
    let (rules, _) = rest.split_once("```").unwrap();
    let rules = rules.split([' ', '\n', '\\']);
    rules.filter(|rule| !rule.is_empty()).collect()
}

fn create(server: &Redis, user: &str, rules: &[&str]) {
    let start = ["ACL", "SETUSER", user, "reset", "on", ">s3cret"];
    let done = server.command(&[&start[..], rules].concat());
    assert_eq!(done, "OK");
}

fn login_as(server: &Redis, user: &str) -> RedisStore {
    let url = server
        .url()
        .replace("redis://", &format!("redis://{user}:s3cret@"));
    RedisStore::builder(&url).timeout(TIMEOUT).build().unwrap()
}

/// Runs every operation and every branch of the scripts, and returns the errors.
async fn everything(server: &Redis, store: &RedisStore) -> Vec<StoreError> {
    let mut errors = Vec::new();
    let mine = session("u-7");
    errors.extend(soon(store.insert(&mine, NOW)).await.err());
    errors.extend(soon(store.load(&mine.id, NOW)).await.err());
    let later = StoredSession {
        expires_at: NOW + 9 * HOUR,
        ..next(&mine)
    };
    errors.extend(soon(store.replace(&later, 1, NOW)).await.err());
    errors.extend(soon(store.confirm(&later, NOW)).await.err());
    errors.extend(soon(store.of_subject("u-7", 9, NOW)).await.err());
    let revoke = async |value: &str, now: u64| {
        let entry = Revocation {
            expires_at: now + HOUR,
            ..revocation(value)
        };
        soon(store.revoke(&[entry], now)).await.err()
    };
    errors.extend(revoke("a", NOW).await);
    // The second one removes the first.
    let now = NOW + HOUR + 301;
    errors.extend(revoke("b", now).await);
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let _: redis::Value = redis::cmd("HSET")
        .arg("{tollgate:revocations}:entries")
        .arg(revocation("b").key.to_bytes())
        .arg("malformed")
        .query_async(&mut connection)
        .await
        .unwrap();
    errors.extend(revoke("b", now).await);
    errors.extend(soon(store.find(&[revocation("b").key], now)).await.err());
    errors.extend(soon(store.snapshot(now)).await.err());
    match soon(store.position()).await {
        Ok(position) => {
            let after = Position {
                sequence: 0,
                ..position
            };
            errors.extend(soon(store.changes(after, now)).await.err());
        }
        Err(error) => errors.push(error),
    }
    let charge = AttemptCharge {
        key: AttemptKey::new([7; 16]),
        seconds: 60,
        most: 60,
        give_back: false,
    };
    errors.extend(soon(store.charge(&[charge], now)).await.err());
    errors.extend(soon(store.clock()).await.err());
    errors.extend(soon(store.feed()).await.err());
    errors
}

#[test]
fn the_permissions_of_the_guide_suffice_and_each_is_needed() {
    let Some(server) = Redis::start() else { return };
    let rules = rules("tollgate");
    assert!(rules.len() > 25, "{rules:?}");
    for missing in std::iter::once(None).chain(rules.iter().copied().map(Some)) {
        if matches!(missing, Some("resetkeys" | "resetchannels" | "-@all")) {
            continue;
        }
        server.command(&["FLUSHALL"]);
        server.command(&["SCRIPT", "FLUSH"]);
        let kept: Vec<&str> = rules
            .iter()
            .copied()
            .filter(|rule| Some(*rule) != missing)
            .collect();
        create(&server, "tollgate", &kept);
        let store = login_as(&server, "tollgate");
        let errors = run(everything(&server, &store));
        for error in &errors {
            assert_eq!(error.kind(), StoreErrorKind::Denied, "{missing:?}: {error}");
            assert!(!error.to_string().contains("tollgate:"), "{error}");
        }
        let named = |name: &str| errors.iter().any(|error| error.to_string().contains(name));
        match missing {
            // The hints and the policy are not required, and a ping needs two seconds.
            None | Some("+publish" | "+info" | "+ping") => {
                assert!(errors.is_empty(), "without {missing:?}: {errors:?}");
            }
            Some(rule) => match rule.strip_prefix('+') {
                Some("subscribe") => assert_eq!(errors.len(), 1, "{errors:?}"),
                Some(command) => {
                    let name = format!("`{}`", command.to_ascii_uppercase());
                    assert!(named(&name), "without {rule}: {errors:?}");
                }
                None if rule.starts_with('&') => assert_eq!(errors.len(), 1, "{errors:?}"),
                None => assert!(named("key"), "without {rule}: {errors:?}"),
            },
        }
    }
}

#[test]
fn a_gate_reads_revocations_with_the_permissions_of_the_guide() {
    let Some(server) = Redis::start() else { return };
    let rules = rules("gate");
    create(&server, "gate", &rules);
    let writer = RedisStore::builder(&server.url()).build().unwrap();
    let gate = login_as(&server, "gate");
    run(async {
        // An instance that may write begins the sequence.
        let error = soon(gate.snapshot(NOW)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Denied, "{error}");
        soon(writer.revoke(&[revocation("a")], NOW)).await.unwrap();

        let start = soon(gate.position()).await.unwrap();
        let mut feed = soon(gate.feed()).await.unwrap();
        soon(writer.revoke(&[revocation("b")], NOW)).await.unwrap();
        soon(feed.next()).await.unwrap();
        let changes = soon(gate.changes(start, NOW)).await.unwrap().unwrap();
        assert_eq!(changes.entries, [revocation("b")]);
        assert_eq!(soon(gate.snapshot(NOW)).await.unwrap().entries.len(), 2);
        let found = soon(gate.find(&[revocation("a").key], NOW)).await.unwrap();
        assert_eq!(found, [revocation("a")]);
        assert!(soon(gate.clock()).await.unwrap().is_some());

        let revocations = Revocations::builder(gate.clone(), "https://id.example.com")
            .build()
            .unwrap();
        while !revocations.in_sync() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        for error in [
            soon(gate.revoke(&[revocation("c")], NOW))
                .await
                .unwrap_err(),
            soon(gate.insert(&session("u-7"), NOW)).await.unwrap_err(),
            soon(gate.load(&session("u-7").id, NOW)).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), StoreErrorKind::Denied, "{error}");
        }

        for rule in rules.iter().filter(|rule| rule.starts_with('+')) {
            let without = format!("-{}", &rule[1..]);
            server.command(&["ACL", "SETUSER", "gate", &without]);
            server.command(&["SCRIPT", "FLUSH"]);
            let gate = login_as(&server, "gate");
            let mut errors = Vec::new();
            errors.extend(soon(gate.snapshot(NOW)).await.err());
            errors.extend(soon(gate.changes(start, NOW)).await.err());
            errors.extend(soon(gate.find(&[revocation("a").key], NOW)).await.err());
            errors.extend(soon(gate.feed()).await.err());
            let optional = matches!(*rule, "+info" | "+ping");
            assert_eq!(errors.is_empty(), optional, "without {rule}: {errors:?}");
            for error in errors {
                assert_eq!(error.kind(), StoreErrorKind::Denied, "{rule}: {error}");
            }
            server.command(&["ACL", "SETUSER", "gate", rule]);
        }
    });
}

/// `INFO` tells the history of a server. A user that may not read it accepts any.
#[test]
fn users_with_and_without_the_history_share_a_sequence() {
    let Some(server) = Redis::start() else { return };
    create(
        &server,
        "app",
        &["allkeys", "allchannels", "+@all", "-info"],
    );
    let stores = [
        login_as(&server, "app"),
        RedisStore::builder(&server.url()).build().unwrap(),
    ];
    run(async {
        let mut epochs = Vec::new();
        for round in 0..6 {
            let store = &stores[round % 2];
            let entry = revocation(&round.to_string());
            soon(store.revoke(&[entry], NOW)).await.unwrap();
            epochs.push(soon(store.position()).await.unwrap().epoch);
        }
        epochs.dedup();
        assert!(epochs.len() <= 2, "{epochs:?}");
    });
}

#[test]
fn the_permissions_of_the_guide_suffice_in_a_cluster() {
    let Some(cluster) = RedisCluster::start() else {
        return;
    };
    let mut rules = rules("tollgate");
    rules.extend(["+cluster|slots", "+asking", "+wait"]);
    assert!(GUIDE.contains("`+cluster|slots +asking`") && GUIDE.contains("`+wait`"));
    let mut urls = Vec::new();
    for node in cluster.nodes() {
        create(node, "tollgate", &rules);
        urls.push(node.url().replace("redis://", "redis://tollgate:s3cret@"));
    }
    let store = RedisStore::cluster(urls)
        .timeout(TIMEOUT)
        .wait_replicas(1, TIMEOUT)
        .build()
        .unwrap();
    run(async {
        let mine = session("u-7");
        assert!(soon(store.insert(&mine, NOW)).await.unwrap());
        assert!(soon(store.confirm(&mine, NOW)).await.unwrap());
        soon(store.revoke(&[revocation("a")], NOW)).await.unwrap();
        assert_eq!(soon(store.snapshot(NOW)).await.unwrap().entries.len(), 1);
    });
}
