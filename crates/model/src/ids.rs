//! Typed ids. A nil id means "none" and is the empty string in JSON, as in the existing interface.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A text that is not a UUID of 36 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an id of 36 characters")]
pub struct InvalidId(pub String);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Stands for "none".
            pub const NIL: Self = Self(Uuid::nil());

            pub fn is_nil(&self) -> bool {
                self.0.is_nil()
            }

            /// `None` when nil.
            pub fn some(self) -> Option<Self> {
                if self.is_nil() { None } else { Some(self) }
            }

            /// The first 8 characters, as shown to people.
            pub fn short(&self) -> String {
                let mut text = self.0.simple().to_string();
                text.truncate(8);
                text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if self.is_nil() { Ok(()) } else { self.0.hyphenated().fmt(f) }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if text.is_empty() {
                    return Ok(Self::NIL);
                }
                // The library also reads forms without hyphens or in braces, which nobody else would find again.
                let uuid = Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
                uuid.map(Self).ok_or_else(|| InvalidId(text.to_owned()))
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.as_bytes().serialize(serializer) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
                } else {
                    <[u8; 16]>::deserialize(deserializer).map(|bytes| Self(Uuid::from_bytes(bytes)))
                }
            }
        }
    };
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        // Nothing is kept for the empty text: there is no other form of it, so that equal texts are equal here, too.
        #[derive(Clone, Default)]
        pub struct $name(Option<Arc<str>>);

        impl $name {
            pub fn as_str(&self) -> &str {
                self.0.as_deref().unwrap_or_default()
            }
        }

        impl std::ops::Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                self.as_str()
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                match (&self.0, &other.0) {
                    (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one == other,
                    (one, other) => one.is_none() && other.is_none(),
                }
            }
        }

        impl Eq for $name {}

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.as_str().cmp(other.as_str())
            }
        }

        impl std::hash::Hash for $name {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.as_str().hash(state);
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self((!text.is_empty()).then(|| Arc::from(text)))
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::from(text.as_str())
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::from)
            }
        }
    };
}

uuid_id!(/// Names an allocation.
    AllocId);
uuid_id!(/// Names an evaluation.
    EvalId);
uuid_id!(/// Names a deployment.
    DeploymentId);
uuid_id!(/// Names a node.
    NodeId);
text!(/// Names a job within its namespace.
    JobId);
text!(/// Names a namespace.
    Namespace);
text!(/// Names a region.
    RegionName);
text!(/// A short text that many things share: a clone is a pointer.
    Text);

impl PartialEq<String> for Text {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<Text> for String {
    fn eq(&self, other: &Text) -> bool {
        self == other.as_str()
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.as_str().to_owned()
    }
}

/// Makes ids from a seed, so that who decides needs no dice of its own. SplitMix64 (Steele, Lea, Flood 2014); the ids look like version 4.
#[derive(Clone, Debug)]
pub struct IdSource(u64);

impl IdSource {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn next_uuid(&mut self) -> Uuid {
        let (high, low) = (self.next_u64(), self.next_u64());
        uuid::Builder::from_random_bytes(((u128::from(high) << 64) | u128::from(low)).to_be_bytes()).into_uuid()
    }
}

/// Names a job in a region.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct JobKey {
    pub namespace: Namespace,
    pub id: JobId,
}

impl JobKey {
    pub fn new(namespace: impl Into<Namespace>, id: impl Into<JobId>) -> Self {
        Self { namespace: namespace.into(), id: id.into() }
    }
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids read and write the texts of the interface, and refuse others.
    #[test]
    fn ids_round_trip() {
        let id: AllocId = "5456bd7a-9fc0-c0dd-6131-cbee77f57577".parse().unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"5456bd7a-9fc0-c0dd-6131-cbee77f57577\"");
        assert_eq!(serde_json::from_str::<AllocId>("\"5456bd7a-9fc0-c0dd-6131-cbee77f57577\"").unwrap(), id);
        assert_eq!(serde_json::to_string(&AllocId::NIL).unwrap(), "\"\"");
        assert_eq!(serde_json::from_str::<AllocId>("\"\"").unwrap(), AllocId::NIL);
        assert_eq!(id.short(), "5456bd7a");
        for text in
            ["5456", "5456bd7a9fc0c0dd6131cbee77f57577", "{5456bd7a-9fc0-c0dd-6131-cbee77f57577}", "5456bd7a-9fc0-c0dd-6131-cbee77f5757x"]
        {
            assert_eq!(text.parse::<AllocId>(), Err(InvalidId(text.to_owned())));
        }
    }
}
