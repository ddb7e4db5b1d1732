//! The places in a request that can hold a credential (RFC 6750 section 2).

use std::fmt;

/// The kind of place in which a token was found.
///
/// ```
/// use tollgate::extend::SourceKind;
///
/// assert!(SourceKind::Cookie.is_ambient());
/// assert!(!SourceKind::Bearer.is_ambient());
/// assert_eq!(SourceKind::Cookie.to_string(), "cookie");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceKind {
    /// `Authorization: Bearer`.
    Bearer,
    /// A cookie.
    Cookie,
    /// An element of `Sec-WebSocket-Protocol`.
    WebSocketProtocol,
    /// A custom header field.
    Header,
    /// A header field that a proxy fills from a cookie.
    ProxyHeader,
    /// A query parameter.
    Query,
}

impl SourceKind {
    /// Returns `true` if a browser attaches the credential by itself, so that its presence does not
    /// prove the intent of the user.
    ///
    /// ```
    /// assert!(!tollgate::extend::SourceKind::Header.is_ambient());
    /// ```
    pub const fn is_ambient(self) -> bool {
        matches!(self, Self::Cookie | Self::ProxyHeader)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Cookie => "cookie",
            Self::WebSocketProtocol => "websocket_protocol",
            Self::Header => "header",
            Self::ProxyHeader => "proxy_header",
            Self::Query => "query",
        }
    }
}

/// The name in logs and metrics: `bearer`, `cookie`, `websocket_protocol`, `header`,
/// `proxy_header`, `query`.
impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
