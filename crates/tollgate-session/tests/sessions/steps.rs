//! Each operation of the store fails once, at each step of a client that follows the rules.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;
use tollgate_core::{Principal, RevocationCheck, SigningKey, Standing};
use tollgate_session::{
    Issuer, Login, MemoryStore, Position, RefreshKey, RefreshRequest, Revocation, RevocationFeed,
    RevocationKey, RevocationSnapshot, RevocationStore, SessionError, SessionErrorKind, SessionId,
    SessionStore, Sessions, StoreError, StoreErrorKind, StoreFuture, StoredSession, Tokens,
};
use tollgate_testkit::FakeClock;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// The operation is not executed.
    Before,
    /// It is executed, and its answer is lost.
    After,
    /// It is executed this many seconds later.
    Late(u64),
}

#[derive(Clone, Default)]
struct Store {
    memory: MemoryStore,
    /// The operation that fails, counted down, and its name once it has failed.
    fault: Arc<Mutex<(usize, Option<Mode>, &'static str)>>,
}

impl Store {
    fn run<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> StoreFuture<'static, T> {
        let fault = Arc::clone(&self.fault);
        Box::pin(async move {
            let mode = {
                let mut fault = fault.lock().unwrap();
                if fault.0 == 0 {
                    fault.1.take().inspect(|_| fault.2 = name)
                } else {
                    fault.0 -= 1;
                    None
                }
            };
            let failed = Err(StoreError::new(StoreErrorKind::Unavailable, name));
            match mode {
                None => work.await,
                Some(Mode::Before) => failed,
                Some(Mode::After) => work.await.and(failed),
                Some(Mode::Late(seconds)) => {
                    tokio::spawn(async move {
                        sleep(Duration::from_secs(seconds)).await;
                        let _ = work.await;
                    });
                    failed
                }
            }
        })
    }
}

impl SessionStore for Store {
    fn insert<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        let (memory, session) = (self.memory.clone(), session.clone());
        self.run("insert", async move { memory.insert(&session, now).await })
    }
    fn load<'a>(&'a self, id: &'a SessionId, now: u64) -> StoreFuture<'a, Option<StoredSession>> {
        let (memory, id) = (self.memory.clone(), *id);
        self.run("load", async move { memory.load(&id, now).await })
    }
    fn replace<'a>(
        &'a self,
        session: &'a StoredSession,
        expected: u64,
        now: u64,
    ) -> StoreFuture<'a, bool> {
        let (memory, session) = (self.memory.clone(), session.clone());
        self.run("replace", async move {
            memory.replace(&session, expected, now).await
        })
    }
    fn of_subject<'a>(
        &'a self,
        subject: &'a str,
        most: usize,
        now: u64,
    ) -> StoreFuture<'a, Vec<StoredSession>> {
        let (memory, subject) = (self.memory.clone(), subject.to_owned());
        self.run("of_subject", async move {
            memory.of_subject(&subject, most, now).await
        })
    }
    fn confirm<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        let (memory, session) = (self.memory.clone(), session.clone());
        self.run(
            "confirm",
            async move { memory.confirm(&session, now).await },
        )
    }
}

impl RevocationStore for Store {
    fn revoke<'a>(&'a self, entries: &'a [Revocation], now: u64) -> StoreFuture<'a, ()> {
        let (memory, entries) = (self.memory.clone(), entries.to_vec());
        self.run("revoke", async move { memory.revoke(&entries, now).await })
    }
    fn find<'a>(&'a self, keys: &'a [RevocationKey], now: u64) -> StoreFuture<'a, Vec<Revocation>> {
        let (memory, keys) = (self.memory.clone(), keys.to_vec());
        self.run("find", async move { memory.find(&keys, now).await })
    }
    fn snapshot(&self, now: u64) -> StoreFuture<'_, RevocationSnapshot> {
        self.memory.snapshot(now)
    }
    fn position(&self) -> StoreFuture<'_, Position> {
        self.memory.position()
    }
    fn changes(&self, after: Position, now: u64) -> StoreFuture<'_, Option<RevocationSnapshot>> {
        self.memory.changes(after, now)
    }
    fn feed(&self) -> StoreFuture<'_, Box<dyn RevocationFeed>> {
        self.memory.feed()
    }
    fn clock(&self) -> StoreFuture<'_, Option<u64>> {
        self.memory.clock()
    }
}

struct Client {
    sessions: Sessions,
    /// An instance that only reads.
    gate: Sessions,
    wait: u64,
}

impl Client {
    /// Repeats an operation while the store fails.
    async fn insist<T>(
        &self,
        operation: impl AsyncFn() -> Result<T, SessionError>,
    ) -> Result<T, SessionError> {
        loop {
            match operation().await {
                Err(error) if error.kind() == SessionErrorKind::Unavailable => {
                    sleep(Duration::from_secs(self.wait)).await;
                }
                done => return done,
            }
        }
    }

    async fn log_in(&self) -> Tokens {
        let login = async || self.sessions.login(Login::new("u-7")).await;
        self.insist(login).await.unwrap()
    }

    async fn refresh(&self, tokens: &Tokens) -> Result<Tokens, SessionError> {
        let token = &tokens.refresh_token;
        self.insist(async || {
            self.sessions
                .refresh(token, RefreshRequest::default())
                .await
        })
        .await
    }

    fn principal(&self, tokens: &Tokens) -> Option<Principal> {
        let verifier = self.sessions.issuer().verifier().build().unwrap();
        verifier.verify(&tokens.access_token).ok()
    }

    async fn accepts(&self, tokens: &Tokens) -> bool {
        let Some(principal) = self.principal(tokens) else {
            return false;
        };
        self.gate.revocations().check(&principal).await == Ok(Standing::Good)
    }
}

/// Runs one client beside another one, and returns the name of the operation that failed.
#[allow(clippy::too_many_lines, reason = "one history")]
async fn run(at: usize, mode: Mode, wait: u64, former: bool) -> &'static str {
    let clock = FakeClock::ticking();
    let store = Store {
        memory: MemoryStore::default().with_clock(clock.clone()),
        ..Store::default()
    };
    let sessions = |store: Store| {
        let issuer = Issuer::builder("https://id.example.com")
            .audience("orders-api")
            .signing_key(SigningKey::hs256([7; 32]).unwrap().with_kid("1"))
            .clock(clock.clone())
            .build()
            .unwrap();
        let builder = Sessions::builder(issuer, store)
            .refresh_key(RefreshKey::new(1, [1; 32]))
            .max_sessions_per_subject(2);
        let builder = if former {
            builder.revoke_former_access()
        } else {
            builder
        };
        builder.build().unwrap()
    };
    let reads = Store {
        memory: store.memory.clone(),
        ..Store::default()
    };
    let client = Client {
        sessions: sessions(store.clone()),
        gate: sessions(reads),
        wait,
    };
    sleep(Duration::from_secs(2)).await;
    let what = format!("{at} {mode:?} {wait} {former}");
    let other = client.sessions.login(Login::new("u-7")).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    *store.fault.lock().unwrap() = (at, Some(mode), "");
    let failed = || store.fault.lock().unwrap().2;

    let first = client.log_in().await;
    let is_listed = async |tokens: &Tokens| {
        let devices = client.gate.devices("u-7", None).await.unwrap();
        devices.iter().any(|device| device.id == tokens.session)
    };
    // Nothing can end the session of a login that lands after the answer.
    let landed_late = failed() == "insert" && matches!(mode, Mode::Late(_));
    let kept = is_listed(&other).await || landed_late;
    assert!(kept, "{what} {}: an evicted session", failed());
    let second = client.refresh(&first).await;
    let second = second.unwrap_or_else(|error| panic!("{what} {}: {error}", failed()));
    // A lost response, for longer than the grace period.
    client.refresh(&second).await.unwrap();
    sleep(Duration::from_secs(15)).await;
    let third = client.refresh(&second).await;
    let third = third.unwrap_or_else(|error| panic!("{what} {}: late {error}", failed()));
    sleep(Duration::from_secs(500)).await;
    let principal = client.principal(&third).unwrap();
    let renewed = client
        .insist(async || client.sessions.renew(&principal).await)
        .await;
    assert!(renewed.unwrap().is_some(), "{what} {}: renew", failed());
    let stepped = client
        .insist(async || client.sessions.reauthenticated(&principal).await)
        .await;
    let stepped = stepped.unwrap_or_else(|error| panic!("{what} {}: step-up {error}", failed()));
    let last = client.refresh(&stepped).await;
    let last = last.unwrap_or_else(|error| panic!("{what} {}: after {error}", failed()));
    sleep(Duration::from_secs(1)).await;
    assert!(
        client.accepts(&last).await,
        "{what} {}: the last token",
        failed()
    );
    let replaced = client.log_in().await;
    client
        .insist(async || client.sessions.logout(&last.session).await)
        .await
        .unwrap();
    let ended = [&first, &second, &third, &stepped, &last];
    let over = async |ended: &[&Tokens]| {
        for tokens in ended {
            assert!(
                !client.accepts(tokens).await,
                "{what} {}: a logout came back",
                failed()
            );
            let refreshed = client.refresh(tokens).await;
            assert!(
                refreshed.is_err(),
                "{what} {}: a session came back",
                failed()
            );
        }
    };
    sleep(Duration::from_secs(1)).await;
    over(&ended).await;
    client
        .insist(async || client.sessions.logout_all("u-7").await)
        .await
        .unwrap();
    for _ in 0..3 {
        sleep(Duration::from_secs(7)).await;
        over(&ended).await;
        over(&[&replaced, &other]).await;
        // Nobody has the tokens of a login that landed late.
        let devices = client.gate.devices("u-7", None).await.unwrap();
        assert!(
            devices.is_empty() || failed() == "insert",
            "{what} {}",
            failed()
        );
    }
    failed()
}

#[tokio::test(start_paused = true)]
async fn a_client_survives_one_failure_at_any_step() {
    let modes = [Mode::Before, Mode::After, Mode::Late(5), Mode::Late(13)];
    for (former, wait) in [(false, 8), (true, 1)] {
        for mode in modes {
            let mut at = 0;
            while !Box::pin(run(at, mode, wait, former)).await.is_empty() {
                at += 1;
            }
            assert!(at > 30, "{at}");
        }
    }
}
