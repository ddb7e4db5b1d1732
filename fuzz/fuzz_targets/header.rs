//! Fuzzes a decoded header. A header that is accepted must agree with another JSON parser.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

fuzz_target!(|data: &[u8]| {
    let Some(algorithm) = tollgate_core::fuzzing::header(data) else {
        return;
    };
    // Members stay raw text: a number may be too large for the other parser, and no value is
    // needed.
    let members: BTreeMap<String, &RawValue> =
        serde_json::from_slice(data).expect("an accepted header is a JSON object");
    let alg = members
        .get("alg")
        .map(|alg| serde_json::from_str::<Value>(alg.get()));
    assert_eq!(
        alg.expect("`alg` is there").ok(),
        Some(Value::from(algorithm.as_str()))
    );
    assert!(
        !members.contains_key("crit"),
        "a critical extension was accepted"
    );
});
