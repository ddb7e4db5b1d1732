//! Fetched keys: from memory, and over HTTP from a server in this process.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use serde_json::json;
use tollgate_core::{Algorithm, BoxFuture, KeySet, KeySource, SigningKey, Verifier};
use tollgate_oidc::{
    Event, Fetch, FetchError, FetchRequest, FetchResponse, HttpClient, RemoteJwks, RemoteKeys,
};

use crate::tokens::{AUDIENCE, Fixture, ISSUER};

/// A fetcher that returns the same set for every URL.
struct Published(String);

impl Fetch for Published {
    fn get(&self, _: FetchRequest) -> BoxFuture<Result<FetchResponse, FetchError>> {
        let answer = FetchResponse::new(200, &*self.0);
        Box::pin(async { Ok(answer) })
    }
}

/// Fetches the fixture's key as a set. Requires a tokio runtime.
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

/// Fetches the fixture's key as the last of `count` keys, which are the same key with other names.
/// Requires a tokio runtime.
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

/// Creates a verifier with every default check, like [`Fixture::cold_verifier`], for keys of that
/// source.
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

/// Returns two sets of the maximum number of keys: RSA, EC and OKP. The fixture's key is last in
/// both, the others change their places.
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
    // RSA key generation is slow. The same key with other names takes as much work to prepare.
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

/// Serves the two sets alternately until the process exits, so that each fetch returns a change.
///
/// # Errors
/// Returns an error if no port can be bound.
pub fn serve(sets: [String; 2]) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for (connection, set) in listener.incoming().zip(sets.iter().cycle()) {
            // A broken connection is a failed fetch, which the fetch counters show.
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
        "HTTP/1.1 200 OK\r\ncontent-type: application/jwk-set+json\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{set}"
    )
}

/// Fetches the set at this address. Requires a tokio runtime.
pub async fn connect(address: SocketAddr) -> RemoteKeys {
    source(address).connect().await.unwrap()
}

/// Fetches the set at this address every second, the shortest configurable lifetime.
pub async fn connect_refreshing(address: SocketAddr) -> RemoteKeys {
    const LIFE: Duration = Duration::from_secs(1);
    let source = source(address).life(LIFE..=LIFE).cool_down(LIFE);
    source.connect().await.unwrap()
}

fn source(address: SocketAddr) -> RemoteJwks {
    RemoteJwks::new(format!("http://{address}/jwks.json"))
        .fetch(HttpClient::new().unwrap())
        .on_event(|event| assert!(matches!(event, Event::Refreshed { .. }), "{event}"))
}
