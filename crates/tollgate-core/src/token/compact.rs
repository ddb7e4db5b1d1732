//! The compact serialization (RFC 7515 section 7.1): checks of the limits, splitting and decoding.

use std::mem::MaybeUninit;
use std::ops::Deref;

use arrayvec::ArrayString;

use crate::http::{SourceKind, base64url};
use crate::limits::Limits;
use crate::rejection::{Rejection, RejectionKind};

/// The longest signature of a supported algorithm, in bytes: RSA with 8192 bits.
const SIGNATURE_BYTES: usize = 1024;

/// The most dots of a token: those of an encrypted one.
const DOTS: usize = 4;

/// The number of bytes of a segment, and of header and claims together, that need no heap
/// allocation.
const INLINE: usize = 512;

/// The buffer for one decoded segment, on the stack if the segment is short. It is not initialised
/// before decoding.
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

/// The text of verified header and claims, without a heap allocation if it is short.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // the inline variant avoids an allocation
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
    /// Replaces the content by these two texts, one after the other.
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

/// A text within the limits that has exactly three segments. No segment is decoded or trusted.
#[derive(Clone, Copy)]
pub(crate) struct Compact<'t> {
    token: &'t [u8],
    header_end: usize,
    payload_end: usize,
    /// Whether the segments are padded, all of them.
    padded: bool,
}

/// Refuses a credential that is not a `b64token`, even if it has other errors. `padded` allows
/// padding after each segment too.
pub(crate) fn check_alphabet(
    token: &[u8],
    source: SourceKind,
    padded: bool,
) -> Result<(), Rejection> {
    if is_b64token(token) || (padded && has_padded_segments(token)) {
        return Ok(());
    }
    Err(not_a_token(source))
}

#[cold]
fn not_a_token(source: SourceKind) -> Rejection {
    let detail = format!("{source:?} holds no token");
    Rejection::new(RejectionKind::MalformedCredential, detail)
}

impl<'t> Compact<'t> {
    /// Splits the credential of a request. A text with an invalid alphabet is refused before its
    /// length is checked.
    pub(crate) fn split_credential(
        token: &'t [u8],
        source: SourceKind,
        limits: &Limits,
        padded: bool,
    ) -> Result<Self, Rejection> {
        check_alphabet(token, source, padded)?;
        Self::split(token, limits)
    }

    pub(crate) fn split(token: &'t [u8], limits: &Limits) -> Result<Self, Rejection> {
        if token.len() > limits.token_bytes() {
            return Err(Rejection::too_large(
                "the token",
                token.len(),
                limits.token_bytes(),
            ));
        }
        let mut dots = memchr::memchr_iter(b'.', token);
        let (Some(header_end), Some(payload_end), None) = (dots.next(), dots.next(), dots.next())
        else {
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
            padded: false,
        })
    }

    /// Reads the segments as base64url with padding (RFC 4648 section 5) if the token contains
    /// any. All segments must be padded then, so that a token has one spelling.
    pub(crate) fn with_padding(mut self) -> Result<Self, Rejection> {
        self.padded = memchr::memchr(b'=', self.token).is_some();
        let mut segments = self.token.split(|byte| *byte == b'.');
        if self.padded && !segments.all(|segment| segment.len().is_multiple_of(4)) {
            return Err(malformed("the padding of a segment is incomplete"));
        }
        Ok(self)
    }

    pub(crate) const fn is_padded(&self) -> bool {
        self.padded
    }

    /// Returns the segment without its padding. Padding that is left over, or too short, makes the
    /// decoding fail.
    #[inline]
    fn unpadded(&self, segment: &'t [u8]) -> &'t [u8] {
        if self.padded {
            without_padding(segment)
        } else {
            segment
        }
    }

    pub(crate) const fn token(&self) -> &'t [u8] {
        self.token
    }

    /// The text that the signature covers: header and payload, including the dot between them.
    pub(crate) fn signing_input(&self) -> &'t [u8] {
        &self.token[..self.payload_end]
    }

    /// The encoded header.
    pub(crate) fn encoded_header(&self) -> &'t [u8] {
        &self.token[..self.header_end]
    }

    pub(crate) fn header<'s>(&self, segment: &'s mut Segment) -> Result<&'s [u8], Rejection> {
        let header = segment.decode(self.unpadded(self.encoded_header()));
        header.ok_or_else(|| malformed("the header is not canonical base64url"))
    }

    pub(crate) fn payload<'s>(&self, segment: &'s mut Segment) -> Result<&'s [u8], Rejection> {
        let payload = self.unpadded(&self.token[self.header_end + 1..self.payload_end]);
        let payload = segment.decode(payload);
        payload.ok_or_else(|| malformed("the payload is not canonical base64url"))
    }

    pub(crate) fn signature<'s>(&self, segment: &'s mut Segment) -> Result<&'s [u8], Rejection> {
        let signature = segment.decode(self.unpadded(&self.token[self.payload_end + 1..]));
        signature.ok_or_else(|| malformed("the signature is not canonical base64url"))
    }
}

/// Returns `true` for a `b64token`: `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`
/// (RFC 6750 section 2.1).
fn is_b64token(token: &[u8]) -> bool {
    !token.is_empty() && (is_base64url_and_dots(token) || is_by_grammar(token))
}

/// Returns `true` for segments of base64url with padding (RFC 4648 section 5), no more than any
/// token has.
#[cold]
fn has_padded_segments(token: &[u8]) -> bool {
    let mut segments = token.splitn(DOTS + 2, |byte| *byte == b'.');
    segments.all(|segment| base64url::is_alphabet(without_padding(segment)))
}

/// Returns the text without at most two bytes of padding.
fn without_padding(segment: &[u8]) -> &[u8] {
    let once = segment.strip_suffix(b"=").unwrap_or(segment);
    once.strip_suffix(b"=").unwrap_or(once)
}

/// The alphabet of nearly every token, checked with vector instructions. A text with more dots than
/// any token has is left to the grammar: a search for each of thousands is slow.
fn is_base64url_and_dots(token: &[u8]) -> bool {
    let mut start = 0;
    for (count, dot) in memchr::memchr_iter(b'.', token).enumerate() {
        if count == DOTS {
            return false;
        }
        if !base64url::is_alphabet(&token[start..dot]) {
            return false;
        }
        start = dot + 1;
    }
    base64url::is_alphabet(&token[start..])
}

fn is_by_grammar(token: &[u8]) -> bool {
    let end = token
        .iter()
        .rposition(|byte| *byte != b'=')
        .map_or(0, |last| last + 1);
    // Whole blocks without an early exit, so that the compiler vectorises the loop.
    let mut blocks = token[..end].chunks_exact(64);
    end > 0
        && blocks.by_ref().all(are_b64token_bytes)
        && blocks.remainder().chunks(16).all(are_b64token_bytes)
}

#[inline]
fn are_b64token_bytes(block: &[u8]) -> bool {
    block
        .iter()
        .fold(true, |sound, byte| sound & is_b64token_byte(*byte))
}

/// Letters, the range from `-` to `9`, and three single characters.
#[allow(clippy::needless_bitwise_bool)] // no branch per byte
const fn is_b64token_byte(byte: u8) -> bool {
    ((byte | 0x20).wrapping_sub(b'a') < 26)
        | (byte.wrapping_sub(b'-') <= b'9' - b'-')
        | (byte == b'+')
        | (byte == b'_')
        | (byte == b'~')
}

#[cold]
fn malformed(detail: &'static str) -> Rejection {
    Rejection::new(RejectionKind::MalformedToken, detail)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind(token: &str) -> Result<(), RejectionKind> {
        let limits = Limits::default()
            .with_token_bytes(3000)
            .with_header_bytes(20);
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

    fn padded(token: &str) -> Option<[Vec<u8>; 3]> {
        let token = Compact::split(token.as_bytes(), &Limits::default()).ok()?;
        let token = token.with_padding().ok()?;
        let [mut header, mut payload, mut signature] = [const { Segment::new() }; 3];
        let header = token.header(&mut header).ok()?.to_vec();
        let payload = token.payload(&mut payload).ok()?.to_vec();
        Some([
            header,
            payload,
            token.signature(&mut signature).ok()?.to_vec(),
        ])
    }

    #[test]
    fn all_segments_are_padded_or_none() {
        let parts = [&b"foo"[..], b"fo", b"f"].map(<[u8]>::to_vec);
        assert_eq!(padded("Zm9v.Zm8=.Zg=="), Some(parts.clone()));
        assert_eq!(padded("Zm9v.Zm8.Zg"), Some(parts));
        assert_eq!(padded(".."), Some(<[Vec<u8>; 3]>::default()));
        for refused in [
            "Zm9v.Zm8=.Zg",
            "Zm9v.Zm8.Zg==",
            "Zm9v.Zm8=.Zg=",
            "Zm9v=.Zm8=.Zg==",
            "Zm9v====.Zm8=.Zg==",
            "Zm9v.Zm9=.Zg==",
            "Zm9v.Zm8=.Zh==",
            "Zm9v.Zm8=.Z===",
            "====.Zm8=.Zg==",
            ".=.",
            "=Zm8.Zm8=.Zg==",
        ] {
            assert_eq!(padded(refused), None, "{refused}");
        }
    }

    #[test]
    fn more_padded_segments_than_any_token_has_are_no_credential() {
        let kind = |text: &str| check_alphabet(text.as_bytes(), SourceKind::Header, true);
        assert!(kind(&"Zg==.".repeat(DOTS)).is_ok());
        assert!(kind(&"Zg==.".repeat(DOTS + 2)).is_err());
        assert!(kind(&"=.".repeat(4000)).is_err());
    }

    fn spelled(parts: &[Vec<u8>; 3], padded: bool) -> String {
        let encoding = if padded {
            base64_simd::URL_SAFE
        } else {
            base64_simd::URL_SAFE_NO_PAD
        };
        let parts = parts.each_ref().map(|part| encoding.encode_to_string(part));
        parts.join(".")
    }

    proptest! {
        #[test]
        fn a_padded_token_is_read(
            parts in prop::array::uniform3(prop::collection::vec(any::<u8>(), 0..40)),
        ) {
            let with = spelled(&parts, true);
            prop_assert_eq!(padded(&with), Some(parts.clone()));
            prop_assert!(check_alphabet(with.as_bytes(), SourceKind::Header, true).is_ok());
            prop_assert_eq!(padded(&spelled(&parts, false)), Some(parts));
        }

        /// Another text is refused, or is the one spelling of other segments.
        #[test]
        fn a_token_has_one_spelling_with_padding_and_one_without(
            parts in prop::array::uniform3(prop::collection::vec(any::<u8>(), 0..40)),
            at in any::<prop::sample::Index>(),
            byte in prop::sample::select(b"=.AQgw_-".to_vec()),
            change in 0_u8..4,
        ) {
            let mut text = spelled(&parts, true);
            let at = at.index(text.len());
            match change {
                0 => text.insert(at, byte.into()),
                1 => drop(text.remove(at)),
                2 => text.replace_range(at..=at, std::str::from_utf8(&[byte]).unwrap()),
                _ => text.truncate(at),
            }
            if let Some(read) = padded(&text) {
                prop_assert_eq!(spelled(&read, text.contains('=')), text);
            }
        }

        #[test]
        fn arbitrary_text_has_one_spelling(text in "[AQgw=_-]{0,9}(\\.[AQgw=]{0,9}){2}") {
            if let Some(read) = padded(&text) {
                prop_assert_eq!(spelled(&read, text.contains('=')), text);
            }
        }
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
    fn a_segment_of_any_length_is_decoded_completely() {
        for length in [0, 1, INLINE - 1, INLINE, INLINE + 1, 5000] {
            let bytes: Vec<_> = (0..=u8::MAX).cycle().take(length).collect();
            let encoded = base64_simd::URL_SAFE_NO_PAD.encode_to_string(&bytes);
            let mut segment = Segment::new();
            assert_eq!(
                segment.decode(encoded.as_bytes()).unwrap(),
                bytes,
                "{length}"
            );
            assert_eq!(segment.heap.is_empty(), length <= INLINE, "{length}");
        }
    }

    #[test]
    fn long_texts_are_kept_completely() {
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

    #[test]
    fn many_dots_do_not_change_the_alphabet() {
        for dots in 0..12 {
            let token = "ab.".repeat(dots) + "ab";
            assert!(is_b64token(token.as_bytes()), "{token}");
            assert!(is_b64token(format!("{token}~==").as_bytes()));
            assert!(!is_b64token(format!("{token} ").as_bytes()));
            assert!(!is_b64token(format!("={token}").as_bytes()));
        }
    }

    #[test]
    fn the_alphabet_is_checked_at_every_position() {
        let allowed = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
        for byte in 0..=u8::MAX {
            let member = allowed.contains(&byte);
            assert_eq!(is_b64token(&[byte]), member, "{byte:#x}");
            for length in [2, 15, 16, 17, 63, 64, 65, 200] {
                for place in [0, length / 2, length - 1] {
                    let mut token = vec![b'a'; length];
                    token[place] = byte;
                    let padding = byte == b'=' && place == length - 1;
                    assert_eq!(
                        is_b64token(&token),
                        member || padding,
                        "{byte:#x} at {place}"
                    );
                }
            }
        }
    }
}
