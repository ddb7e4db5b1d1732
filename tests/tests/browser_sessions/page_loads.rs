//! Pages that the server renders: no script of them takes part.

use serde_json::json;
use tollgate_session::CookieTransport;
use tollgate_tests::browser::Browser;

use crate::hosts::{Hosts, log_in, me, send};

/// The path, the query and the text of the page.
fn shown(browser: &Browser) -> (String, String) {
    let place = browser.run("return location.pathname + location.search", &json!([]));
    (place.as_str().unwrap().to_owned(), browser.text("p"))
}

#[test]
fn a_page_load_after_the_access_cookie_expired_is_logged_in() {
    let Some(browser) = Hosts::browser() else {
        return;
    };
    let (hosts, _) = Hosts::start(vec![CookieTransport::builder()]);
    hosts.open(&browser, "app", "/");
    log_in(&browser, "/auth", "alice");
    for day in 1..=3 {
        hosts.clock.advance(86_400);
        if day == 2 {
            // A link in a page of another site.
            browser.visit("data:text/html,<p>mail</p>");
            let to = hosts.url("app", "/page?day=2");
            browser.run("location.href = arguments[0]", &json!([to]));
            browser.wait_until("location.pathname == '/page'");
        } else {
            hosts.open(&browser, "app", &format!("/page?day={day}"));
        }
        let expected = (format!("/page?day={day}"), "alice".to_owned());
        assert_eq!(shown(&browser), expected);
        assert_eq!(hosts.devices("alice"), 1);
    }
    // A script keeps the 401.
    hosts.clock.advance(86_400);
    assert_eq!(me(&browser), json!(401));
}

#[test]
fn a_page_load_without_a_session_shows_the_login_page() {
    let Some(browser) = Hosts::browser() else {
        return;
    };
    let (hosts, _) = Hosts::start(vec![CookieTransport::builder()]);
    let login = (
        "/login?return_to=/page%3Fa%3Db".to_owned(),
        "log in".to_owned(),
    );
    hosts.open(&browser, "app", "/page?a=b");
    assert_eq!(shown(&browser), login);
    log_in(&browser, "/auth", "alice");
    hosts.open(&browser, "app", "/page?a=b");
    assert_eq!(browser.text("p"), "alice");
    assert_eq!(send(&browser, "POST", "/auth/logout", &json!(null)), 204);
    hosts.open(&browser, "app", "/page?a=b");
    assert_eq!(shown(&browser), login);
}
