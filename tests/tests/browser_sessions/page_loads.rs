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
    hosts.clock.advance(6 * 86_400);
    assert_eq!(me(&browser), json!(401)); // a script is not redirected
    hosts.open(&browser, "app", "/page?a=b");
    assert_eq!(
        shown(&browser),
        ("/page?a=b".to_owned(), "alice".to_owned())
    );
    assert_eq!(me(&browser), json!("alice"));
    assert_eq!(hosts.devices("alice"), 1);
}

#[test]
fn a_link_of_another_site_resumes_the_session() {
    let Some(browser) = Hosts::browser() else {
        return;
    };
    let (hosts, _) = Hosts::start(vec![CookieTransport::builder()]);
    hosts.open(&browser, "app", "/");
    log_in(&browser, "/auth", "alice");
    hosts.clock.advance(6 * 86_400);
    let to = hosts.url("app", "/page?a=b");
    browser.visit(&format!("data:text/html,<a href='{to}'>mail</a>"));
    browser.click("a");
    assert_eq!(
        shown(&browser),
        ("/page?a=b".to_owned(), "alice".to_owned())
    );
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
