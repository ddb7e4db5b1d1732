//! The encoding of refresh tokens.

use std::fmt;

use base64_simd::{Out, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::id::SessionId;

const VERSION: u8 = 1;
const BYTES: usize = 1 + SessionId::BYTES + 8 + 4 + 32;

/// A refresh token: version, session, generation, key and secret, in base64url. It has no dots, so
/// it cannot be confused with a JWT.
pub(crate) struct RefreshToken {
    pub(crate) session: SessionId,
    pub(crate) generation: u64,
    pub(crate) key: u32,
    pub(crate) secret: Zeroizing<[u8; 32]>,
}

impl RefreshToken {
    /// Parses a token. Returns `None` unless the text is exactly what [`write`](Self::write)
    /// produces.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let bytes = decode::<BYTES>(text)?;
        let (version, rest) = bytes.split_first()?;
        let (session, rest) = rest.split_first_chunk()?;
        let (generation, rest) = rest.split_first_chunk()?;
        let (key, secret) = rest.split_first_chunk()?;
        let token = Self {
            session: SessionId::new(*session),
            generation: u64::from_be_bytes(*generation),
            key: u32::from_be_bytes(*key),
            secret: Zeroizing::new(secret.try_into().ok()?),
        };
        // Only one spelling is valid: unused bits are zero.
        (*version == VERSION && token.write() == text).then_some(token)
    }

    pub(crate) fn write(&self) -> String {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES));
        bytes.push(VERSION);
        bytes.extend(self.session.as_bytes());
        bytes.extend(self.generation.to_be_bytes());
        bytes.extend(self.key.to_be_bytes());
        bytes.extend(*self.secret);
        URL_SAFE_NO_PAD.encode_to_string(&bytes[..])
    }
}

/// Decodes base64url of exactly `N` bytes. Unused bits are not checked.
pub(super) fn decode<const N: usize>(text: &str) -> Option<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    if text.len() != URL_SAFE_NO_PAD.encoded_length(N) {
        return None;
    }
    let decoded = URL_SAFE_NO_PAD
        .decode(text.as_bytes(), Out::from_slice(&mut *bytes))
        .ok()?;
    (decoded.len() == N).then_some(bytes)
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshToken")
            .field("session", &self.session)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: usize = 82;

    fn token() -> RefreshToken {
        RefreshToken {
            session: SessionId::new([3; 16]),
            generation: 7,
            key: 9,
            secret: Zeroizing::new([5; 32]),
        }
    }

    #[test]
    fn tokens_round_trip() {
        let text = token().write();
        assert_eq!(text.len(), TEXT);
        let read = RefreshToken::read(&text).unwrap();
        assert_eq!(
            (read.session, read.generation, read.key),
            (SessionId::new([3; 16]), 7, 9)
        );
        assert_eq!(*read.secret, [5; 32]);
    }

    #[test]
    fn only_the_canonical_encoding_is_read() {
        let text = token().write();
        for wrong in [
            "",
            "=",
            &text[1..],
            &format!("{text}="),
            &format!("{text}A"),
            "a.b.c",
        ] {
            assert!(RefreshToken::read(wrong).is_none(), "{wrong}");
        }
        // The last character carries four unused bits.
        let spellings = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            .iter()
            .filter(|last| {
                RefreshToken::read(&format!("{}{}", &text[..TEXT - 1], char::from(**last)))
                    .is_some()
            });
        assert_eq!(
            spellings.count(),
            4,
            "two of the six bits belong to the secret"
        );
    }

    #[test]
    fn another_version_is_not_read() {
        let text = token().write();
        let mut bytes = URL_SAFE_NO_PAD.decode_to_vec(&text).unwrap();
        bytes[0] = 2;
        assert!(RefreshToken::read(&URL_SAFE_NO_PAD.encode_to_string(bytes)).is_none());
    }

    #[test]
    fn the_secret_is_not_shown() {
        assert!(!format!("{:?}", token()).contains("5, 5"));
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,100}", exact in "[A-Za-z0-9_-]{82}") {
            let _ = RefreshToken::read(&text);
            if let Some(token) = RefreshToken::read(&exact) {
                prop_assert_eq!(token.write(), exact);
            }
        }
    }
}
