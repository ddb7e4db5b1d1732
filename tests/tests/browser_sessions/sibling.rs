//! A sibling subdomain that plants cookies, and a second refresh cookie of a former path.

use serde_json::{Value, json};
use tollgate_core::EndpointRequest;
use tollgate_session::{CookieTransport, Login};

use crate::hosts::{Hosts, log_in, me, refresh, send};

/// The cookies of the attacker's own session: access, binding, refresh.
fn cookies_of_mallory(hosts: &Hosts) -> Vec<String> {
    let cookies = CookieTransport::builder().build().unwrap();
    let request = EndpointRequest::new("POST", "/login");
    let login = cookies.log_in(&hosts.sessions, Login::new("mallory"), &request);
    let (_, edits) = hosts.runtime.block_on(login).unwrap();
    let lines = edits
        .iter()
        .map(|(_, line)| std::str::from_utf8(line).unwrap());
    lines
        .map(|line| line.split(';').next().unwrap().to_owned())
        .collect()
}

#[test]
fn a_sibling_subdomain_neither_logs_in_nor_locks_out() {
    let Some(browser) = Hosts::browser() else {
        return;
    };
    let (hosts, _) = Hosts::start(vec![CookieTransport::builder()]);
    let mallory = cookies_of_mallory(&hosts);
    let (binding, refresh_pair) = (&mallory[1], &mallory[2]);
    let lines: Vec<String> = ["/", "/auth", "/auth/refresh"]
        .iter()
        .flat_map(|path| {
            let attributes = format!("Domain=example.test; Path={path}; Secure");
            [
                format!("{refresh_pair}; {attributes}"),
                format!("{}; {attributes}", mallory[0]),
                format!("{binding}; {attributes}"),
                // Without a name: a browser could send the value as a pair.
                format!("={binding}; {attributes}"),
            ]
        })
        .collect();
    let query: Vec<String> = lines.iter().map(|line| hexadecimal(line)).collect();
    hosts.open(&browser, "evil", &format!("/plant?{}", query.join("&")));
    // White space that a browser may keep as a part of the name, and a server may trim.
    for space in [
        "\u{2000}", "\u{a0}", "\u{85}", "\u{feff}", "\t", "\u{b}", "\u{c}",
    ] {
        let line = format!("{space}{binding}; Domain=example.test; Path=/; Secure");
        browser.run("document.cookie = arguments[0]", &json!([line]));
    }

    hosts.open(&browser, "app", "/");
    assert_eq!(refresh(&browser, "/auth"), 400);
    assert_eq!(me(&browser), 401);
    let arrived = |pair: &str| hosts.state.seen.lock().unwrap().join("; ").contains(pair);
    assert!(arrived(refresh_pair), "the refresh cookie is planted");

    log_in(&browser, "/auth", "alice");
    for _ in 0..3 {
        hosts.clock.advance(60);
        assert_eq!(refresh(&browser, "/auth"), 200);
        assert_eq!(me(&browser), "alice");
    }
    assert_eq!(send(&browser, "POST", "/auth/logout", &Value::Null), 204);
    assert_eq!((hosts.devices("alice"), hosts.devices("mallory")), (0, 1));
    assert_eq!(refresh(&browser, "/auth"), 400);
    log_in(&browser, "/auth", "alice");
    assert_eq!(me(&browser), "alice");
}

fn hexadecimal(text: &str) -> String {
    let digits = text.bytes().map(|byte| format!("{byte:02x}"));
    digits.collect::<Vec<_>>().concat()
}

#[test]
fn endpoints_that_moved_work_with_the_former_cookie() {
    let Some(browser) = Hosts::browser() else {
        return;
    };
    let moved = || CookieTransport::builder().path("/auth/new");
    let (hosts, _) = Hosts::start(vec![
        CookieTransport::builder(),
        moved().former_paths(["/auth"]),
        CookieTransport::builder().path("/auth/kept"),
    ]);
    for (after, paths) in [
        ("/auth/new", vec!["/auth/new"]),
        ("/auth/kept", vec!["/auth", "/auth/kept"]),
    ] {
        hosts.open(&browser, "app", "/");
        log_in(&browser, "/auth", "alice");
        for _ in 0..3 {
            hosts.clock.advance(60);
            assert_eq!(refresh(&browser, after), 200, "{after}");
        }
        assert_eq!(me(&browser), "alice");
        hosts.open(&browser, "app", &format!("{after}/session"));
        let mut found: Vec<_> = browser
            .cookies()
            .into_iter()
            .filter(|cookie| cookie["name"] == "__Secure-refresh")
            .map(|cookie| cookie["path"].as_str().unwrap().to_owned())
            .collect();
        found.sort();
        assert_eq!(found, paths);
        hosts.open(&browser, "app", "/");
        assert_eq!(
            send(&browser, "POST", &format!("{after}/logout"), &Value::Null),
            204
        );
        assert_eq!(hosts.devices("alice"), 0);
    }
}
