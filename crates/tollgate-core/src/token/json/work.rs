//! Counts the work on member names, so that tests can hold it to the length of the text.

use std::cell::Cell;

thread_local! {
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

/// Adds the bytes of names that were unescaped, compared or hashed.
pub(super) fn add(bytes: usize) {
    BYTES.set(BYTES.get() + bytes);
}

/// Returns the bytes counted on this thread since the last call.
pub(super) fn take() -> usize {
    BYTES.take()
}
