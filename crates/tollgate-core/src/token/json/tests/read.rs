//! Whole values, read strictly.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::token::json::from_slice;

#[derive(Debug, Deserialize, PartialEq)]
struct Metadata {
    issuer: String,
    jwks_uri: Option<String>,
}

fn message(json: &[u8]) -> String {
    from_slice::<Metadata>(json).unwrap_err().to_string()
}

#[test]
fn an_object_is_read_as_the_type() {
    let read: Metadata =
        from_slice(br#" {"issuer":"a\u0062","other":[{"x":1}],"jwks_uri":null} "#).unwrap();
    let wanted = Metadata {
        issuer: "ab".into(),
        jwks_uri: None,
    };
    assert_eq!(read, wanted);
    let text = r#"{"a":[1,-2,0.5,null,true,"x",{}]}"#;
    assert_eq!(
        from_slice::<Value>(text.as_bytes()),
        Ok(json!({"a": [1, -2, 0.5, null, true, "x", {}]}))
    );
}

#[test]
fn ambiguous_documents_are_refused() {
    for (text, flaw) in [
        (&b""[..], "is not valid JSON"),
        (b"[]", "is not a JSON object"),
        (b"{} {}", "is not valid JSON"),
        (b"\xef\xbb\xbf{}", "is not valid JSON"),
        (b"{\"issuer\":\"\xff\"}", "is not UTF-8"),
        (br#"{"issuer":"a","issuer":"a"}"#, "has a duplicate member"),
        (
            br#"{"issuer":"a","iss\u0075er":"a"}"#,
            "has a duplicate member",
        ),
        (
            br#"{"issuer":"a","x":[{"y":{"z":1,"z":2}}]}"#,
            "has a duplicate member",
        ),
        (
            br#"{"issuer":"a","x":{"$serde_json::private::Number":"1"}}"#,
            "has a member name that is reserved",
        ),
    ] {
        assert_eq!(message(text), flaw, "{}", text.escape_ascii());
    }
    let deep = |depth| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(from_slice::<Value>(deep(126).as_bytes()).is_ok());
    assert!(serde_json::from_str::<Value>(&deep(127)).is_err());
    assert_eq!(message(deep(127).as_bytes()), "is nested too deeply");
}

#[test]
fn messages_name_the_member_and_no_value() {
    assert_eq!(
        message(br#"{"jwks_uri":null}"#),
        "has another shape than expected: missing field `issuer`"
    );
    let message = message(br#"{"issuer":["secret"]}"#);
    assert!(
        message.contains("issuer") && !message.contains("secret"),
        "{message}"
    );
}
