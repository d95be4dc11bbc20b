//! `rsadecrypt`: what was encrypted to an RSA key by PKCS #1 v1.5, with the private key in PEM.
//!
//! The key comes from the job file and the text goes back to whoever wrote it, so the time this takes tells nobody anything new.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigUint;

use super::{Answer, Arguments};

/// Bits; larger keys would only keep the machine busy.
const KEY_BITS_MAX: u64 = 8192;

pub(super) fn decrypt(arguments: &Arguments<'_>) -> Answer {
    let cipher = STANDARD.decode(arguments.text(0)?.trim()).map_err(|error| arguments.refuse(0, format!("not base64: {error}")))?;
    let key = private_key(&arguments.text(1)?).map_err(|reason| arguments.refuse(1, reason))?;
    arguments.charge_work(1_000_000)?;
    let length = usize::try_from(key.modulus.bits().div_ceil(8)).unwrap_or(0);
    let cipher = BigUint::from_bytes_be(&cipher);
    if cipher >= key.modulus {
        return Err(arguments.refuse(0, "the text was not encrypted to this key"));
    }
    let digits = cipher.modpow(&key.exponent, &key.modulus).to_bytes_be();
    let mut block = vec![0; length.saturating_sub(digits.len())];
    block.extend(digits);
    let plain = without_padding(&block).ok_or_else(|| arguments.refuse(0, "the text was not encrypted to this key"))?;
    let text = String::from_utf8(plain.to_vec()).map_err(|_| arguments.refuse(0, "what is encrypted is not text in UTF-8"))?;
    Ok(text.into())
}

/// `0 2 <8 or more bytes that are not 0> 0 <text>`.
fn without_padding(block: &[u8]) -> Option<&[u8]> {
    let rest = block.strip_prefix(&[0, 2])?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    if end < 8 { None } else { rest.get(end + 1..) }
}

struct PrivateKey {
    modulus: BigUint,
    exponent: BigUint,
}

fn private_key(pem: &str) -> Result<PrivateKey, String> {
    let wrong = || "not an RSA private key in PEM".to_owned();
    let body: String = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    if !pem.contains("PRIVATE KEY-----") {
        return Err(wrong());
    }
    if pem.contains("ENCRYPTED") {
        return Err("the key is protected by a password; write it without one".to_owned());
    }
    let der = STANDARD.decode(body).map_err(|_| wrong())?;
    // PKCS #8 wraps the key in a sequence of version, algorithm and octets; PKCS #1 is the key itself.
    let (_, mut fields) = element(&der, 0x30).ok_or_else(wrong)?;
    let mut numbers = Vec::new();
    while let Some((rest, number)) = element(fields, 0x02) {
        numbers.push(BigUint::from_bytes_be(number));
        fields = rest;
    }
    if numbers.len() == 1 {
        let (rest, _) = element(fields, 0x30).ok_or_else(wrong)?;
        let (_, octets) = element(rest, 0x04).ok_or_else(wrong)?;
        let (_, mut inner) = element(octets, 0x30).ok_or_else(wrong)?;
        numbers.clear();
        while let Some((rest, number)) = element(inner, 0x02) {
            numbers.push(BigUint::from_bytes_be(number));
            inner = rest;
        }
    }
    // Version, modulus, public exponent, private exponent, and primes that are not needed.
    let mut numbers = numbers.into_iter().skip(1);
    let (Some(modulus), Some(_), Some(exponent)) = (numbers.next(), numbers.next(), numbers.next()) else { return Err(wrong()) };
    if modulus.bits() > KEY_BITS_MAX || exponent > modulus || modulus.bits() < 128 {
        return Err(format!("the key must have between 128 and {KEY_BITS_MAX} bits"));
    }
    Ok(PrivateKey { modulus, exponent })
}

/// The content of the DER element of this tag at the beginning, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    if *found != tag {
        return None;
    }
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        length @ 0..=0x7f => (usize::from(*length), rest),
        // Four bytes of length are more than any key has.
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            (bytes.iter().fold(0, |length: usize, byte| (length << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((rest, content))
}
