//! Issuers that tenants bring.

mod admission;
mod name;
mod roster;

/// Trusts the issuers that a predicate accepts, and keeps the keys of a bounded number of them.
#[derive(Clone, Debug)]
pub struct Tenants {}
