//! The tests that both quickstarts share.

mod arguments;
mod demo;
mod foreign;
