//! A small stable 64-bit hash, for digests. The same on every build and machine, which the standard library's is not.

/// FNV-1a over the bytes, then mixed so that sums of hashes are good fingerprints of sets.
pub(crate) fn bytes(bytes: &[u8]) -> u64 {
    let folded = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    mix(folded)
}

/// One more number into a hash; the order of calls matters.
pub(crate) fn with(hash: u64, number: u64) -> u64 {
    mix(hash.rotate_left(17) ^ mix(number))
}

/// The finalizer of splitmix64 (Steele, Lea, Flood 2014).
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    /// These numbers are part of the wire format: servers of different builds compare them.
    #[test]
    fn values_never_change() {
        // Computed apart from this code.
        assert_eq!(super::bytes(b""), 0xc381_7c01_6ba4_ff30);
        assert_eq!(super::bytes(b"west"), 0xfa70_537b_7945_7243);
        assert_eq!(super::with(super::bytes(b"west"), 7), 0xcced_356e_b695_053e);
        assert_ne!(super::with(super::with(1, 2), 3), super::with(super::with(1, 3), 2));
    }
}
