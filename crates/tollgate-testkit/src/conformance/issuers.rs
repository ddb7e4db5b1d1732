//! Several issuers in one verifier, each with its own keys, audiences and rules.

use tollgate_core::{Algorithm, Gate, TrustedIssuer, Verifier};

use super::case::{Case, bearer, bearers, case};
use super::expect::{
    Seen, bad_signature, expired, malformed_claims, malformed_token, missing_claim, seen,
    unknown_key, untrusted_issuer, wrong_algorithm, wrong_audience, wrong_type,
};
use super::fixtures::{claiming, claiming_each, plain, token, token_by};
use crate::clock::FakeClock;
use crate::keys;
use crate::mint::{Mint, TokenBuilder};
use crate::segments::Segments;

const OTHER: &str = "https://other.example.com";
const THIRD: &str = "https://third.example.com";

/// Creates a gate with three issuers: the usual one with ES256, one with a key of the same type and
/// `kid`, and one with a secret and strict rules.
fn three() -> Gate {
    plain(
        Verifier::builder()
            .clock(FakeClock::new())
            .trust(
                TrustedIssuer::new(Mint::ISSUER)
                    .audience(Mint::AUDIENCE)
                    .key(keys::verifying(Algorithm::ES256)),
            )
            .trust(
                TrustedIssuer::new(OTHER)
                    .audience("other-api")
                    .key(keys::stranger(Algorithm::ES256).verifying_key())
                    .role_claim("groups"),
            )
            .trust(
                TrustedIssuer::new(THIRD)
                    .audience(Mint::AUDIENCE)
                    .key(keys::verifying(Algorithm::HS256))
                    .leeway(std::time::Duration::ZERO)
                    .typ("at+jwt")
                    .require_subject()
                    .role_claim("roles"),
            ),
    )
}

fn ours() -> TokenBuilder {
    token_by(Algorithm::ES256)
}

fn others() -> TokenBuilder {
    ours()
        .signed_by(&keys::stranger(Algorithm::ES256))
        .claim("iss", OTHER)
        .claim("aud", "other-api")
}

fn thirds() -> TokenBuilder {
    token().claim("iss", THIRD).typ("at+jwt")
}

fn shown(issuer: &str) -> Seen {
    seen().by("ES256").but("issuer", issuer)
}

pub(super) fn cases() -> Vec<Case> {
    let own_and_trusted = || {
        plain(
            super::fixtures::usual().trust(
                TrustedIssuer::new(OTHER)
                    .audience("other-api")
                    .key(keys::stranger(Algorithm::ES256).verifying_key()),
            ),
        )
    };
    vec![
        case(
            "the first issuer",
            three(),
            bearer(ours().build()),
            shown(Mint::ISSUER),
        ),
        case(
            "the second issuer",
            three(),
            bearer(others().build()),
            shown(OTHER).but("audiences", "other-api"),
        ),
        case(
            "the third issuer",
            three(),
            bearer(thirds().build()),
            seen().but("issuer", THIRD).but("type", "at+jwt"),
        ),
        case(
            "the builder's own issuer beside a listed one",
            own_and_trusted(),
            bearer(token().build()),
            seen(),
        ),
        case(
            "a listed issuer beside the builder's own",
            own_and_trusted(),
            bearer(others().build()),
            shown(OTHER).but("audiences", "other-api"),
        ),
        case(
            "a token of one issuer, signed with another's key",
            three(),
            bearers([
                ours().signed_by(&keys::stranger(Algorithm::ES256)).build(),
                others().signed_by(&keys::signing(Algorithm::ES256)).build(),
                ours()
                    .signed_by(&keys::stranger(Algorithm::ES256))
                    .without_header("kid")
                    .build(),
                thirds()
                    .signed_by(&keys::stranger(Algorithm::HS256))
                    .build(),
            ]),
            bad_signature(),
        ),
        case(
            "a key of another issuer, for another algorithm",
            three(),
            bearers([
                token().build(),
                thirds()
                    .header("alg", "ES256")
                    .kid("test-es256")
                    .signed_by(&keys::signing(Algorithm::ES256))
                    .build(),
            ]),
            wrong_algorithm(),
        ),
        case(
            "the `kid` of another issuer's key",
            three(),
            bearer(thirds().kid("test-es256").build()),
            unknown_key(),
        ),
        case(
            "an untrusted issuer",
            three(),
            bearers(
                [
                    "https://evil.example",
                    "",
                    "https://id.example.com/",
                    "https://OTHER.example.com",
                ]
                .map(|issuer| ours().claim("iss", issuer).build()),
            ),
            untrusted_issuer(),
        ),
        case(
            "no issuer",
            three(),
            bearers([
                ours().without_claim("iss").build(),
                claiming(r#""iss":null"#),
            ]),
            missing_claim(),
        ),
        case(
            "an issuer that is not a string, or two issuers",
            three(),
            bearers(claiming_each([
                r#""iss":1"#,
                r#""iss":["https://id.example.com","https://other.example.com"]"#,
                r#""iss":"https://id.example.com","iss":"https://other.example.com""#,
            ])),
            malformed_claims(),
        ),
        case(
            "the audience of another issuer",
            three(),
            bearers([
                ours().claim("aud", "other-api").build(),
                others().claim("aud", Mint::AUDIENCE).build(),
            ]),
            wrong_audience(),
        ),
        case(
            "each issuer's own leeway: none",
            three(),
            bearer(thirds().expires_in(0).build()),
            expired(),
        ),
        case(
            "each issuer's own leeway: ten seconds",
            three(),
            bearer(ours().expires_in(0).build()),
            shown(Mint::ISSUER).but("expires", "1700000000"),
        ),
        case(
            "each issuer's own `typ`",
            three(),
            bearer(thirds().typ("JWT").build()),
            wrong_type(),
        ),
        case(
            "each issuer's own required claims",
            three(),
            bearer(thirds().without_claim("sub").build()),
            missing_claim(),
        ),
        case(
            "each issuer's own role claim",
            three(),
            bearer(
                thirds()
                    .claim("roles", ["a"])
                    .claim("groups", ["b"])
                    .build(),
            ),
            seen()
                .but("issuer", THIRD)
                .but("type", "at+jwt")
                .but("roles", "a"),
        ),
        case(
            "the role claim of another issuer",
            three(),
            bearer(ours().claim("roles", ["a"]).claim("groups", ["b"]).build()),
            shown(Mint::ISSUER),
        ),
        case(
            "unreadable claims select no issuer",
            three(),
            bearers([
                token().payload("[]").build(),
                token().payload("").build(),
                token().payload(b"\xFF").build(),
                token().payload("{").build(),
            ]),
            malformed_claims(),
        ),
        case(
            "a payload that is not base64url selects no issuer",
            three(),
            bearer(
                Segments {
                    payload: "e30=".replace('=', "~"),
                    ..ours().segments()
                }
                .to_string(),
            ),
            malformed_token(),
        ),
        case(
            "an unsigned token with any issuer",
            three(),
            bearer(ours().segments().with_signature([]).to_string()),
            bad_signature(),
        ),
    ]
}
