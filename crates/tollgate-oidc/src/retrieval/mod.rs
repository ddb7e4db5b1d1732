//! One retrieval of the keys: the metadata if needed, then the set.

mod discovery;
mod exchange;
mod freshness;
mod location;

#[cfg(test)]
mod tests;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::Instant;
use tollgate_core::{Algorithm, Key, KeyErrorKind, KeySet, json};

use crate::error::{OidcError, OidcErrorKind};
use crate::fetch::Fetch;
use crate::settings::{Location, Settings};

use self::exchange::{Exchange, Validator};
use self::location::Place;

/// The minimum time between the two empty sets that withdraw the last key.
const CONFIRMATION: Duration = Duration::from_secs(300);

/// Retrieves the keys of one location repeatedly. It caches the metadata and the validator of the
/// last set. Dropping a retrieval is cancel-safe.
pub(crate) struct Retriever {
    settings: Settings,
    fetch: Arc<dyn Fetch>,
    /// The issuer, its metadata, or the set itself.
    named: Place,
    metadata: Option<Metadata>,
    last: Option<LastSet>,
    emptied: Option<Emptied>,
    fingerprints: [RandomState; 2],
}

/// The result of a retrieval.
#[derive(Debug)]
pub(crate) enum Retrieved {
    /// A set with at least one usable key.
    Changed(Fresh<KeySet>),
    /// The same bytes as in the last successful retrieval.
    Unchanged(Fresh<()>),
    /// The issuer has withdrawn its last key: an exactly empty set, confirmed.
    Withdrawn,
}

/// A result and its stated life from now on, before the configured bounds.
#[derive(Debug)]
pub(crate) struct Fresh<T> {
    pub(crate) found: T,
    pub(crate) life: Option<Duration>,
}

/// The cached metadata.
#[derive(Clone)]
struct Metadata {
    jwks: Place,
    fresh_until: Instant,
}

/// A keyed 128-bit hash of a content, so that a thousand tenants do not cost a gigabyte. With a
/// collision, an issuer could only hide a change of its own keys.
type Fingerprint = [u64; 2];

/// The cached facts about the last set.
struct LastSet {
    jwks: Place,
    validator: Option<Validator>,
    content: Fingerprint,
    life: Option<Duration>,
}

/// An exactly empty set, until a set with keys comes.
struct Emptied {
    jwks: Place,
    /// The time of the first one that no cache had stored.
    seen: Option<Instant>,
}

/// The response for a set.
enum Answer {
    /// The set if it has changed, and the facts to cache in any case.
    Keys(Option<KeySet>, Box<LastSet>),
    /// An exactly empty set.
    Empty {
        /// Whether no cache had stored it.
        uncached: bool,
        error: OidcError,
    },
}

impl Retriever {
    /// Creates a retriever for the location in the settings.
    ///
    /// # Errors
    /// Returns an error for an invalid location, and if there is no HTTP client.
    pub(crate) fn new(settings: &Settings) -> Result<Self, OidcError> {
        let Settings {
            location,
            jwks_url,
            metadata_url,
            ..
        } = settings;
        let named = match (location, jwks_url, metadata_url) {
            (Location::ByKid(url), ..) => Place::named("the URL of the keys", url, settings)?,
            (Location::Jwks(url), ..) | (_, Some(url), _) => {
                Place::named("the URL of the set", url, settings)?
            }
            (_, _, Some(url)) => Place::named("the URL of the metadata", url, settings)?,
            (Location::Issuer(issuer), None, None) => {
                let named = Place::named("the issuer", issuer, settings)?;
                // OpenID Connect Core 1.0 section 2, RFC 8414 section 2.
                if named.url.query().is_some() {
                    return Err(OidcError::new(
                        OidcErrorKind::InvalidUrl,
                        "the issuer has a query",
                    ));
                }
                named
            }
        };
        Ok(Self {
            settings: settings.clone(),
            fetch: settings.fetch_or_default()?,
            named,
            metadata: None,
            last: None,
            emptied: None,
            fingerprints: [RandomState::new(), RandomState::new()],
        })
    }

    /// Fetches the current set. Metadata and set have a timeout each, redirects included: a
    /// retrieval ends within twice the timeout.
    ///
    /// # Errors
    /// Returns an error if the response must not replace the current keys.
    pub(crate) async fn retrieve(&mut self) -> Result<Retrieved, OidcError> {
        let metadata = match &self.settings.location {
            _ if self.settings.jwks_url.is_some() => None,
            Location::Jwks(_) | Location::ByKid(_) => None,
            Location::Issuer(issuer) => Some(match &self.metadata {
                Some(known) if Instant::now() < known.fresh_until => known.clone(),
                _ => self.fetch_metadata(issuer).await?,
            }),
        };
        let jwks = metadata
            .as_ref()
            .map_or(&self.named, |metadata| &metadata.jwks);
        let asked = Instant::now();
        match self.fetch_set(jwks).await {
            Ok(Answer::Keys(set, last)) => {
                let life = last.life;
                self.emptied = None;
                self.metadata = metadata;
                self.last = Some(*last);
                Ok(match set {
                    Some(found) => Retrieved::Changed(Fresh { found, life }),
                    None => Retrieved::Unchanged(Fresh { found: (), life }),
                })
            }
            Ok(Answer::Empty { uncached, error }) => {
                let jwks = jwks.clone();
                self.metadata = None;
                if self.is_withdrawn(jwks, uncached, asked) {
                    self.last = None;
                    return Ok(Retrieved::Withdrawn);
                }
                Err(error)
            }
            Err(error) => {
                // The set may have moved.
                self.metadata = None;
                Err(error)
            }
        }
    }

    /// Fetches the key with this `kid`, a UUID: its URL is that of the location, a slash and the
    /// `kid`, and its content a public key in PEM for ES256. Returns the key with a keyed hash of
    /// its content, or `None` if there is no such key.
    ///
    /// # Errors
    /// Returns an error if the response is neither a key nor its absence.
    pub(crate) async fn retrieve_key(
        &self,
        kid: &str,
        hasher: &RandomState,
    ) -> Result<Option<Fresh<(Key, u64)>>, OidcError> {
        const ACCEPT: &str = "application/x-pem-file, text/plain, application/octet-stream";
        let mut place = self.named.clone();
        let base = place.url.path().trim_end_matches('/');
        place.url.set_path(&format!("{base}/{kid}"));
        let answered = self.exchange(false).get(&place, ACCEPT, None).await?;
        // A bucket whose content cannot be listed returns 403 for an absent object.
        if matches!(answered.response.status, 403 | 404 | 410) {
            return Ok(None);
        }
        let content = answered.content()?;
        let key = Key::from_pem(Algorithm::ES256, content).map_err(|error| {
            OidcError::new(OidcErrorKind::NoUsableKey, format!("not a key: {error}"))
                .at(&answered.place.shown())
        })?;
        Ok(Some(Fresh {
            found: (key.with_kid(kid), hasher.hash_one(content)),
            life: freshness::life(&answered.response, self.settings.clock.now()),
        }))
    }

    /// Records an empty set that was asked for at that time. Returns whether it confirms another.
    fn is_withdrawn(&mut self, jwks: Place, uncached: bool, asked: Instant) -> bool {
        let former = self.emptied.take().filter(|former| former.jwks == jwks);
        let seen = former.and_then(|former| former.seen);
        self.emptied = Some(Emptied {
            jwks,
            seen: seen.or_else(|| uncached.then(Instant::now)),
        });
        uncached && seen.is_some_and(|seen| asked.saturating_duration_since(seen) >= CONFIRMATION)
    }

    async fn fetch_metadata(&self, issuer: &str) -> Result<Metadata, OidcError> {
        const ACCEPT: &str = "application/json";
        // After an empty set: a cached document may name a place that the set has left.
        let exchange = self.exchange(self.emptied.is_some());
        let answered = if self.settings.metadata_url.is_some() {
            exchange.get(&self.named, ACCEPT, None).await?
        } else {
            let [openid, oauth] = discovery::well_known(&self.named.url).map(|url| Place {
                url,
                ..self.named.clone()
            });
            let answered = exchange.get(&openid, ACCEPT, None).await?;
            if answered.response.status == 404 {
                exchange.get(&oauth, ACCEPT, None).await?
            } else {
                answered
            }
        };
        let jwks_uri = discovery::jwks_uri(answered.content()?, issuer)?;
        let said = freshness::life(&answered.response, self.settings.clock.now());
        let life = self.settings.bounded_life(said);
        Ok(Metadata {
            jwks: self.named.jwks_uri(&jwks_uri, &self.settings)?,
            fresh_until: Instant::now() + life,
        })
    }

    async fn fetch_set(&self, jwks: &Place) -> Result<Answer, OidcError> {
        const ACCEPT: &str = "application/jwk-set+json, application/json";
        // A set at another URL has its own versions.
        let last = self.last.as_ref().filter(|last| last.jwks == *jwks);
        let no_cache = self.emptied.as_ref().is_some_and(|set| set.jwks == *jwks);
        let known = last
            .filter(|_| !no_cache)
            .and_then(|last| last.validator.as_ref());
        let exchange = self.exchange(no_cache);
        let answered = exchange.get(jwks, ACCEPT, known).await?;
        let life = freshness::life(&answered.response, self.settings.clock.now());
        if let Some(last) = last.filter(|_| answered.not_modified) {
            // RFC 9111 section 4.3.4: the fields of the 304 replace the stored ones.
            let last = LastSet {
                jwks: jwks.clone(),
                validator: answered.validator().or_else(|| last.validator.clone()),
                content: last.content,
                life: life.or(last.life),
            };
            return Ok(Answer::Keys(None, Box::new(last)));
        }
        let content = answered.content()?;
        let fingerprint = self
            .fingerprints
            .each_ref()
            .map(|hash| hash.hash_one(content));
        let unchanged = self
            .last
            .as_ref()
            .is_some_and(|last| last.content == fingerprint);
        let set = match (!unchanged)
            .then(|| read_set(content, &self.settings))
            .transpose()
        {
            Ok(set) => set,
            Err(error) => {
                let error = error.at(&answered.place.shown());
                return if is_exactly_empty(content) {
                    let uncached = no_cache && !freshness::is_from_cache(&answered.response);
                    Ok(Answer::Empty { uncached, error })
                } else {
                    Err(error)
                };
            }
        };
        let last = LastSet {
            jwks: jwks.clone(),
            validator: answered.validator(),
            content: fingerprint,
            life,
        };
        Ok(Answer::Keys(set, Box::new(last)))
    }

    fn exchange(&self, no_cache: bool) -> Exchange<'_> {
        Exchange {
            fetch: &*self.fetch,
            deadline: Instant::now() + self.settings.timeout,
            no_cache,
        }
    }
}

/// Reads a set with at least one usable key, or a map of `kid` to certificate.
fn read_set(content: &[u8], settings: &Settings) -> Result<KeySet, OidcError> {
    let set = match KeySet::from_public_json(content) {
        _ if settings.spiffe_bundle => KeySet::from_spiffe_bundle(content),
        Err(error) if error.kind() == KeyErrorKind::MissingMember => {
            let map = KeySet::from_certificate_map(content).ok();
            map.filter(|map| !map.is_empty()).ok_or(error)
        }
        set => set,
    };
    let set = set.map_err(|error| {
        OidcError::new(OidcErrorKind::Malformed, format!("not a JWK Set: {error}"))
    })?;
    if set.is_empty() {
        let problem = match set.skipped() {
            [] => "the set is empty".to_owned(),
            [skipped] => format!("the set has no usable key: {skipped}"),
            [first, rest @ ..] => format!(
                "the set has no usable key: {first}; and {} more",
                rest.len()
            ),
        };
        return Err(OidcError::new(OidcErrorKind::NoUsableKey, problem));
    }
    Ok(set)
}

/// Returns whether the content is an object with the single member `keys`, an empty array. Another
/// member may mean that the response is no set but an error.
fn is_exactly_empty(content: &[u8]) -> bool {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Empty {
        keys: Vec<IgnoredAny>,
    }
    json::from_slice(content).is_ok_and(|set: Empty| set.keys.is_empty())
}
