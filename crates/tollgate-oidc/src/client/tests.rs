//! For any behaviour of a server, a retrieval ends early, reads little and has the right error.

mod server;
mod tls;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tollgate_core::BoxFuture;

use self::server::{Behaviour, FLOOD, Server};
use super::HttpClient;
use super::resolver::{Resolver, system_resolver};
use crate::address::is_public;
use crate::error::{OidcError, OidcErrorKind};
use crate::fetch::{Addresses, Fetch, FetchError, FetchErrorKind, FetchRequest, FetchResponse};
use crate::retrieval::{Retrieved, Retriever};
use crate::settings::{Location, Settings};

const SET: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// For tests that must not end by the timeout.
const LONG: Duration = Duration::from_secs(60);
/// For tests that must end by the timeout.
const SHORT: Duration = Duration::from_millis(300);

fn answer(head: &str, content: &str) -> Behaviour {
    Behaviour::Bytes(
        format!(
            "HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{content}",
            content.len()
        )
        .into_bytes(),
    )
}

fn raw(text: &str) -> Behaviour {
    Behaviour::Bytes(text.as_bytes().to_vec())
}

async fn retrieve(url: String, timeout: Duration) -> Result<Retrieved, OidcError> {
    let settings = Settings {
        timeout,
        fetch: Some(Arc::new(HttpClient::new().unwrap())),
        ..Settings::new(Location::Jwks(url))
    };
    Retriever::new(&settings).unwrap().retrieve().await
}

async fn error(behaviour: Behaviour, timeout: Duration) -> OidcErrorKind {
    let server = Server::start(behaviour).await;
    retrieve(server.url("/jwks"), timeout)
        .await
        .unwrap_err()
        .kind()
}

#[tokio::test]
async fn a_valid_response_is_read() {
    for behaviour in [
        answer("200 OK\r\ncache-control: max-age=90", SET),
        // Until the end of the connection, and in chunks.
        raw(&format!(
            "HTTP/1.1 200 OK\r\ncache-control: max-age=90\r\n\r\n{SET}"
        )),
        raw(&format!(
            "HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\nAGE: 10\r\ntransfer-encoding: chunked\r\n\r\n\
             {:x}\r\n{SET}\r\n0\r\n\r\n",
            SET.len()
        )),
        // The stricter of two lifetimes counts.
        answer(
            "200 OK\r\ncache-control: max-age=900\r\ncache-control: max-age=90",
            SET,
        ),
    ] {
        let server = Server::start(behaviour).await;
        match retrieve(server.url("/jwks"), LONG).await.unwrap() {
            Retrieved::Changed(fresh) => {
                assert_eq!(fresh.found.keys()[0].kid(), Some("1"));
                assert_eq!(fresh.life, Some(Duration::from_secs(90)));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(server.requests(), 1);
    }
}

#[tokio::test]
async fn invalid_responses_have_their_errors() {
    use OidcErrorKind::{Malformed, NoUsableKey, UnexpectedStatus, Unreachable};
    for (behaviour, kind) in [
        (answer("500 Internal Server Error", SET), UnexpectedStatus),
        (
            answer("503 Service Unavailable\r\nretry-after: 1", ""),
            UnexpectedStatus,
        ),
        (answer("304 Not Modified", ""), UnexpectedStatus),
        (
            answer(
                "200 OK\r\ncontent-type: text/html",
                "<!doctype html><title>Sign in</title>",
            ),
            Malformed,
        ),
        (answer("200 OK", r#"{"keys":[]}"#), NoUsableKey),
        (answer("200 OK", ""), Malformed),
        (
            answer("200 OK\r\ncontent-encoding: gzip", "\u{1f}"),
            Malformed,
        ),
        (answer("200 OK\r\ncontent-encoding: gzip", SET), Malformed),
        // The declared length is larger or smaller than the content.
        (
            raw(&format!(
                "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{SET}"
            )),
            Unreachable,
        ),
        (
            raw(&format!(
                "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{SET}"
            )),
            Malformed,
        ),
        (
            raw(&format!(
                "HTTP/1.1 200 OK\r\ncontent-length: 10\r\ncontent-length: 20\r\n\r\n{SET}"
            )),
            Unreachable,
        ),
        (
            raw(&format!(
                "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{SET}"
            )),
            Unreachable,
        ),
        (
            raw(&format!(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{SET}\r\n0\r\n\r\n"
            )),
            Unreachable,
        ),
        (
            raw(&format!(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{SET}\r\n",
                SET.len()
            )),
            Unreachable,
        ),
        (raw("HTTP/1.1 200 OK\r\n"), Unreachable),
        (raw("SSH-2.0-OpenSSH_9.9\r\n"), Unreachable),
        (raw(""), Unreachable),
        (Behaviour::Reset, Unreachable),
    ] {
        assert_eq!(error(behaviour, LONG).await, kind);
    }
    // The port is closed.
    let gone = retrieve("http://127.0.0.1:1/jwks".to_owned(), LONG)
        .await
        .unwrap_err();
    assert_eq!(gone.kind(), OidcErrorKind::Unreachable);
}

#[tokio::test]
async fn a_flood_is_not_read() {
    let block = vec![b' '; 1 << 16];
    let mut chunk = b"10000\r\n".to_vec();
    chunk.extend_from_slice(&block);
    chunk.extend_from_slice(b"\r\n");
    let length = format!("HTTP/1.1 200 OK\r\ncontent-length: {FLOOD}\r\n\r\n").into_bytes();
    let huge = b"HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n".to_vec();
    let open = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let compressed = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n".to_vec();
    let failing = b"HTTP/1.1 500 Oops\r\n\r\n".to_vec();
    for flood in [
        Behaviour::Flood(length, block.clone()),
        Behaviour::Flood(huge, block.clone()),
        Behaviour::Flood(open, block.clone()),
        Behaviour::Flood(compressed, block.clone()),
        Behaviour::Flood(failing, block),
        Behaviour::Flood(chunked, chunk),
    ] {
        let server = Server::start(flood).await;
        let error = retrieve(server.url("/jwks"), LONG)
            .await
            .unwrap_err()
            .kind();
        assert!(
            matches!(error, OidcErrorKind::TooLarge | OidcErrorKind::Unreachable),
            "{error:?}"
        );
        // The operating system's buffers add to the limit.
        assert!(
            server.sent() < FLOOD / 2,
            "{} bytes went out",
            server.sent()
        );
    }
    // Header fields without an end.
    let server = Server::start(Behaviour::Flood(
        b"HTTP/1.1 200 OK\r\n".to_vec(),
        b"a: b\r\n".repeat(10_000),
    ))
    .await;
    assert_eq!(
        retrieve(server.url("/jwks"), LONG)
            .await
            .unwrap_err()
            .kind(),
        OidcErrorKind::Unreachable
    );
    assert!(server.sent() < FLOOD / 2);
}

#[tokio::test]
async fn the_limit_is_exact() {
    let client = HttpClient::new().unwrap();
    let server = Server::start(raw("HTTP/1.1 200 OK\r\n\r\n0123456789")).await;
    let announced = Server::start(answer("200 OK", "0123456789")).await;
    for (limit, fits) in [(9, false), (10, true), (0, false)] {
        for server in [&server, &announced] {
            let mut request = FetchRequest::new(server.url("/"));
            request.addresses = Addresses::Any;
            request.content_limit = limit;
            let got = client.get(request).await;
            assert_eq!(
                got.as_ref().is_ok_and(|got| got.content == b"0123456789"),
                fits,
                "{got:?}"
            );
            assert_eq!(
                got.err().map(|error| error.kind()),
                (!fits).then_some(FetchErrorKind::TooLarge)
            );
        }
    }
}

#[tokio::test]
async fn a_silent_server_times_out() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".to_vec();
    for behaviour in [
        Behaviour::Hang(Vec::new()),
        Behaviour::Hang(b"HTTP/1.1 200 OK\r\ncontent".to_vec()),
        Behaviour::Hang(head.clone()),
        Behaviour::Hang(b"HTTP/1.1 100 Continue\r\n\r\n".repeat(10)),
        Behaviour::Drip(head),
        Behaviour::Drip(b"HTTP/1.1 200 OK\r\nx-slow: ".to_vec()),
    ] {
        let before = Instant::now();
        assert_eq!(error(behaviour, SHORT).await, OidcErrorKind::TimedOut);
        // The timeout ends it: far earlier than the response would.
        assert!(before.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn the_client_itself_has_a_timeout() {
    let client = HttpClient::new().unwrap();
    let server = Server::start(Behaviour::Hang(Vec::new())).await;
    let mut request = FetchRequest::new(server.url("/"));
    request.addresses = Addresses::Any;
    request.timeout = SHORT;
    assert_eq!(
        client.get(request).await.unwrap_err().kind(),
        FetchErrorKind::TimedOut
    );
}

#[tokio::test]
async fn the_client_follows_no_redirect_and_retrievals_stay_on_the_origin() {
    let other = Server::start(answer("200 OK", SET)).await;
    let port = other.address.port();
    for location in [
        other.url("/jwks"),
        format!("//localhost:{port}/jwks"),
        format!("http://127.0.0.2:{port}/jwks"),
        "https://127.0.0.1/jwks".to_owned(),
        // To itself.
        "/jwks".to_owned(),
    ] {
        let server = Server::start(answer(&format!("302 Found\r\nlocation: {location}"), "")).await;
        let error = retrieve(server.url("/jwks"), LONG).await.unwrap_err();
        assert_eq!(error.kind(), OidcErrorKind::Redirected, "{location}");
        assert_eq!(server.requests(), if location == "/jwks" { 4 } else { 1 });
    }
    let twice = Server::start(answer("302 Found\r\nlocation: /a\r\nlocation: /b", "")).await;
    let error = retrieve(twice.url("/jwks"), LONG).await.unwrap_err();
    assert_eq!(error.kind(), OidcErrorKind::UnexpectedStatus);
    assert_eq!(other.requests(), 0);
}

#[tokio::test]
async fn private_addresses_are_not_connected_to() {
    let client = HttpClient::new().unwrap();
    let server = Server::start(answer("200 OK", SET)).await;
    let port = server.address.port();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "a.localhost",
    ] {
        let request = FetchRequest::new(format!("http://{host}:{port}/"));
        let error = client.get(request).await.unwrap_err();
        assert_eq!(
            error.kind(),
            FetchErrorKind::PrivateAddress,
            "{host}: {error}"
        );
    }
    assert_eq!(server.requests(), 0);
    let mut request = FetchRequest::new(server.url("/"));
    request.addresses = Addresses::Any;
    assert_eq!(client.get(request).await.unwrap().status, 200);
}

/// A resolver that returns these answers in turn, and then repeats the last one.
fn answering(answers: Vec<Vec<IpAddr>>) -> (Resolver, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let resolver: Resolver = Arc::new(move |_| {
        let at = count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        let answer = answers[at].clone();
        Box::pin(async move { Ok(answer) })
    });
    (resolver, asked)
}

async fn get(
    client: &HttpClient,
    port: u16,
    addresses: Addresses,
) -> Result<FetchResponse, FetchError> {
    let mut request = FetchRequest::new(format!("http://keys.example.net:{port}/jwks"));
    request.addresses = addresses;
    client.get(request).await
}

#[tokio::test]
async fn every_address_of_a_name_must_be_public() {
    let server = Server::start(answer("200 OK", SET)).await;
    let port = server.address.port();
    let (home, public) = (IpAddr::V4(Ipv4Addr::LOCALHOST), "8.8.8.8".parse().unwrap());
    for found in [
        vec![home],
        vec![public, home],
        vec![home, public],
        vec![public, "fd00::1".parse().unwrap()],
        vec!["::ffff:127.0.0.1".parse().unwrap()],
        vec!["169.254.169.254".parse().unwrap()],
    ] {
        let (resolver, asked) = answering(vec![found]);
        let client = HttpClient::build(&[], &resolver, is_public).unwrap();
        let error = get(&client, port, Addresses::Public).await.unwrap_err();
        assert_eq!(error.kind(), FetchErrorKind::PrivateAddress, "{error}");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
    assert_eq!(server.requests(), 0);
    // The configuration may name any address.
    let (resolver, _) = answering(vec![vec![home]]);
    let client = HttpClient::build(&[], &resolver, is_public).unwrap();
    assert_eq!(
        get(&client, port, Addresses::Any).await.unwrap().status,
        200
    );
    // A name without an address is unreachable.
    let (resolver, _) = answering(vec![Vec::new()]);
    let client = HttpClient::build(&[], &resolver, is_public).unwrap();
    let error = get(&client, port, Addresses::Public).await.unwrap_err();
    assert_eq!(error.kind(), FetchErrorKind::Unreachable);
}

/// The first address counts as public here, the second as private.
#[tokio::test]
async fn dns_rebinding_has_no_effect() {
    const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const PRIVATE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    let server = Server::start(answer("200 OK", SET)).await;
    let port = server.address.port();
    let inside = Server::on(&format!("127.0.0.2:{port}"), answer("200 OK", SET)).await;

    let (resolver, asked) = answering(vec![vec![PUBLIC], vec![PRIVATE]]);
    let client = HttpClient::build(&[], &resolver, |address| address == PUBLIC).unwrap();
    // The name is resolved once, and the client connects to the result.
    assert_eq!(
        get(&client, port, Addresses::Public).await.unwrap().status,
        200
    );
    assert_eq!((asked.load(Ordering::SeqCst), server.requests()), (1, 1));
    // No connection is kept: the name is resolved and checked again.
    let error = get(&client, port, Addresses::Public).await.unwrap_err();
    assert_eq!(error.kind(), FetchErrorKind::PrivateAddress);
    assert_eq!((asked.load(Ordering::SeqCst), server.requests()), (2, 1));
    assert_eq!(inside.requests(), 0);
}

#[tokio::test]
async fn an_unknown_name_is_unreachable() {
    let resolver: Resolver = Arc::new(|_| {
        let failed: BoxFuture<_> = Box::pin(async { Err(std::io::Error::other("no such host")) });
        failed
    });
    let client = HttpClient::build(&[], &resolver, is_public).unwrap();
    let error = get(&client, 80, Addresses::Public).await.unwrap_err();
    assert_eq!(error.kind(), FetchErrorKind::Unreachable);
    assert!(error.to_string().contains("no such host"), "{error}");
    assert!(!error.to_string().contains("keys.example.net"), "{error}");
    // The system's resolver.
    let found = system_resolver()("localhost".to_owned()).await.unwrap();
    assert!(found.iter().all(IpAddr::is_loopback));
}

/// RFC 9110 section 13.1.2, over a socket: the second answer has no content, and its life counts.
#[tokio::test]
async fn an_unmodified_set_is_kept() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let head = String::from_utf8(server::read_head(&mut stream).await).unwrap();
            let answer = if head.contains("\r\nif-none-match: \"2031\"\r\n") {
                "HTTP/1.1 304 Not Modified\r\netag: \"2031\"\r\ncache-control: max-age=300\r\n\r\n"
                    .to_owned()
            } else {
                let length = SET.len();
                format!(
                    "HTTP/1.1 200 OK\r\netag: \"2031\"\r\ncontent-length: {length}\r\n\r\n{SET}"
                )
            };
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await;
        }
    });
    let settings = Settings {
        fetch: Some(Arc::new(HttpClient::new().unwrap())),
        ..Settings::new(Location::Jwks(format!("http://{address}/jwks")))
    };
    let mut retriever = Retriever::new(&settings).unwrap();
    assert!(matches!(
        retriever.retrieve().await,
        Ok(Retrieved::Changed(_))
    ));
    for _ in 0..2 {
        match retriever.retrieve().await.unwrap() {
            Retrieved::Unchanged(fresh) => assert_eq!(fresh.life, Some(Duration::from_secs(300))),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_request_has_only_the_expected_fields() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let head = server::read_head(&mut stream).await;
            seen.lock().unwrap().push(String::from_utf8(head).unwrap());
            let text = format!("HTTP/1.1 200 OK\r\nset-cookie: a=b\r\netag: \"1\"\r\n\r\n{SET}");
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, text.as_bytes()).await;
        }
    });
    let settings = Settings {
        fetch: Some(Arc::new(HttpClient::new().unwrap())),
        ..Settings::new(Location::Jwks(format!("http://{address}/jwks?a=b")))
    };
    let mut retriever = Retriever::new(&settings).unwrap();
    assert!(matches!(
        retriever.retrieve().await,
        Ok(Retrieved::Changed(_))
    ));
    assert!(matches!(
        retriever.retrieve().await,
        Ok(Retrieved::Unchanged(_))
    ));
    let heads = heads.lock().unwrap();
    let lines = |head: &String| {
        let mut lines: Vec<_> = head.trim_end().split("\r\n").map(str::to_owned).collect();
        lines[1..].sort();
        lines
    };
    let mut expected = vec![
        "GET /jwks?a=b HTTP/1.1".to_owned(),
        "accept-encoding: identity".to_owned(),
        "accept: application/jwk-set+json, application/json".to_owned(),
        format!("host: {address}"),
        format!("user-agent: tollgate/{}", env!("CARGO_PKG_VERSION")),
    ];
    assert_eq!(lines(&heads[0]), expected);
    expected.insert(4, "if-none-match: \"1\"".to_owned());
    assert_eq!(lines(&heads[1]), expected);
}

/// The token goes to its origin alone, and is read for each fetch.
#[tokio::test]
async fn a_bearer_token_goes_to_one_origin() {
    async fn head(listener: &tokio::net::TcpListener) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        String::from_utf8(server::read_head(&mut stream).await).unwrap()
    }
    let file = std::env::temp_dir().join(format!("tollgate-bearer-{}", std::process::id()));
    let [own, other] = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let [own, other] = [own, other].map(|listener| {
        listener.set_nonblocking(true).unwrap();
        tokio::net::TcpListener::from_std(listener).unwrap()
    });
    let url =
        |listener: &tokio::net::TcpListener| format!("http://{}", listener.local_addr().unwrap());
    let client = HttpClient::new().unwrap();
    let client = client.bearer_token_file(&url(&own), &file).unwrap();
    let fetch = |listener: &tokio::net::TcpListener| {
        let mut request = FetchRequest::new(format!("{}/jwks", url(listener)));
        request.addresses = Addresses::Any;
        client.get(request)
    };
    for token in ["first", "second"] {
        std::fs::write(&file, format!("{token}\n")).unwrap();
        let (head, _) = tokio::join!(head(&own), fetch(&own));
        assert!(
            head.contains(&format!("authorization: Bearer {token}\r\n")),
            "{head}"
        );
    }
    let (head, _) = tokio::join!(head(&other), fetch(&other));
    assert!(
        !head.contains("authorization") && !head.contains("second"),
        "{head}"
    );
    std::fs::remove_file(&file).unwrap();
    let error = fetch(&own).await.unwrap_err();
    assert_eq!(error.kind(), FetchErrorKind::Unreachable);
    for origin in [
        "http://id.example.com",
        "https://id.example.com/path",
        "id.example.com",
        "",
    ] {
        assert!(
            client.clone().bearer_token_file(origin, &file).is_err(),
            "{origin}"
        );
    }
}
