//! The CSRF token in the field of a form.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::json;
use tollgate_core::{Gate, Source};
use tollgate_tower::{FormBody, JwtAuth};
use tower::{ServiceBuilder, ServiceExt};

use crate::fixture::{token, verifier};

fn form(content: &str) -> Request<Full<Bytes>> {
    Request::post("/")
        .header(
            "cookie",
            format!("access={}", token(json!({"csrf": "c-1"}))),
        )
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::from(content.to_owned()))
        .expect("valid")
}

async fn echo<B: http_body::Body<Data = Bytes>>(
    request: Request<B>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let whole = request.into_body().collect().await;
    let whole = whole.ok().map(http_body_util::Collected::to_bytes);
    Ok(Response::new(Full::new(whole.unwrap_or_default())))
}

fn gate() -> Gate {
    let gate = Gate::builder(verifier()).source(Source::cookie("access"));
    gate.require_csrf_token().build().expect("consistent")
}

#[tokio::test]
async fn a_token_in_a_form() {
    let service = ServiceBuilder::new()
        .map_request(|request: Request<Full<Bytes>>| request.map(FormBody::new))
        .layer(JwtAuth::new(gate()))
        .service_fn(echo::<FormBody>);
    for (content, wanted) in [
        ("a=1&csrf_token=c-1", 200),
        ("csrf_token=c-2", 403),
        ("csrf_token=c-1&csrf_token=c-1", 403),
        ("", 403),
    ] {
        let response = service
            .clone()
            .oneshot(form(content))
            .await
            .expect("infallible");
        assert_eq!(response.status(), wanted, "{content}");
        let body = response
            .into_body()
            .collect()
            .await
            .expect("whole")
            .to_bytes();
        assert!(wanted != 200 || body == content);
    }
}

#[tokio::test]
async fn another_body_is_not_read() {
    let service = ServiceBuilder::new()
        .layer(JwtAuth::new(gate()))
        .service_fn(echo::<Full<Bytes>>);
    let response = service.oneshot(form("csrf_token=c-1")).await;
    assert_eq!(response.expect("infallible").status(), 403);
}

#[tokio::test]
async fn short_frames_are_joined_and_trailers_stay() {
    let layer = JwtAuth::new(gate());
    let service =
        ServiceBuilder::new()
            .layer(layer)
            .service_fn(async |request: Request<FormBody>| {
                let mut body = request.into_body();
                let (mut frames, mut content, mut trailers) = (0, Vec::new(), None);
                while let Some(frame) = body.frame().await {
                    frames += 1;
                    match frame.expect("a frame").into_data() {
                        Ok(data) => content.extend_from_slice(&data),
                        Err(other) => trailers = other.into_trailers().ok(),
                    }
                }
                assert!(
                    frames <= 3 * content.len().saturating_sub(65_536) + 4,
                    "{frames} frames"
                );
                assert!(content.starts_with(b"csrf_token=c-1&a="));
                assert!(trailers.is_some_and(|fields| fields["x-checksum"] == "1"));
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
            });
    for length in [100, 60_000, 200_000] {
        let content = [b"csrf_token=c-1&a=", &b"x".repeat(length)[..]].concat();
        let large = content.chunks(5000).nth(1).map(Bytes::copy_from_slice);
        let short = content.iter().map(|byte| Bytes::copy_from_slice(&[*byte]));
        // HTTP/2 permits empty frames without number.
        let pieces = short.flat_map(|byte| [Bytes::new(), byte, Bytes::new()]);
        let pieces = pieces.take(3 * content.len().min(70_000)).chain(large);
        let mut frames: Vec<_> = pieces
            .map(|piece| Ok::<_, Infallible>(Frame::data(piece)))
            .collect();
        let fields = http::HeaderMap::from_iter([(
            http::HeaderName::from_static("x-checksum"),
            http::HeaderValue::from_static("1"),
        )]);
        frames.push(Ok(Frame::trailers(fields)));
        let body = StreamBody::new(futures_util::stream::iter(frames));
        let response = service
            .clone()
            .oneshot(form("").map(|_| FormBody::new(body)))
            .await;
        assert_eq!(response.expect("infallible").status(), 200);
    }
}
