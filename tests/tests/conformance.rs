//! Runs one table of requests and responses on every framework (see
//! `tollgate_testkit::conformance`).

#[path = "conformance/actix.rs"]
mod actix;
#[path = "conformance/axum.rs"]
mod axum;
#[path = "conformance/forms.rs"]
mod forms;
#[path = "conformance/tower.rs"]
mod tower;

use tollgate_testkit::conformance::{self, Case, Core, Expect, Response, Subject};

/// Asserts that the subject's responses match the table. Where the table allows several responses,
/// the subject's must equal the core's.
fn conforms(subject: &mut impl Subject) {
    let as_core = |case: &Case| {
        let one = |request: &conformance::Request| {
            let Response {
                status,
                headers,
                body,
                rejection,
                ..
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
    let with_and_without = [
        conformance::cases(),
        conformance::cases_without_token_cache(),
    ];
    let open: Vec<Case> = with_and_without
        .iter()
        .flatten()
        .filter(|case| case.expect.len() > 1)
        .flat_map(as_core)
        .collect();
    let found = conformance::mismatches(&open, subject);
    assert!(
        found.is_empty(),
        "{} responses differ from the core's:\n\n{}",
        found.len(),
        found.join("\n")
    );
    conformance::run(subject);
}

/// Runs the cases that apply to extractors without a layer: all cases with a gate, except renewals,
/// which need the response.
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
        "{} responses differ:\n\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn axum_with_extractors_only() {
    without_a_layer(|case| case.policy.is_none(), &mut axum::Ungated::new());
}

#[test]
fn actix_web_with_extractors_only() {
    without_a_layer(|_| true, &mut actix::Unwrapped::new());
}

#[test]
fn core_without_a_framework() {
    conforms(&mut Core);
}

#[test]
fn tower_layers() {
    conforms(&mut tower::Tower::new());
}

#[test]
fn axum_layers() {
    conforms(&mut axum::Axum::new());
}

#[test]
fn actix_web_middleware() {
    conforms(&mut actix::Actix::new());
}
