//! A verifier at a fixed time, and tokens for it.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tollgate_core::{Key, Rejection, RejectionKind, SigningKey, Verifier};
use tollgate_tower::{AuthenticationExt, ResponseBody};

const SECRET: [u8; 32] = [7; 32];

pub(crate) fn verifier() -> Verifier {
    Verifier::builder()
        .issuer("https://id.example.com")
        .audience("orders-api")
        .key(Key::hs256(SECRET).expect("long enough"))
        .clock(|| 1_700_000_000)
        .build()
        .expect("consistent")
}

/// Creates a valid token with `more` claims.
pub(crate) fn token(more: Value) -> String {
    let mut claims = json!({
        "iss": "https://id.example.com", "aud": "orders-api", "exp": 1_700_000_900, "sub": "u-7",
    });
    let (Value::Object(claims), Value::Object(more)) = (&mut claims, more) else {
        unreachable!("both are objects")
    };
    claims.extend(more);
    let key = SigningKey::hs256(SECRET).expect("long enough");
    key.encode(claims).expect("serialisable")
}

pub(crate) fn with_scope(scope: &str) -> String {
    token(json!({"scope": scope}))
}

pub(crate) fn get(token: impl AsRef<str>) -> Request<()> {
    Request::builder()
        .header("authorization", format!("Bearer {}", token.as_ref()))
        .body(())
        .expect("a header value")
}

/// A handler that responds with the subject of the caller, or `-` without one.
pub(crate) async fn whoami(request: Request<()>) -> Result<Response<Full<Bytes>>, Infallible> {
    let subject = request
        .principal()
        .and_then(|user| user.subject())
        .unwrap_or("-");
    Ok(Response::new(Full::from(subject.to_owned())))
}

pub(crate) fn kind<B>(response: &Response<B>) -> Option<RejectionKind> {
    response.extensions().get().map(Rejection::kind)
}

pub(crate) async fn text<B>(response: Response<B>) -> String
where
    B: http_body::Body<Data = Bytes, Error = Infallible>,
{
    let Ok(content) = response.into_body().collect().await;
    String::from_utf8(content.to_bytes().to_vec()).expect("text")
}

/// The body of a service behind one layer.
pub(crate) type Once = ResponseBody<Full<Bytes>>;
