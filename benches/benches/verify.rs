//! A token to typed claims: tollgate beside `jsonwebtoken` with either backend, and beside the bare signature check.
//!
//! `jsonwebtoken` takes its backend for the whole process, so the program runs itself once for each.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::PublicEncryptingKey;
use aws_lc_rs::{hmac, signature};
use tollgate_benches::tokens::{Fixture, SECRET, User};
use tollgate_benches::{Candidate, compare, print, with_each_backend};
use tollgate_core::Algorithm;

fn main() {
    with_each_backend(measure);
}

fn measure(backend: &str) {
    for algorithm in [
        Algorithm::HS256,
        Algorithm::RS256,
        Algorithm::ES256,
        Algorithm::EdDSA,
    ] {
        row(backend, algorithm);
    }
}

fn row(backend: &str, algorithm: Algorithm) {
    let fixture = Fixture::new(algorithm);
    let token = &fixture.token;
    let verifier = fixture.verifier();
    let (input, signature) = fixture.signed();

    let (peer_key, validation) = fixture.peer();

    let mut bare = bare(&fixture);
    let mut candidates = [
        Candidate::new("signature check alone (aws-lc-rs, prepared)", || {
            assert!(bare(&input, &signature));
        }),
        Candidate::new("tollgate: verify", || {
            black_box(verifier.verify(black_box(token)).unwrap());
        }),
        Candidate::new("tollgate: verify, owned claims", || {
            let principal = verifier.verify(black_box(token)).unwrap();
            black_box(principal.claims::<User>().unwrap());
        }),
        Candidate::new("jsonwebtoken: decode, owned claims", || {
            black_box(jsonwebtoken::decode::<User>(black_box(token), &peer_key, &validation).unwrap());
        }),
    ];
    let rows = compare(&mut candidates, Duration::from_secs(2));
    print(
        &format!("{algorithm}, jsonwebtoken with {backend}"),
        &rows,
        "jsonwebtoken: decode, owned claims",
    );
}

type Check = Box<dyn FnMut(&[u8], &[u8]) -> bool>;

/// The least that any verifier must do, with the key prepared.
fn bare(fixture: &Fixture) -> Check {
    let Some(jwk) = fixture.signing.public_jwk() else {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
        return Box::new(move |input, signature| hmac::verify(&key, input, signature).is_ok());
    };
    let member = |name: &str| {
        base64_simd::URL_SAFE_NO_PAD
            .decode_to_vec(jwk[name].as_str().unwrap())
            .unwrap()
    };
    let (algorithm, bytes): (&'static dyn signature::VerificationAlgorithm, Vec<u8>) = match fixture.algorithm
    {
        Algorithm::RS256 => {
            let components = signature::RsaPublicKeyComponents {
                n: member("n"),
                e: member("e"),
            };
            let key: PublicEncryptingKey = components.try_into().unwrap();
            (
                &signature::RSA_PKCS1_2048_8192_SHA256,
                key.as_der().unwrap().as_ref().to_vec(),
            )
        }
        Algorithm::ES256 => (
            &signature::ECDSA_P256_SHA256_FIXED,
            [vec![4], member("x"), member("y")].concat(),
        ),
        _ => (&signature::ED25519, member("x")),
    };
    let key = signature::ParsedPublicKey::new(algorithm, bytes).unwrap();
    Box::new(move |input, signature| key.verify_sig(input, signature).is_ok())
}
