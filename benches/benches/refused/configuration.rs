//! The configurations, each with its accepted and refused requests.

use axum::body::Body;
use axum::http;
use axum::routing::get;
use tollgate_benches::remote;
use tollgate_benches::tokens::Fixture;
use tollgate_core::policy::{Policy, all, any, role, scope};
use tollgate_core::{
    Algorithm, Gate, Principal, SigningKey, Source, TrustedIssuer, Verifier, VerifierBuilder,
};
use tollgate_testkit::{Segments, keys};
use tower::Service as _;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::request::Request;
use crate::shape::{FEW, SHAPES, Shape};

/// Sends a request and returns `true` if it is accepted.
type Service = Box<dyn FnMut(&Request) -> bool>;

pub(crate) struct Configuration {
    pub(crate) name: &'static str,
    /// The most that a refused request may cost, as a multiple of the dearest accepted one. It is
    /// above 1 for the noise of signatures, and where the refusal has to find the scopes that are
    /// missing.
    pub(crate) most: f64,
    pub(crate) setup: fn() -> (Service, Vec<Request>),
}

impl Configuration {
    /// The length of a short token, in bytes.
    pub(crate) const SHORT: usize = 1536;
    /// The length of a token at the default limit, with its scheme.
    pub(crate) const LONG: usize = 8192 + "Bearer ".len();
}

pub(crate) const ALL: &[Configuration] = &[
    Configuration {
        name: "hs256-gate",
        most: NOISE,
        setup: || {
            (
                gate(one(Algorithm::HS256)),
                tokens(&Tokens::of(Algorithm::HS256), SHAPES),
            )
        },
    },
    Configuration {
        name: "hs256-layer",
        most: NOISE,
        setup: || {
            (
                layer(one(Algorithm::HS256)),
                tokens(&Tokens::of(Algorithm::HS256), FEW),
            )
        },
    },
    Configuration {
        name: "hs256-log",
        most: 1.05,
        setup: || {
            (
                logged(gate(one(Algorithm::HS256))),
                tokens(&Tokens::of(Algorithm::HS256), FEW),
            )
        },
    },
    Configuration {
        name: "es256-layer",
        most: NOISE,
        setup: || {
            (
                layer(one(Algorithm::ES256)),
                tokens(&Tokens::of(Algorithm::ES256), FEW),
            )
        },
    },
    Configuration {
        name: "eddsa-layer",
        most: NOISE,
        setup: || {
            (
                layer(one(Algorithm::EdDSA)),
                tokens(&Tokens::of(Algorithm::EdDSA), FEW),
            )
        },
    },
    Configuration {
        name: "rs256-log",
        most: NOISE,
        setup: || {
            (
                logged(layer(one(Algorithm::RS256))),
                tokens(&Tokens::of(Algorithm::RS256), FEW),
            )
        },
    },
    Configuration {
        name: "hs256-eight-keys-without-kid",
        most: NOISE,
        setup: || {
            let signing = |n| SigningKey::hs256([n; 32]).unwrap();
            let keys = (1..=8).map(|n| signing(n).verifying_key());
            let tokens_of = Tokens {
                kid: None,
                ..Tokens::by(signing(8))
            };
            (
                gate(keys.fold(issuer(), VerifierBuilder::key)),
                tokens(&tokens_of, FEW),
            )
        },
    },
    Configuration {
        name: "hs256-eight-keys",
        most: NOISE,
        setup: || {
            let signing = |n| {
                SigningKey::hs256([n; 32])
                    .unwrap()
                    .with_kid(format!("key-{n}"))
            };
            let keys = (1..=8).map(|n| signing(n).verifying_key());
            let tokens_of = Tokens {
                kid: None,
                ..Tokens::by(signing(8))
            };
            (
                gate(keys.fold(issuer(), VerifierBuilder::key)),
                tokens(&tokens_of, FEW),
            )
        },
    },
    Configuration {
        name: "hs256-many-keys",
        most: NOISE,
        setup: || {
            let signing = |n: u8| {
                SigningKey::hs256([n; 32])
                    .unwrap()
                    .with_kid(format!("key-{n:03}"))
            };
            let keys = (1..=128).map(|n| signing(n).verifying_key());
            // Of the keys for a token without `kid`, the eighth is tried last.
            let eighth = Tokens {
                kid: None,
                ..Tokens::by(signing(8))
            };
            let mut requests = tokens(&Tokens::by(signing(128)), FEW);
            for most in [Configuration::SHORT, Configuration::LONG] {
                let valid = claims(ISSUER, AUDIENCE, NOW + 900);
                let token = eighth.token(most, &eighth.header(), &valid, SHAPES[0].fill);
                let request = Request::accepted("accepted: no kid");
                requests.push(request.bearer(eighth.signed(token)));
            }
            (gate(keys.fold(issuer(), VerifierBuilder::key)), requests)
        },
    },
    Configuration {
        name: "hs256-two-issuers",
        most: NOISE,
        setup: || {
            let signing = |n| SigningKey::hs256([n; 32]).unwrap();
            let trusted = |name: &str, keys: std::ops::RangeInclusive<u8>| {
                let keys = keys.map(|n| signing(n).verifying_key());
                let trusted = TrustedIssuer::new(name).audience(AUDIENCE);
                keys.fold(trusted, TrustedIssuer::key)
            };
            let verifier = Verifier::builder()
                .trust(trusted("https://other.example.com", 1..=4))
                .trust(trusted(ISSUER, 5..=8));
            let tokens_of = Tokens {
                kid: None,
                ..Tokens::by(signing(8))
            };
            (layer(common(verifier)), tokens(&tokens_of, SHAPES))
        },
    },
    Configuration {
        name: "es256-remote-keys",
        most: NOISE,
        setup: || {
            let fixture = Fixture::new(Algorithm::ES256);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap();
            let fetched = runtime.block_on(remote::fetched_among(&fixture, 128));
            let builder = Verifier::builder().issuer(ISSUER).audience(AUDIENCE);
            let mut service = gate(common(builder.key_source(fetched)));
            let service = move |request: &Request| {
                let _entered = runtime.enter();
                service(request)
            };
            let kid = fixture.signing().kid().map(Into::into);
            let tokens_of = Tokens {
                kid,
                ..Tokens::by(fixture.signing())
            };
            let mut requests = tokens(&tokens_of, FEW);
            // All keys are one key, so no accepted token has eight signatures checked.
            requests.retain(|request| request.name != "no kid");
            (Box::new(service), requests)
        },
    },
    Configuration {
        name: "hs256-policy",
        most: 1.3,
        setup: || {
            let allowed = scope("orders:read") & (scope("orders:write") | role("clerk"));
            let requests = policies(
                &["orders:read orders:write"],
                &["orders:read", "profile", ""],
            );
            (policy(allowed), requests)
        },
    },
    Configuration {
        name: "hs256-policy-of-one-scope",
        most: 1.15,
        setup: || {
            (
                policy(scope("orders:read")),
                policies(&["orders:read"], &["profile", ""]),
            )
        },
    },
    Configuration {
        name: "hs256-policy-of-many-clauses",
        most: 1.6,
        setup: || {
            let pair = |n: u32| {
                any([
                    scope(format!("a{n}")),
                    scope(format!("b{n}")),
                    role("clerk"),
                ])
            };
            let good: Vec<_> = (0..60).map(|n| format!("b{n}")).collect();
            let without = good[..59].join(" ");
            let requests = policies(&[&good.join(" ")], &[&without, "a1 a7", "profile", ""]);
            (policy(all((0..60).map(pair))), requests)
        },
    },
    Configuration {
        name: "hs256-cookie-and-header",
        most: NOISE,
        setup: || {
            let verifier = one(Algorithm::HS256).build().unwrap();
            let gate = Gate::builder(verifier)
                .source(Source::header("x-access-token"))
                .source(Source::cookie("access"))
                .build()
                .unwrap();
            (decide(gate), cookies(&Tokens::of(Algorithm::HS256)))
        },
    },
];

/// Signatures differ in their cost by their bytes.
const NOISE: f64 = 1.02;
const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "orders-api";
const NOW: u64 = 1_700_000_000;

fn issuer() -> VerifierBuilder {
    common(Verifier::builder().issuer(ISSUER).audience(AUDIENCE))
}

fn common(builder: VerifierBuilder) -> VerifierBuilder {
    builder.clock(|| NOW).without_token_cache()
}

fn one(algorithm: Algorithm) -> VerifierBuilder {
    issuer()
        .role_claim("roles")
        .key(signing(algorithm).verifying_key())
}

/// The key of an algorithm alone: `keys::signing` prepares those of all algorithms.
fn signing(algorithm: Algorithm) -> SigningKey {
    let key = match algorithm {
        Algorithm::HS256 => SigningKey::hs256(&keys::SECRET[..32]),
        Algorithm::ES256 => SigningKey::from_pem(algorithm, keys::P256_PRIVATE_PEM),
        Algorithm::EdDSA => SigningKey::from_pem(algorithm, keys::ED25519_PRIVATE_PEM),
        _ => SigningKey::from_pem(algorithm, keys::RSA_PRIVATE_PEM),
    };
    key.unwrap().with_kid(keys::kid(algorithm))
}

fn gate(builder: VerifierBuilder) -> Service {
    decide(Gate::from(builder.build().unwrap()))
}

fn policy(policy: Policy) -> Service {
    let verifier = one(Algorithm::HS256).build().unwrap();
    decide(Gate::builder(verifier).require(policy).build().unwrap())
}

fn decide(gate: Gate) -> Service {
    Box::new(move |request| gate.decide(&request).is_ok())
}

/// The layer around a router, with a handler that takes the principal.
fn layer(builder: VerifierBuilder) -> Service {
    let router = axum::Router::new().route("/", get(async |_: Principal| "hello"));
    let layer = tollgate_axum::JwtAuth::new(builder.build().unwrap());
    let mut service = tower::Layer::layer(&layer, router);
    Box::new(move |request| {
        let mut sent = http::Request::new(Body::empty());
        for (name, value) in request.fields() {
            let value = http::HeaderValue::from_bytes(value).unwrap();
            sent.headers_mut().append(name, value);
        }
        let call = std::pin::pin!(service.call(sent));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match call.poll(&mut context) {
            std::task::Poll::Ready(Ok(response)) => response.status().is_success(),
            std::task::Poll::Ready(Err(never)) => match never {},
            std::task::Poll::Pending => panic!("the route waits"),
        }
    })
}

/// The same service with a subscriber that writes every event to memory.
fn logged(mut service: Service) -> Service {
    let dispatch = tracing::Dispatch::new(Log);
    Box::new(move |request| tracing::dispatcher::with_default(&dispatch, || service(request)))
}

/// Formats the fields of events, like a subscriber that writes to a file.
struct Log;

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        use std::fmt::Write as _;
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        std::hint::black_box(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The tokens of a configuration: the key that is tried last, and the `kid` of accepted tokens.
struct Tokens {
    signing: SigningKey,
    kid: Option<String>,
}

impl Tokens {
    fn of(algorithm: Algorithm) -> Self {
        Self::by(signing(algorithm))
    }

    fn by(signing: SigningKey) -> Self {
        let kid = signing.kid().map(Into::into);
        Self { signing, kid }
    }

    fn header(&self) -> String {
        self.header_with("")
    }

    /// A header with more members, each after a comma.
    fn header_with(&self, more: &str) -> String {
        let algorithm = self.signing.algorithm();
        let kid = self.kid.as_ref().map(|kid| format!(r#","kid":"{kid}""#));
        format!(
            r#"{{"alg":"{algorithm}"{}{more}}}"#,
            kid.unwrap_or_default()
        )
    }

    /// A token of the length class `most` with these claims and a filler.
    fn token(
        &self,
        most: usize,
        header: &str,
        claims: &str,
        fill: fn(usize) -> String,
    ) -> Segments {
        let empty = Segments::unsigned(header, "").with_signature(vec![0; self.signature_bytes()]);
        let left = (most - "Bearer ".len() - empty.to_string().len()) / 4 * 3;
        let filler = fill(left - claims.len() - 4);
        let payload = format!("{{{claims},{filler}}}");
        assert!(
            payload.len() <= left,
            "{} for {left}: {filler}",
            payload.len()
        );
        Segments::unsigned(header, payload)
    }

    fn signature_bytes(&self) -> usize {
        self.signing.sign(b"").unwrap().len()
    }

    fn signed(&self, token: Segments) -> Segments {
        token.signed_by(&self.signing)
    }

    /// A signature of the right length that no key has made, and which is not refused at a glance.
    fn forged(&self, token: Segments) -> Segments {
        let signature = self.signing.sign(b"another token").unwrap();
        token.with_signature(signature)
    }
}

fn claims(issuer: &str, audience: &str, exp: u64) -> String {
    let audience = if audience.is_empty() {
        String::new()
    } else {
        format!(r#","aud":"{audience}""#)
    };
    format!(r#""iss":"{issuer}","sub":"u-7","exp":{exp},"iat":{NOW}{audience}"#)
}

/// Accepted tokens of every shape, and the refused ones.
fn tokens(tokens: &Tokens, shapes: &[Shape]) -> Vec<Request> {
    let mut requests = Vec::new();
    for most in [Configuration::SHORT, Configuration::LONG] {
        for shape in shapes {
            let audience = if shape.name == "audiences" {
                ""
            } else {
                AUDIENCE
            };
            let token = |claims: &str| tokens.token(most, &tokens.header(), claims, shape.fill);
            let valid = claims(ISSUER, audience, NOW + 900);
            let good = token(&valid);
            requests.push(
                Request::accepted(format!("accepted: {}", shape.name))
                    .bearer(tokens.signed(good.clone())),
            );
            let refused = |why: &str| Request::refused(format!("{why}: {}", shape.name));
            requests.push(refused("forged").bearer(tokens.forged(good.clone())));
            let expired = token(&claims(ISSUER, audience, NOW - 900));
            requests.push(refused("expired").bearer(tokens.signed(expired)));
            let foreign = token(&claims("https://id.example.org", audience, NOW + 900));
            requests.push(refused("issuer").bearer(tokens.signed(foreign.clone())));
            requests.push(refused("issuer, forged").bearer(tokens.forged(foreign)));
            let elsewhere = token(&claims(ISSUER, "billing-api", NOW + 900).replace(
                r#","aud":"billing-api""#,
                if audience.is_empty() {
                    ""
                } else {
                    r#","aud":"billing-api""#
                },
            ));
            if !audience.is_empty() {
                requests.push(refused("audience").bearer(tokens.signed(elsewhere)));
            }
            for (why, extra) in [
                ("nbf", r#","nbf":1800000000"#),
                ("cnf", r#","cnf":{"jkt":"x"}"#),
                ("duplicate", r#","sub":"u-8""#),
                ("sub is a number", r#","jti":7,"sub":7"#),
            ] {
                let valid = if why.starts_with("sub") {
                    valid.replace(r#","sub":"u-7""#, "")
                } else {
                    valid.clone()
                };
                let token = tokens.token(most, &tokens.header(), &(valid + extra), shape.fill);
                requests.push(refused(why).bearer(tokens.signed(token)));
            }
            for (why, end) in [
                ("late invalid UTF-8", &b"\xff"[..]),
                ("late syntax error", b"}"),
                (
                    "late reserved name",
                    br#","$serde_json::private::Number":0}"#,
                ),
            ] {
                let mut payload = tokens
                    .token(most - 96, &tokens.header(), &valid, shape.fill)
                    .payload_bytes();
                payload.pop();
                payload.extend_from_slice(end);
                if why.ends_with("error") {
                    payload.pop();
                }
                let token = Segments::unsigned(tokens.header(), payload);
                requests.push(refused(why).bearer(tokens.signed(token.clone())));
                requests.push(refused(&format!("{why}, forged")).bearer(tokens.forged(token)));
            }
            headers(tokens, most, shape, &mut requests);
        }
        heads(tokens, most, &mut requests);
        junk(most, &mut requests);
    }
    requests
}

/// Headers of the shape, at the limit of headers, with and without an error at the end.
fn headers(tokens: &Tokens, most: usize, shape: &Shape, requests: &mut Vec<Request>) {
    let valid = claims(ISSUER, AUDIENCE, NOW + 900);
    let space = (most - 600).min(4096) / 4 * 3 - 120;
    let filler = (shape.fill)(space);
    for (why, more) in [
        ("dear header, forged", ""),
        ("dear header, crit", r#","crit":["exp"]"#),
        ("dear header, typ", r#","typ":"secevent+jwt""#),
        ("dear header, zip", r#","zip":"DEF""#),
        ("dear header, duplicate", r#","alg":"HS256""#),
    ] {
        let header = tokens.header_with(&format!(",{filler}{more}"));
        let token = tokens.token(most, &header, &valid, |bytes| {
            "\"x\":\"\"".replace("\"\"", &format!("\"{}\"", "x".repeat(bytes - 6)))
        });
        let request = Request::refused(format!("{why}: {}", shape.name));
        requests.push(request.bearer(tokens.forged(token)));
    }
}

/// Headers that are refused, and those that leave the choice of a key open.
fn heads(tokens: &Tokens, most: usize, requests: &mut Vec<Request>) {
    let valid = claims(ISSUER, AUDIENCE, NOW + 900);
    let algorithm = tokens.signing.algorithm();
    let long = "k".repeat(if most > 2000 { 2900 } else { 300 });
    let escaped = "\\u006b".repeat(if most > 2000 { 256 } else { 40 });
    let nested = "[".repeat(200) + &"]".repeat(200);
    let wide: Vec<_> = (0..256).map(|n| format!("\"{n}\":0")).collect();
    let heads = [
        (
            "unknown kid",
            format!(r#"{{"alg":"{algorithm}","kid":"unknown"}}"#),
        ),
        ("no kid", format!(r#"{{"alg":"{algorithm}"}}"#)),
        ("empty kid", format!(r#"{{"alg":"{algorithm}","kid":""}}"#)),
        (
            "long kid",
            format!(r#"{{"alg":"{algorithm}","kid":"{}"}}"#, &long[..256]),
        ),
        (
            "too long kid",
            format!(r#"{{"alg":"{algorithm}","kid":"{long}"}}"#),
        ),
        (
            "escaped kid",
            format!(r#"{{"alg":"{algorithm}","kid":"{escaped}"}}"#),
        ),
        (
            "control characters in kid",
            format!(r#"{{"alg":"{algorithm}","kid":"{}"}}"#, "\\n".repeat(120)),
        ),
        ("other algorithm", r#"{"alg":"PS512"}"#.into()),
        ("other symmetric algorithm", r#"{"alg":"HS512"}"#.into()),
        ("no algorithm", r#"{"alg":"none"}"#.into()),
        ("long algorithm", format!(r#"{{"alg":"{long}"}}"#)),
        ("type", tokens.header_with(r#","typ":"secevent+jwt""#)),
        (
            "long type",
            tokens.header_with(&format!(r#","typ":"{long}""#)),
        ),
        ("critical", tokens.header_with(r#","crit":["exp"]"#)),
        (
            "too deep header",
            tokens.header_with(&format!(r#","a":{nested}"#)),
        ),
        (
            "too wide header",
            tokens.header_with(&format!(",{}", wide.join(","))),
        ),
    ];
    for (name, header) in heads {
        if header.len() > most / 2 {
            continue;
        }
        let token = tokens.token(most, &header, &valid, SHAPES[0].fill);
        let request = Request::refused(name.to_owned());
        requests.push(request.bearer(tokens.forged(token)));
    }
    let wide: Vec<_> = (0..257).map(|n| format!("\"{n}\":0")).collect();
    for (name, more) in [
        (
            "too deep",
            format!("\"a\":{}{}", "[".repeat(20), "]".repeat(20)),
        ),
        ("too wide", wide.join(",")),
    ] {
        let claims = format!("{valid},{more}");
        if claims.len() < most / 2 {
            let token = tokens.token(most, &tokens.header(), &claims, SHAPES[0].fill);
            requests.push(Request::refused(name.to_owned()).bearer(tokens.signed(token)));
        }
    }
}

/// Values that are no tokens.
fn junk(most: usize, requests: &mut Vec<Request>) {
    let length = most - "Bearer ".len();
    for (name, unit) in [
        ("letters", "x"),
        ("dots", "."),
        ("dots between", "a."),
        ("tildes", "~"),
        ("padding", "="),
        ("padding between", "a="),
        ("spaces", " "),
        ("slashes", "+/"),
        ("quotes", "\""),
    ] {
        let text = unit.repeat(length / unit.len());
        requests.push(Request::refused(format!("junk: {name}")).bearer(&text));
        let two = Request::refused(format!("two fields: {name}"));
        let half = unit.repeat(length / unit.len() / 2);
        requests.push(
            two.bearer(&half)
                .with("authorization", format!("Bearer {half}")),
        );
        let other = Request::refused(format!("no scheme: {name}"));
        requests.push(other.with("authorization", text));
    }
    let parts = [
        ("two segments", 1),
        ("four segments", 3),
        ("five segments", 4),
        ("no header", 2),
    ];
    for (name, dots) in parts {
        let segment = "A".repeat((length - dots) / (dots + 1) - 3);
        let mut text = vec![segment; dots + 1].join(".");
        if name == "no header" {
            text = format!("..{}", "A".repeat(1000.min(length - 2)));
        }
        requests.push(Request::refused(format!("junk: {name}")).bearer(text));
    }
    let many = |count| Request::refused(format!("{count} empty fields"));
    let mut request = many(100);
    for _ in 0..100 {
        request = request.with("authorization", "");
    }
    requests.push(request.with("x-filler", "x".repeat(most - 300)));
}

/// Accepted and refused tokens by their scopes.
fn policies(enough: &[&str], lacking: &[&str]) -> Vec<Request> {
    let tokens = Tokens::of(Algorithm::HS256);
    let mut requests = Vec::new();
    for most in [Configuration::SHORT, Configuration::LONG] {
        for shape in &SHAPES[..1] {
            let with = |scope: &str| {
                let claims = format!(
                    r#"{},"scope":"{scope}""#,
                    claims(ISSUER, AUDIENCE, NOW + 900)
                );
                tokens.signed(tokens.token(most, &tokens.header(), &claims, shape.fill))
            };
            for scope in enough {
                requests.push(
                    Request::accepted(format!("{}: {scope:.20}", shape.name)).bearer(with(scope)),
                );
            }
            for scope in lacking {
                requests.push(
                    Request::refused(format!("{}: {scope:.20}", shape.name)).bearer(with(scope)),
                );
            }
        }
    }
    requests
}

/// Requests with a cookie among others.
fn cookies(tokens: &Tokens) -> Vec<Request> {
    let claims = claims(ISSUER, AUDIENCE, NOW + 900);
    let mut requests = Vec::new();
    for most in [Configuration::SHORT, Configuration::LONG] {
        let token = tokens.signed(tokens.token(600, &tokens.header(), &claims, SHAPES[0].fill));
        let space = most - "access=".len() - token.to_string().len() - 2;
        for (name, unit) in [
            ("one cookie", "x"),
            ("separators", ";"),
            ("short cookies", "a;"),
            ("cookies", "a=b;"),
            ("spaces", " ;"),
            ("equals signs", "="),
        ] {
            let others = unit.repeat(space / unit.len());
            requests.push(
                Request::accepted(format!("accepted: {name}"))
                    .with("cookie", format!("{others};access={token}")),
            );
            let all = unit.repeat(most / unit.len());
            requests.push(Request::refused(format!("no token: {name}")).with("cookie", all));
            let forged = tokens.forged(token.clone());
            requests.push(
                Request::refused(format!("forged: {name}"))
                    .with("cookie", format!("{others};access={forged}")),
            );
            let twice = format!("access={token};{others}");
            requests.push(
                Request::refused(format!("twice: {name}"))
                    .with("cookie", &twice[..twice.len() - 8])
                    .with("cookie", "access=x"),
            );
            requests.push(
                Request::refused(format!("junk in both: {name}"))
                    .with("x-access-token", "x".repeat(most / 2))
                    .with("cookie", format!("access={}", "x".repeat(most / 2 - 7))),
            );
        }
        let many = "access=x;".repeat(most / 9);
        requests.push(Request::refused("many of the name").with("cookie", many));
    }
    requests
}
