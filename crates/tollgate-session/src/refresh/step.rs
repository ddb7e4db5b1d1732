//! The decisions about a session. All transitions are decided here, without waiting, reading a
//! clock or using randomness.

use aws_lc_rs::constant_time;

use super::binding::Binding;
use super::key::RefreshKeys;
use super::record::{Access, Body, Late, Record, Sealed, StepUp, within};
use super::token::RefreshToken;
use crate::device::Device;

/// The configured limits. Times are in seconds.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) idle: u64,
    pub(crate) absolute: u64,
    pub(crate) access: u64,
    pub(crate) grace: u64,
    /// The time after a rotation in which the previous token may be repeated late; zero for never.
    pub(crate) late: u64,
    pub(crate) leeway: u64,
    pub(crate) keys: RefreshKeys,
}

/// A request to change a session. `jti` is fresh and names the access token that may be issued.
pub(crate) enum Event<'a> {
    /// A refresh token is presented.
    Refresh {
        token: &'a RefreshToken,
        /// The binding of the browser, if the token came in a cookie.
        binding: Option<&'a Binding>,
        /// The time when the request arrived, by the store's clock. A token presented before a
        /// rotation is not reuse, however long the store took, and whatever the instance's clock.
        arrived_at: u64,
        /// The time now, by the same clock.
        by_store: u64,
        scope: Option<&'a str>,
        device: &'a Device,
        jti: &'a str,
    },
    /// An access token is renewed by activity.
    Slide {
        presented: &'a Presented,
        jti: &'a str,
    },
    /// The user has authenticated again.
    Reauthenticate {
        presented: &'a Presented,
        /// As in `Refresh`.
        by_store: u64,
        jti: &'a str,
    },
    /// The access token was issued before `not_before`, and such tokens of the user are revoked.
    Restamp { not_before: u64 },
    /// The session is ended.
    End,
}

/// A verified access token.
pub(crate) struct Presented {
    pub(crate) subject: String,
    pub(crate) jti: String,
    pub(crate) issued_at: u64,
    pub(crate) expires_at: u64,
    pub(crate) scope: String,
    pub(crate) auth_time: Option<u64>,
}

/// The outcome of an [`Event`].
#[derive(Debug)]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub(crate) enum Outcome {
    /// Replaces the stored body by compare-and-swap. On success, tokens are issued from the new
    /// body.
    Replace(Box<Body>),
    /// Issues tokens from the stored body again.
    Repeat {
        /// The grace period has passed, but that of a late repeat has not.
        late: bool,
    },
    /// The grace period has passed, and the successor of the presented token was never presented.
    /// Like `Replace`, but the body has the same refresh token, and another access token.
    RepeatLate(Box<Body>),
    /// A used refresh token was presented again. The session must be ended.
    Reuse,
    /// The session does not change.
    Refused(Refused),
}

/// A reason why the session does not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The session was ended.
    Ended,
    /// The idle timeout or the absolute timeout has passed.
    Expired,
    /// The token is forged, was derived from a removed key, or belongs to another user.
    Unknown,
    /// The token is genuine, but the session is bound to a browser and the binding is missing or
    /// wrong, or the session has no binding.
    Unbound,
    /// The successor was derived from a key that this instance does not have.
    KeyMissing,
    /// The session does not have the requested scope.
    Scope,
    /// The new token would not live longer than the presented one.
    NothingGained,
    /// The token is from before a re-authentication, which replaced it.
    SteppedUp,
    /// The token was replaced more than once, but within the grace period. A request of the owner
    /// may have been in progress.
    Outdated,
}

pub(crate) fn step(record: &Record, event: &Event<'_>, now: u64, rules: &Rules) -> Outcome {
    let body = &record.body;
    if body.ended_at.is_some() {
        return Outcome::Refused(Refused::Ended);
    }
    if !body.is_live(now) && !matches!(event, Event::End) {
        return Outcome::Refused(Refused::Expired);
    }
    match event {
        Event::Refresh {
            token,
            binding,
            arrived_at,
            by_store,
            scope,
            device,
            jti,
        } => match identify(record, token, *arrived_at, rules) {
            // Before reuse is reported: a token without its binding must not end the session.
            Ok(_) | Err(Outcome::Reuse) if !body.is_bound_to(*binding) => {
                Outcome::Refused(Refused::Unbound)
            }
            Ok(Standing::Late) if body.binding.is_none() && !body.device.may_be(device) => {
                Outcome::Reuse
            }
            Ok(standing) => {
                let Some(scope) = granted(&body.scope, *scope) else {
                    return Outcome::Refused(Refused::Scope);
                };
                match standing {
                    Standing::Current => {
                        rotate(record, &scope, device, jti, (now, *by_store), rules)
                    }
                    _ if record.refresh_token(&rules.keys).is_none() => {
                        Outcome::Refused(Refused::KeyMissing)
                    }
                    Standing::Previous { late } => Outcome::Repeat { late },
                    Standing::Late => repeat_late(body, &scope, jti, (now, *by_store), rules),
                }
            }
            Err(outcome) => outcome,
        },
        Event::Slide { presented, jti } => slide(record, presented, jti, now, rules),
        Event::Reauthenticate {
            presented,
            by_store,
            jti,
        } => {
            if presented.subject != record.subject {
                return Outcome::Refused(Refused::Unknown);
            }
            let Some(mut next) = rotated(record, (now, *by_store), rules) else {
                return Outcome::Refused(Refused::Expired);
            };
            // A slower request may have read the clock before the last one.
            let not_before =
                |time: u64, now: u64| time.min(now.saturating_add(rules.leeway)).max(now);
            next.auth_time = not_before(body.auth_time, now);
            next.step_up = Some(StepUp {
                generation: next.generation,
                at: not_before(body.step_up.map_or(0, |last| last.at), *by_store),
            });
            let scope = within(&presented.scope, &next.scope);
            let end = next.idle_until;
            next.issue(access(&next, &scope, jti, (now, end), rules));
            Outcome::Replace(Box::new(next))
        }
        Event::Restamp { not_before } => restamp(body, *not_before, now),
        Event::End => {
            let mut next = body.clone();
            next.ended_at = Some(now);
            next.data = None;
            Outcome::Replace(next)
        }
    }
}

enum Standing {
    Current,
    /// The previous token, within the grace period after the rotation or after a late repeat.
    Previous {
        late: bool,
    },
    /// The previous token, after the grace period, while its successor may be repeated.
    Late,
}

/// Determines which of the session's refresh tokens was presented.
fn identify(
    record: &Record,
    token: &RefreshToken,
    arrived_at: u64,
    rules: &Rules,
) -> Result<Standing, Outcome> {
    let body = &record.body;
    let unknown = Err(Outcome::Refused(Refused::Unknown));
    let Some(key) = rules.keys.of_id(token.key) else {
        return unknown;
    };
    if token.generation == body.generation && body.current.is(token) {
        return Ok(Standing::Current);
    }
    if token.generation >= body.generation {
        return unknown;
    }
    let within = |since: u64| rules.grace > 0 && arrived_at < since.saturating_add(rules.grace);
    // A request of the owner may have been in progress during the re-authentication. A thief must
    // not receive its successor.
    let step_up = body.step_up;
    let step_up = step_up.filter(|step_up| token.generation < step_up.generation);
    let used = if step_up.is_some_and(|step_up| within(step_up.at)) {
        Outcome::Refused(Refused::SteppedUp)
    } else {
        Outcome::Reuse
    };
    let previous = body.previous.as_ref();
    if token.generation + 1 == body.generation
        && previous.is_some_and(|previous| previous.is(token))
    {
        if step_up.is_some() {
            return Err(used);
        }
        let late_until = body.rotated_at.saturating_add(rules.late);
        return match body.repeated_late_at() {
            _ if within(body.rotated_at) => Ok(Standing::Previous { late: false }),
            Some(at) if within(at) => Ok(Standing::Previous { late: true }),
            None if rules.grace > 0 && arrived_at < late_until => Ok(Standing::Late),
            _ => Err(used),
        };
    }
    // An older token differs from a forged one. A forged one must not end a session, as the
    // session ID is no secret.
    let derived = key.derive(&record.id, token.generation, &body.salt.0);
    match constant_time::verify_slices_are_equal(&*derived, &*token.secret) {
        Ok(()) if token.generation > 0 => {
            let replacements = body.generation - token.generation;
            let earlier = replacements
                .checked_sub(2)
                .and_then(|at| usize::try_from(at).ok());
            let replaced_at = earlier.and_then(|at| body.earlier.get(at));
            Err(match used {
                Outcome::Reuse if replaced_at.is_some_and(|at| within(*at)) => {
                    Outcome::Refused(Refused::Outdated)
                }
                used => used,
            })
        }
        _ => unknown,
    }
}

/// Returns whether the session has issued the token, whatever the state of both is.
pub(crate) fn is_genuine(record: &Record, token: &RefreshToken, now: u64, rules: &Rules) -> bool {
    matches!(
        identify(record, token, now, rules),
        Ok(_) | Err(Outcome::Reuse | Outcome::Refused(Refused::SteppedUp | Refused::Outdated))
    )
}

/// Returns the token to decide by, of several that name the session: the current one, else the
/// previous one, else one that was replaced within the grace period, else one that was used before.
/// A forged or outdated token beside the genuine one changes nothing.
pub(crate) fn candidate<'t>(
    record: &Record,
    tokens: &'t [RefreshToken],
    arrived_at: u64,
    rules: &Rules,
) -> Option<&'t RefreshToken> {
    if let [token] = tokens {
        return Some(token);
    }
    let rank = |token: &&RefreshToken| match identify(record, token, arrived_at, rules) {
        Ok(Standing::Current) => 0,
        Ok(Standing::Previous { .. } | Standing::Late) => 1,
        Err(Outcome::Refused(Refused::SteppedUp | Refused::Outdated)) => 2,
        Err(Outcome::Reuse) => 3,
        Err(_) => 4,
    };
    tokens.iter().min_by_key(rank)
}

fn rotate(
    record: &Record,
    scope: &str,
    device: &Device,
    jti: &str,
    (now, by_store): (u64, u64),
    rules: &Rules,
) -> Outcome {
    let body = &record.body;
    let Some(mut next) = rotated(record, (now, by_store), rules) else {
        return Outcome::Refused(Refused::Expired);
    };
    next.former = Some(body.access.clone());
    let end = next.idle_until;
    next.issue(access(body, scope, jti, (now, end), rules));
    next.device = body.device.updated(device.clone());
    Outcome::Replace(Box::new(next))
}

/// Returns the body with the next refresh token; `None` after the last possible one.
fn rotated(record: &Record, (now, by_store): (u64, u64), rules: &Rules) -> Option<Body> {
    let body = &record.body;
    let generation = body.generation.checked_add(1)?;
    let key = rules.keys.newest();
    let secret = key.derive(&record.id, generation, &body.salt.0);
    let mut next = used(body, now, rules);
    next.generation = generation;
    next.previous = Some(std::mem::replace(
        &mut next.current,
        Sealed::new(secret, key.id()),
    ));
    next.rotated_at = by_store;
    next.late = None;
    next.earlier = earlier(body, by_store, rules);
    Some(next)
}

/// Returns the times of the rotations before the one that happens now, as far as tokens that they
/// replaced may still be in requests of the owner.
fn earlier(body: &Body, now: u64, rules: &Rules) -> Vec<u64> {
    let last = body.previous.as_ref().map(|_| body.rotated_at);
    let last = last.max(body.repeated_late_at());
    let mut times: Vec<u64> = last
        .into_iter()
        .chain(body.earlier.iter().copied())
        .collect();
    times.truncate(Body::EARLIER);
    // Another instance's clock may be behind.
    let longest = rules.grace.saturating_add(rules.leeway);
    while times
        .pop_if(|at| at.saturating_add(longest) <= now)
        .is_some()
    {}
    times
}

/// Returns the same refresh token and another access token. The session lives no longer, in case it
/// is a thief.
fn repeat_late(
    body: &Body,
    scope: &str,
    jti: &str,
    (now, by_store): (u64, u64),
    rules: &Rules,
) -> Outcome {
    let mut next = body.clone();
    next.late = Some(Late {
        generation: body.generation,
        at: by_store,
    });
    next.former = Some(body.access.clone());
    next.issue(access(body, scope, jti, (now, body.idle_until), rules));
    Outcome::RepeatLate(Box::new(next))
}

fn slide(record: &Record, presented: &Presented, jti: &str, now: u64, rules: &Rules) -> Outcome {
    let body = &record.body;
    if presented.subject != record.subject {
        return Outcome::Refused(Refused::Unknown);
    }
    // A thief must not obtain the owner's later authentication by an older token.
    if presented.auth_time.unwrap_or(0) < body.auth_time {
        return Outcome::Refused(Refused::SteppedUp);
    }
    // The scope of the session may have changed since.
    let scope = &*within(&presented.scope, &body.scope);
    let end = idle_until(body, now, rules);
    let fresh = access(body, scope, jti, (now, end), rules);
    if fresh.expires_at <= presented.expires_at {
        return Outcome::Refused(Refused::NothingGained);
    }
    // Concurrent requests of one page all get the token of the first renewal.
    let last = &body.access;
    if last.jti != presented.jti
        && last.issued_at >= presented.issued_at
        && last.scope == scope
        && last.expires_at > presented.expires_at
        && last.expires_at >= now.saturating_add(rules.access.min(idle(body, rules)) / 2)
        && last.expires_at <= last.issued_at.saturating_add(rules.access)
    {
        return Outcome::Repeat { late: false };
    }
    let mut next = used(body, now, rules);
    next.issue(fresh);
    Outcome::Replace(Box::new(next))
}

/// Moves `iat` past a revocation of the user's earlier tokens, at most into the next second: a
/// verifier refuses a token from further ahead.
fn restamp(body: &Body, not_before: u64, now: u64) -> Outcome {
    let access = &body.access;
    let possible = not_before <= now.saturating_add(1) && not_before < access.expires_at;
    if !possible || not_before <= access.issued_at {
        return Outcome::Refused(Refused::NothingGained);
    }
    let mut next = body.clone();
    next.issue(Access {
        issued_at: not_before,
        ..access.clone()
    });
    Outcome::Replace(Box::new(next))
}

/// Returns the idle timeout of a session. The login may have asked for less than the rules.
fn idle(body: &Body, rules: &Rules) -> u64 {
    body.idle.map_or(rules.idle, |idle| idle.min(rules.idle))
}

/// Returns the end of a session that is used now and not again.
fn idle_until(body: &Body, now: u64, rules: &Rules) -> u64 {
    now.saturating_add(idle(body, rules)).min(body.cap)
}

/// Moves the idle timeout. The absolute timeout stays.
fn used(body: &Body, now: u64, rules: &Rules) -> Body {
    let mut next = body.clone();
    next.idle_until = idle_until(body, now, rules);
    next.last_seen = now.max(body.last_seen);
    next
}

/// Returns an access token that is issued `now` and ends at `end` or before.
fn access(body: &Body, scope: &str, jti: &str, (now, end): (u64, u64), rules: &Rules) -> Access {
    let expires_at = now.saturating_add(rules.access).min(end);
    // Nor does it outlive the session of the actor.
    let of_actor = body.actor.as_ref().and_then(|actor| actor.until);
    let expires_at = of_actor.map_or(expires_at, |until| expires_at.min(until));
    // A token is not older than its predecessor, even if another instance's clock was ahead.
    // Otherwise the revocation of the predecessor would revoke it too.
    let not_before = body.access.issued_at.min(now.saturating_add(rules.leeway));
    Access {
        jti: jti.to_owned(),
        issued_at: not_before.max(now).min(expires_at.saturating_sub(1)),
        expires_at,
        scope: scope.to_owned(),
        auth_time: Some(body.auth_time),
    }
}

/// Returns the requested scope if the session has all of it (RFC 6749 section 6), or the whole
/// scope if none is requested.
pub(crate) fn granted(held: &str, asked: Option<&str>) -> Option<String> {
    let Some(asked) = asked else {
        return Some(held.to_owned());
    };
    let mut granted: Vec<&str> = Vec::new();
    for scope in asked.split(' ').filter(|scope| !scope.is_empty()) {
        if !held.split(' ').any(|held| held == scope) {
            return None;
        }
        if !granted.contains(&scope) {
            granted.push(scope);
        }
    }
    // An empty scope is not in the grammar (RFC 6749 section 3.3).
    (!granted.is_empty()).then(|| granted.join(" "))
}

#[cfg(test)]
mod tests;
