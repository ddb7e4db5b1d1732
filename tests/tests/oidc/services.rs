//! The service on both frameworks.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use actix_web::rt::System;
use actix_web::{App, HttpServer, web};
use axum::Router;
use axum::routing::get;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tollgate_core::{Principal, Verifier};
use tollgate_tests::http::{Answer, Request};

/// The services on axum and actix-web, each on its own port, with the same verifier.
pub(crate) struct Services {
    axum: u16,
    actix: u16,
    stop: ServerHandle,
    thread: Option<JoinHandle<()>>,
    /// The runtime of axum. Dropping it stops the server.
    _runtime: Runtime,
}

/// Returns the handler's response text for a caller.
fn greeting(user: &Principal) -> String {
    let claim = |name| user.claim(name).unwrap_or(Value::Null);
    let (key, algorithm) = (user.kid().unwrap_or("?"), user.algorithm());
    format!(
        "{} of {} for {}, by {key} with {algorithm:?}",
        claim("sub"),
        claim("iss"),
        claim("scope")
    )
}

impl Services {
    pub(crate) fn start(verifier: &Verifier) -> Self {
        let runtime = runtime();
        let listener = runtime
            .block_on(TcpListener::bind(("127.0.0.1", 0)))
            .unwrap();
        let axum = listener.local_addr().unwrap().port();
        let app = Router::new()
            .route(
                "/",
                get(async |user: tollgate_core::Principal| greeting(&user)),
            )
            .layer(tollgate_axum::JwtAuth::new(verifier.clone()));
        runtime.spawn(async { axum::serve(listener, app).await });

        let (tell, told) = std::sync::mpsc::channel();
        let verifier = verifier.clone();
        let thread = std::thread::spawn(move || {
            System::new().block_on(async {
                let greet = async |user: tollgate_core::Principal| greeting(&user);
                let app = move || {
                    App::new()
                        .wrap(tollgate_actix::JwtAuth::new(verifier.clone()))
                        .route("/", web::get().to(greet))
                };
                let server = HttpServer::new(app)
                    .workers(1)
                    .disable_signals()
                    .bind(("127.0.0.1", 0))
                    .unwrap();
                let port = server.addrs()[0].port();
                let running = server.run();
                tell.send((port, running.handle())).unwrap();
                running.await.unwrap();
            });
        });
        let (actix, stop) = told.recv().unwrap();
        Self {
            axum,
            actix,
            stop,
            thread: Some(thread),
            _runtime: runtime,
        }
    }

    /// Sends a token to both concurrently and asserts equal responses, except `Retry-After`: the
    /// first request may start a fetch.
    pub(crate) fn ask(&self, token: &str) -> Answer {
        let [axum, actix] = self.ask_each(token);
        let timeless = |answer: &Answer| {
            let mut answer = answer.clone();
            answer.fields.retain(|(name, _)| name != "retry-after");
            answer
        };
        assert_eq!(
            timeless(&axum),
            timeless(&actix),
            "axum (left) and actix-web (right) differ"
        );
        for answer in [&axum, &actix] {
            let seconds = answer
                .field("retry-after")
                .map(|seconds| seconds.parse().unwrap());
            assert_eq!(seconds.is_some(), answer.status == 503, "{answer:?}");
            assert!((1..=60).contains(&seconds.unwrap_or(1)), "{answer:?}");
        }
        axum
    }

    /// Sends a token to both and asserts byte-equal responses. Requires that no fetch is running.
    pub(crate) fn ask_at_rest(&self, token: &str) -> Answer {
        let [axum, actix] = self.ask_each(token);
        assert_eq!(axum, actix, "axum (left) and actix-web (right) differ");
        axum
    }

    fn ask_each(&self, token: &str) -> [Answer; 2] {
        std::thread::scope(|scope| {
            let asked = [self.axum, self.actix].map(|port| scope.spawn(move || send(port, token)));
            asked.map(|asked| asked.join().unwrap())
        })
    }

    /// Sends a token to both and asserts the status.
    pub(crate) fn expect(&self, status: u16, token: &str) -> Answer {
        let answer = self.ask(token);
        assert_eq!(answer.status, status, "{answer:?}");
        match status {
            200 => {}
            401 => assert!(answer.field("www-authenticate").is_some(), "{answer:?}"),
            503 => assert_eq!(answer.field("www-authenticate"), None, "{answer:?}"),
            _ => panic!("unexpected status {status}"),
        }
        answer
    }

    /// Sends a token to one of them, in turn.
    pub(crate) fn ask_one(&self, number: usize, token: &str) -> Answer {
        send([self.axum, self.actix][number % 2], token)
    }

    /// Sends a token to one of them, in turn, without waiting for the response.
    pub(crate) fn send_and_go_on(&self, number: usize, token: &str) -> TcpStream {
        let mut client =
            TcpStream::connect(("127.0.0.1", [self.axum, self.actix][number % 2])).unwrap();
        let request =
            format!("GET / HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
        client.write_all(request.as_bytes()).unwrap();
        client
    }

    /// Sends a token to the axum service only.
    pub(crate) fn ask_axum(&self, token: &str) -> Answer {
        send(self.axum, token)
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        drop(self.stop.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn send(port: u16, token: &str) -> Answer {
    let request = Request::get(format!("http://127.0.0.1:{port}/"));
    let answer = request
        .with("authorization", &format!("Bearer {token}"))
        .send();
    let mut answer = answer.unwrap();
    // Without the fields that depend on time and connection.
    answer
        .fields
        .retain(|(name, _)| !matches!(&**name, "date" | "connection"));
    answer.fields.sort();
    answer
}

/// Creates a runtime for the servers. The tests wait on other threads.
pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}
