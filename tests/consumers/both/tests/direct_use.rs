//! Uses `jsonwebtoken` directly in the same process as tollgate.

use std::panic::catch_unwind;

#[test]
fn jsonwebtoken_panics_and_tollgate_works() {
    consumer_checks::own_keys();
    // The premise of this package: if `jsonwebtoken` stops panicking, remove the package.
    assert!(
        catch_unwind(consumer_checks::token_by_jsonwebtoken).is_err(),
        "`jsonwebtoken` does not panic with two backends"
    );
    assert!(
        catch_unwind(consumer_checks::accepted_by_jsonwebtoken).is_err(),
        "`jsonwebtoken` does not panic with two backends"
    );
    consumer_checks::own_keys();
    consumer_checks::converted_keys();
    consumer_checks::requests();
}
