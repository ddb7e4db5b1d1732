//! The pages in Chromium.

use serde_json::{Value, json};
use tollgate_tests::browser::Browser;
use tollgate_tests::servers::eventually;

use super::{start, start_in};
use crate::running::{Server, folder};

/// The shop by the name for which browsers accept `Secure` cookies without TLS.
fn url(server: &Server, path: &str) -> String {
    let port = server.address.rsplit(':').next().unwrap();
    format!("http://localhost:{port}{path}")
}

fn front_end(server: &Server) -> &str {
    let mut lines = server.welcome.lines();
    let start = "The front-end on another origin is on ";
    lines.find_map(|line| line.strip_prefix(start)).unwrap()
}

/// Waits until a page of the shop is loaded. A click may return before the next page is there.
fn arrives(browser: &Browser, server: &Server, path: &str) {
    let url = url(server, path);
    browser.wait_until(&format!(
        "location.href === '{url}' && document.readyState === 'complete'"
    ));
}

fn shows(browser: &Browser, text: &str) {
    browser.wait_until(&format!("document.body.innerText.includes('{text}')"));
}

/// Clicks, and waits for the next page, also if it has the same URL.
fn click(browser: &Browser, selector: &str) {
    browser.wait_until(&format!("document.querySelector('{selector}')"));
    browser.run("document.body.id = 'left'", &json!([]));
    browser.click(selector);
    browser.wait_until("document.readyState === 'complete' && document.body.id !== 'left'");
}

/// Fills the login page, and sends it.
fn fill(browser: &Browser, user: &str, password: &str) {
    browser.type_into("input[name=user]", user);
    browser.type_into("input[name=password]", password);
    click(browser, "#submit");
}

fn log_in(browser: &Browser, server: &Server, user: &str, password: &str) {
    browser.visit(&url(server, "/login?return_to=/account"));
    fill(browser, user, password);
    arrives(browser, server, "/account");
}

#[test]
fn a_customer_buys_without_scripts() {
    let server = start("buys");
    let Some(browser) = Browser::start() else {
        return;
    };
    // A page for users leads to the login page, and the login back.
    browser.visit(&url(&server, "/cart"));
    arrives(&browser, &server, "/login?return_to=/cart");
    fill(&browser, "eve", "wrong");
    shows(&browser, "The name or the password is wrong.");
    fill(&browser, "eve", "example");
    arrives(&browser, &server, "/cart");

    browser.visit(&url(&server, "/"));
    click(&browser, "button[value=tea]");
    arrives(&browser, &server, "/cart");
    browser.visit(&url(&server, "/"));
    click(&browser, "button[value=tea]");
    arrives(&browser, &server, "/cart");
    assert_eq!(browser.text("main .total"), "Total € 17.80");

    // Without the access cookie, as after 15 minutes, the session goes on.
    browser.delete_cookie("__Host-access");
    browser.delete_cookie("__Host-access-resumed");
    browser.visit(&url(&server, "/cart"));
    arrives(&browser, &server, "/cart");
    assert!(browser.cookie("__Host-access").is_some());
    shows(&browser, "Mountain tea");
    click(&browser, "#order");
    shows(&browser, "Thank you for your order");
    browser.visit(&url(&server, "/cart"));
    shows(&browser, "It is empty.");

    click(&browser, "#logout");
    arrives(&browser, &server, "/");
    browser.visit(&url(&server, "/cart"));
    arrives(&browser, &server, "/login?return_to=/cart");
}

#[test]
fn a_form_of_another_site_or_without_the_token_does_nothing() {
    let server = start("forged");
    let Some(browser) = Browser::start() else {
        return;
    };
    log_in(&browser, &server, "eve", "example");
    let post = "const form = document.createElement('form');
        form.method = 'post'; form.action = arguments[0];
        form.innerHTML = '<button name=good value=tea>';
        document.body.append(form); form.querySelector('button').click()";
    browser.run(post, &json!([url(&server, "/cart")]));
    browser.wait_until("document.body.innerText.includes('Open the page again')");

    let foreign = url(&server, "/").replace("localhost", "127.0.0.1");
    browser.visit(&format!("{foreign}login"));
    browser.run(post, &json!([url(&server, "/cart")]));
    browser.visit(&url(&server, "/cart"));
    shows(&browser, "It is empty.");
}

#[test]
fn users_end_sessions_of_their_devices_and_administrators_those_of_users() {
    let server = start("ends");
    let (Some(laptop), Some(phone)) = (Browser::start(), Browser::start()) else {
        return;
    };
    for browser in [&laptop, &phone] {
        log_in(browser, &server, "eve", "example");
    }
    let is_logged_out = |browser: &Browser| {
        browser.visit(&url(&server, "/account"));
        browser.url() == url(&server, "/login?return_to=/account")
    };
    laptop.visit(&url(&server, "/account"));
    click(&laptop, ".end");
    arrives(&laptop, &server, "/account");
    assert!(is_logged_out(&phone) && !is_logged_out(&laptop));

    log_in(&phone, &server, "eve", "example");
    laptop.visit(&url(&server, "/account"));
    click(&laptop, "#end-others");
    assert!(is_logged_out(&phone) && !is_logged_out(&laptop));

    log_in(&phone, &server, "ada", "lovelace");
    phone.visit(&url(&server, "/admin"));
    assert_eq!(phone.text("#user-eve .devices"), "1");
    click(&phone, "#user-eve .end");
    assert_eq!(phone.text("#user-eve .devices"), "0");
    assert!(is_logged_out(&laptop));
}

#[test]
fn a_former_administrator_changes_nothing_more() {
    let server = start("demoted");
    let (Some(ada), Some(bob)) = (Browser::start(), Browser::start()) else {
        return;
    };
    let set_role = |role: &str| {
        ada.visit(&url(&server, "/admin"));
        ada.click(&format!("#user-bob option[value={role}]"));
        click(&ada, "#user-bob .role");
    };
    log_in(&ada, &server, "ada", "lovelace");
    log_in(&bob, &server, "bob", "builder");
    bob.visit(&url(&server, "/admin"));
    shows(&bob, "insufficient_scope");
    set_role("admin");
    bob.visit(&url(&server, "/admin"));
    shows(&bob, "eve");

    set_role("customer");
    // The page of before has the buttons, the role has ended.
    click(&bob, "#user-eve .end");
    // Two changes in one second end the tokens of that second, so the page may be the login.
    let is_refused = || {
        bob.delete_cookie("__Host-access-resumed"); // it has just been resumed with the other role
        bob.visit(&url(&server, "/admin"));
        let text = bob.run("return document.body.innerText", &json!([]));
        text.as_str()
            .is_some_and(|text| text.contains("insufficient_scope"))
    };
    eventually("the page is refused", is_refused);
}

#[test]
fn a_change_of_the_password_asks_for_it_again() {
    let server = start_in(&folder("password"), &["--fresh", "8"]);
    let (Some(laptop), Some(phone)) = (Browser::start(), Browser::start()) else {
        return;
    };
    log_in(&phone, &server, "eve", "example");
    log_in(&laptop, &server, "eve", "example");
    // The login gets too old.
    while !laptop.url().contains("/account/confirm") {
        laptop.visit(&url(&server, "/account/password"));
    }
    laptop.type_into("input[name=password]", "wrong");
    click(&laptop, "#submit");
    shows(&laptop, "The password is wrong.");
    laptop.type_into("input[name=password]", "example");
    click(&laptop, "#submit");
    arrives(&laptop, &server, "/account/password");
    laptop.type_into("input[name=password]", "a longer one");
    click(&laptop, "#submit");
    arrives(&laptop, &server, "/account");

    phone.visit(&url(&server, "/account"));
    arrives(&phone, &server, "/login?return_to=/account");
    fill(&phone, "eve", "example");
    shows(&phone, "The name or the password is wrong.");
    fill(&phone, "eve", "a longer one");
    arrives(&phone, &server, "/account");
}

#[test]
fn a_front_end_of_another_origin_uses_the_same_session() {
    let server = start("front-end");
    let Some(browser) = Browser::start() else {
        return;
    };
    browser.visit(front_end(&server));
    browser.wait_until("!document.querySelector('#login').hidden");
    browser.type_into("input[name=user]", "eve");
    browser.type_into("input[name=password]", "example");
    browser.click("#login button");
    browser.wait_until("!document.querySelector('#shop').hidden");
    browser.click("#add");
    browser.wait_until("document.querySelector('#total').textContent === '€ 8.90'");

    browser.visit(&url(&server, "/cart"));
    assert_eq!(browser.text("main .total"), "Total € 8.90");
    // A script reads no token.
    let seen = browser.run("return document.cookie", &json!([]));
    assert_eq!(seen, Value::from(""));

    browser.visit(front_end(&server));
    browser.wait_until("!document.querySelector('#shop').hidden");
    browser.click("#logout");
    browser.wait_until("!document.querySelector('#login').hidden");
}
