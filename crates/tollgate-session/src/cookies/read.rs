//! The `Cookie` field (RFC 6265bis section 4.2).

use tollgate_core::RequestView;

use crate::error::{SessionError, SessionErrorKind};

/// Returns the cookie of this name.
///
/// A duplicate is refused, as a sibling domain can plant a second cookie. A value that is not text
/// is refused too.
pub(super) fn only<'r>(
    request: &'r impl RequestView,
    name: &str,
) -> Result<Option<&'r str>, SessionError> {
    let refuse = |what| Err(SessionError::new(SessionErrorKind::Invalid, what));
    let mut values = request
        .header("cookie")
        .flat_map(|line| line.split(|byte| *byte == b';'))
        .filter_map(|pair| {
            // A pair without `=` may be the cookie without a value. It must not count as a missing
            // cookie.
            let at = pair
                .iter()
                .position(|byte| *byte == b'=')
                .unwrap_or(pair.len());
            let value = pair.get(at + 1..).unwrap_or_default();
            (pair[..at].trim_ascii() == name.as_bytes()).then(|| value.trim_ascii())
        });
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return refuse("duplicate refresh cookie");
    }
    match std::str::from_utf8(value) {
        Ok(value) => Ok(Some(value)),
        Err(_) => refuse("the refresh cookie is not valid UTF-8"),
    }
}

#[cfg(test)]
mod tests {
    use tollgate_core::EndpointRequest;

    use super::*;

    fn read(lines: &[&[u8]]) -> Result<Option<String>, SessionErrorKind> {
        let mut request = EndpointRequest::new("POST", "/refresh");
        for line in lines {
            request.headers.push(("cookie".to_owned(), line.to_vec()));
        }
        only(&request, "r")
            .map(|value| value.map(str::to_owned))
            .map_err(|error| error.kind())
    }

    #[test]
    fn a_cookie_matches_by_its_whole_name_and_must_be_unique() {
        assert_eq!(read(&[b"a=1; r=2; rr=3; R=4"]), Ok(Some("2".to_owned())));
        assert_eq!(read(&[b"a=1", b"r=2"]), Ok(Some("2".to_owned())));
        assert_eq!(read(&[b"a=r=2"]), Ok(None));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[b"r"]), Ok(Some(String::new())));
        for twice in [&[&b"r=1; r=2"[..]][..], &[b"r=1", b"r=1"], &[b"r; r=1"]] {
            assert_eq!(read(twice), Err(SessionErrorKind::Invalid));
        }
        assert_eq!(read(&[b"r=\xff"]), Err(SessionErrorKind::Invalid));
    }
}
