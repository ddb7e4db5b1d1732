//! Accepted input, and the error for each mistake.

#[test]
fn valid_input_compiles() {
    trybuild::TestCases::new().pass("tests/pass/*.rs");
}

/// One file for each mistake, with its only error.
#[test]
fn each_mistake_gives_one_error() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
