//! The JSON of an object, but only what selectors name: an allocation holds its whole job, and a filter looks at a field or two of it.

use serde::ser::{Error as _, SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};
use serde_json::value::Serializer as Whole;
use serde_json::{Error, Map, Value};

/// Makes JSON of what `paths` lead to; other fields are left out. Lists on the way are taken whole.
pub(super) struct Picker<'p> {
    /// From this value on, none of them empty.
    paths: Vec<&'p [String]>,
}

/// What the paths lead to in the object.
pub(super) fn pick<T: Serialize + ?Sized>(object: &T, paths: Vec<&[String]>) -> Result<Value, Error> {
    if paths.iter().any(|path| path.is_empty()) { object.serialize(Whole) } else { object.serialize(Picker { paths }) }
}

pub(super) struct Fields<'p> {
    paths: Vec<&'p [String]>,
    picked: Map<String, Value>,
    key: String,
}

impl Fields<'_> {
    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Error> {
        let inner: Vec<&[String]> =
            self.paths.iter().filter_map(|path| path.split_first()).filter(|(first, _)| *first == name).map(|(_, rest)| rest).collect();
        if !inner.is_empty() {
            self.picked.insert(name.to_owned(), pick(value, inner)?);
        }
        Ok(())
    }
}

impl SerializeStruct for Fields<'_> {
    type Ok = Value;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.field(name, value)
    }

    fn end(self) -> Result<Value, Error> {
        Ok(Value::Object(self.picked))
    }
}

impl SerializeMap for Fields<'_> {
    type Ok = Value;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.key = match key.serialize(Whole)? {
            Value::String(key) => key,
            Value::Number(key) => key.to_string(),
            Value::Bool(key) => key.to_string(),
            _ => return Err(Error::custom("a key must be a text")),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let name = std::mem::take(&mut self.key);
        self.field(&name, value)
    }

    fn end(self) -> Result<Value, Error> {
        Ok(Value::Object(self.picked))
    }
}

/// What has no fields is what it is.
macro_rules! whole {
    ($($method:ident($($name:ident: $type:ty),*) -> $result:ty;)*) => {
        $(fn $method(self, $($name: $type),*) -> Result<$result, Error> {
            Whole.$method($($name),*)
        })*
    };
}

impl<'p> Serializer for Picker<'p> {
    type Ok = Value;
    type Error = Error;
    type SerializeSeq = <Whole as Serializer>::SerializeSeq;
    type SerializeTuple = <Whole as Serializer>::SerializeTuple;
    type SerializeTupleStruct = <Whole as Serializer>::SerializeTupleStruct;
    type SerializeTupleVariant = <Whole as Serializer>::SerializeTupleVariant;
    type SerializeMap = Fields<'p>;
    type SerializeStruct = Fields<'p>;
    type SerializeStructVariant = <Whole as Serializer>::SerializeStructVariant;

    whole! {
        serialize_bool(value: bool) -> Value;
        serialize_i8(value: i8) -> Value;
        serialize_i16(value: i16) -> Value;
        serialize_i32(value: i32) -> Value;
        serialize_i64(value: i64) -> Value;
        serialize_i128(value: i128) -> Value;
        serialize_u8(value: u8) -> Value;
        serialize_u16(value: u16) -> Value;
        serialize_u32(value: u32) -> Value;
        serialize_u64(value: u64) -> Value;
        serialize_u128(value: u128) -> Value;
        serialize_f32(value: f32) -> Value;
        serialize_f64(value: f64) -> Value;
        serialize_char(value: char) -> Value;
        serialize_str(value: &str) -> Value;
        serialize_bytes(value: &[u8]) -> Value;
        serialize_none() -> Value;
        serialize_unit() -> Value;
        serialize_unit_struct(name: &'static str) -> Value;
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str) -> Value;
        serialize_seq(length: Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(length: usize) -> Self::SerializeTuple;
        serialize_tuple_struct(name: &'static str, length: usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, length: usize) -> Self::SerializeTupleVariant;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, length: usize) -> Self::SerializeStructVariant;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result<Value, Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        Whole.serialize_newtype_variant(name, index, variant, value)
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Fields<'p>, Error> {
        Ok(Fields { paths: self.paths, picked: Map::new(), key: String::new() })
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Fields<'p>, Error> {
        self.serialize_map(None)
    }
}
