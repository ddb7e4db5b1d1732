//! Rejections as trailers-only responses (gRPC over HTTP/2).

use std::time::Duration;

use tollgate_core::policy::scope;
use tollgate_core::{Algorithm, Source};

use super::case::{Case, Handler, case, get, post};
use super::expect::{
    cross_site, expired, insufficient, malformed_credential, no_credential, seen, unavailable,
};
use super::fixtures::{Fixed, gate, plain, rules, token, token_by, usual, usual_gate};

pub(super) fn cases() -> Vec<Case> {
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
            "no credential",
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
            "an expired token",
            usual_gate(),
            with(token().expires_in(-60).build()),
            expired().grpc("16"),
        ),
        case(
            "a malformed credential",
            usual_gate(),
            with("\"".into()),
            malformed_credential().grpc("16"),
        ),
        case(
            "a missing scope",
            usual_gate(),
            with(token().build()),
            insufficient(Some("a")).grpc("7"),
        )
        .policy(scope("a")),
        case(
            "a scope that a handler requires",
            usual_gate(),
            with(token().build()),
            insufficient(Some("orders:read")).grpc("7"),
        )
        .handler(Handler::Scoped),
        case(
            "a cookie without proof of origin",
            cookies(),
            call().with("Cookie", format!("access={}", token().build())),
            cross_site().grpc("7"),
        ),
        case(
            "unavailable keys",
            down(),
            with(token_by(Algorithm::RS256).build()),
            unavailable("3").grpc("14"),
        ),
        case("a good token", usual_gate(), with(token().build()), seen()),
        case(
            "a hook changes a trailers-only response",
            hooked(),
            call(),
            {
                let mut expect = no_credential().grpc("16").expect();
                for (name, value) in &mut expect.headers {
                    if name == "grpc-message" {
                        *value = b"no".to_vec();
                    }
                }
                vec![expect]
            },
        ),
        case(
            "gRPC-Web and other content types get an HTTP response",
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
