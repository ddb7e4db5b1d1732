//! The macros of [tollgate](https://docs.rs/tollgate), which re-exports them:
//! [`Claims`](macro@Claims) and [`scopes!`].
//!
//! The generated code refers to the crate `::tollgate`. For a crate that re-exports it, set `crate
//! = path` in either macro.
//!
//! ```
//! use tollgate::policy::ScopeSet;
//! use tollgate::{Scope, policy::Held};
//! use tollgate::scopes;
//!
//! scopes! {
//!     OrdersRead = "orders:read",
//!     OrdersWrite = "orders:write",
//! }
//!
//! assert_eq!(OrdersRead::NAME, "orders:read");
//! assert!(!<(OrdersRead, OrdersWrite)>::held_by(&Held::new().scope("orders:read")));
//! ```
//!
//! Each mistake gives one error, at the wrong token. The items are generated anyway, so that the
//! places that use the type report no further errors.

mod ast;
mod attr;
mod expand;
mod scope_token;
mod scopes;
mod valid;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives `Claims` and the extractor for a type of claims, with its own policy.
///
/// serde deserializes the type from the claims of the token. Derive `Deserialize` as well, and use
/// serde's attributes for fields that are renamed, optional, defaulted or flattened. The type is
/// then a parameter of handlers in every enabled framework.
///
/// ```
/// # use tollgate::{Claims, scopes};
/// # scopes! { OrdersRead = "orders:read" }
/// #[derive(Debug, Clone, serde::Deserialize, Claims)]
/// #[claims(scope = OrdersRead, any_role("clerk", "admin"))]
/// struct Shopper {
///     sub: String,
///     #[serde(default)]
///     tenant: Option<String>,
/// }
///
/// # fn main() {
/// let policy = Shopper::policy().unwrap();
/// assert_eq!(policy.to_string(), r#"scope("orders:read") & (role("clerk") | role("admin"))"#);
/// # let _ = |shopper: Shopper| (shopper.sub, shopper.tenant);
/// # }
/// ```
///
/// # Attributes
///
/// `#[claims(..)]` is an attribute of the type. All of its requirements must hold, and it may be
/// repeated.
///
/// | attribute | requirement |
/// |---|---|
/// | `scope = OrdersRead` | the scope of this type, declared by [`scopes!`] |
/// | `scope = "orders:read"` | this scope |
/// | `role = "admin"` | this role |
/// | `any_scope(OrdersRead, "orders")` | at least one of these scopes |
/// | `any_role("clerk", "admin")` | at least one of these roles |
/// | `crate = path` | none: the path of the crate `tollgate` |
///
/// Without an attribute, every token that the verifier accepts is sufficient.
///
/// # Types
///
/// Structs with named fields, structs around one other type, and enums (serde's `untagged` suits
/// them). Type and constant parameters are supported. Lifetimes are not, because the claims outlive
/// the token.
///
/// ```compile_fail
/// #[derive(serde::Deserialize, tollgate::Claims)]
/// #[claims(scope = "orders read")] // two scopes, not one
/// struct Shopper {
///     sub: String,
/// }
/// ```
#[proc_macro_derive(Claims, attributes(claims))]
pub fn derive_claims(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::claims(&input).into()
}

/// Declares scopes as types, so that a misspelt scope does not compile.
///
/// Each type is a unit struct that implements `Scope`, with the visibility, documentation and
/// attributes before its name. It derives `Clone`, `Copy`, `Debug`, `Default`, `PartialEq`, `Eq`
/// and `Hash`.
///
/// ```
/// use tollgate::Scope;
/// use tollgate::scopes;
///
/// scopes! {
///     /// To see orders.
///     pub OrdersRead = "orders:read",
///     pub OrdersWrite = "orders:write",
/// }
///
/// assert_eq!(OrdersRead::NAME, "orders:read");
/// assert_eq!(OrdersWrite, OrdersWrite::default());
/// ```
///
/// A value that is not a scope-token (RFC 6749 section 3.3) does not compile, and neither do two
/// names with the same value:
///
/// ```compile_fail
/// tollgate::scopes! { Orders = "orders read" }
/// ```
///
/// ```compile_fail
/// tollgate::scopes! { Read = "orders", Write = "orders" }
/// ```
#[proc_macro]
pub fn scopes(input: TokenStream) -> TokenStream {
    scopes::expand(input.into()).into()
}
