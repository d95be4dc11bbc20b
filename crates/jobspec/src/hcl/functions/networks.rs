//! Address ranges in CIDR notation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Answer, Arguments, Function, MANY, Refusal, function};
use crate::hcl::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    function("cidrhost", 2, 2, host),
    function("cidrnetmask", 1, 1, netmask),
    function("cidrsubnet", 3, 3, subnet),
    function("cidrsubnets", 1, MANY, subnets),
];

/// A range: its first address as a number, how many bits are fixed, and how many there are.
#[derive(Clone, Copy)]
struct Range {
    first: u128,
    fixed: u32,
    bits: u32,
}

impl Range {
    fn address(&self, number: u128) -> IpAddr {
        match u32::try_from(number) {
            Ok(number) if self.bits == 32 => IpAddr::V4(Ipv4Addr::from(number)),
            _ => IpAddr::V6(Ipv6Addr::from(number)),
        }
    }

    /// A number whose lowest `count` bits are ones.
    fn ones(count: u32) -> u128 {
        1_u128.checked_shl(count).map_or(u128::MAX, |power| power - 1)
    }

    /// The part with this number when the range is divided by `new_bits` more fixed bits.
    fn part(&self, new_bits: u32, number: u128) -> Range {
        let fixed = self.fixed + new_bits;
        Range { first: self.first | number.checked_shl(self.bits - fixed).unwrap_or(0), fixed, bits: self.bits }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address(self.first), self.fixed)
    }
}

fn range(arguments: &Arguments<'_>) -> Result<Range, Refusal> {
    let text = arguments.text(0)?;
    let wrong = || arguments.refuse(0, format!("{text:?} is not an address range such as 10.0.0.0/8"));
    let (address, fixed) = text.split_once('/').ok_or_else(wrong)?;
    let fixed: u32 = fixed.parse().map_err(|_| wrong())?;
    let (number, bits) = match address.parse().map_err(|_| wrong())? {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    if fixed > bits {
        return Err(wrong());
    }
    Ok(Range { first: number & !Range::ones(bits - fixed), fixed, bits })
}

/// A negative number counts from the end of the range.
fn host(arguments: &Arguments<'_>) -> Answer {
    let (range, number) = (range(arguments)?, arguments.integer(1)?);
    let last = Range::ones(range.bits - range.fixed);
    let offset =
        if number >= 0 { Some(u128::from(number.unsigned_abs())) } else { last.checked_sub(u128::from(number.unsigned_abs()) - 1) };
    let offset = offset.filter(|offset| *offset <= last).ok_or_else(|| arguments.refuse(1, format!("{range} has no host {number}")))?;
    Ok(range.address(range.first | offset).to_string().into())
}

fn netmask(arguments: &Arguments<'_>) -> Answer {
    let range = range(arguments)?;
    if range.bits != 32 {
        return Err(arguments.refuse(0, "only IPv4 has masks"));
    }
    Ok(range.address(Range::ones(32) & !Range::ones(32 - range.fixed)).to_string().into())
}

fn new_bits(arguments: &Arguments<'_>, index: usize, range: &Range) -> Result<u32, Refusal> {
    let bits = arguments.integer(index)?;
    let bits = u32::try_from(bits).ok().filter(|bits| *bits <= range.bits - range.fixed);
    bits.ok_or_else(|| arguments.refuse(index, format!("{range} can be divided by 0 to {} bits", range.bits - range.fixed)))
}

fn subnet(arguments: &Arguments<'_>) -> Answer {
    let range = range(arguments)?;
    let bits = new_bits(arguments, 1, &range)?;
    let number = u128::try_from(arguments.count(2)?).unwrap_or(u128::MAX);
    if number > Range::ones(bits) {
        return Err(arguments.refuse(2, format!("{bits} bits do not have a part {number}")));
    }
    Ok(range.part(bits, number).to_string().into())
}

/// One part after the other, each of its own size.
fn subnets(arguments: &Arguments<'_>) -> Answer {
    let range = range(arguments)?;
    let last = Range::ones(range.bits - range.fixed);
    let mut parts: Vec<Value> = Vec::new();
    // Where the next part can begin at the earliest; nowhere when all is given away.
    let mut free = Some(0_u128);
    for index in 1..arguments.len() {
        let bits = new_bits(arguments, index, &range)?;
        let size_mask = Range::ones(range.bits - range.fixed - bits);
        let start = free.and_then(|free| free.checked_add(size_mask)).map(|place| place & !size_mask).filter(|start| *start <= last);
        let start = start.ok_or_else(|| arguments.refuse(index, format!("{range} has no room left for this part")))?;
        parts.push(Range { first: range.first | start, fixed: range.fixed + bits, bits: range.bits }.to_string().into());
        free = (start | size_mask).checked_add(1);
    }
    Ok(Value::List(parts))
}
