//! Proof that a cookie request comes from the site itself: Fetch Metadata, the `Origin` field
//! (RFC 6454, RFC 9110 section 9.2.1) and the CSRF token.

use std::borrow::Cow;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::gate::binding::Bound;
use crate::gate::source::Credential;
use crate::http::request::RequestView;
use crate::http::{SourceKind, field, origin};
use crate::rejection::{Rejection, RejectionKind};
use crate::verifier::principal::Principal;

type OriginHook = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// The origins whose pages may use a cookie on unsafe methods.
pub(super) struct Origins {
    pub(super) trusted: Vec<String>,
    pub(super) trusted_if: Option<OriginHook>,
    /// Whether the service's own origin may begin with `http://`.
    pub(super) plain_http: bool,
}

impl Origins {
    pub(super) fn trusts(&self, origin: &[u8]) -> bool {
        let mut trusted = self.trusted.iter();
        trusted.any(|trusted| trusted.as_bytes() == origin)
            || self.trusted_if.as_ref().is_some_and(|is_trusted| {
                std::str::from_utf8(origin).is_ok_and(|origin| {
                    origin.starts_with("https://")
                        && origin::check(origin).is_ok()
                        && is_trusted(origin)
                })
            })
    }
}

/// A credential that another site cannot have caused a browser to send.
pub(super) struct OriginProven<'r>(Credential<'r>);

impl OriginProven<'_> {
    pub(super) fn token(&self) -> &[u8] {
        &self.0.token
    }

    pub(super) const fn source(&self) -> SourceKind {
        self.0.source
    }
}

/// Refuses a credential that a browser attached by itself to an unsafe request of another site.
///
/// Browsers set `Sec-Fetch-Site` and `Origin`, and a page cannot forge them. A request without both
/// has no proof and is refused.
#[inline]
pub(super) fn check_origin<'r>(
    credential: Credential<'r>,
    request: &impl RequestView,
    origins: &Origins,
) -> Result<OriginProven<'r>, Rejection> {
    if credential.source.is_ambient() && (!is_safe(request.method()) || is_websocket(request)) {
        prove_origin(request, origins)?;
    }
    Ok(OriginProven(credential))
}

/// Checks the proof of origin of any request.
pub(super) fn prove_origin(request: &impl RequestView, origins: &Origins) -> Result<(), Rejection> {
    let origin = single(request, "origin");
    if origin.is_some_and(|origin| origins.trusts(origin)) {
        return Ok(());
    }
    match (single(request, "sec-fetch-site"), origin) {
        (Some(b"same-origin"), _) => Ok(()),
        // The address bar never starts a handshake. Any other request from it is the user's own.
        (Some(b"none"), _) if !is_websocket(request) => Ok(()),
        (Some(_), _) => Err(refused(
            "`Sec-Fetch-Site` is not `same-origin`, and the origin is not trusted",
        )),
        (None, Some(origin)) if is_own(origin, request, origins.plain_http) => Ok(()),
        (None, Some(_)) => Err(refused(
            "`Origin` is neither this host by `https` nor trusted",
        )),
        (None, None) => Err(refused("there is neither `Sec-Fetch-Site` nor `Origin`")),
    }
}

/// The CSRF token of a request.
#[derive(Clone)]
pub(super) enum CsrfToken<'r> {
    /// The request needs none.
    NotNeeded,
    /// The value of `X-CSRF-Token`.
    Needed(Option<Cow<'r, [u8]>>),
}

impl<'r> CsrfToken<'r> {
    /// Reads the token if a browser attached the credential by itself to an unsafe request.
    ///
    /// A page cannot set a header field of a WebSocket handshake, so the proof of origin suffices
    /// there.
    pub(super) fn read(credential: &OriginProven<'_>, request: &'r impl RequestView) -> Self {
        // The handshake of HTTP/2 is a `CONNECT` (RFC 8441). Other unsafe methods have no
        // handshake.
        let handshake = request.method() == "CONNECT" && is_websocket(request);
        if !credential.source().is_ambient() || is_safe(request.method()) || handshake {
            return Self::NotNeeded;
        }
        Self::Needed(single(request, "x-csrf-token").map(Cow::Borrowed))
    }

    pub(super) fn to_owned(&self) -> CsrfToken<'static> {
        match self {
            Self::NotNeeded => CsrfToken::NotNeeded,
            Self::Needed(sent) => {
                CsrfToken::Needed(sent.as_ref().map(|sent| Cow::Owned(sent.to_vec())))
            }
        }
    }
}

/// A principal whose request carries the CSRF token that it needs.
pub(super) struct TokenProven(Principal);

impl TokenProven {
    #[inline]
    pub(super) fn into_principal(self) -> Principal {
        self.0
    }
}

/// Refuses a request that needs a CSRF token and does not repeat the token's `csrf` claim. Only a
/// page that received the value can repeat it.
#[inline]
pub(super) fn check_token(
    principal: Bound,
    token: &CsrfToken<'_>,
) -> Result<TokenProven, Rejection> {
    let principal = principal.into_principal();
    let CsrfToken::Needed(sent) = token else {
        return Ok(TokenProven(principal));
    };
    let refuse = |detail| {
        let rejection = Rejection::new(RejectionKind::InvalidCsrfToken, detail);
        Err(rejection.with_issuer(principal.issuer_label()))
    };
    let claim = principal.csrf_token().filter(|claim| !claim.is_empty());
    let Some(claim) = claim else {
        return refuse("the token of a cookie has no `csrf` claim");
    };
    match sent {
        Some(sent) if verify_slices_are_equal(sent, claim.as_bytes()).is_ok() => {}
        Some(_) => return refuse("the CSRF token is not the token's `csrf` claim"),
        None => return refuse("there is no `X-CSRF-Token`, and no field of a form"),
    }
    drop(claim);
    Ok(TokenProven(principal))
}

fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
}

/// Returns `true` for a WebSocket handshake: a `GET` that other sites can make, and whose answer
/// they can read.
fn is_websocket(request: &impl RequestView) -> bool {
    let named = |name, wanted: &[u8]| {
        request.header(name).any(|line| {
            line.split(|byte| *byte == b',')
                .any(|element| field::trim(element).eq_ignore_ascii_case(wanted))
        })
    };
    named("upgrade", b"websocket")
        || request.header("sec-websocket-key").next().is_some()
        || request.header("sec-websocket-version").next().is_some()
}

fn single<'r>(request: &'r impl RequestView, name: &str) -> Option<&'r [u8]> {
    let mut values = request.header(name);
    match (values.next(), values.next()) {
        (Some(value), None) => Some(field::trim(value)),
        (None, _) => None,
        // A repeated field is ambiguous, so its value is not used.
        (Some(_), Some(_)) => Some(b""),
    }
}

/// Returns `true` if the request was sent to the origin. If the view does not know the scheme, it
/// is `https`, or with `plain_http` either.
fn is_own(origin: &[u8], request: &impl RequestView, plain_http: bool) -> bool {
    let Some(host) = request
        .authority()
        .map(str::as_bytes)
        .or_else(|| single(request, "host"))
    else {
        return false;
    };
    let of_scheme = |scheme: &str| origin.strip_prefix(scheme.as_bytes())?.strip_prefix(b"://");
    let authority = match request.scheme() {
        Some(scheme) => of_scheme(scheme),
        None if plain_http => of_scheme("https").or_else(|| of_scheme("http")),
        None => of_scheme("https"),
    };
    !host.is_empty() && authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

fn refused(detail: &'static str) -> Rejection {
    Rejection::new(RejectionKind::CrossSite, detail)
}

#[cfg(test)]
mod tests;
