//! What a user of this crate is told about a mistake; the macros' own crate has a case for each of
//! theirs.

#[test]
fn a_mistake_gives_one_error() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
