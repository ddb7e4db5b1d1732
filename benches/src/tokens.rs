//! The keys and tokens of all benchmarks, identical on every run.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use tollgate_core::{Algorithm, Claims, Key, SigningKey, TokenCache, Verifier, VerifierBuilder};
use tollgate_testkit::keys;

/// The time of the benchmarks, in seconds since the epoch.
pub const ISSUED_AT: u64 = 1_800_000_000;
/// `iss` of the tokens.
pub const ISSUER: &str = "https://id.example.com";
/// `aud` of the tokens.
pub const AUDIENCE: &str = "orders-api";
/// `kid` of the tokens.
pub const KID: &str = "2026-11";
/// One algorithm of each family.
pub const ALGORITHMS: [Algorithm; 5] = [
    Algorithm::HS256,
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::EdDSA,
];

/// The claims of the tokens.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Issued<'a> {
    pub(crate) iss: &'a str,
    pub(crate) sub: &'a str,
    pub(crate) aud: &'a str,
    pub(crate) exp: u64,
    pub(crate) iat: u64,
    pub(crate) nbf: u64,
    pub(crate) jti: &'a str,
    pub(crate) scope: &'a str,
}

impl Issued<'_> {
    /// Claims that are valid for decades.
    pub(crate) const VALID: Self = Issued {
        iss: ISSUER,
        sub: "user-0123456789",
        aud: AUDIENCE,
        exp: 4_000_000_000,
        iat: 1_700_000_000,
        nbf: 1_700_000_000,
        jti: "0198a5f2-7a3e-7c11-9d55-3f1c2b4a5d6e",
        scope: "orders:read orders:write profile",
    };
}

/// The claims type of a handler.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    /// The subject of the token.
    pub sub: String,
    /// The granted scopes.
    pub scope: String,
}

impl Claims for User {}

/// The same claims with a derived extractor.
#[derive(Clone, Debug, Deserialize, tollgate::Claims)]
pub struct Derived {
    /// The subject of the token.
    pub sub: String,
    /// The granted scopes.
    pub scope: String,
}

/// A verification key and a token signed for it.
pub struct Fixture {
    /// The algorithm of the token.
    pub algorithm: Algorithm,
    /// The verification key.
    pub key: Key,
    /// The token.
    pub token: String,
}

/// The secret of the HMAC tokens.
pub const SECRET: [u8; 32] = *b"a secret for benchmarks, 32 byte";

impl Fixture {
    /// Creates the key and the token for one of [`ALGORITHMS`]. They are identical on every run,
    /// because the cost of a verification depends on their bytes. Tokens are stored for randomised
    /// signatures and for RSA, where loading the private key would dominate the count.
    ///
    /// ```
    /// use tollgate_benches::tokens::{ALGORITHMS, Fixture};
    ///
    /// let input = |token: &str| token.rsplit_once('.').unwrap().0.to_owned();
    /// for algorithm in ALGORITHMS {
    ///     let fixture = Fixture::new(algorithm);
    ///     assert_eq!(fixture.verifier().verify(&fixture.token).unwrap()
    ///         .subject(), Some("user-0123456789"));
    ///     let anew = fixture.signed_anew();
    ///     assert_eq!(input(&fixture.token), input(&anew), "to be stored in its place: {anew}");
    /// }
    /// ```
    pub fn new(algorithm: Algorithm) -> Self {
        let (key, stored) = match algorithm {
            Algorithm::HS256 => (Key::hs256(SECRET), None),
            Algorithm::RS256 => (
                Key::from_pem(algorithm, keys::RSA_PUBLIC_PEM),
                Some(include_str!("../tokens/rs256.jwt")),
            ),
            Algorithm::PS256 => (
                Key::from_pem(algorithm, keys::RSA_PUBLIC_PEM),
                Some(include_str!("../tokens/ps256.jwt")),
            ),
            Algorithm::ES256 => (
                Key::from_pem(algorithm, keys::P256_PUBLIC_PEM),
                Some(include_str!("../tokens/es256.jwt")),
            ),
            _ => (Key::from_pem(algorithm, keys::ED25519_PUBLIC_PEM), None),
        };
        let mut fixture = Self {
            algorithm,
            key: key.unwrap().with_kid(KID),
            token: String::new(),
        };
        fixture.token = match stored {
            Some(token) => token.trim_end().to_owned(),
            None => fixture.signed_anew(),
        };
        fixture
    }

    /// The signing key.
    pub fn signing(&self) -> SigningKey {
        let key = match self.algorithm {
            Algorithm::HS256 => SigningKey::hs256(SECRET),
            Algorithm::ES256 => SigningKey::from_pem(self.algorithm, keys::P256_PRIVATE_PEM),
            Algorithm::EdDSA => SigningKey::from_pem(self.algorithm, keys::ED25519_PRIVATE_PEM),
            _ => SigningKey::from_pem(self.algorithm, keys::RSA_PRIVATE_PEM),
        };
        key.unwrap().with_kid(KID)
    }

    /// Returns the token with a new signature.
    pub fn signed_anew(&self) -> String {
        self.signing().encode(&Issued::VALID).unwrap()
    }

    /// Creates a verifier with every default check and a cache.
    pub fn verifier(&self) -> Verifier {
        self.builder().build().unwrap()
    }

    /// Creates the same verifier without a cache.
    ///
    /// ```
    /// use tollgate_benches::tokens::Fixture;
    /// use tollgate_core::Algorithm;
    ///
    /// let fixture = Fixture::new(Algorithm::HS256);
    /// assert!(fixture.cold_verifier().token_cache_status().is_none());
    /// assert!(fixture.verifier().token_cache_status().is_some());
    /// ```
    pub fn cold_verifier(&self) -> Verifier {
        self.builder().without_token_cache().build().unwrap()
    }

    /// Creates the same verifier with a small cache: a ring of a few thousand tokens never hits it.
    ///
    /// ```
    /// use tollgate_benches::tokens::Fixture;
    /// use tollgate_core::Algorithm;
    ///
    /// let fixture = Fixture::new(Algorithm::HS256);
    /// let verifier = fixture.forgetful_verifier();
    /// let tokens = fixture.distinct(2048);
    /// for token in tokens.iter().chain(&tokens) {
    ///     verifier.verify(token).unwrap();
    /// }
    /// let status = verifier.token_cache_status().unwrap();
    /// assert!(status.hits * 20 < status.misses, "{status:?}");
    /// ```
    pub fn forgetful_verifier(&self) -> Verifier {
        let few = TokenCache::default().max_bytes(64 << 10);
        self.builder().token_cache(few).build().unwrap()
    }

    fn builder(&self) -> VerifierBuilder {
        Verifier::builder()
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .key(self.key.clone())
    }

    /// Returns `count` valid tokens with distinct `jti` and signatures.
    ///
    /// ```
    /// use tollgate_benches::tokens::Fixture;
    /// use tollgate_core::Algorithm;
    ///
    /// let fixture = Fixture::new(Algorithm::HS256);
    /// let tokens = fixture.distinct(2);
    /// assert_ne!(tokens[0], tokens[1]);
    /// assert!(tokens.iter().all(|token| fixture.verifier().verify(token).is_ok()));
    /// ```
    pub fn distinct(&self, count: usize) -> Vec<String> {
        let signing = self.signing();
        let token = |number| {
            let jti = format!("0198a5f2-7a3e-7c11-9d55-{number:012x}");
            let issued = Issued {
                jti: &jti,
                ..Issued::VALID
            };
            signing.encode(&issued).unwrap()
        };
        (0..count).map(token).collect()
    }

    /// Returns the signing input and the signature of the token.
    pub fn signed(&self) -> (Vec<u8>, Vec<u8>) {
        let (input, signature) = self.token.rsplit_once('.').unwrap();
        let signature = base64_simd::URL_SAFE_NO_PAD
            .decode_to_vec(signature)
            .unwrap();
        (input.as_bytes().to_vec(), signature)
    }

    /// Returns the configuration of `jsonwebtoken` that matches the default checks of tollgate.
    pub fn peer(&self) -> (DecodingKey, Validation) {
        let key = match self.signing().public_jwk() {
            None => DecodingKey::from_secret(&SECRET),
            Some(jwk) => {
                DecodingKey::from_jwk(&serde_json::from_value::<Jwk>(jwk).unwrap()).unwrap()
            }
        };
        let mut validation = Validation::new(self.algorithm.as_str().parse().unwrap());
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.validate_nbf = true;
        (key, validation)
    }
}
