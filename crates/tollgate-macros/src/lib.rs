//! The macros of [tollgate](https://docs.rs/tollgate), which re-exports them: [`Claims`](macro@Claims) and [`scopes!`].
//!
//! What they generate names the crate `::tollgate`; `crate = path` in either names another, for a crate that re-exports it.
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
//! A mistake gives one error, at the token that is wrong: what was to be generated is generated all the same, so that the
//! places where the type is used do not complain as well.

mod ast;
mod attr;
mod expand;
mod scope_token;
mod scopes;
mod valid;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a type of claims an extractor, and its own guard.
///
/// The type is read from the token's claims by serde, so derive `Deserialize` as well and use serde's attributes for
/// fields that are renamed, optional, defaulted or flattened. Then the type itself is a parameter of handlers, on every
/// framework that is enabled.
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
/// `#[claims(..)]` stands on the type. All that it lists must hold, and it may be repeated.
///
/// | | the token must have |
/// |---|---|
/// | `scope = OrdersRead` | the scope of this type, made by [`scopes!`] |
/// | `scope = "orders:read"` | this scope |
/// | `role = "admin"` | this role |
/// | `any_scope(OrdersRead, "orders")` | at least one of these scopes |
/// | `any_role("clerk", "admin")` | at least one of these roles |
/// | `crate = path` | nothing: it is where the crate `tollgate` is found |
///
/// Without any, every token that the verifier accepts will do.
///
/// # Types
///
/// Structs with named fields, structs around one other type, and enums (serde's `untagged` suits them). Type and constant
/// parameters are supported; lifetimes are not, since the claims outlive the token that they are read from.
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

/// Declares scopes as types, so that a misspelt one does not compile.
///
/// Each becomes a unit struct that implements `Scope`, with the visibility, documentation and attributes written before
/// its name. It derives `Clone`, `Copy`, `Debug`, `Default`, `PartialEq`, `Eq` and `Hash`.
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
/// A value that is no scope-token (RFC 6749 section 3.3) does not compile, nor does one that is given to two names:
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
