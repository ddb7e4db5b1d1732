//! Runs the server as a process, and its page in a real Chromium.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod attacker;
#[allow(dead_code)] // not every function is used here
#[path = "../../quickstart/tests/running/mod.rs"]
mod running;

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_tests::browser::Browser;

use crate::attacker::Attacker;
use crate::running::{Answer, Server, folder};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sliding-session");

/// A script that is true when the page has no pending request.
const IDLE: &str = "document.querySelector('#state').textContent && !document.body.ariaBusy";

/// Opens the server's page.
fn open(server: &Server) -> Option<Browser> {
    let browser = Browser::start()?;
    visit_home(&browser, server);
    Some(browser)
}

fn visit_home(browser: &Browser, server: &Server) {
    browser.visit(&home(server));
    browser.wait_until(IDLE);
}

/// By name: browsers accept `Secure` cookies from `localhost` without TLS.
fn home(server: &Server) -> String {
    format!("http://localhost:{}/", port(server))
}

fn port(server: &Server) -> &str {
    server.address.rsplit(':').next().unwrap()
}

fn log_in(browser: &Browser, user: &str, password: &str) {
    browser.type_into("[name=user]", user);
    browser.type_into("[name=password]", password);
    assert_eq!(
        press(browser, "#login button"),
        "POST /auth/login: 200\nGET /auth/session: 200"
    );
}

/// Clicks a button of the page and waits for its requests.
fn press(browser: &Browser, button: &str) -> String {
    let before = happened(browser).len();
    browser.click(button);
    browser.wait_until(&format!(
        "document.querySelectorAll('#happened li').length > {before} && {IDLE}"
    ));
    happened(browser)[before..].join("\n")
}

/// The event list of the page, without the times.
fn happened(browser: &Browser) -> Vec<String> {
    let lines = browser.run(
        "return Array.from(document.querySelectorAll('#happened li'), line => line.dataset.what)",
        &json!([]),
    );
    serde_json::from_value(lines).unwrap()
}

fn state(browser: &Browser) -> String {
    browser.text("#state")
}

fn cookie_value(browser: &Browser, name: &str) -> Option<String> {
    Some(browser.cookie(name)?["value"].as_str().unwrap().to_owned())
}

/// The refresh cookie. The browser shows it only for the path that it is sent to.
fn refresh_cookie(browser: &Browser, server: &Server) -> Option<Value> {
    browser.visit(&format!("{}auth/session", home(server)));
    let cookie = browser.cookie("__Secure-refresh");
    visit_home(browser, server);
    cookie
}

/// The claims of the token in the access cookie.
fn claims(browser: &Browser) -> Value {
    let token = cookie_value(browser, "__Host-access").unwrap();
    browser.run(
        "return JSON.parse(atob(arguments[0].split('.')[1].replace(/-/g, '+').replace(/_/g, '/')))",
        &json!([token]),
    )
}

fn clicks(browser: &Browser) -> Value {
    browser.run_async(
        "return (await (await fetch('/clicks')).json()).clicks",
        &json!([]),
    )
}

#[test]
fn login_sets_cookies_hidden_from_scripts() {
    let server = Server::start(PROGRAM, &folder("login"), &["--memory"]);
    let Some(browser) = open(&server) else { return };
    assert_eq!(state(&browser), "You are logged out.");
    assert_eq!(browser.cookies(), Vec::<Value>::new());

    log_in(&browser, "ada", "lovelace");
    assert_eq!(state(&browser), "You are logged in as ada.");
    let access = browser.cookie("__Host-access").unwrap();
    let refresh = refresh_cookie(&browser, &server).unwrap();
    let binding = browser.cookie("__Host-session").unwrap();
    for (cookie, path) in [(&access, "/"), (&binding, "/"), (&refresh, "/auth")] {
        assert_eq!(cookie["path"], path, "{cookie}");
        assert_eq!(cookie["httpOnly"], true, "{cookie}");
        assert_eq!(cookie["secure"], true, "{cookie}");
        assert_eq!(cookie["sameSite"], "Lax", "{cookie}");
        assert_eq!(
            cookie["domain"], "localhost",
            "only for this host: {cookie}"
        );
        assert!(cookie["expiry"].is_u64(), "{cookie}");
    }
    assert!(
        browser.cookie("__Secure-refresh").is_none(),
        "the page cannot read it"
    );
    assert_eq!(browser.run("return document.cookie", &json!([])), "");

    assert_eq!(
        press(&browser, "#click"),
        "POST /clicks: 200\nGET /auth/session: 200"
    );
    assert_eq!(browser.text("#clicks"), "1");
    // Reopened during the session, the page restores it, including the CSRF token.
    visit_home(&browser, &server);
    assert_eq!(
        press(&browser, "#click"),
        "POST /clicks: 200\nGET /auth/session: 200"
    );
}

#[test]
fn a_wrong_password_gets_no_session() {
    let server = Server::start(PROGRAM, &folder("wrong"), &["--memory"]);
    let Some(browser) = open(&server) else { return };
    browser.type_into("[name=user]", "ada");
    browser.type_into("[name=password]", "builder");
    assert_eq!(press(&browser, "#login button"), "POST /auth/login: 401");
    assert_eq!(state(&browser), "User or password is wrong.");
    assert_eq!(browser.cookies(), Vec::<Value>::new());
}

#[test]
fn activity_in_the_second_half_of_the_lifetime_renews_the_cookie() {
    let server = Server::start(
        PROGRAM,
        &folder("slide"),
        &["--memory", "--access-lifetime", "11"],
    );
    let Some(browser) = open(&server) else { return };
    log_in(&browser, "ada", "lovelace");
    let first = claims(&browser);
    assert_eq!(
        first["exp"].as_u64().unwrap() - first["iat"].as_u64().unwrap(),
        11
    );

    let end = Instant::now() + Duration::from_secs(30);
    let renewed = loop {
        assert!(press(&browser, "#click").starts_with("POST /clicks: 200"));
        let now = claims(&browser);
        if now != first {
            break now;
        }
        assert!(Instant::now() < end, "{}", server.log());
    };
    let age = renewed["iat"].as_u64().unwrap() - first["iat"].as_u64().unwrap();
    assert!((6..=9).contains(&age), "renewed after {age} s of 11");
    assert_ne!(renewed["jti"], first["jti"]);
    for same in ["sub", "sid", "csrf", "auth_time"] {
        assert!(
            first[same] != Value::Null && renewed[same] == first[same],
            "{same}"
        );
    }
    let log = server.log();
    assert!(
        log.contains("Renewed") && !log.contains("Refreshed"),
        "{log}"
    );
    assert_eq!(state(&browser), "You are logged in as ada.");
}

#[test]
fn two_tabs_that_refresh_concurrently_stay_logged_in() {
    let server = Server::start(PROGRAM, &folder("tabs"), &[]);
    let Some(browser) = open(&server) else { return };
    log_in(&browser, "ada", "lovelace");
    let refresh_when_told =
        "new BroadcastChannel('now').onmessage = () => document.querySelector('#refresh').click()";
    browser.run(refresh_when_told, &json!([]));
    let first = browser.tab();
    let second = browser.open_tab();
    visit_home(&browser, &server);
    browser.run(refresh_when_told, &json!([]));

    // Until both send the same refresh token: the later request gets the same successor.
    for round in 1.. {
        assert!(round <= 50, "never at once: {}", server.log());
        browser.run(
            "new BroadcastChannel('now').postMessage(''); \
             document.querySelector('#refresh').click()",
            &json!([]),
        );
        for tab in [&first, &second] {
            browser.switch_to(tab);
            browser.wait_until(&format!(
                "document.querySelectorAll('[data-what=\"POST /auth/refresh: 200\"]').length \
                 >= {round} && {IDLE}"
            ));
            assert_eq!(state(&browser), "You are logged in as ada.");
            assert_eq!(
                press(&browser, "#click"),
                "POST /clicks: 200\nGET /auth/session: 200"
            );
        }
        if server.log().contains("Repeated") {
            break;
        }
    }
    let log = server.log();
    assert!(!log.contains("ReuseDetected"), "{log}");
    // The browser's current token works for another refresh.
    assert!(press(&browser, "#refresh").starts_with("POST /auth/refresh: 200"));
}

#[test]
fn a_logout_in_one_tab_logs_out_the_other() {
    let server = Server::start(PROGRAM, &folder("logout"), &[]);
    let Some(browser) = open(&server) else { return };
    log_in(&browser, "ada", "lovelace");
    let access = cookie_value(&browser, "__Host-access").unwrap();
    let binding = cookie_value(&browser, "__Host-session").unwrap();
    let refresh = refresh_cookie(&browser, &server).unwrap();
    let refresh = refresh["value"].as_str().unwrap().to_owned();
    let first = browser.tab();
    let second = browser.open_tab();
    visit_home(&browser, &server);

    browser.switch_to(&first);
    assert_eq!(press(&browser, "#logout"), "POST /auth/logout: 204");
    assert_eq!(state(&browser), "You are logged out.");
    // The device stays known to the login throttle.
    let left = browser.cookies();
    let names = left.iter().map(|cookie| cookie["name"].as_str());
    assert!(names.eq([Some("__Host-session-device")]), "{left:?}");
    assert_eq!(refresh_cookie(&browser, &server), None);

    browser.switch_to(&second);
    assert_eq!(
        state(&browser),
        "You are logged in as ada.",
        "it has sent no request yet"
    );
    assert!(press(&browser, "#click").starts_with("POST /clicks: 401"));
    assert_eq!(state(&browser), "You are logged out.");

    // A copy of the cookies is worthless too.
    let access = format!("__Host-access={access}");
    assert_eq!(
        server
            .send("GET", "/clicks", &[("cookie", &access)], "")
            .status,
        401
    );
    let refreshed = with_refresh_cookie(&server, &binding, &refresh);
    assert_eq!(
        (refreshed.status, refreshed.header("set-cookie")),
        (400, "")
    );
}

fn with_refresh_cookie(server: &Server, binding: &str, token: &str) -> Answer {
    let cookie = format!("__Host-session={binding}; __Secure-refresh={token}");
    let headers = [("cookie", &*cookie), ("sec-fetch-site", "same-origin")];
    server.send("POST", "/auth/refresh", &headers, "")
}

#[test]
fn form_posts_from_another_site_change_nothing() {
    let server = Server::start(PROGRAM, &folder("cross-site"), &["--memory"]);
    let Some(browser) = open(&server) else { return };
    log_in(&browser, "ada", "lovelace");
    press(&browser, "#click");
    let before = cookie_value(&browser, "__Host-access");
    let attacker = Attacker::start(&home(&server));

    // 127.0.0.1 is another site than localhost, so the browser sends no Lax cookies. Another port
    // of localhost is the same site, so the browser sends them.
    for (origin, click_status) in [(attacker.other_site(), 401), (attacker.same_site(), 403)] {
        for (form, statuses) in [
            ("click", &[click_status][..]),
            ("refresh", &[403]),
            ("logout", &[403]),
            ("login", &[403]),
        ] {
            browser.visit(&origin);
            browser.click(&format!("#{form} button"));
            browser.wait_until(&format!("location.href.startsWith('{}')", home(&server)));
            let status = browser.run(
                "return performance.getEntriesByType('navigation')[0].responseStatus",
                &json!([]),
            );
            let status = u16::try_from(status.as_u64().unwrap()).unwrap();
            assert!(statuses.contains(&status), "{form} from {origin}: {status}");
        }
        visit_home(&browser, &server);
        assert_eq!(state(&browser), "You are logged in as ada.");
        assert_eq!(cookie_value(&browser, "__Host-access"), before, "{origin}");
        assert_eq!(clicks(&browser), 1, "{origin}");
    }
    assert!(server.log().contains("CrossSite"), "{}", server.log());
}

#[test]
fn a_post_without_the_csrf_token_is_refused() {
    let server = Server::start(PROGRAM, &folder("csrf"), &["--memory"]);
    let Some(browser) = open(&server) else { return };
    log_in(&browser, "ada", "lovelace");
    let post = |token: Value| {
        browser.run_async(
            "const headers = args[0] === null ? {} : { 'x-csrf-token': args[0] };\n\
             return (await fetch('/clicks', { method: 'POST', headers })).status",
            &json!([token]),
        )
    };
    let token = claims(&browser)["csrf"].clone();
    assert_eq!(post(Value::Null), 403);
    assert_eq!(post(json!("")), 403);
    assert_eq!(post(json!("guessed")), 403);
    assert_eq!(clicks(&browser), 0);
    assert_eq!(post(token), 200);
    assert_eq!(clicks(&browser), 1);
}

#[test]
fn a_restart_keeps_all_sessions() {
    let folder = folder("restart");
    let server = Server::start(PROGRAM, &folder, &[]);
    let Some(browser) = open(&server) else { return };
    log_in(&browser, "bob", "builder");
    let address = server.address.clone();
    assert!(server.interrupt().success(), "Ctrl-C is the ordinary end");

    let _server = Server::start(PROGRAM, &folder, &["--listen", &address]);
    assert_eq!(
        press(&browser, "#click"),
        "POST /clicks: 200\nGET /auth/session: 200"
    );
    assert_eq!(
        press(&browser, "#refresh"),
        "POST /auth/refresh: 200\nGET /auth/session: 200"
    );
    assert_eq!(state(&browser), "You are logged in as bob.");
}

#[test]
fn without_a_file_a_restart_ends_all_sessions() {
    let folder = folder("memory");
    let server = Server::start(PROGRAM, &folder, &["--memory"]);
    let Some(browser) = open(&server) else { return };
    log_in(&browser, "bob", "builder");
    let address = server.address.clone();
    assert!(server.interrupt().success(), "Ctrl-C is the ordinary end");

    let _server = Server::start(PROGRAM, &folder, &["--memory", "--listen", &address]);
    assert_eq!(
        press(&browser, "#click"),
        "POST /clicks: 401\nPOST /auth/refresh: 400"
    );
    assert_eq!(state(&browser), "You are logged out.");
}

#[test]
fn an_invalid_argument_is_named() {
    for (arguments, named) in [
        (&["--keys", "x"][..], "--keys"),
        (&["--listen", "here"], "here"),
        (&["--access-lifetime", "soon"], "soon"),
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
