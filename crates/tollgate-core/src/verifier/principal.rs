//! The principal: the sender of a request, by its verified token.

mod actor;
mod claims;
mod facts;

use std::fmt;
use std::sync::Arc;

use crate::algorithm::Algorithm;
use crate::decisions;
use crate::http::SourceKind;
use crate::key::Key;
use crate::verifier::cache::Held;
use crate::verifier::verified::Verified;

/// A verified token: its claims, its header, the key that verified it and its source in the
/// request.
///
/// Only a verifier creates one. Cloning is cheap. `Debug` shows issuer, key and algorithm, never
/// the subject or a claim.
///
/// ```
/// use tollgate::extend::Clock;
/// use tollgate::{Key, SigningKey, Verifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::builder()
///     .issuer("https://id.example.com")
///     .audience("orders-api")
///     .key(Key::hs256([7; 32])?)
///     .clock(|| 1_700_000_000)
///     .build()?;
/// let token = SigningKey::hs256([7; 32])?.encode(&serde_json::json!({
///     "iss": "https://id.example.com", "aud": "orders-api", "exp": 1_700_000_900, "sub": "u-7",
///     "scope": "orders:read", "tenant": "acme",
/// }))?;
/// let principal = verifier.verify(&token)?;
/// assert_eq!(principal.subject(), Some("u-7"));
/// assert!(principal.has_scope("orders:read"));
///
/// #[derive(serde::Deserialize)]
/// struct Shopper { tenant: String }
/// assert_eq!(principal.claims::<Shopper>()?.tenant, "acme");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Principal {
    held: Held<Verified>,
    source: Option<SourceKind>,
    /// The time of the verification, by the verifier's clock.
    now: u64,
}

impl Principal {
    #[inline]
    pub(crate) const fn new(held: Held<Verified>, source: Option<SourceKind>, now: u64) -> Self {
        Self { held, source, now }
    }

    #[cfg(test)]
    pub(crate) const fn held(&self) -> &Held<Verified> {
        &self.held
    }

    #[inline]
    pub(crate) fn verified(&self) -> &Verified {
        self.held.value()
    }

    /// The name of the issuer in events and metrics.
    pub(crate) fn issuer_label(&self) -> &Arc<str> {
        self.verified().issuer_label()
    }

    #[inline]
    pub(crate) fn count_accepted(&self) {
        decisions::count_accepted(self.verified().met.label(), self.source);
    }

    /// The time of the verification, by the verifier's clock. The verifier checked `exp`, `nbf` and
    /// `iat` against it.
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?);
    /// let verifier = builder.clock(|| 1_700_000_000).build()?;
    /// # let claims = serde_json::json!({"exp": 4_000_000_000_u64});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert_eq!(principal.verified_at(), 1_700_000_000);
    /// # Ok(()) }
    /// ```
    pub const fn verified_at(&self) -> u64 {
        self.now
    }

    /// The `alg` header parameter.
    ///
    /// ```
    /// # use tollgate::{Algorithm, Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?.with_kid("k1")).build()?;
    /// # let claims = serde_json::json!({"exp": 4_000_000_000_u64});
    /// # let principal =
    /// #     verifier.verify(&SigningKey::hs256([7; 32])?.with_kid("k1").encode(&claims)?)?;
    /// assert_eq!(principal.algorithm(), Algorithm::HS256);
    /// assert_eq!(principal.kid(), Some("k1"));
    /// assert_eq!(principal.key().kid(), Some("k1"));
    /// assert_eq!(principal.token_type(), Some("JWT"));
    /// # Ok(()) }
    /// ```
    pub fn algorithm(&self) -> Algorithm {
        self.verified().header.algorithm
    }

    /// The `kid` header parameter (RFC 7515 section 4.1.4). It may be absent: a key can also be
    /// found without it.
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let claims = serde_json::json!({"exp": 4_000_000_000_u64});
    /// # let principal =
    /// #     verifier.verify(&SigningKey::hs256([7; 32])?.with_kid("k1").encode(&claims)?)?;
    /// assert_eq!(principal.kid(), Some("k1"));
    /// # Ok(()) }
    /// ```
    pub fn kid(&self) -> Option<&str> {
        self.verified()
            .claims
            .header_string(self.verified().header.kid.as_ref())
    }

    /// The `typ` header parameter, unchanged (RFC 7515 section 4.1.9).
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let claims = serde_json::json!({"exp": 4_000_000_000_u64});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert_eq!(principal.token_type(), Some("JWT"));
    /// # Ok(()) }
    /// ```
    pub fn token_type(&self) -> Option<&str> {
        self.verified()
            .claims
            .header_string(self.verified().header.typ.as_ref())
    }

    /// The key that verified the signature.
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let claims = serde_json::json!({"exp": 4_000_000_000_u64});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert_eq!(principal.key().algorithms(), [principal.algorithm()]);
    /// # Ok(()) }
    /// ```
    pub fn key(&self) -> &Key {
        self.verified().key()
    }

    /// The source of the token in the request; `None` if the verifier was called with the token
    /// itself.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::extend::SourceKind;
    /// # use tollgate::Gate;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let request = Request::new("GET").with("authorization", format!("Bearer {}", token("")));
    /// let authentication = Gate::from(verifier()).decide(&request)?;
    /// assert_eq!(authentication.authenticated()?.source(), Some(SourceKind::Bearer));
    /// assert_eq!(verifier().verify(token(""))?.source(), None);
    /// # Ok(()) }
    /// ```
    pub const fn source(&self) -> Option<SourceKind> {
        self.source
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("issuer", &self.issuer())
            .field("algorithm", &self.algorithm())
            .field("key", &self.key().kid())
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
