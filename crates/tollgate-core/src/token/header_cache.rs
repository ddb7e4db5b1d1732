//! A cache of headers: nearly all tokens of an issuer have the same header.

use std::cell::RefCell;
use std::rc::Rc;

use crate::limits::Limits;
use crate::rejection::Rejection;
use crate::token::compact::{Compact, Segment};
use crate::token::header::Header;

/// The number of headers that each thread keeps.
const KEPT: usize = 4;

/// The maximum length of a kept header, in bytes of its encoded form.
const LONGEST: usize = 512;

/// A parsed header, with its text.
#[derive(Debug)]
pub(crate) enum ReadHeader<'h> {
    /// From the cache of this thread.
    Kept(Rc<KnownHeader>),
    /// Newly parsed.
    New(Header, &'h str),
}

#[derive(Debug)]
pub(crate) struct KnownHeader {
    header: Header,
    text: Box<str>,
    /// The input of the parser: the encoded text and the limits.
    encoded: Box<[u8]>,
    limits: Limits,
}

/// The headers of one thread. Threads share no headers, so that none writes to memory of another.
#[derive(Default)]
struct Kept {
    headers: [Option<Rc<KnownHeader>>; KEPT],
    /// The place for the next header.
    next: usize,
}

thread_local! {
    static OF_THREAD: RefCell<Kept> = const {
        RefCell::new(Kept { headers: [const { None }; KEPT], next: 0 })
    };
}

impl<'h> ReadHeader<'h> {
    /// Returns the header of the token: from the cache of this thread if it is equal byte for byte,
    /// or else newly parsed.
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

    /// Keeps the header of this token, which must be verified: invalid tokens take no place.
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

    /// `true` if the header was kept, and the header.
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
    fn only_kept_headers_are_found() {
        let limits = Limits::default();
        let token = token(r#"{"alg":"HS256","kid":"once"}"#);
        assert!(!is_kept(&token));
        assert!(!is_kept(&token));
        of(&token, &limits, true).unwrap();
        assert!(is_kept(&token));
        of(&token, &limits, true).unwrap(); // takes no second place
        OF_THREAD.with(|kept| assert_eq!(kept.borrow().headers.iter().flatten().count(), 1));
    }

    #[test]
    fn other_limits_cause_a_new_parse() {
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
        /// A cached header always equals a newly parsed one.
        #[test]
        fn a_cached_header_equals_a_parsed_one(
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
