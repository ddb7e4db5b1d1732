//! Base64url without padding (RFC 7515 section 2). Only the canonical encoding of a value is
//! accepted.

use std::mem::MaybeUninit;

use base64_simd::{Out, URL_SAFE_NO_PAD};

/// Returns the decoded length of `encoded` bytes of base64url; an upper bound for an invalid text.
pub(crate) const fn decoded_len(encoded: usize) -> usize {
    encoded - encoded.div_ceil(4)
}

/// Returns `true` if the text contains only letters, digits, `-` and `_`, without decoding it.
pub(crate) fn is_alphabet(text: &[u8]) -> bool {
    let (whole, rest) = text.split_at(text.len() & !3);
    let known = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    URL_SAFE_NO_PAD.check(whole).is_ok() && rest.iter().all(known)
}

/// Decodes into `out`, which may be uninitialised, and returns the filled part. `None` for another
/// alphabet, padding, white space, an invalid length, non-zero trailing bits, and if the result
/// does not fit.
pub(crate) fn decode<'o>(encoded: &[u8], out: &'o mut [MaybeUninit<u8>]) -> Option<&'o [u8]> {
    if decoded_len(encoded.len()) > out.len() {
        return None;
    }
    URL_SAFE_NO_PAD
        .decode(encoded, Out::from_uninit_slice(out))
        .ok()
        .map(|filled| &*filled)
}

/// Like [`decode`], into a new vector.
pub(crate) fn decode_to_vec(encoded: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode_to_vec(encoded).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(encoded: &[u8]) -> Option<Vec<u8>> {
        let mut out = [MaybeUninit::uninit(); 256];
        decode(encoded, &mut out).map(<[u8]>::to_vec)
    }

    /// Decodes as in RFC 4648 section 5, in a simple implementation, as a reference.
    fn plain(encoded: &[u8]) -> Option<Vec<u8>> {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let (mut bits, mut held, mut out) = (0_u32, 0, Vec::new());
        for byte in encoded {
            let value = ALPHABET.iter().position(|letter| letter == byte)?;
            bits = bits << 6 | u32::try_from(value).unwrap();
            held += 6;
            if held >= 8 {
                held -= 8;
                out.push(u8::try_from(bits >> held).unwrap());
                bits &= (1 << held) - 1;
            }
        }
        (held < 6 && bits == 0).then_some(out)
    }

    #[test]
    fn only_the_canonical_encoding_is_accepted() {
        assert_eq!(decoded(b"Zg"), Some(b"f".to_vec()));
        assert_eq!(decoded(b""), Some(vec![]));
        for refused in [
            "Zh", "Zm8", "Zm9=", "Zg==", "Zg=", "Z", "Zm9vY", "Z g", "Zg\n", "Z+8_", "Z/-_", "Zé",
        ] {
            if refused == "Zm8" {
                assert_eq!(decoded(refused.as_bytes()), Some(b"fo".to_vec()));
                continue;
            }
            assert_eq!(decoded(refused.as_bytes()), None, "{refused}");
        }
    }

    #[test]
    fn every_byte_is_checked_at_every_position() {
        for length in 0..12 {
            assert_eq!(
                decoded_len(length),
                length / 4 * 3 + [0, 0, 1, 2][length % 4]
            );
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut text = vec![b'A'; length];
                    text[at] = byte;
                    assert_eq!(decoded(&text), plain(&text), "{text:?}");
                }
            }
        }
    }

    #[test]
    fn a_result_that_does_not_fit_is_refused() {
        assert_eq!(decode(b"Zm9vYmFy", &mut [MaybeUninit::uninit(); 5]), None);
        assert_eq!(
            decode(b"Zm9vYmFy", &mut [MaybeUninit::uninit(); 6]),
            Some(&b"foobar"[..])
        );
    }

    proptest! {
        #[test]
        fn agrees_with_the_reference(text in "[A-Za-z0-9_=+/ -]{0,80}|[A-Za-z0-9_-]{0,160}") {
            prop_assert_eq!(decoded(text.as_bytes()), plain(text.as_bytes()));
        }
    }
}
