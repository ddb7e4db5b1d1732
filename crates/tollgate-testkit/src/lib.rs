#![doc = include_str!("../README.md")]
//!
//! # The parts
//!
//! - [`FakeClock`]: the time, as the test says it is.
//! - [`keys`]: a key of an honest issuer and one of a stranger for every algorithm.
//! - [`Mint`]: tokens with sensible defaults, and with whatever an attacker would put in place of them.
//! - [`Segments`]: a token taken apart, to be put together wrongly.
//! - [`conformance`]: requests with the answers that they must get, equal to the byte under every framework.
//! - [`FakeProvider`]: an identity provider that answers, fails and hangs as the test says.
//! - [`stores`]: what every store of sessions and revocations must do.

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
