//! The true cause of every failure.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tollgate_session::{RevocationStore, SessionStore, StoreError, StoreErrorKind};
use tollgate_store_redis::RedisStore;
use tollgate_tests::servers::{Redis, RedisCluster, eventually};

use crate::fixture::{NOW, revocation, run, session, soon, store};
use crate::outages::all_fail;

const SHORT: Duration = Duration::from_millis(500);

async fn inserting(store: &RedisStore) -> StoreError {
    soon(store.insert(&session("u-7"), NOW)).await.unwrap_err()
}

fn is(error: &StoreError, kind: StoreErrorKind, text: &str) {
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(text), "{error}");
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

#[test]
fn a_server_without_a_free_connection_is_exhausted() {
    for password in [&[][..], &["--requirepass", "s3cret"]] {
        let options = [&["--maxclients", "4"], password].concat();
        let Some(server) = Redis::start_with(&options) else {
            return;
        };
        let url = server.url().replace("redis://", "redis://:s3cret@");
        let url = if password.is_empty() {
            server.url()
        } else {
            url
        };
        run(async {
            let mut held = Vec::new();
            for _ in 0..4 {
                held.push(
                    TcpStream::connect(("127.0.0.1", server.port()))
                        .await
                        .unwrap(),
                );
            }
            for _ in 0..20 {
                let error = inserting(&store(&url)).await;
                is(&error, StoreErrorKind::Exhausted, "number of clients");
            }
            drop(held);
            crate::outages::resumes(&store(&url)).await;
        });
    }
}

#[test]
fn a_replica_accepts_no_writes() {
    let Some(mut master) = Redis::start() else {
        return;
    };
    let port = master.port().to_string();
    let options = [
        "--replicaof",
        "127.0.0.1",
        &port,
        "--replica-serve-stale-data",
        "no",
    ];
    let Some(replica) = Redis::start_with(&options) else {
        return;
    };
    eventually("the replica is in sync", || {
        replica
            .command(&["INFO", "replication"])
            .contains("master_link_status:up")
    });
    let store = store(&replica.url());
    run(async {
        is(
            &inserting(&store).await,
            StoreErrorKind::ReadOnly,
            "replica",
        );
        let revoked = soon(store.revoke(&[revocation("a")], NOW))
            .await
            .unwrap_err();
        is(&revoked, StoreErrorKind::ReadOnly, "READONLY");
        assert_eq!(soon(store.load(&session("u").id, NOW)).await.unwrap(), None);
        master.stop();
        eventually("the replica has lost its master", || {
            replica
                .command(&["INFO", "replication"])
                .contains("master_link_status:down")
        });
        let error = soon(store.load(&session("u").id, NOW)).await.unwrap_err();
        is(&error, StoreErrorKind::Unavailable, "MASTERDOWN");
    });
}

#[test]
fn a_server_that_lacks_replicas_or_runs_a_script_says_so() {
    let options = ["--busy-reply-threshold", "50"];
    let Some(server) = Redis::start_with(&options) else {
        return;
    };
    let store = store(&server.url());
    run(async {
        crate::outages::resumes(&store).await;
        server.command(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
        let error = inserting(&store).await;
        is(&error, StoreErrorKind::Unavailable, "NOREPLICAS");
        server.command(&["CONFIG", "SET", "min-replicas-to-write", "0"]);

        let mut endless = TcpStream::connect(("127.0.0.1", server.port()))
            .await
            .unwrap();
        let script = b"EVAL \"while true do end\" 0\r\n";
        endless.write_all(script).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        is(
            &inserting(&store).await,
            StoreErrorKind::Unavailable,
            "BUSY",
        );
        server.command(&["SCRIPT", "KILL"]);
        crate::outages::resumes(&store).await;
    });
}

/// A store for one server at a node of a cluster, and the other way round.
#[test]
fn a_cluster_and_a_single_server_are_told_apart() {
    let (Some(server), Some(cluster)) = (Redis::start(), RedisCluster::start()) else {
        return;
    };
    run(async {
        let node = store(&cluster.urls()[0]);
        // Some subjects are on this node.
        let mut errors = Vec::new();
        for subject in 0..20 {
            errors.extend(
                soon(node.insert(&session(&subject.to_string()), NOW))
                    .await
                    .err(),
            );
            errors.extend(soon(node.load(&session("u-7").id, NOW)).await.err());
        }
        assert!(!errors.is_empty());
        for error in errors {
            is(&error, StoreErrorKind::Unavailable, "`RedisStore::cluster`");
        }
        let single = RedisStore::cluster([server.url()]).timeout(SHORT).build();
        let single = single.unwrap();
        let read = soon(single.load(&session("u-7").id, NOW)).await;
        for error in [inserting(&single).await, read.unwrap_err()] {
            is(&error, StoreErrorKind::Unavailable, "`RedisStore::builder`");
        }
    });
}

#[test]
fn an_unknown_host_or_a_closed_port_says_so() {
    run(async {
        let host = RedisStore::builder("redis://:s3cret@no-such-host.invalid")
            .dangerous_plain_tcp()
            .build()
            .unwrap();
        let error = inserting(&host).await;
        let timed_out = error.kind() == StoreErrorKind::Timeout;
        if !timed_out {
            is(&error, StoreErrorKind::Unavailable, "host name");
        }
        let closed = store("redis://:s3cret@127.0.0.1:1");
        is(
            &inserting(&closed).await,
            StoreErrorKind::Unavailable,
            "refused",
        );
    });
}

/// A server that answers each command with the same response, after correct answers to `INFO`.
async fn answering(answer: &'static [u8], info: &'static str) -> RedisStore {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut heard = vec![0; 64 * 1024];
                while let Ok(read @ 1..) = client.read(&mut heard).await {
                    let heard = String::from_utf8_lossy(&heard[..read]).into_owned();
                    // Each command is an array, and an argument contains no line with an asterisk.
                    let commands = heard.split("\r\n").filter(|line| line.starts_with('*'));
                    let infos = heard.matches("\r\nINFO\r\n").count();
                    for _ in infos..commands.count() {
                        if client.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                    let info = format!("${}\r\n{info}\r\n", info.len());
                    for _ in 0..infos {
                        if client.write_all(info.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    RedisStore::builder(&url).timeout(SHORT).build().unwrap()
}

const NEW: &str = "redis_version:7.2.4\r\nmaxmemory_policy:noeviction";

#[test]
fn each_code_of_the_server_has_its_cause() {
    use StoreErrorKind::{Denied, Exhausted, Full, ReadOnly, Unavailable};
    let causes: [(&[u8], StoreErrorKind, &str); 13] = [
        (b"-LOADING Redis is loading\r\n", Unavailable, "LOADING"),
        (
            b"-CLUSTERDOWN Hash slot not served\r\n",
            Unavailable,
            "CLUSTERDOWN",
        ),
        (
            b"-MASTERDOWN Link with MASTER is down\r\n",
            Unavailable,
            "MASTERDOWN",
        ),
        (b"-MISCONF Errors writing to disk\r\n", ReadOnly, "disk"),
        (b"-READONLY You can't write\r\n", ReadOnly, "replica"),
        (b"-OOM command not allowed\r\n", Full, "memory"),
        (b"-BUSY Redis is busy\r\n", Unavailable, "BUSY"),
        (b"-NOAUTH Authentication required.\r\n", Denied, "password"),
        (b"-WRONGPASS invalid\r\n", Denied, "password"),
        (
            b"-NOPERM User s3cret has no permissions to run the 'evalsha' command\r\n",
            Denied,
            "`EVALSHA`",
        ),
        (
            b"-ERR unknown command 'EVALSHA', with args beginning with: 's3cret'\r\n",
            Denied,
            "does not know the command `EVALSHA`",
        ),
        (
            b"-ERR Error compiling script (new function): unexpected symbol near '#'\r\n",
            Unavailable,
            "Redis 7",
        ),
        (
            b"-ERR max number of clients reached\r\n",
            Exhausted,
            "clients",
        ),
    ];
    run(async {
        for (answer, kind, text) in causes {
            let store = answering(answer, NEW).await;
            is(&inserting(&store).await, kind, text);
            let revoked = soon(store.revoke(&[revocation("s3cret")], NOW)).await;
            is(&revoked.unwrap_err(), kind, text);
        }
    });
}

#[test]
fn an_old_server_or_one_with_tls_says_so() {
    run(async {
        let old = answering(b"+OK\r\n", "redis_version:6.2.14\r\n").await;
        for error in crate::outages::errors(&old).await {
            is(&error, StoreErrorKind::Unavailable, "Redis 7");
        }
        // An alert of TLS, or its end of the connection.
        for answer in [&b"\x15\x03\x03\0\x02\x02\x28"[..], b""] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("redis://{}", listener.local_addr().unwrap());
            tokio::spawn(async move {
                while let Ok((mut client, _)) = listener.accept().await {
                    let mut heard = [0; 1024];
                    let _ = client.read(&mut heard).await;
                    let _ = client.write_all(answer).await;
                }
            });
            let store = RedisStore::builder(&url).timeout(SHORT).build().unwrap();
            let error = inserting(&store).await;
            is(&error, StoreErrorKind::Unavailable, "TLS");
        }
    });
}

#[test]
fn a_password_that_the_server_does_not_have_says_so() {
    let Some(server) = Redis::start() else { return };
    let url = server.url().replace("redis://", "redis://:s3cret@");
    run(async {
        is(
            &inserting(&store(&url)).await,
            StoreErrorKind::Denied,
            "password",
        );
        all_fail(&store(&url), StoreErrorKind::Denied).await;
    });
    let error = run(inserting(&store(&format!("{}/99", server.url()))));
    is(&error, StoreErrorKind::Unavailable, "database");
}
