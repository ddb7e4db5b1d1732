//! Runs the three programs as processes.

#![cfg(unix)] // the printed commands need a POSIX shell
#![allow(clippy::unwrap_used)]

#[allow(dead_code)] // not every function is used here
#[path = "../../quickstart/tests/running/mod.rs"]
mod running;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use microservices::{BILLING, ISSUER, ORDERS};
use serde_json::Value;

use crate::running::{Answer, Server, folder};

const ISSUER_PROGRAM: &str = env!("CARGO_BIN_EXE_issuer");
const ORDERS_PROGRAM: &str = env!("CARGO_BIN_EXE_orders");
const BILLING_PROGRAM: &str = env!("CARGO_BIN_EXE_billing");

fn below(folder: &Path, name: &str) -> PathBuf {
    let below = folder.join(name);
    fs::create_dir_all(&below).unwrap();
    below
}

fn start_issuer(folder: &Path, arguments: &[&str]) -> Server {
    Server::start(ISSUER_PROGRAM, &below(folder, "issuer"), arguments)
}

fn start_service(program: &str, folder: &Path, issuer: &str, arguments: &[&str]) -> Server {
    let name = Path::new(program).file_name().unwrap().to_str().unwrap();
    let arguments = [&["--issuer", issuer], arguments].concat();
    Server::start(program, &below(folder, name), &arguments)
}

/// Options of a service that fetches keys every one to two seconds.
const EAGER: &[&str] = &["--life", "2", "--cool-down", "1"];
/// Options of a service that fetches keys only on demand during a test.
const LAZY: &[&str] = &["--life", "80000"];

/// The three running programs.
struct Running {
    issuer: Server,
    orders: Server,
    billing: Server,
}

impl Running {
    fn start(name: &str, issuer: &[&str], service: &[&str]) -> Self {
        let folder = folder(name);
        let issuer = start_issuer(&folder, issuer);
        let url = format!("http://{}", issuer.address);
        let orders = start_service(ORDERS_PROGRAM, &folder, &url, service);
        let billing = start_service(BILLING_PROGRAM, &folder, &url, service);
        wait("the orders are ready", || ready(&orders) == 200);
        assert_eq!(ready(&billing), 200, "it does not start without keys");
        Self {
            issuer,
            orders,
            billing,
        }
    }

    fn services(&self) -> [&Server; 2] {
        [&self.orders, &self.billing]
    }

    fn orders(&self, token: &str) -> Answer {
        with(&self.orders, "GET", "/orders", token)
    }

    fn invoices(&self, token: &str) -> Answer {
        with(&self.billing, "GET", "/invoices", token)
    }

    /// Returns a token for orders and one for billing.
    fn tokens(&self) -> [String; 2] {
        [ORDERS, BILLING].map(|resource| token(&self.issuer, "shop", "sesame", resource))
    }

    fn statuses(&self, [orders, billing]: &[String; 2]) -> [u16; 2] {
        [self.orders(orders).status, self.invoices(billing).status]
    }

    /// Rotates the key and returns the `kid` of the new one.
    fn rotate(&self) -> String {
        let operator = token(&self.issuer, "operator", "xyzzy", ISSUER);
        let answer = with(&self.issuer, "POST", "/keys", &operator);
        assert_eq!(answer.status, 201, "{answer:?}");
        text(&json(&answer)["kid"])
    }

    fn withdraw(&self, kid: &str) -> u16 {
        let operator = token(&self.issuer, "operator", "xyzzy", ISSUER);
        with(&self.issuer, "DELETE", &format!("/keys/{kid}"), &operator).status
    }
}

fn ready(service: &Server) -> u16 {
    service.send("GET", "/ready", &[], "").status
}

/// Returns the key status of a service.
fn status(service: &Server) -> Value {
    json(&service.send("GET", "/status", &[], ""))["sources"][0].take()
}

fn kids(service: &Server) -> Vec<String> {
    let status = status(service);
    let keys = status["keys"].as_array().unwrap().iter();
    keys.map(|key| text(&key["kid"])).collect()
}

fn with(server: &Server, method: &str, path: &str, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    server.send(method, path, &[("authorization", &bearer)], "")
}

fn ask_for_token(issuer: &Server, form: &str) -> Answer {
    let form_type = ("content-type", "application/x-www-form-urlencoded");
    issuer.send("POST", "/token", &[form_type], form)
}

fn token(issuer: &Server, client: &str, secret: &str, resource: &str) -> String {
    let form = format!(
        "grant_type=client_credentials&client_id={client}&client_secret={secret}\
         &resource={resource}"
    );
    let answer = ask_for_token(issuer, &form);
    assert_eq!(
        (answer.status, answer.header("cache-control")),
        (200, "no-store"),
        "{answer:?}"
    );
    text(&json(&answer)["access_token"])
}

fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{answer:?}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Polls until the condition holds.
fn wait(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !so() {
        assert!(Instant::now() < end, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_token_is_valid_for_one_service_only() {
    let running = Running::start("audience", &[], &[]);
    let [orders, billing] = running.tokens();
    assert_eq!(running.orders(&orders).status, 200);
    assert_eq!(running.invoices(&billing).status, 200);
    for answer in [running.orders(&billing), running.invoices(&orders)] {
        assert_eq!(answer.status, 401);
        assert!(
            answer
                .header("www-authenticate")
                .contains(r#"error="invalid_token""#),
            "{answer:?}"
        );
    }
    // Tokens of other services cannot change the issuer's keys.
    for stranger in [&orders, &billing] {
        assert_eq!(with(&running.issuer, "POST", "/keys", stranger).status, 401);
    }
    assert_eq!(running.issuer.send("POST", "/keys", &[], "").status, 401);
    assert_eq!(kids(&running.orders).len(), 1);
}

#[test]
fn a_new_key_is_fetched_on_first_use_and_the_former_key_remains() {
    let running = Running::start("rotate", &["--max-age", "80000"], LAZY);
    let before = running.tokens();
    assert_eq!(running.statuses(&before), [200, 200]);
    let kid = running.rotate();
    for service in running.services() {
        assert!(!kids(service).contains(&kid), "it has not fetched yet");
    }
    let after = running.tokens();
    // On an overloaded machine, the fetch may take longer than the request waits.
    let mut statuses = [503; 2];
    wait("the keys come", || {
        statuses = running.statuses(&after);
        !statuses.contains(&503)
    });
    assert_eq!(statuses, [200, 200], "at the first request");
    assert_eq!(
        running.statuses(&before),
        [200, 200],
        "the former key is published on"
    );
    for service in running.services() {
        let status = status(service);
        let keys = status["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 2, "{status}");
        assert!(keys.iter().all(|key| key["last_used"].is_u64()), "{status}");
    }
}

#[test]
fn an_announced_key_is_known_before_it_signs() {
    let running = Running::start("announce", &["--announce", "3600"], EAGER);
    let announced = running.rotate();
    for service in running.services() {
        wait("the announced key is there", || {
            kids(service).contains(&announced)
        });
    }
    let tokens = running.tokens();
    assert_eq!(
        running.statuses(&tokens),
        [200, 200],
        "the first key signs on"
    );
    for service in running.services() {
        let status = status(service);
        let keys = status["keys"].as_array().unwrap().iter();
        let used: Vec<_> = keys
            .filter(|key| key["last_used"].is_u64())
            .map(|key| text(&key["kid"]))
            .collect();
        assert!(used.len() == 1 && used[0] != announced, "{status}");
    }
}

#[test]
fn a_withdrawn_key_is_refused_after_the_next_fetch() {
    let running = Running::start("withdraw", &[], EAGER);
    let before = running.tokens();
    assert_eq!(running.statuses(&before), [200, 200]);
    let set = running.issuer.send("GET", "/jwks.json", &[], "");
    let former = text(&json(&set)["keys"][0]["kid"]);

    running.rotate();
    assert_eq!(running.withdraw(&former), 204);
    assert_eq!(running.withdraw(&former), 404, "the key no longer exists");
    wait("what it signed is refused", || {
        running.statuses(&before) == [401, 401]
    });
    let after = running.tokens();
    wait("the new key is good", || {
        running.statuses(&after) == [200, 200]
    });
    for service in running.services() {
        assert!(!kids(service).contains(&former));
    }
}

#[test]
fn services_continue_without_the_issuer() {
    let Running {
        issuer,
        orders,
        billing,
    } = Running::start("gone", &[], EAGER);
    let [for_orders, for_billing] =
        [ORDERS, BILLING].map(|to| token(&issuer, "shop", "sesame", to));
    drop(issuer); // with SIGKILL
    let statuses = || {
        [
            with(&orders, "GET", "/orders", &for_orders).status,
            with(&billing, "GET", "/invoices", &for_billing).status,
        ]
    };
    assert_eq!(statuses(), [200, 200]);
    for service in [&orders, &billing] {
        wait("it has noticed", || status(service)["readiness"] == "stale");
        assert_eq!(ready(service), 200, "it can still serve");
    }
    assert_eq!(
        statuses(),
        [200, 200],
        "the keys are past their life, and used on"
    );
    for log in [orders.log(), billing.log()] {
        assert!(
            !log.contains(&for_orders) && !log.contains(&for_billing),
            "a token in the log"
        );
    }
}

#[test]
fn without_the_issuer_a_lazy_service_answers_503_and_an_eager_one_fails() {
    let folder = folder("first");
    // The issuer URL points to a server that closes every connection.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    std::thread::spawn(move || nobody.incoming().for_each(drop));
    let issuer = start_issuer(&folder, &["--name", &url]);
    let good = token(&issuer, "shop", "sesame", ORDERS);

    let orders = start_service(ORDERS_PROGRAM, &folder, &url, &[]);
    assert_eq!(ready(&orders), 503);
    let refused = with(&orders, "GET", "/orders", &good);
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(
        refused.header("retry-after").parse::<u64>().unwrap() >= 1,
        "{refused:?}"
    );
    assert_eq!(
        orders.send("GET", "/orders", &[], "").status,
        401,
        "no key is required for this"
    );

    let output = Command::new(BILLING_PROGRAM)
        .args(["--listen", "127.0.0.1:0", "--issuer", &url])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("billing: "), "{message}");
}

#[test]
fn a_remote_issuer_requires_https() {
    for program in [ORDERS_PROGRAM, BILLING_PROGRAM] {
        let output = Command::new(program)
            .args([
                "--listen",
                "127.0.0.1:0",
                "--issuer",
                "http://id.example.com",
            ])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains("https"), "{message}");
    }
}

#[test]
fn an_invalid_token_request_gets_no_token() {
    let issuer = start_issuer(&folder("wrong"), &[]);
    let asked = "grant_type=client_credentials&client_id=shop";
    for (form, status, error) in [
        (
            format!("{asked}&client_secret=x&resource={ORDERS}"),
            401,
            "invalid_client",
        ),
        (
            format!("{asked}&client_secret=sesame&resource={ISSUER}"),
            400,
            "invalid_target",
        ),
        (
            format!("{asked}&client_secret=sesame"),
            400,
            "invalid_request",
        ),
        (
            format!("grant_type=password&client_id=shop&client_secret=sesame&resource={ORDERS}"),
            400,
            "unsupported_grant_type",
        ),
        (String::new(), 400, "invalid_request"),
    ] {
        let answer = ask_for_token(&issuer, &form);
        assert_eq!(
            (answer.status, &*text(&json(&answer)["error"])),
            (status, error),
            "{form}"
        );
    }
}

#[test]
fn the_printed_commands_work_as_shown() {
    let folder = folder("printed");
    let issuer = start_issuer(&folder, &[]);
    let url = format!("http://{}", issuer.address);
    let orders = start_service(ORDERS_PROGRAM, &folder, &url, &[]);
    let billing = start_service(BILLING_PROGRAM, &folder, &url, &[]);
    wait("the orders are ready", || ready(&orders) == 200);
    // The services come first: the issuer's commands withdraw the key of their tokens.
    let expected: [(_, &[u16]); 3] = [
        (&orders, &[200, 200, 401, 401, 200]),
        (&billing, &[200, 200, 401, 401, 200]),
        (&issuer, &[200, 200, 201, 200, 204, 401]),
    ];
    for (server, expected) in expected {
        let Some(written) = server.paste(&folder, |_| true) else {
            return;
        };
        let mut statuses = Vec::new();
        for (promise, text) in written.iter().filter(|(_, text)| text.starts_with("HTTP/")) {
            let answer = Answer::read(text);
            assert!(
                promise.contains(&answer.status.to_string()),
                "{promise} {answer:?}"
            );
            statuses.push(answer.status);
        }
        assert_eq!(statuses, expected, "{written:?}");
    }
    for server in [orders, billing, issuer] {
        assert!(server.interrupt().success(), "Ctrl-C is the ordinary end");
    }
}

#[test]
fn an_invalid_argument_is_named() {
    for (program, arguments, named) in [
        (ISSUER_PROGRAM, &["--keys", "x"][..], "--keys"),
        (ISSUER_PROGRAM, &["--announce", "-1"], "-1"),
        (ORDERS_PROGRAM, &["--listen", "here"], "here"),
        (BILLING_PROGRAM, &["--life", "long"], "long"),
        (BILLING_PROGRAM, &["orders"], "orders"),
    ] {
        let output = Command::new(program).args(arguments).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(named), "{message}");
    }
    for (program, option) in [
        (ISSUER_PROGRAM, "--max-age"),
        (ORDERS_PROGRAM, "8081"),
        (BILLING_PROGRAM, "8082"),
    ] {
        let help = Command::new(program).arg("--help").output().unwrap();
        assert!(help.status.success() && String::from_utf8(help.stdout).unwrap().contains(option));
    }
}

#[test]
fn slow_clients_do_not_delay_a_stop() {
    for signal in ["-INT", "-TERM"] {
        let running = Running::start(&format!("stop{signal}"), &[], LAZY);
        for server in [running.orders, running.billing, running.issuer] {
            server.stop_with_slow_clients(signal);
        }
    }
}
