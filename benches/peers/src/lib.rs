//! tollgate and other crates that check a JWT in front of an axum handler, each used as its
//! documentation shows, and the measurement code.
//!
//! Every candidate makes the same checks: the signature with the same algorithm and key, `exp`,
//! `nbf`, `iss` and `aud`. It passes `sub` and `scope` to the handler as an owned value. Keys are
//! loaded before the first request. [`Fixture::check`] asserts that each accepts only the good
//! token.
//!
//! To print the tables, run `cargo bench --manifest-path benches/peers/Cargo.toml --bench
//! in_process` in the root of the repository (with valgrind for instruction counts), and `--bench
//! end_to_end`.
//!
//! ```
//! use tollgate_peers::{CANDIDATES, Fixture};
//!
//! let fixture = Fixture::hs256();
//! for candidate in CANDIDATES {
//!     fixture.check(candidate);
//! }
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a benchmark without its setup has no result"
)]

pub mod candidates;
pub mod fixture;
pub mod measure;
pub mod server;

pub use candidates::{CANDIDATES, Candidate};
pub use fixture::Fixture;
