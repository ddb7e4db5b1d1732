//! A refusal as a response of `http` 1.x.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::head::known;
use crate::gate::Refusal;
use crate::rejection::answer::Answer;

/// Converts a refusal to a response. The [`Rejection`](crate::Rejection) is in its extensions, and
/// the [`Authentication`](crate::Authentication) of a caller whom a policy refused.
///
/// A field that HTTP does not allow is omitted, and an invalid status code becomes 500: only a hook
/// can have set either. See [`Answer::set`].
///
/// ```
/// use http::Response;
/// use tollgate::{Refusal, Rejection};
///
/// let response: Response<Vec<u8>> = tollgate::tower::into_response(Refusal::missing_layer());
/// assert_eq!(response.status(), 500);
/// assert_eq!(response.headers()["content-type"], "application/problem+json");
/// assert!(response.extensions().get::<Rejection>().is_some());
/// ```
pub fn into_response<B: From<Vec<u8>>>(refusal: Refusal) -> Response<B> {
    of_refusal(refusal, B::from)
}

#[doc(hidden)]
pub fn of_refusal<B>(mut refusal: Refusal, body: impl FnOnce(Vec<u8>) -> B) -> Response<B> {
    let caller = refusal.take_authentication();
    let (rejection, answer) = refusal.into_parts();
    let mut response = of_answer(answer, body);
    response.extensions_mut().insert(rejection);
    if let Some(caller) = caller {
        response.extensions_mut().insert(caller);
    }
    response
}

#[doc(hidden)]
pub fn of_answer<B>(answer: Answer, body: impl FnOnce(Vec<u8>) -> B) -> Response<B> {
    let mut response = Response::new(body(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        append(response.headers_mut(), &name, value);
    }
    response
}

fn append(headers: &mut HeaderMap, name: &str, value: Cow<'static, [u8]>) {
    let Some(value) = value_of(value) else { return };
    if let Some(name) = known(name) {
        headers.append(name, value);
    } else if let Ok(name) = HeaderName::try_from(name) {
        headers.append(name, value);
    }
}

fn value_of(value: Cow<'static, [u8]>) -> Option<HeaderValue> {
    match value {
        Cow::Borrowed(value) => HeaderValue::from_maybe_shared(Bytes::from_static(value)).ok(),
        Cow::Owned(value) => HeaderValue::try_from(value).ok(),
    }
}
