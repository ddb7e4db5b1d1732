//! One table of requests and answers, on every framework (see `tollgate_testkit::conformance`).

#[path = "conformance/actix.rs"]
mod actix;
#[path = "conformance/axum.rs"]
mod axum;
#[path = "conformance/tower.rs"]
mod tower;

use tollgate_testkit::conformance::{self, Case, Core, Expect, Response, Subject};

/// Two checks: the subject answers as the table says; and where the table lets one of several answers do, it
/// gives the one that the core gives.
fn conforms(subject: &mut impl Subject) {
    let as_core = |case: &Case| {
        let one = |request: &conformance::Request| {
            let Response {
                status,
                headers,
                body,
                rejection,
            } = Core.send(case, request);
            let expect = vec![Expect {
                status,
                headers,
                body,
                rejection,
            }];
            Case {
                expect,
                requests: vec![request.clone()],
                ..case.clone()
            }
        };
        case.requests.iter().map(one).collect::<Vec<_>>()
    };
    let open: Vec<Case> = conformance::cases()
        .iter()
        .filter(|case| case.expect.len() > 1)
        .flat_map(as_core)
        .collect();
    let found = conformance::mismatches(&open, subject);
    assert!(
        found.is_empty(),
        "{} answers differ from the core's:\n\n{}",
        found.len(),
        found.join("\n")
    );
    conformance::run(subject);
}

#[test]
fn core_alone() {
    conforms(&mut Core);
}

#[test]
fn over_tower() {
    conforms(&mut tower::Tower::new());
}

#[test]
fn over_axum() {
    conforms(&mut axum::Axum::new());
}

#[test]
fn over_actix_web() {
    conforms(&mut actix::Actix::new());
}
