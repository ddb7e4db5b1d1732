//! Compile errors for misuse of this crate. The crate of the macros tests each of its own errors.

#[test]
fn a_mistake_gives_one_error() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
