//! From a header to the keys that may verify the token, and to the verified signature.

use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::algorithm::Algorithm;
use crate::key::{Key, KeySet};
use crate::rejection::{Rejection, RejectionKind, Shown};
use crate::token::{Compact, SIGNATURE_BYTES};

/// A place that keys come from while the service runs: a remote JWK Set, a rotating issuer of the same process.
///
/// It is asked for each token and must not block: it hands out the snapshot that it has.
///
/// ```
/// use std::sync::Arc;
/// use tollgate_core::{Key, KeySet, KeySource, Unavailable, Verifier};
///
/// struct Fixed(Arc<KeySet>);
///
/// impl KeySource for Fixed {
///     fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
///         Ok(Arc::clone(&self.0))
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = Arc::new(KeySet::from_iter([Key::hs256([7; 32])?]));
/// let verifier = Verifier::builder()
///     .issuer("https://id.example.com")
///     .audience("orders-api")
///     .key_source(Fixed(keys))
///     .build();
/// assert!(verifier.is_ok());
/// # Ok(()) }
/// ```
pub trait KeySource: Send + Sync {
    /// The keys as they stand now.
    ///
    /// # Errors
    /// [`Unavailable`] where the source has none that it still vouches for; the client then gets a 503, never a 401.
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable>;
}

impl<S: KeySource + ?Sized> KeySource for Arc<S> {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        (**self).keys()
    }
}

/// A [`KeySource`] cannot answer now.
///
/// ```
/// use std::time::Duration;
/// use tollgate_core::Unavailable;
///
/// let down = Unavailable::new(Duration::from_secs(5));
/// assert_eq!(down.retry_after(), Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable {
    retry_after: Duration,
}

impl Unavailable {
    /// With the time after which the client may try again.
    ///
    /// ```
    /// # use tollgate_core::Unavailable;
    /// assert_eq!(Unavailable::new(std::time::Duration::ZERO).retry_after().as_secs(), 0);
    /// ```
    pub const fn new(retry_after: Duration) -> Self {
        Self { retry_after }
    }

    /// The time after which the client may try again.
    ///
    /// ```
    /// # use tollgate_core::Unavailable;
    /// assert_eq!(Unavailable::new(std::time::Duration::from_secs(1)).retry_after().as_secs(), 1);
    /// ```
    pub const fn retry_after(&self) -> Duration {
        self.retry_after
    }
}

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the keys are not available at the moment")
    }
}

impl std::error::Error for Unavailable {}

/// The keys of one issuer.
#[derive(Clone, Default)]
pub(crate) struct Keyring {
    pub(crate) keys: Vec<Key>,
    pub(crate) sources: Vec<Arc<dyn KeySource>>,
}

/// What became of the search for a key; the worst case decides the refusal.
#[derive(Default)]
struct Search {
    serving: bool,
    tried: usize,
    unavailable: Option<Unavailable>,
}

impl Keyring {
    /// Verifies the signature with the keys that fit (`kid`, `alg`) and gives the one that did.
    ///
    /// A key without a `kid` fits any, a token without one fits every key; at most `most` keys are tried.
    pub(crate) fn verify(
        &self,
        token: &Compact<'_>,
        algorithm: Algorithm,
        key_id: Option<&str>,
        most: usize,
    ) -> Result<Key, Rejection> {
        let mut buffer = [0; SIGNATURE_BYTES];
        let signature = token.signature(&mut buffer)?;
        let mut search = Search::default();
        let mut sets: SmallVec<[Arc<KeySet>; 4]> = SmallVec::new();
        for source in &self.sources {
            match source.keys() {
                Ok(set) => sets.push(set),
                Err(down) => search.unavailable = Some(down),
            }
        }
        let keys = || self.keys.iter().chain(sets.iter().flat_map(|set| set.keys()));
        // A secret next to public keys is never used: who can fetch the set, knows it. What a source that is down would
        // bring cannot be known.
        let barred = algorithm.family().is_symmetric()
            && (search.unavailable.is_some() || keys().any(|key| !key.family().is_symmetric()));
        // Keys of exactly the token's `kid` first, so that none without one can use up the tries.
        for exact in [true, false] {
            for key in keys().filter(|key| !barred && key.serves(algorithm)) {
                search.serving = true;
                let fits = match (key_id, key.kid()) {
                    (Some(wanted), Some(got)) => exact && wanted == got,
                    (Some(_), None) => !exact,
                    (None, _) => exact,
                };
                if !fits || search.tried == most {
                    continue;
                }
                search.tried += 1;
                if key.verify(algorithm, token.signing_input(), signature) {
                    return Ok(key.clone());
                }
            }
        }
        Err(search.rejection(algorithm, key_id))
    }
}

impl Search {
    fn rejection(self, algorithm: Algorithm, key_id: Option<&str>) -> Rejection {
        if let Some(down) = self.unavailable {
            return Rejection::unavailable(down.retry_after(), "a key source has no keys to offer");
        }
        let key_id = key_id.map_or_else(
            || "without `kid`".to_owned(),
            |kid| format!("with `kid` {}", Shown(kid)),
        );
        let (kind, detail) = match (self.serving, self.tried) {
            (false, _) => (
                RejectionKind::WrongAlgorithm,
                format!("no key serves `alg` {algorithm}"),
            ),
            (true, 0) => (
                RejectionKind::UnknownKey,
                format!("no key fits a token {key_id} and `alg` {algorithm}"),
            ),
            (true, tried) => (
                RejectionKind::BadSignature,
                format!(
                    "the signature of a token {key_id} and `alg` {algorithm} verifies with none of {tried} keys"
                ),
            ),
        };
        Rejection::new(kind, detail)
    }
}
