//! Requests of programs: JSON and bearer tokens.

use serde_json::Value;
use tollgate_tests::servers::Postgres;

use super::{start, start_in};
use crate::running::{Answer, Server, folder};

fn log_in(server: &Server, user: &str, password: &str) -> String {
    let content = format!(r#"{{"user":"{user}","password":"{password}"}}"#);
    let answer = server.post("/auth/login", &content);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let tokens: Value = serde_json::from_str(&answer.body).unwrap();
    tokens["access_token"].as_str().unwrap().to_owned()
}

fn send(server: &Server, method: &str, path: &str, token: &str, json: &str) -> Answer {
    let token = format!("Bearer {token}");
    let mut fields = vec![("authorization", &*token)];
    if !json.is_empty() {
        fields.push(("content-type", "application/json"));
    }
    server.send(method, path, &fields, json)
}

#[test]
fn the_printed_commands_give_the_printed_statuses() {
    let folder = folder("commands");
    let server = start_in(&folder, &[]);
    let Some(outputs) = server.paste(&folder, |_| true) else {
        return;
    };
    let mut checked = 0;
    for (promise, output) in outputs {
        let Some((_, status)) = promise.trim_end_matches(':').rsplit_once(", ") else {
            continue;
        };
        if status.parse::<u16>().is_ok() {
            assert!(
                output.contains(&format!("HTTP/1.1 {status}")),
                "{promise} {output}"
            );
            checked += 1;
        }
    }
    assert_eq!(checked, 5, "each request with a status is checked");
}

fn roles_come_from_the_table(server: &Server) {
    let (ada, bob) = (
        log_in(server, "ada", "lovelace"),
        log_in(server, "bob", "builder"),
    );
    assert_eq!(send(server, "GET", "/admin", &bob, "").status, 403);
    let users = send(server, "GET", "/admin", &ada, "");
    assert_eq!(users.status, 200);
    assert!(!users.body.contains("argon2"), "{}", users.body);

    // A promotion and a demotion: tokens of before are refused, and the next ones have the role.
    for (role, status) in [("admin", 200), ("customer", 403)] {
        let content = format!(r#"{{"role":"{role}"}}"#);
        assert_eq!(
            send(server, "POST", "/admin/bob/role", &ada, &content).status,
            204
        );
        assert_eq!(send(server, "GET", "/cart", &bob, "").status, 401);
        // A token of the same second may be refused too.
        let answer = loop {
            let again = log_in(server, "bob", "builder");
            let answer = send(server, "GET", "/admin", &again, "");
            if answer.status != 401 {
                break answer;
            }
        };
        assert_eq!(answer.status, status);
    }
    for (user, content) in [
        ("bob", r#"{"role":"root"}"#),
        ("nobody", r#"{"role":"admin"}"#),
    ] {
        let path = format!("/admin/{user}/role");
        assert_eq!(send(server, "POST", &path, &ada, content).status, 409);
    }

    let eve = log_in(server, "eve", "example");
    assert_eq!(
        send(server, "POST", "/admin/eve/end-sessions", &eve, "").status,
        403
    );
    assert_eq!(
        send(server, "POST", "/admin/eve/end-sessions", &ada, "").status,
        204
    );
    assert_eq!(send(server, "GET", "/cart", &eve, "").status, 401);
}

#[test]
fn roles_come_from_the_table_in_the_file_and_outlive_a_restart() {
    let folder = folder("roles");
    let server = start_in(&folder, &[]);
    roles_come_from_the_table(&server);
    let ada = log_in(&server, "ada", "lovelace");
    server.interrupt();
    let server = start_in(&folder, &[]);
    let users = send(&server, "GET", "/admin", &ada, "").body;
    let users: Value = serde_json::from_str(&users).unwrap();
    assert_eq!(
        (&users["users"][1]["name"], &users["users"][1]["role"]),
        (&"bob".into(), &"customer".into())
    );
}

#[test]
fn roles_come_from_the_table_in_postgresql() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let server = start_in(&folder("postgres"), &["--postgres", &postgres.url()]);
    roles_come_from_the_table(&server);
    let unknown = server.post("/auth/login", r#"{"user":"a\u0000","password":"x"}"#);
    assert_eq!(unknown.status, 401, "{}", unknown.body);
}

#[test]
fn values_of_users_are_escaped() {
    let server = start("escaping");
    let fields = [("accept", "text/html")];
    let path = "/login?return_to=/%22%3E%3Cscript%3Ealert(1)%3C/script%3E&error=%3Cb%3E";
    let page = server.send("GET", path, &fields, "").body;
    assert!(
        page.contains("<form") && !page.contains("<script") && !page.contains("<b>alert"),
        "{page}"
    );

    let fields = [
        ("content-type", "application/json"),
        ("user-agent", "<script>alert(1)</script>"),
    ];
    let login = server.send(
        "POST",
        "/auth/login",
        &fields,
        r#"{"user":"eve","password":"example"}"#,
    );
    let tokens: Value = serde_json::from_str(&login.body).unwrap();
    let token = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let fields = [("authorization", &*token), ("accept", "text/html")];
    let page = server.send("GET", "/account", &fields, "").body;
    assert!(
        page.contains("&lt;script&gt;") && !page.contains("<script"),
        "{page}"
    );
}

#[test]
fn malformed_content_is_the_fault_of_the_client() {
    let server = start("malformed");
    let eve = log_in(&server, "eve", "example");
    for content in ["{", "{}", r#"{"good":1}"#, "[]"] {
        let status = send(&server, "POST", "/cart", &eve, content).status;
        assert!((400..500).contains(&status), "{content} {status}");
    }
    assert_eq!(
        send(&server, "POST", "/cart", &eve, r#"{"good":"gold"}"#).status,
        409
    );
}

/// Guesses of the password at a confirmation count with those at the login.
#[test]
fn confirmations_with_a_wrong_password_are_limited() {
    let server = start("guesses");
    let eve = log_in(&server, "eve", "example");
    let confirm = |password: &str| {
        let content = format!(r#"{{"password":"{password}"}}"#);
        send(&server, "POST", "/account/confirm", &eve, &content)
    };
    let tokens = confirm("example");
    assert_eq!(tokens.status, 200);
    assert!(tokens.body.contains("access_token"), "{}", tokens.body);
    let statuses: Vec<_> = (0..12).map(|_| confirm("wrong").status).collect();
    assert_eq!((statuses[0], statuses[11]), (403, 429), "{statuses:?}");
    assert_eq!(confirm("example").status, 429);
}

/// The default of `--data`, from the folder of the example and from that of the workspace.
#[test]
fn keys_are_ignored_by_git() {
    let example = env!("CARGO_MANIFEST_DIR");
    for (file, line) in [
        (".gitignore", "/shop-data/"),
        ("../../.gitignore", "/*-data/"),
    ] {
        let ignored = std::fs::read_to_string(format!("{example}/{file}")).unwrap();
        assert!(ignored.lines().any(|ignored| ignored == line), "{file}");
    }
}
