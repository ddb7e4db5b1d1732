//! Runs the servers as a process, and the front-end in a real Chromium.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

#[allow(dead_code)] // not every function is used here
#[path = "../../quickstart/tests/running/mod.rs"]
mod running;

use serde_json::{Value, json};
use tollgate_tests::browser::Browser;

use crate::running::{Answer, Server, folder};

const PROGRAM: &str = env!("CARGO_BIN_EXE_other-origin");

/// A script that is true when the page has no pending request.
const IDLE: &str = "document.querySelector('#state').textContent && !document.body.ariaBusy";

const ADA: &str = r#"{"user":"ada","password":"lovelace"}"#;

fn start(name: &str) -> Server {
    Server::start(PROGRAM, &folder(name), &["--front-end", "127.0.0.1:0"])
}

fn front_end(server: &Server) -> &str {
    let mut lines = server.welcome.lines();
    lines
        .find_map(|line| line.strip_prefix("The front-end is on "))
        .unwrap()
}

/// Sends a preflight, and returns the origin and the credentials that it permits.
fn preflight(server: &Server, origin: &str) -> (u16, String, String) {
    let fields = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "content-type,x-csrf-token",
        ),
    ];
    let answer = server.send("OPTIONS", "/clicks", &fields, "");
    (
        answer.status,
        answer.header("access-control-allow-origin").to_owned(),
        answer.header("access-control-allow-credentials").to_owned(),
    )
}

fn log_in_from(server: &Server, origin: &str) -> Answer {
    let fields = [
        ("origin", origin),
        ("sec-fetch-site", "cross-site"),
        ("content-type", "application/json"),
    ];
    server.send("POST", "/auth/login", &fields, ADA)
}

#[test]
fn one_list_of_origins_decides_on_cors_and_on_cookies() {
    let server = start("origins");
    let own = front_end(&server).to_owned();
    for origin in [
        &*own,
        "tauri://localhost",
        "capacitor://localhost",
        "https://pr-7.preview.example.com",
    ] {
        let permitted = (200, origin.to_owned(), "true".to_owned());
        assert_eq!(preflight(&server, origin), permitted);
        let fields = [("origin", origin), ("content-type", "application/json")];
        let refused = server.send("POST", "/auth/login", &fields, "{}");
        assert_eq!(refused.status, 400, "{origin}: passed the proof of origin");
    }
    let port = own.rsplit(':').next().unwrap();
    for origin in [
        "null",
        "https://evil.example",
        "http://pr-7.preview.example.com",
        "https://pr-7.evil.example/.preview.example.com",
        "https://pr-x.preview.example.com",
        &format!("http://127.0.0.1:{port}"),
        &format!("https://localhost:{port}"),
        "http://localhost:1",
        "tauri://evil",
    ] {
        assert_eq!(preflight(&server, origin).1, "", "{origin}");
        let refused = log_in_from(&server, origin);
        assert_eq!(refused.status, 403, "{origin}");
        assert_eq!(refused.header("access-control-allow-origin"), "");
    }
}

#[test]
fn pages_can_read_refusals() {
    let server = start("refusals");
    let origin = front_end(&server);
    let refused = server.send("GET", "/clicks", &[("origin", origin)], "");
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("access-control-allow-origin"), origin);
    let exposed = refused.header("access-control-expose-headers");
    for name in ["www-authenticate", "retry-after", "x-access-token"] {
        assert!(exposed.contains(name), "{exposed}");
    }
}

#[test]
fn the_printed_commands_do_what_they_promise() {
    let server = start("commands");
    let directory = folder("commands-shell");
    let Some(ran) = server.paste(&directory, |_| true) else {
        return;
    };
    assert_eq!(ran.len(), 5);
    for (promise, written) in ran {
        let status = ["200", "403"]
            .iter()
            .find(|status| promise.contains(*status));
        if let Some(status) = status {
            let beginning = format!("HTTP/1.1 {status}");
            assert!(written.contains(&beginning), "{promise} {written}");
        }
        let is_page = promise.contains("cookies") && written.contains("__Host-access=");
        assert!(is_page || !written.contains("__Host-access="), "{written}");
    }
}

fn press(browser: &Browser, button: &str) -> Vec<String> {
    let before = happened(browser).len();
    browser.click(button);
    browser.wait_until(&format!(
        "document.querySelectorAll('#happened li').length > {before} && {IDLE}"
    ));
    happened(browser).split_off(before)
}

fn happened(browser: &Browser) -> Vec<String> {
    let lines = browser.run(
        "return Array.from(document.querySelectorAll('#happened li'), line => line.dataset.what)",
        &json!([]),
    );
    serde_json::from_value(lines).unwrap()
}

fn open(browser: &Browser, url: &str) {
    browser.visit(url);
    browser.wait_until(IDLE);
}

fn log_in(browser: &Browser) -> Vec<String> {
    browser.type_into("[name=user]", "ada");
    browser.type_into("[name=password]", "lovelace");
    press(browser, "#login button")
}

#[test]
fn the_front_end_works_from_its_own_port_and_from_no_other_host() {
    let server = start("browser");
    let Some(browser) = Browser::start() else {
        return;
    };
    let home = format!("{}/", front_end(&server));
    open(&browser, &home);
    assert_eq!(browser.text("#state"), "You are logged out.");
    let expected = ["POST /auth/login: 200", "GET /auth/session: 200"];
    assert_eq!(log_in(&browser), expected);
    assert_eq!(browser.text("#state"), "You are logged in as ada.");
    assert_eq!(press(&browser, "#click"), ["POST /clicks: 200"]);
    assert_eq!(browser.text("#clicks"), "1");
    assert_eq!(
        press(&browser, "#refresh"),
        ["POST /auth/refresh: 200", "GET /auth/session: 200"]
    );
    assert_eq!(
        browser.run("return document.cookie", &json!([])),
        Value::from("")
    );
    open(&browser, &home);
    assert_eq!(browser.text("#state"), "You are logged in as ada.");

    // Another host name: the browser shows the page no response.
    open(&browser, &home.replace("localhost", "127.0.0.1"));
    let state = "The API is out of reach for this page.";
    assert_eq!(browser.text("#state"), state);

    open(&browser, &home);
    assert_eq!(press(&browser, "#logout"), ["POST /auth/logout: 204"]);
    open(&browser, &home);
    assert_eq!(browser.text("#state"), "You are logged out.");
    assert!(server.interrupt().success());
}
