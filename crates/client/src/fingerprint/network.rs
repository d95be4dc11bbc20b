//! The node's address: that of the configured interface, or of the one with the default route.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};

use crate::config::HostNetwork;

/// An address and its interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub device: String,
    pub ip: IpAddr,
}

impl Address {
    pub fn cidr(&self) -> String {
        let bits = if self.ip.is_ipv4() { 32 } else { 128 };
        format!("{}/{bits}", self.ip)
    }

    /// Not only good on the link.
    pub fn is_global(&self) -> bool {
        match self.ip {
            IpAddr::V4(ip) => !ip.is_link_local(),
            IpAddr::V6(ip) => !ip.is_unicast_link_local(),
        }
    }

    pub fn mac(&self) -> String {
        fs::read_to_string(format!("/sys/class/net/{}/address", self.device)).unwrap_or_default().trim().to_owned()
    }
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    n_bits: u8,
}

impl std::str::FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a range of addresses: write it as in \"10.0.0.0/8\"");
        let (network, n_bits) = text.split_once('/').ok_or_else(wrong)?;
        let (network, n_bits): (IpAddr, u8) = (network.parse().map_err(|_| wrong())?, n_bits.parse().map_err(|_| wrong())?);
        let n_bits_max = if network.is_ipv4() { 32 } else { 128 };
        if n_bits > n_bits_max { Err(wrong()) } else { Ok(Self { network, n_bits }) }
    }
}

impl Cidr {
    pub fn contains(&self, ip: IpAddr) -> bool {
        let first = |bits: u128, width: u32| bits.checked_shr(width.saturating_sub(self.n_bits.into())).unwrap_or(0);
        match (self.network, ip) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => first(u32::from(network).into(), 32) == first(u32::from(ip).into(), 32),
            (IpAddr::V6(network), IpAddr::V6(ip)) => first(network.into(), 128) == first(ip.into(), 128),
            _ => false,
        }
    }
}

/// All addresses of the machine that are good beyond their link.
pub(crate) fn addresses() -> Vec<Address> {
    let found = if_addrs::get_if_addrs().unwrap_or_default();
    found.into_iter().map(|interface| Address { ip: interface.ip(), device: interface.name }).filter(Address::is_global).collect()
}

/// The addresses that belong to a network.
pub(crate) fn of_network(name: &str, network: &HostNetwork, all: &[Address]) -> Result<Vec<Address>, String> {
    let wrong = |problem: String| format!("host_network {name:?}: {problem}");
    let range = if network.cidr.is_empty() { None } else { Some(network.cidr.parse::<Cidr>().map_err(wrong)?) };
    let is_in = |address: &&Address| {
        range.is_none_or(|range| range.contains(address.ip)) && (network.interface.is_empty() || network.interface == address.device)
    };
    let found: Vec<Address> = all.iter().filter(is_in).cloned().collect();
    if found.is_empty() {
        let known: Vec<String> = all.iter().map(|address| format!("{} ({})", address.ip, address.device)).collect();
        return Err(wrong(format!("no address of this machine belongs to it; there are: {}", known.join(", "))));
    }
    Ok(found)
}

pub(crate) fn address(interface: &str) -> Result<Address, String> {
    let all = addresses();
    let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
    choose(interface, default_route(&routes), all)
}

/// IPv4 before IPv6, and no addresses that are only good on the link.
fn choose(wanted: &str, default: Option<&str>, mut all: Vec<Address>) -> Result<Address, String> {
    all.retain(Address::is_global);
    all.sort_by_key(|address| address.ip.is_ipv6());
    let of = |name: &str| all.iter().find(|address| address.device == name).cloned();
    if !wanted.is_empty() {
        let known: Vec<&str> = all.iter().map(|address| address.device.as_str()).collect();
        return of(wanted).ok_or_else(|| format!("network_interface {wanted:?} has no address; there are: {}", known.join(", ")));
    }
    let fallback = || all.iter().find(|address| !address.ip.is_loopback()).cloned();
    let none = || Address { device: "lo".to_owned(), ip: IpAddr::V4(Ipv4Addr::LOCALHOST) };
    Ok(default.and_then(of).or_else(fallback).unwrap_or_else(none))
}

/// Interface of the default route in `/proc/net/route`.
fn default_route(routes: &str) -> Option<&str> {
    routes.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        let device = fields.next()?;
        (fields.next()? == "00000000").then_some(device)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: a range, an interface, and the addresses that belong to such a network.
    #[test]
    fn networks() {
        let address = |device: &str, ip: &str| Address { device: device.to_owned(), ip: ip.parse().unwrap() };
        let all = [address("lo", "127.0.0.1"), address("eth0", "10.1.2.3"), address("eth0", "fd00::2"), address("eth1", "192.168.0.2")];
        for (cidr, interface, want) in [
            ("10.0.0.0/8", "", Ok("10.1.2.3")),
            ("10.1.2.3/32", "", Ok("10.1.2.3")),
            ("0.0.0.0/0", "", Ok("127.0.0.1 10.1.2.3 192.168.0.2")),
            ("fd00::/8", "", Ok("fd00::2")),
            ("::/0", "", Ok("fd00::2")),
            ("", "eth0", Ok("10.1.2.3 fd00::2")),
            ("10.0.0.0/8", "eth0", Ok("10.1.2.3")),
            ("10.0.0.0/8", "eth1", Err("no address of this machine belongs to it; there are: 127.0.0.1 (lo), ")),
            ("10.2.0.0/16", "", Err("no address of this machine")),
            ("10.0.0.0", "", Err("\"10.0.0.0\" is not a range of addresses")),
            ("10.0.0.0/33", "", Err("\"10.0.0.0/33\" is not")),
            ("x/8", "", Err("\"x/8\" is not")),
        ] {
            let network = HostNetwork { cidr: cidr.to_owned(), interface: interface.to_owned(), ..HostNetwork::default() };
            match (of_network("n", &network, &all), want) {
                (Ok(found), Ok(want)) => {
                    assert_eq!(
                        found.iter().map(|address| address.ip.to_string()).collect::<Vec<_>>().join(" "),
                        want,
                        "{cidr} {interface}"
                    );
                }
                (Err(problem), Err(want)) => assert!(problem.starts_with(&format!("host_network \"n\": {want}")), "{problem}"),
                (got, want) => panic!("{cidr} {interface}: {got:?}, not {want:?}"),
            }
        }
    }

    /// Each row: configured interface, and the address that is chosen.
    #[test]
    fn choices() {
        let routes = "Iface\tDestination\tGateway\neth1\t0000A8C0\t0\neth0\t00000000\t0101A8C0\n";
        assert_eq!(default_route(routes), Some("eth0"));
        let address = |device: &str, ip: &str| Address { device: device.to_owned(), ip: ip.parse().unwrap() };
        let all = || {
            vec![
                address("lo", "127.0.0.1"),
                address("eth0", "fe80::1"),
                address("eth0", "fd00::2"),
                address("eth0", "192.168.1.2"),
                address("eth1", "192.168.0.2"),
            ]
        };
        for (wanted, default, want) in [
            ("", Some("eth0"), "192.168.1.2"),
            ("eth1", Some("eth0"), "192.168.0.2"),
            ("lo", Some("eth0"), "127.0.0.1"),
            ("", None, "192.168.1.2"),
        ] {
            assert_eq!(choose(wanted, default, all()).unwrap().ip.to_string(), want, "{wanted}");
        }
        assert_eq!(choose("", None, Vec::new()).unwrap().ip.to_string(), "127.0.0.1");
        let refusal = choose("nosuch", Some("eth0"), vec![address("lo", "127.0.0.1")]);
        assert_eq!(refusal, Err("network_interface \"nosuch\" has no address; there are: lo".to_owned()));
    }
}
