//! Malformed tokens: segments and base64url (RFC 7515 sections 2 and 7.1).

use super::case::{Case, bearer, bearers, case};
use super::expect::{
    bad_signature, malformed_claims, malformed_credential, malformed_header, malformed_token,
};
use super::fixtures::{token, usual_gate};
use crate::segments::Segments;

/// Sets the lowest bit of the last base64url character: another text for the same bytes.
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

pub(super) fn cases() -> Vec<Case> {
    let gate = usual_gate();
    let good = token().segments();
    let text = good.to_string();
    let (header, payload, signature) = (&good.header, &good.payload, &good.signature);
    // Claims whose base64url has unused bits. An HMAC of 32 bytes always has them.
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
    let (loose_header, loose_payload) = (
        of(&|token| token.header.len()),
        of(&|token| token.payload.len()),
    );
    vec![
        case(
            "a number of segments other than three",
            gate.clone(),
            bearers([
                header.clone(),
                format!("{header}.{payload}"),
                format!("{text}."),
                format!(".{text}"),
                format!("{text}.{signature}"),
                format!("{text}.{payload}.{signature}"),
                format!("{header}..{payload}.{signature}"),
                "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..\
                 AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA"
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
            bearer(format!(
                "{header}.{payload}.{}",
                with_trailing_bits(signature)
            )),
            malformed_token(),
        ),
        case(
            "trailing bits in the header, with a matching signature",
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
            "trailing bits in the payload, with a matching signature",
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
                    signature
                        .replace(['-', '_'], "+")
                        .replacen(|_| true, "+", 1)
                ),
                format!(
                    "{header}.{payload}.{}",
                    signature.replacen(|_| true, "/", 1)
                ),
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
            "text that is not base64url",
            gate,
            bearers(["%.%.%".replace('%', "~"), "a.b.c".to_owned()]),
            malformed_token(),
        ),
    ]
}
