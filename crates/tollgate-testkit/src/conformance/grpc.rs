//! Rejections as trailers-only responses (gRPC over HTTP/2).

use std::time::Duration;

use tollgate_core::policy::scope;
use tollgate_core::{Algorithm, GateBuilder, Source};

use super::case::{Case, Handler, case, get, post};
use super::expect::{
    cross_site, expired, insufficient, malformed_credential, misconfigured, no_credential, seen,
    unavailable,
};
use super::fixtures::{Fixed, gate, rules, token, token_by, usual, usual_gate};

pub(super) fn cases() -> Vec<Case> {
    let call = || {
        post()
            .with("Content-Type", "application/grpc")
            .with("TE", "trailers")
    };
    let with = |token: String| call().with("Authorization", format!("Bearer {token}"));
    let typed = |content: &str| post().with("Content-Type", content);
    let down = || {
        let down = rules().key_source(Fixed::down(Duration::from_secs(3)));
        gate(down, GateBuilder::grpc_answers)
    };
    let speaking = || gate(usual(), GateBuilder::grpc_answers);
    let cookies = || {
        gate(usual(), |gate| {
            gate.grpc_answers().source(Source::cookie("access"))
        })
    };
    let hooked = || {
        gate(usual(), |gate| {
            gate.grpc_answers()
                .on_rejection(|_, answer| answer.set("grpc-message", "no"))
        })
    };
    vec![
        case(
            "no credential",
            speaking(),
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
            speaking(),
            with(token().expires_in(-60).build()),
            expired().grpc("16"),
        ),
        case(
            "a malformed credential",
            speaking(),
            with("\"".into()),
            malformed_credential().grpc("16"),
        ),
        case(
            "a missing scope",
            speaking(),
            with(token().build()),
            insufficient(Some("a")).grpc("7"),
        )
        .policy(scope("a")),
        case(
            "a scope that a handler requires",
            speaking(),
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
        case("a good token", speaking(), with(token().build()), seen()),
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
            speaking(),
            [
                typed("application/grpc-web"),
                typed("application/grpc-web+proto"),
                typed("application/grpcx"),
                typed("application/json"),
                get().with("Accept", "application/grpc"),
            ],
            no_credential(),
        ),
        case(
            "a gate without the option gives a call the ordinary response",
            usual_gate(),
            [
                call(),
                typed("application/grpc+proto"),
                typed("APPLICATION/GRPC"),
            ],
            no_credential(),
        ),
        case(
            "a token that does not suffice, without the option",
            usual_gate(),
            with(token().build()),
            insufficient(Some("a")),
        )
        .policy(scope("a")),
        case(
            "a missing layer has no option",
            None,
            call(),
            misconfigured(),
        ),
    ]
}
