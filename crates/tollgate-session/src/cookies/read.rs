//! The `Cookie` field (RFC 6265bis section 4.2).

use tollgate_core::RequestView;

/// Returns the values of all cookies of this name, in their order. A sibling domain can plant
/// further ones, unless the name has the prefix `__Host-`.
pub(super) fn all<'r>(request: &'r impl RequestView, name: &str) -> impl Iterator<Item = &'r [u8]> {
    request
        .header("cookie")
        .flat_map(|line| line.split(|byte| *byte == b';'))
        .filter_map(move |pair| {
            // A pair without `=` may be the cookie without a value. It must not count as a missing
            // cookie.
            let at = pair
                .iter()
                .position(|byte| *byte == b'=')
                .unwrap_or(pair.len());
            let value = pair.get(at + 1..).unwrap_or_default();
            (pair[..at].trim_ascii() == name.as_bytes()).then(|| value.trim_ascii())
        })
}

#[cfg(test)]
mod tests {
    use tollgate_core::EndpointRequest;

    use super::*;

    fn read(lines: &[&[u8]]) -> Vec<String> {
        let mut request = EndpointRequest::new("POST", "/refresh");
        for line in lines {
            request.headers.push(("cookie".to_owned(), line.to_vec()));
        }
        all(&request, "r")
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    #[test]
    fn a_cookie_matches_by_its_whole_name() {
        assert_eq!(read(&[b"a=1; r=2; rr=3; R=4"]), ["2"]);
        assert_eq!(read(&[b"a=1", b"r=2"]), ["2"]);
        assert_eq!(read(&[b"r=2; r=1", b"r=2"]), ["2", "1", "2"]);
        assert_eq!(read(&[b"r"]), [""]);
        // Not the white space that a browser keeps as a part of the name.
        for other in [
            "a=r=2",
            "",
            "\u{2000}r=1",
            "\u{a0}r=1",
            "\u{85}r=1",
            "\u{feff}r=1",
        ] {
            assert!(read(&[other.as_bytes()]).is_empty(), "{other:?}");
        }
    }
}
