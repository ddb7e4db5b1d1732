//! A service with remote keys, its provider, and the time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tollgate_core::{Algorithm, Decision, Gate, KeySource as _, RequestView, SigningKey, Verifier};
use tollgate_oidc::{Event, RemoteJwks, RemoteKeys, Timer as _};
use tollgate_testkit::{FakeClock, FakeProvider, FakeTimer, Mint};

pub(crate) const JWKS: &str = "https://id.example.com/jwks.json";
pub(crate) const COOL_DOWN: Duration = Duration::from_secs(10);

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn key(kid: &str) -> SigningKey {
    SigningKey::generate(Algorithm::ES256).unwrap().with_kid(kid)
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) timer: FakeTimer,
    pub(crate) clock: FakeClock,
    pub(crate) provider: FakeProvider,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = FakeClock::new();
        let timer = FakeTimer::moving(&clock);
        Self {
            provider: FakeProvider::new(&timer),
            timer,
            clock,
            events: Arc::default(),
        }
    }

    /// Where the keys are: fresh for ten minutes, without chance.
    pub(crate) fn jwks(&self) -> RemoteJwks {
        let events = Arc::clone(&self.events);
        RemoteJwks::new(JWKS)
            .fetch(self.provider.clone())
            .timer(self.timer.clone())
            .clock(self.clock.clone())
            .jitter(|| 0.0)
            .on_event(move |event| events.lock().unwrap().push(event.clone()))
    }

    /// A service that has fetched these keys.
    pub(crate) async fn service(&self, keys: &[SigningKey]) -> Service {
        self.provider.publish(JWKS, keys);
        let service = self.serve(self.jwks().connect().await.unwrap());
        self.timer.asleep(1).await;
        service
    }

    pub(crate) fn serve(&self, source: RemoteKeys) -> Service {
        let verifier = Verifier::builder()
            .issuer(Mint::ISSUER)
            .audience(Mint::AUDIENCE)
            .key_source(source.clone())
            .clock(self.clock.clone());
        Service {
            gate: verifier.build().unwrap().into(),
            source,
            clock: self.clock.clone(),
        }
    }

    /// That fetches have never begun less than a cool-down apart, and not more often than that, but for the very first: it was
    /// no request's.
    pub(crate) fn assert_paced(&self) {
        let at: Vec<_> = self.provider.requests().iter().map(|got| got.at).collect();
        for pair in at[1..].windows(2) {
            assert!(pair[1] - pair[0] >= COOL_DOWN, "{pair:?}");
        }
        let elapsed = self.timer.now() - seconds(1000);
        assert!(
            at.len() as u64 <= 2 + elapsed.as_secs() / COOL_DOWN.as_secs(),
            "{at:?}"
        );
    }

    pub(crate) fn fetches(&self) -> usize {
        self.provider.count(JWKS)
    }
}

#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) gate: Gate,
    pub(crate) source: RemoteKeys,
    clock: FakeClock,
}

/// What a client gets: the status, and when it may come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Ok,
    Refused,
    /// A 503 with `Retry-After`, in seconds.
    Unavailable(u64),
}

impl Service {
    pub(crate) fn token(&self, key: &SigningKey) -> String {
        Mint::new(key.clone(), &self.clock).token().build()
    }

    /// Sends a request with a token by this key.
    pub(crate) async fn request(&self, key: &SigningKey) -> Answer {
        self.send(self.token(key)).await
    }

    pub(crate) async fn send(&self, token: String) -> Answer {
        match self.gate.begin(&Request(format!("Bearer {token}"))) {
            Decision::Ready(decided) => answer(decided),
            Decision::Pending(decision) => answer(decision.await),
        }
    }

    /// The answer if it is there at once.
    pub(crate) fn at_once(&self, key: &SigningKey) -> Option<Answer> {
        match self.gate.begin(&Request(format!("Bearer {}", self.token(key)))) {
            Decision::Ready(decided) => Some(answer(decided)),
            Decision::Pending(_) => None,
        }
    }

    pub(crate) fn has_keys(&self) -> bool {
        self.source.keys().is_ok()
    }
}

fn answer(decided: Result<tollgate_core::Authentication, tollgate_core::Refusal>) -> Answer {
    let Err(refusal) = decided else {
        return Answer::Ok;
    };
    let answer = refusal.answer();
    let retry = answer.header("retry-after").map(|seconds| {
        let text = std::str::from_utf8(seconds).unwrap();
        text.parse().unwrap()
    });
    match (answer.status, retry) {
        (401, None) => Answer::Refused,
        (503, Some(seconds)) => Answer::Unavailable(seconds),
        other => panic!("{other:?}"),
    }
}

struct Request(String);

impl RequestView for Request {
    fn method(&self) -> &'static str {
        "GET"
    }

    fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        (name == "authorization").then_some(self.0.as_bytes()).into_iter()
    }

    fn query(&self) -> Option<&str> {
        None
    }
}
