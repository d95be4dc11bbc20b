//! Typed values to JSON bytes, without a tree between.

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

/// Compact, or indented by four with a newline at the end.
pub(crate) fn to_bytes<T: Serialize + ?Sized>(value: &T, pretty: bool) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = Vec::with_capacity(1024);
    if pretty {
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter))?;
        bytes.push(b'\n');
    } else {
        value.serialize(&mut serde_json::Serializer::new(&mut bytes))?;
    }
    Ok(bytes)
}

/// A list whose items are made one by one while it is written, so that only one exists at a time.
pub(crate) struct Each<'a, T, F>(&'a [T], F);

/// Items and how each is made.
pub(crate) fn each<T, U: Serialize, F: Fn(&T) -> U>(items: &[T], make: F) -> Each<'_, T, F> {
    Each(items, make)
}

impl<T, U: Serialize, F: Fn(&T) -> U> Serialize for Each<'_, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for item in self.0 {
            list.serialize_element(&self.1(item))?;
        }
        list.end()
    }
}
