//! Fuzzes a decoded claims set. Claims that are accepted must agree with another JSON parser. JSON
//! input is also signed and verified, and every getter of the principal is called.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;
use tollgate_core::{SigningKey, Verifier};

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::hs256([0x5a; 32]).expect("a secret as long as the hash"));

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let builder = Verifier::builder()
        .dangerous_any_issuer()
        .dangerous_any_audience()
        .key(KEY.verifying_key());
    let builder = builder
        .dangerous_allow_missing_exp()
        .role_claim("realm_access.roles");
    builder.build().expect("a complete configuration")
});

fuzz_target!(|data: &[u8]| {
    tollgate_core::fuzzing::claims(data);
    let Ok(claims) = serde_json::from_slice::<&RawValue>(data) else {
        return;
    };
    // The signing key encodes only objects.
    let Ok(token) = KEY.encode(claims) else {
        return;
    };
    if let Ok(principal) = VERIFIER.verify(token) {
        // Both parsers refuse some input, for example numbers that are too large.
        assert_eq!(
            principal.claims().ok(),
            serde_json::from_slice::<Value>(data).ok()
        );
        assert!(principal.scopes().all(|scope| principal.has_scope(&scope)));
        assert!(principal.roles().all(|role| principal.has_role(&role)));
        let _ = (
            principal.subject(),
            principal.issuer(),
            principal.audiences().count(),
        );
        let _ = (
            principal.expires_at(),
            principal.issued_at(),
            principal.not_before(),
        );
        let _ = (
            principal.jwt_id(),
            principal.client_id(),
            principal.claim("a.b"),
        );
        assert!(!format!("{principal:?}").contains(claims.get()) || claims.get().len() < 8);
    }
});
