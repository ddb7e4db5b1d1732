//! Counts the bytes that the reader works on, so that tests and fuzz targets can hold them to the
//! length of the text.

use std::cell::Cell;

thread_local! {
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

/// Adds bytes of a text that was scanned, and of names that were unescaped, compared or hashed.
pub(super) fn add(bytes: usize) {
    BYTES.set(BYTES.get() + bytes);
}

/// Returns the bytes counted on this thread since the last call.
pub(crate) fn take() -> usize {
    BYTES.take()
}
