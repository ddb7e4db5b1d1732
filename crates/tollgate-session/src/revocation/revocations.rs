//! Revocation of tokens.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tollgate_core::Clock;

use super::builder::RevocationsBuilder;
use super::entry::{Revocation, RevocationKey, RevocationKind};
use super::health::{Health, Operation};
use super::reading::{Breaker, Reading, RevocationReading};
use super::replica::Replica;
use super::status::RevocationStatus;
use super::store::RevocationStore;
use crate::clock::{MAX_RETENTION, later, not_ahead};
use crate::id::SessionId;
use crate::store::{StoreError, StoreFuture, StoredSession};

/// A handle that revokes tokens of one issuer and checks whether a token is revoked. The check uses
/// a replica of the store's entries in memory.
///
/// A background task reads new entries from the store at each hint, and at least four times a
/// second, and so confirms that none is missing. While the replica is in sync, a token that is not
/// revoked costs neither a round trip nor an allocation. A revoked token is refused within a
/// second, whichever instance revoked it.
///
/// If a confirmation is late, the gate queries the store for every token. If the store does not
/// answer, the [`Reading`] decides. Clones share the replica; the task ends with the last of them.
///
/// ```
/// use tollgate::extend::{RevocationCheck, Standing};
/// use tollgate::{Key, SigningKey, Verifier};
/// use tollgate::session::{MemoryStore, Revocations};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let revocations = Revocations::builder(MemoryStore::default(), "https://id.example.com")
///     .build()?;
/// # let verifier = Verifier::builder()
/// #     .dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).build()?;
/// # let token = |jti| SigningKey::hs256([7; 32]).unwrap().encode(&serde_json::json!({
/// #     "iss": "https://id.example.com", "exp": 4_000_000_000_u64, "jti": jti,
/// # })).unwrap();
/// revocations.revoke_token("1", 4_000_000_000).await?;
/// let standing = revocations.check(&verifier.verify(&token("1"))?).await;
/// assert_eq!(standing, Ok(Standing::Revoked));
/// let standing = revocations.check(&verifier.verify(&token("2"))?).await;
/// assert_ne!(standing, Ok(Standing::Revoked));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Revocations {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) store: Arc<dyn RevocationStore>,
    pub(super) replica: Arc<Replica>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) timeout: Duration,
    pub(super) breaker: Breaker,
    pub(super) health: Arc<Health>,
    pub(super) access_lifetime: u64,
    pub(super) leeway: u64,
    pub(super) follower: JoinHandle<()>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

impl Revocations {
    /// Creates a builder for revocations of tokens of `issuer` (`iss`) in `store`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate::session::{MemoryStore, Revocations};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// let revocations = Revocations::builder(MemoryStore::default(), "https://id.example.com")
    ///     .access_lifetime(Duration::from_secs(900))
    ///     .timeout(Duration::from_millis(300))
    ///     .build()?;
    /// assert_eq!(revocations.status().entries, 0);
    /// # Ok::<(), tollgate::ConfigError>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(store: impl RevocationStore, issuer: impl Into<String>) -> RevocationsBuilder {
        RevocationsBuilder::new(Arc::new(store), issuer.into())
    }

    /// Revokes the token with this `jti`. `expires_at` is its `exp`.
    ///
    /// # Errors
    /// The errors of the store. The revocation may or may not be stored then.
    ///
    /// ```
    /// # use tollgate::session::{MemoryStore, Revocations};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let revocations = Revocations::builder(MemoryStore::default(), "https://id.example.com")
    /// #     .build()?;
    /// revocations.revoke_token("1", 4_000_000_000).await?;
    /// assert_eq!(revocations.status().entries, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn revoke_token(&self, jti: &str, expires_at: u64) -> Result<(), StoreError> {
        let entry = Revocation {
            expires_at: self.end_after(expires_at),
            ..self.entry(RevocationKind::Token, jti, Revocation::ALL)
        };
        self.revoke(&[entry]).await
    }

    /// Revokes all access tokens of a session (`sid`). It does not end the session, whose refresh
    /// token may outlive the entry: [`Sessions::logout`](crate::Sessions::logout) does both.
    ///
    /// # Errors
    /// The errors of the store. The revocation may or may not be stored then.
    ///
    /// ```
    /// # use tollgate::session::{MemoryStore, Revocations, SessionId};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let revocations = Revocations::builder(MemoryStore::default(), "https://id.example.com")
    /// #     .build()?;
    /// revocations.revoke_session(&SessionId::new([7; 16])).await?;
    /// revocations.revoke_session("a-session-of-another-making").await?;
    /// assert_eq!(revocations.status().entries, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn revoke_session(
        &self,
        sid: &(impl fmt::Display + ?Sized),
    ) -> Result<(), StoreError> {
        let entry = self.entry(RevocationKind::Session, &sid.to_string(), Revocation::ALL);
        self.revoke(&[entry]).await
    }

    /// Revokes all access tokens of a user (`sub`) that were issued (`iat`) before `before`;
    /// [`Revocation::ALL`] for all. It does not end the user's sessions, whose refresh tokens may
    /// outlive the entry: [`Sessions::logout_all`](crate::Sessions::logout_all) does both.
    ///
    /// A refresh or a login gets a token that is not revoked if `before` is at most one second
    /// ahead. Until then the tokens that it gets are refused.
    ///
    /// # Errors
    /// The errors of the store. The revocation may or may not be stored then.
    ///
    /// ```
    /// # use tollgate::session::{MemoryStore, Revocations};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let revocations = Revocations::builder(MemoryStore::default(), "https://id.example.com")
    /// #     .build()?;
    /// revocations.revoke_subject("u-7", 1_700_000_000).await?;
    /// assert_eq!(revocations.status().entries, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn revoke_subject(&self, subject: &str, before: u64) -> Result<(), StoreError> {
        self.revoke(&[self.entry(RevocationKind::Subject, subject, before)])
            .await
    }

    /// Revokes everything that a key (`kid`) has signed, and signs while the entry lives. The key
    /// itself must be withdrawn too.
    ///
    /// # Errors
    /// The errors of the store. The revocation may or may not be stored then.
    ///
    /// ```
    /// # use tollgate::session::{MemoryStore, Revocations};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let revocations = Revocations::builder(MemoryStore::default(), "https://id.example.com")
    /// #     .build()?;
    /// revocations.revoke_key("2026-01").await?;
    /// assert_eq!(revocations.status().entries, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn revoke_key(&self, kid: &str) -> Result<(), StoreError> {
        self.revoke(&[self.entry(RevocationKind::Key, kid, Revocation::ALL)])
            .await
    }

    /// Creates an entry for tokens of this issuer. It lives as long as a token that is issued now,
    /// by the later of the clocks of this instance and of the store.
    ///
    /// ```
    /// # use tollgate::session::{MemoryStore, RevocationKind, Revocations};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// let revocations = Revocations::builder(MemoryStore::default(), "https://id.example.com")
    ///     .access_lifetime(std::time::Duration::from_secs(900))
    ///     .clock(|| 1_700_000_000)
    ///     .build()?;
    /// let entry = revocations.entry(RevocationKind::Subject, "u-7", 1_700_000_000);
    /// assert_eq!(entry.expires_at, 1_700_000_000 + 900 + 60, "includes the leeway");
    /// # Ok::<(), tollgate::ConfigError>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn entry(&self, kind: RevocationKind, name: &str, before: u64) -> Revocation {
        let key = RevocationKey::new(kind, self.shared.replica.issuer(), name);
        Revocation {
            key,
            before,
            expires_at: self.end_of_new(self.now()),
        }
    }

    /// The later of the clocks of this instance and of the store: an entry of an instance whose
    /// clock is behind must not have ended for the others.
    fn now(&self) -> u64 {
        later(self.shared.clock.now(), self.shared.replica.store_clock())
    }

    /// The end of an entry for tokens that are issued at `now`.
    fn end_of_new(&self, now: u64) -> u64 {
        let longest = self.shared.access_lifetime;
        now.saturating_add(longest)
            .saturating_add(self.shared.leeway)
    }

    /// Stores several entries, all or none. They take effect in this process at once, and in others
    /// within a second.
    ///
    /// # Errors
    /// The errors of the store, or `Timeout` if it does not answer in time. The entries may or may
    /// not be stored then.
    ///
    /// ```
    /// # use tollgate::session::{MemoryStore, Revocation, RevocationKind, Revocations};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let revocations = Revocations::builder(MemoryStore::default(), "https://id.example.com")
    /// #     .build()?;
    /// let entry = |sid| revocations.entry(RevocationKind::Session, sid, Revocation::ALL);
    /// let both = ["a", "b"].map(entry);
    /// revocations.revoke(&both).await?;
    /// assert_eq!(revocations.status().entries, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn revoke(&self, entries: &[Revocation]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let shared = &*self.shared;
        let now = shared.clock.now();
        let stored = shared.store.revoke(entries, now);
        self.watch(Operation::Revoke, stored).await?;
        // If the replica is full, gates query the store from now on.
        let _ = shared.replica.learn(entries, now);
        Ok(())
    }

    /// Adds entries that the store has, before this instance reads them.
    pub(crate) fn learn(&self, entries: &[Revocation]) {
        let _ = self.shared.replica.learn(entries, self.shared.clock.now());
    }

    /// Returns the entries of these keys from the store itself. Use it where the replica is not
    /// exact enough.
    ///
    /// # Errors
    /// The errors of the store, or `Timeout` if it does not answer in time.
    ///
    /// ```
    /// # use tollgate::session::{MemoryStore, Revocation, RevocationKind, Revocations};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let revocations = Revocations::builder(MemoryStore::default(), "https://id.example.com")
    /// #     .build()?;
    /// let entry = revocations.entry(RevocationKind::Session, "a", Revocation::ALL);
    /// assert!(revocations.find(&[entry.key.clone()]).await?.is_empty());
    /// revocations.revoke(&[entry.clone()]).await?;
    /// assert_eq!(revocations.find(&[entry.key.clone()]).await?, [entry]);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn find(&self, keys: &[RevocationKey]) -> Result<Vec<Revocation>, StoreError> {
        let shared = &*self.shared;
        let found = shared.store.find(keys, shared.clock.now());
        self.watch(Operation::Find, found).await
    }

    /// Loads a session and its revocations, if the store can do both at once.
    #[expect(clippy::type_complexity, reason = "the type of the trait")]
    pub(crate) fn find_with_session<'a>(
        &'a self,
        id: &'a SessionId,
        now: u64,
    ) -> Option<StoreFuture<'a, Option<(StoredSession, Vec<Revocation>)>>> {
        let shared = &*self.shared;
        shared
            .store
            .find_with_session(id, shared.replica.issuer(), now)
    }

    /// Executes an operation on the store, within the timeout, and shows a failure in the status.
    pub(crate) async fn watch<T>(
        &self,
        operation: Operation,
        work: StoreFuture<'_, T>,
    ) -> Result<T, StoreError> {
        let shared = &*self.shared;
        shared.health.watch(operation, shared.timeout, work).await
    }

    /// Notes the end of an operation of the sessions in the status.
    pub(crate) fn note_whole(&self, too_late: bool) {
        self.shared.health.note_whole(too_late);
    }

    /// The time `now` of this instance, by the store's clock if both are comparable: instances
    /// with different clocks agree on it.
    pub(crate) fn by_store(&self, now: u64) -> u64 {
        let store = self.shared.replica.store_clock();
        not_ahead(later(now, store), store)
    }

    /// The time `now` of this instance, but not later than the store's clock. A revocation of what
    /// was issued before a time that is ahead would refuse later logins as well.
    pub(crate) fn not_ahead(&self, now: u64) -> u64 {
        not_ahead(now, self.shared.replica.store_clock())
    }

    /// The time up to which entries have ended, by the clocks of this instance and of the store.
    pub(crate) fn ended_until(&self, now: u64) -> u64 {
        self.shared.replica.ended_until(now)
    }

    /// Returns the check for a gate with this [`Reading`].
    ///
    /// ```
    /// # use tollgate::session::{MemoryStore, Reading, Revocations};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let revocations = Revocations::builder(MemoryStore::default(), "https://id.example.com")
    /// #     .build()?;
    /// let check = revocations.reading(Reading::StaleIfError(std::time::Duration::from_secs(60)));
    /// assert!(format!("{check:?}").contains("StaleIfError(60s)"));
    /// # Ok::<(), tollgate::ConfigError>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reading(&self, reading: Reading) -> RevocationReading {
        RevocationReading {
            shared: Arc::clone(&self.shared),
            reading,
        }
    }

    /// The number of known entries that count as those of `subject`.
    pub(crate) fn owned_by(&self, subject: &str) -> usize {
        self.shared.replica.owned_by(subject)
    }

    /// Returns the end of an entry for tokens that expire at `expiry`.
    ///
    /// An instance whose clock is behind may accept tokens that have expired here, but not for
    /// longer than new ones. A clock that is not comparable with the store's does not count.
    pub(crate) fn end_after(&self, expiry: u64) -> u64 {
        let end = expiry.saturating_add(self.shared.leeway);
        let (caller, store) = (self.shared.clock.now(), self.shared.replica.store_clock());
        let now = caller.max(store);
        let comparable = caller.abs_diff(store) <= MAX_RETENTION;
        if comparable && end <= now && now - end < MAX_RETENTION {
            self.end_of_new(now)
        } else {
            end
        }
    }

    /// Returns `true` if the replica is in sync and no operation on the store fails: the
    /// [`in_sync`](RevocationStatus::in_sync) of the status.
    pub fn in_sync(&self) -> bool {
        self.shared.replica.is_in_sync() && !self.shared.health.is_failing()
    }

    /// The current state, for a health check or a metric. Its `Display` is the text of a readiness
    /// endpoint.
    ///
    /// With the feature `metrics`, the gauges `tollgate_revocation_entries` and
    /// `tollgate_revocation_max_entries`, with the label `issuer`, report the fill level, and
    /// `tollgate_store_clock_skew_seconds` the skew to the store's clock.
    ///
    /// ```
    /// # use tollgate::session::{MemoryStore, Revocations};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// let revocations = Revocations::builder(MemoryStore::default(), "https://id.example.com")
    ///     .build()?;
    /// let text = revocations.status().to_string();
    /// assert_eq!(text, "revocations out of sync, 0 of 100000 entries, never read");
    /// # Ok::<(), tollgate::ConfigError>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn status(&self) -> RevocationStatus {
        let (entries, over_full) = self.shared.replica.size();
        RevocationStatus {
            in_sync: self.in_sync(),
            confirmed: self.shared.replica.age(),
            entries,
            max_entries: self.shared.replica.most(),
            over_full,
            last_error: self.shared.health.last_error(),
            clock_skew: self.shared.health.skew(),
            max_clock_skew: self.shared.leeway / 2,
        }
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations")
            .field("issuer", &self.replica.issuer())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
