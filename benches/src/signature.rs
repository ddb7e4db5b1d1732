//! The least that any verifier must do: the signature check alone, with the key prepared.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::PublicEncryptingKey;
use aws_lc_rs::{hmac, signature};
use tollgate_core::Algorithm;

use crate::tokens::{Fixture, SECRET};

/// A check of what is signed and its signature.
pub type Check = Box<dyn FnMut(&[u8], &[u8]) -> bool>;

/// The check of aws-lc-rs with the fixture's key, prepared once.
///
/// ```
/// use tollgate_benches::signature;
/// use tollgate_benches::tokens::{ALGORITHMS, Fixture};
///
/// for algorithm in ALGORITHMS {
///     let fixture = Fixture::new(algorithm);
///     let (input, signature) = fixture.signed();
///     assert!(signature::alone(&fixture)(&input, &signature));
///     assert!(!signature::alone(&fixture)(b"something else", &signature));
/// }
/// ```
pub fn alone(fixture: &Fixture) -> Check {
    let Some(jwk) = fixture.signing.public_jwk() else {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
        return Box::new(move |input, signature| hmac::verify(&key, input, signature).is_ok());
    };
    let member = |name: &str| {
        base64_simd::URL_SAFE_NO_PAD
            .decode_to_vec(jwk[name].as_str().unwrap())
            .unwrap()
    };
    let rsa = || {
        let components = signature::RsaPublicKeyComponents {
            n: member("n"),
            e: member("e"),
        };
        let key: PublicEncryptingKey = components.try_into().unwrap();
        key.as_der().unwrap().as_ref().to_vec()
    };
    let (algorithm, bytes): (&'static dyn signature::VerificationAlgorithm, Vec<u8>) = match fixture.algorithm
    {
        Algorithm::RS256 => (&signature::RSA_PKCS1_2048_8192_SHA256, rsa()),
        Algorithm::PS256 => (&signature::RSA_PSS_2048_8192_SHA256, rsa()),
        Algorithm::ES256 => (
            &signature::ECDSA_P256_SHA256_FIXED,
            [vec![4], member("x"), member("y")].concat(),
        ),
        _ => (&signature::ED25519, member("x")),
    };
    let key = signature::ParsedPublicKey::new(algorithm, bytes).unwrap();
    Box::new(move |input, signature| key.verify_sig(input, signature).is_ok())
}
