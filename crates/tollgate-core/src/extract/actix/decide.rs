//! What is known of a request's sender, and where it is kept.

use std::borrow::Cow;

use actix_web::dev::ServiceRequest;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest};
use tollgate_core::{Authentication, Gate, Principal, Refusal, Step, Verifier};

use crate::view::View;

/// Reads what a [`JwtAuth`](crate::JwtAuth) found out about a request, in middleware and in handlers that take the
/// request whole.
///
/// ```
/// use actix_web::dev::Service;
/// use actix_web::{App, HttpRequest, HttpResponse, test, web};
/// use tollgate_actix::{AuthenticationExt, JwtAuth};
/// # use tollgate_core::{Key, SigningKey, Verifier};
///
/// async fn greet(request: HttpRequest) -> String {
///     let principal = request.principal();
///     format!("hello {}", principal.as_ref().and_then(|user| user.subject()).unwrap_or("stranger"))
/// }
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder()
/// #     .dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).clock(|| 1_700_000_000).build()?;
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
    /// What was found out; `None` where neither a [`JwtAuth`](crate::JwtAuth) nor an extractor has authenticated the
    /// request.
    ///
    /// ```
    /// use actix_web::{FromRequest, test::TestRequest};
    /// use tollgate_actix::{AuthenticationExt, Principal};
    /// # use tollgate_core::{Key, SigningKey, Verifier};
    ///
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).build()?;
    /// # let claims = serde_json::json!({ "sub": "u-7", "exp": 4_000_000_000_u64 });
    /// # let bearer = format!("Bearer {}", SigningKey::hs256([7; 32])?.encode(&claims)?);
    /// # let request = TestRequest::default().app_data(verifier).insert_header(("authorization", bearer));
    /// # let request = request.to_http_request();
    /// assert!(request.authentication().is_none()); // nobody has asked yet
    /// Principal::extract(&request).await?;
    /// assert!(request.authentication().is_some());
    /// # Ok(()) }
    /// ```
    fn authentication(&self) -> Option<Authentication>;

    /// Who sent the request; `None` for an anonymous caller, and where nobody has authenticated the request.
    ///
    /// ```
    /// use actix_web::{FromRequest, test::TestRequest};
    /// use tollgate_actix::{AuthenticationExt, Principal};
    /// # use tollgate_core::{Key, SigningKey, Verifier};
    ///
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).build()?;
    /// # let claims = serde_json::json!({ "sub": "u-7", "exp": 4_000_000_000_u64 });
    /// # let bearer = format!("Bearer {}", SigningKey::hs256([7; 32])?.encode(&claims)?);
    /// # let request = TestRequest::default().app_data(verifier).insert_header(("authorization", bearer));
    /// # let request = request.to_http_request();
    /// assert!(request.principal().is_none()); // nobody has asked yet
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

/// What a layer or another extractor found out, or else what a gate among the app's data decides now. Whoever asks must
/// [`keep`] the outcome.
pub(crate) fn begin(request: &HttpRequest) -> Step<Result<Authentication, Refusal>> {
    // A clone, for what comes after runs code of the user's, which must not find the extensions borrowed.
    if let Some(known) = request.authentication() {
        return Step::Ready(check_single(request, &known).map(|()| known));
    }
    match gate(request) {
        Ok(gate) => gate.begin(&View(request.head())),
        Err(refusal) => Step::Ready(Err(refusal)),
    }
}

/// Leaves for those who come after what has been found out, if nobody has yet.
pub(crate) fn keep(request: &HttpRequest, authentication: &Authentication) {
    let mut extensions = request.extensions_mut();
    if !extensions.contains::<Authentication>() {
        extensions.insert(authentication.clone());
    }
}

/// A gate among the app's data must be the one that decided. actix-web does not tell whether it or the layer stands
/// nearer to the handler, and to skip the stricter of the two would open a door.
fn check_single(request: &HttpRequest, known: &Authentication) -> Result<(), Refusal> {
    let plain = request.app_data::<Gate>();
    let shared = request.app_data::<Data<Gate>>().map(|gate| &***gate);
    if plain.into_iter().chain(shared).all(|gate| known.is_by(gate)) {
        return Ok(());
    }
    Err(Refusal::misconfigured(
        "a layer decided by one gate and the app's data hold another: it is undecided which one counts",
    ))
}

/// The one gate among the app's data.
///
/// actix-web does not tell which of two data of different types is the nearer one, so two are as bad as none: the wrong
/// one of them might be the laxer one.
fn gate(request: &HttpRequest) -> Result<Cow<'_, Gate>, Refusal> {
    enum Form<'r> {
        Gate(&'r Gate),
        Verifier(&'r Verifier),
    }
    let forms = [
        request.app_data::<Gate>().map(Form::Gate),
        request.app_data::<Data<Gate>>().map(|gate| Form::Gate(gate)),
        request.app_data::<Verifier>().map(Form::Verifier),
        request
            .app_data::<Data<Verifier>>()
            .map(|verifier| Form::Verifier(verifier)),
    ];
    let mut forms = forms.into_iter().flatten();
    match (forms.next(), forms.next()) {
        (Some(Form::Gate(gate)), None) => Ok(Cow::Borrowed(gate)),
        (Some(Form::Verifier(verifier)), None) => Ok(Cow::Owned(Gate::from(verifier.clone()))),
        (None, _) => Err(Refusal::missing_layer().for_request(&View(request.head()))),
        (Some(_), Some(_)) => Err(Refusal::misconfigured(
            "the app's data hold more than one form of a gate or verifier: it is undecided which one counts",
        )),
    }
}
