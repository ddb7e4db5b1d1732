//! The conformance table on the core alone.

use tollgate_testkit::conformance::{self, Core};

#[test]
fn the_core_answers_as_the_table_says() {
    conformance::run(&mut Core);
}

#[test]
fn invalid_field_bytes_are_refused() {
    let found = conformance::mismatches(&conformance::raw_cases(), &mut Core);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
