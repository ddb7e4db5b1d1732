//! The rules for the audience of a token and for its authorized party.

use std::borrow::Cow;

use super::{Rules, missing};
use crate::claim_path::ClaimPath;
use crate::limits::Limits;
use crate::rejection::{Few, Rejection, RejectionKind, Shown};
use crate::token::claims::ClaimSetText;

/// The clients whose tokens are accepted. An empty list accepts any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuthorizedParties {
    pub(crate) clients: Vec<String>,
    /// `true` if `azp` is required even if `aud` has exactly one value.
    pub(crate) required: bool,
}

impl Rules {
    pub(super) fn check_audience(
        &self,
        claims: &ClaimSetText,
        limits: &Limits,
    ) -> Result<(), Rejection> {
        if self.audiences.is_empty() {
            return Ok(());
        }
        if let Some(name) = &self.audience_claim {
            claims.check_strings_at(name, limits.audiences())?;
            self.check_audience_among(Some(name), claims.strings_at(name))?;
        }
        // RFC 7519 section 4.1.3: an `aud` that is present must name this service, regardless of
        // other claims.
        if self.audience_claim.is_none() || claims.has_audience() {
            self.check_audience_among(None, claims.audiences())?;
        }
        match &self.further_audiences {
            None => Ok(()),
            Some(further) => self.check_further_audiences(claims, further),
        }
    }

    /// Checks that one of the values identifies this service (RFC 7519 section 4.1.3). They are of
    /// `claim`, or of `aud`.
    fn check_audience_among<'c>(
        &self,
        claim: Option<&ClaimPath>,
        values: impl Iterator<Item = Cow<'c, str>>,
    ) -> Result<(), Rejection> {
        let mut first = None;
        for got in values {
            if self.audiences.iter().any(|wanted| *wanted == got) {
                return Ok(());
            }
            first.get_or_insert(got);
        }
        match (first, claim) {
            (Some(got), None) => Err(Rejection::wrong_audience(&got, &self.audiences)),
            (Some(got), Some(claim)) => Err(Rejection::new(
                RejectionKind::WrongAudience,
                format!(
                    "`{claim}` has {}; wanted one of {}",
                    Shown(&got),
                    Few(&self.audiences)
                ),
            )),
            (None, None) => Err(missing("aud")),
            (None, Some(claim)) => Err(missing(claim)),
        }
    }

    /// Refuses further audiences that are not trusted (OpenID Connect Core 1.0 section 3.1.3.7,
    /// point 3).
    fn check_further_audiences(
        &self,
        claims: &ClaimSetText,
        further: &[String],
    ) -> Result<(), Rejection> {
        let known = |got: &Cow<'_, str>| self.audiences.iter().chain(further).any(|one| one == got);
        match claims.audiences().find(|got| !known(got)) {
            None => Ok(()),
            Some(got) => Err(Rejection::new(
                RejectionKind::WrongAudience,
                format!("`aud` has {} beside this service", Shown(&got)),
            )),
        }
    }

    /// Checks `azp` (OpenID Connect Core 1.0 sections 2 and 3.1.3.7, points 4 and 5).
    pub(super) fn check_authorized_party(&self, claims: &ClaimSetText) -> Result<(), Rejection> {
        let AuthorizedParties { clients, required } = &self.authorized_parties;
        if clients.is_empty() {
            return Ok(());
        }
        match claims.string_member("azp")? {
            Some(got) if clients.iter().any(|client| *client == got) => Ok(()),
            Some(got) => Err(Rejection::new(
                RejectionKind::WrongClaim,
                format!("`azp` is {}; wanted one of {}", Shown(&got), Few(clients)),
            )),
            None if *required || claims.audiences().nth(1).is_some() => Err(missing("azp")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
