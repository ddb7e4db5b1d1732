//! The members of a JWK as they are written, each name once (RFC 7517 section 4).

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use super::base64::{self, Bytes};
use super::error::{KeyError, KeyErrorKind};

/// More than any registered key type has.
const MAX_MEMBERS: usize = 64;

/// The members that are read; of all others only the name is kept, to find it again if it comes twice.
const READ: [&str; 19] = [
    "kty", "use", "key_ops", "alg", "kid", "x5c", "crv", "x", "y", "d", "n", "e", "p", "q", "dp", "dq", "qi",
    "k", "issuer",
];

/// One JSON object that ought to be a JWK.
pub(super) struct Members {
    members: Vec<(String, Value)>,
    problem: Option<KeyError>,
}

enum Value {
    Text(Zeroizing<String>),
    Texts(Vec<String>),
    Other,
}

impl Members {
    /// Reads one JSON object. What else than its syntax is wrong with it is kept for [`check`](Self::check), so that
    /// its `kid` can be told.
    pub(super) fn read(json: &str) -> Result<Self, KeyError> {
        serde_json::from_str(json).map_err(|_| KeyError::malformed("it is not a JSON object"))
    }

    /// Whether each name is there once only, and the names are not too many.
    pub(super) fn check(&self) -> Result<(), KeyError> {
        self.problem.map_or(Ok(()), Err)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.members.iter().any(|(found, _)| found == name)
    }

    /// A string, if the member is there.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&str>, KeyError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(KeyError::malformed("not a string").at(name)),
        }
    }

    /// A string that must be there.
    pub(super) fn required_text(&self, name: &'static str) -> Result<&str, KeyError> {
        self.text(name)?
            .ok_or(KeyError::new(KeyErrorKind::MissingMember, "it is required").at(name))
    }

    /// Bytes in base64url that must be there.
    pub(super) fn bytes(&self, name: &'static str) -> Result<Bytes, KeyError> {
        base64::decode_url(self.required_text(name)?)
            .ok_or(KeyError::malformed("not base64url without padding").at(name))
    }

    /// An array of strings, if the member is there.
    pub(super) fn texts(&self, name: &'static str) -> Result<Option<&[String]>, KeyError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Texts(texts)) => Ok(Some(texts)),
            Some(_) => Err(KeyError::malformed("not an array of strings").at(name)),
        }
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.members
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JWK")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut read = Members {
                    members: Vec::new(),
                    problem: None,
                };
                while let Some(name) = map.next_key::<String>()? {
                    if read.has(&name) {
                        read.problem = Some(KeyError::new(
                            KeyErrorKind::DuplicateMember,
                            "a name stands twice in the JWK",
                        ));
                    } else if read.members.len() == MAX_MEMBERS {
                        read.problem = Some(KeyError::new(
                            KeyErrorKind::TooLarge,
                            "the JWK has over 64 members",
                        ));
                    } else if READ.contains(&name.as_str()) {
                        read.members.push((name, map.next_value()?));
                        continue;
                    } else {
                        read.members.push((name, Value::Other));
                    }
                    map.next_value::<IgnoredAny>()?;
                }
                Ok(read)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned().into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                let mut texts = Some(Vec::new());
                while let Some(value) = seq.next_element::<Value>()? {
                    match (&mut texts, value) {
                        (Some(texts), Value::Text(text)) => texts.push(text.as_str().to_owned()),
                        _ => texts = None,
                    }
                }
                Ok(texts.map_or(Value::Other, Value::Texts))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }
        }

        deserializer.deserialize_any(Any)
    }
}
