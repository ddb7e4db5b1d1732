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
    let with_and_without = [conformance::cases(), conformance::cases_without_token_cache()];
    let open: Vec<Case> = with_and_without
        .iter()
        .flatten()
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

/// The cases that a gate which only extractors ask can be held to: all that have a gate, but for renewals, which take the
/// response.
fn without_a_layer(admits: impl Fn(&Case) -> bool, subject: &mut impl Subject) {
    let of = |cases: Vec<Case>| -> Vec<Case> {
        let gated = cases
            .into_iter()
            .filter(|case| case.gate.is_some() && case.expect.len() == 1);
        gated
            .filter(|case| !case.name.starts_with("renewal: ") && admits(case))
            .collect()
    };
    let cases = of(conformance::cases());
    assert!(
        cases
            .iter()
            .any(|case| case.name == "revocation: a revoked token")
    );
    let mut found = conformance::mismatches_when_repeated(&cases, subject);
    found.extend(conformance::mismatches(
        &of(conformance::cases_without_token_cache()),
        subject,
    ));
    assert!(
        found.is_empty(),
        "{} answers differ:\n\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn by_extractors_of_axum_alone() {
    without_a_layer(|case| case.policy.is_none(), &mut axum::Ungated::new());
}

#[test]
fn by_extractors_of_actix_web_alone() {
    without_a_layer(|_| true, &mut actix::Unwrapped::new());
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
