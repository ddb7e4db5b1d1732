//! Revocations for lookups.

use std::time::Duration;

use tollgate_core::{Algorithm, Principal, SigningKey, Verifier};
use tollgate_session::{MemoryStore, Revocation, RevocationKind, Revocations};

use crate::tokens::{AUDIENCE, ISSUER};

/// A set of tokens with every revocable property, and revocations of other tokens.
pub struct Fixture {
    /// A replica in sync with a store in memory.
    pub revocations: Revocations,
    /// One of the tokens.
    pub token: String,
    /// Verified tokens of a thousand sessions, for lookups in turn: a single token would always or
    /// never match the filter.
    pub principals: Vec<Principal>,
    signing: SigningKey,
}

impl Fixture {
    /// Creates a fixture with this number of entries. Requires a tokio runtime.
    ///
    /// ```
    /// use tollgate_benches::revocation::Fixture;
    /// use tollgate_core::{RevocationCheck, Standing, Step};
    ///
    /// let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    /// runtime.block_on(async {
    ///     let fixture = Fixture::with_entries(10).await;
    ///     assert!(matches!(fixture.revocations.check(&fixture.revoked()),
    ///         Step::Ready(Ok(Standing::Revoked))));
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn with_entries(entries: usize) -> Self {
        let revocations = Revocations::builder(MemoryStore::new(1, 120_000), ISSUER)
            .build()
            .unwrap();
        let names = (0..entries).map(name);
        let gone: Vec<_> = names
            .map(|name| revocations.entry(RevocationKind::Session, &name, Revocation::ALL))
            .collect();
        revocations.revoke(&gone).await.unwrap();
        while !revocations.in_sync() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let signing = SigningKey::generate(Algorithm::ES256)
            .unwrap()
            .with_kid("2026-11");
        let token = |number| token(&signing, &format!("session {number}"));
        let verifier = verifier(&signing);
        Self {
            principals: (0..1000)
                .map(|number| verifier.verify(token(number)).unwrap())
                .collect(),
            token: token(0),
            revocations,
            signing,
        }
    }

    /// Creates a verifier for the token.
    pub fn verifier(&self) -> Verifier {
        verifier(&self.signing)
    }

    /// Returns a verified token that is revoked.
    pub fn revoked(&self) -> Principal {
        self.verifier()
            .verify(token(&self.signing, &name(7)))
            .unwrap()
    }
}

fn name(number: usize) -> String {
    format!("revoked session {number}")
}

fn verifier(signing: &SigningKey) -> Verifier {
    Verifier::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .key(signing.verifying_key())
        .without_token_cache()
        .build()
        .unwrap()
}

fn token(signing: &SigningKey, sid: &str) -> String {
    let claims = serde_json::json!({
        "iss": ISSUER, "sub": "user-0123456789", "aud": AUDIENCE, "exp": 4_000_000_000_u64,
            "iat": 1_700_000_000,
        "jti": "0198a5f2-7a3e-7c11-9d55-3f1c2b4a5d6e", "sid": sid,
    });
    signing.encode(&claims).unwrap()
}
