//! Sentinels that name a wrong address, and masters that hang.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tollgate_session::{RevocationStore, SessionStore};
use tollgate_store_redis::RedisStore;
use tollgate_tests::servers::{Redis, RedisSentinels};

use crate::failover::until;
use crate::fixture::{NOW, TIMEOUT, revocation, run, session, soon};
use crate::tls::Authority;

/// A Sentinel that names what the test says, and keeps the commands that it got.
struct FalseSentinel {
    port: u16,
    names: Arc<Mutex<(String, u16)>>,
    got: Arc<Mutex<Vec<String>>>,
}

impl FalseSentinel {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let names = Arc::new(Mutex::new(("127.0.0.1".to_owned(), port)));
        let got = Arc::default();
        let shared = (Arc::clone(&names), Arc::clone(&got));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (names, got) = shared.clone();
                tokio::spawn(answer(client, names, got));
            }
        });
        Self { port, names, got }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn name(&self, host: &str, port: u16) {
        *self.names.lock().unwrap() = (host.to_owned(), port);
    }
}

async fn answer(
    mut client: TcpStream,
    names: Arc<Mutex<(String, u16)>>,
    got: Arc<Mutex<Vec<String>>>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = client.read(&mut buffer).await {
        let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
        got.lock().unwrap().push(text.clone());
        let mut answer = String::new();
        for command in text.split('*').skip(1) {
            if command.contains("SENTINEL") {
                let (host, port) = names.lock().unwrap().clone();
                let port = port.to_string();
                let fields = if command.contains("GET-MASTER") {
                    [&*host, &port]
                } else {
                    ["config-epoch", "9"]
                };
                answer += "*2\r\n";
                for field in fields {
                    write!(answer, "${}\r\n{field}\r\n", field.len()).unwrap();
                }
            } else {
                answer += "$0\r\n\r\n";
            }
        }
        if client.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

#[test]
fn a_sentinel_that_names_itself_gets_no_data_in_plain_text() {
    run(async {
        let sentinel = FalseSentinel::start().await;
        let authority = Authority::new();
        let store = RedisStore::sentinel([sentinel.url()], "rediss://:s3cret@orders")
            .timeout(TIMEOUT)
            .tls_roots(&*authority.1)
            .build()
            .unwrap();
        let error = soon(store.insert(&session("u-7"), NOW)).await.unwrap_err();
        let got = sentinel.got.lock().unwrap().join("");
        assert!(
            !got.contains("u-7") && !got.contains("EVALSHA"),
            "{error}: {got}"
        );
    });
}

#[test]
fn an_address_on_another_machine_is_not_kept() {
    let Some(server) = Redis::start() else { return };
    run(async {
        let sentinel = FalseSentinel::start().await;
        let store = RedisStore::sentinel([sentinel.url()], "redis://orders");
        let store = store.timeout(TIMEOUT).build().unwrap();
        for host in ["192.0.2.1", "0.0.0.0", "redis.example.com"] {
            sentinel.name(host, 6379);
            let error = soon(store.insert(&session("u-7"), NOW)).await.unwrap_err();
            assert!(error.to_string().contains("another machine"), "{error}");
        }
        sentinel.name("127.0.0.1", server.port());
        assert!(soon(store.insert(&session("u-7"), NOW)).await.unwrap());
    });
}

#[test]
fn one_caller_finds_the_successor_of_a_master_that_hangs() {
    let Some(mut servers) = RedisSentinels::start() else {
        return;
    };
    run(async {
        let store = RedisStore::sentinel(servers.urls(), "redis://orders");
        let store = store.timeout(Duration::from_secs(1)).build().unwrap();
        assert!(soon(store.insert(&session("u-7"), NOW)).await.unwrap());
        servers.node(0).pause();
        until("another master is chosen", async || {
            servers.master().is_some_and(|master| master != 0)
        })
        .await;
        let mut failures = 0;
        while soon(store.insert(&session("u-7"), NOW)).await.is_err() {
            failures += 1;
            assert!(failures < 5, "the store keeps to the master that hangs");
        }
        servers.node(0).resume();
    });
}

#[test]
fn hints_arrive_after_a_failover() {
    let Some(mut servers) = RedisSentinels::start() else {
        return;
    };
    run(async {
        let store = || {
            let store = RedisStore::sentinel(servers.urls(), "redis://orders");
            store.timeout(Duration::from_secs(1)).build().unwrap()
        };
        // One store only listens.
        let (listener, writer) = (store(), store());
        let mut feed = soon(listener.feed()).await.unwrap();
        soon(writer.revoke(&[revocation("s-1")], NOW))
            .await
            .unwrap();
        soon(feed.next()).await.unwrap();
        servers.node(0).stop();
        while soon(feed.next()).await.is_ok() {}
        until("another master is chosen", async || {
            servers.master().is_some_and(|master| master != 0)
        })
        .await;
        let mut heard = None;
        until("hints are received again", async || {
            heard = soon(listener.feed()).await.ok();
            heard.is_some()
        })
        .await;
        let mut feed = heard.unwrap();
        soon(writer.revoke(&[revocation("s-2")], NOW))
            .await
            .unwrap();
        soon(feed.next()).await.unwrap();
    });
}
