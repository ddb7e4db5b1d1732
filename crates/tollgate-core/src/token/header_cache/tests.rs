//! Tests of `header_cache`.

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
    let compact = Compact::split(token.as_bytes(), limits).map_err(|rejection| rejection.kind())?;
    let mut segment = Segment::new();
    let read =
        ReadHeader::of(&compact, &mut segment, limits).map_err(|rejection| rejection.kind())?;
    if keep {
        read.keep(&compact, limits);
    }
    let (header, text) = read.parts();
    Ok((
        matches!(read, ReadHeader::Cached(_)),
        header.clone(),
        text.to_owned(),
    ))
}

fn read(token: &str, limits: &Limits) -> Outcome {
    let compact = Compact::split(token.as_bytes(), limits).map_err(|rejection| rejection.kind())?;
    let mut segment = Segment::new();
    let read =
        ReadHeader::read(&compact, &mut segment, limits).map_err(|rejection| rejection.kind())?;
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
    CACHE.with(|kept| assert_eq!(kept.borrow().headers.iter().flatten().count(), 1));
}

/// A verifier without the option would find the header and not decode it.
#[test]
fn padded_headers_are_not_kept() {
    for kid in ["1", "12", "123"] {
        let header = format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#);
        let encoded = base64_simd::URL_SAFE.encode_to_string(header);
        let token = format!("{encoded}.e30=.");
        let limits = Limits::default();
        let compact = Compact::split(token.as_bytes(), &limits).unwrap();
        let compact = compact.with_padding().unwrap();
        let mut segment = Segment::new();
        let read = ReadHeader::of(&compact, &mut segment, &limits).unwrap();
        read.keep(&compact, &limits);
        CACHE.with(|kept| assert_eq!(kept.borrow().headers.iter().flatten().count(), 0));
    }
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
