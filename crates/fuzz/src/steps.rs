//! Several things in one input: `[kind u8][length u16][bytes]`, repeated, little endian. What is cut off at the end is a shorter step, so that
//! no change of the bytes makes an input useless.

/// A kind and the bytes of one step.
pub type Step<'a> = (u8, &'a [u8]);

pub fn split(mut input: &[u8]) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    while let Some(([kind, low, high], rest)) = input.split_first_chunk::<3>() {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (bytes, after) = rest.split_at(length);
        steps.push((*kind, bytes));
        input = after;
    }
    steps
}

pub fn join<'a>(steps: impl IntoIterator<Item = Step<'a>>) -> Vec<u8> {
    let mut input = Vec::new();
    for (kind, bytes) in steps {
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        input.push(kind);
        input.extend_from_slice(&length.to_le_bytes());
        input.extend_from_slice(&bytes[..usize::from(length)]);
    }
    input
}
