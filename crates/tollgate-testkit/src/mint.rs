//! Test tokens, valid or not.

use serde::Serialize;
use serde_json::{Map, Value, json};
use tollgate_core::SigningKey;

use crate::clock::FakeClock;
use crate::segments::{Segments, base64url};

/// A mint of tokens that are signed by one key at the time of a clock.
///
/// The defaults are `iss`, `aud`, `sub`, `iat` of now, and an `exp` fifteen minutes later.
///
/// ```
/// use tollgate::{Algorithm, Verifier};
/// use tollgate_testkit::{FakeClock, Mint, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let clock = FakeClock::new();
/// let verifier = Verifier::builder()
///     .issuer(Mint::ISSUER)
///     .audience(Mint::AUDIENCE)
///     .key(keys::verifying(Algorithm::HS256))
///     .clock(clock.clone())
///     .build()?;
/// let token = Mint::new(keys::signing(Algorithm::HS256), &clock).token().subject("alice").build();
/// assert_eq!(verifier.verify(token)?.subject(), Some("alice"));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Mint {
    key: SigningKey,
    clock: FakeClock,
}

impl Mint {
    /// The default `iss`.
    pub const ISSUER: &'static str = "https://id.example.com";

    /// The default `aud`.
    pub const AUDIENCE: &'static str = "orders-api";

    /// The default `sub`.
    pub const SUBJECT: &'static str = "u-7";

    /// The default lifetime in seconds.
    pub const LIFETIME: u64 = 900;

    /// Creates a mint that signs with `key` and uses `clock`.
    ///
    /// ```
    /// use tollgate::Algorithm;
    /// use tollgate_testkit::{FakeClock, Mint, keys};
    ///
    /// let token = Mint::new(keys::signing(Algorithm::ES256), &FakeClock::new()).token().build();
    /// assert_eq!(token.split('.').count(), 3);
    /// ```
    pub fn new(key: SigningKey, clock: &FakeClock) -> Self {
        Self {
            key,
            clock: clock.clone(),
        }
    }

    /// Begins a token.
    ///
    /// ```
    /// # use tollgate::Algorithm;
    /// # use tollgate_testkit::{FakeClock, Mint, Segments, keys};
    /// let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    /// let token = mint.token().without_claim("aud").build();
    /// let payload = Segments::of(&token).payload_bytes();
    /// let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    /// assert_eq!(
    ///     claims,
    ///     serde_json::json!({
    ///         "iss": "https://id.example.com", "sub": "u-7",
    ///         "iat": 1_700_000_000, "exp": 1_700_000_900,
    ///     })
    /// );
    /// ```
    pub fn token(&self) -> TokenBuilder {
        let now = self.clock.seconds();
        let mut header = Map::new();
        header.insert("alg".to_owned(), self.key.algorithm().as_str().into());
        header.insert("typ".to_owned(), "JWT".into());
        if let Some(kid) = self.key.kid() {
            header.insert("kid".to_owned(), kid.into());
        }
        let claims = json!({
            "iss": Self::ISSUER, "aud": Self::AUDIENCE, "sub": Self::SUBJECT,
            "iat": now, "exp": now.saturating_add(Self::LIFETIME),
        });
        TokenBuilder {
            key: self.key.clone(),
            now,
            header: Part::Members(header),
            claims: Part::Members(match claims {
                Value::Object(claims) => claims,
                _ => Map::new(),
            }),
        }
    }
}

/// A builder of a token. Created by [`Mint::token`].
///
/// ```
/// # use tollgate::Algorithm;
/// # use tollgate_testkit::{FakeClock, Mint, keys};
/// # let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
/// // A valid token, and one with a duplicate claim.
/// let honest = mint.token().scope("orders:read").typ("at+jwt").build();
/// let hostile = mint.token().payload(r#"{"sub":"u-7","sub":"admin"}"#).build();
/// assert_ne!(honest, hostile);
/// ```
#[derive(Clone, Debug)]
pub struct TokenBuilder {
    key: SigningKey,
    now: u64,
    header: Part,
    claims: Part,
}

/// A header or a payload: as members, or as given bytes.
#[derive(Clone, Debug)]
enum Part {
    Members(Map<String, Value>),
    Octets(Vec<u8>),
}

impl Part {
    /// Returns the members for changes. Given bytes are discarded.
    fn members(&mut self) -> &mut Map<String, Value> {
        if let Self::Octets(_) = self {
            *self = Self::Members(Map::new());
        }
        match self {
            Self::Members(members) => members,
            Self::Octets(_) => unreachable!("octets were replaced"),
        }
    }

    fn octets(&self) -> Vec<u8> {
        match self {
            Self::Members(members) => Value::Object(members.clone()).to_string().into_bytes(),
            Self::Octets(octets) => octets.clone(),
        }
    }
}

impl TokenBuilder {
    /// Sets a claim.
    ///
    /// # Panics
    /// If the value cannot be serialised as JSON.
    ///
    /// ```
    /// # use tollgate::Algorithm;
    /// # use tollgate_testkit::{FakeClock, Mint, Segments, keys};
    /// # let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    /// let token = mint.token().claim("tenant", "acme").segments();
    /// assert!(String::from_utf8(token.payload_bytes()).unwrap().contains(r#""tenant":"acme""#));
    /// ```
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("a claim is JSON");
        self.claims.members().insert(name.to_owned(), value);
        self
    }

    /// Removes a claim.
    ///
    /// ```
    /// # use tollgate::Algorithm;
    /// # use tollgate_testkit::{FakeClock, Mint, Segments, keys};
    /// # let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    /// let token = mint.token().without_claim("sub").segments();
    /// assert!(!String::from_utf8(token.payload_bytes()).unwrap().contains("sub"));
    /// ```
    #[must_use]
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.members().remove(name);
        self
    }

    /// Sets `sub`.
    ///
    /// ```
    /// # use tollgate::Algorithm;
    /// # use tollgate_testkit::{FakeClock, Mint, keys};
    /// # let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    /// assert_eq!(mint.token().subject("a").build(), mint.token().claim("sub", "a").build());
    /// ```
    #[must_use]
    pub fn subject(self, subject: &str) -> Self {
        self.claim("sub", subject)
    }

    /// Sets `scope`, separated by spaces.
    ///
    /// ```
    /// # use tollgate::Algorithm;
    /// # use tollgate_testkit::{FakeClock, Mint, keys};
    /// # let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    /// assert_eq!(mint.token().scope("a b").build(), mint.token().claim("scope", "a b").build());
    /// ```
    #[must_use]
    pub fn scope(self, scopes: &str) -> Self {
        self.claim("scope", scopes)
    }

    /// Sets `exp` relative to now, in seconds. A negative number is in the past.
    ///
    /// ```
    /// # use tollgate::Algorithm;
    /// # use tollgate_testkit::{FakeClock, Mint, keys};
    /// # let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    /// assert_eq!(
    ///     mint.token().expires_in(-1).build(),
    ///     mint.token().claim("exp", 1_699_999_999).build(),
    /// );
    /// ```
    #[must_use]
    pub fn expires_in(self, seconds: i64) -> Self {
        let at = self.now.saturating_add_signed(seconds);
        self.claim("exp", at)
    }

    /// Replaces the payload by these bytes.
    ///
    /// ```
    /// # use tollgate::Algorithm;
    /// # use tollgate_testkit::{FakeClock, Mint, keys};
    /// # let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    /// assert_eq!(mint.token().payload(b"\xff").segments().payload_bytes(), b"\xff");
    /// ```
    #[must_use]
    pub fn payload(mut self, octets: impl AsRef<[u8]>) -> Self {
        self.claims = Part::Octets(octets.as_ref().to_vec());
        self
    }

    /// Sets a member of the header.
    ///
    /// # Panics
    /// If the value cannot be serialised as JSON.
    ///
    /// ```
    /// # use tollgate::Algorithm;
    /// # use tollgate_testkit::{FakeClock, Mint, keys};
    /// # let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    /// let token = mint.token().header("crit", ["exp"]).segments();
    /// assert!(String::from_utf8(token.header_bytes()).unwrap().contains(r#""crit":["exp"]"#));
    /// ```
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("a header member is JSON");
        self.header.members().insert(name.to_owned(), value);
        self
    }

    /// Removes a member of the header.
    ///
    /// ```
    /// # use tollgate::Algorithm;
    /// # use tollgate_testkit::{FakeClock, Mint, keys};
    /// # let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    /// let token = mint.token().without_header("typ").without_header("kid").segments();
    /// assert_eq!(token.header_bytes(), br#"{"alg":"HS256"}"#);
    /// ```
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.members().remove(name);
        self
    }

    /// Sets `typ`.
    ///
    /// ```
    /// # use tollgate::Algorithm;
    /// # use tollgate_testkit::{FakeClock, Mint, keys};
    /// # let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    /// assert_eq!(
    ///     mint.token().typ("at+jwt").build(),
    ///     mint.token().header("typ", "at+jwt").build(),
    /// );
    /// ```
    #[must_use]
    pub fn typ(self, typ: &str) -> Self {
        self.header("typ", typ)
    }

    /// Sets `kid`.
    ///
    /// ```
    /// # use tollgate::Algorithm;
    /// # use tollgate_testkit::{FakeClock, Mint, keys};
    /// # let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    /// assert_eq!(
    ///     mint.token().kid("../../x").build(),
    ///     mint.token().header("kid", "../../x").build(),
    /// );
    /// ```
    #[must_use]
    pub fn kid(self, kid: &str) -> Self {
        self.header("kid", kid)
    }

    /// Replaces the header by these bytes.
    ///
    /// ```
    /// # use tollgate::Algorithm;
    /// # use tollgate_testkit::{FakeClock, Mint, keys};
    /// # let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    /// let token = mint.token().header_text(r#"{"alg":"HS256","alg":"none"}"#).segments();
    /// assert_eq!(token.header_bytes(), br#"{"alg":"HS256","alg":"none"}"#);
    /// ```
    #[must_use]
    pub fn header_text(mut self, octets: impl AsRef<[u8]>) -> Self {
        self.header = Part::Octets(octets.as_ref().to_vec());
        self
    }

    /// Signs with another key, without changing the header.
    ///
    /// ```
    /// # use tollgate::Algorithm;
    /// # use tollgate_testkit::{FakeClock, Mint, keys};
    /// # let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    /// let forged = mint.token().signed_by(&keys::stranger(Algorithm::HS256)).segments();
    /// assert_eq!(forged.header, mint.token().segments().header);
    /// ```
    #[must_use]
    pub fn signed_by(mut self, key: &SigningKey) -> Self {
        self.key = key.clone();
        self
    }

    /// Signs the token and returns its segments.
    ///
    /// # Panics
    /// If the cryptographic library fails.
    ///
    /// ```
    /// # use tollgate::Algorithm;
    /// # use tollgate_testkit::{FakeClock, Mint, keys};
    /// # let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    /// assert_eq!(mint.token().segments().to_string(), mint.token().build());
    /// ```
    pub fn segments(&self) -> Segments {
        Segments {
            header: base64url(self.header.octets()),
            payload: base64url(self.claims.octets()),
            signature: String::new(),
        }
        .signed_by(&self.key)
    }

    /// Signs the token and returns its compact form.
    ///
    /// # Panics
    /// If the cryptographic library fails.
    ///
    /// ```
    /// # use tollgate::Algorithm;
    /// # use tollgate_testkit::{FakeClock, Mint, keys};
    /// # let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    /// assert!(mint.token().build().starts_with("eyJ"));
    /// ```
    pub fn build(&self) -> String {
        self.segments().to_string()
    }
}
