//! Deserializes types from an index, so that the text is not tokenized again.

use std::borrow::Cow;

use serde::de::value::{BorrowedStrDeserializer, StringDeserializer};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Error;

use super::Bounds;
use super::object::{Kind, Member, Object, elements};

/// An indexed object as a serde data source. Only the requested values are passed to `serde_json`.
#[derive(Clone, Copy)]
pub(crate) struct Document<'de> {
    text: &'de str,
    object: &'de Object,
}

impl<'de> Document<'de> {
    pub(crate) const fn new(text: &'de str, object: &'de Object) -> Self {
        Self { text, object }
    }

    /// Deserializes a `T` after an attempt that failed. `null` members are absent at every level,
    /// and an error has the path of the value. `numeric` names a number that is read as its text
    /// where a string is wanted.
    #[cold]
    pub(crate) fn read_tolerantly<T: Deserialize<'de>>(
        self,
        numeric: Option<&'static str>,
    ) -> Result<T, Error> {
        let numeric = numeric.unwrap_or_default();
        T::deserialize(TolerantDocument(Members::new(
            self.text,
            self.object.members(),
            numeric,
        )))
    }

    fn whole(self) -> serde_json::Deserializer<serde_json::de::StrRead<'de>> {
        serde_json::Deserializer::from_str(self.text)
    }
}

impl<'de> Deserializer<'de> for Document<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Members::<false>::new(self.text, self.object.members(), ""))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        // Only the deserializer of `serde_json` handles the private name of `RawValue`.
        if name.starts_with('$') {
            return self.whole().deserialize_newtype_struct(name, visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.whole().deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// The members of a document whose values are read tolerantly.
struct TolerantDocument<'de, 'o>(Members<'de, 'o, true>);

impl<'de> Deserializer<'de> for TolerantDocument<'de, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

/// The start of the error that names a member of another type.
pub(crate) const MISFIT: &str = "another type is in ";
/// The start of serde's error for an absent member.
pub(crate) const ABSENT: &str = "missing field ";

/// Returns the error of a value with its place: a member, or an element in brackets. The message of
/// serde may quote the value, so only the two that never do are kept.
fn located(error: Option<&Error>, place: &str) -> Error {
    let text = error.map(ToString::to_string).unwrap_or_default();
    let below = |path: &str| {
        let dot = if path.starts_with('[') { "" } else { "." };
        format!("{place}{dot}{path}")
    };
    let place = match text.strip_prefix(MISFIT) {
        Some(path) => format!("{MISFIT}{}", below(path)),
        None if !text.starts_with(ABSENT) => format!("{MISFIT}{place}"),
        None => match text.split_once(" in ") {
            Some((field, path)) => format!("{field} in {}", below(path)),
            None => format!("{text} in {place}"),
        },
    };
    serde::de::Error::custom(place)
}

struct Members<'de, 'o, const TOLERANT: bool> {
    text: &'de str,
    rest: std::slice::Iter<'o, Member>,
    value: Option<&'o Member>,
    /// The name of a number that is read as text.
    numeric: &'static str,
}

impl<'de, 'o, const TOLERANT: bool> Members<'de, 'o, TOLERANT> {
    fn new(text: &'de str, members: &'o [Member], numeric: &'static str) -> Self {
        Self {
            text,
            rest: members.iter(),
            value: None,
            numeric,
        }
    }
}

impl<'de, const TOLERANT: bool> MapAccess<'de> for Members<'de, '_, TOLERANT> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some(member) = self
            .rest
            .find(|member| !TOLERANT || member.kind != Kind::Null)
        else {
            return Ok(None);
        };
        self.value = Some(member);
        match member.name(self.text) {
            Cow::Borrowed(name) => seed.deserialize(BorrowedStrDeserializer::new(name)),
            Cow::Owned(name) => seed.deserialize(StringDeserializer::new(name)),
        }
        .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let member = self
            .value
            .take()
            .ok_or_else(|| serde::de::Error::custom("`next_value` called before `next_key`"))?;
        let value = Value::<TOLERANT> {
            raw: member.raw(self.text),
            kind: member.kind,
            as_text: TOLERANT
                && member.kind == Kind::Number
                && member.name(self.text) == self.numeric,
        };
        seed.deserialize(value).map_err(|error| {
            let name = member.name(self.text);
            located(TOLERANT.then_some(&error), &plain(&name))
        })
    }

    fn size_hint(&self) -> Option<usize> {
        (!TOLERANT).then(|| self.rest.len())
    }
}

/// Returns the name of a member for a message: escaped, and at most 100 characters.
fn plain(name: &str) -> String {
    name.chars()
        .take(100)
        .flat_map(char::escape_debug)
        .collect()
}

/// The elements of an array whose values are read tolerantly.
struct Elements<'de> {
    rest: std::vec::IntoIter<&'de str>,
    place: usize,
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(raw) = self.rest.next() else {
            return Ok(None);
        };
        let place = self.place;
        self.place += 1;
        let value = Value::<true> {
            raw,
            kind: Kind::of(raw),
            as_text: false,
        };
        seed.deserialize(value)
            .map(Some)
            .map_err(|error| located(Some(&error), &format!("[{place}]")))
    }
}

struct Value<'de, const TOLERANT: bool> {
    raw: &'de str,
    kind: Kind,
    /// Whether a number is read as its text.
    as_text: bool,
}

impl<'de, const TOLERANT: bool> Value<'de, TOLERANT> {
    fn json(&self) -> serde_json::Deserializer<serde_json::de::StrRead<'de>> {
        serde_json::Deserializer::from_str(self.raw)
    }

    fn verbatim(&self) -> Option<&'de str> {
        matches!(self.kind, Kind::String { escaped: false })
            .then(|| &self.raw[1..self.raw.len() - 1])
    }

    /// Reads an object or array tolerantly; other values, and those that are not read so, with
    /// `otherwise`.
    fn nested<V: Visitor<'de>>(
        self,
        visitor: V,
        otherwise: impl FnOnce(Self, V) -> Result<V::Value, Error>,
    ) -> Result<V::Value, Error> {
        match self.kind {
            Kind::Object if TOLERANT => {
                let mut object = Object::default();
                if object.parse(self.raw, Bounds::NONE).is_err() {
                    return otherwise(self, visitor);
                }
                visitor.visit_map(Members::<true>::new(self.raw, object.members(), ""))
            }
            Kind::Array if TOLERANT => visitor.visit_seq(Elements {
                rest: elements(self.raw, usize::MAX)
                    .unwrap_or_default()
                    .into_iter(),
                place: 0,
            }),
            _ => otherwise(self, visitor),
        }
    }
}

macro_rules! through_json {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.json().$method(visitor)
        }
    )*};
}

macro_rules! nested_or_json {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.nested(visitor, |value, visitor| value.json().$method(visitor))
        }
    )*};
}

macro_rules! verbatim_or_json {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.verbatim() {
                Some(string) => visitor.visit_borrowed_str(string),
                None if TOLERANT && self.as_text => visitor.visit_borrowed_str(self.raw),
                None => self.json().$method(visitor),
            }
        }
    )*};
}

impl<'de, const TOLERANT: bool> Deserializer<'de> for Value<'de, TOLERANT> {
    type Error = Error;

    verbatim_or_json! { deserialize_str deserialize_string deserialize_identifier }

    nested_or_json! { deserialize_seq deserialize_map }

    through_json! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_bytes deserialize_byte_buf deserialize_unit
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.verbatim() {
            Some(string) => visitor.visit_borrowed_str(string),
            None => self.nested(visitor, |value, visitor| {
                value.json().deserialize_any(visitor)
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.kind == Kind::Null {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit() // checked by the scanner
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.json().deserialize_unit_struct(name, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        // Only the deserializer of `serde_json` handles the private name of `RawValue`.
        if TOLERANT && !name.starts_with('$') {
            return visitor.visit_newtype_struct(self);
        }
        self.json().deserialize_newtype_struct(name, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.nested(visitor, |value, visitor| {
            value.json().deserialize_tuple(len, visitor)
        })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.nested(visitor, |value, visitor| {
            value.json().deserialize_tuple_struct(name, len, visitor)
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.nested(visitor, |value, visitor| {
            value.json().deserialize_struct(name, fields, visitor)
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.json().deserialize_enum(name, variants, visitor)
    }
}
