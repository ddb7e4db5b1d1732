//! The responses to a `HEAD` request and to a request whose content is not read.

use std::any::Any;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BodyStream, BoxBody, MessageBody};
use actix_web::web::{Bytes, Payload};
use tollgate_core::__private::actix::of_answer;
use tollgate_core::Answer;

/// The content of a request.
pub(crate) type Content = Pin<Box<BodyStream<Payload>>>;

/// Creates the response to a request whose content is not read to its end.
pub(crate) fn of_unread(answer: &Answer, content: Content) -> HttpResponse {
    of_answer(answer).map_body(|_, answer| keeping(answer, content))
}

/// Adds the content of the request, which is not read to its end, to the body of a response.
pub(crate) fn keeping(answer: BoxBody, content: impl Any) -> BoxBody {
    let unread = Unread {
        answer,
        _content: Box::new(content),
    };
    unread.boxed()
}

/// A response body that keeps the content of the request. actix-web closes the connection after
/// such a response. If the content was dropped, actix-web would read chunked content to its end,
/// without a time limit.
struct Unread {
    answer: BoxBody,
    _content: Box<dyn Any>,
}

impl MessageBody for Unread {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.answer).poll_next(context)
    }
}

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
