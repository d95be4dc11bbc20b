//! The flags of `steppe agent`: most of them are another way to write a key of the configuration.

use std::path::PathBuf;

use crate::config::keys;
use crate::config::{Config, Origin, Problems};

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// `-flag` or `-flag=false`.
    Switch,
    /// `-flag VALUE` or `-flag=VALUE`; the last one counts.
    Value,
    /// The same, and repeated values add up.
    Values,
}

/// One flag: its name without dashes, what it takes, the key that it sets, and a line of help.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    pub name: &'static str,
    pub takes: Takes,
    /// A dotted path of `agent_config`; empty for `-config` and `-dev`, which are not keys.
    pub key: &'static str,
    pub help: &'static str,
}

const fn flag(name: &'static str, takes: Takes, key: &'static str, help: &'static str) -> Flag {
    Flag { name, takes, key, help }
}

/// Every flag in effect, in the order in which help shows them.
pub const FLAGS: &[Flag] = &[
    flag(
        "config",
        Takes::Values,
        "",
        "A configuration file, or a folder of .hcl and .json files in lexical order. Repeatable; later ones win.",
    ),
    flag("dev", Takes::Switch, "", "Server and client in one on 127.0.0.1, in a temporary folder that is removed at the end."),
    flag("server", Takes::Switch, "server.enabled", "Run a server."),
    flag("client", Takes::Switch, "client.enabled", "Run a client."),
    flag("node", Takes::Value, "name", "The agent's name. The default is the host's name."),
    flag("region", Takes::Value, "region", "The region. The default is global."),
    flag("dc", Takes::Value, "datacenter", "The datacenter. The default is dc1."),
    flag("data-dir", Takes::Value, "data_dir", "The folder in which the agent keeps its state; absolute."),
    flag("bind", Takes::Value, "bind_addr", "The address on which every service listens."),
    flag("log-level", Takes::Value, "log_level", "TRACE, DEBUG, INFO, WARN or ERROR."),
    flag("log-json", Takes::Switch, "log_json", "Log lines as JSON objects."),
    flag("bootstrap-expect", Takes::Value, "server.bootstrap_expect", "The number of servers that begin the region: 1, 3 or 5."),
    flag("join", Takes::Values, "server.server_join.start_join", "A server's gossip address to join once at start. Repeatable."),
    flag(
        "retry-join",
        Takes::Values,
        "server.server_join.retry_join",
        "A server's gossip address to join, tried until it works. Repeatable.",
    ),
    flag("retry-max", Takes::Value, "server.server_join.retry_max", "Tries of -retry-join; 0 for ever."),
    flag("retry-interval", Takes::Value, "server.server_join.retry_interval", "Time between tries of -retry-join."),
    flag("servers", Takes::Values, "client.servers", "RPC addresses of servers for the client, separated by commas."),
    flag("node-class", Takes::Value, "client.node_class", "The node's class."),
    flag("node-pool", Takes::Value, "client.node_pool", "The node's pool. The default is default."),
    flag("meta", Takes::Values, "client.meta", "A pair key=value of the node's metadata. Repeatable."),
    flag("state-dir", Takes::Value, "client.state_dir", "The folder of the client's state. The default is <data-dir>/client."),
    flag("alloc-dir", Takes::Value, "client.alloc_dir", "The folder of allocations. The default is <data-dir>/alloc."),
    flag("network-interface", Takes::Value, "client.network_interface", "The interface whose addresses the node has."),
];

/// Flags of the interface that are refused.
const NOT_SUPPORTED_YET: &[&str] = &[
    "acl-enabled",
    "acl-replication-token",
    "alloc-mounts-dir",
    "client-intro-token",
    "dev-connect",
    "dev-consul",
    "dev-vault",
    "encrypt",
    "eventlog",
    "eventlog-level",
    "host-volume-plugin-dir",
    "host-volumes-dir",
    "log-include-location",
    "network-speed",
    "plugin-dir",
    "preferred-address-family",
    "raft-protocol",
    "rejoin",
];

/// What the command line asks of the agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    pub config_paths: Vec<PathBuf>,
    pub dev: bool,
    /// Flags that set keys, with their values in the order given.
    set: Vec<(&'static str, Vec<String>)>,
}

/// What a command line turns out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    Run(Flags),
    /// `-h` or `-help`.
    Help,
}

/// Reads the arguments after `agent`; one or two dashes, `-flag VALUE` or `-flag=VALUE`.
///
/// # Errors
/// Every argument that is wrong.
pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Parsed, Problems> {
    let (mut flags, mut problems) = (Flags::default(), Problems::default());
    let mut arguments = arguments.into_iter().peekable();
    while let Some(argument) = arguments.next() {
        let Some(body) = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-')).filter(|body| !body.is_empty()) else {
            problems.push(Origin::Nowhere, format!("the command takes flags only, found \"{argument}\""));
            continue;
        };
        let (name, given) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (body, None),
        };
        if matches!(name, "h" | "help") {
            return Ok(Parsed::Help);
        }
        let takes_value = FLAGS.iter().any(|flag| flag.name == name && flag.takes != Takes::Switch);
        let value = given.or_else(|| takes_value.then(|| arguments.next()).flatten());
        if let Err(message) = flags.set(name, value.as_deref()) {
            problems.push(Origin::Nowhere, message);
        }
    }
    problems.into_result(Parsed::Run(flags))
}

impl Flags {
    /// Gives one flag, by its name without dashes; `None` for a switch without a value.
    ///
    /// # Errors
    /// The flag does not exist, is not supported yet, or lacks its value.
    pub fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), String> {
        let Some(flag) = FLAGS.iter().find(|flag| flag.name == name) else {
            if NOT_SUPPORTED_YET.contains(&name) || name.starts_with("consul-") || name.starts_with("vault-") {
                return Err(format!("flag -{name} is not supported yet"));
            }
            let names: Vec<&str> = FLAGS.iter().map(|flag| flag.name).collect();
            let hint = keys::nearest(&names, name).map(|near| format!("; did you mean -{near}?")).unwrap_or_default();
            return Err(format!("flag -{name} does not exist{hint}"));
        };
        let value = match (value, flag.takes) {
            (Some(value), _) => value.to_owned(),
            (None, Takes::Switch) => "true".to_owned(),
            (None, _) => return Err(format!("flag -{name} needs a value")),
        };
        match name {
            "config" => self.config_paths.push(PathBuf::from(value)),
            "dev" => self.dev = value.parse().map_err(|_| format!("flag -dev: expected true or false, found \"{value}\""))?,
            _ => match self.set.iter_mut().find(|(given, _)| *given == flag.name) {
                Some((_, values)) => values.push(value),
                None => self.set.push((flag.name, vec![value])),
            },
        }
        Ok(())
    }

    /// Puts the flags on top of what the files say.
    pub(crate) fn apply(&self, config: &mut Config, origins: &mut crate::config::Origins, problems: &mut Problems) {
        for (name, values) in &self.set {
            let Some(flag) = FLAGS.iter().find(|flag| flag.name == *name) else { continue };
            let Some(slot) = keys::slot(config, flag.key) else { continue };
            let value = slot.read_text(values);
            let origin = Origin::Flag((*name).to_owned());
            match slot.set(&value) {
                Ok(()) => {
                    origins.insert(flag.key.to_owned(), origin);
                }
                Err(message) => problems.push(origin, message),
            }
        }
    }
}

/// The help of `steppe agent`.
pub fn help() -> String {
    let mut text = String::from(
        "Usage: steppe agent [options]\n\n  Starts an agent and runs until it is told to stop. An agent is a server, a client, or both.\n\nOptions:\n",
    );
    for flag in FLAGS {
        let value = if flag.takes == Takes::Switch { "" } else { "=<value>" };
        text.push_str(&format!("\n  -{}{value}\n    {}\n", flag.name, flag.help));
    }
    text
}
