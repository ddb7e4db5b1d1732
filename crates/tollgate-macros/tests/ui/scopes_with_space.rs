#[path = "../tollgate_stub/mod.rs"]
mod tollgate_stub;

fn guarded<S: tollgate_stub::ScopeSet>() {}

tollgate_macros::scopes! {
    crate = tollgate_stub;
    Orders = "orders read",
}

fn main() {
    guarded::<Orders>();
}
