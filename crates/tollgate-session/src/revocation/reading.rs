//! The revocation check of a gate, and its behaviour while the store does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tollgate_core::{Actor, Principal, RevocationCheck, Standing, Step, Unavailable};

use super::entry::{Revocation, RevocationKey, RevocationKind};
use super::health::Operation;
use super::replica::{Names, keys};
use super::revocations::{Revocations, Shared};
use crate::store::{StoreError, StoreErrorKind};

/// The pause after a failure of the store before it is queried again.
const REST: Duration = Duration::from_millis(200);
/// The `Retry-After` of a response that could not be decided.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The behaviour of a gate while the store does not answer. It applies to tokens that are not known
/// to be revoked.
///
/// ```
/// use std::time::Duration;
/// use tollgate::session::Reading;
///
/// assert_eq!(Reading::default(), Reading::FailClosed);
/// assert_ne!(Reading::StaleIfError(Duration::from_secs(60)), Reading::DangerousFailOpen);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// Refuses the token with 503. The default.
    #[default]
    FailClosed,
    /// Accepts the token if the replica was complete less than this long ago, like
    /// `stale-if-error` of RFC 5861 section 4. Refuses it with 503 after that.
    StaleIfError(Duration),
    /// Accepts the token and logs a warning. By cutting off the store, an attacker can use tokens
    /// that were revoked in the meantime.
    DangerousFailOpen,
}

/// A [`RevocationCheck`] that queries [`Revocations`] and applies a [`Reading`].
///
/// ```
/// use tollgate::extend::{RevocationCheck, Standing};
/// use tollgate::{Key, SigningKey, Verifier};
/// use tollgate::session::{MemoryStore, Reading, Revocations};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let revocations = Revocations::builder(MemoryStore::default(), "https://id.example.com")
///     .build()?;
/// let check = revocations.reading(Reading::DangerousFailOpen);
/// # let verifier = Verifier::builder()
/// #     .dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).build()?;
/// # let claims = serde_json::json!({
/// #     "iss": "https://id.example.com", "exp": 4_000_000_000_u64, "jti": "1",
/// # });
/// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
/// revocations.revoke_token("1", 4_000_000_000).await?;
/// assert_eq!(check.check(&principal).ready(), Some(Ok(Standing::Revoked)));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RevocationReading {
    pub(super) shared: Arc<Shared>,
    pub(super) reading: Reading,
}

impl RevocationCheck for RevocationReading {
    fn check(&self, principal: &Principal) -> Step<Result<Standing, Unavailable>> {
        check(&self.shared, self.reading, principal)
    }

    fn issuer(&self) -> Option<&str> {
        Some(self.shared.replica.issuer())
    }
}

impl RevocationCheck for Revocations {
    /// Checks the token with [`Reading::FailClosed`].
    fn check(&self, principal: &Principal) -> Step<Result<Standing, Unavailable>> {
        check(&self.shared, Reading::FailClosed, principal)
    }

    fn issuer(&self) -> Option<&str> {
        Some(self.shared.replica.issuer())
    }
}

fn check(
    shared: &Arc<Shared>,
    reading: Reading,
    principal: &Principal,
) -> Step<Result<Standing, Unavailable>> {
    let replica = &*shared.replica;
    if !principal.is_of_issuer(replica.issuer()) {
        return Step::Ready(Ok(Standing::Good)); // revocations of another issuer are not here
    }
    // The gate has refused a malformed one.
    let actor = principal.actor().ok().flatten();
    let names = Names {
        of_token: names(principal),
        of_actor: of_actor(actor.as_ref(), replica.issuer()),
        issued_at: principal.issued_at().unwrap_or(0),
    };
    // This order is required: entries that arrive between the two reads are then found.
    let in_sync = replica.is_in_sync();
    if replica.revokes(&names, || shared.clock.now()) {
        return Step::Ready(Ok(Standing::Revoked));
    }
    if in_sync {
        return Step::Ready(Ok(Standing::Good));
    }
    if !shared.breaker.may_ask(shared.timeout) {
        return Step::Ready(without_an_answer(shared, reading));
    }
    let (keys, times) = keys(replica.issuer(), &names);
    let shared = Arc::clone(shared);
    Step::pending(async move {
        match ask(&shared, &keys, &times).await {
            Ok(standing) => Ok(standing),
            Err(error) => {
                tracing::warn!(target: "tollgate", %error, "revocation query failed");
                without_an_answer(&shared, reading)
            }
        }
    })
}

/// Returns the names that the token can be revoked by. The `kid` of the key that verified it counts
/// even if the token does not name one.
fn names(principal: &Principal) -> [Option<(RevocationKind, &str)>; 5] {
    let key = principal.key().kid();
    let named = principal.kid().filter(|named| key != Some(named));
    [
        principal.jwt_id().map(|name| (RevocationKind::Token, name)),
        principal
            .session_id()
            .map(|name| (RevocationKind::Session, name)),
        principal
            .subject()
            .map(|name| (RevocationKind::Subject, name)),
        key.map(|name| (RevocationKind::Key, name)),
        named.map(|name| (RevocationKind::Key, name)),
    ]
}

/// Returns the names of the actor (RFC 8693 section 4.1), who loses the token with the own session.
fn of_actor<'a>(
    actor: Option<&'a Actor<'_>>,
    issuer: &str,
) -> [Option<(RevocationKind, &'a str)>; 2] {
    let Some(actor) = actor.filter(|actor| actor.issuer().is_none_or(|named| named == issuer))
    else {
        return [None; 2];
    };
    [
        actor
            .session_id()
            .map(|name| (RevocationKind::Session, name)),
        Some((RevocationKind::Subject, actor.subject())),
    ]
}

async fn ask(
    shared: &Shared,
    keys: &[RevocationKey],
    times: &[u64],
) -> Result<Standing, StoreError> {
    let now = shared.clock.now();
    let answer = shared
        .health
        .watch(
            Operation::Find,
            shared.timeout,
            shared.store.find(keys, now),
        )
        .await;
    let found = answer.and_then(|found| {
        if found.iter().all(|entry| keys.contains(&entry.key)) {
            Ok(found)
        } else {
            let detail = "the answer contains a revocation that was not queried";
            Err(StoreError::new(StoreErrorKind::Corrupt, detail))
        }
    });
    shared.breaker.note(found.is_ok());
    let found = found?;
    // If the replica is full, the store is queried again next time.
    let _ = shared.replica.learn(&found, now);
    let applies = |entry: &Revocation| {
        let mut dated = keys.iter().zip(times);
        dated.any(|(key, issued_at)| {
            *key == entry.key && shared.replica.revokes_by(entry, *issued_at, now)
        })
    };
    let revoked = found.iter().any(applies);
    Ok(if revoked {
        Standing::Revoked
    } else {
        Standing::Good
    })
}

/// Applies the [`Reading`]. Tokens that are known to be revoked were refused before.
fn without_an_answer(shared: &Shared, reading: Reading) -> Result<Standing, Unavailable> {
    match reading {
        Reading::StaleIfError(most) if shared.replica.age().is_some_and(|age| age < most) => {
            Ok(Standing::Good)
        }
        Reading::FailClosed | Reading::StaleIfError(_) => Err(Unavailable::new(RETRY_AFTER)),
        Reading::DangerousFailOpen => {
            tracing::warn!(target: "tollgate", "token accepted without a revocation check");
            Ok(Standing::Good)
        }
    }
}

/// A circuit breaker in front of the store. After a failure, no request queries the store for
/// [`REST`]; then one request does.
#[derive(Debug)]
pub(super) struct Breaker {
    base: Instant,
    failing: AtomicBool,
    /// The time of the next query, in microseconds since `base`.
    next: AtomicU64,
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self {
            base: Instant::now(),
            failing: AtomicBool::new(false),
            next: AtomicU64::new(0),
        }
    }

    /// Returns whether the caller may query the store. The caller that may query a failing store
    /// keeps others away until `patience` is over.
    fn may_ask(&self, patience: Duration) -> bool {
        if !self.failing.load(Ordering::Acquire) {
            return true;
        }
        let now = self.micros(Duration::ZERO);
        let next = self.next.load(Ordering::Acquire);
        now >= next
            && self
                .next
                .compare_exchange(
                    next,
                    self.micros(patience + REST),
                    Ordering::AcqRel,
                    Ordering::Acquire,
                )
                .is_ok()
    }

    fn note(&self, answered: bool) {
        if !answered {
            self.next.store(self.micros(REST), Ordering::Release);
        }
        self.failing.store(!answered, Ordering::Release);
    }

    fn micros(&self, ahead: Duration) -> u64 {
        u64::try_from((self.base.elapsed().saturating_add(ahead)).as_micros()).unwrap_or(u64::MAX)
    }
}
