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
