//! The index over an object's members.

use proptest::prelude::*;

use crate::token::json::object::*;
use crate::token::json::{Bounds, Flaw};

const BOUNDS: Bounds = Bounds {
    depth: 8,
    members: 64,
};

fn parse(text: &str) -> Result<Object, Flaw> {
    let mut object = Object::default();
    object.parse(text, BOUNDS).map(|()| object)
}

#[test]
fn members_are_found_by_their_unescaped_name() {
    let text = r#" { "a" : 1 , "\u0065xp":"x\ny", "n":{"b.c":{"d":[true]}} } "#;
    let object = parse(text).unwrap();
    assert_eq!(
        object
            .get(text, "exp")
            .unwrap()
            .text(text)
            .unwrap()
            .read(text),
        "x\ny"
    );
    assert_eq!(object.get(text, "a").unwrap().raw(text), "1");
    assert!(object.get(text, "b").is_none());
}

#[test]
fn short_names_differ_in_their_tags() {
    let names = [
        "", "a", "b", "ab", "ba", "aud", "aux", "audi", "1234567", "1234568", "\0", "\0\0", "ä",
        "é",
    ];
    for (at, name) in names.iter().enumerate() {
        assert!(
            names[..at]
                .iter()
                .all(|other| tag(other.as_bytes()) != tag(name.as_bytes())),
            "{name:?}"
        );
        for padding in ["", "                "] {
            let text = format!("{{{}:1}}{padding}", serde_json::to_string(name).unwrap());
            assert_eq!(
                parse(&text).unwrap().members()[0].tag(),
                tag(name.as_bytes()),
                "{text}"
            );
        }
    }
    let text = r#"{"client_id":1,"client_ib":2}"#;
    assert_eq!(
        parse(text)
            .unwrap()
            .get(text, "client_ib")
            .unwrap()
            .raw(text),
        "2"
    );
    assert_eq!(
        tag(b"client_id"),
        tag(b"client_ib"),
        "long names may share a tag, and are then compared"
    );
}

#[test]
fn duplicates_are_refused_at_every_level_and_in_every_spelling() {
    for text in [
        r#"{"a":1,"a":2}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"x":{"a":1,"b":2,"a":3}}"#,
        r#"{"x":[{"y":{"a":1,"a":1}}]}"#,
    ] {
        assert_eq!(parse(text).unwrap_err(), Flaw::Duplicate, "{text}");
    }
    let many: Vec<_> = (0..40).map(|n| format!("\"k{}\":0", n % 39)).collect();
    assert_eq!(
        parse(&format!("{{{}}}", many.join(","))).unwrap_err(),
        Flaw::Duplicate
    );
    assert!(parse(r#"{"a":{"a":{"a":1}},"A":1}"#).is_ok());
}

#[test]
fn private_names_of_serde_json_are_refused() {
    for text in [
        r#"{"$serde_json::private::RawValue":"1"}"#,
        r#"{"a":{"$serde_json::private::Number":"1"}}"#,
        r#"{"a":[{"\u0024serde_json::private::RawValue":"{bad"}]}"#,
    ] {
        assert_eq!(parse(text).unwrap_err(), Flaw::Reserved, "{text}");
    }
    assert!(parse(r#"{"$id":1,"$serde":2}"#).is_ok());
}

#[test]
fn non_objects_and_non_json_are_refused() {
    for text in ["[]", "1", "\"x\"", "null", " [1,2] "] {
        assert_eq!(parse(text).unwrap_err(), Flaw::NotAnObject, "{text}");
    }
    for text in [
        "",
        " ",
        "{",
        "}",
        "{}x",
        "{} {}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":1e}",
        "{\"a\":-}",
        "{\"a\":NaN}",
        "{\"a\":tru}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\udc00\"}",
        "{\"a\":\"\\ud800\\u0041\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"",
        "{\"a\":[1,]}",
        "{\"a\":[1 2]}",
        "\u{feff}{}",
        "{\"a\":1}//",
        "{\"a\":\"\\u12\"}",
    ] {
        assert_eq!(parse(text).unwrap_err(), Flaw::Syntax, "{text}");
    }
}

#[test]
fn depth_and_members_are_bounded() {
    let nested = |depth: usize| {
        format!(
            "{{\"a\":{}1{}}}",
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        )
    };
    assert!(parse(&nested(8)).is_ok());
    assert_eq!(parse(&nested(9)).unwrap_err(), Flaw::Depth);
    assert_eq!(parse(&"[".repeat(100_000)).unwrap_err(), Flaw::Syntax);
    let members = |count: usize| {
        let all: Vec<_> = (0..count).map(|n| format!("\"{n}\":0")).collect();
        format!("{{{}}}", all.join(","))
    };
    assert!(parse(&members(64)).is_ok());
    assert_eq!(parse(&members(65)).unwrap_err(), Flaw::Members);
}

#[test]
fn string_items_read_both_shapes() {
    let items = |raw: &'static str, kind| {
        StringItems::new(raw, kind)
            .unwrap()
            .collect::<Result<Vec<_>, _>>()
    };
    assert_eq!(
        items(r#""a b""#, Kind::String { escaped: false }).unwrap(),
        ["a b"]
    );
    assert_eq!(
        items(r#"[ "a" , "\u0062\"]" , "" ]"#, Kind::Array).unwrap(),
        ["a", "b\"]", ""]
    );
    assert_eq!(items("[]", Kind::Array).unwrap(), [""; 0]);
    assert!(items(r#"["a",1]"#, Kind::Array).is_err());
    assert!(items(r#"[["a"]]"#, Kind::Array).is_err());
    assert!(StringItems::new("1", Kind::Number).is_none());
}

proptest! {
    /// The index accepts the output of serde_json and reads the same values.
    #[test]
    fn accepts_the_output_of_a_serializer(map in proptest::collection::btree_map(any::<String>(),
        any::<String>(), 0..20)) {
        let text = serde_json::to_string(&map).unwrap();
        let object = parse(&text).unwrap();
        prop_assert_eq!(object.members().len(), map.len());
        for (name, value) in &map {
            let member = object.get(&text, name).unwrap();
            let kept = member.text(&text).unwrap();
            prop_assert_eq!(kept.read(&text), value);
        }
    }

    /// Every accepted text is accepted by serde_json too, and no text causes a panic.
    #[test]
    fn is_never_more_lenient_than_serde_json(text in r#"[\{\}\[\]":,a\\u0-9dD8.eE+\- tnrlfs]{0,24}"#) {
        if parse(&text).is_ok() {
            let value: Result<serde_json::Map<String, serde_json::Value>, _> =
                serde_json::from_str(&text);
            // serde_json bounds numbers, in addition to the grammar.
            prop_assert!(value.is_ok() || value.unwrap_err().to_string()
                .contains("number out of range"), "{}", text);
        }
    }
}
