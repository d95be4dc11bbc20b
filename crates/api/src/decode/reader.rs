//! The reader behind [`super::from_value`]: walks a JSON value along a type and knows where it is.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde_json::{Map, Value};

use super::{FieldError, find, kind};

pub(super) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, FieldError> {
    T::deserialize(Reader { value, path: Path::Root })
        .map_err(|problem| FieldError { path: problem.path.unwrap_or_default(), problem: problem.text })
}

/// Where a value stands in the body.
#[derive(Clone, Copy)]
enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    /// A key of a free map.
    Key(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Key(parent, name) => write!(f, "{parent}[{name}]"),
            Path::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// What is wrong. The path is added by the innermost reader that the problem passes.
#[derive(Debug)]
struct Problem {
    path: Option<String>,
    text: String,
}

impl Problem {
    fn at(mut self, path: &Path<'_>) -> Self {
        self.path.get_or_insert_with(|| path.to_string());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self { path: None, text: text.to_string() }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let known: Vec<&str> = expected.iter().copied().filter(|word| !word.is_empty()).collect();
        Self::custom(format!("unknown value {variant:?}, expected one of {}", known.join(", ")))
    }
}

struct Reader<'a> {
    value: &'a Value,
    path: Path<'a>,
}

impl Reader<'_> {
    fn expected(&self, what: &str) -> Problem {
        Problem { path: Some(self.path.to_string()), text: format!("expected {what}, got {}", kind(self.value)) }
    }

    fn located<T>(path: &Path<'_>, result: Result<T, Problem>) -> Result<T, Problem> {
        result.map_err(|problem| problem.at(path))
    }

    fn signed<'de, V: Visitor<'de>>(self, least: i64, most: i64, visitor: V) -> Result<V::Value, Problem> {
        let Value::Number(number) = self.value else { return Err(self.expected("integer")) };
        if number.is_f64() {
            return Err(self.expected("integer"));
        }
        match number.as_i64().filter(|value| (least..=most).contains(value)) {
            Some(value) => Self::located(&self.path, visitor.visit_i64(value)),
            None => Err(de::Error::custom(format!("{number} is out of range"))).map_err(|problem: Problem| problem.at(&self.path)),
        }
    }

    fn unsigned<'de, V: Visitor<'de>>(self, most: u64, visitor: V) -> Result<V::Value, Problem> {
        let Value::Number(number) = self.value else { return Err(self.expected("integer")) };
        if number.is_f64() {
            return Err(self.expected("integer"));
        }
        match number.as_u64() {
            Some(value) if value <= most => Self::located(&self.path, visitor.visit_u64(value)),
            Some(value) => Err(Problem { path: Some(self.path.to_string()), text: format!("{value} is out of range") }),
            None => Err(Problem { path: Some(self.path.to_string()), text: format!("expected integer from 0, got {number}") }),
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Problem;

    /// For free JSON values.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let path = self.path;
        Self::located(
            &path,
            match self.value {
                Value::Null => visitor.visit_unit(),
                Value::Bool(flag) => visitor.visit_bool(*flag),
                Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                    (Some(value), _, _) => visitor.visit_u64(value),
                    (_, Some(value), _) => visitor.visit_i64(value),
                    (_, _, Some(value)) => visitor.visit_f64(value),
                    _ => Err(de::Error::custom(format!("{number} is out of range"))),
                },
                Value::String(text) => visitor.visit_str(text),
                Value::Array(items) => visitor.visit_seq(Items { items: items.iter(), next: 0, path: &path }),
                Value::Object(object) => visitor.visit_map(Keys::new(object, &path)),
            },
        )
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.value {
            Value::Bool(flag) => Self::located(&self.path, visitor.visit_bool(*flag)),
            _ => Err(self.expected("boolean")),
        }
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.signed(i8::MIN.into(), i8::MAX.into(), visitor)
    }

    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.signed(i16::MIN.into(), i16::MAX.into(), visitor)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.signed(i32::MIN.into(), i32::MAX.into(), visitor)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.signed(i64::MIN, i64::MAX, visitor)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.unsigned(u8::MAX.into(), visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.unsigned(u16::MAX.into(), visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.unsigned(u32::MAX.into(), visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.unsigned(u64::MAX, visitor)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.value.as_f64() {
            Some(number) => Self::located(&self.path, visitor.visit_f64(number)),
            None => Err(self.expected("number")),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.value {
            Value::String(text) => Self::located(&self.path, visitor.visit_str(text)),
            _ => Err(self.expected("string")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            _ => Err(self.expected("null")),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.value {
            Value::Array(items) => {
                let path = self.path;
                Self::located(&path, visitor.visit_seq(Items { items: items.iter(), next: 0, path: &path }))
            }
            _ => Err(self.expected("array")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.value {
            Value::Object(object) => {
                let path = self.path;
                Self::located(&path, visitor.visit_map(Keys::new(object, &path)))
            }
            _ => Err(self.expected("object")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match self.value {
            Value::Object(object) => {
                let path = self.path;
                Self::located(&path, visitor.visit_map(Fields { object, names: fields.iter(), current: None, path: &path }))
            }
            _ => Err(self.expected("object")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Problem> {
        match self.value {
            Value::String(text) => Self::located(&self.path, visitor.visit_enum(Word(text))),
            _ => Err(self.expected("string")),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_unit()
    }
}

/// Items of an array.
struct Items<'a> {
    items: std::slice::Iter<'a, Value>,
    next: usize,
    path: &'a Path<'a>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Problem> {
        let Some(value) = self.items.next() else { return Ok(None) };
        let path = Path::Item(self.path, self.next);
        self.next += 1;
        seed.deserialize(Reader { value, path }).map(Some).map_err(|problem| problem.at(&path))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// Keys of a free map, as they are.
struct Keys<'a> {
    entries: serde_json::map::Iter<'a>,
    current: Option<(&'a str, &'a Value)>,
    path: &'a Path<'a>,
}

impl<'a> Keys<'a> {
    fn new(object: &'a Map<String, Value>, path: &'a Path<'a>) -> Self {
        Self { entries: object.iter(), current: None, path }
    }
}

impl<'de> MapAccess<'de> for Keys<'_> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Problem> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.current = Some((key, value));
        let key: StrDeserializer<'_, Problem> = key.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let Some((key, value)) = self.current.take() else { return Err(de::Error::custom("a value without a key")) };
        let path = Path::Key(self.path, key);
        seed.deserialize(Reader { value, path }).map_err(|problem| problem.at(&path))
    }
}

/// Fields of a type, found in an object in any case; absent ones and nulls are passed over.
struct Fields<'a> {
    object: &'a Map<String, Value>,
    names: std::slice::Iter<'static, &'static str>,
    current: Option<(&'static str, &'a Value)>,
    path: &'a Path<'a>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Problem> {
        for name in self.names.by_ref() {
            let value = find(self.object, name).and_then(|key| self.object.get(key)).filter(|value| !value.is_null());
            if let Some(value) = value {
                self.current = Some((name, value));
                let key: StrDeserializer<'_, Problem> = (*name).into_deserializer();
                return seed.deserialize(key).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let Some((name, value)) = self.current.take() else { return Err(de::Error::custom("a value without a key")) };
        let path = Path::Field(self.path, name);
        seed.deserialize(Reader { value, path }).map_err(|problem| problem.at(&path))
    }
}

/// One word of a closed set.
struct Word<'a>(&'a str);

impl<'de> EnumAccess<'de> for Word<'_> {
    type Error = Problem;
    type Variant = Nothing;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Nothing), Problem> {
        let word: StrDeserializer<'_, Problem> = self.0.into_deserializer();
        Ok((seed.deserialize(word)?, Nothing))
    }
}

/// Words carry nothing.
struct Nothing;

impl<'de> VariantAccess<'de> for Nothing {
    type Error = Problem;

    fn unit_variant(self) -> Result<(), Problem> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Problem> {
        Err(de::Error::custom("expected a word"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Problem> {
        Err(de::Error::custom("expected a word"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Problem> {
        Err(de::Error::custom("expected a word"))
    }
}
