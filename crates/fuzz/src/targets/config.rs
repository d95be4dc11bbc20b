//! Agent configurations, in HCL of both versions and in JSON.

use std::path::Path;

use super::files;
use crate::Target;

pub const TARGET: Target = Target {
    name: "config",
    run,
    // The defaults and the table of keys, of which hints are made.
    allowance: 1 << 20,
    input_max: 4096,
    seeds,
};

fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let paths: &[&str] = if text.trim_start().starts_with('{') { &["agent.json", "agent.hcl"] } else { &["agent.hcl"] };
    for path in paths {
        match agent::config::read_text(Path::new(path), text) {
            Ok(config) => drop(format!("{config:?}")),
            Err(problems) => drop(problems.to_string()),
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = files(&["config", "config/regions/west", "config/regions/east"], &[".hcl", ".json"]);
    seeds.extend(TEXTS.iter().map(|text| text.as_bytes().to_vec()));
    seeds
}

const TEXTS: [&str; 6] = [
    "server { enabled = true, bootstrap_expect = 3 }\n\"client\" { enabled = false }",
    "{\"region\": \"west\", \"server\": {\"enabled\": true, \"server_join\": {\"retry_join\": [\"a:4648\"], \"retry_interval\": \"30s\"}}}",
    "ports { http = 1 rpc = 2 serf = 3 }\naddresses {\n http = \"0.0.0.0 ::\"\n}\nadvertise {\n http = \"{{ GetInterfaceIP \\\"eth0\\\" }}:80\"\n}",
    "client {\n enabled = true\n servers = [\"a\", \"b:1\"]\n meta { \"a.b\" = 1 }\n host_network \"x\" { cidr = \"10.0.0.0/8\" reserved_ports = \"22,80-90\" }\n reserved { cpu = 1 memory = 2 reserved_ports = \"1-65535\" }\n options = { \"driver.raw_exec.enable\" = \"1\" }\n host_volume \"v\" { path = \"/x\" read_only = true }\n}",
    "plugin \"raw_exec\" {\n config {\n enabled = true\n }\n}\nlimits { http_max_conns_per_client = 100 rpc_handshake_timeout = \"5s\" }\ntelemetry { collection_interval = \"1s\" prometheus_metrics = true }\nlog_rotate_bytes = 1e6\nlog_rotate_duration = \"24h\"",
    "data_dir = <<EOF\n/x\nEOF\nlog_level = \"DEBUG\"\nbind_addr = \"::1\"\n",
];
