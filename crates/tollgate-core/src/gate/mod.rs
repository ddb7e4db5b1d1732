//! The gate: finds the credential of a request, verifies it and decides.

mod authenticate;
mod authentication;
mod authorisation;
mod binding;
mod builder;
mod claims;
pub(crate) mod csrf;
pub(crate) mod csrf_form;
pub(crate) mod endpoint;
mod forward_auth;
mod from_authentication;
mod login_redirect;
mod refusal;
pub(crate) mod renewal;
pub(crate) mod revocation;
pub(crate) mod source;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

pub use authentication::Authentication;
pub use builder::GateBuilder;
pub use claims::Claims;
pub use forward_auth::ForwardAuth;
pub use from_authentication::FromAuthentication;
pub use login_redirect::LoginRedirect;
pub use refusal::{Refusal, refusing};

use self::authenticate::{Decided, authenticate};
use self::csrf_form::{CsrfForm, WithCsrfToken};
use self::endpoint::UnreadContent;
use self::login_redirect::Pages;
use self::refusal::Facts;
use self::renewal::Renewal;
use self::revocation::RevocationCheck;
use self::source::Source;
use crate::http::HeaderEdits;
use crate::http::request::{Protocol, RequestView};
use crate::per_thread::PerThread;
use crate::policy::Policy;
use crate::rejection::answer::{self, Answer};
use crate::rejection::{Rejection, RejectionKind};
use crate::step::{BoxFuture, Step};
use crate::verifier::Verifier;
use crate::verifier::principal::Principal;

/// The stage between requests and handlers: a [`Verifier`], the [`Source`]s of credentials, and the
/// answers to refused requests. Every adapter wraps a gate, so that all frameworks decide alike.
///
/// A `Verifier` becomes a gate with the defaults: the token comes in `Authorization: Bearer`, every
/// request needs one, and the realm is `api`.
///
/// ```
/// use tollgate::extend::RequestView;
/// use tollgate::{Gate, Key, RejectionKind, SigningKey, Source, Verifier};
/// # struct Get(Option<String>);
/// # impl RequestView for Get {
/// #     fn method(&self) -> &str { "GET" }
/// #     fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
/// #         self.0.iter().filter(move |_| name == "authorization").map(String::as_bytes)
/// #     }
/// #     fn query(&self) -> Option<&str> { None }
/// # }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::builder()
///     .issuer("https://id.example.com")
///     .audience("orders-api")
///     .key(Key::hs256([7; 32])?)
///     .clock(|| 1_700_000_000)
///     .build()?;
/// let gate = Gate::builder(verifier).source(Source::bearer()).realm("orders").build()?;
///
/// let refusal = gate.decide(&Get(None)).unwrap_err();
/// assert_eq!(refusal.rejection().kind(), RejectionKind::MissingCredential);
/// assert_eq!(refusal.answer().header("www-authenticate"), Some(&b"Bearer realm=\"orders\""[..]));
///
/// let token = SigningKey::hs256([7; 32])?.encode(&serde_json::json!({
///     "iss": "https://id.example.com", "aud": "orders-api", "sub": "u-7", "exp": 1_700_000_900,
/// }))?;
/// let authentication = gate.decide(&Get(Some(format!("Bearer {token}"))))?;
/// assert_eq!(authentication.principal().and_then(|user| user.subject()), Some("u-7"));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Gate(PerThread<Inner>);

type Hook = Box<dyn Fn(&Rejection, &mut Answer) + Send + Sync>;

#[allow(clippy::struct_excessive_bools)] // independent options
struct Inner {
    verifier: Verifier,
    sources: Vec<Source>,
    strict_sources: bool,
    optional: bool,
    pass_preflight: bool,
    grpc_answers: bool,
    record_in_span: bool,
    forward_auth: Option<ForwardAuth>,
    login_redirect: Option<LoginRedirect>,
    /// The start of every challenge, with the realm.
    challenge: String,
    origins: csrf::Origins,
    csrf_token: bool,
    revocation: Option<Box<dyn RevocationCheck>>,
    policy: Option<Policy>,
    max_authentication_age: Option<Duration>,
    renewal: Option<Box<dyn Renewal>>,
    hook: Option<Hook>,
}

impl Gate {
    /// Starts a configuration around a verifier.
    ///
    /// ```
    /// use tollgate::config::ConfigErrorKind;
    /// use tollgate::{Gate, Key, Source, Verifier};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(Key::hs256([7; 32])?).build()?;
    /// let error = Gate::builder(verifier).source(Source::cookie("not a name")).build()
    ///     .unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::InvalidText);
    /// # Ok(()) }
    /// ```
    pub fn builder(verifier: Verifier) -> GateBuilder {
        GateBuilder::new(verifier)
    }

    /// Decides on a request: admits it with its principal, or refuses it with the answer to send.
    ///
    /// # Errors
    /// A [`Refusal`], which holds the answer for the client and the reason for the operator. The
    /// reason is also logged. If the gate would have to wait for a store or a key source, the
    /// refusal is of kind `Unavailable`: use [`begin`](Self::begin) there.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::{Gate, RejectionKind};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::from(verifier());
    /// let good = Request::new("GET").with("authorization", format!("Bearer {}", token("")));
    /// assert_eq!(gate.decide(&good)?.authenticated()?.subject(), Some("u-7"));
    ///
    /// let refusal = gate.decide(&Request::new("GET")).unwrap_err();
    /// assert_eq!(refusal.rejection().kind(), RejectionKind::MissingCredential);
    /// assert_eq!(refusal.answer().status, 401);
    /// # Ok(()) }
    /// ```
    pub fn decide(&self, request: &impl RequestView) -> Result<Authentication, Refusal> {
        self.begin(request).ready().unwrap_or_else(|| {
            let detail =
                "a store or a key source has to be asked, and `decide` cannot wait: use `begin`";
            let rejection = Rejection::unavailable(Duration::from_secs(1), detail);
            Err(self.refuse(rejection, self.protocol(request), &|| self.facts(request)))
        })
    }

    /// Like [`decide`](Self::decide), but may return a future: of a key that the verifier fetches,
    /// or of the answer of a store. Dropping the future is cancel-safe.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::extend::Step;
    /// # use tollgate::Gate;
    /// # fn main() {
    /// let good = Request::new("GET").with("authorization", format!("Bearer {}", token("")));
    /// assert!(matches!(Gate::from(verifier()).begin(&good), Step::Ready(Ok(_))));
    /// # }
    /// ```
    pub fn begin(&self, request: &impl RequestView) -> Step<Result<Authentication, Refusal>> {
        Self::start::<false>(Cow::Borrowed(self), self.protocol(request), request)
    }

    /// Like [`begin`](Self::begin), for adapters that can read content: if only the CSRF token is
    /// missing and the content is a form, the refusal [has the form](Refusal::take_form). It is not
    /// logged, and not to be sent.
    #[doc(hidden)]
    pub fn begin_reading_forms(
        &self,
        request: &impl RequestView,
    ) -> Step<Result<Authentication, Refusal>> {
        Self::start::<true>(Cow::Borrowed(self), self.protocol(request), request)
    }

    /// Decides on a request after its form was read. A form without the token is refused as a
    /// request without it.
    #[doc(hidden)]
    pub fn begin_with_form(
        &self,
        request: &impl RequestView,
        token: Result<Option<Vec<u8>>, UnreadContent>,
    ) -> Step<Result<Authentication, Refusal>> {
        match token {
            Ok(Some(token)) => self.begin(&WithCsrfToken::new(request, &token)),
            Ok(None) => self.begin(request),
            Err(unread) => {
                let detail = "the start of a form, which may have the CSRF token, cannot be read";
                let rejection = Rejection::new(RejectionKind::InvalidCsrfToken, detail);
                let refusal = self.refusal_as(rejection, |_| unread.answer());
                Step::Ready(Err(refusal.logged(&|| self.facts(request))))
            }
        }
    }

    /// Implements the layer for tonic: like [`begin`](Self::begin), but a refused gRPC call is
    /// answered in gRPC's form without the option.
    #[cfg(feature = "tonic")]
    #[doc(hidden)]
    pub fn begin_call(&self, call: &impl RequestView) -> Step<Result<Authentication, Refusal>> {
        Self::start::<false>(Cow::Borrowed(self), Protocol::of(call), call)
    }

    /// Like [`begin`](Self::begin), but moves the gate into the [`Authentication`] instead of a
    /// clone.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::extend::Step;
    /// # use tollgate::Gate;
    /// # fn main() {
    /// let good = Request::new("GET").with("authorization", format!("Bearer {}", token("")));
    /// assert!(matches!(Gate::from(verifier()).begin_owned(&good), Step::Ready(Ok(_))));
    /// # }
    /// ```
    pub fn begin_owned(self, request: &impl RequestView) -> Step<Result<Authentication, Refusal>> {
        let protocol = self.protocol(request);
        Self::start::<false>(Cow::Owned(self), protocol, request)
    }

    #[inline]
    fn start<const READS_FORMS: bool>(
        gate: Cow<'_, Self>,
        protocol: Protocol,
        request: &impl RequestView,
    ) -> Step<Result<Authentication, Refusal>> {
        let admitted = match &gate.0.forward_auth {
            None => authenticate(&gate, request),
            Some(forward) => forward
                .original(request)
                .and_then(|original| authenticate(&gate, &original)),
        };
        let form = |gate: &Self| {
            let reads = READS_FORMS && gate.0.forward_auth.is_none();
            reads.then(|| CsrfForm::of(request)).flatten()
        };
        match admitted.unwrap_or_else(Step::from) {
            Step::Ready(outcome) => Step::Ready(Self::conclude(
                gate,
                protocol,
                outcome,
                form,
                |gate| gate.facts(request),
                |gate| gate.login_pages(request),
            )),
            Step::Pending(outcome) => {
                let facts = Facts::before_a_wait(|| gate.facts(request));
                let pages = gate.login_pages(request);
                let form = form(&gate);
                let gate = Cow::Owned(gate.into_owned());
                Step::pending(async move {
                    let outcome = outcome.await;
                    Self::conclude(
                        gate,
                        protocol,
                        outcome,
                        |_| form,
                        |_| facts.clone(),
                        |_| pages,
                    )
                })
            }
        }
    }

    #[inline]
    fn conclude(
        gate: Cow<'_, Self>,
        protocol: Protocol,
        outcome: Result<Decided, Rejection>,
        form: impl FnOnce(&Self) -> Option<CsrfForm>,
        facts: impl Fn(&Self) -> Facts,
        pages: impl FnOnce(&Self) -> Pages,
    ) -> Result<Authentication, Refusal> {
        match outcome {
            Ok(Decided::Admitted(admitted)) => {
                let authentication = Authentication::new(gate.into_owned(), protocol, admitted);
                authentication.note_admission();
                Ok(authentication)
            }
            Ok(Decided::Forbidden(forbidden)) => {
                let (admitted, rejection) = *forbidden;
                let authentication = Authentication::new(gate.into_owned(), protocol, admitted);
                authentication.record_if_configured();
                let gate = authentication.gate();
                let refusal = authentication.refusal(rejection).logged(&|| facts(gate));
                Err(refusal.redirected(|| pages(gate)))
            }
            Err(rejection) => {
                if rejection.kind() == RejectionKind::InvalidCsrfToken
                    && let Some(form) = form(&gate)
                {
                    return Err(Refusal::until_read(rejection, form, gate.into_owned()));
                }
                let refusal = gate.refuse(rejection, protocol, &|| facts(&gate));
                Err(refusal.redirected(|| pages(&gate)))
            }
        }
    }

    /// The pages to which a page load that is refused goes, if the gate redirects it.
    fn login_pages(&self, request: &impl RequestView) -> Pages {
        let redirect = self.0.login_redirect.as_ref();
        redirect.map_or_else(Pages::default, |redirect| {
            redirect.pages_for(request, &self.0.sources)
        })
    }

    /// The facts of a request for the event of its refusal. With [`ForwardAuth`], those of the
    /// original request, if it is known.
    #[cold]
    fn facts(&self, request: &impl RequestView) -> Facts {
        let original = self.0.forward_auth.as_ref();
        let original = original.and_then(|forward| forward.original(request).ok());
        original.map_or_else(|| Facts::of(request), |original| Facts::of(&original))
    }

    /// Refuses a request without the proof of origin that a cookie needs on an unsafe method. The
    /// method does not matter, nor does a cookie. With [`ForwardAuth`], the original request is
    /// checked.
    ///
    /// Endpoints that set cookies need this: with a request made by another site, an attacker could
    /// log the user in to a foreign account or use up a refresh token.
    ///
    /// # Errors
    /// A [`Refusal`] of kind `CrossSite` if the request comes neither from this origin nor from a
    /// trusted one, or has no field with its origin.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, verifier};
    /// # use tollgate::Gate;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::builder(verifier()).trusted_origin("https://app.example.com").build()?;
    /// let login = |site| Request::new("POST").with("sec-fetch-site", site);
    /// assert!(gate.prove_origin(&login("same-origin")).is_ok());
    /// assert!(gate.prove_origin(&login("same-site").with("origin", "https://app.example.com"))
    ///     .is_ok());
    /// assert_eq!(gate.prove_origin(&login("cross-site")).unwrap_err().answer().status, 403);
    /// assert!(gate.prove_origin(&Request::new("POST")).is_err());
    /// # Ok(()) }
    /// ```
    pub fn prove_origin(&self, request: &impl RequestView) -> Result<(), Refusal> {
        let proven = match &self.0.forward_auth {
            None => csrf::prove_origin(request, &self.0.origins),
            Some(forward) => forward
                .original(request)
                .and_then(|original| csrf::prove_origin(&original, &self.0.origins)),
        };
        proven.map_err(|rejection| {
            self.refuse(rejection, self.protocol(request), &|| self.facts(request))
        })
    }

    /// Returns `true` for an origin of [`trusted_origin`](GateBuilder::trusted_origin) or
    /// [`trusted_origin_if`](GateBuilder::trusted_origin_if). A CORS layer that asks it needs no
    /// list of its own. Returns `false` for the service's own origin, whose pages need no CORS.
    ///
    /// `origin` is the value of the `Origin` field.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::verifier;
    /// # use tollgate::Gate;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::builder(verifier()).trusted_origin("https://app.example.com").build()?;
    /// assert!(gate.trusts_origin("https://app.example.com"));
    /// assert!(!gate.trusts_origin("https://evil.example"));
    /// # Ok(()) }
    /// ```
    pub fn trusts_origin(&self, origin: impl AsRef<[u8]>) -> bool {
        self.0.origins.trusts(origin.as_ref())
    }

    /// The verifier of the gate.
    ///
    /// ```
    /// # use tollgate::{Gate, Key, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// let gate = Gate::from(verifier);
    /// assert!(gate.verifier().verify("x").is_err());
    /// # Ok(()) }
    /// ```
    pub fn verifier(&self) -> &Verifier {
        &self.0.verifier
    }

    /// The form of a refusal. Without the option for gRPC, nothing in a request selects it.
    #[inline]
    fn protocol(&self, request: &impl RequestView) -> Protocol {
        if self.0.grpc_answers {
            Protocol::of(request)
        } else {
            Protocol::Http
        }
    }

    fn is(&self, other: &Self) -> bool {
        self.0.is(&other.0)
    }

    /// Returns `true` if the `set-cookie` of a response sets a cookie that the gate reads.
    fn has_cookie(&self, set_cookie: &[u8]) -> bool {
        self.0
            .sources
            .iter()
            .any(|source| source.is_set_by(set_cookie))
    }

    fn renew(&self, principal: &Principal) -> Option<BoxFuture<HeaderEdits>> {
        self.0
            .renewal
            .as_ref()
            .map(|renewal| renewal.renew(principal))
    }

    fn refuse(
        &self,
        rejection: Rejection,
        protocol: Protocol,
        facts: &dyn Fn() -> Facts,
    ) -> Refusal {
        self.refusal(rejection, protocol).logged(facts)
    }

    /// Creates a refusal whose event is not emitted yet.
    fn refusal(&self, rejection: Rejection, protocol: Protocol) -> Refusal {
        self.refusal_as(rejection, |rejection| {
            answer::of(rejection, &self.0.challenge, protocol)
        })
    }

    fn refusal_as(
        &self,
        rejection: Rejection,
        answer: impl FnOnce(&Rejection) -> Answer,
    ) -> Refusal {
        let mut answer = answer(&rejection);
        if let Some(hook) = &self.0.hook {
            hook(&rejection, &mut answer);
        }
        // A proxy reads success as permission.
        if self.0.forward_auth.is_some() && answer.status < 300 {
            answer.status = rejection.status();
        }
        Refusal::new(rejection, answer)
    }
}

impl From<Verifier> for Gate {
    fn from(verifier: Verifier) -> Self {
        GateBuilder::new(verifier).into_gate()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gate = &*self.0;
        f.debug_struct("Gate")
            .field("verifier", &gate.verifier)
            .field("sources", &gate.sources)
            .field("strict_sources", &gate.strict_sources)
            .field("optional", &gate.optional)
            .field("pass_preflight", &gate.pass_preflight)
            .field("challenge", &gate.challenge)
            .field("trusted_origins", &gate.origins.trusted)
            .field("trusted_origin_if", &gate.origins.trusted_if.is_some())
            .field("plain_http", &gate.origins.plain_http)
            .field("grpc_answers", &gate.grpc_answers)
            .field("forward_auth", &gate.forward_auth)
            .field("login_redirect", &gate.login_redirect)
            .field("record_in_span", &gate.record_in_span)
            .field("csrf_token", &gate.csrf_token)
            .field("revocation", &gate.revocation.is_some())
            .field("policy", &gate.policy)
            .field("renewal", &gate.renewal.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
