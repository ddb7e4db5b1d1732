//! Deserialization from a token to the type, with the real verifier.
#[path = "../tollgate_stub/mod.rs"]
mod tollgate_stub;

use serde::Deserialize;
use tollgate_macros::Claims;
use tollgate_stub::{
    Authentication, Extract, FromAuthentication, Gate, Key, RequestView, SigningKey, Verifier,
};

#[derive(Debug, Deserialize, Claims)]
#[claims(crate = tollgate_stub, scope = "orders:read")]
struct Shopper<T = String> {
    #[serde(rename = "sub")]
    subject: T,
    #[serde(default)]
    tenant: Option<String>,
}

#[derive(Debug, Deserialize, Claims)]
#[claims(crate = tollgate_stub)]
struct Wrapped(Shopper);

struct Get(String);

impl RequestView for Get {
    fn method(&self) -> &str {
        "GET"
    }
    fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        (name == "authorization").then_some(self.0.as_bytes()).into_iter()
    }
    fn query(&self) -> Option<&str> {
        None
    }
}

fn authentication(claims: &serde_json::Value) -> Authentication {
    let secret = [7; 32];
    let verifier =
        Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
            .key(Key::hs256(secret).unwrap()).build().unwrap();
    let token = SigningKey::hs256(secret).unwrap().encode(claims).unwrap();
    Gate::from(verifier).decide(&Get(format!("Bearer {token}"))).unwrap()
}

fn main() {
    let allowed =
        authentication(&serde_json::json!({"exp": 4_000_000_000_u64, "sub": "u-7",
        "scope": "orders:read"}));
    let shopper = <Shopper>::extract(&allowed, &()).unwrap();
    assert_eq!((shopper.subject.as_str(), shopper.tenant), ("u-7", None));
    assert_eq!(Wrapped::from_authentication(&allowed).unwrap().0.subject, "u-7");

    let refused =
        authentication(&serde_json::json!({"exp": 4_000_000_000_u64, "sub": "u-7",
        "scope": "orders:readx"}));
    assert_eq!(<Shopper>::from_authentication(&refused).unwrap_err().answer().status, 403);
    assert!(Wrapped::from_authentication(&refused).is_ok(), "the policy of the inner type does not apply");
}
