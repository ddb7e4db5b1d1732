//! The consumer's own use of `jsonwebtoken` in the same process.

use std::panic::catch_unwind;

#[test]
fn jsonwebtoken_panics_by_itself_and_tollgate_goes_on() {
    consumer_checks::own_keys();
    // What this package is about: were it to stop, the package would have lost its point.
    assert!(
        catch_unwind(consumer_checks::token_by_jsonwebtoken).is_err(),
        "with two backends and no choice made"
    );
    assert!(
        catch_unwind(consumer_checks::accepted_by_jsonwebtoken).is_err(),
        "with two backends and no choice made"
    );
    consumer_checks::own_keys();
    consumer_checks::converted_keys();
    consumer_checks::requests();
}
