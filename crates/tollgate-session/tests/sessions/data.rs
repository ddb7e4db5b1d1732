//! The data of the application.

use serde_json::{Value, json};
use tollgate_session::{Login, RefreshKey, SessionErrorKind as Kind, SessionId, SessionUpdate};

use crate::fixture::{Fault, START, Service};

async fn begun(service: &Service) -> SessionId {
    let login = Login::new("u-7").role("clerk");
    service.sessions.login(login).await.unwrap().session
}

#[tokio::test]
async fn data_outlives_everything_but_the_session() {
    let service = Service::new();
    let sessions = &service.sessions;
    let first = sessions.login(Login::new("u-7")).await.unwrap();
    let id = first.session;
    assert_eq!(
        sessions
            .set_data(&id, 0, &json!({"cart": 5}))
            .await
            .unwrap(),
        1
    );
    let data = async || {
        let data = sessions.data::<Value>(&id).await.unwrap();
        (data.version, data.value.unwrap())
    };
    let kept = (1, json!({"cart": 5}));
    service.pass(500);
    let second = service.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(data().await, kept, "refresh");
    service.pass(10);
    let principal = service.principal(&second.access_token);
    assert!(sessions.renew(&principal).await.unwrap().is_some());
    assert_eq!(data().await, kept, "renewal");
    let third = sessions.reauthenticated(&principal).await.unwrap();
    assert_eq!(data().await, kept, "step-up");
    sessions
        .update("u-7", SessionUpdate::new().roles(["admin"]))
        .await
        .unwrap();
    assert_eq!(data().await, kept, "update");
    service.pass(1);
    let fourth = service.refresh(&third.refresh_token).await.unwrap();
    let principal = service.principal(&fourth.access_token);
    assert_eq!(sessions.session_of(&principal), Some(id));
    assert!(principal.claim("cart").is_none() && principal.claim("data").is_none());
    sessions.logout(&id).await.unwrap();
    let written = service
        .store
        .written
        .lock()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    assert!(!String::from_utf8(written.data).unwrap().contains("cart"));
    for over in [
        sessions.data::<Value>(&id).await.map(|_| ()),
        sessions.set_data(&id, 1, &5).await.map(|_| ()),
        sessions.update_data(&id, |_: &mut u8| ()).await.map(|_| ()),
    ] {
        assert_eq!(over.unwrap_err().kind(), Kind::Invalid);
    }
}

#[tokio::test]
async fn only_a_write_of_the_data_is_a_conflict() {
    let service = Service::new();
    let sessions = &service.sessions;
    let tokens = sessions.login(Login::new("u-7")).await.unwrap();
    let id = tokens.session;
    let conflict = async |version| {
        let late = sessions.set_data(&id, version, &"late").await;
        late.unwrap_err().kind() == Kind::Conflict
    };
    assert!(conflict(1).await && conflict(u64::MAX).await);
    sessions.set_data(&id, 0, &"a").await.unwrap();
    service.refresh(&tokens.refresh_token).await.unwrap();
    assert_eq!(sessions.set_data(&id, 1, &"b").await.unwrap(), 2);
    assert!(conflict(0).await && conflict(1).await);
    // A version is never used twice, also if the data is removed.
    assert_eq!(sessions.set_data(&id, 2, &()).await.unwrap(), 3);
    let removed = sessions.data::<String>(&id).await.unwrap();
    assert_eq!((removed.version, removed.value), (3, None));
    assert!(conflict(0).await && conflict(2).await);
}

#[tokio::test]
async fn no_concurrent_update_is_lost() {
    let service = Service::new();
    let id = begun(&service).await;
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let sessions = service.sessions.clone();
        tasks.push(tokio::spawn(async move {
            sessions
                .update_data(&id, |count: &mut u64| *count += 1)
                .await
        }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let data = service.sessions.data::<u64>(&id).await.unwrap();
    assert_eq!((data.version, data.value), (8, Some(8)));
}

#[tokio::test]
async fn data_is_bounded_and_never_damages_the_session() {
    let service = Service::new();
    let sessions = &service.sessions;
    let large = Login::new("u-7").claim("note", "n".repeat(14_000));
    let tokens = sessions.login(large).await.unwrap();
    let id = begun(&service).await;
    let nested = |depth| (0..depth).fold(json!(1), |value, _| json!([value]));
    for (id, value) in [
        (id, json!("x".repeat(4095))),
        (id, nested(126)),
        (id, nested(1000)),
        (tokens.session, json!("x".repeat(3000))),
    ] {
        let refused = sessions.set_data(&id, 0, &value).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::TooLarge);
    }
    sessions.set_data(&id, 0, &"x".repeat(4094)).await.unwrap();
    sessions.set_data(&id, 1, &nested(100)).await.unwrap();
    sessions
        .set_data(&tokens.session, 0, &"x".repeat(1000))
        .await
        .unwrap();
    service.refresh(&tokens.refresh_token).await.unwrap();
    let unordered = std::collections::HashMap::from([(vec![1], 1)]);
    let refused = sessions.set_data(&id, 2, &unordered).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Misconfigured);
    let other = sessions.data::<String>(&id).await.unwrap_err();
    assert_eq!(other.kind(), Kind::Misconfigured);
    assert_eq!(
        sessions.data::<Value>(&id).await.unwrap().value,
        Some(nested(100))
    );
}

#[tokio::test]
async fn a_failure_of_the_store_is_unavailable_and_a_late_write_is_safe() {
    let service = Service::new();
    let sessions = &service.sessions;
    let id = begun(&service).await;
    service.store.fail(Fault::Down);
    let reading = sessions.data::<u8>(&id).await.unwrap_err();
    let writing = sessions.set_data(&id, 0, &5).await.unwrap_err();
    assert!(reading.is_unavailable() && writing.is_unavailable());
    service.store.fail(None);
    service.store.fail_acknowledgements(Fault::Down);
    let unknown = sessions.set_data(&id, 0, &5).await.unwrap_err();
    assert!(unknown.is_unavailable());
    service.store.fail_acknowledgements(None);
    let late = sessions.set_data(&id, 0, &6).await.unwrap_err();
    assert_eq!(late.kind(), Kind::Conflict);
    assert_eq!(sessions.data(&id).await.unwrap().value, Some(5));
}

#[tokio::test]
async fn an_expired_or_unknown_session_has_no_data() {
    let key = || RefreshKey::new(1, [1; 32]);
    let service = Service::with(|builder| builder.refresh_key(key()));
    let id = begun(&service).await;
    service.set(START + 7 * 24 * 3600);
    for id in [id, SessionId::new([7; 16])] {
        let data = service.sessions.data::<u8>(&id).await.unwrap_err();
        assert_eq!(data.kind(), Kind::Invalid);
        let write = service.sessions.set_data(&id, 0, &5).await.unwrap_err();
        assert_eq!(write.kind(), Kind::Invalid);
    }
}

#[tokio::test]
async fn a_value_is_read_as_it_was_written() {
    let service = Service::new();
    let sessions = &service.sessions;
    let mut tokens = sessions.login(Login::new("u-7")).await.unwrap();
    let mut bits = 1_u64;
    let numbers = std::iter::repeat_with(|| {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        f64::from_bits(bits)
    });
    let floats: Vec<f64> = numbers.filter(|n| n.is_finite()).take(100).collect();
    let value =
        json!({"floats": floats, "most": u64::MAX, "least": i64::MIN, "text": "\0\u{301}e"});
    sessions.set_data(&tokens.session, 0, &value).await.unwrap();
    for _ in 0..3 {
        tokens = service.refresh(&tokens.refresh_token).await.unwrap();
        let read = sessions.data::<Value>(&tokens.session).await.unwrap();
        assert_eq!(read.value.as_ref(), Some(&value));
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_read_again_is_not_written() {
    let service = Service::new();
    let sessions = &service.sessions;
    let id = begun(&service).await;
    sessions
        .update_data(&id, |prices: &mut Vec<f64>| prices.push(1.5))
        .await
        .unwrap();
    for odd in [f64::NAN, f64::INFINITY] {
        let add = |prices: &mut Vec<f64>| prices.push(odd);
        let refused = sessions.update_data(&id, add).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Misconfigured);
    }
    let kept = sessions.data::<Vec<f64>>(&id).await.unwrap();
    assert_eq!((kept.version, kept.value), (1, Some(vec![1.5])));
}
