use std::panic::catch_unwind;

use super::*;
use crate::http::request::TestRequest;

fn refused() -> Result<(), Refusal> {
    Err(Refusal::missing_layer())
}

#[test]
fn a_refusal_is_logged_where_the_request_is_known() {
    let request = TestRequest::new("GET");
    let outer = refusing(&request, || {
        let inner = refusing(&request, refused).unwrap_err();
        assert!(!inner.0.logged);
        Err::<(), _>(inner)
    });
    assert!(outer.unwrap_err().0.logged);
    assert!(refused().unwrap_err().0.logged);
}

#[test]
fn a_panic_ends_the_deferral() {
    let panicked = catch_unwind(|| {
        let request = TestRequest::new("GET");
        refusing(&request, || -> Result<(), Refusal> {
            panic!("an extractor panics")
        })
    });
    assert!(panicked.is_err());
    assert!(refused().unwrap_err().0.logged);
}

#[test]
fn facts_are_bounded_and_printable() {
    let request = TestRequest::new("A\u{1b}[2J\n");
    let facts = Facts::of(&request);
    assert_eq!(facts.method.as_deref(), Some("A\\u{1b}[2J\\n"));
    assert_eq!(facts.route, None);
}
