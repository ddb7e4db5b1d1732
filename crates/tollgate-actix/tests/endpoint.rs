//! The response of an endpoint on the wire.

#![allow(clippy::unwrap_used)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use actix_web::{App, HttpServer, rt, web};
use tollgate_actix::EndpointService;
use tollgate_core::{Answer, BoxFuture, Endpoint, EndpointRequest};

/// An endpoint with seven bytes. `HEAD` gets their length, and a request with `If-None-Match` gets
/// 304.
struct Seven;

impl Endpoint for Seven {
    fn respond(&self, request: EndpointRequest) -> BoxFuture<Answer> {
        let known = request
            .headers
            .iter()
            .any(|(name, _)| name == "if-none-match");
        let mut answer = Answer::new(if known { 304 } else { 200 });
        if request.method == "HEAD" {
            answer.set("content-length", "7");
        } else if !known {
            answer.body = b"seven!!".to_vec();
        }
        Box::pin(async move { answer })
    }
}

fn ask(address: SocketAddr, method: &str, field: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    let head =
        format!("{method} /keys HTTP/1.1\r\nHost: a.example\r\n{field}Connection: close\r\n\r\n");
    connection.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer.to_ascii_lowercase()
}

#[actix_web::test]
async fn head_has_the_content_length_of_get() {
    let server = HttpServer::new(|| {
        App::new().service(web::scope("/keys").service(EndpointService::new(Seven)))
    })
    .workers(1)
    .bind(("127.0.0.1", 0))
    .unwrap();
    let address = server.addrs()[0];
    let server = server.disable_signals().run();
    let handle = server.handle();
    rt::spawn(server);
    let asked = rt::task::spawn_blocking(move || {
        [
            ask(address, "GET", ""),
            ask(address, "HEAD", ""),
            ask(address, "GET", "If-None-Match: *\r\n"),
        ]
    });
    let [get, head, known] = asked.await.unwrap();
    assert!(
        get.contains("content-length: 7\r\n") && get.ends_with("seven!!"),
        "{get}"
    );
    // RFC 9110 section 8.6: the length of the content of a GET, or no length at all.
    assert_eq!(head.matches("content-length").count(), 1, "{head}");
    assert!(
        head.contains("content-length: 7\r\n") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    assert!(
        known.starts_with("http/1.1 304") && !known.contains("content-length"),
        "{known}"
    );
    handle.stop(false).await;
}
