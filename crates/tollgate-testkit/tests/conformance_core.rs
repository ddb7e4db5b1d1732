//! The conformance table on the core alone.

use tollgate_testkit::conformance::{self, Core};

#[test]
fn the_core_conforms_to_the_table() {
    conformance::run(&mut Core);
}

#[test]
fn invalid_field_bytes_are_refused() {
    let found = conformance::mismatches(&conformance::raw_cases(), &mut Core);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
