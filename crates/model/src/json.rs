//! What lets one family of types be the JSON of the interface and the bincode of the log.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whether a value is left out of JSON by the types that leave out what is empty.
pub trait IsEmpty {
    fn is_empty_value(&self) -> bool;
}

macro_rules! empty_when_default {
    ($($t:ty),+) => { $(impl IsEmpty for $t { fn is_empty_value(&self) -> bool { *self == <$t>::default() } })+ };
}
empty_when_default!(bool, i64, u64, u16, f64, String, crate::Text, crate::Time);
empty_when_default!(crate::AllocId, crate::EvalId, crate::DeploymentId, crate::NodeId, crate::JobId, crate::Namespace);

impl<T> IsEmpty for Option<T> {
    fn is_empty_value(&self) -> bool {
        self.is_none()
    }
}

impl<T> IsEmpty for Vec<T> {
    fn is_empty_value(&self) -> bool {
        self.is_empty()
    }
}

impl<K, V> IsEmpty for BTreeMap<K, V> {
    fn is_empty_value(&self) -> bool {
        self.is_empty()
    }
}

impl IsEmpty for crate::DesiredTransition {
    fn is_empty_value(&self) -> bool {
        // The interface's structs are never empty, so this object is always present.
        false
    }
}

/// Empty lists and maps are `null` in JSON, and `null` reads as empty; in bincode they are plain.
pub mod nullable {
    use super::*;

    pub fn serialize<T: Serialize + IsEmpty, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() && value.is_empty_value() { serializer.serialize_unit() } else { value.serialize(serializer) }
    }

    pub fn deserialize<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        if deserializer.is_human_readable() {
            Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
        } else {
            T::deserialize(deserializer)
        }
    }
}

/// As [`nullable`], for fields that the nouns' shapes have only since a version of theirs: bytes of earlier ones do not have them.
macro_rules! since {
    ($name:ident, $version:literal) => {
        pub mod $name {
            use super::*;

            pub use super::nullable::serialize;

            pub fn deserialize<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
                if !deserializer.is_human_readable() && crate::codec::shapes_read() < $version {
                    return Ok(T::default());
                }
                nullable::deserialize(deserializer)
            }
        }
    };
}
since!(since_2, 2);
since!(since_3, 3);
since!(since_4, 4);

/// A nil UUID is the empty text in JSON; in bincode it is plain.
pub mod blank_when_nil {
    use super::*;
    use uuid::Uuid;

    pub fn serialize<S: Serializer>(value: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() && value.is_nil() { serializer.serialize_str("") } else { value.serialize(serializer) }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
        if !deserializer.is_human_readable() {
            return Uuid::deserialize(deserializer);
        }
        let text = String::deserialize(deserializer)?;
        if text.is_empty() { Ok(Uuid::nil()) } else { Uuid::try_parse(&text).map_err(de::Error::custom) }
    }
}

/// Implements `Serialize` for a type whose empty fields are left out in JSON; in bincode all fields are written, in this order, which must be
/// the declared one.
macro_rules! omit_empty {
    ($type:ident { $($field:ident : $name:literal),+ $(,)? }) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    use serde::ser::SerializeMap;
                    let mut map = serializer.serialize_map(None)?;
                    $(if !crate::json::IsEmpty::is_empty_value(&self.$field) { map.serialize_entry($name, &self.$field)?; })+
                    map.end()
                } else {
                    use serde::ser::SerializeStruct;
                    let mut fields = serializer.serialize_struct(stringify!($type), [$($name),+].len())?;
                    $(fields.serialize_field($name, &self.$field)?;)+
                    fields.end()
                }
            }
        }
    };
}
pub(crate) use omit_empty;

/// A part of the interface that is not supported yet: always `null`. Reading accepts what means "nothing" (`null`, empty, zero, false) and
/// refuses everything else, so that nothing a client asks for is silently dropped. Takes no bytes in bincode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Absent;

impl Serialize for Absent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Absent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return <()>::deserialize(deserializer).map(|()| Absent);
        }
        let value = serde_json::Value::deserialize(deserializer)?;
        if means_nothing(&value) { Ok(Absent) } else { Err(de::Error::custom("not supported yet")) }
    }
}

impl IsEmpty for Absent {
    fn is_empty_value(&self) -> bool {
        true
    }
}

/// `null`, `false`, zero, an empty text, list or object, or a list or object of such.
pub fn means_nothing(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(means_nothing),
        Value::Object(fields) => fields.values().all(means_nothing),
    }
}

/// The bytes with which a job was dispatched. In JSON base64, `null` when there are none; in bincode the bytes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Payload(pub Arc<[u8]>);

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl IsEmpty for Payload {
    fn is_empty_value(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            self.0.serialize(serializer)
        } else if self.0.is_empty() {
            serializer.serialize_unit()
        } else {
            serializer.serialize_str(&BASE64.encode(&self.0))
        }
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return Vec::<u8>::deserialize(deserializer).map(|bytes| Self(bytes.into()));
        }
        let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        BASE64.decode(text).map(|bytes| Self(bytes.into())).map_err(de::Error::custom)
    }
}

/// The configuration that a task hands to its driver: a free JSON object. In bincode it is its JSON text, because bincode cannot describe
/// free values and has no limit of depth.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DriverConfig(pub Arc<serde_json::Map<String, serde_json::Value>>);

impl DriverConfig {
    pub fn get(&self, key: &str) -> Option<&serde_json::Value> {
        self.0.get(key)
    }
}

impl From<serde_json::Map<String, serde_json::Value>> for DriverConfig {
    fn from(map: serde_json::Map<String, serde_json::Value>) -> Self {
        Self(Arc::new(map))
    }
}

impl IsEmpty for DriverConfig {
    fn is_empty_value(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for DriverConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            self.0.serialize(serializer)
        } else {
            let text = serde_json::to_string(&*self.0).map_err(serde::ser::Error::custom)?;
            serializer.serialize_str(&text)
        }
    }
}

impl<'de> Deserialize<'de> for DriverConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return serde_json::Map::deserialize(deserializer).map(Self::from);
        }
        struct Text;
        impl Visitor<'_> for Text {
            type Value = DriverConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object as text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<DriverConfig, E> {
                serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).map(DriverConfig::from).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}
