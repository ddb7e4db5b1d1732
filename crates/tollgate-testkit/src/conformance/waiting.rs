//! Keys that a source must fetch first, and the requests that wait for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tollgate_core::policy::scope;
use tollgate_core::{
    Algorithm, Gate, GateBuilder, IssuerSource, KeyEpoch, KeySet, KeySource, MissingKey,
    PreparedIssuer, SigningKey, Source, Step, TrustedIssuer, Unavailable, Verifier,
    VerifierBuilder,
};

use super::case::{Case, Handler, Request, bearer, bearers, case, get, post};
use super::expect::{
    Seen, anonymous, bad_signature, cross_site, expired, insufficient, no_credential, seen,
    shopper, unavailable, unknown_key, untrusted_issuer, wrong_algorithm, wrong_audience,
};
use super::fixtures::{Later, claims_with, gate, plain, rules, token, token_by, usual};
use crate::clock::FakeClock;
use crate::keys;
use crate::mint::{Mint, TokenBuilder};

/// The origin of the key when a request arrives. It must not affect the response.
#[derive(Clone, Copy)]
pub(super) enum KeyOrigin {
    /// The verifier has the key.
    Verifier,
    /// The source fetches the key for each request.
    Source,
}

impl KeyOrigin {
    const fn algorithm(self) -> Algorithm {
        match self {
            Self::Verifier => Algorithm::HS256,
            Self::Source => Algorithm::ES256, // a source holds no secrets
        }
    }

    pub(super) fn verifier(self) -> VerifierBuilder {
        match self {
            Self::Verifier => usual(),
            Self::Source => {
                rules().key_source(Rotating::bringing(keys::verifying(self.algorithm())))
            }
        }
    }

    pub(super) fn token(self) -> TokenBuilder {
        token_by(self.algorithm())
    }

    /// Creates a token whose claims have these members in their exact spelling.
    pub(super) fn claiming(self, members: &str) -> String {
        self.token().payload(claims_with(members)).build()
    }

    pub(super) fn stranger(self) -> SigningKey {
        keys::stranger(self.algorithm())
    }

    pub(super) fn seen(self) -> Seen {
        seen().by(&self.algorithm().to_string())
    }
}

/// A source that alternates between two sets: the second one follows each wait.
struct Rotating {
    before: Result<Arc<KeySet>, Unavailable>,
    after: Result<Arc<KeySet>, Unavailable>,
    says: Says,
    /// `true` if the next read follows a wait.
    waited: Arc<AtomicBool>,
}

#[derive(Clone, Copy)]
enum Says {
    AtOnce(Unavailable),
    Later(Result<(), Unavailable>),
}

impl Rotating {
    fn new(before: KeySet, after: KeySet, says: Says) -> Self {
        Self {
            before: Ok(Arc::new(before)),
            after: Ok(Arc::new(after)),
            says,
            waited: Arc::default(),
        }
    }

    fn bringing(key: tollgate_core::Key) -> Self {
        Self::new(
            KeySet::default(),
            KeySet::from_iter([key]),
            Says::Later(Ok(())),
        )
    }
}

impl KeySource for Rotating {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        if self.waited.swap(false, Ordering::SeqCst) {
            self.after.clone()
        } else {
            self.before.clone()
        }
    }

    /// Of the next result of [`keys`](Self::keys).
    fn epoch(&self) -> Result<KeyEpoch, Unavailable> {
        let waited = self.waited.load(Ordering::SeqCst);
        let next = if waited { &self.after } else { &self.before };
        next.as_ref().map(|set| set.epoch()).map_err(|down| *down)
    }

    fn refresh(&self, _: &MissingKey<'_>) -> Step<Result<(), Unavailable>> {
        match self.says {
            Says::AtOnce(down) => Step::Ready(Err(down)),
            Says::Later(answer) => {
                let waited = Arc::clone(&self.waited);
                Step::pending(async move {
                    Later::new().await;
                    waited.store(true, Ordering::SeqCst);
                    answer
                })
            }
        }
    }
}

const OLD: Algorithm = Algorithm::ES256;
const NEW: Algorithm = Algorithm::EdDSA;

fn old_keys() -> KeySet {
    KeySet::from_iter([keys::verifying(OLD)])
}

fn both_keys() -> KeySet {
    KeySet::from_iter([keys::verifying(OLD), keys::verifying(NEW)])
}

fn down(after: u64) -> Unavailable {
    Unavailable::new(Duration::from_millis(after))
}

/// Creates a verifier that gets the old key first, and both after a wait.
fn brings() -> VerifierBuilder {
    rules().key_source(Rotating::new(old_keys(), both_keys(), Says::Later(Ok(()))))
}

/// Creates a verifier that gets only the old key.
fn says(says: Says) -> VerifierBuilder {
    rules().key_source(Rotating::new(old_keys(), old_keys(), says))
}

fn brings_nothing() -> VerifierBuilder {
    says(Says::Later(Ok(())))
}

fn fails() -> VerifierBuilder {
    says(Says::Later(Err(down(9000))))
}

fn by_new() -> TokenBuilder {
    token_by(NEW)
}

fn seen_new() -> Seen {
    seen().by("EdDSA")
}

fn speaking(verifier: VerifierBuilder) -> Gate {
    gate(verifier, tollgate_core::GateBuilder::grpc_answers)
}

fn grpc(token: &TokenBuilder) -> Request {
    post()
        .with("Content-Type", "application/grpc")
        .with("Authorization", format!("Bearer {}", token.build()))
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = sources();
    cases.extend(gates());
    cases.extend(handlers());
    cases.extend(issuers());
    cases
}

fn sources() -> Vec<Case> {
    let new = || bearer(by_new().build());
    let from_nothing = |after| {
        rules().key_source(Rotating {
            before: Err(down(3000)),
            after,
            says: Says::Later(Ok(())),
            waited: Arc::default(),
        })
    };
    let beside = |other: Rotating| plain(brings().key_source(other));
    let out_of_reach = || Rotating {
        before: Err(down(30_000)),
        after: Err(down(30_000)),
        says: Says::AtOnce(down(30_000)),
        waited: Arc::default(),
    };
    vec![
        case("the key comes", plain(brings()), new(), seen_new()),
        case(
            "a known key needs no wait",
            plain(fails()),
            bearer(token_by(OLD).build()),
            seen().by("ES256"),
        ),
        case(
            "the key does not arrive",
            plain(brings_nothing()),
            bearer(token_by(OLD).kid("nobody's").build()),
            unknown_key(),
        ),
        case(
            "no key of the algorithm arrives",
            plain(brings_nothing()),
            new(),
            wrong_algorithm(),
        ),
        case("the source fails", plain(fails()), new(), unavailable("9")),
        case(
            "the source fails and has the key anyway",
            plain(rules().key_source(Rotating::new(
                old_keys(),
                both_keys(),
                Says::Later(Err(down(9000))),
            ))),
            new(),
            seen_new(),
        ),
        case(
            "the source cannot be queried",
            plain(says(Says::AtOnce(down(6500)))),
            new(),
            unavailable("7"),
        ),
        case(
            "an unavailable source recovers",
            plain(from_nothing(Ok(Arc::new(both_keys())))),
            new(),
            seen_new(),
        ),
        case(
            "an unavailable source stays unavailable",
            plain(from_nothing(Err(down(4000)))),
            new(),
            unavailable("4"),
        ),
        case(
            "an unavailable source does not hide the key of another",
            beside(out_of_reach()),
            new(),
            seen_new(),
        ),
        case(
            "an unavailable source might have the key that another lacks",
            beside(out_of_reach()),
            bearer(by_new().kid("nobody's").build()),
            unavailable("30"),
        ),
        case(
            "a forgery with the `kid` of a fetched key",
            plain(brings()),
            bearer(by_new().signed_by(&keys::stranger(NEW)).build()),
            bad_signature(),
        ),
        case(
            "a forgery with a known `kid` does not wait",
            plain(fails()),
            bearer(token_by(OLD).signed_by(&keys::stranger(OLD)).build()),
            bad_signature(),
        ),
        case(
            "a source holds no secrets",
            plain(fails()),
            bearers([token().build(), token().kid("nobody's").build()]),
            wrong_algorithm(),
        ),
        case(
            "a disallowed algorithm does not wait",
            plain(fails().algorithms([OLD])),
            new(),
            wrong_algorithm(),
        ),
        case(
            "a token without `kid`, by a fetched key",
            plain(brings()),
            bearer(by_new().without_header("kid").build()),
            seen_new().but("key id", "-"),
        ),
        case(
            "an expired token",
            plain(brings()),
            bearer(by_new().expires_in(-60).build()),
            expired(),
        ),
        case(
            "a token for another audience",
            plain(brings()),
            bearer(by_new().claim("aud", "other").build()),
            wrong_audience(),
        ),
    ]
}

fn gates() -> Vec<Case> {
    let new = || bearer(by_new().build());
    let optional = |verifier: VerifierBuilder| gate(verifier, GateBuilder::optional);
    let strict = || gate(brings(), |gate| gate.require(scope("a")));
    let cookie = |request: Request| request.with("Cookie", format!("access={}", by_new().build()));
    let cookies = || gate(brings(), |gate| gate.source(Source::cookie("access")));
    vec![
        case(
            "optional: a request without a token does not wait",
            optional(fails()),
            get(),
            anonymous(),
        ),
        case(
            "optional: the key comes",
            optional(brings()),
            new(),
            seen_new(),
        ),
        case(
            "optional: a token with an unknown key is not anonymous",
            optional(brings_nothing()),
            bearer(token_by(OLD).kid("nobody's").build()),
            unknown_key(),
        ),
        case(
            "optional: a failing source does not make a caller anonymous",
            optional(fails()),
            new(),
            unavailable("9"),
        ),
        case(
            "a preflight does not wait",
            gate(fails(), GateBuilder::pass_preflight),
            Request::new("OPTIONS", "/resource")
                .with("Origin", "https://app.example.com")
                .with("Access-Control-Request-Method", "DELETE"),
            anonymous(),
        ),
        case(
            "a same-origin cookie",
            cookies(),
            cookie(post()).with("Sec-Fetch-Site", "same-origin"),
            seen_new().but("source", "cookie"),
        ),
        case(
            "a cross-site cookie does not wait",
            cookies(),
            cookie(post()).with("Sec-Fetch-Site", "cross-site"),
            cross_site(),
        ),
        case(
            "no credential, where one is required",
            plain(fails()),
            get(),
            no_credential(),
        ),
        case(
            "a gate's policy is checked after the wait",
            strict(),
            bearer(by_new().scope("a").build()),
            seen_new().but("scopes", "a"),
        ),
        case(
            "a gate's policy is checked after the wait, and may refuse",
            strict(),
            new(),
            insufficient(Some("a")),
        ),
        case(
            "a route's policy is checked after the wait",
            plain(brings()),
            bearer(by_new().scope("a").build()),
            seen_new().but("scopes", "a"),
        )
        .policy(scope("a")),
        case(
            "a route's policy is checked after the wait, and may refuse",
            plain(brings()),
            new(),
            insufficient(Some("a")),
        )
        .policy(scope("a")),
        case(
            "a route's policy is not checked for an unknown caller",
            plain(fails()),
            new(),
            unavailable("9"),
        )
        .policy(scope("a")),
        case(
            "the realm of a refusal",
            gate(brings_nothing(), |gate| gate.realm("shop")),
            bearer(token_by(OLD).kid("nobody's").build()),
            unknown_key().realm("shop"),
        ),
        case("over gRPC", speaking(brings()), grpc(&by_new()), seen_new()),
        case(
            "the key does not arrive, over gRPC",
            speaking(brings_nothing()),
            grpc(&token_by(OLD).kid("nobody's")),
            unknown_key().grpc("16"),
        ),
        case(
            "the source fails, over gRPC",
            speaking(fails()),
            grpc(&by_new()),
            unavailable("9").grpc("14"),
        ),
    ]
}

fn handlers() -> Vec<Case> {
    let mut cases = vec![
        case(
            "a handler with a principal gets it",
            plain(brings()),
            bearer(by_new().build()),
            seen_new(),
        )
        .handler(Handler::Principal),
        case(
            "a handler with claims gets them",
            plain(brings()),
            bearer(by_new().build()),
            shopper("u-7", "-"),
        )
        .handler(Handler::Claims),
        case(
            "a handler with a scope gets it",
            plain(brings()),
            bearer(by_new().scope("orders:read").build()),
            seen_new().but("scopes", "orders:read"),
        )
        .handler(Handler::Scoped),
    ];
    for (name, handler) in [
        ("a principal", Handler::Principal),
        ("claims", Handler::Claims),
        ("a guarded type", Handler::Guarded),
        ("a scope", Handler::Scoped),
    ] {
        let new = || bearer(by_new().build());
        let fails = case(
            &format!("a handler with {name} is not called if the source fails"),
            plain(fails()),
            new(),
            unavailable("9"),
        );
        let barren = case(
            &format!("a handler with {name} is not called without the key"),
            plain(brings_nothing()),
            bearer(token_by(OLD).kid("nobody's").build()),
            unknown_key(),
        );
        cases.extend([fails, barren].map(|case| case.handler(handler)));
    }
    cases
}

const TENANT: &str = "https://tenant.example.com";

/// A source that finds one issuer and is unavailable for others.
struct Tenants(PreparedIssuer);

impl IssuerSource for Tenants {
    fn issuer(&self, issuer: &str) -> Result<Option<PreparedIssuer>, Unavailable> {
        match issuer {
            TENANT => Ok(Some(self.0.clone())),
            "https://undecided.example.com" => Err(down(5000)),
            _ => Ok(None),
        }
    }
}

fn issuers() -> Vec<Case> {
    let tenants = || -> Gate {
        let source = Rotating::new(old_keys(), both_keys(), Says::Later(Ok(())));
        let tenant = TrustedIssuer::new(TENANT)
            .audience(Mint::AUDIENCE)
            .key_source(source);
        let tenants = Tenants(tenant.prepare().expect("the issuer of a case is complete"));
        let builder = Verifier::builder()
            .clock(FakeClock::new())
            .issuer_source(tenants);
        plain(
            builder.trust(
                TrustedIssuer::new(Mint::ISSUER)
                    .audience(Mint::AUDIENCE)
                    .key(keys::verifying(Algorithm::HS256)),
            ),
        )
    };
    let of = |issuer: &str, token: TokenBuilder| bearer(token.claim("iss", issuer).build());
    vec![
        case(
            "a listed issuer beside an issuer source",
            tenants(),
            bearer(token().build()),
            seen(),
        ),
        case(
            "a found issuer",
            tenants(),
            of(TENANT, token_by(OLD)),
            seen().by("ES256").but("issuer", TENANT),
        ),
        case(
            "a found issuer with a fetched key",
            tenants(),
            of(TENANT, by_new()),
            seen_new().but("issuer", TENANT),
        ),
        case(
            "a found issuer and the listed one's key",
            tenants(),
            of(TENANT, token()),
            wrong_algorithm(),
        ),
        case(
            "the listed issuer and the found one's key",
            tenants(),
            bearer(token_by(OLD).build()),
            wrong_algorithm(),
        ),
        case(
            "an unknown issuer",
            tenants(),
            of("https://evil.example", token_by(OLD)),
            untrusted_issuer(),
        ),
        case(
            "an issuer that cannot be looked up",
            tenants(),
            of("https://undecided.example.com", token_by(OLD)),
            unavailable("5"),
        ),
    ]
}
