//! Revocations that cover every token, and that no account can fill.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use tollgate_session::{
    Login, MemoryStore, RefreshKey, Revocation, RevocationKind, RevocationStore, Sessions,
    SessionsBuilder, StoredSession, Tokens,
};

use crate::fixture::{START, Service};

const DAY: u64 = 24 * 3600;

/// Returns the store's live entries.
async fn entries(service: &Service) -> Vec<Revocation> {
    let snapshot = service.store.memory.snapshot(service.now()).await.unwrap();
    snapshot.entries
}

fn of_kind(entries: &[Revocation], kind: RevocationKind) -> usize {
    entries
        .iter()
        .filter(|entry| entry.key.kind() == kind)
        .count()
}

/// Returns instances with a long and a short access lifetime.
fn long_and_short() -> (Service, Service) {
    let long = Service::new().with_access_lifetime(Duration::from_secs(DAY));
    let short = long.with_access_lifetime(Duration::from_secs(900));
    (long, short)
}

async fn refused_for_life(long: &Service, short: &Service, tokens: &Tokens) {
    for at in [0, 899, 900, 961, 3600, DAY, DAY + 59, DAY + 61] {
        long.set(START + at);
        for service in [long, short] {
            assert!(!service.accepts(&tokens.access_token).await, "at {at}");
        }
    }
}

#[tokio::test]
async fn a_logout_covers_tokens_of_a_longer_lifetime() {
    let (long, short) = long_and_short();
    let tokens = long.sessions.login(Login::new("u-7")).await.unwrap();
    assert!(short.sessions.logout(&tokens.session).await.unwrap());
    refused_for_life(&long, &short, &tokens).await;
}

#[tokio::test]
async fn a_logout_after_a_refresh_covers_earlier_longer_tokens() {
    let (long, short) = long_and_short();
    let first = long.sessions.login(Login::new("u-7")).await.unwrap();
    let second = short.refresh(&first.refresh_token).await.unwrap();
    assert!(short.sessions.logout(&second.session).await.unwrap());
    refused_for_life(&long, &short, &first).await;
}

#[tokio::test]
async fn a_logout_of_all_sessions_covers_tokens_of_a_longer_lifetime() {
    let (long, short) = long_and_short();
    let tokens = long.sessions.login(Login::new("u-7")).await.unwrap();
    assert_eq!(short.sessions.logout_all("u-7").await.unwrap(), 1);
    refused_for_life(&long, &short, &tokens).await;
}

#[tokio::test]
async fn a_merged_revocation_covers_tokens_of_a_longer_lifetime() {
    let long = Service::new().with_access_lifetime(Duration::from_secs(DAY));
    let short = long.beside(|builder| {
        builder
            .refresh_key(RefreshKey::new(1, [1; 32]))
            .max_revocations_per_subject(1)
    });
    let first = long.sessions.login(Login::new("u-7")).await.unwrap();
    let second = long.sessions.login(Login::new("u-7")).await.unwrap();
    for tokens in [&first, &second] {
        assert!(short.sessions.logout(&tokens.session).await.unwrap());
    }
    assert_eq!(of_kind(&entries(&short).await, RevocationKind::Session), 1);
    refused_for_life(&long, &short, &first).await;
    refused_for_life(&long, &short, &second).await;
}

#[tokio::test]
async fn a_record_of_an_earlier_version_is_covered_for_a_day() {
    let (long, short) = long_and_short();
    let first = long.sessions.login(Login::new("u-7")).await.unwrap();
    let second = short.refresh(&first.refresh_token).await.unwrap();
    // Earlier versions did not store these members.
    let written = long.store.written.lock().unwrap().last().cloned().unwrap();
    let mut body: serde_json::Value = serde_json::from_slice(&written.data).unwrap();
    let members = body.as_object_mut().unwrap();
    assert!(members.remove("issued").is_some());
    members["access"]
        .as_object_mut()
        .unwrap()
        .remove("auth_time");
    let old = StoredSession {
        revision: written.revision + 1,
        data: serde_json::to_vec(&body).unwrap(),
        ..written
    };
    let store = &long.store.memory;
    let replaced = tollgate_session::SessionStore::replace(store, &old, old.revision - 1, START);
    assert!(replaced.await.unwrap());
    let again = short.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(again.access_token, second.access_token);
    assert!(short.sessions.logout(&second.session).await.unwrap());
    refused_for_life(&long, &short, &first).await;
}

#[tokio::test]
async fn the_verifier_of_an_issuer_bounds_the_age_of_a_token() {
    let (long, short) = long_and_short();
    let tokens = long.sessions.login(Login::new("u-7")).await.unwrap();
    let revocations = short.sessions.revocations();
    revocations.revoke_subject("u-7", START + 1).await.unwrap();
    for at in [0, 900, 959, 960, 961, 962, 3600] {
        short.set(START + at);
        assert!(!short.accepts(&tokens.access_token).await, "at {at}");
    }
    assert!(short.verified(&tokens.access_token).is_none());
    assert!(long.verified(&tokens.access_token).is_some());
}

#[tokio::test]
async fn a_session_outlives_its_longest_token_in_the_store() {
    let long = Service::new().with_access_lifetime(Duration::from_secs(DAY));
    let short = long.beside(|builder| {
        builder
            .refresh_key(RefreshKey::new(1, [1; 32]))
            .idle_timeout(Duration::from_secs(900))
    });
    let first = long.sessions.login(Login::new("u-7")).await.unwrap();
    let second = short.refresh(&first.refresh_token).await.unwrap();
    short.pass(3600); // idle
    assert!(short.sessions.logout(&second.session).await.unwrap());
    refused_for_life(&long, &short, &first).await;
}

#[tokio::test]
async fn a_session_whose_tokens_have_expired_needs_no_revocation() {
    let service = Service::new();
    let tokens = service.sessions.login(Login::new("u-7")).await.unwrap();
    service.pass(900 + 60 + 2);
    assert!(service.sessions.logout(&tokens.session).await.unwrap());
    assert!(entries(&service).await.is_empty());
    assert!(service.refresh(&tokens.refresh_token).await.is_err());
}

const ATTEMPTS: usize = 1_000;

fn bounded(builder: SessionsBuilder) -> SessionsBuilder {
    builder
        .refresh_key(RefreshKey::new(1, [1; 32]))
        .max_revocations_per_subject(20)
}

async fn log_in_and_out(sessions: &Sessions, subject: &str) {
    let tokens = sessions.login(Login::new(subject)).await.unwrap();
    assert!(sessions.logout(&tokens.session).await.unwrap());
}

#[tokio::test]
async fn one_account_cannot_fill_the_revocations() {
    for seconds in [0, 1] {
        let service = Service::with(bounded);
        let other = service.beside(bounded);
        let live = service.sessions.login(Login::new("u-7")).await.unwrap();
        let neighbour = service.sessions.login(Login::new("u-8")).await.unwrap();
        let mut ended = Vec::new();
        for _ in 0..ATTEMPTS {
            service.pass(seconds);
            let tokens = service.sessions.login(Login::new("u-7")).await.unwrap();
            assert!(service.sessions.logout(&tokens.session).await.unwrap());
            ended.push(tokens.access_token);
        }
        assert_eq!(service.sessions.revocations().status().entries, 21);
        for token in &ended {
            assert!(!service.accepts(token).await);
        }
        // No session has ended: the account's other devices refresh.
        service.pass(2);
        let live = service.refresh(&live.refresh_token).await.unwrap();
        assert!(service.accepts(&live.access_token).await);
        assert!(other.accepts(&live.access_token).await);
        if seconds == 0 {
            assert!(service.accepts(&neighbour.access_token).await);
        }
    }
}

#[tokio::test]
async fn evictions_and_refreshes_count_towards_the_budget() {
    let service = Service::with(|builder| {
        bounded(builder)
            .max_sessions_per_subject(2)
            .revoke_former_access()
    });
    for _ in 0..200 {
        service.pass(1);
        let tokens = service.sessions.login(Login::new("u-7")).await.unwrap();
        let next = service.refresh(&tokens.refresh_token).await.unwrap();
        assert!(service.accepts(&next.access_token).await);
    }
    let most = 2 * 20 + 1;
    assert!(
        entries(&service).await.len() <= most,
        "{:?}",
        entries(&service).await.len()
    );
}

#[tokio::test]
async fn a_login_and_a_refresh_over_the_budget_get_tokens_that_are_accepted() {
    let service = Service::with(|builder| bounded(builder).max_revocations_per_subject(1));
    let live = service.sessions.login(Login::new("u-7")).await.unwrap();
    for _ in 0..2 {
        log_in_and_out(&service.sessions, "u-7").await;
    }
    // All of it happens in one second.
    let tokens = service.sessions.login(Login::new("u-7")).await.unwrap();
    assert!(service.accepts(&tokens.access_token).await);
    let live = service.refresh(&live.refresh_token).await.unwrap();
    assert!(service.accepts(&live.access_token).await);
    assert!(service.sessions.logout(&live.session).await.unwrap());
    assert!(!service.accepts(&live.access_token).await);
}

#[tokio::test]
async fn the_budget_is_free_again_after_the_entries_have_expired() {
    let service = Service::with(|builder| bounded(builder).max_revocations_per_subject(1));
    for _ in 0..3 {
        log_in_and_out(&service.sessions, "u-7").await;
    }
    service.pass(DAY);
    // An instance that starts reads only live entries.
    let later = service.beside(bounded);
    log_in_and_out(&later.sessions, "u-7").await;
    let live = entries(&later).await;
    assert_eq!(of_kind(&live, RevocationKind::Session), 1);
    assert_eq!(live.len(), 1);
}

#[tokio::test]
async fn a_full_store_still_takes_the_revocations_of_operators() {
    let service = Service::over_memory(MemoryStore::new(1_000, 100), bounded);
    let victim = service.sessions.login(Login::new("victim")).await.unwrap();
    let other = service.sessions.login(Login::new("other")).await.unwrap();
    let mut number = 0;
    loop {
        let tokens = service
            .sessions
            .login(Login::new(format!("u-{number}")))
            .await
            .unwrap();
        if service.sessions.logout(&tokens.session).await.is_err() {
            break;
        }
        number += 1;
    }
    assert_eq!(number, 90, "a tenth is reserved");
    let revocations = service.sessions.revocations();
    revocations.revoke_key("2").await.unwrap();
    revocations
        .revoke_subject("other", service.now() + 1)
        .await
        .unwrap();
    assert_eq!(service.sessions.logout_all("victim").await.unwrap(), 1);
    for tokens in [&victim, &other] {
        assert!(!service.accepts(&tokens.access_token).await);
    }
    // Besides the 90 and the three of the operator, this instance remembers the ended session.
    let status = revocations.status();
    assert_eq!((status.entries, status.max_entries), (94, 100_000));
}

#[tokio::test]
async fn a_merged_revocation_covers_a_former_token_of_the_same_second() {
    let service = Service::with(|builder| {
        bounded(builder)
            .max_revocations_per_subject(1)
            .revoke_former_access()
    });
    for _ in 0..2 {
        let first = service.sessions.login(Login::new("u-7")).await.unwrap();
        let next = service.refresh(&first.refresh_token).await.unwrap();
        let again = service.refresh(&first.refresh_token).await.unwrap();
        assert_eq!(next.access_token, again.access_token);
        assert!(!service.accepts(&first.access_token).await);
        assert!(service.accepts(&next.access_token).await);
        service.pass(5);
    }
}

#[tokio::test]
async fn a_logout_by_the_refresh_token_of_an_idle_session_covers_its_tokens() {
    let long = Service::new().with_access_lifetime(Duration::from_secs(DAY));
    let short = long.beside(|builder| {
        builder
            .refresh_key(RefreshKey::new(1, [1; 32]))
            .idle_timeout(Duration::from_secs(900))
    });
    let first = long.sessions.login(Login::new("u-7")).await.unwrap();
    let second = short.refresh(&first.refresh_token).await.unwrap();
    short.pass(3600); // idle
    let logout = short
        .sessions
        .logout_by_refresh_token(&second.refresh_token);
    assert!(logout.await.unwrap());
    refused_for_life(&long, &short, &first).await;
}

#[tokio::test]
async fn a_repeated_logout_is_known_at_once_to_the_instance_that_answers_it() {
    for all in [false, true] {
        let one = Service::new();
        let other = one.with_access_lifetime(Duration::from_secs(900));
        let tokens = one.sessions.login(Login::new("u-7")).await.unwrap();
        // The client does not see this answer, and asks the other instance.
        assert!(one.sessions.logout(&tokens.session).await.unwrap());
        // No task runs in between: the other instance has not read the entry. Its replica has no
        // entry of the kind `SubjectSessions`, which gates do not need.
        let expected = if all {
            assert_eq!(other.sessions.logout_all("u-7").await.unwrap(), 0);
            2
        } else {
            assert!(!other.sessions.logout(&tokens.session).await.unwrap());
            1
        };
        let known = other.sessions.revocations().status().entries;
        assert_eq!(known, expected, "all: {all}");
    }
}
