//! The transport of a session's tokens.

use tollgate_core::{GateBuilder, RequestView, Source};

use crate::cookies::CookieTransport;

/// The transport of a session's tokens.
///
/// ```
/// use tollgate::session::{CookieTransport, Transport};
///
/// let browser = Transport::Cookie(CookieTransport::builder().path("/auth").build()?);
/// assert!(!matches!(browser, Transport::Json));
/// # Ok::<(), tollgate::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Transport {
    /// Cookies, for browsers. The tokens are not in any content, so scripts cannot read them.
    Cookie(CookieTransport),
    /// JSON, for apps that store the tokens themselves. They send the access token as
    /// `Authorization: Bearer`.
    Json,
    /// Both, at the same paths. A request with `Sec-Fetch-Site`, `Origin` or a cookie of the
    /// transport gets cookies, any other request gets JSON. Pages cannot remove these fields, so
    /// that no script in a page gets a token to read. A proxy must not remove them either.
    ///
    /// A session stays with the transport of its login: the refresh token of the one is refused by
    /// the other. A request with the access or binding cookie and a bearer token, or with a session
    /// cookie and a refresh token in its content, gets 400.
    Both(CookieTransport),
}

impl Transport {
    /// Configures a gate to read the access token from each place of this transport, with the rules
    /// of [`CookieTransport::apply`] for cookies. With [`Both`](Self::Both), a request with a
    /// bearer token and an access cookie gets 400.
    ///
    /// ```
    /// # use tollgate::extend::EndpointRequest;
    /// # use tollgate::{Gate, Key, Verifier};
    /// # use tollgate::session::{CookieTransport, Transport};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder()
    /// #     .dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).build()?;
    /// let transport = Transport::Both(CookieTransport::builder().build()?);
    /// let gate = transport.apply(Gate::builder(verifier)).build()?;
    ///
    /// let mut request = EndpointRequest::new("GET", "/orders");
    /// request.headers.push(("authorization".to_owned(), b"Bearer a.b.c".to_vec()));
    /// request.headers.push(("cookie".to_owned(), b"__Host-access=a.b.c".to_vec()));
    /// assert_eq!(gate.decide(&request).unwrap_err().answer().status, 400);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn apply(&self, gate: GateBuilder) -> GateBuilder {
        match self {
            Self::Cookie(cookies) => cookies.apply(gate),
            Self::Json => gate.source(Source::bearer()),
            Self::Both(cookies) => cookies
                .apply(gate.source(Source::bearer()))
                .strict_sources(),
        }
    }

    pub(super) const fn cookies(&self) -> Option<&CookieTransport> {
        match self {
            Self::Cookie(cookies) | Self::Both(cookies) => Some(cookies),
            Self::Json => None,
        }
    }

    /// Returns the cookies if they transport the tokens of this request; `None` for JSON.
    ///
    /// `Sec-Fetch-Mode` does not count: the `fetch` of Node.js sends it.
    pub(super) fn cookies_for(&self, request: &impl RequestView) -> Option<&CookieTransport> {
        let has = |name| request.header(name).next().is_some();
        self.cookies().filter(|cookies| match self {
            Self::Both(_) => has("sec-fetch-site") || has("origin") || cookies.are_in(request),
            _ => true,
        })
    }

    /// Returns `true` for a request with credentials of both transports.
    pub(super) fn is_ambiguous(&self, request: &impl RequestView) -> bool {
        let is_bearer = |value: &[u8]| {
            let scheme = value.trim_ascii_start().split_at_checked(b"bearer".len());
            scheme.is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer"))
        };
        matches!(self, Self::Both(cookies) if cookies.name_session_in(request))
            && request.header("authorization").any(is_bearer)
    }
}
