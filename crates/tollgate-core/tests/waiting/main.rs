//! Verifications and decisions that wait for a key, and issuer sources.

#![allow(clippy::unwrap_used)]

mod gate;
mod issuers;
mod source;
mod verifier;

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_core::{Algorithm, SigningKey, Unavailable, Verifier, VerifierBuilder};

const NOW: u64 = 1_700_000_000;

fn anyone() -> VerifierBuilder {
    Verifier::builder()
        .dangerous_any_issuer()
        .dangerous_any_audience()
        .clock(|| NOW)
}

fn es256(kid: &str) -> SigningKey {
    SigningKey::generate(Algorithm::ES256)
        .unwrap()
        .with_kid(kid)
}

fn claims() -> Value {
    json!({ "iss": "https://id.example.com", "aud": "api", "sub": "u-7", "exp": NOW + 60 })
}

fn token(key: &SigningKey) -> String {
    key.encode(&claims()).unwrap()
}

fn down(seconds: u64) -> Unavailable {
    Unavailable::new(Duration::from_secs(seconds))
}

/// Polls a future until it is ready.
fn wait<F: Future>(future: F) -> F::Output {
    within(100, future).expect("the future depends only on the test")
}

/// Polls a future a limited number of times.
fn within<F: Future>(looks: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..looks).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}
