#![doc = include_str!("../README.md")]
//!
//! # The parts
//!
//! - [`FakeClock`]: a manual clock.
//! - [`keys`]: a key of an issuer and one of a stranger for every algorithm.
//! - [`Mint`]: tokens with sensible defaults, any part of which can be replaced.
//! - [`Segments`]: the segments of a token, which can be reassembled in any way.
//! - [`conformance`]: requests and the responses that every framework must return, equal to the
//!   byte.
//! - [`FakeTimer`]: manual time for background tasks.
//! - [`FakeProvider`]: a scripted identity provider.
//! - [`stores`]: the acceptance suite for stores of sessions and revocations.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod clock;
pub mod conformance;
pub mod keys;
mod mint;
mod provider;
mod segments;
pub mod stores;
mod timer;

pub use clock::FakeClock;
pub use mint::{Mint, TokenBuilder};
pub use provider::{FakeProvider, ProviderRequest};
pub use segments::{Segments, base64url};
pub use timer::FakeTimer;
