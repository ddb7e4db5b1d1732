//! A refusal as a response of actix-web.

use std::borrow::Cow;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};

use super::view::known;
use crate::gate::Refusal;
use crate::rejection::answer::Answer;

/// The answer of the gate. The [`Rejection`](crate::Rejection) is in the response's extensions, and
/// the [`Authentication`](crate::Authentication) of a caller whom a policy refused.
impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        status(self.answer())
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = of_answer(self.answer());
        response.extensions_mut().insert(self.rejection().clone());
        if let Some(caller) = self.authentication() {
            response.extensions_mut().insert(caller.clone());
        }
        response
    }
}

/// Fields that HTTP does not allow are omitted.
///
/// ```
/// use actix_web::{Responder, test::TestRequest};
/// use tollgate::extend::Answer;
///
/// async fn handler() -> Answer {
///     Answer::new(204)
/// }
/// # #[actix_web::main]
/// # async fn main() {
/// let request = TestRequest::default().to_http_request();
/// assert_eq!(handler().await.respond_to(&request).status(), 204);
/// # }
/// ```
impl Responder for Answer {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        of_answer(&self)
    }
}

/// For a [`ResponseError`] of the application, as for the [`Responder`].
///
/// ```
/// use actix_web::HttpResponse;
/// use tollgate::extend::Answer;
///
/// assert_eq!(HttpResponse::from(Answer::new(403)).status(), 403);
/// ```
impl From<Answer> for HttpResponse {
    fn from(answer: Answer) -> Self {
        of_answer(&answer)
    }
}

/// Converts an answer to a response. Fields that HTTP does not allow are omitted.
pub fn of_answer(answer: &Answer) -> HttpResponse {
    let mut response =
        HttpResponse::with_body(status(answer), answer.body.clone()).map_into_boxed_body();
    for (name, value) in &answer.headers {
        let named = known(name).map_or_else(
            || HeaderName::from_bytes(name.as_bytes()).ok(),
            |name| Some(name.clone()),
        );
        if let (Some(name), Some(value)) = (named, value_of(value.clone())) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn value_of(value: Cow<'static, [u8]>) -> Option<HeaderValue> {
    match value {
        Cow::Borrowed(value) => HeaderValue::from_maybe_shared(Bytes::from_static(value)).ok(),
        Cow::Owned(value) => HeaderValue::try_from(value).ok(),
    }
}

/// Returns the status code, or 500 if a hook has set an invalid one.
fn status(answer: &Answer) -> StatusCode {
    StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
