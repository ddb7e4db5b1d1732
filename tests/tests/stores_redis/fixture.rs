//! Setup shared by the tests.

use std::future::Future;
use std::time::Duration;

use tollgate_session::{
    Revocation, RevocationKey, RevocationKind, SessionId, StoredSession, SystemRandom,
};
use tollgate_store_redis::RedisStore;

/// The caller's clock, years apart from that of the servers.
pub(crate) const NOW: u64 = 1_000_000_000;
pub(crate) const HOUR: u64 = 3600;

/// The configured timeout of an operation, much more than a server needs on a busy machine.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(3);
/// The maximum duration of an operation, well above the timeout.
pub(crate) const BOUND: Duration = Duration::from_secs(10);

pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(test)
}

pub(crate) fn store(url: &str) -> RedisStore {
    RedisStore::builder(url).timeout(TIMEOUT).build().unwrap()
}

/// Awaits an operation, which must complete within the limit.
pub(crate) async fn soon<T>(operation: impl Future<Output = T>) -> T {
    tokio::time::timeout(BOUND, operation)
        .await
        .expect("an operation exceeds the limit")
}

pub(crate) fn session(subject: &str) -> StoredSession {
    StoredSession {
        id: SessionId::generate(&SystemRandom).unwrap(),
        subject: subject.to_owned(),
        revision: 1,
        expires_at: NOW + HOUR,
        data: b"data".to_vec(),
    }
}

/// Returns the session with the next revision.
pub(crate) fn next(session: &StoredSession) -> StoredSession {
    StoredSession {
        revision: session.revision + 1,
        ..session.clone()
    }
}

pub(crate) fn revocation(value: &str) -> Revocation {
    Revocation {
        key: RevocationKey::new(RevocationKind::Session, "https://id.example.com", value),
        before: Revocation::ALL,
        expires_at: NOW + HOUR,
    }
}
