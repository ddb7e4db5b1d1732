//! The members of the header (RFC 7515 section 4.1, RFC 7797, RFC 8725 sections 3.5, 3.10 and
//! 3.11).

use serde_json::{Value, json};
use tollgate_core::{Algorithm, Gate};

use super::case::{Case, Request, bearer, bearers, case};
use super::expect::{bad_signature, malformed_header, seen, unsupported, wrong_type};
use super::fixtures::{plain, rules, token, token_by, usual, usual_gate};
use crate::keys;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = extensions();
    cases.extend(types());
    cases.extend(offered_keys());
    cases
}

fn extensions() -> Vec<Case> {
    let gate = usual_gate();
    let with = |name: &str, value: Value| token().header(name, value);
    let each = |name: &str, values: &[Value]| -> Vec<Request> {
        bearers(values.iter().map(|value| with(name, value.clone()).build()))
    };
    vec![
        case(
            "`crit` with unknown names",
            gate.clone(),
            each(
                "crit",
                &[
                    json!(["http://example.com/UNDEFINED"]),
                    json!(["exp"]),
                    json!(["b64"]),
                    json!(["alg"]),
                    json!(["exp", "nbf"]),
                    json!([""]),
                ],
            ),
            unsupported(),
        ),
        case(
            "`crit` with a name from the header",
            gate.clone(),
            bearers([
                with("crit", json!(["bork"])).header("bork", true).build(),
                with("crit", json!(["exp"]))
                    .header("exp", 1_700_000_900)
                    .build(),
            ]),
            unsupported(),
        ),
        case(
            "a `crit` that is not a list of names",
            gate.clone(),
            each(
                "crit",
                &[
                    json!([]),
                    json!("exp"),
                    json!(null),
                    json!({}),
                    json!(1),
                    json!([1]),
                    json!(["exp", null]),
                    json!([["exp"]]),
                ],
            ),
            malformed_header(),
        ),
        case(
            "`b64` is false (RFC 7797)",
            gate.clone(),
            bearers([
                with("b64", json!(false)).build(),
                with("b64", json!(false)).header("crit", ["b64"]).build(),
            ]),
            unsupported(),
        ),
        case(
            "a `b64` that is not a boolean",
            gate.clone(),
            each("b64", &[json!("false"), json!(0), json!(null)]),
            malformed_header(),
        ),
        case(
            "`b64` is true, the default",
            gate.clone(),
            bearer(with("b64", json!(true)).build()),
            seen(),
        ),
        case(
            "compressed or encrypted tokens",
            gate.clone(),
            bearers([
                with("zip", json!("DEF")).build(),
                with("enc", json!("A128GCM")).build(),
            ]),
            unsupported(),
        ),
        case(
            "unknown members are ignored (RFC 7515 section 4)",
            gate.clone(),
            bearer(
                with("x-1", json!({"a": [1, null]}))
                    .header("cty", "whatever")
                    .header("Alg", "none")
                    .build(),
            ),
            seen(),
        ),
        case(
            "the order of members, and white space",
            gate,
            bearer(
                token()
                    .header_text(
                        " { \"typ\" : \"JWT\" ,\n\"kid\":\"test-hs256\",\t\"alg\" : \"HS256\" } ",
                    )
                    .build(),
            ),
            seen(),
        ),
    ]
}

fn types() -> Vec<Case> {
    let gate = usual_gate();
    let exactly = |typ: &str| plain(usual().typ(typ));
    let typed = |typ: &str| bearer(token().typ(typ).build());
    let each = |types: &[&str]| -> Vec<Request> { types.iter().map(|typ| typed(typ)).collect() };
    let raw = |typ: &str| {
        bearer(
            token()
                .header_text(format!(r#"{{"alg":"HS256","typ":{typ}}}"#))
                .build(),
        )
    };
    let absent = || bearer(token().without_header("typ").build());
    let accepted =
        |name: &str, gate: Gate, typ: &str| case(name, gate, typed(typ), seen().but("type", typ));
    vec![
        case(
            "`typ` may be absent",
            gate.clone(),
            absent(),
            seen().but("type", "-"),
        ),
        accepted("`typ` may be at+jwt", gate.clone(), "at+jwt"),
        accepted(
            "`typ` in another case (RFC 2045 section 5.1)",
            gate.clone(),
            "jwt",
        ),
        accepted(
            "`typ` with the prefix application/",
            gate.clone(),
            "application/at+jwt",
        ),
        accepted(
            "`typ` with the prefix application/, in another case",
            gate.clone(),
            "APPLICATION/JWT",
        ),
        case(
            "tokens of another type",
            gate.clone(),
            each(&[
                "logout+jwt",
                "dpop+jwt",
                "JOSE",
                "JWE",
                "secevent+jwt",
                "entity-statement+jwt",
                "token-introspection+jwt",
                "id_token",
                "JWT ",
                "",
                "jwt;a=1",
            ]),
            wrong_type(),
        ),
        case(
            "a media type outside application/",
            gate.clone(),
            each(&[
                "text/jwt",
                "application/x/jwt",
                "application/",
                "application/application/jwt",
                "/jwt",
            ]),
            wrong_type(),
        ),
        case(
            "a `typ` that is not a string",
            gate,
            [raw("null"), raw("1"), raw("[\"JWT\"]"), raw("{}")],
            malformed_header(),
        ),
        accepted(
            "the required `typ`",
            exactly("secevent+jwt"),
            "secevent+jwt",
        ),
        accepted(
            "the required `typ` with the prefix application/",
            exactly("secevent+jwt"),
            "application/secevent+jwt",
        ),
        accepted(
            "the required `typ`, configured with the prefix application/",
            exactly("application/at+jwt"),
            "AT+jwt",
        ),
        case(
            "any `typ` but the required one",
            exactly("at+jwt"),
            each(&["JWT", "jwt", "at-jwt", "at+jwt+x"])
                .into_iter()
                .chain([absent()])
                .collect::<Vec<_>>(),
            wrong_type(),
        ),
    ]
}

fn offered_keys() -> Vec<Case> {
    let gate = || plain(rules().key(keys::verifying(Algorithm::RS256)));
    let mallory = keys::stranger(Algorithm::RS256);
    let jwk = mallory.public_jwk().unwrap_or_default();
    let forged = || token_by(Algorithm::RS256).signed_by(&mallory);
    let der = base64_simd::STANDARD.encode_to_string(keys::der(keys::RSA_PUBLIC_PEM));
    let honest = || token_by(Algorithm::RS256);
    vec![
        case(
            "`jwk` with the signing key (CVE-2018-0114)",
            gate(),
            bearers([
                forged().header("jwk", &jwk).build(),
                forged().header("jwk", &jwk).without_header("kid").build(),
            ]),
            bad_signature(),
        ),
        case(
            "`jku` and `x5u` with an attacker's URL",
            gate(),
            bearers(["jku", "x5u"].map(|name| {
                forged()
                    .header(name, "https://evil.example/jwks.json")
                    .build()
            })),
            bad_signature(),
        ),
        case(
            "`x5c` and thumbprints of an attacker's certificate",
            gate(),
            bearers([
                forged().header("x5c", [&der]).build(),
                forged()
                    .header("x5t", "AAAA")
                    .header("x5t#S256", "AAAA")
                    .build(),
            ]),
            bad_signature(),
        ),
        case(
            "key references of an honest issuer are ignored",
            gate(),
            bearer(
                honest()
                    .header("jku", "https://id.example.com/jwks.json")
                    .header("x5t", "AAAA")
                    .header("jwk", &jwk)
                    .build(),
            ),
            seen().by("RS256"),
        ),
        case(
            "a local URL is not fetched",
            gate(),
            bearer(
                forged()
                    .header("jku", "http://169.254.169.254/latest/meta-data/")
                    .header("x5u", "file:///etc/passwd")
                    .build(),
            ),
            bad_signature(),
        ),
    ]
}
