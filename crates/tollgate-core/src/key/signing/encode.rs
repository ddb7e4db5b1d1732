//! Tokens in the compact form of RFC 7515 section 3.1.

use serde::{Deserialize, Serialize};

use super::SigningKey;
use crate::key::base64;
use crate::key::error::{SignError, SignProblem};

impl SigningKey {
    /// Signs a token (RFC 7519) with these claims. The header contains `alg`, `typ` (`JWT`) and, if
    /// the key has one, `kid`.
    ///
    /// # Errors
    /// A [`SignError`] if the claims do not serialize to a JSON object; see also
    /// [`sign`](Self::sign).
    ///
    /// ```
    /// use tollgate::SigningKey;
    ///
    /// let token = SigningKey::hs256([7; 32])?.encode(&serde_json::json!({"sub": "alice"}))?;
    /// assert!(token.starts_with("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSJ9."));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn encode<C: Serialize + ?Sized>(&self, claims: &C) -> Result<String, SignError> {
        self.encode_with("JWT", claims)
    }

    /// Like [`encode`](Self::encode), with another `typ`, such as `at+jwt` for an access token of
    /// RFC 9068.
    ///
    /// # Errors
    /// See [`encode`](Self::encode).
    ///
    /// ```
    /// use tollgate::SigningKey;
    ///
    /// let key = SigningKey::hs256([7; 32])?;
    /// let token = key.encode_with("at+jwt", &serde_json::json!({"sub": "alice"}))?;
    /// assert!(token.starts_with("eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9."));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn encode_with<C: Serialize + ?Sized>(
        &self,
        typ: &str,
        claims: &C,
    ) -> Result<String, SignError> {
        #[derive(Serialize)]
        struct Header<'a> {
            alg: &'static str,
            typ: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            kid: Option<&'a str>,
        }

        let header = Header {
            alg: self.algorithm().as_str(),
            typ,
            kid: self.kid(),
        };
        let header = serde_json::to_vec(&header).map_err(SignProblem::Header)?;
        self.encode_parts(&header, claims)
    }

    /// Like [`encode`](Self::encode), with a custom header. Nothing is added to it, and only its
    /// `alg` is checked.
    ///
    /// # Errors
    /// A [`SignError`] if the header is not a JSON object whose `alg` is the
    /// [algorithm](Self::algorithm) of the key; see also [`encode`](Self::encode).
    ///
    /// ```
    /// use serde_json::json;
    /// use tollgate::SigningKey;
    ///
    /// let key = SigningKey::hs256([7; 32])?;
    /// assert!(key.encode_header(&json!({"alg": "HS256", "kid": "elsewhere"}), &json!({}))
    ///     .is_ok());
    /// assert!(key.encode_header(&json!({"alg": "none"}), &json!({})).is_err());
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn encode_header<H, C>(&self, header: &H, claims: &C) -> Result<String, SignError>
    where
        H: Serialize + ?Sized,
        C: Serialize + ?Sized,
    {
        #[derive(Deserialize)]
        struct Alg {
            alg: String,
        }

        let header = serde_json::to_vec(header).map_err(SignProblem::Header)?;
        if header.first() != Some(&b'{') {
            return Err(SignProblem::HeaderShape.into());
        }
        let Alg { alg } = serde_json::from_slice(&header).map_err(|_| SignProblem::HeaderShape)?;
        if alg != self.algorithm().as_str() {
            return Err(SignProblem::HeaderAlgorithm.into());
        }
        self.encode_parts(&header, claims)
    }

    fn encode_parts<C: Serialize + ?Sized>(
        &self,
        header: &[u8],
        claims: &C,
    ) -> Result<String, SignError> {
        let claims = serde_json::to_vec(claims).map_err(SignProblem::Claims)?;
        // RFC 7519 section 7.1 step 1
        if claims.first() != Some(&b'{') {
            return Err(SignProblem::ClaimsShape.into());
        }
        let mut token = base64::encode_url(header);
        token.push('.');
        base64::append_url(&claims, &mut token);
        let signature = self.sign(token.as_bytes())?;
        token.push('.');
        base64::append_url(&signature, &mut token);
        Ok(token)
    }
}
