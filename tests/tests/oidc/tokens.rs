//! Only tokens issued by the provider for the service are accepted.

use tollgate_core::{Algorithm, Verifier};
use tollgate_oidc::{Oidc, RemoteJwks};
use tollgate_testkit::{Segments, keys};

use crate::services::Services;
use crate::world::{AUDIENCE, Issuer, JWKS, METADATA, World, kept};

const KEYS: [(&str, &str); 4] = [
    ("RS256", "r"),
    ("PS256", "p"),
    ("ES256", "e"),
    ("EdDSA", "d"),
];

fn every_algorithm_passes(world: &World) {
    for (alg, kid) in KEYS {
        let token = world.issuer.token_for(&format!("urn:orders:{alg}"));
        let answer = world.services.expect(200, &token);
        let url = world.issuer.front.url();
        assert_eq!(
            answer.content,
            format!(r#""robot" of "{url}" for "orders:read", by {kid} with {alg}"#)
        );
    }
    // All of these tokens have known keys.
    assert_eq!(world.issuer.fetches(), 1);
}

#[test]
fn access_tokens_of_every_algorithm_pass_with_discovery() {
    let Some(issuer) = Issuer::start(&KEYS) else {
        return;
    };
    let world = World::connect(issuer);
    every_algorithm_passes(&world);
    assert_eq!(world.issuer.front.paths(), [METADATA, JWKS]);
}

#[test]
fn access_tokens_of_every_algorithm_pass_with_a_jwks_url() {
    let Some(issuer) = Issuer::start(&KEYS) else {
        return;
    };
    let world = World::with(issuer, |issuer, watch, runtime| {
        let source = RemoteJwks::new(issuer.front.url() + JWKS);
        runtime.block_on(kept!(source, watch).connect()).unwrap()
    });
    every_algorithm_passes(&world);
    assert_eq!(world.issuer.front.paths(), [JWKS]);
}

#[test]
fn tokens_not_issued_for_the_service_are_refused_without_a_fetch() {
    let Some(issuer) = Issuer::start(&KEYS) else {
        return;
    };
    let world = World::connect(issuer);
    let token = world.issuer.token();
    world.services.expect(200, &token);

    world
        .services
        .expect(401, &world.issuer.token_for("urn:stock"));
    // The claims of one token with the signature of another.
    let (mut mixed, other) = (Segments::of(&token), Segments::of(&world.issuer.token()));
    mixed.payload = other.payload;
    world.services.expect(401, &mixed.to_string());
    // An attacker with its own key and a `kid` of the provider.
    for (alg, kid) in [
        (Algorithm::RS256, "r"),
        (Algorithm::ES256, "e"),
        (Algorithm::EdDSA, "d"),
    ] {
        let segments = Segments::of(&token);
        let header = format!(r#"{{"alg":"{alg:?}","typ":"at+jwt","kid":"{kid}"}}"#);
        let forged =
            Segments::unsigned(header, segments.payload_bytes()).signed_by(&keys::signing(alg));
        world.services.expect(401, &forged.to_string());
    }
    // Key confusion: the public key as an HMAC secret.
    let header = r#"{"alg":"HS256","typ":"at+jwt","kid":"r"}"#;
    let confused = Segments::unsigned(header, Segments::of(&token).payload_bytes());
    let confused = confused.signed_with_secret(Algorithm::HS256, keys::RSA_PUBLIC_PEM);
    world.services.expect(401, &confused.to_string());
    assert_eq!(world.issuer.fetches(), 1);
}

#[test]
fn an_algorithm_outside_the_allow_list_is_refused_despite_a_matching_key() {
    let Some(issuer) = Issuer::start(&KEYS) else {
        return;
    };
    let world = World::connect(issuer);
    let verifier = Verifier::builder()
        .issuer(world.issuer.front.url())
        .audience(AUDIENCE)
        .algorithms([Algorithm::ES256])
        .key_source(world.keys.clone())
        .build()
        .unwrap();
    let services = Services::start(&verifier);
    for (alg, _) in KEYS {
        let token = world.issuer.token_for(&format!("urn:orders:{alg}"));
        services.expect(if alg == "ES256" { 200 } else { 401 }, &token);
    }
    assert_eq!(world.issuer.fetches(), 1);
}

#[test]
fn keys_are_not_shared_between_issuers() {
    let (Some(ours), Some(theirs)) = (
        Issuer::start(&[("ES256", "1")]),
        Issuer::start(&[("ES256", "1")]),
    ) else {
        return;
    };
    let world = World::connect(ours);
    // The same `kid` and the same audience, but another provider.
    world.services.expect(401, &theirs.token());
    world.services.expect(200, &world.issuer.token());
    assert_eq!(theirs.front.paths(), [""; 0]);

    // A key source of one issuer cannot serve another issuer.
    let verifier = Verifier::builder()
        .issuer(theirs.front.url())
        .audience(AUDIENCE)
        .key_source(world.keys.clone())
        .build();
    assert!(verifier.is_err());
    let keys = Oidc::discover(theirs.front.url());
    let keys = world.runtime.handle().block_on(keys.connect()).unwrap();
    let verifier = Verifier::builder()
        .issuer(theirs.front.url())
        .audience(AUDIENCE)
        .key_source(keys)
        .build()
        .unwrap();
    let services = Services::start(&verifier);
    services.expect(200, &theirs.token());
    services.expect(401, &world.issuer.token());
}
