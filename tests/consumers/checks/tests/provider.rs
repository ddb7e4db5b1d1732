//! One test in its own process, because the provider of `jsonwebtoken` is global to the process.

#[test]
fn tollgate_needs_no_provider_and_installs_none() {
    consumer_checks::own_keys();
    consumer_checks::converted_keys();
    consumer_checks::requests();
    consumer_checks::provider_is_still_free();
    // An installed provider has no influence: this one refuses everything.
    assert!(consumer_checks::token_by_jsonwebtoken().is_err());
    consumer_checks::own_keys();
    consumer_checks::converted_keys();
    consumer_checks::requests();
}
