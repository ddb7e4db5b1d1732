//! A token taken apart.

use std::fmt;

use aws_lc_rs::hmac;
use tollgate_core::{Algorithm, SigningKey};

/// The three segments of a token in their encoded form, to be changed one by one and put together again.
///
/// Nothing is checked: what comes out is what a client could send.
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
    /// The segments of a token; those that it lacks are empty, and what is behind the second dot is one.
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

    /// A token without a signature, of any header and any payload.
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

    /// The octets of the header; empty if it is not base64url.
    ///
    /// ```
    /// assert_eq!(tollgate_testkit::Segments::of("e30.W10.").header_bytes(), b"{}");
    /// ```
    pub fn header_bytes(&self) -> Vec<u8> {
        decoded(&self.header)
    }

    /// The octets of the payload; empty if it is not base64url.
    ///
    /// ```
    /// assert_eq!(tollgate_testkit::Segments::of("e30.W10.").payload_bytes(), b"[]");
    /// ```
    pub fn payload_bytes(&self) -> Vec<u8> {
        decoded(&self.payload)
    }

    /// The octets of the signature; empty if it is not base64url.
    ///
    /// ```
    /// assert_eq!(tollgate_testkit::Segments::of("e30.W10.Zg").signature_bytes(), b"f");
    /// ```
    pub fn signature_bytes(&self) -> Vec<u8> {
        decoded(&self.signature)
    }

    /// What a signature has to cover: header and payload with the dot between them (RFC 7515 section 5.1).
    ///
    /// ```
    /// assert_eq!(tollgate_testkit::Segments::of("a.b.c").signing_input(), "a.b");
    /// ```
    pub fn signing_input(&self) -> String {
        format!("{}.{}", self.header, self.payload)
    }

    /// The same header and payload under these octets as their signature.
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

    /// The same header and payload signed by `key`, whatever the header says.
    ///
    /// # Panics
    /// If the cryptographic library fails.
    ///
    /// ```
    /// use tollgate_core::Algorithm;
    /// use tollgate_testkit::{Segments, keys};
    ///
    /// let token = Segments::unsigned(r#"{"alg":"none"}"#, "{}").signed_by(&keys::signing(Algorithm::HS256));
    /// assert_eq!(token.signature_bytes().len(), 32);
    /// ```
    #[must_use]
    pub fn signed_by(self, key: &SigningKey) -> Self {
        let signature = key
            .sign(self.signing_input().as_bytes())
            .expect("signing with a test key works");
        self.with_signature(signature)
    }

    /// The same header and payload under an HMAC with any octets as its secret: what an attacker computes who takes
    /// a public key for the secret.
    ///
    /// # Panics
    /// If `algorithm` is not of HMAC.
    ///
    /// ```
    /// use tollgate_core::Algorithm;
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

/// The compact form (RFC 7515 section 7.1).
impl fmt::Display for Segments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.header, self.payload, self.signature)
    }
}

/// base64url without padding (RFC 7515 section 2).
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
