//! Headers that were read already: those of an issuer's tokens are nearly all the same.

use std::cell::RefCell;
use std::rc::Rc;

use crate::limits::Limits;
use crate::rejection::Rejection;
use crate::token::compact::{Compact, Segment};
use crate::token::header::Header;

/// How many headers each thread keeps: those of as many keys.
const KEPT: usize = 4;

/// The longest header that is kept, in bytes of its encoded form.
const LONGEST: usize = 512;

/// A header that was read, with the text that it belongs to.
#[derive(Debug)]
pub(crate) enum ReadHeader<'h> {
    /// By this thread before.
    Kept(Rc<KnownHeader>),
    /// Just now.
    New(Header, &'h str),
}

#[derive(Debug)]
pub(crate) struct KnownHeader {
    header: Header,
    text: Box<str>,
    /// What it was read from, and within which limits: all that it depends on.
    encoded: Box<[u8]>,
    limits: Limits,
}

/// The headers that one thread keeps, so that no thread writes where another one looks.
#[derive(Default)]
struct Kept {
    headers: [Option<Rc<KnownHeader>>; KEPT],
    /// The place that is taken next.
    next: usize,
}

thread_local! {
    static OF_THREAD: RefCell<Kept> = const {
        RefCell::new(Kept { headers: [const { None }; KEPT], next: 0 })
    };
}

impl<'h> ReadHeader<'h> {
    /// The header of the token: one that this thread has kept, if it stands there byte for byte, or
    /// else read.
    pub(crate) fn of(
        token: &Compact<'_>,
        segment: &'h mut Segment,
        limits: &Limits,
    ) -> Result<Self, Rejection> {
        let known = OF_THREAD.try_with(|kept| kept.borrow().find(token.encoded_header(), limits));
        match known {
            Ok(Some(known)) => Ok(Self::Kept(known)),
            _ => Self::read(token, segment, limits),
        }
    }

    #[inline(never)]
    fn read(
        token: &Compact<'_>,
        segment: &'h mut Segment,
        limits: &Limits,
    ) -> Result<Self, Rejection> {
        let (header, text) = Header::read(token.header(segment)?, limits)?;
        Ok(Self::New(header, text))
    }

    #[inline]
    pub(crate) fn parts(&self) -> (&Header, &str) {
        match self {
            Self::Kept(known) => (&known.header, &known.text),
            Self::New(header, text) => (header, text),
        }
    }

    /// Keeps the header of a token that was verified, which is this token: what others send takes
    /// no place.
    #[inline]
    pub(crate) fn keep(&self, token: &Compact<'_>, limits: &Limits) {
        if let Self::New(header, text) = self {
            keep(header, text, token.encoded_header(), limits);
        }
    }
}

#[inline(never)]
fn keep(header: &Header, text: &str, encoded: &[u8], limits: &Limits) {
    if encoded.len() <= LONGEST {
        let known = Rc::new(KnownHeader {
            header: header.clone(),
            text: text.into(),
            encoded: encoded.into(),
            limits: *limits,
        });
        let _ = OF_THREAD.try_with(|kept| kept.borrow_mut().add(known));
    }
}

impl Kept {
    fn find(&self, encoded: &[u8], limits: &Limits) -> Option<Rc<KnownHeader>> {
        let mut known = self.headers.iter().flatten();
        known
            .find(|known| *known.encoded == *encoded && known.limits == *limits)
            .map(Rc::clone)
    }

    #[inline(never)]
    fn add(&mut self, header: Rc<KnownHeader>) {
        self.headers[self.next] = Some(header);
        self.next = (self.next + 1) % KEPT;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rejection::RejectionKind;

    fn token(header: &str) -> String {
        format!(
            "{}.e30.",
            base64_simd::URL_SAFE_NO_PAD.encode_to_string(header)
        )
    }

    /// `true` if the header was kept, and what it is.
    type Outcome = Result<(bool, Header, String), RejectionKind>;

    fn of(token: &str, limits: &Limits, keep: bool) -> Outcome {
        let compact =
            Compact::split(token.as_bytes(), limits).map_err(|rejection| rejection.kind())?;
        let mut segment = Segment::new();
        let read =
            ReadHeader::of(&compact, &mut segment, limits).map_err(|rejection| rejection.kind())?;
        if keep {
            read.keep(&compact, limits);
        }
        let (header, text) = read.parts();
        Ok((
            matches!(read, ReadHeader::Kept(_)),
            header.clone(),
            text.to_owned(),
        ))
    }

    fn read(token: &str, limits: &Limits) -> Outcome {
        let compact =
            Compact::split(token.as_bytes(), limits).map_err(|rejection| rejection.kind())?;
        let mut segment = Segment::new();
        let read = ReadHeader::read(&compact, &mut segment, limits)
            .map_err(|rejection| rejection.kind())?;
        let (header, text) = read.parts();
        Ok((false, header.clone(), text.to_owned()))
    }

    fn is_kept(token: &str) -> bool {
        of(token, &Limits::default(), false).unwrap().0
    }

    #[test]
    fn only_what_was_kept_is_found() {
        let limits = Limits::default();
        let token = token(r#"{"alg":"HS256","kid":"once"}"#);
        assert!(!is_kept(&token));
        assert!(!is_kept(&token));
        of(&token, &limits, true).unwrap();
        assert!(is_kept(&token));
        of(&token, &limits, true).unwrap(); // which takes no second place
        OF_THREAD.with(|kept| assert_eq!(kept.borrow().headers.iter().flatten().count(), 1));
    }

    #[test]
    fn other_limits_are_looked_at_anew() {
        let limits = Limits::default();
        let token = token(r#"{"alg":"HS256","kid":"0123456789"}"#);
        of(&token, &limits, true).unwrap();
        let shorter = limits.with_kid_bytes(9);
        assert_eq!(of(&token, &shorter, true), Err(RejectionKind::TooLarge));
        let fewer = limits.with_members(1);
        assert_eq!(
            of(&token, &fewer, true),
            Err(RejectionKind::MalformedHeader)
        );
    }

    #[test]
    fn the_latest_are_kept_and_long_ones_never() {
        let limits = Limits::default();
        let tokens: Vec<_> = (0..=KEPT)
            .map(|kid| token(&format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#)))
            .collect();
        for token in &tokens {
            of(token, &limits, true).unwrap();
        }
        assert!(!is_kept(&tokens[0]));
        assert!(tokens[1..].iter().all(|token| is_kept(token)));
        let long = token(&format!(
            r#"{{"alg":"HS256","x":"{}"}}"#,
            "x".repeat(LONGEST)
        ));
        of(&long, &limits, true).unwrap();
        assert!(!is_kept(&long));
        assert!(tokens[1..].iter().all(|token| is_kept(token)));
    }

    proptest! {
        /// Whatever was kept before, a header is what the reading of it gives.
        #[test]
        fn a_header_is_as_it_is_read(
            headers in proptest::collection::vec(
                r#"\{"alg":"(HS256|RS256|none)"(,"kid":"[a-c]{1,2}")?(,"typ":"(JWT|jwt)")?(,"crit":\["b64"\])?\}|\PC{0,9}"#,
                1..24,
            ),
            kept in proptest::collection::vec(any::<bool>(), 24),
            kid_bytes in proptest::collection::vec(0_usize..3, 24),
        ) {
            for ((header, kept), kid_bytes) in headers.iter().zip(kept).zip(kid_bytes) {
                let limits = Limits::default().with_kid_bytes(kid_bytes);
                let token = token(header);
                let known = |(_, header, text)| (header, text);
                prop_assert_eq!(of(&token, &limits, kept).map(known), read(&token, &limits)
                    .map(known));
            }
        }
    }
}
