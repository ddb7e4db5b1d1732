//! Configuration of a [`Verifier`], and what of it is refused.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{ConfigError, ConfigErrorKind, Inner, Issuer, Verifier};
use crate::algorithm::{Algorithm, Family};
use crate::candidates::{KeySource, Keyring};
use crate::clock::{Clock, SystemClock};
use crate::key::{Key, KeySet};
use crate::limits::Limits;
use crate::rules::Rules;

/// The longest leeway that still is one: five minutes.
const MOST_LEEWAY: Duration = Duration::from_secs(300);

/// An issuer with its keys and rules, for a verifier that trusts several: see [`VerifierBuilder::trust`].
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
pub struct TrustedIssuer(Draft);

/// Configuration of a [`Verifier`].
///
/// Issuer and audience must be named, or waived aloud. The rule methods speak of the one issuer named by
/// [`issuer`](Self::issuer); further issuers are added, each with rules of its own, by [`trust`](Self::trust).
///
/// ```
/// use std::time::Duration;
/// use tollgate_core::{Algorithm, Key, Verifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::builder()
///     .issuer("https://id.example.com")
///     .audience("orders-api")
///     .key(Key::hs256([7; 32])?)
///     .algorithms([Algorithm::HS256])
///     .leeway(Duration::from_secs(2))
///     .max_lifetime(Duration::from_secs(3600))
///     .require_subject()
///     .build();
/// assert!(verifier.is_ok());
/// # Ok(()) }
/// ```
pub struct VerifierBuilder {
    own: Draft,
    /// Whether anything was said of the builder's own issuer.
    own_used: bool,
    trusted: Vec<TrustedIssuer>,
    limits: Limits,
    clock: Box<dyn Clock>,
}

#[derive(Clone, Default)]
struct Draft {
    rules: Rules,
    any_issuer: bool,
    any_audience: bool,
    keyring: Keyring,
}

macro_rules! rule_methods {
    ($draft:ident) => {
        /// Names this service in `aud` (RFC 7519 section 4.1.3); called again, any of the names will do.
        #[must_use]
        pub fn audience(mut self, audience: impl Into<String>) -> Self {
            self.$draft().rules.audiences.push(audience.into());
            self
        }

        /// Accepts a token whatever its audience is, or without one. A token meant for another service then works
        /// here too.
        #[must_use]
        pub fn any_audience(mut self) -> Self {
            self.$draft().any_audience = true;
            self
        }

        /// Adds a key that tokens of this issuer may be signed with.
        #[must_use]
        pub fn key(mut self, key: Key) -> Self {
            self.$draft().keyring.keys.push(key);
            self
        }

        /// Adds the keys of a set.
        #[must_use]
        pub fn key_set(mut self, set: KeySet) -> Self {
            self.$draft()
                .keyring
                .keys
                .extend(set.keys().iter().cloned());
            self
        }

        /// Adds a source of keys that may change while the service runs.
        #[must_use]
        pub fn key_source(mut self, source: impl KeySource + 'static) -> Self {
            self.$draft().keyring.sources.push(Arc::new(source));
            self
        }

        /// Narrows the algorithms to these, by their exact names; else they are those that the keys serve.
        #[must_use]
        pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
            self.$draft().rules.algorithms = Some(algorithms.into_iter().collect());
            self
        }

        /// Accepts exactly this `typ` (RFC 8725 section 3.11), with or without "application/" in front. Unless set, `typ`
        /// may be absent, `JWT` or `at+jwt`.
        #[must_use]
        pub fn typ(mut self, typ: impl Into<String>) -> Self {
            self.$draft().rules.typ = Some(typ.into());
            self
        }

        /// How far the clocks of issuer and service may be apart, in whole seconds: 10 s unless set, 300 s at the most.
        #[must_use]
        pub fn leeway(mut self, leeway: Duration) -> Self {
            self.$draft().rules.leeway = leeway;
            self
        }

        /// Refuses tokens issued longer ago than this, by `iat`, which is then required.
        #[must_use]
        pub fn max_age(mut self, max_age: Duration) -> Self {
            self.$draft().rules.max_age = Some(max_age);
            self
        }

        /// Refuses tokens with more than this between `iat` and `exp`, which are then both required.
        #[must_use]
        pub fn max_lifetime(mut self, max_lifetime: Duration) -> Self {
            self.$draft().rules.max_lifetime = Some(max_lifetime);
            self
        }

        /// Refuses tokens without `sub`.
        #[must_use]
        pub fn require_subject(self) -> Self {
            self.require_claim("sub")
        }

        /// Refuses tokens without this claim: a member of exactly that name, else a dotted path.
        #[must_use]
        pub fn require_claim(mut self, path: impl Into<String>) -> Self {
            self.$draft().rules.required.push(path.into());
            self
        }

        /// Holds tokens to the profile of RFC 9068: `typ` is `at+jwt`, and `iss`, `exp`, `aud`, `sub`, `client_id`, `iat`
        /// and `jti` are there.
        #[must_use]
        pub fn access_token_profile(mut self) -> Self {
            self.$draft().rules.access_token_profile = true;
            self
        }

        /// Reads roles from this claim, a string or an array of strings: a member of exactly that name, else a dotted
        /// path such as `realm_access.roles`. Called again, the roles of all count.
        #[must_use]
        pub fn role_claim(mut self, path: impl Into<String>) -> Self {
            self.$draft().rules.role_claims.push(path.into());
            self
        }

        /// Accepts tokens without `exp`: they are valid for ever, unless `max_age` ends them.
        #[must_use]
        pub fn dangerously_allow_missing_exp(mut self) -> Self {
            self.$draft().rules.require_exp = false;
            self
        }
    };
}

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
}

impl VerifierBuilder {
    pub(super) fn new() -> Self {
        Self {
            own: Draft::default(),
            own_used: false,
            trusted: Vec::new(),
            limits: Limits::default(),
            clock: Box::new(SystemClock),
        }
    }

    const fn own(&mut self) -> &mut Draft {
        self.own_used = true;
        &mut self.own
    }

    /// Names the issuer by the exact value of its `iss` (RFC 7519 section 4.1.1). The last call counts; more than one
    /// issuer is for [`trust`](Self::trust).
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.own().rules.issuer = Some(issuer.into());
        self
    }

    /// Accepts a token whatever its `iss` is, or without one: whoever holds one of the keys is believed.
    #[must_use]
    pub fn any_issuer(mut self) -> Self {
        self.own().any_issuer = true;
        self
    }

    rule_methods!(own);

    /// Trusts a further issuer, which has keys and rules of its own. The token's `iss` chooses among them.
    #[must_use]
    pub fn trust(mut self, issuer: TrustedIssuer) -> Self {
        self.trusted.push(issuer);
        self
    }

    /// Takes the time from `clock` instead of the operating system.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Replaces the bounds on tokens.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Checks the configuration and makes the verifier.
    ///
    /// # Errors
    /// A [`ConfigError`] for the first contradiction or omission; [`ConfigErrorKind`] lists them.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let mut drafts: Vec<Draft> = self.trusted.into_iter().map(|issuer| issuer.0).collect();
        if self.own_used || drafts.is_empty() {
            drafts.insert(0, self.own);
        }
        let several = drafts.len() > 1;
        let mut names = HashSet::new();
        for draft in &drafts {
            draft.check()?;
            if several && draft.any_issuer {
                return Err(ConfigError::new(
                    ConfigErrorKind::Contradiction,
                    "`any_issuer` stands beside other trusted issuers",
                ));
            }
            if let Some(issuer) = &draft.rules.issuer
                && !names.insert(issuer)
            {
                return Err(ConfigError::new(
                    ConfigErrorKind::Duplicate,
                    format!("issuer {issuer:?} is trusted twice"),
                ));
            }
        }
        if self.limits.token_bytes() == 0
            || self.limits.candidate_keys() == 0
            || self.limits.json_depth() == 0
        {
            return Err(ConfigError::new(
                ConfigErrorKind::OutOfRange,
                "a limit is zero: no token could pass",
            ));
        }
        if self.limits.json_depth() > 128 {
            return Err(ConfigError::new(
                ConfigErrorKind::OutOfRange,
                "the limit on JSON depth is above 128",
            ));
        }
        let issuers = drafts
            .into_iter()
            .map(|draft| Issuer {
                rules: Arc::new(draft.rules),
                keyring: draft.keyring,
            })
            .collect();
        Ok(Verifier(Arc::new(Inner {
            issuers,
            limits: self.limits,
            clock: self.clock,
        })))
    }
}

impl Draft {
    fn check(&self) -> Result<(), ConfigError> {
        use ConfigErrorKind as Kind;
        let refuse = |kind, message: &str| Err(ConfigError::new(kind, message));
        let rules = &self.rules;
        match (&rules.issuer, self.any_issuer) {
            (None, false) => {
                return refuse(
                    Kind::MissingIssuer,
                    "no issuer is set: name one, or say `any_issuer`",
                );
            }
            (Some(_), true) => return refuse(Kind::Contradiction, "both an issuer and `any_issuer` are set"),
            _ => {}
        }
        match (rules.audiences.is_empty(), self.any_audience) {
            (true, false) => {
                return refuse(
                    Kind::MissingAudience,
                    "no audience is set: name one, or say `any_audience`",
                );
            }
            (false, true) => {
                return refuse(Kind::Contradiction, "both an audience and `any_audience` are set");
            }
            _ => {}
        }
        let texts = rules
            .issuer
            .iter()
            .chain(&rules.audiences)
            .chain(&rules.typ)
            .chain(&rules.required);
        if texts.chain(&rules.role_claims).any(String::is_empty) {
            return refuse(
                Kind::InvalidText,
                "an issuer, an audience, a type or a claim's name is empty",
            );
        }
        if rules.leeway > MOST_LEEWAY {
            return refuse(Kind::OutOfRange, "the leeway is above 300 seconds");
        }
        if rules.access_token_profile && (self.any_issuer || self.any_audience || !rules.require_exp) {
            return refuse(
                Kind::Contradiction,
                "RFC 9068 requires issuer, audience and `exp` to be checked",
            );
        }
        if rules.access_token_profile && rules.typ.is_some() {
            return refuse(
                Kind::Contradiction,
                "RFC 9068 sets the type: `typ` cannot be set beside it",
            );
        }
        if rules.max_lifetime.is_some() && !rules.require_exp {
            return refuse(
                Kind::Contradiction,
                "a maximum lifetime needs `exp`, which is said to be dispensable",
            );
        }
        self.check_keys()
    }

    fn check_keys(&self) -> Result<(), ConfigError> {
        use ConfigErrorKind as Kind;
        let Keyring { keys, sources } = &self.keyring;
        if keys.is_empty() && sources.is_empty() {
            return Err(ConfigError::new(
                Kind::MissingKey,
                "there is no key and no source of keys",
            ));
        }
        if mixed(keys.iter().map(Key::family)) {
            return Err(ConfigError::new(
                Kind::MixedKeys,
                "a secret and a public key stand in one list",
            ));
        }
        let secret = keys.iter().any(|key| key.family().is_symmetric());
        if secret && !sources.is_empty() {
            return Err(ConfigError::new(
                Kind::MixedKeys,
                "a secret stands beside a source of keys",
            ));
        }
        let Some(allowed) = &self.rules.algorithms else {
            return Ok(());
        };
        if mixed(allowed.iter().map(|algorithm| algorithm.family())) {
            return Err(ConfigError::new(
                Kind::MixedKeys,
                "algorithms with a secret and with a public key are in one list",
            ));
        }
        let usable = |algorithm: &Algorithm| keys.iter().any(|key| key.serves(*algorithm));
        if allowed.is_empty() || (sources.is_empty() && !allowed.iter().any(usable)) {
            return Err(ConfigError::new(
                Kind::NoUsableKey,
                "no key serves an algorithm that is allowed",
            ));
        }
        Ok(())
    }
}

fn mixed(families: impl Iterator<Item = Family> + Clone) -> bool {
    let mut symmetric = families.map(Family::is_symmetric);
    let first = symmetric.next();
    symmetric.any(|symmetric| Some(symmetric) != first)
}

impl fmt::Debug for VerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder")
            .field("rules", &self.own.rules)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TrustedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TrustedIssuer").field(&self.0.rules).finish()
    }
}
