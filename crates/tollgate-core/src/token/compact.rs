//! The compact serialization (RFC 7515 section 7.1): limits, then the split, then the bytes.

use std::mem::MaybeUninit;
use std::ops::Deref;

use arrayvec::ArrayString;

use crate::http::base64url;
use crate::limits::Limits;
use crate::rejection::{Rejection, RejectionKind};

/// The longest signature of a supported algorithm, in bytes: RSA with 8192 bits.
const SIGNATURE_BYTES: usize = 1024;

/// How many bytes of a segment, and of header and claims together, need no heap block of their own.
const INLINE: usize = 512;

/// Where one segment is decoded to: on the stack where it is short. Nothing is written before the bytes themselves are.
pub(crate) struct Segment {
    inline: [MaybeUninit<u8>; INLINE],
    heap: Vec<MaybeUninit<u8>>,
}

impl Segment {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self {
            inline: [const { MaybeUninit::uninit() }; INLINE],
            heap: Vec::new(),
        }
    }

    #[inline]
    fn decode(&mut self, encoded: &[u8]) -> Option<&[u8]> {
        let len = base64url::decoded_len(encoded.len());
        if len <= INLINE {
            return base64url::decode(encoded, &mut self.inline);
        }
        self.heap.resize(len, MaybeUninit::uninit());
        base64url::decode(encoded, &mut self.heap)
    }
}

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
    /// Keeps these two, one behind the other, instead of what is kept.
    pub(crate) fn set(&mut self, first: &str, second: &str) {
        if let Self::Inline(kept) = self {
            kept.clear();
            if kept.try_push_str(first).is_ok() && kept.try_push_str(second).is_ok() {
                return;
            }
        }
        *self = Self::Heap([first, second].concat().into());
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
            return Err(malformed("the token does not have three segments"));
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

    /// The header as it stands.
    pub(crate) fn encoded_header(&self) -> &'t [u8] {
        &self.token[..self.header_end]
    }

    pub(crate) fn header<'s>(&self, segment: &'s mut Segment) -> Result<&'s [u8], Rejection> {
        let header = segment.decode(self.encoded_header());
        header.ok_or_else(|| malformed("the header is not canonical base64url"))
    }

    pub(crate) fn payload<'s>(&self, segment: &'s mut Segment) -> Result<&'s [u8], Rejection> {
        let payload = segment.decode(&self.token[self.header_end + 1..self.payload_end]);
        payload.ok_or_else(|| malformed("the payload is not canonical base64url"))
    }

    pub(crate) fn signature<'s>(&self, segment: &'s mut Segment) -> Result<&'s [u8], Rejection> {
        let signature = segment.decode(&self.token[self.payload_end + 1..]);
        signature.ok_or_else(|| malformed("the signature is not canonical base64url"))
    }
}

#[cold]
fn malformed(detail: &'static str) -> Rejection {
    Rejection::new(RejectionKind::MalformedToken, detail)
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
        assert_eq!(token.header(&mut Segment::new()).unwrap(), b"foo");
        assert_eq!(token.payload(&mut Segment::new()).unwrap(), b"bar");
        assert_eq!(token.signature(&mut Segment::new()).unwrap(), b"f");
        let token = Compact::split(b"Zh.Zh.Zh", &limits).unwrap();
        assert!(token.header(&mut Segment::new()).is_err());
        assert!(token.payload(&mut Segment::new()).is_err());
        assert!(token.signature(&mut Segment::new()).is_err());
    }

    #[test]
    fn a_segment_of_any_length_is_decoded_whole() {
        for length in [0, 1, INLINE - 1, INLINE, INLINE + 1, 5000] {
            let bytes: Vec<_> = (0..=u8::MAX).cycle().take(length).collect();
            let encoded = base64_simd::URL_SAFE_NO_PAD.encode_to_string(&bytes);
            let mut segment = Segment::new();
            assert_eq!(segment.decode(encoded.as_bytes()).unwrap(), bytes, "{length}");
            assert_eq!(segment.heap.is_empty(), length <= INLINE, "{length}");
        }
    }

    #[test]
    fn long_texts_are_kept_whole() {
        for length in [0, INLINE, INLINE + 1, 5000] {
            let text = "é".repeat(length / 2) + if length % 2 == 1 { "x" } else { "" };
            for at in [0, length / 2 / 2 * 2, length / 2 * 2] {
                let mut decoded = Decoded::default();
                decoded.set(&text[..at], &text[at..]);
                assert_eq!(&*decoded, text);
                assert_eq!(matches!(decoded, Decoded::Heap(_)), length > INLINE);
            }
        }
    }
}
