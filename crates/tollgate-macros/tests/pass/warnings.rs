//! The generated code causes no warnings.
#![deny(warnings, unreachable_pub, missing_debug_implementations, unused_qualifications)]
#![deny(clippy::all, clippy::pedantic)]

#[path = "../tollgate_stub/mod.rs"]
#[allow(unreachable_pub)]
mod tollgate_stub;

use tollgate_macros::{Claims, scopes};

scopes! {
    crate = tollgate_stub;
    OnlyAsAType = "only",
    Unused = "unused",
    r#Loop = "raw",
}

#[derive(Debug, serde::Deserialize, Claims)]
#[claims(crate = tollgate_stub, scope = OnlyAsAType, any_scope(r#Loop, "x"))]
struct Shopper {
    sub: String,
}

fn main() {
    let _ = |shopper: Shopper| shopper.sub;
}
