#[path = "../tollgate_stub/mod.rs"]
mod tollgate_stub;

fn guarded<S: tollgate_stub::ScopeSet>() {}

mod inner {
    tollgate_macros::scopes! {
        crate = crate::tollgate_stub;
        Read = "read",
    }
}

fn main() {
    guarded::<inner::Read>();
}
