//! Whether a token that verifies has been taken back since.

use crate::gate::decision::BoxFuture;
use crate::key::source::Unavailable;
use crate::verifier::principal::Principal;

/// Tells whether a verified token was revoked: the stage between the signature and the policy.
///
/// It is asked for every token that verifies. What it knows in memory it says at once; where only a store can tell, it
/// returns a future, and only then does a request wait.
///
/// ```
/// use tollgate_core::{Principal, RevocationCheck, Standing};
///
/// struct Banned(&'static str);
///
/// impl RevocationCheck for Banned {
///     fn check(&self, principal: &Principal) -> Standing {
///         if principal.subject() == Some(self.0) { Standing::Revoked } else { Standing::Good }
///     }
/// }
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let principal = example::verifier().verify(example::token(""))?;
/// assert!(matches!(Banned("u-7").check(&principal), Standing::Revoked));
/// assert!(matches!(Banned("u-8").check(&principal), Standing::Good));
/// # Ok(()) }
/// ```
pub trait RevocationCheck: Send + Sync {
    /// How the token stands that this principal was made from.
    fn check(&self, principal: &Principal) -> Standing;
}

impl<C: RevocationCheck + ?Sized> RevocationCheck for std::sync::Arc<C> {
    fn check(&self, principal: &Principal) -> Standing {
        (**self).check(principal)
    }
}

/// How a verified token stands.
///
/// ```
/// use tollgate_core::Standing;
///
/// let later = Standing::Ask(Box::pin(async { Ok(Standing::Revoked) }));
/// assert!(matches!(later, Standing::Ask(_)));
/// ```
pub enum Standing {
    /// It was not revoked.
    Good,
    /// It was revoked: 401, `invalid_token` (RFC 6750 section 3.1).
    Revoked,
    /// A store must be asked. The future is bounded in time by whoever makes it; an [`Unavailable`] becomes a 503. What it
    /// yields is final: another `Ask` counts as unavailable.
    Ask(BoxFuture<Result<Standing, Unavailable>>),
}

impl std::fmt::Debug for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Good => "Good",
            Self::Revoked => "Revoked",
            Self::Ask(_) => "Ask",
        })
    }
}
