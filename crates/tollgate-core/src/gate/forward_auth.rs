//! Subrequests by which a proxy asks for permission: the decision is about the original request.

use std::fmt;
use std::net::IpAddr;

use crate::config::{ConfigError, ConfigErrorKind};
use crate::http::field;
use crate::http::request::RequestView;
use crate::rejection::{Rejection, RejectionKind};

/// The mode of a [`Gate`](crate::Gate) that a proxy asks for permission: nginx `auth_request`,
/// Caddy `forward_auth`, or a script in `HAProxy`.
///
/// Such a proxy asks with a request of its own. Method, host, scheme and URI of the client's
/// request are in header fields, which this mode reads; all decisions are about that request. A
/// request is rejected with 403 unless it comes from a declared proxy and has each field exactly
/// once and well formed. A refusal is never a 2xx.
///
/// The proxy must set all four fields itself, over those of the client, and pass the client's other
/// fields on. The guide has a configuration for each proxy.
///
/// ```
/// use tollgate::extend::EndpointRequest;
/// # use tollgate::{Key, SigningKey, Verifier};
/// use tollgate::{ForwardAuth, Gate, RejectionKind, Source};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let key = Key::hs256([7; 32])?;
/// # let verifier =
/// #     Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(key).build()?;
/// # let token =
/// #     SigningKey::hs256([7; 32])?.encode(&serde_json::json!({"exp": 4_000_000_000_u64}))?;
/// let gate = Gate::builder(verifier)
///     .source(Source::cookie("access"))
///     .forward_auth(ForwardAuth::from_proxies([[127, 0, 0, 1]]))
///     .build()?;
/// let ask = |method: &str| {
///     let mut request = EndpointRequest::new("GET", "/auth");
///     request.remote_address = Some([127, 0, 0, 1].into());
///     for (name, value) in [
///         ("x-forwarded-method", method),
///         ("x-forwarded-host", "app.example.com"),
///         ("x-forwarded-proto", "https"),
///         ("x-forwarded-uri", "/transfer"),
///         ("sec-fetch-site", "cross-site"),
///         ("cookie", &format!("access={token}")),
///     ] {
///         request.headers.push((name.to_owned(), value.as_bytes().to_vec()));
///     }
///     gate.decide(&request).err().map(|refusal| refusal.rejection().kind())
/// };
/// assert_eq!(ask("GET"), None);
/// assert_eq!(ask("POST"), Some(RejectionKind::CrossSite));
/// assert_eq!(ask(""), Some(RejectionKind::UnknownOriginalRequest));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ForwardAuth {
    proxies: Vec<IpAddr>,
    /// The names of the fields for method, host, scheme and URI.
    fields: [String; 4],
}

impl ForwardAuth {
    /// Accepts subrequests from these addresses, of the connection and not of a header field. The
    /// fields are `X-Forwarded-Method`, `X-Forwarded-Host`, `X-Forwarded-Proto` and
    /// `X-Forwarded-Uri` unless [set](Self::fields).
    pub fn from_proxies(proxies: impl IntoIterator<Item = impl Into<IpAddr>>) -> Self {
        let proxies = proxies.into_iter().map(Into::into);
        Self {
            proxies: proxies.map(|proxy| proxy.to_canonical()).collect(),
            fields: ["method", "host", "proto", "uri"].map(|part| format!("x-forwarded-{part}")),
        }
    }

    /// Sets the names of the fields that hold method, host (with the port, if it is not the default
    /// one), scheme (`https` or `http`) and URI (path and query) of the original request. In any
    /// case. `build` of the gate rejects a name that is not a token, and a name that is set twice.
    ///
    /// ```
    /// use tollgate::ForwardAuth;
    ///
    /// let forward = ForwardAuth::from_proxies([[127, 0, 0, 1]])
    ///     .fields("X-Original-Method", "X-Original-Host", "X-Original-Proto", "X-Original-Uri");
    /// assert!(format!("{forward:?}").contains("x-original-host"));
    /// ```
    #[must_use]
    pub fn fields(mut self, method: &str, host: &str, scheme: &str, uri: &str) -> Self {
        self.fields = [method, host, scheme, uri].map(str::to_ascii_lowercase);
        self
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let refuse = |kind, message: &str| Err(ConfigError::new(kind, message));
        if self.proxies.is_empty() {
            return refuse(
                ConfigErrorKind::Contradiction,
                "`forward_auth` has no proxies: every request would be refused",
            );
        }
        if !self
            .fields
            .iter()
            .all(|name| field::is_token(name.as_bytes()))
        {
            return refuse(
                ConfigErrorKind::InvalidText,
                "a field of `forward_auth` is not a field name",
            );
        }
        let mut names = self.fields.iter().enumerate();
        if names.any(|(place, name)| self.fields[..place].contains(name)) {
            return refuse(
                ConfigErrorKind::Duplicate,
                "two fields of `forward_auth` have one name",
            );
        }
        Ok(())
    }

    /// The request that a proxy asks about.
    pub(super) fn original<'r, R: RequestView>(
        &self,
        request: &'r R,
    ) -> Result<Original<'r, R>, Rejection> {
        let peer = request.remote_address().map(|peer| peer.to_canonical());
        match peer {
            Some(peer) if self.proxies.contains(&peer) => {}
            Some(peer) => return Err(unknown(format!("{peer} is not a declared proxy"))),
            None => return Err(unknown("the address of the peer is not known".to_owned())),
        }
        let [method, host, scheme, uri] = &self.fields;
        let uri = value(request, uri, |uri| {
            uri.starts_with('/') && uri.bytes().all(|byte| byte.is_ascii_graphic())
        })?;
        let (path, query) = match uri.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (uri, None),
        };
        Ok(Original {
            request,
            method: value(request, method, |method| field::is_token(method.as_bytes()))?,
            host: value(request, host, |host| host.bytes().all(is_host_byte))?,
            scheme: value(request, scheme, |scheme| matches!(scheme, "https" | "http"))?,
            path,
            query,
        })
    }
}

impl fmt::Debug for ForwardAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForwardAuth")
            .field("proxies", &self.proxies)
            .field("fields", &self.fields)
            .finish()
    }
}

/// The value of a field that is there exactly once and is well formed.
fn value<'r>(
    request: &'r impl RequestView,
    name: &str,
    is_valid: impl FnOnce(&str) -> bool,
) -> Result<&'r str, Rejection> {
    let mut lines = request.header(name);
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Err(unknown(format!("`{name}` is not there exactly once")));
    };
    let text = std::str::from_utf8(field::trim(line)).unwrap_or_default();
    if text.is_empty() || !is_valid(text) {
        return Err(unknown(format!("`{name}` is malformed")));
    }
    Ok(text)
}

const fn is_host_byte(byte: u8) -> bool {
    matches!(byte, b'-' | b'.' | b'_' | b':' | b'[' | b']') || byte.is_ascii_alphanumeric()
}

#[cold]
fn unknown(detail: String) -> Rejection {
    Rejection::new(RejectionKind::UnknownOriginalRequest, detail)
}

/// A request as its proxy describes it, with the fields of the subrequest.
pub(super) struct Original<'r, R> {
    request: &'r R,
    method: &'r str,
    host: &'r str,
    scheme: &'r str,
    path: &'r str,
    query: Option<&'r str>,
}

impl<R: RequestView> RequestView for Original<'_, R> {
    fn method(&self) -> &str {
        self.method
    }

    fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.request.header(name)
    }

    fn query(&self) -> Option<&str> {
        self.query
    }

    fn path(&self) -> &str {
        self.path
    }

    fn authority(&self) -> Option<&str> {
        Some(self.host)
    }

    fn scheme(&self) -> Option<&str> {
        Some(self.scheme)
    }

    fn remote_address(&self) -> Option<IpAddr> {
        self.request.remote_address()
    }
}
