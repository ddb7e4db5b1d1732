//! The places in a request that can hold the credential (RFC 6750 section 2).

use std::borrow::Cow;

use crate::config::{ConfigError, ConfigErrorKind};
use crate::http::request::RequestView;
use crate::http::{SourceKind, base64url, cookie, field};
use crate::rejection::{Rejection, RejectionKind};
use crate::token::compact;

/// The end of the name of the marker beside a cookie whose session was resumed a moment ago.
pub const RESUMED: &str = "-resumed";

/// A place to look for the token. A gate has an ordered list of them; the first one that holds a
/// credential wins.
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
    WebSocketPrefix { prefix: String, base64url: bool },
    Header(String),
    ProxyHeader(String),
    Query(String),
}

impl Source {
    /// The `Authorization` field with the scheme `Bearer`, in any case (RFC 6750 section 2.1, RFC
    /// 9110 section 11.1).
    ///
    /// Another scheme counts as no credential. Two `Authorization` fields are refused, and so is a
    /// value after the scheme that is not exactly one `b64token`.
    ///
    /// ```
    /// assert_eq!(tollgate::Source::bearer().kind(), tollgate::extend::SourceKind::Bearer);
    /// ```
    pub const fn bearer() -> Self {
        Self(Place::Bearer)
    }

    /// The cookie of exactly this name. A request with two cookies of the name is refused, because
    /// an attacker may have planted either.
    ///
    /// A browser also attaches a cookie to requests that other sites make. On unsafe methods and on
    /// WebSocket handshakes the gate therefore requires proof of origin as well.
    ///
    /// ```
    /// # use tollgate::extend::SourceKind;
    /// # use tollgate::Source;
    /// assert_eq!(Source::cookie("__Host-access").kind(), SourceKind::Cookie);
    /// ```
    pub fn cookie(name: impl Into<String>) -> Self {
        Self(Place::Cookie(name.into()))
    }

    /// The element after `marker` in `Sec-WebSocket-Protocol`. A browser sends it for `new
    /// WebSocket(url, ["bearer", token])` if the marker is `bearer`.
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

    /// The element of `Sec-WebSocket-Protocol` that begins with `prefix`, which the token follows.
    /// A browser sends it for `new WebSocket(url, ["orders.v1", "bearer." + token])` if the prefix
    /// is `bearer.`. A request with two such elements is refused. The case of the prefix counts.
    ///
    /// The handler must select another protocol in its answer: the token does not belong there, and
    /// a browser closes the connection if none is selected.
    ///
    /// ```
    /// # use tollgate::extend::SourceKind;
    /// # use tollgate::Source;
    /// assert_eq!(Source::websocket_prefix("bearer.").kind(), SourceKind::WebSocketProtocol);
    /// ```
    pub fn websocket_prefix(prefix: impl Into<String>) -> Self {
        Self(Place::WebSocketPrefix {
            prefix: prefix.into(),
            base64url: false,
        })
    }

    /// Like [`websocket_prefix`](Self::websocket_prefix), for a token that is encoded once more in
    /// base64url without padding (RFC 4648 section 5). The API server of Kubernetes has the prefix
    /// `base64url.bearer.authorization.k8s.io.`.
    ///
    /// ```
    /// # use tollgate::extend::SourceKind;
    /// # use tollgate::Source;
    /// let source = Source::websocket_base64url("base64url.bearer.authorization.k8s.io.");
    /// assert_eq!(source.kind(), SourceKind::WebSocketProtocol);
    /// ```
    pub fn websocket_base64url(prefix: impl Into<String>) -> Self {
        Self(Place::WebSocketPrefix {
            prefix: prefix.into(),
            base64url: true,
        })
    }

    /// A header field of this name whose whole value is the token.
    ///
    /// Only a client can set it, so it needs no proof of origin. This does not hold if a proxy
    /// fills the field from its own cookie: see [`header_of_proxy`](Self::header_of_proxy).
    ///
    /// ```
    /// # use tollgate::extend::SourceKind;
    /// # use tollgate::Source;
    /// assert_eq!(Source::header("X-Access-Token").kind(), SourceKind::Header);
    /// ```
    pub fn header(name: impl Into<String>) -> Self {
        Self(Place::Header(name.into().to_ascii_lowercase()))
    }

    /// Like [`header`](Self::header), for a field that a proxy fills from a cookie of the browser,
    /// such as `x-amzn-oidc-data` of the AWS load balancer, and the headers of Cloudflare Access
    /// and of Google's Identity-Aware Proxy. The proxy also fills it for requests that other sites
    /// cause, so the gate requires proof of origin as for a [`cookie`](Self::cookie).
    ///
    /// ```
    /// # use tollgate::extend::SourceKind;
    /// # use tollgate::Source;
    /// assert_eq!(Source::header_of_proxy("x-amzn-oidc-data").kind(), SourceKind::ProxyHeader);
    /// ```
    pub fn header_of_proxy(name: impl Into<String>) -> Self {
        Self(Place::ProxyHeader(name.into().to_ascii_lowercase()))
    }

    /// A query parameter (RFC 6750 section 2.3). Queries appear in access logs, histories and
    /// `Referer` fields, so the token leaks. RFC 9700 section 4.3.2 forbids it.
    ///
    /// ```
    /// # use tollgate::extend::SourceKind;
    /// # use tollgate::Source;
    /// assert_eq!(Source::dangerous_query_parameter("access_token").kind(), SourceKind::Query);
    /// ```
    pub fn dangerous_query_parameter(name: impl Into<String>) -> Self {
        Self(Place::Query(name.into()))
    }

    /// The kind of this place.
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
            Place::WebSocketProtocol(_) | Place::WebSocketPrefix { .. } => {
                SourceKind::WebSocketProtocol
            }
            Place::Header(_) => SourceKind::Header,
            Place::ProxyHeader(_) => SourceKind::ProxyHeader,
            Place::Query(_) => SourceKind::Query,
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let valid = match &self.0 {
            Place::Bearer => true,
            Place::Header(name) | Place::ProxyHeader(name) => {
                field::is_token(name.as_bytes()) && name != "authorization" && name != "cookie"
            }
            Place::Cookie(name)
            | Place::WebSocketProtocol(name)
            | Place::WebSocketPrefix { prefix: name, .. } => field::is_token(name.as_bytes()),
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

    /// Returns `true` if a credential of one source may also be one of the other.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (
                Place::WebSocketPrefix { prefix: one, .. },
                Place::WebSocketPrefix { prefix: other, .. },
            ) => one.starts_with(&**other) || other.starts_with(&**one),
            // The prefix source reads the marker itself as its element.
            (Place::WebSocketProtocol(marker), Place::WebSocketPrefix { prefix, .. })
            | (Place::WebSocketPrefix { prefix, .. }, Place::WebSocketProtocol(marker)) => {
                marker.starts_with(&**prefix)
            }
            (Place::Header(one), Place::ProxyHeader(other))
            | (Place::ProxyHeader(one), Place::Header(other)) => one == other,
            _ => self == other,
        }
    }

    /// Returns `true` if `set_cookie`, the value of a `Set-Cookie` field (RFC 6265 section 4.1),
    /// sets the cookie of this source.
    pub(crate) fn is_set_by(&self, set_cookie: &[u8]) -> bool {
        let Place::Cookie(name) = &self.0 else {
            return false;
        };
        let end = set_cookie
            .iter()
            .position(|byte| matches!(byte, b'=' | b';'));
        field::trim(&set_cookie[..end.unwrap_or(set_cookie.len())]) == name.as_bytes()
    }

    /// Returns `true` if the session of this cookie was resumed a moment ago: the response that set
    /// the cookie also set a marker.
    pub(crate) fn is_resumed(&self, request: &impl RequestView) -> bool {
        let Place::Cookie(name) = &self.0 else {
            return false;
        };
        let marker = format!("{name}{RESUMED}");
        let mut found = cookie::named(request.header("cookie"), marker.as_bytes());
        found.next().is_some()
    }

    /// Returns the one credential in this place, if there is any.
    fn find<'r>(&self, request: &'r impl RequestView) -> Result<Option<Cow<'r, [u8]>>, Rejection> {
        let found = match &self.0 {
            Place::Bearer => bearer(request),
            Place::Cookie(name) => only(cookie::named(request.header("cookie"), name.as_bytes())),
            Place::WebSocketProtocol(marker) => websocket_protocol(request, marker.as_bytes()),
            Place::WebSocketPrefix { prefix, base64url } => {
                let after = |element| <[u8]>::strip_prefix(element, prefix.as_bytes());
                let found = only(websocket_elements(request).filter_map(after))?;
                return found.map(|token| decoded(token, *base64url)).transpose();
            }
            Place::Header(name) | Place::ProxyHeader(name) => {
                only(request.header(name).map(field::trim))
            }
            Place::Query(name) => only(parameters(request.query(), name)),
        };
        Ok(found?.map(Cow::Borrowed))
    }
}

/// The unverified credential of a request and the kind of its source.
pub(crate) struct Credential<'r> {
    pub(crate) token: Cow<'r, [u8]>,
    pub(crate) source: SourceKind,
}

/// Returns the refusal of a request without a credential.
pub(super) fn missing_credential() -> Rejection {
    Rejection::new(
        RejectionKind::MissingCredential,
        "no source holds a credential",
    )
}

/// Finds the credential of a request in the ordered sources.
///
/// RFC 6750 section 2: "Clients MUST NOT use more than one method to transmit the token in each
/// request". Two sources that a client fills deliberately are therefore refused together, at any
/// position in the list. A browser sends a cookie by itself: beside another source it is refused
/// only if `strict`, and ignored if the other source comes first.
///
/// With several sources or a cookie, the alphabet of the credential is checked here, because it
/// decides which refusal comes first. Otherwise the verifier checks it when it splits the token.
/// `padded` allows padding after each segment.
pub(crate) fn find<'r>(
    sources: &[Source],
    strict: bool,
    padded: bool,
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
        compact::check_alphabet(&token, kind, padded)?;
        let credential = Credential {
            token,
            source: kind,
        };
        // The earlier source that must not be combined with this one.
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
    // RFC 9110 section 11.4: `auth-scheme [ 1*SP ( token68 / #auth-param ) ]`. The fast path covers
    // the form that nearly every client sends.
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
    // A valid other scheme is no credential for this gate. An invalid scheme is a malformed
    // credential, not a missing one.
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
    let mut elements = websocket_elements(request);
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

fn websocket_elements(request: &impl RequestView) -> impl Iterator<Item = &[u8]> {
    let lines = request.header("sec-websocket-protocol");
    lines
        .flat_map(|line| line.split(|byte| *byte == b','))
        .map(field::trim)
}

/// Returns the token of an element after its prefix.
fn decoded(token: &[u8], base64url: bool) -> Result<Cow<'_, [u8]>, Rejection> {
    if !base64url {
        return Ok(Cow::Borrowed(token));
    }
    let decoded = base64url::decode_to_vec(token).ok_or_else(|| {
        Rejection::new(
            RejectionKind::MalformedCredential,
            "the WebSocket protocol holds no canonical base64url",
        )
    })?;
    Ok(Cow::Owned(decoded))
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
