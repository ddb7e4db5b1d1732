//! The refusals of claims.

use std::borrow::Cow;
use std::fmt;

use crate::rejection::{Rejection, RejectionKind};

/// Returns the refusal of a token without a claim.
#[cold]
pub(crate) fn missing(claim: impl fmt::Display) -> Rejection {
    Rejection::new(
        RejectionKind::MissingClaim,
        format!("there is no `{claim}`"),
    )
}

#[cold]
pub(super) fn too_many(what: impl fmt::Display, most: usize) -> Rejection {
    Rejection::new(
        RejectionKind::TooLarge,
        format!("`{what}` holds more than {most} values"),
    )
}

#[cold]
pub(super) fn malformed(detail: impl Into<Cow<'static, str>>) -> Rejection {
    Rejection::new(RejectionKind::MalformedClaims, detail)
}
