//! A provider with scripted responses.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tollgate::{Algorithm, SigningKey};

pub(crate) struct ScriptedProvider {
    pub(crate) issuer: String,
    /// The only published key.
    pub(crate) key: SigningKey,
    tokens: Arc<Mutex<Value>>,
}

impl ScriptedProvider {
    /// Serves until the test ends. `extra` is merged into the metadata.
    pub(crate) fn start(extra: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let key = SigningKey::generate(Algorithm::ES256)
            .unwrap()
            .with_kid("1");
        let mut metadata = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/auth"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        });
        let Value::Object(extra) = extra else {
            panic!("metadata is an object")
        };
        metadata.as_object_mut().unwrap().extend(extra);
        let jwks = json!({ "keys": [key.public_jwk().unwrap()] });
        let tokens = Arc::new(Mutex::new(Value::Null));
        let answer = Arc::clone(&tokens);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (metadata, jwks, answer) =
                    (metadata.clone(), jwks.clone(), Arc::clone(&answer));
                std::thread::spawn(move || {
                    serve(&connection.unwrap(), |path| match path {
                        "/.well-known/openid-configuration" => metadata.to_string(),
                        "/jwks" => jwks.to_string(),
                        "/token" => answer.lock().unwrap().to_string(),
                        other => panic!("{other} was asked for"),
                    });
                });
            }
        });
        Self {
            issuer,
            key,
            tokens,
        }
    }

    /// Sets the response to every code exchange.
    pub(crate) fn answer(&self, tokens: Value) {
        *self.tokens.lock().unwrap() = tokens;
    }
}

fn serve(mut connection: &TcpStream, content: impl Fn(&str) -> String) {
    let mut reader = BufReader::new(connection);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            head.push(line.trim_end().to_ascii_lowercase());
        }
        let length = head
            .iter()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut sent = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        reader.read_exact(&mut sent).unwrap();
        let content = content(head[0].split(' ').nth(1).unwrap());
        let _ = write!(
            connection,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{content}",
            content.len()
        );
    }
}
