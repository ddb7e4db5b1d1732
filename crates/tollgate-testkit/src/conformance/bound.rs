//! Tokens that are bound to a key or certificate of their sender (RFC 7800, RFC 8705, RFC 9449).

use tollgate_core::{GateBuilder, RejectionKind as Kind, Source};

use super::case::{Case, bearer, bearers, case, post};
use super::expect::{cross_site, expired, invalid, malformed_claims};
use super::fixtures::{claiming, claiming_each, gate, plain};
use super::waiting::KeyOrigin;
use crate::mint::TokenBuilder;

const THUMBPRINT: &str = "\"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2\"";

pub(super) fn cases(origin: KeyOrigin) -> Vec<Case> {
    let configured = |configure: fn(GateBuilder) -> GateBuilder| gate(origin.verifier(), configure);
    let strict = || plain(origin.verifier());
    let ignoring = || plain(origin.verifier().dangerous_ignore_confirmation());
    let bound = |build: fn(TokenBuilder) -> TokenBuilder| {
        let key = serde_json::json!({"jkt": THUMBPRINT.trim_matches('"')});
        build(origin.token().claim("cnf", key)).build()
    };
    let values = |values: &[&str]| -> Vec<String> {
        let members = values.iter().map(|value| format!("\"cnf\":{value}"));
        members.collect()
    };
    let proper = values(&[
        &format!("{{\"x5t#S256\":{THUMBPRINT}}}"),
        &format!("{{ \"jkt\" : {THUMBPRINT} }}"),
        "{\"kid\":\"1\"}",
        "{\"unheard-of\":1}",
        "{\"jkt\":null}",
    ]);
    let odd = values(&[
        "null",
        "{}",
        "{ }",
        "[]",
        "\"\"",
        "\"jkt\"",
        "0",
        "7",
        "true",
        "false",
        "[{\"jkt\":\"x\"}]",
    ]);
    let unproven = || invalid(Kind::UnprovenBinding);
    let tokens = |members: &[String]| bearers(claiming_each(members));
    let cookies: fn(GateBuilder) -> GateBuilder = |gate| gate.source(Source::cookie("access"));
    let cookie = || {
        let token = bound(|token| token);
        post().with("Cookie", format!("access={token}"))
    };
    let mut cases = vec![
        case(
            "a bound token",
            strict(),
            bearer(bound(|token| token)),
            unproven(),
        ),
        case(
            "a bound token in a cookie",
            configured(cookies),
            cookie().with("Sec-Fetch-Site", "same-origin"),
            unproven(),
        ),
        case(
            "a bound token for an optional caller",
            configured(GateBuilder::optional),
            bearer(bound(|token| token)),
            unproven(),
        ),
        case(
            "the proof of origin comes first",
            configured(cookies),
            cookie().with("Sec-Fetch-Site", "cross-site"),
            cross_site(),
        ),
        case(
            "a bound token that expired",
            strict(),
            bearer(bound(|token| token.expires_in(-60))),
            expired(),
        ),
        case(
            "the binding was checked by a proxy",
            ignoring(),
            bearer(bound(|token| token)),
            origin.seen(),
        ),
    ];
    if let KeyOrigin::Verifier = origin {
        cases.extend([
            case(
                "every kind of binding",
                strict(),
                tokens(&proper),
                unproven(),
            ),
            case(
                "`cnf` has no member",
                strict(),
                tokens(&odd),
                malformed_claims(),
            ),
            case(
                "`cnf` in an escaped spelling",
                strict(),
                bearer(claiming("\"c\\u006ef\":{\"jkt\":\"x\"}")),
                unproven(),
            ),
            case(
                "no `cnf` is read where a proxy has checked it",
                ignoring(),
                tokens(&[proper, odd].concat()),
                origin.seen(),
            ),
            case(
                "`cnf` elsewhere binds nothing",
                strict(),
                bearer(claiming("\"act\":{\"cnf\":{\"jkt\":\"x\"}}")),
                origin.seen(),
            ),
        ]);
    }
    cases
}
