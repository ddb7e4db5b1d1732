//! The compact serialization (RFC 7515 section 7.1): limits, then the split, then the bytes.

use std::ops::Deref;

use arrayvec::ArrayString;
use smallvec::SmallVec;

use crate::base64url;
use crate::limits::Limits;
use crate::rejection::{Rejection, RejectionKind};

/// The longest signature of a supported algorithm, in bytes: RSA with 8192 bits.
pub(crate) const SIGNATURE_BYTES: usize = 1024;

/// How many bytes of header and claims stay off the heap until the token is verified, and then share the heap block of
/// the principal.
const INLINE: usize = 512;

/// Where header and claims are decoded to, one behind the other.
pub(crate) type Buffer = SmallVec<[u8; INLINE]>;

/// The text of a verified header and claims, kept without a heap block of its own where it is short.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // that it is large is the point
pub(crate) enum Decoded {
    Inline(ArrayString<INLINE>),
    Heap(Box<str>),
}

impl Default for Decoded {
    fn default() -> Self {
        Self::Inline(ArrayString::new())
    }
}

impl Decoded {
    /// Keeps `text` instead of what is kept.
    pub(crate) fn set(&mut self, text: &str) {
        if let Self::Inline(kept) = self {
            kept.clear();
            if kept.try_push_str(text).is_ok() {
                return;
            }
        }
        *self = Self::Heap(text.into());
    }
}

impl Deref for Decoded {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Inline(text) => text,
            Self::Heap(text) => text,
        }
    }
}

/// A text within the limits that has exactly three segments. Nothing of it is decoded or trusted.
#[derive(Clone, Copy)]
pub(crate) struct Compact<'t> {
    token: &'t [u8],
    header_end: usize,
    payload_end: usize,
}

impl<'t> Compact<'t> {
    pub(crate) fn split(token: &'t [u8], limits: &Limits) -> Result<Self, Rejection> {
        if token.len() > limits.token_bytes() {
            return Err(Rejection::too_large(
                "the token",
                token.len(),
                limits.token_bytes(),
            ));
        }
        let mut dots = memchr::memchr_iter(b'.', token);
        let (Some(header_end), Some(payload_end), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(Rejection::new(
                RejectionKind::MalformedToken,
                "the token does not have three segments",
            ));
        };
        if header_end > limits.header_bytes() {
            return Err(Rejection::too_large(
                "the header",
                header_end,
                limits.header_bytes(),
            ));
        }
        if token.len() - payload_end - 1 > SIGNATURE_BYTES.div_ceil(3) * 4 {
            return Err(Rejection::new(
                RejectionKind::BadSignature,
                "the signature is longer than any can be",
            ));
        }
        Ok(Self {
            token,
            header_end,
            payload_end,
        })
    }

    /// What the signature covers: header and payload as they stand, the dot between them included.
    pub(crate) fn signing_input(&self) -> &'t [u8] {
        &self.token[..self.payload_end]
    }

    pub(crate) fn append_header(&self, buffer: &mut Buffer) -> Result<(), Rejection> {
        base64url::append(&self.token[..self.header_end], buffer).ok_or_else(|| not_base64url("header"))
    }

    pub(crate) fn append_payload(&self, buffer: &mut Buffer) -> Result<(), Rejection> {
        let payload = &self.token[self.header_end + 1..self.payload_end];
        base64url::append(payload, buffer).ok_or_else(|| not_base64url("payload"))
    }

    pub(crate) fn signature<'b>(&self, buffer: &'b mut [u8; SIGNATURE_BYTES]) -> Result<&'b [u8], Rejection> {
        let signature = &self.token[self.payload_end + 1..];
        base64url::decode(signature, buffer).ok_or_else(|| not_base64url("signature"))
    }
}

fn not_base64url(part: &str) -> Rejection {
    Rejection::new(
        RejectionKind::MalformedToken,
        match part {
            "header" => "the header is not canonical base64url",
            "payload" => "the payload is not canonical base64url",
            _ => "the signature is not canonical base64url",
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(token: &str) -> Result<(), RejectionKind> {
        let limits = Limits::default().with_token_bytes(3000).with_header_bytes(20);
        Compact::split(token.as_bytes(), &limits)
            .map(|_| ())
            .map_err(|rejection| rejection.kind())
    }

    #[test]
    fn three_segments_within_the_limits() {
        assert_eq!(kind("aa.bb.cc"), Ok(()));
        assert_eq!(
            kind(".."),
            Ok(()),
            "empty segments fail later, where they are read"
        );
        for token in ["", "aa", "aa.bb", "aa.bb.cc.dd", "aa.bb.cc.dd.ee", "...."] {
            assert_eq!(kind(token), Err(RejectionKind::MalformedToken), "{token}");
        }
        assert_eq!(kind(&"a".repeat(3001)), Err(RejectionKind::TooLarge));
        assert_eq!(
            kind(&format!("{}.b.c", "a".repeat(21))),
            Err(RejectionKind::TooLarge)
        );
        assert_eq!(
            kind(&format!("a.b.{}", "c".repeat(1369))),
            Err(RejectionKind::BadSignature)
        );
    }

    #[test]
    fn the_parts_are_decoded_strictly() {
        let limits = Limits::default();
        let token = Compact::split(b"Zm9v.YmFy.Zg", &limits).unwrap();
        assert_eq!(token.signing_input(), b"Zm9v.YmFy");
        let mut buffer = Buffer::new();
        token.append_header(&mut buffer).unwrap();
        token.append_payload(&mut buffer).unwrap();
        assert_eq!(&buffer[..], b"foobar");
        assert_eq!(token.signature(&mut [0; SIGNATURE_BYTES]).unwrap(), b"f");
        let token = Compact::split(b"Zh.Zh.Zh", &limits).unwrap();
        assert!(token.append_header(&mut Buffer::new()).is_err());
        assert!(token.append_payload(&mut Buffer::new()).is_err());
        assert!(token.signature(&mut [0; SIGNATURE_BYTES]).is_err());
    }

    #[test]
    fn long_texts_are_kept_whole() {
        for length in [0, INLINE, INLINE + 1, 5000] {
            let text = "é".repeat(length / 2) + if length % 2 == 1 { "x" } else { "" };
            let mut decoded = Decoded::default();
            decoded.set(&text);
            assert_eq!(&*decoded, text);
            assert_eq!(matches!(decoded, Decoded::Heap(_)), length > INLINE);
        }
    }
}
