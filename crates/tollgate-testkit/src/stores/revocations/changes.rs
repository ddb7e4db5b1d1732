//! The changes after a position.

use std::collections::HashMap;

use tokio::task::JoinSet;
use tollgate_session::{Position, Revocation, RevocationKey};

use super::super::odd::incompressible;
use super::super::{HOUR, NOW, answer};
use super::{Pair, entry};

impl Pair {
    /// Reads the changes by both instances, which must agree.
    async fn changes(&self, after: Position, now: u64) -> Option<(Position, Vec<Revocation>)> {
        let sorted = |snapshot: tollgate_session::RevocationSnapshot| {
            let mut entries = snapshot.entries;
            entries.sort_by(|one, other| one.key.cmp(&other.key));
            (snapshot.position, entries)
        };
        let one = answer(self.one.changes(after, now).await).map(sorted);
        let other = answer(self.other.changes(after, now).await).map(sorted);
        assert!(
            one == other,
            "two instances return different changes after {after:?}: {one:?} and {other:?}"
        );
        one
    }

    pub(super) async fn changes_are_exact(&self) {
        let mut calls: Vec<(Position, Vec<Revocation>)> = Vec::new();
        let extended = entry();
        for size in 0..8 {
            let mut call: Vec<Revocation> = (0..size).map(|_| entry()).collect();
            if size % 3 == 0 {
                call.push(Revocation {
                    expires_at: NOW + HOUR + size,
                    ..extended.clone()
                });
            }
            calls.push((answer(self.one.position().await), call.clone()));
            let store = if size % 2 == 0 {
                &self.one
            } else {
                &self.other
            };
            answer(store.revoke(&call, NOW).await);
        }
        let end = answer(self.other.position().await);
        for (index, (after, _)) in calls.iter().enumerate() {
            let mut wanted: HashMap<RevocationKey, Revocation> = HashMap::new();
            for (_, call) in &calls[index..] {
                wanted.extend(call.iter().map(|entry| (entry.key.clone(), entry.clone())));
            }
            let mut wanted: Vec<Revocation> = wanted.into_values().collect();
            wanted.sort_by(|one, other| one.key.cmp(&other.key));
            let found = self.changes(*after, NOW).await;
            assert!(
                found.as_ref() == Some(&(end, wanted.clone())),
                "after {after:?} of {end:?}, {wanted:?} changed, but the store returns {found:?}"
            );
        }
        let found = self.changes(end, NOW).await;
        assert!(
            found == Some((end, Vec::new())),
            "nothing changed after {end:?}, but the store returns {found:?}"
        );
    }

    pub(super) async fn a_change_is_the_whole_entry(&self) {
        let first = Revocation {
            before: NOW,
            ..entry()
        };
        answer(self.one.revoke(std::slice::from_ref(&first), NOW).await);
        let after = answer(self.one.position().await);
        let second = Revocation {
            before: NOW - 9,
            expires_at: first.expires_at + 9,
            ..first.clone()
        };
        answer(self.other.revoke(std::slice::from_ref(&second), NOW).await);
        let found = self.changes(after, NOW).await.map(|(_, entries)| entries);
        let both = Revocation {
            before: NOW,
            ..second.clone()
        };
        assert!(
            found.as_ref() == Some(&vec![both]),
            "{first:?}, then {second:?}, is told as {found:?}"
        );
        let found = self.changes(after, second.expires_at).await;
        assert!(
            found.is_some_and(|(_, entries)| entries.is_empty()),
            "an expired entry is told"
        );
    }

    pub(super) async fn unknown_positions_have_no_changes(&self) {
        answer(self.one.revoke(&[entry()], NOW).await);
        let at = answer(self.one.position().await);
        let later = |sequence| Position { sequence, ..at };
        let elsewhere = |sequence| Position {
            epoch: at.epoch.wrapping_add(1),
            sequence,
        };
        for unknown in [
            later(at.sequence + 1),
            later(u64::MAX),
            elsewhere(0),
            elsewhere(at.sequence - 1),
            elsewhere(at.sequence),
            elsewhere(u64::MAX),
        ] {
            let found = self.changes(unknown, NOW).await;
            assert!(
                found.is_none(),
                "at {at:?}, changes are told after {unknown:?}: {found:?}"
            );
        }
    }

    pub(super) async fn a_large_call_changes_much(&self) {
        let after = answer(self.one.position().await);
        let mut long = entry();
        long.key = RevocationKey::new(long.key.kind(), "i", incompressible(4096));
        let mut much: Vec<Revocation> = (0..400).map(|_| entry()).collect();
        much.push(long);
        answer(self.one.revoke(&much, NOW).await);
        much.sort_by(|one, other| one.key.cmp(&other.key));
        let found = self.changes(after, NOW).await.map(|(_, entries)| entries);
        assert!(
            found.as_ref() == Some(&much),
            "of {} entries of one call, {:?} are told",
            much.len(),
            found.map(|found| found.len())
        );
    }

    /// Follows the store while others write: each answer leads exactly to its position.
    pub(super) async fn changes_lead_to_their_position(&self) {
        const CALLERS: usize = 40;
        let start = answer(self.one.position().await);
        let mut callers = JoinSet::new();
        for index in 0..CALLERS {
            let store = if index % 2 == 0 {
                self.one.clone()
            } else {
                self.other.clone()
            };
            callers.spawn(async move { answer(store.revoke(&[entry()], NOW).await) });
        }
        let (mut at, mut known) = (start, 0);
        loop {
            while callers.try_join_next().is_some() {}
            let over = callers.is_empty();
            let Some(changes) = answer(self.other.changes(at, NOW).await) else {
                panic!("the store cannot tell the changes after its own position {at:?}");
            };
            at = changes.position;
            known += changes.entries.len();
            let calls = at.sequence - start.sequence;
            assert!(
                u64::try_from(known) == Ok(calls),
                "{calls} calls of one entry led to {at:?}, but {known} entries were told"
            );
            if over {
                break;
            }
        }
        assert!(known == CALLERS, "{CALLERS} calls, but {known} entries");
    }
}
