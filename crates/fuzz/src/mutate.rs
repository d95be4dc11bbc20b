//! Inputs changed at random, the same for the same seed.

use model::IdSource;

/// Values at which things go wrong.
const BYTES: [u8; 12] = [0, 1, 0x7f, 0x80, 0xfb, 0xfc, 0xfd, 0xff, b'"', b'{', b'(', b'$'];
const CHANGES_MAX: u64 = 6;

/// `input` with a few changes: bits and bytes, pieces left out, doubled, moved and taken from `other`.
pub fn mutate(input: &[u8], other: &[u8], length_max: usize, seed: u64) -> Vec<u8> {
    let mut dice = IdSource::new(seed);
    let mut below = |n: usize| if n == 0 { 0 } else { (dice.next_u64() % n as u64) as usize };
    let mut bytes = input.to_vec();
    for _ in 0..=below(CHANGES_MAX as usize) {
        let (at, n) = (below(bytes.len()), below(16) + 1);
        let end = bytes.len().min(at + n);
        match below(8) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << below(8),
            1 if !bytes.is_empty() => bytes[at] = BYTES[below(BYTES.len())],
            2 => bytes.insert(at, BYTES[below(BYTES.len())]),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].repeat(below(20) + 1);
                bytes.splice(at..at, piece);
            }
            5 => {
                let from = below(other.len());
                let piece = &other[from..other.len().min(from + 4 * n)];
                bytes.splice(at..at, piece.iter().copied());
            }
            6 => {
                let from = below(other.len());
                let piece = &other[from..other.len().min(from + n)];
                bytes.splice(at..end, piece.iter().copied());
            }
            _ => bytes.truncate(bytes.len().max(1) - below(2).min(bytes.len())),
        }
    }
    bytes.truncate(length_max);
    bytes
}
