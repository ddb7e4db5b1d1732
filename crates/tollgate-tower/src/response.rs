//! A refusal as a response of `http` 1.x.

use http::{HeaderName, HeaderValue, Response, StatusCode};
use tollgate_core::{Answer, Refusal};

/// The response for a refusal: the answer as it is described, and the [`Rejection`](tollgate_core::Rejection) in the
/// extensions.
///
/// A field that HTTP does not allow, which only a hook of the user's can have set, is left out, as
/// [`Answer::set`](tollgate_core::Answer::set) says; a status code that there cannot be becomes 500.
///
/// ```
/// use http::Response;
/// use tollgate_core::{Refusal, Rejection};
///
/// let response: Response<Vec<u8>> = tollgate_tower::into_response(Refusal::missing_layer());
/// assert_eq!(response.status(), 500);
/// assert_eq!(response.headers()["content-type"], "application/problem+json");
/// assert!(response.extensions().get::<Rejection>().is_some());
/// ```
pub fn into_response<B: From<Vec<u8>>>(refusal: Refusal) -> Response<B> {
    of_refusal(refusal, B::from)
}

pub(crate) fn of_refusal<B>(refusal: Refusal, body: impl FnOnce(Vec<u8>) -> B) -> Response<B> {
    let (rejection, answer) = refusal.into_parts();
    let mut response = of_answer(answer, body);
    response.extensions_mut().insert(rejection);
    response
}

pub(crate) fn of_answer<B>(answer: Answer, body: impl FnOnce(Vec<u8>) -> B) -> Response<B> {
    let mut response = Response::new(body(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_ref()), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
