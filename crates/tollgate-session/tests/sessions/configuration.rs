//! Configurations that `build` refuses.

use std::time::Duration;

use tollgate_core::{ConfigErrorKind as Kind, SigningKey};
use tollgate_session::{Issuer, MemoryStore, RefreshKey, Sessions, SessionsBuilder};

fn builder() -> SessionsBuilder {
    let issuer = Issuer::builder("https://id.example.com")
        .audience("orders-api")
        .signing_key(SigningKey::hs256([7; 32]).expect("a key").with_kid("1"))
        .build()
        .expect("an issuer");
    Sessions::builder(issuer, MemoryStore::default())
}

fn refused(builder: SessionsBuilder) -> Option<Kind> {
    builder.build().err().map(|error| error.kind())
}

#[tokio::test]
async fn contradictions_are_refused() {
    let key = || RefreshKey::new(1, [1; 32]);
    let seconds = Duration::from_secs;
    let good = || builder().refresh_key(key());
    assert_eq!(refused(good()), None);
    assert_eq!(
        refused(
            good()
                .grace(seconds(899))
                .store_timeout(Duration::from_millis(1))
        ),
        None
    );
    assert_eq!(refused(builder()), Some(Kind::MissingKey));
    assert_eq!(refused(good().refresh_key(key())), Some(Kind::MissingKey));
    for contradiction in [
        good().idle_timeout(seconds(899)),
        good().absolute_timeout(seconds(3600)),
        good().grace(seconds(900)),
        good().grace(seconds(1)),
        good().store_timeout(seconds(10)),
    ] {
        assert_eq!(refused(contradiction), Some(Kind::Contradiction));
    }
    for mistake in [
        good().grace(Duration::from_millis(2_500)),
        good().idle_timeout(Duration::from_millis(3_600_500)),
        good().store_timeout(Duration::ZERO),
        good().grace(Duration::ZERO).store_timeout(seconds(61)),
        good().max_sessions_per_subject(0),
        good().max_sessions_per_subject(10_001),
    ] {
        assert_eq!(refused(mistake), Some(Kind::OutOfRange));
    }
}

#[test]
fn there_must_be_a_runtime() {
    assert_eq!(
        refused(builder().refresh_key(RefreshKey::new(1, [1; 32]))),
        Some(Kind::Contradiction)
    );
}
