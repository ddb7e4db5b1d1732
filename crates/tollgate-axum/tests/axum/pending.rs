//! Decisions that wait for a store, in the layer and in extractors, and a nested endpoint.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::routing::get;
use serde_json::json;
use tollgate_axum::{EndpointService, JwtAuth};
use tollgate_core::{
    Answer, BoxFuture, Endpoint, EndpointRequest, Gate, Gated, Jwt, Principal, RejectionKind,
    RevocationCheck, Scoped, Standing, Step, Unavailable,
};

use crate::fixture::{OrdersRead, bearer, refused, send, verifier};

/// A revocation check that waits for every token, with a fixed result.
#[derive(Clone, Copy)]
struct Store(Result<bool, ()>);

impl RevocationCheck for Store {
    fn check(&self, _: &tollgate_core::Principal) -> Step<Result<Standing, Unavailable>> {
        let Self(result) = *self;
        Step::pending(async move {
            tokio::task::yield_now().await;
            match result {
                Ok(true) => Ok(Standing::Good),
                Ok(false) => Ok(Standing::Revoked),
                Err(()) => Err(Unavailable::new(std::time::Duration::from_secs(2))),
            }
        })
    }
}

fn gate(store: Store) -> Gate {
    let gate = Gate::builder(verifier()).revocation(store).build();
    gate.expect("consistent")
}

fn by_extractors(store: Store) -> Router {
    Router::new()
        .route("/principal", get(async |_: Gated<Principal>| "in"))
        .route("/optional", get(async |_: Gated<Option<Principal>>| "in"))
        .route("/scoped", get(async |_: Gated<Scoped<OrdersRead>>| "in"))
        .route(
            "/claims",
            get(async |_: Gated<Jwt<serde_json::Value>>| "in"),
        )
        .route(
            "/second",
            get(async |_: Gated<Principal>, _: Gated<Principal>| "in"),
        )
        .with_state(gate(store))
}

const PATHS: [&str; 5] = ["/principal", "/optional", "/scoped", "/claims", "/second"];

fn request(path: &str) -> axum::http::request::Builder {
    bearer(json!({"scope": "orders:read"})).uri(path)
}

#[tokio::test]
async fn every_extractor_refuses_a_revoked_token() {
    let app = by_extractors(Store(Ok(false)));
    for path in PATHS {
        assert_eq!(
            refused(&app, request(path)).await,
            Some(RejectionKind::Revoked),
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_extractor_fails_closed_without_the_store() {
    let app = by_extractors(Store(Err(())));
    for path in PATHS {
        assert_eq!(
            refused(&app, request(path)).await,
            Some(RejectionKind::Unavailable),
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_extractor_waits_for_a_valid_token() {
    let app = by_extractors(Store(Ok(true)));
    for path in PATHS {
        assert_eq!(send(&app, request(path)).await.text, "in", "{path}");
    }
}

#[tokio::test]
async fn a_store_is_asked_once_by_each_gate() {
    let (one, other) = (Counts::default(), Counts::default());
    let gate = |counts: &Counts| {
        let gate = Gate::builder(verifier()).revocation(counts.clone()).build();
        gate.expect("consistent")
    };
    let two = async |_: Gated<Principal>, _: Gated<Principal>| "in";
    let app = Router::new().route("/", get(two)).with_state(gate(&one));
    assert_eq!(send(&app, bearer(json!({}))).await.text, "in");
    assert_eq!((one.asked(), other.asked()), (1, 0));
    // A decision by another gate does not satisfy this one.
    let app = app.layer(JwtAuth::new(gate(&other)));
    assert_eq!(send(&app, bearer(json!({}))).await.text, "in");
    assert_eq!((one.asked(), other.asked()), (2, 1));
}

#[derive(Clone, Default)]
struct Counts(Arc<AtomicUsize>);

impl Counts {
    fn asked(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl RevocationCheck for Counts {
    fn check(&self, _: &tollgate_core::Principal) -> Step<Result<Standing, Unavailable>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Step::pending(async { Ok(Standing::Good) })
    }
}

#[tokio::test]
async fn the_layer_waits() {
    let app = |store| {
        let routes = Router::new().route("/", get(async |_: Principal| "in"));
        routes.layer(JwtAuth::new(gate(store)))
    };
    assert_eq!(
        send(&app(Store(Ok(true))), bearer(json!({}))).await.text,
        "in"
    );
    let revoked = refused(&app(Store(Ok(false))), bearer(json!({}))).await;
    assert_eq!(revoked, Some(RejectionKind::Revoked));
    let unknown = send(&app(Store(Err(()))), bearer(json!({}))).await;
    assert_eq!(unknown.status, 503);
}

#[tokio::test]
async fn an_endpoint_can_be_nested_in_a_router() {
    struct Mirror;

    impl Endpoint for Mirror {
        fn respond(&self, request: EndpointRequest) -> BoxFuture<Answer> {
            Box::pin(async move {
                let mut answer = Answer::new(200);
                answer.body = format!("{} {:?}", request.path, request.remote_address).into_bytes();
                answer
            })
        }
    }

    let endpoint = EndpointService::new(Mirror).remote_address(|extensions| {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>();
        peer.map(|peer| peer.0.ip())
    });
    let app = Router::new().nest_service("/auth", endpoint.clone()).nest(
        "/v1/{tenant}",
        Router::new().nest_service("/auth", endpoint),
    );
    let peer = ConnectInfo(SocketAddr::from(([192, 0, 2, 7], 4711)));
    for (sent, seen) in [
        ("/auth", "/"),
        ("/auth/", "/"),
        ("/auth/login", "/login"),
        ("/auth/sessions/x%20y", "/sessions/x%20y"),
        ("/v1/a%2Fb/auth/login/x", "/login/x"),
    ] {
        let request = Request::post(sent).extension(peer);
        let expected = format!("{seen} {:?}", Some(IpAddr::from([192, 0, 2, 7])));
        assert_eq!(send(&app, request).await.text, expected, "{sent}");
    }
}
