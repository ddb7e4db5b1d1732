//! Checks that run with every backend of `jsonwebtoken`. None of them may panic.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use jsonwebtoken::crypto::{CryptoProvider, KeyUtils};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate::axum::JwtAuth;
use tollgate::{Algorithm, Claims, Key, KeySet, SigningKey, Verifier};
use tower::ServiceExt as _;

/// A secret of the length that HS256 requires.
pub const SECRET: &[u8; 32] = b"an HS256 secret of just 32 bytes";

const RSA: &[u8] = include_bytes!("../keys/rsa.pem");
const RSA_PUBLIC: &[u8] = include_bytes!("../keys/rsa.pub.pem");
const EC: &[u8] = include_bytes!("../keys/ec.pem");
const EC_PUBLIC: &[u8] = include_bytes!("../keys/ec.pub.pem");
const ED: &[u8] = include_bytes!("../keys/ed.pem");
const ED_PUBLIC: &[u8] = include_bytes!("../keys/ed.pub.pem");

/// Signs and verifies with keys loaded by tollgate.
///
/// # Panics
/// If tollgate does not accept its own token, or accepts a changed one.
pub fn own_keys() {
    for (algorithm, private, public) in [
        (Algorithm::RS256, RSA, RSA_PUBLIC),
        (Algorithm::PS256, RSA, RSA_PUBLIC),
        (Algorithm::ES256, EC, EC_PUBLIC),
        (Algorithm::EdDSA, ED, ED_PUBLIC),
    ] {
        let signing = SigningKey::from_pem(algorithm, private).expect("a private key");
        accepts_only(
            &signing,
            Key::from_pem(algorithm, public).expect("a public key"),
        );
    }
    let signing = SigningKey::hs256(SECRET).expect("a secret");
    accepts_only(&signing, Key::hs256(SECRET).expect("a secret"));
}

/// Signs and verifies with keys converted from the types of `jsonwebtoken`.
///
/// # Panics
/// If a conversion fails, or as in [`own_keys`].
pub fn converted_keys() {
    let pairs = [
        (
            Algorithm::HS256,
            Ok(EncodingKey::from_secret(SECRET)),
            Ok(DecodingKey::from_secret(SECRET)),
        ),
        (
            Algorithm::RS256,
            EncodingKey::from_rsa_pem(RSA),
            DecodingKey::from_rsa_pem(RSA_PUBLIC),
        ),
        (
            Algorithm::ES256,
            EncodingKey::from_ec_pem(EC),
            DecodingKey::from_ec_pem(EC_PUBLIC),
        ),
        (
            Algorithm::EdDSA,
            EncodingKey::from_ed_pem(ED),
            DecodingKey::from_ed_pem(ED_PUBLIC),
        ),
    ];
    for (algorithm, encoding, decoding) in pairs {
        let signing = SigningKey::from_encoding_key(algorithm, &encoding.expect("an encoding key"));
        let signing = signing.expect("a signing key").with_kid("converted");
        let key =
            Key::from_decoding_key(algorithm, &decoding.expect("a decoding key")).expect("a key");
        accepts_only(&signing, key);

        if let Some(public) = signing.public_jwk() {
            let jwk: Jwk = serde_json::from_value(public).expect("a JWK that jsonwebtoken reads");
            accepts_only(&signing, Key::try_from(&jwk).expect("a key"));
            let again = DecodingKey::from_jwk(&jwk).expect("a decoding key");
            accepts_only(
                &signing,
                Key::from_decoding_key(algorithm, &again).expect("a key"),
            );
            let set = KeySet::from_jsonwebtoken(&JwkSet { keys: vec![jwk] }).expect("a key set");
            assert_eq!((set.len(), set.skipped().len()), (1, 0), "{algorithm}");
        }
        let theirs =
            jsonwebtoken::Algorithm::try_from(algorithm).expect("an algorithm of both libraries");
        assert_eq!(Algorithm::try_from(theirs).ok(), Some(algorithm));
    }
}

/// The claims type of the handler in [`requests`].
#[derive(Debug, Clone, Deserialize, Claims)]
struct User {
    sub: String,
}

/// Sends requests with and without a valid token through the layer and an extractor of the axum
/// adapter.
///
/// # Panics
/// If a response is not the expected one.
pub fn requests() {
    let signing = SigningKey::from_pem(Algorithm::ES256, EC).expect("a private key");
    let app: Router = Router::new()
        .route("/me", get(async |user: User| user.sub))
        .layer(JwtAuth::new(verifier(signing.verifying_key())));
    let token = signing.encode(&claims()).expect("a token");
    let good = Request::get("/me").header("authorization", format!("Bearer {token}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime without drivers");
    for (request, expected) in [
        (good, StatusCode::OK),
        (Request::get("/me"), StatusCode::UNAUTHORIZED),
    ] {
        let request = request.body(Body::empty()).expect("a request");
        let answer = runtime.block_on(app.clone().oneshot(request));
        assert_eq!(answer.map(|response| response.status()), Ok(expected));
    }
}

/// Checks that the consumer can still install the process-wide provider of `jsonwebtoken`.
///
/// # Panics
/// If a provider is already installed, which no call of tollgate may do.
pub fn provider_is_still_free() {
    static OWN: CryptoProvider = CryptoProvider {
        signer_factory: |_, _| Err(jsonwebtoken::errors::ErrorKind::InvalidAlgorithm.into()),
        verifier_factory: |_, _| Err(jsonwebtoken::errors::ErrorKind::InvalidAlgorithm.into()),
        key_utils: KeyUtils::new_unimplemented(),
    };
    assert!(
        OWN.install_default().is_ok(),
        "tollgate has installed a provider"
    );
}

/// Creates a token with `jsonwebtoken` and any backend.
pub fn token_by_jsonwebtoken() -> jsonwebtoken::errors::Result<String> {
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(SECRET))
}

/// Returns whether tollgate accepts the token for [`SECRET`].
///
/// # Panics
/// If the verifier cannot be built.
pub fn accepted_by_tollgate(token: &str) -> bool {
    verifier(Key::hs256(SECRET).expect("a secret"))
        .verify(token)
        .is_ok()
}

/// Returns whether `jsonwebtoken`, with any backend, accepts a token created by tollgate.
///
/// # Panics
/// If tollgate cannot create a token.
pub fn accepted_by_jsonwebtoken() -> bool {
    let token = SigningKey::hs256(SECRET)
        .expect("a secret")
        .encode(&claims())
        .expect("a token");
    let mut wanted = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    wanted.set_audience(&["orders-api"]);
    jsonwebtoken::decode::<Value>(&token, &DecodingKey::from_secret(SECRET), &wanted).is_ok()
}

fn accepts_only(signing: &SigningKey, key: Key) {
    let token = signing.encode(&claims()).expect("a token");
    let verifier = verifier(key);
    let principal = verifier
        .verify(&token)
        .unwrap_or_else(|problem| panic!("{problem}: {token}"));
    assert_eq!(principal.subject(), Some("u-7"));
    let (signed, signature) = token.rsplit_once('.').expect("a token without a signature");
    let flipped = if signature.starts_with('A') { 'B' } else { 'A' };
    assert!(
        verifier
            .verify(&format!("{signed}.{flipped}{}", &signature[1..]))
            .is_err(),
        "{token}"
    );
}

fn verifier(key: Key) -> Verifier {
    let builder = Verifier::builder()
        .issuer("https://id.example.com")
        .audience("orders-api")
        .key(key);
    builder
        .build()
        .unwrap_or_else(|problem| panic!("{problem}"))
}

fn claims() -> Value {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    json!({ "iss": "https://id.example.com", "aud": "orders-api", "sub": "u-7", "iat": now,
        "exp": now + 600 })
}
