//! The CSRF token in the field of a form.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
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
