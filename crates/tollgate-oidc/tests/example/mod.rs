// What examples need and do not show, included by them: a provider in memory, and the time.

use tollgate_core::Algorithm;
use tollgate_testkit::{FakeProvider, FakeTimer, keys};

pub const ISSUER: &str = "https://id.example.com";
pub const JWKS: &str = "https://id.example.com/jwks.json";

/// A provider with one key, and the time that it goes by.
pub fn provider() -> (FakeProvider, FakeTimer) {
    let timer = FakeTimer::new();
    let provider = FakeProvider::new(&timer);
    provider.describe(ISSUER, JWKS);
    provider.publish(JWKS, &[keys::signing(Algorithm::ES256)]);
    (provider, timer)
}
