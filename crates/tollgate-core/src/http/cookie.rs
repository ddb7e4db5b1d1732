//! The `Cookie` field (RFC 6265 section 5.4), read for one name.

use crate::http::field;

/// Returns the values of every cookie called `name`, over all field lines (HTTP/2 may split them,
/// RFC 9113 section 8.2.3).
pub(crate) fn named<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
    name: &[u8],
) -> impl Iterator<Item = &'a [u8]> {
    lines
        .flat_map(|line| line.split(|byte| *byte == b';'))
        // A line of separators must not cost more than the token that fits in its place.
        .filter(|pair| pair.len() >= name.len())
        .filter_map(move |pair| {
            let pair = field::trim(pair);
            let (got, value) = match memchr::memchr(b'=', pair) {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                // Browsers disagree whether a pair without `=` is a cookie without a name or one
                // without a value. A pair that equals `name` must therefore not count as an absent
                // cookie.
                None => (pair, &b""[..]),
            };
            (field::trim(got) == name).then(|| field::trim(value))
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values<'a>(lines: &[&'a str], name: &str) -> Vec<&'a str> {
        let lines = lines.iter().map(|line| line.as_bytes());
        named(lines, name.as_bytes())
            .map(|value| std::str::from_utf8(value).unwrap())
            .collect()
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        assert_eq!(values(&["a=1; b=2;c=3"], "b"), ["2"]);
        assert_eq!(values(&["ab=1; B=2; xb=3; b.=4"], "b"), [""; 0]);
        assert_eq!(values(&["a=b=2; b==3"], "b"), ["=3"]);
        assert_eq!(values(&["a=1", "b=2"], "b"), ["2"]);
        assert_eq!(values(&["b = 2 ; c=1"], "b"), ["2"]);
        assert_eq!(values(&["", ";;", "=x", "b"], "b"), [""]);
        assert_eq!(values(&["b=1; b=2", "b=3"], "b"), ["1", "2", "3"]);
        assert_eq!(
            values(&["x=\"b=1; b=2\""], "b"),
            ["2\""],
            "quotes do not hide a separator"
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_cause_no_panic(lines in proptest::collection::vec(any::<Vec<u8>>(),
            0..4)) {
            let count = named(lines.iter().map(Vec::as_slice), b"a").count();
            prop_assert!(count <= lines.iter().map(|line| line.len() + 1).sum::<usize>());
        }
    }
}
