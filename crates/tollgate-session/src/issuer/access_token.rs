//! The claims of an access token.

use std::fmt;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::{SessionError, SessionErrorKind};
use crate::id::SessionId;

/// The claims that only the issuer sets (RFC 7519 section 4.1, RFC 9068 section 2.2).
const REGISTERED: [&str; 13] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "sid",
    "client_id",
    "scope",
    "scp",
    "auth_time",
    "csrf",
];

/// The largest number of roles that a verifier accepts by default.
/// The claim of the actor, which the issuer does not set (RFC 8693 section 4.1).
pub(crate) const ACTOR_CLAIM: &str = "act";

const MOST_ROLES: usize = 256;

/// The content of an access token to issue (RFC 9068 section 2.2). The issuer adds `iss` and `aud`.
///
/// ```
/// use tollgate::{Algorithm, SigningKey};
/// use tollgate::session::{AccessToken, Issuer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = Issuer::builder("https://id.example.com")
///     .audience("orders-api")
///     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01"))
///     .build()?;
/// let mut token = AccessToken::new("u-7");
/// token.scope = "orders:read".to_owned();
/// token.claims.insert("tenant".to_owned(), "acme".into());
/// let user = issuer.verifier().build()?.verify(issuer.issue(&token)?)?;
/// assert!(user.has_scope("orders:read"));
/// assert_eq!(user.claim("tenant"), Some("acme".into()));
///
/// token.claims.insert("sub".to_owned(), "admin".into());
/// assert!(issuer.issue(&token).is_err(), "registered names are refused");
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessToken {
    /// The user (`sub`). Must not be empty.
    pub subject: String,
    /// The session (`sid`).
    pub session: Option<SessionId>,
    /// The client (`client_id`); `None` for the issuer's default.
    pub client_id: Option<String>,
    /// The granted scope, separated by spaces (RFC 6749 section 3.3). No `scope` claim if empty.
    pub scope: String,
    /// The roles, in the [role claim](crate::IssuerBuilder::role_claim) of the issuer (RFC 9068
    /// section 2.2.3.1). No claim if empty.
    pub roles: Vec<String>,
    /// The time of the last authentication (`auth_time`), in seconds since the epoch.
    pub auth_time: Option<u64>,
    /// The CSRF token that `x-csrf-token` must repeat if the access token comes in a cookie
    /// (`csrf`).
    pub csrf: Option<String>,
    /// The token ID (`jti`); `None` for 128 random bits.
    pub jti: Option<String>,
    /// The time of issue (`iat`), in seconds since the epoch; `None` for now.
    pub issued_at: Option<u64>,
    /// The expiry (`exp`), in seconds since the epoch. `None` for the issuer's access lifetime
    /// after `issued_at`, which is also the maximum.
    pub expires_at: Option<u64>,
    /// Custom claims. Names that the issuer sets are refused.
    pub claims: Map<String, Value>,
}

impl AccessToken {
    /// Creates the content of a token about `subject`, without optional claims.
    ///
    /// ```
    /// assert_eq!(tollgate::session::AccessToken::new("u-7").expires_at, None);
    /// ```
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            session: None,
            client_id: None,
            scope: String::new(),
            roles: Vec::new(),
            auth_time: None,
            csrf: None,
            jti: None,
            issued_at: None,
            expires_at: None,
            claims: Map::new(),
        }
    }

    /// Returns whether only the issuer sets a claim of this name, so that it cannot be in
    /// [`claims`](Self::claims).
    ///
    /// ```
    /// use tollgate::session::AccessToken;
    ///
    /// assert!(AccessToken::is_registered_claim("sid"));
    /// assert!(!AccessToken::is_registered_claim("tenant"));
    /// ```
    pub fn is_registered_claim(name: &str) -> bool {
        REGISTERED.contains(&name)
    }
}

impl fmt::Debug for AccessToken {
    /// Omits personal data and secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("session", &self.session)
            .field("client_id", &self.client_id)
            .field("scope", &self.scope)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Returns whether a text is empty or a list of scopes, which has no doubled spaces and no other
/// characters (RFC 6749 section 3.3).
pub(crate) fn is_scope(text: &str) -> bool {
    text.is_empty() || text.split(' ').all(tollgate_core::policy::is_scope_token)
}

/// Adds scopes, separated by spaces, to a list that does not have them.
pub(crate) fn add_scopes(held: &mut String, more: &str) {
    for scope in more.split(' ').filter(|scope| !scope.is_empty()) {
        if !held.split(' ').any(|held| held == scope) {
            if !held.is_empty() {
                held.push(' ');
            }
            held.push_str(scope);
        }
    }
}

/// Returns whether no role is empty, and a verifier accepts as many.
pub(crate) fn are_roles(roles: &[String]) -> bool {
    roles.len() <= MOST_ROLES && !roles.iter().any(String::is_empty)
}

/// The claims set, in serialisation order.
#[derive(Serialize)]
pub(super) struct ClaimsSet<'a> {
    pub(super) iss: &'a str,
    pub(super) aud: &'a str,
    sub: &'a str,
    client_id: &'a str,
    exp: u64,
    iat: u64,
    jti: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
    #[serde(flatten)]
    roles: Option<Roles<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf: Option<&'a str>,
    #[serde(flatten)]
    custom: &'a Map<String, Value>,
}

/// The role claim, whose name is configured.
struct Roles<'a> {
    claim: &'a str,
    roles: &'a [String],
}

impl Serialize for Roles<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.claim, self.roles)?;
        map.end()
    }
}

/// The values that the issuer adds to a token.
pub(super) struct Stamp<'a> {
    pub(super) issuer: &'a str,
    pub(super) audience: &'a str,
    pub(super) client_id: &'a str,
    pub(super) role_claim: &'a str,
    pub(super) lifetime: u64,
    pub(super) now: u64,
    pub(super) jti: &'a str,
}

impl<'a> ClaimsSet<'a> {
    pub(super) fn of(token: &'a AccessToken, stamp: &Stamp<'a>) -> Result<Self, SessionError> {
        let refuse = |what: String| Err(SessionError::new(SessionErrorKind::Misconfigured, what));
        if token.subject.is_empty() {
            return refuse("the subject of an access token is empty".to_owned());
        }
        if let Some(name) = token
            .claims
            .keys()
            .find(|name| AccessToken::is_registered_claim(name))
        {
            return refuse(format!("custom claim {name:?} has a registered name"));
        }
        if !is_scope(&token.scope) {
            return refuse("the scope of an access token is not a list of scope tokens".to_owned());
        }
        let roles = &token.roles[..];
        if !are_roles(roles) {
            return refuse(format!(
                "a role is empty, or there are more than {MOST_ROLES}: {}",
                roles.len()
            ));
        }
        let claim = stamp.role_claim;
        if !roles.is_empty() && token.claims.contains_key(claim) {
            return refuse(format!("custom claim {claim:?} is the role claim"));
        }
        let client_id = token.client_id.as_deref().unwrap_or(stamp.client_id);
        let jti = token.jti.as_deref().unwrap_or(stamp.jti);
        if client_id.is_empty() || jti.is_empty() {
            return refuse("`client_id` or `jti` is empty".to_owned());
        }
        let issued_at = token.issued_at.unwrap_or(stamp.now);
        let latest = issued_at.saturating_add(stamp.lifetime);
        let expires_at = token.expires_at.unwrap_or(latest);
        // Retired keys and revocations are kept only as long as a token can live.
        if expires_at <= issued_at || expires_at > latest {
            return refuse(format!(
                "the lifetime must be above zero and at most {} s: \
                 iat={issued_at} exp={expires_at}",
                stamp.lifetime
            ));
        }
        Ok(Self {
            iss: stamp.issuer,
            aud: stamp.audience,
            sub: &token.subject,
            client_id,
            exp: expires_at,
            iat: issued_at,
            jti,
            sid: token.session.as_ref().map(SessionId::to_string),
            scope: &token.scope,
            roles: (!roles.is_empty()).then_some(Roles { claim, roles }),
            auth_time: token.auth_time,
            csrf: token.csrf.as_deref(),
            custom: &token.claims,
        })
    }
}
