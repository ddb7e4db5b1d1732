//! Reference counts of cached values that no two threads share.

use std::sync::Arc;

use crate::token::typed::TypedClaims;

/// A value that the cache keeps for a token.
pub(crate) trait Cached: Send + Sync {
    /// The conditions under which the value is still valid.
    type Evidence: Send + Sync;

    /// The state that the evidence is compared with.
    type State;

    /// Returns `true` if the evidence still holds. It may call code of the user, which may verify
    /// tokens in turn.
    fn is_valid(&self, evidence: &Self::Evidence, state: &Self::State) -> bool;

    /// The memory of the value and its evidence, in bytes.
    fn bytes(&self, evidence: &Self::Evidence) -> usize;

    /// The memory that a [`Handle`] may take beside the value, in bytes.
    fn handle_bytes(&self) -> usize;

    /// Returns `true` if verifying a token costs hardly more than keeping it.
    fn is_cheap(&self) -> bool;
}

/// A reference to a value.
pub(crate) enum Held<V> {
    /// Counted together with the references of other threads.
    Together(Arc<V>),
    /// Counted by the handle of one thread.
    ByThread(Arc<Handle<V>>),
}

impl<V> Held<V> {
    #[inline]
    pub(crate) fn value(&self) -> &V {
        match self {
            Self::Together(value) => value,
            Self::ByThread(handle) => &handle.value,
        }
    }
}

impl<V> Clone for Held<V> {
    #[inline]
    fn clone(&self) -> Self {
        match self {
            Self::Together(value) => Self::Together(Arc::clone(value)),
            Self::ByThread(handle) => Self::ByThread(Arc::clone(handle)),
        }
    }
}

/// The reference of one thread to a value. All state that hits write to is here: the reference
/// count, and the reference counts of the deserialized claim types.
pub(crate) struct Handle<V> {
    value: Arc<V>,
    typed: TypedClaims,
}

impl<V> Handle<V> {
    pub(super) fn new(value: &Arc<V>) -> Arc<Self> {
        Arc::new(Self {
            value: Arc::clone(value),
            typed: TypedClaims::default(),
        })
    }

    pub(crate) const fn typed(&self) -> &TypedClaims {
        &self.typed
    }
}

impl<V: Cached> Handle<V> {
    /// The memory of a handle to the value, in bytes.
    pub(super) fn bytes(value: &V) -> usize {
        const COUNTS_AND_PLACE: usize = 64;
        size_of::<Self>() + COUNTS_AND_PLACE + value.handle_bytes()
    }
}
