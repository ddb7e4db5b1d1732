//! Access to the authentication of a request.

use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::{HttpMessage, HttpRequest};
use tollgate_core::{Authentication, Principal};

/// An extension trait that reads the decision of a [`JwtAuth`](crate::JwtAuth), for middleware and
/// for handlers that take the whole request.
///
/// ```
/// use actix_web::dev::Service;
/// use actix_web::{App, HttpRequest, HttpResponse, test, web};
/// use tollgate::actix::{AuthenticationExt, JwtAuth};
/// # use tollgate::{Key, SigningKey, Verifier};
///
/// async fn greet(request: HttpRequest) -> String {
///     let principal = request.principal();
///     format!("hello {}", principal.as_ref().and_then(|user| user.subject())
///         .unwrap_or("stranger"))
/// }
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder()
/// #     .dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?)
/// #         .clock(|| 1_700_000_000).build()?;
/// # let token = SigningKey::hs256([7; 32])?
/// #     .encode(&serde_json::json!({ "sub": "u-7", "exp": 1_700_000_900 }))?;
/// let app = test::init_service(
///     App::new()
///         .route("/", web::get().to(greet))
///         .wrap_fn(|request, next| {
///             assert!(request.authentication().is_some()); // `JwtAuth` has run
///             next.call(request)
///         })
///         .wrap(JwtAuth::new(verifier)),
/// )
/// .await;
/// let request = test::TestRequest::default()
///     .insert_header(("authorization", format!("Bearer {token}")))
///     .to_request();
/// assert_eq!(test::call_and_read_body(&app, request).await, "hello u-7");
/// # Ok(()) }
/// ```
pub trait AuthenticationExt: sealed::Sealed {
    /// The decision; `None` if neither a [`JwtAuth`](crate::JwtAuth) nor an extractor has
    /// authenticated the request.
    ///
    /// ```
    /// use actix_web::{FromRequest, test::TestRequest};
    /// use tollgate::actix::AuthenticationExt;
    /// use tollgate::Principal;
    /// # use tollgate::{Key, SigningKey, Verifier};
    ///
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let claims = serde_json::json!({ "sub": "u-7", "exp": 4_000_000_000_u64 });
    /// # let bearer = format!("Bearer {}", SigningKey::hs256([7; 32])?.encode(&claims)?);
    /// # let request = TestRequest::default().app_data(verifier)
    /// #     .insert_header(("authorization", bearer));
    /// # let request = request.to_http_request();
    /// assert!(request.authentication().is_none()); // not authenticated yet
    /// Principal::extract(&request).await?;
    /// assert!(request.authentication().is_some());
    /// # Ok(()) }
    /// ```
    fn authentication(&self) -> Option<Authentication>;

    /// The principal; `None` for an anonymous caller, and if the request was not authenticated.
    ///
    /// ```
    /// use actix_web::{FromRequest, test::TestRequest};
    /// use tollgate::actix::AuthenticationExt;
    /// use tollgate::Principal;
    /// # use tollgate::{Key, SigningKey, Verifier};
    ///
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let claims = serde_json::json!({ "sub": "u-7", "exp": 4_000_000_000_u64 });
    /// # let bearer = format!("Bearer {}", SigningKey::hs256([7; 32])?.encode(&claims)?);
    /// # let request = TestRequest::default().app_data(verifier)
    /// #     .insert_header(("authorization", bearer));
    /// # let request = request.to_http_request();
    /// assert!(request.principal().is_none()); // not authenticated yet
    /// Principal::extract(&request).await?;
    /// assert!(request.principal().is_some());
    /// # Ok(()) }
    /// ```
    fn principal(&self) -> Option<Principal>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::HttpRequest {}
    impl Sealed for super::ServiceRequest {}
    impl<B> Sealed for super::ServiceResponse<B> {}
}

impl AuthenticationExt for HttpRequest {
    fn authentication(&self) -> Option<Authentication> {
        self.extensions().get().cloned()
    }

    fn principal(&self) -> Option<Principal> {
        self.extensions()
            .get::<Authentication>()
            .and_then(Authentication::principal)
            .cloned()
    }
}

impl AuthenticationExt for ServiceRequest {
    fn authentication(&self) -> Option<Authentication> {
        self.request().authentication()
    }

    fn principal(&self) -> Option<Principal> {
        self.request().principal()
    }
}

/// For middleware around [`JwtAuth`](crate::JwtAuth), such as an access log: the decision on the
/// request. A caller whom the policy of the gate refused is in the response alone, because no
/// extractor may accept that caller.
impl<B> AuthenticationExt for ServiceResponse<B> {
    fn authentication(&self) -> Option<Authentication> {
        let refused = self.response().extensions().get().cloned();
        refused.or_else(|| self.request().authentication())
    }

    fn principal(&self) -> Option<Principal> {
        self.authentication()?.principal().cloned()
    }
}
