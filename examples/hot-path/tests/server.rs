//! Runs the server as a process: cache hits, verifications and refusals.

#![cfg(unix)] // the printed commands need a POSIX shell
#![allow(clippy::unwrap_used)]

#[path = "../../quickstart/tests/running/mod.rs"]
#[allow(dead_code)] // not every function is used here
mod running;

use std::process::Command;

use serde_json::Value;

use crate::running::{Answer, Server, folder};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hot-path");

/// A running server and its printed tokens.
struct Shop {
    server: Server,
    shopper: String,
    operator: String,
}

impl Shop {
    fn open(name: &str, arguments: &[&str]) -> Self {
        let folder = folder(name);
        let server = Server::start(PROGRAM, &folder, arguments);
        let printed = |name: &str| {
            let start = format!("    {name}=");
            let line = server
                .welcome
                .lines()
                .find_map(|line| line.strip_prefix(&start));
            line.unwrap().to_owned()
        };
        let (shopper, operator) = (printed("TOKEN"), printed("OPERATOR"));
        Self {
            server,
            shopper,
            operator,
        }
    }

    fn send(&self, method: &str, path: &str, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        self.server
            .send(method, path, &[("authorization", &bearer)], "")
    }

    fn orders(&self, token: &str) -> u16 {
        let answer = self.send("GET", "/orders", token);
        if answer.status == 200 {
            assert_eq!(answer.body, "the orders of ada\n");
        }
        answer.status
    }

    /// Rotates the key and returns the new tokens.
    fn rotate(&self) -> Value {
        let answer = self.send("POST", "/keys", &self.operator);
        assert_eq!(
            (answer.status, answer.header("cache-control")),
            (200, "no-store")
        );
        serde_json::from_str(&answer.body).unwrap()
    }

    fn metric(&self, name: &str) -> u64 {
        let answer = self.server.send("GET", "/metrics", &[], "");
        assert_eq!(answer.status, 200);
        assert!(
            answer.header("content-type").starts_with("text/plain"),
            "{answer:?}"
        );
        let mut values = answer
            .body
            .lines()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        let value = values
            .next()
            .unwrap_or_else(|| panic!("{name}: {answer:?}"));
        assert_eq!(values.next(), None);
        value
    }

    fn misses_and_hits(&self) -> (u64, u64) {
        (
            self.metric("token_cache_misses_total"),
            self.metric("token_cache_hits_total"),
        )
    }
}

#[test]
fn a_token_is_verified_once_and_then_cached() {
    let shop = Shop::open("recognised", &[]);
    assert_eq!(
        (shop.misses_and_hits(), shop.metric("token_cache_tokens")),
        ((0, 0), 0)
    );

    assert_eq!(shop.orders(&shop.shopper), 200);
    assert_eq!(shop.misses_and_hits(), (1, 0));
    for _ in 0..5 {
        assert_eq!(shop.orders(&shop.shopper), 200);
    }
    assert_eq!(shop.misses_and_hits(), (1, 5));
    assert_eq!(shop.metric("token_cache_tokens"), 1);
    assert!(shop.metric("token_cache_bytes") > shop.shopper.len() as u64);

    // A refused token counts neither as hit nor as miss, and is not cached.
    let (rest, _) = shop.shopper.rsplit_once('.').unwrap();
    let forged = format!("{rest}.{}", "A".repeat(86));
    assert_eq!((shop.orders(&forged), shop.orders(&forged)), (401, 401));
    assert_eq!(shop.misses_and_hits(), (1, 5));
    assert_eq!(shop.metric("token_cache_tokens"), 1);
}

#[test]
fn a_withdrawn_key_invalidates_its_cached_tokens() {
    let shop = Shop::open("withdrawn", &["--workers", "1"]);
    assert_eq!(
        (shop.orders(&shop.shopper), shop.orders(&shop.shopper)),
        (200, 200)
    );
    assert_eq!(shop.misses_and_hits(), (1, 1));

    let next = shop.rotate();
    assert_eq!(next["kid"], "2");
    assert_eq!(
        shop.misses_and_hits(),
        (2, 1),
        "the operator's token was verified too"
    );
    // The former key remains, but in a new set, so its tokens are verified once more.
    assert_eq!(
        (shop.orders(&shop.shopper), shop.orders(&shop.shopper)),
        (200, 200)
    );
    assert_eq!(shop.misses_and_hits(), (3, 2));

    assert_eq!(shop.send("DELETE", "/keys/1", &shop.operator).status, 204);
    let refused = shop.send("GET", "/orders", &shop.shopper);
    assert_eq!(refused.status, 401);
    assert!(
        refused
            .header("www-authenticate")
            .contains(r#"error="invalid_token""#),
        "{refused:?}"
    );
    assert_eq!(
        shop.send("DELETE", "/keys/2", &shop.operator).status,
        401,
        "the operator's token has the same key"
    );

    let [shopper, operator] = ["shopper", "operator"].map(|who| next[who].as_str().unwrap());
    assert_eq!((shop.orders(shopper), shop.orders(shopper)), (200, 200));
    let before = shop.misses_and_hits();
    assert_eq!(shop.send("DELETE", "/keys/1", operator).status, 404);
    assert_eq!(shop.orders(shopper), 200);
    let (misses, hits) = shop.misses_and_hits();
    assert_eq!(
        (misses, hits),
        (before.0 + 1, before.1 + 1),
        "an unknown key changes nothing"
    );
}

#[test]
fn a_cleared_cache_verifies_tokens_again() {
    let shop = Shop::open("forgotten", &[]);
    assert_eq!(
        (shop.orders(&shop.shopper), shop.orders(&shop.shopper)),
        (200, 200)
    );
    assert_eq!(shop.misses_and_hits(), (1, 1));
    assert_eq!(
        shop.send("DELETE", "/verified-tokens", &shop.operator)
            .status,
        204
    );
    assert_eq!(
        (shop.orders(&shop.shopper), shop.orders(&shop.shopper)),
        (200, 200)
    );
    assert_eq!(shop.misses_and_hits(), (3, 2));
}

#[test]
fn only_the_operator_may_change_keys() {
    let shop = Shop::open("operator", &[]);
    for (method, path) in [
        ("DELETE", "/verified-tokens"),
        ("POST", "/keys"),
        ("DELETE", "/keys/1"),
    ] {
        // Twice: the second request is a cache hit, and the scope is still checked.
        for _ in 0..2 {
            let answer = shop.send(method, path, &shop.shopper);
            assert_eq!(answer.status, 403, "{method} {path}");
            assert!(
                answer
                    .header("www-authenticate")
                    .ends_with(r#"scope="admin""#),
                "{answer:?}"
            );
        }
        assert_eq!(shop.server.send(method, path, &[], "").status, 401);
    }
    assert!(shop.misses_and_hits().1 > 0);
    // The operator may not read orders: the claims are shared behind an `Arc`, the guard is checked
    // each time.
    for _ in 0..2 {
        assert_eq!(shop.orders(&shop.operator), 403);
    }
    assert_eq!(shop.orders(&shop.shopper), 200, "the key is still there");
    let log = shop.server.log();
    assert!(log.contains("InsufficientScope"), "{log}");
    assert!(!log.contains(&shop.shopper) && !log.contains(&shop.operator));
}

#[test]
fn the_printed_commands_work_as_shown() {
    let shop = Shop::open("printed", &[]);
    let Some(written) = shop.server.paste(&folder("printed-commands"), |_| true) else {
        return;
    };
    let mut statuses = Vec::new();
    for (promise, text) in &written {
        if text.starts_with("HTTP/") {
            let answer = Answer::read(text);
            assert!(
                promise.contains(&answer.status.to_string()),
                "{promise} {answer:?}"
            );
            statuses.push(answer.status);
        }
    }
    assert_eq!(statuses, [200, 200, 200, 204, 403, 200, 200, 204, 401]);
    assert!(
        shop.server.interrupt().success(),
        "Ctrl-C is the ordinary end"
    );
}

#[test]
fn invalid_arguments_are_refused() {
    for (arguments, problem) in [
        (&["--cache-mib", "0"][..], "less than 64 KiB"),
        (&["--cache-mib", "-1"], "invalid digit"),
        (&["--workers", "0"], "zero"),
        (&["--nonsense"], "--nonsense"),
    ] {
        let output = Command::new(PROGRAM).args(arguments).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && text.contains(problem),
            "{arguments:?}: {text}"
        );
    }
    let output = Command::new(PROGRAM).arg("--help").output().unwrap();
    assert!(
        output.status.success()
            && String::from_utf8(output.stdout)
                .unwrap()
                .contains("--cache-mib")
    );
}

#[test]
fn slow_clients_do_not_delay_a_stop() {
    for signal in ["-INT", "-TERM"] {
        Server::start(PROGRAM, &folder(&format!("stop{signal}")), &[])
            .stop_with_slow_clients(signal);
    }
}
