//! The region's servers as this node knows them: tried in order, beginning with the one that answered last.

use std::sync::{Mutex, PoisonError};

/// The rpc port of a server that is given without one.
const RPC_PORT: u16 = 4647;

/// Addresses, `host:port`.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// From the configuration; always tried too.
    configured: Vec<String>,
    /// What the region said last.
    learned: Vec<String>,
    /// The one that answered last.
    good: Option<String>,
}

impl Servers {
    pub fn new(configured: &[String], learned: Vec<String>) -> Self {
        let configured = configured.iter().map(|address| with_port(address)).collect();
        Self { state: Mutex::new(State { configured, learned, good: None }) }
    }

    /// In the order in which to ask them.
    pub fn candidates(&self) -> Vec<String> {
        let state = self.lock();
        let mut candidates: Vec<String> = Vec::new();
        for address in state.good.iter().chain(&state.learned).chain(&state.configured) {
            if !candidates.contains(address) {
                candidates.push(address.clone());
            }
        }
        candidates
    }

    pub fn answered(&self, address: &str) {
        self.lock().good = Some(address.to_owned());
    }

    pub fn failed(&self, address: &str) {
        let mut state = self.lock();
        if state.good.as_deref() == Some(address) {
            state.good = None;
        }
        // The next round begins with another one.
        if state.learned.first().map(String::as_str) == Some(address) {
            state.learned.rotate_left(1);
        }
    }

    /// Takes over what the region said; whether that is news. An empty list says nothing.
    pub fn learn(&self, addresses: Vec<String>) -> bool {
        if addresses.is_empty() {
            return false;
        }
        let mut state = self.lock();
        let mut known = state.learned.clone();
        known.sort();
        let mut sorted = addresses.clone();
        sorted.sort();
        let news = known != sorted;
        if news {
            state.learned = addresses;
        }
        news
    }

    /// Replaces what the configuration said.
    pub fn configure(&self, addresses: &[String]) {
        let mut state = self.lock();
        state.configured = addresses.iter().map(|address| with_port(address)).collect();
        state.learned.clear();
        state.good = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port` or a bare v6 address, with the port put in where it is missing.
fn with_port(address: &str) -> String {
    if address.parse::<std::net::Ipv6Addr>().is_ok() {
        return format!("[{address}]:{RPC_PORT}");
    }
    let has_port = match address.rsplit_once(':') {
        Some((_, port)) => !port.contains(']'),
        None => false,
    };
    if has_port { address.to_owned() } else { format!("{address}:{RPC_PORT}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ports are put in where they are missing.
    #[test]
    fn ports() {
        for (given, want) in [
            ("10.0.0.1", "10.0.0.1:4647"),
            ("10.0.0.1:9", "10.0.0.1:9"),
            ("west.example", "west.example:4647"),
            ("::1", "[::1]:4647"),
            ("[::1]", "[::1]:4647"),
            ("[::1]:9", "[::1]:9"),
        ] {
            assert_eq!(with_port(given), want);
        }
    }

    /// The last good one first, then what was learned, then the configured ones; a failed one goes behind the others.
    #[test]
    fn order() {
        let strings = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let servers = Servers::new(&strings(&["c:1"]), strings(&["a:1", "b:1"]));
        assert_eq!(servers.candidates(), strings(&["a:1", "b:1", "c:1"]));
        servers.answered("b:1");
        assert_eq!(servers.candidates(), strings(&["b:1", "a:1", "c:1"]));
        servers.failed("b:1");
        servers.failed("a:1");
        assert_eq!(servers.candidates(), strings(&["b:1", "a:1", "c:1"]));
        assert!(servers.learn(strings(&["x:1"])));
        assert!(!servers.learn(strings(&["x:1"])));
        assert!(!servers.learn(Vec::new()));
        assert_eq!(servers.candidates(), strings(&["x:1", "c:1"]));
        servers.configure(&strings(&["d"]));
        assert_eq!(servers.candidates(), strings(&["d:4647"]));
    }
}
