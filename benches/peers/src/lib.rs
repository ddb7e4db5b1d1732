//! tollgate and the other crates that check a JWT in front of an axum handler, each as its documentation shows it, and
//! what the benchmarks measure them with.
//!
//! Everybody checks the same: the signature by the same algorithm and key, `exp`, `nbf`, `iss` and `aud`, and hands `sub`
//! and `scope` to the handler as an owned value. Keys are loaded before the first request. [`Fixture::check`] proves of each
//! that it lets the good token in and nothing else.
//!
//! To get the tables, from the top of the repository: `cargo bench --manifest-path benches/peers/Cargo.toml --bench in_process`
//! (with valgrind, for the instructions), and `--bench end_to_end`.
//!
//! ```
//! use tollgate_peers::{CANDIDATES, Fixture};
//!
//! let fixture = Fixture::hs256();
//! for candidate in CANDIDATES {
//!     fixture.check(candidate);
//! }
//! ```

#![allow(clippy::unwrap_used, clippy::missing_panics_doc)] // a benchmark that cannot be set up has nothing to report

pub mod candidates;
pub mod fixture;
pub mod measure;
pub mod server;

pub use candidates::{CANDIDATES, Candidate};
pub use fixture::Fixture;
