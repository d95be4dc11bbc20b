//! Typed values to JSON bytes, without a tree between.

use bytes::Bytes;
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

/// Bytes of a list that go out together.
const PIECE: usize = 64 << 10;

/// A compact list in pieces, each made when it is asked for.
pub(crate) fn pieces<T, U: Serialize, F: Fn(&T) -> U>(items: Vec<T>, make: F) -> impl Iterator<Item = Result<Bytes, serde_json::Error>> {
    let mut items = items.into_iter();
    let (mut has_begun, mut is_over) = (false, false);
    std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        let mut bytes = Vec::with_capacity(PIECE + (PIECE >> 2));
        while bytes.len() < PIECE && !is_over {
            let item = items.next();
            is_over = item.is_none();
            if item.is_some() || !has_begun {
                bytes.push(if std::mem::replace(&mut has_begun, true) { b',' } else { b'[' });
            }
            match item.map(|item| serde_json::to_writer(&mut bytes, &make(&item))) {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    is_over = true;
                    return Some(Err(error));
                }
                None => bytes.push(b']'),
            }
        }
        Some(Ok(bytes.into()))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// All pieces together are the list.
    #[test]
    fn lists_in_pieces() {
        for (n, n_pieces) in [(0, 1..=1), (1, 1..=1), (2, 1..=1), (40_000, 3..=9)] {
            let items: Vec<u64> = (0..n).collect();
            let pieces: Vec<Bytes> = pieces(items.clone(), |item| item * 3).collect::<Result<_, _>>().expect("encoded");
            assert!(n_pieces.contains(&pieces.len()), "{n}: {}", pieces.len());
            let tripled: Vec<u64> = items.iter().map(|item| item * 3).collect();
            assert_eq!(pieces.concat(), serde_json::to_vec(&tripled).expect("encoded"));
        }
    }
}
