//! What the macros accept, and what they say about each mistake.

#[test]
fn accepted() {
    trybuild::TestCases::new().pass("tests/pass/*.rs");
}

/// One file for each mistake, with the one error that it gives.
#[test]
fn refused() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
