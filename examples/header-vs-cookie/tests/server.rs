//! Runs the server as a process.

#![cfg(unix)] // the printed commands need a POSIX shell
#![allow(clippy::unwrap_used)]

#[path = "../../quickstart/tests/running/mod.rs"]
mod running;

use std::process::Command;

use serde_json::{Value, json};

use crate::running::{Answer, Server, folder};

const PROGRAM: &str = env!("CARGO_BIN_EXE_header-vs-cookie");
const ADA: &str = r#"{"user":"ada","password":"lovelace"}"#;

fn body(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(&answer.body).unwrap()
}

fn header(server: &Server) -> String {
    let login = body(&server.post("/login?transport=header", ADA));
    format!("Bearer {}", login["access_token"].as_str().unwrap())
}

/// Returns the `Cookie` field that a browser sends after the login.
fn cookie(server: &Server) -> String {
    let login = server.post("/login?transport=cookie", ADA);
    assert_eq!(
        (login.status, &*login.body, login.header("cache-control")),
        (204, "", "no-store")
    );
    let (cookie, attributes) = login.header("set-cookie").split_once("; ").unwrap();
    assert_eq!(
        attributes,
        "Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=900"
    );
    assert!(cookie.starts_with("__Host-access=ey"));
    cookie.to_owned()
}

#[test]
fn both_transports_reach_the_same_api() {
    let server = Server::start(PROGRAM, &folder("both"), &[]);
    let (header, cookie) = (header(&server), cookie(&server));
    let me = |headers: &[(&str, &str)]| body(&server.send("GET", "/me", headers, ""));
    assert_eq!(
        me(&[("authorization", &header)]),
        json!({"sub": "ada", "by": "Bearer"})
    );
    assert_eq!(
        me(&[("cookie", &cookie)]),
        json!({"sub": "ada", "by": "Cookie"})
    );
    let both = [("cookie", &*cookie), ("authorization", &*header)];
    assert_eq!(
        me(&both),
        json!({"sub": "ada", "by": "Bearer"}),
        "the header takes precedence"
    );
    assert_eq!(server.send("GET", "/me", &[], "").status, 401);
}

#[test]
fn a_state_changing_cookie_request_needs_proof_of_origin() {
    let server = Server::start(PROGRAM, &folder("origin"), &[]);
    let (header, cookie) = (header(&server), cookie(&server));
    let own = format!("http://{}", server.address);
    let post = |path: &str, headers: &[(&str, &str)]| server.send("POST", path, headers, "").status;
    for path in ["/notes", "/logout"] {
        let done = if path == "/notes" { 200 } else { 204 };
        assert_eq!(post(path, &[("authorization", &header)]), done);
        assert_eq!(
            post(
                path,
                &[("authorization", &header), ("sec-fetch-site", "cross-site")]
            ),
            done
        );
        for (name, value, status) in [
            ("sec-fetch-site", "same-origin", done),
            ("origin", &own, done),
            ("sec-fetch-site", "same-site", 403),
            ("sec-fetch-site", "cross-site", 403),
            ("origin", "https://evil.example", 403),
            ("origin", "null", 403),
            ("x-nothing", "x", 403),
        ] {
            assert_eq!(
                post(path, &[("cookie", &cookie), (name, value)]),
                status,
                "{path} {name}: {value}"
            );
        }
    }
    assert!(server.log().contains("CrossSite"));
}

#[test]
fn logging_out_clears_the_cookie() {
    let server = Server::start(PROGRAM, &folder("logout"), &[]);
    let cookie = cookie(&server);
    let answer = server.send(
        "POST",
        "/logout",
        &[("cookie", &cookie), ("sec-fetch-site", "same-origin")],
        "",
    );
    assert_eq!(
        answer.header("set-cookie"),
        "__Host-access=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"
    );
    // The browser has no credential left.
    assert_eq!(server.send("GET", "/me", &[], "").status, 401);
}

#[test]
fn a_wrong_login_gets_no_token() {
    let server = Server::start(PROGRAM, &folder("login"), &[]);
    let eve = r#"{"user":"eve","password":"lovelace"}"#;
    for transport in ["header", "cookie"] {
        let answer = server.post(&format!("/login?transport={transport}"), eve);
        assert_eq!((answer.status, answer.header("set-cookie")), (400, ""));
    }
    assert_eq!(server.post("/login?transport=pigeon", ADA).status, 400);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = server.send("POST", "/login?transport=cookie", &form, ADA);
    assert_eq!(
        (answer.status, answer.header("set-cookie")),
        (415, ""),
        "a form of another site"
    );
}

#[test]
fn the_printed_commands_work_as_shown() {
    let folder = folder("printed");
    let server = Server::start(PROGRAM, &folder, &[]);
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
    assert_eq!(statuses, [200, 200, 200, 200, 403, 403, 204]);
    assert!(server.interrupt().success(), "Ctrl-C is the ordinary end");
}

#[test]
fn an_invalid_argument_is_named() {
    for (arguments, named) in [
        (&["--keys", "x"][..], "--keys"),
        (&["--listen", "here"], "here"),
    ] {
        let output = Command::new(PROGRAM).args(arguments).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(named), "{message}");
    }
    let help = Command::new(PROGRAM).arg("--help").output().unwrap();
    assert!(help.status.success() && String::from_utf8(help.stdout).unwrap().contains("--listen"));
}

#[test]
fn slow_clients_do_not_delay_a_stop() {
    for signal in ["-INT", "-TERM"] {
        Server::start(PROGRAM, &folder(&format!("stop{signal}")), &[])
            .stop_with_slow_clients(signal);
    }
}
