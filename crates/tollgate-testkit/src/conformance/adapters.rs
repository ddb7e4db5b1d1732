//! The features of adapters: optional authentication, preflight requests, extractors.

use std::time::Duration;

use tollgate_core::policy::scope;
use tollgate_core::{Algorithm, Gate, Source};

use super::case::{Case, Handler, Request, bearer, bearers, case, get, post};
use super::expect::{
    Expect, anonymous, bad_signature, cross_site, expired, insufficient, malformed_credential,
    malformed_token, misconfigured, no_credential, seen, shopper, two_credentials, unavailable,
    unfit,
};
use super::fixtures::{Fixed, gate, plain, rules, token, token_by, usual, usual_gate};
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
        case(
            "optional: absent is anonymous",
            optional(),
            get(),
            anonymous(),
        ),
        case(
            "optional: another scheme or another cookie counts as absent",
            optional(),
            [
                get().with("Authorization", "Basic dXNlcjpwYXNz"),
                get().with("Cookie", "a=1"),
            ],
            anonymous(),
        ),
        case("optional: present and good", optional(), good(), seen()),
        case(
            "optional: an expired token is refused",
            optional(),
            bearer(token().expires_in(-60).build()),
            expired(),
        ),
        case(
            "optional: a forged token is refused",
            optional(),
            bearer(token().signed_by(&keys::stranger(Algorithm::HS256)).build()),
            bad_signature(),
        ),
        case(
            "optional: a credential that is not a token is refused",
            optional(),
            bearer("nonsense"),
            malformed_token(),
        ),
        case(
            "optional: a malformed credential is refused",
            optional(),
            [
                get().with("Authorization", "Bearer"),
                get().with("Authorization", "Bearer a b"),
                get().with("Cookie", "access="),
            ],
            malformed_credential(),
        ),
        case(
            "optional: two credentials are refused",
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
            "optional: a route may require a caller",
            optional(),
            get(),
            no_credential(),
        )
        .policy(scope("a")),
        case(
            "optional: a route's policy applies to an authenticated caller",
            optional(),
            good(),
            insufficient(Some("a")),
        )
        .policy(scope("a")),
        case(
            "optional: unavailable keys do not make a caller anonymous",
            gate(
                rules().key_source(Fixed::down(Duration::from_secs(7))),
                tollgate_core::GateBuilder::optional,
            ),
            bearer(token_by(Algorithm::RS256).build()),
            unavailable("7"),
        ),
        case(
            "a preflight passes where configured",
            preflights(),
            preflight("OPTIONS"),
            anonymous(),
        ),
        case(
            "a preflight is refused by default",
            usual_gate(),
            preflight("OPTIONS"),
            no_credential(),
        ),
        case(
            "a preflight passes a route's policy",
            preflights(),
            preflight("OPTIONS"),
            anonymous(),
        )
        .policy(scope("a")),
        case(
            "a preflight has no principal for an extractor",
            preflights(),
            preflight("OPTIONS"),
            no_credential(),
        )
        .handler(Handler::Principal),
        case(
            "requests that resemble a preflight",
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
            "a preflight's credential is not checked",
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
        case("a handler with a principal", usual_gate(), good(), seen())
            .handler(Handler::Principal),
        case(
            "a handler with a principal, without a credential",
            optional(),
            get(),
            no_credential(),
        )
        .handler(Handler::Principal),
        case(
            "a handler with claims",
            usual_gate(),
            good(),
            shopper("u-7", "-"),
        )
        .handler(Handler::Claims),
        case(
            "a handler with custom claims",
            usual_gate(),
            bearer(token().subject("a\"b").claim("tenant", "acme").build()),
            shopper("a\"b", "acme"),
        )
        .handler(Handler::Claims),
        case(
            "a handler with claims, without a credential",
            optional(),
            get(),
            no_credential(),
        )
        .handler(Handler::Claims),
        case(
            "a handler with claims of another type",
            usual_gate(),
            bearers([
                token().claim("tenant", 7).build(),
                token().without_claim("sub").build(),
                token().claim("tenant", ["acme"]).build(),
                token().claim("tenant", serde_json::json!({})).build(),
            ]),
            unfit(),
        )
        .handler(Handler::Claims),
        case(
            "a handler with claims that are null",
            usual_gate(),
            bearer(token().claim("tenant", serde_json::Value::Null).build()),
            shopper("u-7", "-"),
        )
        .handler(Handler::Claims),
        case(
            "a handler with a required claim that is null",
            usual_gate(),
            bearer(token().claim("sub", serde_json::Value::Null).build()),
            unfit(),
        )
        .handler(Handler::Claims),
        case(
            "a handler with claims: a number as the subject, where configured",
            plain(usual().allow_numeric_subject()),
            bearer(token().claim("sub", 42).build()),
            shopper("42", "-"),
        )
        .handler(Handler::Claims),
        case(
            "a guarded type with claims of another type",
            usual_gate(),
            bearer(token().without_claim("sub").scope("orders:write").build()),
            unfit(),
        )
        .handler(Handler::Guarded),
        case(
            "a handler with a guarded type",
            usual_gate(),
            bearer(token().scope("orders:write").build()),
            vec![Expect::written("buyer=u-7\n")],
        )
        .handler(Handler::Guarded),
        case(
            "a guarded type without the scope",
            usual_gate(),
            reader(),
            insufficient(Some("orders:write")),
        )
        .handler(Handler::Guarded),
        case(
            "a guarded type without a credential",
            optional(),
            get(),
            no_credential(),
        )
        .handler(Handler::Guarded),
        case(
            "a guarded type checks the guard before the type",
            usual_gate(),
            bearer(token().without_claim("sub").build()),
            insufficient(Some("orders:write")),
        )
        .handler(Handler::Guarded),
        case(
            "a preflight does not pass for a guarded type",
            preflights(),
            preflight("OPTIONS"),
            no_credential(),
        )
        .handler(Handler::Guarded),
        case(
            "a preflight does not pass for a scope extractor",
            preflights(),
            preflight("OPTIONS"),
            no_credential(),
        )
        .handler(Handler::Scoped)
        .policy(scope("a")),
        case(
            "a handler with a scope",
            usual_gate(),
            reader(),
            seen().but("scopes", "orders:read"),
        )
        .handler(Handler::Scoped),
        case(
            "a handler with a scope that is missing",
            usual_gate(),
            good(),
            insufficient(Some("orders:read")),
        )
        .handler(Handler::Scoped),
        case(
            "a handler with a scope, without a credential",
            optional(),
            get(),
            no_credential(),
        )
        .handler(Handler::Scoped),
        case(
            "a handler's refusal equals the gate's",
            gate(usual(), |gate| gate.realm("shop").optional()),
            get(),
            no_credential().realm("shop"),
        )
        .handler(Handler::Principal),
        case(
            "the layer is missing",
            None,
            [good(), get()],
            misconfigured(),
        )
        .handler(Handler::Principal),
        case(
            "a missing layer, and a handler with an optional principal",
            None,
            [good(), get()],
            misconfigured(),
        ),
        case(
            "a missing layer, and a handler with claims",
            None,
            [good(), get()],
            misconfigured(),
        )
        .handler(Handler::Claims),
        case(
            "a missing layer, and a handler with a scope",
            None,
            [reader(), get()],
            misconfigured(),
        )
        .handler(Handler::Scoped),
        case(
            "a missing layer before a policy",
            None,
            [reader(), get()],
            misconfigured(),
        )
        .policy(scope("orders:read")),
    ]
}
