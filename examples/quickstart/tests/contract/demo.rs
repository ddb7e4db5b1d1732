//! Without arguments: demo users and tokens of the server itself.

use serde_json::{Value, json};

use crate::PROGRAM;
use crate::running::{Answer, Server, folder};

fn token(server: &Server, user: &str, password: &str) -> String {
    let answer = server.post(
        "/login",
        &json!({"user": user, "password": password}).to_string(),
    );
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let token: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(
        (&token["token_type"], &token["expires_in"]),
        (&json!("Bearer"), &json!(900))
    );
    let scope = if user == "ada" {
        "orders:read orders:write"
    } else {
        "orders:read"
    };
    assert_eq!(token["scope"], scope);
    format!("Bearer {}", token["access_token"].as_str().unwrap())
}

fn json_of(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), "application/json");
    serde_json::from_str(&answer.body).unwrap()
}

#[test]
fn users_log_in_and_use_their_grants() {
    let server = Server::start(PROGRAM, &folder("users"), &[]);
    let (ada, bob) = (
        token(&server, "ada", "lovelace"),
        token(&server, "bob", "builder"),
    );
    let call =
        |method, path, token: &str| server.send(method, path, &[("authorization", token)], "");

    let me = call("GET", "/me", &ada);
    assert_eq!(me.status, 200);
    let claims = json_of(&me);
    assert_eq!(
        (&claims["sub"], &claims["roles"]),
        (&json!("ada"), &json!(["admin"]))
    );
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&json!("https://id.example.com"), &json!("orders-api"))
    );
    assert_eq!(
        claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(),
        900
    );

    let orders = call("GET", "/orders", &bob);
    assert_eq!(
        (orders.status, &json_of(&orders)["for"]),
        (200, &json!({"sub": "bob", "name": null}))
    );
    assert_eq!(
        json_of(&call("DELETE", "/orders", &ada)),
        json!({"cancelled": 1})
    );

    let refused = call("DELETE", "/orders", &bob);
    assert_eq!(refused.status, 403);
    assert_eq!(
        refused.header("www-authenticate"),
        "Bearer realm=\"api\", error=\"insufficient_scope\", \
         error_description=\"The access token does not grant this request\", scope=\"orders:write\""
    );
    assert_eq!(refused.header("content-type"), "application/problem+json");
    assert!(
        server.log().contains("InsufficientScope"),
        "{}",
        server.log()
    );
}

#[test]
fn without_a_token_only_open_paths_respond() {
    let server = Server::start(PROGRAM, &folder("open"), &[]);
    let get = |path| server.send("GET", path, &[], "");
    assert_eq!((get("/health").status, &*get("/health").body), (200, "ok"));
    assert_eq!(get("/nowhere").status, 404);
    for path in ["/me", "/orders"] {
        let answer = get(path);
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"api\"");
        let problem: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(
            (&problem["status"], &problem["title"]),
            (&json!(401), &json!("Unauthorized"))
        );
    }
    let bad = server.send("GET", "/me", &[("authorization", "Bearer x")], "");
    assert_eq!(bad.status, 401);
    assert!(
        bad.header("www-authenticate")
            .contains("error=\"invalid_token\""),
        "{bad:?}"
    );
}

#[test]
fn a_wrong_login_gets_no_token() {
    let server = Server::start(PROGRAM, &folder("login"), &[]);
    for (user, password) in [
        ("ada", "builder"),
        ("ada", ""),
        ("eve", "lovelace"),
        ("eve", ""),
        ("", ""),
    ] {
        let answer = server.post(
            "/login",
            &json!({"user": user, "password": password}).to_string(),
        );
        assert_eq!(
            (answer.status, &json_of(&answer)["error"]),
            (400, &json!("invalid_grant")),
            "{user} {password}"
        );
    }
    for body in [
        "",
        "{",
        "{}",
        "[1]",
        r#"{"user":"ada"}"#,
        r#"{"user":"ada","password":7}"#,
    ] {
        let answer = server.post("/login", body);
        assert!((400..500).contains(&answer.status), "{body}: {answer:?}");
    }
}

#[test]
fn a_token_of_an_earlier_start_is_refused() {
    let first = Server::start(PROGRAM, &folder("first"), &[]);
    let second = Server::start(PROGRAM, &folder("second"), &[]);
    let token = token(&first, "ada", "lovelace");
    let me = |server: &Server| {
        server
            .send("GET", "/me", &[("authorization", &token)], "")
            .status
    };
    assert_eq!((me(&first), me(&second)), (200, 401));
}

#[test]
fn the_printed_commands_work_as_shown() {
    let folder = folder("printed");
    let server = Server::start(
        PROGRAM,
        &folder,
        &["--issuer", "https://id.example", "--audience", "shop"],
    );
    let Some(written) = server.paste(&folder, |_| true) else {
        return;
    };
    let mut statuses = Vec::new();
    for (promise, text) in &written {
        // `curl -i` prints the whole response, the first command only the body, and assignments
        // nothing.
        if text.starts_with("HTTP/") {
            let answer = Answer::read(text);
            assert!(
                promise.contains(&answer.status.to_string()),
                "{promise} {answer:?}"
            );
            statuses.push(answer.status);
        }
    }
    assert!(
        written[0].1.contains("\"access_token\":\"ey"),
        "{written:?}"
    );
    assert_eq!(statuses, [200, 401, 200, 200, 403]);
    assert!(server.interrupt().success(), "Ctrl-C is the ordinary end");
}

#[test]
fn slow_clients_do_not_delay_a_stop() {
    for signal in ["-INT", "-TERM"] {
        Server::start(PROGRAM, &folder(&format!("stop{signal}")), &[])
            .stop_with_slow_clients(signal);
    }
}
