//! Cached access tokens: a withdrawn key and a revocation are effective with the next request.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use tollgate_core::{
    Algorithm, EndpointRequest, Gate, RejectionKind as Kind, SigningKey, Step, Verifier,
};
use tollgate_session::{
    AccessToken, Issuer, IssuerBuilder, Login, MemoryStore, RefreshKey, RefreshRequest, Sessions,
};
use tollgate_testkit::FakeClock;

const NAME: &str = "https://id.example.com";
const START: u64 = FakeClock::START;
/// The access lifetime plus the leeway: the time that a key verifies after its last signature.
const RETENTION: u64 = 15 * 60 + 60;

fn key(kid: &str) -> SigningKey {
    SigningKey::generate(Algorithm::EdDSA)
        .unwrap()
        .with_kid(kid)
}

fn builder(clock: &FakeClock) -> IssuerBuilder {
    let builder = Issuer::builder(NAME).audience("orders-api");
    builder.clock(clock.clone()).signing_key(key("a"))
}

fn token(issuer: &Issuer) -> String {
    issuer.issue(&AccessToken::new("u-7")).unwrap()
}

fn hits(verifier: &Verifier) -> u64 {
    verifier.token_cache_status().unwrap().hits
}

#[track_caller]
fn is_recognised(verifier: &Verifier, token: &str) {
    let before = hits(verifier);
    verifier.verify(token).unwrap();
    verifier.verify(token).unwrap();
    assert!(hits(verifier) > before);
}

#[track_caller]
fn refuses(verifier: &Verifier, token: &str, kind: Kind) {
    for _ in 0..2 {
        assert_eq!(verifier.verify(token).unwrap_err().kind(), kind);
    }
}

#[test]
fn withdrawing_a_key_refuses_cached_tokens() {
    let issuer = builder(&FakeClock::new()).build().unwrap();
    let verifier = issuer.verifier().build().unwrap();
    let by_a = token(&issuer);
    is_recognised(&verifier, &by_a);
    issuer.rotate(key("b"), 0).unwrap();
    let by_b = token(&issuer);
    is_recognised(&verifier, &by_a);
    is_recognised(&verifier, &by_b);
    assert!(issuer.withdraw("a"));
    refuses(&verifier, &by_a, Kind::UnknownKey);
    is_recognised(&verifier, &by_b);
    assert!(issuer.withdraw("b"));
    assert!(verifier.verify(&by_b).is_err());
}

/// A key retires by the clock alone, without a call to the verifier or the issuer.
#[test]
fn an_expired_key_refuses_cached_tokens() {
    let clock = FakeClock::new();
    // The token expires after the key, so only the key can cause the refusal.
    let issuer = builder(&clock)
        .next_key(key("b"), START + 10)
        .build()
        .unwrap();
    let verifier = Verifier::builder()
        .issuer(NAME)
        .audience("orders-api")
        .key_source(issuer.clone());
    let verifier = verifier
        .clock(clock.clone())
        .leeway(Duration::from_secs(300))
        .build()
        .unwrap();
    let by_a = {
        clock.set(START + 9);
        token(&issuer)
    };
    is_recognised(&verifier, &by_a);
    clock.set(START + 10 + RETENTION - 1);
    is_recognised(&verifier, &by_a);
    clock.set(START + 10 + RETENTION);
    refuses(&verifier, &by_a, Kind::UnknownKey);
    // After the clock is set back, the key and its tokens are valid again.
    clock.set(START + 10 + RETENTION - 1);
    verifier.verify(&by_a).unwrap();
}

#[test]
fn tokens_stay_cached_until_a_phase_changes() {
    let clock = FakeClock::new();
    let issuer = builder(&clock).build().unwrap();
    let verifier = issuer.verifier().build().unwrap();
    let by_a = token(&issuer);
    verifier.verify(&by_a).unwrap();
    let before = hits(&verifier);
    for second in 1..200 {
        clock.set(START + second);
        verifier.verify(&by_a).unwrap();
    }
    assert_eq!(hits(&verifier) - before, 199);
}

/// A gate for sessions whose revocations are in sync, with a cached token.
struct Known {
    sessions: Sessions,
    gate: Gate,
}

impl Known {
    fn new() -> Self {
        let clock = FakeClock::new();
        let issuer = builder(&clock).build().unwrap();
        let builder = Sessions::builder(issuer, MemoryStore::default());
        let sessions = builder
            .refresh_key(RefreshKey::new(1, [1; 32]))
            .grace(std::time::Duration::ZERO)
            .build()
            .unwrap();
        let gate = sessions.gate().build().unwrap();
        Self { sessions, gate }
    }

    async fn admits(&self, token: &str) -> Result<(), Kind> {
        let mut request = EndpointRequest::new("GET", "/orders");
        let field = format!("Bearer {token}").into_bytes();
        request.headers.push(("authorization".to_owned(), field));
        let decided = match self.gate.begin(&request) {
            Step::Ready(decided) => decided,
            Step::Pending(pending) => pending.await,
        };
        decided
            .map(|_| ())
            .map_err(|refusal| refusal.rejection().kind())
    }

    async fn login(&self, subject: &str) -> tollgate_session::Tokens {
        let tokens = self.sessions.login(Login::new(subject)).await.unwrap();
        let before = hits(self.gate.verifier());
        for _ in 0..4 {
            self.admits(&tokens.access_token).await.unwrap();
        }
        assert!(hits(self.gate.verifier()) >= before + 3);
        tokens
    }

    /// Asserts that the revocation check refuses the token, which is still in the cache.
    async fn refuses(&self, token: &str) {
        let before = hits(self.gate.verifier());
        for _ in 0..2 {
            assert_eq!(self.admits(token).await, Err(Kind::Revoked));
        }
        assert_eq!(hits(self.gate.verifier()), before + 2);
    }
}

#[tokio::test]
async fn a_logout_refuses_cached_tokens() {
    let known = Known::new();
    let (one, other) = (known.login("u-7").await, known.login("u-7").await);
    known.sessions.logout(&one.session).await.unwrap();
    known.refuses(&one.access_token).await;
    known.admits(&other.access_token).await.unwrap();
}

#[tokio::test]
async fn a_logout_by_refresh_token_refuses_cached_tokens() {
    let known = Known::new();
    let tokens = known.login("u-7").await;
    assert!(
        known
            .sessions
            .logout_by_refresh_token(&tokens.refresh_token)
            .await
            .unwrap()
    );
    known.refuses(&tokens.access_token).await;
}

#[tokio::test]
async fn logging_out_a_device_affects_no_other() {
    let known = Known::new();
    let (phone, laptop) = (known.login("u-7").await, known.login("u-7").await);
    assert!(
        known
            .sessions
            .logout_device("u-7", &phone.session)
            .await
            .unwrap()
    );
    known.refuses(&phone.access_token).await;
    known.admits(&laptop.access_token).await.unwrap();
    assert_eq!(
        known
            .sessions
            .logout_others("u-7", &laptop.session)
            .await
            .unwrap(),
        0
    );
    known.admits(&laptop.access_token).await.unwrap();
}

#[tokio::test]
async fn revoking_a_subject_refuses_all_its_tokens() {
    let known = Known::new();
    let (one, two, others) = (
        known.login("u-7").await,
        known.login("u-7").await,
        known.login("u-8").await,
    );
    known.sessions.logout_all("u-7").await.unwrap();
    known.refuses(&one.access_token).await;
    known.refuses(&two.access_token).await;
    known.admits(&others.access_token).await.unwrap();
}

#[tokio::test]
async fn revoking_a_key_refuses_cached_tokens() {
    let known = Known::new();
    let tokens = known.login("u-7").await;
    known.sessions.revocations().revoke_key("a").await.unwrap();
    known.refuses(&tokens.access_token).await;
}

/// A refresh token that is used twice was stolen: the session ends, and its cached access token is
/// refused.
#[tokio::test]
async fn reuse_refuses_cached_tokens() {
    let known = Known::new();
    let tokens = known.login("u-7").await;
    let refresh = async |token: &str| {
        known
            .sessions
            .refresh(token, RefreshRequest::default())
            .await
    };
    let next = refresh(&tokens.refresh_token).await.unwrap();
    let after = refresh(&next.refresh_token).await.unwrap();
    known.admits(&after.access_token).await.unwrap();
    known.admits(&after.access_token).await.unwrap();
    assert!(refresh(&tokens.refresh_token).await.is_err());
    known.refuses(&after.access_token).await;
    known.refuses(&tokens.access_token).await;
}
