//! The rules for the SPIFFE ID in the `sub` of a JWT-SVID (SPIFFE-ID section 2, JWT-SVID section
//! 3.1).

use super::{Rules, missing};
use crate::algorithm::Algorithm;
use crate::rejection::{Rejection, RejectionKind, Shown};
use crate::token::claims::ClaimSetText;

pub(crate) const SCHEME: &str = "spiffe://";

/// The algorithms of JWT-SVID section 2.1.
pub(crate) const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::ES512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

impl Rules {
    /// Checks that `sub` is a workload of the trust domain, which is the issuer's name.
    pub(super) fn check_workload(&self, claims: &ClaimSetText) -> Result<(), Rejection> {
        let subject = claims.string(claims.registered.subject.as_ref());
        let subject = subject.ok_or_else(|| missing("sub"))?;
        let wanted = self.issuer.as_deref().unwrap_or_default();
        match trust_domain(subject) {
            Some(got) if got == wanted => Ok(()),
            Some(got) => Err(Rejection::untrusted_issuer(got, wanted)),
            None => Err(Rejection::new(
                RejectionKind::MalformedClaims,
                format!("`sub` is {}, which is no SPIFFE ID", Shown(subject)),
            )),
        }
    }
}

/// Returns the trust domain, as a SPIFFE ID, of the SPIFFE ID of a workload.
pub(crate) fn trust_domain(id: &str) -> Option<&str> {
    const MAX_ID: usize = 2048;
    let (name, path) = id.strip_prefix(SCHEME)?.split_once('/')?;
    let is_segment = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && (segment.bytes()).all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let valid = id.len() <= MAX_ID && is_trust_domain(name) && path.split('/').all(is_segment);
    valid.then(|| &id[..SCHEME.len() + name.len()])
}

/// Returns `true` for the name of a trust domain (SPIFFE-ID section 2.1).
pub(crate) fn is_trust_domain(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && (name.bytes()).all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests;
