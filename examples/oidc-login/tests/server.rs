//! Runs the server as a process, with a certified provider and a real Chromium, and attacks it.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

#[allow(dead_code)] // not every function is used here
#[path = "../../quickstart/tests/running/mod.rs"]
mod running;
mod scripted_provider;

use std::process::Command;

use serde_json::{Value, json};
use tollgate::{Algorithm, SigningKey};
use tollgate_tests::browser::Browser;
use tollgate_tests::http::{Answer, Request, urlencoded};
use tollgate_tests::servers::{Front, OidcProvider, eventually, free_port};

use crate::running::{Server, folder};
use crate::scripted_provider::ScriptedProvider;

const PROGRAM: &str = env!("CARGO_BIN_EXE_oidc-login");
const SECRET: &str = "a secret between the two of them";

/// The example server, on a port that is registered at the provider.
struct Site {
    server: Server,
    /// The URL of the start page, with a trailing slash.
    home: String,
}

/// Starts a provider with two users, and the server as its client.
fn start(name: &str) -> Option<(OidcProvider, Site)> {
    let port = free_port();
    let provider = OidcProvider::start(&settings(port))?;
    let site = Site::start(name, &provider.url(), port);
    Some((provider, site))
}

/// Returns the provider settings of the README, with another port and a client secret.
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

    /// Starts a login. Returns the URL at the provider and the attempt cookie.
    fn begin(&self) -> (String, String) {
        let answer = self.get("login", "");
        assert_eq!(answer.status, 303, "{answer:?}\n{}", self.server.log());
        let cookie = answer.field("set-cookie").unwrap();
        let (cookie, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(
            attributes,
            "Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600"
        );
        assert_eq!(answer.field("cache-control"), Some("no-store"));
        (
            answer.field("location").unwrap().to_owned(),
            cookie.to_owned(),
        )
    }

    /// Sends the provider's redirect to the server, with the attempt cookie.
    fn come_back(&self, callback: &str, cookie: &str) -> Answer {
        let path = callback.strip_prefix(&self.home).unwrap();
        self.get(path, cookie)
    }

    fn callback(&self, parameters: &[(&str, &str)], cookie: &str) -> Answer {
        self.get(&format!("callback?{}", urlencoded(parameters)), cookie)
    }
}

/// The access cookie that a response sets.
fn access(answer: &Answer) -> Option<&str> {
    let cookies = answer
        .all("set-cookie")
        .filter_map(|line| line.split(';').next());
    let mut access = cookies.filter(|cookie| cookie.starts_with("__Host-access="));
    access.next()
}

/// Asserts that the response neither discloses its URL nor is stored.
#[track_caller]
fn assert_protected(answer: &Answer) {
    let policy = "default-src 'self'; frame-ancestors 'none'";
    assert_eq!(answer.field("content-security-policy"), Some(policy));
    assert_eq!(answer.field("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.field("cache-control"), Some("no-store"));
}

/// Asserts that the response is an error page with this text and sets no access cookie.
#[track_caller]
fn assert_refused(answer: &Answer, status: u16, text: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.content.contains(text), "{answer:?}");
    assert_eq!(access(answer), None);
    assert_eq!(answer.field("location"), None);
    assert_protected(answer);
    assert!(
        answer
            .field("content-type")
            .unwrap()
            .starts_with("text/html")
    );
}

const TOOK_TOO_LONG: &str = "This login took too long, or began in another browser.";
const ANOTHER_LOGIN: &str = "This answer is to another login.";
const ANOTHER_PROVIDER: &str = "This answer is from another provider.";
const UNKNOWN: &str = "The provider does not know this login.";
const NO_TRUST: &str = "The provider's answer cannot be trusted.";
const OUT_OF_REACH: &str = "The provider is out of reach just now.";

/// The value of a query parameter.
fn parameter(url: &str, name: &str) -> String {
    let (_, query) = url.split_once('?').unwrap();
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(found, _)| *found == name).unwrap();
    value.to_owned()
}

/// Opens the page and logs in at the provider, which has another host.
fn log_in(browser: &Browser, site: &Site, name: &str, password: &str) {
    browser.visit(&site.home);
    browser.wait_until("document.querySelector('#state').textContent");
    assert_eq!(browser.text("#state"), "You are logged out.");
    browser.click("#login a");
    browser
        .wait_until("location.hostname === '127.0.0.1' && document.querySelector('[name=login]')");
    browser.type_into("[name=login]", name);
    browser.type_into("[name=password]", password);
    browser.click("#submit");
    browser.wait_until("document.title === 'Consent'");
    browser.click("#submit");
    browser.wait_until(&format!("location.href.startsWith('{}')", site.home));
    browser.wait_until(
        "document.querySelector('#state')?.textContent || document.querySelector('#failure')",
    );
}

fn me(browser: &Browser) -> Value {
    browser.run_async(
        "const answer = await fetch('/me'); \
         return [answer.status, (await answer.json()).name ?? null]",
        &json!([]),
    )
}

#[test]
fn a_user_logs_in_at_the_provider_and_logs_out_at_both() {
    let Some((provider, site)) = start("chromium") else {
        return;
    };
    let Some(browser) = Browser::start() else {
        return;
    };
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
    // After the login, only the session cookies remain, and scripts cannot read them.
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

    // The user stays logged in at the provider until the logout there.
    browser.click("#left a");
    browser
        .wait_until("location.hostname === '127.0.0.1' && document.querySelector('[name=logout]')");
    browser.click("[name=logout]");
    browser.wait_until(&format!("location.href === '{}'", site.home));
    log_in(&browser, &site, "eve", "dropper");
    assert_eq!(browser.text("#name"), "<b>Eve</b>");
}

#[test]
fn a_cancelled_login_can_be_retried() {
    let Some((_provider, site)) = start("cancel") else {
        return;
    };
    let Some(browser) = Browser::start() else {
        return;
    };
    browser.visit(&format!("{}login", site.home));
    browser.wait_until("document.querySelector('[name=login]')");
    browser.click("[name=cancel]");
    browser.wait_until("document.querySelector('#failure')");
    assert_eq!(browser.text("#failure"), "The provider did not log you in.");
    browser.click("#again");
    browser.wait_until("document.querySelector('[name=login]')");
}

#[test]
fn a_key_rotation_between_two_logins_is_transparent() {
    let Some((mut provider, site)) = start("rotation") else {
        return;
    };
    let Some(browser) = Browser::start() else {
        return;
    };
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
fn without_the_provider_sessions_continue_and_logins_fail() {
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
fn a_login_ends_the_former_session_of_the_browser() {
    let Some((provider, site)) = start("replaces") else {
        return;
    };
    let mut former: Option<Answer> = None;
    for (user, password) in [("ada", "lovelace"), ("eve", "dropper"), ("ada", "lovelace")] {
        let (url, mut cookies) = site.begin();
        let callback = provider.visit(&url, &site.home, user, password);
        let held = former.iter().flat_map(|answer| answer.all("set-cookie"));
        for line in held.filter(|line| line.starts_with("__Host-") && !line.contains("Max-Age=0")) {
            cookies = format!("{cookies}; {}", line.split(';').next().unwrap());
        }
        let answer = site.come_back(&callback, &cookies);
        let listed = site.get("auth/sessions", access(&answer).unwrap());
        let listed: Value = serde_json::from_str(&listed.content).unwrap();
        assert_eq!(listed["sessions"].as_array().unwrap().len(), 1, "{listed}");
        if let Some(former) = former {
            assert_eq!(site.get("me", access(&former).unwrap()).status, 401);
        }
        former = Some(answer);
    }
}

#[test]
fn visitors_cannot_flood_the_provider() {
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
    assert!(
        requests <= metadata_and_keys * lookups,
        "{:?}",
        front.paths()
    );
}

#[test]
fn a_provider_response_works_once_and_only_in_its_browser() {
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

    // A link with the attacker's response does not log the user in as the attacker.
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
    // A forged cookie, and two cookies.
    let (head, signature) = cookie.rsplit_once('.').unwrap();
    let forged = format!(
        "{head}.{}{}",
        if signature.starts_with('A') { 'B' } else { 'A' },
        &signature[1..]
    );
    assert_refused(&site.come_back(&callback, &forged), 401, TOOK_TOO_LONG);
    let both = format!("{attackers_cookie}; {cookie}");
    assert_refused(&site.come_back(&callback, &both), 400, TOOK_TOO_LONG);
    // A duplicate parameter.
    let twice = format!("{callback}&state={state}");
    let refused = site.come_back(&twice, &cookie);
    assert_eq!(refused.status, 400);
    assert_protected(&refused);

    let done = site.come_back(&callback, &cookie);
    assert_eq!(
        (done.status, done.field("location")),
        (303, Some(&*site.home))
    );
    let me = site.get("me", access(&done).unwrap());
    assert_eq!(
        serde_json::from_str::<Value>(&me.content).unwrap(),
        json!({ "sub": format!("{issuer}#ada"), "name": "Ada Lovelace" })
    );
    let cleared = "__Host-login=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0";
    assert!(done.all("set-cookie").any(|cookie| cookie == cleared));

    // A replay, from the browser history or by an attacker with a full copy.
    assert_refused(&site.come_back(&callback, ""), 401, TOOK_TOO_LONG);
    assert_refused(&site.come_back(&callback, &cookie), 400, UNKNOWN);
    // The attempt of one browser with the code of another: the provider requires the matching PKCE
    // verifier.
    let injected = [
        ("state", &*parameter(&attackers_url, "state")),
        ("code", &*code),
        ("iss", &*issuer),
    ];
    assert_refused(&site.callback(&injected, &attackers_cookie), 400, UNKNOWN);
    // An attempt cookie is not a session, and a session is not an attempt.
    assert_eq!(
        site.get("me", &cookie.replace("__Host-login", "__Host-access"))
            .status,
        401
    );
    let session = access(&done)
        .unwrap()
        .replace("__Host-access", "__Host-login");
    assert_refused(&site.come_back(&callback, &session), 401, TOOK_TOO_LONG);
}

#[test]
fn a_response_of_another_provider_is_refused() {
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
        None, // the metadata announces `iss`
    ] {
        let mut parameters = vec![("state", &*state), ("code", &*code)];
        parameters.extend(issuer.map(|issuer| ("iss", issuer)));
        assert_refused(&site.callback(&parameters, &cookie), 400, ANOTHER_PROVIDER);
    }
    // The code was not sent to the provider.
    assert!(access(&site.come_back(&callback, &cookie)).is_some());
}

#[test]
fn a_response_with_an_error_beside_a_code_is_refused() {
    let Some((provider, site)) = start("error") else {
        return;
    };
    let (url, cookie) = site.begin();
    let callback = provider.visit(&url, &site.home, "ada", "lovelace");
    let failed = site.come_back(&format!("{callback}&error=access_denied"), &cookie);
    assert_refused(&failed, 403, "The provider did not log you in.");
    // The code was not sent to the provider.
    assert!(access(&site.come_back(&callback, &cookie)).is_some());
}

#[test]
fn the_login_cannot_redirect_to_another_site() {
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
        (&format!("blob:{}7f9c", site.home), ""), // same origin, but not a page
        (&site.home.replace("//", "//www.bank.example@"), ""), // looks like another site
        ("/.//evil.example", "/evil.example"),    // a local path, made absolute with the host
    ] {
        let answer = site.get(
            &format!("login?{}", urlencoded(&[("return_to", wanted)])),
            "",
        );
        let cookie = answer
            .field("set-cookie")
            .unwrap()
            .split(';')
            .next()
            .unwrap();
        let callback = provider.visit(
            answer.field("location").unwrap(),
            &site.home,
            "ada",
            "lovelace",
        );
        let done = site.come_back(&callback, cookie);
        assert_eq!(
            done.field("location"),
            Some(&*format!("{}{to}", site.home)),
            "{wanted}"
        );
    }
}

/// The name of a fault in an ID token, and the change that makes it.
type Change<'a> = (&'a str, &'a dyn Fn(&mut Value));

#[test]
fn an_id_token_of_another_login_is_refused() {
    let provider = ScriptedProvider::start(json!({}));
    let site = Site::start("id-token", &provider.issuer, free_port());
    // Logs in with a code whose ID token has these changes.
    let with = |change: &dyn Fn(&mut Value), sign: &dyn Fn(&Value) -> String| {
        let (url, cookie) = site.begin();
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let mut claims = json!({
            "iss": provider.issuer, "aud": "oidc-login", "sub": "mallory", "iat": now,
                "exp": now + 300,
            "nonce": parameter(&url, "nonce"), "name": "Mallory".repeat(100),
        });
        change(&mut claims);
        provider.answer(
            json!({ "access_token": "x", "token_type": "Bearer", "id_token": sign(&claims) }),
        );
        // This provider does not announce `iss`.
        site.callback(
            &[("state", &parameter(&url, "state")), ("code", "x")],
            &cookie,
        )
    };
    let signed = |claims: &Value| provider.key.encode(claims).unwrap();
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
        eprintln!("an ID token with {what}"); // shown on failure
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
    // Signed with the client secret as an HMAC key, which both sides know.
    let mac = SigningKey::hs256(SECRET).unwrap().with_kid("1");
    assert_refused(
        &with(&|_| {}, &|claims| mac.encode(claims).unwrap()),
        502,
        NO_TRUST,
    );
}

#[test]
fn an_invalid_token_response_is_refused() {
    let provider = ScriptedProvider::start(json!({}));
    let site = Site::start("nonsense", &provider.issuer, free_port());
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
        (json!("x".repeat(2 << 20)), 503, OUT_OF_REACH), // not read to the end
    ] {
        let (url, cookie) = site.begin();
        provider.answer(tokens);
        let answer = site.callback(
            &[("state", &parameter(&url, "state")), ("code", "x")],
            &cookie,
        );
        assert_refused(&answer, status, text);
    }
}

#[test]
fn another_site_cannot_log_the_user_out() {
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
        assert_eq!(
            request
                .with("sec-fetch-site", origin)
                .send()
                .unwrap()
                .status,
            403
        );
    }
    assert_eq!(site.get("me", session).status, 200);
    // There is no login besides the provider's.
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
fn the_readme_commands_work() {
    let settings = settings_of_the_readme();
    assert_eq!(settings["port"], 4000);
    let Some(provider) = OidcProvider::start(&settings) else {
        return;
    };
    // The defaults, except the ports, which may be in use here.
    let arguments = [
        "--url",
        "http://localhost:8080",
        "--issuer",
        &*provider.url(),
    ];
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
fn invalid_options_fail_at_startup() {
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

#[test]
fn slow_clients_do_not_delay_a_stop() {
    for signal in ["-INT", "-TERM"] {
        let provider = ScriptedProvider::start(json!({}));
        let site = Site::start(&format!("stop{signal}"), &provider.issuer, free_port());
        site.server.stop_with_slow_clients(signal);
    }
}
