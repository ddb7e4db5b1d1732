//! A renewed token on its way into a response of `http` 1.x.

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use tollgate_core::{Authentication, BoxFuture, HeaderEdits, SkipRenewal};

/// What the response is to carry besides, if the gate renews on such a response.
pub(crate) fn of<B>(
    authentication: &Authentication,
    response: &Response<B>,
) -> Option<BoxFuture<HeaderEdits>> {
    if response.extensions().get::<SkipRenewal>().is_some() {
        return None;
    }
    let cookies = response.headers().get_all(SET_COOKIE);
    authentication.renewal(
        response.status().as_u16(),
        cookies.iter().map(HeaderValue::as_bytes),
    )
}

pub(crate) fn apply(edits: &HeaderEdits, headers: &mut HeaderMap) {
    for (name, value) in edits.iter() {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value)) else {
            continue; // as of a refusal's fields, what HTTP does not allow is left out
        };
        if name == SET_COOKIE {
            headers.append(name, value);
        } else {
            headers.insert(name, value);
        }
    }
}
