//! Authentication of every request before a service.

mod service;

use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use tollgate_core::Gate;

pub use service::JwtAuthService;

/// A middleware that authenticates every request, for [`wrap`](actix_web::App::wrap) on an app, a
/// scope or a resource.
///
/// A request that the [`Gate`] accepts has an [`Authentication`](tollgate_core::Authentication) in
/// its extensions, for the extractors, [`require`](crate::require) and
/// [`AuthenticationExt`](crate::AuthenticationExt). A refused request does not reach the inner
/// service. Its response is that of the gate, with the [`Rejection`](tollgate_core::Rejection) in
/// its extensions.
///
/// The middleware that is wrapped last runs first. Wrap a logger and CORS after `JwtAuth`, so that
/// they see refusals too. On an app, `JwtAuth` also guards unknown paths, so a refused request does
/// not reveal which paths exist. If one `JwtAuth` is inside another, both must accept the request,
/// and the handler sees the decision of the inner one.
///
/// ```
/// use actix_web::{App, HttpResponse, test, web};
/// use tollgate::actix::JwtAuth;
/// use tollgate::{Gate, Key, Rejection, RejectionKind, Source, Verifier};
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
/// #     .key(Key::hs256([7; 32])?).build()?;
/// let gate = Gate::builder(verifier).source(Source::cookie("__Host-access")).realm("orders")
///     .build()?;
/// let app = test::init_service(
///     App::new()
///         .service(web::scope("/orders").wrap(JwtAuth::new(gate))
///             .route("", web::get().to(HttpResponse::Ok)))
///         .route("/health", web::get().to(HttpResponse::Ok)),
/// )
/// .await;
///
/// let open = test::TestRequest::with_uri("/health").to_request();
/// assert_eq!(test::call_service(&app, open).await.status(), 200);
///
/// let guarded = test::TestRequest::with_uri("/orders").to_request();
/// let refused = test::call_service(&app, guarded).await;
/// assert_eq!(refused.status(), 401);
/// let extensions = refused.response().extensions();
/// assert_eq!(extensions.get::<Rejection>().unwrap().kind(), RejectionKind::MissingCredential);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct JwtAuth {
    gate: Gate,
}

impl JwtAuth {
    /// Creates the middleware for a [`Gate`], or for a [`Verifier`](tollgate_core::Verifier) with
    /// the gate defaults.
    ///
    /// Clones of both are cheap: create one before [`HttpServer::new`](actix_web::HttpServer::new)
    /// and clone it in the closure.
    ///
    /// ```
    /// use tollgate::actix::JwtAuth;
    /// use tollgate::{Key, Verifier};
    ///
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(Key::hs256([7; 32])?).build()?;
    /// let app = move || actix_web::App::new().wrap(JwtAuth::new(verifier.clone()));
    /// # fn shared<F: Fn() -> A + Send + Clone + 'static, A>(_: &F) {}
    /// shared(&app); // the bounds of `HttpServer::new`
    ///
    /// let service = actix_web::test::init_service(app()).await;
    /// let request = actix_web::test::TestRequest::default().to_request();
    /// assert_eq!(actix_web::test::call_service(&service, request).await.status(), 401);
    /// # Ok(()) }
    /// ```
    pub fn new(gate: impl Into<Gate>) -> Self {
        Self { gate: gate.into() }
    }
}

impl<S, B> Transform<S, ServiceRequest> for JwtAuth
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = S::Error;
    type Transform = JwtAuthService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, Self::InitError>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(JwtAuthService {
            service: Rc::new(service),
            gate: self.gate.clone(),
        }))
    }
}
