//! Clients that send their content byte by byte, on real connections.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use ::axum::Router;
use actix_web::{App, HttpServer, web};
use tokio::net::TcpListener;
use tollgate_core::Endpoint;
use tollgate_session::{SessionEndpoints, Transport};
use tollgate_tests::http::Request;

use crate::service::{Service, log_in};

/// The time for the content of a request.
const TIME: Duration = Duration::from_secs(1);

/// The time that a server may take until it has closed a connection after that.
const SLACK: Duration = Duration::from_secs(4);

const CONNECTIONS: usize = 250;

fn endpoints() -> SessionEndpoints {
    SessionEndpoints::builder(Service::new(&Transport::Json).sessions, Transport::Json)
        .login(log_in)
        .content_timeout(TIME)
        .build()
        .unwrap()
}

/// A client that never ends its content, and the response that it got so far.
struct Slow {
    connection: TcpStream,
    chunked: bool,
    answer: Vec<u8>,
    closed: bool,
}

impl Slow {
    fn connect(address: SocketAddr, path: &str, chunked: bool) -> Self {
        let mut connection = TcpStream::connect(address).unwrap();
        let framing = if chunked {
            "transfer-encoding: chunked"
        } else {
            "content-length: 9000"
        };
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\n\
             content-type: application/json\r\n{framing}\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).unwrap();
        connection.set_nonblocking(true).unwrap();
        Self {
            connection,
            chunked,
            answer: Vec::new(),
            closed: false,
        }
    }

    /// Sends one more byte, and notices the end of the connection.
    fn drip(&mut self) {
        let byte: &[u8] = if self.chunked { b"1\r\n{\r\n" } else { b"{" };
        let sent = self.connection.write(byte);
        self.closed = sent.is_err_and(|error| error.kind() != ErrorKind::WouldBlock);
        let mut read = [0; 1024];
        match self.connection.read(&mut read) {
            Ok(count) => {
                self.closed |= count == 0;
                self.answer.extend_from_slice(&read[..count]);
            }
            Err(error) => self.closed |= error.kind() != ErrorKind::WouldBlock,
        }
    }
}

/// Holds connections open by slow content, and logs in meanwhile. `keys` is the path of an endpoint
/// that expects no content.
fn attack(address: SocketAddr, keys: &str) {
    let path = |number| match number % 4 {
        0 => "/auth/login",
        1 => "/auth/refresh",
        2 => "/auth/logout",
        _ => keys,
    };
    let begun = Instant::now();
    let mut clients: Vec<_> = (0..CONNECTIONS)
        .map(|number| Slow::connect(address, path(number), number % 8 < 4))
        .collect();
    let good = thread::spawn(move || {
        for _ in 0..10 {
            let url = format!("http://{address}/auth/login");
            let login = Request::post(url, &[("password", "lovelace")]);
            assert_eq!(login.send().unwrap().status, 200);
            thread::sleep(TIME / 10);
        }
    });
    while clients.iter().any(|client| !client.closed) {
        assert!(
            begun.elapsed() < TIME + SLACK,
            "{} of {CONNECTIONS} connections are open",
            clients.iter().filter(|client| !client.closed).count()
        );
        for client in clients.iter_mut().filter(|client| !client.closed) {
            client.drip();
        }
        thread::sleep(Duration::from_millis(100));
    }
    good.join().unwrap();
    // A reset connection may lose its response. Most of them do not.
    let answered = clients.iter().filter(|client| {
        let answer = String::from_utf8_lossy(&client.answer).to_ascii_lowercase();
        let status = ["http/1.1 408 ", "http/1.1 413 "];
        assert!(
            answer.is_empty() || status.iter().any(|status| answer.starts_with(status)),
            "{answer}"
        );
        assert!(
            answer.is_empty() || answer.contains("connection: close\r\n"),
            "{answer}"
        );
        answer.ends_with('}')
    });
    assert!(answered.count() > CONNECTIONS / 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_content_holds_no_connection_on_axum() {
    let endpoints = endpoints();
    let keys = endpoints_of_keys();
    let app = Router::new()
        .nest_service("/auth", tollgate_axum::EndpointService::new(endpoints))
        .route_service("/keys", tollgate_axum::EndpointService::new(keys));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async { ::axum::serve(listener, app).await });
    tokio::task::spawn_blocking(move || attack(address, "/keys"))
        .await
        .unwrap();
    server.abort();
}

#[actix_web::test]
async fn slow_content_holds_no_connection_on_actix() {
    let auth = tollgate_actix::EndpointService::new(endpoints());
    let keys = tollgate_actix::EndpointService::new(endpoints_of_keys());
    let server = HttpServer::new(move || {
        App::new()
            .service(web::scope("/auth").service(auth.clone()))
            .service(web::scope("/keys").service(keys.clone()))
    })
    .workers(1)
    .bind(("127.0.0.1", 0))
    .unwrap();
    let address = server.addrs()[0];
    let server = server.disable_signals().run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    actix_web::rt::task::spawn_blocking(move || attack(address, "/keys"))
        .await
        .unwrap();
    handle.stop(false).await;
}

/// The public keys, with less time for content than by default.
fn endpoints_of_keys() -> impl Endpoint {
    struct Keys(tollgate_session::JwksEndpoint);

    impl Endpoint for Keys {
        fn respond(
            &self,
            request: tollgate_core::EndpointRequest,
        ) -> tollgate_core::BoxFuture<tollgate_core::Answer> {
            self.0.respond(request)
        }

        fn content_limit(&self) -> usize {
            self.0.content_limit()
        }

        fn content_timeout(&self) -> Duration {
            TIME
        }
    }

    Keys(Service::new(&Transport::Json).sessions.issuer().jwks())
}
