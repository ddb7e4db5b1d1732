//! The CSRF token in the field of a form.
#![allow(clippy::unwrap_used)]

use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use serde_json::json;
use tollgate_actix::JwtAuth;
use tollgate_core::{Gate, Key, SigningKey, Source, Verifier};

const URL: &str = "application/x-www-form-urlencoded";
const PARTS: &str = "multipart/form-data; boundary=XX";

fn gate() -> Gate {
    let verifier = Verifier::builder()
        .dangerous_any_issuer()
        .dangerous_any_audience()
        .key(Key::hs256([7; 32]).unwrap())
        .build()
        .unwrap();
    let gate = Gate::builder(verifier).source(Source::cookie("access"));
    gate.require_csrf_token().build().unwrap()
}

fn request(content_type: &str, content: Vec<u8>) -> TestRequest {
    let key = SigningKey::hs256([7; 32]).unwrap();
    let claims = json!({"exp": 4_000_000_000_u64, "csrf": "c-1"});
    let token = key.encode(&claims).unwrap();
    TestRequest::post()
        .uri("/?csrf_token=c-1")
        .insert_header(("cookie", format!("access={token}")))
        .insert_header(("sec-fetch-site", "same-origin"))
        .insert_header(("content-type", content_type))
        .set_payload(content)
}

#[actix_web::test]
async fn a_token_in_a_form() {
    let app = App::new()
        .app_data(web::PayloadConfig::new(1 << 20))
        .route("/", web::post().to(async |content: web::Bytes| content))
        .wrap(JwtAuth::new(gate()));
    let app = init_service(app).await;
    let part = "--XX\r\nContent-Disposition: form-data; name=\"csrf_token\"\r\n\r\nc-1\r\n\
                --XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n";
    let multipart = [part.as_bytes(), &vec![7; 100_000], b"\r\n--XX--\r\n"].concat();
    for (content_type, content) in [(URL, b"a=1&csrf_token=c%2D1".to_vec()), (PARTS, multipart)] {
        let sent = request(content_type, content.clone()).to_request();
        let response = call_service(&app, sent).await;
        assert_eq!(response.status(), 200, "{content_type}");
        assert!(read_body(response).await == content, "{content_type}");
    }
    for (content_type, content) in [
        (URL, ""),
        (URL, "csrf_token=c-2"),
        (URL, "csrf_token=c-1&csrf_token=c-1"),
        ("text/plain", "csrf_token=c-1"),
        ("multipart/form-data; boundary=XX; boundary=YY", part),
    ] {
        let sent = request(content_type, content.into()).to_request();
        let status = call_service(&app, sent).await.status();
        assert_eq!(status, 403, "{content_type} {content}");
    }
    let late = [&vec![b'x'; 65_536][..], b"&csrf_token=c-1&"].concat();
    let sent = request(URL, late).to_request();
    assert_eq!(call_service(&app, sent).await.status(), 403);
}
