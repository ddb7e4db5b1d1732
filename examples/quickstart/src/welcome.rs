//! The text printed once the server listens: example requests with the expected responses.

use std::net::SocketAddr;

use tollgate::{Algorithm, Key, KeySet};

use crate::options::{Options, PROGRAM};

pub(crate) fn text(address: SocketAddr, options: &Options) -> String {
    let url = format!("http://{address}");
    let (first, then) = match &options.keys {
        Some(keys) => (foreign_tokens(options, keys), refused(&url)),
        None => (login(&url), refused_as_bob(&url)),
    };
    format!(
        r#"{PROGRAM} listens on {url}

{first}
The claims of the token, 200:
    curl -i {url}/me -H "Authorization: Bearer $TOKEN"
Without a token, 401:
    curl -i {url}/me
The orders, which require the scope orders:read, 200:
    curl -i {url}/orders -H "Authorization: Bearer $TOKEN"
{then}
Ctrl-C stops the server.
"#
    )
}

fn login(url: &str) -> String {
    let ada = log_in(url, "ada", "lovelace");
    format!(
        r#"In another terminal, log in as ada. The response contains the token:
    {ada}
Store it for the next requests:
    TOKEN=$({ada} | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
"#
    )
}

/// Returns the command that logs a user in.
fn log_in(url: &str, user: &str, password: &str) -> String {
    let credentials = format!(r#"{{"user":"{user}","password":"{password}"}}"#);
    format!(r#"curl -s {url}/login -H "Content-Type: application/json" -d '{credentials}'"#)
}

fn refused_as_bob(url: &str) -> String {
    let bob = log_in(url, "bob", "builder");
    format!(
        r#"Cancel the orders. This requires the scope orders:write or the role admin. As ada, 200:
    curl -i -X DELETE {url}/orders -H "Authorization: Bearer $TOKEN"
As bob, 403 with the missing scope:
    BOB=$({bob} | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
    curl -i -X DELETE {url}/orders -H "Authorization: Bearer $BOB"
"#
    )
}

fn refused(url: &str) -> String {
    format!(
        r#"Cancel the orders. This requires the scope orders:write or the role admin, 403:
    curl -i -X DELETE {url}/orders -H "Authorization: Bearer $TOKEN"
"#
    )
}

/// Explains how to create a token with another program, for the first key.
fn foreign_tokens(options: &Options, keys: &KeySet) -> String {
    let each = keys.keys().iter().map(|key| {
        let kid = key.kid().map_or_else(|| "none".to_owned(), quoted);
        format!("- {} key, kid {kid}\n", algorithm(key))
    });
    let accepted = format!(
        "Tokens are accepted if they are signed with\n{}",
        each.collect::<String>()
    );
    let Some(key) = keys.keys().first() else {
        return accepted;
    };
    let alg = quoted(algorithm(key).as_str());
    let kid = key
        .kid()
        .map_or_else(String::new, |kid| format!("\"kid\": {}", quoted(kid)));
    let (issuer, audience) = (quoted(&options.issuer), quoted(&options.audience));
    accepted
        + &format!(
            r#"
In another terminal, create a token with the first key. Its private key is in private.jwk.
With Python, after pip install "pyjwt[crypto]":
    TOKEN=$(python3 -c 'import json, jwt, time; key = jwt.PyJWK(json.load(open("private.jwk")), {alg}); print(jwt.encode({{"iss": {issuer}, "aud": {audience}, "sub": "ada", "scope": "orders:read", "exp": int(time.time()) + 900}}, key, {alg}, {{{kid}}}))')
Or with Node.js, after npm install jose:
    TOKEN=$(node --input-type=module -e 'import {{ readFileSync }} from "node:fs"; import {{ SignJWT, importJWK }} from "jose"; const key = await importJWK(JSON.parse(readFileSync("private.jwk")), {alg}); console.log(await new SignJWT({{ scope: "orders:read" }}).setProtectedHeader({{ "alg": {alg}, {kid} }}).setIssuer({issuer}).setAudience({audience}).setSubject("ada").setExpirationTime("15m").sign(key))')
"#
        )
}

/// Returns the algorithm name to sign with. Ed25519 has two; other libraries know the older one.
fn algorithm(key: &Key) -> Algorithm {
    let algorithms = key.algorithms();
    *algorithms
        .iter()
        .find(|name| **name == Algorithm::EdDSA)
        .unwrap_or(&algorithms[0])
}

/// Quotes a string for Python and JavaScript inside single quotes of the shell.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('\'', r"\u0027")
}
