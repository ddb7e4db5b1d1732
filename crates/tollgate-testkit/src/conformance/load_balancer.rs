//! Padded tokens of a load balancer, which arrive in a field of its own, beside ordinary issuers.

use tollgate_core::{Algorithm, Gate, Source, TrustedIssuer, Verifier, VerifierBuilder};

use super::case::{Case, Request, bearer, bearers, case, get};
use super::expect::{
    Seen, any_of, bad_signature, cross_site, invalid, malformed_credential, malformed_token,
    missing_claim, no_credential, seen, two_credentials,
};
use super::fixtures::{gate, plain, token, token_by, usual};
use crate::clock::FakeClock;
use crate::keys;
use crate::mint::{Mint, TokenBuilder};
use crate::segments::Segments;

const FIELD: &str = "X-Amzn-Oidc-Data";
const SIGNER: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/50dc6c495c0c9188";
const OTHER: &str = "https://other.example.com";

/// Appends the padding (RFC 4648 section 4).
fn padded(segment: &str) -> String {
    let length = segment.len().next_multiple_of(4);
    format!("{segment:=<length$}")
}

/// Signs the padded header and payload, and pads the signature.
fn pad(token: &TokenBuilder, algorithm: Algorithm) -> Segments {
    let plain = token.segments();
    let signed = Segments {
        header: padded(&plain.header),
        payload: padded(&plain.payload),
        signature: String::new(),
    }
    .signed_by(&keys::signing(algorithm));
    Segments {
        signature: padded(&signed.signature),
        ..signed
    }
}

/// Creates tokens of which header and payload need each possible padding.
fn all(algorithm: Algorithm) -> Vec<Segments> {
    let lengths = (0..3).flat_map(|header| (0..3).map(move |payload| (header, payload)));
    lengths
        .map(|(header, payload)| {
            let token = token_by(algorithm)
                .header("p", "x".repeat(header))
                .claim("p", "x".repeat(payload));
            pad(&token, algorithm)
        })
        .collect()
}

fn texts(tokens: &[Segments]) -> Vec<String> {
    tokens.iter().map(ToString::to_string).collect()
}

/// Creates a token as the load balancer does.
fn balanced() -> TokenBuilder {
    token_by(Algorithm::ES256)
        .kid("12345678-1234-4234-8234-123456789012")
        .header("signer", SIGNER)
        .header("iss", Mint::ISSUER)
        .header("client", "shop")
        .header("exp", FakeClock::START + 120)
        .without_claim("aud")
        .claim("email", "u-7@example.com")
}

fn balancer() -> Gate {
    let issuer = TrustedIssuer::new(Mint::ISSUER)
        .dangerous_any_audience()
        .dangerous_padded_segments()
        .require_header("signer", [SIGNER])
        .require_header("client", ["shop", "admin"])
        .algorithms([Algorithm::ES256])
        .key(keys::verifying(Algorithm::ES256).with_kid("12345678-1234-4234-8234-123456789012"));
    gate(
        Verifier::builder().clock(FakeClock::new()).trust(issuer),
        |gate| gate.source(Source::header_of_proxy(FIELD)),
    )
}

fn field(token: impl AsRef<str>) -> Request {
    get().with(FIELD, token.as_ref())
}

fn shown() -> Seen {
    seen()
        .by("ES256")
        .but("key id", "12345678-1234-4234-8234-123456789012")
        .but("key", "12345678-1234-4234-8234-123456789012")
        .but("audiences", "-")
        .but("source", "proxy header")
}

/// An issuer whose tokens are padded, and one whose tokens are not.
fn two() -> VerifierBuilder {
    usual().dangerous_padded_segments().trust(
        TrustedIssuer::new(OTHER)
            .audience("other-api")
            .key(keys::stranger(Algorithm::ES256).verifying_key()),
    )
}

fn others() -> TokenBuilder {
    token_by(Algorithm::ES256)
        .signed_by(&keys::stranger(Algorithm::ES256))
        .claim("iss", OTHER)
        .claim("aud", "other-api")
}

pub(super) fn cases() -> Vec<Case> {
    let option = || plain(usual().dangerous_padded_segments());
    let hs256 = || all(Algorithm::HS256);
    let changed = |change: fn(&mut Segments)| -> Vec<Request> {
        let tokens = hs256().into_iter().map(|mut token| {
            change(&mut token);
            token.to_string()
        });
        bearers(tokens)
    };
    let without = |segment: &str| segment.trim_end_matches('=').to_owned();
    // A signature of 48 bytes needs no padding.
    let by_hs384 = || plain(usual_hs384().dangerous_padded_segments());
    let mixed: Vec<_> = all(Algorithm::HS384)
        .into_iter()
        .flat_map(|token| {
            let header = Segments {
                header: without(&token.header),
                ..token.clone()
            };
            let payload = Segments {
                payload: without(&token.payload),
                ..token.clone()
            };
            [header, payload]
        })
        .filter(|token| {
            let text = token.to_string();
            text.contains('=') && text.split('.').any(|part| part.len() % 4 != 0)
        })
        .collect();
    assert!(!mixed.is_empty(), "one of the lengths needs padding twice");
    let proxied = |method: &str| {
        Request::new(method, "/resource")
            .with("Host", "api.example.com")
            .with(FIELD, pad(&balanced(), Algorithm::ES256).to_string())
    };
    vec![
        case(
            "padded segments",
            option(),
            bearers(texts(&hs256())),
            seen(),
        ),
        case(
            "padded segments, and a signature that needs no padding",
            by_hs384(),
            bearers(texts(&all(Algorithm::HS384))),
            seen().by("HS384"),
        ),
        case(
            "segments without padding, for an issuer whose tokens are padded",
            option(),
            bearer(token().build()),
            seen(),
        ),
        case(
            "padded segments are refused by default",
            plain(usual()),
            bearers(texts(&hs256()).into_iter().filter(|text| {
                text.split_once('=')
                    .is_some_and(|(_, rest)| rest.contains('.'))
            })),
            malformed_credential(),
        ),
        case(
            "a padded signature is refused by default",
            plain(usual()),
            bearer(format!("{}=", token().build())),
            malformed_token(),
        ),
        case(
            "some segments are padded",
            by_hs384(),
            bearers(texts(&mixed)),
            malformed_token(),
        ),
        case(
            "only the signature is padded",
            option(),
            bearers(
                (0..3)
                    .map(|pad| token().claim("p", "x".repeat(pad)).segments())
                    .filter(|token| token.header.len() % 4 != 0 || token.payload.len() % 4 != 0)
                    .map(|token| format!("{token}=")),
            ),
            malformed_token(),
        ),
        case(
            "padding after a whole segment",
            option(),
            bearers(
                hs256()
                    .into_iter()
                    .filter(|token| !token.header.ends_with('='))
                    .flat_map(|token| {
                        let more = |padding| Segments {
                            header: format!("{}{padding}", token.header),
                            ..token.clone()
                        };
                        [more("="), more("==")].map(|token| token.to_string())
                    }),
            ),
            malformed_token(),
        ),
        case(
            "too much padding, and padding within a segment",
            option(),
            [
                changed(|token| token.header.push_str("====")),
                changed(|token| token.payload.insert(0, '=')),
                changed(|token| token.payload.insert_str(8, "====")),
                changed(|token| token.signature.insert_str(4, "==")),
                changed(|token| "====".clone_into(&mut token.signature)),
            ]
            .concat(),
            any_of([malformed_credential(), malformed_token()]),
        ),
        case(
            "trailing bits before the padding",
            option(),
            changed(|token| {
                let end = token.signature.len() - 1;
                token.signature.replace_range(end - 1..end, "B");
            }),
            malformed_token(),
        ),
        case(
            "a signature over the segments without their padding",
            option(),
            bearers(hs256().into_iter().filter_map(|token| {
                let plain = Segments {
                    header: without(&token.header),
                    payload: without(&token.payload),
                    signature: String::new(),
                };
                let signed = plain.clone().signed_by(&keys::signing(Algorithm::HS256));
                (plain.signing_input() != token.signing_input()).then(|| {
                    Segments {
                        signature: padded(&signed.signature),
                        ..token
                    }
                    .to_string()
                })
            })),
            bad_signature(),
        ),
        case(
            "padded tokens of the issuer with the option, among several",
            plain(two()),
            bearers(texts(&hs256())),
            seen(),
        ),
        case(
            "tokens of an issuer without the option, among several",
            plain(two()),
            bearer(others().build()),
            seen()
                .by("ES256")
                .but("issuer", OTHER)
                .but("audiences", "other-api"),
        ),
        case(
            "padded tokens of an issuer without the option, among several",
            plain(two()),
            bearers((0..3).map(|length| {
                let token = others().claim("p", "x".repeat(length)).segments();
                let signed = Segments {
                    header: padded(&token.header),
                    payload: padded(&token.payload),
                    signature: String::new(),
                }
                .signed_by(&keys::stranger(Algorithm::ES256));
                Segments {
                    signature: padded(&signed.signature),
                    ..signed
                }
                .to_string()
            })),
            malformed_token(),
        ),
        case(
            "padded tokens in other places",
            gate(usual().dangerous_padded_segments(), |gate| {
                gate.source(Source::cookie("access"))
                    .source(Source::header("X-Token"))
            }),
            texts(&hs256())
                .into_iter()
                .map(|token| get().with("X-Token", token))
                .collect::<Vec<_>>(),
            seen().but("source", "header"),
        ),
        case(
            "a token of the load balancer",
            balancer(),
            field(pad(&balanced(), Algorithm::ES256).to_string()),
            shown(),
        ),
        case(
            "a token of another load balancer",
            balancer(),
            [
                balanced().header("signer", SIGNER.replace("123456789012", "999999999999")),
                balanced().header("signer", format!("{SIGNER}0")),
                balanced().header("signer", [SIGNER]),
                balanced().header("client", "another"),
            ]
            .map(|token| field(pad(&token, Algorithm::ES256).to_string())),
            invalid(tollgate_core::RejectionKind::WrongClaim),
        ),
        case(
            "a token without the member of the header",
            balancer(),
            [
                balanced().without_header("signer"),
                balanced().header("signer", None::<u8>),
                balanced().without_header("client"),
                balanced().without_header("signer").claim("signer", SIGNER),
            ]
            .map(|token| field(pad(&token, Algorithm::ES256).to_string())),
            missing_claim(),
        ),
        case(
            "a member of the header by an escaped name",
            balancer(),
            field(
                pad(
                    &balanced().header_text(format!(
                        r#"{{"alg":"ES256","kid":"12345678-1234-4234-8234-123456789012",
                        "s\u0069gner":"{}","client":"shop"}}"#,
                        SIGNER.replace('/', "\\/")
                    )),
                    Algorithm::ES256,
                )
                .to_string(),
            ),
            shown().but("type", "-"),
        ),
        case(
            "the field of the load balancer twice",
            balancer(),
            proxied("GET").with(FIELD, "a.b.c"),
            two_credentials(),
        ),
        case(
            "the token of the load balancer in another field",
            balancer(),
            bearer(pad(&balanced(), Algorithm::ES256).to_string()),
            no_credential(),
        ),
        case(
            "the proxy adds the field to a request of another site",
            balancer(),
            [
                proxied("POST").with("Sec-Fetch-Site", "cross-site"),
                proxied("POST"),
                proxied("GET").with("Upgrade", "websocket"),
            ],
            cross_site(),
        ),
        case(
            "the proxy adds the field to a request of the same origin",
            balancer(),
            proxied("POST").with("Sec-Fetch-Site", "same-origin"),
            shown(),
        ),
    ]
}

fn usual_hs384() -> VerifierBuilder {
    super::fixtures::rules().key(keys::verifying(Algorithm::HS384))
}
