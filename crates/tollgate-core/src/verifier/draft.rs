//! What was said of one issuer, and the contradictions in it.

use std::sync::Arc;
use std::time::Duration;

use super::{ConfigError, ConfigErrorKind, Issuer};
use crate::algorithm::{Algorithm, Family};
use crate::candidates::Keyring;
use crate::key::Key;
use crate::rules::Rules;

/// The longest leeway that still is one: five minutes.
const MOST_LEEWAY: Duration = Duration::from_secs(300);

/// An issuer as configured so far, not yet checked.
#[derive(Clone, Default)]
pub(super) struct Draft {
    pub(super) rules: Rules,
    pub(super) any_issuer: bool,
    pub(super) any_audience: bool,
    pub(super) keyring: Keyring,
    /// Whether a second issuer was named in the place of the first.
    pub(super) issuer_renamed: bool,
}

impl Draft {
    /// The first omission or contradiction in what was said of one issuer.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        use ConfigErrorKind as Kind;
        let refuse = |kind, message: &str| Err(ConfigError::new(kind, message));
        let rules = &self.rules;
        if self.issuer_renamed {
            return refuse(
                Kind::Contradiction,
                "`issuer` is said twice: further issuers are for `trust`",
            );
        }
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

    /// As checked.
    pub(super) fn into_issuer(self) -> Issuer {
        Issuer {
            rules: Arc::new(self.rules),
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
            foreign.into_iter().find(|source| !self.rules.names(source)),
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
