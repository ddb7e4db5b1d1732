//! A WebSocket of a browser, which cannot send `Authorization`, over a loopback connection.

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error;
use tollgate_axum::JwtAuth;
use tollgate_core::{Gate, Principal, Source};

use crate::fixture::{token, verifier};

async fn echo(upgrade: WebSocketUpgrade, caller: Principal) -> Response {
    let subject = caller.subject().unwrap_or("-").to_owned();
    upgrade
        .protocols(["orders.v1"])
        .on_upgrade(async move |mut socket| {
            if let Some(Ok(Message::Text(text))) = socket.recv().await {
                // The client may already have disconnected.
                let _ = socket
                    .send(Message::Text(format!("{text}, {subject}").into()))
                    .await;
            }
        })
}

async fn serve() -> std::net::SocketAddr {
    let gate = Gate::builder(verifier())
        .source(Source::bearer())
        .source(Source::websocket_protocol("bearer"))
        .source(Source::websocket_prefix("bearer."))
        .build()
        .expect("consistent");
    let app = Router::new()
        .route("/ws", get(echo))
        .layer(JwtAuth::new(gate));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Connects like `new WebSocket(url, protocols)`. Returns the selected protocol and the response to
/// one message.
async fn talk(protocols: &str) -> Result<(Option<String>, String), Error> {
    let address = serve().await;
    let mut request = format!("ws://{address}/ws").into_client_request()?;
    request.headers_mut().insert(
        "sec-websocket-protocol",
        protocols.parse().expect("a header value"),
    );
    let stream = TcpStream::connect(address).await?;
    let (mut socket, response) = tokio_tungstenite::client_async(request, stream).await?;
    let selected = response.headers().get("sec-websocket-protocol");
    let selected = selected
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    socket.send("hello".into()).await?;
    let answer = socket.next().await.ok_or(Error::ConnectionClosed)??;
    Ok((selected, answer.into_text()?.to_string()))
}

#[tokio::test]
async fn the_token_is_read_from_the_protocols() {
    let token = token(json!({}));
    for protocols in [
        format!("orders.v1, bearer, {token}"),
        format!("orders.v1, bearer.{token}"),
    ] {
        let (selected, answer) = talk(&protocols).await.expect("let through");
        assert_eq!(answer, "hello, u-7");
        assert_eq!(
            selected.as_deref(),
            Some("orders.v1"),
            "the token is not sent back"
        );
    }
}

#[tokio::test]
async fn a_handshake_without_a_valid_token_fails() {
    let expired = token(json!({"exp": 1_600_000_000}));
    for protocols in [
        "orders.v1".to_owned(),
        format!("orders.v1, bearer, {expired}"),
        format!("orders.v1, bearer.{expired}"),
    ] {
        match talk(&protocols).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), 401),
            other => panic!("{other:?}"),
        }
    }
}
