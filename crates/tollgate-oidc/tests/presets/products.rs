//! Clerk, Zitadel and Duende.

use super::*;

fn clerk_session() -> Value {
    json!({
        "azp": "https://app.example.com", "exp": NOW + 60, "fva": [7, -1], "iat": NOW,
        "iss": "https://clerk.example.com", "jti": "a1b2c3", "nbf": NOW - 10,
        "o": { "id": "org_123", "per": "read,manage", "rol": "admin", "slg": "shop" },
        "sid": "sess_123", "sub": "user_123", "sts": "active", "v": 2, "pla": "o:pro",
    })
}

#[test]
fn clerk_session_tokens() {
    let preset = || presets::clerk("https://clerk.example.com", ["https://app.example.com"]);
    let verifier = of(preset());
    let honest = clerk_session();
    refuses(
        &verifier,
        &honest,
        [
            (json!({ "sts": "pending" }), Kind::WrongClaim),
            (json!({ "sts": "" }), Kind::WrongClaim),
            (json!({ "sts": ["active"] }), Kind::MalformedClaims),
            (
                json!({ "azp": "https://blog.example.com" }),
                Kind::WrongAudience,
            ),
            (
                json!({ "azp": "https://app.example.com.evil.example" }),
                Kind::WrongAudience,
            ),
            (
                json!({ "azp": "https://app.example.com/" }),
                Kind::WrongAudience,
            ),
            (json!({ "azp": null }), Kind::MissingClaim),
            (json!({ "azp": "" }), Kind::WrongAudience),
            // An `aud` that a template added, for another service.
            (json!({ "aud": "hasura" }), Kind::WrongAudience),
            (
                json!({ "iss": "https://clerk.example.com/" }),
                Kind::UntrustedIssuer,
            ),
            (
                json!({ "iss": "https://example-1.clerk.accounts.dev" }),
                Kind::UntrustedIssuer,
            ),
            // A token that is not of a session.
            (json!({ "sid": null }), Kind::MissingClaim),
            (json!({ "sub": null }), Kind::MissingClaim),
        ],
    );
    let version_1 = json!({ "sts": null, "o": null, "v": null, "pla": null, "org_id": "org_123",
        "org_role": "org:admin", "org_slug": "shop" });
    assert_eq!(kind(&verifier, &but(&honest, &version_1)), None);
    let principal = verifier.verify(token(&honest).build()).unwrap();
    assert_eq!(principal.roles().count(), 0);
    let header = token(&honest).header("cat", "cl_B7d4PD111AAA");
    assert_eq!(kind_of(&verifier, &header), None);

    let rules = preset().rules().require_value(["o", "id"], ["org_123"]);
    let one = trusting(rules.role_claim(["o", "rol"]));
    let principal = one.verify(token(&honest).build()).unwrap();
    assert!(principal.has_role("admin"));
    let other = json!({ "o": { "id": "org_666", "rol": "admin" } });
    refuses(&one, &honest, [(other, Kind::WrongClaim)]);

    let with_audience = trusting(preset().rules().audience("hasura"));
    let hasura = but(&honest, &json!({ "aud": "hasura" }));
    assert_eq!(kind(&with_audience, &hasura), None);
    for origins in [&[""; 1][..], &[]] {
        let preset = presets::clerk("https://clerk.example.com", origins.iter().copied());
        assert!(mistake(preset.rules()).is_some(), "{origins:?}");
    }
    assert!(mistake(presets::clerk("", ["https://app.example.com"]).rules()).is_some());
}

#[test]
fn zitadel_access_tokens() {
    const PROJECT: &str = "223281986649719041";
    const OURS: &str = "223281939119866113";
    let issuer = "https://example.zitadel.cloud";
    let verifier = of(presets::zitadel(issuer, PROJECT, OURS));
    let roles = format!("urn:zitadel:iam:org:project:{PROJECT}:roles");
    let honest = json!({
        "iss": issuer, "sub": "225372805308186625", "jti": "V2_225373051857469441-at_1",
        "aud": ["225372862145003521@shop", PROJECT], "client_id": "225372862145003521@shop",
        "iat": NOW, "nbf": NOW, "exp": NOW + 43_200, "scope": "openid profile",
        "urn:zitadel:iam:user:resourceowner:id": OURS,
        "urn:zitadel:iam:org:project:roles": { "owner": { OURS: "shop.example.com" } },
        &roles: {
            "reader": { OURS: "shop.example.com", "999999999999999999": "evil.example" },
            "admin": { "999999999999999999": OURS },
        },
    });
    refuses(
        &verifier,
        &honest,
        [
            (
                json!({ "iss": "https://example.zitadel.cloud/" }),
                Kind::UntrustedIssuer,
            ),
            (
                json!({ "iss": "https://evil.zitadel.cloud" }),
                Kind::UntrustedIssuer,
            ),
            (json!({ "aud": "111111111111111111" }), Kind::WrongAudience),
            (json!({ "aud": null }), Kind::MissingClaim),
            // An ID token.
            (
                json!({ "jti": null, "at_hash": "x", "nonce": "1" }),
                Kind::MissingClaim,
            ),
            (json!({ &roles: ["admin"] }), Kind::MalformedClaims),
            (json!({ &roles: "admin" }), Kind::MalformedClaims),
            (json!({ &roles: { "admin": OURS } }), Kind::MalformedClaims),
        ],
    );
    let principal = verifier.verify(token(&honest).build()).unwrap();
    assert_eq!(principal.roles().collect::<Vec<_>>(), ["reader"]);
    let none = but(&honest, &json!({ &roles: null }));
    let principal = verifier.verify(token(&none).build()).unwrap();
    assert_eq!(principal.roles().count(), 0);
    // The name has no dots, but another claim may look like a path to it.
    let shadow = but(
        &none,
        &json!({ "urn:zitadel:iam:org:project": { "roles": ["admin"] } }),
    );
    let principal = verifier.verify(token(&shadow).build()).unwrap();
    assert_eq!(principal.roles().count(), 0);

    for preset in [
        presets::zitadel(issuer, PROJECT, ""),
        presets::zitadel(issuer, "", OURS),
    ] {
        assert_eq!(mistake(preset.rules()), Some(ConfigErrorKind::InvalidText));
    }
}

#[test]
fn duende_access_tokens() {
    let preset = || presets::duende("https://id.example.com", "orders");
    let verifier = of(preset());
    let honest = json!({
        "iss": "https://id.example.com", "nbf": NOW, "iat": NOW, "exp": NOW + 3600,
        "aud": "orders", "scope": ["openid", "orders.read"], "amr": ["pwd"],
        "client_id": "web", "sub": "88421113", "auth_time": NOW, "idp": "local",
        "sid": "3B1D4A", "jti": "D8F4C0",
    });
    let kind = |claims: &Value| kind_of(&verifier, &token(claims).typ("at+jwt"));
    assert_eq!(kind(&honest), None);
    let machine = but(&honest, &json!({ "sub": null, "sid": null, "amr": null }));
    assert_eq!(kind(&machine), None);
    for (changes, wanted) in [
        // The default, without an API resource.
        (json!({ "aud": null }), Kind::MissingClaim),
        (
            json!({ "aud": "https://id.example.com/resources" }),
            Kind::WrongAudience,
        ),
        (json!({ "aud": "billing" }), Kind::WrongAudience),
        (
            json!({ "iss": "https://id.example.com/" }),
            Kind::UntrustedIssuer,
        ),
        (json!({ "client_id": null }), Kind::MissingClaim),
        (
            json!({ "scope": ["orders.read", 7] }),
            Kind::MalformedClaims,
        ),
    ] {
        assert_eq!(kind(&but(&honest, &changes)), Some(wanted), "{changes}");
    }
    // An ID token, or a token of a server that does not set the type.
    assert_eq!(super::kind(&verifier, &honest), Some(Kind::WrongType));
    let bare = token(&honest).without_header("typ");
    assert_eq!(kind_of(&verifier, &bare), Some(Kind::WrongType));
    let principal = verifier
        .verify(token(&honest).typ("at+jwt").build())
        .unwrap();
    assert!(principal.has_scope("orders.read"));
}
