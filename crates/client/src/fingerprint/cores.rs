//! Lists of processor cores, `0-3,8`.

use std::collections::BTreeSet;

/// The cores that a list names; none for the empty text.
///
/// # Errors
/// Which part is not a core or a range of cores.
pub fn cores(text: &str) -> Result<BTreeSet<u16>, String> {
    let core = |text: &str| text.trim().parse::<u16>().map_err(|_| format!("\"{}\" is not the number of a core", text.trim()));
    let mut cores = BTreeSet::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match part.split_once('-') {
            None => _ = cores.insert(core(part)?),
            Some((first, last)) => {
                let (first, last) = (core(first)?, core(last)?);
                if first > last {
                    return Err(format!("the range \"{part}\" ends before it begins"));
                }
                cores.extend(first..=last);
            }
        }
    }
    Ok(cores)
}

/// Which of a machine's cores tasks may reserve, and which are kept from them.
///
/// # Errors
/// A list names a core that the machine does not have, or nothing is left.
pub(crate) fn divide(n_cores: u16, reservable: &str, reserved: &str) -> Result<(Vec<u16>, Vec<u16>), String> {
    let all: BTreeSet<u16> = (0..n_cores).collect();
    let named = |key: &str, text: &str| {
        let named = cores(text).map_err(|problem| format!("{key}: {problem}"))?;
        match named.iter().find(|core| !all.contains(core)) {
            Some(core) => {
                Err(format!("{key}: there is no core {core}; this machine has {n_cores}, from 0 to {}", n_cores.saturating_sub(1)))
            }
            None => Ok(named),
        }
    };
    let reservable = if reservable.trim().is_empty() { all.clone() } else { named("reservable_cores", reservable)? };
    let reserved = named("reserved.cores", reserved)?;
    Ok((reservable.difference(&reserved).copied().collect(), reserved.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: cores that may be reserved and that are kept, of four; what is left and what is kept, or what is wrong.
    #[test]
    fn divisions() {
        for (reservable, reserved, want) in [
            ("", "", Ok((&[0, 1, 2, 3][..], &[][..]))),
            ("", "0", Ok((&[1, 2, 3], &[0]))),
            ("1-3", "0-1", Ok((&[2, 3], &[0, 1]))),
            ("2, 3", "", Ok((&[2, 3], &[]))),
            ("0", "0-3", Ok((&[], &[0, 1, 2, 3]))),
            ("4", "", Err("reservable_cores: there is no core 4; this machine has 4, from 0 to 3")),
            ("", "2-9", Err("reserved.cores: there is no core 4; this machine has 4, from 0 to 3")),
            ("3-1", "", Err("reservable_cores: the range \"3-1\" ends before it begins")),
            ("", "x", Err("reserved.cores: \"x\" is not the number of a core")),
        ] {
            let got = divide(4, reservable, reserved);
            assert_eq!(got, want.map(|(left, kept)| (left.to_vec(), kept.to_vec())).map_err(str::to_owned), "{reservable} {reserved}");
        }
    }
}
