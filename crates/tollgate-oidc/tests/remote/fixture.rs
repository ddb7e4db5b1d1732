//! A service with remote keys, and its provider.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;
use tollgate_core::{Algorithm, Gate, KeySource as _, SigningKey, Step, Verifier, VerifierBuilder};
use tollgate_oidc::{Event, RemoteJwks, RemoteKeys};
use tollgate_testkit::conformance::Request;
use tollgate_testkit::{FakeClock, FakeProvider, Mint};

use crate::time::settled;

pub(crate) const JWKS: &str = "https://id.example.com/jwks.json";
pub(crate) const COOL_DOWN: Duration = Duration::from_secs(10);

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn key(kid: &str) -> SigningKey {
    SigningKey::generate(Algorithm::ES256)
        .unwrap()
        .with_kid(kid)
}

#[derive(Clone)]
pub(crate) struct World {
    began: Instant,
    pub(crate) clock: FakeClock,
    pub(crate) provider: FakeProvider,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            provider: FakeProvider::new(),
            began: Instant::now(),
            clock: FakeClock::ticking(),
            events: Arc::default(),
        }
    }

    /// Returns the source of the keys, which are fresh for ten minutes, without jitter.
    pub(crate) fn jwks(&self) -> RemoteJwks {
        let events = Arc::clone(&self.events);
        RemoteJwks::new(JWKS)
            .fetch(self.provider.clone())
            .clock(self.clock.clone())
            .jitter(|| 0.0)
            .on_event(move |event| events.lock().unwrap().push(event.clone()))
    }

    /// Returns a service that has fetched these keys.
    pub(crate) async fn service(&self, keys: &[SigningKey]) -> Service {
        self.provider.publish(JWKS, keys);
        let service = self.serve(self.jwks().connect().await.unwrap());
        settled().await;
        service
    }

    pub(crate) fn serve(&self, source: RemoteKeys) -> Service {
        self.serve_with(source, |builder| builder)
    }

    pub(crate) fn serve_with(
        &self,
        source: RemoteKeys,
        configure: impl FnOnce(VerifierBuilder) -> VerifierBuilder,
    ) -> Service {
        let verifier = Verifier::builder()
            .issuer(Mint::ISSUER)
            .audience(Mint::AUDIENCE)
            .key_source(source.clone())
            .clock(self.clock.clone());
        Service {
            gate: configure(verifier).build().unwrap().into(),
            source,
            clock: self.clock.clone(),
        }
    }

    /// Asserts that fetches begin at least a cool-down apart, except for the very first.
    pub(crate) fn assert_paced(&self) {
        let at: Vec<_> = self.provider.requests().iter().map(|got| got.at).collect();
        for pair in at[1..].windows(2) {
            assert!(pair[1] - pair[0] >= COOL_DOWN, "{pair:?}");
        }
        let elapsed = self.elapsed();
        assert!(
            at.len() as u64 <= 2 + elapsed.as_secs() / COOL_DOWN.as_secs(),
            "{at:?}"
        );
    }

    /// Returns the time since the world was created.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
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

/// The answer to a client.
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
        match self.gate.begin(&bearer(&token)) {
            Step::Ready(decided) => answer(decided),
            Step::Pending(decision) => answer(decision.await),
        }
    }

    /// Returns the answer if it does not wait.
    pub(crate) fn at_once(&self, key: &SigningKey) -> Option<Answer> {
        match self.gate.begin(&bearer(&self.token(key))) {
            Step::Ready(decided) => Some(answer(decided)),
            Step::Pending(_) => None,
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

fn bearer(token: &str) -> Request {
    Request::new("GET", "/").with("authorization", format!("Bearer {token}"))
}
