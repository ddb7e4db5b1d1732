//! Each preset with genuine tokens of its provider, and with tokens that it must refuse.

#![allow(clippy::unwrap_used)]

#[path = "presets/products.rs"]
mod products;
#[path = "presets/public.rs"]
mod public;
#[path = "presets/supabase.rs"]
mod supabase;
#[path = "presets/workloads.rs"]
mod workloads;

use RejectionKind as Kind;
use serde_json::{Value, json};
use tollgate_core::{
    Algorithm, ConfigErrorKind, RejectionKind, SigningKey, TrustedIssuer, Verifier,
};
use tollgate_oidc::FetchResponse;
use tollgate_oidc::presets::{self, Preset};
use tollgate_testkit::{FakeClock, FakeProvider, Mint, TokenBuilder, keys};

/// The start of `FakeClock`.
const NOW: u64 = 1_700_000_000;
const TENANT: &str = "6babcaad-604b-40ac-a9d7-9fd97c0b779f";
const OTHER_TENANT: &str = "bbbb1111-cccc-2222-dddd-3333eeee4444";
const LOGIN: &str = "https://login.microsoftonline.com";

/// Trusts the issuer with a key of the testkit instead of the provider's.
fn trusting(issuer: TrustedIssuer) -> Verifier {
    trusting_key(Algorithm::RS256, issuer)
}

fn trusting_key(algorithm: Algorithm, issuer: TrustedIssuer) -> Verifier {
    let issuer = issuer.key(keys::verifying(algorithm));
    let builder = Verifier::builder().trust(issuer).clock(FakeClock::new());
    builder.build().unwrap()
}

/// The error of `build` for these rules.
fn mistake(issuer: TrustedIssuer) -> Option<ConfigErrorKind> {
    let issuer = issuer.key(keys::verifying(Algorithm::RS256));
    Verifier::new(issuer).err().map(|error| error.kind())
}

fn of(preset: Preset) -> Verifier {
    trusting(preset.rules())
}

/// Signs a token with these claims; `typ` is `JWT`.
fn token(claims: &Value) -> TokenBuilder {
    token_by(Algorithm::RS256, claims)
}

fn token_by(algorithm: Algorithm, claims: &Value) -> TokenBuilder {
    let mint = Mint::new(keys::signing(algorithm), &FakeClock::new());
    mint.token().payload(claims.to_string())
}

/// Changes some claims; `null` removes one.
fn but(claims: &Value, changes: &Value) -> Value {
    let mut claims = claims.as_object().unwrap().clone();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.remove(name);
        } else {
            claims.insert(name.clone(), value.clone());
        }
    }
    claims.into()
}

fn kind(verifier: &Verifier, claims: &Value) -> Option<RejectionKind> {
    kind_of(verifier, &token(claims))
}

fn kind_of(verifier: &Verifier, token: &TokenBuilder) -> Option<RejectionKind> {
    let outcome = verifier.verify(token.build());
    outcome.err().map(|rejection| rejection.kind())
}

/// The unchanged token is accepted, and each changed one is refused.
#[track_caller]
fn refuses<const N: usize>(
    verifier: &Verifier,
    honest: &Value,
    attacks: [(Value, RejectionKind); N],
) {
    assert_eq!(kind(verifier, honest), None, "the genuine token");
    for (changes, wanted) in attacks {
        let got = kind(verifier, &but(honest, &changes));
        assert_eq!(got, Some(wanted), "{changes}");
    }
}

fn generic_id_token() -> Value {
    json!({
        "iss": "https://id.example.com", "sub": "248289761001", "aud": "web",
            "nonce": "n-0S6_WzA2Mj",
        "exp": NOW + 3600, "iat": NOW, "auth_time": NOW, "acr": "urn:mace:incommon:iap:silver",
    })
}

#[test]
fn id_tokens_follow_openid_connect() {
    let verifier = of(presets::id_token("https://id.example.com", "web"));
    let honest = generic_id_token();
    refuses(
        &verifier,
        &honest,
        [
            (
                json!({ "iss": "https://id.example.com/" }),
                Kind::UntrustedIssuer,
            ),
            (json!({ "iss": null }), Kind::MissingClaim),
            (json!({ "aud": "other" }), Kind::WrongAudience),
            (json!({ "aud": null }), Kind::MissingClaim),
            (
                json!({ "aud": ["web", "other"], "azp": "web" }),
                Kind::WrongAudience,
            ),
            (json!({ "aud": ["web", "web"] }), Kind::MissingClaim),
            (json!({ "azp": "other" }), Kind::WrongClaim),
            (json!({ "azp": ["web"] }), Kind::MalformedClaims),
            (json!({ "sub": null }), Kind::MissingClaim),
            (json!({ "iat": null }), Kind::MissingClaim),
            (json!({ "iat": NOW + 60 }), Kind::NotYetValid),
            (json!({ "exp": null }), Kind::MissingClaim),
            (json!({ "exp": NOW - 60 }), Kind::Expired),
        ],
    );
    assert_eq!(
        kind(&verifier, &but(&honest, &json!({ "azp": "web" }))),
        None
    );

    let honest = token(&honest);
    assert!(
        verifier
            .verify(honest.clone().without_header("typ").build())
            .is_ok()
    );
    for typ in ["at+jwt", "application/at+jwt", "logout+jwt", ""] {
        let rejection = verifier
            .verify(honest.clone().typ(typ).build())
            .unwrap_err();
        assert_eq!(rejection.kind(), Kind::WrongType, "{typ}");
    }
    let forged = honest.signed_by(&keys::stranger(Algorithm::RS256)).build();
    assert_eq!(
        verifier.verify(forged).unwrap_err().kind(),
        Kind::BadSignature
    );
}

#[test]
fn an_id_token_may_name_trusted_audiences() {
    let rules = presets::id_token("https://id.example.com", "web").rules();
    let verifier = trusting(rules.further_audiences(["project"]).authorized_party("app"));
    let honest = but(
        &generic_id_token(),
        &json!({ "aud": ["web", "project"], "azp": "app" }),
    );
    refuses(
        &verifier,
        &honest,
        [
            (json!({ "aud": "project" }), Kind::WrongAudience),
            (
                json!({ "aud": ["web", "project", "other"] }),
                Kind::WrongAudience,
            ),
            (json!({ "azp": null }), Kind::MissingClaim),
            (json!({ "azp": "project" }), Kind::WrongClaim),
        ],
    );
}

#[test]
fn a_nonce_is_compared_completely() {
    let verifier = of(presets::id_token("https://id.example.com", "web"));
    let with = |nonce: &Value| {
        let claims = but(&generic_id_token(), &json!({ "nonce": nonce }));
        verifier.verify(token(&claims).build()).unwrap()
    };
    let honest = with(&json!("n-0S6"));
    assert!(presets::has_nonce(&honest, "n-0S6"));
    for wrong in ["", "n", "n-0S", "n-0S6x", "N-0S6", "n-0S7", "x-0S6"] {
        assert!(!presets::has_nonce(&honest, wrong), "{wrong}");
    }
    assert!(!presets::has_nonce(&with(&json!("")), ""));
    for other in [
        json!(null),
        json!(7),
        json!(["n-0S6"]),
        json!({ "n": "n-0S6" }),
    ] {
        assert!(!presets::has_nonce(&with(&other), "n-0S6"), "{other}");
    }
}

const ENTRA_API: &str = "11112222-bbbb-3333-cccc-4444dddd5555";

fn entra_token(tenant: &str) -> Value {
    json!({
        "aud": ENTRA_API, "iss": format!("{LOGIN}/{tenant}/v2.0"), "iat": NOW, "nbf": NOW,
            "exp": NOW + 4500,
        "aio": "AXQAi/8IAAAA", "azp": "00001111-aaaa-2222-bbbb-3333cccc4444", "azpacr": "0",
            "name": "Abe Lincoln",
        "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474", "preferred_username": "abeli@example.com",
            "rh": "I",
        "roles": ["Manager"], "scp": "Orders.Read Orders.Write",
            "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
        "tid": tenant, "uti": "fqiBqXLPj0eQa82S-IYFAA", "ver": "2.0",
    })
}

#[test]
fn entra_of_one_tenant() {
    let verifier = of(presets::entra(TENANT, ENTRA_API));
    let honest = entra_token(TENANT);
    let elsewhere = format!("{LOGIN}/{OTHER_TENANT}/v2.0");
    refuses(
        &verifier,
        &honest,
        [
            // An ID token, if client and API share one registration.
            (
                json!({ "azp": null, "azpacr": null, "scp": null, "nonce": "1" }),
                Kind::MissingClaim,
            ),
            (
                json!({ "aud": "00000003-0000-0000-c000-000000000000" }),
                Kind::WrongAudience,
            ),
            (
                json!({ "iss": elsewhere, "tid": OTHER_TENANT }),
                Kind::UntrustedIssuer,
            ),
            (
                json!({ "iss": format!("https://sts.windows.net/{TENANT}/") }),
                Kind::UntrustedIssuer,
            ),
            (json!({ "tid": OTHER_TENANT }), Kind::WrongClaim),
            (json!({ "tid": null }), Kind::MissingClaim),
            (json!({ "ver": "1.0" }), Kind::WrongClaim),
            (json!({ "ver": 2.0 }), Kind::MalformedClaims),
            (
                json!({ "roles": { "Manager": true } }),
                Kind::MalformedClaims,
            ),
        ],
    );
    let principal = verifier.verify(token(&honest).build()).unwrap();
    let scopes: Vec<_> = principal.scopes().collect();
    assert_eq!(scopes, ["Orders.Read", "Orders.Write"]);
    assert!(principal.has_role("Manager"));
}

#[test]
fn entra_of_several_tenants() {
    let listed = of(presets::entra_tenants([TENANT], ENTRA_API));
    let any = of(presets::dangerous_entra_any_tenant(ENTRA_API));
    let other = entra_token(OTHER_TENANT);
    assert_eq!(kind(&listed, &other), Some(Kind::UntrustedIssuer));
    assert_eq!(kind(&any, &other), None);
    for verifier in [&listed, &any] {
        refuses(
            verifier,
            &entra_token(TENANT),
            [
                (json!({ "tid": OTHER_TENANT }), Kind::UntrustedIssuer),
                (json!({ "tid": null }), Kind::MissingClaim),
                (
                    json!({ "iss": format!("{LOGIN}/{{tenantid}}/v2.0") }),
                    Kind::UntrustedIssuer,
                ),
                (
                    json!({ "iss": format!("{LOGIN}/common/v2.0"), "tid": "common" }),
                    Kind::UntrustedIssuer,
                ),
                (json!({ "azp": null }), Kind::MissingClaim),
                (json!({ "ver": "1.0" }), Kind::WrongClaim),
                (json!({ "aud": "another" }), Kind::WrongAudience),
            ],
        );
    }
}

#[test]
fn entra_version_1() {
    let verifier = of(presets::entra_v1(TENANT, "api://orders"));
    let honest = json!({
        "aud": "api://orders", "iss": format!("https://sts.windows.net/{TENANT}/"), "iat": NOW,
            "nbf": NOW,
        "exp": NOW + 4500, "acr": "1", "amr": ["pwd"],
            "appid": "00001111-aaaa-2222-bbbb-3333cccc4444",
        "appidacr": "0", "ipaddr": "192.0.2.1", "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
        "scp": "user_impersonation", "sub": "HKZpfaHyWadeOouYlitjrI", "tid": TENANT, "ver": "1.0",
    });
    refuses(
        &verifier,
        &honest,
        [
            (json!({ "appid": null, "scp": null }), Kind::MissingClaim),
            (json!({ "ver": "2.0" }), Kind::WrongClaim),
            (json!({ "tid": OTHER_TENANT }), Kind::WrongClaim),
            (
                json!({ "iss": format!("https://sts.windows.net/{TENANT}") }),
                Kind::UntrustedIssuer,
            ),
            (
                json!({ "aud": "https://graph.microsoft.com" }),
                Kind::WrongAudience,
            ),
        ],
    );
}

#[test]
fn entra_id_tokens() {
    let verifier = of(presets::entra_id(TENANT, "web"));
    let changes = json!({ "aud": "web", "azp": null, "azpacr": null, "scp": null, "nonce": "1" });
    refuses(
        &verifier,
        &but(&entra_token(TENANT), &changes),
        [
            // An access token, if API and client share one registration.
            (json!({ "azp": "another" }), Kind::WrongClaim),
            (json!({ "aud": "another" }), Kind::WrongAudience),
            (json!({ "tid": OTHER_TENANT }), Kind::WrongClaim),
            (json!({ "ver": "1.0" }), Kind::WrongClaim),
        ],
    );
}

#[test]
fn google_id_tokens() {
    let client = "1234987819200.apps.googleusercontent.com";
    let rules = || presets::google(client).rules();
    let verifier = trusting(rules().require_value("hd", ["example.com"]));
    let honest = json!({
        "iss": "https://accounts.google.com", "azp": client, "aud": client,
            "sub": "10769150350006150715113082367",
        "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q", "hd": "example.com", "email": "jsmith@example.com",
        "email_verified": true, "iat": NOW, "exp": NOW + 3600, "nonce": "0394852-3190485-2490358",
    });
    let spelt = but(&honest, &json!({ "iss": "accounts.google.com" }));
    assert_eq!(kind(&verifier, &spelt), None);
    refuses(
        &verifier,
        &honest,
        [
            (
                json!({ "iss": "http://accounts.google.com" }),
                Kind::UntrustedIssuer,
            ),
            (
                json!({ "iss": "https://accounts.google.com/" }),
                Kind::UntrustedIssuer,
            ),
            (
                json!({ "iss": "https://accounts.google.com.evil.example" }),
                Kind::UntrustedIssuer,
            ),
            (
                json!({ "iss": "https://securetoken.google.com/project" }),
                Kind::UntrustedIssuer,
            ),
            (
                json!({ "aud": "5678.apps.googleusercontent.com" }),
                Kind::WrongAudience,
            ),
            (
                json!({ "azp": "5678.apps.googleusercontent.com" }),
                Kind::WrongClaim,
            ),
            // Another organisation, and an account without one.
            (json!({ "hd": "evil.example" }), Kind::WrongClaim),
            (
                json!({ "hd": "example.com.evil.example" }),
                Kind::WrongClaim,
            ),
            (json!({ "hd": ["example.com"] }), Kind::MalformedClaims),
            (json!({ "hd": null }), Kind::MissingClaim),
        ],
    );
    let anyone = but(&honest, &json!({ "hd": null }));
    let account = trusting(rules().require_value("sub", ["10769150350006150715113082367"]));
    assert_eq!(kind(&account, &anyone), None);
    let public = of(presets::dangerous_google_any_account(client));
    assert_eq!(kind(&public, &anyone), None);
    // An app and a server of one project.
    let android = trusting(
        presets::dangerous_google_any_account(client)
            .rules()
            .authorized_party("android"),
    );
    let from_app = but(&honest, &json!({ "azp": "android" }));
    assert_eq!(kind(&android, &from_app), None);
}

fn cognito_tokens() -> (Value, Value) {
    let common = json!({
        "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "cognito:groups": ["testgroup"],
        "iss": "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_example",
        "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            "event_id": "64f513be-32db-42b0-b78e-b02127b4f463",
        "auth_time": NOW, "exp": NOW + 3600, "iat": NOW,
            "jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    });
    let access = json!({
        "version": 2, "client_id": "xxxxxxxxxxxxexample", "token_use": "access",
            "username": "my-test-user",
        "scope": "phone openid profile resourceserver.1/appclient2 email",
    });
    let id = json!({
        "aud": "xxxxxxxxxxxxexample", "token_use": "id", "nonce": "abcdefg",
            "cognito:username": "my-test-user",
        "email": "my-test-user@example.com", "email_verified": true,
    });
    (but(&common, &access), but(&common, &id))
}

#[test]
fn cognito_access_tokens() {
    let preset = || {
        presets::cognito_access(
            "us-west-2",
            "us-west-2_example",
            ["xxxxxxxxxxxxexample", "second"],
        )
    };
    let verifier = of(preset());
    let (access, id) = cognito_tokens();
    refuses(
        &verifier,
        &access,
        [
            (json!({ "client_id": "another" }), Kind::WrongAudience),
            (json!({ "client_id": null }), Kind::MissingClaim),
            (
                json!({ "client_id": ["xxxxxxxxxxxxexample"] }),
                Kind::MalformedClaims,
            ),
            (
                json!({ "client_id": null, "aud": "xxxxxxxxxxxxexample" }),
                Kind::MissingClaim,
            ),
            // Bound to another resource.
            (
                json!({ "aud": "https://billing.example.com" }),
                Kind::WrongAudience,
            ),
            (json!({ "token_use": "id" }), Kind::WrongClaim),
            (json!({ "token_use": null }), Kind::MissingClaim),
            (
                json!({ "iss": "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_another" }),
                Kind::UntrustedIssuer,
            ),
            (json!({ "sub": null }), Kind::MissingClaim),
        ],
    );
    assert_eq!(kind(&verifier, &id), Some(Kind::MissingClaim));
    let dressed = but(&id, &json!({ "client_id": "xxxxxxxxxxxxexample" }));
    assert_eq!(kind(&verifier, &dressed), Some(Kind::WrongClaim));

    // Cognito omits `typ`.
    let bare = token(&access).without_header("typ").build();
    let principal = verifier.verify(bare).unwrap();
    assert!(principal.has_scope("resourceserver.1/appclient2") && principal.has_role("testgroup"));
    assert_eq!(principal.client_id(), Some("xxxxxxxxxxxxexample"));

    let bound = trusting(preset().rules().audience("https://orders.example.com"));
    let orders = but(&access, &json!({ "aud": "https://orders.example.com" }));
    refuses(
        &bound,
        &orders,
        [(json!({ "client_id": "another" }), Kind::WrongAudience)],
    );

    let nobody = presets::cognito_access("us-west-2", "us-west-2_example", [""; 0]);
    let nobody = nobody.rules().key(keys::verifying(Algorithm::RS256));
    assert!(nobody.prepare().is_err());
}

#[test]
fn cognito_id_tokens() {
    let verifier = of(presets::cognito_id(
        "us-west-2",
        "us-west-2_example",
        "xxxxxxxxxxxxexample",
    ));
    let (access, id) = cognito_tokens();
    refuses(
        &verifier,
        &id,
        [
            (json!({ "token_use": "access" }), Kind::WrongClaim),
            (json!({ "aud": "another" }), Kind::WrongAudience),
            (
                json!({ "aud": null, "client_id": "xxxxxxxxxxxxexample" }),
                Kind::MissingClaim,
            ),
        ],
    );
    assert_eq!(kind(&verifier, &access), Some(Kind::MissingClaim));
    let dressed = but(&access, &json!({ "aud": "xxxxxxxxxxxxexample" }));
    assert_eq!(kind(&verifier, &dressed), Some(Kind::WrongClaim));
}

fn keycloak_tokens() -> (Value, Value) {
    let common = json!({
        "exp": NOW + 300, "iat": NOW, "auth_time": NOW,
            "jti": "38a54f99-92f8-41b7-96eb-867a45465774", "acr": "1",
        "iss": "https://id.example.com/realms/shop", "sub": "6cd55704-eb42-4697-b55e-59046efc7b46",
            "azp": "web",
        "sid": "a7a51738-3e8b-4b88-9ff1-a17ed56aa87a", "preferred_username": "ada",
    });
    let access = json!({
        "aud": ["orders", "account"], "typ": "Bearer",
            "allowed-origins": ["https://shop.example.com"],
        "realm_access": { "roles": ["offline_access", "staff"] },
        "resource_access": { "orders": { "roles": ["packer"] },
            "account": { "roles": ["manage-account"] } },
        "scope": "openid email profile",
    });
    let id = json!({ "aud": "web", "typ": "ID", "nonce": "Dgm3-itbf_5ZSwkb-uvSYw",
        "at_hash": "JyMVmkVDihFu5cig" });
    (but(&common, &access), but(&common, &id))
}

#[test]
fn keycloak_access_tokens() {
    let preset = || presets::keycloak("https://id.example.com/", "shop", "orders");
    let verifier = of(preset());
    let (access, id) = keycloak_tokens();
    refuses(
        &verifier,
        &access,
        [
            (json!({ "aud": "account" }), Kind::WrongAudience),
            (json!({ "aud": null }), Kind::MissingClaim),
            (json!({ "typ": "ID" }), Kind::WrongClaim),
            (json!({ "typ": "Refresh" }), Kind::WrongClaim),
            (json!({ "typ": "DPoP" }), Kind::WrongClaim),
            (json!({ "typ": null }), Kind::MissingClaim),
            (json!({ "azp": null }), Kind::MissingClaim),
            (
                json!({ "iss": "https://id.example.com/realms/master" }),
                Kind::UntrustedIssuer,
            ),
            (
                json!({ "iss": "https://id.example.com/auth/realms/shop" }),
                Kind::UntrustedIssuer,
            ),
            (json!({ "realm_access": ["admin"] }), Kind::MalformedClaims),
        ],
    );
    let dressed = but(&id, &json!({ "aud": "orders" }));
    assert_eq!(kind(&verifier, &dressed), Some(Kind::WrongClaim));
    let principal = verifier.verify(token(&access).build()).unwrap();
    assert!(principal.has_role("staff") && !principal.has_role("packer"));
    // A claim whose name a user or client chose does not shadow the realm's roles.
    for shadow in [
        json!({"realm_access.roles": ["admin"]}),
        json!({"realm_access.roles": 1}),
    ] {
        let principal = verifier
            .verify(token(&but(&access, &shadow)).build())
            .unwrap();
        assert_eq!(
            principal.roles().collect::<Vec<_>>(),
            ["offline_access", "staff"]
        );
    }
    let shadow = json!({"realm_access.roles": ["admin"], "realm_access": null});
    let principal = verifier
        .verify(token(&but(&access, &shadow)).build())
        .unwrap();
    assert_eq!(principal.roles().count(), 0);

    let rules = preset().rules().authorized_party("web");
    let narrow = trusting(rules.role_claim(["resource_access", "orders", "roles"]));
    let principal = narrow.verify(token(&access).build()).unwrap();
    assert!(principal.has_role("staff") && principal.has_role("packer"));
    assert!(!principal.has_role("manage-account"));
    refuses(
        &narrow,
        &access,
        [(json!({ "azp": "mobile" }), Kind::WrongClaim)],
    );
}

#[test]
fn keycloak_id_tokens() {
    let verifier = of(presets::keycloak_id(
        "https://id.example.com",
        "shop",
        "web",
    ));
    let (access, id) = keycloak_tokens();
    refuses(
        &verifier,
        &id,
        [
            (json!({ "typ": "Bearer" }), Kind::WrongClaim),
            (json!({ "azp": "mobile" }), Kind::WrongClaim),
            (json!({ "aud": "mobile" }), Kind::WrongAudience),
        ],
    );
    let dressed = but(&access, &json!({ "aud": "web" }));
    assert_eq!(kind(&verifier, &dressed), Some(Kind::WrongClaim));
}

#[test]
fn auth0_access_tokens() {
    let preset = || presets::auth0("my-domain.auth0.com", "https://example.com/health-api");
    let verifier = of(preset());
    let honest = json!({
        "iss": "https://my-domain.auth0.com/", "sub": "auth0|123456", "azp": "my_client_id",
        "aud": ["https://example.com/health-api", "https://my-domain.auth0.com/userinfo"],
        "exp": NOW + 86400, "iat": NOW, "scope": "openid profile read:patients",
        "permissions": ["read:patients", "write:patients"],
    });
    refuses(
        &verifier,
        &honest,
        [
            (
                json!({ "iss": "https://my-domain.auth0.com" }),
                Kind::UntrustedIssuer,
            ),
            (
                json!({ "iss": "https://my-domain.eu.auth0.com/" }),
                Kind::UntrustedIssuer,
            ),
            // Auth0's ID token, and a token for the user info endpoint alone.
            (
                json!({ "aud": "my_client_id", "scope": null, "nonce": "1" }),
                Kind::WrongAudience,
            ),
            (
                json!({ "aud": "https://my-domain.auth0.com/userinfo" }),
                Kind::WrongAudience,
            ),
            (
                json!({ "permissions": "read:patients\n" }),
                Kind::MalformedClaims,
            ),
            (
                json!({ "permissions": [["read:patients"]] }),
                Kind::MalformedClaims,
            ),
            (json!({ "sub": null }), Kind::MissingClaim),
            (json!({ "iat": null }), Kind::MissingClaim),
        ],
    );
    let principal = verifier.verify(token(&honest).build()).unwrap();
    assert!(principal.has_scope("openid") && principal.has_scope("write:patients"));
    let plain = but(&honest, &json!({ "permissions": null }));
    assert_eq!(kind(&verifier, &plain), None);

    // The profile of RFC 9068, and a service that requires it.
    let changes =
        json!({ "azp": null, "client_id": "my_client_id", "jti": "73WakrfVbNJBaAmhQtEeDv" });
    let profile = token(&but(&honest, &changes)).typ("at+jwt").build();
    assert!(verifier.verify(&profile).is_ok());
    let strict = trusting(preset().rules().access_token_profile());
    assert!(strict.verify(&profile).is_ok());
    assert_eq!(kind(&strict, &honest), Some(Kind::WrongType));
}

#[test]
fn okta_access_tokens() {
    let preset = || presets::okta("example.okta.com", "default", "api://default");
    let verifier = of(preset());
    let honest = json!({
        "ver": 1, "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE", "aud": "api://default",
        "iss": "https://example.okta.com/oauth2/default", "sub": "00ujmkLgagxeRrAg20g3", "iat": NOW,
        "exp": NOW + 3600, "cid": "nmdP1fcyvdVO11AL7ECm", "uid": "00ujmkLgagxeRrAg20g3",
        "scp": ["openid", "orders.read"], "auth_time": NOW, "groups": ["Everyone"],
    });
    refuses(
        &verifier,
        &honest,
        [
            (
                json!({ "iss": "https://example.okta.com", "aud": "https://example.okta.com" }),
                Kind::UntrustedIssuer,
            ),
            (
                json!({ "iss": "https://example.okta.com/oauth2/aus1" }),
                Kind::UntrustedIssuer,
            ),
            (
                json!({ "aud": "https://example.okta.com" }),
                Kind::WrongAudience,
            ),
            // An ID token, even if its client has the name of the API.
            (
                json!({ "cid": null, "scp": null, "jti": "ID.4eAWJOCMB3SX8XewDfVR" }),
                Kind::MissingClaim,
            ),
            (json!({ "scp": ["orders.read", 7] }), Kind::MalformedClaims),
        ],
    );
    let principal = verifier.verify(token(&honest).build()).unwrap();
    let scopes: Vec<_> = principal.scopes().collect();
    assert_eq!(scopes, ["openid", "orders.read"]);
    assert_eq!(principal.roles().count(), 0);

    let rules = preset()
        .rules()
        .require_value("cid", ["nmdP1fcyvdVO11AL7ECm"]);
    let narrow = trusting(rules.role_claim("groups"));
    let principal = narrow.verify(token(&honest).build()).unwrap();
    assert!(principal.has_role("Everyone"));
    refuses(
        &narrow,
        &honest,
        [(json!({ "cid": "another" }), Kind::WrongClaim)],
    );
}

/// Each preset, its issuer, and the URL of the issuer's metadata.
fn locations() -> Vec<(Preset, String, String)> {
    let pool = "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_example";
    let realm = "https://id.example.com/realms/shop";
    let tenant = format!("{LOGIN}/{TENANT}/v2.0");
    let here = [
        (
            presets::id_token("https://id.example.com", "web"),
            "https://id.example.com",
        ),
        (presets::entra(TENANT, "api"), &*tenant),
        (presets::entra_id(TENANT, "web"), &*tenant),
        (
            presets::dangerous_google_any_account("web"),
            "https://accounts.google.com",
        ),
        (
            presets::kubernetes("https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE", "api"),
            "https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE",
        ),
        (
            presets::zitadel("https://example.zitadel.cloud", "1", "2"),
            "https://example.zitadel.cloud",
        ),
        (
            presets::duende("https://id.example.com", "api"),
            "https://id.example.com",
        ),
        (
            presets::cognito_access("us-west-2", "us-west-2_example", ["web"]),
            pool,
        ),
        (
            presets::cognito_id("us-west-2", "us-west-2_example", "web"),
            pool,
        ),
        (
            presets::keycloak("https://id.example.com", "shop", "api"),
            realm,
        ),
        (
            presets::keycloak_id("https://id.example.com", "shop", "web"),
            realm,
        ),
        (
            presets::auth0("example.auth0.com", "api"),
            "https://example.auth0.com/",
        ),
        (
            presets::okta("example.okta.com", "default", "api://default"),
            "https://example.okta.com/oauth2/default",
        ),
    ];
    let here = here.map(|(preset, issuer)| {
        let metadata = format!(
            "{}/.well-known/openid-configuration",
            issuer.trim_end_matches('/')
        );
        (preset, issuer.to_owned(), metadata)
    });
    let template = format!("{LOGIN}/{{tenantid}}/v2.0");
    let common = format!("{LOGIN}/common/v2.0/.well-known/openid-configuration");
    let elsewhere = [
        (
            presets::entra_tenants([TENANT], "api"),
            template.clone(),
            common.clone(),
        ),
        (presets::dangerous_entra_any_tenant("api"), template, common),
        (
            presets::entra_v1(TENANT, "api"),
            format!("https://sts.windows.net/{TENANT}/"),
            format!("{LOGIN}/{TENANT}/.well-known/openid-configuration"),
        ),
    ];
    here.into_iter().chain(elsewhere).collect()
}

#[tokio::test(start_paused = true)]
async fn presets_find_the_keys_of_their_providers() {
    let jwks_uri = "https://keys.example.com/jwks";
    let describe = |issuer: &str| {
        let metadata = json!({ "issuer": issuer, "jwks_uri": jwks_uri });
        FetchResponse::new(200, metadata.to_string())
    };
    for (preset, issuer, metadata) in locations() {
        let provider = FakeProvider::new();
        provider.answer(&metadata, describe(&issuer));
        provider.publish(jwks_uri, &[keys::signing(Algorithm::RS256)]);
        let oidc = || preset.discover().fetch(provider.clone());
        let source = oidc().connect().await.unwrap();
        assert_eq!(provider.count(&metadata), 1, "{metadata}");

        // `build` checks that the source is of the issuer in the rules.
        let verifier = Verifier::builder()
            .trust(preset.clone().trust(source))
            .build();
        assert!(verifier.is_ok(), "{issuer}: {verifier:?}");

        // Metadata of another issuer is refused.
        provider.answer(&metadata, describe("https://evil.example"));
        assert!(oidc().connect().await.is_err(), "{issuer}");
    }
}

/// Keys that are bound to tenants: the key of one tenant signs a token of another.
#[tokio::test(start_paused = true)]
async fn a_tenants_own_key_is_refused_for_other_tenants() {
    let provider = FakeProvider::new();
    let key = |kid: &str| {
        SigningKey::generate(Algorithm::ES256)
            .unwrap()
            .with_kid(kid)
    };
    let (shared, own) = (key("shared"), key("own"));
    let jwk = |key: &SigningKey, tenant: &str| {
        let mut jwk = key.public_jwk().unwrap();
        jwk["issuer"] = format!("{LOGIN}/{tenant}/v2.0").into();
        jwk
    };
    let jwks_uri = format!("{LOGIN}/common/discovery/v2.0/keys");
    let metadata = json!({ "issuer": format!("{LOGIN}/{{tenantid}}/v2.0"), "jwks_uri": jwks_uri });
    let set = json!({ "keys": [jwk(&shared, "{tenantid}"), jwk(&own, TENANT)] });
    provider.answer(
        &format!("{LOGIN}/common/v2.0/.well-known/openid-configuration"),
        FetchResponse::new(200, metadata.to_string()),
    );
    provider.answer(&jwks_uri, FetchResponse::new(200, set.to_string()));

    let preset = presets::dangerous_entra_any_tenant(ENTRA_API);
    let oidc = preset.discover().require_same_origin();
    let source = oidc.fetch(provider).connect().await.unwrap();
    let builder = Verifier::builder().trust(preset.trust(source));
    let verifier = builder.clock(FakeClock::new()).build().unwrap();
    let verify = |key: &SigningKey, tenant| {
        let outcome = verifier.verify(key.encode(&entra_token(tenant)).unwrap());
        outcome.err().map(|rejection| rejection.kind())
    };
    assert_eq!(verify(&shared, TENANT), None);
    assert_eq!(verify(&shared, OTHER_TENANT), None);
    assert_eq!(verify(&own, TENANT), None);
    assert_eq!(verify(&own, OTHER_TENANT), Some(Kind::UntrustedIssuer));
}
