//! The CSRF token in the field of a form, on every framework: one decision, and content that is
//! delivered unchanged.

use std::convert::Infallible;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use ::axum::Router;
use ::axum::body::Body;
use ::axum::routing::post;
use actix_web::dev::Payload;
use actix_web::{App, HttpServer, test as framework, web};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, LocalBoxStream};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use serde_json::json;
use tollgate_core::{Gate, Key, Rejection, SigningKey, Source, Verifier};
use tollgate_testkit::conformance::{Request, Response};
use tollgate_tower::FormBody;
use tower::{Layer as _, ServiceExt as _, service_fn};

const URL: &str = "application/x-www-form-urlencoded";
const PARTS: &str = "multipart/form-data; boundary=XX";
const NONE: &str = "multipart/form-data; boundary=X";

fn gate() -> Gate {
    let verifier = Verifier::builder()
        .dangerous_any_issuer()
        .dangerous_any_audience()
        .key(Key::hs256([7; 32]).expect("a long secret"))
        .build()
        .expect("a valid verifier");
    let gate = Gate::builder(verifier).source(Source::cookie("access"));
    gate.require_csrf_token().build().expect("a valid gate")
}

fn cookie() -> String {
    let key = SigningKey::hs256([7; 32]).expect("a long secret");
    let claims = json!({"exp": 4_000_000_000_u64, "csrf": "c-1"});
    format!(
        "access={}",
        key.encode(&claims).expect("claims that can be written")
    )
}

fn request(content_type: &str) -> Request {
    Request::new("POST", "/resource")
        .with("host", "api.example.com")
        .with("cookie", cookie())
        .with("sec-fetch-site", "same-origin")
        .with("content-type", content_type)
}

fn part(disposition: &str, value: &[u8]) -> Vec<u8> {
    let head = format!("--XX\r\nContent-Disposition: {disposition}\r\n\r\n");
    [head.as_bytes(), value, b"\r\n"].concat()
}

/// The content types and contents of forms, and whether they have the token.
fn forms() -> Vec<(&'static str, Vec<u8>, bool)> {
    let token = part("form-data; name=\"csrf_token\"", b"c-1");
    let end = b"--XX--\r\n";
    let file = part("form-data; name=\"f\"; filename=\"f\"", &vec![7; 20_000]);
    let parts = |parts: &[&[u8]]| parts.concat();
    let nested =
        b"--YY\r\nContent-Disposition: form-data; name=\"csrf_token\"\r\n\r\nc-1\r\n--YY--";
    let large = |before: usize| [&b"x".repeat(before)[..], b"&csrf_token=c-1&a=b"].concat();
    let mut all: Vec<(&str, Vec<u8>, bool)> = vec![
        (URL, b"csrf_token=c-1".to_vec(), true),
        (URL, b"&&a=%00&csrf%5Ftoken=c%2D1&b".to_vec(), true),
        (URL, large(60_000), true),
        (URL, large(65_536), false),
        (URL, vec![], false),
        (URL, b"csrf_token=".to_vec(), false),
        (URL, b"csrf_token=c-2".to_vec(), false),
        (URL, b"csrf_token=c-1&csrf_token=c-1".to_vec(), false),
        (URL, b"csrf_token=c-1&a=%".to_vec(), false),
        (URL, b"csrf_token[]=c-1".to_vec(), false),
        (URL, b"csrf_token=c-1;a=b".to_vec(), false),
        (URL, b"Csrf_token=c-1".to_vec(), false),
        (URL, b"csrf_token=c-1\r\n".to_vec(), false),
        (
            "application/x-www-form-urlencoded; charset=utf-8",
            b"csrf_token=c-1".to_vec(),
            true,
        ),
        (
            "application/x-www-form-urlencoded; boundary=XX",
            b"csrf_token=c-1".to_vec(),
            false,
        ),
        ("text/plain", b"csrf_token=c-1".to_vec(), false),
        (
            "application/json",
            br#"{"csrf_token":"c-1"}"#.to_vec(),
            false,
        ),
        (URL, parts(&[&token, end]), false),
    ];
    for (content, has_token) in [
        (parts(&[&token, end]), true),
        (parts(&[&token, &file, end]), true),
        (parts(&[&token, &file]), true), // the end is not looked at
        (parts(&[&file, &token, end]), false),
        (parts(&[&token]), false),
        (parts(&[&token, &token, end]), false),
        (parts(&[b"preamble\r\n", &token, end]), false),
        (parts(&[b"\r\n", &token, end]), false),
        (parts(&[&token, end, &token]), false),
        (parts(&[end, &token]), false),
        (parts(&[&part("form-data; name=\"a\"", nested), end]), false),
        (
            parts(&[
                &part("form-data; name=\"csrf_token\"; filename=\"\"", b"c-1"),
                end,
            ]),
            false,
        ),
        (
            parts(&[&part("form-data; name*=utf-8''csrf_token", b"c-1"), end]),
            false,
        ),
        (
            parts(&[&part("form-data; name=csrf_token", b"c-1"), end]),
            false,
        ),
        (
            parts(&[
                &part("form-data; name=\"a\"\r\nX: name=\"csrf_token\"", b"c-1"),
                end,
            ]),
            false,
        ),
        (
            parts(&[&part("form-data; name=\"csrf_token\"\n", b"c-1"), end]),
            false,
        ),
    ] {
        all.push((PARTS, content.clone(), has_token));
        // Other boundaries than that of the content.
        for other in [
            NONE,
            "multipart/form-data",
            "multipart/form-data; boundary=XX; boundary=YY",
            "multipart/form-data; boundary=YY; boundary=XX",
            "multipart/mixed; boundary=XX",
        ] {
            all.push((other, content.clone(), false));
        }
        let quoted = "multipart/form-data; boundary=\"XX\"";
        all.push((quoted, content, has_token));
    }
    all
}

type Pieces = Vec<Bytes>;
type Piece = Result<Bytes, actix_web::error::PayloadError>;

/// A framework whose handler answers with the content of the request.
trait Echo {
    fn send(&self, request: &Request, pieces: Pieces) -> Response;
}

fn frames(pieces: Pieces) -> impl http_body::Body<Data = Bytes, Error = Infallible> + Send {
    let frames = pieces.into_iter().map(|piece| Ok(Frame::data(piece)));
    StreamBody::new(stream::iter(frames))
}

fn with_body<B>(request: &Request, body: B) -> http::Request<B> {
    crate::tower::http_request::<()>(request).map(|()| body)
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.expect("a runtime").block_on(work)
}

struct Tower;

impl Echo for Tower {
    fn send(&self, request: &Request, pieces: Pieces) -> Response {
        let echo = service_fn(async |request: http::Request<FormBody>| {
            let content = request
                .into_body()
                .collect()
                .await
                .expect("whole")
                .to_bytes();
            let response = http::Response::builder();
            let response = response.header("content-type", "application/octet-stream");
            Ok::<_, Infallible>(
                response
                    .body(http_body_util::Full::new(content))
                    .expect("valid"),
            )
        });
        let service = tollgate_tower::JwtAuth::new(gate()).layer(echo);
        run(async {
            let body = FormBody::new(frames(pieces));
            let Ok(response) = service.oneshot(with_body(request, body)).await;
            crate::tower::answered(response).await
        })
    }
}

fn axum_app() -> Router {
    Router::new()
        .route("/resource", post(async |content: Bytes| content))
        .layer(tollgate_axum::JwtAuth::new(gate()))
}

struct Axum;

impl Echo for Axum {
    fn send(&self, request: &Request, pieces: Pieces) -> Response {
        run(async {
            let body = Body::new(frames(pieces));
            let Ok(response) = axum_app().oneshot(with_body(request, body)).await;
            crate::tower::answered(response).await
        })
    }
}

struct Actix;

impl Echo for Actix {
    fn send(&self, request: &Request, pieces: Pieces) -> Response {
        actix_web::rt::System::new().block_on(async {
            let app = App::new()
                .route("/resource", web::post().to(async |content: Bytes| content))
                .wrap(tollgate_actix::JwtAuth::new(gate()));
            let app = framework::init_service(app).await;
            let fields = request.headers.iter();
            let sent = fields.fold(
                framework::TestRequest::post().uri("/resource"),
                |sent, field| sent.append_header((field.0.as_str(), field.1.as_slice())),
            );
            let payload = stream::iter(pieces.into_iter().map(Ok)).boxed_local();
            let (sent, _) = sent
                .to_request()
                .replace_payload(Payload::Stream { payload });
            let response = framework::call_service(&app, sent).await;
            let rejection = response.response().extensions().get().map(Rejection::kind);
            let status = response.status().as_u16();
            let fields = response.headers().iter();
            let fields: Vec<_> = fields
                .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
                .collect();
            let body = framework::read_body(response).await;
            Response {
                rejection,
                ..Response::new(status, fields, body)
            }
        })
    }
}

#[test]
fn forms_are_decided_equally_and_delivered_unchanged() {
    let frameworks: [(&str, &dyn Echo); 3] =
        [("tower", &Tower), ("axum", &Axum), ("actix-web", &Actix)];
    for (index, (content_type, content, has_token)) in forms().into_iter().enumerate() {
        let request = request(content_type);
        let refused = gate().decide(&request).expect_err("no token");
        let (rejection, answer) = refused.into_parts();
        for size in [1, 7, 1000, usize::MAX] {
            if size < 1000 && content.len() > 1000 {
                continue;
            }
            let mut pieces: Pieces = content.chunks(size).map(Bytes::copy_from_slice).collect();
            pieces.insert(pieces.len() / 2, Bytes::new());
            for (name, framework) in frameworks {
                let got = framework.send(&request, pieces.clone());
                let what = format!("{name}: form {index}, {content_type}, pieces of {size}");
                if has_token {
                    assert_eq!(got.status, 200, "{what}");
                    assert!(got.body == content, "{what}");
                } else {
                    assert_eq!(got.rejection, Some(rejection.kind()), "{what}");
                    let mut wanted =
                        Response::new(answer.status, answer.headers.clone(), &*answer.body);
                    wanted.headers.retain(|(name, _)| name != "content-length");
                    let mut headers = got.headers;
                    headers.retain(|(name, _)| name != "content-length");
                    assert_eq!(
                        (got.status, headers),
                        (wanted.status, wanted.headers),
                        "{what}"
                    );
                    assert_eq!(got.body, wanted.body, "{what}");
                }
            }
        }
    }
}

/// The head of a form on a connection.
fn head(framing: &str) -> String {
    format!(
        "POST /resource HTTP/1.1\r\nhost: api.example.com\r\ncookie: {}\r\n\
         sec-fetch-site: same-origin\r\ncontent-type: {URL}\r\n{framing}\r\n\r\n",
        cookie()
    )
}

/// Sends bytes, and reads until the text has arrived.
fn exchange(connection: &mut TcpStream, sent: &[u8], wanted: &str) -> String {
    connection.write_all(sent).expect("an open connection");
    let mut got = Vec::new();
    let mut piece = [0; 4096];
    while !String::from_utf8_lossy(&got).contains(wanted) {
        let count = connection.read(&mut piece).expect("an answer");
        assert!(
            count > 0,
            "closed before {wanted:?}: {:?}",
            String::from_utf8_lossy(&got)
        );
        got.extend_from_slice(&piece[..count]);
    }
    String::from_utf8_lossy(&got).into_owned()
}

fn connect(address: SocketAddr) -> TcpStream {
    let connection = TcpStream::connect(address).expect("a server");
    let timeout = Some(Duration::from_secs(20));
    connection.set_read_timeout(timeout).expect("a timeout");
    connection
}

fn on_connections(address: SocketAddr) {
    // The client waits for the permission to send its content, and the connection stays usable.
    let mut connection = connect(address);
    let framing = "content-length: 18\r\nexpect: 100-continue";
    exchange(&mut connection, head(framing).as_bytes(), "HTTP/1.1 100 ");
    let answer = exchange(&mut connection, b"a=1&csrf_token=c-1", "a=1&csrf_token=c-1");
    assert!(answer.contains("HTTP/1.1 200 "), "{answer}");
    // A refused form that was read to its end.
    let refused = format!("{}a=1", head("content-length: 3"));
    exchange(&mut connection, refused.as_bytes(), "HTTP/1.1 403 ");
    // Chunks, with a trailer field.
    let mut connection = connect(address);
    let chunks = "4\r\na=1&\r\ne\r\ncsrf_token=c-1\r\n0\r\nx-checksum: 1\r\n\r\n";
    let sent = head("transfer-encoding: chunked") + chunks;
    let answer = exchange(&mut connection, sent.as_bytes(), "a=1&csrf_token=c-1");
    assert!(answer.contains("HTTP/1.1 200 "), "{answer}");

    // A form without end and token: refused at the limit, and the connection is closed.
    let mut connection = connect(address);
    let mut sent = head("transfer-encoding: chunked").into_bytes();
    sent.extend_from_slice(b"10000\r\n");
    sent.extend_from_slice(&vec![b'x'; 65_536]);
    sent.extend_from_slice(b"\r\n1\r\n");
    exchange(&mut connection, &sent, "HTTP/1.1 403 ");
    let begun = std::time::Instant::now();
    loop {
        let sent = connection.write(b"x\r\n1\r\n");
        if sent.is_err_and(|error| error.kind() != ErrorKind::WouldBlock) {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(8),
            "the connection is still open"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn connections_of_forms_on_axum() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("bound");
    let server = tokio::spawn(async { ::axum::serve(listener, axum_app()).await });
    let client = tokio::task::spawn_blocking(move || on_connections(address));
    client.await.expect("no panic");
    server.abort();
}

#[actix_web::test]
async fn connections_of_forms_on_actix() {
    let server = HttpServer::new(|| {
        App::new()
            .route("/resource", web::post().to(async |content: Bytes| content))
            .wrap(tollgate_actix::JwtAuth::new(gate()))
    });
    let server = server.workers(1).bind(("127.0.0.1", 0)).expect("a port");
    let address = server.addrs()[0];
    let server = server.disable_signals().run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    let client = actix_web::rt::task::spawn_blocking(move || on_connections(address));
    client.await.expect("no panic");
    handle.stop(false).await;
}

/// The status of a form on actix-web, its `connection` field, and whether the response keeps the
/// content, so that actix-web closes the connection.
async fn unread(payload: LocalBoxStream<'static, Piece>) -> (u16, Option<String>, bool) {
    let app = App::new()
        .route("/resource", web::post().to(async |content: Bytes| content))
        .wrap(tollgate_actix::JwtAuth::new(gate()));
    let app = framework::init_service(app).await;
    let request = request(URL);
    let fields = request.headers.iter();
    let sent = fields.fold(
        framework::TestRequest::post().uri("/resource"),
        |sent, field| sent.append_header((field.0.as_str(), field.1.as_slice())),
    );
    let kept = std::rc::Rc::new(());
    let held = std::rc::Rc::clone(&kept);
    let payload = payload
        .inspect(move |_| drop(std::rc::Rc::clone(&held)))
        .boxed_local();
    let (sent, _) = sent
        .to_request()
        .replace_payload(Payload::Stream { payload });
    let response = framework::call_service(&app, sent).await;
    let connection = response.headers().get("connection");
    let connection = connection.map(|value| value.to_str().expect("ASCII").to_owned());
    let is_kept = std::rc::Rc::strong_count(&kept) == 2;
    (response.status().as_u16(), connection, is_kept)
}

#[test]
fn a_slow_form_on_actix() {
    actix_web::rt::System::new().block_on(async {
        tokio::time::pause();
        let begun = tokio::time::Instant::now();
        let slow = stream::repeat(()).then(async |()| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(Bytes::from_static(b"a"))
        });
        let closes = Some("close".to_owned());
        assert_eq!(unread(slow.boxed_local()).await, (408, closes, true));
        assert_eq!(begun.elapsed().as_secs(), 10);
        let broken = stream::iter([Err(actix_web::error::PayloadError::Incomplete(None))]);
        assert_eq!(unread(broken.boxed_local()).await.0, 400);
        let long = stream::repeat(()).map(|()| Ok(Bytes::from_static(&[b'a'; 4096])));
        let (status, _, is_kept) = unread(long.boxed_local()).await;
        assert_eq!((status, is_kept), (403, true));
        let short = stream::iter([Ok(Bytes::from_static(b"a=1"))]);
        assert_eq!(unread(short.boxed_local()).await, (403, None, false));
    });
}
