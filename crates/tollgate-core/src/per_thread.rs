//! A value that all threads share and none of them writes to, not even to count who holds it.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use thread_local::ThreadLocal;

use crate::of_thread::of_thread;

/// As an [`Arc`], but each thread counts its own clones: a count that all threads write, twice for each request, is what
/// keeps two of them from being twice as fast.
///
/// Every thread that clones has a handle, and what it clones is that handle. The handles are kept by the first one, that
/// of the thread which made the value; so they live as long as a clone of that thread's. Where there is none any more, a
/// clone counts with the one that it is made from, which is correct and merely slower.
///
/// Nothing points in a circle: the first handle owns the others, all of them own the value, and the value knows them
/// weakly.
pub(crate) struct Shared<T: Send + Sync>(Arc<Handle<T>>);

/// On cache lines of its own, for the counts before it are what a thread writes.
#[repr(align(128))]
struct Handle<T: Send + Sync> {
    inner: Arc<Inner<T>>,
    /// The handles of the other threads; only the first handle has any. There are as many as there were threads at one
    /// time, for a new thread takes the place of one that has ended.
    kept: Mutex<Vec<Arc<Handle<T>>>>,
}

struct Inner<T: Send + Sync> {
    value: T,
    first: Weak<Handle<T>>,
    of_threads: ThreadLocal<Weak<Handle<T>>>,
}

impl<T: Send + Sync> Shared<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new_cyclic(|first| {
            let of_threads = ThreadLocal::new();
            of_thread(&of_threads, || first.clone());
            let inner = Inner {
                value,
                first: first.clone(),
                of_threads,
            };
            Handle::new(Arc::new(inner))
        }))
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0.inner, &other.0.inner)
    }

    /// The handle of a thread that has cloned nothing yet.
    #[cold]
    fn of_new_thread(&self) -> Arc<Handle<T>> {
        let inner = &self.0.inner;
        let Some(first) = inner.first.upgrade() else {
            return Arc::clone(&self.0);
        };
        let handle = of_thread(&inner.of_threads, || {
            let new = Arc::new(Handle::new(Arc::clone(inner)));
            let weak = Arc::downgrade(&new);
            first
                .kept
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(new);
            weak
        });
        let handle = handle.and_then(Weak::upgrade);
        handle.unwrap_or_else(|| Arc::clone(&self.0))
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

impl<T: Send + Sync> Clone for Shared<T> {
    #[inline]
    fn clone(&self) -> Self {
        let own = self.0.inner.of_threads.get().and_then(Weak::upgrade);
        Self(own.unwrap_or_else(|| self.of_new_thread()))
    }
}

impl<T: Send + Sync> Deref for Shared<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0.inner.value
    }
}

impl<T: Send + Sync + fmt::Debug> fmt::Debug for Shared<T> {
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

    fn counted() -> (Shared<CountsDrop>, Arc<AtomicUsize>) {
        let drops = Arc::new(AtomicUsize::new(0));
        (Shared::new(CountsDrop(Arc::clone(&drops))), drops)
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
                assert_eq!(Arc::strong_count(&theirs[0].0), 1 + theirs.len()); // and where it is kept
                assert!(theirs.iter().all(|clone| clone.is(&shared)));
            });
        });
        let second = shared.clone();
        assert!(Arc::ptr_eq(&second.0, &shared.0));
    }

    #[test]
    fn the_last_clone_frees_it_whichever_thread_has_it() {
        let (shared, count) = counted();
        // Threads that have ended, at the same time and one after the other, leave nothing behind.
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
    fn clones_go_on_where_the_first_thread_has_none_left() {
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
    fn two_values_are_two() {
        assert!(!counted().0.is(&counted().0));
    }
}
