//! The CSRF token in the field of a form.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::routing::post;
use axum::{Router, http};
use futures_util::{StreamExt, stream};
use serde_json::json;
use tollgate_axum::JwtAuth;
use tollgate_core::{Gate, Key, SigningKey, Source, Verifier};
use tower::ServiceExt;

const URL: &str = "application/x-www-form-urlencoded";
const PARTS: &str = "multipart/form-data; boundary=XX";

fn app() -> Router {
    let verifier = Verifier::builder()
        .dangerous_any_issuer()
        .dangerous_any_audience()
        .key(Key::hs256([7; 32]).expect("32 bytes"))
        .build()
        .expect("consistent");
    let gate = Gate::builder(verifier)
        .source(Source::cookie("access"))
        .require_csrf_token()
        .build()
        .expect("consistent");
    Router::new()
        .route("/", post(async |content: Bytes| content))
        .layer(JwtAuth::new(gate))
}

fn request(content_type: &str, body: Body) -> Request {
    let key = SigningKey::hs256([7; 32]).expect("32 bytes");
    let claims = json!({"exp": 4_000_000_000_u64, "csrf": "c-1"});
    http::Request::post("/?csrf_token=c-1")
        .header(
            "cookie",
            format!("access={}", key.encode(&claims).expect("encodes")),
        )
        .header("sec-fetch-site", "same-origin")
        .header("content-type", content_type)
        .body(body)
        .expect("valid")
}

fn pieces(content: &[u8], size: usize) -> Body {
    let pieces: Vec<_> = content
        .chunks(size)
        .map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece)))
        .collect();
    Body::from_stream(stream::iter(pieces))
}

async fn status(request: Request) -> u16 {
    app()
        .oneshot(request)
        .await
        .expect("infallible")
        .status()
        .as_u16()
}

#[tokio::test]
async fn a_token_in_a_form() {
    let part = "--XX\r\nContent-Disposition: form-data; name=\"csrf_token\"\r\n\r\nc-1\r\n\
                --XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n";
    let multipart = [part.as_bytes(), &vec![7; 100_000], b"\r\n--XX--\r\n"].concat();
    let long = [b"csrf_token=c-1&a=", &vec![b'x'; 100_000][..]].concat();
    for (content_type, content) in [
        (URL, &b"a=1&csrf_token=c%2D1"[..]),
        (URL, &long),
        (PARTS, &multipart),
    ] {
        for size in [1, 1000, usize::MAX] {
            let sent = request(content_type, pieces(content, size));
            let response = app().oneshot(sent).await.expect("infallible");
            assert_eq!(response.status(), 200, "{content_type} {size}");
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
            assert!(body.expect("whole") == content, "{content_type} {size}");
        }
    }
    for (content_type, content) in [
        (URL, ""),
        (URL, "csrf_token=c-2"),
        (URL, "csrf_token=c-1&csrf_token=c-1"),
        ("text/plain", "csrf_token=c-1"),
        ("application/json", "{\"csrf_token\":\"c-1\"}"),
        ("multipart/form-data; boundary=XX; boundary=YY", part),
    ] {
        let sent = request(content_type, Body::from(content));
        assert_eq!(status(sent).await, 403, "{content_type} {content}");
    }
    let late = [&vec![b'x'; 65_536][..], b"&csrf_token=c-1&"].concat();
    assert_eq!(status(request(URL, Body::from(late))).await, 403);
}

#[tokio::test]
async fn other_requests_are_not_read() {
    let unread = || {
        let never = stream::poll_fn(|_| -> std::task::Poll<Option<Result<Bytes, Infallible>>> {
            panic!("the content is read")
        });
        Body::from_stream(never)
    };
    let mut foreign = request(URL, unread());
    foreign
        .headers_mut()
        .insert("sec-fetch-site", "cross-site".parse().expect("valid"));
    assert_eq!(status(foreign).await, 403);
    let mut unsigned = request(URL, unread());
    unsigned
        .headers_mut()
        .insert("cookie", "access=e30.e30.AAAA".parse().expect("valid"));
    assert_eq!(status(unsigned).await, 401);
    let mut other = request(URL, unread());
    other
        .headers_mut()
        .insert("x-csrf-token", "c-2".parse().expect("valid"));
    assert_eq!(status(other).await, 403);
}

#[tokio::test(start_paused = true)]
async fn a_slow_form() {
    let byte = Ok::<_, Infallible>(Bytes::from_static(b"a"));
    let slow = stream::repeat(byte).then(async |byte| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        byte
    });
    let response = app().oneshot(request(URL, Body::from_stream(slow))).await;
    let response = response.expect("infallible");
    assert_eq!(response.status(), 408);
    assert_eq!(response.headers()["connection"], "close");
    let broken = stream::iter([Err::<Bytes, _>(std::io::Error::other("cut"))]);
    assert_eq!(status(request(URL, Body::from_stream(broken))).await, 400);
}
