//! The rule: the budgets that an attempt is charged to, and the decision by their levels.

use super::budgets::{Budget, LoginThrottle};
use super::keys::{Keys, Network};
use crate::attempts::{AttemptCharge, AttemptKey, AttemptLevel};

/// The part of a budget in the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Network,
    Pair,
    /// The budget of a name. `pair` is true if the budget before it is the pair's.
    Subject {
        pair: bool,
    },
    Device,
}

/// A charge, and its outcome.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charged {
    pub(crate) role: Role,
    pub(crate) charge: AttemptCharge,
    pub(crate) level: AttemptLevel,
}

/// Returns the budgets of an attempt. Each name comes with the ID of its device, if that is known.
/// Charges with the same key are not repeated.
pub(crate) fn charges(
    throttle: &LoginThrottle,
    keys: &Keys<'_>,
    names: &[(String, Option<[u8; 16]>)],
    network: Option<Network>,
) -> Vec<(Role, AttemptCharge)> {
    let of = |role, key: AttemptKey, budget: Budget| {
        let charge = AttemptCharge {
            key,
            seconds: budget.seconds,
            most: budget.most(),
            give_back: false,
        };
        (role, charge)
    };
    let mut all = Vec::with_capacity(1 + 2 * names.len());
    for (name, device) in names {
        if let Some(device) = device {
            all.push(of(Role::Device, keys.device(name, device), throttle.device));
            continue;
        }
        if let Some(network) = network {
            all.push(of(Role::Pair, keys.pair(name, network), throttle.pair));
        }
        let pair = network.is_some();
        all.push(of(
            Role::Subject { pair },
            keys.subject(name),
            throttle.subject,
        ));
    }
    // The neighbours of a known device do not use up its attempts.
    let known = !names.is_empty() && names.iter().all(|(_, device)| device.is_some());
    if let Some(network) = network.filter(|_| !known) {
        all.push(of(Role::Network, keys.network(network), throttle.network));
    }
    all
}

/// Decides an attempt by the levels of its budgets. Returns 0 if the password may be asked for.
/// Otherwise returns the time after which another attempt may succeed, in seconds.
///
/// An exhausted budget refuses, except that of a name whose pair is known: it only reduces the
/// budget of the pair to [`LoginThrottle::OWN`] attempts. So other networks never refuse an attempt
/// from a network without failed attempts.
pub(crate) fn wait(throttle: &LoginThrottle, charged: &[Charged]) -> u64 {
    let own = u64::from(LoginThrottle::OWN) * throttle.pair.seconds;
    let mut longest = 0;
    for (at, it) in charged.iter().enumerate() {
        if it.level.taken {
            continue;
        }
        let full = it.level.seconds.saturating_add(it.charge.seconds);
        let mut wait = full.saturating_sub(it.charge.most).max(1);
        if it.role == (Role::Subject { pair: true })
            && let Some(pair) = at.checked_sub(1).and_then(|at| charged.get(at))
        {
            wait = wait.min(pair.level.seconds.saturating_sub(own));
        }
        longest = longest.max(wait);
    }
    longest
}
