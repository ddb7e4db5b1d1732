//! The JWK Set endpoint.

use std::time::Duration;

use tollgate_core::{Answer, BoxFuture, Endpoint, EndpointRequest, RequestView};

use super::Issuer;

/// An endpoint that publishes the issuer's public keys as a JWK Set (RFC 7517 section 5). Created
/// by [`Issuer::jwks`]. It responds at any path.
///
/// HMAC secrets are never published. `Cache-Control` never extends past the next phase change. The
/// entity-tag is strong, and a conditional request gets 304 (RFC 9110 section 13.1.2).
///
/// ```
/// use tollgate::extend::{Endpoint, EndpointRequest};
/// use tollgate::{Algorithm, SigningKey};
/// use tollgate::session::Issuer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = Issuer::builder("https://id.example.com")
///     .audience("orders-api")
///     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01"))
///     .build()?;
/// let answer = issuer.jwks().respond(EndpointRequest::new("GET", "/")).await;
/// assert_eq!(answer.status, 200);
/// assert_eq!(answer.header("content-type"), Some(&b"application/jwk-set+json"[..]));
///
/// let refused = issuer.jwks().respond(EndpointRequest::new("POST", "/")).await;
/// assert_eq!((refused.status, refused.header("allow")), (405, Some(&b"GET, HEAD"[..])));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct JwksEndpoint {
    issuer: Issuer,
    max_age: u64,
}

impl JwksEndpoint {
    pub(super) const fn new(issuer: Issuer) -> Self {
        Self {
            issuer,
            max_age: 300,
        }
    }

    /// Sets how long the set may be cached (`max-age`, RFC 9111 section 5.2.2.1). Default: 5
    /// minutes, and less if a phase changes before. If a key is scheduled to
    /// sign sooner than this, some verifiers may not have it when it begins to sign.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate::extend::{Endpoint, EndpointRequest};
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::Issuer;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// let jwks = issuer.jwks().max_age(Duration::from_secs(60));
    /// let answer = jwks.respond(EndpointRequest::new("GET", "/")).await;
    /// assert_eq!(answer.header("cache-control"), Some(&b"public, max-age=60"[..]));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age.as_secs();
        self
    }

    fn answer(&self, request: &EndpointRequest) -> Answer {
        if !matches!(request.method(), "GET" | "HEAD") {
            let mut refused = Answer::new(405);
            refused.set("allow", "GET, HEAD");
            return refused;
        }
        let now = self.issuer.0.clock.now();
        let snapshot = self.issuer.snapshot(now);
        let max_age = self.max_age.min(snapshot.until.saturating_sub(now));
        let known = is_known(request.header("if-none-match"), snapshot.etag.as_bytes());
        let mut answer = Answer::new(if known { 304 } else { 200 });
        answer.set("cache-control", format!("public, max-age={max_age}"));
        answer.set("etag", &*snapshot.etag);
        if known {
            return answer;
        }
        answer.set("content-type", "application/jwk-set+json");
        answer.set("x-content-type-options", "nosniff");
        if request.method() == "HEAD" {
            answer.set("content-length", snapshot.jwks.len().to_string());
        } else {
            answer.body.clone_from(&snapshot.jwks);
        }
        answer
    }
}

impl Endpoint for JwksEndpoint {
    fn respond(&self, request: EndpointRequest) -> BoxFuture<Answer> {
        let answer = self.answer(&request);
        Box::pin(std::future::ready(answer))
    }

    fn content_limit(&self) -> usize {
        0
    }
}

/// Returns whether `If-None-Match` contains this entity-tag or `*` (RFC 9110 section 13.1.2), by
/// weak comparison (section 8.8.3.2). A malformed field matches nothing.
fn is_known<'a>(mut lines: impl Iterator<Item = &'a [u8]>, etag: &[u8]) -> bool {
    lines.any(|line| {
        let mut rest = line.trim_ascii();
        if rest == b"*" {
            return true;
        }
        let mut known = false;
        // #entity-tag; a comma may stand inside of a tag, so the tags are read one by one.
        loop {
            rest = rest.trim_ascii_start();
            while let Some(after) = rest.strip_prefix(b",") {
                rest = after.trim_ascii_start();
            }
            if rest.is_empty() {
                return known;
            }
            let opaque = rest.strip_prefix(b"W/").unwrap_or(rest);
            let Some(end) = opaque
                .strip_prefix(b"\"")
                .and_then(|inside| inside.iter().position(|byte| *byte == b'"'))
            else {
                return false;
            };
            let (tag, after) = opaque.split_at(end + 2);
            known |= tag == etag;
            rest = after.trim_ascii_start();
            if !rest.is_empty() && !rest.starts_with(b",") {
                return false;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(lines: &[&str]) -> bool {
        is_known(lines.iter().map(|line| line.as_bytes()), b"\"tag\"")
    }

    #[test]
    fn an_entity_tag_is_found_in_every_form_of_the_field() {
        for lines in [
            &["\"tag\""][..],
            &["W/\"tag\""],
            &["*"],
            &[" * "],
            &["\"a\", \"tag\""],
            &["\"a,b\",W/\"tag\" ,\"c\""],
            &[", \"tag\","],
            &["\"a\"", "\"tag\""],
        ] {
            assert!(known(lines), "{lines:?}");
        }
    }

    #[test]
    fn other_or_malformed_entity_tags_do_not_match() {
        for lines in [
            &[][..],
            &[""],
            &["\"other\""],
            &["tag"],
            &["\"tag"],
            &["w/\"tag\""],
            &["\"tag\" \"a\""],
            &["\"tag\"x"],
            &["\"a, \"tag\", b\""],
            &["*, \"a\""],
            &["\"TAG\""],
        ] {
            assert!(!known(lines), "{lines:?}");
        }
    }
}
