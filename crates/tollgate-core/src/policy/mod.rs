//! The policy algebra.
