//! The segments of a token.

use std::fmt;

use aws_lc_rs::hmac;
use tollgate_core::{Algorithm, SigningKey};

/// The three encoded segments of a token, which can be changed and reassembled.
///
/// Nothing is validated: the result is any text that a client can send.
///
/// ```
/// use tollgate_testkit::Segments;
///
/// let mut token = Segments::of("aGVhZA.cGF5.c2ln");
/// token.signature.clear();
/// assert_eq!(token.to_string(), "aGVhZA.cGF5.");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segments {
    /// The header in base64url.
    pub header: String,
    /// The payload in base64url.
    pub payload: String,
    /// The signature in base64url.
    pub signature: String,
}

impl Segments {
    /// Splits a token. Missing segments are empty; everything after the second dot is the
    /// signature.
    ///
    /// ```
    /// assert_eq!(tollgate_testkit::Segments::of("a.b.c.d").signature, "c.d");
    /// ```
    pub fn of(token: &str) -> Self {
        let mut segments = token.splitn(3, '.').map(str::to_owned);
        let mut next = || segments.next().unwrap_or_default();
        Self {
            header: next(),
            payload: next(),
            signature: next(),
        }
    }

    /// Creates a token without a signature from any header and payload.
    ///
    /// ```
    /// use tollgate_testkit::Segments;
    ///
    /// assert_eq!(Segments::unsigned("{}", "[]").to_string(), "e30.W10.");
    /// ```
    pub fn unsigned(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> Self {
        Self {
            header: base64url(header),
            payload: base64url(payload),
            signature: String::new(),
        }
    }

    /// Returns the bytes of the header; empty if it is not base64url.
    pub fn header_bytes(&self) -> Vec<u8> {
        decoded(&self.header)
    }

    /// Returns the bytes of the payload; empty if it is not base64url.
    pub fn payload_bytes(&self) -> Vec<u8> {
        decoded(&self.payload)
    }

    /// Returns the bytes of the signature; empty if it is not base64url.
    pub fn signature_bytes(&self) -> Vec<u8> {
        decoded(&self.signature)
    }

    /// Returns the signing input: header and payload, separated by a dot (RFC 7515 section 5.1).
    ///
    /// ```
    /// assert_eq!(tollgate_testkit::Segments::of("a.b.c").signing_input(), "a.b");
    /// ```
    pub fn signing_input(&self) -> String {
        format!("{}.{}", self.header, self.payload)
    }

    /// Replaces the signature.
    ///
    /// ```
    /// use tollgate_testkit::Segments;
    ///
    /// assert_eq!(Segments::of("a.b.c").with_signature([0; 3]).to_string(), "a.b.AAAA");
    /// ```
    #[must_use]
    pub fn with_signature(mut self, signature: impl AsRef<[u8]>) -> Self {
        self.signature = base64url(signature);
        self
    }

    /// Signs header and payload with `key`, regardless of the `alg` in the header.
    ///
    /// # Panics
    /// If the cryptographic library fails.
    ///
    /// ```
    /// use tollgate::Algorithm;
    /// use tollgate_testkit::{Segments, keys};
    ///
    /// let token = Segments::unsigned(r#"{"alg":"none"}"#, "{}")
    ///     .signed_by(&keys::signing(Algorithm::HS256));
    /// assert_eq!(token.signature_bytes().len(), 32);
    /// ```
    #[must_use]
    pub fn signed_by(self, key: &SigningKey) -> Self {
        let signature = key
            .sign(self.signing_input().as_bytes())
            .expect("signing with a test key works");
        self.with_signature(signature)
    }

    /// Signs header and payload with an HMAC of any secret, for instance a public key.
    ///
    /// # Panics
    /// If `algorithm` is not an HMAC algorithm.
    ///
    /// ```
    /// use tollgate::Algorithm;
    /// use tollgate_testkit::{Segments, keys};
    ///
    /// let token = Segments::unsigned(r#"{"alg":"HS256"}"#, "{}");
    /// let confused = token.signed_with_secret(Algorithm::HS256, keys::RSA_PUBLIC_PEM);
    /// assert_eq!(confused.signature_bytes().len(), 32);
    /// ```
    #[must_use]
    pub fn signed_with_secret(self, algorithm: Algorithm, secret: impl AsRef<[u8]>) -> Self {
        let hash = match algorithm {
            Algorithm::HS256 => hmac::HMAC_SHA256,
            Algorithm::HS384 => hmac::HMAC_SHA384,
            Algorithm::HS512 => hmac::HMAC_SHA512,
            other => panic!("{other} has no secret"),
        };
        let tag = hmac::sign(
            &hmac::Key::new(hash, secret.as_ref()),
            self.signing_input().as_bytes(),
        );
        self.with_signature(tag)
    }
}

/// Writes the compact form (RFC 7515 section 7.1).
impl fmt::Display for Segments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.header, self.payload, self.signature)
    }
}

/// Encodes base64url without padding (RFC 7515 section 2).
///
/// ```
/// assert_eq!(tollgate_testkit::base64url([0xFB, 0xFF]), "-_8");
/// ```
pub fn base64url(octets: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(octets)
}

fn decoded(segment: &str) -> Vec<u8> {
    base64_simd::URL_SAFE_NO_PAD
        .decode_to_vec(segment)
        .unwrap_or_default()
}
