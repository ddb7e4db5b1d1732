use proptest::prelude::*;
use serde_json::json;

use super::*;

fn form() -> ContentType {
    let form = content_type(&["application/x-www-form-urlencoded"], "");
    form.ok().flatten().expect("a form")
}

fn content_type(values: &[&str], content: &str) -> Result<Option<ContentType>, Unreadable> {
    let mut request = EndpointRequest::new("POST", "/login");
    content.as_bytes().clone_into(&mut request.content);
    for value in values {
        let value = value.as_bytes().to_vec();
        request.headers.push(("content-type".to_owned(), value));
    }
    ContentType::of(&request)
}

#[test]
fn content_types_are_matched_exactly() {
    for value in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
    ] {
        assert_eq!(
            content_type(&[value], "{}"),
            Ok(Some(ContentType::Json)),
            "{value}"
        );
    }
    for value in [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        let form = content_type(&[value], "");
        assert!(
            form.is_ok_and(|form| form.is_some_and(|form| form.is_form())),
            "{value}"
        );
    }
    assert_eq!(content_type(&[], ""), Ok(None));
    for values in [
        &[][..],
        &["text/plain"],
        &["application/json-patch+json"],
        &["application/jsonx"],
        &["application/json; charset=utf-16"],
        &["application/json; boundary=x"],
        &["application/json, text/plain"],
        &["application/json", "application/json"],
        &["multipart/form-data"],
        &["multipart/form-data; boundary=x; boundary=y"],
        &[""],
    ] {
        assert_eq!(
            content_type(values, "{}"),
            Err(Unreadable::Type),
            "{values:?}"
        );
    }
}

#[test]
fn duplicate_names_are_refused() {
    let read = |text: &str| ContentType::Json.read::<Value>(text.as_bytes());
    assert_eq!(
        read(r#"{"a": [1, -2, 0.5, null, true, "x", {}]}"#),
        Ok(json!({"a": [1, -2, 0.5, null, true, "x", {}]}))
    );
    for text in [
        r#"{"a": 1, "a": 1}"#,
        r#"{"a": 1, "\u0061": 2}"#,
        r#"{"a": {"b": 1, "b": 2}}"#,
        r#"{"a": [{"b": 1, "b": 2}]}"#,
        "[]",
        "1",
        "",
        "{} {}",
        "{",
        "\u{feff}{}",
        &"[".repeat(10_000),
    ] {
        assert_eq!(read(text), Err(Unreadable::Malformed), "{text:.40}");
    }
    let read = |text: &str| form().read::<Value>(text.as_bytes());
    assert_eq!(
        read("a=1+2&b=%26%C3%a4&c&&=x"),
        Ok(json!({"a": "1 2", "b": "&ä", "c": "", "": "x"}))
    );
    for text in [
        "a=1&a=1",
        "a=1&%61=2",
        "a=%",
        "a=%2",
        "a=%zz",
        "a=%+1",
        "a=%ff",
        "%=1",
    ] {
        assert_eq!(read(text), Err(Unreadable::Malformed), "{text}");
    }
}

proptest! {
    #[test]
    fn arbitrary_content_does_not_panic(content: Vec<u8>) {
        let _ = ContentType::Json.read::<Value>(&content);
        let _ = form().read::<Value>(&content);
    }

    #[test]
    fn json_round_trips(number: i64, text: String, list: Vec<bool>) {
        let value = json!({"n": number, "t": text, "l": list});
        prop_assert_eq!(ContentType::Json.read::<Value>(value.to_string().as_bytes()), Ok(value));
    }
}
