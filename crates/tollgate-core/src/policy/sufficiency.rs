//! Which scopes would have been enough (RFC 6750 section 3).

use std::collections::HashMap;

use smallvec::SmallVec;

use super::{Clause, Evaluation, Join, Name};

/// How many ways to satisfy a clause are kept. With the bound on clauses, it bounds the work: a product of two lists has
/// at most the square of it, and each clause takes part in one product.
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

/// One way to satisfy a clause: the scopes to hold, and the scopes not to hold. The two have nothing in common.
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

    /// Whether whatever satisfies `other` satisfies this too.
    fn covers(&self, other: &Self) -> bool {
        self.needs.is_subset(&other.needs) && self.forbids.is_subset(&other.forbids)
    }
}

/// The scopes that the policy asks for, each once, in the order of the policy.
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

    /// Ways to make the clause hold (or fail, if not `wanted`) by adding scopes to those held, the best first. Scopes that
    /// are `given`, since what stands around the clause needs them in any case, cost nothing.
    fn branches(&self, evaluation: &Evaluation<'p>, wanted: bool, given: &Set) -> Vec<Branch> {
        match &evaluation.clause().0.clause {
            Clause::Scope(name) if wanted => {
                vec![Branch {
                    needs: self.among([&*name.name]),
                    forbids: Set::default(),
                }]
            }
            // A scope that is held cannot be taken away by granting another.
            Clause::Scope(_) if evaluation.satisfied() => Vec::new(),
            // Names that no clause asks for are never granted, so only the others need be kept out.
            Clause::Scope(name) => vec![Branch {
                needs: Set::default(),
                forbids: self.among(name.spellings()),
            }],
            Clause::Not(_) => self.alternatives(evaluation, !wanted, given),
            // To make `any` fail, make all of its parts fail, and the reverse.
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
        children.iter().fold(vec![Branch::default()], |combined, child| {
            let branches = self.branches(child, wanted, &given_within);
            let products = combined
                .iter()
                .flat_map(|left| branches.iter().filter_map(|right| left.and(right)));
            self.best(products.collect(), given)
        })
    }

    /// The first [`KEPT`] branches by size, without those that another makes needless.
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

/// The one scope without which the clause cannot hold (or fail, if not `wanted`), where it is as simple as that.
fn needed<'p>(evaluation: &Evaluation<'p>, wanted: bool) -> Option<&'p str> {
    match &evaluation.clause().0.clause {
        Clause::Scope(Name { name, .. }) if wanted => Some(name),
        Clause::Not(_) => needed(evaluation.children().first()?, !wanted),
        _ => None,
    }
}

/// A set of indices into [`Asked::names`], one bit each. Words that are missing at the end are zero.
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

    /// The words, and then zeros without end.
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
    fn the_smaller_alternative_wins() {
        let policy = (scope("a") & scope("b")) | scope("c");
        assert_sufficient(&policy, &Held::new(), &["c"]);
        assert_sufficient(&policy, &Held::new().scope("a"), &["c"]);
    }

    #[test]
    fn of_equal_ones_the_one_that_lacks_less_wins() {
        let policy = (scope("a") & scope("b")) | (scope("c") & scope("d"));
        assert_sufficient(&policy, &Held::new(), &["a", "b"]);
        assert_sufficient(&policy, &Held::new().scope("d"), &["c", "d"]);
    }

    #[test]
    fn shared_scopes_are_asked_for_once() {
        let policy = (scope("a") | scope("b")) & (scope("b") | scope("c")) & (scope("c") | scope("b"));
        assert_sufficient(&policy, &Held::new(), &["b"]);
        assert_sufficient(&(scope("a") & scope("a")), &Held::new(), &["a"]);
    }

    #[test]
    fn roles_and_claims_cannot_be_asked_for() {
        let policy = (role("admin") & scope("a")) | (claim("tier", "gold") & scope("b"));
        assert_eq!(sufficient(&policy, &Held::new()), None);
        assert_sufficient(&policy, &Held::new().role("admin"), &["a"]);
        assert_sufficient(&policy, &Held::new().claims(json!({"tier": "gold"})), &["b"]);
        assert_eq!(sufficient(&role("admin"), &Held::new().scope("admin")), None);
        assert_eq!(sufficient(&Policy::deny(), &Held::new()), None);
    }

    #[test]
    fn a_held_scope_that_is_in_the_way_stays_there() {
        let policy = scope("a") & not(scope("trial"));
        assert_sufficient(&policy, &Held::new(), &["a"]);
        assert_eq!(sufficient(&policy, &Held::new().scope("trial")), None);
        assert_sufficient(&(policy | scope("b")), &Held::new().scope("trial"), &["b"]);
    }

    #[test]
    fn what_not_forbids_is_not_granted() {
        assert_eq!(sufficient(&(scope("a") & not(scope("a"))), &Held::new()), None);
        // The shorter way, `a`, is closed by the second part.
        let policy = (scope("a") | (scope("b") & scope("c"))) & (not(scope("a")) | scope("z") & role("r"));
        assert_sufficient(&policy, &Held::new(), &["b", "c"]);
        // `not(a)` alone would be less, were it not for the second part.
        assert_sufficient(
            &((not(scope("a")) | scope("b")) & scope("a")),
            &Held::new(),
            &["a", "b"],
        );
        // Exactly one of two: either, and not both.
        let one = (scope("a") & !scope("b")) | (scope("b") & !scope("a"));
        assert_sufficient(&one, &Held::new(), &["a"]);
        assert_eq!(sufficient(&one, &Held::new().scope("a").scope("b")), None);
    }

    #[test]
    fn not_of_not_and_of_groups() {
        assert_sufficient(&not(not(scope("a")) | not(scope("b"))), &Held::new(), &["a", "b"]);
        assert_sufficient(
            &not(not(scope("a")) & not(scope("b"))),
            &Held::new().scope("b"),
            &["b"],
        );
        assert_sufficient(&not(any([role("r"), not(scope("a"))])), &Held::new(), &["a"]);
        assert_eq!(
            sufficient(&not(any([role("r"), not(scope("a"))])), &Held::new().role("r")),
            None
        );
    }

    #[test]
    fn what_implies_a_forbidden_scope_is_forbidden_too() {
        let hierarchy = Hierarchy::new().implies("admin", "trial");
        let policy = (scope("admin") | scope("b")) & not(scope("trial")).with_scope_hierarchy(&hierarchy);
        assert_sufficient(&policy, &Held::new(), &["b"]);
        assert_eq!(sufficient(&policy, &Held::new().scope("admin")), None);
    }

    #[test]
    fn more_scopes_than_bits_in_a_word() {
        let names: Vec<_> = (0..300).map(|n| format!("s{n}")).collect();
        let every = all(names.iter().map(|name| scope(name)));
        assert_eq!(sufficient(&every, &Held::new().scope("s7")).unwrap(), names);
        let last = any(names.iter().map(|name| scope(name))) & scope("s299");
        assert_sufficient(&last, &Held::new(), &["s299"]);
        let spread = not(scope("s0")) & every;
        assert_eq!(sufficient(&spread, &Held::new()), None);
    }

    /// Multiplied out, this policy has 2^300 branches.
    #[test]
    fn combinations_do_not_explode() {
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
