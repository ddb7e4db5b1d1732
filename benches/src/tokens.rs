//! The keys and tokens that every benchmark measures with.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use tollgate_core::{Algorithm, ClaimSet, Key, SigningKey, Verifier};

/// The time at which the tokens are valid, in seconds since the epoch.
pub const ISSUED_AT: u64 = 1_800_000_000;
/// `iss` of the tokens.
pub const ISSUER: &str = "https://id.example.com";
/// `aud` of the tokens.
pub const AUDIENCE: &str = "orders-api";

/// The claims that the tokens carry.
#[derive(Debug, Serialize)]
struct Issued<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: u64,
    iat: u64,
    nbf: u64,
    jti: &'a str,
    scope: &'a str,
}

/// The claims that a handler asks for.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    /// Whom the token speaks for.
    pub sub: String,
    /// What it grants.
    pub scope: String,
}

impl ClaimSet for User {}

/// A key pair or secret with a token made by it.
pub struct Fixture {
    /// What the token is signed with.
    pub algorithm: Algorithm,
    /// The signing key.
    pub signing: SigningKey,
    /// The key to verify with.
    pub key: Key,
    /// The token.
    pub token: String,
}

/// The secret of the HMAC tokens.
pub const SECRET: [u8; 32] = *b"a secret for benchmarks, 32 byte";

impl Fixture {
    /// A fresh key, and a token that is valid for ten years from now.
    ///
    /// ```
    /// use tollgate_benches::tokens::Fixture;
    /// use tollgate_core::Algorithm;
    ///
    /// let fixture = Fixture::new(Algorithm::ES256);
    /// assert_eq!(fixture.verifier().verify(&fixture.token).unwrap().subject(), Some("user-0123456789"));
    /// ```
    pub fn new(algorithm: Algorithm) -> Self {
        let signing = match algorithm {
            Algorithm::HS256 => SigningKey::hs256(SECRET).unwrap(),
            _ => SigningKey::generate(algorithm).unwrap(),
        };
        Self::of(algorithm, signing)
    }

    /// A key that is the same on every run, and its token, which is by Ed25519 as well: for what is counted.
    ///
    /// ```
    /// use tollgate_benches::tokens::Fixture;
    ///
    /// assert_eq!(Fixture::ed25519().token, Fixture::ed25519().token);
    /// ```
    pub fn ed25519() -> Self {
        // RFC 8410 section 7: a PKCS#8 frame, and the private key after it.
        let mut pkcs8 = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
        pkcs8.extend(SECRET);
        Self::of(
            Algorithm::EdDSA,
            SigningKey::der(Algorithm::EdDSA, pkcs8).unwrap(),
        )
    }

    fn of(algorithm: Algorithm, signing: SigningKey) -> Self {
        let signing = signing.with_kid("2026-11");
        let claims = Issued {
            iss: ISSUER,
            sub: "user-0123456789",
            aud: AUDIENCE,
            exp: 4_000_000_000,
            iat: 1_700_000_000,
            nbf: 1_700_000_000,
            jti: "0198a5f2-7a3e-7c11-9d55-3f1c2b4a5d6e",
            scope: "orders:read orders:write profile",
        };
        let token = signing.encode(&claims).unwrap();
        Self {
            algorithm,
            key: signing.verifying_key(),
            signing,
            token,
        }
    }

    /// A verifier with every default check for the token.
    pub fn verifier(&self) -> Verifier {
        Verifier::builder()
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .key(self.key.clone())
            .build()
            .unwrap()
    }

    /// The parts of the token that a bare signature check needs: what is signed, and the signature.
    pub fn signed(&self) -> (Vec<u8>, Vec<u8>) {
        let (input, signature) = self.token.rsplit_once('.').unwrap();
        let signature = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(signature).unwrap();
        (input.as_bytes().to_vec(), signature)
    }

    /// What `jsonwebtoken` needs to check the same as tollgate does by default.
    pub fn peer(&self) -> (DecodingKey, Validation) {
        let key = match self.signing.public_jwk() {
            None => DecodingKey::from_secret(&SECRET),
            Some(jwk) => DecodingKey::from_jwk(&serde_json::from_value::<Jwk>(jwk).unwrap()).unwrap(),
        };
        let mut validation = Validation::new(self.algorithm.as_str().parse().unwrap());
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.validate_nbf = true;
        (key, validation)
    }
}
