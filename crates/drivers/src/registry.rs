//! The drivers that this agent has, made from the `plugin` blocks of its configuration.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::config::{ConfigError, Reader, nearest};
use crate::{Mock, RawExec, RawExecSettings, TaskDriver};

/// Drivers by name.
pub type Drivers = BTreeMap<String, Arc<dyn TaskDriver>>;

/// How to run the helper process: a program, and arguments that come before the helper's own.
#[derive(Clone, Debug)]
pub struct ExecutorCommand {
    pub program: PathBuf,
    pub args: Vec<OsString>,
}

impl ExecutorCommand {
    /// `<this program> executor …`
    ///
    /// # Errors
    ///
    /// The path of this program cannot be found out.
    pub fn own() -> io::Result<Self> {
        Ok(Self { program: std::env::current_exe()?, args: vec!["executor".into()] })
    }
}

/// The drivers that `plugins` (name → its `config` block) turns on. `raw_exec` and `mock_driver` are off unless a plugin block enables them.
///
/// # Errors
///
/// An unknown plugin, or a wrong configuration of one.
pub fn build(plugins: &BTreeMap<String, Map<String, Value>>, executor: ExecutorCommand) -> Result<Drivers, ConfigError> {
    let known = ["raw_exec", "mock_driver"];
    if let Some(name) = plugins.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(ConfigError::UnknownKey {
            of: "plugin".to_owned(),
            key: name.clone(),
            nearest: nearest(name, known.into_iter()),
            known: known.map(str::to_owned).to_vec(),
        });
    }
    let mut drivers = Drivers::new();
    if let Some(config) = plugins.get("raw_exec") {
        let of = "plugin \"raw_exec\"";
        let settings = RawExecSettings::read(of, config)?;
        if settings.enabled {
            drivers.insert("raw_exec".to_owned(), Arc::new(RawExec::new(settings, executor)));
        }
    }
    if let Some(config) = plugins.get("mock_driver") {
        let reader = Reader::new("plugin \"mock_driver\"", config, &["enabled"])?;
        if reader.flag("enabled")?.unwrap_or(true) {
            drivers.insert("mock_driver".to_owned(), Arc::new(Mock::new()));
        }
    }
    Ok(drivers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Each row: plugin blocks, and the drivers that they give or the error.
    #[test]
    fn plugins() {
        let check = |plugins: Value, want: Result<&[&str], &str>| {
            let plugins: BTreeMap<String, Map<String, Value>> = serde_json::from_value(plugins).unwrap();
            let executor = ExecutorCommand { program: "/bin/false".into(), args: Vec::new() };
            let got = build(&plugins, executor);
            let got = got.as_ref().map(|drivers| drivers.keys().map(String::as_str).collect::<Vec<_>>()).map_err(ToString::to_string);
            assert_eq!(got.as_deref().map_err(String::as_str), want);
        };
        check(json!({}), Ok(&[]));
        check(json!({"raw_exec": {"enabled": true}, "mock_driver": {}}), Ok(&["mock_driver", "raw_exec"]));
        check(json!({"raw_exec": {}}), Ok(&[]));
        check(
            json!({"raw_exec": {"enable": true}}),
            Err(
                "plugin \"raw_exec\": unknown key \"enable\" in config, did you mean \"enabled\"?; known are: enabled, denied_envvars, denied_host_uids, denied_host_gids",
            ),
        );
        check(
            json!({"rawexec": {}}),
            Err("plugin: unknown key \"rawexec\" in config, did you mean \"raw_exec\"?; known are: raw_exec, mock_driver"),
        );
        check(
            json!({"raw_exec": {"enabled": true, "denied_host_uids": "x"}}),
            Err("plugin \"raw_exec\": \"denied_host_uids\" in config: \"x\" is neither a number nor a range such as 100-999"),
        );
    }

    /// A job that is submitted may have every key that a driver knows, and is told of no other.
    #[test]
    fn keys_of_submitted_jobs() {
        for (driver, known) in [("raw_exec", &crate::raw_exec::KNOWN[..]), ("mock_driver", &crate::mock::KNOWN[..])] {
            let refused = |key: &str| {
                let config = json!({"command": "x", key: ""});
                let task = json!({"Name": "t", "Driver": driver, "Config": config});
                let job = json!({"ID": "web", "Datacenters": ["*"], "TaskGroups": [{"Name": "g", "Tasks": [task]}]});
                let text = jobspec::validate_request(&jobspec::from_api(&job).unwrap()).error_text();
                text.lines().find(|line| line.contains(&format!("unknown key {key:?}"))).map(str::to_owned)
            };
            for key in known {
                assert_eq!(refused(key), None);
            }
            let text = refused("qqqqqqqqqqqq").unwrap();
            assert!(text.ends_with(&format!("known are {}", known.join(", "))), "{text}");
        }
    }
}
