//! Tokens that are refused, each for one reason.

use tollgate_core::{RejectionKind, SigningKey};
use tollgate_testkit::keys;

use crate::tokens::{Fixture, Issued, KID};

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// No token at all.
    Nothing,
    /// 8 KiB of one letter.
    Garbage,
    /// 8 KiB of one letter where the header belongs, more than one may have.
    GarbageHeader,
    /// A token without its last part.
    Malformed,
    /// Signed with an algorithm that the key is not for.
    WrongAlgorithm,
    /// Names a key that there is none of.
    UnknownKey,
    /// Signed by a stranger under the issuer's `kid`.
    BadSignature,
    /// Expired years ago.
    Expired,
    /// Of another issuer, by the right key.
    WrongIssuer,
    /// For another service.
    WrongAudience,
}

impl Failing {
    /// Each of them.
    pub const ALL: [Self; 10] = [
        Self::Nothing,
        Self::Garbage,
        Self::GarbageHeader,
        Self::Malformed,
        Self::WrongAlgorithm,
        Self::UnknownKey,
        Self::BadSignature,
        Self::Expired,
        Self::WrongIssuer,
        Self::WrongAudience,
    ];

    /// The token; `None` where there is none.
    ///
    /// ```
    /// use tollgate_benches::failing::Failing;
    /// use tollgate_benches::tokens::{ALGORITHMS, Fixture};
    ///
    /// for algorithm in ALGORITHMS {
    ///     let fixture = Fixture::new(algorithm);
    ///     for failing in Failing::ALL {
    ///         let Some(token) = failing.token(&fixture) else { continue };
    ///         assert_eq!(fixture.verifier().verify(&token).unwrap_err().kind(), failing.kind(), "{failing:?}");
    ///     }
    /// }
    /// ```
    pub fn token(self, fixture: &Fixture) -> Option<String> {
        let issued = |issued: &Issued<'_>| fixture.signing().encode(issued).ok();
        let by = |key: SigningKey| key.encode(&Issued::VALID).ok();
        match self {
            Self::Nothing => None,
            Self::Garbage => Some("x".repeat(8192)),
            Self::GarbageHeader => Some(format!("{}.b.c", "x".repeat(8188))),
            Self::Malformed => fixture.token.rsplit_once('.').map(|(rest, _)| rest.to_owned()),
            Self::WrongAlgorithm => by(SigningKey::hs384([7; 48]).unwrap().with_kid(KID)),
            Self::UnknownKey => by(fixture.signing().with_kid("2026-12")),
            Self::BadSignature => by(keys::stranger(fixture.algorithm).with_kid(KID)),
            Self::Expired => issued(&Issued {
                exp: 1_700_000_900,
                ..Issued::VALID
            }),
            Self::WrongIssuer => issued(&Issued {
                iss: "https://id.example.org",
                ..Issued::VALID
            }),
            Self::WrongAudience => issued(&Issued {
                aud: "billing-api",
                ..Issued::VALID
            }),
        }
    }

    /// What the engine says of it.
    pub const fn kind(self) -> RejectionKind {
        match self {
            Self::Nothing => RejectionKind::MissingCredential,
            Self::Garbage | Self::Malformed => RejectionKind::MalformedToken,
            Self::GarbageHeader => RejectionKind::TooLarge,
            Self::WrongAlgorithm => RejectionKind::WrongAlgorithm,
            Self::UnknownKey => RejectionKind::UnknownKey,
            Self::BadSignature => RejectionKind::BadSignature,
            Self::Expired => RejectionKind::Expired,
            Self::WrongIssuer => RejectionKind::UntrustedIssuer,
            Self::WrongAudience => RejectionKind::WrongAudience,
        }
    }
}
