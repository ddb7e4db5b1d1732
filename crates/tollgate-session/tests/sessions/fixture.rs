//! Sessions with a manual clock, over a store that can fail.

use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tollgate_core::{Principal, SigningKey};
use tollgate_session::{
    AttemptCharge, AttemptLevel, Issuer, MemoryStore, Position, RefreshKey, RefreshRequest,
    Revocation, RevocationFeed, RevocationKey, RevocationKind, RevocationSnapshot, RevocationStore,
    SessionError, SessionErrorKind, SessionEvent, SessionId, SessionStore, Sessions,
    SessionsBuilder, StoreError, StoreErrorKind, StoreFuture, StoredSession, Tokens,
};

pub(crate) const START: u64 = 1_700_000_000;

/// A failure of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Down,
    Silent,
    Full,
    Rubbish,
}

#[derive(Clone, Default)]
pub(crate) struct Store {
    pub(crate) memory: MemoryStore,
    fault: Arc<Mutex<Option<Fault>>>,
    /// A failure of the revocations alone.
    revocation_fault: Arc<Mutex<Option<Fault>>>,
    /// Replaced sessions are visible, but the caller gets this failure.
    acknowledgement_fault: Arc<Mutex<Option<Fault>>>,
    /// Every session that was passed to the store.
    pub(crate) written: Arc<Mutex<Vec<StoredSession>>>,
    pub(crate) replaced: Arc<AtomicU64>,
}

impl Store {
    pub(crate) fn fail(&self, fault: impl Into<Option<Fault>>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault.into();
    }

    pub(crate) fn fail_revocations(&self, fault: impl Into<Option<Fault>>) {
        *self.revocation_fault.lock().unwrap() = fault.into();
    }

    pub(crate) fn fail_acknowledgements(&self, fault: impl Into<Option<Fault>>) {
        *self.acknowledgement_fault.lock().unwrap() = fault.into();
    }

    fn wrong_revocations<T: Send + 'static>(&self) -> Option<StoreFuture<'static, T>> {
        let alone = *self.revocation_fault.lock().unwrap();
        self.wrong(None).or_else(|| Self::failure(alone?, None))
    }

    fn wrong_acknowledgement<T: Send + 'static>(&self) -> Option<StoreFuture<'static, T>> {
        let fault = *self.acknowledgement_fault.lock().unwrap();
        Self::failure(fault?, None)
    }

    /// Returns the failure of an operation that reads or writes, if there is one.
    fn wrong<T: Send + 'static>(&self, corrupt: Option<T>) -> Option<StoreFuture<'static, T>> {
        let fault = (*self.fault.lock().unwrap_or_else(PoisonError::into_inner))?;
        Self::failure(fault, corrupt)
    }

    fn failure<T: Send + 'static>(
        fault: Fault,
        corrupt: Option<T>,
    ) -> Option<StoreFuture<'static, T>> {
        let error = |kind| {
            Some(Box::pin(async move { Err(StoreError::new(kind, "")) }) as StoreFuture<'static, T>)
        };
        match fault {
            Fault::Down => error(StoreErrorKind::Unavailable),
            Fault::Full => error(StoreErrorKind::Full),
            Fault::Silent => Some(Box::pin(pending())),
            Fault::Rubbish => {
                corrupt.map(|corrupt| Box::pin(async { Ok(corrupt) }) as StoreFuture<'static, T>)
            }
        }
    }

    fn note(&self, session: &StoredSession) {
        self.written
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(session.clone());
    }
}

fn corrupt(id: SessionId) -> StoredSession {
    StoredSession {
        id,
        subject: "u-7".to_owned(),
        revision: 1,
        expires_at: u64::MAX,
        data: br#"{"v":1,"current":{}}"#.to_vec(),
    }
}

impl SessionStore for Store {
    fn charge<'a>(
        &'a self,
        charges: &'a [AttemptCharge],
        now: u64,
    ) -> StoreFuture<'a, Option<Vec<AttemptLevel>>> {
        self.wrong(Some(Some(Vec::new())))
            .unwrap_or_else(|| self.memory.charge(charges, now))
    }

    fn insert<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        self.note(session);
        self.wrong(None)
            .unwrap_or_else(|| self.memory.insert(session, now))
    }

    fn load<'a>(&'a self, id: &'a SessionId, now: u64) -> StoreFuture<'a, Option<StoredSession>> {
        self.wrong(Some(Some(corrupt(*id))))
            .unwrap_or_else(|| self.memory.load(id, now))
    }

    fn replace<'a>(
        &'a self,
        session: &'a StoredSession,
        expected: u64,
        now: u64,
    ) -> StoreFuture<'a, bool> {
        self.note(session);
        self.wrong(None).unwrap_or_else(|| {
            Box::pin(async move {
                let replaced = self.memory.replace(session, expected, now).await?;
                self.replaced
                    .fetch_add(u64::from(replaced), Ordering::SeqCst);
                if let Some(wrong) = self.wrong_acknowledgement() {
                    return wrong.await;
                }
                Ok(replaced)
            })
        })
    }

    fn of_subject<'a>(
        &'a self,
        subject: &'a str,
        most: usize,
        now: u64,
    ) -> StoreFuture<'a, Vec<StoredSession>> {
        let listed = vec![corrupt(SessionId::new([9; 16]))];
        self.wrong(Some(listed))
            .unwrap_or_else(|| self.memory.of_subject(subject, most, now))
    }

    fn confirm<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        self.wrong(None)
            .or_else(|| self.wrong_acknowledgement())
            .unwrap_or_else(|| self.memory.confirm(session, now))
    }

    fn forget<'a>(&'a self, subject: &'a str, now: u64) -> StoreFuture<'a, usize> {
        self.wrong(None)
            .unwrap_or_else(|| self.memory.forget(subject, now))
    }
}

impl RevocationStore for Store {
    fn revoke<'a>(&'a self, entries: &'a [Revocation], now: u64) -> StoreFuture<'a, ()> {
        self.wrong_revocations()
            .unwrap_or_else(|| self.memory.revoke(entries, now))
    }

    fn find<'a>(&'a self, keys: &'a [RevocationKey], now: u64) -> StoreFuture<'a, Vec<Revocation>> {
        self.wrong_revocations()
            .unwrap_or_else(|| self.memory.find(keys, now))
    }

    fn snapshot(&self, now: u64) -> StoreFuture<'_, RevocationSnapshot> {
        self.wrong(None)
            .unwrap_or_else(|| self.memory.snapshot(now))
    }

    fn position(&self) -> StoreFuture<'_, Position> {
        self.wrong(None).unwrap_or_else(|| self.memory.position())
    }

    fn changes(&self, after: Position, now: u64) -> StoreFuture<'_, Option<RevocationSnapshot>> {
        self.wrong(None)
            .unwrap_or_else(|| self.memory.changes(after, now))
    }

    fn feed(&self) -> StoreFuture<'_, Box<dyn RevocationFeed>> {
        self.memory.feed()
    }
}

pub(crate) struct Service {
    pub(crate) sessions: Sessions,
    pub(crate) store: Store,
    clock: Arc<AtomicU64>,
    pub(crate) events: Arc<Mutex<Vec<SessionEvent>>>,
}

impl Service {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder.refresh_key(RefreshKey::new(1, [1; 32])))
    }

    pub(crate) fn with(configure: impl FnOnce(SessionsBuilder) -> SessionsBuilder) -> Self {
        Self::over(Store::default(), Arc::new(AtomicU64::new(START)), configure)
    }

    pub(crate) fn over_memory(
        memory: MemoryStore,
        configure: impl FnOnce(SessionsBuilder) -> SessionsBuilder,
    ) -> Self {
        let store = Store {
            memory,
            ..Store::default()
        };
        Self::over(store, Arc::new(AtomicU64::new(START)), configure)
    }

    /// Creates another instance with the same data and clock.
    pub(crate) fn beside(
        &self,
        configure: impl FnOnce(SessionsBuilder) -> SessionsBuilder,
    ) -> Self {
        Self::over(self.store.clone(), Arc::clone(&self.clock), configure)
    }

    /// Creates another instance with another access lifetime.
    pub(crate) fn with_access_lifetime(&self, lifetime: Duration) -> Self {
        let (store, clock) = (self.store.clone(), Arc::clone(&self.clock));
        let key = RefreshKey::new(1, [1; 32]);
        Self::issuing(store, clock, lifetime, |builder| builder.refresh_key(key))
    }

    fn over(
        store: Store,
        clock: Arc<AtomicU64>,
        configure: impl FnOnce(SessionsBuilder) -> SessionsBuilder,
    ) -> Self {
        Self::issuing(store, clock, Duration::from_secs(15 * 60), configure)
    }

    fn issuing(
        store: Store,
        clock: Arc<AtomicU64>,
        lifetime: Duration,
        configure: impl FnOnce(SessionsBuilder) -> SessionsBuilder,
    ) -> Self {
        let time = Arc::clone(&clock);
        let issuer = Issuer::builder("https://id.example.com")
            .audience("orders-api")
            .signing_key(SigningKey::hs256([7; 32]).expect("a key").with_kid("1"))
            .clock(move || time.load(Ordering::SeqCst))
            .access_lifetime(lifetime)
            .build()
            .expect("an issuer");
        let events: Arc<Mutex<Vec<SessionEvent>>> = Arc::default();
        let heard = Arc::clone(&events);
        let builder = Sessions::builder(issuer, store.clone()).on_event(move |event| {
            heard
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(event.clone());
        });
        Self {
            sessions: configure(builder).build().expect("sessions"),
            store,
            clock,
            events,
        }
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.load(Ordering::SeqCst)
    }

    pub(crate) fn set(&self, now: u64) {
        self.clock.store(now, Ordering::SeqCst);
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Returns the events since the last call, without the subjects and refused refreshes.
    pub(crate) fn events(&self) -> Vec<String> {
        let events =
            std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner));
        let name = |event: &SessionEvent| {
            format!("{:?}", event.kind())
                .split(' ')
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        let names = events.iter().map(name);
        names.filter(|name| name != "RefreshRefused").collect()
    }

    pub(crate) async fn refresh(&self, token: &str) -> Result<Tokens, SessionError> {
        self.sessions
            .refresh(token, RefreshRequest::default())
            .await
    }

    pub(crate) async fn refused(&self, token: &str) -> SessionErrorKind {
        self.refresh(token)
            .await
            .expect_err("the token is accepted")
            .kind()
    }

    pub(crate) fn principal(&self, token: &str) -> Principal {
        self.verified(token).expect("the token does not verify")
    }

    pub(crate) fn verified(&self, token: &str) -> Option<Principal> {
        let verifier = self
            .sessions
            .issuer()
            .verifier()
            .build()
            .expect("a verifier");
        verifier.verify(token).ok()
    }

    /// Returns whether a gate that queries the store accepts the token.
    pub(crate) async fn accepts(&self, token: &str) -> bool {
        let Some(principal) = self.verified(token) else {
            return false;
        };
        let text = |name| {
            principal
                .claim(name)
                .and_then(|claim| claim.as_str().map(str::to_owned))
        };
        let key = |kind, name| {
            let value = text(name).expect("a registered claim");
            RevocationKey::new(kind, "https://id.example.com", value)
        };
        let keys = [
            key(RevocationKind::Token, "jti"),
            key(RevocationKind::Session, "sid"),
            key(RevocationKind::Subject, "sub"),
        ];
        let found = self
            .store
            .memory
            .find(&keys, self.now())
            .await
            .expect("the store answers");
        !found
            .iter()
            .any(|entry| principal.issued_at().is_none_or(|iat| iat < entry.before))
    }
}

pub(crate) const QUICK: Duration = Duration::from_millis(300);
