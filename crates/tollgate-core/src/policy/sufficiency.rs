//! The scopes that would satisfy a policy (RFC 6750 section 3).

use std::cell::Cell;
use std::collections::HashMap;

use smallvec::SmallVec;

use super::{Clause, Evaluation, Join, Name};

/// The maximum number of branches kept for a clause.
const KEPT: usize = 16;

/// The number of branches that are looked at before only one is kept for a clause. A client with a
/// valid token can ask for the refusal again and again, so its cost is bounded.
const LOOKED_AT: usize = 64;

/// The maximum number of parts of a group that needs no search.
const LEAVES: usize = 32;

pub(super) fn sufficient_scopes<'p>(evaluation: &Evaluation<'p>) -> Option<Vec<&'p str>> {
    if is_of_leaves(evaluation) {
        of_leaves(evaluation)
    } else {
        searched(evaluation)
    }
}

fn searched<'p>(evaluation: &Evaluation<'p>) -> Option<Vec<&'p str>> {
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

/// Returns `true` for a failed policy of one leaf, or of one small group of leaves.
fn is_of_leaves(evaluation: &Evaluation<'_>) -> bool {
    let parts = evaluation.children();
    !evaluation.satisfied()
        && parts.len() <= LEAVES
        && parts.iter().all(|part| part.children().is_empty())
        && !matches!(&evaluation.clause().0.clause, Clause::Not(_))
}

/// Returns the result for a policy of leaves, without the search.
fn of_leaves<'p>(evaluation: &Evaluation<'p>) -> Option<Vec<&'p str>> {
    let scope = |leaf: &Evaluation<'p>| match &leaf.clause().0.clause {
        Clause::Scope(name) => Some(&*name.name),
        _ => None,
    };
    let parts = evaluation.children();
    match &evaluation.clause().0.clause {
        // The first of several scopes, none of which is held.
        Clause::Group(Join::Any, _) => parts.iter().find_map(scope).map(|name| vec![name]),
        Clause::Group(Join::All, _) => {
            let mut names = Vec::with_capacity(parts.len());
            for part in parts {
                match scope(part) {
                    Some(name) if !names.contains(&name) => names.push(name),
                    None if !part.satisfied() => return None,
                    _ => {}
                }
            }
            Some(names)
        }
        _ => scope(evaluation).map(|name| vec![name]),
    }
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
    looked_at: Cell<usize>,
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
            | Clause::Impersonated { .. }
            | Clause::AuthenticatedWithin { .. } => {
                if evaluation.holds() == Some(wanted) {
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

    /// Returns the first [`KEPT`] branches by size, without those covered by another. After
    /// [`LOOKED_AT`] branches it returns only the first.
    fn best(&self, mut branches: Vec<Branch>, given: &Set) -> Vec<Branch> {
        let looked_at = self.looked_at.get() + branches.len();
        self.looked_at.set(looked_at);
        let most = if looked_at > LOOKED_AT { 1 } else { KEPT };
        let at_hand = given.union(&self.held);
        branches.sort_by_cached_key(|Branch { needs, forbids }| {
            (
                needs.len_without(given),
                needs.len_without(&at_hand),
                forbids.len_without(&Set::default()),
            )
        });
        let mut best: Vec<Branch> = Vec::new();
        for branch in branches {
            if best.len() == most {
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
mod tests;
