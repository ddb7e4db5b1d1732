//! The transport of a session's tokens.

use tollgate_core::{Answer, GateBuilder, RequestView, Source};

use super::answers;
use crate::cookies::CookieTransport;
use crate::error::{SessionError, SessionErrorKind};
use crate::sessions::{Bound, Tokens};

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

    /// Returns the response with the tokens of a re-authentication, as the endpoints send them
    /// after a login: 200, in cookies for a session that began by cookie, otherwise in JSON. The
    /// handler of a form can turn it into a redirect, which keeps the cookies.
    ///
    /// # Errors
    /// `Misconfigured` if the session did not begin with this transport. The tokens of a cookie
    /// session are never in the content.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// use tollgate::session::Transport;
    ///
    /// let transport = Transport::Both(CookieTransport::builder().build()?);
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// let principal = sessions.issuer().verifier().build()?.verify(&tokens.access_token)?;
    /// let fresh = sessions.reauthenticated(&principal).await?;
    /// let answer = transport.answer(&fresh)?;
    /// assert!(answer.body.starts_with(br#"{"access_token":""#));
    /// assert_eq!(answer.header("cache-control"), Some(&b"no-store"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn answer(&self, tokens: &Tokens) -> Result<Answer, SessionError> {
        let by_cookie = tokens.bound != Bound::No;
        match self {
            Self::Json | Self::Both(_) if !by_cookie => Ok(answers::in_json(tokens)),
            Self::Cookie(cookies) | Self::Both(cookies) => {
                Ok(answers::in_cookies(tokens, &cookies.set(tokens)?))
            }
            Self::Json => Err(SessionError::new(
                SessionErrorKind::Misconfigured,
                "the session began by cookie, and the transport has none",
            )),
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
