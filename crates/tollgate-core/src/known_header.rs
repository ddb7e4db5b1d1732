//! Headers that were read already: those of an issuer's tokens are nearly all the same.

use std::cell::RefCell;
use std::rc::Rc;

use crate::header::Header;
use crate::limits::Limits;
use crate::rejection::Rejection;
use crate::token::{Compact, Segment};

/// How many headers each thread keeps: those of as many keys.
const KEPT: usize = 4;

/// The longest header that is kept, in bytes of its encoded form.
const LONGEST: usize = 512;

/// A header as it was read, and the text that it belongs to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KnownHeader {
    pub(crate) header: Header,
    pub(crate) text: Box<str>,
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

impl KnownHeader {
    /// The header of the token: one that this thread has kept, if it stands there byte for byte, or else read.
    pub(crate) fn of(token: &Compact<'_>, limits: &Limits) -> Result<Rc<Self>, Rejection> {
        let known = OF_THREAD.try_with(|kept| kept.borrow().find(token.encoded_header(), limits));
        match known {
            Ok(Some(known)) => Ok(known),
            _ => Self::read(token, limits).map(Rc::new),
        }
    }

    #[inline(never)]
    fn read(token: &Compact<'_>, limits: &Limits) -> Result<Self, Rejection> {
        let mut segment = Segment::new();
        let (header, text) = Header::read(token.header(&mut segment)?, limits)?;
        Ok(Self {
            header,
            text: text.into(),
            encoded: token.encoded_header().into(),
            limits: *limits,
        })
    }

    /// Keeps the header of a token that was verified: what others send takes no place.
    pub(crate) fn keep(self: &Rc<Self>) {
        // Whoever holds one alone has just read it.
        if Rc::strong_count(self) == 1 && self.encoded.len() <= LONGEST {
            let _ = OF_THREAD.try_with(|kept| kept.borrow_mut().add(Rc::clone(self)));
        }
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
        format!("{}.e30.", base64_simd::URL_SAFE_NO_PAD.encode_to_string(header))
    }

    fn of(token: &str, limits: &Limits) -> Result<Rc<KnownHeader>, RejectionKind> {
        let compact = Compact::split(token.as_bytes(), limits).map_err(|rejection| rejection.kind())?;
        KnownHeader::of(&compact, limits).map_err(|rejection| rejection.kind())
    }

    fn read(token: &str, limits: &Limits) -> Result<KnownHeader, RejectionKind> {
        let compact = Compact::split(token.as_bytes(), limits).map_err(|rejection| rejection.kind())?;
        KnownHeader::read(&compact, limits).map_err(|rejection| rejection.kind())
    }

    #[test]
    fn only_what_was_kept_is_found() {
        let limits = Limits::default();
        let token = token(r#"{"alg":"HS256","kid":"once"}"#);
        let first = of(&token, &limits).unwrap();
        assert!(!Rc::ptr_eq(&first, &of(&token, &limits).unwrap()));
        first.keep();
        assert!(Rc::ptr_eq(&first, &of(&token, &limits).unwrap()));
        first.keep(); // which takes no second place
        OF_THREAD.with(|kept| assert_eq!(kept.borrow().headers.iter().flatten().count(), 1));
    }

    #[test]
    fn other_limits_are_looked_at_anew() {
        let limits = Limits::default();
        let token = token(r#"{"alg":"HS256","kid":"0123456789"}"#);
        of(&token, &limits).unwrap().keep();
        let shorter = limits.with_key_id_bytes(9);
        assert_eq!(of(&token, &shorter), Err(RejectionKind::TooLarge));
        assert_eq!(
            of(&token, &limits.with_members(1)),
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
            of(token, &limits).unwrap().keep();
        }
        let again = |token: &String| Rc::strong_count(&of(token, &limits).unwrap()) == 2;
        assert!(!again(&tokens[0]));
        assert!(tokens[1..].iter().all(again));
        let long = token(&format!(r#"{{"alg":"HS256","x":"{}"}}"#, "x".repeat(LONGEST)));
        of(&long, &limits).unwrap().keep();
        assert!(!again(&long));
        assert!(tokens[1..].iter().all(again));
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
            key_id_bytes in proptest::collection::vec(0_usize..3, 24),
        ) {
            for ((header, kept), key_id_bytes) in headers.iter().zip(kept).zip(key_id_bytes) {
                let limits = Limits::default().with_key_id_bytes(key_id_bytes);
                let token = token(header);
                let got = of(&token, &limits);
                let wanted = read(&token, &limits);
                prop_assert_eq!(got.as_deref(), wanted.as_ref());
                if let (true, Ok(known)) = (kept, got) {
                    known.keep();
                }
            }
        }
    }
}
