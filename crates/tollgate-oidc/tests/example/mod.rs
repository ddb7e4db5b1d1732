// Hidden setup of the examples, which include this file: a provider in memory.

use tollgate::Algorithm;
use tollgate_testkit::{FakeProvider, keys};

pub const ISSUER: &str = "https://id.example.com";
pub const JWKS: &str = "https://id.example.com/jwks.json";

/// Creates a provider with one key.
pub fn provider() -> FakeProvider {
    let provider = FakeProvider::new();
    provider.describe(ISSUER, JWKS);
    provider.publish(JWKS, &[keys::signing(Algorithm::ES256)]);
    provider
}
