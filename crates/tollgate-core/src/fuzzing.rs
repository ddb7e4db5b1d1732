//! Entry points for the fuzz targets, which are built with `--cfg fuzzing`.

use serde::Deserialize as _;
use serde_json::Value;

use crate::Algorithm;
use crate::claim_path::ClaimPath;
use crate::limits::Limits;
use crate::token::compact::Compact;

/// Splits and decodes a token.
pub fn token(data: &[u8]) {
    let split = || Compact::split(data, &Limits::default());
    let padded = split().and_then(Compact::with_padding);
    for token in split().into_iter().chain(padded) {
        let mut segment = crate::token::compact::Segment::new();
        let _ = token.header(&mut segment);
        let _ = token.payload(&mut segment);
        let _ = token.signature(&mut segment);
    }
}

/// Returns the algorithm of a decoded header, if the header is accepted.
pub fn header(data: &[u8]) -> Option<Algorithm> {
    let header = crate::token::header::Header::read(data, &Limits::default());
    header.ok().map(|(header, _)| header.algorithm)
}

/// Reads decoded claims. Accepted claims must also be JSON for `serde_json`.
pub fn claims(data: &[u8]) {
    let mut claims = crate::token::claims::ClaimSetText::default();
    if claims.read(data, "", &Limits::default()).is_ok() {
        let read = Value::deserialize(claims.document());
        let whole = serde_json::from_slice::<Value>(data);
        let tolerant = claims.document().read_tolerantly::<Value>(Some("sub"));
        assert_eq!(tolerant.is_ok(), whole.is_ok());
        assert_eq!(read.ok(), whole.ok());
        let (text, exact) = (ClaimPath::from("a.b.c"), ClaimPath::from(["a", "b"]));
        let _ = (
            claims.scopes().count(),
            claims.audiences().count(),
            claims.strings_at(&text).count(),
            claims.scopes_at(&text).count(),
            claims.roles_at(&exact, None).count(),
            claims.roles_at(&exact, Some("c")).count(),
            claims.check_roles_at(&exact, None, 9).is_ok(),
            claims.check_roles_at(&exact, Some("c"), 9).is_ok(),
            claims.string_at(&text).is_ok(),
            claims.check_subject(true).is_ok(),
        );
    }
}

/// Encodes base64url without padding.
pub fn base64url(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// Returns the bytes that the JSON reader works on while `run` runs.
pub fn json_work<T>(run: impl FnOnce() -> T) -> (T, usize) {
    crate::token::json::work::take();
    let outcome = run();
    (outcome, crate::token::json::work::take())
}

/// Returns the values of the cookie called `name` in one `Cookie` field line.
pub fn cookie<'a>(data: &'a [u8], name: &[u8]) -> Vec<&'a [u8]> {
    crate::http::cookie::named(std::iter::once(data), name).collect()
}
