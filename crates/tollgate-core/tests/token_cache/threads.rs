//! Many threads that start and exit while keys change.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use tollgate_core::{RejectionKind as Kind, Verifier};

use super::{
    Hand, Scripted, Way, ask, es256, hits, keep, rules, set, signer, status, token, usual,
};

#[test]
fn threads_find_tokens_that_others_have_verified() {
    let verifier = usual(&Hand::new());
    let token = token(&signer());
    keep(&verifier, &token);
    for round in 0..100 {
        std::thread::scope(|scope| {
            let (verifier, token) = (&verifier, &token);
            scope.spawn(move || {
                hits(verifier, token);
                hits(verifier, token);
            });
        });
        // Hits of exited threads still count.
        assert_eq!(status(&verifier).hits, 2 + 2 * (round + 1));
    }
    assert_eq!(status(&verifier).misses, 1);
}

#[test]
fn a_panicking_thread_leaves_a_working_table() {
    let verifier = usual(&Hand::new());
    let token = token(&signer());
    keep(&verifier, &token);
    std::thread::scope(|scope| {
        let (verifier, token) = (&verifier, &token);
        let panicking = scope.spawn(move || {
            hits(verifier, token);
            panic!("expected by the test");
        });
        assert!(panicking.join().is_err());
        scope.spawn(move || hits(verifier, token));
    });
    hits(&verifier, &token);
}

/// Once a key swap is visible, no thread accepts a token of a withdrawn key, and valid tokens are
/// never refused.
#[test]
fn no_thread_accepts_tokens_of_withdrawn_keys() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 60;
    let keys = [es256("0"), es256("1")];
    let sets = [set(&[&keys[0]]), set(&[&keys[1]])];
    let tokens = [token(&keys[0]), token(&keys[1])];
    let source = Scripted::new(&sets[0]);
    let verifier = rules(&Hand::new())
        .key_source(source.clone())
        .build()
        .unwrap();
    let (before, after) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    // Counted instead of asserted: a panicking thread would block the others for ever.
    let wrong = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let (verifier, tokens, before, after, wrong) =
                (&verifier, &tokens, &before, &after, &wrong);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    before.wait();
                    // All threads have seen the swap.
                    let (good, gone) = (&tokens[round % 2], &tokens[(round + 1) % 2]);
                    for _ in 0..10 {
                        let good = verifier.verify(good).is_ok();
                        let gone = verifier.verify(gone).map_err(|rejection| rejection.kind());
                        let right = good && gone.is_err_and(|kind| kind == Kind::UnknownKey);
                        wrong.fetch_add(usize::from(!right), Ordering::SeqCst);
                    }
                    after.wait();
                }
            });
        }
        for round in 0..ROUNDS {
            source.have(&sets[round % 2]);
            before.wait();
            after.wait();
        }
    });
    assert_eq!(wrong.load(Ordering::SeqCst), 0);
    let status = status(&verifier);
    assert!(status.hits > status.misses, "{status:?}");
}

/// During continuous key changes, a result based on a former set belongs to a request that began
/// before the change.
#[test]
fn concurrent_rotations_never_restore_a_withdrawn_key() {
    let (old, new) = (es256("old"), es256("new"));
    let (both, only_new) = (set(&[&old, &new]), set(&[&new]));
    let (by_old, by_new) = (token(&old), token(&new));
    let source = Scripted::new(&both);
    let verifier = rules(&Hand::new())
        .key_source(source.clone())
        .build()
        .unwrap();
    let (withdrawn, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let (asked, wrong) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    while !done.load(Ordering::SeqCst) {
                        let was_withdrawn = withdrawn.load(Ordering::SeqCst);
                        let outcome = verifier.verify(&by_old);
                        let right =
                            !(was_withdrawn && outcome.is_ok()) && verifier.verify(&by_new).is_ok();
                        wrong.fetch_add(usize::from(!right), Ordering::SeqCst);
                        asked.fetch_add(usize::from(was_withdrawn), Ordering::SeqCst);
                    }
                })
            })
            .collect();
        for _ in 0..200 {
            source.have(&Arc::new(both.keys().iter().cloned().collect()));
            assert!(verifier.verify(&by_old).is_ok());
        }
        source.have(&only_new);
        withdrawn.store(true, Ordering::SeqCst);
        while asked.load(Ordering::SeqCst) < 50 {
            std::thread::yield_now();
        }
        done.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.join().unwrap();
        }
    });
    assert_eq!(wrong.load(Ordering::SeqCst), 0);
}

/// A clear on one thread applies to all threads when the call returns.
#[test]
fn a_clear_during_concurrent_verifications_takes_effect() {
    const THREADS: usize = 4;
    let verifier = usual(&Hand::new());
    let token = token(&signer());
    let (before, after) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    for _ in 0..50 {
        let misses = status(&verifier).misses;
        std::thread::scope(|scope| {
            let (verifier, token): (&Verifier, &str) = (&verifier, &token);
            for _ in 0..THREADS {
                let (before, after) = (&before, &after);
                scope.spawn(move || {
                    assert!(verifier.verify(token).is_ok());
                    before.wait();
                    after.wait();
                });
            }
            before.wait();
            verifier.forget_verified_tokens();
            let way = ask(verifier, token).1;
            after.wait();
            assert_eq!(way, Way::Anew);
        });
        assert!(status(&verifier).misses > misses);
    }
}
