//! Each form of a requirement.

#[path = "../tollgate_stub/mod.rs"]
mod tollgate_stub;

use serde::Deserialize;
use tollgate_macros::{Claims, scopes};
use tollgate_stub::policy::{Held, ScopeSet};
use tollgate_stub::{Claims, Extract};

mod permissions {
    super::scopes! {
        crate = crate::tollgate_stub;
        pub OrdersRead = "orders:read",
        pub(crate) OrdersWrite = "orders:write",
    }
}
use permissions::OrdersRead;

type Both = (OrdersRead, permissions::OrdersWrite);

#[derive(Deserialize, Claims)]
#[claims(crate = tollgate_stub)]
struct Anyone {
    #[serde(rename = "sub", default)]
    _subject: String,
}

#[derive(Deserialize, Claims)]
#[claims(crate = crate::tollgate_stub, scope = OrdersRead, scope = permissions::OrdersWrite)]
#[claims(scope = "profile", role = "clerk")]
#[claims(any_scope(OrdersRead, "orders"), any_role("day shift", "night"),)]
struct Shopper {}

#[derive(Deserialize, Claims)]
#[claims(crate = tollgate_stub, scope = Both)]
struct Editor(Shopper);

#[derive(Deserialize, Claims)]
#[serde(untagged)]
#[claims(crate = tollgate_stub, role = "service")]
enum Caller {
    User { _sub: String },
    Service { _client_id: String },
}

fn extracts<T: Extract<()>>() {}

fn text<T: Claims>() -> String {
    T::policy().map(ToString::to_string).unwrap_or_default()
}

fn main() {
    extracts::<Anyone>();
    extracts::<Shopper>();
    extracts::<Editor>();
    extracts::<Caller>();
    let _ = |editor: Editor| editor.0;

    assert!(Anyone::policy().is_none());
    assert_eq!(
        text::<Shopper>(),
        r#"scope("orders:read") & scope("orders:write") & scope("profile") & role("clerk") & (scope("orders:read") | scope("orders")) & (role("day shift") | role("night"))"#
    );
    assert_eq!(text::<Editor>(), r#"scope("orders:read") & scope("orders:write")"#);
    assert_eq!(text::<Caller>(), r#"role("service")"#);
    assert!(std::ptr::eq(Shopper::policy().unwrap(), Shopper::policy().unwrap()),
        "it is built once");
    assert!(OrdersRead::held_by(&Held::new().scope("orders:read")));
}
