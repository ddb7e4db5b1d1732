//! Searches for tokens that are dear to refuse. The input is a header and claims, separated by a
//! line break. The token comes forged and correctly signed, to a verifier of two issuers with
//! several keys each.
//!
//! The cost is counted in bytes that the JSON reader works on, and in allocations. A refusal must
//! cost at most what an accepted token of the same bytes costs, and at most a multiple of the
//! length. Each step towards that multiple is a branch of its own, so that the fuzzer keeps the
//! dearest inputs and goes on from them.
#![no_main]

use std::alloc::System;
use std::hint::black_box;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tollgate_core::policy::{role, scope};
use tollgate_core::{Gate, Limits, RequestView, SigningKey, TrustedIssuer, Verifier};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The most bytes of work of the JSON reader for a byte of a token: three passes, with the names.
const WORK: usize = 48;
/// The most bytes on the heap for a byte of a token.
const HEAP: usize = 96;
/// The same for a token without bytes: buffers and the answer.
const HEAP_OF_ALL: usize = 96 << 10;

static KEYS: LazyLock<Vec<SigningKey>> = LazyLock::new(|| {
    (1..=8)
        .map(|n| SigningKey::hs256([n; 32]).expect("a secret"))
        .collect()
});

static GATE: LazyLock<Gate> = LazyLock::new(|| {
    let trusted = |name: &str, keys: &[SigningKey]| {
        let issuer = TrustedIssuer::new(name)
            .audience("orders-api")
            .role_claim("realm_access.roles");
        keys.iter()
            .fold(issuer, |issuer, key| issuer.key(key.verifying_key()))
    };
    let verifier = Verifier::builder()
        .trust(trusted("https://a.example", &KEYS[..4]))
        .trust(trusted("https://b.example", &KEYS[4..]))
        .limits(Limits::default())
        .clock(|| 1_700_000_000)
        .without_token_cache()
        .build()
        .expect("a complete configuration");
    Gate::builder(verifier)
        .require(scope("orders:read") | role("clerk"))
        .build()
        .expect("a complete configuration")
});

struct Request(String);

impl RequestView for Request {
    fn method(&self) -> &str {
        "GET"
    }

    fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        (name == "authorization")
            .then_some(self.0.as_bytes())
            .into_iter()
    }

    fn query(&self) -> Option<&str> {
        None
    }
}

struct Cost {
    accepted: bool,
    work: usize,
    heap: usize,
}

fn cost(request: &Request) -> Cost {
    let region = Region::new(ALLOCATOR);
    let (accepted, work) = tollgate_core::fuzzing::json_work(|| GATE.decide(request).is_ok());
    let change = region.change();
    Cost {
        accepted,
        work,
        heap: change.bytes_allocated + 64 * change.allocations,
    }
}

macro_rules! steps {
    ($share:expr; $($step:literal)*) => {
        $(if $share >= $step { black_box($step); })*
    };
}

/// Records how much of the bound is used, in hundredths, as coverage.
fn record(share: usize) {
    steps!(share; 1 2 3 4 6 8 10 12 14 16 18 20 22 24 26 28 30 32 34 36 38 40 42 44 46 48 50 52 54
        56 58 60 62 64 66 68 70 72 74 76 78 80 82 84 86 88 90 92 94 96 98);
}

fuzz_target!(|data: &[u8]| {
    let end = data
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(data.len());
    let (header, claims) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let input = [header, claims]
        .map(tollgate_core::fuzzing::base64url)
        .join(".");
    let request = |signature: &[u8]| {
        let signature = tollgate_core::fuzzing::base64url(signature);
        Request(format!("Bearer {input}.{signature}"))
    };
    LazyLock::force(&GATE);
    let forged = request(&[0x5a; 32]);
    let signature = KEYS[7].sign(input.as_bytes()).expect("an HMAC");
    let signed = request(&signature);
    let (forged, signed) = (cost(&forged), cost(&signed));
    assert!(!forged.accepted);
    if signed.accepted {
        assert!(forged.work <= signed.work, "a forged token needs more work");
    }
    let length = input.len();
    for refused in [forged, signed].iter().filter(|cost| !cost.accepted) {
        let work = 100 * refused.work / (WORK * length.max(64));
        let heap = 100 * refused.heap / (HEAP * length + HEAP_OF_ALL);
        record(work);
        steps!(heap; 1 2 3 4 6 8 10 12 14 16 18 20 24 28 32 36 40 44 48 52 56 60 64 68 72 76 80 84
            88 92 96);
        assert!(work <= 100, "{} of work for {length} bytes", refused.work);
        assert!(
            heap <= 100,
            "{} on the heap for {length} bytes",
            refused.heap
        );
    }
});
