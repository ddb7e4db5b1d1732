//! The locks and atomics of the token cache: those of the standard library, or in the tests of
//! interleavings those of `shuttle`.

#[cfg(all(test, shuttle))]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, atomic};
#[cfg(not(all(test, shuttle)))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};
