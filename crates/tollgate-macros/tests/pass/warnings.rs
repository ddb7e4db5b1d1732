//! Nothing that the macros generate is warned about, where the user's own code is not.
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
