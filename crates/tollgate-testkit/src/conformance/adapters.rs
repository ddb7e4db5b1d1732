//! The features of adapters: optional authentication, preflight requests, extractors.

use std::time::Duration;

use tollgate_core::policy::scope;
use tollgate_core::{Algorithm, Gate, Source};

use super::case::{Case, Handler, Request, bearer, bearers, case, get, post};
use super::expect::{
    Expect, anonymous, bad_signature, cross_site, expired, insufficient, malformed_claims,
    malformed_credential, malformed_token, misconfigured, no_credential, seen, shopper, two_credentials,
    unavailable,
};
use super::fixtures::{Fixed, gate, rules, token, token_by, usual, usual_gate};
use crate::keys;

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

pub(super) fn cases() -> Vec<Case> {
    let mut cases = optional_and_preflight();
    cases.extend(handlers());
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
