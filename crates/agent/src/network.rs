//! Which addresses the agent listens on and which ones it tells others.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::config::{Advertise, Config};

/// Where each service listens; a port of zero is replaced by the one that the system picks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    pub http: Vec<SocketAddr>,
    pub rpc: SocketAddr,
    pub gossip: SocketAddr,
}

/// The addresses of a running agent's services, as bound or as told to others. Only servers gossip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoints {
    pub http: SocketAddr,
    pub rpc: Option<SocketAddr>,
    pub gossip: Option<SocketAddr>,
}

impl fmt::Display for Endpoints {
    /// `HTTP: 127.0.0.1:4646; RPC: 127.0.0.1:4647; Serf: 127.0.0.1:4648`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP: {}", self.http)?;
        if let Some(rpc) = self.rpc {
            write!(f, "; RPC: {rpc}")?;
        }
        if let Some(gossip) = self.gossip {
            write!(f, "; Serf: {gossip}")?;
        }
        Ok(())
    }
}

/// The addresses to listen on.
pub fn listen(config: &Config) -> Listen {
    let http = if config.addresses.http.is_empty() { vec![config.bind_addr] } else { config.addresses.http.clone() };
    let at = |own: Option<IpAddr>, port: u16| SocketAddr::new(own.unwrap_or(config.bind_addr), port);
    Listen {
        http: http.into_iter().map(|address| SocketAddr::new(address, config.ports.http)).collect(),
        rpc: at(config.addresses.rpc, config.ports.rpc),
        gossip: at(config.addresses.gossip, config.ports.gossip),
    }
}

/// The address that others are told for a service that listens on `bound`.
///
/// # Errors
/// `bound` stands for every address of the host and none of the host's addresses can be told: the text says what to set.
pub fn advertised(service: &str, wanted: Option<&Advertise>, bound: SocketAddr) -> io::Result<SocketAddr> {
    if let Some(Advertise { host, port }) = wanted {
        return Ok(SocketAddr::new(*host, port.unwrap_or(bound.port())));
    }
    if !bound.ip().is_unspecified() {
        return Ok(bound);
    }
    let host: Vec<IpAddr> = if_addrs::get_if_addrs()?.into_iter().map(|interface| interface.ip()).collect();
    match first_to_tell(&host) {
        Some(address) => Ok(SocketAddr::new(address, bound.port())),
        None => Err(io::Error::other(format!(
            "{service} listens on {bound} and this host has no address to tell others: set advertise.{service} to the address that reaches it"
        ))),
    }
}

/// The first private IPv4 address, else the first one that is not only for this host or this link.
fn first_to_tell(host: &[IpAddr]) -> Option<IpAddr> {
    let private = |address: &&IpAddr| matches!(address, IpAddr::V4(v4) if v4.is_private());
    let reachable = |address: &&IpAddr| match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
    };
    host.iter().find(private).or_else(|| host.iter().find(reachable)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_private_address_is_told() {
        // the addresses of a host and the one to tell
        for (host, expected) in [
            (vec!["127.0.0.1", "::1"], None),
            (vec!["127.0.0.1", "169.254.1.1", "fe80::1"], None),
            (vec!["127.0.0.1", "8.8.8.8", "10.0.0.7", "192.168.1.1"], Some("10.0.0.7")),
            (vec!["127.0.0.1", "8.8.8.8"], Some("8.8.8.8")),
            (vec!["::1", "2001:db8::1"], Some("2001:db8::1")),
        ] {
            let addresses: Vec<IpAddr> = host.iter().map(|text| text.parse().expect("an address")).collect();
            assert_eq!(first_to_tell(&addresses), expected.map(|text| text.parse().expect("an address")), "{host:?}");
        }
    }

    #[test]
    fn what_is_written_wins_and_the_bound_port_fills_in() {
        // wanted address, bound address, told address
        for (wanted, bound, expected) in [
            (None, "127.0.0.1:5", "127.0.0.1:5"),
            (Some("10.0.0.1"), "0.0.0.0:5", "10.0.0.1:5"),
            (Some("10.0.0.1:6"), "0.0.0.0:5", "10.0.0.1:6"),
            (Some("10.0.0.1:0"), "127.0.0.1:5", "10.0.0.1:5"),
        ] {
            let wanted: Option<Advertise> = wanted.map(|text| text.parse().expect("an address"));
            let told = advertised("http", wanted.as_ref(), bound.parse().expect("an address")).expect("an address");
            assert_eq!(told.to_string(), expected);
        }
    }
}
