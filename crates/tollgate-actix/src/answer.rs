//! The response to a `HEAD` request.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use tollgate_core::__private::actix::of_answer;
use tollgate_core::Answer;

/// Creates the response to a `HEAD` request.
pub(crate) fn of_head(answer: &Answer) -> HttpResponse {
    let response = of_answer(answer);
    let announced = answer
        .header("content-length")
        .and_then(|length| std::str::from_utf8(length).ok()?.parse().ok());
    match announced {
        Some(length) if answer.body.is_empty() => {
            response.set_body(Announced(length)).map_into_boxed_body()
        }
        _ => response,
    }
}

/// The body of a `HEAD` response: only its length is sent (RFC 9110 section 8.6). actix-web writes
/// `content-length` from the body and drops a field with another value.
struct Announced(u64);

impl MessageBody for Announced {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}
