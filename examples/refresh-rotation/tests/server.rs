//! Runs the server as a process.

#![cfg(unix)] // the printed commands need a POSIX shell
#![allow(clippy::unwrap_used)]

#[path = "../../quickstart/tests/running/mod.rs"]
mod running;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::{Value, json};
use tollgate::{KeySet, Verifier};

use crate::running::{Answer, Server, folder};

const PROGRAM: &str = env!("CARGO_BIN_EXE_refresh-rotation");

/// The tokens of a client.
#[derive(Clone, Debug, PartialEq)]
struct Tokens {
    access: String,
    refresh: String,
    scope: String,
}

fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{answer:?}"))
}

fn tokens(answer: &Answer) -> Tokens {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = body(answer);
    assert_eq!(body["token_type"], "Bearer");
    // A repeated response has the same token, with less time left.
    let left = body["expires_in"].as_u64().unwrap();
    assert!((840..=900).contains(&left), "{left}");
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    Tokens {
        access: text("access_token"),
        refresh: text("refresh_token"),
        scope: text("scope"),
    }
}

fn login(server: &Server, user: &str, password: &str) -> Tokens {
    tokens(&server.post(
        "/auth/login",
        &json!({"user": user, "password": password}).to_string(),
    ))
}

fn ada(server: &Server) -> Tokens {
    login(server, "ada", "lovelace")
}

fn refresh(server: &Server, token: &str) -> Answer {
    server.post(
        "/auth/refresh",
        &json!({"refresh_token": token}).to_string(),
    )
}

fn refresh_for(server: &Server, token: &str, scope: &str) -> Answer {
    let request = json!({"refresh_token": token, "scope": scope});
    server.post("/auth/refresh", &request.to_string())
}

fn with(server: &Server, method: &str, path: &str, access: &str) -> u16 {
    let authorization = format!("Bearer {access}");
    server
        .send(method, path, &[("authorization", &authorization)], "")
        .status
}

fn orders(server: &Server, access: &str) -> u16 {
    with(server, "GET", "/orders", access)
}

fn refused(answer: &Answer, error: &str) {
    assert_eq!(
        (answer.status, body(answer)["error"].as_str()),
        (400, Some(error)),
        "{answer:?}"
    );
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[test]
fn a_refresh_gives_new_tokens_and_keeps_the_old_access_token() {
    let server = Server::start(PROGRAM, &folder("refresh"), &[]);
    assert_eq!(server.send("GET", "/orders", &[], "").status, 401);
    let first = ada(&server);
    assert_eq!(orders(&server, &first.access), 200);
    let second = tokens(&refresh(&server, &first.refresh));
    assert_ne!(first.refresh, second.refresh);
    assert_ne!(first.access, second.access);
    assert_eq!(orders(&server, &second.access), 200);
    assert_eq!(
        orders(&server, &first.access),
        200,
        "the access token stays valid"
    );
    assert_eq!(
        orders(&server, &second.refresh),
        401,
        "a refresh token is not an access token"
    );
    refused(&refresh(&server, &second.access), "invalid_grant");
}

#[test]
fn a_lost_response_is_repeated_within_the_grace_period() {
    let server = Server::start(PROGRAM, &folder("lost"), &["--grace", "600"]);
    let first = ada(&server);
    let second = tokens(&refresh(&server, &first.refresh));
    let again = tokens(&refresh(&server, &first.refresh));
    assert_eq!(again.refresh, second.refresh);
    let third = tokens(&refresh(&server, &second.refresh));
    assert_eq!(orders(&server, &third.access), 200);
}

#[test]
fn eight_concurrent_refreshes_get_the_same_successor() {
    let server = Server::start(PROGRAM, &folder("tabs"), &["--grace", "600"]);
    let first = ada(&server);
    let (server, first) = (&server, &first);
    let successors: Vec<_> = std::thread::scope(|tabs| {
        let tabs: Vec<_> = (0..8)
            .map(|_| tabs.spawn(move || tokens(&refresh(server, &first.refresh)).refresh))
            .collect();
        tabs.into_iter().map(|tab| tab.join().unwrap()).collect()
    });
    assert!(
        successors
            .iter()
            .all(|successor| *successor == successors[0]),
        "the successors differ"
    );
    assert_eq!(refresh(server, &successors[0]).status, 200);
}

#[test]
fn reuse_of_a_refresh_token_ends_the_session() {
    let server = Server::start(PROGRAM, &folder("reuse"), &["--grace", "0"]);
    let (stolen, other) = (ada(&server), ada(&server));
    let thief = tokens(&refresh(&server, &stolen.refresh));
    assert_eq!(orders(&server, &thief.access), 200);
    refused(&refresh(&server, &stolen.refresh), "invalid_grant");
    refused(&refresh(&server, &thief.refresh), "invalid_grant");
    assert_eq!(orders(&server, &thief.access), 401);
    assert_eq!(orders(&server, &stolen.access), 401);
    assert!(server.log().contains("ReuseDetected"), "{}", server.log());
    for token in [&stolen, &thief] {
        assert!(!server.log().contains(&token.refresh), "a token in the log");
    }
    assert_eq!(
        orders(&server, &other.access),
        200,
        "the user's other session continues"
    );
    assert_eq!(refresh(&server, &other.refresh).status, 200);
}

#[test]
fn a_forged_refresh_token_ends_no_session() {
    let server = Server::start(PROGRAM, &folder("forged"), &["--grace", "0"]);
    let mine = ada(&server);
    // The identifier of a real session with another secret.
    let (kept, last) = mine.refresh.split_at(mine.refresh.len() - 8);
    let forged = format!(
        "{kept}{}",
        if last.starts_with('A') {
            "BBBBBBBB"
        } else {
            "AAAAAAAA"
        }
    );
    for token in [&*forged, "x", &"A".repeat(5000)] {
        refused(&refresh(&server, token), "invalid_grant");
    }
    refused(&refresh(&server, ""), "invalid_request");
    assert_eq!(orders(&server, &mine.access), 200);
    assert_eq!(refresh(&server, &mine.refresh).status, 200);
}

#[test]
fn a_refresh_can_only_narrow_the_scope() {
    let server = Server::start(PROGRAM, &folder("scope"), &[]);
    let all = ada(&server);
    assert_eq!(all.scope, "orders:read orders:write");
    assert_eq!(with(&server, "DELETE", "/orders", &all.access), 200);
    let less = tokens(&refresh_for(&server, &all.refresh, "orders:read"));
    assert_eq!(less.scope, "orders:read");
    assert_eq!(orders(&server, &less.access), 200);
    assert_eq!(with(&server, "DELETE", "/orders", &less.access), 403);
    refused(
        &refresh_for(&server, &less.refresh, "orders:read admin"),
        "invalid_scope",
    );
    assert_eq!(
        refresh(&server, &less.refresh).status,
        200,
        "a refused refresh does not use the token"
    );

    let bob = login(&server, "bob", "builder");
    assert_eq!(bob.scope, "orders:read");
    refused(
        &refresh_for(&server, &bob.refresh, "orders:read orders:write"),
        "invalid_scope",
    );
}

#[test]
fn only_an_admin_removes_a_user_whose_sessions_end() {
    let server = Server::start(PROGRAM, &folder("roles"), &[]);
    let (ada, bob) = (ada(&server), login(&server, "bob", "builder"));
    assert_eq!(with(&server, "DELETE", "/users/ada", &bob.access), 403);
    assert_eq!(orders(&server, &bob.access), 200);
    assert_eq!(with(&server, "DELETE", "/users/bob", &ada.access), 204);
    assert_eq!(orders(&server, &bob.access), 401);
    refused(&refresh(&server, &bob.refresh), "invalid_grant");
    assert!(server.log().contains("Ended"), "{}", server.log());
    let again = r#"{"user":"bob","password":"builder"}"#;
    assert_eq!(server.post("/auth/login", again).status, 401);
    assert_eq!(refresh(&server, &ada.refresh).status, 200);
}

#[test]
fn a_logout_ends_access_and_refresh() {
    let server = Server::start(PROGRAM, &folder("logout"), &[]);
    let (here, elsewhere) = (ada(&server), ada(&server));
    assert_eq!(with(&server, "POST", "/auth/logout", &here.access), 204);
    assert_eq!(orders(&server, &here.access), 401);
    refused(&refresh(&server, &here.refresh), "invalid_grant");
    assert_eq!(orders(&server, &elsewhere.access), 200);
}

#[test]
fn a_killed_server_resumes_with_all_sessions() {
    let folder = folder("killed");
    let server = Server::start(PROGRAM, &folder, &["--grace", "600"]);
    let first = ada(&server);
    let ended = ada(&server);
    let second = tokens(&refresh(&server, &first.refresh));
    assert_eq!(with(&server, "POST", "/auth/logout", &ended.access), 204);
    let key = server.send("GET", "/.well-known/jwks.json", &[], "").body;
    drop(server); // with SIGKILL

    let server = Server::start(PROGRAM, &folder, &["--grace", "600"]);
    assert_eq!(
        server.send("GET", "/.well-known/jwks.json", &[], "").body,
        key
    );
    assert_eq!(orders(&server, &second.access), 200);
    assert_eq!(
        orders(&server, &ended.access),
        401,
        "the logout is permanent"
    );
    refused(&refresh(&server, &ended.refresh), "invalid_grant");
    let again = tokens(&refresh(&server, &first.refresh));
    assert_eq!(
        again.refresh, second.refresh,
        "the grace period survives a restart"
    );
    let third = tokens(&refresh(&server, &second.refresh));
    assert_eq!(orders(&server, &third.access), 200);
}

#[test]
fn other_services_verify_access_tokens_with_the_published_keys() {
    let folder = folder("keys");
    let server = Server::start(PROGRAM, &folder, &[]);
    let answer = server.send("GET", "/.well-known/jwks.json", &[], "");
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/jwk-set+json")
    );
    assert!(
        answer.header("cache-control").contains("max-age="),
        "{answer:?}"
    );
    assert!(
        !answer.body.contains("\"d\""),
        "the private key is not published"
    );
    let verifier = Verifier::builder()
        .issuer("https://id.example.com")
        .audience("orders-api")
        .typ("at+jwt")
        .key_set(KeySet::from_json(&answer.body).unwrap())
        .build()
        .unwrap();
    let tokens = ada(&server);
    let principal = verifier.verify(&tokens.access).unwrap();
    assert_eq!(principal.subject(), Some("ada"));

    let tag = answer.header("etag").to_owned();
    let unchanged = server.send(
        "GET",
        "/.well-known/jwks.json",
        &[("if-none-match", &tag)],
        "",
    );
    assert_eq!(unchanged.status, 304);

    for file in ["signing-key.pem", "refresh.key"] {
        let file = folder.join("refresh-rotation-data").join(file);
        let mode = fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "only the owner can read it");
    }
}

#[test]
fn a_wrong_login_gets_no_token() {
    let server = Server::start(PROGRAM, &folder("login"), &[]);
    for (user, password) in [("ada", "builder"), ("eve", "lovelace"), ("", "")] {
        let answer = server.post(
            "/auth/login",
            &json!({"user": user, "password": password}).to_string(),
        );
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(!answer.body.contains("token\":"), "{answer:?}");
    }
    for body in [
        "",
        "{",
        "{}",
        "[1]",
        r#"{"user":"ada"}"#,
        r#"{"user":"ada","password":7}"#,
    ] {
        let answer = server.post("/auth/login", body);
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
    let get = server.send("GET", "/auth/login", &[], "");
    assert_eq!((get.status, get.header("allow")), (405, "POST"));
    assert_eq!(server.send("GET", "/auth/nothing", &[], "").status, 404);
}

#[test]
fn the_printed_commands_work_as_shown() {
    let folder = folder("printed");
    let server = Server::start(PROGRAM, &folder, &["--grace", "3"]);
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
    assert_eq!(
        statuses,
        [200, 200, 200, 403, 400, 204, 400, 400, 401, 204, 200],
        "{written:?}"
    );
    assert!(server.interrupt().success(), "Ctrl-C is the ordinary end");
}

#[test]
fn an_invalid_argument_is_named() {
    for (arguments, named) in [
        (&["--keys", "x"][..], "--keys"),
        (&["--listen", "here"], "here"),
        (&["--grace", "-1"], "-1"),
    ] {
        let output = Command::new(PROGRAM).args(arguments).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(named), "{message}");
    }
    let help = Command::new(PROGRAM).arg("--help").output().unwrap();
    assert!(help.status.success());
    let text = String::from_utf8(help.stdout).unwrap();
    for option in ["--listen", "--data", "--grace"] {
        assert!(text.contains(option), "{text}");
    }
}

#[test]
fn a_second_process_on_the_same_file_is_refused() {
    let folder = folder("twice");
    let _server = Server::start(PROGRAM, &folder, &[]);
    let output = Command::new(PROGRAM)
        .args(["--listen", "127.0.0.1:0"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stderr.is_empty());
}

#[test]
fn slow_clients_do_not_delay_a_stop() {
    for signal in ["-INT", "-TERM"] {
        Server::start(PROGRAM, &folder(&format!("stop{signal}")), &[])
            .stop_with_slow_clients(signal);
    }
}

#[test]
fn git_ignores_keys_and_sessions() {
    running::leaves_git_clean(PROGRAM, include_str!("../.gitignore"));
}
