//! The node's address: that of the configured interface, or of the one with the default route.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};

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

    pub fn mac(&self) -> String {
        fs::read_to_string(format!("/sys/class/net/{}/address", self.device)).unwrap_or_default().trim().to_owned()
    }
}

pub(crate) fn address(interface: &str) -> Result<Address, String> {
    let found = if_addrs::get_if_addrs().unwrap_or_default();
    let all = found.into_iter().map(|interface| Address { ip: interface.ip(), device: interface.name }).collect();
    let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
    choose(interface, default_route(&routes), all)
}

/// IPv4 before IPv6, and no addresses that are only good on the link.
fn choose(wanted: &str, default: Option<&str>, mut all: Vec<Address>) -> Result<Address, String> {
    all.retain(|address| match address.ip {
        IpAddr::V4(ip) => !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_unicast_link_local(),
    });
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
