//! Limits that apply before or during decoding.

use std::fmt::Write as _;

use serde_json::Value;
use tollgate_core::{Limits, SigningKey};

use super::case::{Case, bearer, bearers, case, get};
use super::expect::{bad_signature, malformed_claims, malformed_header, seen, too_large};
use super::fixtures::{claiming, gate, plain, rules, token, usual, usual_gate};
use crate::keys;

/// Creates a valid token of exactly this length in bytes.
fn of_length(length: usize) -> String {
    let padded = |header: usize, claims: usize| {
        let header = token().header("pad", "x".repeat(header));
        header.claim("pad", "x".repeat(claims)).build()
    };
    // Three bytes are four characters of the token. The header makes up for the remainder.
    let about = (length - padded(0, 0).len()) / 4 * 3;
    (about - 9..about + 9)
        .flat_map(|claims| (0..4).map(move |header| padded(header, claims)))
        .find(|token| token.len() == length)
        .expect("there is a token of every length")
}

/// Returns `{"a":[[…]]}` with a nesting depth of `depth`.
fn nested(depth: usize) -> String {
    format!("\"a\":{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1))
}

fn members(count: usize) -> String {
    let mut text = String::new();
    for index in 0..count {
        let _ = write!(text, "{}\"m{index}\":0", if index == 0 { "" } else { "," });
    }
    text
}

fn many(count: usize) -> Value {
    (0..count).map(|index| format!("s{index}")).collect()
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = lengths();
    cases.extend(counts());
    cases
}

fn lengths() -> Vec<Case> {
    let usual_gate = usual_gate();
    let narrow = plain(usual().limits(Limits::default().with_token_bytes(300)));
    let megabyte = token().claim("pad", "x".repeat(1 << 20)).build();
    let cookies = gate(usual(), |gate| {
        gate.source(tollgate_core::Source::cookie("access"))
    });
    vec![
        case(
            "a token of 8192 bytes",
            usual_gate.clone(),
            bearer(of_length(8192)),
            seen(),
        ),
        case(
            "a token of 8193 bytes",
            usual_gate.clone(),
            bearer(of_length(8193)),
            too_large(),
        ),
        case(
            "a token of one megabyte",
            usual_gate.clone(),
            bearers([
                megabyte.clone(),
                "A".repeat(1 << 20),
                ".".repeat(1 << 20),
                format!("{}..", "e".repeat(1 << 20)),
            ]),
            too_large(),
        ),
        case(
            "a cookie of one megabyte",
            cookies,
            get().with("Cookie", format!("access={megabyte}")),
            too_large(),
        ),
        case(
            "the limit is configurable",
            narrow,
            bearer(token().claim("pad", "x".repeat(300)).build()),
            too_large(),
        ),
        case(
            "a header of more than 4096 bytes",
            usual_gate.clone(),
            bearer(token().header("pad", "x".repeat(3100)).build()),
            too_large(),
        ),
        case(
            "a signature above the maximum length",
            usual_gate.clone(),
            bearer(token().segments().with_signature(vec![7; 1100]).to_string()),
            bad_signature(),
        ),
        case(
            "a `kid` of 256 bytes",
            plain(
                rules().key(
                    SigningKey::hs256(&keys::SECRET[..32])
                        .expect("long enough")
                        .verifying_key(),
                ),
            ),
            bearer(token().kid(&"k".repeat(256)).build()),
            seen().but("key id", &"k".repeat(256)).but("key", "-"),
        ),
        case(
            "a `kid` of 257 bytes",
            usual_gate.clone(),
            bearer(token().kid(&"k".repeat(257)).build()),
            too_large(),
        ),
        case(
            "a `kid` of 3 KB",
            usual_gate,
            bearer(token().kid(&"k".repeat(2900)).build()),
            too_large(),
        ),
    ]
}

fn counts() -> Vec<Case> {
    let usual_gate = usual_gate();
    let roles = plain(usual().role_claim("roles"));
    let audiences = |count: usize| {
        let mut audiences: Vec<String> = (1..count).map(|index| format!("api-{index}")).collect();
        audiences.push("orders-api".to_owned());
        token().claim("aud", audiences)
    };
    let others: Vec<_> = (1..32).map(|index| format!("api-{index}")).collect();
    let all = others.join(" ") + " orders-api";
    let scopes = (0..256)
        .map(|index| format!("s{index}"))
        .collect::<Vec<_>>()
        .join(" ");
    // Eight keys are tried for a token without `kid`, the ninth is not.
    let secrets: Vec<SigningKey> = (1..=9)
        .map(|index| SigningKey::hs256([index; 32]).expect("a secret of 32 bytes"))
        .collect();
    let nine = plain(
        secrets
            .iter()
            .fold(rules(), |rules, key| rules.key(key.verifying_key())),
    );
    let by = |index: usize| {
        token()
            .without_header("kid")
            .signed_by(&secrets[index])
            .build()
    };
    let deep_header = |depth: usize| {
        token()
            .header_text(format!("{{\"alg\":\"HS256\",{}}}", nested(depth)))
            .build()
    };
    let shown = || seen().but("key id", "-").but("key", "-");
    vec![
        case(
            "claims nested 16 deep",
            usual_gate.clone(),
            bearer(claiming(&nested(16))),
            seen(),
        ),
        case(
            "claims nested 17 deep",
            usual_gate.clone(),
            bearers([
                claiming(&nested(17)),
                claiming(
                    "\"a\":[{\"b\":[{\"b\":[{\"b\":[{\"b\":\
                     [{\"b\":[{\"b\":[{\"b\":[{\"b\":0}]}]}]}]}]}]}]}]",
                ),
            ]),
            malformed_claims(),
        ),
        case(
            "claims nested thousands of levels deep",
            usual_gate.clone(),
            bearers([
                claiming(&nested(2500)),
                claiming(&format!("\"a\":{}", "[".repeat(5000))),
                claiming(&"{\"a\":".repeat(1000)),
            ]),
            malformed_claims(),
        ),
        case(
            "a header nested 16 deep",
            usual_gate.clone(),
            bearer(deep_header(16)),
            seen().but("key id", "-").but("type", "-"),
        ),
        case(
            "a header nested 17 deep, and thousands of levels",
            usual_gate.clone(),
            bearers([deep_header(17), deep_header(1400)]),
            malformed_header(),
        ),
        case(
            "256 members",
            usual_gate.clone(),
            bearer(claiming(&members(251))),
            seen(),
        ),
        case(
            "257 members",
            usual_gate.clone(),
            bearers([
                claiming(&members(252)),
                claiming(&format!("\"a\":{{{}}}", members(257))),
            ]),
            malformed_claims(),
        ),
        case(
            "32 audiences",
            usual_gate.clone(),
            bearer(audiences(32).build()),
            seen().but("audiences", &all),
        ),
        case(
            "33 audiences",
            usual_gate.clone(),
            bearer(audiences(33).build()),
            too_large(),
        ),
        case(
            "256 scopes",
            usual_gate.clone(),
            bearers([
                token().scope(&scopes).build(),
                token().claim("scp", many(256)).build(),
            ]),
            seen().but("scopes", &scopes),
        ),
        case(
            "257 scopes",
            usual_gate,
            bearers([
                token().scope(&format!("{scopes} more")).build(),
                token().claim("scp", many(257)).build(),
                token().claim("scope", many(257)).build(),
                token().claim("scp", format!("{scopes} more")).build(),
            ]),
            too_large(),
        ),
        case(
            "257 roles",
            roles,
            bearer(token().claim("roles", many(257)).build()),
            too_large(),
        ),
        case(
            "the eighth key is tried for a token without `kid`",
            nine.clone(),
            bearers([by(0), by(7)]),
            shown(),
        ),
        case(
            "the ninth key is not tried",
            nine,
            bearer(by(8)),
            bad_signature(),
        ),
        case(
            "the limit of candidate keys is configurable",
            plain(
                rules()
                    .limits(Limits::default().with_candidate_keys(1))
                    .key(secrets[0].verifying_key())
                    .key(secrets[1].verifying_key()),
            ),
            bearer(by(1)),
            bad_signature(),
        ),
        case(
            "limits of audiences, scopes and depth are configurable",
            plain(
                usual().limits(
                    Limits::default()
                        .with_audiences(1)
                        .with_scopes(1)
                        .with_json_depth(2),
                ),
            ),
            bearers([audiences(2).build(), token().scope("a b").build()]),
            too_large(),
        ),
    ]
}
