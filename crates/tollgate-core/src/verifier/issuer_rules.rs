//! An issuer beside others, and the rules that can be said of any issuer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::issuer_config::Draft;
use super::provider_rules::provider_rule_methods;
use crate::algorithm::Algorithm;
use crate::key::source::KeySource;
use crate::key::{Key, KeySet};
use crate::verifier::rules::Rules;

/// An issuer with its keys and rules, for a verifier that trusts several: see [`VerifierBuilder::trust`](crate::VerifierBuilder::trust).
///
/// ```
/// use tollgate_core::{Key, TrustedIssuer, Verifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::builder()
///     .trust(TrustedIssuer::new("https://a.example").audience("api").key(Key::hs256([1; 32])?))
///     .trust(TrustedIssuer::new("https://b.example").audience("api").key(Key::hs256([2; 32])?).require_subject())
///     .build();
/// assert!(verifier.is_ok());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct TrustedIssuer(pub(super) Draft);

/// The methods that say what one issuer's tokens must be; `$draft` is the method that gives the [`Draft`] they write
/// to.
macro_rules! rule_methods {
    ($draft:ident) => {
        /// Names this service as `aud` must name it (RFC 7519 section 4.1.3, RFC 8725 section 3.9), byte for byte;
        /// called again, any of the names will do. An empty name is refused at `build`.
        ///
        /// ```
        /// # use tollgate_core::{RejectionKind, SigningKey, Verifier};
        /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let key = SigningKey::hs256([7; 32])?;
        /// let builder = Verifier::builder().dangerous_any_issuer().key(key.verifying_key());
        /// let verifier = builder.audience("orders").audience("carts").build()?;
        /// let token = |aud| key.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "aud": aud}));
        /// assert!(verifier.verify(token("carts")?).is_ok());
        /// assert_eq!(verifier.verify(token("bills")?).unwrap_err().kind(), RejectionKind::WrongAudience);
        /// # Ok(()) }
        /// ```
        #[must_use]
        pub fn audience(mut self, audience: impl Into<String>) -> Self {
            Arc::make_mut(&mut self.$draft().rules.audiences).push(audience.into());
            self
        }

        /// Accepts a token whatever its audience is, or without one. A token meant for another service then works here
        /// too, against RFC 8725 section 3.9. Beside an audience it is refused at `build`.
        ///
        /// ```
        /// # use tollgate_core::{SigningKey, Verifier};
        /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let key = SigningKey::hs256([7; 32])?;
        /// let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(key.verifying_key()).build()?;
        /// let token = key.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "aud": "another"}))?;
        /// assert!(verifier.verify(token).is_ok());
        /// # Ok(()) }
        /// ```
        #[must_use]
        pub fn dangerous_any_audience(mut self) -> Self {
            self.$draft().dangerous_any_audience = true;
            self
        }

        /// Adds a key that tokens of this issuer may be signed with. A secret beside a public key is refused at
        /// `build`, so that neither can stand in for the other (RFC 8725 section 3.1).
        ///
        /// ```
        /// # use tollgate_core::{ConfigErrorKind, Key, SigningKey, Verifier};
        /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// let public = SigningKey::generate(tollgate_core::Algorithm::Ed25519)?.verifying_key();
        /// let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?);
        /// assert_eq!(verifier.key(public).build().unwrap_err().kind(), ConfigErrorKind::MixedKeys);
        /// # Ok(()) }
        /// ```
        #[must_use]
        pub fn key(mut self, key: Key) -> Self {
            self.$draft().keyring.keys.push(key);
            self
        }

        /// Adds the keys of a JWK Set (RFC 7517 section 5). The set alone, if it is empty, is refused at `build`.
        ///
        /// ```
        /// # use tollgate_core::{ConfigErrorKind, Key, KeySet, Verifier};
        /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// let builder = || Verifier::builder().dangerous_any_issuer().dangerous_any_audience();
        /// let set = KeySet::from_iter([Key::hs256([7; 32])?, Key::hs256([8; 32])?]);
        /// assert!(builder().key_set(set).build().is_ok());
        /// let error = builder().key_set(KeySet::default()).build().unwrap_err();
        /// assert_eq!(error.kind(), ConfigErrorKind::MissingKey);
        /// # Ok(()) }
        /// ```
        #[must_use]
        pub fn key_set(mut self, set: KeySet) -> Self {
            self.$draft()
                .keyring
                .keys
                .extend(set.keys().iter().cloned());
            self
        }

        /// Adds a source of keys that may change while the service runs, asked for each token. A shared secret cannot
        /// stand beside it: `build` refuses that.
        ///
        /// ```
        /// # use std::sync::Arc;
        /// # use std::time::Duration;
        /// # use tollgate_core::{KeySet, KeySource, RejectionKind, Unavailable, Verifier};
        /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// struct Down;
        ///
        /// impl KeySource for Down {
        ///     fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        ///         Err(Unavailable::new(Duration::from_secs(5)))
        ///     }
        /// }
        ///
        /// let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key_source(Down).build()?;
        /// # let key = tollgate_core::SigningKey::hs256([7; 32])?;
        /// # let token = key.encode(&serde_json::json!({"exp": 4_000_000_000_u64}))?;
        /// assert_eq!(verifier.verify(token).unwrap_err().kind(), RejectionKind::Unavailable);
        /// # Ok(()) }
        /// ```
        #[must_use]
        pub fn key_source(mut self, source: impl KeySource + 'static) -> Self {
            self.$draft().keyring.sources.push(Arc::new(source));
            self
        }

        /// Narrows the algorithms to these (RFC 8725 section 3.1), by their exact names; else they are those that the
        /// keys serve. The last call counts. A list that no key serves is refused at `build`.
        ///
        /// ```
        /// # use tollgate_core::{Algorithm, RejectionKind, SigningKey, Verifier};
        /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// let key = SigningKey::generate(Algorithm::EdDSA)?;
        /// let verifier = Verifier::builder()
        ///     .dangerous_any_issuer()
        ///     .dangerous_any_audience()
        ///     .key(key.verifying_key())
        ///     .algorithms([Algorithm::Ed25519])
        ///     .build()?;
        /// let token = key.encode(&serde_json::json!({"exp": 4_000_000_000_u64}))?;
        /// assert_eq!(verifier.verify(token).unwrap_err().kind(), RejectionKind::WrongAlgorithm);
        /// # Ok(()) }
        /// ```
        #[must_use]
        pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
            self.$draft().rules.algorithms = Some(algorithms.into_iter().collect());
            self
        }

        /// Accepts exactly this `typ` (RFC 8725 section 3.11) in any case, with or without "application/" in front (RFC
        /// 7515 section 4.1.9). Unless set, `typ` may be absent, `JWT` or `at+jwt`.
        ///
        /// ```
        /// # use tollgate_core::{RejectionKind, SigningKey, Verifier};
        /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let key = SigningKey::hs256([7; 32])?;
        /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(key.verifying_key());
        /// let verifier = builder.typ("reset+jwt").build()?;
        /// let claims = serde_json::json!({"exp": 4_000_000_000_u64});
        /// assert!(verifier.verify(key.encode_with("reset+jwt", &claims)?).is_ok());
        /// assert_eq!(verifier.verify(key.encode(&claims)?).unwrap_err().kind(), RejectionKind::WrongType);
        /// # Ok(()) }
        /// ```
        #[must_use]
        pub fn typ(mut self, typ: impl Into<String>) -> Self {
            self.$draft().rules.typ = Some(crate::verifier::rules::Typ {
                name: typ.into(),
                required: true,
            });
            self
        }

        /// How far the clocks of issuer and service may be apart, in whole seconds (RFC 7519 section 4.1.4): 10 s
        /// unless set. More than 300 s is refused at `build`.
        ///
        /// ```
        /// # use std::time::Duration;
        /// # use tollgate_core::{RejectionKind, SigningKey, Verifier};
        /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let key = SigningKey::hs256([7; 32])?;
        /// let verifier = Verifier::builder()
        ///     .dangerous_any_issuer()
        ///     .dangerous_any_audience()
        ///     .key(key.verifying_key())
        ///     .clock(|| 2_000)
        ///     .leeway(Duration::from_secs(2))
        ///     .build()?;
        /// assert!(verifier.verify(key.encode(&serde_json::json!({"exp": 1_999}))?).is_ok());
        /// let rejection = verifier.verify(key.encode(&serde_json::json!({"exp": 1_998}))?).unwrap_err();
        /// assert_eq!(rejection.kind(), RejectionKind::Expired);
        /// # Ok(()) }
        /// ```
        #[must_use]
        pub fn leeway(mut self, leeway: Duration) -> Self {
            self.$draft().rules.leeway = leeway;
            self
        }

        /// Refuses tokens issued longer ago than this, in whole seconds, by `iat` (RFC 7519 section 4.1.6), which is
        /// then required. The [leeway](Self::leeway) is added.
        ///
        /// ```
        /// # use std::time::Duration;
        /// # use tollgate_core::{RejectionKind, SigningKey, Verifier};
        /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let key = SigningKey::hs256([7; 32])?;
        /// let verifier = Verifier::builder()
        ///     .dangerous_any_issuer()
        ///     .dangerous_any_audience()
        ///     .key(key.verifying_key())
        ///     .clock(|| 2_000)
        ///     .max_age(Duration::from_secs(60))
        ///     .build()?;
        /// assert!(verifier.verify(key.encode(&serde_json::json!({"exp": 9_000, "iat": 1_930}))?).is_ok());
        /// let rejection = verifier.verify(key.encode(&serde_json::json!({"exp": 9_000, "iat": 1_929}))?).unwrap_err();
        /// assert_eq!(rejection.kind(), RejectionKind::TooOld);
        /// # Ok(()) }
        /// ```
        #[must_use]
        pub fn max_age(mut self, max_age: Duration) -> Self {
            self.$draft().rules.max_age = Some(max_age);
            self
        }

        /// Refuses tokens with more than this, in whole seconds, between `iat` and `exp` (RFC 7519 sections 4.1.4 and
        /// 4.1.6), which are then both required.
        ///
        /// ```
        /// # use std::time::Duration;
        /// # use tollgate_core::{RejectionKind, SigningKey, Verifier};
        /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let key = SigningKey::hs256([7; 32])?;
        /// let verifier = Verifier::builder()
        ///     .dangerous_any_issuer()
        ///     .dangerous_any_audience()
        ///     .key(key.verifying_key())
        ///     .clock(|| 2_000)
        ///     .max_lifetime(Duration::from_secs(60))
        ///     .build()?;
        /// assert!(verifier.verify(key.encode(&serde_json::json!({"iat": 2_000, "exp": 2_060}))?).is_ok());
        /// let rejection = verifier.verify(key.encode(&serde_json::json!({"iat": 2_000, "exp": 2_061}))?).unwrap_err();
        /// assert_eq!(rejection.kind(), RejectionKind::LifetimeTooLong);
        /// # Ok(()) }
        /// ```
        #[must_use]
        pub fn max_lifetime(mut self, max_lifetime: Duration) -> Self {
            self.$draft().rules.max_lifetime = Some(max_lifetime);
            self
        }

        /// Refuses tokens without `sub` (RFC 7519 section 4.1.2).
        ///
        /// ```
        /// # use tollgate_core::{RejectionKind, SigningKey, Verifier};
        /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let key = SigningKey::hs256([7; 32])?;
        /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(key.verifying_key());
        /// let verifier = builder.require_subject().build()?;
        /// assert!(verifier.verify(key.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "sub": "u-7"}))?).is_ok());
        /// let rejection = verifier.verify(key.encode(&serde_json::json!({"exp": 4_000_000_000_u64}))?).unwrap_err();
        /// assert_eq!(rejection.kind(), RejectionKind::MissingClaim);
        /// # Ok(()) }
        /// ```
        #[must_use]
        pub fn require_subject(self) -> Self {
            self.require_claim("sub")
        }

        /// Refuses tokens without this claim (RFC 7519 section 4): a member of exactly that name, else a dotted path.
        /// An empty name is refused at `build`.
        ///
        /// ```
        /// # use tollgate_core::{RejectionKind, SigningKey, Verifier};
        /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let key = SigningKey::hs256([7; 32])?;
        /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(key.verifying_key());
        /// let verifier = builder.require_claim("org.id").build()?;
        /// let token = key.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "org": {"id": 7}}))?;
        /// assert!(verifier.verify(token).is_ok());
        /// let token = key.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "org": {}}))?;
        /// let rejection = verifier.verify(token).unwrap_err();
        /// assert_eq!(rejection.kind(), RejectionKind::MissingClaim);
        /// # Ok(()) }
        /// ```
        #[must_use]
        pub fn require_claim(mut self, path: impl Into<String>) -> Self {
            self.$draft().rules.required.push(path.into());
            self
        }

        /// Holds tokens to the profile of access tokens: `typ` is `at+jwt` (RFC 9068 section 2.1), and `iss`, `exp`,
        /// `aud`, `sub`, `client_id`, `iat` and `jti` are there (section 2.2). Issuer and audience must then be named
        /// and `typ` left alone, else `build` refuses.
        ///
        /// ```
        /// # use tollgate_core::{SigningKey, Verifier};
        /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let key = SigningKey::hs256([7; 32])?;
        /// let verifier = Verifier::builder()
        ///     .issuer("https://id.example.com")
        ///     .audience("orders")
        ///     .key(key.verifying_key())
        ///     .access_token_profile()
        ///     .build()?;
        /// let claims = serde_json::json!({
        ///     "iss": "https://id.example.com", "exp": 4_000_000_000_u64, "aud": "orders", "sub": "u-7",
        ///     "client_id": "app", "iat": 1_700_000_000, "jti": "t-1",
        /// });
        /// assert!(verifier.verify(key.encode_with("at+jwt", &claims)?).is_ok());
        /// assert!(verifier.verify(key.encode_with("JWT", &claims)?).is_err());
        /// # Ok(()) }
        /// ```
        #[must_use]
        pub fn access_token_profile(mut self) -> Self {
            self.$draft().rules.access_token_profile = true;
            self
        }

        /// Reads roles from this claim, a string or an array of strings: a member of exactly that name, else a dotted
        /// path such as `realm_access.roles`. Called again, the roles of all count. An empty name is refused at
        /// `build`.
        ///
        /// ```
        /// # use tollgate_core::{SigningKey, Verifier};
        /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let key = SigningKey::hs256([7; 32])?;
        /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(key.verifying_key());
        /// let verifier = builder.role_claim("groups").build()?;
        /// let token = key.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "groups": ["admin"]}))?;
        /// assert!(verifier.verify(token)?.has_role("admin"));
        /// # Ok(()) }
        /// ```
        #[must_use]
        pub fn role_claim(mut self, path: impl Into<String>) -> Self {
            self.$draft().rules.role_claims.push(path.into());
            self
        }

        /// Accepts tokens without `exp` (RFC 7519 section 4.1.4): they are valid for ever, unless
        /// [`max_age`](Self::max_age) ends them. Beside [`max_lifetime`](Self::max_lifetime) or the
        /// [profile](Self::access_token_profile) it is refused at `build`.
        ///
        /// ```
        /// # use tollgate_core::{SigningKey, Verifier};
        /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let key = SigningKey::hs256([7; 32])?;
        /// let builder = || Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(key.verifying_key());
        /// let token = key.encode(&serde_json::json!({"sub": "u-7"}))?;
        /// assert!(builder().build()?.verify(&token).is_err());
        /// assert!(builder().dangerous_allow_missing_exp().build()?.verify(&token).is_ok());
        /// # Ok(()) }
        /// ```
        #[must_use]
        pub fn dangerous_allow_missing_exp(mut self) -> Self {
            self.$draft().rules.require_exp = false;
            self
        }
    };
}

pub(super) use rule_methods;

impl TrustedIssuer {
    /// An issuer by the exact value of its `iss` (RFC 7519 section 4.1.1).
    ///
    /// ```
    /// use tollgate_core::{ConfigErrorKind, Key, TrustedIssuer, Verifier};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let forgotten = TrustedIssuer::new("https://a.example").key(Key::hs256([1; 32])?);
    /// let error = Verifier::builder().trust(forgotten).build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::MissingAudience);
    /// # Ok(()) }
    /// ```
    pub fn new(issuer: impl Into<String>) -> Self {
        let rules = Rules {
            issuer: Some(issuer.into()),
            ..Rules::default()
        };
        Self(Draft {
            rules,
            ..Draft::default()
        })
    }

    const fn draft(&mut self) -> &mut Draft {
        &mut self.0
    }

    rule_methods!(draft);
    provider_rule_methods!(draft);
}

impl fmt::Debug for TrustedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TrustedIssuer").field(&self.0.rules).finish()
    }
}
