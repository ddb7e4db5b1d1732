//! The budgets of login attempts. A store that keeps none passes.

use std::sync::Arc;

use tokio::task::JoinSet;
use tollgate_session::{AttemptCharge, AttemptKey};

use super::super::odd::fresh_id;
use super::{NOW, Pair, answer};

fn budget() -> AttemptCharge {
    AttemptCharge {
        key: AttemptKey::new(*fresh_id().as_bytes()),
        seconds: 60,
        most: 180,
        give_back: false,
    }
}

impl Pair {
    pub(super) async fn budgets_follow_the_rule(&self) {
        let (one, other) = (budget(), budget());
        let back = |charge| AttemptCharge {
            give_back: true,
            ..charge
        };
        let steps = [
            (0, vec![back(one)]),
            (0, vec![one, other]),
            (1, vec![one]),
            (2, vec![other, one]),
            (2, vec![one, back(other)]),
            (50, vec![one]),
            (61, vec![one]),
            (61, vec![back(one), other]),
            (62, vec![one]),
            (63, vec![one]),
            (1000, vec![one]),
            // A caller whose clock is behind.
            (10, vec![one, other]),
            (10, vec![back(one)]),
        ];
        let mut ends = [None, None];
        for (at, (after, charges)) in steps.into_iter().enumerate() {
            let now = NOW + after;
            let store = if at % 2 == 0 { &self.one } else { &self.other };
            let Some(levels) = answer(store.charge(&charges, now).await) else {
                return;
            };
            let wanted: Vec<_> = charges
                .iter()
                .map(|charge| {
                    let end = &mut ends[usize::from(charge.key == other.key)];
                    let (level, next) = charge.apply(*end, now);
                    *end = Some(next);
                    level
                })
                .collect();
            assert!(
                levels == wanted,
                "step {at}: budgets of login attempts have the levels {levels:?}, not {wanted:?}"
            );
        }
    }

    pub(super) async fn attempts_at_once_stay_in_the_budget(&self) {
        let charges = [budget(), budget()];
        let mut tasks = JoinSet::new();
        for at in 0..16 {
            let store = Arc::clone(if at % 2 == 0 { &self.one } else { &self.other });
            tasks.spawn(async move {
                let mut charges = charges;
                if at % 4 < 2 {
                    charges.reverse();
                }
                answer(store.charge(&charges, NOW).await)
            });
        }
        let mut taken = 0;
        for levels in tasks.join_all().await {
            let Some(levels) = levels else {
                return;
            };
            taken += levels.iter().filter(|level| level.taken).count();
        }
        assert!(
            taken == 6,
            "of 16 attempts at once, two budgets of 3 accepted {taken} together"
        );
    }
}
