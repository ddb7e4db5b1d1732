//! Tokens to try the server with. A real service gets its tokens and keys from an identity
//! provider.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::json;
use tollgate::extend::{Clock as _, SystemClock};
use tollgate::{Algorithm, SigningKey};

use crate::keys::Keys;

pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const AUDIENCE: &str = "orders-api";
const LIFETIME: u64 = 3600; // in seconds

pub(crate) struct Demo {
    keys: Arc<Keys>,
    /// The current signing key and the number of keys so far.
    signing: Mutex<(SigningKey, u32)>,
}

/// A token of a shopper and one of the operator, signed with the key `kid`.
#[derive(Serialize)]
pub(crate) struct Tokens {
    kid: String,
    pub(crate) shopper: String,
    pub(crate) operator: String,
}

impl Demo {
    /// Creates the first key. Tokens do not outlive the process.
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let (keys, first) = (Arc::<Keys>::default(), key(1)?);
        keys.add(&first.verifying_key());
        Ok(Self {
            keys,
            signing: Mutex::new((first, 1)),
        })
    }

    pub(crate) const fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    pub(crate) fn tokens(&self) -> Result<Tokens, Box<dyn Error>> {
        let signing = self.signing.lock().unwrap_or_else(PoisonError::into_inner);
        tokens(&signing.0)
    }

    /// Publishes a new key, then signs with it. In this order, no token has an unknown key.
    pub(crate) fn rotate(&self) -> Result<Tokens, Box<dyn Error>> {
        let mut signing = self.signing.lock().unwrap_or_else(PoisonError::into_inner);
        let number = signing.1 + 1;
        let next = key(number)?;
        self.keys.add(&next.verifying_key());
        *signing = (next, number);
        tokens(&signing.0)
    }
}

fn key(number: u32) -> Result<SigningKey, Box<dyn Error>> {
    Ok(SigningKey::generate(Algorithm::ES256)?.with_kid(number.to_string()))
}

fn tokens(key: &SigningKey) -> Result<Tokens, Box<dyn Error>> {
    let now = SystemClock.now();
    let token = |subject: &str, scope: &str| {
        key.encode(&json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + LIFETIME,
                "scope": scope,
        }))
    };
    Ok(Tokens {
        kid: key.kid().unwrap_or_default().to_owned(),
        shopper: token("ada", "orders:read")?,
        operator: token("grace", "admin")?,
    })
}
