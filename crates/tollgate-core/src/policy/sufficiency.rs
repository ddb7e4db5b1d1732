//! The scopes that would satisfy a policy (RFC 6750 section 3).

use std::collections::HashMap;

use smallvec::SmallVec;

use super::{Clause, Evaluation, Join, Name};

/// The maximum number of branches kept for a clause. Together with the bound on clauses it bounds
/// the work: a product of two lists has at most `KEPT` squared entries, and each clause is in one
/// product.
const KEPT: usize = 16;

pub(super) fn sufficient_scopes<'p>(evaluation: &Evaluation<'p>) -> Option<Vec<&'p str>> {
    let mut asked = Asked::default();
    asked.collect(evaluation);
    let best = asked
        .branches(evaluation, true, &Set::default())
        .into_iter()
        .next()?;
    Some(
        asked
            .names
            .iter()
            .enumerate()
            .filter(|(index, _)| best.needs.contains(*index))
            .map(|(_, name)| *name)
            .collect(),
    )
}

/// One way to satisfy a clause: the scopes to hold and the scopes not to hold. The two sets are
/// disjoint.
#[derive(Clone, Default)]
struct Branch {
    needs: Set,
    forbids: Set,
}

impl Branch {
    fn and(&self, other: &Self) -> Option<Self> {
        let both = Self {
            needs: self.needs.union(&other.needs),
            forbids: self.forbids.union(&other.forbids),
        };
        both.needs.is_disjoint(&both.forbids).then_some(both)
    }

    /// Returns whether every set that satisfies `other` also satisfies this branch.
    fn covers(&self, other: &Self) -> bool {
        self.needs.is_subset(&other.needs) && self.forbids.is_subset(&other.forbids)
    }
}

/// The scopes in the policy without duplicates, in the order of the policy.
#[derive(Default)]
struct Asked<'p> {
    names: Vec<&'p str>,
    index: HashMap<&'p str, usize>,
    held: Set,
}

impl<'p> Asked<'p> {
    fn collect(&mut self, evaluation: &Evaluation<'p>) {
        if let Clause::Scope(Name { name, .. }) = &evaluation.clause().0.clause {
            let next = self.names.len();
            let index = *self.index.entry(name).or_insert(next);
            if index == next {
                self.names.push(name);
            }
            if evaluation.satisfied() {
                self.held.insert(index);
            }
        }
        for child in evaluation.children() {
            self.collect(child);
        }
    }

    /// Returns the ways to satisfy the clause (or to fail it, if not `wanted`) by adding scopes,
    /// the best first. Scopes in `given` cost nothing, because the surrounding clauses need them
    /// anyway.
    fn branches(&self, evaluation: &Evaluation<'p>, wanted: bool, given: &Set) -> Vec<Branch> {
        match &evaluation.clause().0.clause {
            Clause::Scope(name) if wanted => {
                vec![Branch {
                    needs: self.among([&*name.name]),
                    forbids: Set::default(),
                }]
            }
            // Granting another scope cannot remove a held one.
            Clause::Scope(_) if evaluation.satisfied() => Vec::new(),
            // Names outside the policy are never granted, so only the names in it need to be
            // excluded.
            Clause::Scope(name) => vec![Branch {
                needs: Set::default(),
                forbids: self.among(name.spellings()),
            }],
            Clause::Not(_) => self.alternatives(evaluation, !wanted, given),
            // To fail `any`, fail all of its parts. To fail `all`, fail one.
            Clause::Group(join, _) if (*join == Join::Any) == wanted => {
                self.alternatives(evaluation, wanted, given)
            }
            Clause::Group(..) => self.combinations(evaluation, wanted, given),
            Clause::Role(_)
            | Clause::Claim { .. }
            | Clause::ClaimPresent { .. }
            | Clause::AuthenticatedWithin { .. } => {
                if evaluation.satisfied() == wanted {
                    vec![Branch::default()]
                } else {
                    Vec::new()
                }
            }
        }
    }

    fn alternatives(&self, evaluation: &Evaluation<'p>, wanted: bool, given: &Set) -> Vec<Branch> {
        let children = evaluation.children().iter();
        self.best(
            children
                .flat_map(|child| self.branches(child, wanted, given))
                .collect(),
            given,
        )
    }

    fn combinations(&self, evaluation: &Evaluation<'p>, wanted: bool, given: &Set) -> Vec<Branch> {
        let children = evaluation.children();
        let needed = self.among(children.iter().filter_map(|child| needed(child, wanted)));
        let given_within = given.union(&needed);
        children
            .iter()
            .fold(vec![Branch::default()], |combined, child| {
                let branches = self.branches(child, wanted, &given_within);
                let products = combined
                    .iter()
                    .flat_map(|left| branches.iter().filter_map(|right| left.and(right)));
                self.best(products.collect(), given)
            })
    }

    /// Returns the first [`KEPT`] branches by size, without those covered by another.
    fn best(&self, mut branches: Vec<Branch>, given: &Set) -> Vec<Branch> {
        let at_hand = given.union(&self.held);
        branches.sort_by_key(|Branch { needs, forbids }| {
            (
                needs.len_without(given),
                needs.len_without(&at_hand),
                forbids.len_without(&Set::default()),
            )
        });
        let mut best: Vec<Branch> = Vec::new();
        for branch in branches {
            if best.len() == KEPT {
                break;
            }
            if !best.iter().any(|better| better.covers(&branch)) {
                best.push(branch);
            }
        }
        best
    }

    fn among<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Set {
        let mut set = Set::default();
        for name in names {
            if let Some(index) = self.index.get(name) {
                set.insert(*index);
            }
        }
        set
    }
}

/// The single scope without which the clause cannot hold (or fail, if not `wanted`), for simple
/// clauses only.
fn needed<'p>(evaluation: &Evaluation<'p>, wanted: bool) -> Option<&'p str> {
    match &evaluation.clause().0.clause {
        Clause::Scope(Name { name, .. }) if wanted => Some(name),
        Clause::Not(_) => needed(evaluation.children().first()?, !wanted),
        _ => None,
    }
}

/// A set of indices into [`Asked::names`], one bit each. Missing words at the end are zero.
#[derive(Clone, Default)]
struct Set(SmallVec<[u64; 2]>);

impl Set {
    fn insert(&mut self, index: usize) {
        let word = index / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (index % 64);
    }

    fn contains(&self, index: usize) -> bool {
        self.0
            .get(index / 64)
            .is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    fn len_without(&self, other: &Self) -> u32 {
        self.0
            .iter()
            .zip(other.words())
            .map(|(word, without)| (word & !without).count_ones())
            .sum()
    }

    fn union(&self, other: &Self) -> Self {
        let (longer, shorter) = if self.0.len() < other.0.len() {
            (other, self)
        } else {
            (self, other)
        };
        Self(
            longer
                .0
                .iter()
                .zip(shorter.words())
                .map(|(left, right)| left | right)
                .collect(),
        )
    }

    fn is_disjoint(&self, other: &Self) -> bool {
        self.0
            .iter()
            .zip(other.words())
            .all(|(left, right)| left & right == 0)
    }

    fn is_subset(&self, other: &Self) -> bool {
        self.len_without(other) == 0
    }

    /// The words, followed by an infinite sequence of zeros.
    fn words(&self) -> impl Iterator<Item = u64> {
        self.0.iter().copied().chain(std::iter::repeat(0))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::policy::{Facts, Held, Hierarchy, Policy, all, any, claim, not, role, scope};

    fn sufficient(policy: &Policy, caller: &impl Facts) -> Option<Vec<String>> {
        let evaluation = policy.evaluate(caller);
        evaluation
            .sufficient_scopes()
            .map(|scopes| scopes.into_iter().map(str::to_owned).collect())
    }

    fn assert_sufficient(policy: &Policy, caller: &Held, expected: &[&str]) {
        assert_eq!(sufficient(policy, caller).unwrap(), expected, "{policy}");
    }

    #[test]
    fn the_smaller_alternative_is_preferred() {
        let policy = (scope("a") & scope("b")) | scope("c");
        assert_sufficient(&policy, &Held::new(), &["c"]);
        assert_sufficient(&policy, &Held::new().scope("a"), &["c"]);
    }

    #[test]
    fn equal_sizes_prefer_the_fewest_missing_scopes() {
        let policy = (scope("a") & scope("b")) | (scope("c") & scope("d"));
        assert_sufficient(&policy, &Held::new(), &["a", "b"]);
        assert_sufficient(&policy, &Held::new().scope("d"), &["c", "d"]);
    }

    #[test]
    fn shared_scopes_are_listed_once() {
        let policy =
            (scope("a") | scope("b")) & (scope("b") | scope("c")) & (scope("c") | scope("b"));
        assert_sufficient(&policy, &Held::new(), &["b"]);
        assert_sufficient(&(scope("a") & scope("a")), &Held::new(), &["a"]);
    }

    #[test]
    fn roles_and_claims_yield_no_scopes() {
        let policy = (role("admin") & scope("a")) | (claim("tier", "gold") & scope("b"));
        assert_eq!(sufficient(&policy, &Held::new()), None);
        assert_sufficient(&policy, &Held::new().role("admin"), &["a"]);
        assert_sufficient(
            &policy,
            &Held::new().claims(json!({"tier": "gold"})),
            &["b"],
        );
        assert_eq!(
            sufficient(&role("admin"), &Held::new().scope("admin")),
            None
        );
        assert_eq!(sufficient(&Policy::deny(), &Held::new()), None);
    }

    #[test]
    fn a_held_forbidden_scope_yields_none() {
        let policy = scope("a") & not(scope("trial"));
        assert_sufficient(&policy, &Held::new(), &["a"]);
        assert_eq!(sufficient(&policy, &Held::new().scope("trial")), None);
        assert_sufficient(&(policy | scope("b")), &Held::new().scope("trial"), &["b"]);
    }

    #[test]
    fn a_scope_forbidden_by_not_is_not_granted() {
        assert_eq!(
            sufficient(&(scope("a") & not(scope("a"))), &Held::new()),
            None
        );
        // The second part forbids the shorter alternative, `a`.
        let policy =
            (scope("a") | (scope("b") & scope("c"))) & (not(scope("a")) | scope("z") & role("r"));
        assert_sufficient(&policy, &Held::new(), &["b", "c"]);
        // `not(a)` alone would be smaller without the second part.
        assert_sufficient(
            &((not(scope("a")) | scope("b")) & scope("a")),
            &Held::new(),
            &["a", "b"],
        );
        // Exclusive or: one of the two, not both.
        let one = (scope("a") & !scope("b")) | (scope("b") & !scope("a"));
        assert_sufficient(&one, &Held::new(), &["a"]);
        assert_eq!(sufficient(&one, &Held::new().scope("a").scope("b")), None);
    }

    #[test]
    fn not_of_not_and_of_groups_is_resolved() {
        assert_sufficient(
            &not(not(scope("a")) | not(scope("b"))),
            &Held::new(),
            &["a", "b"],
        );
        assert_sufficient(
            &not(not(scope("a")) & not(scope("b"))),
            &Held::new().scope("b"),
            &["b"],
        );
        assert_sufficient(
            &not(any([role("r"), not(scope("a"))])),
            &Held::new(),
            &["a"],
        );
        assert_eq!(
            sufficient(
                &not(any([role("r"), not(scope("a"))])),
                &Held::new().role("r")
            ),
            None
        );
    }

    #[test]
    fn a_scope_that_implies_a_forbidden_one_is_forbidden() {
        let hierarchy = Hierarchy::new().implies("admin", "trial");
        let policy =
            (scope("admin") | scope("b")) & not(scope("trial")).with_scope_hierarchy(&hierarchy);
        assert_sufficient(&policy, &Held::new(), &["b"]);
        assert_eq!(sufficient(&policy, &Held::new().scope("admin")), None);
    }

    #[test]
    fn more_scopes_than_bits_in_a_word_are_supported() {
        let names: Vec<_> = (0..300).map(|n| format!("s{n}")).collect();
        let every = all(names.iter().map(|name| scope(name)));
        assert_eq!(sufficient(&every, &Held::new().scope("s7")).unwrap(), names);
        let last = any(names.iter().map(|name| scope(name))) & scope("s299");
        assert_sufficient(&last, &Held::new(), &["s299"]);
        let spread = not(scope("s0")) & every;
        assert_eq!(sufficient(&spread, &Held::new()), None);
    }

    /// Expanded, this policy has 2^300 branches.
    #[test]
    fn combinations_stay_bounded() {
        let pairs = (0..300).map(|n| scope(format!("a{n}")) | scope(format!("b{n}")));
        let policy = all(pairs);
        let scopes = sufficient(&policy, &Held::new()).unwrap();
        assert_eq!(scopes.len(), 300);
        assert!(policy.permits(&scopes.into_iter().fold(Held::new(), Held::scope)));

        let triples = (0..120).map(|n| {
            all([
                scope(format!("a{n}")),
                scope(format!("b{n}")),
                !scope(format!("a{}", n + 1)),
            ])
        });
        assert_eq!(sufficient(&all(triples), &Held::new()), None);
    }
}
