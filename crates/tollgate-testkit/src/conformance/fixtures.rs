//! The gates and tokens that the cases share.

use std::fmt::Write as _; // into a `String`, which cannot fail
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{
    Algorithm, Gate, GateBuilder, KeySet, KeySource, Unavailable, Verifier, VerifierBuilder,
};

use crate::clock::FakeClock;
use crate::keys;
use crate::mint::{Mint, TokenBuilder};

/// What time it is, in every case.
pub(super) const START: u64 = FakeClock::START;

/// One issuer, one audience, a clock that stands still, and no key yet.
pub(super) fn rules() -> VerifierBuilder {
    Verifier::builder()
        .issuer(Mint::ISSUER)
        .audience(Mint::AUDIENCE)
        .clock(FakeClock::new())
}

/// [`rules`] with the HS256 key, for all that is not about algorithms.
pub(super) fn usual() -> VerifierBuilder {
    rules().key(keys::verifying(Algorithm::HS256))
}

/// A gate with all defaults.
pub(super) fn plain(verifier: VerifierBuilder) -> Gate {
    Gate::from(verifier.build().expect("the verifier of a case is complete"))
}

/// A gate, configured.
pub(super) fn gate(verifier: VerifierBuilder, configure: impl FnOnce(GateBuilder) -> GateBuilder) -> Gate {
    let verifier = verifier.build().expect("the verifier of a case is complete");
    configure(Gate::builder(verifier))
        .build()
        .expect("the gate of a case is complete")
}

/// The gate that accepts the mint's HS256 tokens.
pub(super) fn usual_gate() -> Gate {
    plain(usual())
}

/// A token under way, by the issuer's key for this algorithm.
pub(super) fn token_by(algorithm: Algorithm) -> TokenBuilder {
    Mint::new(keys::signing(algorithm), &FakeClock::new()).token()
}

/// A token under way by the usual key.
pub(super) fn token() -> TokenBuilder {
    token_by(Algorithm::HS256)
}

/// The text of claims with one member more, or another value for one, in its exact spelling.
pub(super) fn claims_with(members: &str) -> String {
    let mut all = String::from("{");
    for (name, value) in [
        ("iss", "\"https://id.example.com\""),
        ("aud", "\"orders-api\""),
        ("sub", "\"u-7\""),
        ("iat", "1700000000"),
        ("exp", "1700000900"),
    ] {
        if !members.contains(&format!("\"{name}\":")) {
            let _ = write!(all, "\"{name}\":{value},");
        }
    }
    all + members + "}"
}

/// A token by the usual key whose claims have these members in their exact spelling.
pub(super) fn claiming(members: &str) -> String {
    token().payload(claims_with(members)).build()
}

/// The same for each spelling.
pub(super) fn claiming_each<M: AsRef<str>>(members: impl IntoIterator<Item = M>) -> Vec<String> {
    members
        .into_iter()
        .map(|members| claiming(members.as_ref()))
        .collect()
}

/// A source that always has the same keys, or none.
pub(super) struct Fixed(Result<Arc<KeySet>, Unavailable>);

impl Fixed {
    pub(super) fn up(set: KeySet) -> Self {
        Self(Ok(Arc::new(set)))
    }

    pub(super) fn down(retry_after: Duration) -> Self {
        Self(Err(Unavailable::new(retry_after)))
    }
}

impl KeySource for Fixed {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        self.0.clone()
    }
}
