//! Kubernetes, SPIFFE and Cloudflare Access.

use tollgate_core::{KeySet, Step};

use super::*;

const CLUSTER: &str = "https://kubernetes.default.svc.cluster.local";

fn pod() -> Value {
    json!({
        "aud": ["orders"], "exp": NOW + 3607, "iat": NOW, "iss": CLUSTER,
        "jti": "0a55c9fb-0d4f-4b8e-a2d0-0b3e0c1d8b0e",
        "kubernetes.io": {
            "namespace": "shop",
            "node": { "name": "node-1", "uid": "58456cb0-dd00-45ed-b797-5578fdceaced" },
            "pod": { "name": "checkout-69cbfb9798-jv9gn",
                "uid": "778a530c-b3f4-47c0-9cd5-ab018fb64f33" },
            "serviceaccount": { "name": "checkout",
                "uid": "a087d5a0-e1dd-43ec-93ac-f13d89cd13af" },
            "warnafter": NOW + 3600,
        },
        "nbf": NOW, "sub": "system:serviceaccount:shop:checkout",
    })
}

#[test]
fn kubernetes_tokens() {
    let accounts = [("shop", "checkout"), ("shop", "packer")];
    let listed = of(presets::kubernetes_service_accounts(
        CLUSTER, "orders", accounts,
    ));
    let rules = presets::kubernetes(CLUSTER, "orders").rules();
    let namespace = trusting(rules.require_value(["kubernetes.io", "namespace"], ["shop"]));
    let other = json!({
        "sub": "system:serviceaccount:evil:checkout",
        "kubernetes.io": { "namespace": "evil",
            "serviceaccount": { "name": "checkout", "uid": "b1" } },
    });
    for verifier in [&listed, &namespace] {
        refuses(
            verifier,
            &pod(),
            [
                (other.clone(), Kind::WrongClaim),
                (json!({ "aud": [CLUSTER] }), Kind::WrongAudience),
                (json!({ "aud": null }), Kind::MissingClaim),
                (
                    json!({ "iss": "https://kubernetes.default.svc" }),
                    Kind::UntrustedIssuer,
                ),
                // The token of a secret, which never expires.
                (
                    json!({ "iss": "kubernetes/serviceaccount", "exp": null, "aud": null }),
                    Kind::UntrustedIssuer,
                ),
                (json!({ "exp": null }), Kind::MissingClaim),
                (json!({ "kubernetes.io": null }), Kind::MissingClaim),
                (
                    json!({ "kubernetes.io": { "namespace": "shop" } }),
                    Kind::MissingClaim,
                ),
                (json!({ "kubernetes.io": "shop" }), Kind::MalformedClaims),
                // A claim whose name looks like the path.
                (
                    json!({ "kubernetes.io": null, "kubernetes.io.namespace": "shop" }),
                    Kind::MissingClaim,
                ),
                (json!({ "sub": null }), Kind::MissingClaim),
            ],
        );
    }
    for subject in [
        "system:serviceaccount:shop:default",
        "system:serviceaccount:shop:checkout2",
        "system:serviceaccount:shop",
        "checkout",
    ] {
        let got = kind(&listed, &but(&pod(), &json!({ "sub": subject })));
        assert_eq!(got, Some(Kind::WrongClaim), "{subject}");
    }
    let bare = token(&pod()).without_header("typ");
    assert_eq!(kind_of(&listed, &bare), None);

    for accounts in [
        vec![("", "checkout")],
        vec![("shop", "")],
        vec![("shop:checkout", "x")],
        vec![("shop", "checkout"), ("", "")],
        vec![],
    ] {
        let rules = presets::kubernetes_service_accounts(CLUSTER, "orders", accounts.clone());
        assert!(mistake(rules.rules()).is_some(), "{accounts:?}");
    }
    assert!(mistake(presets::kubernetes(CLUSTER, "").rules()).is_some());
}

#[test]
fn cloudflare_access_tokens() {
    let tag = "32eafc7626e737d9e3b3ec1b3ee6d0b8f2b9d5a1c7e4f6a8b0c2d4e6f8a0b2c4";
    let preset = || presets::cloudflare_access("example", tag);
    let verifier = of(preset());
    let user = json!({
        "aud": [tag], "email": "ada@example.com", "exp": NOW + 86_400, "iat": NOW, "nbf": NOW,
        "iss": "https://example.cloudflareaccess.com", "type": "app",
        "identity_nonce": "6ei69kawdKzMIAPF", "sub": "7335d417-61da-459d-899c-0a01c76a2f94",
        "country": "DE",
    });
    refuses(
        &verifier,
        &user,
        [
            // Another application of the team, and another team.
            (json!({ "aud": ["0123456789abcdef"] }), Kind::WrongAudience),
            (json!({ "aud": null }), Kind::MissingClaim),
            (
                json!({ "iss": "https://evil.cloudflareaccess.com" }),
                Kind::UntrustedIssuer,
            ),
            (
                json!({ "iss": "https://example.cloudflareaccess.com/" }),
                Kind::UntrustedIssuer,
            ),
            (
                json!({ "iss": "https://example.cloudflareaccess.com.evil.example" }),
                Kind::UntrustedIssuer,
            ),
            // The global session token of the team.
            (json!({ "type": "org" }), Kind::WrongClaim),
            (json!({ "type": null }), Kind::MissingClaim),
            (json!({ "iat": null }), Kind::MissingClaim),
        ],
    );
    let service = json!({
        "type": "app", "aud": [tag], "exp": NOW + 86_400, "iat": NOW,
        "iss": "https://example.cloudflareaccess.com",
        "common_name": "e367826f93b8d71185e03fe518aff3b4.access", "sub": "",
    });
    let principal = verifier.verify(token(&service).build()).unwrap();
    assert_eq!(principal.subject(), None);
    let users = trusting(preset().rules().require_subject());
    assert_eq!(kind(&users, &user), None);
    assert_eq!(kind(&users, &service), Some(Kind::MissingClaim));
    assert!(mistake(presets::cloudflare_access("", tag).rules()).is_some());
    assert!(mistake(presets::cloudflare_access("example", "").rules()).is_some());
}

fn svid() -> Value {
    json!({
        "sub": "spiffe://example.org/ns/prod/sa/billing", "aud": ["spiffe://example.org/orders"],
        "exp": NOW + 300, "iat": NOW,
    })
}

fn spiffe() -> Preset {
    let bundle = "https://bundle.example.org/";
    presets::spiffe("example.org", bundle, "spiffe://example.org/orders")
}

#[test]
fn jwt_svids() {
    let verifier = of(spiffe());
    let sub = |sub: &str| json!({ "sub": sub });
    refuses(
        &verifier,
        &svid(),
        [
            // Another trust domain, signed by the same key.
            (sub("spiffe://example.net/billing"), Kind::UntrustedIssuer),
            (
                sub("spiffe://example.org.evil.example/billing"),
                Kind::UntrustedIssuer,
            ),
            (
                sub("spiffe://evil.example.org/billing"),
                Kind::UntrustedIssuer,
            ),
            (sub("spiffe://example.org"), Kind::MalformedClaims),
            (sub("spiffe://example.org/"), Kind::MalformedClaims),
            (sub("spiffe://example.org/billing/"), Kind::MalformedClaims),
            (sub("spiffe://example.org//billing"), Kind::MalformedClaims),
            (
                sub("spiffe://example.org/a/../billing"),
                Kind::MalformedClaims,
            ),
            (sub("spiffe://example.org/bill%69ng"), Kind::MalformedClaims),
            (sub("spiffe://EXAMPLE.org/billing"), Kind::MalformedClaims),
            (sub("Spiffe://example.org/billing"), Kind::MalformedClaims),
            (
                sub("spiffe://example.org:80/billing"),
                Kind::MalformedClaims,
            ),
            (sub("spiffe://a@example.org/billing"), Kind::MalformedClaims),
            (sub("spiffe://example.org/billing?a"), Kind::MalformedClaims),
            (sub("https://example.org/billing"), Kind::MalformedClaims),
            (sub("billing"), Kind::MalformedClaims),
            (sub(""), Kind::MissingClaim),
            (json!({ "sub": null }), Kind::MissingClaim),
            (json!({ "sub": 7 }), Kind::MalformedClaims),
            (
                json!({ "aud": "spiffe://example.org/billing" }),
                Kind::WrongAudience,
            ),
            (json!({ "aud": null }), Kind::MissingClaim),
            (json!({ "aud": [] }), Kind::MissingClaim),
            (json!({ "exp": null }), Kind::MissingClaim),
            // The `iss` does not replace the trust domain of `sub`.
            (
                json!({ "iss": "spiffe://example.org", "sub": "spiffe://example.net/billing" }),
                Kind::UntrustedIssuer,
            ),
        ],
    );
    // `iss` is optional, and any text.
    let named = but(&svid(), &json!({ "iss": "https://spire.example.org" }));
    let principal = verifier.verify(token(&named).build()).unwrap();
    assert_eq!(principal.issuer(), Some("spiffe://example.org"));
    assert!(principal.is_of_issuer("spiffe://example.org"));
    assert!(!principal.is_of_issuer("https://spire.example.org"));
    assert_eq!(
        principal.subject(),
        Some("spiffe://example.org/ns/prod/sa/billing")
    );

    for typ in ["JWT", "JOSE"] {
        assert_eq!(kind_of(&verifier, &token(&svid()).typ(typ)), None, "{typ}");
    }
    assert_eq!(
        kind_of(&verifier, &token(&svid()).without_header("typ")),
        None
    );
    for typ in ["at+jwt", "JWT-SVID", ""] {
        let got = kind_of(&verifier, &token(&svid()).typ(typ));
        assert_eq!(got, Some(Kind::WrongType), "{typ}");
    }
    // Ed25519 is no algorithm of the standard.
    let edwards = spiffe().rules().key(keys::verifying(Algorithm::EdDSA));
    assert!(Verifier::new(edwards).is_err());
}

#[test]
fn trust_domains_that_are_refused() {
    for name in [
        "",
        "Example.org",
        "example.org/",
        "spiffe://example.org",
        "exa mple",
        "a:1",
    ] {
        let rules = presets::spiffe(name, "https://bundle.example.org", "orders").rules();
        assert_eq!(mistake(rules), Some(ConfigErrorKind::InvalidText), "{name}");
    }
    let contradiction = Some(ConfigErrorKind::Contradiction);
    let rules = || spiffe().rules();
    for rules in [
        rules().issuer_alias("spiffe://example.net"),
        rules().dangerous_any_audience(),
        rules().dangerous_allow_missing_exp(),
        rules().audience_claim("azp"),
        rules().access_token_profile(),
        rules().allow_numeric_subject(),
        rules().algorithms([Algorithm::RS256, Algorithm::EdDSA]),
    ] {
        assert_eq!(mistake(rules), contradiction);
    }
    assert_eq!(mistake(rules().algorithms([Algorithm::RS256])), None);
}

/// Several issuers: a JWT-SVID names its own by `sub`.
#[test]
fn jwt_svids_beside_other_issuers() {
    use Algorithm::{ES256, ES384, RS256};

    let other = |id: &str, algorithm| {
        let rules = TrustedIssuer::new(id).audience("spiffe://example.org/orders");
        rules.key(keys::verifying(algorithm))
    };
    let net = TrustedIssuer::spiffe("example.net").audience("spiffe://example.org/orders");
    let builder = Verifier::builder()
        .trust(spiffe().rules().key(keys::verifying(Algorithm::RS256)))
        .trust(net.key(keys::verifying(Algorithm::ES256)))
        .trust(other("https://id.example.com", Algorithm::ES384));
    let verifier = builder.clock(FakeClock::new()).build().unwrap();
    let kind = |algorithm, changes: &Value| {
        kind_of(&verifier, &token_by(algorithm, &but(&svid(), changes)))
    };
    let spire = json!({ "iss": "https://spire.example.org" });
    let in_net = json!({ "sub": "spiffe://example.net/billing" });
    let user = json!({ "iss": "https://id.example.com", "sub": "u-7" });
    let posing = json!({ "iss": "https://id.example.com" });
    for (algorithm, changes, wanted) in [
        (RS256, &json!({}), None),
        (RS256, &spire, None),
        (ES256, &in_net, None),
        (ES384, &user, None),
        // The key of one trust domain signs a workload of the other.
        (RS256, &in_net, Some(Kind::WrongAlgorithm)),
        (ES256, &spire, Some(Kind::WrongAlgorithm)),
        // The other issuer names a workload: its token is not of the trust domain.
        (ES384, &json!({}), Some(Kind::WrongAlgorithm)),
        (RS256, &posing, Some(Kind::WrongAlgorithm)),
        (RS256, &json!({ "sub": "u-7" }), Some(Kind::MissingClaim)),
        (
            RS256,
            &json!({ "sub": "spiffe://example.com/a" }),
            Some(Kind::UntrustedIssuer),
        ),
    ] {
        assert_eq!(kind(algorithm, changes), wanted, "{algorithm} {changes}");
    }
    let token = token_by(ES384, &but(&svid(), &posing)).build();
    let principal = verifier.verify(token).unwrap();
    assert_eq!(principal.issuer(), Some("https://id.example.com"));
    assert!(!principal.is_of_issuer("spiffe://example.org"));
}

/// Only the keys for JWT-SVIDs of a fetched bundle are used.
#[tokio::test(start_paused = true)]
async fn trust_bundles() {
    let url = "https://bundle.example.org/";
    let provider = FakeProvider::new();
    let key = |kid: &str| {
        SigningKey::generate(Algorithm::ES256)
            .unwrap()
            .with_kid(kid)
    };
    let jwk = |key: &SigningKey, usage: Option<&str>| {
        let mut jwk = key.public_jwk().unwrap();
        let members = jwk.as_object_mut().unwrap();
        members.remove("alg");
        members.remove("use");
        members.extend(usage.map(|usage| ("use".to_owned(), usage.into())));
        jwk
    };
    let [own, x509, sig, unused] = ["own", "x509", "sig", "unused"].map(key);
    let mut anonymous = jwk(&own, Some("jwt-svid"));
    anonymous.as_object_mut().unwrap().remove("kid");
    let bundle = json!({
        "spiffe_sequence": 12, "spiffe_refresh_hint": 300,
        "keys": [
            jwk(&own, Some("jwt-svid")), jwk(&x509, Some("x509-svid")), jwk(&sig, Some("sig")),
            jwk(&unused, None), anonymous,
        ],
    });
    provider.answer(url, FetchResponse::new(200, bundle.to_string()));
    let preset = spiffe();
    let source = preset.discover().fetch(provider.clone());
    let source = source.connect().await.unwrap();
    assert_eq!(source.issuer(), Some("spiffe://example.org"));
    assert_eq!(source.status().keys.len(), 1);
    let builder = Verifier::builder().trust(preset.trust(source));
    let verifier = builder.clock(FakeClock::new()).build().unwrap();
    let verify = |key: &SigningKey| match verifier.begin(key.encode(&svid()).unwrap()) {
        Step::Ready(outcome) => outcome.err().map(|rejection| rejection.kind()),
        Step::Pending(_) => Some(Kind::UnknownKey),
    };
    assert_eq!(verify(&own), None);
    for other in [&x509, &sig, &unused] {
        assert_eq!(verify(other), Some(Kind::UnknownKey));
    }
    let text = bundle.to_string();
    let ordinary = KeySet::from_public_json(&text).unwrap();
    let kids: Vec<_> = ordinary.keys().iter().map(|key| key.kid()).collect();
    assert_eq!(kids, [Some("sig"), Some("unused")]);
    assert_eq!(ordinary.skipped().len(), 3);

    // A map of certificates is no bundle.
    let der = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n");
    let map = json!({ "k": pem }).to_string();
    assert_eq!(KeySet::from_certificate_map(&map).unwrap().len(), 1);
    provider.answer(url, FetchResponse::new(200, map));
    let bundle = spiffe().discover().fetch(provider);
    assert!(bundle.connect().await.is_err());
}

/// Presets whose keys are at a URL of their own, without metadata.
#[tokio::test(start_paused = true)]
async fn presets_with_keys_at_a_known_url() {
    let google = "https://www.googleapis.com";
    for (preset, url, algorithm) in [
        (
            presets::cloudflare_access("example", "tag"),
            "https://example.cloudflareaccess.com/cdn-cgi/access/certs".to_owned(),
            Algorithm::RS256,
        ),
        (
            presets::clerk("https://clerk.example.com", ["https://app.example.com"]),
            "https://clerk.example.com/.well-known/jwks.json".to_owned(),
            Algorithm::RS256,
        ),
        (
            presets::firebase("shop"),
            format!("{google}/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com"),
            Algorithm::RS256,
        ),
        (
            presets::firebase_session_cookie("shop"),
            format!("{google}/identitytoolkit/v3/relyingparty/publicKeys"),
            Algorithm::RS256,
        ),
        (
            presets::google_iap("/projects/1/apps/shop"),
            "https://www.gstatic.com/iap/verify/public_key-jwk".to_owned(),
            Algorithm::ES256,
        ),
    ] {
        let provider = FakeProvider::new();
        provider.publish(&url, &[keys::signing(algorithm)]);
        let source = preset.discover().fetch(provider.clone());
        let source = source.connect().await.unwrap();
        assert_eq!(provider.requests().len(), 1, "{url}");
        let verifier = Verifier::builder().trust(preset.clone().trust(source));
        assert!(verifier.build().is_ok(), "{url}");
        // The keys are those of the issuer.
        let elsewhere = TrustedIssuer::new("https://evil.example").audience("api");
        let source = preset.discover().fetch(provider).connect().await.unwrap();
        assert!(
            Verifier::new(elsewhere.key_source(source)).is_err(),
            "{url}"
        );
    }
    let both = presets::firebase("shop").discover().require_same_origin();
    assert!(both.fetch(FakeProvider::new()).connect().await.is_err());
}

/// Cloudflare publishes certificates beside the keys.
#[test]
fn the_set_of_cloudflare_is_read() {
    let jwk = keys::signing(Algorithm::RS256).public_jwk().unwrap();
    let set = json!({
        "keys": [jwk], "public_cert": { "kid": "k", "cert": "-----BEGIN CERTIFICATE-----" },
        "public_certs": [{ "kid": "k", "cert": "-----BEGIN CERTIFICATE-----" }],
    });
    assert_eq!(KeySet::from_public_json(set.to_string()).unwrap().len(), 1);
}
