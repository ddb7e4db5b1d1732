//! A report of role claims that no token has had, and of issuers without a role claim. Without it,
//! a path with an error denies every role in silence.

use std::sync::atomic::{AtomicU8, Ordering};

use super::rules::Rules;
use crate::token::claims::ClaimSetText;

/// The number of tokens without the claim before the report.
const UNSEEN_TOKENS: u8 = 10;

const REPORTED: u8 = u8::MAX - 1;
const SEEN: u8 = u8::MAX;

/// For each role path of an issuer, the number of tokens without it, [`REPORTED`] or [`SEEN`]. An
/// issuer without a role path has one entry, which is never [`SEEN`].
#[derive(Debug)]
pub(crate) struct RolePaths(Box<[AtomicU8]>);

impl RolePaths {
    pub(super) fn new(rules: &Rules) -> Self {
        let issued = |place: usize| rules.issued_roles && place == 0;
        let states = (0..rules.role_claims.len().max(1))
            .map(|place| AtomicU8::new(if issued(place) { SEEN } else { 0 }));
        Self(states.collect())
    }

    /// Records the paths that a verified token has, and reports a path that many tokens lacked.
    pub(super) fn note(&self, rules: &Rules, claims: &ClaimSetText) {
        for (place, (path, state)) in rules.role_claims.iter().zip(&self.0).enumerate() {
            if state.load(Ordering::Relaxed) == SEEN {
                continue;
            }
            if matches!(claims.find(path), Ok(Some(_))) {
                state.store(SEEN, Ordering::Relaxed);
            } else if state
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |unseen| {
                    (unseen < UNSEEN_TOKENS).then_some(unseen + 1)
                })
                .is_ok_and(|earlier| earlier + 1 == UNSEEN_TOKENS)
            {
                self.report(rules, place);
            }
        }
    }

    /// Reports the paths when a role was missing, unless a token has had one of them. Reports the
    /// role if the issuer has no path.
    #[cold]
    pub(super) fn note_missing_role(&self, rules: &Rules, role: &str) {
        let seen = |state: &AtomicU8| state.load(Ordering::Relaxed) == SEEN;
        if rules.role_claims.is_empty() {
            if self.is_first_report(0) {
                tracing::warn!(target: "tollgate", role, issuer = rules.issuer.as_deref(),
                    "a role was read, but the issuer has no `role_claim`");
            }
        } else if !self.0.iter().any(seen) {
            (0..self.0.len()).for_each(|place| self.report(rules, place));
        }
    }

    fn report(&self, rules: &Rules, place: usize) {
        if self.is_first_report(place) {
            let path = &rules.role_claims[place];
            tracing::warn!(target: "tollgate", %path, issuer = rules.issuer.as_deref(),
                "no token so far has this role claim");
        }
    }

    fn is_first_report(&self, place: usize) -> bool {
        let first = |state: u8| (state < REPORTED).then_some(REPORTED);
        self.0[place]
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, first)
            .is_ok()
    }
}
