//! Tests of `JwtAuth` and `require` around apps, scopes and resources.
#![allow(clippy::unwrap_used)]

mod support;

use std::cell::Cell;
use std::rc::Rc;

use actix_web::body::to_bytes;
use actix_web::dev::{Service, ServiceResponse, Transform};
use actix_web::http::StatusCode;
use actix_web::middleware::DefaultHeaders;
use actix_web::test::{
    TestRequest, call_and_read_body, call_service, init_service, try_call_service,
};
use actix_web::{App, HttpRequest, HttpResponse, web};
use serde_json::json;
use support::{bearer, expired, gate, get, header, optional, token, verifier, with_scope};
use tollgate_actix::{AuthenticationExt, JwtAuth, require};
use tollgate_core::policy::{role, scope};
use tollgate_core::{Refusal, Rejection, RejectionKind, Source, SourceKind};

async fn subject(request: HttpRequest) -> String {
    let principal = request.principal();
    principal
        .as_ref()
        .and_then(|user| user.subject())
        .unwrap_or("anonymous")
        .to_owned()
}

fn kind<B>(response: &ServiceResponse<B>) -> Option<RejectionKind> {
    response
        .response()
        .extensions()
        .get()
        .map(|rejection: &Rejection| rejection.kind())
}

#[actix_web::test]
async fn an_app_is_guarded() {
    let app = init_service(
        App::new()
            .route("/", web::get().to(subject))
            .wrap(JwtAuth::new(verifier())),
    )
    .await;

    let accepted = call_service(&app, bearer("/", &token(&json!({}))).to_request()).await;
    assert_eq!(accepted.status(), 200);
    assert_eq!(kind(&accepted), None);
    assert_eq!(to_bytes(accepted.into_body()).await.unwrap(), "u-7");

    let refused = call_service(&app, get("/").to_request()).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(kind(&refused), Some(RejectionKind::MissingCredential));

    // The response does not reveal which paths exist.
    let unknown = call_service(&app, get("/unknown").to_request()).await;
    assert_eq!(unknown.status(), 401);
}

#[actix_web::test]
async fn only_the_wrapped_scope_is_guarded() {
    let app = init_service(
        App::new()
            .service(
                web::scope("/orders")
                    .wrap(JwtAuth::new(verifier()))
                    .route("/mine", web::get().to(subject)),
            )
            .route("/open", web::get().to(subject)),
    )
    .await;
    let status =
        async |request: TestRequest| call_service(&app, request.to_request()).await.status();
    assert_eq!(
        status(bearer("/orders/mine", &token(&json!({})))).await,
        200
    );
    assert_eq!(status(get("/orders/mine")).await, 401);
    assert_eq!(status(get("/orders/unknown")).await, 401);
    assert_eq!(
        call_and_read_body(&app, get("/open").to_request()).await,
        "anonymous"
    );
}

#[actix_web::test]
async fn a_resource_is_guarded_for_every_method() {
    let app = init_service(
        App::new().service(
            web::resource("/order")
                .wrap(JwtAuth::new(verifier()))
                .get(subject),
        ),
    )
    .await;
    let status =
        async |request: TestRequest| call_service(&app, request.to_request()).await.status();
    let token = token(&json!({}));
    assert_eq!(status(bearer("/order", &token)).await, 200);
    assert_eq!(status(get("/order")).await, 401);
    assert_eq!(status(TestRequest::delete().uri("/order")).await, 401);
    assert_eq!(
        status(bearer("/order", &token).method(actix_web::http::Method::DELETE)).await,
        405
    );
}

#[actix_web::test]
async fn the_response_is_the_answer_of_the_gate() {
    let gate = gate().realm("a \"b\"").build().unwrap();
    let app = init_service(App::new().wrap(JwtAuth::new(gate))).await;
    let response = call_service(&app, bearer("/", &expired()).to_request()).await;
    assert_eq!(response.status(), 401);
    let headers = response.headers();
    assert_eq!(
        header(headers, "www-authenticate"),
        Some(concat!(
            r#"Bearer realm="a \"b\"", error="invalid_token", "#,
            r#"error_description="The access token expired""#
        ))
    );
    assert_eq!(header(headers, "cache-control"), Some("no-store"));
    assert_eq!(
        header(headers, "content-type"),
        Some("application/problem+json")
    );
    assert_eq!(headers.len(), 3);
    assert_eq!(
        to_bytes(response.into_body()).await.unwrap(),
        concat!(
            r#"{"type":"about:blank","title":"Unauthorized","status":401,"code":"token_expired","#,
            r#""detail":"The access token expired","error":"invalid_token"}"#
        )
    );
}

#[actix_web::test]
async fn invalid_fields_from_a_hook_are_dropped() {
    let gate = gate()
        .on_rejection(|_, answer| {
            answer.status = 7;
            answer.set("x-good", "1");
            answer.set("x-split", "1\r\nset-cookie: a=b");
            answer.set("x bad", "1");
            answer.set("", "1");
            answer
                .headers
                .push(("www-authenticate".into(), b"Basic realm=\"b\"".into()));
            answer.body.clear();
        })
        .build()
        .unwrap();
    let app = init_service(App::new().wrap(JwtAuth::new(gate))).await;
    let response = call_service(&app, get("/").to_request()).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let mut names: Vec<_> = response
        .headers()
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "cache-control",
            "content-type",
            "www-authenticate",
            "www-authenticate",
            "x-good"
        ]
    );
    assert!(to_bytes(response.into_body()).await.unwrap().is_empty());
}

#[actix_web::test]
async fn outer_middleware_sees_a_response_and_no_error() {
    let seen = Rc::new(Cell::new(None));
    let app = {
        let seen = Rc::clone(&seen);
        App::new()
            .wrap(JwtAuth::new(verifier()))
            .wrap(DefaultHeaders::new().add(("access-control-allow-origin", "*")))
            .wrap_fn(move |request, next| {
                let response = next.call(request);
                let seen = Rc::clone(&seen);
                async move {
                    let response = response.await?;
                    let error = response.response().error().unwrap();
                    assert!(error.as_error::<Refusal>().is_some());
                    seen.set(kind(&response));
                    Ok(response)
                }
            })
    };
    let app = init_service(app).await;
    let response = try_call_service(&app, get("/").to_request()).await.unwrap();
    assert_eq!(
        header(response.headers(), "access-control-allow-origin"),
        Some("*")
    );
    assert_eq!(seen.get(), Some(RejectionKind::MissingCredential));
}

#[actix_web::test]
async fn a_refused_request_does_not_reach_the_inner_service() {
    let calls = Rc::new(Cell::new(0));
    let inner = {
        let calls = Rc::clone(&calls);
        actix_web::dev::fn_service(move |request: actix_web::dev::ServiceRequest| {
            calls.set(calls.get() + 1);
            assert!(request.authentication().is_some());
            std::future::ready(Ok::<_, ()>(request.into_response(HttpResponse::Ok())))
        })
    };
    // The inner service may have any error type.
    let service = JwtAuth::new(verifier()).new_transform(inner).await.unwrap();
    assert_eq!(
        service
            .call(get("/").to_srv_request())
            .await
            .unwrap()
            .status(),
        401
    );
    assert_eq!(calls.get(), 0);
    let good = bearer("/", &token(&json!({}))).to_srv_request();
    assert_eq!(service.call(good).await.unwrap().status(), 200);
    assert_eq!(calls.get(), 1);
}

#[actix_web::test]
async fn require_checks_the_policy() {
    let app = init_service(
        App::new()
            .service(
                web::resource("/write")
                    .wrap(require(scope("orders:write") | role("root")))
                    .get(subject),
            )
            .wrap(JwtAuth::new(optional())),
    )
    .await;
    let call = async |request: TestRequest| call_service(&app, request.to_request()).await;
    assert_eq!(
        call(bearer("/write", &with_scope("orders:write")))
            .await
            .status(),
        200
    );

    let lacking = call(bearer("/write", &with_scope("orders:read"))).await;
    assert_eq!(lacking.status(), 403);
    assert_eq!(kind(&lacking), Some(RejectionKind::InsufficientScope));
    assert!(
        header(lacking.headers(), "www-authenticate")
            .unwrap()
            .ends_with(r#"scope="orders:write""#)
    );

    let anonymous = call(get("/write")).await;
    assert_eq!(anonymous.status(), 401);
    assert_eq!(kind(&anonymous), Some(RejectionKind::MissingCredential));
}

#[actix_web::test]
async fn require_on_the_same_resource_is_wrapped_before_the_gate() {
    let right = web::resource("/right")
        .wrap(require(scope("a")))
        .wrap(JwtAuth::new(verifier()))
        .get(subject);
    let wrong = web::resource("/wrong")
        .wrap(JwtAuth::new(verifier()))
        .wrap(require(scope("a")))
        .get(subject);
    let app = init_service(App::new().service(right).service(wrong)).await;
    let call = async |path| call_service(&app, bearer(path, &with_scope("a")).to_request()).await;
    assert_eq!(call("/right").await.status(), 200);
    let misconfigured = call("/wrong").await;
    assert_eq!(misconfigured.status(), 500);
    assert_eq!(kind(&misconfigured), Some(RejectionKind::Misconfigured));
}

#[actix_web::test]
async fn nested_gates_must_both_accept_and_the_inner_one_takes_precedence() {
    let staff = gate()
        .require(role("staff"))
        .realm("staff")
        .build()
        .unwrap();
    let app = init_service(
        App::new()
            .service(
                web::scope("/staff")
                    .wrap(JwtAuth::new(staff))
                    .route("", web::get().to(subject)),
            )
            .service(
                web::scope("/cookie")
                    .wrap(JwtAuth::new(
                        gate()
                            .source(Source::cookie("a"))
                            .optional()
                            .build()
                            .unwrap(),
                    ))
                    .route("", web::get().to(subject)),
            )
            .wrap(JwtAuth::new(optional())),
    )
    .await;
    let call = async |request: TestRequest| call_service(&app, request.to_request()).await;

    let refused = call(bearer("/staff", &token(&json!({})))).await;
    assert_eq!(refused.status(), 403);
    assert_eq!(call(get("/staff")).await.status(), 401);
    assert_eq!(call(bearer("/staff", "forged")).await.status(), 401);

    // The inner gate reads only a cookie, so the caller is anonymous.
    let request = bearer("/cookie", &token(&json!({}))).to_request();
    assert_eq!(call_and_read_body(&app, request).await, "anonymous");
}

#[actix_web::test]
async fn an_optional_gate_accepts_no_token_and_refuses_an_invalid_one() {
    let app = init_service(
        App::new()
            .route("/", web::get().to(subject))
            .wrap(JwtAuth::new(optional())),
    )
    .await;
    assert_eq!(
        call_and_read_body(&app, get("/").to_request()).await,
        "anonymous"
    );
    let good = bearer("/", &token(&json!({}))).to_request();
    assert_eq!(call_and_read_body(&app, good).await, "u-7");
    for (bad, status) in [("forged", 401), (&expired(), 401), ("?", 400)] {
        let response = call_service(&app, bearer("/", bad).to_request()).await;
        assert_eq!(response.status(), status, "{bad}");
    }
}

#[actix_web::test]
async fn preflights_pass_only_if_configured() {
    let preflight = || {
        TestRequest::default()
            .method(actix_web::http::Method::OPTIONS)
            .insert_header(("origin", "https://app.example.com"))
            .insert_header(("access-control-request-method", "PUT"))
    };
    let handler = async || HttpResponse::NoContent();
    let strict = init_service(
        App::new()
            .route("/", web::route().to(handler))
            .wrap(JwtAuth::new(verifier())),
    )
    .await;
    assert_eq!(
        call_service(&strict, preflight().to_request())
            .await
            .status(),
        401
    );

    let passing = JwtAuth::new(gate().pass_preflight().build().unwrap());
    let app = init_service(
        App::new()
            .route("/", web::route().to(handler))
            .wrap(passing),
    )
    .await;
    assert_eq!(
        call_service(&app, preflight().to_request()).await.status(),
        204
    );
    let actual = preflight()
        .method(actix_web::http::Method::PUT)
        .to_request();
    assert_eq!(call_service(&app, actual).await.status(), 401);
}

#[actix_web::test]
async fn header_fields_reach_the_gate_unchanged() {
    let app = init_service(
        App::new()
            .route("/", web::get().to(subject))
            .wrap(JwtAuth::new(verifier())),
    )
    .await;
    let token = token(&json!({}));
    let status =
        async |request: TestRequest| call_service(&app, request.to_request()).await.status();

    let twice = bearer("/", &token)
        .append_header(("Authorization", format!("Bearer {}", with_scope("admin"))));
    assert_eq!(status(twice).await, 400);
    let shouted = get("/").insert_header(("AUTHORIZATION", format!("BEARER {token}")));
    assert_eq!(status(shouted).await, 200);
    // A value that is not UTF-8 must not hide the field.
    let value = actix_web::http::header::HeaderValue::from_bytes(b"Bearer \xff\xfe").unwrap();
    assert_eq!(
        status(get("/").insert_header(("authorization", value))).await,
        400
    );
}

#[actix_web::test]
async fn every_source_is_read() {
    let gate = gate()
        .source(Source::bearer())
        .source(Source::cookie("access"))
        .source(Source::websocket_protocol("bearer"))
        .source(Source::header("X-Access-Token"))
        .source(Source::dangerous_query_parameter("access_token"))
        .build()
        .unwrap();
    let source = async |request: HttpRequest| {
        let principal = request.principal().unwrap();
        format!("{:?}", principal.source().unwrap())
    };
    let app = init_service(
        App::new()
            .route("/", web::get().to(source))
            .wrap(JwtAuth::new(gate)),
    )
    .await;
    let token = token(&json!({}));
    for (request, kind) in [
        (bearer("/", &token), SourceKind::Bearer),
        (
            // HTTP/2 may split the cookies into several fields (RFC 9113 section 8.2.3).
            get("/")
                .append_header(("cookie", "a=b"))
                .append_header(("cookie", format!("access={token}"))),
            SourceKind::Cookie,
        ),
        (
            get("/")
                .append_header(("connection", "upgrade"))
                .append_header(("upgrade", "websocket"))
                .append_header(("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="))
                .append_header(("sec-websocket-protocol", "chat, bearer"))
                .append_header(("sec-websocket-protocol", token.clone())),
            SourceKind::WebSocketProtocol,
        ),
        (
            get("/").insert_header(("x-access-token", token.clone())),
            SourceKind::Header,
        ),
        (
            get(&format!("/?a=b&access_token={token}")),
            SourceKind::Query,
        ),
    ] {
        let body = call_and_read_body(&app, request.to_request()).await;
        assert_eq!(body, format!("{kind:?}"));
    }
}

#[actix_web::test]
async fn the_authority_of_the_target_is_the_host_over_http_2() {
    let gate = gate().source(Source::cookie("access")).build().unwrap();
    let app = init_service(
        App::new()
            .route("/", web::post().to(subject))
            .wrap(JwtAuth::new(gate)),
    )
    .await;
    let post = |uri: &str, origin: &str| {
        TestRequest::post()
            .uri(uri)
            .insert_header(("origin", origin.to_owned()))
            .insert_header(("cookie", format!("access={}", token(&json!({})))))
            .to_request()
    };
    let h2 = "https://api.example.com/";
    let own = call_service(&app, post(h2, "https://api.example.com")).await;
    assert_eq!(own.status(), 200);
    let other = call_service(&app, post(h2, "https://evil.example")).await;
    assert_eq!(other.status(), 403);
    assert_eq!(kind(&other), Some(RejectionKind::CrossSite));
    // Without an authority or a `Host` there is no proof of origin.
    let without = call_service(&app, post("/", "https://api.example.com")).await;
    assert_eq!(without.status(), 403);
}

#[actix_web::test]
async fn grpc_gets_a_trailers_only_response() {
    let call = || {
        get("/")
            .method(actix_web::http::Method::POST)
            .insert_header(("content-type", "application/grpc"))
            .to_request()
    };
    let app = init_service(App::new().wrap(JwtAuth::new(verifier()))).await;
    assert_eq!(call_service(&app, call()).await.status(), 401);

    let speaking = gate().grpc_answers().build().unwrap();
    let app = init_service(App::new().wrap(JwtAuth::new(speaking))).await;
    let response = call_service(&app, call()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(response.headers(), "grpc-status"), Some("16"));
    assert_eq!(
        header(response.headers(), "content-type"),
        Some("application/grpc")
    );
}

#[actix_web::test]
async fn an_authentication_does_not_outlive_its_request() {
    // actix-web reuses request objects.
    let app = init_service(
        App::new()
            .service(
                web::resource("/in")
                    .wrap(JwtAuth::new(verifier()))
                    .get(subject),
            )
            .route("/out", web::get().to(subject)),
    )
    .await;
    for _ in 0..3 {
        let request = bearer("/in", &token(&json!({}))).to_request();
        assert_eq!(call_and_read_body(&app, request).await, "u-7");
        let request = get("/out").to_request();
        assert_eq!(call_and_read_body(&app, request).await, "anonymous");
    }
}
