//! Exchanges tokens between tollgate and other libraries in both directions, for every common
//! algorithm.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tollgate_core::{Algorithm, Key, SigningKey, Verifier};
use tollgate_tests::{Peer, Wanted};

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "orders-api";

/// The algorithms of every peer, except Ed25519 and `EdDSA`.
const COMMON: &[&str] = &[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
    "ES384", "ES512",
];

/// Each peer with its algorithms beyond the common ones. The list is explicit so that a removed
/// algorithm is noticed.
const PEERS: &[(&str, &[&str])] = &[
    ("pyjwt", &["EdDSA"]),
    ("authlib", &["EdDSA"]),
    ("jose", &["EdDSA", "Ed25519"]),
    ("jsonwebtoken", &[]),
];

#[test]
fn pyjwt() {
    exchange_with("pyjwt");
}

#[test]
fn authlib() {
    exchange_with("authlib");
}

#[test]
fn jose() {
    exchange_with("jose");
}

#[test]
fn jsonwebtoken() {
    exchange_with("jsonwebtoken");
}

/// Checks the harness: a peer that accepts everything would make the tests above meaningless.
#[test]
fn the_peers_agree_with_each_other() {
    let mut peers: Vec<Peer> = PEERS
        .iter()
        .filter_map(|(name, _)| Peer::start(name))
        .collect();
    for signer in 0..peers.len() {
        for algorithm in algorithms(peers[signer].name()) {
            let pair = peers[signer].generate(algorithm);
            let token = peers[signer].sign(algorithm, &pair.private, &json!({}), &claims());
            let from = peers[signer].name();
            for verifier in peers
                .iter_mut()
                .filter(|peer| algorithms(peer.name()).contains(&algorithm))
            {
                let wanted = wanted(algorithm, &pair.public);
                let context = format!("{algorithm} from {from} to {}", verifier.name());
                assert_eq!(verifier.verify(&wanted, &token), Ok(claims()), "{context}");
                assert!(
                    verifier.verify(&wanted, &tampered(&token)).is_err(),
                    "{context}"
                );
                let elsewhere = Wanted {
                    audience: "billing-api",
                    ..wanted
                };
                assert!(verifier.verify(&elsewhere, &token).is_err(), "{context}");
            }
        }
    }
}

fn exchange_with(name: &'static str) {
    let Some(mut peer) = Peer::start(name) else {
        return;
    };
    let offered = peer.algorithms();
    let known = Algorithm::ALL.iter().map(|algorithm| algorithm.as_str());
    let both: Vec<&str> = known
        .filter(|name| offered.iter().any(|offered| offered == name))
        .collect();
    assert_eq!(
        both,
        algorithms(name),
        "the algorithms of {name} have changed"
    );
    for algorithm in both {
        tollgate_verifies(&mut peer, algorithm);
        peer_verifies(&mut peer, algorithm);
    }
}

fn tollgate_verifies(peer: &mut Peer, algorithm: &str) {
    let context = format!("{algorithm} from {}", peer.name());
    let pair = peer.generate(algorithm);
    let token = peer.sign(algorithm, &pair.private, &json!({ "kid": "k1" }), &claims());
    let key = Key::from_jwk(pair.public.to_string())
        .unwrap_or_else(|problem| panic!("{context}: {problem}"));
    let verifier = verifier(key);

    let principal = verifier
        .verify(&token)
        .unwrap_or_else(|problem| panic!("{context}: {problem}"));
    assert_eq!(
        principal.claims::<Value>().ok(),
        Some(claims()),
        "{context}"
    );
    assert_eq!(principal.algorithm().as_str(), algorithm, "{context}");
    assert_eq!(principal.kid(), Some("k1"), "{context}");

    assert!(verifier.verify(tampered(&token)).is_err(), "{context}");
    let other = peer.generate(algorithm);
    let other = peer.sign(algorithm, &other.private, &json!({}), &claims());
    assert!(
        verifier.verify(&other).is_err(),
        "{context}, by another key"
    );
}

fn peer_verifies(peer: &mut Peer, algorithm: &str) {
    let context = format!("{algorithm} to {}", peer.name());
    // A private key of the peer and one of tollgate. A secret is always the peer's, because
    // tollgate does not export secrets.
    let pair = peer.generate(algorithm);
    let loaded = SigningKey::from_jwk(pair.private.to_string());
    let loaded = loaded
        .unwrap_or_else(|problem| panic!("{context}: {problem}"))
        .with_kid("k1");
    let mut keys = vec![(loaded, pair.public)];
    if !algorithm.starts_with("HS") {
        let parsed = algorithm
            .parse()
            .unwrap_or_else(|problem| panic!("{context}: {problem}"));
        let made = SigningKey::generate(parsed);
        let made = made
            .unwrap_or_else(|problem| panic!("{context}: {problem}"))
            .with_kid("k2");
        let public = made
            .public_jwk()
            .unwrap_or_else(|| panic!("{context}: no public key"));
        let pem = made
            .to_pkcs8_pem()
            .unwrap_or_else(|problem| panic!("{context}: {problem}"));
        let token = peer.sign(algorithm, &json!(*pem), &json!({}), &claims());
        let verified = verifier(made.verifying_key()).verify(&token);
        assert!(verified.is_ok(), "{context}, from PEM: {verified:?}");
        keys.push((made, public));
    }
    for (key, public) in keys {
        let token = key
            .encode(&claims())
            .unwrap_or_else(|problem| panic!("{context}: {problem}"));
        let wanted = wanted(algorithm, &public);
        assert_eq!(peer.verify(&wanted, &token), Ok(claims()), "{context}");
        assert!(
            peer.verify(&wanted, &tampered(&token)).is_err(),
            "{context}"
        );
        let ours = verifier(key.verifying_key()).verify(&token);
        assert!(ours.is_ok(), "{context}: {ours:?}");
    }
}

fn algorithms(peer: &str) -> Vec<&'static str> {
    let beyond = PEERS
        .iter()
        .filter(|(name, _)| *name == peer)
        .flat_map(|(_, beyond)| *beyond);
    COMMON.iter().chain(beyond).copied().collect()
}

fn wanted<'a>(algorithm: &'a str, public: &'a Value) -> Wanted<'a> {
    Wanted {
        algorithm,
        public,
        issuer: ISSUER,
        audience: AUDIENCE,
    }
}

fn verifier(key: Key) -> Verifier {
    let built = Verifier::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .key(key)
        .build();
    built.unwrap_or_else(|problem| panic!("{problem}"))
}

/// Claims that libraries serialise differently: non-ASCII text, nesting, numbers, an `aud` list.
fn claims() -> Value {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    // Rounded to the hour, so that two calls in one test agree, unless the hour changes between
    // them.
    let hour = now / 3600 * 3600;
    json!({
        "iss": ISSUER,
        "aud": [AUDIENCE, "another"],
        "sub": "Zoë/\"42\"\u{1F600}",
        "iat": hour,
        "exp": hour + 7200,
        "scope": "orders:read orders:write",
        "realm_access": { "roles": ["clerk", "Mitarbeiter-ä"] },
        "balance": -12.5,
        "active": true,
        "nothing": null,
    })
}

/// Flips one bit of the signature and keeps it canonical base64url.
fn tampered(token: &str) -> String {
    let at = token.rfind('.').map_or(0, |dot| dot + 1);
    let flipped = if token[at..].starts_with('A') {
        "B"
    } else {
        "A"
    };
    format!("{}{flipped}{}", &token[..at], &token[at + 1..])
}
