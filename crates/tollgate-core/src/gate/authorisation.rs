//! The policy stage: scopes, roles, claims and the age of the login.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::policy::{self, ClaimPath, Facts, Policy, UnreadableClaim};
use crate::rejection::{Rejection, RejectionKind, Start};
use crate::verifier::principal::Principal;

/// Refuses a principal that the policy does not permit. The refusal names the scopes, or the age of
/// a login, that would satisfy the policy.
#[inline]
pub(super) fn authorise(policy: &Policy, principal: &Principal) -> Result<(), Rejection> {
    if policy.permits(principal) {
        return Ok(());
    }
    Err(insufficient(policy, principal))
}

#[cold]
fn insufficient(policy: &Policy, principal: &Principal) -> Rejection {
    const SHOWN: usize = 8;
    let facts = Sorted::new(principal);
    let evaluation = policy.evaluate(&facts);
    let age = policy::sufficient_age(policy, &facts);
    let failed = evaluation.failed().take(SHOWN + 1);
    let failed: Vec<_> = failed.map(|leaf| leaf.clause().clone()).collect();
    let shown = policy.clone();
    let detail = move |f: &mut fmt::Formatter<'_>| {
        write!(f, "wanted {}; failed: ", Start(&shown))?;
        for (index, clause) in failed.iter().take(SHOWN).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}", Start(clause))?;
        }
        f.write_str(if failed.len() > SHOWN { ", …" } else { "" })
    };
    if let Some(max_age) = age {
        return Rejection::late(RejectionKind::AuthenticationTooOld, detail).with_max_age(max_age);
    }
    let refused = Rejection::late(RejectionKind::InsufficientScope, detail);
    match evaluation.sufficient_scopes() {
        Some(scopes) if !scopes.is_empty() => refused.with_scope(scopes.join(" ")),
        _ => refused,
    }
}

/// The facts of a principal with its scopes and roles in order. An explanation evaluates every
/// clause, and the token is not read again for each of them.
struct Sorted<'p> {
    principal: &'p Principal,
    scopes: Vec<Cow<'p, str>>,
    roles: Vec<Cow<'p, str>>,
}

impl<'p> Sorted<'p> {
    fn new(principal: &'p Principal) -> Self {
        let mut scopes: Vec<_> = principal.scopes().collect();
        let mut roles: Vec<_> = principal.roles().collect();
        scopes.sort_unstable();
        roles.sort_unstable();
        Self {
            principal,
            scopes,
            roles,
        }
    }
}

impl Facts for Sorted<'_> {
    fn has_scope(&self, scope: &str) -> bool {
        let found = self.scopes.binary_search_by(|held| (**held).cmp(scope));
        found.is_ok()
    }

    fn has_role(&self, role: &str) -> bool {
        let found = self.roles.binary_search_by(|held| (**held).cmp(role));
        found.is_ok()
    }

    fn claim(&self, path: &ClaimPath) -> Result<Option<Value>, UnreadableClaim> {
        Facts::claim(self.principal, path)
    }

    fn has_claim(&self, path: &ClaimPath) -> Result<bool, UnreadableClaim> {
        self.principal.has_claim(path)
    }

    fn claim_is(&self, path: &ClaimPath, expected: &Value) -> Result<bool, UnreadableClaim> {
        self.principal.claim_is(path, expected)
    }

    fn authenticated_within(&self, seconds: u64) -> Result<bool, UnreadableClaim> {
        self.principal.authenticated_within(seconds)
    }
}
