//! Keys that are fetched: from memory, and from a server of this process over HTTP, as often as it can be done.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::Notify;
use tollgate_core::{Algorithm, BoxFuture, KeySet, KeySource, SigningKey, Verifier};
use tollgate_oidc::{
    Event, Fetch, FetchError, FetchRequest, FetchResponse, HttpClient, RemoteJwks, RemoteKeys, Timer,
};

use crate::tokens::{AUDIENCE, Fixture, ISSUER};

/// A set that is always the same, at whatever URL.
struct Published(String);

impl Fetch for Published {
    fn get(&self, _: FetchRequest) -> BoxFuture<Result<FetchResponse, FetchError>> {
        let answer = FetchResponse::new(200, &*self.0);
        Box::pin(async { Ok(answer) })
    }
}

/// The fixture's key as a set that was fetched. To be called within a tokio runtime.
///
/// ```
/// use tollgate_benches::remote::{fetched, verifier};
/// use tollgate_benches::tokens::Fixture;
/// use tollgate_core::Algorithm;
///
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
/// let fixture = Fixture::new(Algorithm::ES256);
/// let keys = runtime.block_on(fetched(&fixture));
/// assert!(verifier(keys).verify(&fixture.token).is_ok());
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn fetched(fixture: &Fixture) -> RemoteKeys {
    fetched_among(fixture, 1).await
}

/// The fixture's key as the last one of a set of so many, which are the same key under other names. To be called within a
/// tokio runtime.
///
/// ```
/// use tollgate_benches::remote::fetched_among;
/// use tollgate_benches::tokens::Fixture;
/// use tollgate_core::Algorithm;
///
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
/// let keys = runtime.block_on(fetched_among(&Fixture::new(Algorithm::EdDSA), 128));
/// assert_eq!(keys.status().keys.len(), 128);
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn fetched_among(fixture: &Fixture, count: usize) -> RemoteKeys {
    let other = |number| fixture.signing().with_kid(format!("other-{number}"));
    let mut keys: Vec<_> = (1..count).map(other).collect();
    keys.push(fixture.signing());
    RemoteJwks::new("https://id.example.com/jwks.json")
        .fetch(Published(set_of(&keys)))
        .connect()
        .await
        .unwrap()
}

/// A verifier with every default check, as [`Fixture::cold_verifier`], for keys from that source.
pub fn verifier(source: impl KeySource + 'static) -> Verifier {
    Verifier::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .key_source(source)
        .without_token_cache()
        .build()
        .unwrap()
}

fn set_of(keys: &[SigningKey]) -> String {
    let keys: Vec<_> = keys.iter().filter_map(SigningKey::public_jwk).collect();
    json!({"keys": keys}).to_string()
}

/// Two sets of as many keys as there may be, RSA, EC and OKP: the fixture's key last in both, all others in other places.
///
/// ```
/// use tollgate_benches::remote::sets;
/// use tollgate_benches::tokens::Fixture;
/// use tollgate_core::{Algorithm, KeySet};
///
/// let [first, second] = sets(&Fixture::new(Algorithm::ES256));
/// assert_ne!(first, second);
/// assert_eq!(KeySet::from_json(first).unwrap().len(), KeySet::MAX_KEYS);
/// ```
pub fn sets(fixture: &Fixture) -> [String; 2] {
    // An RSA key takes long to find; under other names it is as much work to prepare.
    let made: Vec<_> = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]
        .iter()
        .map(|algorithm| SigningKey::generate(*algorithm).unwrap())
        .collect();
    let mut others: Vec<_> = (1..KeySet::MAX_KEYS)
        .map(|number| {
            made[number % made.len()]
                .clone()
                .with_kid(format!("other-{number}"))
        })
        .collect();
    let set = |others: &[SigningKey]| set_of(&[others, &[fixture.signing()]].concat());
    let first = set(&others);
    others.rotate_left(1);
    [first, set(&others)]
}

/// Serves the two sets in turn, so that there is something new each time, until the process ends.
fn serve(sets: [String; 2]) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for (connection, set) in listener.incoming().zip(sets.iter().cycle()) {
            // A connection that breaks is a fetch that fails, which is noticed where it is counted.
            let _ = connection.and_then(|connection| answer(connection, set));
        }
    });
    Ok(address)
}

fn answer(mut connection: TcpStream, set: &str) -> io::Result<()> {
    let mut request = BufReader::new(connection.try_clone()?);
    let mut line = String::from("-");
    while !line.trim_end().is_empty() {
        line.clear();
        request.read_line(&mut line)?;
    }
    let length = set.len();
    write!(
        connection,
        "HTTP/1.1 200 OK\r\ncontent-type: application/jwk-set+json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{set}"
    )
}

/// The system's clock, and whatever it was moved on by.
#[derive(Clone)]
struct Movable(Arc<Moved>);

struct Moved {
    start: Instant,
    seconds: AtomicU64,
    bell: Notify,
}

impl Movable {
    fn pass(&self, time: Duration) {
        self.0.seconds.fetch_add(time.as_secs(), Ordering::Relaxed);
        self.0.bell.notify_waiters();
    }
}

impl Timer for Movable {
    fn now(&self) -> Duration {
        self.0.start.elapsed() + Duration::from_secs(self.0.seconds.load(Ordering::Relaxed))
    }

    fn sleep_until(&self, at: Duration) -> BoxFuture<()> {
        let timer = self.clone();
        Box::pin(async move {
            loop {
                let moved = timer.0.bell.notified();
                let left = at.saturating_sub(timer.now());
                if left.is_zero() {
                    return;
                }
                let _ = tokio::time::timeout(left, moved).await;
            }
        })
    }
}

/// Keys that are fetched over HTTP without a pause, and other ones each time, while it is told to.
pub struct Refreshing {
    /// The keys.
    pub keys: RemoteKeys,
    state: Arc<State>,
    timer: Movable,
}

struct State {
    wanted: AtomicBool,
    refreshes: AtomicUsize,
    running: Mutex<bool>,
    ended: Condvar,
}

impl Refreshing {
    /// How much time passes for the keys at each turn: more than they are fresh for, less than they can be used for.
    const TURN: Duration = Duration::from_secs(900);

    /// Fetches the first of the two sets. To be called within a tokio runtime, which fetches the others as well.
    pub async fn start(sets: [String; 2]) -> Self {
        let address = serve(sets).unwrap();
        let timer = Movable(Arc::new(Moved {
            start: Instant::now(),
            seconds: AtomicU64::new(0),
            bell: Notify::new(),
        }));
        let state = Arc::new(State {
            wanted: AtomicBool::new(false),
            refreshes: AtomicUsize::new(0),
            running: Mutex::new(false),
            ended: Condvar::new(),
        });
        let next = Arc::new(Notify::new());
        let (told, turn) = (Arc::clone(&state), Arc::clone(&next));
        let keys = RemoteJwks::new(format!("http://{address}/jwks.json"))
            .fetch(HttpClient::new().unwrap())
            .timer(timer.clone())
            .on_event(move |event| {
                assert!(matches!(event, Event::Refreshed { .. }), "{event}");
                told.refreshes.fetch_add(1, Ordering::Relaxed);
                if told.wanted.load(Ordering::Relaxed) {
                    turn.notify_one();
                } else {
                    *told.running.lock().unwrap() = false;
                    told.ended.notify_all();
                }
            })
            .connect()
            .await
            .unwrap();
        let ticking = timer.clone();
        tokio::spawn(async move {
            loop {
                next.notified().await;
                ticking.pass(Self::TURN);
            }
        });
        Self { keys, state, timer }
    }

    /// Fetches them once more.
    pub fn once(&self) {
        *self.state.running.lock().unwrap() = true;
        self.timer.pass(Self::TURN);
    }

    /// Fetches them over and over from now on.
    pub fn resume(&self) {
        self.state.wanted.store(true, Ordering::Relaxed);
        self.once();
    }

    /// Fetches no more; when it returns, the last fetch has ended.
    pub fn pause(&self) {
        self.state.wanted.store(false, Ordering::Relaxed);
        let running = self.state.running.lock().unwrap();
        let ended = self
            .state
            .ended
            .wait_timeout_while(running, Duration::from_secs(30), |running| *running);
        assert!(!ended.unwrap().1.timed_out(), "the fetch does not end");
    }

    /// How many fetches there were.
    pub fn refreshes(&self) -> usize {
        self.state.refreshes.load(Ordering::Relaxed)
    }
}
