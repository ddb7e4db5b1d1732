//! How a source of keys stands.

/// How a source of keys stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {}

/// How one key of a source stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyStatus {}

/// Whether a source of keys can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Readiness {
    /// The keys are fresh.
    Ready,
    /// The keys are past their life and still used, since no newer ones can be fetched.
    Stale,
    /// There are no keys to use: every token gets a 503.
    Unavailable,
}
