//! How a refusal is answered (RFC 6750 section 3, RFC 9110 section 11.6.1, RFC 9457), and what adapters add.

use std::time::Duration;

use tollgate_core::policy::scope;
use tollgate_core::{Algorithm, Answer, Gate, Rejection, RejectionKind, Source};

use super::case::{Case, Handler, Request, bearer, bearers, case, get, post};
use super::expect::{
    Expect, anonymous, bad_signature, cross_site, expired, insufficient, malformed_claims,
    malformed_credential, malformed_token, misconfigured, no_credential, seen, shopper, two_credentials,
    unavailable,
};
use super::fixtures::{Fixed, gate, plain, rules, token, token_by, usual, usual_gate};
use crate::keys;

const EXPIRED_FIELDS: [(&str, &str); 3] = [
    ("cache-control", "no-store"),
    ("content-type", "application/problem+json"),
    (
        "www-authenticate",
        "Bearer realm=\"api\", error=\"invalid_token\", error_description=\"The access token expired\"",
    ),
];
const EXPIRED_BODY: &str = concat!(
    r#"{"type":"about:blank","title":"Unauthorized","status":401,"#,
    r#""detail":"The access token expired","error":"invalid_token"}"#,
);
const INSUFFICIENT_CHALLENGE: &str = concat!(
    r#"Bearer realm="api", error="insufficient_scope", "#,
    r#"error_description="The access token does not grant this request", scope="orders:read orders:write""#,
);
const INSUFFICIENT_BODY: &str = concat!(
    r#"{"type":"about:blank","title":"Forbidden","status":403,"#,
    r#""detail":"The access token does not grant this request","#,
    r#""error":"insufficient_scope","scope":"orders:read orders:write"}"#,
);

pub(super) fn cases() -> Vec<Case> {
    let realm = |realm: &str| gate(usual(), |gate| gate.realm(realm));
    let old = || bearer(token().expires_in(-60).build());
    let hooked = |hook: fn(&Rejection, &mut Answer)| gate(usual(), |gate| gate.on_rejection(hook));
    let kind = Some(RejectionKind::Expired);
    vec![
        case(
            "the whole of a refusal, spelt out",
            usual_gate(),
            old(),
            vec![Expect::new(401, &EXPIRED_FIELDS, EXPIRED_BODY, kind)],
        ),
        case(
            "the whole of insufficient_scope, spelt out",
            usual_gate(),
            bearer(token().build()),
            vec![Expect::new(
                403,
                &[
                    EXPIRED_FIELDS[0],
                    EXPIRED_FIELDS[1],
                    ("www-authenticate", INSUFFICIENT_CHALLENGE),
                ],
                INSUFFICIENT_BODY,
                Some(RejectionKind::InsufficientScope),
            )],
        )
        .policy(scope("orders:read") & scope("orders:write")),
        case(
            "a realm of one's own",
            realm("orders"),
            get(),
            no_credential().realm("orders"),
        ),
        case(
            "a realm of one's own, with an error",
            realm("orders"),
            old(),
            expired().realm("orders"),
        ),
        case(
            "a realm is escaped",
            realm(r#"a "quoted" \realm\"#),
            [get()],
            no_credential().realm(r#"a \"quoted\" \\realm\\"#),
        ),
        case(
            "a realm cannot end its string",
            realm(r#"x", error="none"#),
            old(),
            expired().realm(r#"x\", error=\"none"#),
        ),
        case("an empty realm", realm(""), get(), no_credential().realm("")),
        case(
            "a realm in 400 and 403",
            realm("r"),
            get().with("Authorization", "Bearer \""),
            malformed_credential().realm("r"),
        ),
        case(
            "a realm in insufficient_scope",
            realm("r"),
            bearer(token().build()),
            insufficient(Some("a")).realm("r"),
        )
        .policy(scope("a")),
        case(
            "a hook replaces the body",
            hooked(|rejection, answer| {
                answer.set("Content-Type", "text/plain");
                answer.body = format!("go away: {}", rejection.status()).into_bytes();
            }),
            old(),
            vec![Expect::new(
                401,
                &[
                    ("cache-control", "no-store"),
                    ("content-type", "text/plain"),
                    EXPIRED_FIELDS[2],
                ],
                "go away: 401",
                kind,
            )],
        ),
        case(
            "a hook replaces the challenge, status and adds a field",
            hooked(|rejection, answer| {
                answer.status = 404;
                answer.set("WWW-Authenticate", "Bearer realm=\"other\"");
                answer.set("x-kind", format!("{:?}", rejection.kind()));
            }),
            old(),
            vec![Expect::new(
                404,
                &[
                    EXPIRED_FIELDS[0],
                    EXPIRED_FIELDS[1],
                    ("www-authenticate", "Bearer realm=\"other\""),
                    ("x-kind", "Expired"),
                ],
                EXPIRED_BODY,
                kind,
            )],
        ),
        case(
            "a hook takes everything away",
            hooked(|_, answer| *answer = Answer::new(403)),
            old(),
            vec![Expect::new(403, &[], "", kind)],
        ),
        case(
            "what a hook cannot say in HTTP is not sent",
            hooked(|_, answer| {
                answer.set("x-broken", "a\r\nSet-Cookie: admin=1");
                answer.set("x-null", "a\0b");
                answer.set("x broken", "a");
                answer.set("x-fine", "a");
            }),
            old(),
            vec![Expect::new(
                401,
                &[
                    EXPIRED_FIELDS[0],
                    EXPIRED_FIELDS[1],
                    EXPIRED_FIELDS[2],
                    ("x-fine", "a"),
                ],
                EXPIRED_BODY,
                kind,
            )],
        ),
        case(
            "a hook is not asked where all is well",
            hooked(|_, answer| answer.status = 500),
            bearer(token().build()),
            seen(),
        ),
        case(
            "a hook is asked for what a route refuses",
            hooked(|rejection, answer| {
                *answer = Answer::new(418);
                answer.body = rejection.scope().unwrap_or_default().as_bytes().to_vec();
            }),
            bearer(token().build()),
            vec![Expect::new(418, &[], "a", Some(RejectionKind::InsufficientScope))],
        )
        .policy(scope("a")),
        case(
            "a token's own text is in no answer",
            usual_gate(),
            bearers([
                token()
                    .claim("aud", "\"><script>")
                    .signed_by(&keys::stranger(Algorithm::HS256))
                    .build(),
                token()
                    .kid("test-hs256")
                    .signed_by(&keys::stranger(Algorithm::HS256))
                    .build(),
            ]),
            bad_signature(),
        ),
    ]
}

fn optional() -> Gate {
    gate(usual(), |gate| {
        gate.optional()
            .source(Source::bearer())
            .source(Source::cookie("access"))
    })
}

fn preflights() -> Gate {
    gate(usual(), tollgate_core::GateBuilder::pass_preflight)
}

fn preflight(method: &str) -> Request {
    Request::new(method, "/resource")
        .with("Origin", "https://app.example.com")
        .with("Access-Control-Request-Method", "DELETE")
        .with("Access-Control-Request-Headers", "authorization")
}

/// What adapters do for their frameworks.
pub(super) fn adapters() -> Vec<Case> {
    let mut cases = optional_and_preflight();
    cases.extend(handlers());
    cases.extend(grpc());
    cases
}

fn optional_and_preflight() -> Vec<Case> {
    let good = || bearer(token().build());
    let only = |name: &str| -> Request {
        Request::new("OPTIONS", "/resource").with(name, "https://app.example.com")
    };
    vec![
        case("optional: absent is anonymous", optional(), get(), anonymous()),
        case(
            "optional: another scheme, or another cookie, is absent",
            optional(),
            [
                get().with("Authorization", "Basic dXNlcjpwYXNz"),
                get().with("Cookie", "a=1"),
            ],
            anonymous(),
        ),
        case("optional: present and good", optional(), good(), seen()),
        case(
            "optional: present and expired",
            optional(),
            bearer(token().expires_in(-60).build()),
            expired(),
        ),
        case(
            "optional: present and forged",
            optional(),
            bearer(token().signed_by(&keys::stranger(Algorithm::HS256)).build()),
            bad_signature(),
        ),
        case(
            "optional: present and no token",
            optional(),
            bearer("nonsense"),
            malformed_token(),
        ),
        case(
            "optional: present and malformed",
            optional(),
            [
                get().with("Authorization", "Bearer"),
                get().with("Authorization", "Bearer a b"),
                get().with("Cookie", "access="),
            ],
            malformed_credential(),
        ),
        case(
            "optional: two at once",
            optional(),
            good().with("Authorization", "Bearer x"),
            two_credentials(),
        ),
        case(
            "optional: a cookie still needs proof of origin",
            optional(),
            post()
                .with("Cookie", format!("access={}", token().build()))
                .with("Sec-Fetch-Site", "cross-site"),
            cross_site(),
        ),
        case(
            "optional: a route may require all the same",
            optional(),
            get(),
            no_credential(),
        )
        .policy(scope("a")),
        case(
            "optional: a route's policy is asked of whoever is known",
            optional(),
            good(),
            insufficient(Some("a")),
        )
        .policy(scope("a")),
        case(
            "optional: keys that are out of reach are not nobody",
            gate(
                rules().key_source(Fixed::down(Duration::from_secs(7))),
                tollgate_core::GateBuilder::optional,
            ),
            bearer(token_by(Algorithm::RS256).build()),
            unavailable("7"),
        ),
        case(
            "a preflight passes where that is said",
            preflights(),
            preflight("OPTIONS"),
            anonymous(),
        ),
        case(
            "a preflight does not pass by itself",
            usual_gate(),
            preflight("OPTIONS"),
            no_credential(),
        ),
        case(
            "a preflight passes what a route requires",
            preflights(),
            preflight("OPTIONS"),
            anonymous(),
        )
        .policy(scope("a")),
        case(
            "a preflight is nobody to a handler that asks who it is",
            preflights(),
            preflight("OPTIONS"),
            no_credential(),
        )
        .handler(Handler::Principal),
        case(
            "what is only nearly a preflight",
            preflights(),
            [
                preflight("GET"),
                preflight("POST"),
                preflight("options"),
                Request::new("OPTIONS", "/resource"),
                only("Origin"),
                only("Access-Control-Request-Method"),
            ],
            no_credential(),
        ),
        case(
            "a preflight's own credential is not looked at",
            preflights(),
            preflight("OPTIONS").with("Authorization", "Bearer nonsense"),
            anonymous(),
        ),
    ]
}

fn handlers() -> Vec<Case> {
    let good = || bearer(token().build());
    let reader = || bearer(token().scope("orders:read").build());
    vec![
        case(
            "a handler that asks for a principal",
            usual_gate(),
            good(),
            seen(),
        )
        .handler(Handler::Principal),
        case(
            "a handler that asks for a principal, and nobody",
            optional(),
            get(),
            no_credential(),
        )
        .handler(Handler::Principal),
        case(
            "a handler that asks for claims",
            usual_gate(),
            good(),
            shopper("u-7", "-"),
        )
        .handler(Handler::Claims),
        case(
            "a handler that asks for claims of the issuer's own",
            usual_gate(),
            bearer(token().subject("a\"b").claim("tenant", "acme").build()),
            shopper("a\"b", "acme"),
        )
        .handler(Handler::Claims),
        case(
            "a handler that asks for claims, and nobody",
            optional(),
            get(),
            no_credential(),
        )
        .handler(Handler::Claims),
        case(
            "a handler that asks for claims that do not fit",
            usual_gate(),
            bearers([
                token().claim("tenant", 7).build(),
                token().without_claim("sub").build(),
                token().claim("tenant", ["acme"]).build(),
            ]),
            malformed_claims(),
        )
        .handler(Handler::Claims),
        case(
            "a handler that asks for a type with a guard of its own",
            usual_gate(),
            bearer(token().scope("orders:write").build()),
            vec![Expect::written("buyer=u-7\n")],
        )
        .handler(Handler::Guarded),
        case(
            "a type with a guard of its own, and a scope that is lacking",
            usual_gate(),
            reader(),
            insufficient(Some("orders:write")),
        )
        .handler(Handler::Guarded),
        case(
            "a type with a guard of its own, and nobody",
            optional(),
            get(),
            no_credential(),
        )
        .handler(Handler::Guarded),
        case(
            "a type with a guard of its own is not asked whether it fits before it is whether it may",
            usual_gate(),
            bearer(token().without_claim("sub").build()),
            insufficient(Some("orders:write")),
        )
        .handler(Handler::Guarded),
        case(
            "a preflight does not pass for a type with a guard of its own",
            preflights(),
            preflight("OPTIONS"),
            no_credential(),
        )
        .handler(Handler::Guarded),
        case(
            "a preflight does not pass for a scope that a handler asks for",
            preflights(),
            preflight("OPTIONS"),
            no_credential(),
        )
        .handler(Handler::Scoped)
        .policy(scope("a")),
        case(
            "a handler that asks for a scope",
            usual_gate(),
            reader(),
            seen().but("scopes", "orders:read"),
        )
        .handler(Handler::Scoped),
        case(
            "a handler that asks for a scope that is lacking",
            usual_gate(),
            good(),
            insufficient(Some("orders:read")),
        )
        .handler(Handler::Scoped),
        case(
            "a handler that asks for a scope, and nobody",
            optional(),
            get(),
            no_credential(),
        )
        .handler(Handler::Scoped),
        case(
            "a handler refuses in the gate's manner",
            gate(usual(), |gate| gate.realm("shop").optional()),
            get(),
            no_credential().realm("shop"),
        )
        .handler(Handler::Principal),
        case("the layer is missing", None, [good(), get()], misconfigured()).handler(Handler::Principal),
        case(
            "the layer is missing, and the handler would take anybody",
            None,
            [good(), get()],
            misconfigured(),
        ),
        case(
            "the layer is missing, and the handler asks for claims",
            None,
            [good(), get()],
            misconfigured(),
        )
        .handler(Handler::Claims),
        case(
            "the layer is missing, and the handler asks for a scope",
            None,
            [reader(), get()],
            misconfigured(),
        )
        .handler(Handler::Scoped),
        case(
            "the layer is missing before a policy",
            None,
            [reader(), get()],
            misconfigured(),
        )
        .policy(scope("orders:read")),
    ]
}

fn grpc() -> Vec<Case> {
    let call = || {
        post()
            .with("Content-Type", "application/grpc")
            .with("TE", "trailers")
    };
    let with = |token: String| call().with("Authorization", format!("Bearer {token}"));
    let typed = |content: &str| post().with("Content-Type", content);
    let down = || plain(rules().key_source(Fixed::down(Duration::from_secs(3))));
    let cookies = || gate(usual(), |gate| gate.source(Source::cookie("access")));
    let hooked = || {
        gate(usual(), |gate| {
            gate.on_rejection(|_, answer| answer.set("grpc-message", "no"))
        })
    };
    vec![
        case(
            "gRPC: no credential",
            usual_gate(),
            [
                call(),
                typed("application/grpc+proto"),
                typed("application/grpc; charset=utf-8"),
                typed("APPLICATION/GRPC"),
            ],
            no_credential().grpc("16"),
        ),
        case(
            "gRPC: an expired token",
            usual_gate(),
            with(token().expires_in(-60).build()),
            expired().grpc("16"),
        ),
        case(
            "gRPC: a malformed credential",
            usual_gate(),
            with("\"".into()),
            malformed_credential().grpc("16"),
        ),
        case(
            "gRPC: a scope that is lacking",
            usual_gate(),
            with(token().build()),
            insufficient(Some("a")).grpc("7"),
        )
        .policy(scope("a")),
        case(
            "gRPC: a scope that a handler asks for",
            usual_gate(),
            with(token().build()),
            insufficient(Some("orders:read")).grpc("7"),
        )
        .handler(Handler::Scoped),
        case(
            "gRPC: a cookie without proof of origin",
            cookies(),
            call().with("Cookie", format!("access={}", token().build())),
            cross_site().grpc("7"),
        ),
        case(
            "gRPC: keys are out of reach",
            down(),
            with(token_by(Algorithm::RS256).build()),
            unavailable("3").grpc("14"),
        ),
        case("gRPC: a good token", usual_gate(), with(token().build()), seen()),
        case("gRPC: a hook edits that answer too", hooked(), call(), {
            let mut expect = no_credential().grpc("16").expect();
            for (name, value) in &mut expect.headers {
                if name == "grpc-message" {
                    *value = b"no".to_vec();
                }
            }
            vec![expect]
        }),
        case(
            "gRPC-Web and others are answered in HTTP",
            usual_gate(),
            [
                typed("application/grpc-web"),
                typed("application/grpc-web+proto"),
                typed("application/grpcx"),
                typed("application/json"),
                get().with("Accept", "application/grpc"),
            ],
            no_credential(),
        ),
    ]
}
