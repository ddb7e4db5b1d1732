//! The accepted algorithms (RFC 7518 section 3, RFC 8725 sections 3.1 and 3.2, RFC 9864).

use serde_json::json;
use tollgate_core::{Algorithm, Gate, Key};

use super::case::{Case, bearer, bearers, case};
use super::expect::{bad_signature, malformed_header, seen, wrong_algorithm};
use super::fixtures::{plain, rules, token, token_by, usual_gate};
use crate::keys;
use crate::segments::Segments;

pub(super) const PUBLIC: [Algorithm; 11] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::ES512,
    Algorithm::EdDSA,
    Algorithm::Ed25519,
];
pub(super) const SECRET: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];

pub(super) fn accepting(algorithms: impl IntoIterator<Item = Algorithm>) -> Gate {
    plain(algorithms.into_iter().fold(rules(), |rules, algorithm| {
        rules.key(keys::verifying(algorithm))
    }))
}

pub(super) fn only(algorithm: Algorithm) -> Gate {
    accepting([algorithm])
}

pub(super) fn by(algorithm: Algorithm) -> String {
    token_by(algorithm).build()
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = PUBLIC.into_iter().chain(SECRET).map(accepted).collect();
    cases.extend(names());
    cases.extend(keys_and_algorithms());
    cases
}

fn accepted(algorithm: Algorithm) -> Case {
    let name = algorithm.as_str();
    case(
        &format!("{name} is accepted"),
        only(algorithm),
        bearer(by(algorithm)),
        seen().by(name),
    )
}

fn names() -> Vec<Case> {
    let usual = usual_gate();
    let unsigned = |alg: &str| {
        let good = token().segments();
        let header = json!({"alg": alg, "typ": "JWT"}).to_string();
        Segments {
            header: crate::base64url(header),
            signature: String::new(),
            ..good
        }
    };
    let named = |alg: &str| token().header("alg", alg).build();
    let text = |text: &str| token().header_text(text).build();
    let nones = [
        "none", "None", "NONE", "nOnE", "nonE", "none ", " none", "none\0", "NoNe", "null", "",
    ];
    vec![
        case(
            "`none` without a signature, in every spelling",
            usual.clone(),
            bearers(nones.map(|alg| unsigned(alg).to_string())),
            wrong_algorithm(),
        ),
        case(
            "`none` with a signature",
            usual.clone(),
            bearers(
                nones
                    .map(|alg| unsigned(alg).with_signature([0; 32]).to_string())
                    .into_iter()
                    .chain([named("none")]),
            ),
            wrong_algorithm(),
        ),
        case(
            "`none` with public keys",
            accepting(PUBLIC),
            bearers(nones.map(|alg| unsigned(alg).to_string())),
            wrong_algorithm(),
        ),
        case(
            "algorithm names are exact",
            usual.clone(),
            bearers(
                [
                    "hs256",
                    "Hs256",
                    "HS256 ",
                    " HS256",
                    "HS-256",
                    "HS256\n",
                    "SHA256",
                    "HMAC",
                    "HS1",
                    "HS257",
                    "HS２５６",
                    "RSA-OAEP",
                    "dir",
                    "ES256K",
                    "RS1",
                    "Ed448",
                    "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
                ]
                .map(named),
            ),
            wrong_algorithm(),
        ),
        case(
            "an `alg` that is not a string, or is absent",
            usual,
            bearers(
                [
                    r"{}",
                    r#"{"alg":null}"#,
                    r#"{"alg":256}"#,
                    r#"{"alg":["HS256"]}"#,
                    r#"{"alg":{"HS256":1}}"#,
                    r#"{"alg":true}"#,
                    r#"{"ALG":"HS256"}"#,
                    r#"{"typ":"JWT"}"#,
                ]
                .map(text),
            ),
            malformed_header(),
        ),
    ]
}

fn keys_and_algorithms() -> Vec<Case> {
    let rsa = || Key::from_pem(Algorithm::RS256, keys::RSA_PUBLIC_PEM).expect("a test key");
    let strangers = |algorithms: &[Algorithm]| {
        bearers(algorithms.iter().map(|algorithm| {
            token_by(*algorithm)
                .signed_by(&keys::stranger(*algorithm))
                .build()
        }))
    };
    let relabelled =
        |alg: Algorithm, signed: Algorithm| token_by(alg).signed_by(&keys::signing(signed)).build();
    let swap = |algorithm: Algorithm, alg: &str| {
        let good = token_by(algorithm).segments();
        let header = json!({"alg": alg, "typ": "JWT", "kid": keys::kid(algorithm)}).to_string();
        Segments {
            header: crate::base64url(header),
            ..good
        }
        .to_string()
    };
    let shown = |algorithm: &str| seen().by(algorithm).but("key", "-");
    let both = || {
        plain(
            rules().key(
                rsa()
                    .serving([Algorithm::RS256, Algorithm::PS256])
                    .expect("both are of RSA"),
            ),
        )
    };
    vec![
        case(
            "an untrusted party's keys of every public type",
            accepting(PUBLIC),
            strangers(&PUBLIC),
            bad_signature(),
        ),
        case(
            "an untrusted party's secrets",
            accepting(SECRET),
            strangers(&SECRET),
            bad_signature(),
        ),
        case(
            "every algorithm by its own key in a set",
            accepting(PUBLIC),
            bearer(by(Algorithm::ES384)),
            seen().by("ES384"),
        ),
        case(
            "one key serves one algorithm",
            only(Algorithm::RS256),
            bearers(
                [
                    Algorithm::RS384,
                    Algorithm::RS512,
                    Algorithm::PS256,
                    Algorithm::PS384,
                    Algorithm::PS512,
                ]
                .map(by),
            ),
            wrong_algorithm(),
        ),
        case(
            "an RS256 key and a PS256 token",
            only(Algorithm::RS256),
            bearer(by(Algorithm::PS256)),
            wrong_algorithm(),
        ),
        case(
            "a PS256 key and an RS256 token",
            only(Algorithm::PS256),
            bearer(by(Algorithm::RS256)),
            wrong_algorithm(),
        ),
        case(
            "a PSS signature declared as RS256, and the reverse",
            accepting([Algorithm::RS256, Algorithm::PS256]),
            bearers([
                relabelled(Algorithm::RS256, Algorithm::PS256),
                relabelled(Algorithm::PS256, Algorithm::RS256),
                relabelled(Algorithm::RS256, Algorithm::RS384),
            ]),
            bad_signature(),
        ),
        case(
            "a key that serves two algorithms: the first",
            both(),
            bearer(by(Algorithm::RS256)),
            shown("RS256"),
        ),
        case(
            "a key that serves two algorithms: the second",
            both(),
            bearer(by(Algorithm::PS256)),
            shown("PS256"),
        ),
        case(
            "a key that serves two algorithms: not a third",
            both(),
            bearer(by(Algorithm::RS512)),
            wrong_algorithm(),
        ),
        case(
            "a longer secret does not serve a longer hash",
            plain(rules().key(Key::hs256(keys::SECRET).expect("64 bytes"))),
            bearers([
                by(Algorithm::HS512),
                token_by(Algorithm::HS384)
                    .segments()
                    .signed_with_secret(Algorithm::HS384, keys::SECRET)
                    .to_string(),
            ]),
            wrong_algorithm(),
        ),
        case(
            "a curve has one algorithm",
            only(Algorithm::ES256),
            bearers([
                by(Algorithm::ES384),
                by(Algorithm::ES512),
                swap(Algorithm::ES256, "ES384"),
            ]),
            wrong_algorithm(),
        ),
        case(
            "an Ed25519 key serves both names",
            plain(rules().key(keys::verifying(Algorithm::EdDSA).with_kid("test-ed25519"))),
            bearer(by(Algorithm::Ed25519)),
            seen().by("Ed25519"),
        ),
        case(
            "`alg` is covered by the signature",
            plain(
                rules().key(
                    rsa()
                        .serving([Algorithm::RS256, Algorithm::RS384])
                        .expect("both are of RSA"),
                ),
            ),
            bearer(swap(Algorithm::RS256, "RS384")),
            bad_signature(),
        ),
        case(
            "a restricted allow-list refuses other algorithms",
            plain(
                rules()
                    .key(
                        rsa()
                            .serving([Algorithm::RS256, Algorithm::PS256])
                            .expect("both are of RSA"),
                    )
                    .algorithms([Algorithm::PS256]),
            ),
            bearer(by(Algorithm::RS256)),
            wrong_algorithm(),
        ),
        case(
            "a restricted allow-list accepts its own",
            plain(
                rules()
                    .key(
                        rsa()
                            .serving([Algorithm::RS256, Algorithm::PS256])
                            .expect("both are of RSA"),
                    )
                    .algorithms([Algorithm::PS256]),
            ),
            bearer(by(Algorithm::PS256)),
            shown("PS256"),
        ),
        case(
            "the allow-list is exact: EdDSA is not Ed25519",
            plain(
                rules()
                    .key(keys::verifying(Algorithm::EdDSA).with_kid("test-ed25519"))
                    .algorithms([Algorithm::EdDSA]),
            ),
            bearer(by(Algorithm::Ed25519)),
            wrong_algorithm(),
        ),
    ]
}
