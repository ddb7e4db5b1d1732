//! Sliding sessions: a token renewed by activity, with the response.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{BoxFuture, HeaderEdits, Principal, Renewal, SourceKind};

use crate::cookies::CookieTransport;
use crate::sessions::{Renewed, Sessions};

/// The field that brings a renewed token by [`RenewalTransport::Header`].
const TOKEN: &str = "x-access-token";
/// The field that says for how many seconds.
const EXPIRES_IN: &str = "x-access-token-expires-in";

/// How a renewed access token reaches the client.
///
/// ```
/// use tollgate_session::{CookieTransport, RenewalTransport};
///
/// let by_cookie = RenewalTransport::Cookie(CookieTransport::builder().build()?);
/// assert!(!matches!(by_cookie, RenewalTransport::Header));
/// # Ok::<(), tollgate_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RenewalTransport {
    /// In the access cookie.
    Cookie(CookieTransport),
    /// In the response field `x-access-token`, with `x-access-token-expires-in` in seconds.
    Header,
}

/// Renews access tokens by activity: to be given to [`GateBuilder::renewal`](tollgate_core::GateBuilder::renewal).
///
/// A token that has passed half of its life comes with its successor in the response, as long as its session lasts: never past
/// the session's end, never after a logout, though that came while the request was under way, never with an error. Where
/// a store is out of order, the response goes without. Only a token from a cookie is renewed by cookie, and only another one by
/// header: a gate that takes both needs a layer for each.
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
/// request.headers.push(("authorization".to_owned(), format!("Bearer {}", tokens.access_token).into_bytes()));
/// let decided = match gate.begin(&request) {
///     Decision::Ready(decided) => decided,
///     Decision::Pending(pending) => pending.await,
/// };
/// assert!(!decided.unwrap().renewal_due(), "it has just been issued");
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
    /// For every request, once half of a token's life has passed.
    ///
    /// ```
    #[doc = include_str!("../doc/sessions.md")]
    /// use tollgate_core::Renewal;
    ///
    /// let renewal = SlidingRenewal::new(sessions.clone(), RenewalTransport::Header);
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// let principal = sessions.issuer().verifier().build()?.verify(&tokens.access_token)?;
    /// assert!(!renewal.is_due(&principal, "GET", "/orders"), "it has just been issued");
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

    /// Which share of its life a token must have passed: 0.5 unless said otherwise. What is below 0 counts as 0, what is above 1
    /// as 1, and what is no number as 0.5.
    ///
    /// ```
    #[doc = include_str!("../doc/sessions.md")]
    /// use tollgate_core::Renewal;
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

    /// Only with responses to these methods, in upper case: a `GET` may be one that must not write. All unless said otherwise.
    ///
    /// ```
    #[doc = include_str!("../doc/sessions.md")]
    /// use tollgate_core::Renewal;
    ///
    /// let renewal = SlidingRenewal::new(sessions.clone(), RenewalTransport::Header).after(0.0).methods(["POST"]);
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

    /// Only with responses to requests of these paths. All unless said otherwise.
    ///
    /// ```
    #[doc = include_str!("../doc/sessions.md")]
    /// use tollgate_core::Renewal;
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

    /// A token goes back the way it came: what a cookie keeps from scripts must not reach them by a field, and whoever sends
    /// the token of their own accord must not be given it as a cookie, in place of the one that is there.
    fn suits(&self, source: Option<SourceKind>) -> bool {
        let by_cookie = matches!(self.transport, RenewalTransport::Cookie(_));
        source.is_none_or(|source| source.is_ambient() == by_cookie)
    }

    fn edits(&self, renewed: &Renewed) -> HeaderEdits {
        let mut edits = HeaderEdits::default();
        match &self.transport {
            RenewalTransport::Cookie(transport) => match transport.set_access(renewed) {
                Ok(set) => edits = set,
                Err(error) => {
                    tracing::warn!(%error, "a renewed token does not fit its cookie");
                    return edits;
                }
            },
            RenewalTransport::Header => {
                edits.push(TOKEN, renewed.access_token.as_bytes());
                edits.push(EXPIRES_IN, renewed.expires_in.to_string());
            }
        }
        // No cache may keep it (RFC 9111 section 5.2.2.5).
        edits.push("cache-control", "no-store");
        edits
    }
}

impl Renewal for SlidingRenewal {
    fn is_due(&self, principal: &Principal, method: &str, path: &str) -> bool {
        let (Some(issued_at), Some(expires_at)) = (principal.issued_at(), principal.expires_at()) else {
            return false;
        };
        let life = Duration::from_secs(expires_at.saturating_sub(issued_at)).as_secs_f64();
        let passed = Duration::from_secs(self.sessions.now().saturating_sub(issued_at)).as_secs_f64();
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
                Ok(renewed) => renewed.map_or_else(HeaderEdits::default, |renewed| renewal.edits(&renewed)),
                Err(error) => {
                    tracing::warn!(%error, "a token was not renewed");
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
