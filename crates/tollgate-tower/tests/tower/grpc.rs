//! A tonic server and client over a loopback connection, with hand-written message types.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::uri::PathAndQuery;
use serde_json::json;
use tokio::net::TcpListener;
use tollgate_core::policy::scope;
use tollgate_core::{Gate, Key, KeySet, KeySource, Unavailable, Verifier};
use tollgate_tower::{AuthenticationExt, JwtAuth, require};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::service::LayerExt;
use tonic::transport::{Channel, Server, server::TcpIncoming};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::{Service, ServiceBuilder};

use crate::fixture::{token, with_scope};

#[derive(Clone, PartialEq, prost::Message)]
struct Text {
    #[prost(string, tag = "1")]
    text: String,
}

/// The service `greeter.Greeter/Whoami`, which responds with the subject of the caller.
#[derive(Clone)]
struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "greeter.Greeter";
}

struct Whoami;

impl UnaryService<Text> for Whoami {
    type Response = Text;
    type Future = std::future::Ready<Result<Response<Text>, Status>>;

    fn call(&mut self, request: Request<Text>) -> Self::Future {
        let subject = request.extensions().get::<tollgate_core::Authentication>();
        let subject = subject
            .and_then(|known| known.principal()?.subject())
            .unwrap_or("-");
        let text = format!("{}, {subject}", request.get_ref().text);
        std::future::ready(Ok(Response::new(Text { text })))
    }
}

impl Service<http::Request<Body>> for Greeter {
    type Response = http::Response<Body>;
    type Error = std::convert::Infallible;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        assert!(request.authentication().is_some());
        Box::pin(async {
            Ok(Grpc::new(ProstCodec::default())
                .unary(Whoami, request)
                .await)
        })
    }
}

/// A key source that can be unavailable.
#[derive(Clone)]
struct Keys(Arc<AtomicBool>);

impl KeySource for Keys {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        if self.0.load(Ordering::Relaxed) {
            let key = Key::hs256([7; 32]).expect("long enough");
            Ok(Arc::new(KeySet::from_iter([key])))
        } else {
            Err(Unavailable::new(Duration::from_secs(1)))
        }
    }
}

struct Peer {
    channel: Channel,
    keys: Keys,
}

impl Peer {
    /// Starts a server with the gate before all services and a policy before one.
    async fn start() -> Self {
        let keys = Keys(Arc::new(AtomicBool::new(true)));
        let verifier = Verifier::builder()
            .issuer("https://id.example.com")
            .audience("orders-api")
            .key_source(keys.clone())
            .clock(|| 1_700_000_000)
            .build()
            .expect("consistent");
        let gate = Gate::builder(verifier)
            .grpc_answers()
            .build()
            .expect("consistent");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let greeter = ServiceBuilder::new()
            .layer(require(scope("greet")))
            .named_layer(Greeter);
        tokio::spawn(
            Server::builder()
                .layer(JwtAuth::new(gate))
                .add_service(greeter)
                .serve_with_incoming(TcpIncoming::from(listener)),
        );
        let channel = Channel::from_shared(format!("http://{address}"))
            .expect("a URI")
            .connect()
            .await
            .expect("the server listens");
        Self { channel, keys }
    }

    async fn whoami(&self, token: Option<String>) -> Result<String, Status> {
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client
            .ready()
            .await
            .map_err(|error| Status::unknown(error.to_string()))?;
        let mut request = Request::new(Text {
            text: "hello".into(),
        });
        if let Some(token) = token {
            let value = format!("Bearer {token}").parse().expect("a header value");
            request.metadata_mut().insert("authorization", value);
        }
        let path = PathAndQuery::from_static("/greeter.Greeter/Whoami");
        let response: Response<Text> = client.unary(request, path, ProstCodec::default()).await?;
        Ok(response.into_inner().text)
    }
}

#[tokio::test]
async fn a_valid_token_reaches_the_service() {
    let peer = Peer::start().await;
    let answer = peer.whoami(Some(with_scope("greet"))).await;
    assert_eq!(answer.expect("let through"), "hello, u-7");
}

#[tokio::test]
async fn a_missing_or_invalid_token_is_unauthenticated() {
    let peer = Peer::start().await;
    let expired = token(json!({"scope": "greet", "exp": 1_600_000_000}));
    for (token, message) in [
        (None, "Authentication is required"),
        (Some("bad".to_owned()), "The access token is malformed"),
        (Some(expired), "The access token expired"),
    ] {
        let status = peer.whoami(token).await.expect_err("refused");
        assert_eq!(
            (status.code(), status.message()),
            (Code::Unauthenticated, message)
        );
        assert!(status.metadata().contains_key("www-authenticate"));
    }
}

#[tokio::test]
async fn an_insufficient_token_is_permission_denied() {
    let peer = Peer::start().await;
    let status = peer
        .whoami(Some(with_scope("other")))
        .await
        .expect_err("refused");
    assert_eq!(status.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn unavailable_keys_are_unavailable() {
    let peer = Peer::start().await;
    peer.keys.0.store(false, Ordering::Relaxed);
    let status = peer
        .whoami(Some(with_scope("greet")))
        .await
        .expect_err("refused");
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(
        status
            .metadata()
            .get("retry-after")
            .expect("has retry-after"),
        "1"
    );
    // The same connection works again after the keys are available.
    peer.keys.0.store(true, Ordering::Relaxed);
    peer.whoami(Some(with_scope("greet")))
        .await
        .expect("let through");
}
