#![allow(clippy::unwrap_used, missing_docs)]
use serde_json::json;
use tollgate_core::{KeySet, Verifier};
use tollgate_tests::http::Request;
use tollgate_tests::servers::{Front, Fault, OidcProvider, oidc_provider::Login};
#[test]
fn smoke() {
    let front = Front::open();
    let mut p = OidcProvider::start(&json!({"issuer": front.url(), "keys":[{"alg":"PS256","kid":"1"}], "scopes":["profile"],
      "resources": {"urn:orders": {"audience":"orders-api","scope":"orders:read"}},
      "clients":[{ "client_id": "robot", "client_secret": "beep", "token_endpoint_auth_method": "client_secret_post" },{"client_id":"shop","redirect_uris":["http://127.0.0.1:9/cb"]}],
      "accounts": { "ada": { "password": "lovelace", "claims": { "name": "Ada Lovelace" } } }})).unwrap();
    front.stand_before(p.port());
    let set = Request::get(front.url()+"/jwks").send().unwrap();
    println!("{set:?}");
    let tokens = p.log_in(&Login{client:"shop",redirect_uri:"http://127.0.0.1:9/cb",scope:"openid profile orders:read",resource:Some("urn:orders"),nonce:"n",name:"ada",password:"lovelace"});
    println!("{tokens}");
    let v = Verifier::builder().issuer(front.url()).audience("orders-api").access_token_profile().key_set(KeySet::from_json(&set.content).unwrap()).build().unwrap();
    let u = v.verify(tokens["access_token"].as_str().unwrap()).unwrap();
    println!("{u:?}");
    let v = Verifier::builder().issuer(front.url()).audience("shop").key_set(KeySet::from_json(&set.content).unwrap()).build().unwrap();
    let u = v.verify(tokens["id_token"].as_str().unwrap()).unwrap();
    println!("{u:?} {:?} {:?}", u.claim("name"), u.claim("nonce"));
    v.verify(p.client_credentials("robot","beep","urn:orders","orders:read")).unwrap_err();
    p.restart_with("keys", json!([{"alg":"ES256","kid":"2"},{"alg":"PS256","kid":"1"}]));
    let set2 = Request::get(front.url()+"/jwks").send().unwrap();
    assert!(set2.content.len() > set.content.len());
    front.set(Fault::Status(500));
    assert_eq!(Request::get(front.url()+"/jwks").send().unwrap().status, 500);
    front.set(Fault::HugeByChunks);
    assert_eq!(Request::get(front.url()+"/jwks").send().unwrap().content.len(), 50_000_000);
    front.set(Fault::None);
    p.stop();
    assert!(Request::get(front.url()+"/jwks").send().is_err());
    assert_eq!(front.count("/jwks"), 5);
}
