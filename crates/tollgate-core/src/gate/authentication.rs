//! What a gate knows of a request that it has let through.

use std::fmt;

use super::claims::Claims;
use super::{Gate, Refusal};
use crate::gate::authenticate::{Admitted, missing_credential};
use crate::http::HeaderEdits;
use crate::http::request::Protocol;
use crate::policy::{self, Facts, Policy};
use crate::rejection::Rejection;
use crate::step::BoxFuture;
use crate::verifier::principal::Principal;

/// The outcome of a [`Gate`] for a request that goes on: a principal, or the fact that there is
/// none.
///
/// An adapter puts it into the request's extensions; extractors and policies read it there.
/// Whatever they refuse is answered as the gate would answer it.
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

    /// Whether it was this gate, or a clone of it, that decided. What another gate found out says
    /// nothing of this one's rules.
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

    /// Whether a gate around this verifier, or around a clone of it, decided.
    #[cfg(feature = "actix")]
    pub(crate) fn is_by_verifier(&self, verifier: &crate::Verifier) -> bool {
        self.gate.verifier().is(verifier)
    }

    /// Who the request's token speaks for; `None` for an anonymous request, which only an optional
    /// gate lets through, and for a CORS preflight.
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

    /// The principal, or the refusal that a request without a credential gets.
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
            .ok_or_else(|| self.refuse(missing_credential()))
    }

    /// The principal if it satisfies the policy.
    ///
    /// The layer `require()` of the adapters does the same for a route, and lets CORS preflights
    /// pass that the gate has let pass. [`Policy::permits`] answers for any facts, without a
    /// refusal.
    ///
    /// # Errors
    /// A [`Refusal`]: `MissingCredential` for an anonymous request, `InsufficientScope` where the
    /// policy does not hold, `AuthenticationTooOld` where it would after a new login.
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

    /// For the layers of `require()`: like [`require`](Self::require), but lets a CORS preflight
    /// pass that the gate has let pass, because it acts for no caller.
    ///
    /// # Errors
    /// As [`require`](Self::require).
    #[doc(hidden)]
    pub fn require_unless_preflight(&self, policy: &Policy) -> Result<(), Refusal> {
        if self.admitted.preflight {
            Ok(())
        } else {
            self.require(policy).map(|_| ())
        }
    }

    /// The claims as the user's type, after the type's own [policy](Claims::policy).
    ///
    /// # Errors
    /// A [`Refusal`]: `MissingCredential` for an anonymous request, `InsufficientScope` where the
    /// type's policy does not hold, `MalformedClaims` where the claims do not fit the type.
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

    /// Whether the response should carry a renewed token, if [`renewal`](Self::renewal) finds it
    /// fit: what an adapter asks before it keeps a clone until then.
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

    /// What a response of this status, with these values of `set-cookie`, is to carry besides;
    /// `None` where no renewal is due, the response is an error, or it sets one of the gate's own
    /// cookies by itself, as that of a logout does. A response marked
    /// [`SkipRenewal`](crate::SkipRenewal) is not to be asked about.
    ///
    /// The future must be awaited before the response is sent, and its fields applied to it.
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

    /// Refuses the request for a reason of the caller's own, in the gate's manner.
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
        self.gate.refuse(rejection, self.protocol)
    }
}

/// Refuses a principal that the policy does not permit, and says which scopes, or how recent a
/// login, would have been enough.
pub(super) fn authorise(policy: &Policy, principal: &impl Facts) -> Result<(), Rejection> {
    if policy.permits(principal) {
        return Ok(());
    }
    let evaluation = policy.evaluate(principal);
    let detail = || {
        let failed = evaluation.failed().map(|leaf| leaf.clause().to_string());
        format!(
            "wanted {policy}; failed: {}",
            failed.collect::<Vec<_>>().join(", ")
        )
    };
    if let Some(max_age) = policy::sufficient_age(policy, principal) {
        return Err(Rejection::authentication_too_old(max_age, detail()));
    }
    let scope = evaluation
        .sufficient_scopes()
        .filter(|scopes| !scopes.is_empty())
        .map(|scopes| scopes.join(" "));
    Err(Rejection::insufficient_scope(scope, detail()))
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authentication")
            .field(&self.admitted.principal)
            .finish()
    }
}

/// What can be drawn from an [`Authentication`]: the core of every extractor, whichever framework
/// it serves.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
/// # use example::{Request, token, verifier};
/// use tollgate::extend::FromAuthentication;
/// use tollgate::{Authentication, Gate, Refusal};
///
/// /// The account that the caller acts for.
/// struct Account(String);
///
/// impl FromAuthentication for Account {
///     fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
///         let subject = authentication.authenticated()?.subject();
///         Ok(Self(format!("account of {}", subject.unwrap_or("nobody"))))
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let gate = Gate::from(verifier());
/// # let request = Request::new("GET").with("authorization", format!("Bearer {}", token("")));
/// let authentication = gate.decide(&request)?;
/// assert_eq!(Account::from_authentication(&authentication)?.0, "account of u-7");
/// # Ok(()) }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be extracted from an authenticated request",
    label = "does not implement `FromAuthentication`",
    note = "to extract claims, derive `Claims` for it, or write `impl Claims for {Self} {{}}` and \
            extract `Jwt<{Self}>`",
    note = "to extract anything else, implement `FromAuthentication` for it"
)]
pub trait FromAuthentication: Sized {
    /// Draws the value.
    ///
    /// # Errors
    /// A [`Refusal`] where the caller is anonymous, or not fit.
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal>;

    /// As [`from_authentication`](Self::from_authentication), with the same outcome, where nobody
    /// else needs the authentication any more: a type that is a part of it can take that instead of
    /// a clone.
    ///
    /// # Errors
    /// As above.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// use tollgate::extend::FromAuthentication;
    /// use tollgate::{Gate, Principal};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let gate = Gate::from(verifier());
    /// # let request = Request::new("GET").with("authorization", format!("Bearer {}", token("")));
    /// let principal = Principal::from_owned(gate.decide(&request)?)?;
    /// assert_eq!(principal.subject(), Some("u-7"));
    /// # Ok(()) }
    /// ```
    fn from_owned(authentication: Authentication) -> Result<Self, Refusal> {
        Self::from_authentication(&authentication)
    }
}

impl FromAuthentication for Principal {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        authentication.authenticated().cloned()
    }

    #[inline]
    fn from_owned(mut authentication: Authentication) -> Result<Self, Refusal> {
        let principal = authentication.admitted.principal.take();
        principal.ok_or_else(|| authentication.refuse(missing_credential()))
    }
}

/// `None` for an anonymous caller; whatever is wrong with anybody else is refused.
impl<T: FromAuthentication> FromAuthentication for Option<T> {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        let caller = authentication
            .principal()
            .map(|_| T::from_authentication(authentication));
        caller.transpose()
    }
}

macro_rules! several_from_one_authentication {
    ($($($member:ident)+;)+) => {$(
        /// All of them from one decision.
        impl<$($member: FromAuthentication),+> FromAuthentication for ($($member,)+) {
            fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
                Ok(($($member::from_authentication(authentication)?,)+))
            }
        }
    )+};
}

several_from_one_authentication! {
    A B;
    A B C;
    A B C D;
}

impl FromAuthentication for Authentication {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        Ok(authentication.clone())
    }

    fn from_owned(authentication: Authentication) -> Result<Self, Refusal> {
        Ok(authentication)
    }
}
