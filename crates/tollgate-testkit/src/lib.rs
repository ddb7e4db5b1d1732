#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! - [`FakeClock`]: a clock that only the test moves.
//! - [`keys`]: for every algorithm, a key of the issuer and one of an untrusted party.
//! - [`Mint`]: tokens with useful defaults, and invalid tokens.
//! - [`Segments`]: the segments of a token, to change and reassemble.
//! - [`conformance`]: requests and the responses that every framework must return, equal to the
//!   byte.
//! - [`FakeProvider`]: a scripted identity provider that answers, fails or hangs.
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

pub use clock::FakeClock;
pub use mint::{Mint, TokenBuilder};
pub use provider::{FakeProvider, ProviderRequest};
pub use segments::{Segments, base64url};
