//! The claims of a principal: the user's type, single claims, and the registered claims.

use std::borrow::Cow;

use serde::Deserialize;

use super::Principal;
use crate::claim_path::{ClaimPath, UnreadableClaim};
use crate::policy::Facts;
use crate::rejection::{Rejection, RejectionKind};
use crate::token::json::{ABSENT, MISFIT, NumericDate};
use crate::token::typed::TypedClaims;
use crate::verifier::cache::Held;

impl Principal {
    /// Deserializes the claims into the user's type, which may borrow from the principal. The JSON
    /// is not parsed again: it was checked and indexed during verification.
    ///
    /// If the claims do not fit, members that are `null` count as absent, at every level. A
    /// `#[serde(default)]` applies to them.
    ///
    /// # Errors
    /// [`RejectionKind::UnfitClaims`] if the claims do not fit the type. The detail for the log
    /// names the path of the value, such as `org.members[2].id`, and never the value.
    ///
    /// ```
    /// # use tollgate::{Key, RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let token = SigningKey::hs256([7; 32])?
    /// #     .encode(&serde_json::json!({"exp": 4_000_000_000_u64, "sub": "u-7"}))?;
    /// #[derive(serde::Deserialize)]
    /// struct User<'a> { sub: &'a str }
    ///
    /// let principal = verifier.verify(&token)?;
    /// assert_eq!(principal.claims::<User>()?.sub, "u-7");
    /// assert_eq!(principal.claims::<Vec<u8>>().unwrap_err()
    ///     .kind(), RejectionKind::UnfitClaims);
    /// # Ok(()) }
    /// ```
    pub fn claims<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Rejection> {
        let claims = &self.verified().claims;
        let document = claims.document();
        T::deserialize(document).or_else(|_| {
            let read = document.read_tolerantly(claims.numeric_subject());
            read.map_err(|error| unfit::<T>(&error))
        })
    }

    /// The deserialized claim types, kept with the claims.
    #[inline]
    pub(crate) fn typed(&self) -> &TypedClaims {
        match &self.held {
            Held::Together(verified) => &verified.typed,
            Held::ByThread(handle) => handle.typed(),
        }
    }

    /// Returns the claim at a dotted path as JSON, by the rules of [`ClaimPath`]. `None` if the
    /// claim is absent, `null` or [cannot be read](UnreadableClaim): a check that refuses a caller
    /// because of a claim uses [`read_claim`](Self::read_claim) or a [policy](crate::policy).
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let claims = serde_json::json!({"exp": 4_000_000_000_u64, "org": {"id": 7}});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert_eq!(principal.claim("org.id"), Some(7.into()));
    /// assert_eq!(principal.claim("org.name"), None);
    /// # Ok(()) }
    /// ```
    pub fn claim(&self, path: &str) -> Option<serde_json::Value> {
        let (raw, _) = self.verified().claims.find_dotted(path).ok()??;
        serde_json::from_str(raw).ok()
    }

    /// Returns the claim at `path` as JSON; `None` if it is absent or `null`.
    ///
    /// # Errors
    /// If the claim cannot be read. A handler must not treat it as absent.
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// let claims = serde_json::json!({
    ///     "exp": 4_000_000_000_u64, "https://example.com/app": {"suspended": true}, "plan": "free",
    /// });
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// let suspended = principal.read_claim(["https://example.com/app", "suspended"])?;
    /// assert_eq!(suspended, Some(true.into()));
    /// assert!(principal.read_claim("plan.name").is_err());
    /// # Ok(()) }
    /// ```
    pub fn read_claim(
        &self,
        path: impl Into<ClaimPath>,
    ) -> Result<Option<serde_json::Value>, UnreadableClaim> {
        Facts::claim(self, &path.into())
    }
}

/// Returns the refusal of claims that do not fit the type of a handler. Only texts that never
/// contain a value of the token are logged.
#[cold]
fn unfit<T>(error: &serde_json::Error) -> Rejection {
    let text = error.to_string();
    let named = text.starts_with(MISFIT) || text.starts_with(ABSENT);
    let what = if named {
        &text
    } else {
        "the claims have another shape"
    };
    let detail = format!("{} does not fit: {what}", std::any::type_name::<T>());
    Rejection::new(RejectionKind::UnfitClaims, detail)
}

macro_rules! string_claims {
    ($($(#[$doc:meta])* $method:ident: $field:ident = $name:literal;)*) => {
        impl Principal {$(
            $(#[$doc])*
            ///
            /// ```
            /// # use tollgate::{Key, SigningKey, Verifier};
            /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
            /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
            /// #     .key(Key::hs256([7; 32])?).build()?;
            #[doc = concat!("let claims = serde_json::json!({\"exp\": 4_000_000_000_u64, \"",
                $name, "\": \"x\"});")]
            /// let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
            #[doc = concat!("assert_eq!(principal.", stringify!($method), "(), Some(\"x\"));")]
            /// # Ok(()) }
            /// ```
            pub fn $method(&self) -> Option<&str> {
                let claims = &self.verified().claims;
                claims.string(claims.registered.$field.as_ref())
            }
        )*}
    };
}

string_claims! {
    /// The `sub` claim: the subject of the token (RFC 7519 section 4.1.2). An empty one is none.
    subject: subject = "sub";
    /// The `jti` claim: the identifier of the token (RFC 7519 section 4.1.7). `None` if it is
    /// absent or not a string.
    jwt_id: jwt_id = "jti";
    /// The `sid` claim: the session of the token (OpenID Connect Front-Channel Logout 1.0 section
    /// 3). `None` if it is absent or not a string.
    session_id: session_id = "sid";
    /// The `client_id` claim: the OAuth client that requested the token (RFC 9068 section 2.2).
    /// `None` if it is absent or not a string.
    client_id: client_id = "client_id";
}

impl Principal {
    /// The `iss` claim: the issuer of the token (RFC 7519 section 4.1.1). For a JWT-SVID it is the
    /// SPIFFE ID of the trust domain in `sub`: see
    /// [`TrustedIssuer::spiffe`](crate::TrustedIssuer::spiffe).
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// let claims = serde_json::json!({"exp": 4_000_000_000_u64, "iss": "x"});
    /// let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert_eq!(principal.issuer(), Some("x"));
    /// # Ok(()) }
    /// ```
    pub fn issuer(&self) -> Option<&str> {
        self.verified().issuer()
    }

    /// Returns `true` if the token is of this issuer, named by `iss` or by any other name that the
    /// rules of the token's issuer have for it: an [alias](crate::VerifierBuilder::issuer_alias),
    /// another template filled in with the same [tenant](crate::VerifierBuilder::tenants), or a
    /// template, which names all its tenants.
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let verifier = Verifier::builder()
    ///     .issuer("https://accounts.google.com")
    ///     .issuer_alias("accounts.google.com")
    ///     .audience("app")
    ///     .key(Key::hs256([7; 32])?)
    ///     .build()?;
    /// # let claims = serde_json::json!({
    /// #     "exp": 4_000_000_000_u64, "iss": "accounts.google.com", "aud": "app",
    /// # });
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert_eq!(principal.issuer(), Some("accounts.google.com"));
    /// assert!(principal.is_of_issuer("https://accounts.google.com"));
    /// assert!(!principal.is_of_issuer("https://id.example.com"));
    /// # Ok(()) }
    /// ```
    pub fn is_of_issuer(&self, name: &str) -> bool {
        let rules = self.verified().met.rules();
        self.issuer().is_some_and(|own| rules.are_one(own, name))
    }

    /// The `exp` claim in whole seconds since the epoch, rounded down (RFC 7519 section 4.1.4).
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let claims = serde_json::json!({"exp": 4_000_000_000.5, "nbf": 6.5, "iat": 5});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert_eq!(principal.expires_at(), Some(4_000_000_000));
    /// assert_eq!(principal.not_before(), Some(7));
    /// assert_eq!(principal.issued_at(), Some(5));
    /// # Ok(()) }
    /// ```
    pub fn expires_at(&self) -> Option<u64> {
        self.verified()
            .claims
            .registered
            .expires_at
            .map(NumericDate::floor)
    }

    /// The `nbf` claim in whole seconds since the epoch, rounded up (RFC 7519 section 4.1.5).
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// let claims = serde_json::json!({"exp": 4_000_000_000_u64, "nbf": 6.5});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert_eq!(principal.not_before(), Some(7));
    /// # Ok(()) }
    /// ```
    pub fn not_before(&self) -> Option<u64> {
        self.verified()
            .claims
            .registered
            .not_before
            .map(NumericDate::ceil)
    }

    /// The `iat` claim in whole seconds since the epoch, rounded down (RFC 7519 section 4.1.6).
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// let claims = serde_json::json!({"exp": 4_000_000_000_u64, "iat": 5.5});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert_eq!(principal.issued_at(), Some(5));
    /// # Ok(()) }
    /// ```
    pub fn issued_at(&self) -> Option<u64> {
        self.verified()
            .claims
            .registered
            .issued_at
            .map(NumericDate::floor)
    }

    /// The `auth_time` claim, the time of the user's last login, in whole seconds since the epoch,
    /// rounded down (RFC 9068 section 2.2.1). `None` if the claim is absent or not a `NumericDate`.
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// let claims = serde_json::json!({"exp": 4_000_000_000_u64, "auth_time": 5.5});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert_eq!(principal.auth_time(), Some(5));
    /// # Ok(()) }
    /// ```
    pub fn auth_time(&self) -> Option<u64> {
        self.verified()
            .claims
            .date("auth_time")
            .ok()?
            .map(NumericDate::floor)
    }

    /// The claim `csrf`, which a request with a cookie must repeat: in the field `csrf_token` of a
    /// form, or as `X-CSRF-Token`. A page that a session renders writes it into its forms. It is
    /// the same for the whole session.
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let claims = serde_json::json!({"exp": 4_000_000_000_u64, "csrf": "c-1"});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// let token = principal.csrf_token().unwrap_or_default(); // base64url: needs no escaping
    /// let field = format!(r#"<input type="hidden" name="csrf_token" value="{token}">"#);
    /// assert!(field.contains("c-1"));
    /// # Ok(()) }
    /// ```
    pub fn csrf_token(&self) -> Option<Cow<'_, str>> {
        self.verified().claims.text("csrf")
    }

    /// The values of `aud`, a string or an array.
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let claims = serde_json::json!({"exp": 4_000_000_000_u64, "aud": ["a", "b"]});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert_eq!(principal.audiences().collect::<Vec<_>>(), ["a", "b"]);
    /// # Ok(()) }
    /// ```
    pub fn audiences(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.verified().claims.audiences()
    }
}
