//! One test in a process of its own, since the provider of `jsonwebtoken` is chosen once for a process.

#[test]
fn tollgate_needs_no_provider_and_chooses_none() {
    consumer_checks::own_keys();
    consumer_checks::converted_keys();
    consumer_checks::requests();
    consumer_checks::provider_is_still_free();
    // Nor does it matter that one has been chosen: this one refuses everything.
    assert!(consumer_checks::token_by_jsonwebtoken().is_err());
    consumer_checks::own_keys();
    consumer_checks::converted_keys();
    consumer_checks::requests();
}
