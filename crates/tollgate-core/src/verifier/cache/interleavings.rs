//! Random interleavings of threads over the cache.
//!
//! `cargo xtask interleavings`
//!
//! All threads of `shuttle` share one thread of the system, so they share one near level too.

use std::sync::Arc;

use shuttle::thread;

use super::{Cached, Hashed, Sought, TokenCache, VerifiedTokens};
use crate::sync::atomic::{AtomicBool, Ordering};

/// The number of interleavings of each test.
const RUNS: usize = 2_000;

/// The time of all look-ups, in seconds.
const NOW: u64 = 7;

/// A value that names its token.
struct Value(&'static str);

impl Cached for Value {
    type Evidence = ();
    /// Set when the evidence no longer holds.
    type State = AtomicBool;

    fn is_valid(&self, (): &(), withdrawn: &AtomicBool) -> bool {
        !withdrawn.load(Ordering::Acquire)
    }

    fn bytes(&self, (): &()) -> usize {
        8
    }

    fn handle_bytes(&self) -> usize {
        0
    }

    fn is_cheap(&self) -> bool {
        false
    }
}

struct World {
    cache: VerifiedTokens<Value>,
    began: AtomicBool,
    over: AtomicBool,
}

fn world() -> Arc<World> {
    Arc::new(World {
        cache: VerifiedTokens::new(
            TokenCache::default()
                .max_bytes(64 * 1024)
                .max_token_bytes(64),
        ),
        began: AtomicBool::new(false),
        over: AtomicBool::new(false),
    })
}

/// Starts a look-up in which all tokens have the same hash.
fn seek<'c>(world: &'c World, token: &'static str) -> Sought<'c, 'static, Value> {
    Sought {
        hashed: Hashed {
            hash: 42,
            token: token.as_bytes(),
        },
        ..world.cache.seek(token.as_bytes()).unwrap()
    }
}

fn find(world: &World, token: &'static str) -> Option<&'static str> {
    find_unless(world, token, &AtomicBool::new(false))
}

fn find_unless(world: &World, token: &'static str, withdrawn: &AtomicBool) -> Option<&'static str> {
    let known = seek(world, token).find(NOW, withdrawn)?;
    Some(known.held.value().0)
}

fn keep(world: &World, token: &'static str) {
    seek(world, token).keep(NOW, &Arc::new(Value(token)), ());
}

fn until(flag: &AtomicBool) {
    while !flag.load(Ordering::Acquire) {
        thread::yield_now();
    }
}

/// Runs the threads, and returns after the last of them.
fn together<const N: usize>(world: &Arc<World>, threads: [fn(&World); N]) {
    let threads = threads.map(|thread| {
        let world = Arc::clone(world);
        thread::spawn(move || thread(&world))
    });
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_verification_that_began_before_a_clearing_is_never_found_after_it() {
    shuttle::check_random(
        || {
            let world = world();
            together(
                &world,
                [
                    |world| {
                        let sought = seek(world, "a");
                        world.began.store(true, Ordering::Release);
                        sought.keep(NOW, &Arc::new(Value("a")), ());
                    },
                    |world| {
                        until(&world.began);
                        world.cache.forget();
                        world.over.store(true, Ordering::Release);
                    },
                    |world| {
                        for _ in 0..3 {
                            let over = world.over.load(Ordering::Acquire);
                            assert!(find(world, "a").is_none() || !over);
                        }
                    },
                ],
            );
            assert_eq!(find(&world, "a"), None);
        },
        RUNS,
    );
}

#[test]
fn a_token_is_never_found_under_another_of_the_same_hash() {
    shuttle::check_random(
        || {
            let thread: fn(&World) = |world| {
                for token in ["a", "b", "c"] {
                    assert!(find(world, token).is_none_or(|found| found == token));
                    keep(world, token);
                    assert!(find(world, token).is_none_or(|found| found == token));
                    seek(world, "b").forget();
                }
            };
            together(&world(), [thread; 3]);
        },
        RUNS,
    );
}

#[test]
fn evidence_that_no_longer_holds_is_never_used() {
    shuttle::check_random(
        || {
            let world = world();
            keep(&world, "a");
            let reader: fn(&World) = |world| {
                for _ in 0..2 {
                    let over = world.over.load(Ordering::Acquire);
                    assert!(find_unless(world, "a", &world.over).is_none() || !over);
                }
            };
            let withdrawal: fn(&World) = |world| world.over.store(true, Ordering::Release);
            together(&world, [reader, withdrawal, reader]);
            assert_eq!(find_unless(&world, "a", &world.over), None);
            assert_eq!(find(&world, "a"), None, "the entry was removed");
        },
        RUNS,
    );
}
