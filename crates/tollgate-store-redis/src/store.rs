//! The store and its shared parts.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::Value;
use tokio::time::Instant;
use tollgate_session::{MAX_RETENTION, Random as _, StoreError, SystemRandom};

use crate::failure::{corrupt, unavailable};
use crate::keys::{Keys, slot};
use crate::operation::{Operation, Script, Wait};
use crate::servers::{Answer, Servers};
use crate::subjects::Subjects;

/// The longest life of a key, in seconds: 100 years.
const LONGEST: u64 = 100 * 365 * 86_400;

/// A store of sessions and revocations in Redis 7 or later, on one server or a cluster.
///
/// Clones share the connections. The store connects at the first operation.
///
/// ```
/// use tollgate::stores::redis::RedisStore;
///
/// let store = RedisStore::builder("redis://:s3cret@127.0.0.1:6379").namespace("shop").build()?;
/// assert_eq!(
///     format!("{store:?}"),
///     r#"RedisStore { namespace: "shop", servers: ["127.0.0.1:6379"], .. }"#,
/// );
/// # Ok::<(), tollgate::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct RedisStore {
    inner: Arc<Inner>,
}

struct Inner {
    keys: Keys,
    servers: Servers,
    timeout: Duration,
    wait: Option<Wait>,
    /// The subjects of recent sessions.
    subjects: Subjects,
    /// Identifies a write, together with the number of the call.
    instance: [u8; 16],
    calls: AtomicU64,
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<String> = self
            .inner
            .servers
            .addresses()
            .map(|address| address.to_string())
            .collect();
        f.debug_struct("RedisStore")
            .field("namespace", &self.inner.keys.namespace())
            .field("servers", &servers)
            .finish_non_exhaustive()
    }
}

impl RedisStore {
    pub(crate) fn new(
        keys: Keys,
        servers: Servers,
        timeout: Duration,
        wait: Option<Wait>,
        instance: [u8; 16],
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                keys,
                servers,
                timeout,
                wait,
                subjects: Subjects::default(),
                instance,
                calls: AtomicU64::new(0),
            }),
        }
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    pub(crate) fn servers(&self) -> &Servers {
        &self.inner.servers
    }

    pub(crate) fn subjects(&self) -> &Subjects {
        &self.inner.subjects
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.inner.timeout
    }

    /// Returns the deadline of an operation that begins now, including the wait for replicas.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now()
            + self.inner.timeout
            + self.inner.wait.map_or(Duration::ZERO, |wait| wait.timeout)
    }

    /// Returns whether writes wait for replicas.
    pub(crate) fn waits(&self) -> bool {
        self.inner.wait.is_some()
    }

    /// Returns a tag that no other write has.
    pub(crate) fn tag(&self) -> Vec<u8> {
        let call = self.inner.calls.fetch_add(1, Ordering::Relaxed);
        [&self.inner.instance[..], &call.to_be_bytes()].concat()
    }

    /// Runs a script, without a wait for replicas.
    pub(crate) async fn read(
        &self,
        script: &Script,
        keys: Vec<String>,
        arguments: Vec<Vec<u8>>,
        deadline: Instant,
    ) -> Result<Value, StoreError> {
        let slot = slot(&keys[0]);
        let operation = Operation::script(script, keys, arguments);
        Ok(self.servers().run(slot, &operation, deadline).await?.value)
    }

    /// Runs a script that writes, and waits for the configured replicas.
    pub(crate) async fn write(
        &self,
        script: &Script,
        keys: Vec<String>,
        arguments: Vec<Vec<u8>>,
        deadline: Instant,
    ) -> Result<Answer, StoreError> {
        let slot = slot(&keys[0]);
        let operation = Operation::script(script, keys, arguments).waiting(self.inner.wait);
        self.servers().run(slot, &operation, deadline).await
    }
}

/// Formats a number so that the scripts can compare it.
pub(crate) fn digits(number: u64) -> Vec<u8> {
    format!("{number:020}").into_bytes()
}

/// Parses a number of a script.
pub(crate) fn number(digits: &[u8]) -> Result<u64, StoreError> {
    let text = std::str::from_utf8(digits).ok();
    let text = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| corrupt("malformed number"))
}

/// Returns the life of the key of a session that ends at `end`, in milliseconds.
///
/// It is four hours longer, because Redis removes keys by its own clock alone: two hours for a
/// caller whose clock is ahead, and two for a server whose clock jumps ahead. So the scripts need
/// not read that clock.
pub(crate) fn life(end: u64, now: u64) -> Vec<u8> {
    let seconds = end.saturating_sub(now).saturating_add(2 * MAX_RETENTION);
    (seconds.min(LONGEST) * 1000).to_string().into_bytes()
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    SystemRandom
        .fill(&mut bytes)
        .map_err(|_| unavailable("no randomness available"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_are_relative_and_bounded() {
        assert_eq!(life(1_000, 900), b"14500000");
        assert_eq!(life(900, 1_000), b"14400000", "ended keys are kept");
        assert_eq!(life(u64::MAX, 0), (LONGEST * 1000).to_string().into_bytes());
    }

    #[test]
    fn digits_compare_like_numbers() {
        assert!(digits(9) < digits(10));
        assert_eq!(number(&digits(u64::MAX)).unwrap(), u64::MAX);
        for rubbish in [
            &b""[..],
            b"+1",
            b"-1",
            b"1 ",
            b"99999999999999999999",
            b"\xFF",
        ] {
            assert!(number(rubbish).is_err());
        }
    }
}
