//! User login: authorization code with PKCE.

use serde_json::Value;
use tollgate_core::Verifier;
use tollgate_tests::servers::oidc_provider::Login;

use crate::world::{Issuer, REDIRECT_URI, World};

const LOGIN: Login<'_> = Login {
    client: "shop",
    redirect_uri: REDIRECT_URI,
    scope: "openid profile orders:read",
    resource: Some("urn:orders"),
    nonce: "n-0S6_WzA2Mj",
    name: "ada",
    password: "lovelace",
};

/// Builds a verifier with the client's checks of an ID token (OpenID Connect Core 1.0 section
/// 3.1.3.7).
fn id_tokens(world: &World) -> Verifier {
    Verifier::builder()
        .issuer(world.issuer.front.url())
        .audience(LOGIN.client)
        .key_source(world.keys.clone())
        .require_subject()
        .require_claim("nonce")
        .require_claim("iat")
        .build()
        .unwrap()
}

fn text<'v>(tokens: &'v Value, name: &str) -> &'v str {
    tokens[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in the token response"))
}

#[test]
fn each_token_of_a_login_is_accepted_only_by_its_audience() {
    for alg in ["RS256", "PS256", "ES256", "EdDSA"] {
        let Some(issuer) = Issuer::start(&[(alg, "1")]) else {
            return;
        };
        let world = World::connect(issuer);
        let tokens = world.issuer.provider.log_in(&LOGIN);
        let (access, id) = (text(&tokens, "access_token"), text(&tokens, "id_token"));

        let answer = world.services.expect(200, access);
        assert!(answer.content.starts_with(r#""ada" of "#), "{answer:?}");

        let client = id_tokens(&world);
        let person = client.verify(id).unwrap();
        assert_eq!(person.subject(), Some("ada"));
        assert_eq!(person.claim("nonce"), Some(LOGIN.nonce.into()));
        assert_eq!(person.claim("name"), Some("Ada Lovelace".into()));
        assert_eq!(person.kid(), Some("1"));

        world.services.expect(401, id);
        assert!(client.verify(access).is_err());
        assert_eq!(world.issuer.fetches(), 1, "{alg}");
    }
}
