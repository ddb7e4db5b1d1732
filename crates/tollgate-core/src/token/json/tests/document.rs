//! Types read from an index.

use std::collections::BTreeMap;

use serde::Deserialize;

use serde_json::Error;

use crate::token::json::Bounds;
use crate::token::json::document::*;
use crate::token::json::object::Object;

fn read<'de, T: Deserialize<'de>>(text: &'de str, object: &'de Object) -> Result<T, Error> {
    T::deserialize(Document::new(text, object))
}

fn index(text: &str) -> Object {
    let mut object = Object::default();
    object
        .parse(
            text,
            Bounds {
                depth: 8,
                members: 64,
            },
        )
        .unwrap();
    object
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Plan {
    Free,
    Paid(u8),
}

#[derive(Debug, Deserialize, PartialEq)]
struct Address {
    city: String,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Id(String);

#[derive(Debug, Deserialize, PartialEq)]
struct User<'a> {
    sub: Id,
    #[serde(borrow)]
    name: &'a str,
    tenant: Option<String>,
    missing: Option<u8>,
    null: Option<String>,
    #[serde(default)]
    level: u32,
    plan: Plan,
    other: Plan,
    address: Address,
    tags: Vec<String>,
    pair: (i64, f64),
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

#[test]
fn every_shape_agrees_with_serde_json() {
    let text = r#"{"sub":"u-1","name":"Zo\u00eb","tenant":"t","null":null,"plan":"free","other":{"paid":3},
        "address":{"city":"Ulm"},"tags":["a","\u0062"],"pair":[-1,2.5],"extra":{"x":[1]},"quote\"d":"v"}"#;
    let object = index(text);
    // Neither way lets a borrowed str contain an escape.
    assert!(read::<User<'_>>(text, &object).is_err());
    let text = text.replace(r"Zo\u00eb", "Zoë");
    let object = index(&text);
    let user: User<'_> = read(&text, &object).unwrap();
    assert_eq!(user, serde_json::from_str(&text).unwrap());
    assert_eq!(user.rest["quote\"d"], "v");
    let value: serde_json::Value = read(&text, &object).unwrap();
    assert_eq!(
        value,
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    );
    assert!(
        read::<Option<serde_json::Value>>(&text, &object)
            .unwrap()
            .is_some()
    );
    let raw: Box<serde_json::value::RawValue> = read(&text, &object).unwrap();
    assert_eq!(raw.get(), text);
}

#[test]
fn tagged_and_untagged_enums_are_deserialized() {
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(tag = "kind", rename_all = "lowercase")]
    enum Tagged {
        User { sub: String },
    }
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(untagged)]
    enum Either {
        Service { azp: String },
        User { sub: String },
    }
    let text = r#"{"kind":"user","sub":"a"}"#;
    let object = index(text);
    assert_eq!(
        read::<Tagged>(text, &object).unwrap(),
        Tagged::User { sub: "a".into() }
    );
    assert_eq!(
        read::<Either>(text, &object).unwrap(),
        Either::User { sub: "a".into() }
    );
}

#[test]
fn a_wrong_type_is_an_error() {
    #[derive(Debug, Deserialize)]
    struct Strict {
        #[allow(dead_code)]
        sub: String,
    }
    let text = r#"{"sub":1}"#;
    let object = index(text);
    assert!(read::<Strict>(text, &object).is_err());
    assert!(read::<Vec<u8>>(text, &object).is_err());
    assert!(read::<String>(text, &object).is_err());
}

fn tolerantly<'de, T: Deserialize<'de>>(text: &'de str, object: &'de Object) -> Result<T, String> {
    let document = Document::new(text, object);
    document
        .read_tolerantly(None)
        .map_err(|error| error.to_string())
}

#[test]
fn a_tolerant_read_agrees_with_serde_json_where_nothing_is_null() {
    let text = r#"{"sub":"u-1","name":"Zoe","tenant":"t","plan":"free","other":{"paid":3},
        "address":{"city":"Ulm"},"tags":["a","\u0062"],"pair":[-1,2.5],"extra":{"x":[1]},"quote\"d":"v"}"#;
    let object = index(text);
    let user: User<'_> = tolerantly(text, &object).unwrap();
    assert_eq!(user, serde_json::from_str(text).unwrap());
    let value: serde_json::Value = tolerantly(text, &object).unwrap();
    assert_eq!(
        value,
        serde_json::from_str::<serde_json::Value>(text).unwrap()
    );
}

#[derive(Debug, Deserialize, PartialEq)]
struct Org {
    id: u32,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Member {
    orgs: Vec<Org>,
    #[serde(default)]
    level: u8,
    home: Option<Org>,
}

#[test]
fn null_is_absent_at_every_level() {
    let text = r#"{"level":null,"home":{"id":7,"tags":null},"orgs":[{"id":1,"tags":null},{"tags":["a"],"id":2}]}"#;
    let object = index(text);
    assert!(read::<Member>(text, &object).is_err());
    let member: Member = tolerantly(text, &object).unwrap();
    let org = |id, tags: &[&str]| Org {
        id,
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
    };
    let wanted = Member {
        orgs: vec![org(1, &[]), org(2, &["a"])],
        level: 0,
        home: Some(org(7, &[])),
    };
    assert_eq!(member, wanted);
}

#[test]
fn an_error_has_the_path_of_the_value_and_never_the_value() {
    for (text, wanted) in [
        (r#"{"orgs":"SECRET"}"#, "another type is in orgs"),
        (
            r#"{"orgs":[{"id":1},{"id":"SECRET"}]}"#,
            "another type is in orgs[1].id",
        ),
        (
            r#"{"orgs":[{"id":1},"SECRET"]}"#,
            "another type is in orgs[1]",
        ),
        (
            r#"{"orgs":[{"id":1,"tags":["SECRET",7]}]}"#,
            "another type is in orgs[0].tags[1]",
        ),
        (
            r#"{"orgs":[],"home":{"id":null}}"#,
            "missing field `id` in home",
        ),
        (
            r#"{"orgs":[{"id":1},{"tags":["SECRET"]}]}"#,
            "missing field `id` in orgs[1]",
        ),
        (r#"{"orgs":null}"#, "missing field `orgs`"),
        ("{}", "missing field `orgs`"),
        (r#"{"orgs":[],"level":256}"#, "another type is in level"),
        (
            r#"{"orgs":[],"home":{"id":-1}}"#,
            "another type is in home.id",
        ),
    ] {
        let object = index(text);
        assert_eq!(
            tolerantly::<Member>(text, &object).unwrap_err(),
            wanted,
            "{text}"
        );
    }
    let text = r#"{"a\n\u202e\"b":{"x":"SECRET"}}"#;
    let object = index(text);
    let error = tolerantly::<BTreeMap<String, BTreeMap<String, u8>>>(text, &object).unwrap_err();
    assert_eq!(error, r#"another type is in a\n\u{202e}\"b.x"#);
    let object = index("{}");
    assert!(
        !tolerantly::<Vec<u8>>("{}", &object)
            .unwrap_err()
            .contains("another type is in")
    );
}

#[test]
fn a_number_is_read_as_text_only_where_a_string_is_wanted() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Of<T> {
        sub: T,
        #[serde(default)]
        level: u8,
    }
    let text = r#"{"sub":42,"level":null}"#;
    let object = index(text);
    let document = Document::new(text, &object);
    let named: Of<Id> = document.read_tolerantly(Some("sub")).unwrap();
    assert_eq!(named.sub, Id("42".to_owned()));
    let optional: Of<Option<&str>> = document.read_tolerantly(Some("sub")).unwrap();
    assert_eq!(optional.sub, Some("42"));
    let number: Of<u64> = document.read_tolerantly(Some("sub")).unwrap();
    assert_eq!(number.sub, 42);
    assert!(document.read_tolerantly::<Of<String>>(None).is_err());
    assert!(
        document
            .read_tolerantly::<Of<String>>(Some("level"))
            .is_err()
    );
}
