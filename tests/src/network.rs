//! A second network on this machine, with a cable that can be pulled.

use std::process::{Command, Stdio};

use crate::guardian::Guardian;

/// A network namespace, reached over two cables: one that can be cut, and one on which it can always be asked how it is. Needs root and
/// the program `ip`. Removed when dropped, or when the process of the tests ends in any way.
pub struct Network {
    namespace: String,
    cable: String,
    wire: String,
    subnet: u32,
    _guardian: Guardian,
}

impl Network {
    /// Where the machine does not allow it: what was tried, and what `ip` said.
    ///
    /// # Errors
    /// As above.
    pub fn new() -> Result<Network, String> {
        let id = std::process::id();
        let (namespace, cable, wire) = (format!("steppe-{id}"), format!("stc{id}"), format!("stw{id}"));
        let guardian = Guardian::of_network(&namespace, &[&cable, &wire]);
        // a subnet per process of tests, in a range that nobody else on the machine should use
        let network = Network { namespace, cable, wire, subnet: id % 200, _guardian: guardian };
        network.lay().map(|()| network)
    }

    fn lay(&self) -> Result<(), String> {
        let Network { namespace, cable, wire, .. } = self;
        let inside = |line: &str| ip(&format!("-n {namespace} {line}"));
        ip(&format!("netns add {namespace}"))?;
        inside("link set lo up")?;
        for (name, here, there) in [(cable, self.here(), self.there()), (wire, self.here_always(), self.there_always())] {
            ip(&format!("link add {name} type veth peer name {name}p netns {namespace}"))?;
            ip(&format!("addr add {here}/24 dev {name}"))?;
            inside(&format!("addr add {there}/24 dev {name}p"))?;
            inside(&format!("link set {name}p up"))?;
            ip(&format!("link set {name} up"))?;
        }
        Ok(())
    }

    /// The address on this side of the cable.
    pub fn here(&self) -> String {
        format!("10.213.{}.1", self.subnet)
    }

    /// The address on the other side of the cable.
    pub fn there(&self) -> String {
        format!("10.213.{}.2", self.subnet)
    }

    fn here_always(&self) -> String {
        format!("10.214.{}.1", self.subnet)
    }

    /// An address on the other side that is reached also when the cable is cut.
    pub fn there_always(&self) -> String {
        format!("10.214.{}.2", self.subnet)
    }

    /// What runs a program on the other side, in front of its own words.
    pub fn words(&self) -> Vec<String> {
        ["ip", "netns", "exec", &self.namespace].map(str::to_owned).into()
    }

    /// Nothing gets through any more; connections stay open on both sides.
    ///
    /// # Panics
    /// It cannot be done.
    pub fn cut(&self) {
        ip(&format!("link set {} down", self.cable)).expect("the cable can be cut");
    }

    /// # Panics
    /// It cannot be done.
    pub fn heal(&self) {
        ip(&format!("link set {} up", self.cable)).expect("the cable can be mended");
    }
}

fn ip(line: &str) -> Result<(), String> {
    let run = Command::new("ip").args(line.split(' ')).stdin(Stdio::null()).output().map_err(|error| format!("ip {line}: {error}"))?;
    run.status.success().then_some(()).ok_or_else(|| format!("ip {line}: {}", String::from_utf8_lossy(&run.stderr).trim()))
}
