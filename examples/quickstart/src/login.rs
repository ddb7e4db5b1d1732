//! Demo users, and tokens for them. A real service leaves this to its identity provider.

use std::error::Error;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tollgate::extend::{Clock, SystemClock};
use tollgate::{Algorithm, Key, SignError, SigningKey};

const LIFETIME: u64 = 900; // seconds

/// Name, password, scopes and roles. Passwords stand here because this is a demo; what is kept of them is a hash.
const USERS: [(&str, &str, &str, &[&str]); 2] = [
    ("ada", "lovelace", "orders:read orders:write", &["admin"]),
    ("bob", "builder", "orders:read", &[]),
];

pub(crate) struct Login {
    issuer: String,
    audience: String,
    key: SigningKey,
    users: Vec<User>,
    /// Of a password that nobody has: see [`Login::token`].
    nobody: PasswordHash,
}

struct User {
    name: &'static str,
    password: PasswordHash,
    scope: &'static str,
    roles: &'static [&'static str],
}

/// What `/login` is sent.
#[derive(Deserialize)]
pub(crate) struct Credentials {
    user: String,
    password: String,
}

/// What `/login` answers (RFC 6749 section 5.1).
#[derive(Serialize)]
pub(crate) struct Issued {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    scope: &'static str,
}

impl Login {
    /// With a key made now: tokens are worth nothing once the server has stopped.
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

    /// The key that tokens made here are verified with.
    pub(crate) fn verifying_key(&self) -> Key {
        self.key.verifying_key()
    }

    /// A token, or `None` if there is no such user or the password is another.
    pub(crate) fn token(&self, credentials: &Credentials) -> Result<Option<Issued>, SignError> {
        let user = self.users.iter().find(|user| user.name == credentials.user);
        // An unknown user costs as much time as a known one, else the time would tell who has an account.
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
