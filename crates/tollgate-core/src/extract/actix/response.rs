//! The engine's answer as a response of actix-web's.

use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Bytes;
use tollgate_core::{Answer, Refusal};

use crate::view::known;

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

/// A hook may have set what is no status code at all: our own fault, then, and still a refusal.
pub(crate) fn status(answer: &Answer) -> StatusCode {
    StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The answer to a `HEAD`.
pub(crate) fn of_head(answer: &Answer) -> HttpResponse {
    let response = of(answer);
    let announced = answer
        .header("content-length")
        .and_then(|length| std::str::from_utf8(length).ok()?.parse().ok());
    match announced {
        Some(length) if answer.body.is_empty() => response.set_body(Announced(length)).map_into_boxed_body(),
        _ => response,
    }
}

/// Content that a `HEAD` is told the length of and not sent (RFC 9110 section 8.6): actix-web writes the length of the body,
/// and leaves out a field that says another.
struct Announced(u64);

impl MessageBody for Announced {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}
