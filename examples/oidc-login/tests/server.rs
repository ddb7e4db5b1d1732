//! The server, run as a user runs it, with a certified provider, in a real Chromium; and attacks on it.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod hostile;
#[allow(dead_code)] // it can do more than is needed here
#[path = "../../quickstart/tests/running/mod.rs"]
mod running;

use std::process::Command;

use serde_json::{Value, json};
use tollgate::{Algorithm, SigningKey};
use tollgate_tests::browser::Browser;
use tollgate_tests::http::{Answer, Request, urlencoded};
use tollgate_tests::servers::{Front, OidcProvider, eventually, free_port};

use crate::hostile::Hostile;
use crate::running::{Server, folder};

const PROGRAM: &str = env!("CARGO_BIN_EXE_oidc-login");
const SECRET: &str = "a secret between the two of them";

/// The example's server, on a port that the provider knows.
struct Site {
    server: Server,
    /// With a slash at its end.
    home: String,
}

/// A provider with two users, and the server that is its client.
fn start(name: &str) -> Option<(OidcProvider, Site)> {
    let port = free_port();
    let provider = OidcProvider::start(&settings(port))?;
    let site = Site::start(name, &provider.url(), port);
    Some((provider, site))
}

/// Those of the README, for another port and with a secret.
fn settings(port: u16) -> Value {
    let mut settings = settings_of_the_readme();
    settings["keys"] = json!([{ "alg": "RS256", "kid": "2031-01" }]);
    let client = &mut settings["clients"][0];
    client["client_secret"] = SECRET.into();
    client["redirect_uris"] = json!([format!("http://localhost:{port}/callback")]);
    client["post_logout_redirect_uris"] = json!([format!("http://localhost:{port}/")]);
    settings
}

fn settings_of_the_readme() -> Value {
    serde_json::from_str(include_str!("../provider.json")).unwrap()
}

impl Site {
    fn start(name: &str, issuer: &str, port: u16) -> Self {
        let listen = format!("127.0.0.1:{port}");
        let arguments = ["--listen", &*listen, "--issuer", issuer];
        let server = Server::start_with(
            PROGRAM,
            &folder(name),
            &arguments,
            &[("OIDC_CLIENT_SECRET", SECRET)],
        );
        Self {
            server,
            home: format!("http://localhost:{port}/"),
        }
    }

    fn get(&self, path: &str, cookie: &str) -> Answer {
        let url = format!("http://{}/{path}", self.server.address);
        Request::get(url).with("cookie", cookie).send().unwrap()
    }

    /// Begins to log in. Gives the URL at the provider, and the cookie.
    fn begin(&self) -> (String, String) {
        let answer = self.get("login", "");
        assert_eq!(answer.status, 303, "{answer:?}\n{}", self.server.log());
        let cookie = answer.field("set-cookie").unwrap();
        let (cookie, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(attributes, "Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600");
        assert_eq!(answer.field("cache-control"), Some("no-store"));
        (answer.field("location").unwrap().to_owned(), cookie.to_owned())
    }

    /// Comes back from the provider with an answer to a login that began with the cookie.
    fn come_back(&self, callback: &str, cookie: &str) -> Answer {
        let path = callback.strip_prefix(&self.home).unwrap();
        self.get(path, cookie)
    }

    fn callback(&self, parameters: &[(&str, &str)], cookie: &str) -> Answer {
        self.get(&format!("callback?{}", urlencoded(parameters)), cookie)
    }
}

/// The access cookie, of an answer that sets it.
fn access(answer: &Answer) -> Option<&str> {
    let cookies = answer.all("set-cookie").filter_map(|line| line.split(';').next());
    let mut access = cookies.filter(|cookie| cookie.starts_with("__Host-access="));
    access.next()
}

/// Asserts that the answer is a page with that text, and logs nobody in.
#[track_caller]
fn assert_refused(answer: &Answer, status: u16, text: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.content.contains(text), "{answer:?}");
    assert_eq!(access(answer), None);
    assert_eq!(answer.field("location"), None);
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    assert!(answer.field("content-type").unwrap().starts_with("text/html"));
}

const TOOK_TOO_LONG: &str = "This login took too long, or began in another browser.";
const ANOTHER_LOGIN: &str = "This answer is to another login.";
const ANOTHER_PROVIDER: &str = "This answer is from another provider.";
const UNKNOWN: &str = "The provider does not know this login.";
const NO_TRUST: &str = "The provider's answer cannot be trusted.";
const OUT_OF_REACH: &str = "The provider is out of reach just now.";

/// One parameter of a URL's query.
fn parameter(url: &str, name: &str) -> String {
    let (_, query) = url.split_once('?').unwrap();
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(found, _)| *found == name).unwrap();
    value.to_owned()
}

/// Opens the page and logs in at the provider, whose pages are on another host.
fn log_in(browser: &Browser, site: &Site, name: &str, password: &str) {
    browser.visit(&site.home);
    browser.wait_until("document.querySelector('#state').textContent");
    assert_eq!(browser.text("#state"), "You are logged out.");
    browser.click("#login a");
    browser.wait_until("location.hostname === '127.0.0.1' && document.querySelector('[name=login]')");
    browser.type_into("[name=login]", name);
    browser.type_into("[name=password]", password);
    browser.click("#submit");
    browser.wait_until("document.title === 'Consent'");
    browser.click("#submit");
    browser.wait_until(&format!("location.href.startsWith('{}')", site.home));
    browser.wait_until("document.querySelector('#state')?.textContent || document.querySelector('#failure')");
}

fn me(browser: &Browser) -> Value {
    browser.run_async(
        "const answer = await fetch('/me'); return [answer.status, (await answer.json()).name ?? null]",
        &json!([]),
    )
}

#[test]
fn a_person_logs_in_at_the_provider_and_out_here_and_there() {
    let Some((provider, site)) = start("chromium") else {
        return;
    };
    let Some(browser) = Browser::start() else { return };
    log_in(&browser, &site, "ada", "lovelace");
    assert_eq!(browser.url(), site.home);
    assert_eq!(
        browser.text("#state"),
        "You are logged in.",
        "{}",
        site.server.log()
    );
    assert_eq!(browser.text("#name"), "Ada Lovelace");
    assert_eq!(browser.text("#user"), format!("{}#ada", provider.url()));
    assert_eq!(me(&browser), json!([200, "Ada Lovelace"]));
    // What is left of the way here is the session, out of reach of scripts.
    assert_eq!(browser.cookie("__Host-login"), None);
    assert_eq!(browser.cookie("__Host-access").unwrap()["httpOnly"], true);
    assert_eq!(browser.run("return document.cookie", &json!([])), "");

    browser.visit(&site.home);
    browser.wait_until("document.querySelector('#state').textContent");
    assert_eq!(browser.text("#state"), "You are logged in.");

    browser.click("#logout");
    browser.wait_until("document.querySelector('#state').textContent === 'You are logged out.'");
    assert_eq!(me(&browser), json!([401, null]));
    assert_eq!(browser.cookie("__Host-access"), None);

    // At the provider it is the same person still, until they log out there as well.
    browser.click("#left a");
    browser.wait_until("location.hostname === '127.0.0.1' && document.querySelector('[name=logout]')");
    browser.click("[name=logout]");
    browser.wait_until(&format!("location.href === '{}'", site.home));
    log_in(&browser, &site, "eve", "dropper");
    assert_eq!(browser.text("#name"), "<b>Eve</b>");
}

#[test]
fn who_cancels_is_told_so_and_may_try_again() {
    let Some((_provider, site)) = start("cancel") else {
        return;
    };
    let Some(browser) = Browser::start() else { return };
    browser.visit(&format!("{}login", site.home));
    browser.wait_until("document.querySelector('[name=login]')");
    browser.click("[name=cancel]");
    browser.wait_until("document.querySelector('#failure')");
    assert_eq!(browser.text("#failure"), "The provider did not log you in.");
    browser.click("#again");
    browser.wait_until("document.querySelector('[name=login]')");
}

#[test]
fn keys_that_change_between_two_logins_stop_nobody() {
    let Some((mut provider, site)) = start("rotation") else {
        return;
    };
    let Some(browser) = Browser::start() else { return };
    log_in(&browser, &site, "ada", "lovelace");
    assert_eq!(
        browser.text("#state"),
        "You are logged in.",
        "{}",
        site.server.log()
    );
    browser.click("#logout");
    browser.wait_until("document.querySelector('#state').textContent === 'You are logged out.'");

    provider.restart_with("keys", json!([{ "alg": "RS256", "kid": "2031-02" }]));
    log_in(&browser, &site, "ada", "lovelace");
    assert_eq!(
        browser.text("#state"),
        "You are logged in.",
        "{}",
        site.server.log()
    );
}

#[test]
fn without_the_provider_sessions_go_on_and_logins_wait() {
    let Some((mut provider, site)) = start("outage") else {
        return;
    };
    let (url, cookie) = site.begin();
    let callback = provider.visit(&url, &site.home, "ada", "lovelace");
    let answer = site.come_back(&callback, &cookie);
    let session = access(&answer).unwrap();
    let (url, cookie) = site.begin();
    let on_the_way = provider.visit(&url, &site.home, "eve", "dropper");

    provider.stop();
    eventually("logins are refused", || site.get("login", "").status == 503);
    let refused = site.get("login", "");
    assert_refused(&refused, 503, OUT_OF_REACH);
    assert_eq!(refused.field("retry-after"), Some("5"));
    assert_refused(&site.come_back(&on_the_way, &cookie), 503, OUT_OF_REACH);
    assert_eq!(site.get("me", session).status, 200);
    assert_eq!(site.get("", session).status, 200);

    provider.restart();
    eventually("logins go on", || site.get("login", "").status == 303);
    let (url, cookie) = site.begin();
    let callback = provider.visit(&url, &site.home, "ada", "lovelace");
    assert!(access(&site.come_back(&callback, &cookie)).is_some());
}

#[test]
fn visitors_cannot_make_the_server_hammer_the_provider() {
    let port = free_port();
    let front = Front::open();
    let mut settings = settings(port);
    settings["issuer"] = front.url().into();
    let Some(provider) = OidcProvider::start(&settings) else {
        return;
    };
    front.stand_before(provider.port());
    let site = Site::start("visitors", &front.url(), port);
    let at_start = front.paths().len();
    let began = std::time::Instant::now();
    for _ in 0..200 {
        assert_eq!(site.get("login", "").status, 303);
        assert_eq!(site.get("provider-logout", "").status, 303);
        let made_up = [("state", "x"), ("code", "x"), ("iss", &*front.url())];
        assert_eq!(site.callback(&made_up, "__Host-login=a.b.c").status, 401);
    }
    let metadata_and_keys = 2;
    let lookups = 1 + usize::try_from(began.elapsed().as_secs() / 5).unwrap();
    let requests = front.paths().len() - at_start;
    assert!(requests <= metadata_and_keys * lookups, "{:?}", front.paths());
}

#[test]
fn an_answer_counts_in_the_browser_that_asked_for_it_and_once() {
    let Some((provider, site)) = start("callback") else {
        return;
    };
    let (url, cookie) = site.begin();
    let (attackers_url, attackers_cookie) = site.begin();
    assert_ne!(parameter(&url, "state"), parameter(&attackers_url, "state"));
    assert_eq!(parameter(&url, "code_challenge_method"), "S256");
    let callback = provider.visit(&url, &site.home, "ada", "lovelace");
    let attackers = provider.visit(&attackers_url, &site.home, "eve", "dropper");
    let (state, code) = (parameter(&callback, "state"), parameter(&callback, "code"));
    let issuer = provider.url();

    // A link to the attacker's answer logs nobody in as the attacker.
    assert_refused(&site.come_back(&attackers, ""), 401, TOOK_TOO_LONG);
    let refused = site.come_back(&attackers, &cookie);
    assert_refused(&refused, 400, ANOTHER_LOGIN);
    assert_eq!(
        refused.field("set-cookie"),
        None,
        "and does not end the user's own login"
    );
    for state in ["", "x", &*format!("{state}x"), &state[1..]] {
        let parameters = [("state", state), ("code", &code), ("iss", &issuer)];
        assert_refused(&site.callback(&parameters, &cookie), 400, ANOTHER_LOGIN);
    }
    // A cookie that is not of this server's making, and two of them.
    let (head, signature) = cookie.rsplit_once('.').unwrap();
    let forged = format!(
        "{head}.{}{}",
        if signature.starts_with('A') { 'B' } else { 'A' },
        &signature[1..]
    );
    assert_refused(&site.come_back(&callback, &forged), 401, TOOK_TOO_LONG);
    let both = format!("{attackers_cookie}; {cookie}");
    assert_refused(&site.come_back(&callback, &both), 400, TOOK_TOO_LONG);
    // Each parameter once.
    let twice = format!("{callback}&state={state}");
    assert_eq!(site.come_back(&twice, &cookie).status, 400);

    let done = site.come_back(&callback, &cookie);
    assert_eq!((done.status, done.field("location")), (303, Some(&*site.home)));
    let me = site.get("me", access(&done).unwrap());
    assert_eq!(
        serde_json::from_str::<Value>(&me.content).unwrap(),
        json!({ "sub": format!("{issuer}#ada"), "name": "Ada Lovelace" })
    );
    let cleared = "__Host-login=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0";
    assert!(done.all("set-cookie").any(|cookie| cookie == cleared));

    // Again, by the browser's history or by somebody who has copied all of it.
    assert_refused(&site.come_back(&callback, ""), 401, TOOK_TOO_LONG);
    assert_refused(&site.come_back(&callback, &cookie), 400, UNKNOWN);
    // The attempt of one browser with the code of another: the provider wants the verifier of the latter.
    let injected = [
        ("state", &*parameter(&attackers_url, "state")),
        ("code", &*code),
        ("iss", &*issuer),
    ];
    assert_refused(&site.callback(&injected, &attackers_cookie), 400, UNKNOWN);
    // What is left of a login is no session, and a session is no login.
    assert_eq!(
        site.get("me", &cookie.replace("__Host-login", "__Host-access"))
            .status,
        401
    );
    let session = access(&done).unwrap().replace("__Host-access", "__Host-login");
    assert_refused(&site.come_back(&callback, &session), 401, TOOK_TOO_LONG);
}

#[test]
fn an_answer_of_another_provider_is_refused() {
    let Some((provider, site)) = start("mix-up") else {
        return;
    };
    let (url, cookie) = site.begin();
    let callback = provider.visit(&url, &site.home, "ada", "lovelace");
    let (state, code) = (parameter(&callback, "state"), parameter(&callback, "code"));
    for issuer in [
        Some("http://evil.example"),
        Some(&*format!("{}/", provider.url())),
        Some(""),
        None, // this provider promises to send it
    ] {
        let mut parameters = vec![("state", &*state), ("code", &*code)];
        parameters.extend(issuer.map(|issuer| ("iss", issuer)));
        assert_refused(&site.callback(&parameters, &cookie), 400, ANOTHER_PROVIDER);
    }
    // The code was told to nobody.
    assert!(access(&site.come_back(&callback, &cookie)).is_some());
}

#[test]
fn after_the_login_there_is_no_way_to_another_site() {
    let Some((provider, site)) = start("return") else {
        return;
    };
    for (wanted, to) in [
        ("/?tab=2", "?tab=2"),
        ("me", "me"),
        ("https://evil.example/", ""),
        ("//evil.example", ""),
        ("/\\evil.example", ""),
        ("\\\\evil.example", ""),
        ("/\t/evil.example", ""),
        ("javascript:alert(1)", ""),
        ("http://localhost/", ""),
        (&format!("blob:{}7f9c", site.home), ""), // of this origin, and no page
        (&site.home.replace("//", "//www.bank.example@"), ""), // reads as another site's
        ("/.//evil.example", "/evil.example"),    // a path of this site's, with the host before it
    ] {
        let answer = site.get(&format!("login?{}", urlencoded(&[("return_to", wanted)])), "");
        let cookie = answer.field("set-cookie").unwrap().split(';').next().unwrap();
        let callback = provider.visit(answer.field("location").unwrap(), &site.home, "ada", "lovelace");
        let done = site.come_back(&callback, cookie);
        assert_eq!(
            done.field("location"),
            Some(&*format!("{}{to}", site.home)),
            "{wanted}"
        );
    }
}

/// What is wrong with an ID token, and how it comes to that.
type Change<'a> = (&'a str, &'a dyn Fn(&mut Value));

#[test]
fn an_id_token_that_is_not_for_this_login_is_refused() {
    let hostile = Hostile::start(json!({}));
    let site = Site::start("id-token", &hostile.issuer, free_port());
    // A login whose code brings an ID token with these changes to a good one.
    let with = |change: &dyn Fn(&mut Value), sign: &dyn Fn(&Value) -> String| {
        let (url, cookie) = site.begin();
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let mut claims = json!({
            "iss": hostile.issuer, "aud": "oidc-login", "sub": "mallory", "iat": now, "exp": now + 300,
            "nonce": parameter(&url, "nonce"), "name": "Mallory".repeat(100),
        });
        change(&mut claims);
        hostile.answer(json!({ "access_token": "x", "token_type": "Bearer", "id_token": sign(&claims) }));
        // It has not promised `iss` in its answers.
        site.callback(&[("state", &parameter(&url, "state")), ("code", "x")], &cookie)
    };
    let signed = |claims: &Value| hostile.key.encode(claims).unwrap();
    let done = with(&|_| {}, &signed);
    assert_eq!(done.status, 303, "{}", site.server.log());
    let me: Value = serde_json::from_str(&site.get("me", access(&done).unwrap()).content).unwrap();
    assert_eq!(me["name"], "Mallory".repeat(15)[..100], "and no longer");

    let changes: [Change<'_>; 17] = [
        ("another nonce", &|claims| claims["nonce"] = "x".into()),
        ("an empty nonce", &|claims| claims["nonce"] = "".into()),
        ("more than the nonce", &|claims| {
            claims["nonce"] = json!([claims["nonce"].clone()]);
        }),
        ("no nonce", &|claims| claims["nonce"] = Value::Null),
        ("another issuer", &|claims| {
            claims["iss"] = "https://id.example.com".into();
        }),
        ("no issuer", &|claims| claims["iss"] = Value::Null),
        ("another audience", &|claims| claims["aud"] = "shop".into()),
        ("another audience, too", &|claims| {
            claims["aud"] = json!(["oidc-login", "shop"]);
        }),
        ("another's, named to this one", &|claims| {
            claims["azp"] = "shop".into();
        }),
        ("no audience", &|claims| claims["aud"] = json!([])),
        ("over", &|claims| claims["exp"] = 1_000_000_000.into()),
        ("without an end", &|claims| {
            claims.as_object_mut().unwrap().remove("exp");
        }),
        ("issued in the future", &|claims| {
            claims["iat"] = 4_000_000_000_u64.into();
        }),
        ("nobody", &|claims| claims["sub"] = Value::Null),
        ("a number", &|claims| claims["sub"] = 7.into()),
        ("a name that is none", &|claims| claims["name"] = json!({})),
        ("a nonce that is missing", &|claims| {
            claims.as_object_mut().unwrap().remove("nonce");
        }),
    ];
    for (what, change) in changes {
        eprintln!("an ID token with {what}"); // shown if it is accepted
        let answer = with(change, &signed);
        assert_refused(&answer, 502, NO_TRUST);
    }

    let other = SigningKey::generate(Algorithm::ES256).unwrap();
    let forged = with(&|_| {}, &|claims| {
        other.clone().with_kid("1").encode(claims).unwrap()
    });
    assert_refused(&forged, 502, NO_TRUST);
    let unknown = with(&|_| {}, &|claims| {
        other.clone().with_kid("2").encode(claims).unwrap()
    });
    assert_refused(&unknown, 502, NO_TRUST);
    let unsigned = with(&|_| {}, &|claims| {
        let token = signed(claims);
        let payload = token.split('.').nth(1).unwrap();
        format!("eyJhbGciOiJub25lIn0.{payload}.")
    });
    assert_refused(&unsigned, 502, NO_TRUST);
    // By the client's secret as if it were a key, which both sides know.
    let mac = SigningKey::hs256(SECRET).unwrap().with_kid("1");
    assert_refused(
        &with(&|_| {}, &|claims| mac.encode(claims).unwrap()),
        502,
        NO_TRUST,
    );
}

#[test]
fn nonsense_in_exchange_for_a_code_is_refused() {
    let hostile = Hostile::start(json!({}));
    let site = Site::start("nonsense", &hostile.issuer, free_port());
    for (tokens, status, text) in [
        (
            json!({ "access_token": "x", "token_type": "Bearer" }),
            502,
            NO_TRUST,
        ),
        (
            json!({ "access_token": "x", "token_type": "Bearer", "id_token": "x" }),
            502,
            NO_TRUST,
        ),
        (
            json!({ "access_token": "x", "token_type": "Bearer", "id_token": 7 }),
            502,
            NO_TRUST,
        ),
        (json!([]), 502, NO_TRUST),
        (json!({ "error": "server_error" }), 502, NO_TRUST),
        (json!("x".repeat(2 << 20)), 503, OUT_OF_REACH), // it is not read to its end
    ] {
        let (url, cookie) = site.begin();
        hostile.answer(tokens);
        let answer = site.callback(&[("state", &parameter(&url, "state")), ("code", "x")], &cookie);
        assert_refused(&answer, status, text);
    }
}

#[test]
fn another_site_logs_nobody_out() {
    let Some((provider, site)) = start("cross-site") else {
        return;
    };
    let (url, cookie) = site.begin();
    let callback = provider.visit(&url, &site.home, "ada", "lovelace");
    let answer = site.come_back(&callback, &cookie);
    let session = access(&answer).unwrap();
    let logout = format!("http://{}/auth/logout", site.server.address);
    for origin in ["cross-site", "same-site"] {
        let request = Request::post(&logout, &[]).with("cookie", session);
        assert_eq!(request.with("sec-fetch-site", origin).send().unwrap().status, 403);
    }
    assert_eq!(site.get("me", session).status, 200);
    // Nor is there any other way in than the provider's.
    let login = format!("http://{}/auth/login", site.server.address);
    let request = Request::post(&login, &[("user", "ada"), ("password", "lovelace")]);
    assert_eq!(
        request
            .with("sec-fetch-site", "same-origin")
            .send()
            .unwrap()
            .status,
        401
    );
}

#[test]
fn it_works_as_the_readme_says() {
    let settings = settings_of_the_readme();
    assert_eq!(settings["port"], 4000);
    let Some(provider) = OidcProvider::start(&settings) else {
        return;
    };
    // As with the defaults, but for the ports, which may be taken here.
    let arguments = ["--url", "http://localhost:8080", "--issuer", &*provider.url()];
    let site = Site {
        server: Server::start(PROGRAM, &folder("readme"), &arguments),
        home: "http://localhost:8080/".to_owned(),
    };
    for (name, password, shown) in [
        ("ada", "lovelace", "Ada Lovelace"),
        ("eve", "dropper", "<b>Eve</b>"),
    ] {
        let (url, cookie) = site.begin();
        let callback = provider.visit(&url, &site.home, name, password);
        let done = site.come_back(&callback, &cookie);
        let me = site.get("me", access(&done).unwrap()).content;
        assert_eq!(serde_json::from_str::<Value>(&me).unwrap()["name"], shown);
    }
    let help = Command::new(PROGRAM).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for default in ["127.0.0.1:8080", "http://127.0.0.1:4000", "oidc-login"] {
        assert!(help.contains(default), "{default}");
    }
}

#[test]
fn what_cannot_be_is_said_at_the_start() {
    for (arguments, status, named) in [
        (&["--keys", "x"][..], 2, "--keys"),
        (&["--listen", "here"], 2, "here"),
        (&["--issuer", "id.example.com"], 1, "id.example.com"),
        (&["--issuer", "http://id.example.com"], 1, "https"),
        (
            &["--issuer", &*format!("http://127.0.0.1:{}", free_port())],
            1,
            "127.0.0.1",
        ),
        (&["--url", "localhost"], 1, "URL"),
    ] {
        let mut command = Command::new(PROGRAM);
        let output = command
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .output()
            .unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{message}");
        assert!(message.contains(named), "{arguments:?}: {message}");
    }
    let help = Command::new(PROGRAM).arg("--help").output().unwrap();
    assert!(help.status.success() && String::from_utf8(help.stdout).unwrap().contains("--issuer"));
}
