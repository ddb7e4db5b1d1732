//! Refused tokens, one for each reason.

use tollgate_core::{RejectionKind, SigningKey};
use tollgate_testkit::keys;

use crate::tokens::{Fixture, Issued, KID};

/// The reason of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// No token.
    Nothing,
    /// 8 KiB of one letter.
    Garbage,
    /// A header of 8 KiB of one letter, more than the limit.
    GarbageHeader,
    /// A token without its last segment.
    Malformed,
    /// Signed with an algorithm that the key does not support.
    WrongAlgorithm,
    /// An unknown `kid`.
    UnknownKey,
    /// Signed by an untrusted key with the issuer's `kid`.
    BadSignature,
    /// Expired years ago.
    Expired,
    /// Another issuer, signed with the trusted key.
    WrongIssuer,
    /// Another audience.
    WrongAudience,
}

impl Failing {
    /// All variants.
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

    /// The token. `None` for [`Failing::Nothing`].
    ///
    /// ```
    /// use tollgate_benches::failing::Failing;
    /// use tollgate_benches::tokens::{ALGORITHMS, Fixture};
    ///
    /// for algorithm in ALGORITHMS {
    ///     let fixture = Fixture::new(algorithm);
    ///     for failing in Failing::ALL {
    ///         let Some(token) = failing.token(&fixture) else { continue };
    ///         assert_eq!(fixture.verifier().verify(&token).unwrap_err()
    ///             .kind(), failing.kind(), "{failing:?}");
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
            Self::Malformed => fixture
                .token
                .rsplit_once('.')
                .map(|(rest, _)| rest.to_owned()),
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

    /// The kind of the rejection.
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
