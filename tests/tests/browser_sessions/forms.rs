//! Pages without scripts, in a browser that runs none: every step is a form.

use axum::Router;
use axum::body::Bytes;
use axum::http::Uri;
use axum::response::Html;
use axum::routing::get;
use serde_json::json;
use tollgate_core::Principal;
use tollgate_session::CookieTransport;
use tollgate_tests::browser::Browser;

use crate::hosts::Hosts;

/// Shows whether scripts run.
const SCRIPT: &str = "<i></i><script>document.querySelector('i').textContent = 'ran'</script>";

/// The login page, with the code of its query.
pub(crate) async fn login_page(target: Uri) -> Html<String> {
    let query = target.query().unwrap_or_default();
    let message = match query.contains("error=wrong_credentials") {
        true => "wrong name or password",
        false => "",
    };
    Html(format!(
        "<p>log in</p><b>{message}</b>{SCRIPT}\
         <form method=post action='/auth/login?{query}'>\
         <input name=user><input name=password type=password><button>Log in</button></form>"
    ))
}

/// A page with forms, for a user.
pub(crate) fn notes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let page = async |user: Principal| page(&user, "none");
    let saved = async |user: Principal, content: Bytes| {
        let sevens = content.iter().filter(|byte| **byte == 7).count();
        let whole = String::from_utf8_lossy(&content);
        let note = whole.split_once("&note=").map_or("", |(_, note)| note);
        self::page(&user, &format!("{note} {sevens}"))
    };
    Router::new().route("/notes", get(page).post(saved))
}

fn page(user: &Principal, saved: &str) -> Html<String> {
    let name = user.subject().unwrap();
    let token = user.csrf_token().unwrap_or_default();
    let hidden = format!("<input type=hidden name=csrf_token value='{token}'>");
    Html(format!(
        "<p>{name}</p><b>{saved}</b>{SCRIPT}\
         <form id=note method=post>{hidden}<input name=note><button>Save</button></form>\
         <form id=file method=post enctype=multipart/form-data>{hidden}\
         <input type=file name=file><button>Send</button></form>\
         <form id=bare method=post><input name=note><button>Save</button></form>\
         <form id=logout method=post action=/auth/logout>{hidden}<button>Log out</button></form>"
    ))
}

/// Waits until the browser shows a page: its path and query, the user and the message. No script of
/// the page has run.
fn is(browser: &Browser, place: &str, user: &str, message: &str) {
    let wanted = json!([place, user, message, ""]);
    browser.wait_until(&format!(
        "JSON.stringify([location.pathname + location.search, ...['p', 'b', 'i'].map(\
         name => document.querySelector(name)?.textContent.trim())]) === \
         JSON.stringify({wanted})"
    ));
}

#[test]
fn a_session_works_without_scripts() {
    let no_scripts = json!({ "profile.managed_default_content_settings.javascript": 2 });
    let Some(browser) = Hosts::browser_with(&no_scripts) else {
        return;
    };
    let (hosts, _) = Hosts::start(vec![CookieTransport::builder()]);
    let is = |place: &str, user: &str, message: &str| is(&browser, place, user, message);
    let log_in = |password: &str| {
        browser.type_into("[name=user]", "alice");
        browser.type_into("[name=password]", password);
        browser.click("button");
    };
    hosts.open(&browser, "app", "/notes");
    is("/login?return_to=/notes", "log in", "");
    log_in("wrong");
    let wrong = "/login?error=wrong_credentials&return_to=/notes";
    is(wrong, "log in", "wrong name or password");
    assert_eq!(hosts.devices("alice"), 0);
    log_in("right");
    is("/notes", "alice", "none");

    browser.type_into("#note [name=note]", "a&b=7");
    browser.click("#note button");
    is("/notes", "alice", "a%26b%3D7 0");
    let file = std::env::temp_dir().join(format!("tollgate-form-{}", std::process::id()));
    std::fs::write(&file, [7; 70_000]).unwrap();
    browser.type_into("#file [name=file]", file.to_str().unwrap());
    browser.click("#file button");
    std::fs::remove_file(&file).unwrap();
    is("/notes", "alice", "70000");
    browser.click("#bare button");
    browser.wait_until("document.body.textContent.includes('invalid_csrf_token')");

    hosts.open(&browser, "app", "/notes");
    browser.click("#logout button");
    is("/login", "log in", "");
    assert_eq!(hosts.devices("alice"), 0);
    hosts.open(&browser, "app", "/notes");
    is("/login?return_to=/notes", "log in", "");
}
