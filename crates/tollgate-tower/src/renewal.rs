//! Renewed tokens in responses of `http` 1.x.

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use tollgate_core::{Authentication, BoxFuture, HeaderEdits, SkipRenewal};

/// Starts the renewal of the token if the gate renews on this response.
pub(crate) fn of<B>(
    authentication: &Authentication,
    response: &Response<B>,
) -> Option<BoxFuture<HeaderEdits>> {
    if !authentication.renewal_due() || response.extensions().get::<SkipRenewal>().is_some() {
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
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value))
        else {
            continue; // drop fields that HTTP does not allow, as for a refusal
        };
        if name == SET_COOKIE {
            headers.append(name, value);
        } else {
            headers.insert(name, value);
        }
    }
}
