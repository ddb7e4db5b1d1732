//! Runs the server and the client as processes, and executes the printed commands.

#![cfg(unix)] // the printed commands need a POSIX shell
#![allow(clippy::unwrap_used)]

#[path = "../../quickstart/tests/running/mod.rs"]
#[allow(dead_code)] // not every function is used here
mod running;

use std::process::Command;
use std::time::{Duration, Instant};

use grpc::shop::orders_client::OrdersClient;
use grpc::shop::{ListRequest, TrackRequest};
use tokio_stream::StreamExt as _;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::running::{Server, folder};

const SERVER: &str = env!("CARGO_BIN_EXE_grpc-server");
const CLIENT: &str = env!("CARGO_BIN_EXE_grpc-client");

fn start(name: &str, arguments: &[&str]) -> Server {
    let mut server = Server::start(SERVER, &folder(name), arguments);
    let printed = "cargo run -q -p grpc --bin grpc-client --";
    server.welcome = server.welcome.replace(printed, CLIENT);
    server
}

/// A token that the server has printed.
fn printed(server: &Server, name: &str) -> String {
    let start = format!("    {name}=");
    let mut lines = server.welcome.lines();
    let token = lines.find_map(|line| line.strip_prefix(&start));
    token.unwrap().to_owned()
}

async fn connect(server: &Server) -> Channel {
    let channel = Channel::from_shared(format!("http://{}", server.address)).unwrap();
    channel.connect().await.unwrap()
}

fn with_token<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

/// Reads a stream to its end. Returns the number of messages and the status.
async fn read<T>(mut stream: tonic::Streaming<T>) -> (usize, Result<(), Status>) {
    let mut count = 0;
    loop {
        match stream.message().await {
            Ok(Some(_)) => count += 1,
            Ok(None) => return (count, Ok(())),
            Err(status) => return (count, Err(status)),
        }
    }
}

#[test]
fn the_printed_commands_work_as_shown() {
    let server = start("printed", &["--life", "10"]);
    let folder = folder("printed-commands");
    let Some(written) = server.paste(&folder, |_| true) else {
        return;
    };
    let mut statuses = Vec::new();
    for (promise, text) in written.iter().filter(|(_, text)| !text.trim().is_empty()) {
        let last = text.trim().lines().last().unwrap();
        let status = last.split(':').next().unwrap();
        assert!(promise.contains(status), "{promise} {text}");
        statuses.push(status.to_owned());
    }
    let expected = [
        "OK",
        "OK",
        "PermissionDenied",
        "Unauthenticated",
        "OK",
        "OK",
        "Unauthenticated",
    ];
    assert_eq!(statuses, expected, "{written:?}");
    let log = server.log();
    assert!(
        !log.contains(&printed(&server, "ADA")),
        "a token in the log"
    );
    assert!(server.interrupt().success(), "Ctrl-C is the ordinary end");
}

#[tokio::test]
async fn methods_without_a_policy_are_denied() {
    let server = start("unlisted", &[]);
    let token = printed(&server, "ADA");
    let mut client = tonic::client::Grpc::new(connect(&server).await);
    for (path, token, expected) in [
        (
            "/shop.v1.Orders/Purge",
            Some(&token),
            Code::PermissionDenied,
        ),
        ("/shop.v1.Orders/Purge", None, Code::Unauthenticated),
        ("/grpc.health.v1.Health/List", None, Code::Unauthenticated),
        (
            "/shop.v1.Orders/List/",
            Some(&token),
            Code::PermissionDenied,
        ),
    ] {
        client.ready().await.unwrap();
        let request = match token {
            Some(token) => with_token(ListRequest {}, token),
            None => Request::new(ListRequest {}),
        };
        let codec = tonic_prost::ProstCodec::<ListRequest, ListRequest>::default();
        let refused = client.unary(request, path.parse().unwrap(), codec).await;
        assert_eq!(refused.unwrap_err().code(), expected, "{path}");
    }
}

#[tokio::test]
async fn a_refusal_shows_the_client_no_detail() {
    let server = start("detail", &[]);
    let mut orders = OrdersClient::new(connect(&server).await);
    let token = printed(&server, "BOB");
    let request = with_token(grpc::shop::PlaceRequest::default(), &token);
    let refused = orders.place(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(
        refused.message(),
        "The access token does not grant this request"
    );
    let challenge = refused.metadata().get("www-authenticate").unwrap();
    assert!(
        challenge
            .to_str()
            .unwrap()
            .ends_with("scope=\"orders:write\"")
    );
    assert!(server.log().contains("failed: scope"), "{}", server.log());
    // Without the last letter of its signature.
    let request = with_token(ListRequest {}, &token[..token.len() - 1]);
    let refused = orders.list(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn streams_end_with_the_token() {
    let begun = Instant::now();
    let server = start("expiry", &["--life", "4"]);
    let mut orders = OrdersClient::new(connect(&server).await);
    let token = printed(&server, "BOB");

    let request = with_token(
        tokio_stream::iter([1, 2, 3].map(|id| TrackRequest { id })),
        &token,
    );
    let answered = orders.track(request).await.unwrap().into_inner();
    assert!(matches!(read(answered).await, (3, Ok(()))));

    // The client keeps its half open.
    let named = tokio_stream::iter([TrackRequest { id: 1 }]).chain(tokio_stream::pending());
    let answered = orders.track(with_token(named, &token)).await.unwrap();
    let (count, status) = read(answered.into_inner()).await;
    assert_eq!(
        (count, status.unwrap_err().code()),
        (1, Code::Unauthenticated)
    );
    assert!(
        begun.elapsed() >= Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );

    // The connection remains, and the token is refused.
    let refused = orders.list(with_token(ListRequest {}, &token)).await;
    assert_eq!(refused.unwrap_err().message(), "The access token expired");
    assert!(server.interrupt().success());
}

#[test]
fn an_invalid_argument_is_named() {
    for (program, arguments, named) in [
        (SERVER, &["--life", "long"][..], "long"),
        (SERVER, &["--listen", "here"], "here"),
        (SERVER, &["calls"], "calls"),
        (CLIENT, &["list", "--token", "x"], "--token"),
        (CLIENT, &[], "command"),
    ] {
        let output = Command::new(program).args(arguments).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{message}");
        assert!(message.contains(named), "{message}");
    }
}
