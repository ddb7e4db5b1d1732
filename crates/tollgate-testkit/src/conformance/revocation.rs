//! Revoked tokens (RFC 6750 section 3.1, RFC 7009 section 2.1), and stores that must be queried.

use tollgate_core::Source;
use tollgate_core::policy::scope;

use super::case::{Case, Handler, Request, bearer, bearers, case, get, post};
use super::expect::{
    anonymous, bad_signature, expired, insufficient, malformed_claims, no_credential, revoked,
    shopper, unavailable,
};
use super::fixtures::{Standings, gate};
use super::waiting::KeyOrigin;

pub(super) fn cases(origin: KeyOrigin) -> Vec<Case> {
    let checked = || gate(origin.verifier(), |gate| gate.revocation(Standings));
    let speaking = || {
        gate(origin.verifier(), |gate| {
            gate.grpc_answers().revocation(Standings)
        })
    };
    let of = |session: &str| bearer(origin.token().claim("sid", session).build());
    let cookie = || {
        gate(origin.verifier(), |gate| {
            gate.source(Source::cookie("access")).revocation(Standings)
        })
    };
    let optional = || {
        gate(origin.verifier(), |gate| {
            gate.optional().revocation(Standings)
        })
    };
    let strict = || {
        gate(origin.verifier(), |gate| {
            gate.require(scope("a")).revocation(Standings)
        })
    };
    let scoped = |session: &str| origin.token().claim("sid", session).scope("a");
    let gone = ["gone", "asked: gone"];
    let mut cases = vec![
        case(
            "a valid token",
            checked(),
            [of("good"), of("asked: good")],
            origin.seen(),
        ),
        case("a revoked token", checked(), gone.map(of), revoked()),
        case(
            "a session or token identifier that the check cannot read",
            checked(),
            bearers([
                origin.token().claim("sid", 7).build(),
                origin.token().claim("sid", ["good"]).build(),
                origin.token().claim("jti", 7).claim("sid", "good").build(),
            ]),
            malformed_claims(),
        ),
        case(
            "a session identifier that is null",
            checked(),
            bearer(origin.token().claim("sid", serde_json::Value::Null).build()),
            origin.seen(),
        ),
        case(
            "a store that fails",
            checked(),
            of("asked: down"),
            unavailable("7"),
        ),
        case(
            "no lookup without a token",
            checked(),
            get(),
            no_credential(),
        ),
        case(
            "no lookup for a token with a bad signature",
            checked(),
            bearer(
                origin
                    .token()
                    .claim("sid", "asked: good")
                    .signed_by(&origin.stranger())
                    .build(),
            ),
            bad_signature(),
        ),
        case(
            "no lookup for an expired token",
            checked(),
            bearer(
                origin
                    .token()
                    .claim("sid", "asked: down")
                    .expires_in(-60)
                    .build(),
            ),
            expired(),
        ),
        case(
            "a cookie is checked too",
            cookie(),
            gone.map(|session| {
                let cookie = format!("access={}", origin.token().claim("sid", session).build());
                get().with("Cookie", cookie)
            }),
            revoked(),
        ),
        case(
            "optional: a revoked token does not become anonymous",
            optional(),
            gone.map(of),
            revoked(),
        ),
        case(
            "optional: no lookup for an anonymous request",
            optional(),
            get(),
            anonymous(),
        ),
        case(
            "optional: a failed lookup does not make a caller anonymous",
            optional(),
            of("asked: down"),
            unavailable("7"),
        ),
        case(
            "a gate's policy is checked after the lookup",
            strict(),
            [
                bearer(scoped("good").build()),
                bearer(scoped("asked: good").build()),
            ],
            origin.seen().but("scopes", "a"),
        ),
        case(
            "a gate's policy is checked after the lookup, and may refuse",
            strict(),
            [of("good"), of("asked: good")],
            insufficient(Some("a")),
        ),
        case(
            "revocation is checked before the policy",
            strict(),
            gone.map(of),
            revoked(),
        ),
        case(
            "a route's policy is checked after the lookup",
            checked(),
            [of("good"), of("asked: good")],
            insufficient(Some("a")),
        )
        .policy(scope("a")),
        case(
            "a route's policy is not checked for a revoked token",
            checked(),
            gone.map(of),
            revoked(),
        )
        .policy(scope("a")),
        case(
            "the realm of a refusal after a lookup",
            gate(origin.verifier(), |gate| {
                gate.realm("shop").revocation(Standings)
            }),
            of("asked: gone"),
            revoked().realm("shop"),
        ),
        case(
            "over gRPC",
            speaking(),
            gone.map(|session| grpc(&of(session))),
            revoked().grpc("16"),
        ),
        case(
            "a store that fails, over gRPC",
            speaking(),
            grpc(&of("asked: down")),
            unavailable("7").grpc("14"),
        ),
        case(
            "a handler with claims gets them after a lookup",
            checked(),
            of("asked: good"),
            shopper("u-7", "-"),
        )
        .handler(Handler::Claims),
    ];
    for (name, handler) in [
        ("a principal", Handler::Principal),
        ("claims", Handler::Claims),
        ("a guarded type", Handler::Guarded),
        ("a scope", Handler::Scoped),
    ] {
        let name = format!("a handler with {name} is not called for a revoked token");
        cases.push(case(&name, checked(), gone.map(of), revoked()).handler(handler));
    }
    cases
}

fn grpc(request: &Request) -> Request {
    let mut call = post().with("Content-Type", "application/grpc");
    call.headers.extend(request.headers.iter().cloned());
    call
}
