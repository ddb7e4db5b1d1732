//! The content that the handlers of the table write.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::LazyLock;

use serde::Deserialize;
use tollgate_core::{Claims, Policy, Principal, Scope, SourceKind};

/// The claims of a [`Handler::Claims`](super::Handler::Claims).
///
/// ```
/// use tollgate_testkit::conformance::{Shopper, echo_claims};
///
/// let shopper = Shopper { sub: "u-7".into(), tenant: None };
/// assert_eq!(echo_claims(&shopper), "shopper=u-7\ntenant=-\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Shopper {
    /// The subject of the token.
    pub sub: String,
    /// An optional custom claim.
    pub tenant: Option<String>,
}

impl Claims for Shopper {}

/// The claims of a [`Handler::Guarded`](super::Handler::Guarded): a type with its own policy, the
/// scope `orders:write`.
///
/// ```
/// use tollgate::Claims;
/// use tollgate_testkit::conformance::Buyer;
///
/// assert!(Buyer::policy().is_some());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Buyer {
    /// The subject of the token.
    pub sub: String,
}

impl Claims for Buyer {
    fn policy() -> Option<&'static Policy> {
        static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::scope("orders:write"));
        Some(&POLICY)
    }
}

/// Returns the content that shows guarded claims.
///
/// ```
/// use tollgate_testkit::conformance::{Buyer, echo_guarded};
///
/// assert_eq!(echo_guarded(&Buyer { sub: "u-7".into() }), "buyer=u-7\n");
/// ```
pub fn echo_guarded(buyer: &Buyer) -> String {
    format!("buyer={}\n", buyer.sub)
}

/// The scope of a [`Handler::Scoped`](super::Handler::Scoped): `orders:read`.
///
/// ```
/// use tollgate::Scope;
///
/// assert_eq!(tollgate_testkit::conformance::OrdersRead::NAME, "orders:read");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct OrdersRead;

impl Scope for OrdersRead {
    const NAME: &'static str = "orders:read";
}

/// Returns the content that shows a principal: one line for each fact, `-` for a missing one.
///
/// ```
/// assert_eq!(tollgate_testkit::conformance::echo(None), "anonymous\n");
/// ```
pub fn echo(principal: Option<&Principal>) -> String {
    let Some(principal) = principal else {
        return "anonymous\n".to_owned();
    };
    let list = |items: Vec<Cow<'_, str>>| items.join(" ");
    let seconds = |at: Option<u64>| at.map(|at| at.to_string());
    let lines = [
        ("subject", principal.subject().map(str::to_owned)),
        ("issuer", principal.issuer().map(str::to_owned)),
        ("audiences", Some(list(principal.audiences().collect()))),
        ("client", principal.client_id().map(str::to_owned)),
        ("id", principal.jwt_id().map(str::to_owned)),
        ("scopes", Some(list(principal.scopes().collect()))),
        ("roles", Some(list(principal.roles().collect()))),
        ("issued", seconds(principal.issued_at())),
        ("not before", seconds(principal.not_before())),
        ("expires", seconds(principal.expires_at())),
        ("type", principal.token_type().map(str::to_owned)),
        ("algorithm", Some(principal.algorithm().to_string())),
        ("key id", principal.kid().map(str::to_owned)),
        ("key", principal.key().kid().map(str::to_owned)),
        ("source", principal.source().map(source).map(str::to_owned)),
    ];
    let mut body = String::new();
    for (name, value) in lines {
        // Writing into a `String` cannot fail.
        let _ = writeln!(
            body,
            "{name}={}",
            value
                .filter(|value| !value.is_empty())
                .as_deref()
                .unwrap_or("-")
        );
    }
    body
}

/// Returns the content that shows claims.
///
/// ```
/// use tollgate_testkit::conformance::{Shopper, echo_claims};
///
/// let shopper = Shopper { sub: "u-7".into(), tenant: Some("acme".into()) };
/// assert_eq!(echo_claims(&shopper), "shopper=u-7\ntenant=acme\n");
/// ```
pub fn echo_claims(shopper: &Shopper) -> String {
    format!(
        "shopper={}\ntenant={}\n",
        shopper.sub,
        shopper.tenant.as_deref().unwrap_or("-")
    )
}

const fn source(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Bearer => "bearer",
        SourceKind::Cookie => "cookie",
        SourceKind::WebSocketProtocol => "websocket",
        SourceKind::Header => "header",
        SourceKind::ProxyHeader => "proxy header",
        SourceKind::Query => "query",
        _ => "other",
    }
}
