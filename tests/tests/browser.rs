//! The assumptions of the browser tests: the cookies that Chromium stores for loopback addresses,
//! and the fields that it sends with them.

#![allow(clippy::unwrap_used)] // a test

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::json;
use tollgate_tests::browser::Browser;

/// Answers every request with these fields, and reports the request.
fn serve(fields: &'static str) -> (u16, mpsc::Receiver<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, requests) = mpsc::channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let lines = BufReader::new(&connection).lines().map_while(Result::ok);
            let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            if head.is_empty() {
                continue;
            }
            let body = "<title>served</title>";
            let _ = write!(
                connection,
                "HTTP/1.1 200 OK\r\n{fields}content-type: text/html\r\nconnection: close\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = sender.send(head);
        }
    });
    (port, requests)
}

#[test]
fn chromium_keeps_host_cookies_of_localhost_and_sends_fetch_metadata() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let (port, requests) =
        serve("set-cookie: __Host-a=1; Path=/; Secure; HttpOnly; SameSite=Lax\r\n");
    browser.visit(&format!("http://localhost:{port}/"));
    let cookie = browser.cookie("__Host-a").unwrap();
    assert_eq!(
        (&cookie["value"], &cookie["httpOnly"]),
        (&json!("1"), &json!(true))
    );
    assert_eq!(browser.run("return document.title", &json!([])), "served");

    let status = browser.run_async(
        "return (await fetch('/again', { method: 'POST' })).status",
        &json!([]),
    );
    assert_eq!(status, 200);
    let posted = requests
        .iter()
        .find(|head| head[0].starts_with("POST"))
        .unwrap();
    let has = |line: &str| posted.iter().any(|got| got.eq_ignore_ascii_case(line));
    assert!(has("sec-fetch-site: same-origin"), "{posted:?}");
    assert!(has("cookie: __Host-a=1"), "{posted:?}");

    let first = browser.tab();
    browser.open_tab();
    browser.visit(&format!("http://localhost:{port}/other"));
    assert!(browser.cookie("__Host-a").is_some());
    browser.switch_to(&first);
    assert!(browser.url().ends_with('/'));
}

#[test]
fn chromium_marks_the_pages_that_it_loads_before_a_click() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let (port, requests) = serve("cache-control: no-store\r\n");
    browser.visit(&format!("http://localhost:{port}/"));
    for (kind, path) in [("prefetch", "/prefetched"), ("prerender", "/prerendered")] {
        browser.run(
            "const rules = document.createElement('script');\n\
             const [kind, path] = arguments;\n\
             rules.type = 'speculationrules';\n\
             rules.text = JSON.stringify({ [kind]: [{ urls: [path], eagerness: 'immediate' }] });\n\
             document.head.append(rules);",
            &json!([kind, path]),
        );
        let wanted = format!("GET {path} ");
        let head = loop {
            let head = requests.recv_timeout(Duration::from_secs(30)).unwrap();
            if head[0].starts_with(&wanted) {
                break head;
            }
        };
        let has = |text: &str| {
            head.iter()
                .any(|line| line.to_lowercase().starts_with(text))
        };
        assert!(has("sec-fetch-mode: navigate"), "{head:?}");
        assert!(has("sec-purpose: prefetch"), "{head:?}");
    }
}
