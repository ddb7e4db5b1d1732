//! Revocation of verified tokens.

use std::ops::Deref;

use crate::gate::csrf::TokenProven;
use crate::key::source::Unavailable;
use crate::rejection::{Rejection, RejectionKind};
use crate::step::Step;
use crate::verifier::principal::Principal;

/// A check for the revocation of a verified token. This stage runs before the policy.
///
/// The gate calls it for every token that verifies. An answer from memory is ready at once. A
/// request waits only if the check returns a future, for example of a query to a store.
///
/// ```
/// use tollgate::extend::{RevocationCheck, Standing, Step, Unavailable};
/// use tollgate::Principal;
///
/// struct Banned(&'static str);
///
/// impl RevocationCheck for Banned {
///     fn check(&self, principal: &Principal) -> Step<Result<Standing, Unavailable>> {
///         let banned = principal.subject() == Some(self.0);
///         Step::Ready(Ok(if banned { Standing::Revoked } else { Standing::Good }))
///     }
/// }
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let principal = example::verifier().verify(example::token(""))?;
/// assert_eq!(Banned("u-7").check(&principal).ready(), Some(Ok(Standing::Revoked)));
/// assert_eq!(Banned("u-8").check(&principal).ready(), Some(Ok(Standing::Good)));
/// # Ok(()) }
/// ```
pub trait RevocationCheck: Send + Sync {
    /// Returns the standing of the principal's token.
    ///
    /// The implementation bounds the time of a pending step. The client gets a 503 for
    /// [`Unavailable`].
    fn check(&self, principal: &Principal) -> Step<Result<Standing, Unavailable>>;

    /// The issuer whose tokens the check can find revoked. `None`, the default, if it is not one.
    ///
    /// A gate rejects at `build` a check for an issuer that its verifier does not trust.
    /// Compare tokens by [`Principal::is_of_issuer`]: one issuer may have several names.
    fn issuer(&self) -> Option<&str> {
        None
    }
}

impl<C: RevocationCheck + ?Sized> RevocationCheck for std::sync::Arc<C> {
    fn check(&self, principal: &Principal) -> Step<Result<Standing, Unavailable>> {
        (**self).check(principal)
    }

    fn issuer(&self) -> Option<&str> {
        (**self).issuer()
    }
}

/// The standing of a verified token.
///
/// ```
/// use tollgate::extend::{Standing, Step};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let later = Step::pending(async { Standing::Revoked });
/// assert_eq!(later.await, Standing::Revoked);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The token was not revoked.
    Good,
    /// The token was revoked. The response is 401 `invalid_token` (RFC 6750 section 3.1).
    Revoked,
}

/// A principal whose token is not revoked.
pub(super) struct Current(Principal);

impl Current {
    #[inline]
    pub(super) fn into_principal(self) -> Principal {
        self.0
    }
}

impl Deref for Current {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.0
    }
}

/// Refuses a revoked token, and a token whose standing the check cannot determine: also one whose
/// `jti` or `sid` is not a string.
#[inline]
pub(super) fn check(
    check: Option<&dyn RevocationCheck>,
    principal: TokenProven,
) -> Step<Result<Current, Rejection>> {
    let principal = principal.into_principal();
    let Some(check) = check else {
        return Step::Ready(Ok(Current(principal)));
    };
    if let Err(rejection) = principal.verified().check_ids() {
        return Step::Ready(Err(rejection.with_issuer(principal.issuer_label())));
    }
    match check.check(&principal) {
        Step::Ready(standing) => Step::Ready(current(principal, standing)),
        Step::Pending(standing) => Step::pending(async move { current(principal, standing.await) }),
    }
}

fn current(
    principal: Principal,
    standing: Result<Standing, Unavailable>,
) -> Result<Current, Rejection> {
    let rejection = match standing {
        Ok(Standing::Good) => return Ok(Current(principal)),
        Ok(Standing::Revoked) => {
            let detail = "the token verifies and was revoked";
            Rejection::new(RejectionKind::Revoked, detail)
        }
        Err(down) => {
            let detail = "the revocation check has no answer";
            Rejection::unavailable(down.retry_after(), detail)
        }
    };
    Err(rejection.with_issuer(principal.issuer_label()))
}
