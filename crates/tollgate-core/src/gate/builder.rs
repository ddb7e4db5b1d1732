//! Configuration of a [`Gate`].

use std::fmt;
use std::time::Duration;

use super::{ForwardAuth, Gate, Inner, LoginRedirect};
use crate::config::{ConfigError, ConfigErrorKind};
use crate::gate::csrf::Origins;
use crate::gate::renewal::Renewal;
use crate::gate::revocation::RevocationCheck;
use crate::gate::source::Source;
use crate::http::origin;
use crate::per_thread::PerThread;
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
            grpc_answers: false,
            record_in_span: false,
            forward_auth: None,
            login_redirect: None,
            challenge: answer::opening("api"),
            origins: Origins {
                trusted: Vec::new(),
                trusted_if: None,
                plain_http: false,
            },
            csrf_token: false,
            revocation: None,
            policy: None,
            max_authentication_age: None,
            renewal: None,
            hook: None,
        })
    }

    /// Adds a place to look for the token, after the sources added before. The default is
    /// [`Source::bearer`] alone.
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

    /// Refuses a request that carries a cookie beside another credential (400). By default the
    /// first source wins.
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

    /// Admits a request without a credential as anonymous. A request with an invalid credential is
    /// still refused.
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

    /// Admits CORS preflights as anonymous: browsers send them without credentials.
    ///
    /// Any client can send a preflight: `OPTIONS` with two header fields. The handler that answers
    /// `OPTIONS` then runs for every client, past all policy layers. That includes handlers for any
    /// method (`any`, `web::to`, a proxy). A CORS layer outside of this gate makes this option
    /// unnecessary.
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

    /// Sets the `realm` of the challenge (RFC 9110 section 11.5), in visible ASCII and spaces. The
    /// default is `api`.
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
    /// 6.2). `build` refuses any other text, such as one with a trailing slash, a path or a
    /// wildcard, and names the mistake.
    ///
    /// Apps and extensions have an origin too: `tauri://localhost`, `capacitor://localhost` and
    /// `chrome-extension://<id>`. Every Tauri or Capacitor app has the same one, but the cookies of
    /// one app are not those of another.
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
        self.0.origins.trusted.push(origin.into());
        self
    }

    /// Accepts a cookie on unsafe methods also from pages of the origins that a function admits,
    /// for deployments whose names are not known in advance. The last call counts.
    ///
    /// The function gets only origins of `https` in the exact form of
    /// [`trusted_origin`](Self::trusted_origin). It must compare the whole text: an origin that
    /// ends with `example.com` can be that of `evilexample.com`, and every customer has a name
    /// below the domain of a hosting provider. Called on the request path; must not block.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, verifier};
    /// # use tollgate::Gate;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// /// `https://pr-<number>.preview.example.com`
    /// fn is_preview(origin: &str) -> bool {
    ///     let number = origin.strip_prefix("https://pr-")
    ///         .and_then(|rest| rest.strip_suffix(".preview.example.com"));
    ///     number.is_some_and(|number| number.parse::<u32>().is_ok())
    /// }
    ///
    /// let gate = Gate::builder(verifier()).trusted_origin_if(is_preview).build()?;
    /// let from = |origin| gate.prove_origin(&Request::new("POST").with("origin", origin));
    /// assert!(from("https://pr-7.preview.example.com").is_ok());
    /// assert!(from("https://pr-7.evil.example/.preview.example.com").is_err());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn trusted_origin_if(
        mut self,
        is_trusted: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.0.origins.trusted_if = Some(Box::new(is_trusted));
        self
    }

    /// Takes pages of `http://` with the host of the request for the service's own. By default the
    /// service's origin is `https`, because a page from plain http can be anyone's on the network.
    /// For a service that browsers reach without TLS, in development.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::{Gate, Source};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = || Gate::builder(verifier()).source(Source::cookie("access"));
    /// let post = Request::new("POST")
    ///     .with("host", "localhost:8080")
    ///     .with("origin", "http://localhost:8080")
    ///     .with("cookie", format!("access={}", token("")));
    /// assert!(gate().build()?.decide(&post).is_err());
    /// assert!(gate().dangerous_plain_http().build()?.decide(&post).is_ok());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn dangerous_plain_http(mut self) -> Self {
        self.0.origins.plain_http = true;
        self
    }

    /// Answers refused gRPC calls in gRPC's form: status 200, `grpc-status` 16, 7, 14 or 13, and no
    /// content. Off by default.
    ///
    /// A call is a `POST` with the content type `application/grpc`, which any client can send. Do
    /// not set it for a gate that a proxy asks for permission: the proxy reads 200 as a yes.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, verifier};
    /// # use tollgate::Gate;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let call = Request::new("POST").with("content-type", "application/grpc");
    /// let refusal = Gate::from(verifier()).decide(&call).unwrap_err();
    /// assert_eq!(refusal.answer().status, 401);
    /// let gate = Gate::builder(verifier()).grpc_answers().build()?;
    /// let refusal = gate.decide(&call).unwrap_err();
    /// assert_eq!(refusal.answer().header("grpc-status"), Some(&b"16"[..]));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn grpc_answers(mut self) -> Self {
        self.0.grpc_answers = true;
        self
    }

    /// Records the caller in the current span of `tracing`: the subject in the field `enduser.id`,
    /// the issuer in `issuer`, and the actor in `actor`. Off by default, because a subject is personal data.
    ///
    /// A span has only the fields that it declares, with a value or with `field::Empty`; others are
    /// ignored. The guide shows a span for each framework. Callers whom a policy refuses are
    /// recorded too, anonymous requests are not. For the values, see
    /// [`Authentication::record_in`](crate::Authentication::record_in).
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::Gate;
    /// use tracing::field::Empty;
    /// use tracing::info_span;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::builder(verifier()).record_in_span().build()?;
    /// let request = Request::new("GET").with("authorization", format!("Bearer {}", token("")));
    /// let span = info_span!("request", enduser.id = Empty, issuer = Empty);
    /// let authentication = span.in_scope(|| gate.decide(&request))?; // records `u-7`
    /// # assert!(authentication.principal().is_some());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn record_in_span(mut self) -> Self {
        self.0.record_in_span = true;
        self
    }

    /// Decides on the request that a proxy asks about in a subrequest, not on the subrequest. See
    /// [`ForwardAuth`]. The last call counts. `build` rejects it together with
    /// [`grpc_answers`](Self::grpc_answers) or [`dangerous_plain_http`](Self::dangerous_plain_http).
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::verifier;
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::{ForwardAuth, Gate};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let proxy = || ForwardAuth::from_proxies([[127, 0, 0, 1]]);
    /// assert!(Gate::builder(verifier()).forward_auth(proxy()).build().is_ok());
    /// let both = Gate::builder(verifier()).forward_auth(proxy()).grpc_answers().build();
    /// assert_eq!(both.unwrap_err().kind(), ConfigErrorKind::Contradiction);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn forward_auth(mut self, forward: ForwardAuth) -> Self {
        self.0.forward_auth = Some(forward);
        self
    }

    /// Redirects a page load of a browser whose cookie is missing or not valid to the login. See
    /// [`LoginRedirect`]. The last call counts. Without it, the response is 401.
    ///
    /// The layers and the extractors of the adapters redirect; a handler that returns a refusal of
    /// its own does not. `build` rejects it without a cookie source, and together with
    /// [`forward_auth`](Self::forward_auth), because there the proxy redirects.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::verifier;
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::{Gate, LoginRedirect};
    /// # fn main() {
    /// let no_cookie = Gate::builder(verifier()).login_redirect(LoginRedirect::new("/login")).build();
    /// assert_eq!(no_cookie.unwrap_err().kind(), ConfigErrorKind::Contradiction);
    /// # }
    /// ```
    #[must_use]
    pub fn login_redirect(mut self, redirect: LoginRedirect) -> Self {
        self.0.login_redirect = Some(redirect);
        self
    }

    /// Requires this policy of every request, before the policy of a route. Repeated calls add
    /// policies, and all must hold. Otherwise the response is 403 (RFC 6750 section 3.1).
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

    /// Requires a session-bound CSRF token if a cookie comes on an unsafe method.
    ///
    /// The field `X-CSRF-Token`, or the field `csrf_token` of a form, must be present once and equal
    /// the `csrf` claim of the token in the cookie; otherwise the response is 403. The proof of origin is required in any case.
    ///
    /// A page cannot set a header field of a WebSocket handshake, so the proof of origin alone
    /// admits a handshake. Safe methods such as `GET` need no token either, so a handler for them
    /// must not change state. Sources other than cookies need no token.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::{Gate, RejectionKind, Source};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::builder(verifier()).source(Source::cookie("access")).require_csrf_token()
    ///     .build()?;
    /// let post = Request::new("POST")
    ///     .with("sec-fetch-site", "same-origin")
    ///     .with("cookie", format!("access={}", token(""))); // without a `csrf` claim
    /// let refusal = gate.decide(&post).unwrap_err();
    /// assert_eq!(refusal.rejection().kind(), RejectionKind::InvalidCsrfToken);
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

    /// Sets the revocation check, which runs after the verification of a token and before any
    /// policy. The last call replaces earlier ones.
    ///
    /// Without a check, a token is valid until it expires, even if its session has ended. If the
    /// check queries a store, requests wait: code that calls the gate directly must use
    /// [`Gate::begin`], because [`Gate::decide`] answers 503 instead of waiting. The check defines
    /// the outcome for a store that does not answer.
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

    /// Renews tokens by activity: the response to a request with a valid token may carry its
    /// successor. The last call replaces earlier ones.
    ///
    /// Renewal also prolongs the use of a stolen token, up to the limits of its session. Without
    /// renewal, a token expires at its original time.
    ///
    /// The layers of the adapters apply the renewal. An extractor that calls the gate itself
    /// cannot, because it has no access to the response. A gRPC call is not renewed either: its
    /// status is known only after its header fields are sent.
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

    /// Requires of every request that its user logged in at most `age` ago, in whole seconds:
    /// step-up authentication, [`Policy::max_authentication_age`] for the whole gate. The last call
    /// replaces earlier ones.
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

    /// Edits the answer to a refusal, including challenge and body, before it is sent. The last
    /// call replaces earlier ones.
    ///
    /// The `Display` of the rejection is meant for the operator. The hook decides which part of it
    /// the client gets.
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

    /// Checks the configuration and creates the gate.
    ///
    /// # Errors
    /// A [`ConfigError`] for an invalid source, realm or origin, and for a source given twice. Also
    /// for a policy on an optional gate, a policy with a role if no issuer of the verifier has a
    /// [`role_claim`](crate::VerifierBuilder::role_claim), a CSRF token without a cookie source, a
    /// revocation check for an issuer that the verifier does not trust, a contradiction of
    /// [`forward_auth`](Self::forward_auth) or of [`login_redirect`](Self::login_redirect), or an
    /// age below one second.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{verifier};
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::{Gate, Source};
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
            if let Some(other) = gate.sources[..index].iter().find(|it| it.overlaps(source)) {
                return Err(ConfigError::new(
                    Kind::Duplicate,
                    format!("{source:?} reads what {other:?} reads: remove one"),
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
        for trusted in &gate.origins.trusted {
            origin::check(trusted).map_err(|mistake| {
                ConfigError::new(Kind::InvalidText, format!("`trusted_origin` {mistake}"))
            })?;
        }
        let cookies = gate.sources.iter().any(|source| source.kind().is_ambient());
        if gate.csrf_token && !cookies {
            return Err(ConfigError::new(
                Kind::Contradiction,
                "`require_csrf_token` is for cookies, and no source is one: name it, or leave the \
                 token out",
            ));
        }
        let revoked = gate.revocation.as_deref().and_then(RevocationCheck::issuer);
        if let Some(issuer) = revoked.filter(|issuer| !gate.verifier.may_trust(issuer)) {
            return Err(ConfigError::new(
                Kind::Contradiction,
                format!("`revocation` is for issuer {issuer:?}, which the verifier does not trust"),
            ));
        }
        if let Some(forward) = &gate.forward_auth {
            forward.check()?;
            if gate.grpc_answers || gate.origins.plain_http {
                return Err(ConfigError::new(
                    Kind::Contradiction,
                    "`forward_auth` contradicts `grpc_answers`, which proxies read as success, \
                     and `dangerous_plain_http`, because the proxy tells the scheme: remove one",
                ));
            }
            if gate.login_redirect.is_some() {
                return Err(ConfigError::new(
                    Kind::Contradiction,
                    "`login_redirect` contradicts `forward_auth`, where the proxy redirects: \
                     remove one",
                ));
            }
        }
        if let Some(redirect) = &gate.login_redirect {
            redirect.check(&gate.sources)?;
        }
        let role = gate.policy.as_ref().and_then(Policy::first_role);
        if let Some(role) = role.filter(|_| !gate.verifier.may_read_roles()) {
            return Err(ConfigError::new(
                Kind::Contradiction,
                format!(
                    "`require` has the role {role:?}, but no issuer of the verifier has a \
                     `role_claim`: set the claim that holds the roles"
                ),
            ));
        }
        if gate.policy.is_some() && (gate.optional || gate.pass_preflight) {
            return Err(ConfigError::new(
                Kind::Contradiction,
                "a policy for every request stands beside `optional` or `pass_preflight`, which \
                 let requests past it",
            ));
        }
        Ok(self.into_gate())
    }

    /// Creates the gate without the checks: the defaults need none.
    pub(super) fn into_gate(mut self) -> Gate {
        if self.0.sources.is_empty() {
            self.0.sources.push(Source::bearer());
        }
        Gate(PerThread::new(self.0))
    }
}

impl fmt::Debug for GateBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateBuilder")
            .field("sources", &self.0.sources)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
