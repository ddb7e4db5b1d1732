//! Responses of the former user that arrive after the next login.

use serde_json::json;
use tollgate_session::CookieTransport;

use crate::hosts::{Hosts, log_in, me, refresh};

/// Starts a request whose answer is slow. `late` is set when it has arrived.
const SLOW: &str = "window.late = false;\n\
    fetch(arguments[0]).then(answer => answer.text()).then(() => { window.late = true })";

#[test]
fn a_page_never_acts_as_the_former_user() {
    let Some(browser) = Hosts::browser() else {
        return;
    };
    let (hosts, waiting) = Hosts::start(vec![CookieTransport::builder()]);
    hosts.open(&browser, "app", "/");
    for (path, place, then) in [
        // The login comes before the renewal, which is not issued.
        ("/slow-handler", "handler", json!("bob")),
        // The renewal is under way, and overwrites the cookie of the next session.
        ("/slow-answer", "answer", json!(401)),
    ] {
        log_in(&browser, "/auth", "alice");
        hosts.clock.advance(600);
        browser.run(SLOW, &json!([path]));
        assert_eq!(waiting.recv().unwrap(), place);
        log_in(&browser, "/auth", "bob");
        assert_eq!(hosts.devices("alice"), 0);
        hosts.release();
        browser.wait_until("window.late");
        assert_eq!(me(&browser), then, "{path}");
        assert_eq!(refresh(&browser, "/auth"), 200);
        assert_eq!(me(&browser), "bob");
        assert_eq!(hosts.devices("bob"), 1);
    }
}

#[test]
fn five_logins_in_a_browser_are_one_device() {
    let Some(browser) = Hosts::browser() else {
        return;
    };
    let (hosts, _) = Hosts::start(vec![CookieTransport::builder()]);
    hosts.open(&browser, "app", "/");
    for _ in 0..5 {
        log_in(&browser, "/auth", "alice");
        assert_eq!(hosts.devices("alice"), 1);
    }
}
