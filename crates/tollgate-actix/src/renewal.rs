//! Renewed tokens in responses of actix-web.

use actix_web::dev::ServiceResponse;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use tollgate_core::{Authentication, BoxFuture, HeaderEdits, SkipRenewal};

/// Starts the renewal of the token if the gate renews on this response.
pub(crate) fn of<B>(
    authentication: &Authentication,
    response: &ServiceResponse<B>,
) -> Option<BoxFuture<HeaderEdits>> {
    if response
        .response()
        .extensions()
        .get::<SkipRenewal>()
        .is_some()
    {
        return None;
    }
    let cookies = response.headers().get_all(SET_COOKIE);
    authentication.renewal(
        response.status().as_u16(),
        cookies.map(HeaderValue::as_bytes),
    )
}

pub(crate) fn apply(edits: &HeaderEdits, headers: &mut HeaderMap) {
    for (name, value) in edits.iter() {
        let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value),
        ) else {
            continue; // drop fields that HTTP does not allow, as for a refusal
        };
        if name == SET_COOKIE {
            headers.append(name, value);
        } else {
            headers.insert(name, value);
        }
    }
}
