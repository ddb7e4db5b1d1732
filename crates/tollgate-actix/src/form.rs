//! The start of a form that is read before the decision, and the payload that still has all of it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpMessage;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::rt::time::timeout;
use actix_web::web::Bytes;
use futures_core::Stream;
use tollgate_core::__private::CsrfForm;
use tollgate_core::__private::actix::View;
use tollgate_core::{Authentication, Gate, Refusal, Step, UnreadContent};

/// A payload whose first pieces were read.
struct Form {
    read: VecDeque<Bytes>,
    rest: Payload,
}

impl Stream for Form {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.read.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(piece))),
            None => Pin::new(&mut self.rest).poll_next(context),
        }
    }
}

impl Form {
    /// Reads what the form needs. Returns whether the content ended.
    async fn read_start(&mut self, form: &mut CsrfForm) -> Result<bool, UnreadContent> {
        while let Some(piece) = poll_fn(|cx| Pin::new(&mut self.rest).poll_next(cx)).await {
            let piece = piece.map_err(|_| UnreadContent::Broken)?;
            let is_enough = form.push(&piece);
            if !piece.is_empty() {
                self.read.push_back(piece);
            }
            if is_enough {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Reads the start of a form, and decides then. The request keeps its whole content. Of a refused
/// one, the content that is not read to its end is returned beside it.
pub(crate) async fn decide(
    (mut form, gate): (CsrfForm, Gate),
    mut request: ServiceRequest,
) -> (
    Result<Authentication, Refusal>,
    ServiceRequest,
    Option<Payload>,
) {
    let mut content = Form {
        read: VecDeque::new(),
        rest: request.take_payload(),
    };
    let read = timeout(CsrfForm::TIMEOUT, content.read_start(&mut form)).await;
    let ended = read.unwrap_or(Err(UnreadContent::TooSlow));
    let is_whole = matches!(ended, Ok(true));
    request.set_payload(Payload::Stream {
        payload: Box::pin(content),
    });
    let token = ended.map(|ended| form.token(ended));
    let decision = gate.begin_with_form(&View(request.request()), token);
    let decided = match decision {
        Step::Ready(decided) => decided,
        Step::Pending(decision) => decision.await,
    };
    let is_unread = decided.is_err() && !is_whole;
    let unread = is_unread.then(|| request.take_payload());
    (decided, request, unread)
}
