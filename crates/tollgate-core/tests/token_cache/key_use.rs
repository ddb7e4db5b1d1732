//! A key source is notified of each use of its keys, at least once per second, thread and token.

use super::{Hand, NOW, Scripted, es256, hits, is_verified_anew, rules, set, token};

#[test]
fn the_use_of_a_key_is_reported_once_a_second() {
    let (clock, key) = (Hand::new(), es256("1"));
    let source = Scripted::new(&set(&[&key]));
    let verifier = rules(&clock).key_source(source.clone()).build().unwrap();
    let token = token(&key);
    is_verified_anew(&verifier, &token);
    assert_eq!(source.used(), [NOW]);
    for _ in 0..50 {
        hits(&verifier, &token);
    }
    // In this second, the verification already reported it, before this thread had the token in its
    // table.
    assert_eq!(source.used(), [NOW]);
    for second in 1..=3 {
        clock.set(NOW + second);
        for _ in 0..50 {
            hits(&verifier, &token);
        }
    }
    assert_eq!(source.used(), [NOW, NOW + 1, NOW + 2, NOW + 3]);
    // A clock that is set back within the lifetime is a different second too.
    clock.set(NOW + 2);
    hits(&verifier, &token);
    assert_eq!(source.used().last(), Some(&(NOW + 2)));
}

#[test]
fn each_thread_reports() {
    let (clock, key) = (Hand::new(), es256("1"));
    let source = Scripted::new(&set(&[&key]));
    let verifier = rules(&clock).key_source(source.clone()).build().unwrap();
    let token = token(&key);
    is_verified_anew(&verifier, &token);
    hits(&verifier, &token);
    clock.set(NOW + 5);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..10 {
                    hits_quietly(&verifier, &token);
                }
            });
        }
    });
    let told = source.used().iter().filter(|at| **at == NOW + 5).count();
    assert!((1..=3).contains(&told), "{told}");
}

/// Verifies without reading the counters, which other threads would change.
fn hits_quietly(verifier: &tollgate_core::Verifier, token: &str) {
    assert!(verifier.verify(token).is_ok());
}

#[test]
fn a_refused_token_reports_no_use() {
    let (clock, key) = (Hand::new(), es256("1"));
    let source = Scripted::new(&set(&[&key]));
    let verifier = rules(&clock).key_source(source.clone()).build().unwrap();
    let token = token(&key);
    is_verified_anew(&verifier, &token);
    hits(&verifier, &token);
    let told = source.used().len();
    clock.set(NOW + 60);
    assert!(verifier.verify(&token).is_err());
    source.have(&set(&[&es256("1")]));
    assert!(verifier.verify(&token).is_err());
    assert_eq!(source.used().len(), told);
}
