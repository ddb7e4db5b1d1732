//! The whole way of a request, from where its credential sits to a decision.

mod authentication;
mod builder;
mod claims;
pub(crate) mod csrf;
pub(crate) mod decision;
pub(crate) mod endpoint;
mod refusal;
pub(crate) mod renewal;
pub(crate) mod revocation;
pub(crate) mod source;

use std::fmt;
use std::time::Duration;

pub use authentication::{Authentication, FromAuthentication};
pub use builder::GateBuilder;
pub use claims::Claims;
pub use refusal::Refusal;

use self::source::{Source, SourceKind};
use crate::gate::decision::{BoxFuture, Decision, PendingDecision};
use crate::gate::endpoint::EndpointRequest;
use crate::gate::renewal::{HeaderEdits, Renewal};
use crate::gate::revocation::{RevocationCheck, Standing};
use crate::http::request::{self, Protocol, RequestView};
use crate::key::source::Unavailable;
use crate::per_thread::Shared;
use crate::policy::Policy;
use crate::rejection::answer::{self, Answer};
use crate::rejection::{Rejection, RejectionKind};
use crate::verifier::principal::Principal;
use crate::verifier::{PendingVerification, Verification, Verifier};

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
pub struct Gate(Shared<Inner>);

type Hook = Box<dyn Fn(&Rejection, &mut Answer) + Send + Sync>;

#[allow(clippy::struct_excessive_bools)] // each is a statement of the configuration, true of itself
struct Inner {
    verifier: Verifier,
    sources: Vec<Source>,
    strict_sources: bool,
    optional: bool,
    pass_preflight: bool,
    /// How the challenges begin, with the realm in it.
    challenge: String,
    trusted_origins: Vec<String>,
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
    /// use tollgate_core::{ConfigErrorKind, Gate, Key, Source, Verifier};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).build()?;
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
    /// A [`Refusal`], which holds the answer for the client and the reason for the operator; the reason is also logged. A
    /// gate that would have to ask a store, or a source of keys, answers `Unavailable` here: only [`begin`](Self::begin)
    /// waits.
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
        match self.begin(request) {
            Decision::Ready(decided) => decided,
            Decision::Pending(_) => {
                let detail = "a store or a key source has to be asked, and `decide` cannot wait: use `begin`";
                Err(self.refuse(unavailable(detail), Protocol::of(request)))
            }
        }
    }

    /// As [`decide`](Self::decide), for whoever can wait: where the verifier has to ask for a key, or the revocation check a
    /// store, the decision is a future, and to drop it is to leave nothing behind.
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
        self.way(request).decision(|| self.clone())
    }

    /// As [`begin`](Self::begin), for whoever has a gate to give away: the [`Authentication`] takes it, instead of a clone.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate_core::{Decision, Gate};
    /// # fn main() {
    /// let good = Request::new("GET").with("authorization", format!("Bearer {}", token("")));
    /// assert!(matches!(Gate::from(verifier()).begin_owned(&good), Decision::Ready(Ok(_))));
    /// # }
    /// ```
    pub fn begin_owned(self, request: &impl RequestView) -> Decision {
        self.way(request).decision(|| self)
    }

    /// The whole way, as far as it goes without waiting.
    fn way(&self, request: &impl RequestView) -> Way {
        let gate = &*self.0;
        if gate.pass_preflight && request::is_preflight(request) {
            return Way::Preflight;
        }
        let protocol = Protocol::of(request);
        let credential = || {
            let credential = source::find(&gate.sources, gate.strict_sources, request)?;
            if let Some(credential) = &credential {
                csrf::check(credential, request, &gate.trusted_origins)?;
            } else if !gate.optional {
                return Err(missing_credential());
            }
            Ok(credential)
        };
        let credential = match credential() {
            Ok(Some(credential)) => credential,
            Ok(None) => return Way::Through(protocol, false, None),
            Err(rejection) => return Way::Refused(self.refuse(rejection, protocol)),
        };
        let source = credential.source;
        match gate
            .verifier
            .begin_checked(credential.token, || credential.check())
        {
            Verification::Ready(verified) => self.proceed(verified, source, request, protocol),
            Verification::Pending(verification) => {
                let kept = request::kept(request, &csrf::TOKEN_FIELDS);
                Way::Pending(self.resume(verification, source, kept, protocol))
            }
        }
    }

    /// The way from the verified token on. `request` has the fields of [`csrf::TOKEN_FIELDS`], and need not have others.
    fn proceed(
        &self,
        verified: Result<Principal, Rejection>,
        source: SourceKind,
        request: &impl RequestView,
        protocol: Protocol,
    ) -> Way {
        let gate = &*self.0;
        let way = || {
            let principal = verified?.with_source(source);
            if gate.csrf_token {
                csrf::check_token(&principal, request)?;
            }
            match gate.standing(&principal) {
                Standing::Good => gate.authorise(principal).map(Verified::Known),
                Standing::Revoked => Err(revoked()),
                Standing::Ask(answer) => Ok(Verified::Asked(principal, answer)),
            }
        };
        match way() {
            Ok(Verified::Known(principal)) => {
                let due = gate.is_renewal_due(&principal, request, protocol);
                Way::Through(protocol, due, Some(principal))
            }
            Ok(Verified::Asked(principal, answer)) => {
                let due = gate.is_renewal_due(&principal, request, protocol);
                let gate = self.clone();
                Way::Pending(PendingDecision(Box::pin(async move {
                    let standing = answer.await;
                    let decided = settle(&standing).and_then(|()| gate.0.authorise(principal));
                    match decided {
                        Ok(principal) => Ok(Authentication::new(gate, protocol, due, Some(principal))),
                        Err(rejection) => Err(gate.refuse(rejection, protocol)),
                    }
                })))
            }
            Err(rejection) => Way::Refused(self.refuse(rejection, protocol)),
        }
    }

    /// Waits for the token's key, and goes on as if it had been there.
    #[cold]
    fn resume(
        &self,
        verification: PendingVerification,
        source: SourceKind,
        kept: EndpointRequest,
        protocol: Protocol,
    ) -> PendingDecision {
        let gate = self.clone();
        PendingDecision(Box::pin(async move {
            let way = gate.proceed(verification.await, source, &kept, protocol);
            match way.decision(|| gate) {
                Decision::Ready(decided) => decided,
                Decision::Pending(decision) => decision.await,
            }
        }))
    }

    /// Asks for the proof of origin that a cookie needs on an unsafe method, whatever the method and whether or not there is
    /// a cookie: for endpoints that set cookies, where a request of another site's making would log the user in as somebody
    /// else, or use up a refresh token.
    ///
    /// # Errors
    /// A [`Refusal`] of kind `CrossSite` where the request does not come from this origin or a trusted one, or does not say.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, verifier};
    /// # use tollgate_core::Gate;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::builder(verifier()).trusted_origin("https://app.example.com").build()?;
    /// let login = |site| Request::new("POST").with("sec-fetch-site", site);
    /// assert!(gate.prove_origin(&login("same-origin")).is_ok());
    /// assert!(gate.prove_origin(&login("same-site").with("origin", "https://app.example.com")).is_ok());
    /// assert_eq!(gate.prove_origin(&login("cross-site")).unwrap_err().answer().status, 403);
    /// assert!(gate.prove_origin(&Request::new("POST")).is_err());
    /// # Ok(()) }
    /// ```
    pub fn prove_origin(&self, request: &impl RequestView) -> Result<(), Refusal> {
        csrf::prove_origin(request, &self.0.trusted_origins)
            .map_err(|rejection| self.refuse(rejection, Protocol::of(request)))
    }

    /// The verifier behind the gate.
    ///
    /// ```
    /// # use tollgate_core::{Gate, Key, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).build()?;
    /// let gate = Gate::from(verifier);
    /// assert!(gate.verifier().verify("x").is_err());
    /// # Ok(()) }
    /// ```
    pub fn verifier(&self) -> &Verifier {
        &self.0.verifier
    }

    fn is(&self, other: &Self) -> bool {
        self.0.is(&other.0)
    }

    /// Whether a response's `set-cookie` sets one of the cookies that the gate reads.
    fn has_cookie(&self, set_cookie: &[u8]) -> bool {
        self.0.sources.iter().any(|source| source.is_set_by(set_cookie))
    }

    fn renew(&self, principal: &Principal) -> Option<BoxFuture<HeaderEdits>> {
        self.0.renewal.as_ref().map(|renewal| renewal.renew(principal))
    }

    fn refuse(&self, rejection: Rejection, protocol: Protocol) -> Refusal {
        let mut answer = answer::of(&rejection, &self.0.challenge, protocol);
        if let Some(hook) = &self.0.hook {
            hook(&rejection, &mut answer);
        }
        Refusal::logged(rejection, answer)
    }
}

/// Where the way of a request has led.
enum Way {
    /// To the handler, with who is known to have sent it, and whether the token is to be renewed.
    Through(Protocol, bool, Option<Principal>),
    Preflight,
    Refused(Refusal),
    Pending(PendingDecision),
}

impl Way {
    fn decision(self, gate: impl FnOnce() -> Gate) -> Decision {
        Decision::Ready(match self {
            Self::Through(protocol, due, principal) => {
                Ok(Authentication::new(gate(), protocol, due, principal))
            }
            Self::Preflight => Ok(Authentication::preflight(gate())),
            Self::Refused(refusal) => Err(refusal),
            Self::Pending(decision) => return Decision::Pending(decision),
        })
    }
}

/// How far a request has come when nothing has refused it.
enum Verified {
    /// It has passed every stage.
    Known(Principal),
    /// Its token is good, unless the store that is asked says that it was revoked; the policy comes after.
    Asked(Principal, BoxFuture<Result<Standing, Unavailable>>),
}

impl Inner {
    fn standing(&self, principal: &Principal) -> Standing {
        match &self.revocation {
            Some(revocation) => revocation.check(principal),
            None => Standing::Good,
        }
    }

    fn authorise(&self, principal: Principal) -> Result<Principal, Rejection> {
        if let Some(policy) = &self.policy {
            authentication::authorise(policy, &principal)?;
        }
        Ok(principal)
    }

    /// A gRPC call tells of its success only after its header fields, so none is ever renewed.
    fn is_renewal_due(&self, principal: &Principal, request: &impl RequestView, protocol: Protocol) -> bool {
        self.renewal.as_ref().is_some_and(|renewal| {
            protocol == Protocol::Http && renewal.is_due(principal, request.method(), request.path())
        })
    }
}

/// What a store has said at last. To be told to ask again is to have no answer.
fn settle(answer: &Result<Standing, Unavailable>) -> Result<(), Rejection> {
    match answer {
        Ok(Standing::Good) => Ok(()),
        Ok(Standing::Revoked) => Err(revoked()),
        Ok(Standing::Ask(_)) => Err(unavailable("the revocation check has asked and would ask again")),
        Err(down) => Err(Rejection::unavailable(
            down.retry_after(),
            "the revocation check has no answer",
        )),
    }
}

fn missing_credential() -> Rejection {
    Rejection::new(RejectionKind::MissingCredential, "no source holds a credential")
}

fn revoked() -> Rejection {
    Rejection::new(RejectionKind::Revoked, "the token verifies and was revoked")
}

fn unavailable(detail: &'static str) -> Rejection {
    Rejection::unavailable(Duration::from_secs(1), detail)
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
            .field("trusted_origins", &gate.trusted_origins)
            .field("csrf_token", &gate.csrf_token)
            .field("revocation", &gate.revocation.is_some())
            .field("policy", &gate.policy)
            .field("renewal", &gate.renewal.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::http::request::TestRequest;
    use crate::key::{Key, SigningKey};

    /// Is always asked; counts the questions that were answered and those that were given up.
    #[derive(Clone, Default)]
    struct Asked {
        answered: Arc<AtomicUsize>,
        dropped: Arc<AtomicUsize>,
    }

    struct CountsDrop(Arc<AtomicUsize>);

    impl Drop for CountsDrop {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    impl RevocationCheck for Asked {
        fn check(&self, _: &Principal) -> Standing {
            let answered = Arc::clone(&self.answered);
            let dropped = CountsDrop(Arc::clone(&self.dropped));
            Standing::Ask(Box::pin(async move {
                let _dropped = dropped;
                answered.fetch_add(1, Ordering::SeqCst);
                Ok(Standing::Good)
            }))
        }
    }

    fn gate(check: Asked) -> Gate {
        let verifier = Verifier::builder()
            .dangerous_any_issuer()
            .dangerous_any_audience();
        let verifier = verifier.key(Key::hs256([7; 32]).unwrap()).build().unwrap();
        Gate::builder(verifier).revocation(check).build().unwrap()
    }

    fn good() -> TestRequest {
        let claims = serde_json::json!({"exp": 4_000_000_000_u64});
        let token = SigningKey::hs256([7; 32]).unwrap().encode(&claims).unwrap();
        TestRequest::new("GET").with("authorization", format!("Bearer {token}"))
    }

    #[test]
    fn who_cannot_wait_is_refused_rather_than_let_through() {
        let check = Asked::default();
        let refusal = gate(check.clone()).decide(&good()).unwrap_err();
        assert_eq!(refusal.rejection().kind(), RejectionKind::Unavailable);
        assert_eq!(refusal.answer().status, 503);
        assert_eq!(refusal.answer().header("retry-after"), Some(&b"1"[..]));
        assert_eq!(check.answered.load(Ordering::SeqCst), 0);
        assert_eq!(check.dropped.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_question_that_nobody_waits_for_is_given_up() {
        let check = Asked::default();
        let gate = gate(check.clone());
        let Decision::Pending(decision) = gate.begin(&good()) else {
            panic!("the store has to be asked")
        };
        drop(gate); // the decision owns all that it needs
        drop(decision);
        assert_eq!(check.answered.load(Ordering::SeqCst), 0);
        assert_eq!(check.dropped.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_question_that_is_answered_lets_the_request_through() {
        let check = Asked::default();
        let Decision::Pending(mut decision) = gate(check.clone()).begin(&good()) else {
            panic!("the store has to be asked")
        };
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(decided) = Pin::new(&mut decision).poll(&mut context) else {
            panic!("the store answers at once")
        };
        assert!(decided.unwrap().principal().is_some());
        assert_eq!(check.answered.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn what_is_refused_anyhow_is_not_asked_about() {
        let check = Asked::default();
        let gate = gate(check.clone());
        for request in [
            TestRequest::new("GET"),
            TestRequest::new("GET").with("authorization", "Bearer a.b.c"),
        ] {
            assert!(matches!(gate.begin(&request), Decision::Ready(Err(_))));
        }
        assert_eq!(check.dropped.load(Ordering::SeqCst), 0);
    }

    /// Wherever it stands, and whatever is wrong beside it: the look at the alphabet, though it comes late, is the one that counts.
    #[test]
    fn what_no_token_may_hold_makes_the_credential_malformed() {
        let signing = SigningKey::hs256([7; 32]).unwrap();
        let claims = serde_json::json!({"exp": 4_000_000_000_u64, "sub": "u-7"});
        let good = signing.encode(&claims).unwrap();
        let unknown = signing.with_kid("other").encode(&claims).unwrap();
        let key = Key::hs256([7; 32]).unwrap().with_kid("this");
        let verifier = Verifier::builder()
            .dangerous_any_issuer()
            .dangerous_any_audience()
            .key(key);
        let gate = Gate::from(verifier.build().unwrap());
        let kind = |token: &[u8]| {
            let request = TestRequest::new("GET").with("authorization", [b"Bearer ", token].concat());
            gate.decide(&request)
                .err()
                .map(|refusal| refusal.rejection().kind())
        };
        for token in [&good, &unknown] {
            for place in 0..token.len() {
                let with = |byte| {
                    let mut bytes = token.clone().into_bytes();
                    bytes[place] = byte;
                    kind(&bytes)
                };
                for foreign in *b"\"%,:\\\x7f\x80" {
                    assert_eq!(with(foreign), Some(RejectionKind::MalformedCredential), "{place}");
                }
                // In the alphabet of credentials, and in no token.
                let other = with(b'~');
                assert!(
                    !matches!(other, None | Some(RejectionKind::MalformedCredential)),
                    "{place}"
                );
            }
        }
        assert_eq!((kind(good.as_bytes()), kind(good.as_bytes())), (None, None));
        assert_eq!(kind(unknown.as_bytes()), Some(RejectionKind::UnknownKey));
    }
}
