//! Authorisation by scopes, roles or claims before a service.

mod service;

use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use tollgate_core::Policy;

pub use service::RequireService;

use crate::future::Duty;

/// Creates a middleware that requires scopes, roles or claims, for [`wrap`](actix_web::App::wrap)
/// on an app, a scope or a resource behind a [`JwtAuth`](crate::JwtAuth).
///
/// The middleware that is wrapped last runs first: on the same app, scope or resource, wrap
/// `JwtAuth` after `require`. Without a `JwtAuth`, `require` uses the gate or verifier in the app's
/// data, as extractors do. If there is none or more than one, every response is 500, and the reason
/// is logged. An anonymous caller behind an optional gate satisfies no policy.
///
/// ```
/// use actix_web::{App, HttpResponse, test, web};
/// use tollgate::actix::{JwtAuth, require};
/// use tollgate::policy::{role, scope};
/// # use tollgate::{Key, SigningKey, Verifier};
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder()
/// #     .dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).role_claim("roles")
/// #         .clock(|| 1_700_000_000).build()?;
/// let purge = web::resource("/purge")
///     .wrap(require(scope("orders:purge") & !role("trainee")))
///     .wrap(JwtAuth::new(verifier))
///     .post(HttpResponse::NoContent);
/// let app = test::init_service(App::new().service(purge)).await;
///
/// let call = async |scope: &str| -> Result<_, Box<dyn std::error::Error>> {
///     let token = SigningKey::hs256([7; 32])?
///         .encode(&serde_json::json!({ "exp": 1_700_000_900, "scope": scope }))?;
///     let request = test::TestRequest::post()
///         .uri("/purge")
///         .insert_header(("authorization", format!("Bearer {token}")))
///         .to_request();
///     Ok(test::call_service(&app, request).await)
/// };
/// assert_eq!(call("orders:purge").await?.status(), 204);
/// let refused = call("orders:read").await?;
/// assert_eq!(refused.status(), 403);
/// let challenge = refused.headers().get("www-authenticate").unwrap().to_str()?;
/// assert!(challenge.ends_with(r#"scope="orders:purge""#));
/// # Ok(()) }
/// ```
pub const fn require(policy: Policy) -> Require {
    Require { policy }
}

/// The middleware that [`require`] creates.
///
/// ```
/// use tollgate::actix::Require;
/// use tollgate::policy::scope;
///
/// fn clerks() -> Require {
///     tollgate::actix::require(scope("orders:write"))
/// }
/// assert!(format!("{:?}", clerks()).contains("orders:write"));
/// ```
#[derive(Clone, Debug)]
pub struct Require {
    policy: Policy,
}

impl<S, B> Transform<S, ServiceRequest> for Require
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = S::Error;
    type Transform = RequireService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, Self::InitError>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(RequireService {
            service: Rc::new(service),
            duty: Duty::Authorise(self.policy.clone()),
        }))
    }
}
