//! Issuers that tenants bring.

/// Trusts the issuers that a predicate accepts, and keeps the keys of a bounded number of them.
#[derive(Clone, Debug)]
pub struct Tenants {}
