//! The binding of a session to the browser that began it.

use std::fmt;

use base64_simd::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::record::{Bytes, sha256};
use super::token::decode;
use crate::id::SessionId;
use crate::random::{NoRandomness, Random};

const VERSION: u8 = 1;
const BYTES: usize = 1 + SessionId::BYTES + 32;

/// The content of the binding cookie: version, session and a random secret, in base64url. The
/// record of the session has a hash of the secret.
#[derive(Clone)]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub(crate) struct Binding {
    pub(crate) session: SessionId,
    secret: Zeroizing<[u8; 32]>,
}

impl Binding {
    pub(crate) fn generate(
        session: SessionId,
        random: &(impl Random + ?Sized),
    ) -> Result<Self, NoRandomness> {
        let mut secret = Zeroizing::new([0; 32]);
        random.fill(&mut *secret)?;
        Ok(Self { session, secret })
    }

    /// Parses a binding. Returns `None` unless the text is exactly what [`write`](Self::write)
    /// produces.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let bytes = decode::<BYTES>(text)?;
        let (version, rest) = bytes.split_first()?;
        let (session, secret) = rest.split_first_chunk()?;
        let binding = Self {
            session: SessionId::new(*session),
            secret: Zeroizing::new(secret.try_into().ok()?),
        };
        // Only one spelling is valid: unused bits are zero.
        (*version == VERSION && *binding.write() == *text).then_some(binding)
    }

    pub(crate) fn write(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES));
        bytes.push(VERSION);
        bytes.extend(self.session.as_bytes());
        bytes.extend(*self.secret);
        Zeroizing::new(URL_SAFE_NO_PAD.encode_to_string(&bytes[..]))
    }

    /// SHA-256 of the secret. The secret has 256 random bits, so a slow hash is not needed.
    pub(crate) fn hash(&self) -> Bytes {
        Bytes(sha256(&self.secret))
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binding")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: usize = 66;

    fn binding() -> Binding {
        Binding {
            session: SessionId::new([3; 16]),
            secret: Zeroizing::new([5; 32]),
        }
    }

    #[test]
    fn a_written_binding_is_read() {
        let text = binding().write();
        assert_eq!(text.len(), TEXT);
        assert!(Binding::read(&text) == Some(binding()));
    }

    #[test]
    fn only_one_spelling_and_version_is_read() {
        let text = &**binding().write();
        for wrong in [
            "",
            &text[1..],
            &format!("{text}="),
            &format!("{text}A"),
            "a.b",
        ] {
            assert!(Binding::read(wrong).is_none(), "{wrong}");
        }
        let mut bytes = URL_SAFE_NO_PAD.decode_to_vec(text).unwrap();
        bytes[0] = 2;
        assert!(Binding::read(&URL_SAFE_NO_PAD.encode_to_string(bytes)).is_none());
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        assert!(!format!("{:?}", binding()).contains("5, 5"));
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,80}", exact in "[A-Za-z0-9_-]{66}") {
            let _ = Binding::read(&text);
            if let Some(binding) = Binding::read(&exact) {
                prop_assert_eq!(&**binding.write(), &exact);
            }
        }
    }
}
