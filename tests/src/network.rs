//! A second network on this machine, with a cable that can be pulled.

use std::process::{Command, Stdio};

/// A network namespace, reached over two cables: one that can be cut, and one on which it can always be asked how it is. Needs root and
/// the program `ip`. Removed when dropped.
pub struct Network {
    namespace: String,
    cable: String,
    wire: String,
    subnet: u32,
}

impl Network {
    /// `None` where the machine does not allow it.
    pub fn new() -> Option<Network> {
        let id = std::process::id();
        // a subnet per process of tests, in a range that nobody else on the machine should use
        let network = Network { namespace: format!("steppe-{id}"), cable: format!("stc{id}"), wire: format!("stw{id}"), subnet: id % 200 };
        network.lay().then_some(network)
    }

    fn lay(&self) -> bool {
        let Network { namespace, cable, wire, .. } = self;
        let inside = |line: &str| ip(&format!("-n {namespace} {line}"));
        ip(&format!("netns add {namespace}"))
            && inside("link set lo up")
            && [(cable, self.here(), self.there()), (wire, self.here_always(), self.there_always())].into_iter().all(
                |(name, here, there)| {
                    ip(&format!("link add {name} type veth peer name {name}p netns {namespace}"))
                        && ip(&format!("addr add {here}/24 dev {name}"))
                        && inside(&format!("addr add {there}/24 dev {name}p"))
                        && inside(&format!("link set {name}p up"))
                        && ip(&format!("link set {name} up"))
                },
            )
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
        assert!(ip(&format!("link set {} down", self.cable)), "the cable cannot be cut");
    }

    /// # Panics
    /// It cannot be done.
    pub fn heal(&self) {
        assert!(ip(&format!("link set {} up", self.cable)), "the cable cannot be mended");
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in [&self.cable, &self.wire] {
            ip(&format!("link del {name}"));
        }
        ip(&format!("netns del {}", self.namespace));
    }
}

fn ip(line: &str) -> bool {
    Command::new("ip").args(line.split(' ')).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
