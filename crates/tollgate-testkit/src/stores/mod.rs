//! The acceptance suite for stores of sessions and revocations, for any implementation.
//!
//! Pass two instances over the same data, as two servers would have them:
//!
//! ```
//! use std::sync::Arc;
//!
//! use tollgate::session::MemoryStore;
//! use tollgate_testkit::stores;
//!
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
//! let store = MemoryStore::default();
//! stores::accept(Arc::new(store.clone()), Arc::new(store)).await;
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The suite needs a tokio runtime with real time, and no other writer may use the store meanwhile.
//! Existing data is not changed. A failed check panics with a message that describes the wrong
//! behaviour of the store.

mod clocks;
mod odd;
mod refreshes;
mod revocations;
mod sessions;
mod with_session;

use std::sync::Arc;

use tollgate_session::{RevocationStore, SessionStore, StoreError};

/// The time of the suite, in seconds since the epoch.
const NOW: u64 = 1_700_000_000;
/// One hour, in seconds: long enough that no store removes an entry during the suite.
const HOUR: u64 = 3600;

/// Runs the whole suite on two instances over the same data.
///
/// # Panics
/// If the store breaks its contract. The message describes the violation.
///
/// ```
/// # use std::sync::Arc;
/// # use tollgate::session::MemoryStore;
/// # use tollgate_testkit::stores;
/// # let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
/// let store = MemoryStore::default();
/// runtime.block_on(stores::accept(Arc::new(store.clone()), Arc::new(store)));
///
/// let (one, other) = (MemoryStore::default(), MemoryStore::default());
/// let strangers = runtime.spawn(stores::accept(Arc::new(one), Arc::new(other)));
/// assert!(runtime.block_on(strangers).is_err(), "the stores do not share their data");
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn accept<S: SessionStore + RevocationStore>(one: Arc<S>, other: Arc<S>) {
    let pair = sessions::Pair {
        one: one.clone(),
        other: other.clone(),
    };
    pair.run().await;
    refreshes::of_one_token(one.clone(), other.clone()).await;
    clocks::jump(one.clone(), other.clone()).await;
    with_session::equals_both_reads(&*one, &*other).await;
    revocations::Pair { one, other }.run().await;
}

/// Runs the whole suite on one instance, for a store that cannot have two.
///
/// # Panics
/// If the store breaks its contract. The message describes the violation.
///
/// ```
/// # use std::sync::Arc;
/// # use tollgate::session::MemoryStore;
/// # use tollgate_testkit::stores;
/// # let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
/// runtime.block_on(stores::all(Arc::new(MemoryStore::default())));
///
/// let tiny = runtime.spawn(stores::all(Arc::new(MemoryStore::new(1, 1))));
/// assert!(runtime.block_on(tiny).is_err(), "the store is full too soon");
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn all<S: SessionStore + RevocationStore>(store: Arc<S>) {
    accept(store.clone(), store).await;
}

/// Runs the session part of the suite on one instance.
///
/// # Panics
/// If the store breaks its contract. The message describes the violation.
///
/// ```
/// # use std::sync::Arc;
/// # use tollgate::session::MemoryStore;
/// # use tollgate_testkit::stores;
/// # let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
/// runtime.block_on(stores::sessions(Arc::new(MemoryStore::default())));
///
/// let tiny = runtime.spawn(stores::sessions(Arc::new(MemoryStore::new(1, 1))));
/// assert!(runtime.block_on(tiny).is_err(), "the store is full too soon");
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn sessions<S: SessionStore>(store: Arc<S>) {
    let pair = sessions::Pair {
        one: store.clone(),
        other: store,
    };
    pair.run().await;
}

/// Runs the revocation part of the suite on one instance.
///
/// # Panics
/// If the store breaks its contract. The message describes the violation.
///
/// ```
/// # use std::sync::Arc;
/// # use tollgate::session::MemoryStore;
/// # use tollgate_testkit::stores;
/// # let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
/// runtime.block_on(stores::revocations(Arc::new(MemoryStore::default())));
///
/// let tiny = runtime.spawn(stores::revocations(Arc::new(MemoryStore::new(1, 1))));
/// assert!(runtime.block_on(tiny).is_err(), "the store is full too soon");
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn revocations<S: RevocationStore>(store: Arc<S>) {
    let pair = revocations::Pair {
        one: store.clone(),
        other: store,
    };
    pair.run().await;
}

/// Returns the value of an operation that must not fail.
#[track_caller]
fn answer<T>(result: Result<T, StoreError>) -> T {
    match result {
        Ok(answer) => answer,
        Err(error) => panic!("the store failed: {error}"),
    }
}
