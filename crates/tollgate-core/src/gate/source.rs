//! Where in a request the credential sits (RFC 6750 section 2).

use crate::config::{ConfigError, ConfigErrorKind};
use crate::http::request::RequestView;
use crate::http::{SourceKind, cookie, field};
use crate::rejection::{Rejection, RejectionKind};
use crate::token::compact;

/// A place to look for the token. A gate has an ordered list of them; the first that holds one
/// wins.
///
/// ```
/// use tollgate::extend::SourceKind;
/// use tollgate::Source;
///
/// assert_eq!(Source::cookie("__Host-access").kind(), SourceKind::Cookie);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source(Place);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Bearer,
    Cookie(String),
    WebSocketProtocol(String),
    Header(String),
    Query(String),
}

impl Source {
    /// The `Authorization` field with the scheme `Bearer`, in any case (RFC 6750 section 2.1, RFC
    /// 9110 section 11.1).
    ///
    /// Another scheme counts as no credential; two `Authorization` fields, and anything behind the
    /// scheme that is not one `b64token`, are refused.
    ///
    /// ```
    /// assert_eq!(tollgate::Source::bearer().kind(), tollgate::extend::SourceKind::Bearer);
    /// ```
    pub const fn bearer() -> Self {
        Self(Place::Bearer)
    }

    /// The cookie of exactly that name. A name that comes twice is refused, for either might be
    /// planted.
    ///
    /// A browser attaches a cookie to requests that other sites make too: on unsafe methods and on
    /// WebSocket handshakes the gate therefore asks for proof of origin as well.
    ///
    /// ```
    /// # use tollgate::extend::SourceKind;
    /// # use tollgate::Source;
    /// assert_eq!(Source::cookie("__Host-access").kind(), SourceKind::Cookie);
    /// ```
    pub fn cookie(name: impl Into<String>) -> Self {
        Self(Place::Cookie(name.into()))
    }

    /// The element after `marker` in `Sec-WebSocket-Protocol`: what a browser sends for
    /// `new WebSocket(url, ["bearer", token])` if the marker is `bearer`.
    ///
    /// The handler should select a protocol other than the token in its answer.
    ///
    /// ```
    /// # use tollgate::extend::SourceKind;
    /// # use tollgate::Source;
    /// assert_eq!(Source::websocket_protocol("bearer").kind(), SourceKind::WebSocketProtocol);
    /// ```
    pub fn websocket_protocol(marker: impl Into<String>) -> Self {
        Self(Place::WebSocketProtocol(marker.into()))
    }

    /// A header field of that name whose whole value is the token.
    ///
    /// Only a client can set it, so it needs no proof of origin. A field that a proxy fills from a
    /// cookie of its own is another matter: behind such a proxy, requests of other sites carry it
    /// too, and the service has to refuse them.
    ///
    /// ```
    /// # use tollgate::extend::SourceKind;
    /// # use tollgate::Source;
    /// assert_eq!(Source::header("X-Access-Token").kind(), SourceKind::Header);
    /// ```
    pub fn header(name: impl Into<String>) -> Self {
        Self(Place::Header(name.into().to_ascii_lowercase()))
    }

    /// A query parameter (RFC 6750 section 2.3). Queries end up in access logs, histories and
    /// `Referer` fields: a token there leaks, which is why RFC 9700 section 4.3.2 forbids it.
    ///
    /// ```
    /// # use tollgate::extend::SourceKind;
    /// # use tollgate::Source;
    /// assert_eq!(Source::dangerous_query_parameter("access_token").kind(), SourceKind::Query);
    /// ```
    pub fn dangerous_query_parameter(name: impl Into<String>) -> Self {
        Self(Place::Query(name.into()))
    }

    /// What kind of place it is.
    ///
    /// ```
    /// # use tollgate::extend::SourceKind;
    /// # use tollgate::Source;
    /// assert_eq!(Source::bearer().kind(), SourceKind::Bearer);
    /// ```
    pub const fn kind(&self) -> SourceKind {
        match self.0 {
            Place::Bearer => SourceKind::Bearer,
            Place::Cookie(_) => SourceKind::Cookie,
            Place::WebSocketProtocol(_) => SourceKind::WebSocketProtocol,
            Place::Header(_) => SourceKind::Header,
            Place::Query(_) => SourceKind::Query,
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let valid = match &self.0 {
            Place::Bearer => true,
            Place::Header(name) => {
                field::is_token(name.as_bytes()) && name != "authorization" && name != "cookie"
            }
            Place::Cookie(name) | Place::WebSocketProtocol(name) => {
                field::is_token(name.as_bytes())
            }
            Place::Query(name) => {
                !name.is_empty()
                    && name
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
            }
        };
        if valid {
            return Ok(());
        }
        Err(ConfigError::new(
            ConfigErrorKind::InvalidText,
            format!("{self:?} names a place that cannot be looked at"),
        ))
    }

    /// Whether `set_cookie`, the value of a `Set-Cookie` field (RFC 6265 section 4.1), sets the
    /// cookie that this is.
    pub(crate) fn is_set_by(&self, set_cookie: &[u8]) -> bool {
        let Place::Cookie(name) = &self.0 else {
            return false;
        };
        let end = set_cookie
            .iter()
            .position(|byte| matches!(byte, b'=' | b';'));
        field::trim(&set_cookie[..end.unwrap_or(set_cookie.len())]) == name.as_bytes()
    }

    /// The one credential in this place, if there is any.
    fn find<'r>(&self, request: &'r impl RequestView) -> Result<Option<&'r [u8]>, Rejection> {
        match &self.0 {
            Place::Bearer => bearer(request),
            Place::Cookie(name) => only(cookie::named(request.header("cookie"), name.as_bytes())),
            Place::WebSocketProtocol(marker) => websocket_protocol(request, marker.as_bytes()),
            Place::Header(name) => only(request.header(name).map(field::trim)),
            Place::Query(name) => only(parameters(request.query(), name)),
        }
    }
}

/// The credential of a request and the kind of its source. Nothing of it is verified.
pub(crate) struct Credential<'r> {
    pub(crate) token: &'r [u8],
    pub(crate) source: SourceKind,
}

/// Looks through the sources in their order.
///
/// RFC 6750 section 2: "Clients MUST NOT use more than one method to transmit the token in each
/// request", so two sources that a client fills on purpose are refused together, wherever they
/// stand in the list. A cookie comes by itself; beside another source it is refused only if
/// `strict`, and else not looked at if the other one comes first.
///
/// The alphabet of a credential is checked here where there are several sources or a cookie, since
/// it decides which refusal comes first. The verifier checks it when it splits the token.
pub(crate) fn find<'r>(
    sources: &[Source],
    strict: bool,
    request: &'r impl RequestView,
) -> Result<Option<Credential<'r>>, Rejection> {
    if let [only] = sources
        && !only.kind().is_ambient()
    {
        let source = only.kind();
        return Ok(only
            .find(request)?
            .map(|token| Credential { token, source }));
    }
    let mut found: Option<Credential<'r>> = None;
    let mut deliberate: Option<SourceKind> = None;
    for source in sources {
        let kind = source.kind();
        if kind.is_ambient() && deliberate.is_some() && !strict {
            continue;
        }
        let Some(token) = source.find(request)? else {
            continue;
        };
        compact::check_alphabet(token, kind)?;
        let credential = Credential {
            token,
            source: kind,
        };
        // Which earlier source this one must not stand beside.
        let other = match &found {
            Some(first) if strict || first.source.is_ambient() == kind.is_ambient() => {
                Some(first.source)
            }
            _ if kind.is_ambient() => None,
            _ => deliberate,
        };
        if let Some(other) = other {
            let detail = format!("a token in {other:?} and one in {kind:?}");
            return Err(Rejection::new(RejectionKind::MultipleCredentials, detail));
        }
        if !kind.is_ambient() {
            deliberate = Some(kind);
        }
        found.get_or_insert(credential);
    }
    Ok(found)
}

fn bearer(request: &impl RequestView) -> Result<Option<&[u8]>, Rejection> {
    let mut fields = request.header("authorization");
    let Some(value) = fields.next() else {
        return Ok(None);
    };
    if fields.next().is_some() {
        return Err(Rejection::new(
            RejectionKind::MultipleCredentials,
            "there are two `Authorization` fields",
        ));
    }
    // RFC 9110 section 11.4: `auth-scheme [ 1*SP ( token68 / #auth-param ) ]`. As nearly every
    // client writes it:
    if let Some((b"Bearer ", token @ [first, .., last])) = value.split_first_chunk()
        && ![*first, *last]
            .iter()
            .any(|end| matches!(end, b' ' | b'\t'))
    {
        return Ok(Some(token));
    }
    let credentials = field::trim(value);
    let end = credentials
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or(credentials.len());
    let (scheme, rest) = credentials.split_at(end);
    if scheme.eq_ignore_ascii_case(b"bearer") {
        let start = rest
            .iter()
            .position(|byte| *byte != b' ')
            .unwrap_or(rest.len());
        return Ok(Some(&rest[start..]));
    }
    // Another scheme is none of ours. What is no scheme at all is a credential gone wrong, and not
    // the lack of one.
    if scheme.is_empty() || field::is_token(scheme) {
        return Ok(None);
    }
    Err(Rejection::new(
        RejectionKind::MalformedCredential,
        "`Authorization` begins with no scheme",
    ))
}

fn only<'r>(mut values: impl Iterator<Item = &'r [u8]>) -> Result<Option<&'r [u8]>, Rejection> {
    let first = values.next();
    if first.is_some() && values.next().is_some() {
        return Err(Rejection::new(
            RejectionKind::MultipleCredentials,
            "the place of the credential is there twice",
        ));
    }
    Ok(first)
}

fn websocket_protocol<'r>(
    request: &'r impl RequestView,
    marker: &[u8],
) -> Result<Option<&'r [u8]>, Rejection> {
    let mut elements = request
        .header("sec-websocket-protocol")
        .flat_map(|line| line.split(|byte| *byte == b','))
        .map(field::trim);
    if !elements.any(|element| element == marker) {
        return Ok(None);
    }
    let token = elements.next().unwrap_or_default();
    if token == marker || elements.any(|element| element == marker) {
        return Err(Rejection::new(
            RejectionKind::MultipleCredentials,
            "the WebSocket marker is there twice",
        ));
    }
    Ok(Some(token))
}

fn parameters<'r>(query: Option<&'r str>, name: &str) -> impl Iterator<Item = &'r [u8]> {
    query
        .unwrap_or_default()
        .split('&')
        .filter_map(move |pair| {
            let (got, value) = pair.split_once('=').unwrap_or((pair, ""));
            (got == name).then_some(value.as_bytes())
        })
}

#[cfg(test)]
mod tests;
