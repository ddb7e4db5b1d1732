//! Properties of arbitrary requests and tokens, beyond those in the table.

use proptest::prelude::*;
use tollgate_core::{Algorithm, Gate, Source, Verifier};
use tollgate_testkit::conformance::Request;
use tollgate_testkit::{FakeClock, Mint, TokenBuilder, keys};

fn verifier(algorithm: Algorithm) -> Verifier {
    Verifier::builder()
        .issuer(Mint::ISSUER)
        .audience(Mint::AUDIENCE)
        .key(keys::verifying(algorithm))
        .role_claim("roles")
        .clock(FakeClock::new())
        .build()
        .expect("the verifier is complete")
}

/// Creates a gate with every source.
fn gate() -> Gate {
    Gate::builder(verifier(Algorithm::HS256))
        .source(Source::bearer())
        .source(Source::cookie("access"))
        .source(Source::header("x-access-token"))
        .source(Source::websocket_protocol("bearer"))
        .source(Source::websocket_prefix("bearer."))
        .source(Source::websocket_base64url("k8s."))
        .source(Source::header_of_proxy("x-proxy-token"))
        .source(Source::dangerous_query_parameter("access_token"))
        .trusted_origin("https://app.example.com")
        .build()
        .expect("the gate is complete")
}

fn token(algorithm: Algorithm) -> TokenBuilder {
    Mint::new(keys::signing(algorithm), &FakeClock::new()).token()
}

/// Returns the status of the response to the request.
fn status(gate: &Gate, request: &Request) -> u16 {
    match gate.decide(request) {
        Ok(_) => 200,
        Err(refusal) => {
            let answer = refusal.answer();
            let challenged = answer.header("www-authenticate").is_some();
            assert_eq!(
                challenged,
                matches!(answer.status, 400 | 401),
                "RFC 6750 section 3"
            );
            assert_eq!(answer.header("cache-control"), Some(&b"no-store"[..]));
            let problem: serde_json::Value =
                serde_json::from_slice(&answer.body).expect("the problem is JSON");
            assert_eq!(problem["status"], answer.status);
            answer.status
        }
    }
}

fn algorithm() -> impl Strategy<Value = Algorithm> {
    // RSA signing is slow without optimisation. The table covers its mutations.
    prop::sample::select(vec![
        Algorithm::HS256,
        Algorithm::HS384,
        Algorithm::HS512,
        Algorithm::ES256,
        Algorithm::EdDSA,
    ])
}

/// Generates bytes that begin like a valid value.
fn field() -> impl Strategy<Value = Vec<u8>> {
    let prefix = prop::sample::select(vec![
        "",
        "Bearer ",
        "bearer  ",
        "Basic ",
        "access=",
        "a=1; access=",
        "bearer, ",
        "a, bearer.",
        "k8s.",
    ]);
    let rest = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        "[A-Za-z0-9_.=+/~ ,;\"-]{0,80}".prop_map(String::into_bytes),
        "eyJhbGciOiJIUzI1NiJ9\\.[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{0,44}"
            .prop_map(String::into_bytes),
    ];
    (prefix, rest).prop_map(|(prefix, rest)| [prefix.as_bytes(), &rest].concat())
}

/// Generates a JSON value of an unknown claim.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map("[a-z\u{e4}\"\\\\]{0,4}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Arbitrary input is refused as a client error, without a panic.
    #[test]
    fn arbitrary_bytes_anywhere_are_a_client_error(
        names in prop::collection::vec(
            prop::sample::select(vec!["authorization", "cookie", "x-access-token", "x-proxy-token",
                "sec-websocket-protocol", "origin",
                "sec-fetch-site", "host", "upgrade", "x-other"]),
            0..4,
        ),
        values in prop::collection::vec(field(), 4),
        query in "[a-z_=&%.]{0,20}|access_token=[A-Za-z0-9._-]{0,40}",
        method in prop::sample::select(vec!["GET", "POST", "OPTIONS", "get", ""]),
    ) {
        let request = names.iter().zip(&values).fold(
            Request::new(method, &format!("/resource?{query}")),
            |request, (name, value)| request.with(name, value),
        );
        let status = status(&gate(), &request);
        prop_assert!(matches!(status, 400 | 401 | 403), "{status}");
    }

    /// Arbitrary bytes in the `Authorization` field are refused.
    #[test]
    fn arbitrary_bytes_in_authorization_are_refused(value in prop::collection::vec(any::<u8>(),
        0..300)) {
        let request = Request::new("GET", "/resource").with("authorization", value);
        prop_assert!(matches!(status(&gate(), &request), 400 | 401));
    }

    /// A valid token is accepted with any additional claims.
    #[test]
    fn a_valid_token_is_accepted(
        algorithm in algorithm(),
        subject in any::<String>(),
        extra in json(),
        roles in prop::collection::vec(any::<String>(), 0..4),
        lifetime in 1_i64..1_000_000_000,
    ) {
        let token = token(algorithm)
            .subject(&subject)
            .claim("extra", &extra)
            .claim("roles", &roles)
            .expires_in(lifetime)
            .build();
        let principal = verifier(algorithm).verify(&token);
        prop_assert!(principal.is_ok() || token.len() > 8192, "{principal:?}");
        if let Ok(principal) = principal {
            let given = (!subject.is_empty()).then_some(&*subject);
            prop_assert_eq!(principal.subject(), given);
            prop_assert_eq!(principal.claim("extra"), (!extra.is_null()).then_some(extra));
            prop_assert_eq!(principal.roles()
                .map(std::borrow::Cow::into_owned).collect::<Vec<_>>(), roles);
        }
    }

    /// A valid token with one change is refused.
    #[test]
    fn a_valid_token_with_one_change_is_refused(
        algorithm in algorithm(),
        at in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        octet in prop_oneof![any::<u8>(), prop::sample::select(b"ABCxyz019-_.=+/ ~".to_vec())],
        change in 0_u8..6,
    ) {
        let good = token(algorithm).build().into_bytes();
        let (at, other) = (at.index(good.len()), other.index(good.len()));
        let mut bad = good.clone();
        match change {
            0 => bad[at] ^= octet,
            1 => bad.insert(at, octet),
            2 => drop(bad.remove(at)),
            3 => bad.swap(at, other),
            4 => bad.truncate(at),
            _ => bad.push(octet),
        }
        prop_assume!(bad != good);
        let rejection = verifier(algorithm).verify(&bad);
        prop_assert!(rejection.is_err(), "{}", String::from_utf8_lossy(&bad));
        let value = [b"Bearer ".as_slice(), &bad].concat();
        // White space around the token is not part of it.
        if bad.trim_ascii() != good {
            let request = Request::new("GET", "/resource").with("authorization", value);
            let gate = Gate::from(verifier(algorithm));
            prop_assert!(matches!(status(&gate, &request), 400 | 401));
        }
    }

    /// The message for the operator contains neither the token nor its subject.
    #[test]
    fn a_rejection_contains_neither_token_nor_subject(subject in "[a-z]{12,20}",
        expired in any::<bool>()) {
        let builder = token(Algorithm::HS256).subject(&subject);
        let token =
            if expired { builder.expires_in(-60) } else {
            builder.claim("aud", "elsewhere") }.build();
        let request = Request::new("GET", "/resource")
            .with("authorization", format!("Bearer {token}"));
        let refusal = gate().decide(&request).map(drop).expect_err("the token is invalid");
        let shown = format!("{refusal} {refusal:?} {:?}", refusal.answer());
        let payload = token.split('.').nth(1).unwrap_or_default();
        prop_assert!(!shown.contains(&subject) && !shown.contains(payload), "{shown}");
    }
}
