//! What was said of one issuer, and the contradictions in it.

use std::collections::HashSet;
use std::time::Duration;

use super::{ConfigError, ConfigErrorKind, Issuer};
use crate::algorithm::{Algorithm, Family};
use crate::key::Key;
use crate::key::keyring::Keyring;
use crate::per_thread::Shared;
use crate::verifier::rules::{Rules, TENANT, Tenants, is_template, is_tenant};
use crate::verifier::terms::Terms;

/// The longest leeway that still is one: five minutes.
const MOST_LEEWAY: Duration = Duration::from_secs(300);

/// An issuer as configured so far, not yet checked.
#[derive(Clone, Default)]
pub(super) struct Draft {
    pub(super) rules: Rules,
    pub(super) dangerous_any_issuer: bool,
    pub(super) dangerous_any_audience: bool,
    pub(super) keyring: Keyring,
    /// The complaint about what was said twice and can be said once only.
    pub(super) said_twice: Option<&'static str>,
}

impl Draft {
    /// The first omission or contradiction in what was said of one issuer.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        use ConfigErrorKind as Kind;
        let refuse = |kind, message: &str| Err(ConfigError::new(kind, message));
        let rules = &self.rules;
        if let Some(complaint) = self.said_twice {
            return refuse(Kind::Contradiction, complaint);
        }
        match (&rules.issuer, self.dangerous_any_issuer) {
            (None, false) => {
                return refuse(
                    Kind::MissingIssuer,
                    "no issuer is set: name one, or say `dangerous_any_issuer`",
                );
            }
            (Some(_), true) => {
                return refuse(
                    Kind::Contradiction,
                    "both an issuer and `dangerous_any_issuer` are set",
                );
            }
            _ => {}
        }
        self.check_tenants()?;
        self.check_audience()?;
        self.check_claim_names()?;
        if rules.leeway > MOST_LEEWAY {
            return refuse(Kind::OutOfRange, "the leeway is above 300 seconds");
        }
        if rules.access_token_profile
            && (self.dangerous_any_issuer || self.dangerous_any_audience || !rules.require_exp)
        {
            return refuse(
                Kind::Contradiction,
                "RFC 9068 requires issuer, audience and `exp` to be checked",
            );
        }
        if rules.access_token_profile && rules.audience_claim.is_some() {
            return refuse(
                Kind::Contradiction,
                "RFC 9068 has the audience in `aud`: no other claim can be set beside it",
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

    /// Names the tenants; that can be done once.
    pub(super) fn set_tenants(&mut self, tenants: Tenants) {
        let earlier = self.rules.tenants.replace(tenants);
        if earlier.is_some() {
            self.said_twice = Some("the tenants are said twice");
        }
    }

    /// What is wrong with the issuer's further names, and with those of its tenants.
    fn check_tenants(&self) -> Result<(), ConfigError> {
        use ConfigErrorKind as Kind;
        let refuse = |kind, message: &str| Err(ConfigError::new(kind, message));
        let rules = &self.rules;
        let mut names = HashSet::new();
        if let Some(twice) = rules.spellings().find(|name| !names.insert(*name)) {
            return refuse(Kind::Duplicate, &format!("issuer {twice:?} is named twice"));
        }
        if self.dangerous_any_issuer && (!rules.issuer_aliases.is_empty() || rules.tenants.is_some()) {
            return refuse(
                Kind::Contradiction,
                "`dangerous_any_issuer` stands beside a spelling or the tenants of one",
            );
        }
        let Some(tenants) = &rules.tenants else {
            if rules.spellings().any(|name| name.contains(TENANT)) {
                return refuse(
                    Kind::Contradiction,
                    "the issuer is a template: name the `tenants`, or say `dangerous_any_tenant`",
                );
            }
            return Ok(());
        };
        if !rules.spellings().all(|name| is_template(name)) {
            return refuse(
                Kind::Contradiction,
                "tenants are named, and the issuer does not have `{tenantid}` once as a segment of its path",
            );
        }
        match tenants {
            Tenants::These(these) if these.is_empty() => {
                refuse(Kind::Contradiction, "no tenant is named: no token could pass")
            }
            Tenants::These(these) if !these.iter().all(|tenant| is_tenant(tenant)) => refuse(
                Kind::InvalidText,
                "a tenant is not a GUID in lower case, 8-4-4-4-12 digits",
            ),
            _ => Ok(()),
        }
    }

    /// What is wrong with the names of this service and of the clients.
    fn check_audience(&self) -> Result<(), ConfigError> {
        use ConfigErrorKind as Kind;
        let refuse = |kind, message: &str| Err(ConfigError::new(kind, message));
        let rules = &self.rules;
        match (rules.audiences.is_empty(), self.dangerous_any_audience) {
            (true, false) => {
                return refuse(
                    Kind::MissingAudience,
                    "no audience is set: name one, or say `dangerous_any_audience`",
                );
            }
            (false, true) => {
                return refuse(
                    Kind::Contradiction,
                    "both an audience and `dangerous_any_audience` are set",
                );
            }
            _ => {}
        }
        if self.dangerous_any_audience
            && (rules.audience_claim.is_some() || rules.further_audiences.is_some())
        {
            return refuse(
                Kind::Contradiction,
                "`dangerous_any_audience` stands beside a rule about the audience",
            );
        }
        let parties = &rules.authorized_parties;
        if parties.clients.is_empty() && !parties.required {
            return refuse(
                Kind::Contradiction,
                "`azp` is said to be dispensable, and no `authorized_party` is named",
            );
        }
        Ok(())
    }

    /// Texts that are empty, and claims of which two things are said.
    fn check_claim_names(&self) -> Result<(), ConfigError> {
        use ConfigErrorKind as Kind;
        let refuse = |kind, message: &str| Err(ConfigError::new(kind, message));
        let rules = &self.rules;
        let texts = rules
            .spellings()
            .chain(&*rules.audiences)
            .chain(&rules.audience_claim)
            .chain(rules.further_audiences.iter().flatten())
            .chain(&rules.authorized_parties.clients)
            .chain(rules.typ.as_ref().map(|typ| &typ.name))
            .chain(&rules.required)
            .chain(&rules.role_claims)
            .chain(&rules.scope_claims);
        let mut values = rules.values.iter();
        let empty =
            |(path, values): &(String, Vec<String>)| path.is_empty() || values.iter().any(String::is_empty);
        if texts.into_iter().any(String::is_empty) || values.any(empty) {
            return refuse(
                Kind::InvalidText,
                "an issuer, an audience, a client, a type, a value or a claim's name is empty",
            );
        }
        let mut paths = HashSet::new();
        for (path, values) in &rules.values {
            if values.is_empty() {
                return refuse(
                    Kind::Contradiction,
                    &format!("{path:?} must have one of no values: no token could pass"),
                );
            }
            if !paths.insert(path) {
                return refuse(Kind::Duplicate, &format!("the values of {path:?} are said twice"));
            }
        }
        if rules
            .scope_claims
            .iter()
            .any(|path| path == "scope" || path == "scp")
        {
            return refuse(
                Kind::Duplicate,
                "`scope` and `scp` are read whatever is configured",
            );
        }
        Ok(())
    }

    /// As checked. Of an issuer that lives as long as the verifier, each token may hold all fixed keys.
    pub(super) fn into_listed_issuer(self) -> Issuer {
        let keys = self.keyring.keys.clone();
        self.into_issuer(keys)
    }

    /// As checked, of an issuer that may be withdrawn: of its keys, a token holds the one that has verified it.
    pub(super) fn into_found_issuer(self) -> Issuer {
        self.into_issuer(Vec::new())
    }

    fn into_issuer(self, keys: Vec<Key>) -> Issuer {
        Issuer {
            terms: Shared::new(Terms {
                rules: self.rules,
                keys,
            }),
            keyring: self.keyring,
        }
    }

    fn check_keys(&self) -> Result<(), ConfigError> {
        use ConfigErrorKind as Kind;
        let Keyring { keys, sources } = &self.keyring;
        // One issuer's keys must never stand for another's tokens.
        let foreign = sources.iter().filter_map(|source| source.issuer());
        if let (Some(issuer), Some(foreign)) = (
            &self.rules.issuer,
            foreign.into_iter().find(|source| !self.rules.spelled(source)),
        ) {
            return Err(ConfigError::new(
                Kind::Contradiction,
                format!("a source has the keys of {foreign:?}, and the issuer is {issuer:?}"),
            ));
        }
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
