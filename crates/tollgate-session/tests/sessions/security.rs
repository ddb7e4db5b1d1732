//! Attacks with tokens, with the content of the store, and with time.

use std::time::Duration;

use base64_simd::URL_SAFE_NO_PAD as BASE64;
use tollgate_session::{Login, RefreshKey, RefreshRequest, SessionErrorKind as Kind};

use crate::fixture::{START, Service};

fn login() -> Login {
    Login::new("u-7")
        .scope("orders:read orders:write")
        .claim("tenant", "acme")
}

#[tokio::test]
async fn stored_bytes_cannot_be_presented_as_a_token() {
    let service = Service::new();
    let first = service.sessions.login(login()).await.unwrap();
    let second = service.refresh(&first.refresh_token).await.unwrap();
    let raw = BASE64.decode_to_vec(&second.refresh_token).unwrap();
    let written = service.store.written.lock().unwrap().clone();
    assert_eq!(written.len(), 2);
    let mut tried = 0;
    for session in &written {
        for secret in [
            &raw[29..],
            &BASE64.decode_to_vec(&first.refresh_token).unwrap()[29..],
        ] {
            let text = BASE64.encode_to_string(secret);
            let holds = |needle: &[u8]| {
                session
                    .data
                    .windows(needle.len())
                    .any(|window| window == needle)
            };
            assert!(
                !holds(secret) && !holds(text.as_bytes()),
                "the store contains a secret"
            );
        }
        // Each stored hash and salt, presented as a secret.
        let body: serde_json::Value = serde_json::from_slice(&session.data).unwrap();
        let texts =
            ["/salt", "/current/hash", "/previous/hash"].map(|at| body.pointer(at).cloned());
        for text in texts.into_iter().flatten() {
            let stolen = BASE64.decode_to_vec(text.as_str().unwrap()).unwrap();
            for generation in 1..=3_u64 {
                let mut forged = raw.clone();
                forged[17..25].copy_from_slice(&generation.to_be_bytes());
                forged[29..].copy_from_slice(&stolen);
                assert_eq!(
                    service.refused(&BASE64.encode_to_string(forged)).await,
                    Kind::Invalid
                );
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 15);
    assert!(
        service.refresh(&second.refresh_token).await.is_ok(),
        "the forged tokens ended the session"
    );
}

#[tokio::test]
async fn a_forged_token_with_a_known_session_ends_no_session() {
    let service = Service::new();
    let tokens = service.sessions.login(login()).await.unwrap();
    let raw = BASE64.decode_to_vec(&tokens.refresh_token).unwrap();
    // The version, the generation, the key and each byte of the secret.
    for at in [0].into_iter().chain(17..raw.len()) {
        for flip in [1, 0x80] {
            let mut tampered = raw.clone();
            tampered[at] ^= flip;
            let tampered = BASE64.encode_to_string(tampered);
            assert_eq!(service.refused(&tampered).await, Kind::Invalid, "byte {at}");
            assert!(
                !service
                    .sessions
                    .logout_by_refresh_token(&tampered)
                    .await
                    .unwrap(),
                "byte {at}"
            );
        }
    }
    assert_eq!(service.events(), ["LoggedIn"]);
    assert!(service.accepts(&tokens.access_token).await);
    assert!(service.refresh(&tokens.refresh_token).await.is_ok());
}

#[tokio::test]
async fn no_token_replaces_another_kind() {
    let service = Service::new();
    let tokens = service.sessions.login(login()).await.unwrap();
    assert_eq!(service.refused(&tokens.access_token).await, Kind::Invalid);
    assert!(service.verified(&tokens.refresh_token).is_none());
    let session = tokens.session.to_string();
    for text in [
        "",
        ".",
        "..",
        "\0",
        &session,
        &"A".repeat(100_000),
        "ä".repeat(41).as_str(),
    ] {
        assert_eq!(service.refused(text).await, Kind::Invalid);
    }
    let other = service.sessions.login(Login::new("u-8")).await.unwrap();
    // The secret of one session with the ID of another.
    let (mine, theirs) = (&tokens.refresh_token, &other.refresh_token);
    let (mine, mut theirs) = (
        BASE64.decode_to_vec(mine).unwrap(),
        BASE64.decode_to_vec(theirs).unwrap(),
    );
    theirs[29..].copy_from_slice(&mine[29..]);
    assert_eq!(
        service.refused(&BASE64.encode_to_string(theirs)).await,
        Kind::Invalid
    );
    assert!(service.refresh(&other.refresh_token).await.is_ok());
}

#[tokio::test]
async fn scope_does_not_grow() {
    let service = Service::new();
    let tokens = service.sessions.login(login()).await.unwrap();
    let ask = |scope: &str| RefreshRequest {
        scope: Some(scope.to_owned()),
        ..RefreshRequest::default()
    };
    for more in [
        "admin",
        "orders:read admin",
        "orders",
        "ORDERS:READ",
        "",
        "*",
    ] {
        let refused = service
            .sessions
            .refresh(&tokens.refresh_token, ask(more))
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), Kind::ScopeExceeded, "{more:?}");
    }
    let less = service
        .sessions
        .refresh(&tokens.refresh_token, ask("orders:read"))
        .await
        .unwrap();
    let principal = service.principal(&less.access_token);
    assert!(principal.has_scope("orders:read") && !principal.has_scope("orders:write"));
    // Activity does not restore scope that was given up.
    service.pass(600);
    let renewed = service.sessions.renew(&principal).await.unwrap().unwrap();
    assert!(
        !service
            .principal(&renewed.access_token)
            .has_scope("orders:write")
    );
}

#[tokio::test]
async fn reuse_ends_the_session() {
    let service = Service::new();
    let stolen = service.sessions.login(login()).await.unwrap();
    let before = service.refresh(&stolen.refresh_token).await.unwrap();
    let owner = service.refresh(&before.refresh_token).await.unwrap();
    service.pass(10);
    assert!(service.accepts(&owner.access_token).await);
    assert_eq!(service.refused(&stolen.refresh_token).await, Kind::Reuse);
    let events = ["LoggedIn", "Refreshed", "Refreshed", "ReuseDetected"];
    assert_eq!(service.events(), events);
    assert_eq!(service.refused(&owner.refresh_token).await, Kind::Invalid);
    assert_eq!(
        service.refused(&stolen.refresh_token).await,
        Kind::Invalid,
        "told once"
    );
    for token in [&stolen.access_token, &owner.access_token] {
        assert!(!service.accepts(token).await);
    }
}

#[tokio::test]
async fn without_grace_every_second_use_is_reuse() {
    let service = Service::with(|builder| {
        builder
            .refresh_key(RefreshKey::new(1, [1; 32]))
            .grace(Duration::ZERO)
    });
    let first = service.sessions.login(login()).await.unwrap();
    let second = service.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(service.refused(&first.refresh_token).await, Kind::Reuse);
    assert_eq!(service.refused(&second.refresh_token).await, Kind::Invalid);
}

#[tokio::test]
async fn refresh_keys_rotate_without_ending_sessions() {
    let (old, new) = (RefreshKey::new(1, [1; 32]), RefreshKey::new(2, [2; 32]));
    let service = Service::with(|builder| builder.refresh_key(old.clone()));
    let first = service.sessions.login(login()).await.unwrap();
    let unused = service.sessions.login(login()).await.unwrap();
    let both = service.beside(|builder| builder.refresh_key(new.clone()).refresh_key(old.clone()));
    let second = both.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(
        both.refresh(&first.refresh_token)
            .await
            .unwrap()
            .refresh_token,
        second.refresh_token
    );

    let after = both.beside(|builder| builder.refresh_key(new));
    let third = after.refresh(&second.refresh_token).await.unwrap();
    // A token of the removed key is invalid, and ends no session.
    assert_eq!(after.refused(&unused.refresh_token).await, Kind::Invalid);
    assert_eq!(after.refused(&first.refresh_token).await, Kind::Invalid);
    assert!(after.refresh(&third.refresh_token).await.is_ok());
    // Another key with the same number is another key.
    let wrong = service.beside(|builder| builder.refresh_key(RefreshKey::new(1, [9; 32])));
    assert!(
        wrong.refresh(&unused.refresh_token).await.is_ok(),
        "the token verifies by its stored hash"
    );
    assert_eq!(
        service.refused(&unused.refresh_token).await,
        Kind::Unavailable
    );
}

#[tokio::test]
async fn nothing_outlives_the_absolute_timeout() {
    let day = 24 * 3600;
    let service = Service::with(|builder| {
        builder
            .refresh_key(RefreshKey::new(1, [1; 32]))
            .idle_timeout(Duration::from_secs(day))
            .absolute_timeout(Duration::from_secs(2 * day))
    });
    let mut tokens = service.sessions.login(login()).await.unwrap();
    let cap = START + 2 * day;
    while service.now() + day - 1 < cap {
        service.pass(day - 1);
        tokens = service.refresh(&tokens.refresh_token).await.unwrap();
        assert!(service.now() + tokens.refresh_expires_in <= cap);
        assert_eq!(service.now() + tokens.session_expires_in, cap);
    }
    service.set(cap - 300);
    tokens = service.refresh(&tokens.refresh_token).await.unwrap();
    assert_eq!((tokens.expires_in, tokens.refresh_expires_in), (300, 300));
    let principal = service.principal(&tokens.access_token);
    assert_eq!(principal.expires_at(), Some(cap));
    service.set(cap - 10);
    assert!(
        service.sessions.renew(&principal).await.unwrap().is_none(),
        "a renewal would not extend the token"
    );
    service.set(cap);
    assert_eq!(service.refused(&tokens.refresh_token).await, Kind::Invalid);
    assert!(service.sessions.renew(&principal).await.unwrap().is_none());
    assert!(service.sessions.reauthenticated(&principal).await.is_err());
}

#[tokio::test]
async fn an_unused_session_expires() {
    let service = Service::new();
    let tokens = service.sessions.login(login()).await.unwrap();
    service.pass(7 * 24 * 3600 - 1);
    let tokens = service.refresh(&tokens.refresh_token).await.unwrap();
    service.pass(7 * 24 * 3600);
    assert_eq!(service.refused(&tokens.refresh_token).await, Kind::Invalid);
    assert!(
        service
            .sessions
            .devices("u-7", None)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_clock_set_back_restores_no_session() {
    let service = Service::new();
    let first = service.sessions.login(login()).await.unwrap();
    service.pass(3600);
    let second = service.refresh(&first.refresh_token).await.unwrap();
    service.set(START + 10);
    assert!(service.sessions.logout(&second.session).await.unwrap());
    // The token was issued an hour ahead. The revocation still outlives it.
    for now in [
        START + 10,
        START + 3600,
        START + 3600 + 900,
        START + 3600 + 959,
    ] {
        service.set(now);
        assert!(!service.accepts(&second.access_token).await, "at {now}");
        assert_eq!(service.refused(&second.refresh_token).await, Kind::Invalid);
        assert_eq!(service.refused(&first.refresh_token).await, Kind::Invalid);
    }
}

#[tokio::test]
async fn a_refresh_revokes_previous_access_tokens_if_configured() {
    let service = Service::with(|builder| {
        builder
            .refresh_key(RefreshKey::new(1, [1; 32]))
            .revoke_former_access()
    });
    let first = service.sessions.login(login()).await.unwrap();
    service.pass(600);
    let renewed = service
        .sessions
        .renew(&service.principal(&first.access_token))
        .await
        .unwrap()
        .unwrap();
    // Both tokens have the same `iat`.
    let second = service.refresh(&first.refresh_token).await.unwrap();
    for former in [&first.access_token, &renewed.access_token] {
        assert!(!service.accepts(former).await);
    }
    assert!(service.accepts(&second.access_token).await);
    let again = service.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(
        again.access_token, second.access_token,
        "the same token, by `jti`, `iat` and `exp`"
    );
    let former = service.principal(&first.access_token);
    assert!(
        service.sessions.renew(&former).await.unwrap().is_none(),
        "a revoked token was renewed"
    );
    let third = service.refresh(&second.refresh_token).await.unwrap();
    assert!(!service.accepts(&second.access_token).await);
    assert!(service.accepts(&third.access_token).await);
}

#[tokio::test]
async fn a_subject_revocation_ends_no_session() {
    let service = Service::new();
    let tokens = service.sessions.login(login()).await.unwrap();
    service.pass(1);
    service
        .sessions
        .revocations()
        .revoke_subject("u-7", service.now())
        .await
        .unwrap();
    assert!(!service.accepts(&tokens.access_token).await);
    let tokens = service.refresh(&tokens.refresh_token).await.unwrap();
    assert!(service.accepts(&tokens.access_token).await);
}

#[tokio::test]
async fn a_login_in_the_second_of_a_subject_revocation_succeeds() {
    let service = Service::new();
    let before = service.sessions.login(login()).await.unwrap();
    let revocations = service.sessions.revocations();
    let next_second = service.now() + 1;
    revocations
        .revoke_subject("u-7", next_second)
        .await
        .unwrap();
    let after = service.sessions.login(login()).await.unwrap();
    assert!(!service.accepts(&before.access_token).await);
    assert!(service.accepts(&after.access_token).await);
    let refreshed = service.refresh(&before.refresh_token).await.unwrap();
    assert!(service.accepts(&refreshed.access_token).await);
    let again = service.refresh(&before.refresh_token).await.unwrap();
    assert_eq!(again.access_token, refreshed.access_token);

    // All tokens are refused until the entry expires, and no session ends.
    revocations
        .revoke_subject("u-7", tollgate_session::Revocation::ALL)
        .await
        .unwrap();
    let tokens = service.sessions.login(login()).await.unwrap();
    assert!(!service.accepts(&tokens.access_token).await);
    service.pass(15 * 60 + 62);
    let tokens = service.refresh(&tokens.refresh_token).await.unwrap();
    assert!(service.accepts(&tokens.access_token).await);
}

#[tokio::test]
async fn a_login_after_a_logout_by_a_clock_ahead_succeeds() {
    let service = Service::new();
    service.set(service.now() + 5);
    service.sessions.logout_all("u-7").await.unwrap();
    service.set(service.now() - 5);
    let tokens = service.sessions.login(login()).await.unwrap();
    assert!(service.refresh(&tokens.refresh_token).await.is_ok());
}

#[tokio::test]
async fn all_sessions_of_a_user_end_together() {
    let service = Service::new();
    let mine = [
        service.sessions.login(login()).await.unwrap(),
        service.sessions.login(login()).await.unwrap(),
    ];
    let other = service.sessions.login(Login::new("u-8")).await.unwrap();
    assert_eq!(service.sessions.logout_all("u-7").await.unwrap(), 2);
    for tokens in &mine {
        assert!(
            !service.accepts(&tokens.access_token).await,
            "tokens of the same second are revoked too"
        );
        assert_eq!(service.refused(&tokens.refresh_token).await, Kind::Invalid);
    }
    assert!(service.accepts(&other.access_token).await);
    let again = service.sessions.login(login()).await.unwrap();
    assert!(
        service.accepts(&again.access_token).await,
        "the same user can log in at once"
    );
    assert!(service.refresh(&again.refresh_token).await.is_ok());
}

#[tokio::test]
async fn the_least_recently_used_session_is_evicted() {
    let service = Service::with(|builder| {
        builder
            .refresh_key(RefreshKey::new(1, [1; 32]))
            .max_sessions_per_subject(2)
    });
    let first = service.sessions.login(login()).await.unwrap();
    service.pass(1);
    let second = service.sessions.login(login()).await.unwrap();
    service.pass(1);
    let first = service.refresh(&first.refresh_token).await.unwrap();
    service.events();
    let third = service.sessions.login(login()).await.unwrap();
    assert_eq!(service.events(), ["Evicted", "LoggedIn"]);
    assert_eq!(service.refused(&second.refresh_token).await, Kind::Invalid);
    assert!(!service.accepts(&second.access_token).await);
    for kept in [first, third] {
        assert!(service.refresh(&kept.refresh_token).await.is_ok());
    }
}

#[tokio::test]
async fn login_refuses_claims_that_cannot_be_issued_or_stored() {
    let service = Service::new();
    let kind = async |login| service.sessions.login(login).await.unwrap_err().kind();
    assert_eq!(kind(Login::new("")).await, Kind::Misconfigured);
    assert_eq!(
        kind(login().claim("sub", "admin")).await,
        Kind::Misconfigured
    );
    assert_eq!(kind(login().claim("sid", "x")).await, Kind::Misconfigured);
    assert_eq!(kind(login().scope("a\"b")).await, Kind::Misconfigured);
    assert_eq!(
        kind(login().claim("much", "x".repeat(20_000))).await,
        Kind::TooLarge
    );
    assert!(
        service
            .sessions
            .devices("u-7", None)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn debug_output_contains_no_secret() {
    let service = Service::new();
    let login = login().with_csrf();
    let shown = format!("{login:?}");
    let tokens = service.sessions.login(login).await.unwrap();
    let principal = service.principal(&tokens.access_token);
    service.pass(600);
    let renewed = service.sessions.renew(&principal).await.unwrap().unwrap();
    let csrf = tokens.csrf.clone().unwrap();
    let secrets = [
        &tokens.refresh_token,
        &tokens.access_token,
        &renewed.access_token,
        &csrf,
    ];
    let errors = [
        service.refresh("x").await.unwrap_err(),
        service.refresh(&tokens.access_token).await.unwrap_err(),
    ];
    let shown = [
        shown,
        format!("{tokens:?}"),
        format!("{renewed:?}"),
        format!("{:?}", service.sessions),
        format!("{errors:?} {} {}", errors[0], errors[1]),
        format!(
            "{:?}",
            RefreshKey::new(1, *b"0123456789abcdef0123456789abcdef")
        ),
        format!("{:?}", service.store.written.lock().unwrap()),
    ];
    for shown in shown {
        for secret in secrets {
            assert!(
                !shown.contains(&**secret) && !shown.contains("0123456789"),
                "{shown}"
            );
        }
        assert!(!shown.contains("u-7") && !shown.contains("acme"), "{shown}");
    }
}

#[tokio::test]
async fn a_repeat_with_less_scope_does_not_get_more() {
    let service = Service::new();
    let first = service
        .sessions
        .login(Login::new("u-7").scope("read write"))
        .await
        .unwrap();
    let all = service.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(all.scope, "read write");
    let less = RefreshRequest {
        scope: Some("read".to_owned()),
        ..RefreshRequest::default()
    };
    let again = service
        .sessions
        .refresh(&first.refresh_token, less)
        .await
        .unwrap();
    assert_eq!(again.refresh_token, all.refresh_token);
    assert_eq!(again.scope, "read");
    let principal = service.principal(&again.access_token);
    assert_eq!(principal.claim("scope"), Some("read".into()));
}

#[tokio::test]
async fn a_shortened_access_lifetime_causes_no_failure() {
    let service = Service::new();
    let first = service.sessions.login(Login::new("u-7")).await.unwrap();
    let second = service.refresh(&first.refresh_token).await.unwrap();
    // An instance with the new setting, within the grace period of a rotation by the old one.
    let shorter = service.with_access_lifetime(Duration::from_secs(300));
    let again = shorter.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(
        (again.refresh_token, again.expires_in),
        (second.refresh_token, 300)
    );
    shorter.pass(200);
    let principal = shorter.principal(&again.access_token);
    let renewed = shorter.sessions.renew(&principal).await.unwrap().unwrap();
    assert_eq!(renewed.expires_in, 300);
}
