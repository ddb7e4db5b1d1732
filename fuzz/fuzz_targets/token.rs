//! Fuzzes arbitrary bytes as a token, with the decoder and a whole verifier. The verifier must
//! refuse all of them.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tollgate_core::{Key, Verifier};

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| verifier(false));
static PADDED: LazyLock<Verifier> = LazyLock::new(|| verifier(true));

fn verifier(padded: bool) -> Verifier {
    let key = Key::hs256([0x5a; 32]).expect("a secret as long as the hash");
    let builder = Verifier::builder()
        .issuer("https://id.example.com")
        .audience("orders-api")
        .key(key);
    let builder = if padded {
        builder.dangerous_padded_segments()
    } else {
        builder
    };
    builder.build().expect("a complete configuration")
}

fuzz_target!(|data: &[u8]| {
    tollgate_core::fuzzing::token(data);
    // The secret is in the source, but a signature found by mutation would be a bypass.
    assert!(VERIFIER.verify(data).is_err());
    assert!(PADDED.verify(data).is_err());
});
