// Hidden setup of the doc examples, which include this file: a request, a verifier and tokens.

use tollgate::extend::RequestView;
use tollgate::{Key, SigningKey, Verifier};

pub struct Request(&'static str, Vec<(&'static str, String)>);

impl Request {
    pub fn new(method: &'static str) -> Self {
        Self(method, Vec::new())
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.1.push((name, value.into()));
        self
    }
}

impl RequestView for Request {
    fn method(&self) -> &str {
        self.0
    }

    fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let lines = self.1.iter().filter(move |(got, _)| *got == name);
        lines.map(|(_, value)| value.as_bytes())
    }

    fn query(&self) -> Option<&str> {
        None
    }
}

pub fn verifier() -> Verifier {
    let key = Key::hs256([7; 32]).expect("long enough");
    let builder = Verifier::builder()
        .dangerous_any_issuer()
        .dangerous_any_audience();
    builder.key(key).build().expect("consistent")
}

/// Returns a token of `u-7` with this scope.
pub fn token(scope: &str) -> String {
    let key = SigningKey::hs256([7; 32]).expect("long enough");
    let claims = serde_json::json!({ "sub": "u-7", "exp": 4_000_000_000_u64, "scope": scope });
    key.encode(&claims).expect("an object")
}
