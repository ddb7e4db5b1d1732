//! The principal: the sender of a request, by its verified token.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::algorithm::Algorithm;
use crate::claim_path::{ClaimPath, UnreadableClaim};
use crate::decisions;
use crate::http::SourceKind;
use crate::key::Key;
use crate::policy::Facts;
use crate::rejection::{Rejection, RejectionKind};
use crate::token::claims::{ClaimSetText, Confirmation};
use crate::token::header::Header;
use crate::token::json::{ABSENT, MISFIT, NumericDate};
use crate::token::typed::TypedClaims;
use crate::verifier::cache::{Cached, Held};
use crate::verifier::evidence::{Evidence, MetRules};

/// A verified token: its claims, its header, the key that verified it and its source in the
/// request.
///
/// Only a verifier creates one. Cloning is cheap. `Debug` shows issuer, key and algorithm, never
/// the subject or a claim.
///
/// ```
/// use tollgate::extend::Clock;
/// use tollgate::{Key, SigningKey, Verifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::builder()
///     .issuer("https://id.example.com")
///     .audience("orders-api")
///     .key(Key::hs256([7; 32])?)
///     .clock(|| 1_700_000_000)
///     .build()?;
/// let token = SigningKey::hs256([7; 32])?.encode(&serde_json::json!({
///     "iss": "https://id.example.com", "aud": "orders-api", "exp": 1_700_000_900, "sub": "u-7",
///     "scope": "orders:read", "tenant": "acme",
/// }))?;
/// let principal = verifier.verify(&token)?;
/// assert_eq!(principal.subject(), Some("u-7"));
/// assert!(principal.has_scope("orders:read"));
///
/// #[derive(serde::Deserialize)]
/// struct Shopper { tenant: String }
/// assert_eq!(principal.claims::<Shopper>()?.tenant, "acme");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Principal {
    held: Held<Verified>,
    source: Option<SourceKind>,
    /// The time of the verification, by the verifier's clock.
    now: u64,
}

/// The outcome of a verification, apart from the time.
#[derive(Clone)]
pub(crate) struct Verified {
    header: Header,
    claims: ClaimSetText,
    met: MetRules,
    typed: TypedClaims,
}

impl Verified {
    /// Reads the claims into their final place. They are large, and moving them costs more than
    /// some of the checks.
    pub(super) fn read(
        header: Header,
        met: MetRules,
        read: impl FnOnce(&mut ClaimSetText, &MetRules) -> Result<(), Rejection>,
    ) -> Result<Arc<Self>, Rejection> {
        let mut verified = Arc::new(Self {
            header,
            claims: ClaimSetText::default(),
            met,
            typed: TypedClaims::default(),
        });
        // This is the only reference, so `make_mut` clones nothing.
        let Self { claims, met, .. } = Arc::make_mut(&mut verified);
        read(claims, met)?;
        Ok(verified)
    }

    #[inline]
    pub(super) fn check_times(&self, now: u64) -> Result<(), Rejection> {
        let rules = self.met.rules();
        rules.check_end(self.header.algorithm, now)?;
        rules.check_times(&self.claims, now)
    }

    /// Checks the times again, and returns the time until that check fails.
    pub(crate) fn expires_in(&self, now: u64) -> Result<Duration, Rejection> {
        let (rules, algorithm) = (self.met.rules(), self.header.algorithm);
        rules.check_end(algorithm, now)?;
        let end = (rules.secrets_until).filter(|_| algorithm.family().is_symmetric());
        let until_end = end.map_or(Duration::MAX, |end| {
            Duration::from_secs(end.saturating_sub(now))
        });
        Ok(rules.expires_in(&self.claims, now)?.min(until_end))
    }

    /// The `iss` claim, or the SPIFFE ID of the trust domain.
    pub(super) fn issuer(&self) -> Option<&str> {
        let rules = self.met.rules();
        if rules.spiffe {
            return rules.issuer.as_deref();
        }
        self.claims.string(self.claims.registered.issuer.as_ref())
    }

    /// The name of the issuer in events and metrics.
    pub(super) fn issuer_label(&self) -> &Arc<str> {
        self.met.label().name()
    }

    /// The binding that has to be proved.
    #[inline]
    pub(super) fn confirmation(&self) -> Confirmation {
        match self.claims.registered.confirmation {
            Confirmation::None => Confirmation::None,
            _ if self.met.rules().ignore_confirmation => Confirmation::None,
            bound => bound,
        }
    }

    /// Refuses a `jti` or `sid` that is not a string, for a check that reads both.
    pub(crate) fn check_ids(&self) -> Result<(), Rejection> {
        match self.claims.registered.other_id {
            None => Ok(()),
            Some(name) => Err(Rejection::new(
                RejectionKind::MalformedClaims,
                format!("`{name}` is not a string, and the revocation check reads it"),
            )),
        }
    }

    #[inline]
    pub(super) fn key(&self) -> &Key {
        self.met.key()
    }
}

impl Cached for Verified {
    type Evidence = Evidence;

    /// Includes an estimate for the types that the claims are deserialized into.
    fn bytes(&self, evidence: &Evidence) -> usize {
        size_of::<Self>() + 3 * self.claims.bytes() + evidence.bytes()
    }

    fn handle_bytes(&self) -> usize {
        2 * self.claims.bytes()
    }

    fn is_cheap(&self) -> bool {
        self.header.algorithm.family().is_symmetric()
    }
}

impl Principal {
    #[inline]
    pub(crate) const fn new(held: Held<Verified>, source: Option<SourceKind>, now: u64) -> Self {
        Self { held, source, now }
    }

    #[cfg(test)]
    pub(crate) const fn held(&self) -> &Held<Verified> {
        &self.held
    }

    #[inline]
    pub(crate) fn verified(&self) -> &Verified {
        self.held.value()
    }

    /// The name of the issuer in events and metrics.
    pub(crate) fn issuer_label(&self) -> &Arc<str> {
        self.verified().issuer_label()
    }

    #[inline]
    pub(crate) fn count_accepted(&self) {
        decisions::count_accepted(self.verified().met.label(), self.source);
    }

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

    /// Returns `true` if the token is of this issuer, named by `iss` or by any other name that the rules of
    /// the token's issuer have for it: an [alias](crate::VerifierBuilder::issuer_alias), another
    /// template filled in with the same [tenant](crate::VerifierBuilder::tenants), or a template,
    /// which names all its tenants.
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

    /// The time of the verification, by the verifier's clock. The verifier checked `exp`, `nbf` and
    /// `iat` against it.
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?);
    /// let verifier = builder.clock(|| 1_700_000_000).build()?;
    /// # let claims = serde_json::json!({"exp": 4_000_000_000_u64});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert_eq!(principal.verified_at(), 1_700_000_000);
    /// # Ok(()) }
    /// ```
    pub const fn verified_at(&self) -> u64 {
        self.now
    }

    /// The `csrf` claim, which a request with a cookie must repeat.
    pub(crate) fn csrf_token(&self) -> Option<Cow<'_, str>> {
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

    /// The scopes of `scope` and `scp`, in their order, followed by those of the configured [scope
    /// claims](crate::VerifierBuilder::scope_claim).
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let claims = serde_json::json!({"exp": 4_000_000_000_u64, "scope": "a b", "scp": ["c"]});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert_eq!(principal.scopes().collect::<Vec<_>>(), ["a", "b", "c"]);
    /// assert!(principal.has_scope("b") && !principal.has_scope("B"));
    /// # Ok(()) }
    /// ```
    pub fn scopes(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let Verified { claims, met, .. } = self.verified();
        let further = met
            .rules()
            .scope_claims
            .iter()
            .flat_map(|path| claims.scopes_at(path));
        claims.scopes().chain(further)
    }

    /// Returns `true` if the token has exactly this scope.
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// let claims = serde_json::json!({"exp": 4_000_000_000_u64, "scope": "orders:read profile"});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert!(principal.has_scope("profile"));
    /// assert!(!principal.has_scope("orders"));
    /// # Ok(()) }
    /// ```
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|held| held == scope)
    }

    /// The values of the role claims that are configured at the verifier. Without configuration
    /// there are none.
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let verifier = Verifier::builder()
    ///     .dangerous_any_issuer()
    ///     .dangerous_any_audience()
    ///     .key(Key::hs256([7; 32])?)
    ///     .role_claim("realm_access.roles")
    ///     .build()?;
    /// # let claims =
    /// #     serde_json::json!({"exp": 4_000_000_000_u64, "realm_access": {"roles": ["admin"]}});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert_eq!(principal.roles().collect::<Vec<_>>(), ["admin"]);
    /// assert!(principal.has_role("admin"));
    /// # Ok(()) }
    /// ```
    pub fn roles(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let rules = self.verified().met.rules();
        let member = rules.role_member.as_deref();
        rules
            .role_claims
            .iter()
            .flat_map(move |path| self.verified().claims.roles_at(path, member))
    }

    /// Returns `true` if one of the role claims contains exactly this role.
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?);
    /// let verifier = builder.role_claim("roles").build()?;
    /// let claims = serde_json::json!({"exp": 4_000_000_000_u64, "roles": ["admin"]});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert!(principal.has_role("admin"));
    /// assert!(!principal.has_role("Admin"));
    /// # Ok(()) }
    /// ```
    pub fn has_role(&self, role: &str) -> bool {
        let has = self.roles().any(|held| held == role);
        if !has {
            self.verified().met.note_missing_role(role);
        }
        has
    }

    /// The `alg` header parameter.
    ///
    /// ```
    /// # use tollgate::{Algorithm, Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?.with_kid("k1")).build()?;
    /// # let claims = serde_json::json!({"exp": 4_000_000_000_u64});
    /// # let principal =
    /// #     verifier.verify(&SigningKey::hs256([7; 32])?.with_kid("k1").encode(&claims)?)?;
    /// assert_eq!(principal.algorithm(), Algorithm::HS256);
    /// assert_eq!(principal.kid(), Some("k1"));
    /// assert_eq!(principal.key().kid(), Some("k1"));
    /// assert_eq!(principal.token_type(), Some("JWT"));
    /// # Ok(()) }
    /// ```
    pub fn algorithm(&self) -> Algorithm {
        self.verified().header.algorithm
    }

    /// The `kid` header parameter (RFC 7515 section 4.1.4). It may be absent: a key can also be
    /// found without it.
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let claims = serde_json::json!({"exp": 4_000_000_000_u64});
    /// # let principal =
    /// #     verifier.verify(&SigningKey::hs256([7; 32])?.with_kid("k1").encode(&claims)?)?;
    /// assert_eq!(principal.kid(), Some("k1"));
    /// # Ok(()) }
    /// ```
    pub fn kid(&self) -> Option<&str> {
        self.verified()
            .claims
            .header_string(self.verified().header.kid.as_ref())
    }

    /// The `typ` header parameter, unchanged (RFC 7515 section 4.1.9).
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let claims = serde_json::json!({"exp": 4_000_000_000_u64});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert_eq!(principal.token_type(), Some("JWT"));
    /// # Ok(()) }
    /// ```
    pub fn token_type(&self) -> Option<&str> {
        self.verified()
            .claims
            .header_string(self.verified().header.typ.as_ref())
    }

    /// The key that verified the signature.
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let claims = serde_json::json!({"exp": 4_000_000_000_u64});
    /// # let principal = verifier.verify(&SigningKey::hs256([7; 32])?.encode(&claims)?)?;
    /// assert_eq!(principal.key().algorithms(), [principal.algorithm()]);
    /// # Ok(()) }
    /// ```
    pub fn key(&self) -> &Key {
        self.verified().key()
    }

    /// The source of the token in the request; `None` if the verifier was called with the token
    /// itself.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::extend::SourceKind;
    /// # use tollgate::Gate;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let request = Request::new("GET").with("authorization", format!("Bearer {}", token("")));
    /// let authentication = Gate::from(verifier()).decide(&request)?;
    /// assert_eq!(authentication.authenticated()?.source(), Some(SourceKind::Bearer));
    /// assert_eq!(verifier().verify(token(""))?.source(), None);
    /// # Ok(()) }
    /// ```
    pub const fn source(&self) -> Option<SourceKind> {
        self.source
    }
}

impl Facts for Principal {
    fn has_scope(&self, scope: &str) -> bool {
        Self::has_scope(self, scope)
    }

    fn has_role(&self, role: &str) -> bool {
        Self::has_role(self, role)
    }

    fn claim(&self, path: &ClaimPath) -> Result<Option<serde_json::Value>, UnreadableClaim> {
        let found = self.verified().claims.find(path)?;
        Ok(found.and_then(|(raw, _)| serde_json::from_str(raw).ok()))
    }

    fn has_claim(&self, path: &ClaimPath) -> Result<bool, UnreadableClaim> {
        let found = self.verified().claims.find(path)?;
        Ok(found.is_some())
    }

    /// Compares `auth_time` with the clock of the verification. The leeway only tolerates a clock
    /// that is ahead and does not extend the limit. An `auth_time` beyond it in the future does not
    /// count.
    fn authenticated_within(&self, seconds: u64) -> Result<bool, UnreadableClaim> {
        let leeway = self.verified().met.rules().leeway.as_secs();
        let login = self.verified().claims.date("auth_time")?;
        Ok(login.is_some_and(|at| {
            let until = at.floor().saturating_add(seconds);
            at.ceil() <= self.now.saturating_add(leeway) && self.now <= until
        }))
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("issuer", &self.issuer())
            .field("algorithm", &self.algorithm())
            .field("key", &self.key().kid())
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
