//! From a header to the keys that may verify the token, and to the verified signature.

use std::future::{poll_fn, ready};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use smallvec::SmallVec;

use crate::algorithm::Algorithm;
use crate::gate::decision::BoxFuture;
use crate::key::source::{KeySource, MissingKey, Refresh, Unavailable};
use crate::key::{Key, KeyEpoch, KeySet};
use crate::rejection::{Rejection, RejectionKind, Shown};
use crate::token::compact::{Compact, Segment};
use crate::verifier::terms::VerifyingKey;

/// The keys of one issuer.
#[derive(Clone, Default)]
pub(crate) struct Keyring {
    pub(crate) keys: Vec<Key>,
    pub(crate) sources: Vec<Arc<dyn KeySource>>,
}

/// The key that has verified a signature.
pub(crate) struct Verifying {
    pub(crate) key: VerifyingKey,
    /// The place of the source that it came from, if it is not a fixed one.
    pub(crate) source: Option<usize>,
    /// What the sources had when it was chosen.
    pub(crate) epochs: Epochs,
}

/// The epochs of a keyring's sources, in their order; `None` where one was unavailable.
pub(crate) type Epochs = SmallVec<[Option<KeyEpoch>; 2]>;

/// Why no key has verified a token.
pub(crate) enum Miss {
    /// The token is refused.
    Refused(Rejection),
    /// Sources are being asked for a key that they did not have; afterwards the token is worth another look.
    Asked(Asked),
}

/// Whether the sources may be asked for a key that they do not have.
#[derive(Clone, Copy)]
pub(crate) enum Ask {
    /// They may.
    Sources,
    /// They were, and this is what they said.
    Nobody(Result<(), Unavailable>),
}

/// What became of the search for a key; the worst case decides the refusal.
#[derive(Default)]
struct Search {
    serving: bool,
    tried: usize,
    /// Whether a key of exactly the token's `kid` was tried.
    exact: bool,
    unavailable: Option<Unavailable>,
}

impl Keyring {
    /// Verifies the signature with the keys that fit (`kid`, `alg`) and gives the one that did.
    ///
    /// A key without a `kid` fits any, a token without one fits every key; at most `most` keys are tried. `is_ours` looks at
    /// whose the token says that it is, before a source is asked for a key.
    pub(crate) fn verify(
        &self,
        token: &Compact<'_>,
        algorithm: Algorithm,
        kid: Option<&str>,
        most: usize,
        ask: Ask,
        is_ours: impl FnOnce() -> Result<(), Rejection>,
    ) -> Result<Verifying, Miss> {
        let mut segment = Segment::new();
        let signature = token.signature(&mut segment)?;
        let mut search = Search::default();
        let mut sets: SmallVec<[(usize, Arc<KeySet>); 4]> = SmallVec::new();
        let mut epochs = Epochs::new();
        for (place, source) in self.sources.iter().enumerate() {
            let keys = source.keys();
            epochs.push(keys.as_ref().ok().map(|set| set.epoch()));
            match keys {
                Ok(set) => sets.push((place, set)),
                Err(down) => search.unavailable = Some(down),
            }
        }
        let sourced = sets.iter().map(|(place, set)| (Some(*place), set.keys()));
        let lists = || std::iter::once((None, &self.keys[..])).chain(sourced.clone());
        // A secret next to public keys is never used: who can fetch the set, knows it. What a source that is down would
        // bring cannot be known.
        let public = |(_, keys): (_, &[Key])| keys.iter().any(|key| !key.family().is_symmetric());
        let barred =
            algorithm.family().is_symmetric() && (search.unavailable.is_some() || lists().any(public));
        // Keys of exactly the token's `kid` first, so that none without one can use up the tries.
        for exact in [true, false] {
            for (source, keys) in lists() {
                for (place, key) in keys.iter().enumerate() {
                    let fits = match (kid, key.kid()) {
                        (Some(wanted), Some(got)) => exact && wanted == got,
                        (Some(_), None) => !exact,
                        (None, _) => exact,
                    };
                    if !fits || barred || !key.serves(algorithm) || search.tried == most {
                        continue;
                    }
                    search.tried += 1;
                    search.exact |= kid.is_some() && exact;
                    if key.verify(algorithm, token.signing_input(), signature) {
                        return Ok(Verifying {
                            key: match source {
                                None => VerifyingKey::Fixed(place),
                                Some(_) => VerifyingKey::Sourced(key.clone()),
                            },
                            source,
                            epochs,
                        });
                    }
                }
            }
        }
        let serving = |(_, keys): (_, &[Key])| keys.iter().any(|key| key.serves(algorithm));
        search.serving = !barred && lists().any(serving);
        Err(self.miss(search, MissingKey::new(kid, algorithm), ask, is_ours))
    }

    /// Whether the sources have what they had then; one that was unavailable then still is.
    pub(crate) fn is_in(&self, epochs: &Epochs) -> bool {
        self.sources.len() == epochs.len()
            && self
                .sources
                .iter()
                .zip(epochs)
                .all(|(source, epoch)| source.epoch().ok() == *epoch)
    }

    /// Tells the source of a key that a token has passed by it.
    pub(crate) fn note_use(&self, source: Option<usize>, key: &Key, now: u64) {
        if let Some(source) = source.and_then(|source| self.sources.get(source)) {
            source.used(key, now);
        }
    }

    /// After a search without success: a question to the sources, or the refusal.
    ///
    /// A key that was found by its name and does not fit is no reason to ask for others, and no secret is ever fetched. Nor is
    /// anything for a token that names another issuer: it would be refused with any key.
    #[cold]
    fn miss(
        &self,
        mut search: Search,
        missing: MissingKey<'_>,
        ask: Ask,
        is_ours: impl FnOnce() -> Result<(), Rejection>,
    ) -> Miss {
        if search.exact || missing.algorithm().family().is_symmetric() || self.sources.is_empty() {
            return search.rejection(missing).into();
        }
        match ask {
            Ask::Sources => {
                if let Err(rejection) = is_ours() {
                    return rejection.into();
                }
                let mut asked = Asked(Vec::new());
                let mut cannot_tell = None;
                for source in &self.sources {
                    match source.refresh(&missing) {
                        Refresh::Pointless => {}
                        Refresh::Unavailable(down) => cannot_tell = Some(down),
                        Refresh::Pending(answer) => asked.0.push(answer),
                    }
                }
                if !asked.0.is_empty() {
                    // It holds after the wait, too: nobody is asked then.
                    if let Some(down) = cannot_tell {
                        asked.0.push(Box::pin(ready(Err(down))));
                    }
                    return Miss::Asked(asked);
                }
                search.unavailable = cannot_tell.or(search.unavailable);
            }
            Ask::Nobody(Err(down)) => search.unavailable = Some(down),
            Ask::Nobody(Ok(())) => {}
        }
        search.rejection(missing).into()
    }
}

/// The answers that are awaited of the sources of one keyring.
pub(crate) struct Asked(Vec<BoxFuture<Result<(), Unavailable>>>);

impl Asked {
    /// Waits for all of them side by side; one that fails is the answer.
    pub(crate) async fn answer(mut self) -> Result<(), Unavailable> {
        let mut answer = Ok(());
        poll_fn(|context| {
            self.0.retain_mut(|asked| match asked.as_mut().poll(context) {
                Poll::Ready(answered) => {
                    answer = answer.and(answered);
                    false
                }
                Poll::Pending => true,
            });
            if self.0.is_empty() {
                Poll::Ready(answer)
            } else {
                Poll::Pending
            }
        })
        .await
    }
}

impl From<Rejection> for Miss {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection)
    }
}

/// For whoever cannot wait.
impl From<Miss> for Rejection {
    fn from(miss: Miss) -> Self {
        match miss {
            Miss::Refused(rejection) => rejection,
            Miss::Asked(_) => Self::unavailable(
                Duration::from_secs(1),
                "a key source is being asked for the token's key, and this call cannot wait for it",
            ),
        }
    }
}

impl Search {
    fn rejection(self, missing: MissingKey<'_>) -> Rejection {
        if let Some(down) = self.unavailable {
            return Rejection::unavailable(down.retry_after(), "a key source cannot answer now");
        }
        let algorithm = missing.algorithm();
        let kid = missing.kid().map_or_else(
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
                format!("no key fits a token {kid} and `alg` {algorithm}"),
            ),
            (true, tried) => (
                RejectionKind::BadSignature,
                format!(
                    "the signature of a token {kid} and `alg` {algorithm} verifies with none of {tried} keys"
                ),
            ),
        };
        Rejection::new(kind, detail)
    }
}
