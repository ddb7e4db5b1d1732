//! The thumbprint of a public key (RFC 7638).

use aws_lc_rs::digest::{SHA256, digest};

use super::base64;
use super::public::PublicKey;

/// Returns the SHA-256 thumbprint of the JWK in base64url: 43 characters.
///
/// The hashed JSON has the required members of the key type in the order of their names, without
/// white space (RFC 7638 section 3.2, RFC 8037 section 2).
pub(super) fn of(public: &PublicKey) -> Option<String> {
    let json = match public {
        PublicKey::Rsa { n, e } => format!(
            r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#,
            base64::encode_url(e),
            base64::encode_url(n)
        ),
        PublicKey::Ec { curve, point } => {
            let (x, y) = point.split_first()?.1.split_at_checked(curve.field_len())?;
            format!(
                r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#,
                curve.name(),
                base64::encode_url(x),
                base64::encode_url(y)
            )
        }
        PublicKey::Ed(point) => format!(
            r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#,
            base64::encode_url(point)
        ),
    };
    Some(base64::encode_url(
        digest(&SHA256, json.as_bytes()).as_ref(),
    ))
}

#[cfg(test)]
mod tests {
    use crate::key::Key;

    #[test]
    fn the_example_of_the_rfc_has_its_thumbprint() {
        // RFC 7638 section 3.1.
        let n = [
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc",
            "_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQ",
            "R0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bF",
            "TWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        ];
        let jwk = serde_json::json!({"kty": "RSA", "n": n.concat(), "e": "AQAB", "alg": "RS256",
            "kid": "2011-04-29"});
        let thumbprint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        let key = Key::from_jwk(jwk.to_string()).unwrap();
        assert_eq!(key.thumbprint().as_deref(), Some(thumbprint));
    }

    #[test]
    fn the_example_for_ed25519_has_its_thumbprint() {
        // RFC 8037 appendix A.3.
        let jwk = r#"{"kty": "OKP", "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let thumbprint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
        let key = Key::from_jwk(jwk).unwrap();
        assert_eq!(key.thumbprint().as_deref(), Some(thumbprint));
    }
}
