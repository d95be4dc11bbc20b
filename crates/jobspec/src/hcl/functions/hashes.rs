//! Hashes, passwords and UUIDs.

use md5::Md5;
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha256, Sha512};
use uuid::Uuid;

use super::{Answer, Arguments, Function, function, rsa};
use crate::hcl::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    function("bcrypt", 1, 2, bcrypt_hash),
    function("md5", 1, 1, hash::<Md5>),
    function("rsadecrypt", 2, 2, rsa::decrypt),
    function("sha1", 1, 1, hash::<Sha1>),
    function("sha256", 1, 1, hash::<Sha256>),
    function("sha512", 1, 1, hash::<Sha512>),
    function("uuidv4", 0, 0, |arguments| Ok(uuid::Builder::from_random_bytes(arguments.random()).into_uuid().to_string().into())),
    function("uuidv5", 2, 2, uuid_of_name),
];

/// Each step doubles the work; 14 takes a second or so.
const BCRYPT_COST_MAX: u32 = 14;
/// What existing job files mean when they give none.
const BCRYPT_COST: u32 = 10;
/// Work units of the cheapest cost: a job may ask for one hash of the dearest, or for twenty common ones.
const BCRYPT_WORK: usize = 100_000;

fn hash<D: Digest>(arguments: &Arguments<'_>) -> Answer {
    Ok(hexadecimal(&D::digest(arguments.text(0)?.as_bytes())).into())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bcrypt_hash(arguments: &Arguments<'_>) -> Answer {
    let password = arguments.text(0)?;
    let cost = if arguments.has(1) { arguments.integer(1)? } else { i64::from(BCRYPT_COST) };
    let cost = u32::try_from(cost).ok().filter(|cost| (4..=BCRYPT_COST_MAX).contains(cost));
    let Some(cost) = cost else { return Err(arguments.refuse(1, format!("the cost must be between 4 and {BCRYPT_COST_MAX}"))) };
    arguments.charge_work(BCRYPT_WORK.saturating_mul(1 << cost.saturating_sub(4)))?;
    let hash = bcrypt::hash_with_salt(password.as_bytes(), cost, arguments.random());
    hash.map(|hash| hash.format_for_version(bcrypt::Version::TwoA).into()).map_err(|error| arguments.refuse(0, error.to_string()))
}

/// The namespace is `dns`, `url`, `oid`, `x500` or a UUID.
fn uuid_of_name(arguments: &Arguments<'_>) -> Answer {
    let (namespace, name) = (arguments.text(0)?, arguments.text(1)?);
    let namespace = match &*namespace {
        "dns" => Uuid::NAMESPACE_DNS,
        "url" => Uuid::NAMESPACE_URL,
        "oid" => Uuid::NAMESPACE_OID,
        "x500" => Uuid::NAMESPACE_X500,
        other => Uuid::parse_str(other).map_err(|_| arguments.refuse(0, "the namespace must be dns, url, oid, x500 or a UUID"))?,
    };
    Ok(Value::Text(Uuid::new_v5(&namespace, name.as_bytes()).to_string()))
}
