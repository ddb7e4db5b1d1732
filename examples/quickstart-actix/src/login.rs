//! Demo users and their tokens. A real service uses its identity provider.

use std::error::Error;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tollgate::config::SignError;
use tollgate::extend::{Clock, SystemClock};
use tollgate::{Algorithm, Key, SigningKey};

const LIFETIME: u64 = 900; // in seconds

/// Name, password, scopes and roles. The source has the passwords because this is a demo; only
/// hashes are kept at run time.
const USERS: [(&str, &str, &str, &[&str]); 2] = [
    ("ada", "lovelace", "orders:read orders:write", &["admin"]),
    ("bob", "builder", "orders:read", &[]),
];

pub(crate) struct Login {
    issuer: String,
    audience: String,
    key: SigningKey,
    users: Vec<User>,
    /// The hash of an unknown password. See [`Login::token`].
    nobody: PasswordHash,
}

struct User {
    name: &'static str,
    password: PasswordHash,
    scope: &'static str,
    roles: &'static [&'static str],
}

/// The request content of `/login`.
#[derive(Deserialize)]
pub(crate) struct Credentials {
    user: String,
    password: String,
}

/// The response content of `/login` (RFC 6749 section 5.1).
#[derive(Serialize)]
pub(crate) struct Issued {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    scope: &'static str,
}

impl Login {
    /// Creates the demo login with a new key. Tokens do not outlive the process.
    pub(crate) fn new(issuer: &str, audience: &str) -> Result<Self, Box<dyn Error>> {
        let hash = |password: &str| Argon2::default().hash_password(password.as_bytes());
        let mut users = Vec::new();
        for (name, password, scope, roles) in USERS {
            users.push(User {
                name,
                password: hash(password)?,
                scope,
                roles,
            });
        }
        Ok(Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            key: SigningKey::generate(Algorithm::ES256)?.with_kid("demo"),
            users,
            nobody: hash("")?,
        })
    }

    /// The verification key of these tokens.
    pub(crate) fn verifying_key(&self) -> Key {
        self.key.verifying_key()
    }

    /// Issues a token. Returns `None` if the user or the password is wrong.
    pub(crate) fn token(&self, credentials: &Credentials) -> Result<Option<Issued>, SignError> {
        let user = self.users.iter().find(|user| user.name == credentials.user);
        // For an unknown user, hash anyway: the response time must not reveal which accounts exist.
        let password = user.map_or(&self.nobody, |user| &user.password);
        let right = Argon2::default()
            .verify_password(credentials.password.as_bytes(), password)
            .is_ok();
        let Some(user) = user.filter(|_| right) else {
            return Ok(None);
        };
        let now = SystemClock.now();
        let access_token = self.key.encode(&json!({
            "iss": self.issuer,
            "aud": self.audience,
            "sub": user.name,
            "iat": now,
            "exp": now + LIFETIME,
            "scope": user.scope,
            "roles": user.roles,
        }))?;
        Ok(Some(Issued {
            access_token,
            token_type: "Bearer",
            expires_in: LIFETIME,
            scope: user.scope,
        }))
    }
}
