//! Several accounts in one browser, by distinct cookie names, and an actor in the second one.

use std::collections::BTreeMap;

use serde_json::Value;
use tollgate_core::EndpointRequest;
use tollgate_session::Login;

use crate::service::Service;
use crate::{Ask, Got, actix, axum};

/// A browser that sends all cookies everywhere. Its two accounts are at `/auth` and `/second`.
struct Browser {
    on_axum: bool,
    service: Service,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn each() -> [Self; 2] {
        [true, false].map(|on_axum| Self {
            on_axum,
            service: Service::with_two_accounts(),
            cookies: BTreeMap::new(),
        })
    }

    fn cookie(&self) -> String {
        let pairs = self.cookies.iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    fn keep(&mut self, line: &str) {
        let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
        if line.contains("Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    async fn send(&mut self, ask: Ask) -> Got {
        let ask = ask
            .with("cookie", self.cookie())
            .with("sec-fetch-site", "same-origin");
        let got = if self.on_axum {
            axum::call(&self.service, &ask).await
        } else {
            actix::call(&self.service, &ask).await
        };
        for line in got.all("set-cookie") {
            self.keep(line);
        }
        got
    }

    async fn log_in(&mut self, mount: &str, password: &str) {
        let ask = Ask::new("POST", format!("{mount}/login"));
        let content = format!(r#"{{"password":"{password}"}}"#);
        assert_eq!(self.send(ask.json(content)).await.status, 200);
    }

    /// Begins a session at `/second`, as a handler of the service does.
    async fn impersonate(&mut self, user: &str) {
        let mut request = EndpointRequest::new("GET", "/impersonate");
        let cookie = self.cookie().into_bytes();
        request.headers.push(("cookie".to_owned(), cookie));
        let authentication = self.service.sliding().begin(&request).await.unwrap();
        let admin = authentication.authenticated().unwrap();
        let login = Login::new(user).actor(admin);
        let (_, cookies) = self.service.second.as_ref().unwrap();
        let begun = cookies
            .log_in(&self.service.sessions, login, &request)
            .await;
        for (_, line) in begun.unwrap().1.iter() {
            self.keep(std::str::from_utf8(line).unwrap());
        }
    }

    async fn session(&mut self, mount: &str) -> Option<Value> {
        let got = self.send(Ask::new("GET", format!("{mount}/session"))).await;
        assert!(matches!(got.status, 200 | 401));
        (got.status == 200).then(|| serde_json::from_str(&got.content).unwrap())
    }

    /// Posts with the CSRF token of the account.
    async fn post(&mut self, mount: &str, path: &str) -> Got {
        let token = self.session(mount).await.unwrap()["csrf_token"].clone();
        let ask = Ask::new("POST", format!("{mount}{path}"));
        self.send(ask.with("x-csrf-token", token.as_str().unwrap()))
            .await
    }
}

#[tokio::test]
async fn two_accounts_in_one_browser_are_independent() {
    for mut browser in Browser::each() {
        browser.log_in("/auth", "lovelace").await;
        browser.log_in("/second", "hopper").await;
        let ada = browser.session("/auth").await.unwrap();
        assert_eq!(ada["subject"], "ada");
        let grace = browser.session("/second").await.unwrap();
        assert_eq!(grace["subject"], "grace");

        browser.log_in("/second", "hopper").await;
        for mount in ["/auth", "/second"] {
            let got = browser
                .send(Ask::new("POST", format!("{mount}/refresh")))
                .await;
            assert_eq!(got.status, 200);
        }
        let still = browser.session("/auth").await.unwrap();
        assert_eq!(still["session"], ada["session"]);
        let again = browser.session("/second").await.unwrap();
        assert_ne!(
            again["session"], grace["session"],
            "a login replaces the session"
        );

        assert_eq!(browser.post("/second", "/logout").await.status, 204);
        assert_eq!(browser.session("/second").await, None);
        let still = browser.session("/auth").await.unwrap();
        assert_eq!(still["session"], ada["session"]);
    }
}

#[tokio::test]
async fn an_actor_in_the_second_account_cannot_end_the_sessions_of_the_user() {
    for mut browser in Browser::each() {
        let sessions = browser.service.sessions.clone();
        let own = sessions.login(Login::new("ada")).await.unwrap();
        browser.log_in("/auth", "hopper").await;
        browser.impersonate("ada").await;
        let session = browser.session("/second").await.unwrap();
        assert_eq!(
            (&session["subject"], &session["actor"]),
            (&"ada".into(), &"grace".into())
        );
        let admin = browser.session("/auth").await.unwrap();
        assert_eq!(
            (&admin["subject"], admin.get("actor")),
            (&"grace".into(), None)
        );

        let list = browser.send(Ask::new("GET", "/second/sessions")).await;
        let list: Value = serde_json::from_str(&list.content).unwrap();
        for device in list["sessions"].as_array().unwrap() {
            let actor = (device["current"] == true).then(|| "grace".into());
            assert_eq!(device.get("actor"), actor.as_ref());
        }
        let device = format!("/sessions/{}/logout", own.session);
        for path in ["/sessions/logout-all", "/sessions/logout-others", &device] {
            let got = browser.post("/second", path).await;
            assert_eq!((got.status, &*got.member("code")), (403, "impersonated"));
        }
        assert_eq!(sessions.devices("ada", None).await.unwrap().len(), 2);

        assert_eq!(browser.post("/auth", "/logout").await.status, 204);
        assert_eq!(browser.session("/second").await, None);
        let got = browser.send(Ask::new("POST", "/second/refresh")).await;
        assert_eq!((got.status, &*got.member("code")), (400, "session_over"));
        assert_eq!(sessions.devices("ada", None).await.unwrap().len(), 1);
    }
}
