//! Configuration of a [`Gate`].

use std::fmt;
use std::time::Duration;

use super::{Gate, Inner};
use crate::config::{ConfigError, ConfigErrorKind};
use crate::gate::renewal::Renewal;
use crate::gate::revocation::RevocationCheck;
use crate::gate::source::Source;
use crate::per_thread::Shared;
use crate::policy::Policy;
use crate::rejection::Rejection;
use crate::rejection::answer::{self, Answer};
use crate::verifier::Verifier;

/// Configuration of a [`Gate`], made by [`Gate::builder`].
///
/// ```
/// use tollgate::policy::Policy;
/// use tollgate::{Gate, Key, Source, Verifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
/// #     .key(Key::hs256([7; 32])?).build()?;
/// let gate = Gate::builder(verifier)
///     .source(Source::bearer())
///     .source(Source::cookie("__Host-access"))
///     .trusted_origin("https://app.example.com")
///     .realm("orders")
///     .require(Policy::scope("orders:read"))
///     .on_rejection(|_, answer| answer.set("x-service", "orders"))
///     .build();
/// assert!(gate.is_ok());
/// # Ok(()) }
/// ```
pub struct GateBuilder(Inner);

impl GateBuilder {
    pub(super) fn new(verifier: Verifier) -> Self {
        Self(Inner {
            verifier,
            sources: Vec::new(),
            strict_sources: false,
            optional: false,
            pass_preflight: false,
            challenge: answer::opening("api"),
            trusted_origins: Vec::new(),
            csrf_token: false,
            revocation: None,
            policy: None,
            max_authentication_age: None,
            renewal: None,
            hook: None,
        })
    }

    /// Looks for the token here too, after the sources named before. Unless one is named, the only
    /// source is [`Source::bearer`].
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::{Gate, Source};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::builder(verifier()).source(Source::cookie("access")).build()?;
    /// assert!(gate.decide(&Request::new("GET").with("cookie", format!("access={}", token(""))))
    ///     .is_ok());
    /// assert!(gate.decide(&Request::new("GET")
    ///     .with("authorization", format!("Bearer {}", token("")))).is_err());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn source(mut self, source: Source) -> Self {
        self.0.sources.push(source);
        self
    }

    /// Refuses a request that carries a cookie beside another credential (400), instead of going by
    /// the first source.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::{Gate, Source};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = || Gate::builder(verifier()).source(Source::bearer())
    ///     .source(Source::cookie("access"));
    /// let both = Request::new("GET")
    ///     .with("authorization", format!("Bearer {}", token("")))
    ///     .with("cookie", format!("access={}", token("")));
    /// assert!(gate().build()?.decide(&both).is_ok());
    /// let refusal = gate().strict_sources().build()?.decide(&both).unwrap_err();
    /// assert_eq!(refusal.answer().status, 400);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn strict_sources(mut self) -> Self {
        self.0.strict_sources = true;
        self
    }

    /// Lets a request without a credential through as anonymous. One with a bad credential is still
    /// refused.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, verifier};
    /// # use tollgate::Gate;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::builder(verifier()).optional().build()?;
    /// assert!(gate.decide(&Request::new("GET"))?.principal().is_none());
    /// assert!(gate.decide(&Request::new("GET").with("authorization", "Bearer x")).is_err());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.0.optional = true;
        self
    }

    /// Lets CORS preflights through as anonymous: browsers send them without credentials.
    ///
    /// What makes a preflight is `OPTIONS` with two header fields, which anybody can send. Whatever
    /// handler answers `OPTIONS` then runs for everybody, past every policy layer: one for any
    /// method (`any`, `web::to`, a proxy) among them. With a CORS layer outside of this gate it is
    /// not needed.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, verifier};
    /// # use tollgate::Gate;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::builder(verifier()).pass_preflight().build()?;
    /// let preflight = Request::new("OPTIONS")
    ///     .with("origin", "https://app.example.com")
    ///     .with("access-control-request-method", "PUT");
    /// assert!(gate.decide(&preflight)?.principal().is_none());
    /// assert!(gate.decide(&Request::new("OPTIONS")).is_err());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn pass_preflight(mut self) -> Self {
        self.0.pass_preflight = true;
        self
    }

    /// The `realm` of the challenge (RFC 9110 section 11.5): `api` unless set. Visible ASCII and
    /// spaces.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, verifier};
    /// # use tollgate::Gate;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::builder(verifier()).realm("orders").build()?;
    /// let refusal = gate.decide(&Request::new("GET")).unwrap_err();
    /// assert_eq!(refusal.answer()
    ///     .header("www-authenticate"), Some(&b"Bearer realm=\"orders\""[..]));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.0.challenge = answer::opening(&realm.into());
        self
    }

    /// Accepts a cookie on unsafe methods from pages of this origin too, such as
    /// `https://app.example.com`: scheme, host and, if not the default, port (RFC 6454 section
    /// 6.2).
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::{Gate, Source};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = || Gate::builder(verifier()).source(Source::cookie("access"));
    /// let post = Request::new("POST")
    ///     .with("host", "api.example.com")
    ///     .with("origin", "https://app.example.com")
    ///     .with("cookie", format!("access={}", token("")));
    /// assert!(gate().build()?.decide(&post).is_err());
    /// assert!(gate().trusted_origin("https://app.example.com").build()?.decide(&post).is_ok());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn trusted_origin(mut self, origin: impl Into<String>) -> Self {
        self.0.trusted_origins.push(origin.into());
        self
    }

    /// Requires this of every request, before any route's own policy; called again, all must hold.
    /// Who falls short gets 403 (RFC 6750 section 3.1).
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::{Gate, RejectionKind, policy::scope};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::builder(verifier()).require(scope("orders:read")).build()?;
    /// let with = |scope| Request::new("GET")
    ///     .with("authorization", format!("Bearer {}", token(scope)));
    /// assert!(gate.decide(&with("orders:read")).is_ok());
    /// let refusal = gate.decide(&with("profile")).unwrap_err();
    /// assert_eq!(refusal.rejection().kind(), RejectionKind::InsufficientScope);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn require(mut self, policy: Policy) -> Self {
        self.0.policy = Some(match self.0.policy.take() {
            Some(earlier) => earlier & policy,
            None => policy,
        });
        self
    }

    /// Asks for a session-bound token as well, where a cookie comes on an unsafe method: the field
    /// `X-CSRF-Token` must be there once and equal the `csrf` claim of the token in the cookie,
    /// else 403. Without this, the proof of origin, which is asked for in any case, stands alone.
    ///
    /// A WebSocket handshake, for which a page can set no field, is let through by its proof of
    /// origin alone; and so is every handler that changes something on a safe method, `GET` above
    /// all. Other sources than cookies need no token.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::{ConfigErrorKind, Gate, RejectionKind, Source};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::builder(verifier()).source(Source::cookie("access")).require_csrf_token()
    ///     .build()?;
    /// let post = Request::new("POST")
    ///     .with("sec-fetch-site", "same-origin")
    ///     .with("cookie", format!("access={}", token(""))); // without a `csrf` claim
    /// assert_eq!(gate.decide(&post).unwrap_err().rejection().kind(), RejectionKind::CrossSite);
    ///
    /// let needless = Gate::builder(verifier()).require_csrf_token().build();
    /// assert_eq!(needless.unwrap_err().kind(), ConfigErrorKind::Contradiction);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn require_csrf_token(mut self) -> Self {
        self.0.csrf_token = true;
        self
    }

    /// Asks whether each token was revoked, once it has verified and before any policy. The last
    /// call counts.
    ///
    /// Without this, a token is good until it expires, whatever has become of its session. A check
    /// that has to ask a store makes requests wait: whoever calls the gate by hand must then do so
    /// by [`Gate::begin`], for [`Gate::decide`] answers 503 rather than wait. What happens when the
    /// store does not answer is the check's to say.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// use tollgate::extend::{RevocationCheck, Standing, Step, Unavailable};
    /// use tollgate::{Gate, Principal, RejectionKind};
    ///
    /// struct All;
    ///
    /// impl RevocationCheck for All {
    ///     fn check(&self, _: &Principal) -> Step<Result<Standing, Unavailable>> {
    ///         Step::Ready(Ok(Standing::Revoked))
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::builder(verifier()).revocation(All).build()?;
    /// let good = Request::new("GET").with("authorization", format!("Bearer {}", token("")));
    /// let refusal = gate.decide(&good).unwrap_err();
    /// assert_eq!(refusal.rejection().kind(), RejectionKind::Revoked);
    /// assert_eq!(refusal.answer().status, 401);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn revocation(mut self, check: impl RevocationCheck + 'static) -> Self {
        self.0.revocation = Some(Box::new(check));
        self
    }

    /// Renews tokens by activity: a response to a request with a valid one may carry its successor.
    /// The last call counts.
    ///
    /// It prolongs what a stolen token is good for, up to the limits of its session; without it, a
    /// token lives as long as it was issued for. The layers of the adapters apply it. An extractor
    /// that asks the gate by itself cannot, for it has no hold on the response; nor is a gRPC call
    /// renewed, whose success shows only after its header fields are sent.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// use tollgate::extend::{BoxFuture, HeaderEdits, Renewal};
    /// use tollgate::{Gate, Principal};
    ///
    /// struct Always;
    ///
    /// impl Renewal for Always {
    ///     fn is_due(&self, _: &Principal, _method: &str, _path: &str) -> bool {
    ///         true
    ///     }
    ///     fn renew(&self, _: &Principal) -> BoxFuture<HeaderEdits> {
    ///         Box::pin(async { HeaderEdits::default() })
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::builder(verifier()).renewal(Always).build()?;
    /// let good = Request::new("GET").with("authorization", format!("Bearer {}", token("")));
    /// let authentication = gate.decide(&good)?;
    /// assert!(authentication.renewal_due());
    /// assert!(authentication.renewal(500, std::iter::empty()).is_none()); // never on an error
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn renewal(mut self, renewal: impl Renewal + 'static) -> Self {
        self.0.renewal = Some(Box::new(renewal));
        self
    }

    /// Requires of every request that its user has logged in at most `age` ago, in whole seconds:
    /// step-up authentication, [`Policy::max_authentication_age`] for the whole gate. The last call
    /// counts.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use std::time::Duration;
    /// # use tollgate::{Gate, RejectionKind};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::builder(verifier()).max_authentication_age(Duration::from_secs(300))
    ///     .build()?;
    /// let no_auth_time = Request::new("GET")
    ///     .with("authorization", format!("Bearer {}", token("")));
    /// let refusal = gate.decide(&no_auth_time).unwrap_err();
    /// assert_eq!(refusal.rejection().kind(), RejectionKind::AuthenticationTooOld);
    /// assert_eq!(refusal.rejection().max_age(), Some(Duration::from_secs(300)));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn max_authentication_age(mut self, age: Duration) -> Self {
        self.0.max_authentication_age = Some(age);
        self
    }

    /// Edits the answer to a refusal, challenge and body included, before it is sent. The last call
    /// counts.
    ///
    /// The rejection's `Display` is for the operator; what of it goes to the client is the hook's
    /// decision.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, verifier};
    /// # use tollgate::Gate;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::builder(verifier())
    ///     .on_rejection(|rejection,
    ///         answer| answer.set("x-reason", format!("{:?}", rejection.kind())))
    ///     .build()?;
    /// let refusal = gate.decide(&Request::new("GET")).unwrap_err();
    /// assert_eq!(refusal.answer().header("x-reason"), Some(&b"MissingCredential"[..]));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn on_rejection(
        mut self,
        hook: impl Fn(&Rejection, &mut Answer) + Send + Sync + 'static,
    ) -> Self {
        self.0.hook = Some(Box::new(hook));
        self
    }

    /// Checks the configuration and makes the gate.
    ///
    /// # Errors
    /// A [`ConfigError`] for a source, realm or origin that cannot be, a source named twice, a
    /// policy on a gate that lets everybody through without one, a CSRF token where no cookie is a
    /// source, and an age of less than a second.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{verifier};
    /// # use tollgate::{ConfigErrorKind, Gate, Source};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let twice = Gate::builder(verifier()).source(Source::bearer()).source(Source::bearer());
    /// assert_eq!(twice.build().unwrap_err().kind(), ConfigErrorKind::Duplicate);
    /// # Ok(()) }
    /// ```
    pub fn build(mut self) -> Result<Gate, ConfigError> {
        use ConfigErrorKind as Kind;
        if let Some(age) = self.0.max_authentication_age {
            if age.as_secs() == 0 {
                return Err(ConfigError::new(
                    Kind::OutOfRange,
                    "no login is younger than a second: the longest age must be one at least",
                ));
            }
            self = self.require(Policy::max_authentication_age(age));
        }
        let gate = &self.0;
        for (index, source) in gate.sources.iter().enumerate() {
            source.check()?;
            if gate.sources[..index].contains(source) {
                return Err(ConfigError::new(
                    Kind::Duplicate,
                    format!("{source:?} is named twice"),
                ));
            }
        }
        if !gate
            .challenge
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~'))
        {
            return Err(ConfigError::new(
                Kind::InvalidText,
                "the realm has a character that is not visible ASCII",
            ));
        }
        if let Some(origin) = gate
            .trusted_origins
            .iter()
            .find(|origin| !is_origin(origin))
        {
            return Err(ConfigError::new(
                Kind::InvalidText,
                format!("{origin:?} is not an origin"),
            ));
        }
        let cookies = gate.sources.iter().any(|source| source.kind().is_ambient());
        if gate.csrf_token && !cookies {
            return Err(ConfigError::new(
                Kind::Contradiction,
                "`require_csrf_token` is for cookies, and no source is one: name it, or leave the token out",
            ));
        }
        if gate.policy.is_some() && (gate.optional || gate.pass_preflight) {
            return Err(ConfigError::new(
                Kind::Contradiction,
                "a policy for every request stands beside `optional` or `pass_preflight`, which let requests past it",
            ));
        }
        Ok(self.into_gate())
    }

    /// The gate, without the checks: the defaults need none.
    pub(super) fn into_gate(mut self) -> Gate {
        if self.0.sources.is_empty() {
            self.0.sources.push(Source::bearer());
        }
        Gate(Shared::new(self.0))
    }
}

/// As browsers write it: a scheme, a host in lower case, perhaps a port, and nothing behind.
fn is_origin(origin: &str) -> bool {
    let (host, default_port) = match (
        origin.strip_prefix("https://"),
        origin.strip_prefix("http://"),
    ) {
        (Some(host), _) => (host, ":443"),
        (_, Some(host)) => (host, ":80"),
        _ => return false,
    };
    !host.is_empty()
        && !host.ends_with(default_port)
        && host.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte)
        })
}

impl fmt::Debug for GateBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateBuilder")
            .field("sources", &self.0.sources)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;

    fn builder() -> GateBuilder {
        let key = Key::hs256([7; 32]).unwrap();
        Gate::builder(
            Verifier::builder()
                .dangerous_any_issuer()
                .dangerous_any_audience()
                .key(key)
                .build()
                .unwrap(),
        )
    }

    fn refused(builder: GateBuilder) -> Option<ConfigErrorKind> {
        builder.build().err().map(|error| error.kind())
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let invalid = Some(ConfigErrorKind::InvalidText);
        assert_eq!(refused(builder().realm("a\r\nSet-Cookie: x")), invalid);
        assert_eq!(refused(builder().realm("ü")), invalid);
        assert_eq!(refused(builder().source(Source::header("a b"))), invalid);
        for origin in [
            "",
            "*",
            "null",
            "app.example.com",
            "https://",
            "https://App.example.com",
            "https://a.example/",
            "https://a.example:443",
            "https://a.example/x",
        ] {
            assert_eq!(
                refused(builder().trusted_origin(origin)),
                invalid,
                "{origin}"
            );
        }
        let twice = builder()
            .source(Source::cookie("a"))
            .source(Source::cookie("a"));
        assert_eq!(refused(twice), Some(ConfigErrorKind::Duplicate));
        let fine = builder()
            .realm("a \"b\"")
            .trusted_origin("http://localhost:3000")
            .trusted_origin("https://[::1]:8443");
        assert_eq!(refused(fine), None);
        assert_eq!(
            refused(builder().trusted_origin("http://a.example:80")),
            invalid
        );
        assert_eq!(
            refused(builder().trusted_origin("http://a.example:443")),
            None
        );
        let lax = builder().optional().require(Policy::scope("orders:read"));
        assert_eq!(refused(lax), Some(ConfigErrorKind::Contradiction));
        let tokenless = builder().source(Source::bearer()).require_csrf_token();
        assert_eq!(refused(tokenless), Some(ConfigErrorKind::Contradiction));
        let with_cookie = builder().source(Source::cookie("a")).require_csrf_token();
        assert_eq!(refused(with_cookie), None);
        let ageless = builder().max_authentication_age(Duration::from_millis(999));
        assert_eq!(refused(ageless), Some(ConfigErrorKind::OutOfRange));
        let age = Duration::from_secs(300);
        for lax in [builder().optional(), builder().pass_preflight()] {
            let kind = refused(lax.max_authentication_age(age));
            assert_eq!(kind, Some(ConfigErrorKind::Contradiction));
        }
        let past = builder()
            .pass_preflight()
            .require(Policy::scope("orders:read"));
        assert_eq!(refused(past), Some(ConfigErrorKind::Contradiction));
    }
}
