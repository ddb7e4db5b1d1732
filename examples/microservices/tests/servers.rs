//! The three programs, run as a user runs them.

#![cfg(unix)] // the printed commands are for a POSIX shell
#![allow(clippy::unwrap_used)]

#[allow(dead_code)] // it can do more than is needed here
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

/// A service that asks for keys every second or two.
const EAGER: &[&str] = &["--life", "2", "--cool-down", "1"];
/// A service that does not ask for keys in the time that a test takes, unless it has a reason to.
const LAZY: &[&str] = &["--life", "80000"];

/// All three.
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

    /// One for the orders, and one for the billing.
    fn tokens(&self) -> [String; 2] {
        [ORDERS, BILLING].map(|resource| token(&self.issuer, "shop", "sesame", resource))
    }

    fn statuses(&self, [orders, billing]: &[String; 2]) -> [u16; 2] {
        [self.orders(orders).status, self.invoices(billing).status]
    }

    /// The `kid` of the key that signs from now on.
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

/// How the service's keys stand.
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
        "grant_type=client_credentials&client_id={client}&client_secret={secret}&resource={resource}"
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

/// Asks until it is so.
fn wait(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !so() {
        assert!(Instant::now() < end, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_token_is_good_for_its_own_service_alone() {
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
    // Nor are the issuer's keys changed by just anybody.
    for stranger in [&orders, &billing] {
        assert_eq!(with(&running.issuer, "POST", "/keys", stranger).status, 401);
    }
    assert_eq!(running.issuer.send("POST", "/keys", &[], "").status, 401);
    assert_eq!(kids(&running.orders).len(), 1);
}

#[test]
fn a_new_key_is_known_with_its_first_token_and_the_former_one_stays() {
    let running = Running::start("rotate", &["--max-age", "80000"], LAZY);
    let before = running.tokens();
    assert_eq!(running.statuses(&before), [200, 200]);
    let kid = running.rotate();
    for service in running.services() {
        assert!(!kids(service).contains(&kid), "nobody has told it");
    }
    let after = running.tokens();
    // On a machine that stands still, the fetch may take longer than a request waits for it.
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
fn a_key_that_was_announced_is_known_before_it_signs() {
    let running = Running::start("announce", &["--announce", "3600"], EAGER);
    let announced = running.rotate();
    for service in running.services() {
        wait("the announced key is there", || {
            kids(service).contains(&announced)
        });
    }
    let tokens = running.tokens();
    assert_eq!(running.statuses(&tokens), [200, 200], "the first key signs on");
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
fn a_key_that_was_taken_away_is_good_nowhere_after_the_next_fetch() {
    let running = Running::start("withdraw", &[], EAGER);
    let before = running.tokens();
    assert_eq!(running.statuses(&before), [200, 200]);
    let set = running.issuer.send("GET", "/jwks.json", &[], "");
    let former = text(&json(&set)["keys"][0]["kid"]);

    running.rotate();
    assert_eq!(running.withdraw(&former), 204);
    assert_eq!(running.withdraw(&former), 404, "it is gone");
    wait("what it signed is refused", || {
        running.statuses(&before) == [401, 401]
    });
    let after = running.tokens();
    wait("the new key is good", || running.statuses(&after) == [200, 200]);
    for service in running.services() {
        assert!(!kids(service).contains(&former));
    }
}

#[test]
fn services_go_on_without_the_issuer() {
    let Running {
        issuer,
        orders,
        billing,
    } = Running::start("gone", &[], EAGER);
    let [for_orders, for_billing] = [ORDERS, BILLING].map(|to| token(&issuer, "shop", "sesame", to));
    drop(issuer); // by SIGKILL
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
fn a_service_that_starts_first_answers_503_or_does_not_start() {
    let folder = folder("first");
    // The issuer says that it is where nobody answers.
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
        "for that no key is needed"
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
fn an_issuer_elsewhere_must_be_reached_safely() {
    for program in [ORDERS_PROGRAM, BILLING_PROGRAM] {
        let output = Command::new(program)
            .args(["--listen", "127.0.0.1:0", "--issuer", "http://id.example.com"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains("https"), "{message}");
    }
}

#[test]
fn who_asks_wrongly_gets_no_token() {
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
        (format!("{asked}&client_secret=sesame"), 400, "invalid_request"),
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
fn the_printed_commands_do_what_they_say() {
    let folder = folder("printed");
    let issuer = start_issuer(&folder, &[]);
    let url = format!("http://{}", issuer.address);
    let orders = start_service(ORDERS_PROGRAM, &folder, &url, &[]);
    let billing = start_service(BILLING_PROGRAM, &folder, &url, &[]);
    wait("the orders are ready", || ready(&orders) == 200);
    // The services first: their tokens are of the key that the issuer's commands take away.
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
fn a_bad_argument_is_named() {
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
