//! Values that can be extracted from an [`Authentication`].

use super::{Authentication, Refusal};
use crate::verifier::principal::Principal;

/// A value that can be extracted from an [`Authentication`]: the base of every extractor, for all
/// frameworks.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
/// # use example::{Request, token, verifier};
/// use tollgate::extend::FromAuthentication;
/// use tollgate::{Authentication, Gate, Refusal};
///
/// /// The account that the caller acts for.
/// struct Account(String);
///
/// impl FromAuthentication for Account {
///     fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
///         let subject = authentication.authenticated()?.subject();
///         Ok(Self(format!("account of {}", subject.unwrap_or("nobody"))))
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let gate = Gate::from(verifier());
/// # let request = Request::new("GET").with("authorization", format!("Bearer {}", token("")));
/// let authentication = gate.decide(&request)?;
/// assert_eq!(Account::from_authentication(&authentication)?.0, "account of u-7");
/// # Ok(()) }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be extracted from an authenticated request",
    label = "does not implement `FromAuthentication`",
    note = "to extract claims, derive `Claims` for it, or write `impl Claims for {Self} {{}}` and \
            extract `Jwt<{Self}>`",
    note = "to extract anything else, implement `FromAuthentication` for it"
)]
pub trait FromAuthentication: Sized {
    /// Extracts the value.
    ///
    /// # Errors
    /// A [`Refusal`] if the request is anonymous or does not meet the requirements of the type.
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal>;

    /// Extracts the value from an owned [`Authentication`], with the same outcome as
    /// [`from_authentication`](Self::from_authentication). A type that is a part of it can move
    /// that part instead of cloning it.
    ///
    /// # Errors
    /// The errors of [`from_authentication`](Self::from_authentication).
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// use tollgate::extend::FromAuthentication;
    /// use tollgate::{Gate, Principal};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let gate = Gate::from(verifier());
    /// # let request = Request::new("GET").with("authorization", format!("Bearer {}", token("")));
    /// let principal = Principal::from_owned(gate.decide(&request)?)?;
    /// assert_eq!(principal.subject(), Some("u-7"));
    /// # Ok(()) }
    /// ```
    fn from_owned(authentication: Authentication) -> Result<Self, Refusal> {
        Self::from_authentication(&authentication)
    }
}

impl FromAuthentication for Principal {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        authentication.authenticated().cloned()
    }

    #[inline]
    fn from_owned(authentication: Authentication) -> Result<Self, Refusal> {
        authentication.into_authenticated()
    }
}

/// Returns `None` for an anonymous request. Every other refusal stays a refusal.
impl<T: FromAuthentication> FromAuthentication for Option<T> {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        let caller = authentication
            .principal()
            .map(|_| T::from_authentication(authentication));
        caller.transpose()
    }
}

macro_rules! several_from_one_authentication {
    ($($($member:ident)+;)+) => {$(
        /// Extracts all members from one decision.
        impl<$($member: FromAuthentication),+> FromAuthentication for ($($member,)+) {
            fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
                Ok(($($member::from_authentication(authentication)?,)+))
            }
        }
    )+};
}

several_from_one_authentication! {
    A B;
    A B C;
    A B C D;
}

impl FromAuthentication for Authentication {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        Ok(authentication.clone())
    }

    fn from_owned(authentication: Authentication) -> Result<Self, Refusal> {
        Ok(authentication)
    }
}
