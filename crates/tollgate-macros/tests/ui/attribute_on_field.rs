#[path = "../tollgate_stub/mod.rs"]
mod tollgate_stub;

use tollgate_macros::{Claims, scopes};

scopes! { crate = tollgate_stub; OrdersRead = "orders:read" }

#[derive(serde::Deserialize, Claims)]
#[claims(crate = tollgate_stub)]
struct Shopper {
    #[claims(role = "admin")]
    _sub: String,
}

fn extracts<T: tollgate_stub::Extract<()>>() {}

fn main() {
    extracts::<Shopper>();
    let _ = OrdersRead;
}
