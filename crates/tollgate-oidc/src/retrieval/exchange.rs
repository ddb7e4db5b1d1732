//! One fetched document: redirects, deadline and response.

use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::error::{OidcError, OidcErrorKind};
use crate::fetch::{Fetch, FetchRequest, FetchResponse};

use super::location::Place;

/// The maximum size of metadata and of a set, in bytes.
pub(super) const CONTENT_LIMIT: usize = 1 << 20;

/// The maximum number of consecutive redirects.
const MAX_REDIRECTS: usize = 3;

/// Longer than any entity tag in use.
const MAX_ETAG: usize = 512;

/// Fetches documents until a deadline.
pub(super) struct Exchange<'a> {
    pub(super) fetch: &'a dyn Fetch,
    /// The deadline for the whole document, redirects included.
    pub(super) deadline: Instant,
    /// Whether caches must revalidate (RFC 9111 section 5.2.1.4).
    pub(super) no_cache: bool,
}

/// The version of a known document, valid only for its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Validator {
    url: Url,
    etag: String,
}

/// The response after all redirects.
pub(super) struct Answered {
    pub(super) response: FetchResponse,
    pub(super) place: Place,
    /// `true` if the document is the one of the validator (RFC 9110 section 13.1.2).
    pub(super) not_modified: bool,
}

impl Exchange<'_> {
    /// Fetches the document at `place`, in one of the media types `accept`.
    pub(super) async fn get(
        &self,
        place: &Place,
        accept: &str,
        known: Option<&Validator>,
    ) -> Result<Answered, OidcError> {
        let mut place = place.clone();
        for _ in 0..=MAX_REDIRECTS {
            let validator = known.filter(|known| known.url == place.url);
            let response = self.get_once(&place, accept, validator).await?;
            match response.status {
                301 | 302 | 303 | 307 | 308 => place = redirected(&place, &response)?,
                304 if validator.is_some() => {
                    return Ok(Answered {
                        response,
                        place,
                        not_modified: true,
                    });
                }
                _ => {
                    return Ok(Answered {
                        response,
                        place,
                        not_modified: false,
                    });
                }
            }
        }
        Err(OidcError::new(
            OidcErrorKind::Redirected,
            format!("{}: too many redirects", place.shown()),
        ))
    }

    async fn get_once(
        &self,
        place: &Place,
        accept: &str,
        validator: Option<&Validator>,
    ) -> Result<FetchResponse, OidcError> {
        let late = || {
            OidcError::new(
                OidcErrorKind::TimedOut,
                format!("{}: no complete response in time", place.shown()),
            )
        };
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late());
        }
        let mut request = FetchRequest::new(place.url.as_str());
        request.headers = vec![
            ("accept", accept.to_owned()),
            ("accept-encoding", "identity".to_owned()),
        ];
        if self.no_cache {
            request
                .headers
                .push(("cache-control", "no-cache".to_owned()));
        }
        if let Some(validator) = validator {
            request
                .headers
                .push(("if-none-match", validator.etag.clone()));
        }
        request.content_limit = CONTENT_LIMIT;
        request.timeout = left;
        request.addresses = place.addresses;
        // A custom client may ignore the timeout of the request.
        let response = timeout_at(self.deadline, self.fetch.get(request))
            .await
            .map_err(|_| late())?
            .map_err(|error| OidcError::from(error).at(&place.shown()))?;
        // A custom client may ignore the limit.
        if response.content.len() > CONTENT_LIMIT {
            return Err(OidcError::new(
                OidcErrorKind::TooLarge,
                format!("{}: the response has more than 1 MiB", place.shown()),
            ));
        }
        Ok(response)
    }
}

impl Answered {
    /// Returns the content of a complete, unencoded response (RFC 9110 section 15.3.1).
    pub(super) fn content(&self) -> Result<&[u8], OidcError> {
        let refused = |kind, problem: String| {
            Err(OidcError::new(
                kind,
                format!("{}: {problem}", self.place.shown()),
            ))
        };
        if self.response.status != 200 {
            return refused(
                OidcErrorKind::UnexpectedStatus,
                format!("unexpected status {}", self.response.status),
            );
        }
        // The limit counts bytes as received, and a small compressed text can expand to a large
        // one.
        let mut encodings = self.response.headers.iter();
        let encoded = encodings.any(|(name, value)| {
            name.eq_ignore_ascii_case("content-encoding")
                && !value.trim_ascii().eq_ignore_ascii_case(b"identity")
        });
        if encoded {
            return refused(
                OidcErrorKind::Malformed,
                "the response has a content coding that was not requested".to_owned(),
            );
        }
        Ok(&self.response.content)
    }

    /// Returns the validator for the next request. It may be weak: `if-none-match` uses weak
    /// comparison (RFC 9110 section 13.1.2).
    pub(super) fn validator(&self) -> Option<Validator> {
        let etag = only_line(&self.response, "etag")?;
        let opaque = etag.strip_prefix("W/").unwrap_or(etag);
        let inner = opaque.strip_prefix('"')?.strip_suffix('"')?;
        // RFC 9110 section 8.8.3, without bytes outside of ASCII.
        let is_etagc = |byte: u8| byte.is_ascii_graphic() && byte != b'"';
        (etag.len() <= MAX_ETAG && inner.bytes().all(is_etagc)).then(|| Validator {
            url: self.place.url.clone(),
            etag: etag.to_owned(),
        })
    }
}

fn redirected(from: &Place, response: &FetchResponse) -> Result<Place, OidcError> {
    let Some(location) = only_line(response, "location") else {
        return Err(OidcError::new(
            OidcErrorKind::UnexpectedStatus,
            format!(
                "{}: status {} without exactly one `location`",
                from.shown(),
                response.status
            ),
        ));
    };
    from.redirected(location)
}

/// Returns the value of a field that occurs once and is text.
fn only_line<'a>(response: &'a FetchResponse, name: &str) -> Option<&'a str> {
    let mut lines = response
        .headers
        .iter()
        .filter(|(got, _)| got.eq_ignore_ascii_case(name));
    let (_, value) = lines.next()?;
    if lines.next().is_some() {
        return None;
    }
    Some(std::str::from_utf8(value).ok()?.trim_matches([' ', '\t']))
}
