//! Uses `jsonwebtoken` directly in the same process as tollgate.

#[test]
fn both_libraries_work_and_accept_each_other() {
    consumer_checks::own_keys();
    let token = consumer_checks::token_by_jsonwebtoken().expect("a token");
    assert!(consumer_checks::accepted_by_tollgate(&token));
    assert!(consumer_checks::accepted_by_jsonwebtoken());
    consumer_checks::converted_keys();
    consumer_checks::requests();
}
