//! Values that threads read and count without writing to memory of another thread.

use std::cell::Cell;
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// The number of slots. Further threads share a slot with another thread, which is correct but
/// slower.
const SLOTS: usize = 64;

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The number of the thread, set at the first use. Without a destructor, so that it can be read
    /// until the very end of the thread.
    static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
}

/// A value for each slot, created when a thread of the slot first needs it.
pub(crate) struct Slots<T>([OnceLock<T>; SLOTS]);

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Self([const { OnceLock::new() }; SLOTS])
    }

    /// The slot of the current thread.
    #[inline]
    pub(crate) fn own(&self) -> &OnceLock<T> {
        let number = NUMBER.try_with(|number| number.get().unwrap_or_else(|| count(number)));
        &self.0[number.unwrap_or(0) % SLOTS]
    }

    /// The values of all slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(OnceLock::get)
    }
}

#[cold]
fn count(number: &Cell<Option<usize>>) -> usize {
    let next = THREADS.fetch_add(1, Ordering::Relaxed);
    number.set(Some(next));
    next
}

/// Like an [`Arc`], but each thread counts its own clones. Two threads that write to a shared count
/// twice per request are hardly faster than one thread.
///
/// A clone is a reference to the handle of the thread's slot. The first handle, that of the thread
/// that created the value, keeps the others. Without it, a clone counts with its original.
///
/// There is no reference cycle: the first handle owns the others, all own the value, and the value
/// refers to them weakly.
pub(crate) struct PerThread<T: Send + Sync>(Arc<Handle<T>>);

/// Aligned to cache lines, because a thread writes to the counts before it.
#[repr(align(128))]
struct Handle<T: Send + Sync> {
    inner: Arc<Inner<T>>,
    /// The handles of the other slots. Only the first handle keeps any.
    kept: Mutex<Vec<Arc<Self>>>,
}

struct Inner<T: Send + Sync> {
    value: T,
    first: Weak<Handle<T>>,
    handles: Slots<Weak<Handle<T>>>,
}

impl<T: Send + Sync> PerThread<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new_cyclic(|first| {
            let handles = Slots::new();
            handles.own().get_or_init(|| first.clone());
            let inner = Inner {
                value,
                first: first.clone(),
                handles,
            };
            Handle::new(Arc::new(inner))
        }))
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0.inner, &other.0.inner)
    }

    /// Creates the handle of a slot that has none yet.
    #[cold]
    fn new_handle(&self) -> Arc<Handle<T>> {
        let inner = &self.0.inner;
        let Some(first) = inner.first.upgrade() else {
            return Arc::clone(&self.0);
        };
        let handle = inner.handles.own().get_or_init(|| {
            let new = Arc::new(Handle::new(Arc::clone(inner)));
            let weak = Arc::downgrade(&new);
            let mut kept = first.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push(new);
            weak
        });
        handle.upgrade().unwrap_or_else(|| Arc::clone(&self.0))
    }
}

impl<T: Send + Sync> Handle<T> {
    const fn new(inner: Arc<Inner<T>>) -> Self {
        Self {
            inner,
            kept: Mutex::new(Vec::new()),
        }
    }
}

impl<T: Send + Sync> Clone for PerThread<T> {
    #[inline]
    fn clone(&self) -> Self {
        let own = self.0.inner.handles.own().get().and_then(Weak::upgrade);
        Self(own.unwrap_or_else(|| self.new_handle()))
    }
}

impl<T: Send + Sync> Deref for PerThread<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0.inner.value
    }
}

impl<T: Send + Sync + fmt::Debug> fmt::Debug for PerThread<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    struct CountsDrop(Arc<AtomicUsize>);

    impl Drop for CountsDrop {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn counted() -> (PerThread<CountsDrop>, Arc<AtomicUsize>) {
        let drops = Arc::new(AtomicUsize::new(0));
        (PerThread::new(CountsDrop(Arc::clone(&drops))), drops)
    }

    fn drops(drops: &AtomicUsize) -> usize {
        drops.load(Ordering::SeqCst)
    }

    #[test]
    fn a_thread_counts_for_itself() {
        let (shared, _) = counted();
        let here = Arc::strong_count(&shared.0);
        thread::scope(|scope| {
            scope.spawn(|| {
                let theirs = [shared.clone(), shared.clone(), shared.clone()];
                assert_eq!(Arc::strong_count(&shared.0), here);
                assert_eq!(Arc::strong_count(&theirs[0].0), 1 + theirs.len()); // and its slot
                assert!(theirs.iter().all(|clone| clone.is(&shared)));
            });
        });
        let second = shared.clone();
        assert!(Arc::ptr_eq(&second.0, &shared.0));
    }

    #[test]
    fn the_last_clone_on_any_thread_frees_the_value() {
        let (shared, count) = counted();
        // Ended threads, concurrent or sequential, leave nothing behind.
        let together = Barrier::new(3);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let clone = shared.clone();
                    together.wait();
                    drop(clone);
                });
            }
        });
        thread::scope(|scope| scope.spawn(|| drop(shared.clone())).join().unwrap());
        assert!(!shared.0.kept.lock().unwrap().is_empty());

        let elsewhere = thread::scope(|scope| scope.spawn(|| shared.clone()).join().unwrap());
        assert!(!Arc::ptr_eq(&elsewhere.0, &shared.0));
        drop(shared);
        assert_eq!(drops(&count), 0);
        drop(elsewhere);
        assert_eq!(drops(&count), 1);
    }

    #[test]
    fn clones_outlive_the_first_thread() {
        let (shared, count) = counted();
        let elsewhere = thread::scope(|scope| scope.spawn(|| shared.clone()).join().unwrap());
        drop(shared);
        let here = elsewhere.clone();
        let new = thread::scope(|scope| scope.spawn(|| elsewhere.clone()).join().unwrap());
        assert!(here.is(&new));
        drop((elsewhere, here));
        assert_eq!(drops(&count), 0);
        drop(new);
        assert_eq!(drops(&count), 1);
    }

    #[test]
    fn two_values_are_independent() {
        assert!(!counted().0.is(&counted().0));
    }
}
