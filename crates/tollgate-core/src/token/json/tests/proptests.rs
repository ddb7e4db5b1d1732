//! Compares the strict reader with a simple one, which keeps every name of every object.

use std::collections::HashSet;
use std::fmt;

use proptest::prelude::*;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use crate::token::json::object::Object;
use crate::token::json::{Bounds, Flaw};

/// JSON in which no object has a name twice.
struct Unambiguous;

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Unambiguous;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_u64<E>(self, _: u64) -> Result<Unambiguous, E> {
                Ok(Unambiguous)
            }

            fn visit_str<E>(self, _: &str) -> Result<Unambiguous, E> {
                Ok(Unambiguous)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Unambiguous, A::Error> {
                while seq.next_element::<Unambiguous>()?.is_some() {}
                Ok(Unambiguous)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unambiguous, A::Error> {
                let mut names = HashSet::new();
                while let Some((name, Unambiguous)) = map.next_entry::<String, _>()? {
                    if !names.insert(name) {
                        return Err(serde::de::Error::custom("duplicate"));
                    }
                }
                Ok(Unambiguous)
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// A character of a name, in one of its JSON spellings.
fn character() -> impl Strategy<Value = String> {
    let chars = prop_oneof![
        Just('a'),
        Just('b'),
        Just('$'),
        Just('\u{e4}'),
        Just('\u{1f600}')
    ];
    (chars, 0..3_u8).prop_map(|(char, spelling)| {
        let mut units = [0; 2];
        let units = char.encode_utf16(&mut units).iter();
        match spelling {
            0 => char.to_string(),
            1 => units
                .map(|unit| format!("\\u{unit:04x}"))
                .collect::<Vec<_>>()
                .concat(),
            _ => units
                .map(|unit| format!("\\u{unit:04X}"))
                .collect::<Vec<_>>()
                .concat(),
        }
    })
}

/// Short names, some of them equal, and long names that differ only in the last character.
fn name() -> impl Strategy<Value = String> {
    let short = prop::collection::vec(character(), 0..3).prop_map(|name| name.concat());
    (short, prop_oneof![Just(""), Just("a_long_name_")])
        .prop_map(|(end, start)| format!("{start}{end}"))
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![Just("0".to_owned()), Just("\"a\"".to_owned())];
    leaf.prop_recursive(4, 200, 60, |inner| {
        let member = (name(), inner.clone())
            .prop_map(|(name, value)| format!("\"{name}\":{value}"))
            .boxed();
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(member.clone(), 0..6)
                .prop_map(|members| format!("{{{}}}", members.join(", "))),
            prop::collection::vec(member, 30..60)
                .prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

proptest! {
    #[test]
    fn duplicates_agree_with_a_set_of_names(value in value(), name in name()) {
        let text = format!("{{\"{name}\":{value}}}");
        let bounds = Bounds { depth: 127, members: usize::MAX };
        let read = Object::default().parse(&text, bounds);
        let plain = serde_json::from_str::<Unambiguous>(&text);
        prop_assert_eq!(read, plain.map(|_| ()).map_err(|_| Flaw::Duplicate), "{}", text);
    }
}
