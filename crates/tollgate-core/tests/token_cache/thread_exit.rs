//! Token verification in thread-local destructors, where a panic would abort the process.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tollgate_core::{Gate, Verifier};

use super::{Hand, hits, hs256, is_verified_anew, rules, signer, status, token, usual};

/// A value whose destructor runs a function at the end of the thread.
struct AtTheEnd(RefCell<Option<Box<dyn FnOnce()>>>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        if let Some(what) = self.0.take() {
            what();
        }
    }
}

thread_local! {
    static AT_THE_END: AtTheEnd = const { AtTheEnd(RefCell::new(None)) };
}

/// Verifies a token three times at the end of a thread. `before` selects whether the destructor is
/// registered before or after the thread's own work: destructors run in reverse order.
fn in_ending_thread(verifier: &Verifier, token: &str, before: bool, work: impl FnOnce() + Send) {
    let done = Arc::new(AtomicUsize::new(0));
    let register = {
        let (verifier, token, done) = (verifier.clone(), token.to_owned(), Arc::clone(&done));
        move || {
            AT_THE_END.with(|end| {
                *end.0.borrow_mut() = Some(Box::new(move || {
                    for _ in 0..3 {
                        let principal = verifier.verify(&token).unwrap();
                        assert_eq!(principal.clone().subject(), Some("u-7"));
                        drop(Gate::from(verifier.clone()).clone());
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                }));
            });
        }
    };
    std::thread::scope(|scope| {
        // Joined, because a scope waits for the closure and not for the destructors.
        let ended = scope.spawn(move || {
            if before {
                register();
                work();
            } else {
                work();
                register();
            }
        });
        ended.join().unwrap();
    });
    assert_eq!(done.load(Ordering::SeqCst), 3);
}

#[test]
fn a_token_is_verified_in_a_thread_local_destructor() {
    for key in [signer(), hs256()] {
        for before in [true, false] {
            let verifier = rules(&Hand::new())
                .key(key.verifying_key())
                .build()
                .unwrap();
            let token = token(&key);
            let work = || {
                for _ in 0..4 {
                    verifier.verify(&token).unwrap();
                }
            };
            in_ending_thread(&verifier, &token, before, work);
            // Also in a thread that has verified nothing before.
            in_ending_thread(&verifier, &token, before, || {});
            let after = status(&verifier);
            verifier.verify(&token).unwrap();
            assert_eq!(status(&verifier).hits, after.hits + 1);
        }
    }
}

/// Such verifications enter the cache, and other threads find them.
#[test]
fn verifications_in_a_destructor_are_cached() {
    let verifier = usual(&Hand::new());
    let (known, new) = (
        token(&signer()),
        super::token_with(&signer(), &serde_json::json!({ "jti": "new" })),
    );
    in_ending_thread(&verifier, &new, true, || {
        is_verified_anew(&verifier, &known);
    });
    hits(&verifier, &new);
    hits(&verifier, &known);
}
