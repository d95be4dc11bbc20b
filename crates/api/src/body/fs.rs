//! Files of an allocation.

use model::Time;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A file or directory.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AllocFileInfo {
    pub name: String,
    pub is_dir: bool,
    pub size: i64,
    /// `drwxr-xr-x`
    pub file_mode: String,
    pub mod_time: Time,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub content_type: String,
}

/// A piece of a file or log; `{}` is a heartbeat.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct StreamFrame {
    /// Where the piece ends in the file.
    #[serde(skip_serializing_if = "is_zero")]
    pub offset: i64,
    /// Base64 in JSON.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub data: Vec<u8>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// `file deleted`, `file truncated`, or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub file_event: String,
}

fn is_zero(offset: &i64) -> bool {
    *offset == 0
}

fn to_base64<S: Serializer>(data: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    use base64::Engine;
    serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(data))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    use base64::Engine;
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(Vec::new()) };
    base64::engine::general_purpose::STANDARD.decode(text).map_err(serde::de::Error::custom)
}
