//! Tests of the header reader.

use proptest::prelude::*;

use super::*;

fn read(json: &str) -> Result<Header, RejectionKind> {
    Header::read(json.as_bytes(), &Limits::default())
        .map(|(header, _)| header)
        .map_err(|rejection| rejection.kind())
}

#[test]
fn the_supported_members_are_read() {
    let json = r#"{"typ":"JWT","alg":"RS256","kid":"k\u0031","jku":"https://evil.example","jwk":{"kty":"oct"}}"#;
    let header = read(json).unwrap();
    assert_eq!(header.algorithm, Algorithm::RS256);
    assert_eq!(header.kid.unwrap().read(json), "k1");
    assert_eq!(header.typ.unwrap().read(json), "JWT");
}

#[test]
fn present_but_malformed_is_refused() {
    for json in [
        "{}",
        r#"{"alg":256}"#,
        r#"{"alg":null}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":"HS256","kid":1}"#,
        r#"{"alg":"HS256","kid":[]}"#,
        r#"{"alg":"HS256","typ":null}"#,
        r#"{"alg":"HS256","crit":null}"#,
        r#"{"alg":"HS256","b64":null}"#,
        r#"{"alg":"HS256","zip":null}"#,
        r#"{"alg":"HS256","zip":""}"#,
        r#"{"alg":"HS256","enc":null}"#,
        r#"{"alg":"HS256","typ":["JWT"]}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"none"}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","crit":"exp"}"#,
        r#"{"alg":"HS256","crit":["exp",1]}"#,
        r#"{"alg":"HS256","b64":"false"}"#,
        "[]",
        "",
        r#""alg""#,
    ] {
        assert_eq!(
            read(json).unwrap_err(),
            RejectionKind::MalformedHeader,
            "{json}"
        );
    }
    assert!(Header::read(b"{\"alg\":\"HS256\",\"x\":\"\xff\"}", &Limits::default()).is_err());
}

#[test]
fn a_kid_that_is_null_is_absent() {
    let (header, _) = Header::read(br#"{"alg":"HS256","kid":null}"#, &Limits::default()).unwrap();
    assert_eq!(header.kid, None);
    let (header, text) = Header::read(br#"{"alg":"HS256","kid":""}"#, &Limits::default()).unwrap();
    assert_eq!(header.kid.unwrap().read(text), "");
}

#[test]
fn extensions_are_refused() {
    for json in [
        r#"{"alg":"HS256","crit":["exp"]}"#,
        r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"HS256","b64":false}"#,
        r#"{"crit":["x"],"alg":"HS256"}"#,
        r#"{"alg":"HS256","zip":"DEF"}"#,
    ] {
        assert_eq!(
            read(json).unwrap_err(),
            RejectionKind::UnsupportedExtension,
            "{json}"
        );
    }
}

#[test]
fn names_of_algorithms_are_exact() {
    for alg in [
        "none",
        "None",
        "nOnE",
        "NONE",
        "",
        "hs256",
        "HS256 ",
        " HS256",
        "HS-256",
        "RSA-OAEP",
        "HS256\\u0000",
    ] {
        let json = format!(r#"{{"alg":"{alg}"}}"#);
        assert_eq!(
            read(&json).unwrap_err(),
            RejectionKind::WrongAlgorithm,
            "{json}"
        );
    }
}

#[test]
fn a_long_kid_is_refused() {
    let json = |length| format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(length));
    assert!(read(&json(256)).is_ok());
    assert_eq!(read(&json(257)).unwrap_err(), RejectionKind::TooLarge);
}

#[test]
fn common_headers_need_no_parser() {
    let limits = Limits::default();
    for json in [
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"HS256","typ":"JWT"}"#,
        r#"{"typ":"JWT","alg":"RS256","kid":""}"#,
        r#"{"kid":"a kid, with {\"signs\"}: ü","alg":"Ed25519","typ":"at+jwt"}"#
            .replace("\\\"", "'")
            .as_str(),
    ] {
        let plain = Header::plain(json, &limits).unwrap();
        assert_eq!(plain, Header::parse(json, &limits).unwrap(), "{json}");
    }
    let three = r#"{"alg":"HS256","typ":"JWT","kid":"k"}"#;
    for limits in [
        limits.with_members(2),
        limits.with_json_depth(0),
        limits.with_kid_bytes(0),
    ] {
        assert!(Header::plain(three, &limits).is_none());
        assert!(Header::read(three.as_bytes(), &limits).is_err());
    }
}

proptest! {
    /// The fast path reads a header as the parser does.
    #[test]
    fn plain_agrees_with_the_parser(
        members in proptest::collection::vec(
            r#" ?"(alg|kid|typ|ty|crit|b64)" ?: ?("(HS256|ES384|none|JWT|k.|\\u0041|a\\"b|\P{C}{0,9}|[\x00-\x20"]?)"|1|null)"#,
            0..5,
        ),
        open in r"\{|\{|\{|\[|,|",
        close in r"\}|\}|\}|\}x|,\}|",
    ) {
        let text = format!("{open}{}{close}", members.join(","));
        let limits = Limits::default().with_kid_bytes(6);
        if let Some(plain) = Header::plain(&text, &limits) {
            prop_assert_eq!(Some(plain), Header::parse(&text, &limits).ok(), "{}", text);
        }
    }
}
