//! Both frameworks behind sockets, with services that draw the same random numbers. All responses
//! must be equal, including tokens and cookies.

use std::net::SocketAddr;

use actix_web::{App, HttpServer, rt};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tollgate_session::Transport;

use crate::service::Service;
use crate::store::Fault;
use crate::{Ask, Got, actix, axum};

struct Both {
    axum: (Service, SocketAddr),
    actix: (Service, SocketAddr),
}

impl Both {
    async fn start(transport: &Transport) -> Self {
        let first = Service::new(transport);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = axum::app(&first).into_make_service_with_connect_info::<SocketAddr>();
        rt::spawn(async { ::axum::serve(listener, app).await });
        let axum = (first, address);

        let service = Service::new(transport);
        let shared = service.clone();
        let server =
            HttpServer::new(move || App::new().configure(|app| actix::routes(&shared, app)))
                .workers(1)
                .disable_signals()
                .bind(("127.0.0.1", 0))
                .unwrap();
        let address = server.addrs()[0];
        rt::spawn(server.run());
        Self {
            axum,
            actix: (service, address),
        }
    }

    /// Sends a request to both and asserts equal responses.
    async fn ask(&self, ask: Ask) -> Got {
        let (one, other) = (
            send(self.axum.1, &ask).await,
            send(self.actix.1, &ask).await,
        );
        assert_eq!(
            one, other,
            "{ask:?}: axum (left) and actix-web (right) differ"
        );
        one
    }

    /// Sends a request to both and asserts the status.
    async fn expect(&self, status: u16, ask: Ask) -> Got {
        let told = format!("{ask:?}");
        let got = self.ask(ask).await;
        assert_eq!(got.status, status, "{told}: {got:?}");
        got
    }

    fn pass(&self, seconds: u64) {
        for (service, _) in [&self.axum, &self.actix] {
            service.clock.advance(seconds);
        }
    }

    fn fail(&self, fault: impl Into<Option<Fault>> + Copy) {
        for (service, _) in [&self.axum, &self.actix] {
            service.store.fail(fault);
        }
    }

    /// Returns an access token after the user re-entered the password.
    async fn reauthenticated(&self, token: &str) -> String {
        let mut fresh = Vec::new();
        for (service, _) in [&self.axum, &self.actix] {
            let verifier = service.sessions.issuer().verifier().build().unwrap();
            let user = verifier.verify(token).unwrap();
            fresh.push(
                service
                    .sessions
                    .reauthenticated(&user)
                    .await
                    .unwrap()
                    .access_token,
            );
        }
        assert_eq!(fresh[0], fresh[1]);
        fresh.remove(0)
    }
}

/// Sends a request on a new connection. The `Date` field is removed from the response.
async fn send(address: SocketAddr, ask: &Ask) -> Got {
    let mut head = format!(
        "{} {} HTTP/1.1\r\nhost: app.example\r\nconnection: close\r\n",
        ask.method, ask.path
    );
    for (name, value) in &ask.fields {
        head.extend([name, ": ", value, "\r\n"]);
    }
    if !ask.content.is_empty() || ask.method == "POST" {
        head.extend(["content-length: ", &ask.content.len().to_string(), "\r\n"]);
    }
    let mut connection = TcpStream::connect(address).await.unwrap();
    let message = format!("{head}\r\n{}", ask.content);
    connection.write_all(message.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, content) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let fields = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .filter(|(name, _)| name != "date");
    Got::new(status, fields.collect(), content.as_bytes())
}

fn get(path: &str) -> Ask {
    Ask::new("GET", path)
}

fn post(path: &str) -> Ask {
    Ask::new("POST", path)
}

fn log_in() -> Ask {
    post("/auth/login").json(r#"{"user":"ada","password":"lovelace"}"#)
}

fn refresh(token: &str) -> Ask {
    post("/auth/refresh").json(format!(r#"{{"refresh_token":"{token}"}}"#))
}

/// Asserts that `HEAD` returns the fields of `GET` without the content (RFC 9110 section 9.3.2).
async fn heads(both: &Both, ask: Ask) -> Got {
    let got = both.expect(200, ask.clone()).await;
    let head = both
        .expect(
            200,
            Ask {
                method: "HEAD",
                ..ask
            },
        )
        .await;
    assert_eq!((&head.fields, &*head.content), (&got.fields, ""));
    let length = got.content.len().to_string();
    assert_eq!(got.all("content-length").collect::<Vec<_>>(), [length]);
    got
}

#[actix_web::test]
async fn failed_logins_are_throttled_equally() {
    let both = Both::start(&Transport::Json).await;
    let wrong = || post("/auth/login").json(r#"{"user":"ada","password":"guess"}"#);
    for _ in 0..10 {
        both.expect(401, wrong()).await;
    }
    let refused = both.expect(429, wrong()).await;
    assert_eq!(refused.all("retry-after").collect::<Vec<_>>(), ["1200"]);
    let other = post("/auth/login").json(r#"{"user":"eve","password":"lovelace"}"#);
    both.expect(200, other).await;
}

#[actix_web::test]
async fn responses_to_an_app_that_stores_tokens_are_equal() {
    let both = Both::start(&Transport::Json).await;
    for (status, ask) in [
        (401, post("/auth/login").json(r#"{"password":"guess"}"#)),
        (
            429,
            post("/auth/login").json(r#"{"password":"again and again"}"#),
        ),
        (400, post("/auth/login").json("{")),
        (415, post("/auth/login").with("content-type", "text/plain")),
        (405, get("/auth/login")),
        (405, Ask::new("OPTIONS", "/auth/sessions")),
        (404, get("/auth/nothing")),
        (404, get("/auth/sessions/%2e%2e")),
        (404, get("/auth/")),
        (401, get("/auth/session")),
        (401, get("/auth/session").bearer("rubbish")),
        (401, get("/orders")),
    ] {
        both.expect(status, ask).await;
    }
    let phone = both.expect(200, log_in().with("user-agent", "phone")).await;
    let desk = both.expect(200, log_in().with("user-agent", "desk")).await;
    let access = phone.member("access_token");
    assert_ne!(access, desk.member("access_token"));
    assert!(phone.all("set-cookie").next().is_none());
    let session = heads(&both, get("/auth/session").bearer(&access)).await;
    let devices = heads(&both, get("/auth/sessions").bearer(&access)).await;
    assert!(devices.content.contains("phone") && devices.content.contains("desk"));
    assert!(
        devices.content.contains(r#""address":"127.0.0.1""#),
        "{devices:?}"
    );
    assert!(session.content.contains("orders:read"));

    let first = phone.member("refresh_token");
    let second = both.expect(200, refresh(&first)).await;
    let again = both.expect(200, refresh(&first)).await;
    assert_eq!(
        second.content, again.content,
        "a retry gets the same tokens"
    );
    let greedy = r#"","scope":"all"#;
    both.expect(400, refresh(&(second.member("refresh_token") + greedy)))
        .await;
    both.expect(400, refresh("made up")).await;

    // Custom claims are kept by a refresh.
    let access = second.member("access_token");
    let greeted = both.expect(200, get("/orders").bearer(&access)).await;
    assert!(greeted.content.contains("acme"), "{greeted:?}");
    assert_eq!(greeted.field("x-access-token"), None);

    // Half of the lifetime has passed: the token slides on a successful response where configured.
    both.pass(450);
    let slid = both.expect(200, get("/orders").bearer(&access)).await;
    let renewed = slid.field("x-access-token").unwrap().to_owned();
    assert_eq!(slid.field("x-access-token-expires-in"), Some("900"));
    let greeted = both.expect(200, get("/orders").bearer(&renewed)).await;
    assert!(greeted.content.contains("acme"), "{greeted:?}");
    for (status, path) in [(500, "/orders/broken"), (200, "/orders/poll")] {
        let got = both.expect(status, get(path).bearer(&access)).await;
        assert_eq!(got.field("x-access-token"), None, "{path}");
    }

    let old = both.expect(401, get("/account").bearer(&renewed)).await;
    let challenge = old.field("www-authenticate").unwrap();
    assert!(
        challenge.contains("insufficient_user_authentication") && challenge.contains("max_age"),
        "{challenge}"
    );
    let fresh = both.reauthenticated(&renewed).await;
    both.expect(200, get("/account").bearer(&fresh)).await;

    let id = both
        .expect(
            200,
            get("/auth/session").bearer(&desk.member("access_token")),
        )
        .await;
    let path = format!("/auth/sessions/{}", id.member("session"));
    let end = || Ask::new("DELETE", &*path).bearer(&renewed);
    both.expect(204, end()).await;
    both.expect(404, end()).await;
    both.expect(401, get("/orders").bearer(&desk.member("access_token")))
        .await;
    both.expect(400, refresh(&desk.member("refresh_token")))
        .await;

    // The grace period of the first refresh token is over, also the one after the step-up.
    both.pass(10);
    both.expect(400, refresh(&first)).await;
    both.expect(401, get("/orders").bearer(&renewed)).await;
    both.expect(400, refresh(&second.member("refresh_token")))
        .await;

    for path in [
        "/auth/sessions/logout-others",
        "/auth/sessions/logout-all",
        "/auth/logout",
    ] {
        let tokens = both.expect(200, log_in()).await;
        let access = tokens.member("access_token");
        let ended = both.ask(post(path).bearer(&access)).await;
        assert!(matches!(ended.status, 200 | 204), "{ended:?}");
        let left = if path.ends_with("others") { 200 } else { 401 };
        both.expect(left, get("/orders").bearer(&access)).await;
        // The next second: everything issued before is revoked.
        both.pass(1);
    }

    for content_type in [
        "text/plain;charset=UTF-8",
        "multipart/form-data; boundary=x",
    ] {
        let tokens = both.expect(200, log_in()).await;
        let access = tokens.member("access_token");
        let out = || post("/auth/logout").with("content-type", content_type);
        both.expect(401, out()).await;
        both.expect(204, out().bearer(&access)).await;
        both.expect(401, get("/orders").bearer(&access)).await;
        both.pass(1);
    }

    let tokens = both.expect(200, log_in()).await;
    both.fail(Fault::Down);
    let (access, token) = (
        tokens.member("access_token"),
        tokens.member("refresh_token"),
    );
    for ask in [
        log_in(),
        refresh(&token),
        post("/auth/logout").bearer(&access),
    ] {
        let down = both.expect(503, ask).await;
        assert!(down.field("retry-after").is_some());
    }
    both.fail(None);
    both.expect(200, refresh(&token)).await;
}

/// The cookies that a response sets, as a `Cookie` field.
fn cookies(got: &Got) -> String {
    let pairs = got
        .all("set-cookie")
        .map(|line| line.split(';').next().unwrap());
    pairs.collect::<Vec<_>>().join("; ")
}

#[actix_web::test]
async fn responses_to_a_browser_are_equal() {
    let both = Both::start(&Service::cookies()).await;
    let same = |ask: Ask| ask.with("sec-fetch-site", "same-origin");
    let cross = |ask: Ask| ask.with("sec-fetch-site", "cross-site");
    both.expect(403, cross(log_in())).await;
    let login = both.expect(200, same(log_in())).await;
    let jar = cookies(&login);
    assert!(
        ["__Host-access=", "__Host-session=", "__Secure-refresh="]
            .iter()
            .all(|name| jar.contains(name)),
        "{jar}"
    );
    let csrf = login.member("csrf_token");
    let with = |ask: Ask| ask.with("cookie", &*jar);
    heads(&both, with(get("/auth/session"))).await;

    let order = || with(post("/orders"));
    both.expect(403, cross(order()).with("x-csrf-token", &*csrf))
        .await;
    both.expect(403, same(order())).await;
    both.expect(403, same(order()).with("x-csrf-token", "guess"))
        .await;
    both.expect(200, same(order()).with("x-csrf-token", &*csrf))
        .await;

    both.pass(450);
    let slid = both.expect(200, with(get("/orders"))).await;
    assert_eq!(slid.all("set-cookie").count(), 1);
    let renewed = cookies(&slid);
    assert!(renewed.starts_with("__Host-access="), "{renewed}");
    let greeted = both
        .expect(200, get("/orders").with("cookie", &*renewed))
        .await;
    assert!(greeted.content.contains("acme"), "{greeted:?}");
    for (status, path) in [(500, "/orders/broken"), (200, "/orders/poll")] {
        let got = both.expect(status, with(get(path))).await;
        assert!(got.field("set-cookie").is_none(), "{path}");
    }

    both.expect(403, cross(with(post("/auth/refresh")))).await;
    let again = both.expect(200, same(with(post("/auth/refresh")))).await;
    assert_eq!(again.all("set-cookie").count(), 2);
    assert_eq!(again.member("csrf_token"), csrf);
    let forged = same(post("/auth/refresh")).with("cookie", "__Secure-refresh=forged");
    let refused = both.expect(400, forged).await;
    assert!(
        refused.field("set-cookie").is_none(),
        "a refused refresh must not change the cookies"
    );

    let typed = || with(post("/auth/logout")).with("content-type", "text/plain;charset=UTF-8");
    for forged in [with(post("/auth/logout")), typed()] {
        both.expect(403, cross(forged)).await;
    }
    both.expect(403, same(typed())).await; // without the CSRF token
    let out = same(with(post("/auth/logout"))).with("x-csrf-token", &*csrf);
    let out = both.expect(204, out).await;
    assert!(out.all("set-cookie").all(|line| line.contains("Max-Age=0")));
    assert_eq!(out.all("set-cookie").count(), 4);
    let late = both.expect(401, with(get("/orders"))).await;
    assert!(late.field("set-cookie").is_none());
}

#[actix_web::test]
async fn page_loads_of_a_browser_without_scripts_are_equal() {
    let both = Both::start(&Service::cookies()).await;
    let load = |path: &str, jar: &str| {
        get(path)
            .with("sec-fetch-mode", "navigate")
            .with("sec-fetch-dest", "document")
            .with("cookie", jar)
    };
    let login = log_in().with("sec-fetch-site", "same-origin");
    let mut jar = cookies(&both.expect(200, login).await);
    // Six days, one page load a day, and three more days without any.
    for _ in 0..6 {
        both.pass(86_400);
        let (_, lasting) = jar.split_once("; ").unwrap();
        let refused = both.expect(303, load("/orders?page=2", lasting)).await;
        let resume = refused.field("location").unwrap();
        assert_eq!(resume, "/auth/resume?return_to=/orders%3Fpage%3D2");
        assert_eq!(refused.field("www-authenticate"), None);
        let resumed = both.expect(303, load(resume, lasting)).await;
        assert_eq!(resumed.field("location"), Some("/orders?page=2"));
        let set = cookies(&resumed);
        let (access, refresh) = (
            set.split("; ").next().unwrap(),
            set.split("; ").nth(1).unwrap(),
        );
        let binding = lasting.split("; ").next().unwrap();
        let marked = format!("{binding}; {refresh}; __Host-access-resumed=1");
        jar = format!("{access}; {binding}; {refresh}");
        both.expect(200, load("/orders?page=2", &jar)).await;

        let blocked = both.expect(303, load("/orders", &marked)).await;
        assert_eq!(blocked.field("location"), Some("/login?return_to=/orders"));
    }
    both.expect(401, get("/orders")).await;
    both.expect(403, get("/auth/resume").with("cookie", &*jar))
        .await;
    both.expect(405, post("/auth/resume").with("cookie", &*jar))
        .await;
    let (_, lasting) = jar.split_once("; ").unwrap();
    both.fail(Fault::Down);
    let down = both.expect(503, load("/auth/resume", lasting)).await;
    assert!(down.field("retry-after").is_some());
    assert!(down.field("set-cookie").is_none());
    both.fail(None);
    both.pass(8 * 86_400);
    let over = both
        .expect(303, load("/auth/resume?return_to=/orders", lasting))
        .await;
    assert_eq!(over.field("location"), Some("/login?return_to=/orders"));
    assert!(over.field("set-cookie").is_none());
}

#[actix_web::test]
async fn responses_to_public_key_requests_are_equal() {
    let both = Both::start(&Transport::Json).await;
    let keys = heads(&both, get("/keys")).await;
    assert_eq!(keys.field("content-type"), Some("application/jwk-set+json"));
    assert_eq!(keys.field("cache-control"), Some("public, max-age=300"));
    let etag = keys.field("etag").unwrap();
    for method in ["GET", "HEAD"] {
        let known = Ask::new(method, "/keys").with("if-none-match", etag);
        let known = both.expect(304, known).await;
        assert_eq!((known.field("etag"), &*known.content), (Some(etag), ""));
        assert_eq!(known.field("cache-control"), keys.field("cache-control"));
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let refused = both.expect(405, Ask::new(method, "/keys")).await;
        assert_eq!(refused.field("allow"), Some("GET, HEAD"));
    }
}

#[actix_web::test]
async fn responses_to_oversized_content_are_equal() {
    let service = Service::new(&Transport::Json);
    let large = post("/auth/login").json(" ".repeat(16 * 1024 + 1));
    let (one, other) = (
        axum::call(&service, &large).await,
        actix::call(&service, &large).await,
    );
    assert_eq!(one.status, 413);
    assert_eq!(one, other);
}
