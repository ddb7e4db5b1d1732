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

use tokio::time::Instant;
use tollgate_core::KeySet;

use crate::error::{OidcError, OidcErrorKind};
use crate::fetch::Fetch;
use crate::settings::{Location, Settings};

use self::exchange::{Exchange, Validator};
use self::location::Place;

/// Retrieves the keys of one location repeatedly. It caches the metadata and the validator of the
/// last set. Dropping a retrieval is cancel-safe.
pub(crate) struct Retriever {
    settings: Settings,
    fetch: Arc<dyn Fetch>,
    /// The issuer, its metadata, or the set itself.
    named: Place,
    metadata: Option<Metadata>,
    last: Option<LastSet>,
    fingerprints: [RandomState; 2],
}

/// The result of a retrieval.
#[derive(Debug)]
pub(crate) enum Retrieved {
    /// A set with at least one usable key.
    Changed(Fresh<KeySet>),
    /// The same bytes as in the last successful retrieval.
    Unchanged(Fresh<()>),
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

impl Retriever {
    /// Creates a retriever for the location in the settings.
    ///
    /// # Errors
    /// Returns an error for an invalid location, and if there is no HTTP client.
    pub(crate) fn new(settings: &Settings) -> Result<Self, OidcError> {
        let named = match (&settings.location, &settings.metadata_url) {
            (Location::Jwks(url), _) => Place::named("the URL of the set", url, settings)?,
            (Location::Issuer(_), Some(url)) => {
                Place::named("the URL of the metadata", url, settings)?
            }
            (Location::Issuer(issuer), None) => {
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
            Location::Jwks(_) => None,
            Location::Issuer(issuer) => Some(match &self.metadata {
                Some(known) if Instant::now() < known.fresh_until => known.clone(),
                _ => self.fetch_metadata(issuer).await?,
            }),
        };
        let jwks = metadata
            .as_ref()
            .map_or(&self.named, |metadata| &metadata.jwks);
        match self.fetch_set(jwks).await {
            Ok((set, last)) => {
                let life = last.life;
                self.metadata = metadata;
                self.last = Some(last);
                Ok(match set {
                    Some(found) => Retrieved::Changed(Fresh { found, life }),
                    None => Retrieved::Unchanged(Fresh { found: (), life }),
                })
            }
            Err(error) => {
                // The set may have moved.
                self.metadata = None;
                Err(error)
            }
        }
    }

    async fn fetch_metadata(&self, issuer: &str) -> Result<Metadata, OidcError> {
        const ACCEPT: &str = "application/json";
        let exchange = self.exchange();
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

    /// Returns the set if it has changed, and the facts to cache in any case.
    async fn fetch_set(&self, jwks: &Place) -> Result<(Option<KeySet>, LastSet), OidcError> {
        const ACCEPT: &str = "application/jwk-set+json, application/json";
        // A set at another URL has its own versions.
        let last = self.last.as_ref().filter(|last| last.jwks == *jwks);
        let known = last.and_then(|last| last.validator.as_ref());
        let answered = self.exchange().get(jwks, ACCEPT, known).await?;
        let life = freshness::life(&answered.response, self.settings.clock.now());
        if let Some(last) = last.filter(|_| answered.not_modified) {
            // RFC 9111 section 4.3.4: the fields of the 304 replace the stored ones.
            return Ok((
                None,
                LastSet {
                    jwks: jwks.clone(),
                    validator: answered.validator().or_else(|| last.validator.clone()),
                    content: last.content,
                    life: life.or(last.life),
                },
            ));
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
        let set = if unchanged {
            None
        } else {
            Some(read_set(content).map_err(|error| error.at(&answered.place.shown()))?)
        };
        let last = LastSet {
            jwks: jwks.clone(),
            validator: answered.validator(),
            content: fingerprint,
            life,
        };
        Ok((set, last))
    }

    fn exchange(&self) -> Exchange<'_> {
        Exchange {
            fetch: &*self.fetch,
            deadline: Instant::now() + self.settings.timeout,
        }
    }
}

/// Reads a set with at least one usable key.
fn read_set(content: &[u8]) -> Result<KeySet, OidcError> {
    let set = KeySet::public_from_json(content).map_err(|error| {
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
