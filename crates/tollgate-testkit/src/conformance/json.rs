//! UTF-8 and JSON of the header and the claims (RFC 8259, RFC 7493).

use super::case::{Case, bearer, bearers, case};
use super::expect::{malformed, malformed_claims, malformed_header, seen};
use super::fixtures::{claiming, claiming_each, claims_with, token, usual_gate};
use tollgate_core::RejectionKind as Kind;

/// The mint's claims, with escapes that only a JSON parser resolves.
const ESCAPED: &str = r#"{"\u0069ss":"https:\/\/id.example.com","aud":["orders\u002dapi"],"s\u0075b":"u-\u0037",
    "iat":1700000000,"exp":1700000900}"#;

pub(super) fn cases() -> Vec<Case> {
    let gate = usual_gate();
    let header = |text: &str| token().header_text(text).build();
    let payload = |octets: &[u8]| token().payload(octets).build();
    let around =
        |before: &[u8], inside: &[u8], after: &[u8]| payload(&[before, inside, after].concat());
    let claims = claims_with("\"x\":1");
    vec![
        case(
            "duplicate members of the header, in any notation",
            gate.clone(),
            bearers([
                header(r#"{"alg":"HS256","alg":"HS256"}"#),
                header(r#"{"alg":"none","alg":"HS256"}"#),
                header(r#"{"alg":"HS256","\u0061lg":"none"}"#),
                header(r#"{"alg":"HS256","kid":"test-hs256","k\u0069d":"test-hs256"}"#),
                header(r#"{"alg":"HS256","x":1,"x":1}"#),
                header(r#"{"alg":"HS256","jwk":{"kty":"oct","kty":"RSA"}}"#),
            ]),
            malformed_header(),
        ),
        case(
            "duplicate members of the claims, in any notation and at any level",
            gate.clone(),
            bearers(claiming_each([
                r#""sub":"u-7","sub":"admin""#,
                r#""sub":"u-7","su\u0062":"admin""#,
                r#""\u0073ub":"u-7","\u0073\u0075\u0062":"admin""#,
                r#""exp":1700000900,"exp":99999999999"#,
                r#""a":{"b":1,"b":1}"#,
                r#""a":[1,{"b":{"c":1,"c":2}}]"#,
            ])),
            malformed_claims(),
        ),
        case(
            "names that differ only in case are distinct",
            gate.clone(),
            bearer(claiming(r#""Sub":"admin","SUB":"admin","EXP":0"#)),
            seen(),
        ),
        case(
            "a header that is not UTF-8",
            gate.clone(),
            bearers(
                [
                    b"\xFF".as_slice(),
                    b"\xC0\x80",
                    b"\xED\xA0\x80",
                    b"\xF4\x90\x80\x80",
                    b"\xE9",
                ]
                .map(|octets| {
                    token()
                        .header_text([br#"{"alg":"HS256","x":""#, octets, br#""}"#].concat())
                        .build()
                }),
            ),
            malformed_header(),
        ),
        case(
            "claims that are not UTF-8",
            gate.clone(),
            bearers(
                [
                    b"\xFF".as_slice(),
                    b"\xC0\xAF",
                    b"\xED\xBF\xBF",
                    b"\xF8\x88\x80\x80\x80",
                    b"\xE9",
                    b"\xE2\x82",
                ]
                .map(|octets| {
                    payload(
                        &[
                            claims_with(r#""x":""#).trim_end_matches('}').as_bytes(),
                            octets,
                            br#""}"#,
                        ]
                        .concat(),
                    )
                }),
            ),
            malformed_claims(),
        ),
        case(
            "UTF-16 and a byte order mark",
            gate.clone(),
            bearers([
                around(b"\xEF\xBB\xBF", claims.as_bytes(), b""),
                payload(
                    &claims
                        .encode_utf16()
                        .flat_map(u16::to_le_bytes)
                        .collect::<Vec<_>>(),
                ),
            ]),
            malformed_claims(),
        ),
        case(
            "a header that is not a JSON object",
            gate.clone(),
            bearers(
                [
                    "[]",
                    "null",
                    "1",
                    "\"HS256\"",
                    "true",
                    "",
                    " ",
                    "{",
                    "}",
                    "{}{}",
                    "[{\"alg\":\"HS256\"}]",
                    "{\"alg\":\"HS256\"} x",
                    "\u{feff}{\"alg\":\"HS256\"}",
                    "{'alg':'HS256'}",
                    "{alg:\"HS256\"}",
                    "{\"alg\":\"HS256\",}",
                ]
                .map(header),
            ),
            malformed_header(),
        ),
        case(
            "claims that are not a JSON object",
            gate.clone(),
            bearers(
                [
                    "[]",
                    "[{}]",
                    "1",
                    "-0",
                    "\"sub\"",
                    "null",
                    "true",
                    "",
                    " ",
                    "\0",
                    "undefined",
                    "eyJhbGciOiJub25lIn0.e30.",
                ]
                .map(|text| payload(text.as_bytes())),
            ),
            malformed_claims(),
        ),
        case(
            "claims with data before or after them",
            gate.clone(),
            bearers([
                around(b"", claims.as_bytes(), b"x"),
                around(b"", claims.as_bytes(), claims.as_bytes()),
                around(b"", claims.as_bytes(), b"\0"),
                around(b"1", claims.as_bytes(), b""),
                around(b"", claims.as_bytes(), b"//"),
                around(b"\x0B", claims.as_bytes(), b""),
            ]),
            malformed_claims(),
        ),
        case(
            "white space that JSON allows",
            gate.clone(),
            bearer(around(b" \t\r\n", claims.as_bytes(), b"\n\r\t ")),
            seen(),
        ),
        case(
            "claims that are almost JSON",
            gate.clone(),
            bearers(claiming_each([
                r#""x":1,"#,
                r#""x":"#,
                r#""x""#,
                r#""x":1 "y":2"#,
                r#""x":01"#,
                r#""x":+1"#,
                r#""x":.5"#,
                r#""x":1."#,
                r#""x":1e"#,
                r#""x":0x10"#,
                r#""x":NaN"#,
                r#""x":Infinity"#,
                r#""x":-Infinity"#,
                r#""x":True"#,
                r#""x":nul"#,
                r#""x":'a'"#,
                r"x:1",
                r#""x":/**/1"#,
                r#""x":[1,]"#,
                r#""x":[1"#,
                r#""x":{"y"}"#,
                r#""x":"\x41""#,
                r#""x":"\u12""#,
                r#""x":"\u00e""#,
                "\"x\":\"a\nb\"",
                "\"x\":\"a\0b\"",
                "\"x\":\"\u{1f}\"",
                r#""x":1}{"y":2"#,
                r#""x":undefined"#,
                r#","x":1"#,
            ])),
            malformed_claims(),
        ),
        case(
            "half of a surrogate pair",
            gate.clone(),
            bearers(claiming_each([
                r#""x":"\ud800""#,
                r#""x":"\udc00""#,
                r#""x":"\ud800\u0041""#,
                r#""x":"\ud800\ud800""#,
                r#""\ud800":1"#,
            ])),
            malformed_claims(),
        ),
        case(
            "escapes that JSON allows",
            gate.clone(),
            bearer(claiming(
                r#""x":"\ud83d\ude00\u0000\n\/\\\"","y\u0000":"\u0007""#,
            )),
            seen(),
        ),
        case(
            "escapes in names and values of claims are resolved",
            gate.clone(),
            bearer(payload(ESCAPED.as_bytes())),
            seen(),
        ),
        case(
            "a header whose `alg` contains escapes",
            gate,
            bearer(header(
                r#"{"alg":"\u0048S256","typ":"J\u0057T","kid":"test-hs\u003256"}"#,
            )),
            seen(),
        ),
    ]
    .into_iter()
    .chain([case(
        "a nested token is not a claims set",
        usual_gate(),
        bearer(
            token()
                .header("cty", "JWT")
                .payload(token().build())
                .build(),
        ),
        malformed(Kind::MalformedClaims),
    )])
    .collect()
}
