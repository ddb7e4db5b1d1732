//! The rules for the tokens of one issuer, shared by all builders.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::issuer_config::IssuerConfig;
use crate::algorithm::Algorithm;
use crate::claim_path::ClaimPath;
use crate::key::source::KeySource;
use crate::key::{Key, KeySet};
use crate::verifier::rules::{Rules, SCHEME, SVID_ALGORITHMS, Typ};

/// The keys of one issuer and the rules for its tokens.
///
/// `Of` is the owner of the rules: a [`TrustedIssuer`] is one issuer among several, and a
/// [`VerifierBuilder`](crate::VerifierBuilder) is a verifier with its own issuer. Both have all
/// methods of this type.
#[derive(Clone)]
pub struct IssuerRules<Of> {
    pub(super) config: IssuerConfig,
    pub(super) of: Of,
}

/// An issuer with its keys and rules, for a verifier that trusts several: see
/// [`VerifierBuilder::trust`](crate::VerifierBuilder::trust).
///
/// ```
/// use tollgate::{Key, TrustedIssuer, Verifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::builder()
///     .trust(TrustedIssuer::new("https://a.example").audience("api").key(Key::hs256([1; 32])?))
///     .trust(TrustedIssuer::new("https://b.example").audience("api").key(Key::hs256([2; 32])?)
///         .require_subject())
///     .build();
/// assert!(verifier.is_ok());
/// # Ok(()) }
/// ```
pub type TrustedIssuer = IssuerRules<()>;

impl TrustedIssuer {
    /// Creates the rules of an issuer, named by the exact value of its `iss` (RFC 7519 section
    /// 4.1.1).
    ///
    /// ```
    /// use tollgate::config::ConfigErrorKind;
    /// use tollgate::{Key, TrustedIssuer, Verifier};
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
        let config = IssuerConfig {
            rules,
            ..IssuerConfig::default()
        };
        Self { config, of: () }
    }

    /// Creates the rules of a SPIFFE trust domain, such as `example.org`, for its JWT-SVIDs.
    ///
    /// Checks that `sub` is the SPIFFE ID of a workload of this trust domain (SPIFFE-ID section 2):
    /// no other spelling, no trailing slash and no percent-encoding. `iss` is optional in a
    /// JWT-SVID and is not read: [`Principal::issuer`](crate::Principal::issuer) is the trust
    /// domain, `spiffe://example.org`. The `typ` is `JWT`, `JOSE` or absent, and the algorithms are
    /// those of JWT-SVID section 2.1. An [audience](Self::audience) and `exp` are required.
    ///
    /// The keys are those of [`KeySet::from_spiffe_bundle`]. `build` refuses options that
    /// contradict the standard.
    ///
    /// ```
    /// # use tollgate::{Key, RejectionKind, SigningKey, TrustedIssuer, Verifier};
    /// # use tollgate::Algorithm;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::generate(Algorithm::ES256)?;
    /// # let verifying_key = key.verifying_key();
    /// let issuer = TrustedIssuer::spiffe("example.org").audience("orders").key(verifying_key);
    /// let verifier = Verifier::new(issuer)?;
    /// let token = |sub| key.encode(&serde_json::json!({
    ///     "sub": sub, "aud": "orders", "exp": 4_000_000_000_u64,
    /// }));
    /// let principal = verifier.verify(token("spiffe://example.org/billing")?)?;
    /// assert_eq!(principal.issuer(), Some("spiffe://example.org"));
    /// let rejection = verifier.verify(token("spiffe://example.net/billing")?).unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::UntrustedIssuer);
    /// # Ok(()) }
    /// ```
    pub fn spiffe(trust_domain: &str) -> Self {
        let mut issuer = Self::new(format!("{SCHEME}{trust_domain}"));
        issuer.config.rules.spiffe = true;
        issuer.algorithms(SVID_ALGORITHMS)
    }
}

impl<Of> IssuerRules<Of> {
    /// Returns the configuration for a change.
    pub(super) const fn config(&mut self) -> &mut IssuerConfig {
        self.config.is_used = true;
        &mut self.config
    }

    /// Adds an audience: the name of this service in `aud` (RFC 7519 section 4.1.3, RFC 8725
    /// section 3.9), compared byte for byte. A token needs at least one of the audiences. `build`
    /// refuses an empty name.
    ///
    /// ```
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = Verifier::builder().dangerous_any_issuer().key(key.verifying_key());
    /// let verifier = builder.audience("orders").audience("carts").build()?;
    /// let token = |aud| key.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "aud": aud}));
    /// assert!(verifier.verify(token("carts")?).is_ok());
    /// assert_eq!(verifier.verify(token("bills")?).unwrap_err()
    ///     .kind(), RejectionKind::WrongAudience);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.config().rules.audiences).push(audience.into());
        self
    }

    /// Accepts any audience, or none. A token meant for another service then works here too,
    /// against RFC 8725 section 3.9. `build` refuses it together with an audience.
    ///
    /// ```
    /// # use tollgate::{SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(key.verifying_key()).build()?;
    /// let token = key.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "aud": "another"}))?;
    /// assert!(verifier.verify(token).is_ok());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn dangerous_any_audience(mut self) -> Self {
        self.config().dangerous_any_audience = true;
        self
    }

    /// Adds a key of this issuer. `build` refuses a secret together with a public key, so that one
    /// cannot be used as the other (RFC 8725 section 3.1): add it by
    /// [`shared_secret`](Self::shared_secret).
    ///
    /// ```
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let public = SigningKey::generate(tollgate::Algorithm::Ed25519)?.verifying_key();
    /// let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(Key::hs256([7; 32])?);
    /// assert_eq!(verifier.key(public).build().unwrap_err().kind(), ConfigErrorKind::MixedKeys);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.config().keyring.keys.push(key);
        self
    }

    /// Adds the keys of a JWK Set (RFC 7517 section 5). `build` refuses an empty set as the only
    /// source of keys.
    ///
    /// ```
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::{Key, KeySet, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = || Verifier::builder().dangerous_any_issuer().dangerous_any_audience();
    /// let set = KeySet::from_iter([Key::hs256([7; 32])?, Key::hs256([8; 32])?]);
    /// assert!(builder().key_set(set).build().is_ok());
    /// let error = builder().key_set(KeySet::default()).build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::MissingKey);
    /// # Ok(()) }
    /// ```
    #[must_use]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a builder takes its options by value"
    )]
    pub fn key_set(mut self, set: KeySet) -> Self {
        self.config()
            .keyring
            .keys
            .extend(set.keys().iter().cloned());
        self
    }

    /// Adds a source of keys that may change while the service runs. The verifier queries it for
    /// each token. `build` refuses it together with a secret, unless that is a
    /// [`shared_secret`](Self::shared_secret).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use tollgate::extend::{KeySource, Unavailable};
    /// # use tollgate::{KeySet, RejectionKind, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// struct Down;
    ///
    /// impl KeySource for Down {
    ///     fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
    ///         Err(Unavailable::new(Duration::from_secs(5)))
    ///     }
    /// }
    ///
    /// let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key_source(Down).build()?;
    /// # let key = tollgate::SigningKey::hs256([7; 32])?;
    /// # let token = key.encode(&serde_json::json!({"exp": 4_000_000_000_u64}))?;
    /// assert_eq!(verifier.verify(token).unwrap_err().kind(), RejectionKind::Unavailable);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn key_source(mut self, source: impl KeySource + 'static) -> Self {
        self.config().keyring.sources.push(Arc::new(source));
        self
    }

    /// Adds a secret to a list of its own, for an issuer that signs some tokens with an HMAC and
    /// others with a private key, such as during a migration. Repeated calls add secrets.
    ///
    /// The family of the token's `alg` selects the list before any key is tried: an HMAC is
    /// verified by the shared secrets alone, any other signature by the public keys and key sources
    /// alone. A secret in a key source or a JWK Set is never used beside this list. `kid` selects
    /// within a list. A token of this list queries no key source.
    ///
    /// Every holder of the secret can create tokens, for every user and with every role. A public
    /// key only verifies them. End the list with
    /// [`shared_secrets_until`](Self::shared_secrets_until), as soon as the last token of the
    /// secret has expired. `build` refuses a public key in this list, and `algorithms` that no key
    /// of a list serves.
    ///
    /// ```
    /// # use tollgate::{Algorithm, RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (old, new) = (SigningKey::hs256([7; 32])?, SigningKey::generate(Algorithm::ES256)?);
    /// let verifier = Verifier::builder()
    ///     .issuer("https://id.example.com")
    ///     .audience("orders")
    ///     .key(new.verifying_key())
    ///     .shared_secret(old.verifying_key())
    ///     .build()?;
    /// let claims = serde_json::json!({
    ///     "iss": "https://id.example.com", "aud": "orders", "exp": 4_000_000_000_u64,
    /// });
    /// assert!(verifier.verify(old.encode(&claims)?).is_ok());
    /// assert!(verifier.verify(new.encode(&claims)?).is_ok());
    /// let forged = SigningKey::hs256([8; 32])?.encode(&claims)?;
    /// assert_eq!(verifier.verify(forged).unwrap_err().kind(), RejectionKind::BadSignature);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn shared_secret(mut self, secret: Key) -> Self {
        self.config().keyring.secrets.push(secret);
        self
    }

    /// Ends the list of [shared secrets](Self::shared_secret) at this time, in seconds since the
    /// epoch. From then on, every token with an HMAC is rejected, cached or not, and the log
    /// contains the end. There is no leeway. By default, the list has no end.
    ///
    /// The last call replaces earlier ones. `build` refuses it without a shared secret, and a time
    /// after the year 9999, which is in milliseconds.
    ///
    /// ```
    /// # use tollgate::{Algorithm, RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (old, new) = (SigningKey::hs256([7; 32])?, SigningKey::generate(Algorithm::ES256)?);
    /// let at = |now| Verifier::builder()
    ///     .dangerous_any_issuer()
    ///     .dangerous_any_audience()
    ///     .key(new.verifying_key())
    ///     .shared_secret(old.verifying_key())
    ///     .shared_secrets_until(1_800_000_000)
    ///     .clock(move || now)
    ///     .build();
    /// let token = old.encode(&serde_json::json!({"exp": 4_000_000_000_u64}))?;
    /// assert!(at(1_799_999_999)?.verify(&token).is_ok());
    /// let rejection = at(1_800_000_000)?.verify(&token).unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::WrongAlgorithm);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn shared_secrets_until(mut self, end: u64) -> Self {
        self.config().rules.secrets_until = Some(end);
        self
    }

    /// Restricts the algorithms (RFC 8725 section 3.1). The default is every algorithm that a key
    /// serves. The last call replaces earlier ones. `build` refuses a list that no key serves.
    ///
    /// A JWK without `alg` serves those of the list that fit its type, for example PS256 for an RSA
    /// key, which serves RS256 otherwise. This applies to fixed and to remote sets.
    ///
    /// ```
    /// # use tollgate::{Algorithm, RejectionKind, SigningKey, Verifier};
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
        self.config().rules.algorithms = Some(algorithms.into_iter().collect());
        self
    }

    /// Accepts only this `typ` (RFC 8725 section 3.11), case-insensitively, with or without the
    /// prefix "application/" (RFC 7515 section 4.1.9). By default `typ` is absent, `JWT` or
    /// `at+jwt`.
    ///
    /// ```
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(key.verifying_key());
    /// let verifier = builder.typ("reset+jwt").build()?;
    /// let claims = serde_json::json!({"exp": 4_000_000_000_u64});
    /// assert!(verifier.verify(key.encode_with("reset+jwt", &claims)?).is_ok());
    /// assert_eq!(verifier.verify(key.encode(&claims)?).unwrap_err()
    ///     .kind(), RejectionKind::WrongType);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn typ(mut self, typ: impl Into<String>) -> Self {
        self.config().rules.typ = Some(Typ {
            name: typ.into(),
            required: true,
        });
        self
    }

    /// Sets the clock difference between issuer and service that is tolerated, in whole seconds
    /// (RFC 7519 section 4.1.4). The default is 10 s. `build` refuses more than 300 s.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
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
    /// let rejection = verifier.verify(key.encode(&serde_json::json!({"exp": 1_998}))?)
    ///     .unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::Expired);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.config().rules.leeway = leeway;
        self
    }

    /// Refuses tokens that were issued longer ago than this, in whole seconds. `iat` (RFC 7519
    /// section 4.1.6) is then required. The [leeway](Self::leeway) is added.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let verifier = Verifier::builder()
    ///     .dangerous_any_issuer()
    ///     .dangerous_any_audience()
    ///     .key(key.verifying_key())
    ///     .clock(|| 2_000)
    ///     .max_age(Duration::from_secs(60))
    ///     .build()?;
    /// assert!(verifier.verify(key.encode(&serde_json::json!({"exp": 9_000, "iat": 1_930}))?)
    ///     .is_ok());
    /// let rejection =
    ///     verifier.verify(key.encode(&serde_json::json!({"exp": 9_000, "iat": 1_929}))?)
    ///     .unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::TooOld);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.config().rules.max_age = Some(max_age);
        self
    }

    /// Refuses tokens whose `exp` is more than this after `iat`, in whole seconds (RFC 7519
    /// sections 4.1.4 and 4.1.6). Both are then required.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let verifier = Verifier::builder()
    ///     .dangerous_any_issuer()
    ///     .dangerous_any_audience()
    ///     .key(key.verifying_key())
    ///     .clock(|| 2_000)
    ///     .max_lifetime(Duration::from_secs(60))
    ///     .build()?;
    /// assert!(verifier.verify(key.encode(&serde_json::json!({"iat": 2_000, "exp": 2_060}))?)
    ///     .is_ok());
    /// let rejection =
    ///     verifier.verify(key.encode(&serde_json::json!({"iat": 2_000, "exp": 2_061}))?)
    ///     .unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::LifetimeTooLong);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn max_lifetime(mut self, max_lifetime: Duration) -> Self {
        self.config().rules.max_lifetime = Some(max_lifetime);
        self
    }

    /// Refuses tokens without `sub` (RFC 7519 section 4.1.2), and with an empty one.
    ///
    /// ```
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(key.verifying_key());
    /// let verifier = builder.require_subject().build()?;
    /// assert!(verifier.verify(key.encode(&serde_json::json!({"exp": 4_000_000_000_u64,
    ///     "sub": "u-7"}))?).is_ok());
    /// let rejection = verifier.verify(key.encode(&serde_json::json!({"exp": 4_000_000_000_u64}))?)
    ///     .unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::MissingClaim);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn require_subject(self) -> Self {
        self.require_claim("sub")
    }

    /// Accepts an integer in `sub`, against RFC 7519 section 4.1.2, as its text: `42` is the
    /// subject `"42"`. A number with a fraction or an exponent is refused. By default every number
    /// is.
    ///
    /// A user `42` and a user `"42"` are one subject: set it only for an issuer that sends all
    /// subjects as numbers.
    ///
    /// ```
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = || Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(key.verifying_key());
    /// let token = key.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "sub": 42}))?;
    /// let rejection = builder().build()?.verify(&token).unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::MalformedClaims);
    /// let principal = builder().allow_numeric_subject().build()?.verify(&token)?;
    /// assert_eq!(principal.subject(), Some("42"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn allow_numeric_subject(mut self) -> Self {
        self.config().rules.numeric_subject = true;
        self
    }

    /// Refuses tokens without this claim (RFC 7519 section 4), and tokens in which it is `null` or
    /// cannot be read. See [`ClaimPath`] for the path. `build` refuses an empty name.
    ///
    /// ```
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(key.verifying_key());
    /// let verifier = builder.require_claim("org.id").build()?;
    /// let token = key.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "org": {"id": 7}}))?;
    /// assert!(verifier.verify(token).is_ok());
    /// let token = key.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "org": {}}))?;
    /// let rejection = verifier.verify(token).unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::MissingClaim);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn require_claim(mut self, path: impl Into<ClaimPath>) -> Self {
        self.config().rules.required.push(path.into());
        self
    }

    /// Requires the profile of access tokens: `typ` is `at+jwt` (RFC 9068 section 2.1), and `iss`,
    /// `exp`, `aud`, `sub`, `client_id`, `iat` and `jti` are present (section 2.2). `build` refuses
    /// it without issuer and audience, and together with `typ`.
    ///
    /// ```
    /// # use tollgate::{SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let verifier = Verifier::builder()
    ///     .issuer("https://id.example.com")
    ///     .audience("orders")
    ///     .key(key.verifying_key())
    ///     .access_token_profile()
    ///     .build()?;
    /// let claims = serde_json::json!({
    ///     "iss": "https://id.example.com", "exp": 4_000_000_000_u64, "aud": "orders",
    ///         "sub": "u-7",
    ///     "client_id": "app", "iat": 1_700_000_000, "jti": "t-1",
    /// });
    /// assert!(verifier.verify(key.encode_with("at+jwt", &claims)?).is_ok());
    /// assert!(verifier.verify(key.encode_with("JWT", &claims)?).is_err());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn access_token_profile(mut self) -> Self {
        self.config().rules.access_token_profile = true;
        self
    }

    /// Adds a claim that holds roles: a string, an array of strings, or an object of objects whose
    /// member names are the roles (as Zitadel sends them). See [`ClaimPath`] for the path: text
    /// such as `realm_access.roles`, or exact names such as `["realm_access", "roles"]`, which no
    /// other claim can shadow. Repeated calls add claims.
    ///
    /// `build` refuses an empty name, and exact names below a registered claim that is never an
    /// object, such as `["sub", "roles"]`. If no token has a value there, the log has one warning.
    ///
    /// ```
    /// # use tollgate::{SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(key.verifying_key());
    /// let verifier = builder.role_claim("groups").build()?;
    /// let token =
    ///     key.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "groups": ["admin"]}))?;
    /// assert!(verifier.verify(token)?.has_role("admin"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn role_claim(mut self, path: impl Into<ClaimPath>) -> Self {
        let (path, claims) = (path.into(), &mut self.config().rules.role_claims);
        if !claims.contains(&path) {
            claims.push(path);
        }
        self
    }

    /// Like [`role_claim`](Self::role_claim), as the first option of a verifier for an issuer in
    /// this process. That no token has the claim is no mistake, and is not logged.
    #[doc(hidden)]
    #[must_use]
    pub fn issued_role_claim(mut self, path: impl Into<ClaimPath>) -> Self {
        self.config().rules.issued_roles = true;
        self.role_claim(path)
    }

    /// Accepts tokens without `exp` (RFC 7519 section 4.1.4). They never expire, unless
    /// [`max_age`](Self::max_age) is set. `build` refuses it together with
    /// [`max_lifetime`](Self::max_lifetime) or the [profile](Self::access_token_profile).
    ///
    /// ```
    /// # use tollgate::{SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = || Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(key.verifying_key());
    /// let token = key.encode(&serde_json::json!({"sub": "u-7"}))?;
    /// assert!(builder().build()?.verify(&token).is_err());
    /// assert!(builder().dangerous_allow_missing_exp().build()?.verify(&token).is_ok());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn dangerous_allow_missing_exp(mut self) -> Self {
        self.config().rules.require_exp = false;
        self
    }

    /// Accepts tokens that are bound to a key or certificate by `cnf` (RFC 7800, RFC 8705, RFC
    /// 9449), without a proof. Anyone with a copy of such a token can then use it: set this only
    /// behind a proxy that checks the proof of every request. By default they are rejected.
    ///
    /// ```
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = || Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(key.verifying_key());
    /// let claims = serde_json::json!({
    ///     "exp": 4_000_000_000_u64,
    ///     "cnf": {"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"},
    /// });
    /// let token = key.encode(&claims)?;
    /// let rejection = builder().build()?.verify(&token).unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::UnprovenBinding);
    /// assert!(builder().dangerous_ignore_confirmation().build()?.verify(&token).is_ok());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn dangerous_ignore_confirmation(mut self) -> Self {
        self.config().rules.ignore_confirmation = true;
        self
    }
}

impl fmt::Debug for TrustedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TrustedIssuer")
            .field(&self.config.rules)
            .finish()
    }
}
