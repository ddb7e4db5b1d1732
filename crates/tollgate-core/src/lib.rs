//! The engine of tollgate.
#![forbid(unsafe_code)]

mod algorithm;
mod key;
pub mod policy;

pub use algorithm::{Algorithm, Family, UnknownAlgorithm};
