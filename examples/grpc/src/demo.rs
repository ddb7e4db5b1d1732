//! Stands for an identity provider: a key, two tokens, and the text printed at startup.

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tollgate::{Algorithm, Key, KeyError, SigningKey};

pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const AUDIENCE: &str = "orders-api";

const CLIENT: &str = "cargo run -q -p grpc --bin grpc-client --";

pub(crate) struct Demo(SigningKey);

impl Demo {
    pub(crate) fn new() -> Result<Self, KeyError> {
        Ok(Self(SigningKey::generate(Algorithm::ES256)?))
    }

    pub(crate) fn verifying_key(&self) -> Key {
        self.0.verifying_key()
    }

    fn token(&self, subject: &str, scope: &str, life: Duration) -> Result<String, Box<dyn Error>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "scope": scope,
            "iat": now, "exp": now + life.as_secs(),
        });
        Ok(self.0.encode(&claims)?)
    }

    /// Example calls with the expected status.
    pub(crate) fn welcome(
        &self,
        address: SocketAddr,
        life: Duration,
    ) -> Result<String, Box<dyn Error>> {
        let url = format!("http://{address}");
        let ada = self.token("ada", "orders:read orders:write", life)?;
        let bob = self.token("bob", "orders:read", life)?;
        Ok(format!(
            "\
{} listens on {url}

In another terminal: a token that may write orders, and one that may read them
    ADA={ada}
    BOB={bob}
The health check, which needs no token, OK:
    {CLIENT} health --url {url}
Place an order, OK:
    TOKEN=$ADA {CLIENT} place gears --url {url}
Without the scope orders:write, PermissionDenied:
    TOKEN=$BOB {CLIENT} place gears --url {url}
Without a token, Unauthenticated:
    {CLIENT} list --url {url}
The orders, as a stream, OK:
    TOKEN=$BOB {CLIENT} list --url {url}
A stream in both directions, OK:
    TOKEN=$BOB {CLIENT} track 1 2 3 --url {url}
A stream that ends with the token, Unauthenticated, after {} seconds:
    TOKEN=$BOB {CLIENT} follow --url {url}

Ctrl-C stops the server.
",
            env!("CARGO_BIN_NAME"),
            life.as_secs(),
        ))
    }
}
