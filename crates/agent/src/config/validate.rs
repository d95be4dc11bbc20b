//! What must hold between the values of a configuration.

use std::net::IpAddr;
use std::time::Duration;

use super::apply::Origins;
use super::problem::{Origin, Problems};
use super::{Config, Ports};
use crate::schedulers;

/// Shorter intervals say nothing, and summing up costs something each time.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// Intervals that are kept in memory for each kind of value.
const INTERVALS_MAX: u32 = 1_000;

/// Adds everything that is wrong with `config` as a whole, each at the place of the value to change.
pub fn validate(config: &Config, origins: &Origins, problems: &mut Problems) {
    let mut check = Check { origins, problems };
    check.role(config);
    check.names(config);
    check.folders(config);
    check.ports(config);
    check.telemetry(config);
    check.response_headers(config);
    if config.server.enabled {
        check.server(config);
    } else if config.server.bootstrap_expect > 0 {
        check.problem("server.bootstrap_expect", "bootstrap_expect needs a server: set server.enabled = true");
    }
    if config.client.enabled {
        check.client(config);
    }
}

struct Check<'c> {
    origins: &'c Origins,
    problems: &'c mut Problems,
}

impl Check<'_> {
    fn problem(&mut self, key: &str, message: impl Into<String>) {
        let origin = self.origins.get(key).cloned().unwrap_or(Origin::Nowhere);
        self.problems.push(origin, message);
    }

    fn role(&mut self, config: &Config) {
        if !config.server.enabled && !config.client.enabled {
            self.problem("server.enabled", "the agent has nothing to be: set server.enabled or client.enabled, or start it with -dev");
        }
    }

    fn names(&mut self, config: &Config) {
        for (key, value) in [("region", &config.region), ("datacenter", &config.datacenter)] {
            self.name(key, value);
        }
        if config.client.node_pool.is_empty() || config.client.node_pool.len() > 128 {
            self.problem("client.node_pool", "client.node_pool must have 1 to 128 characters");
        }
        if let Some(name) = &config.name {
            self.name("name", name);
        }
        if config.client.node_pool.contains(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c)) {
            let text = format!("node pool \"{}\": letters, digits, '-' and '_' are possible", config.client.node_pool);
            self.problem("client.node_pool", text);
        }
        if config.client.node_pool == "all" {
            self.problem("client.node_pool", "the node pool \"all\" contains every node and cannot be joined; choose another name");
        }
    }

    /// Names are parts of paths, of columns of tables and of `name.region`.
    fn name(&mut self, key: &str, value: &str) {
        let odd = |c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if value.is_empty() || value.len() > 128 {
            self.problem(key, format!("{key} must have 1 to 128 characters"));
        } else if let Some(c) = value.chars().find(|c| odd(*c)) {
            self.problem(key, format!("{key} \"{value}\" contains {c:?}; letters, digits, '-', '_' and '.' are possible"));
        }
    }

    fn folders(&mut self, config: &Config) {
        let server = config.server.enabled && config.server.data_dir.is_none();
        let client = config.client.enabled && (config.client.state_dir.is_none() || config.client.alloc_dir.is_none());
        if config.data_dir.is_none() && !config.dev && (server || client) {
            self.problem("data_dir", "data_dir is not set: name an absolute folder in which the agent keeps its state");
        }
        let folders = [
            ("data_dir", &config.data_dir),
            ("server.data_dir", &config.server.data_dir),
            ("client.state_dir", &config.client.state_dir),
            ("client.alloc_dir", &config.client.alloc_dir),
        ];
        for (key, folder) in folders {
            if let Some(folder) = folder.as_ref().filter(|folder| !folder.is_absolute()) {
                self.problem(key, format!("{key} \"{}\" is not an absolute path", folder.display()));
            }
        }
    }

    fn ports(&mut self, config: &Config) {
        let Ports { http, rpc, gossip } = config.ports;
        let at = |own: Option<IpAddr>| own.unwrap_or(config.bind_addr);
        let mut listeners: Vec<(&str, IpAddr, u16)> = config.addresses.http.iter().map(|address| ("ports.http", *address, http)).collect();
        if listeners.is_empty() {
            listeners.push(("ports.http", config.bind_addr, http));
        }
        listeners.push(("ports.rpc", at(config.addresses.rpc), rpc));
        if config.server.enabled {
            listeners.push(("ports.serf", at(config.addresses.gossip), gossip));
        }
        for (position, (key, address, port)) in listeners.iter().enumerate() {
            let taken = |(_, other, same): &&(&str, IpAddr, u16)| {
                same == port && *port != 0 && (other == address || other.is_unspecified() || address.is_unspecified())
            };
            if let Some((first, ..)) = listeners.iter().take(position).find(taken) {
                self.problem(key, format!("{key} and {first} are both {port}; each service needs a port of its own"));
            }
        }
    }

    fn telemetry(&mut self, config: &Config) {
        let telemetry = &config.telemetry;
        let (interval, retention) = (telemetry.in_memory_collection_interval, telemetry.in_memory_retention_period);
        if telemetry.collection_interval.is_zero() {
            self.problem("telemetry.collection_interval", "telemetry.collection_interval must be above zero");
        }
        if interval < INTERVAL_MIN {
            self.problem("telemetry.in_memory_collection_interval", "telemetry.in_memory_collection_interval must be at least 100ms");
        } else if retention < interval || retention > interval * INTERVALS_MAX {
            let message = format!("telemetry.in_memory_retention_period must be 1 to {INTERVALS_MAX} times in_memory_collection_interval");
            self.problem("telemetry.in_memory_retention_period", message);
        }
        if let Err(error) = telemetry::Filter::new(&telemetry.prefix_filter, telemetry.filter_default) {
            self.problem("telemetry.prefix_filter", format!("telemetry.prefix_filter: {error}"));
        }
    }

    fn response_headers(&mut self, config: &Config) {
        for (name, value) in &config.http_response_headers {
            if httpd::response_header(name, value).is_none() {
                let message = format!("http_api_response_headers: {name:?} with the value {value:?} is no header of HTTP");
                self.problem("http_api_response_headers", message);
            }
        }
    }

    fn server(&mut self, config: &Config) {
        let server = &config.server;
        let joins = !server.join.start_join.is_empty() || !server.join.retry_join.is_empty();
        match server.bootstrap_expect {
            1 | 3 | 5 => {}
            0 if joins => {}
            0 => self.problem(
                "server.bootstrap_expect",
                "bootstrap_expect is not set: write 1, 3 or 5, the number of servers that begin the region, or name servers of a region that exists in server_join",
            ),
            n => self.problem("server.bootstrap_expect", format!("bootstrap_expect is {n}; a region begins with 1, 3 or 5 servers")),
        }
        let times = [
            ("server.server_join.retry_interval", server.join.retry_interval),
            ("server.min_heartbeat_ttl", server.min_heartbeat_ttl),
            ("server.failover_heartbeat_ttl", server.failover_heartbeat_ttl),
            ("server.job_gc_interval", server.gc.interval),
            ("autopilot.last_contact_threshold", server.autopilot.last_contact_threshold),
        ];
        for (key, time) in times {
            if time.is_zero() {
                self.problem(key, format!("{key} must be above zero"));
            }
        }
        if let Err(problem) = schedulers::is_on(server.num_schedulers) {
            self.problem("server.num_schedulers", format!("num_schedulers is {problem}"));
        }
        let (default, most) = (server.job_default_priority, server.job_max_priority);
        if default > most {
            self.problem("server.job_default_priority", format!("job_default_priority {default} is above job_max_priority {most}"));
        }
    }

    fn client(&mut self, config: &Config) {
        let client = &config.client;
        let known = [&client.servers, &client.join.start_join, &client.join.retry_join];
        if !config.server.enabled && known.iter().all(|list| list.is_empty()) {
            self.problem(
                "client.servers",
                "the client knows no server: name the RPC addresses of its region's servers in client.servers or in client.server_join.retry_join",
            );
        }
        if client.join.retry_interval.is_zero() {
            self.problem("client.server_join.retry_interval", "client.server_join.retry_interval must be above zero");
        }
        if client.min_dynamic_port == 0 || client.min_dynamic_port > client.max_dynamic_port {
            self.problem(
                "client.min_dynamic_port",
                format!(
                    "the dynamic ports go from {} to {}; the first must be above zero and not above the last",
                    client.min_dynamic_port, client.max_dynamic_port
                ),
            );
        }
        if let Err(message) = reserved_ports(&client.reserved.ports) {
            self.problem("client.reserved.reserved_ports", format!("client.reserved.reserved_ports: {message}"));
        }
        for (key, list) in [("client.reservable_cores", &client.reservable_cores), ("client.reserved.cores", &client.reserved.cores)] {
            if let Err(message) = client::cores(list) {
                self.problem(key, format!("{key}: {message}"));
            }
        }
        for (name, network) in &client.host_networks {
            let mut problem = |message: String| self.problem("client.host_network", format!("client.host_network \"{name}\": {message}"));
            if network.cidr.is_empty() && network.interface.is_empty() {
                problem("it needs a cidr, an interface, or both".to_owned());
            }
            if let Err(message) = network.cidr.parse::<client::Cidr>()
                && !network.cidr.is_empty()
            {
                problem(format!("cidr: {message}"));
            }
            if let Err(message) = reserved_ports(&network.reserved_ports) {
                problem(format!("reserved_ports: {message}"));
            }
        }
        for (option, _) in client.options.iter().filter(|(option, _)| !client::KNOWN_OPTIONS.contains(&option.as_str())) {
            let hint =
                super::keys::nearest(&client::KNOWN_OPTIONS, option).map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
            self.problem("client.options", format!("client.options: \"{option}\" is not supported yet{hint}"));
        }
    }
}

/// The ports that `22,80,8500-8600` names.
///
/// # Errors
/// Which part is not a port or a range of ports.
pub fn reserved_ports(text: &str) -> Result<Vec<u16>, String> {
    let port = |text: &str| match text.trim().parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!("\"{}\" is not a port", text.trim())),
    };
    let mut ports = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match part.split_once('-') {
            None => ports.push(port(part)?),
            Some((first, last)) => {
                let (first, last) = (port(first)?, port(last)?);
                if first > last {
                    return Err(format!("the range \"{part}\" ends before it begins"));
                }
                ports.extend(first..=last);
            }
        }
    }
    Ok(ports)
}
