//! Anything at all as a token: split and decoded, and through a whole verifier, which accepts none of it.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tollgate_core::{Key, Verifier};

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let key = Key::hs256([0x5a; 32]).expect("a secret as long as the hash");
    let builder = Verifier::builder()
        .issuer("https://id.example.com")
        .audience("orders-api")
        .key(key);
    builder.build().expect("a complete configuration")
});

fuzz_target!(|data: &[u8]| {
    tollgate_core::fuzzing::token(data);
    // The secret is in the source, but what finds a signature by mutation has found a way round it.
    assert!(VERIFIER.verify(data).is_err());
});
