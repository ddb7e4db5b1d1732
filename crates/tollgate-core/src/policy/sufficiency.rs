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
    let best = asked.branches(evaluation, true).into_iter().next()?;
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

    /// Ways to make the clause hold (or fail, if not `wanted`) by adding scopes to those held, the best first.
    fn branches(&self, evaluation: &Evaluation<'p>, wanted: bool) -> Vec<Branch> {
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
            Clause::Not(_) => self.alternatives(evaluation, !wanted),
            // To make `any` fail, make all of its parts fail, and the reverse.
            Clause::Group(join, _) if (*join == Join::Any) == wanted => self.alternatives(evaluation, wanted),
            Clause::Group(..) => self.combinations(evaluation, wanted),
            Clause::Role(_) | Clause::Claim { .. } | Clause::ClaimPresent { .. } => {
                if evaluation.satisfied() == wanted {
                    vec![Branch::default()]
                } else {
                    Vec::new()
                }
            }
        }
    }

    fn alternatives(&self, evaluation: &Evaluation<'p>, wanted: bool) -> Vec<Branch> {
        self.best(
            evaluation
                .children()
                .iter()
                .flat_map(|child| self.branches(child, wanted))
                .collect(),
        )
    }

    fn combinations(&self, evaluation: &Evaluation<'p>, wanted: bool) -> Vec<Branch> {
        evaluation
            .children()
            .iter()
            .fold(vec![Branch::default()], |combined, child| {
                let branches = self.branches(child, wanted);
                self.best(
                    combined
                        .iter()
                        .flat_map(|left| branches.iter().filter_map(|right| left.and(right)))
                        .collect(),
                )
            })
    }

    /// The first [`KEPT`] branches by size, without those that another makes needless.
    fn best(&self, mut branches: Vec<Branch>) -> Vec<Branch> {
        branches.sort_by_key(|branch| {
            (
                branch.needs.len(),
                branch.needs.len_without(&self.held),
                branch.forbids.len(),
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

    fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
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
