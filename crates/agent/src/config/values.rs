//! The kinds of value a key can have: what is accepted, and how a refusal is worded.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use model::{JobType, SchedulerAlgorithm};
pub use telemetry::LogLevel;

use super::document::{Entry, Value};
use super::{DrainOnShutdown, HostNetwork};

/// A place in the configuration that takes one kind of value.
pub enum Slot<'c> {
    Text(&'c mut String),
    OptionalText(&'c mut Option<String>),
    Path(&'c mut Option<PathBuf>),
    Switch(&'c mut bool),
    Count(&'c mut u64, RangeInclusive<u64>),
    Signed(&'c mut i64, RangeInclusive<i64>),
    /// A number of bytes, with a unit or without.
    Bytes(&'c mut u64),
    /// From 0 to 100.
    Percent(&'c mut f64),
    /// Per second, above zero.
    Rate(&'c mut f64),
    Port(&'c mut u16),
    Time(&'c mut Duration),
    Address(&'c mut IpAddr),
    OptionalAddress(&'c mut Option<IpAddr>),
    Addresses(&'c mut Vec<IpAddr>),
    Advertise(&'c mut Option<Advertise>),
    Words(&'c mut Vec<String>),
    Peers(&'c mut Vec<String>),
    Map(&'c mut BTreeMap<String, String>),
    Level(&'c mut LogLevel),
    /// Blocks with a label each.
    HostNetworks(&'c mut BTreeMap<String, HostNetwork>),
    /// A block that may be empty and means something all the same.
    DrainOnShutdown(&'c mut Option<DrainOnShutdown>),
    Algorithm(&'c mut SchedulerAlgorithm),
    JobTypes(&'c mut Vec<JobType>),
}

impl Slot<'_> {
    /// Puts a value of a file in place.
    ///
    /// # Errors
    /// What is expected instead, for a person.
    pub fn set(self, value: &Value) -> Result<(), String> {
        match self {
            Slot::Text(slot) => *slot = text(value)?,
            Slot::OptionalText(slot) => *slot = Some(text(value)?).filter(|text| !text.is_empty()),
            Slot::Path(slot) => *slot = Some(text(value)?).filter(|text| !text.is_empty()).map(PathBuf::from),
            Slot::Switch(slot) => *slot = switch(value)?,
            Slot::Count(slot, range) => *slot = whole(value, *range.start() as f64..=*range.end() as f64)? as u64,
            Slot::Signed(slot, range) => *slot = whole(value, *range.start() as f64..=*range.end() as f64)? as i64,
            Slot::Bytes(slot) => *slot = bytes(value)?,
            Slot::Percent(slot) => *slot = percent(value)?,
            Slot::Rate(slot) => *slot = rate(value)?,
            Slot::Port(slot) => *slot = whole(value, 0.0..=f64::from(u16::MAX))? as u16,
            Slot::Time(slot) => *slot = duration(&text_of(value, "a duration such as \"30s\"")?)?,
            Slot::Address(slot) => *slot = address(&text(value)?)?,
            Slot::OptionalAddress(slot) => *slot = Some(address(&text(value)?)?),
            Slot::Addresses(slot) => *slot = text(value)?.split_whitespace().map(address).collect::<Result<_, _>>()?,
            Slot::Advertise(slot) => *slot = Some(text(value)?.parse()?),
            Slot::Words(slot) => *slot = words(value)?,
            Slot::Peers(slot) => *slot = peers(value)?,
            Slot::Map(slot) => slot.extend(map(value)?),
            Slot::HostNetworks(slot) => host_networks(value, slot)?,
            Slot::DrainOnShutdown(slot) => drain_on_shutdown(value, slot.get_or_insert_default())?,
            Slot::JobTypes(slot) => *slot = crate::schedulers::parse_kinds(&words(value)?)?,
            Slot::Algorithm(slot) => *slot = algorithm(&text(value)?)?,
            Slot::Level(slot) => *slot = text(value)?.parse().map_err(|unknown: telemetry::UnknownLevel| unknown.to_string())?,
        }
        Ok(())
    }

    /// What a flag's text means for this slot: a comma list, a number, a truth value, or the text itself.
    pub fn read_text(&self, given: &[String]) -> Value {
        let node = |text: &str| super::document::Node { at: 0, value: Value::Text(text.to_owned()) };
        match self {
            Slot::Peers(_) | Slot::Words(_) | Slot::JobTypes(_) => {
                Value::List(given.iter().flat_map(|list| list.split(',')).map(|item| node(item.trim())).collect())
            }
            Slot::Map(_) => {
                let pair = |item: &String| {
                    let (key, value) = item.split_once('=').unwrap_or((item, ""));
                    Entry { key: key.to_owned(), at: 0, node: node(value) }
                };
                Value::Map(given.iter().map(pair).collect())
            }
            _ => Value::Text(given.last().cloned().unwrap_or_default()),
        }
    }
}

/// An address that others are told: a host, and a port unless it is the one listened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertise {
    pub host: IpAddr,
    /// Not set, or zero: the port that is listened on.
    pub port: Option<u16>,
}

impl FromStr for Advertise {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(whole) = SocketAddr::from_str(text) {
            return Ok(Advertise { host: whole.ip(), port: Some(whole.port()).filter(|port| *port != 0) });
        }
        if let Some((host, port)) = text.rsplit_once(':').filter(|(host, _)| !host.contains(':')) {
            let port = u16::from_str(port).map_err(|_| format!("\"{port}\" is not a port: write a number from 0 to 65535"))?;
            return Ok(Advertise { host: address(host)?, port: Some(port).filter(|port| *port != 0) });
        }
        Ok(Advertise { host: address(text)?, port: None })
    }
}

fn expected(what: &str, found: &Value) -> String {
    let found = match found {
        Value::Null => "null".to_owned(),
        Value::Switch(value) => format!("the boolean {value}"),
        Value::Number(value) => format!("the number {value}"),
        Value::Text(value) => format!("the string \"{value}\""),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a map".to_owned(),
    };
    format!("expected {what}, found {found}")
}

fn text(value: &Value) -> Result<String, String> {
    text_of(value, "a string")
}

fn text_of(value: &Value, what: &str) -> Result<String, String> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        other => Err(expected(what, other)),
    }
}

fn switch(value: &Value) -> Result<bool, String> {
    match value {
        Value::Switch(value) => Ok(*value),
        Value::Text(text) if text == "true" || text == "1" => Ok(true),
        Value::Text(text) if text == "false" || text == "0" => Ok(false),
        other => Err(expected("true or false", other)),
    }
}

fn number(value: &Value, what: &str) -> Result<f64, String> {
    match value {
        Value::Number(number) => Ok(*number),
        Value::Text(text) => text.parse().map_err(|_| expected(what, value)),
        other => Err(expected(what, other)),
    }
}

fn whole(value: &Value, range: RangeInclusive<f64>) -> Result<f64, String> {
    let what = if *range.end() >= u32::MAX.into() {
        format!("a whole number not below {}", range.start())
    } else {
        format!("a whole number from {} to {}", range.start(), range.end())
    };
    let number = number(value, &what)?;
    if number.fract() != 0.0 || !range.contains(&number) {
        return Err(expected(&what, value));
    }
    Ok(number)
}

/// `1M` is a million, `1MiB` 2 to the 20th.
fn bytes(value: &Value) -> Result<u64, String> {
    let what = "a size such as \"1M\" or \"512KiB\"";
    match value {
        Value::Text(text) => text.parse::<bytesize::ByteSize>().map(|size| size.as_u64()).map_err(|_| expected(what, value)),
        other => whole(other, 0.0..=9e15).map(|number| number as u64).map_err(|_| expected(what, other)),
    }
}

fn percent(value: &Value) -> Result<f64, String> {
    let what = "a percentage from 0 to 100";
    match number(value, what)? {
        percent if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err(expected(what, value)),
    }
}

fn rate(value: &Value) -> Result<f64, String> {
    let what = "a number above zero";
    match number(value, what)? {
        rate if rate > 0.0 && rate <= 1e6 => Ok(rate),
        _ => Err(expected(what, value)),
    }
}

fn words(value: &Value) -> Result<Vec<String>, String> {
    let Value::List(nodes) = value else { return Err(expected("a list of strings", value)) };
    nodes.iter().map(|node| text(&node.value)).collect()
}

fn address(text: &str) -> Result<IpAddr, String> {
    if text.contains("{{") {
        return Err(format!("address templates are not supported yet: write an IP address in place of \"{text}\""));
    }
    if text == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    text.trim_start_matches('[').trim_end_matches(']').parse().map_err(|_| format!("\"{text}\" is not an IP address"))
}

/// Addresses to contact, `host[:port]`; names are looked up when they are contacted.
fn peers(value: &Value) -> Result<Vec<String>, String> {
    let what = "a list of addresses, [\"host:port\", …]";
    let Value::List(nodes) = value else { return Err(expected(what, value)) };
    let mut peers = Vec::new();
    for node in nodes {
        let peer = text_of(&node.value, "an address, \"host:port\"")?;
        if peer.starts_with("provider=") || peer.contains("{{") {
            return Err(format!("finding addresses by \"{peer}\" is not supported yet: write host:port"));
        }
        if peer.contains(char::is_whitespace) || peer.contains('/') {
            return Err(format!("\"{peer}\" is not an address: write host:port"));
        }
        if let Some((host, port)) = peer.rsplit_once(':')
            && (!host.contains(':') || host.ends_with(']'))
            && (host.is_empty() || u16::from_str(port).is_err())
        {
            return Err(format!("\"{peer}\" is not an address: write host:port"));
        }
        peers.push(peer);
    }
    Ok(peers)
}

fn map(value: &Value) -> Result<BTreeMap<String, String>, String> {
    let what = "a map of strings, { key = \"value\" }";
    let entries: Vec<&Entry> = match value {
        Value::Map(entries) => entries.iter().collect(),
        // the shape that JSON files give blocks
        Value::List(nodes) => {
            let mut entries = Vec::new();
            for node in nodes {
                let Value::Map(inner) = &node.value else { return Err(expected(what, value)) };
                entries.extend(inner);
            }
            entries
        }
        other => return Err(expected(what, other)),
    };
    let mut map = BTreeMap::new();
    for entry in entries {
        if entry.key.is_empty() {
            return Err("a key of the map is empty".to_owned());
        }
        let value = match &entry.node.value {
            Value::Text(text) => text.clone(),
            Value::Switch(value) => value.to_string(),
            Value::Number(value) => value.to_string(),
            other => return Err(format!("{}: {}", entry.key, expected("a string", other))),
        };
        map.insert(entry.key.clone(), value);
    }
    Ok(map)
}

/// The entries of a block, also of one that is written more than once.
fn block<'v>(value: &'v Value, what: &str) -> Result<Vec<&'v Entry>, String> {
    match value {
        Value::Map(entries) => Ok(entries.iter().collect()),
        Value::List(nodes) => nodes.iter().map(|node| block(&node.value, what)).collect::<Result<Vec<_>, _>>().map(|parts| parts.concat()),
        other => Err(expected(what, other)),
    }
}

fn host_networks(value: &Value, networks: &mut BTreeMap<String, HostNetwork>) -> Result<(), String> {
    for labelled in block(value, "blocks with a name, host_network \"public\" { … }")? {
        let name = &labelled.key;
        let network = networks.entry(name.clone()).or_default();
        for entry in block(&labelled.node.value, "a block with a name, host_network \"public\" { … }")? {
            let slot = match entry.key.as_str() {
                "cidr" => &mut network.cidr,
                "interface" => &mut network.interface,
                "reserved_ports" => &mut network.reserved_ports,
                other => return Err(format!("\"{name}\": unknown key \"{other}\"; it takes cidr, interface, reserved_ports")),
            };
            *slot = text(&entry.node.value).map_err(|problem| format!("\"{name}\": {}: {problem}", entry.key))?;
            if slot.contains("{{") {
                return Err(format!("\"{name}\": {}: address templates are not supported yet: write the value itself", entry.key));
            }
        }
    }
    Ok(())
}

fn drain_on_shutdown(value: &Value, drain: &mut DrainOnShutdown) -> Result<(), String> {
    for entry in block(value, "a block, drain_on_shutdown { … }")? {
        let given = &entry.node.value;
        let set = match entry.key.as_str() {
            "deadline" => text_of(given, "a duration such as \"30s\"").and_then(|text| duration(&text)).map(|time| drain.deadline = time),
            "ignore_system_jobs" => switch(given).map(|on| drain.ignore_system_jobs = on),
            "force" => switch(given).map(|on| drain.force = on),
            other => return Err(format!("unknown key \"{other}\"; it takes deadline, ignore_system_jobs, force")),
        };
        set.map_err(|problem| format!("{}: {problem}", entry.key))?;
    }
    Ok(())
}

fn algorithm(text: &str) -> Result<SchedulerAlgorithm, String> {
    match text.parse() {
        Ok(algorithm) if algorithm != SchedulerAlgorithm::Unset => Ok(algorithm),
        _ => Err(format!("\"{text}\" is not a scheduler algorithm: write binpack or spread")),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let nanoseconds = model::parse_duration(text).map_err(|e| e.to_string())?;
    u64::try_from(nanoseconds).map(Duration::from_nanos).map_err(|_| format!("\"{text}\" is below zero"))
}
