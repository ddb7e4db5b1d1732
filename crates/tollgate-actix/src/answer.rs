//! The engine's answer as a response of actix-web's.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use tollgate_core::{Answer, Refusal};

/// The answer to the byte, with the rejection in the extensions. Fields that HTTP does not allow are dropped.
pub(crate) fn response(refusal: &Refusal) -> HttpResponse {
    let mut response = of(refusal.answer());
    response.extensions_mut().insert(refusal.rejection().clone());
    response
}

/// The answer alone.
pub(crate) fn of(answer: &Answer) -> HttpResponse {
    let mut response = HttpResponse::with_body(status(answer), answer.body.clone()).map_into_boxed_body();
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value),
        ) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// A hook may have set what is no status code at all: our own fault, then, and still a refusal.
pub(crate) fn status(answer: &Answer) -> StatusCode {
    StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
