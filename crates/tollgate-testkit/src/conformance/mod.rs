//! The conformance table: requests and the responses that every framework must return, equal to the
//! byte.
//!
//! An adapter implements [`Subject`] for its framework and calls [`run`]. The expected values are
//! written down from the standards (RFC 6750, RFC 7515, RFC 7519, RFC 9068, RFC 9457, RFC 9470, RFC
//! 6454), not computed by the code under test.
//!
//! ```
//! use tollgate_testkit::conformance::{self, Core};
//!
//! conformance::run(&mut Core); // panics with a list of the differences, if there are any
//! ```

#![allow(clippy::too_many_lines, reason = "a table is as long as it is")]

mod adapters;
mod algorithms;
mod bound;
mod case;
mod claims;
mod confusion;
mod csrf;
mod csrf_token;
mod deployments;
mod echo;
mod expect;
mod fixtures;
mod forgeries;
mod forward_auth;
mod grants;
mod grpc;
mod header;
mod issuers;
mod json;
mod keyrings;
mod limits;
mod load_balancer;
mod login_redirect;
mod malformed;
mod mutations;
mod outcome;
mod places;
mod policies;
mod providers;
mod renewal;
mod revocation;
mod rotation;
mod shared_secrets;
mod sources;
mod step_up;
mod subject;
mod times;
mod waiting;

pub use case::{Case, Handler, Reply, Request};
pub use echo::{Buyer, OrdersRead, Shopper, echo, echo_claims, echo_guarded};
pub use expect::Expect;
pub use subject::{Core, Response, Subject, mismatches, mismatches_when_repeated, run};
use waiting::KeyOrigin;

/// The minimum number of cases. Cases are only added, and [`run`] refuses a shorter table.
///
/// ```
/// use tollgate_testkit::conformance;
///
/// assert!(conformance::cases().len() >= conformance::LEAST);
/// ```
pub const LEAST: usize = 890;

/// Returns the table. Its clock stays at [`FakeClock::START`](crate::FakeClock::START).
///
/// ```
/// use tollgate_testkit::conformance;
///
/// let cases = conformance::cases();
/// assert!(cases.len() >= conformance::LEAST);
/// assert!(cases.iter().any(|case| case.name == "sources: `Authorization: Bearer`"));
/// ```
pub fn cases() -> Vec<Case> {
    let groups: [(&str, Vec<Case>); 36] = [
        ("sources", sources::cases()),
        ("csrf", csrf::cases()),
        ("csrf token", csrf_token::cases(KeyOrigin::Verifier)),
        (
            "csrf token: after a wait",
            csrf_token::cases(KeyOrigin::Source),
        ),
        ("limits", limits::cases()),
        ("load balancer", load_balancer::cases()),
        ("malformed", malformed::cases()),
        ("mutations", mutations::cases()),
        ("json", json::cases()),
        ("algorithms", algorithms::cases()),
        ("confusion", confusion::cases()),
        ("forgeries", forgeries::cases()),
        ("keys", keyrings::cases()),
        ("shared secrets", shared_secrets::cases()),
        ("header", header::cases()),
        ("claims", claims::cases()),
        ("deployments", deployments::cases()),
        ("providers", providers::cases()),
        ("grants", grants::cases()),
        ("times", times::cases()),
        ("issuers", issuers::cases()),
        ("policies", policies::cases()),
        ("outcome", outcome::cases()),
        ("adapters", adapters::cases()),
        ("gRPC", grpc::cases()),
        ("forward auth", forward_auth::cases()),
        ("revocation", revocation::cases(KeyOrigin::Verifier)),
        (
            "revocation: after a wait",
            revocation::cases(KeyOrigin::Source),
        ),
        ("login redirect", login_redirect::cases(KeyOrigin::Verifier)),
        (
            "login redirect: after a wait",
            login_redirect::cases(KeyOrigin::Source),
        ),
        ("bound", bound::cases(KeyOrigin::Verifier)),
        ("bound: after a wait", bound::cases(KeyOrigin::Source)),
        ("step-up", step_up::cases()),
        ("renewal", renewal::cases(KeyOrigin::Verifier)),
        ("renewal: after a wait", renewal::cases(KeyOrigin::Source)),
        ("waiting", waiting::cases()),
    ];
    let named = groups
        .into_iter()
        .flat_map(|(group, cases)| cases.into_iter().map(move |case| case.in_group(group)));
    named.collect()
}

/// Returns the same table for gates whose verifiers have no [cache of verified
/// tokens](tollgate_core::TokenCache). The responses are the same.
///
/// ```
/// use tollgate_testkit::conformance;
///
/// let cases = conformance::cases_without_token_cache();
/// assert_eq!(cases.len(), conformance::cases().len());
/// let mut gates = cases.iter().filter_map(|case| case.gate.as_ref());
/// assert!(gates.all(|gate| gate.verifier().token_cache_status().is_none()));
/// ```
pub fn cases_without_token_cache() -> Vec<Case> {
    fixtures::without_token_cache(cases)
}

/// Returns cases that no HTTP implementation forwards: control characters and line breaks in field
/// values (RFC 9110 section 5.5). They need a subject without one, such as [`Core`].
///
/// ```
/// use tollgate_testkit::conformance::{self, Core};
///
/// assert_eq!(conformance::mismatches(&conformance::raw_cases(), &mut Core), Vec::<String>::new());
/// ```
pub fn raw_cases() -> Vec<Case> {
    sources::raw_cases()
        .into_iter()
        .map(|case| case.in_group("raw"))
        .collect()
}
