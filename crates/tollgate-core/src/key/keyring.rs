//! The keys of one issuer: choosing a key, verifying the signature, and querying the key sources.

use std::fmt;
use std::future::{poll_fn, ready};
use std::sync::Arc;
use std::task::Poll;

use smallvec::SmallVec;

use crate::algorithm::{Algorithm, Family};
use crate::key::source::{KeySource, MissingKey, Unavailable};
use crate::key::{Key, KeyEpoch, KeySet};
use crate::rejection::{Few, Rejection, RejectionKind, Shown};
use crate::step::{BoxFuture, Step};

/// The keys of one issuer.
#[derive(Clone, Default)]
pub(crate) struct Keyring {
    pub(crate) keys: Vec<Key>,
    pub(crate) sources: Vec<Arc<dyn KeySource>>,
    /// Shared secrets beside public keys. If there are any, an HMAC is verified by them alone, and
    /// no other token is.
    pub(crate) secrets: Vec<Key>,
}

/// A signature that a key has verified.
pub(crate) struct Verifying {
    pub(crate) key: VerifyingKey,
    /// The index of the key's source; `None` for a fixed key.
    pub(crate) source: Option<usize>,
    /// The epochs of the sources when the key was chosen.
    pub(crate) epochs: Epochs,
}

/// The key that has verified a signature.
#[derive(Clone)]
pub(crate) enum VerifyingKey {
    /// The key at this index of [`Keyring::fixed`].
    Fixed(usize),
    /// A copy of a key, because its source may withdraw it.
    Sourced(Key),
}

/// The epochs of a keyring's sources, in their order; `None` for a source that was unavailable.
pub(crate) type Epochs = SmallVec<[Option<KeyEpoch>; 2]>;

/// A search in which no key has verified the signature.
#[derive(Default)]
pub(crate) struct Search {
    /// The number of keys that were tried.
    tried: usize,
    /// The reason if no key was tried.
    untried: Untried,
    /// `true` if a key of exactly the token's `kid` was tried, or would be if it had an `alg`.
    exact: bool,
    /// The algorithms of the keys of exactly the token's `kid`, if none was tried.
    named: Vec<Algorithm>,
    unavailable: Option<Unavailable>,
    /// The epochs of the sources whose keys were searched.
    pub(crate) epochs: Epochs,
}

/// The reason why no key was tried.
#[derive(Clone, Copy, Default)]
enum Untried {
    /// No key serves the token's `alg`.
    #[default]
    Unserved,
    /// A secret serves it, but not beside public keys.
    Barred,
    /// A key that fits the token could serve it, but declares no algorithm.
    Undeclared,
    /// The keys that serve it have other `kid`s.
    OtherKid,
}

impl Keyring {
    /// The keys without a source: `keys`, then `secrets`.
    pub(crate) fn fixed(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter().chain(&self.secrets)
    }

    /// Returns the list of keys and sources for an algorithm, and the index of its first key in
    /// [`fixed`](Self::fixed). The family alone selects the list, before any key is compared.
    fn list(&self, family: Family) -> (&[Key], &[Arc<dyn KeySource>], usize) {
        if family.is_symmetric() && !self.secrets.is_empty() {
            (&self.secrets, &[], self.keys.len())
        } else {
            (&self.keys, &self.sources, 0)
        }
    }

    /// Verifies a signature with the keys that fit `kid` and `alg`, and returns the key that
    /// verified it.
    ///
    /// A key without a `kid` fits every token, and a token without one fits every key. A key that
    /// declares no algorithm serves all of its type if the verifier's configuration has `chosen`
    /// the token's. At most `most` keys are tried.
    pub(crate) fn verify(
        &self,
        signing_input: &[u8],
        signature: &[u8],
        missing: MissingKey<'_>,
        chosen: bool,
        most: usize,
    ) -> Result<Verifying, Search> {
        let (kid, algorithm) = (missing.kid(), missing.algorithm());
        let mut search = Search::default();
        let mut sets: SmallVec<[(usize, Arc<KeySet>); 4]> = SmallVec::new();
        let mut epochs = Epochs::new();
        let (fixed, asked, first) = self.list(algorithm.family());
        for (place, source) in asked.iter().enumerate() {
            let keys = source.keys();
            epochs.push(keys.as_ref().ok().map(|set| set.epoch()));
            match keys {
                Ok(set) => sets.push((place, set)),
                Err(down) => search.unavailable = Some(down),
            }
        }
        let sourced = sets.iter().map(|(place, set)| (Some(*place), set.keys()));
        let lists = || std::iter::once((None, fixed)).chain(sourced.clone());
        // A secret in a list with public keys is never used, because anyone can fetch the set. The
        // keys of an unavailable source are unknown, so they may be public.
        let public = |(_, keys): (_, &[Key])| keys.iter().any(|key| !key.family().is_symmetric());
        let barred = algorithm.family().is_symmetric()
            && (search.unavailable.is_some() || lists().any(public));
        // An empty `kid` is a value that names no key. It does not mean "try all".
        let nameless = kid == Some("");
        let serves = |key: &Key| {
            if chosen {
                key.can_serve(algorithm)
            } else {
                key.serves(algorithm)
            }
        };
        // Keys of exactly the token's `kid` come first, so that others cannot use up the tries.
        for exact in [true, false] {
            for (source, keys) in lists() {
                for (place, key) in keys.iter().enumerate() {
                    let fits = match (kid, key.kid()) {
                        (Some(wanted), Some(got)) => exact && wanted == got,
                        (Some(_), None) => !exact,
                        (None, _) => exact,
                    };
                    if !fits || nameless || barred || !serves(key) || search.tried == most {
                        continue;
                    }
                    search.tried += 1;
                    search.exact |= kid.is_some() && exact;
                    if key.verify(algorithm, signing_input, signature) {
                        return Ok(Verifying {
                            key: match source {
                                None => VerifyingKey::Fixed(first + place),
                                Some(_) => VerifyingKey::Sourced(key.clone()),
                            },
                            source,
                            epochs,
                        });
                    }
                }
            }
        }
        if search.tried == 0 {
            let (mut any_serves, mut undeclared) = (false, false);
            for key in lists().flat_map(|(_, keys)| keys) {
                let exact = kid.is_some() && key.kid() == kid;
                let fits = exact || kid.is_none() || key.kid().is_none();
                any_serves |= serves(key);
                if !nameless && fits && key.can_serve(algorithm) {
                    undeclared = true;
                    search.exact |= exact;
                }
                if !nameless && exact {
                    search.named.extend(key.algorithms());
                }
            }
            search.untried = match any_serves {
                true if barred && !nameless => Untried::Barred,
                _ if undeclared && !barred => Untried::Undeclared,
                true => Untried::OtherKid,
                false => Untried::Unserved,
            };
        }
        search.epochs = epochs;
        Err(search)
    }

    /// Returns `true` if the sources are in these epochs. A source that was unavailable must still
    /// be so. A token of the secrets depends on no source and has no epochs.
    pub(crate) fn is_in(&self, epochs: &Epochs) -> bool {
        (self.sources.len() == epochs.len() || epochs.is_empty())
            && self
                .sources
                .iter()
                .zip(epochs)
                .all(|(source, epoch)| source.epoch().ok() == *epoch)
    }

    /// Reports a verified token to the source of its key. A shared secret has none: its tokens are
    /// reported to all sources, because they show that the issuer is in use.
    pub(crate) fn note_use(&self, source: Option<usize>, key: &Key, now: u64) {
        let of_key = match source {
            Some(place) => self.sources.get(place..=place).unwrap_or_default(),
            None if key.family().is_symmetric() => &self.sources,
            None => &[],
        };
        for source in of_key {
            source.used(key, now);
        }
    }

    /// Returns `true` if a newer set of a source could have the key.
    ///
    /// The sources are not queried if a key of the token's own `kid` was tried or only lacks an
    /// `alg`, nor for an empty `kid`. A secret is never fetched.
    pub(crate) fn may_be_missing(&self, search: &Search, missing: MissingKey<'_>) -> bool {
        let named = missing.kid() != Some("");
        named
            && !search.exact
            && !missing.algorithm().family().is_symmetric()
            && !self.sources.is_empty()
    }

    /// Queries the sources for a newer set. The answer is ready if no source has to fetch one.
    pub(crate) fn refresh(&self, missing: MissingKey<'_>) -> Step<Result<(), Unavailable>> {
        let mut pending = Vec::new();
        let mut known = Ok(());
        for source in &self.sources {
            match source.refresh(&missing) {
                Step::Ready(Ok(())) => {}
                Step::Ready(down) => known = down,
                Step::Pending(answer) => pending.push(answer),
            }
        }
        if pending.is_empty() {
            return Step::Ready(known);
        }
        if known.is_err() {
            pending.push(Box::pin(ready(known)));
        }
        Step::pending(all(pending))
    }
}

/// Waits for all answers concurrently. The first error is the outcome.
async fn all(mut pending: Vec<BoxFuture<Result<(), Unavailable>>>) -> Result<(), Unavailable> {
    let mut outcome = Ok(());
    poll_fn(|context| {
        pending.retain_mut(|answer| match answer.as_mut().poll(context) {
            Poll::Ready(answer) => {
                outcome = outcome.and(answer);
                false
            }
            Poll::Pending => true,
        });
        if pending.is_empty() {
            Poll::Ready(outcome)
        } else {
            Poll::Pending
        }
    })
    .await
}

/// Returns the refusal of a token whose key source is unavailable.
pub(crate) fn unanswered(down: Unavailable) -> Rejection {
    Rejection::unavailable(down.retry_after(), "a key source cannot answer now")
}

impl Search {
    /// Returns the refusal of the token, given the sources' answer to the query for a newer set.
    pub(crate) fn rejection(
        &self,
        missing: MissingKey<'_>,
        refreshed: Result<(), Unavailable>,
    ) -> Rejection {
        if let Some(down) = refreshed.err().or(self.unavailable) {
            return unanswered(down);
        }
        let kind = match self.untried {
            _ if self.tried > 0 => RejectionKind::BadSignature,
            Untried::OtherKid => RejectionKind::UnknownKey,
            _ => RejectionKind::WrongAlgorithm,
        };
        let algorithm = missing.algorithm();
        let token = missing.kid().map(Shown::part);
        let (tried, untried, named) = (self.tried, self.untried, self.named.clone());
        Rejection::late(kind, move |f| {
            let token = Token(token.as_deref());
            match untried {
                _ if tried > 0 => write!(
                    f,
                    "the signature of a token {token} and `alg` {algorithm} verifies with none of \
                     {tried} keys"
                ),
                Untried::Undeclared => write!(
                    f,
                    "the key for a token {token} declares no `alg`: to accept {algorithm}, add it \
                     to `algorithms`"
                ),
                Untried::Barred => write!(
                    f,
                    "a secret serves `alg` {algorithm}, but is not used beside public keys"
                ),
                _ if !named.is_empty() => write!(
                    f,
                    "the key of a token {token} serves {}, not {algorithm}",
                    Few(&named)
                ),
                Untried::OtherKid => write!(f, "no key fits a token {token} and `alg` {algorithm}"),
                Untried::Unserved => write!(f, "no key serves `alg` {algorithm}"),
            }
        })
    }
}

/// A token in a message, by its `kid`.
struct Token<'k>(Option<&'k str>);

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("without `kid`"),
            Some(kid) => write!(f, "with `kid` {}", Shown(kid)),
        }
    }
}
