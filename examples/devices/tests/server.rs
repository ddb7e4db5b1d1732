//! Runs the server as a process, with two devices of one user and a second user.

#![cfg(unix)] // the printed commands need a POSIX shell
#![allow(clippy::unwrap_used)]

#[allow(dead_code)] // not every function is used here
#[path = "../../quickstart/tests/running/mod.rs"]
mod running;

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::running::{Answer, Server, folder};

const PROGRAM: &str = env!("CARGO_BIN_EXE_devices");

/// The tokens of a logged-in device.
struct Logged {
    access: String,
    refresh: String,
    session: String,
}

impl Logged {
    fn in_as(server: &Server, user: &str, password: &str, device: &str) -> Self {
        let agent = format!("{device}/1.0");
        let headers = [("content-type", "application/json"), ("user-agent", &agent)];
        let given = json!({"user": user, "password": password, "device": device}).to_string();
        let login = server.send("POST", "/auth/login", &headers, &given);
        assert_eq!(
            (login.status, login.header("cache-control")),
            (200, "no-store"),
            "{login:?}"
        );
        let login: Value = serde_json::from_str(&login.body).unwrap();
        let mut logged = Self {
            access: text(&login["access_token"]),
            refresh: text(&login["refresh_token"]),
            session: String::new(),
        };
        logged.session = text(&logged.current(server)["id"]);
        logged
    }

    fn ada(server: &Server, device: &str) -> Self {
        Self::in_as(server, "ada", "lovelace", device)
    }

    fn send(&self, server: &Server, method: &str, path: &str, content: &str) -> Answer {
        let bearer = format!("Bearer {}", self.access);
        let headers = [
            ("authorization", &*bearer),
            ("content-type", "application/json"),
        ];
        server.send(method, path, &headers, content)
    }

    fn list(&self, server: &Server) -> Vec<Value> {
        let answer = self.send(server, "GET", "/auth/sessions", "");
        assert_eq!(
            (answer.status, answer.header("cache-control")),
            (200, "no-store"),
            "{answer:?}"
        );
        let mut body: Value = serde_json::from_str(&answer.body).unwrap();
        serde_json::from_value(body["sessions"].take()).unwrap()
    }

    /// Returns the list entry of this device.
    fn current(&self, server: &Server) -> Value {
        let mut list = self
            .list(server)
            .into_iter()
            .filter(|session| session["current"] == true);
        let current = list.next().unwrap();
        assert_eq!(list.next(), None);
        current
    }

    fn refresh(&self, server: &Server) -> Answer {
        server.post(
            "/auth/refresh",
            &json!({"refresh_token": self.refresh}).to_string(),
        )
    }

    fn me(&self, server: &Server) -> u16 {
        self.send(server, "GET", "/me", "").status
    }

    fn assert_out(&self, server: &Server) {
        let answer = self.send(server, "GET", "/me", "");
        assert_eq!(answer.status, 401);
        assert!(
            answer
                .header("www-authenticate")
                .contains(r#"error="invalid_token""#),
            "{answer:?}"
        );
        let answer = self.refresh(server);
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains("invalid_grant"), "{answer:?}");
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn the_list_names_each_device() {
    let server = Server::start(PROGRAM, &folder("list"), &[]);
    let laptop = Logged::ada(&server, "laptop");
    let phone = Logged::ada(&server, "phone");
    Logged::in_as(&server, "bob", "builder", "tablet");

    let list = phone.list(&server);
    assert_eq!(list.len(), 2, "only ada's devices: {list:?}");
    for (device, logged, current) in [("laptop", &laptop, false), ("phone", &phone, true)] {
        let entry = list
            .iter()
            .find(|entry| entry["id"] == *logged.session)
            .unwrap();
        assert_eq!(entry["name"], device);
        assert_eq!(entry["user_agent"], format!("{device}/1.0"));
        assert_eq!(entry["address"], "127.0.0.1");
        assert_eq!(entry["current"], current);
        for time in ["created_at", "last_seen", "expires_at"] {
            assert!(entry[time].as_u64().unwrap() > 1_700_000_000, "{entry}");
        }
    }
    let secrets = [
        &laptop.access,
        &laptop.refresh,
        &phone.access,
        &phone.refresh,
    ];
    let shown = format!("{list:?}{}", server.log());
    assert!(!secrets.iter().any(|secret| shown.contains(*secret)));
}

#[test]
fn a_logged_out_device_is_refused_immediately() {
    let server = Server::start(PROGRAM, &folder("one"), &[]);
    let laptop = Logged::ada(&server, "laptop");
    let phone = Logged::ada(&server, "phone");
    assert_eq!((laptop.me(&server), phone.me(&server)), (200, 200));

    let path = format!("/auth/sessions/{}", phone.session);
    assert_eq!(laptop.send(&server, "DELETE", &path, "").status, 204);
    phone.assert_out(&server);
    assert_eq!(laptop.me(&server), 200);
    assert_eq!(laptop.list(&server).len(), 1);
    assert_eq!(
        laptop.send(&server, "DELETE", &path, "").status,
        404,
        "the session has ended"
    );
    assert_eq!(phone.send(&server, "GET", "/auth/sessions", "").status, 401);
}

#[test]
fn a_user_cannot_log_out_another_users_device() {
    let server = Server::start(PROGRAM, &folder("foreign"), &["--memory"]);
    let ada = Logged::ada(&server, "laptop");
    let bob = Logged::in_as(&server, "bob", "builder", "tablet");
    let path = format!("/auth/sessions/{}", ada.session);
    assert_eq!(
        bob.send(&server, "DELETE", &path, "").status,
        404,
        "its existence is not revealed"
    );
    assert_eq!(server.send("DELETE", &path, &[], "").status, 401);
    assert_eq!(
        bob.send(&server, "POST", "/auth/sessions/logout-all", "")
            .status,
        200
    );
    assert_eq!(ada.me(&server), 200);
    bob.assert_out(&server);
}

#[test]
fn logging_out_all_others_keeps_the_current_device() {
    let server = Server::start(PROGRAM, &folder("others"), &[]);
    let [laptop, phone, watch] =
        ["laptop", "phone", "watch"].map(|device| Logged::ada(&server, device));
    assert_eq!(
        laptop
            .send(&server, "POST", "/auth/sessions/logout-others", "")
            .status,
        200
    );
    phone.assert_out(&server);
    watch.assert_out(&server);
    assert_eq!(laptop.me(&server), 200);
    assert_eq!(laptop.list(&server).len(), 1);
    assert_eq!(laptop.refresh(&server).status, 200);
}

#[test]
fn logging_out_everywhere_ends_all_sessions_but_not_the_next_login() {
    let server = Server::start(PROGRAM, &folder("all"), &[]);
    let laptop = Logged::ada(&server, "laptop");
    let phone = Logged::ada(&server, "phone");
    assert_eq!(
        phone
            .send(&server, "POST", "/auth/sessions/logout-all", "")
            .status,
        200
    );
    laptop.assert_out(&server);
    phone.assert_out(&server);
    let again = Logged::ada(&server, "laptop"); // usually within the same second
    assert_eq!((again.me(&server), again.list(&server).len()), (200, 1));
}

#[test]
fn a_logout_survives_a_restart_and_affects_only_its_session() {
    let folder = folder("restart");
    let server = Server::start(PROGRAM, &folder, &[]);
    let laptop = Logged::ada(&server, "laptop");
    let phone = Logged::ada(&server, "phone");
    assert_eq!(phone.send(&server, "POST", "/auth/logout", "").status, 204);
    assert!(server.interrupt().success(), "Ctrl-C is the ordinary end");

    let server = Server::start(PROGRAM, &folder, &[]);
    phone.assert_out(&server);
    assert_eq!(laptop.me(&server), 200);
    assert_eq!(laptop.refresh(&server).status, 200);
}

#[test]
fn closing_the_account_requires_a_recent_password() {
    let server = Server::start(PROGRAM, &folder("fresh"), &["--fresh", "4"]);
    let mut laptop = Logged::ada(&server, "laptop");
    let close = |laptop: &Logged| laptop.send(&server, "DELETE", "/account", "");
    assert_eq!(close(&laptop).status, 200, "the login was just now");

    let end = Instant::now() + Duration::from_secs(90);
    let refused = loop {
        let answer = close(&laptop);
        if answer.status != 200 {
            break answer;
        }
        assert!(Instant::now() < end, "the login does not become too old");
        std::thread::sleep(Duration::from_millis(100));
    };
    // RFC 9470 section 3.
    assert_eq!(refused.status, 401);
    let challenge = refused.header("www-authenticate");
    assert!(challenge.starts_with("Bearer "), "{challenge}");
    assert!(
        challenge.contains(r#"error="insufficient_user_authentication""#),
        "{challenge}"
    );
    assert!(
        challenge.contains("max_age=\"4\"") || challenge.contains("max_age=4"),
        "{challenge}"
    );
    assert_eq!(laptop.me(&server), 200, "other routes accept it");
    // A refresh does not count as authentication.
    let refreshed: Value = serde_json::from_str(&laptop.refresh(&server).body).unwrap();
    laptop.access = text(&refreshed["access_token"]);
    laptop.refresh = text(&refreshed["refresh_token"]);
    assert_eq!(close(&laptop).status, 401);

    let wrong = laptop.send(
        &server,
        "POST",
        "/reauthenticate",
        r#"{"password":"builder"}"#,
    );
    assert_eq!(wrong.status, 403);
    assert_eq!(close(&laptop).status, 401);
    let right = laptop.send(
        &server,
        "POST",
        "/reauthenticate",
        r#"{"password":"lovelace"}"#,
    );
    assert_eq!(
        (right.status, right.header("cache-control")),
        (200, "no-store"),
        "{right:?}"
    );
    // The former refresh token is refused, and the session goes on.
    assert_eq!(laptop.refresh(&server).status, 400);
    let right: Value = serde_json::from_str(&right.body).unwrap();
    let former = std::mem::replace(&mut laptop.access, text(&right["access_token"]));
    laptop.refresh = text(&right["refresh_token"]);
    assert_eq!(close(&laptop).status, 200);
    // The session keeps the new authentication time for later tokens. The earlier token keeps its
    // own.
    let refreshed: Value = serde_json::from_str(&laptop.refresh(&server).body).unwrap();
    laptop.access = text(&refreshed["access_token"]);
    assert_eq!(close(&laptop).status, 200);
    let fresh = std::mem::replace(&mut laptop.access, former);
    assert_eq!(close(&laptop).status, 401);
    laptop.access = fresh;
    assert_eq!(laptop.list(&server).len(), 1, "it is the same session");
}

#[test]
fn a_logged_out_user_cannot_reauthenticate() {
    let server = Server::start(PROGRAM, &folder("again"), &["--memory"]);
    let laptop = Logged::ada(&server, "laptop");
    assert_eq!(laptop.send(&server, "POST", "/auth/logout", "").status, 204);
    let again = laptop.send(
        &server,
        "POST",
        "/reauthenticate",
        r#"{"password":"lovelace"}"#,
    );
    assert_eq!(again.status, 401);
    laptop.assert_out(&server);
}

#[test]
fn a_wrong_login_gets_no_token() {
    let server = Server::start(PROGRAM, &folder("wrong"), &["--memory"]);
    for (content, status) in [
        (r#"{"user":"ada","password":"builder"}"#, 401),
        (r#"{"user":"eve","password":"lovelace"}"#, 401),
        (r#"{"user":"ada"}"#, 400),
        ("{", 400),
    ] {
        let answer = server.post("/auth/login", content);
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(!answer.body.contains("token\""), "{answer:?}");
    }
    let refreshed = server.post("/auth/refresh", r#"{"refresh_token":"AAAA"}"#);
    assert_eq!(refreshed.status, 400);
}

#[test]
fn the_printed_commands_work_as_shown() {
    let folder = folder("printed");
    let server = Server::start(PROGRAM, &folder, &[]);
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
    assert_eq!(statuses, [200, 200, 401, 400, 200, 200, 200, 401]);
}

#[test]
fn an_invalid_argument_is_named() {
    for (arguments, named) in [
        (&["--keys", "x"][..], "--keys"),
        (&["--listen", "here"], "here"),
        (&["--fresh", "soon"], "soon"),
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

#[test]
fn git_ignores_keys_and_sessions() {
    running::leaves_git_clean(PROGRAM, include_str!("../.gitignore"));
}
