//! Runs two instances as processes, with a real cluster of three masters and three replicas.

#![cfg(unix)] // the printed commands need a POSIX shell
#![allow(clippy::unwrap_used)]

#[path = "../../quickstart/tests/running/mod.rs"]
mod running;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_tests::servers::{RedisCluster, eventually};

use crate::running::{Answer, Server, folder};

const PROGRAM: &str = env!("CARGO_BIN_EXE_redis-cluster");
/// Maximum response time of an instance, whatever the state of its store.
const BOUND: Duration = Duration::from_secs(5);

const SIGNING_KEY: &str = include_str!("../../../tests/consumers/checks/keys/ec.pem");
const REFRESH_KEY: [u8; 32] = *b"a secret for tests has 32 bytes.";

/// A cluster, and two instances of the service.
struct Service {
    one: Server,
    other: Server,
    cluster: RedisCluster,
}

impl Service {
    /// Starts them. `None` if Redis is not installed.
    fn start(name: &str) -> Option<Self> {
        let cluster = RedisCluster::start()?;
        let instance = |number: &str| {
            let folder = folder(&format!("{name}-{number}"));
            start(&folder, &cluster)
        };
        Some(Self {
            one: instance("one"),
            other: instance("other"),
            cluster,
        })
    }

    fn instances(&self) -> [&Server; 2] {
        [&self.one, &self.other]
    }
}

fn start(folder: &Path, cluster: &RedisCluster) -> Server {
    let urls = cluster.urls();
    fs::write(folder.join("signing-key.pem"), SIGNING_KEY).unwrap();
    fs::write(folder.join("refresh.key"), REFRESH_KEY).unwrap();
    let mut arguments = vec![
        "--signing-key",
        "signing-key.pem",
        "--refresh-key",
        "refresh.key",
    ];
    for url in &urls {
        arguments.extend(["--redis", url]);
    }
    Server::start(PROGRAM, folder, &arguments)
}

/// The tokens of a client.
#[derive(Clone, Debug, PartialEq)]
struct Tokens {
    access: String,
    refresh: String,
}

fn tokens(answer: &Answer) -> Tokens {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    Tokens {
        access: text("access_token"),
        refresh: text("refresh_token"),
    }
}

fn login(server: &Server) -> Tokens {
    tokens(&server.post("/auth/login", r#"{"user":"ada","password":"lovelace"}"#))
}

fn refresh(server: &Server, token: &str) -> Answer {
    server.post(
        "/auth/refresh",
        &json!({"refresh_token": token}).to_string(),
    )
}

fn with(server: &Server, method: &str, path: &str, access: &str) -> Answer {
    let authorization = format!("Bearer {access}");
    server.send(method, path, &[("authorization", &authorization)], "")
}

fn orders(server: &Server, access: &str) -> Answer {
    with(server, "GET", "/orders", access)
}

/// Returns whether the response is the expected one or a temporary server error, never a client
/// error.
fn is_not_the_clients_fault(answer: &Answer) -> bool {
    if answer.status == 503 {
        assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
        assert_eq!(answer.header("www-authenticate"), "", "{answer:?}");
        return false;
    }
    assert_eq!(answer.status, 200, "{answer:?}");
    true
}

/// Waits until every replica is in sync: Redis acknowledges earlier, and this test is not about
/// that window.
fn until_replicated(cluster: &RedisCluster) {
    for node in cluster.nodes() {
        eventually("the replicas are in sync", || {
            let state = node.command(&["INFO", "replication"]);
            let own = state
                .lines()
                .find_map(|line| line.trim().strip_prefix("master_repl_offset:"));
            let offset = format!(",offset={},", own.unwrap_or_default());
            let mut replicas = state.lines().filter(|line| line.starts_with("slave0:"));
            replicas.all(|line| line.contains(&offset))
        });
    }
}

#[test]
fn instances_share_sessions() {
    let Some(service) = Service::start("together") else {
        return;
    };
    let Service { one, other, .. } = &service;
    let first = login(one);
    assert_eq!(orders(other, &first.access).status, 200);
    let second = tokens(&refresh(other, &first.refresh));
    let again = tokens(&refresh(one, &first.refresh));
    assert_eq!(
        again.refresh, second.refresh,
        "within the grace period, both return the same successor"
    );
    assert_eq!(orders(one, &second.access).status, 200);

    // Sixteen concurrent clients at both instances cause one rotation.
    let successors: Vec<_> = std::thread::scope(|clients| {
        let clients: Vec<_> = (0..16)
            .map(|client| {
                let (server, token) = (service.instances()[client % 2], &second.refresh);
                clients.spawn(move || tokens(&refresh(server, token)).refresh)
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    assert!(
        successors
            .iter()
            .all(|successor| *successor == successors[0])
    );

    // A token that was replaced twice within the grace period is refused at every instance. The
    // session continues.
    assert_eq!(refresh(other, &first.refresh).status, 400);
    assert_eq!(refresh(one, &successors[0]).status, 200);

    let keys = service
        .instances()
        .map(|server| server.send("GET", "/.well-known/jwks.json", &[], "").body);
    assert_eq!(keys[0], keys[1]);
}

#[test]
fn a_logout_applies_to_the_other_instance_within_a_second() {
    let Some(service) = Service::start("logout") else {
        return;
    };
    let Service { one, other, .. } = &service;
    for _ in 0..5 {
        let (mine, elsewhere) = (login(one), login(other));
        assert_eq!(orders(other, &mine.access).status, 200);
        assert_eq!(with(one, "POST", "/auth/logout", &mine.access).status, 204);
        let out = Instant::now();
        assert_eq!(
            orders(one, &mine.access).status,
            401,
            "immediate on the instance of the logout"
        );
        while orders(other, &mine.access).status != 401 {
            assert!(out.elapsed() < Duration::from_secs(1), "still accepted");
        }
        assert_eq!(refresh(other, &mine.refresh).status, 400);
        for server in service.instances() {
            assert_eq!(orders(server, &elsewhere.access).status, 200);
        }
    }
}

#[test]
fn the_loss_of_a_master_ends_no_session() {
    let Some(mut service) = Service::start("failover") else {
        return;
    };
    // Enough sessions to have some on every master.
    let mut sessions: Vec<Tokens> = (0..12).map(|_| login(&service.one)).collect();
    let ended = login(&service.one);
    assert_eq!(
        with(&service.one, "POST", "/auth/logout", &ended.access).status,
        204
    );
    // Each master in turn, including the one with the revocations.
    for master in 0..RedisCluster::MASTERS {
        until_replicated(&service.cluster);
        service.cluster.node(master).stop();
        for (number, session) in sessions.iter_mut().enumerate() {
            let server = service.instances()[number % 2];
            eventually("a refresh after the death of a master", || {
                let asked = Instant::now();
                let answer = refresh(server, &session.refresh);
                assert!(asked.elapsed() < BOUND, "{:?}", asked.elapsed());
                let done = is_not_the_clients_fault(&answer);
                if done {
                    *session = tokens(&answer);
                }
                done
            });
            eventually("the orders after the death of a master", || {
                is_not_the_clients_fault(&orders(server, &session.access))
            });
        }
        for server in service.instances() {
            assert_ne!(
                orders(server, &ended.access).status,
                200,
                "the logout is permanent"
            );
            assert_ne!(refresh(server, &ended.refresh).status, 200);
        }
        service.cluster.node(master).restart();
        service.cluster.until_ready();
    }
}

#[test]
fn without_its_store_the_service_answers_503_and_recovers() {
    let Some(service) = Service::start("down") else {
        return;
    };
    let (mine, ended) = (login(&service.one), login(&service.one));
    assert_eq!(
        with(&service.one, "POST", "/auth/logout", &ended.access).status,
        204
    );
    for node in service.cluster.nodes() {
        node.pause();
    }
    for server in service.instances() {
        // The revocation replica is valid for less than a second.
        eventually("no token is accepted without the store", || {
            let asked = Instant::now();
            let answer = orders(server, &mine.access);
            assert!(asked.elapsed() < BOUND, "{:?}", asked.elapsed());
            !is_not_the_clients_fault(&answer)
        });
        for answer in [
            refresh(server, &mine.refresh),
            server.post("/auth/login", r#"{"user":"ada","password":"lovelace"}"#),
            with(server, "POST", "/auth/logout", &mine.access),
        ] {
            assert!(!is_not_the_clients_fault(&answer), "{answer:?}");
        }
        // Requests that are invalid without a lookup still get a client error.
        assert_eq!(orders(server, "x").status, 401);
        assert_eq!(
            server.send("GET", "/.well-known/jwks.json", &[], "").status,
            200
        );
        assert!(
            server.log().contains("sessions are not available"),
            "{}",
            server.log()
        );
    }
    for node in service.cluster.nodes() {
        node.resume();
    }
    for server in service.instances() {
        eventually("the service is back", || {
            is_not_the_clients_fault(&orders(server, &mine.access))
        });
        eventually("refreshing works again", || {
            is_not_the_clients_fault(&refresh(server, &mine.refresh))
        });
        eventually("the logout is permanent", || {
            orders(server, &ended.access).status == 401
        });
    }
}

#[test]
fn the_printed_commands_work_as_shown() {
    let Some(cluster) = RedisCluster::start() else {
        return;
    };
    let folder = folder("printed");
    let server = start(&folder, &cluster);
    let Some(written) = server.paste(&folder, |_| true) else {
        return;
    };
    let answers = written.iter().filter(|(_, text)| text.starts_with("HTTP/"));
    let mut statuses = Vec::new();
    for (promise, text) in answers {
        let answer = Answer::read(text);
        assert!(
            promise.contains(&answer.status.to_string()),
            "{promise} {answer:?}"
        );
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [200, 200, 204, 401], "{written:?}");
    assert!(server.interrupt().success(), "Ctrl-C is the ordinary end");
}

#[test]
fn an_invalid_argument_is_named() {
    let folder = folder("arguments");
    fs::write(folder.join("short"), "too short").unwrap();
    for (arguments, named) in [
        (&["--keys", "x"][..], "--keys"),
        (&["--listen", "here"], "here"),
        (&[], "--redis"),
        (&["--redis", "redis://127.0.0.1:1"], "--signing-key"),
        (&["--signing-key", "no-such-file"], "no-such-file"),
        (&["--signing-key", "short"], "short"),
        (&["--refresh-key", "short"], "32 bytes"),
    ] {
        let output = Command::new(PROGRAM)
            .args(arguments)
            .current_dir(&folder)
            .output()
            .unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(named), "{arguments:?}: {message}");
    }
    let help = Command::new(PROGRAM).arg("--help").output().unwrap();
    assert!(help.status.success());
    let text = String::from_utf8(help.stdout).unwrap();
    for option in ["--listen", "--redis", "--signing-key", "--refresh-key"] {
        assert!(text.contains(option), "{text}");
    }
}
