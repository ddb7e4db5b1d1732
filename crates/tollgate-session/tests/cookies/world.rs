//! A service whose browsers log in by cookie.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use tollgate_core::{Algorithm, Answer, Endpoint, EndpointRequest, Gate, Principal, Step};
use tollgate_session::{
    CookieTransport, CookieTransportBuilder, Issuer, Login, LoginFailure, LoginRequest,
    MemoryStore, Position, RefreshKey, RenewalTransport, Revocation, RevocationFeed, RevocationKey,
    RevocationSnapshot, RevocationStore, SessionEndpoints, SessionId, SessionStore, Sessions,
    SlidingRenewal, StoreError, StoreErrorKind, StoreFuture, StoredSession, Transport,
};
use tollgate_testkit::{FakeClock, keys};

use crate::jar::Jar;

/// A store in memory that counts reads, and can refuse changes.
#[derive(Clone, Default)]
pub(crate) struct Store {
    memory: MemoryStore,
    pub(crate) loads: Arc<AtomicUsize>,
    pub(crate) read_only: Arc<AtomicBool>,
}

impl SessionStore for Store {
    fn insert<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        self.memory.insert(session, now)
    }
    fn load<'a>(&'a self, id: &'a SessionId, now: u64) -> StoreFuture<'a, Option<StoredSession>> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        self.memory.load(id, now)
    }
    fn replace<'a>(
        &'a self,
        session: &'a StoredSession,
        expected: u64,
        now: u64,
    ) -> StoreFuture<'a, bool> {
        if self.read_only.load(Ordering::Relaxed) {
            return Box::pin(async { Err(StoreError::new(StoreErrorKind::Unavailable, "down")) });
        }
        self.memory.replace(session, expected, now)
    }
    fn of_subject<'a>(
        &'a self,
        subject: &'a str,
        most: usize,
        now: u64,
    ) -> StoreFuture<'a, Vec<StoredSession>> {
        self.memory.of_subject(subject, most, now)
    }
    fn confirm<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        self.memory.confirm(session, now)
    }
}

impl RevocationStore for Store {
    fn revoke<'a>(&'a self, entries: &'a [Revocation], now: u64) -> StoreFuture<'a, ()> {
        self.memory.revoke(entries, now)
    }
    fn find<'a>(&'a self, keys: &'a [RevocationKey], now: u64) -> StoreFuture<'a, Vec<Revocation>> {
        self.memory.find(keys, now)
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
}

async fn login(request: LoginRequest) -> Result<Login, LoginFailure> {
    let said: Value = request.json()?;
    match said["user"].as_str() {
        Some("nobody") | None => Err(LoginFailure::refused()),
        Some("large") => Ok(Login::new("large").claim("x", "x".repeat(4096))),
        Some(user) => Ok(Login::new(user)),
    }
}

pub(crate) struct World {
    pub(crate) clock: FakeClock,
    pub(crate) store: Store,
    pub(crate) sessions: Sessions,
}

/// The endpoints of an application on the host.
pub(crate) struct App {
    pub(crate) cookies: CookieTransport,
    endpoints: SessionEndpoints,
    /// A gate whose access tokens slide.
    pub(crate) gate: Gate,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of_issuer("https://id.example.com")
    }

    pub(crate) fn of_issuer(issuer: &str) -> Self {
        let clock = FakeClock::new();
        let issuer = Issuer::builder(issuer)
            .audience("orders-api")
            .signing_key(keys::signing(Algorithm::HS256))
            .clock(clock.clone())
            .build()
            .unwrap();
        let store = Store::default();
        let sessions = Sessions::builder(issuer, store.clone())
            .refresh_key(RefreshKey::new(1, [7; 32]))
            .max_sessions_per_subject(2)
            .build()
            .unwrap();
        Self {
            clock,
            store,
            sessions,
        }
    }

    pub(crate) fn app(&self) -> App {
        self.app_with(CookieTransport::builder())
    }

    pub(crate) fn app_with(&self, cookies: CookieTransportBuilder) -> App {
        let cookies = cookies.build().unwrap();
        let transport = Transport::Cookie(cookies.clone());
        let endpoints = SessionEndpoints::builder(self.sessions.clone(), transport)
            .login(login)
            .build()
            .unwrap();
        let by_cookie = RenewalTransport::Cookie(cookies.clone());
        let gate = cookies
            .apply(self.sessions.gate())
            .renewal(SlidingRenewal::new(self.sessions.clone(), by_cookie))
            .build()
            .unwrap();
        App {
            cookies,
            endpoints,
            gate,
        }
    }

    pub(crate) async fn devices(&self, user: &str) -> usize {
        self.sessions.devices(user, None).await.unwrap().len()
    }
}

impl App {
    pub(crate) async fn post(&self, jar: &mut Jar, path: &str, content: &Value) -> Answer {
        let mut request = jar.request("POST", self.cookies.path(), path);
        if !content.is_null() {
            let json = b"application/json".to_vec();
            request.headers.push(("content-type".to_owned(), json));
            request.content = content.to_string().into_bytes();
        }
        let answer = self.respond(request).await;
        jar.store_answer(&answer);
        answer
    }

    pub(crate) async fn respond(&self, request: EndpointRequest) -> Answer {
        self.endpoints.respond(request).await
    }

    pub(crate) async fn log_in(&self, jar: &mut Jar, user: &str) -> u16 {
        self.post(jar, "/login", &json!({ "user": user }))
            .await
            .status
    }

    pub(crate) async fn refresh(&self, jar: &mut Jar) -> u16 {
        self.post(jar, "/refresh", &Value::Null).await.status
    }

    pub(crate) async fn log_out(&self, jar: &mut Jar) -> u16 {
        self.post(jar, "/logout", &Value::Null).await.status
    }

    /// The user of a request to the service, if the gate accepts it.
    pub(crate) async fn user(&self, jar: &Jar) -> Option<String> {
        let principal = self.principal(jar).await?;
        principal.subject().map(str::to_owned)
    }

    pub(crate) async fn principal(&self, jar: &Jar) -> Option<Principal> {
        let decided = match self.gate.begin(&jar.request("GET", "", "/orders")) {
            Step::Ready(decided) => decided,
            Step::Pending(decision) => decision.await,
        };
        decided.ok()?.principal().cloned()
    }
}
