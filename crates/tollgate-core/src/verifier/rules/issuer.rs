//! The rules for the issuer of a token: one name, its aliases, or a template with a name for each
//! tenant.

use super::{Rules, missing};
use crate::rejection::{Rejection, RejectionKind, Shown};
use crate::token::claims::ClaimSetText;

/// The placeholder for the tenant in a template, as in the metadata of Microsoft Entra.
pub(crate) const TENANT: &str = "{tenantid}";

/// The accepted tenants, if the issuer's name is a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tenants {
    Any,
    These(Vec<String>),
}

impl Rules {
    /// Returns `true` if these rules apply to tokens of this issuer.
    pub(crate) fn names(&self, issuer: &str) -> bool {
        match &self.tenants {
            None => self.spelled(issuer),
            Some(Tenants::Any) => self.tenant_of(issuer).is_some(),
            Some(Tenants::These(these)) => self
                .tenant_of(issuer)
                .is_some_and(|tenant| these.iter().any(|one| one == tenant)),
        }
    }

    /// The issuer's name as configured, followed by its aliases.
    pub(crate) fn spellings(&self) -> impl Iterator<Item = &String> {
        self.issuer.iter().chain(&self.issuer_aliases)
    }

    /// Returns `true` if this is one of the spellings, compared byte for byte. The spelling of a
    /// template is the `issuer` of keys that all tenants share.
    pub(crate) fn spelled(&self, issuer: &str) -> bool {
        self.issuer.as_deref() == Some(issuer)
            || self.issuer_aliases.iter().any(|alias| alias == issuer)
    }

    /// Returns `true` if `other` names the issuer that `one` names. A template names all tenants.
    pub(crate) fn are_one(&self, one: &str, other: &str) -> bool {
        if one == other {
            return true;
        }
        if self.tenants.is_none() {
            return self.spelled(one) && self.spelled(other);
        }
        match (self.tenant_of(one), self.tenant_of(other)) {
            (Some(one), Some(other)) => one == other,
            (Some(_), None) => self.spelled(other),
            (None, _) => false,
        }
    }

    /// Returns the tenant that replaces [`TENANT`] in a template.
    fn tenant_of<'i>(&self, issuer: &'i str) -> Option<&'i str> {
        let tenant = |template: &String| {
            let (before, after) = template.split_once(TENANT)?;
            let tenant = issuer.strip_prefix(before)?.strip_suffix(after)?;
            is_tenant(tenant).then_some(tenant)
        };
        self.spellings().find_map(tenant)
    }

    /// Refuses an issuer to which these rules do not apply.
    pub(crate) fn check_name(&self, issuer: Option<&str>) -> Result<(), Rejection> {
        let Some(wanted) = &self.issuer else {
            return Ok(());
        };
        match issuer {
            Some(got) if self.names(got) => Ok(()),
            Some(got) => Err(Rejection::untrusted_issuer(got, wanted)),
            None => Err(missing(if self.spiffe { "sub" } else { "iss" })),
        }
    }

    /// Checks `iss`. `key_issuer` is the issuer that the verifying key is bound to, if any.
    pub(super) fn check_issuer(
        &self,
        claims: &ClaimSetText,
        key_issuer: Option<&str>,
    ) -> Result<(), Rejection> {
        if self.spiffe {
            return self.check_workload(claims);
        }
        let claimed = claims.string(claims.registered.issuer.as_ref());
        self.check_name(claimed)?;
        match (&self.tenants, claimed) {
            (Some(_), Some(claimed)) => self.check_tenant(claims, claimed, key_issuer),
            _ => Ok(()),
        }
    }

    /// The tenant of `iss` must be the one of `tid`, and the key must not belong to another tenant.
    fn check_tenant(
        &self,
        claims: &ClaimSetText,
        issuer: &str,
        key_issuer: Option<&str>,
    ) -> Result<(), Rejection> {
        let refuse = |detail| Err(Rejection::new(RejectionKind::UntrustedIssuer, detail));
        let tenant = self.tenant_of(issuer).unwrap_or_default();
        let claimed = claims.string_member("tid")?.ok_or_else(|| missing("tid"))?;
        if claimed != tenant {
            return refuse(format!(
                "`tid` is {} and `iss` is {}",
                Shown(&claimed),
                Shown(issuer)
            ));
        }
        if let Some(bound) = key_issuer {
            let theirs = bound.replace(TENANT, tenant);
            if !self
                .spellings()
                .any(|template| template.replace(TENANT, tenant) == theirs)
            {
                return refuse(format!(
                    "the key is for tokens of {}, and `iss` is {}",
                    Shown(bound),
                    Shown(issuer)
                ));
            }
        }
        Ok(())
    }
}

/// Returns `true` if the name contains [`TENANT`] once, as a whole segment of the path. Two
/// templates can therefore never name the same issuer.
pub(crate) fn is_template(issuer: &str) -> bool {
    issuer.split_once(TENANT).is_some_and(|(before, after)| {
        before.ends_with('/')
            && (after.is_empty() || after.starts_with('/'))
            && !after.contains(TENANT)
    })
}

/// Returns `true` for a GUID in the form of RFC 9562 section 4. Each tenant has exactly one such
/// name, so names can be compared.
pub(crate) fn is_tenant(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

#[cfg(test)]
mod tests;
