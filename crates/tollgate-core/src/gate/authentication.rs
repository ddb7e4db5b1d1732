//! The outcome of a gate for a request that it admits.

use std::fmt;
use std::time::Duration;

use super::claims::Claims;
use super::refusal::Facts;
use super::{Gate, Refusal};
use crate::decisions;
use crate::gate::authenticate::Admitted;
use crate::gate::authorisation::authorise;
use crate::gate::source;
use crate::http::HeaderEdits;
use crate::http::request::Protocol;
use crate::policy::Policy;
use crate::rejection::{Rejection, printable};
use crate::step::BoxFuture;
use crate::token::claims::Actor;
use crate::verifier::principal::Principal;

/// The outcome of a [`Gate`] for an admitted request: a principal, or none for an anonymous
/// request.
///
/// An adapter puts it into the request's extensions. Extractors and policies read it there, and
/// their refusals get the same answer as a refusal by the gate.
///
/// ```
/// use tollgate::policy::Policy;
/// use tollgate::extend::RequestView;
/// use tollgate::{Gate, Key, RejectionKind, Verifier};
/// # struct Get;
/// # impl RequestView for Get {
/// #     fn method(&self) -> &str { "GET" }
/// #     fn header<'a>(&'a self, _: &str) -> impl Iterator<Item = &'a [u8]> { std::iter::empty() }
/// #     fn query(&self) -> Option<&str> { None }
/// # }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
/// #     .key(Key::hs256([7; 32])?).build()?;
/// let gate = Gate::builder(verifier).optional().build()?;
/// let authentication = gate.decide(&Get)?;
/// assert!(authentication.principal().is_none());
/// let refusal = authentication.require(&Policy::scope("orders:read")).unwrap_err();
/// assert_eq!(refusal.rejection().kind(), RejectionKind::MissingCredential);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Authentication {
    gate: Gate,
    protocol: Protocol,
    admitted: Admitted,
}

impl Authentication {
    #[inline]
    pub(super) const fn new(gate: Gate, protocol: Protocol, admitted: Admitted) -> Self {
        Self {
            gate,
            protocol,
            admitted,
        }
    }

    /// Returns `true` if this gate or a clone of it made the decision. A decision by another gate
    /// does not satisfy this one.
    ///
    /// ```
    /// # use tollgate::extend::RequestView;
    /// # use tollgate::{Gate, Key, Verifier};
    /// # struct Get;
    /// # impl RequestView for Get {
    /// #     fn method(&self) -> &str { "GET" }
    /// #     fn header<'a>(&'a self, _: &str) -> impl Iterator<Item =
    /// #         &'a [u8]> { std::iter::empty() }
    /// #     fn query(&self) -> Option<&str> { None }
    /// # }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// let gate = Gate::builder(verifier.clone()).optional().build()?;
    /// let authentication = gate.decide(&Get)?;
    /// assert!(authentication.is_by(&gate.clone()));
    /// assert!(!authentication.is_by(&Gate::from(verifier)));
    /// # Ok(()) }
    /// ```
    pub fn is_by(&self, gate: &Gate) -> bool {
        self.gate.is(gate)
    }

    /// Returns `true` if a gate around this verifier, or around a clone of it, made the decision.
    #[cfg(feature = "actix")]
    pub(crate) fn is_by_verifier(&self, verifier: &crate::Verifier) -> bool {
        self.gate.verifier().is(verifier)
    }

    /// The principal of the token. `None` for an anonymous request, which only an optional gate
    /// admits, and for a CORS preflight.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::Gate;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let gate = Gate::builder(verifier()).optional().build()?;
    /// # let with = |scope| Request::new("GET")
    /// #     .with("authorization", format!("Bearer {}", token(scope)));
    /// assert_eq!(gate.decide(&with(""))?.principal()
    ///     .and_then(|user| user.subject()), Some("u-7"));
    /// assert!(gate.decide(&Request::new("GET"))?.principal().is_none());
    /// # Ok(()) }
    /// ```
    pub const fn principal(&self) -> Option<&Principal> {
        self.admitted.principal.as_ref()
    }

    /// Returns the principal, or refuses an anonymous request.
    ///
    /// # Errors
    /// A [`Refusal`] of kind `MissingCredential` for an anonymous request.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::{Gate, RejectionKind};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let gate = Gate::builder(verifier()).optional().build()?;
    /// # let with = |scope| Request::new("GET")
    /// #     .with("authorization", format!("Bearer {}", token(scope)));
    /// assert_eq!(gate.decide(&with(""))?.authenticated()?.subject(), Some("u-7"));
    /// let refusal = gate.decide(&Request::new("GET"))?.authenticated().unwrap_err();
    /// assert_eq!(refusal.rejection().kind(), RejectionKind::MissingCredential);
    /// # Ok(()) }
    /// ```
    #[inline]
    pub fn authenticated(&self) -> Result<&Principal, Refusal> {
        self.principal()
            .ok_or_else(|| self.refuse(source::missing_credential()))
    }

    /// Like [`authenticated`](Self::authenticated), by value.
    #[inline]
    pub(super) fn into_authenticated(mut self) -> Result<Principal, Refusal> {
        let principal = self.admitted.principal.take();
        principal.ok_or_else(|| self.refuse(source::missing_credential()))
    }

    /// Returns the principal if it satisfies the policy.
    ///
    /// The layer `require()` of the adapters does the same for a route, and also admits CORS
    /// preflights that the gate admitted. [`Policy::permits`] evaluates any facts, without a
    /// refusal.
    ///
    /// # Errors
    /// A [`Refusal`]: `MissingCredential` for an anonymous request, `AuthenticationTooOld` if a new
    /// login would satisfy the policy, otherwise `InsufficientScope`.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::{Gate, policy::scope};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let gate = Gate::builder(verifier()).optional().build()?;
    /// # let with = |scope| Request::new("GET")
    /// #     .with("authorization", format!("Bearer {}", token(scope)));
    /// let caller = gate.decide(&with("orders:read"))?;
    /// assert!(caller.require(&scope("orders:read")).is_ok());
    /// assert_eq!(caller.require(&scope("orders:write")).unwrap_err().answer().status, 403);
    /// # Ok(()) }
    /// ```
    pub fn require(&self, policy: &Policy) -> Result<&Principal, Refusal> {
        let principal = self.authenticated()?;
        authorise(policy, principal).map_err(|rejection| self.refuse(rejection))?;
        Ok(principal)
    }

    /// Implements the layers of `require()`: like [`require`](Self::require), but admits a CORS
    /// preflight that the gate admitted, because it acts for no caller.
    ///
    /// # Errors
    /// The errors of [`require`](Self::require).
    #[doc(hidden)]
    pub fn require_unless_preflight(&self, policy: &Policy) -> Result<(), Refusal> {
        if self.admitted.preflight {
            Ok(())
        } else {
            self.require(policy).map(|_| ())
        }
    }

    /// Returns the time for which the token is still valid, in whole seconds, with the leeway of
    /// its issuer. It is [`Duration::MAX`] for an anonymous request and for a token that never
    /// expires.
    ///
    /// A long-lived response or connection, such as a stream or a WebSocket, can end by it. The
    /// revocation check and the policy of the gate do not run again.
    ///
    /// # Errors
    /// A [`Refusal`] once the token is no longer valid: of kind `Expired`, `TooOld` if the verifier
    /// has a maximum age, or `WrongAlgorithm` after the end of the [shared
    /// secrets](crate::TrustedIssuer::shared_secrets_until).
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use std::time::Duration;
    /// # use tollgate::Gate;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let gate = Gate::builder(verifier()).optional().build()?;
    /// # let with = |scope| Request::new("GET")
    /// #     .with("authorization", format!("Bearer {}", token(scope)));
    /// assert!(gate.decide(&with(""))?.expires_in()? > Duration::ZERO);
    /// assert_eq!(gate.decide(&Request::new("GET"))?.expires_in()?, Duration::MAX); // anonymous
    /// # Ok(()) }
    /// ```
    pub fn expires_in(&self) -> Result<Duration, Refusal> {
        let Some(principal) = self.principal() else {
            return Ok(Duration::MAX);
        };
        let left = principal.verified().expires_in(self.gate.verifier().now());
        left.map_err(|rejection| self.refuse(rejection))
    }

    /// Deserializes the claims into the user's type, after the type's own [policy](Claims::policy).
    ///
    /// # Errors
    /// A [`Refusal`]: `MissingCredential` for an anonymous request, `InsufficientScope` if the
    /// type's policy does not hold, `UnfitClaims` if the claims do not fit the type.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::{Claims, Gate};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let gate = Gate::builder(verifier()).optional().build()?;
    /// # let with = |scope| Request::new("GET")
    /// #     .with("authorization", format!("Bearer {}", token(scope)));
    /// #[derive(serde::Deserialize)]
    /// struct Shopper {
    ///     sub: String,
    /// }
    ///
    /// impl Claims for Shopper {} // or `#[derive(Claims)]`
    ///
    /// let shopper: Shopper = gate.decide(&with(""))?.claims()?;
    /// assert_eq!(shopper.sub, "u-7");
    /// # Ok(()) }
    /// ```
    pub fn claims<T: Claims>(&self) -> Result<T, Refusal> {
        let principal = match T::policy() {
            Some(policy) => self.require(policy)?,
            None => self.authenticated()?,
        };
        T::from_principal(principal).map_err(|rejection| self.refuse(rejection))
    }

    /// Returns `true` if the response may carry a renewed token; see [`renewal`](Self::renewal).
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::Gate;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let request = Request::new("GET").with("authorization", format!("Bearer {}", token("")));
    /// assert!(!Gate::from(verifier()).decide(&request)?.renewal_due()); // the gate renews nothing
    /// # Ok(()) }
    /// ```
    pub const fn renewal_due(&self) -> bool {
        self.admitted.renewal_due
    }

    /// Returns the header fields that the response carries for a renewed token, given its status
    /// and its `set-cookie` values.
    ///
    /// `None` if no renewal is due, if the response is an error, or if it sets one of the gate's
    /// cookies itself, as a logout does. Do not call this for a response marked
    /// [`SkipRenewal`](crate::SkipRenewal).
    ///
    /// Await the future before the response is sent, and apply its fields to the response.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// use tollgate::extend::{BoxFuture, HeaderEdits, Renewal};
    /// use tollgate::{Gate, Principal, Source};
    /// # struct Always;
    /// # impl Renewal for Always {
    /// #     fn is_due(&self, _: &Principal, _: &str, _: &str) -> bool { true }
    /// #     fn renew(&self, _: &Principal) -> BoxFuture<HeaderEdits> {
    /// #         Box::pin(async { HeaderEdits::default() }) }
    /// # }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::builder(verifier()).source(Source::cookie("access")).renewal(Always)
    ///     .build()?;
    /// let authentication =
    ///     gate.decide(&Request::new("GET").with("cookie", format!("access={}", token(""))))?;
    /// let cookies = |line: &'static str| std::iter::once(line.as_bytes());
    /// assert!(authentication.renewal(200, cookies("theme=dark")).is_some());
    /// assert!(authentication.renewal(200, cookies("access=; Max-Age=0")).is_none());
    /// # Ok(()) }
    /// ```
    pub fn renewal<'c>(
        &self,
        status: u16,
        mut set_cookies: impl Iterator<Item = &'c [u8]>,
    ) -> Option<BoxFuture<HeaderEdits>> {
        let successful = matches!(status, 200..=399);
        if !self.admitted.renewal_due
            || !successful
            || set_cookies.any(|cookie| self.gate.has_cookie(cookie))
        {
            return None;
        }
        self.gate.renew(self.principal()?)
    }

    /// Refuses the request for the caller's own reason, with the answer that the gate would send.
    ///
    /// ```
    /// # use tollgate::extend::RequestView;
    /// # use tollgate::{Gate, Key, Rejection, Verifier};
    /// # struct Get;
    /// # impl RequestView for Get {
    /// #     fn method(&self) -> &str { "GET" }
    /// #     fn header<'a>(&'a self, _: &str) -> impl Iterator<Item =
    /// #         &'a [u8]> { std::iter::empty() }
    /// #     fn query(&self) -> Option<&str> { None }
    /// # }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let authentication = Gate::builder(verifier).optional().build()?.decide(&Get)?;
    /// let down =
    ///     Rejection::unavailable(std::time::Duration::from_secs(1), "the user store timed out");
    /// assert_eq!(authentication.refuse(down).answer().status, 503);
    /// # Ok(()) }
    /// ```
    pub fn refuse(&self, rejection: Rejection) -> Refusal {
        self.refusal(rejection).logged_or_deferred(&Facts::default)
    }

    /// Creates a refusal whose event is not emitted yet.
    #[cold]
    pub(super) fn refusal(&self, mut rejection: Rejection) -> Refusal {
        if let Some(principal) = self.principal() {
            rejection = rejection.with_issuer(principal.issuer_label());
            if let Some(source) = principal.source() {
                rejection = rejection.with_source(source);
            }
        }
        let refusal = self.gate.refusal(rejection, self.protocol);
        refusal.of_caller(self.clone())
    }

    pub(super) const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Counts an admission and records its caller, if either is configured.
    #[inline]
    pub(super) fn note_admission(&self) {
        match self.principal() {
            Some(principal) => principal.count_accepted(),
            None => decisions::count_anonymous(self.admitted.preflight),
        }
        self.record_if_configured();
    }

    #[inline]
    pub(super) fn record_if_configured(&self) {
        if self.gate.0.record_in_span {
            self.record_in(&tracing::Span::current());
        }
    }

    /// Records the caller in a span of `tracing`: the subject in the field `enduser.id`, as in the
    /// semantic conventions of OpenTelemetry, the `iss` claim in `issuer`, and the subject of the
    /// [actor](crate::Principal::actor) in `actor`.
    ///
    /// A field that the span does not declare is ignored, and an anonymous request records nothing.
    /// A value has at most 256 characters, with an escape for each that is not printable.
    /// [`GateBuilder::record_in_span`](crate::GateBuilder::record_in_span) calls this for each
    /// request.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::Gate;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let gate = Gate::from(verifier());
    /// # let request = Request::new("GET").with("authorization", format!("Bearer {}", token("")));
    /// let span = tracing::info_span!("job", enduser.id = tracing::field::Empty);
    /// gate.decide(&request)?.record_in(&span);
    /// # Ok(()) }
    /// ```
    #[cold]
    pub fn record_in(&self, span: &tracing::Span) {
        const MOST: usize = 256;
        let Some(principal) = self.principal() else {
            return;
        };
        let actor = principal.actor().ok().flatten();
        for (field, value) in [
            ("enduser.id", principal.subject()),
            ("issuer", principal.issuer()),
            ("actor", actor.as_ref().map(Actor::subject)),
        ] {
            if let Some(value) = value
                && span.has_field(field)
            {
                span.record(field, &*printable(value, MOST));
            }
        }
    }
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authentication")
            .field(&self.admitted.principal)
            .finish()
    }
}
