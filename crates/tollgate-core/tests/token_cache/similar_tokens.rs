//! Tokens that resemble a cached one.

use std::collections::HashSet;

use serde_json::json;
use tollgate_core::RejectionKind as Kind;

use super::{
    Hand, Way, ask, hits, is_verified_anew, keep, signer, status, token, token_with, usual,
};

/// All one-place variants of a token are refused, and the cache answers none of them.
#[test]
fn only_the_exact_token_is_a_hit() {
    let verifier = usual(&Hand::new());
    let token = token(&signer());
    keep(&verifier, &token);
    let bytes = token.as_bytes();
    let mut variants: Vec<Vec<u8>> = Vec::new();
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.to_vec();
            flipped[place] ^= 1 << bit;
            variants.push(flipped);
        }
        variants.push(bytes[..place].to_vec());
        variants.push(bytes[place + 1..].to_vec());
        let mut longer = bytes.to_vec();
        longer.insert(place, b'A');
        variants.push(longer);
    }
    for more in ["=", "==", " ", "\t", "\r\n", "\0", ".", "A", ".A"] {
        variants.push([bytes, more.as_bytes()].concat());
        variants.push([more.as_bytes(), bytes].concat());
    }
    let (head, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = head.split_once('.').unwrap();
    variants.push(format!("{header}=.{payload}.{signature}").into_bytes());
    variants.push(format!("{header}.{payload}=.{signature}").into_bytes());
    variants.push(token.to_ascii_uppercase().into_bytes());
    variants.push(token.to_ascii_lowercase().into_bytes());
    variants.push([bytes, b"\0", bytes].concat());
    for variant in variants {
        assert_ne!(variant, bytes);
        let (outcome, way) = ask(&verifier, &variant);
        assert_eq!(way, Way::Refused, "{}", String::from_utf8_lossy(&variant));
        assert!(outcome.is_err());
    }
    hits(&verifier, &token);
    assert_eq!(status(&verifier).tokens, 1);
}

/// A forged token with the signature of a valid token and other claims.
#[test]
fn a_known_signature_with_other_claims_is_refused() {
    let verifier = usual(&Hand::new());
    let good = token(&signer());
    keep(&verifier, &good);
    let (_, signature) = good.rsplit_once('.').unwrap();
    for n in 0..500 {
        let other = token_with(&signer(), &json!({ "sub": format!("u-{n:03}") }));
        let (head, _) = other.rsplit_once('.').unwrap();
        let (outcome, way) = ask(&verifier, format!("{head}.{signature}"));
        assert_eq!(
            (outcome.unwrap_err(), way),
            (Kind::BadSignature, Way::Refused)
        );
    }
}

/// Two signatures with a common prefix: a cache keyed by part of the signature would confuse them.
#[test]
fn tokens_with_a_common_signature_prefix_are_distinct() {
    let verifier = usual(&Hand::new());
    let mut seen = std::collections::HashMap::new();
    let (one, two) = (0..)
        .find_map(|n: u32| {
            let token = token_with(&signer(), &json!({ "sub": format!("u-{n:06}") }));
            let signature = token.rsplit_once('.').unwrap().1[..3].to_owned();
            let earlier = seen.insert(signature, token.clone())?;
            Some((earlier, token))
        })
        .unwrap();
    keep(&verifier, &one);
    let (of_two, way) = ask(&verifier, &two);
    assert_eq!(way, Way::Anew);
    let of_one = verifier.verify(&one).unwrap();
    assert_ne!(of_one.subject(), of_two.unwrap().subject());
    // The forged token: the claims and the signature prefix of one, the signature suffix of the
    // other.
    let (head, ones) = one.rsplit_once('.').unwrap();
    let (_, twos) = two.rsplit_once('.').unwrap();
    let (outcome, way) = ask(&verifier, format!("{head}.{}{}", &ones[..3], &twos[3..]));
    assert_eq!(
        (outcome.unwrap_err(), way),
        (Kind::BadSignature, Way::Refused)
    );
}

/// Tokens with equal values of everything that a weak hash could use: length, start, end.
#[test]
fn each_of_many_similar_tokens_gets_its_own_result() {
    let verifier = usual(&Hand::new());
    let tokens: Vec<_> = (0..4_000_u32)
        .map(|n| {
            let subject = format!("{n:08}");
            (
                token_with(
                    &signer(),
                    &json!({ "sub": subject, "zoneinfo": "x".repeat(200) }),
                ),
                subject,
            )
        })
        .collect();
    let lengths: HashSet<_> = tokens.iter().map(|(token, _)| token.len()).collect();
    assert_eq!(lengths.len(), 1);
    for (token, subject) in &tokens {
        let (outcome, way) = ask(&verifier, token);
        assert_eq!(
            (outcome.unwrap().subject(), way),
            (Some(&**subject), Way::Anew)
        );
    }
    let mut known = 0;
    for (token, subject) in &tokens {
        let (outcome, way) = ask(&verifier, token);
        assert_eq!(outcome.unwrap().subject(), Some(&**subject));
        known += u32::from(way == Way::Hit);
    }
    // They do not evict each other from one slot.
    assert!(known > 3_900, "{known}");
}

#[test]
fn the_claims_of_a_hit_belong_to_its_token() {
    let verifier = usual(&Hand::new());
    let more = json!({ "scope": "a b", "jti": "j-\u{e9}\n", "sid": "s", "roles": ["x"],
        "deep": { "n": [1, 2.5] } });
    let token = token_with(&signer(), &more);
    let (cold, way) = ask(&verifier, &token);
    assert_eq!(way, Way::Anew);
    let cold = cold.unwrap();
    for _ in 0..3 {
        let (hit, way) = ask(&verifier, &token);
        assert_eq!(way, Way::Hit);
        let hit = hit.unwrap();
        assert_eq!(facts(&hit), facts(&cold));
        assert_eq!(hit.scopes().collect::<Vec<_>>(), ["a", "b"]);
    }
    is_verified_anew(&verifier, token_with(&signer(), &json!({ "sub": "u-8" })));
}

/// Formats every readable part of a principal.
pub(super) fn facts(principal: &tollgate_core::Principal) -> String {
    let claims: serde_json::Value = principal.claims().unwrap();
    format!(
        "{claims} {principal:?} {:?} {:?} {:?} {:?} {:?} {}",
        principal.algorithm(),
        principal.kid(),
        principal.token_type(),
        principal.key().kid(),
        principal.source(),
        principal.verified_at(),
    )
}
