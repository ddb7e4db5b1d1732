//! The lower bound of any verifier: the signature check with a prepared key.

use aws_lc_rs::{hmac, signature};
use tollgate_core::Algorithm;
use tollgate_testkit::keys;

use crate::tokens::{Fixture, SECRET};

/// A function that checks a signing input and its signature.
pub type Check = Box<dyn FnMut(&[u8], &[u8]) -> bool>;

/// Creates the check of aws-lc-rs with the fixture's key, prepared once.
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
    let (algorithm, pem): (&'static dyn signature::VerificationAlgorithm, _) = match fixture
        .algorithm
    {
        Algorithm::HS256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
            return Box::new(move |input, signature| hmac::verify(&key, input, signature).is_ok());
        }
        Algorithm::RS256 => (&signature::RSA_PKCS1_2048_8192_SHA256, keys::RSA_PUBLIC_PEM),
        Algorithm::PS256 => (&signature::RSA_PSS_2048_8192_SHA256, keys::RSA_PUBLIC_PEM),
        Algorithm::ES256 => (&signature::ECDSA_P256_SHA256_FIXED, keys::P256_PUBLIC_PEM),
        _ => (&signature::ED25519, keys::ED25519_PUBLIC_PEM),
    };
    let base64 = pem.split("-----").nth(2).unwrap().replace('\n', "");
    let der = base64_simd::STANDARD.decode_to_vec(base64).unwrap();
    let key = signature::ParsedPublicKey::new(algorithm, der).unwrap();
    Box::new(move |input, signature| key.verify_sig(input, signature).is_ok())
}
