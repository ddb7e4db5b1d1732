//! The whole way of a request, from where its credential sits to a decision.

mod authentication;
mod builder;
mod refusal;

use std::fmt;
use std::sync::Arc;

pub use authentication::{Authentication, ClaimSet, FromAuthentication};
pub use builder::GateBuilder;
pub use refusal::Refusal;

use crate::answer::{self, Answer};
use crate::csrf;
use crate::pending::Decision;
use crate::policy::Policy;
use crate::rejection::{Rejection, RejectionKind};
use crate::request::{self, Protocol, RequestView};
use crate::source::{self, Source};
use crate::verifier::Verifier;

/// Stands between requests and handlers: a [`Verifier`], where to look for credentials, and how to answer those who are
/// refused. Every adapter wraps one, so that every framework decides alike.
///
/// A `Verifier` becomes a gate with the defaults: the token comes in `Authorization: Bearer`, every request needs one,
/// the realm is `api`.
///
/// ```
/// use tollgate_core::{Gate, Key, RejectionKind, RequestView, SigningKey, Source, Verifier};
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
pub struct Gate(Arc<Inner>);

type Hook = Box<dyn Fn(&Rejection, &mut Answer) + Send + Sync>;

struct Inner {
    verifier: Verifier,
    sources: Vec<Source>,
    strict_sources: bool,
    optional: bool,
    pass_preflight: bool,
    realm: String,
    trusted_origins: Vec<String>,
    policy: Option<Policy>,
    hook: Option<Hook>,
}

impl Gate {
    /// Starts a configuration around a verifier.
    ///
    /// ```
    /// use tollgate_core::{ConfigErrorKind, Gate, Key, Source, Verifier};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let verifier = Verifier::builder().any_issuer().any_audience().key(Key::hs256([7; 32])?).build()?;
    /// let error = Gate::builder(verifier).source(Source::cookie("not a name")).build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::InvalidText);
    /// # Ok(()) }
    /// ```
    pub fn builder(verifier: Verifier) -> GateBuilder {
        GateBuilder::new(verifier)
    }

    /// Decides on a request: lets it through with what is known of its sender, or refuses it with the answer to send.
    ///
    /// # Errors
    /// A [`Refusal`], which holds the answer for the client and the reason for the operator; the reason is also logged.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate_core::{Gate, RejectionKind};
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
        let gate = &*self.0;
        if gate.pass_preflight && request::is_preflight(request) {
            return Ok(Authentication::preflight(self.clone()));
        }
        let protocol = Protocol::of(request);
        let decide = || {
            let Some(credential) = source::find(&gate.sources, gate.strict_sources, request)? else {
                return if gate.optional {
                    Ok(None)
                } else {
                    Err(missing_credential())
                };
            };
            csrf::check(&credential, request, &gate.trusted_origins)?;
            let principal = gate
                .verifier
                .verify(credential.token)?
                .with_source(credential.source);
            if let Some(policy) = &gate.policy {
                authentication::authorise(policy, &principal)?;
            }
            Ok(Some(principal))
        };
        match decide() {
            Ok(principal) => Ok(Authentication::new(self.clone(), protocol, principal)),
            Err(rejection) => Err(self.refuse(rejection, protocol)),
        }
    }

    /// As [`decide`](Self::decide), for whoever can wait: a gate that has to ask a store returns a future.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate_core::{Decision, Gate};
    /// # fn main() {
    /// let good = Request::new("GET").with("authorization", format!("Bearer {}", token("")));
    /// assert!(matches!(Gate::from(verifier()).begin(&good), Decision::Ready(Ok(_))));
    /// # }
    /// ```
    pub fn begin(&self, request: &impl RequestView) -> Decision {
        Decision::Ready(self.decide(request))
    }

    /// The verifier behind the gate.
    ///
    /// ```
    /// # use tollgate_core::{Gate, Key, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().any_issuer().any_audience().key(Key::hs256([7; 32])?).build()?;
    /// let gate = Gate::from(verifier);
    /// assert!(gate.verifier().verify("x").is_err());
    /// # Ok(()) }
    /// ```
    pub fn verifier(&self) -> &Verifier {
        &self.0.verifier
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn refuse(&self, rejection: Rejection, protocol: Protocol) -> Refusal {
        let mut answer = answer::of(&rejection, &self.0.realm, protocol);
        if let Some(hook) = &self.0.hook {
            hook(&rejection, &mut answer);
        }
        Refusal::logged(rejection, answer)
    }
}

fn missing_credential() -> Rejection {
    Rejection::new(RejectionKind::MissingCredential, "no source holds a credential")
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
            .field("realm", &gate.realm)
            .field("trusted_origins", &gate.trusted_origins)
            .field("policy", &gate.policy)
            .finish_non_exhaustive()
    }
}
