//! What a thread has of its own, also while it ends.

use std::cell::Cell;

use thread_local::ThreadLocal;

thread_local! {
    static MET: Cell<bool> = const { Cell::new(false) };
    static STAYING: Staying = const { Staying };
}

/// Dropped before what [`ThreadLocal`] keeps to know a thread by: the later something of a thread is made, the earlier it is
/// dropped.
struct Staying;

impl Drop for Staying {
    fn drop(&mut self) {}
}

/// What this thread has, made if there is nothing yet; `None` where it is so far in ending that it can have nothing any more.
///
/// A destructor of another thread-local value may come here, and a panic in one ends the process. One way to that is left:
/// where the thread comes here for the first time then, and other code has used a [`ThreadLocal`] in it before.
#[inline]
pub(crate) fn of_thread<T: Send>(local: &ThreadLocal<T>, make: impl FnOnce() -> T) -> Option<&T> {
    local.get().or_else(|| first_time(local, make))
}

#[cold]
fn first_time<T: Send>(local: &ThreadLocal<T>, make: impl FnOnce() -> T) -> Option<&T> {
    if MET.get() && STAYING.try_with(|_| ()).is_err() {
        return None;
    }
    let own = local.get_or(make);
    // Only now: the thread is known from here on.
    let _ = STAYING.try_with(|_| MET.set(true));
    Some(own)
}
