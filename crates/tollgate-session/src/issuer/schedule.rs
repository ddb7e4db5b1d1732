//! The schedule of the signing keys: a pure function of the time.

use tollgate_core::{ConfigError, ConfigErrorKind, KeySet, SigningKey};

use super::key_state::{KeyPhase, KeyState};

/// The longest accepted `kid`, in bytes.
const LONGEST_KID: usize = 128;

/// The keys in the order in which they become active.
///
/// A key signs from its `active_from` until that of the next one. It verifies `retention` seconds
/// longer, as long as its last token can live.
#[derive(Clone)]
pub(super) struct Schedule {
    slots: Vec<Slot>,
    /// The `kid`s of withdrawn keys. They are never accepted again, even if a configuration with a
    /// stolen key is loaded once more.
    withdrawn: Vec<String>,
    retention: u64,
}

#[derive(Clone)]
struct Slot {
    active_from: u64,
    /// `None` after a withdrawal. The slot stays, because the key before it must not become active
    /// again.
    key: Option<SigningKey>,
}

impl Schedule {
    pub(super) const fn new(retention: u64) -> Self {
        Self {
            slots: Vec::new(),
            withdrawn: Vec::new(),
            retention,
        }
    }

    /// Adds a key that signs from `active_from` on.
    pub(super) fn add(&mut self, key: SigningKey, active_from: u64) -> Result<(), ConfigError> {
        let refuse = |kind, message: String| Err(ConfigError::new(kind, message));
        let Some(kid) = key.kid() else {
            return refuse(
                ConfigErrorKind::InvalidText,
                "a signing key has no `kid`: set it by `with_kid`".to_owned(),
            );
        };
        if kid.is_empty() || kid.len() > LONGEST_KID || kid.chars().any(char::is_control) {
            return refuse(
                ConfigErrorKind::InvalidText,
                format!(
                    "a `kid` is empty, longer than {LONGEST_KID} bytes, or has a control character"
                ),
            );
        }
        if self.keys().any(|other| other.kid() == Some(kid)) {
            return refuse(
                ConfigErrorKind::Duplicate,
                format!("two keys have the `kid` {kid:?}"),
            );
        }
        if self.withdrawn.iter().any(|gone| gone == kid) {
            return refuse(
                ConfigErrorKind::Duplicate,
                format!("the key {kid:?} was withdrawn and cannot be added again"),
            );
        }
        let symmetric = key.algorithm().family().is_symmetric();
        if self
            .keys()
            .any(|other| other.algorithm().family().is_symmetric() != symmetric)
        {
            return refuse(
                ConfigErrorKind::MixedKeys,
                "HMAC secrets and public keys cannot be mixed".to_owned(),
            );
        }
        if self
            .slots
            .iter()
            .any(|slot| slot.active_from == active_from)
        {
            return refuse(
                ConfigErrorKind::Contradiction,
                format!("two keys become active in the same second, {active_from}"),
            );
        }
        if self.slots.len() >= KeySet::MAX_KEYS {
            return refuse(
                ConfigErrorKind::OutOfRange,
                format!("there are more than {} keys", KeySet::MAX_KEYS),
            );
        }
        let at = self
            .slots
            .partition_point(|slot| slot.active_from < active_from);
        let key = Some(key);
        self.slots.insert(at, Slot { active_from, key });
        Ok(())
    }

    /// Withdraws a key at once. Returns `false` if there is none with this `kid`.
    ///
    /// If the key was active, the next scheduled one signs from now on. Without one, nothing signs.
    pub(super) fn withdraw(&mut self, kid: &str, now: u64) -> bool {
        let named = |slot: &Slot| slot.key.as_ref().is_some_and(|key| key.kid() == Some(kid));
        let Some(at) = self.slots.iter().position(named) else {
            return false;
        };
        let active_from = self.slots[at].active_from;
        if active_from > now {
            self.slots.remove(at);
        } else if self.active(now) == Some(at) && at + 1 < self.slots.len() {
            // The next key takes over the whole slot, so that it is also there if the clock is set
            // back a little.
            self.slots.remove(at);
            self.slots[at].active_from = active_from;
        } else {
            self.slots[at].key = None;
        }
        self.withdrawn.push(kid.to_owned());
        true
    }

    /// Removes keys whose retention has ended.
    pub(super) fn prune(&mut self, now: u64) {
        let gone = (0..self.slots.len())
            .take_while(|at| self.phase(*at, now).is_none())
            .count();
        self.slots.drain(..gone);
    }

    /// The key that signs at `now`.
    pub(super) fn signing(&self, now: u64) -> Option<&SigningKey> {
        self.slots[self.active(now)?].key.as_ref()
    }

    /// The keys that are published and verify at `now`: scheduled, active or retired.
    pub(super) fn published(&self, now: u64) -> impl Iterator<Item = &SigningKey> {
        let live = (0..self.slots.len()).filter(move |at| self.phase(*at, now).is_some());
        live.filter_map(|at| self.slots[at].key.as_ref())
    }

    pub(super) fn states(&self, now: u64) -> Vec<KeyState> {
        let state = |at: usize| {
            let (slot, phase) = (&self.slots[at], self.phase(at, now)?);
            let key = slot.key.as_ref()?;
            Some(KeyState {
                kid: key.kid().unwrap_or_default().to_owned(),
                algorithm: key.algorithm(),
                phase,
                from: slot.active_from,
                until: self.end(at),
            })
        };
        (0..self.slots.len()).filter_map(state).collect()
    }

    /// Returns the last phase change up to `now` and the first one after it. Nothing changes
    /// between them.
    pub(super) fn span(&self, now: u64) -> (u64, u64) {
        let ends = (0..self.slots.len()).filter_map(|at| self.end(at));
        let changes = self.slots.iter().map(|slot| slot.active_from).chain(ends);
        changes.fold((0, u64::MAX), |(from, until), change| {
            if change <= now {
                (from.max(change), until)
            } else {
                (from, until.min(change))
            }
        })
    }

    fn keys(&self) -> impl Iterator<Item = &SigningKey> {
        self.slots.iter().filter_map(|slot| slot.key.as_ref())
    }

    /// The active slot: the latest that has begun.
    fn active(&self, now: u64) -> Option<usize> {
        self.slots
            .partition_point(|slot| slot.active_from <= now)
            .checked_sub(1)
    }

    /// Returns `None` for a key that was removed.
    fn phase(&self, at: usize, now: u64) -> Option<KeyPhase> {
        let active = self.active(now);
        match Some(at).cmp(&active) {
            std::cmp::Ordering::Greater => Some(KeyPhase::Next),
            std::cmp::Ordering::Equal => Some(KeyPhase::Active),
            std::cmp::Ordering::Less => self
                .end(at)
                .is_some_and(|end| now < end)
                .then_some(KeyPhase::Retired),
        }
    }

    /// The time when the key is removed, if known.
    fn end(&self, at: usize) -> Option<u64> {
        let superseded_at = self.slots.get(at + 1)?.active_from;
        Some(superseded_at.saturating_add(self.retention))
    }
}

#[cfg(test)]
mod tests;
