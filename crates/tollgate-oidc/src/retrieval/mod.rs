//! One retrieval of the keys: metadata where that is needed, then the set.

mod discovery;
mod exchange;
mod freshness;
mod location;

#[cfg(test)]
mod tests;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::KeySet;

use crate::error::{OidcError, OidcErrorKind};
use crate::fetch::Fetch;
use crate::settings::{Location, Settings};

use self::exchange::{Exchange, Validator};
use self::location::Place;

/// Retrieves the keys of one location, over and over. It remembers what makes the next retrieval cheap (the metadata, the
/// validator of the last set); a retrieval that is dropped half-way changes nothing.
pub(crate) struct Retriever {
    settings: Settings,
    fetch: Arc<dyn Fetch>,
    /// The issuer, its metadata, or the set itself.
    named: Place,
    metadata: Option<Metadata>,
    last: Option<LastSet>,
    fingerprints: [RandomState; 2],
}

/// What a retrieval found.
#[derive(Debug)]
pub(crate) enum Retrieved {
    /// Keys; at least one of them verifies something.
    Changed(Fresh<KeySet>),
    /// The set is, to the byte, the one of the last retrieval that did not fail.
    Unchanged(Fresh<()>),
}

/// A finding, and how long it says that it is good for: from now, before any bound of the configuration.
#[derive(Debug)]
pub(crate) struct Fresh<T> {
    pub(crate) found: T,
    pub(crate) life: Option<Duration>,
}

/// What is remembered of the metadata.
#[derive(Clone)]
struct Metadata {
    jwks: Place,
    /// By the timer.
    fresh_until: Duration,
}

/// Stands for a content, so that a thousand tenants do not cost a gigabyte: 128 bits under keys that nobody knows. To find
/// another content with the same would win an issuer no more than that a change of its own keys is overlooked.
type Fingerprint = [u64; 2];

/// What is remembered of the last set.
struct LastSet {
    jwks: Place,
    validator: Option<Validator>,
    content: Fingerprint,
    life: Option<Duration>,
}

impl Retriever {
    /// # Errors
    /// For a location that cannot be, and where there is no client to fetch with.
    pub(crate) fn new(settings: &Settings) -> Result<Self, OidcError> {
        let named = match (&settings.location, &settings.metadata_url) {
            (Location::Jwks(url), _) => Place::named("the URL of the set", url, settings)?,
            (Location::Issuer(_), Some(url)) => Place::named("the URL of the metadata", url, settings)?,
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

    /// Fetches what there is now. Metadata and set may each take the timeout, with all their redirects: it ends within twice
    /// that.
    ///
    /// # Errors
    /// Where nothing came that may replace what is there.
    pub(crate) async fn retrieve(&mut self) -> Result<Retrieved, OidcError> {
        let metadata = match &self.settings.location {
            Location::Jwks(_) => None,
            Location::Issuer(issuer) => Some(match &self.metadata {
                Some(known) if self.settings.timer.now() < known.fresh_until => known.clone(),
                _ => self.fetch_metadata(issuer).await?,
            }),
        };
        let jwks = metadata.as_ref().map_or(&self.named, |metadata| &metadata.jwks);
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
            fresh_until: self.settings.timer.now().saturating_add(life),
        })
    }

    /// The set, if it is another than the last one; and what to remember in any case.
    async fn fetch_set(&self, jwks: &Place) -> Result<(Option<KeySet>, LastSet), OidcError> {
        const ACCEPT: &str = "application/jwk-set+json, application/json";
        // A set that has moved has nothing to do with the version of the old one.
        let last = self.last.as_ref().filter(|last| last.jwks == *jwks);
        let known = last.and_then(|last| last.validator.as_ref());
        let answered = self.exchange().get(jwks, ACCEPT, known).await?;
        let life = freshness::life(&answered.response, self.settings.clock.now());
        if let Some(last) = last.filter(|_| answered.not_modified) {
            // RFC 9111 section 4.3.4: what the answer says anew replaces what was said.
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
        let fingerprint = self.fingerprints.each_ref().map(|hash| hash.hash_one(content));
        let unchanged = self.last.as_ref().is_some_and(|last| last.content == fingerprint);
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
        let timer = &*self.settings.timer;
        Exchange {
            fetch: &*self.fetch,
            timer,
            deadline: timer.now().saturating_add(self.settings.timeout),
        }
    }
}

/// A set with a key in it that verifies something.
fn read_set(content: &[u8]) -> Result<KeySet, OidcError> {
    let set = KeySet::public_from_json(content)
        .map_err(|error| OidcError::new(OidcErrorKind::Malformed, format!("not a JWK Set: {error}")))?;
    if set.is_empty() {
        let problem = match set.skipped() {
            [] => "the set is empty".to_owned(),
            [skipped] => format!("the set has no key that can be used: {skipped}"),
            [first, rest @ ..] => format!(
                "the set has no key that can be used: {first}; and {} more",
                rest.len()
            ),
        };
        return Err(OidcError::new(OidcErrorKind::NoUsableKey, problem));
    }
    Ok(set)
}
