//! The configuration of one issuer, and the contradictions that `build` refuses.

use std::collections::HashSet;
use std::time::Duration;

use crate::algorithm::{Algorithm, Family};
use crate::claim_path::ClaimPath;
use crate::config::{ConfigError, ConfigErrorKind};
use crate::decisions::IssuerLabel;
use crate::key::Key;
use crate::key::keyring::Keyring;
use crate::per_thread::PerThread;
use crate::verifier::issuer::{Issuer, IssuerEntry};
use crate::verifier::role_paths::RolePaths;
use crate::verifier::rules::{
    Rules, SCHEME, SVID_ALGORITHMS, TENANT, Tenants, is_template, is_tenant, is_trust_domain,
};

/// The longest leeway, in seconds.
const MOST_LEEWAY: Duration = Duration::from_secs(300);

/// The end of the year 9999, in seconds since the epoch. A later time was meant in milliseconds.
const LATEST: u64 = 253_402_300_799;

/// The members of a header that are checked for each token (RFC 7515 section 4.1).
const RULED_HEADERS: [&str; 6] = ["alg", "typ", "crit", "b64", "zip", "enc"];

/// An issuer as configured so far, not yet checked.
#[derive(Clone, Default)]
pub(super) struct IssuerConfig {
    pub(super) rules: Rules,
    pub(super) dangerous_any_issuer: bool,
    pub(super) dangerous_any_audience: bool,
    pub(super) keyring: Keyring,
    /// An option that can be set once and was set again.
    pub(super) set_twice: Option<&'static str>,
    /// `true` if any rule was set.
    pub(super) is_used: bool,
}

impl IssuerConfig {
    /// Returns the first omission or contradiction.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        use ConfigErrorKind as Kind;
        let refuse = |kind, message: &str| Err(ConfigError::new(kind, message));
        let rules = &self.rules;
        if let Some(option) = self.set_twice {
            return refuse(Kind::Contradiction, &format!("{option} set twice"));
        }
        match (&rules.issuer, self.dangerous_any_issuer) {
            (None, false) => {
                return refuse(
                    Kind::MissingIssuer,
                    "no issuer: set `issuer`, or waive the check by `dangerous_any_issuer`",
                );
            }
            (Some(_), true) => {
                return refuse(
                    Kind::Contradiction,
                    "`issuer` contradicts `dangerous_any_issuer`: remove one",
                );
            }
            _ => {}
        }
        self.check_tenants()?;
        self.check_trust_domain()?;
        self.check_audience()?;
        self.check_claim_names()?;
        if rules.leeway > MOST_LEEWAY {
            return refuse(Kind::OutOfRange, "`leeway` is above 300 seconds");
        }
        if rules.access_token_profile
            && (self.dangerous_any_issuer || self.dangerous_any_audience || !rules.require_exp)
        {
            return refuse(
                Kind::Contradiction,
                "`access_token_profile` checks `iss`, `aud` and `exp`: remove the `dangerous_` \
                 option that waives one",
            );
        }
        if rules.access_token_profile && rules.audience_claim.is_some() {
            return refuse(
                Kind::Contradiction,
                "`access_token_profile` reads the audience from `aud`: remove `audience_claim`",
            );
        }
        if rules.access_token_profile && rules.typ.is_some() {
            return refuse(
                Kind::Contradiction,
                "`access_token_profile` sets the type: remove `typ`",
            );
        }
        if rules.max_lifetime.is_some() && !rules.require_exp {
            return refuse(
                Kind::Contradiction,
                "`max_lifetime` requires `exp`: remove `dangerous_allow_missing_exp` or \
                 `max_lifetime`",
            );
        }
        self.check_keys()
    }

    /// Sets the tenants. A second call is an error at `build`.
    pub(super) fn set_tenants(&mut self, tenants: Tenants) {
        let earlier = self.rules.tenants.replace(tenants);
        if earlier.is_some() {
            self.set_twice = Some("`tenants` or `dangerous_any_tenant` is");
        }
    }

    /// Checks the aliases of the issuer and its tenants.
    fn check_tenants(&self) -> Result<(), ConfigError> {
        use ConfigErrorKind as Kind;
        let refuse = |kind, message: &str| Err(ConfigError::new(kind, message));
        let rules = &self.rules;
        let mut names = HashSet::new();
        if let Some(twice) = rules.spellings().find(|name| !names.insert(*name)) {
            return refuse(
                Kind::Duplicate,
                &format!("issuer {twice:?} is named twice: remove one"),
            );
        }
        if self.dangerous_any_issuer
            && (!rules.issuer_aliases.is_empty() || rules.tenants.is_some())
        {
            return refuse(
                Kind::Contradiction,
                "`dangerous_any_issuer` contradicts `issuer_alias` and `tenants`: remove one",
            );
        }
        let Some(tenants) = &rules.tenants else {
            if rules.spellings().any(|name| name.contains(TENANT)) {
                return refuse(
                    Kind::Contradiction,
                    "the issuer is a template: set `tenants`, or waive the check by \
                     `dangerous_any_tenant`",
                );
            }
            return Ok(());
        };
        if !rules.spellings().all(|name| is_template(name)) {
            return refuse(
                Kind::Contradiction,
                "`tenants` requires an issuer with `{tenantid}` as one segment of its path",
            );
        }
        match tenants {
            Tenants::These(these) if these.is_empty() => refuse(
                Kind::Contradiction,
                "`tenants` is empty: no token could pass",
            ),
            Tenants::These(these) if !these.iter().all(|tenant| is_tenant(tenant)) => refuse(
                Kind::InvalidText,
                "`tenants` has an entry that is not a GUID in lower case (8-4-4-4-12 digits)",
            ),
            _ => Ok(()),
        }
    }

    /// Checks the rules of a SPIFFE trust domain.
    fn check_trust_domain(&self) -> Result<(), ConfigError> {
        use ConfigErrorKind as Kind;
        let rules = &self.rules;
        let Some(issuer) = rules.issuer.as_ref().filter(|_| rules.spiffe) else {
            return Ok(());
        };
        if !(issuer.strip_prefix(SCHEME)).is_some_and(is_trust_domain) {
            return Err(ConfigError::new(
                Kind::InvalidText,
                "the trust domain is not 1 to 255 of the characters `a-z0-9-_.`",
            ));
        }
        // JWT-SVID sections 2 and 3 leave no choice in these.
        let contradictions = [
            ("issuer_alias", !rules.issuer_aliases.is_empty()),
            ("tenants", rules.tenants.is_some()),
            ("dangerous_any_audience", self.dangerous_any_audience),
            ("dangerous_allow_missing_exp", !rules.require_exp),
            ("audience_claim", rules.audience_claim.is_some()),
            ("access_token_profile", rules.access_token_profile),
            ("allow_numeric_subject", rules.numeric_subject),
            (
                "algorithms",
                (rules.algorithms.iter().flatten()).any(|name| !SVID_ALGORITHMS.contains(name)),
            ),
        ];
        match contradictions.iter().find(|(_, is_set)| *is_set) {
            Some((option, _)) => Err(ConfigError::new(
                Kind::Contradiction,
                format!("`{option}` contradicts the rules for JWT-SVIDs: remove it"),
            )),
            None => Ok(()),
        }
    }

    /// Checks the audiences and the authorized parties.
    fn check_audience(&self) -> Result<(), ConfigError> {
        use ConfigErrorKind as Kind;
        let refuse = |kind, message: &str| Err(ConfigError::new(kind, message));
        let rules = &self.rules;
        match (rules.audiences.is_empty(), self.dangerous_any_audience) {
            (true, false) => {
                return refuse(
                    Kind::MissingAudience,
                    "no audience: set `audience`, or waive the check by `dangerous_any_audience`",
                );
            }
            (false, true) => {
                return refuse(
                    Kind::Contradiction,
                    "`audience` contradicts `dangerous_any_audience`: remove one",
                );
            }
            _ => {}
        }
        if self.dangerous_any_audience
            && (rules.audience_claim.is_some() || rules.further_audiences.is_some())
        {
            return refuse(
                Kind::Contradiction,
                "`dangerous_any_audience` contradicts `audience_claim` and `further_audiences`: \
                 remove one",
            );
        }
        let parties = &rules.authorized_parties;
        if parties.clients.is_empty() && !parties.required {
            return refuse(
                Kind::Contradiction,
                "`dangerous_allow_missing_authorized_party` requires an `authorized_party`",
            );
        }
        Ok(())
    }

    /// Checks for empty texts and for claims with two rules.
    fn check_claim_names(&self) -> Result<(), ConfigError> {
        use ConfigErrorKind as Kind;
        let refuse = |kind, message: &str| Err(ConfigError::new(kind, message));
        let rules = &self.rules;
        let texts = rules
            .spellings()
            .chain(&*rules.audiences)
            .chain(rules.further_audiences.iter().flatten())
            .chain(&rules.authorized_parties.clients)
            .chain(rules.typ.as_ref().map(|typ| &typ.name))
            .chain(rules.all_values().flat_map(|(_, values)| values))
            .chain(rules.headers.iter().map(|(name, _)| name))
            .chain(rules.headers.iter().flat_map(|(_, values)| values))
            .chain(&rules.constraints)
            .chain(&rules.role_member);
        if texts.into_iter().any(String::is_empty) || rules.paths().any(ClaimPath::is_empty) {
            return refuse(
                Kind::InvalidText,
                "an issuer, an audience, a client, a type, a value or a name is empty",
            );
        }
        if let Some(path) = rules.paths().find(|path| is_unreachable(path)) {
            return refuse(
                Kind::Contradiction,
                &format!("nothing is below the claim in {path:?}: no token could have it"),
            );
        }
        let mut paths = HashSet::new();
        for (path, values) in rules.all_values() {
            if values.is_empty() {
                return refuse(
                    Kind::Contradiction,
                    &format!("`require_value` for {path:?} has no values: no token could pass"),
                );
            }
            if !paths.insert(path) {
                return refuse(
                    Kind::Duplicate,
                    &format!("`require_value` is set twice for {path:?}"),
                );
            }
        }
        let mut members = HashSet::new();
        for (name, values) in &rules.headers {
            if RULED_HEADERS.contains(&&name[..]) || values.is_empty() {
                return refuse(
                    Kind::Contradiction,
                    &format!(
                        "`require_header` for {name:?} has no values, or a rule of its own checks \
                         it"
                    ),
                );
            }
            if !members.insert(name) {
                return refuse(
                    Kind::Duplicate,
                    &format!("`require_header` is set twice for {name:?}"),
                );
            }
        }
        let constrains = |name: &String| rules.values.iter().any(|(path, _)| path.is(name));
        if !rules.constraints.is_empty() && !rules.constraints.iter().any(constrains) {
            return refuse(
                Kind::MissingConstraint,
                &format!(
                    "the issuer signs tokens for the public: set `require_value` for one of {:?}",
                    rules.constraints
                ),
            );
        }
        if rules.role_member.is_some() && rules.role_claims.is_empty() {
            return refuse(
                Kind::Contradiction,
                "`role_member` has no effect without a `role_claim`",
            );
        }
        if rules
            .scope_claims
            .iter()
            .any(|path| path.is("scope") || path.is("scp"))
        {
            return refuse(
                Kind::Duplicate,
                "`scope_claim` names `scope` or `scp`, which are always read",
            );
        }
        Ok(())
    }

    /// Converts checked rules to an issuer that lives as long as the verifier. Each token may hold
    /// all its fixed keys.
    pub(super) fn into_listed_issuer(self) -> Issuer {
        let keys = self.keyring.fixed().cloned().collect();
        let label = IssuerLabel::new(self.rules.issuer.as_deref().unwrap_or("any"));
        self.into_issuer(keys, label)
    }

    /// Converts checked rules to an issuer that may be withdrawn. A token holds only the key that
    /// verified it.
    pub(super) fn into_found_issuer(self) -> Issuer {
        self.into_issuer(Vec::new(), IssuerLabel::new("tenants"))
    }

    fn into_issuer(self, keys: Vec<Key>, label: IssuerLabel) -> Issuer {
        Issuer {
            entry: PerThread::new(IssuerEntry {
                label,
                role_paths: RolePaths::new(&self.rules),
                rules: self.rules,
                keys,
            }),
            keyring: self.keyring,
        }
    }

    fn check_keys(&self) -> Result<(), ConfigError> {
        use ConfigErrorKind as Kind;
        let refuse = |kind, message: &str| Err(ConfigError::new(kind, message));
        let Keyring {
            keys,
            sources,
            secrets,
        } = &self.keyring;
        // The keys of one issuer must never verify the tokens of another.
        let foreign = sources.iter().filter_map(|source| source.issuer());
        if let (Some(issuer), Some(foreign)) = (
            &self.rules.issuer,
            foreign
                .into_iter()
                .find(|source| !self.rules.spelled(source)),
        ) {
            return refuse(
                Kind::Contradiction,
                &format!("`key_source` has the keys of issuer {foreign:?}; expected {issuer:?}"),
            );
        }
        let is_secret = |key: &Key| key.family().is_symmetric();
        if !secrets.iter().all(is_secret) {
            return refuse(
                Kind::MixedKeys,
                "`shared_secret` has a public key: add it by `key`",
            );
        }
        match self.rules.secrets_until {
            Some(_) if secrets.is_empty() => {
                return refuse(
                    Kind::Contradiction,
                    "`shared_secrets_until` requires a `shared_secret`",
                );
            }
            Some(end) if end > LATEST => {
                return refuse(
                    Kind::OutOfRange,
                    "`shared_secrets_until` is after the year 9999: its unit is seconds",
                );
            }
            _ => {}
        }
        let public_list = !keys.is_empty() || !sources.is_empty();
        if !public_list && secrets.is_empty() {
            return refuse(
                Kind::MissingKey,
                "no key: set `key`, `key_set` or `key_source`",
            );
        }
        let alone = keys.iter().all(is_secret) && sources.is_empty() && secrets.is_empty();
        if keys.iter().any(is_secret) && !alone {
            return refuse(
                Kind::MixedKeys,
                "`key` has a secret beside public keys, a `key_source` or a `shared_secret`: add \
                 it by `shared_secret`",
            );
        }
        let Some(allowed) = &self.rules.algorithms else {
            return Ok(());
        };
        if secrets.is_empty() && mixed(allowed.iter().map(|algorithm| algorithm.family())) {
            return refuse(
                Kind::MixedKeys,
                "`algorithms` mixes HMAC with public key algorithms: this requires a \
                 `shared_secret`",
            );
        }
        let serves = |keys: &[Key]| {
            let usable = |algorithm: &Algorithm| keys.iter().any(|key| key.can_serve(*algorithm));
            allowed.iter().any(usable)
        };
        // Beside shared secrets, a source serves public key algorithms only.
        let fetched = |algorithm: &Algorithm| {
            !sources.is_empty() && (secrets.is_empty() || !algorithm.family().is_symmetric())
        };
        if public_list && !serves(keys) && !allowed.iter().any(fetched) {
            return refuse(Kind::NoUsableKey, "no key serves any of `algorithms`");
        }
        if !secrets.is_empty() && !serves(secrets) {
            return refuse(
                Kind::NoUsableKey,
                "no `shared_secret` serves any of `algorithms`",
            );
        }
        Ok(())
    }
}

/// Returns `true` for exact names below a registered claim that is never an object (RFC 7519
/// section 4.1).
fn is_unreachable(path: &ClaimPath) -> bool {
    const NO_OBJECTS: [&str; 9] = [
        "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "scp",
    ];
    path.outermost()
        .is_some_and(|name| NO_OBJECTS.contains(&name))
}

fn mixed(families: impl Iterator<Item = Family>) -> bool {
    let mut symmetric = families.map(Family::is_symmetric);
    let first = symmetric.next();
    symmetric.any(|symmetric| Some(symmetric) != first)
}
