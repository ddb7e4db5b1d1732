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
    Cached(Rc<CachedHeader>),
    /// Newly parsed.
    New(Header, &'h str),
}

#[derive(Debug)]
pub(crate) struct CachedHeader {
    header: Header,
    text: Box<str>,
    /// The input of the parser: the encoded text and the limits.
    encoded: Box<[u8]>,
    limits: Limits,
}

/// The headers of one thread. Threads share no headers, so that none writes to memory of another.
#[derive(Default)]
struct HeaderCache {
    headers: [Option<Rc<CachedHeader>>; KEPT],
    /// The place for the next header.
    next: usize,
}

thread_local! {
    static CACHE: RefCell<HeaderCache> = const {
        RefCell::new(HeaderCache { headers: [const { None }; KEPT], next: 0 })
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
        let known = CACHE.try_with(|kept| kept.borrow().find(token.encoded_header(), limits));
        match known {
            Ok(Some(known)) => Ok(Self::Cached(known)),
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
            Self::Cached(known) => (&known.header, &known.text),
            Self::New(header, text) => (header, text),
        }
    }

    /// Keeps the header of this token, which must be verified: invalid tokens take no place. Padded
    /// headers are not kept: a verifier that refuses them would find them, because it does not
    /// decode a header that it finds.
    #[inline]
    pub(crate) fn keep(&self, token: &Compact<'_>, limits: &Limits) {
        if let Self::New(header, text) = self {
            keep(header, text, token, limits);
        }
    }
}

#[inline(never)]
fn keep(header: &Header, text: &str, token: &Compact<'_>, limits: &Limits) {
    let encoded = token.encoded_header();
    if encoded.len() <= LONGEST && !token.is_padded() {
        let known = Rc::new(CachedHeader {
            header: header.clone(),
            text: text.into(),
            encoded: encoded.into(),
            limits: *limits,
        });
        let _ = CACHE.try_with(|kept| kept.borrow_mut().add(known));
    }
}

impl HeaderCache {
    fn find(&self, encoded: &[u8], limits: &Limits) -> Option<Rc<CachedHeader>> {
        let mut known = self.headers.iter().flatten();
        known
            .find(|known| *known.encoded == *encoded && known.limits == *limits)
            .map(Rc::clone)
    }

    #[inline(never)]
    fn add(&mut self, header: Rc<CachedHeader>) {
        self.headers[self.next] = Some(header);
        self.next = (self.next + 1) % KEPT;
    }
}

#[cfg(test)]
mod tests;
