//! Tests of the extractors: behind the middleware, with a gate in the app's data, and with neither.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::{Arc, LazyLock};

use actix_web::body::to_bytes;
use actix_web::test::{TestRequest, call_and_read_body, call_service, init_service};
use actix_web::{App, FromRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;
use support::{bearer, gate, get, header, optional, token, verifier, with_scope};
use tollgate_actix::{AuthenticationExt, JwtAuth, require};
use tollgate_core::policy::role;
use tollgate_core::{
    Authenticated, Authentication, Claims, FromAuthentication, Gate, Gated, Jwt, Key,
    LoginRedirect, Optional, Policy, Principal, Refusal, Rejection, RejectionKind, Scope, Scoped,
    Source, Verifier,
};

#[derive(Debug, Deserialize)]
struct Shopper {
    sub: String,
    tenant: Option<String>,
}

impl Claims for Shopper {}

#[derive(Debug, Deserialize)]
struct Buyer {
    sub: String,
}

impl Claims for Buyer {
    fn policy() -> Option<&'static Policy> {
        static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::scope("orders:write"));
        Some(&POLICY)
    }
}

struct Read;
struct Write;

impl Scope for Read {
    const NAME: &'static str = "orders:read";
}

impl Scope for Write {
    const NAME: &'static str = "orders:write";
}

async fn claims(Jwt(shopper): Jwt<Shopper>) -> String {
    format!(
        "{} of {}",
        shopper.sub,
        shopper.tenant.as_deref().unwrap_or("none")
    )
}

async fn principal(user: Principal) -> String {
    user.subject().unwrap().to_owned()
}

async fn scoped(user: Scoped<(Read, Write)>) -> String {
    user.subject().unwrap().to_owned()
}

async fn perhaps(Optional(shopper): Optional<Jwt<Shopper>>) -> String {
    shopper.map_or("anonymous".into(), |Jwt(shopper)| shopper.sub)
}

/// An extractor of actix-web, which turns errors into `None`.
async fn option(shopper: Option<Jwt<Shopper>>) -> String {
    shopper.map_or("anonymous".into(), |Jwt(shopper)| shopper.sub)
}

async fn result(shopper: Result<Jwt<Shopper>, Refusal>) -> String {
    match shopper {
        Ok(Jwt(shopper)) => shopper.sub,
        Err(rejected) => format!("{:?}", rejected.rejection().kind()),
    }
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/claims", web::get().to(claims))
        .route("/principal", web::get().to(principal))
        .route("/scoped", web::get().to(scoped))
        .route("/perhaps", web::get().to(perhaps))
        .route("/option", web::get().to(option))
        .route("/result", web::get().to(result));
}

macro_rules! app {
    ($($wrapped:tt)*) => {
        init_service(App::new().configure(routes)$($wrapped)*).await
    };
}

macro_rules! body {
    ($app:expr, $request:expr) => {
        String::from_utf8(
            call_and_read_body(&$app, $request.to_request())
                .await
                .to_vec(),
        )
        .unwrap()
    };
}

macro_rules! status {
    ($app:expr, $request:expr) => {
        call_service(&$app, $request.to_request())
            .await
            .status()
            .as_u16()
    };
}

#[actix_web::test]
async fn behind_the_middleware() {
    let app = app!(.wrap(JwtAuth::new(verifier())));
    let blue = token(&json!({ "tenant": "blue" }));
    assert_eq!(body!(app, bearer("/claims", &blue)), "u-7 of blue");
    assert_eq!(body!(app, bearer("/principal", &blue)), "u-7");
    assert_eq!(body!(app, bearer("/perhaps", &blue)), "u-7");
    assert_eq!(body!(app, bearer("/option", &blue)), "u-7");
    assert_eq!(body!(app, bearer("/result", &blue)), "u-7");
    assert_eq!(
        body!(
            app,
            bearer("/scoped", &with_scope("orders:write orders:read"))
        ),
        "u-7"
    );
    for path in [
        "/claims",
        "/principal",
        "/scoped",
        "/perhaps",
        "/option",
        "/result",
    ] {
        assert_eq!(status!(app, get(path)), 401, "{path}");
        assert_eq!(status!(app, bearer(path, "forged")), 401, "{path}");
    }
}

#[actix_web::test]
async fn a_missing_scope_is_named() {
    let app = app!(.wrap(JwtAuth::new(verifier())));
    let request = bearer("/scoped", &with_scope("orders:read")).to_request();
    let response = call_service(&app, request).await;
    assert_eq!(response.status(), 403);
    let challenge = header(response.headers(), "www-authenticate").unwrap();
    assert!(
        challenge.contains(r#"error="insufficient_scope""#),
        "{challenge}"
    );
    assert!(
        challenge.ends_with(r#"scope="orders:read orders:write""#),
        "{challenge}"
    );
}

#[actix_web::test]
async fn a_refusal_of_an_extractor_is_the_answer_of_the_gate() {
    let app = app!(.wrap(JwtAuth::new(gate().optional().realm("shop").build().unwrap())));
    let response = call_service(&app, get("/claims").to_request()).await;
    assert_eq!(response.status(), 401);
    assert_eq!(
        header(response.headers(), "www-authenticate"),
        Some("Bearer realm=\"shop\"")
    );
    let kind = response
        .response()
        .extensions()
        .get::<Rejection>()
        .map(Rejection::kind);
    assert_eq!(kind, Some(RejectionKind::MissingCredential));
    assert_eq!(response.headers().len(), 3);
    assert_eq!(
        to_bytes(response.into_body()).await.unwrap(),
        concat!(
            r#"{"type":"about:blank","title":"Unauthorized","status":401,"code":"missing_credential","#,
            r#""detail":"Authentication is required"}"#
        )
    );
}

#[actix_web::test]
async fn optional_is_none_only_for_an_anonymous_caller() {
    let app = app!(.wrap(JwtAuth::new(optional())));
    assert_eq!(body!(app, get("/perhaps")), "anonymous");
    assert_eq!(body!(app, bearer("/perhaps", &token(&json!({})))), "u-7");
    assert_eq!(status!(app, bearer("/perhaps", "forged")), 401);
    let unfit = token(&json!({ "tenant": 7 }));
    assert_eq!(status!(app, bearer("/perhaps", &unfit)), 401);
}

#[actix_web::test]
async fn option_of_actix_web_hides_errors_behind_the_middleware() {
    let app = app!(.wrap(JwtAuth::new(optional())));
    assert_eq!(body!(app, get("/option")), "anonymous");
    // The middleware refuses a bad token before the extractor could hide it.
    assert_eq!(status!(app, bearer("/option", "forged")), 401);
    // Invalid claims are hidden.
    let unfit = token(&json!({ "tenant": 7 }));
    assert_eq!(body!(app, bearer("/option", &unfit)), "anonymous");

    // Without the middleware every caller is anonymous, with any token.
    let app = app!();
    for request in [
        get("/option"),
        bearer("/option", "forged"),
        bearer("/option", &token(&json!({}))),
    ] {
        assert_eq!(body!(app, request), "anonymous");
    }
}

#[actix_web::test]
async fn without_middleware_and_gate_the_response_is_500() {
    let app = app!();
    let token = with_scope("orders:write orders:read");
    for path in ["/claims", "/principal", "/scoped", "/perhaps"] {
        for request in [get(path), bearer(path, &token), bearer(path, "forged")] {
            let response = call_service(&app, request.to_request()).await;
            assert_eq!(response.status(), 500, "{path}");
            assert_eq!(header(response.headers(), "www-authenticate"), None);
        }
    }
    assert_eq!(body!(app, bearer("/result", &token)), "Misconfigured");
}

#[actix_web::test]
async fn without_middleware_the_gate_in_the_data_decides() {
    let gate = gate().realm("shop").build().unwrap();
    let good = with_scope("orders:write orders:read");
    for app in [
        app!(.app_data(gate.clone())),
        app!(.app_data(web::Data::new(gate))),
        app!(.app_data(verifier())),
        app!(.app_data(web::Data::new(verifier()))),
    ] {
        for path in ["/claims", "/principal", "/scoped", "/perhaps"] {
            assert_eq!(status!(app, bearer(path, &good)), 200, "{path}");
            assert_eq!(status!(app, bearer(path, "forged")), 401, "{path}");
            assert_eq!(status!(app, get(path)), 401, "{path}");
        }
    }
    let app = app!(.app_data(optional()));
    assert_eq!(body!(app, get("/perhaps")), "anonymous");
    assert_eq!(status!(app, get("/claims")), 401);
}

#[actix_web::test]
async fn two_gates_in_different_forms_are_refused() {
    // The strict gate of the scope is nearer, but actix-web does not reveal this.
    let scope = web::scope("/in")
        .app_data(web::Data::new(
            gate().require(role("staff")).build().unwrap(),
        ))
        .configure(routes);
    let app = init_service(App::new().app_data(optional()).service(scope)).await;
    assert_eq!(status!(app, get("/in/perhaps")), 500);
    assert_eq!(status!(app, bearer("/in/claims", &token(&json!({})))), 500);
}

#[actix_web::test]
async fn the_nearest_gate_of_one_form_takes_precedence() {
    let scope = web::scope("/in")
        .app_data(gate().require(role("staff")).build().unwrap())
        .configure(routes);
    let app = init_service(
        App::new()
            .app_data(optional())
            .service(scope)
            .configure(routes),
    )
    .await;
    assert_eq!(status!(app, get("/in/perhaps")), 401);
    assert_eq!(status!(app, bearer("/in/claims", &token(&json!({})))), 403);
    assert_eq!(body!(app, get("/perhaps")), "anonymous");
}

#[actix_web::test]
async fn the_middleware_takes_precedence_over_the_data() {
    let strict = gate().require(role("staff")).build().unwrap();
    let app = app!(.app_data(optional()).wrap(JwtAuth::new(strict)));
    assert_eq!(status!(app, get("/perhaps")), 401);
    assert_eq!(status!(app, bearer("/perhaps", &token(&json!({})))), 403);
}

#[actix_web::test]
async fn require_uses_the_gate_in_the_data() {
    let resource = web::resource("/staff")
        .wrap(require(role("staff")))
        .get(HttpResponse::Ok);
    let app = init_service(App::new().app_data(verifier()).service(resource)).await;
    assert_eq!(status!(app, bearer("/staff", &token(&json!({})))), 403);
    assert_eq!(status!(app, get("/staff")), 401);
}

#[actix_web::test]
async fn the_decision_of_an_extractor_is_stored() {
    let request = bearer("/", &token(&json!({})))
        .app_data(verifier())
        .to_http_request();
    assert!(request.authentication().is_none());
    Principal::extract(&request).await.unwrap();
    assert_eq!(request.principal().unwrap().subject(), Some("u-7"));

    let request = bearer("/", "forged").app_data(verifier()).to_http_request();
    Principal::extract(&request).await.unwrap_err();
    assert!(request.authentication().is_none());
}

/// Written by hand, like the code that `#[derive(Claims)]` generates for a generic type.
struct Tenant<T>(T);

impl<T: Claims> FromAuthentication for Tenant<T> {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        authentication.claims().map(Self)
    }
}

tollgate_core::__impl_extractors! { [T,] [Tenant<T>] [T: Claims,] }

#[actix_web::test]
async fn the_macro_makes_a_custom_type_an_extractor() {
    let request = bearer("/", &token(&json!({})))
        .app_data(verifier())
        .to_http_request();
    let Tenant(shopper) = Tenant::<Shopper>::extract(&request).await.unwrap();
    assert_eq!(shopper.sub, "u-7");
    let Optional(nobody) = Optional::<Tenant<Shopper>>::extract(
        &TestRequest::default()
            .app_data(optional())
            .to_http_request(),
    )
    .await
    .unwrap();
    assert!(nobody.is_none());
}

#[actix_web::test]
async fn debug_reveals_no_part_of_a_token() {
    let token = token(&json!({ "tenant": "blue" }));
    let request = bearer("/", &token).app_data(verifier()).to_http_request();
    let principal = Principal::extract(&request).await.unwrap();
    let shown = format!("{principal:?} {:?}", request.authentication());
    for part in token.split('.') {
        assert!(!shown.contains(part), "{shown}");
    }
    let request = bearer("/", "forged").app_data(verifier()).to_http_request();
    let rejected = Principal::extract(&request).await.unwrap_err();
    assert!(!format!("{rejected:?} {rejected}").contains("forged"));
}

/// Refused, because neither the nearer nor the stricter of the two can be determined.
#[actix_web::test]
async fn a_layer_and_a_different_gate_in_the_data_are_refused() {
    let strict = gate().require(role("staff")).build().unwrap();
    let app = app!(.app_data(strict.clone()).wrap(JwtAuth::new(verifier())));
    let response = call_service(&app, bearer("/claims", &token(&json!({}))).to_request()).await;
    assert_eq!(response.status(), 500);
    let app = app!(.app_data(strict.clone()).wrap(JwtAuth::new(strict)));
    let response = call_service(&app, bearer("/claims", &token(&json!({}))).to_request()).await;
    assert_eq!(response.status(), 403);
}

/// Creates a verifier for another audience than that of `verifier()`.
fn other_audience() -> Verifier {
    let verifier = Verifier::builder()
        .dangerous_any_issuer()
        .audience("billing");
    let verifier = verifier.key(Key::hs256([7; 32]).unwrap());
    verifier.clock(|| 1_700_000_000).build().unwrap()
}

#[actix_web::test]
async fn a_layer_and_a_different_verifier_in_the_data_are_refused() {
    let other = other_audience();
    let apps = [
        app!(.app_data(other.clone()).wrap(JwtAuth::new(verifier()))),
        app!(.app_data(web::Data::new(other.clone())).wrap(JwtAuth::new(verifier()))),
        // An equal verifier is not the same verifier.
        app!(.app_data(verifier()).wrap(JwtAuth::new(verifier()))),
    ];
    let token = with_scope("orders:write orders:read");
    for app in apps {
        for path in ["/claims", "/principal", "/scoped", "/perhaps"] {
            assert_eq!(status!(app, bearer(path, &token)), 500, "{path}");
            assert_eq!(status!(app, get(path)), 401, "{path}");
        }
        assert_eq!(body!(app, bearer("/result", &token)), "Misconfigured");
    }
}

#[actix_web::test]
async fn a_different_verifier_in_the_data_of_a_scope_or_resource_is_refused() {
    let inner = web::scope("/inner")
        .app_data(other_audience())
        .configure(routes);
    let nested = web::scope("/outer").app_data(verifier()).service(inner);
    let resource = web::resource("/resource")
        .app_data(other_audience())
        .get(principal);
    let guarded = web::resource("/guarded")
        .app_data(other_audience())
        .wrap(require(role("staff")))
        .get(HttpResponse::Ok);
    let app = App::new()
        .service(nested)
        .service(resource)
        .service(guarded);
    let app = init_service(app.wrap(JwtAuth::new(verifier()))).await;
    let token = token(&json!({"roles": ["staff"]}));
    for path in [
        "/outer/inner/claims",
        "/outer/inner/perhaps",
        "/resource",
        "/guarded",
    ] {
        assert_eq!(status!(app, bearer(path, &token)), 500, "{path}");
    }
}

#[actix_web::test]
async fn the_verifier_of_the_layer_in_the_data_is_accepted() {
    let verifier = verifier();
    let optional = Gate::builder(verifier.clone()).optional().build().unwrap();
    let good = with_scope("orders:write orders:read");
    for app in [
        app!(.app_data(verifier.clone()).wrap(JwtAuth::new(verifier.clone()))),
        app!(.app_data(web::Data::new(verifier.clone())).wrap(JwtAuth::new(optional.clone()))),
        app!(.app_data(optional.clone()).wrap(JwtAuth::new(optional.clone()))),
    ] {
        for path in ["/claims", "/principal", "/scoped", "/perhaps"] {
            assert_eq!(status!(app, bearer(path, &good)), 200, "{path}");
        }
    }
}

/// The account that the caller acts for.
struct Account(String);

impl FromAuthentication for Account {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        let subject = authentication
            .authenticated()?
            .subject()
            .unwrap_or_default();
        Ok(Self(format!("account of {subject}")))
    }
}

#[actix_web::test]
async fn a_custom_type_is_extracted_behind_the_layer() {
    let own = async |Authenticated(account): Authenticated<Account>| account.0;
    let perhaps = async |Authenticated(account): Authenticated<Option<Account>>| {
        account.map_or("anonymous".into(), |account| account.0)
    };
    let gated = async |Gated((account, user)): Gated<(Account, Principal)>| {
        format!("{}, {}", account.0, user.subject().unwrap())
    };
    let routes = |config: &mut web::ServiceConfig| {
        config
            .route("/own", web::get().to(own))
            .route("/own/perhaps", web::get().to(perhaps))
            .route("/own/gated", web::get().to(gated));
    };
    let app = init_service(App::new().configure(routes).wrap(JwtAuth::new(optional()))).await;
    let token = token(&json!({}));
    assert_eq!(body!(app, bearer("/own", &token)), "account of u-7");
    assert_eq!(body!(app, bearer("/own/perhaps", &token)), "account of u-7");
    assert_eq!(
        body!(app, bearer("/own/gated", &token)),
        "account of u-7, u-7"
    );
    assert_eq!(body!(app, get("/own/perhaps")), "anonymous");
    assert_eq!(status!(app, get("/own")), 401);
    let bare = init_service(App::new().configure(routes)).await;
    for path in ["/own", "/own/perhaps", "/own/gated"] {
        assert_eq!(status!(bare, bearer(path, &token)), 500, "{path}");
    }
}

mod shared {
    use super::{Arc, Buyer, Jwt, Optional, Shopper};

    pub(super) async fn both(
        first: Jwt<Arc<Shopper>>,
        again: Optional<Jwt<Arc<Shopper>>>,
    ) -> String {
        let Optional(Some(Jwt(again))) = again else {
            return "-".into();
        };
        format!("{} {}", first.0.sub, Arc::ptr_eq(&first.0, &again))
    }

    pub(super) async fn perhaps(Optional(user): Optional<Jwt<Arc<Shopper>>>) -> String {
        user.map_or("-".into(), |user| user.0.sub.clone())
    }

    pub(super) async fn option(user: Option<Jwt<Arc<Shopper>>>) -> String {
        user.map_or("-".into(), |user| user.0.sub.clone())
    }

    pub(super) async fn buyer(_: Jwt<Arc<Shopper>>, buyer: Jwt<Arc<Buyer>>) -> String {
        buyer.0.sub.clone()
    }

    pub(super) async fn perhaps_buyer(Optional(buyer): Optional<Jwt<Arc<Buyer>>>) -> String {
        buyer.is_some().to_string()
    }
}

fn shared_routes(config: &mut web::ServiceConfig) {
    config
        .route("/both", web::get().to(shared::both))
        .route("/perhaps", web::get().to(shared::perhaps))
        .route("/option", web::get().to(shared::option))
        .route("/buyer", web::get().to(shared::buyer))
        .route("/perhaps-buyer", web::get().to(shared::perhaps_buyer));
}

#[actix_web::test]
async fn shared_claims_are_deserialized_once() {
    let app = init_service(
        App::new()
            .configure(shared_routes)
            .wrap(JwtAuth::new(verifier())),
    )
    .await;
    let good = token(&json!({}));
    assert_eq!(body!(app, bearer("/both", &good)), "u-7 true");
    assert_eq!(body!(app, bearer("/option", &good)), "u-7");
    assert_eq!(
        status!(app, bearer("/both", &token(&json!({ "tenant": 7 })))),
        401
    );
    let app = init_service(App::new().app_data(verifier()).configure(shared_routes)).await;
    assert_eq!(body!(app, bearer("/both", &token(&json!({})))), "u-7 true");
}

#[actix_web::test]
async fn shared_claims_have_the_guard_of_the_type() {
    let app = init_service(
        App::new()
            .configure(shared_routes)
            .wrap(JwtAuth::new(verifier())),
    )
    .await;
    assert_eq!(
        body!(app, bearer("/buyer", &with_scope("orders:write"))),
        "u-7"
    );
    for path in ["/buyer", "/perhaps-buyer"] {
        let request = bearer(path, &with_scope("orders:read")).to_request();
        let response = call_service(&app, request).await;
        assert_eq!(response.status(), 403, "{path}");
        assert_eq!(
            header(response.headers(), "www-authenticate"),
            Some(concat!(
                r#"Bearer realm="api", error="insufficient_scope", "#,
                r#"error_description="The access token does not grant this request", "#,
                r#"scope="orders:write""#
            ))
        );
    }
}

#[actix_web::test]
async fn shared_claims_of_an_anonymous_caller_are_none() {
    let app = init_service(
        App::new()
            .configure(shared_routes)
            .wrap(JwtAuth::new(optional())),
    )
    .await;
    assert_eq!(body!(app, get("/perhaps")), "-");
    assert_eq!(body!(app, get("/option")), "-");
    assert_eq!(body!(app, get("/perhaps-buyer")), "false");
    assert_eq!(status!(app, get("/both")), 401);
    assert_eq!(body!(app, bearer("/perhaps", &token(&json!({})))), "u-7");
    assert_eq!(
        status!(app, bearer("/perhaps", &token(&json!({ "tenant": 7 })))),
        401
    );
}

#[actix_web::test]
async fn a_redirect_returns_to_the_path_that_the_browser_sent() {
    let gate = gate()
        .source(Source::cookie("access"))
        .optional()
        .login_redirect(LoginRedirect::new("/shop/login"))
        .build()
        .unwrap();
    let wrapped = web::scope("/shop")
        .wrap(JwtAuth::new(gate.clone()))
        .configure(routes);
    let bare = web::scope("/of/{tenant}").app_data(gate).configure(routes);
    let app = init_service(App::new().service(wrapped).service(bare)).await;
    let location = async |path: &str| {
        let request = get(path).insert_header(("sec-fetch-mode", "navigate"));
        let response = call_service(&app, request.to_request()).await;
        header(response.headers(), "location").map(str::to_owned)
    };
    for (path, expected) in [
        (
            "/shop/principal?a=b",
            "/shop/login?return_to=/shop/principal%3Fa%3Db",
        ),
        (
            "/of/a%20b/principal",
            "/shop/login?return_to=/of/a%2520b/principal",
        ),
    ] {
        assert_eq!(location(path).await.as_deref(), Some(expected));
    }
    assert_eq!(location("/shop/perhaps").await, None);
}
