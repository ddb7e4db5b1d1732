//! Claims deserialized into a user's type, kept beside their text.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::rejection::Rejection;

/// The number of types that are kept for one token. A service has one or two; for any further type
/// the claims are deserialized each time.
const MOST: usize = 4;

/// The deserialized types of a token's claims. They are found without a lock and are never removed.
#[derive(Clone, Default)]
pub(crate) struct TypedClaims([OnceLock<Arc<dyn Any + Send + Sync>>; MOST]);

impl TypedClaims {
    /// Returns the claims as a `T`. `read` is called the first time; a failure is not kept.
    pub(crate) fn get<T: Any + Send + Sync>(
        &self,
        read: impl FnOnce() -> Result<T, Rejection>,
    ) -> Result<Arc<T>, Rejection> {
        if let Some(kept) = self.kept().find_map(as_type) {
            return Ok(kept);
        }
        // Called outside of a slot: `read` is code of the user and may call this function for
        // another type.
        let value = Arc::new(read()?);
        for slot in &self.0 {
            // Another thread may have filled the slot first, with this type or another one.
            let kept = slot.get_or_init(|| Arc::clone(&value) as _);
            if let Some(kept) = as_type(kept) {
                return Ok(kept);
            }
        }
        Ok(value)
    }

    fn kept(&self) -> impl Iterator<Item = &Arc<dyn Any + Send + Sync>> {
        self.0.iter().map_while(OnceLock::get)
    }
}

fn as_type<T: Any + Send + Sync>(kept: &Arc<dyn Any + Send + Sync>) -> Option<Arc<T>> {
    // Checked before the clone, so that no reference count of another type is written.
    let is_it = (**kept).is::<T>();
    is_it.then(|| Arc::clone(kept).downcast().ok())?
}

impl fmt::Debug for TypedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedClaims").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;
    use crate::rejection::RejectionKind;

    #[derive(Debug, PartialEq)]
    struct Numbered<const N: usize>(usize);

    fn get<const N: usize>(typed: &TypedClaims, value: usize) -> Arc<Numbered<N>> {
        typed.get(|| Ok(Numbered(value))).unwrap()
    }

    #[test]
    fn each_type_is_read_once() {
        let typed = TypedClaims::default();
        let first = get::<0>(&typed, 1);
        let other = get::<1>(&typed, 2);
        assert_eq!((first.0, other.0), (1, 2));
        assert!(Arc::ptr_eq(&first, &get::<0>(&typed, 7)));
        assert!(Arc::ptr_eq(&other, &get::<1>(&typed, 7)));
    }

    #[test]
    fn beyond_the_limit_each_read_is_new() {
        let typed = TypedClaims::default();
        let kept = (
            get::<0>(&typed, 1),
            get::<1>(&typed, 1),
            get::<2>(&typed, 1),
            get::<3>(&typed, 1),
        );
        assert_eq!((get::<4>(&typed, 1).0, get::<4>(&typed, 2).0), (1, 2));
        assert_eq!(typed.kept().count(), MOST);
        assert!(Arc::ptr_eq(&kept.0, &get::<0>(&typed, 2)));
        assert!(Arc::ptr_eq(&kept.3, &get::<3>(&typed, 2)));
    }

    #[test]
    fn a_failure_is_not_kept() {
        let typed = TypedClaims::default();
        let failed =
            typed.get::<Numbered<0>>(|| Err(Rejection::new(RejectionKind::MalformedClaims, "x")));
        assert!(failed.is_err());
        assert_eq!(get::<0>(&typed, 3).0, 3);
    }

    #[test]
    fn a_read_may_request_another_type_and_its_own() {
        let typed = TypedClaims::default();
        let outer = typed.get(|| Ok(Numbered::<0>(get::<1>(&typed, 5).0 + get::<0>(&typed, 6).0)));
        assert_eq!(outer.unwrap().0, 6, "the inner value was stored first");
        assert_eq!((get::<0>(&typed, 9).0, get::<1>(&typed, 9).0), (6, 5));
    }

    #[test]
    fn concurrent_reads_get_one_value() {
        for _ in 0..50 {
            let typed = TypedClaims::default();
            let barrier = Barrier::new(4);
            let read = |value| {
                barrier.wait();
                (
                    get::<0>(&typed, value),
                    get::<1>(&typed, value),
                    get::<2>(&typed, value),
                )
            };
            let all: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4)
                    .map(|value| scope.spawn(move || read(value)))
                    .collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().unwrap())
                    .collect()
            });
            for one in &all {
                assert!(Arc::ptr_eq(&one.0, &all[0].0));
                assert!(Arc::ptr_eq(&one.1, &all[0].1));
                assert!(Arc::ptr_eq(&one.2, &all[0].2));
            }
            assert_eq!(typed.kept().count(), 3, "each type is stored once");
        }
    }
}
