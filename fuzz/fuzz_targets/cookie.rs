//! A `Cookie` field line: the values of one name, whatever else stands there.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tollgate_core::fuzzing::cookie(data));
