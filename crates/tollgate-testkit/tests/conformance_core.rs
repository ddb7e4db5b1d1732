//! The conformance table on the core alone.

use tollgate_testkit::conformance::{self, Core};

#[test]
fn the_core_answers_as_the_table_says() {
    conformance::run(&mut Core);
}

#[test]
fn octets_that_no_field_can_have_are_refused_as_well() {
    let found = conformance::mismatches(&conformance::raw_cases(), &mut Core);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
