//! Events in the log, and the secrets that must not appear there.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tollgate_oidc::{FetchErrorKind, FetchResponse, RemoteJwks};
use tollgate_testkit::FakeProvider;

use crate::fixture::{World, key, seconds};
use crate::time::{pass, settled};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Returns the lines since the last call.
    fn lines(&self) -> Vec<String> {
        let written = std::mem::take(&mut *self.0.lock().unwrap());
        let text = String::from_utf8(written).unwrap();
        text.lines()
            .map(|line| line.trim_start().to_owned())
            .collect()
    }

    fn assert_one(&self, start: &str, part: &str) {
        let lines = self.lines();
        let [line] = &lines[..] else {
            panic!("{lines:?}")
        };
        assert!(line.starts_with(start) && line.contains(part), "{line}");
        assert!(!line.contains("secret"), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_event_is_logged_without_the_query() {
    const URL: &str = "https://id.example.com/jwks.json?key=secret";
    const NAME: &str = "\"https://id.example.com/jwks.json\"";
    let log = Log::default();
    let lines = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .without_time()
        .with_writer(move || lines.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let world = World::new();
    world.provider.publish(URL, &[key("1")]);
    let keys = RemoteJwks::new(URL)
        .fetch(world.provider.clone())
        .clock(world.clock.clone())
        .jitter(|| 0.0);
    let keys = keys.connect().await.unwrap();
    log.assert_one(
        "INFO tollgate: ",
        &format!("{NAME} has 1 keys for 600 s: added [\"1\"]"),
    );
    let service = world.serve(keys);
    settled().await;

    pass(seconds(480)).await;
    log.assert_one("DEBUG tollgate: ", &format!("{NAME} has the same 1 keys"));
    service.request(&key("made\nup")).await;
    let lines = log.lines();
    let line = format!(
        r#"WARN tollgate: {NAME} does not have 1 keys that tokens named by `kid` and `alg`, as "made\nup""#
    );
    assert!(lines.contains(&line), "{lines:?}");

    let set = FakeProvider::jwk_set(&[key("2")]);
    let set = set.replacen("[{", r#"[{"kid": "odd", "kty": "AKP"}, {"#, 1);
    world.provider.answer(URL, FetchResponse::new(200, set));
    pass(seconds(480)).await;
    log.assert_one("WARN tollgate: ", "key 0 (\\\"odd\\\")");

    world.provider.fail(URL, FetchErrorKind::Unreachable);
    pass(seconds(480)).await;
    log.assert_one(
        "WARN tollgate: ",
        &format!("{NAME} cannot be fetched (1 in a row)"),
    );
    pass(seconds(3600 + 120)).await;
    let lines = log.lines();
    let expired = lines
        .iter()
        .filter(|line| line.starts_with("ERROR tollgate: "));
    assert_eq!(expired.count(), 1, "{lines:?}");

    // The client needs the full URL, and may log it.
    let asked = world.provider.requests();
    assert!(asked.iter().all(|got| got.request.url == URL));
    assert!(!format!("{asked:?}").contains("secret"), "{asked:?}");
}
