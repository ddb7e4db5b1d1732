//! Sliding sessions: activity renews the access token in the response.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{BoxFuture, HeaderEdits, Principal, Renewal, SourceKind};

use crate::cookies::CookieTransport;
use crate::sessions::{Renewed, Sessions};

/// The response field of [`RenewalTransport::Header`] with the renewed token.
const TOKEN: &str = "x-access-token";
/// The response field with the lifetime in seconds.
const EXPIRES_IN: &str = "x-access-token-expires-in";

/// The transport of a renewed access token to the client.
///
/// ```
/// use tollgate::session::{CookieTransport, RenewalTransport};
///
/// let by_cookie = RenewalTransport::Cookie(CookieTransport::builder().build()?);
/// assert!(!matches!(by_cookie, RenewalTransport::Header));
/// # Ok::<(), tollgate::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RenewalTransport {
    /// The access cookie.
    Cookie(CookieTransport),
    /// The response field `x-access-token`, with `x-access-token-expires-in` in seconds.
    Header,
    /// By cookie for a token from a cookie, and by header for any other token.
    Both(CookieTransport),
}

/// A [renewal](tollgate_core::GateBuilder::renewal) of access tokens by activity.
///
/// If a token has passed half of its lifetime, the response carries its successor. The successor
/// never outlives the session. There is none after a logout, even if the logout happens while the
/// request is processed, and none with an error response. If a store fails, the response is sent
/// without a successor.
///
/// A token from a cookie is renewed only by cookie, any other token only by header. A gate that
/// accepts both needs [`RenewalTransport::Both`].
///
/// ```
#[doc = include_str!("../doc/sessions.md")]
/// let renewal = SlidingRenewal::new(sessions.clone(), RenewalTransport::Header)
///     .after(0.75)
///     .methods(["POST", "PUT", "PATCH", "DELETE"])
///     .paths(|path| path.starts_with("/orders"));
/// let gate = sessions.gate().renewal(renewal).build()?;
///
/// let tokens = sessions.login(Login::new("u-7")).await?;
/// let mut request = EndpointRequest::new("POST", "/orders");
/// let credential = format!("Bearer {}", tokens.access_token);
/// request.headers.push(("authorization".to_owned(), credential.into_bytes()));
/// let decided = match gate.begin(&request) {
///     Step::Ready(decided) => decided,
///     Step::Pending(pending) => pending.await,
/// };
/// assert!(!decided.unwrap().renewal_due(), "it was just issued");
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct SlidingRenewal {
    sessions: Sessions,
    transport: RenewalTransport,
    after: f64,
    methods: Option<Vec<String>>,
    paths: Option<Arc<Paths>>,
}

type Paths = dyn Fn(&str) -> bool + Send + Sync;

impl SlidingRenewal {
    /// Creates a renewal for every request, once half of a token's lifetime has passed.
    ///
    /// ```
    #[doc = include_str!("../doc/sessions.md")]
    /// use tollgate::extend::Renewal;
    ///
    /// let renewal = SlidingRenewal::new(sessions.clone(), RenewalTransport::Header);
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// let principal = sessions.issuer().verifier().build()?.verify(&tokens.access_token)?;
    /// assert!(!renewal.is_due(&principal, "GET", "/orders"), "it was just issued");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn new(sessions: Sessions, transport: RenewalTransport) -> Self {
        Self {
            sessions,
            transport,
            after: 0.5,
            methods: None,
            paths: None,
        }
    }

    /// Sets the share of its lifetime that a token must have passed. Default: 0.5. Values are
    /// clamped to 0 to 1; NaN counts as 0.5.
    ///
    /// ```
    #[doc = include_str!("../doc/sessions.md")]
    /// use tollgate::extend::Renewal;
    ///
    /// let renewal = SlidingRenewal::new(sessions.clone(), RenewalTransport::Header).after(0.0);
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// let principal = sessions.issuer().verifier().build()?.verify(&tokens.access_token)?;
    /// assert!(renewal.is_due(&principal, "GET", "/orders"));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn after(mut self, share: f64) -> Self {
        self.after = if share.is_nan() {
            0.5
        } else {
            share.clamp(0.0, 1.0)
        };
        self
    }

    /// Restricts the renewal to responses to these methods, in upper case. Use it where a `GET`
    /// must not write. Default: all methods.
    ///
    /// ```
    #[doc = include_str!("../doc/sessions.md")]
    /// use tollgate::extend::Renewal;
    ///
    /// let renewal = SlidingRenewal::new(sessions.clone(), RenewalTransport::Header)
    ///     .after(0.0).methods(["POST"]);
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// let principal = sessions.issuer().verifier().build()?.verify(&tokens.access_token)?;
    /// assert!(renewal.is_due(&principal, "POST", "/orders"));
    /// assert!(!renewal.is_due(&principal, "GET", "/orders"));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn methods(mut self, methods: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.methods = Some(methods.into_iter().map(Into::into).collect());
        self
    }

    /// Restricts the renewal to requests of these paths. Default: all paths.
    ///
    /// ```
    #[doc = include_str!("../doc/sessions.md")]
    /// use tollgate::extend::Renewal;
    ///
    /// let renewal = SlidingRenewal::new(sessions.clone(), RenewalTransport::Header)
    ///     .after(0.0)
    ///     .paths(|path| path != "/poll");
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// let principal = sessions.issuer().verifier().build()?.verify(&tokens.access_token)?;
    /// assert!(renewal.is_due(&principal, "GET", "/orders"));
    /// assert!(!renewal.is_due(&principal, "GET", "/poll"));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn paths(mut self, paths: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.paths = Some(Arc::new(paths));
        self
    }

    /// Returns whether the transport matches the token's source. A token from a cookie must not
    /// become readable by scripts in a field. A client that sends the token itself must not get it
    /// as a cookie that replaces another one. A proxy renews its own tokens.
    fn suits(&self, source: Option<SourceKind>) -> bool {
        match (&self.transport, source) {
            (_, Some(SourceKind::ProxyHeader)) | (RenewalTransport::Both(_), None) => false,
            (RenewalTransport::Both(_), Some(_)) | (_, None) => true,
            (RenewalTransport::Cookie(_), Some(source)) => source.is_ambient(),
            (RenewalTransport::Header, Some(source)) => !source.is_ambient(),
        }
    }

    fn edits(&self, renewed: &Renewed, source: Option<SourceKind>) -> HeaderEdits {
        let mut edits = HeaderEdits::default();
        let cookies = match &self.transport {
            RenewalTransport::Cookie(cookies) => Some(cookies),
            RenewalTransport::Both(cookies) => {
                Some(cookies).filter(|_| source.is_some_and(SourceKind::is_ambient))
            }
            RenewalTransport::Header => None,
        };
        if let Some(cookies) = cookies {
            match cookies.set_access(renewed) {
                Ok(set) => edits = set,
                Err(error) => {
                    tracing::warn!(%error, "renewed token too large for its cookie");
                    return edits;
                }
            }
        } else {
            edits.push(TOKEN, renewed.access_token.as_bytes());
            edits.push(EXPIRES_IN, renewed.expires_in.to_string());
        }
        // No cache may store the response (RFC 9111 section 5.2.2.5).
        edits.push("cache-control", "no-store");
        edits
    }
}

impl Renewal for SlidingRenewal {
    fn is_due(&self, principal: &Principal, method: &str, path: &str) -> bool {
        let (Some(issued_at), Some(expires_at)) = (principal.issued_at(), principal.expires_at())
        else {
            return false;
        };
        let life = Duration::from_secs(expires_at.saturating_sub(issued_at)).as_secs_f64();
        let passed =
            Duration::from_secs(self.sessions.now().saturating_sub(issued_at)).as_secs_f64();
        passed >= life * self.after
            && self.sessions.issued(principal)
            && self.suits(principal.source())
            && self
                .methods
                .as_ref()
                .is_none_or(|methods| methods.iter().any(|allowed| allowed == method))
            && self.paths.as_ref().is_none_or(|paths| paths(path))
    }

    fn renew(&self, principal: &Principal) -> BoxFuture<HeaderEdits> {
        let (renewal, principal) = (self.clone(), principal.clone());
        Box::pin(async move {
            match renewal.sessions.renew(&principal).await {
                Ok(renewed) => renewed.map_or_else(HeaderEdits::default, |renewed| {
                    renewal.edits(&renewed, principal.source())
                }),
                Err(error) => {
                    tracing::warn!(%error, "renewal failed");
                    HeaderEdits::default()
                }
            }
        })
    }
}

impl fmt::Debug for SlidingRenewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlidingRenewal")
            .field("transport", &self.transport)
            .field("after", &self.after)
            .field("methods", &self.methods)
            .finish_non_exhaustive()
    }
}
