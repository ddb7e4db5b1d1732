//! A valid token with one changed bit or character.

use super::case::{Case, Request, bearer, case};
use super::expect::{
    any_of, bad_signature, invalid, malformed_credential, malformed_header, malformed_token,
    too_large, unsupported, wrong_algorithm, wrong_type,
};
use super::fixtures::{token, usual_gate};
use crate::segments::{Segments, base64url};
use tollgate_core::RejectionKind as Kind;

/// The possible rejections of a header with one flipped bit.
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

pub(super) fn cases() -> Vec<Case> {
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
    let cut: Vec<Request> = (1..text.len())
        .map(|length| bearer(&text[..length]))
        .collect();
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
        case(
            "every bit of the header flipped",
            gate.clone(),
            header,
            caught(),
        ),
        case(
            "every bit of the token flipped",
            gate.clone(),
            written,
            caught(),
        ),
        case(
            "every byte of the token removed",
            gate.clone(),
            without,
            caught(),
        ),
        case(
            "every byte of the token doubled",
            gate.clone(),
            doubled,
            caught(),
        ),
        case("the token cut at every place", gate, cut, caught()),
    ]
}
