//! Base64 with exactly one accepted encoding of each value, and near encodings where nothing is at
//! stake.

use zeroize::Zeroizing;

/// Bytes that may be secret.
pub(super) type Bytes = Zeroizing<Vec<u8>>;

/// Decodes base64url without padding and with zero trailing bits (RFC 7515 section 2).
pub(super) fn decode_url(text: &str) -> Option<Bytes> {
    base64_simd::URL_SAFE_NO_PAD
        .decode_to_vec(text)
        .ok()
        .map(Zeroizing::new)
}

/// Decodes base64url. Tolerates padding of any length and letters of the standard alphabet, and
/// returns what was tolerated.
pub(super) fn decode_near(text: &str) -> Option<(Bytes, Option<&'static str>)> {
    if let Some(bytes) = decode_url(text) {
        return Some((bytes, None));
    }
    // The text never grows, so that no copy of a secret remains in memory.
    let mut near = Zeroizing::new(String::with_capacity(text.len()));
    near.extend(
        text.trim_end_matches('=')
            .chars()
            .map(|letter| match letter {
                '+' => '-',
                '/' => '_',
                other => other,
            }),
    );
    let flaw = if text.contains(['+', '/']) {
        "is in the standard alphabet of base64"
    } else {
        "is padded"
    };
    decode_url(&near).map(|bytes| (bytes, Some(flaw)))
}

/// Decodes the standard alphabet with padding (RFC 4648 section 4): `x5c` and PEM.
pub(super) fn decode_standard(text: &[u8]) -> Option<Bytes> {
    base64_simd::STANDARD
        .decode_to_vec(text)
        .ok()
        .map(Zeroizing::new)
}

/// Decodes either alphabet, with padding or without. The two alphabets cannot be mixed.
pub(super) fn decode_either(text: &str) -> Option<Bytes> {
    let standard = text.contains(['+', '/']);
    let codec = match (standard, text.ends_with('=')) {
        (true, true) => base64_simd::STANDARD,
        (true, false) => base64_simd::STANDARD_NO_PAD,
        (false, true) => base64_simd::URL_SAFE,
        (false, false) => base64_simd::URL_SAFE_NO_PAD,
    };
    codec.decode_to_vec(text).ok().map(Zeroizing::new)
}

/// Encodes base64url without padding.
pub(super) fn encode_url(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// Encodes a secret in the standard alphabet, in lines of `width` letters.
pub(super) fn encode_lines(secret: &[u8], width: usize) -> Zeroizing<String> {
    let solid = Zeroizing::new(base64_simd::STANDARD.encode_to_string(secret));
    // The text never grows, so that no copy of the secret remains in memory.
    let mut lines = Zeroizing::new(String::with_capacity(solid.len() + solid.len() / width + 1));
    for (at, letter) in solid.char_indices() {
        if at > 0 && at % width == 0 {
            lines.push('\n');
        }
        lines.push(letter);
    }
    lines.push('\n');
    lines
}

/// Appends base64url without padding to a text.
pub(super) fn append_url(bytes: &[u8], text: &mut String) {
    base64_simd::URL_SAFE_NO_PAD.encode_append(bytes, text);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic fails the test")]
mod tests {
    use super::*;

    fn url(text: &str) -> Option<Vec<u8>> {
        decode_url(text).map(|bytes| bytes.to_vec())
    }

    #[test]
    fn base64url_has_one_encoding() {
        assert_eq!(url(""), Some(vec![]));
        assert_eq!(url("AQAB"), Some(vec![1, 0, 1]));
        assert_eq!(url("_-8"), Some(vec![0xff, 0xef]));
        for bad in [
            "A", "AQAB=", "AR", "AQB", "/+8", "AQ AB", "AQAB\n", " AQAB", "AQAB.", "AQÄB", "A===",
        ] {
            assert_eq!(url(bad), None, "{bad:?}");
        }
        // 'AQ' has zero trailing bits, 'AR' to 'Af' do not
        assert_eq!(url("AQ"), Some(vec![1]));
        for last in "RSTUVWXYZabcdef".chars() {
            assert_eq!(url(&format!("A{last}")), None);
        }
    }

    #[test]
    fn every_position_is_checked() {
        // long enough for the vector instructions
        let good = encode_url([0x5a; 96]);
        assert_eq!(url(&good), Some(vec![0x5a; 96]));
        for i in 0..good.len() {
            for bad in ["+", "/", "=", " ", "\n", ".", "\u{0}", "\u{7f}"] {
                let mut text = good.clone();
                text.replace_range(i..=i, bad);
                assert_eq!(url(&text), None, "{i} {bad:?}");
            }
        }
    }

    #[test]
    fn standard_base64_is_padded() {
        assert_eq!(decode_standard(b"/+8=").unwrap().as_slice(), [0xff, 0xef]);
        for bad in ["/+8", "_-8=", "/+9=", "/+8==", "/+8=\n", "/+ 8="] {
            assert!(decode_standard(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn near_encodings_are_read_and_reported() {
        let near = |text| decode_near(text).map(|(bytes, flaw)| (bytes.to_vec(), flaw));
        let (padded, standard) = ("is padded", "is in the standard alphabet of base64");
        for (text, flaw) in [
            ("_-8", None),
            ("_-8=", Some(padded)),
            ("_-8===", Some(padded)),
            ("/+8", Some(standard)),
            ("/+8=", Some(standard)),
            ("/-8", Some(standard)),
        ] {
            assert_eq!(near(text), Some((vec![0xff, 0xef], flaw)), "{text}");
        }
        for bad in ["_-9=", "/+9", "=_-8", "_=-8", "_-8= ", "_- 8", "A", "A="] {
            assert_eq!(near(bad), None, "{bad:?}");
        }
        assert_eq!(near("="), Some((vec![], Some(padded))));
    }

    #[test]
    fn either_alphabet_but_not_both() {
        for good in ["/+8=", "/+8", "_-8=", "_-8"] {
            assert_eq!(
                decode_either(good).unwrap().as_slice(),
                [0xff, 0xef],
                "{good}"
            );
        }
        for bad in ["/-8=", "_+8", "_-9", "_-8==", "_-8= ", "="] {
            assert!(decode_either(bad).is_none(), "{bad:?}");
        }
        assert_eq!(decode_either("YWJj").unwrap().as_slice(), b"abc");
    }
}
