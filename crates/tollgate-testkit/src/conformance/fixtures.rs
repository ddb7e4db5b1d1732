//! The gates and tokens that the cases share.

use std::cell::Cell;
use std::fmt::Write as _; // into a `String`, which cannot fail
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tollgate_core::{
    Algorithm, BoxFuture, Gate, GateBuilder, HeaderEdits, KeySet, KeySource, Principal, Renewal,
    RevocationCheck, Standing, Step, Unavailable, Verifier, VerifierBuilder,
};

use crate::clock::FakeClock;
use crate::keys;
use crate::mint::{Mint, TokenBuilder};

/// The time in every case.
pub(super) const START: u64 = FakeClock::START;

/// Creates a verifier with one issuer, one audience, a fixed clock, and no key.
pub(super) fn rules() -> VerifierBuilder {
    Verifier::builder()
        .issuer(Mint::ISSUER)
        .audience(Mint::AUDIENCE)
        .clock(FakeClock::new())
}

/// Creates [`rules`] with the HS256 key, for cases that do not depend on the algorithm.
pub(super) fn usual() -> VerifierBuilder {
    rules().key(keys::verifying(Algorithm::HS256))
}

thread_local! {
    static WITHOUT_TOKEN_CACHE: Cell<bool> = const { Cell::new(false) };
}

/// Creates gates whose verifiers have no cache.
pub(super) fn without_token_cache<T>(make: impl FnOnce() -> T) -> T {
    let before = WITHOUT_TOKEN_CACHE.replace(true);
    let cases = make();
    WITHOUT_TOKEN_CACHE.set(before);
    cases
}

fn complete(verifier: VerifierBuilder) -> Verifier {
    let verifier = if WITHOUT_TOKEN_CACHE.get() {
        verifier.without_token_cache()
    } else {
        verifier
    };
    verifier
        .build()
        .expect("the verifier of a case is complete")
}

/// Creates a gate with defaults.
pub(super) fn plain(verifier: VerifierBuilder) -> Gate {
    Gate::from(complete(verifier))
}

/// Creates a configured gate.
pub(super) fn gate(
    verifier: VerifierBuilder,
    configure: impl FnOnce(GateBuilder) -> GateBuilder,
) -> Gate {
    configure(Gate::builder(complete(verifier)))
        .build()
        .expect("the gate of a case is complete")
}

/// Creates the gate that accepts the mint's HS256 tokens.
pub(super) fn usual_gate() -> Gate {
    plain(usual())
}

/// Begins a token by the issuer's key for this algorithm.
pub(super) fn token_by(algorithm: Algorithm) -> TokenBuilder {
    Mint::new(keys::signing(algorithm), &FakeClock::new()).token()
}

/// Begins a token by the usual key.
pub(super) fn token() -> TokenBuilder {
    token_by(Algorithm::HS256)
}

/// Returns claims with one more or another member, in its exact spelling.
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

/// Creates a token by the usual key whose claims have these members in their exact spelling.
pub(super) fn claiming(members: &str) -> String {
    token().payload(claims_with(members)).build()
}

/// Creates such a token for each spelling.
pub(super) fn claiming_each<M: AsRef<str>>(members: impl IntoIterator<Item = M>) -> Vec<String> {
    members
        .into_iter()
        .map(|members| claiming(members.as_ref()))
        .collect()
}

/// A source that always returns the same keys, or none.
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

/// A revocation check that follows the token's `sid`. Its answer is ready at the second poll.
pub(super) struct Standings;

impl RevocationCheck for Standings {
    fn check(&self, principal: &Principal) -> Step<Result<Standing, Unavailable>> {
        let answer = match principal.session_id() {
            Some("gone") => return Step::Ready(Ok(Standing::Revoked)),
            Some("asked: good") => Ok(Standing::Good),
            Some("asked: gone") => Ok(Standing::Revoked),
            Some("asked: down") => Err(Unavailable::new(Duration::from_millis(6500))),
            _ => return Step::Ready(Ok(Standing::Good)),
        };
        Step::pending(async move {
            Later::new().await;
            answer
        })
    }
}

/// The field that a renewal of [`Renewing`] adds to a response.
pub(super) const RENEWED_COOKIE: (&str, &str) = ("set-cookie", "access=renewed; Path=/; HttpOnly");
pub(super) const RENEWED_HEADER: (&str, &str) = ("x-access-token", "renewed");

/// A renewal of tokens with the claim `due`, on `/resource` and any method except `DELETE`.
pub(super) struct Renewing;

impl Renewal for Renewing {
    fn is_due(&self, principal: &Principal, method: &str, path: &str) -> bool {
        principal.claim("due") == Some(true.into()) && method != "DELETE" && path == "/resource"
    }

    fn renew(&self, principal: &Principal) -> BoxFuture<HeaderEdits> {
        assert_eq!(principal.subject(), Some("u-7"));
        Box::pin(async {
            Later::new().await;
            let mut edits = HeaderEdits::default();
            edits.push(RENEWED_COOKIE.0, RENEWED_COOKIE.1);
            edits.push(RENEWED_HEADER.0, RENEWED_HEADER.1);
            edits.push("x-broken", "a\r\nSet-Cookie: admin=1"); // not sent
            edits
        })
    }
}

/// A future that is ready at the second poll.
pub(super) struct Later(bool);

impl Later {
    pub(super) const fn new() -> Self {
        Self(false)
    }
}

impl Future for Later {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
