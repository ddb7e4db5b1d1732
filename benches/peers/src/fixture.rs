//! The key, an accepted token, and refused tokens.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tollgate_core::{Algorithm, SigningKey};
use tower::Service;

use crate::Candidate;

/// `iss` of the tokens.
pub const ISSUER: &str = "https://id.example.com";
/// `aud` of the tokens.
pub const AUDIENCE: &str = "orders-api";
/// The secret of the HMAC tokens.
pub const SECRET: &str = "a secret for benchmarks, 32 byte";

const KID: &str = "2026-11";
const VARIABLE: &str = "TOLLGATE_PEERS_FIXTURE";

/// A verification key and tokens signed for it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Fixture {
    /// `HS256` or `RS256`.
    pub algorithm: String,
    /// The key as a JWK Set with one member.
    pub jwks: Value,
    /// The accepted token.
    pub good: String,
    /// Refused tokens, each with its reason.
    pub bad: Vec<(String, String)>,
}

impl Fixture {
    /// Creates tokens with a shared secret.
    ///
    /// ```
    /// assert_eq!(tollgate_peers::Fixture::hs256().algorithm, "HS256");
    /// ```
    pub fn hs256() -> Self {
        let k = base64_simd::URL_SAFE_NO_PAD.encode_to_string(SECRET);
        let jwk = json!({"kty": "oct", "k": k, "alg": "HS256", "kid": KID, "use": "sig"});
        Self::of(&SigningKey::hs256(SECRET).unwrap(), &jwk)
    }

    /// Creates tokens with a new 2048-bit RSA key.
    ///
    /// ```
    /// assert_eq!(tollgate_peers::Fixture::rs256().algorithm, "RS256");
    /// ```
    pub fn rs256() -> Self {
        let key = SigningKey::generate(Algorithm::RS256)
            .unwrap()
            .with_kid(KID);
        let jwk = key.public_jwk().unwrap();
        Self::of(&key, &jwk)
    }

    fn of(key: &SigningKey, jwk: &Value) -> Self {
        let key = key.clone().with_kid(KID);
        let claims = json!({
            "iss": ISSUER,
            "sub": "user-0123456789",
            "aud": AUDIENCE,
            "exp": 4_000_000_000_u64,
            "iat": 1_700_000_000,
            "nbf": 1_700_000_000,
            "jti": "0198a5f2-7a3e-7c11-9d55-3f1c2b4a5d6e",
            "scope": "orders:read orders:write profile",
        });
        let good = key.encode(&claims).unwrap();
        let other = |why: &str, member: &str, value: Value| {
            let mut claims = claims.clone();
            claims[member] = value;
            (why.to_owned(), key.encode(&claims).unwrap())
        };
        let bad = vec![
            ("a wrong signature".to_owned(), forged(&good)),
            other("an expired token", "exp", 1_700_000_900.into()),
            other(
                "a token that is not valid yet",
                "nbf",
                3_900_000_000_u64.into(),
            ),
            other("another issuer", "iss", "https://id.example.org".into()),
            other("another audience", "aud", "billing-api".into()),
        ];
        Self {
            algorithm: key.algorithm().as_str().to_owned(),
            jwks: json!({"keys": [jwk]}),
            good,
            bad,
        }
    }

    /// The environment variable for a child process, which [reads](Self::inherited) it.
    ///
    /// ```
    /// let (name, value) = tollgate_peers::Fixture::hs256().variable();
    /// assert!(name.starts_with("TOLLGATE_") && value.contains("HS256"));
    /// ```
    pub fn variable(&self) -> (&'static str, String) {
        (VARIABLE, serde_json::to_string(self).unwrap())
    }

    /// The fixture from the parent process.
    ///
    /// ```
    /// assert!(tollgate_peers::Fixture::inherited().is_none());
    /// ```
    pub fn inherited() -> Option<Self> {
        let text = std::env::var(VARIABLE).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    }

    /// Returns whether the tokens use a shared secret.
    ///
    /// ```
    /// assert!(tollgate_peers::Fixture::hs256().is_hmac());
    /// ```
    pub fn is_hmac(&self) -> bool {
        self.algorithm == "HS256"
    }

    /// Returns the signing input and the signature.
    ///
    /// ```
    /// let (input, signature) = tollgate_peers::Fixture::hs256().signed();
    /// assert!(input.starts_with(b"eyJ") && signature.len() == 32);
    /// ```
    pub fn signed(&self) -> (Vec<u8>, Vec<u8>) {
        let (input, signature) = self.good.rsplit_once('.').unwrap();
        let signature = base64_simd::URL_SAFE_NO_PAD
            .decode_to_vec(signature)
            .unwrap();
        (input.as_bytes().to_vec(), signature)
    }

    /// Creates a request with the accepted token.
    ///
    /// ```
    /// let request = tollgate_peers::Fixture::hs256().request();
    /// assert!(request.headers()["authorization"].as_bytes().starts_with(b"Bearer eyJ"));
    /// ```
    pub fn request(&self) -> Request<Body> {
        with_token(&self.good)
    }

    /// Asserts that the candidate accepts the good token twice and refuses the others, and a
    /// request without one, with 401 or 403. A candidate without a check, such as the bare route,
    /// accepts all.
    ///
    /// # Panics
    /// If a response is not the expected one.
    pub fn check(&self, candidate: &Candidate) {
        let mut app = (candidate.app)(self);
        let name = candidate.name;
        for _ in 0..2 {
            assert_eq!(
                status(&mut app, self.request()),
                StatusCode::OK,
                "{name} with the good token"
            );
        }
        if !candidate.guards {
            return;
        }
        let refused = |status| matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        for (why, token) in &self.bad {
            let status = status(&mut app, with_token(token));
            assert!(refused(status), "{name} answers {status} to {why}");
        }
        let status = status(&mut app, Request::new(Body::empty()));
        assert!(refused(status), "{name} answers {status} without a token");
    }
}

fn forged(token: &str) -> String {
    // Not the last character, which may have unused bits.
    let place = token.rfind('.').unwrap() + 5;
    let other = if token.as_bytes()[place] == b'A' {
        "B"
    } else {
        "A"
    };
    [&token[..place], other, &token[place + 1..]].concat()
}

fn with_token(token: &str) -> Request<Body> {
    let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    let mut request = Request::new(Body::empty());
    request.headers_mut().insert(header::AUTHORIZATION, value);
    request
}

/// Returns the status of the response.
///
/// ```
/// use axum::{Router, body::Body, http::Request, routing::get};
///
/// let mut app = Router::new().route("/", get(async || "hello"));
/// assert_eq!(tollgate_peers::fixture::status(&mut app, Request::new(Body::empty())), 200);
/// ```
pub fn status(app: &mut Router, request: Request<Body>) -> StatusCode {
    let response: Result<Response<Body>, _> = at_once(app.call(request));
    match response {
        Ok(response) => response.status(),
        Err(never) => match never {},
    }
}

/// Polls a future once. Nothing here waits, so it is ready.
///
/// # Panics
/// If the future is pending.
///
/// ```
/// assert_eq!(tollgate_peers::fixture::at_once(async { 7 }), 7);
/// ```
pub fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}
