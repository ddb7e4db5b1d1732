//! What authentication adds to a route: tollgate's layer and extractor beside a hand-written extractor over
//! `jsonwebtoken` with either backend, and beside the bare route.
//!
//! In process, without sockets. `jsonwebtoken` takes its backend for the whole process, so the program runs itself once
//! for each.

#![allow(missing_docs, clippy::unwrap_used)]

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Request, Response, StatusCode, header};
use axum::routing::get;
use axum::{Extension, Router};
use jsonwebtoken::{DecodingKey, Validation};
use tollgate_axum::{Claims, JwtAuth};
use tollgate_benches::tokens::{Fixture, User};
use tollgate_benches::{Candidate, compare, print, with_each_backend};
use tollgate_core::Algorithm;
use tower::Service;

fn main() {
    with_each_backend(measure);
}

fn measure(backend: &str) {
    for algorithm in [Algorithm::HS256, Algorithm::RS256, Algorithm::ES256] {
        table(backend, algorithm);
    }
}

/// What people write today: the key and the rules in an extension, the header read and the token decoded by hand.
struct Decoded(User);

#[derive(Clone)]
struct Peer(Arc<(DecodingKey, Validation)>);

impl<S: Send + Sync> FromRequestParts<S> for Decoded {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let Peer(peer) = parts
            .extensions
            .get()
            .cloned()
            .ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
        let value = parts
            .headers
            .get(header::AUTHORIZATION)
            .ok_or(StatusCode::UNAUTHORIZED)?;
        let token = value
            .to_str()
            .ok()
            .and_then(|value| value.strip_prefix("Bearer "));
        let token = token.ok_or(StatusCode::UNAUTHORIZED)?;
        let decoded = jsonwebtoken::decode(token, &peer.0, &peer.1).map_err(|_| StatusCode::UNAUTHORIZED)?;
        Ok(Self(decoded.claims))
    }
}

fn table(backend: &str, algorithm: Algorithm) {
    let fixture = Fixture::new(algorithm);
    let peer = Peer(Arc::new(fixture.peer()));

    let mut bare = Router::new().route("/", get(async || "hello"));
    let mut inserting = Router::new()
        .route("/", get(async || "hello"))
        .layer(Extension(7_u64));
    let mut layer = Router::new()
        .route("/", get(async || "hello"))
        .layer(JwtAuth::new(fixture.verifier()));
    let mut extractor = Router::new()
        .route("/", get(async |Claims(user): Claims<User>| drop(black_box(user))))
        .layer(JwtAuth::new(fixture.verifier()));
    let mut by_hand = Router::new()
        .route("/", get(async |Decoded(user): Decoded| drop(black_box(user))))
        .layer(Extension(peer));

    let bearer = format!("Bearer {}", fixture.token);
    let value = header::HeaderValue::try_from(bearer).unwrap();
    let request = || {
        let mut request = Request::new(Body::empty());
        request.headers_mut().insert(header::AUTHORIZATION, value.clone());
        request
    };
    let by_hand_name = "hand-written extractor over jsonwebtoken";
    let mut candidates = [
        Candidate::new("bare route", || answer(&mut bare, request())),
        Candidate::new("a layer that inserts one value", || {
            answer(&mut inserting, request());
        }),
        Candidate::new("tollgate: layer", || answer(&mut layer, request())),
        Candidate::new("tollgate: layer and Claims<T>", || {
            answer(&mut extractor, request());
        }),
        Candidate::new(by_hand_name, || answer(&mut by_hand, request())),
    ];
    let mut rows = compare(&mut candidates, Duration::from_secs(2));
    // What the route itself costs is not authentication's.
    let route = rows.remove(0);
    for row in &mut rows {
        row.nanoseconds -= route.nanoseconds;
        row.allocations -= route.allocations;
    }
    print(
        &format!("{algorithm} over the bare route, jsonwebtoken with {backend}"),
        &rows,
        by_hand_name,
    );
}

/// Nothing here waits, so one poll is an answer.
fn answer(app: &mut Router, request: Request<Body>) {
    let future = pin!(app.call(request));
    let response: Response<Body> = match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(response)) => response,
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => panic!("the route waits"),
    };
    assert_eq!(response.status(), StatusCode::OK);
}
