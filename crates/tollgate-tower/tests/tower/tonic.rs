//! The layer for tonic: policies of methods, handlers, attacks on the paths, and the expiry of
//! streams. The calls go to the layer directly, or over a loopback connection.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::uri::PathAndQuery;
use http_body_util::{BodyExt as _, Full};
use serde_json::json;
use tokio::net::TcpListener;
use tollgate::tonic::{JwtAuth, MethodPolicies, extract, require};
use tollgate_core::policy::scope;
use tollgate_core::{
    Algorithm, Authentication, Gate, Jwt, Key, KeySet, KeySource, MissingKey, Optional, Policy,
    Principal, Rejection, RejectionKind, RevocationCheck, SigningKey, Source, Standing, Step,
    Unavailable, Verifier,
};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService};
use tonic::service::LayerExt as _;
use tonic::transport::{Channel, Server, server::TcpIncoming};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use crate::fixture::{token, verifier, with_scope};

#[derive(Clone, PartialEq, prost::Message)]
struct Text {
    #[prost(string, tag = "1")]
    text: String,
}

type Texts = Pin<Box<dyn Stream<Item = Result<Text, Status>> + Send>>;

fn text(text: impl Into<String>) -> Text {
    Text { text: text.into() }
}

/// A service with methods of each kind.
#[derive(Clone)]
struct Orders;

impl NamedService for Orders {
    const NAME: &'static str = "shop.v1.Orders";
}

impl Service<http::Request<Body>> for Orders {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<Text, Text>::default());
            Ok(match request.uri().path() {
                "/shop.v1.Orders/Get" => grpc.unary(service_fn(get), request).await,
                "/shop.v1.Orders/Maybe" => grpc.unary(service_fn(maybe), request).await,
                "/shop.v1.Orders/Claims" => grpc.unary(service_fn(claims), request).await,
                "/shop.v1.Orders/Watch" => grpc.server_streaming(service_fn(watch), request).await,
                "/shop.v1.Orders/Collect" => {
                    grpc.client_streaming(service_fn(collect), request).await
                }
                "/shop.v1.Orders/Echo" => grpc.streaming(service_fn(echo), request).await,
                _ => Status::unimplemented("").into_http(),
            })
        })
    }
}

async fn get(request: Request<Text>) -> Result<Response<Text>, Status> {
    let caller: Principal = extract(&request)?;
    let bin = request.metadata().get_bin("trace-bin");
    let bin = bin.map(|value| value.to_bytes().expect("base64").len());
    let subject = caller.subject().unwrap_or("-");
    Ok(Response::new(text(format!("{subject} {bin:?}"))))
}

async fn maybe(request: Request<Text>) -> Result<Response<Text>, Status> {
    let Optional(caller): Optional<Principal> = extract(&request)?;
    let subject = caller.as_ref().and_then(|caller| caller.subject());
    Ok(Response::new(text(subject.unwrap_or("-"))))
}

#[derive(serde::Deserialize)]
struct Member {
    tenant: String,
}

impl tollgate_core::Claims for Member {}

async fn claims(request: Request<Text>) -> Result<Response<Text>, Status> {
    let Jwt(Member { tenant }) = extract(&request)?;
    Ok(Response::new(text(tenant)))
}

/// Sends one message and then none, without an end.
async fn watch(request: Request<Text>) -> Result<Response<Texts>, Status> {
    extract::<Authentication>(&request)?;
    let first = stream::iter([Ok(text("first"))]);
    Ok(Response::new(Box::pin(first.chain(stream::pending()))))
}

async fn collect(request: Request<Streaming<Text>>) -> Result<Response<Text>, Status> {
    let mut texts = request.into_inner();
    let mut all = String::new();
    while let Some(next) = texts.message().await? {
        all.push_str(&next.text);
    }
    Ok(Response::new(text(all)))
}

async fn echo(request: Request<Streaming<Text>>) -> Result<Response<Texts>, Status> {
    Ok(Response::new(Box::pin(request.into_inner())))
}

fn call(path: &str) -> http::request::Builder {
    http::Request::post(path)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

fn bearer(path: &str, token: &str) -> http::request::Builder {
    call(path).header("authorization", format!("Bearer {token}"))
}

/// A message of one empty text.
fn message() -> Body {
    Body::new(Full::new(Bytes::from_static(&[0; 5])))
}

/// A body that never ends.
fn endless() -> Body {
    let frames = stream::pending::<Result<http_body::Frame<Bytes>, Infallible>>();
    Body::new(http_body_util::StreamBody::new(frames))
}

async fn send(layer: &JwtAuth, request: http::Request<Body>) -> http::Response<Body> {
    let Ok(response) = layer.layer(Orders).oneshot(request).await;
    response
}

/// The status of a response: of trailers-only, or of its trailers.
async fn status(response: http::Response<Body>) -> Status {
    if let Some(status) = Status::from_header_map(response.headers()) {
        return status;
    }
    let collected = response.into_body().collect().await.expect("readable");
    let trailers = collected.trailers().expect("trailers");
    Status::from_header_map(trailers).expect("a status")
}

async fn code(layer: &JwtAuth, request: http::Request<Body>) -> Code {
    status(send(layer, request).await).await.code()
}

fn methods() -> MethodPolicies {
    let methods = MethodPolicies::builder()
        .open("/shop.v1.Orders/Maybe")
        .open("/shop.v1.Orders/Collect")
        .require("/shop.v1.Orders/Get", scope("orders:read"))
        .require("/shop.v1.Orders/Claims", Policy::allow());
    methods.build().expect("consistent")
}

#[tokio::test]
async fn a_refusal_is_trailers_only_without_an_option_of_the_gate() {
    let layer = JwtAuth::new(verifier());
    let response = send(&layer, call("/shop.v1.Orders/Get").body(message()).unwrap()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/grpc");
    assert_eq!(response.headers()["grpc-status"], "16");
    assert_eq!(
        response.headers()["www-authenticate"],
        "Bearer realm=\"api\""
    );
    let kind = response.extensions().get().map(Rejection::kind);
    assert_eq!(kind, Some(RejectionKind::MissingCredential));
    assert!(http_body::Body::is_end_stream(response.body()));

    let other = http::Request::post("/shop.v1.Orders/Get").header("content-type", "text/plain");
    let response = send(&layer, other.body(message()).unwrap()).await;
    assert_eq!(response.status(), 401);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
}

#[tokio::test]
async fn each_method_has_its_policy() {
    let layer = JwtAuth::new(verifier()).methods(methods());
    let (reader, other) = (with_scope("orders:read"), with_scope("other"));
    for (path, token, expected) in [
        ("Get", Some(&reader), Code::Ok),
        ("Get", Some(&other), Code::PermissionDenied),
        ("Get", None, Code::Unauthenticated),
        ("Watch", Some(&reader), Code::PermissionDenied),
        ("Watch", None, Code::Unauthenticated),
        ("Nothing", Some(&reader), Code::PermissionDenied),
        ("Get/", Some(&reader), Code::PermissionDenied),
        ("Collect", None, Code::Ok),
        // The handler of an open method has no caller.
        ("Maybe", Some(&reader), Code::Internal),
    ] {
        let path = format!("/shop.v1.Orders/{path}");
        let request = match token {
            Some(token) => bearer(&path, token),
            None => call(&path),
        };
        assert_eq!(
            code(&layer, request.body(message()).unwrap()).await,
            expected,
            "{path}"
        );
    }
    let unlisted = MethodPolicies::builder()
        .unlisted(Policy::allow())
        .build()
        .unwrap();
    let layer = JwtAuth::new(verifier()).methods(unlisted);
    let request = bearer("/shop.v1.Orders/Nothing", &other).body(message());
    assert_eq!(code(&layer, request.unwrap()).await, Code::Unimplemented);
}

#[tokio::test]
async fn handlers_refuse_with_the_status_of_the_gate() {
    let gate = Gate::builder(verifier())
        .realm("orders")
        .optional()
        .build()
        .unwrap();
    let layer = JwtAuth::new(gate);
    let request = || call("/shop.v1.Orders/Get").body(message()).unwrap();
    let refused = status(send(&layer, request()).await).await;
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(refused.message(), "Authentication is required");
    assert_eq!(
        refused.metadata().get("www-authenticate").unwrap(),
        "Bearer realm=\"orders\""
    );
    let anonymous = call("/shop.v1.Orders/Maybe").body(message()).unwrap();
    assert_eq!(code(&layer, anonymous).await, Code::Ok);
    let invalid = bearer("/shop.v1.Orders/Maybe", "x")
        .body(message())
        .unwrap();
    assert_eq!(code(&layer, invalid).await, Code::Unauthenticated);

    let unfit = bearer("/shop.v1.Orders/Claims", &token(json!({"tenant": 7})));
    let refused = status(send(&layer, unfit.body(message()).unwrap()).await).await;
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(!refused.message().contains("tenant"), "{refused:?}");
}

#[tokio::test]
async fn binary_metadata_passes_and_is_no_credential() {
    let layer = JwtAuth::new(verifier());
    let request = bearer("/shop.v1.Orders/Get", &with_scope("")).header("trace-bin", "AAEC");
    let response = send(&layer, request.body(message()).unwrap()).await;
    let content = response.into_body().collect().await.unwrap().to_bytes();
    assert!(content.ends_with(b"u-7 Some(3)"), "{content:?}");

    let hidden = call("/shop.v1.Orders/Get")
        .header("authorization-bin", format!("Bearer {}", with_scope("")))
        .body(message());
    assert_eq!(code(&layer, hidden.unwrap()).await, Code::Unauthenticated);
    let twice = bearer("/shop.v1.Orders/Get", &with_scope(""))
        .header("authorization", format!("Bearer {}", with_scope("")))
        .body(message());
    assert_eq!(code(&layer, twice.unwrap()).await, Code::Unauthenticated);
    let bytes = call("/shop.v1.Orders/Get").header("authorization", &b"Bearer \xff\xfe"[..]);
    assert_eq!(
        code(&layer, bytes.body(message()).unwrap()).await,
        Code::Unauthenticated
    );
}

/// tonic calls a method for any HTTP method, so that no method is safe.
#[tokio::test]
async fn other_http_methods_do_not_pass_a_check() {
    let gate = Gate::builder(verifier())
        .source(Source::cookie("access"))
        .pass_preflight()
        .build()
        .unwrap();
    let layer = JwtAuth::new(gate);
    let preflight = call("/shop.v1.Orders/Collect")
        .method("OPTIONS")
        .header("origin", "https://evil.example")
        .header("access-control-request-method", "POST")
        .body(message());
    assert_eq!(
        code(&layer, preflight.unwrap()).await,
        Code::Unauthenticated
    );

    for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PURGE"] {
        let with_cookie = |site| {
            call("/shop.v1.Orders/Collect")
                .method(method)
                .header("sec-fetch-site", site)
                .header("cookie", format!("access={}", with_scope("")))
                .body(message())
                .unwrap()
        };
        assert_eq!(
            code(&layer, with_cookie("cross-site")).await,
            Code::PermissionDenied
        );
        assert_eq!(
            code(&layer, with_cookie("same-origin")).await,
            Code::Ok,
            "{method}"
        );
    }
}

/// A key source that has a key only after a wait.
struct Late;

impl KeySource for Late {
    fn keys(&self) -> Result<std::sync::Arc<KeySet>, Unavailable> {
        Ok(std::sync::Arc::default())
    }

    fn refresh(&self, _: &MissingKey<'_>) -> Step<Result<(), Unavailable>> {
        Step::pending(async {
            tokio::task::yield_now().await;
            Err(Unavailable::new(Duration::from_secs(3)))
        })
    }
}

/// A revocation check that waits.
struct Asked;

impl RevocationCheck for Asked {
    fn check(&self, caller: &Principal) -> Step<Result<Standing, Unavailable>> {
        let revoked = caller.has_scope("revoked");
        Step::pending(async move {
            tokio::task::yield_now().await;
            Ok(if revoked {
                Standing::Revoked
            } else {
                Standing::Good
            })
        })
    }
}

#[tokio::test]
async fn the_policy_is_checked_after_a_wait() {
    let gate = Gate::builder(verifier()).revocation(Asked).build().unwrap();
    let layer = JwtAuth::new(gate).methods(methods());
    for (scope, expected) in [
        ("orders:read", Code::Ok),
        ("other", Code::PermissionDenied),
        ("orders:read revoked", Code::Unauthenticated),
    ] {
        let request = bearer("/shop.v1.Orders/Get", &with_scope(scope)).body(message());
        assert_eq!(code(&layer, request.unwrap()).await, expected, "{scope}");
    }
}

#[tokio::test]
async fn an_outage_is_unavailable_with_a_time() {
    let verifier = Verifier::builder()
        .issuer("https://id.example.com")
        .audience("orders-api")
        .key_source(Late)
        .clock(|| 1_700_000_000)
        .build()
        .unwrap();
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let token = key
        .encode(&json!({"iss": "https://id.example.com"}))
        .unwrap();
    let request = bearer("/shop.v1.Orders/Get", &token).body(message());
    let refused = status(send(&JwtAuth::new(verifier), request.expect("consistent")).await).await;
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(
        refused.metadata().get("retry-after").expect("consistent"),
        "3"
    );
}

/// A layer whose clock follows the time of Tokio, for tokens that end after 900 + 10 s.
fn ticking() -> JwtAuth {
    let start = tokio::time::Instant::now();
    let verifier = Verifier::builder()
        .issuer("https://id.example.com")
        .audience("orders-api")
        .key(Key::hs256([7; 32]).expect("consistent"))
        .clock(move || 1_700_000_000 + start.elapsed().as_secs())
        .build()
        .expect("consistent");
    JwtAuth::new(verifier)
}

async fn seconds<T>(future: impl Future<Output = T>) -> (T, u64) {
    let begun = tokio::time::Instant::now();
    let outcome = future.await;
    (outcome, begun.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_at_the_expiry_of_the_token() {
    let layer = ticking().end_at_expiry();
    let request = bearer("/shop.v1.Orders/Watch", &with_scope("")).body(message());
    let response = send(&layer, request.unwrap()).await;
    assert!(!response.headers().contains_key("grpc-status"));
    let (collected, after) = seconds(response.into_body().collect()).await;
    assert_eq!(after, 910, "`exp` and the leeway");
    let collected = collected.expect("readable");
    let status = Status::from_header_map(collected.trailers().expect("trailers")).unwrap();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(status.message(), "The access token expired");
    assert!(status.metadata().get("www-authenticate").is_some());
    assert!(collected.to_bytes().ends_with(b"first"));
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_the_expiry_before_its_response() {
    let layer = ticking().end_at_expiry();
    for path in ["/shop.v1.Orders/Collect", "/shop.v1.Orders/Echo"] {
        let layer = if path.ends_with("Echo") {
            ticking().end_at_expiry()
        } else {
            layer.clone()
        };
        let request = bearer(path, &with_scope("")).body(endless()).unwrap();
        let (status, after) = seconds(async { status(send(&layer, request).await).await }).await;
        assert_eq!(
            (status.code(), after),
            (Code::Unauthenticated, 910),
            "{path}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_without_an_end_ends_no_call() {
    let verifier = Verifier::builder()
        .dangerous_any_issuer()
        .audience("orders-api")
        .dangerous_allow_missing_exp()
        .key(Key::hs256([7; 32]).unwrap())
        .clock(|| 1_700_000_000)
        .build()
        .unwrap();
    let layer = JwtAuth::new(verifier).end_at_expiry();
    for claims in [json!({"exp": null}), json!({"exp": u64::MAX / 2})] {
        let request = bearer("/shop.v1.Orders/Watch", &token(claims)).body(message());
        let response = send(&layer, request.unwrap()).await;
        let hour = tokio::time::timeout(Duration::from_secs(3600), response.into_body().collect());
        assert!(hour.await.is_err(), "it goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_option_a_stream_continues() {
    let layer = ticking();
    let request = bearer("/shop.v1.Orders/Watch", &with_scope("")).body(message());
    let response = send(&layer, request.unwrap()).await;
    let hour = tokio::time::timeout(Duration::from_secs(3600), response.into_body().collect());
    assert!(hour.await.is_err(), "it goes on");
}

/// A response that is not gRPC has no trailers, so that its end must be an error.
#[tokio::test(start_paused = true)]
async fn another_response_fails_at_the_expiry() {
    let layer = ticking().end_at_expiry();
    let web = layer.layer(service_fn(async |_: http::Request<Body>| {
        let response = http::Response::builder().header("content-type", "application/grpc-web");
        Ok::<_, Infallible>(response.body(endless()).unwrap())
    }));
    let request = bearer("/x/y", &with_scope("")).body(message()).unwrap();
    let Ok(response) = web.oneshot(request).await;
    let (collected, after) = seconds(response.into_body().collect()).await;
    assert_eq!(collected.expect_err("ended").code(), Code::Unauthenticated);
    assert_eq!(after, 910);
}

#[tokio::test(start_paused = true)]
async fn grpc_web_gets_status_and_trailers_in_its_form() {
    let layer = ticking().end_at_expiry();
    let request = |token: &str| {
        http::Request::post("/shop.v1.Orders/Watch")
            .header("content-type", "application/grpc-web+proto")
            .header("accept", "application/grpc-web+proto")
            .header("authorization", format!("Bearer {token}"))
            .body(message())
            .unwrap()
    };
    let web = tonic_web::GrpcWebLayer::new().layer(layer.layer(Orders));
    let Ok(refused) = web.clone().oneshot(request("x")).await;
    assert_eq!(refused.status(), 200);
    assert_eq!(refused.headers()["grpc-status"], "16");
    assert_eq!(
        refused.headers()["content-type"],
        "application/grpc-web+proto"
    );

    let Ok(response) = web.oneshot(request(&with_scope(""))).await;
    let (collected, after) = seconds(response.into_body().collect()).await;
    let content = collected.expect("readable").to_bytes();
    let content = String::from_utf8_lossy(&content).into_owned();
    assert!(
        content.contains("first") && content.contains("grpc-status:16"),
        "{content}"
    );
    assert_eq!(after, 910);

    // The other way round, the response to a refused call is that of HTTP.
    let web = layer.layer(tonic_web::GrpcWebLayer::new().layer(Orders));
    let Ok(refused) = web.oneshot(request("x")).await;
    assert_eq!(refused.status(), 401);
}

/// Starts a server and returns a channel to it.
async fn connected() -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let service = require(scope("orders:read")).named_layer(Orders);
    tokio::spawn(
        Server::builder()
            .layer(JwtAuth::new(verifier()).end_at_expiry())
            .add_service(service)
            .serve_with_incoming(TcpIncoming::from(listener)),
    );
    let channel = Channel::from_shared(format!("http://{address}")).expect("a URI");
    channel.connect().await.expect("the server listens")
}

fn with_token<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().expect("a header value");
    request.metadata_mut().insert("authorization", value);
    request
}

#[tokio::test]
async fn a_real_client_streams_in_both_directions() {
    let channel = connected().await;
    let mut client = tonic::client::Grpc::new(channel);
    let codec = ProstCodec::<Text, Text>::default;
    let path = PathAndQuery::from_static("/shop.v1.Orders/Echo");
    let messages = || stream::iter(["a", "b"].map(text));

    client.ready().await.unwrap();
    let request = with_token(messages(), &with_scope("orders:read"));
    let response = client
        .streaming(request, path.clone(), codec())
        .await
        .unwrap();
    let echoed: Vec<_> = response
        .into_inner()
        .map(|text| text.unwrap().text)
        .collect()
        .await;
    assert_eq!(echoed, ["a", "b"]);

    for (token, expected) in [
        (with_scope("other"), Code::PermissionDenied),
        (token(json!({"exp": 1_600_000_000})), Code::Unauthenticated),
    ] {
        client.ready().await.unwrap();
        let request = with_token(messages(), &token);
        let refused = client.streaming(request, path.clone(), codec()).await;
        assert_eq!(refused.expect_err("refused").code(), expected);
    }
}

/// The future can be named by a service that wraps the layer.
#[test]
fn the_service_is_send_and_clone() {
    fn check<S>(_: &S)
    where
        S: Service<http::Request<Body>, Response = http::Response<Body>> + Clone + Send + Sync,
        S::Future: Send,
    {
    }
    check(&JwtAuth::new(verifier()).layer(Orders));
}
