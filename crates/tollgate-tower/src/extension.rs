//! Access to the authentication of a request.

use http::{Extensions, Request, Response, request::Parts};
use tollgate_core::{Authentication, Principal};

/// An extension trait that reads the result of [`JwtAuth`](crate::JwtAuth) from a request, or, in a
/// layer outside of it, from the response.
///
/// ```
/// use http::Request;
/// use tollgate::{Gate, Key, Verifier};
/// use tollgate::tower::{AuthenticationExt, RequestHead};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
/// #     .key(Key::hs256([7; 32])?).build()?;
/// let mut request = Request::new(());
/// assert!(request.authentication().is_none()); // no layer has run
///
/// let gate = Gate::builder(verifier).optional().build()?;
/// let authentication = gate.decide(&RequestHead::from(&request))?;
/// request.extensions_mut().insert(authentication);
/// assert!(request.authentication().is_some());
/// assert!(request.principal().is_none()); // anonymous
/// # Ok(()) }
/// ```
pub trait AuthenticationExt: sealed::Sealed {
    /// The decision of the innermost layer. `None` when the request has not passed a layer, and in
    /// the response to a request that no layer admitted, unless a policy refused its caller.
    ///
    /// ```
    /// # use tollgate::{Gate, Key, SigningKey, Verifier};
    /// # use tollgate::tower::{AuthenticationExt, RequestHead};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let claims = serde_json::json!({ "sub": "u-7", "exp": 4_000_000_000_u64 });
    /// # let bearer = format!("Bearer {}", SigningKey::hs256([7; 32])?.encode(&claims)?);
    /// # let mut request = http::Request::builder().header("authorization", bearer).body(())?;
    /// assert!(request.authentication().is_none());
    /// # let authentication = Gate::from(verifier).decide(&RequestHead::from(&request))?;
    /// request.extensions_mut().insert(authentication); // as `JwtAuth` does
    /// assert!(request.authentication().is_some());
    /// # Ok(()) }
    /// ```
    fn authentication(&self) -> Option<&Authentication>;

    /// The principal of the token. `None` for an anonymous request and for a request that has not
    /// passed a layer. To distinguish the two, use [`authentication`](Self::authentication).
    ///
    /// ```
    /// # use tollgate::{Gate, Key, SigningKey, Verifier};
    /// # use tollgate::tower::{AuthenticationExt, RequestHead};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let claims = serde_json::json!({ "sub": "u-7", "exp": 4_000_000_000_u64 });
    /// # let bearer = format!("Bearer {}", SigningKey::hs256([7; 32])?.encode(&claims)?);
    /// # let mut request = http::Request::builder().header("authorization", bearer).body(())?;
    /// assert!(request.principal().is_none());
    /// # let authentication = Gate::from(verifier).decide(&RequestHead::from(&request))?;
    /// request.extensions_mut().insert(authentication); // as `JwtAuth` does
    /// assert_eq!(request.principal().and_then(|user| user.subject()), Some("u-7"));
    /// # Ok(()) }
    /// ```
    fn principal(&self) -> Option<&Principal> {
        self.authentication()?.principal()
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Extensions {}
    impl<B> Sealed for super::Request<B> {}
    impl<B> Sealed for super::Response<B> {}
    impl Sealed for super::Parts {}
}

impl AuthenticationExt for Extensions {
    fn authentication(&self) -> Option<&Authentication> {
        self.get()
    }
}

impl<B> AuthenticationExt for Request<B> {
    fn authentication(&self) -> Option<&Authentication> {
        self.extensions().authentication()
    }
}

impl<B> AuthenticationExt for Response<B> {
    fn authentication(&self) -> Option<&Authentication> {
        self.extensions().authentication()
    }
}

impl AuthenticationExt for Parts {
    fn authentication(&self) -> Option<&Authentication> {
        self.extensions.authentication()
    }
}
