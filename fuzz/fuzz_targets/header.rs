//! A decoded header: read or refused, and what is read says to another parser what was read in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

fuzz_target!(|data: &[u8]| {
    let Some(algorithm) = tollgate_core::fuzzing::header(data) else {
        return;
    };
    // The members are left as text: a number may be too large for the other parser, and none is looked at.
    let members: BTreeMap<String, &RawValue> =
        serde_json::from_slice(data).expect("an accepted header is a JSON object");
    let alg = members
        .get("alg")
        .map(|alg| serde_json::from_str::<Value>(alg.get()));
    assert_eq!(
        alg.expect("`alg` is there").ok(),
        Some(Value::from(algorithm.as_str()))
    );
    assert!(!members.contains_key("crit"), "a critical extension was accepted");
});
