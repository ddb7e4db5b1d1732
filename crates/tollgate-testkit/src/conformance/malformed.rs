//! Text that is not a token: segments, base64url, UTF-8 and JSON (RFC 7515 sections 2 and 7.1, RFC 8259, RFC 7493).

use super::case::{Case, Request, bearer, bearers, case};
use super::expect::{
    any_of, bad_signature, invalid, malformed, malformed_claims, malformed_credential, malformed_header,
    malformed_token, seen, too_large, unsupported, wrong_algorithm, wrong_type,
};
use super::fixtures::{claiming, claiming_each, claims_with, token, usual_gate};
use crate::segments::{Segments, base64url};
use tollgate_core::RejectionKind as Kind;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = segments();
    cases.extend(mutations());
    cases.extend(json());
    cases
}

/// Base64url of the last sextet with its lowest bit set: another text for the same octets.
fn with_trailing_bits(segment: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = segment.as_bytes().to_vec();
    if let Some(last) = text.last_mut() {
        let value = ALPHABET
            .iter()
            .position(|letter| letter == last)
            .unwrap_or_default();
        *last = ALPHABET[value | 1];
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn segments() -> Vec<Case> {
    let gate = usual_gate();
    let good = token().segments();
    let text = good.to_string();
    let (header, payload, signature) = (&good.header, &good.payload, &good.signature);
    // Claims whose base64url has bits to spare; an HMAC of 32 octets has them anyway.
    let spare = (0..3)
        .map(|pad| {
            token()
                .claim("p", "x".repeat(pad))
                .header("p", "x".repeat(pad))
                .segments()
        })
        .collect::<Vec<_>>();
    let of = |segment: &dyn Fn(&Segments) -> usize| {
        spare
            .iter()
            .find(|token| !segment(token).is_multiple_of(4))
            .cloned()
            .expect("one of three lengths has bits to spare")
    };
    let (loose_header, loose_payload) = (of(&|token| token.header.len()), of(&|token| token.payload.len()));
    vec![
        case(
            "other than three segments",
            gate.clone(),
            bearers([
                header.clone(),
                format!("{header}.{payload}"),
                format!("{text}."),
                format!(".{text}"),
                format!("{text}.{signature}"),
                format!("{text}.{payload}.{signature}"),
                format!("{header}..{payload}.{signature}"),
                "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA"
                    .to_owned(),
                "....".to_owned(),
                ".".to_owned(),
            ]),
            malformed_token(),
        ),
        case(
            "the JSON serialization (RFC 7515 section 7.2)",
            gate.clone(),
            bearer(format!(
                r#"{{"payload":"{payload}","protected":"{header}","signature":"{signature}"}}"#
            )),
            malformed_credential(),
        ),
        case(
            "an empty header",
            gate.clone(),
            bearers([
                format!(".{payload}.{signature}"),
                "..".to_owned(),
                format!(".{payload}."),
            ]),
            malformed_header(),
        ),
        case(
            "an empty payload",
            gate.clone(),
            bearer(token().payload("").build()),
            malformed_claims(),
        ),
        case(
            "a stripped signature",
            gate.clone(),
            bearer(format!("{header}.{payload}.")),
            bad_signature(),
        ),
        case(
            "trailing bits in the signature",
            gate.clone(),
            bearer(format!("{header}.{payload}.{}", with_trailing_bits(signature))),
            malformed_token(),
        ),
        case(
            "trailing bits in the header, signed as they stand",
            gate.clone(),
            bearer(
                Segments {
                    header: with_trailing_bits(&loose_header.header),
                    ..loose_header
                }
                .signed_by(&crate::keys::signing(tollgate_core::Algorithm::HS256))
                .to_string(),
            ),
            malformed_token(),
        ),
        case(
            "trailing bits in the payload, signed as they stand",
            gate.clone(),
            bearer(
                Segments {
                    payload: with_trailing_bits(&loose_payload.payload),
                    ..loose_payload
                }
                .signed_by(&crate::keys::signing(tollgate_core::Algorithm::HS256))
                .to_string(),
            ),
            malformed_token(),
        ),
        case(
            "padding",
            gate.clone(),
            bearers([format!("{text}="), format!("{text}==")]),
            malformed_token(),
        ),
        case(
            "padding inside",
            gate.clone(),
            bearers([
                format!("{header}=.{payload}.{signature}"),
                format!("{header}.{payload}==.{signature}"),
            ]),
            malformed_credential(),
        ),
        case(
            "the standard alphabet of base64",
            gate.clone(),
            bearers([
                format!(
                    "{header}.{payload}.{}",
                    signature.replace(['-', '_'], "+").replacen(|_| true, "+", 1)
                ),
                format!("{header}.{payload}.{}", signature.replacen(|_| true, "/", 1)),
                format!("{}.{payload}.{signature}", header.replacen('e', "+", 1)),
                format!("~{header}.{payload}.{signature}"),
            ]),
            malformed_token(),
        ),
        case(
            "white space inside",
            gate.clone(),
            bearers([
                format!("{header} .{payload}.{signature}"),
                format!("{header}. {payload}.{signature}"),
                format!("{header}.{payload}. {signature}"),
                format!("{header}.{payload}.\t{signature}"),
            ]),
            malformed_credential(),
        ),
        case(
            "segments of an impossible length",
            gate.clone(),
            bearers([
                format!("{header}.{payload}.{}", &signature[..41]),
                format!("eyJhb.{payload}.{signature}"),
            ]),
            malformed_token(),
        ),
        case(
            "text that is not base64url at all",
            gate,
            bearers(["%.%.%".replace('%', "~"), "a.b.c".to_owned()]),
            malformed_token(),
        ),
    ]
}

/// What may become of a header, one of whose bits is another.
fn caught() -> Vec<super::expect::Expect> {
    any_of([
        malformed_header(),
        malformed_token(),
        malformed_credential(),
        wrong_algorithm(),
        bad_signature(),
        wrong_type(),
        unsupported(),
        too_large(),
        invalid(Kind::UnknownKey),
    ])
}

fn mutations() -> Vec<Case> {
    let gate = usual_gate();
    let good = token().segments();
    let text = good.to_string();
    let flipped = |octets: &[u8], index: usize, bit: usize| {
        let mut octets = octets.to_vec();
        octets[index] ^= 1 << bit;
        octets
    };
    let each_bit = |octets: Vec<u8>, put: &dyn Fn(Vec<u8>) -> Segments| -> Vec<Request> {
        (0..octets.len() * 8)
            .map(|place| bearer(put(flipped(&octets, place / 8, place % 8)).to_string()))
            .collect()
    };
    let header = each_bit(good.header_bytes(), &|octets| Segments {
        header: base64url(octets),
        ..good.clone()
    });
    let payload = each_bit(good.payload_bytes(), &|octets| Segments {
        payload: base64url(octets),
        ..good.clone()
    });
    let signature = each_bit(good.signature_bytes(), &|octets| {
        good.clone().with_signature(octets)
    });
    let written = (0..text.len() * 8)
        .map(|place| flipped(text.as_bytes(), place / 8, place % 8))
        .filter(|token| token.iter().all(|byte| matches!(byte, b' '..=b'~')))
        .filter_map(|token| String::from_utf8(token).ok())
        .map(bearer)
        .collect::<Vec<_>>();
    let without: Vec<Request> = (0..text.len())
        .map(|index| bearer(format!("{}{}", &text[..index], &text[index + 1..])))
        .collect();
    let doubled: Vec<Request> = (0..text.len())
        .map(|index| bearer(format!("{}{}", &text[..=index], &text[index..])))
        .collect();
    let cut: Vec<Request> = (1..text.len()).map(|length| bearer(&text[..length])).collect();
    vec![
        case(
            "every bit of the payload flipped",
            gate.clone(),
            payload,
            bad_signature(),
        ),
        case(
            "every bit of the signature flipped",
            gate.clone(),
            signature,
            bad_signature(),
        ),
        case("every bit of the header flipped", gate.clone(), header, caught()),
        case(
            "every bit of the token's text flipped",
            gate.clone(),
            written,
            caught(),
        ),
        case(
            "every byte of the token's text left out",
            gate.clone(),
            without,
            caught(),
        ),
        case(
            "every byte of the token's text doubled",
            gate.clone(),
            doubled,
            caught(),
        ),
        case("the token cut at every place", gate, cut, caught()),
    ]
}

/// The mint's claims, spelt so that only a JSON parser sees it.
const ESCAPED: &str = r#"{"\u0069ss":"https:\/\/id.example.com","aud":["orders\u002dapi"],"s\u0075b":"u-\u0037",
    "iat":1700000000,"exp":1700000900}"#;

fn json() -> Vec<Case> {
    let gate = usual_gate();
    let header = |text: &str| token().header_text(text).build();
    let payload = |octets: &[u8]| token().payload(octets).build();
    let around = |before: &[u8], inside: &[u8], after: &[u8]| payload(&[before, inside, after].concat());
    let claims = claims_with("\"x\":1");
    vec![
        case(
            "duplicate members of the header, in any spelling",
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
            "duplicate members of the claims, in any spelling and at any level",
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
            "names that differ only in case are two",
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
            "claims with something before or behind them",
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
            "claims that are nearly JSON",
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
            bearer(claiming(r#""x":"\ud83d\ude00\u0000\n\/\\\"","y\u0000":"\u0007""#)),
            seen(),
        ),
        case(
            "escapes in names and values of claims mean what they say",
            gate.clone(),
            bearer(payload(ESCAPED.as_bytes())),
            seen(),
        ),
        case(
            "a header whose `alg` is written with escapes",
            gate,
            bearer(header(
                r#"{"alg":"\u0048S256","typ":"J\u0057T","kid":"test-hs\u003256"}"#,
            )),
            seen(),
        ),
    ]
    .into_iter()
    .chain([case(
        "a nested token is no claims set",
        usual_gate(),
        bearer(token().header("cty", "JWT").payload(token().build()).build()),
        malformed(Kind::MalformedClaims),
    )])
    .collect()
}
