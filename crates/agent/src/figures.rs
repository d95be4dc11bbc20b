//! The registry that the configuration asks for.

use telemetry::{Filter, Registry, Settings};

use crate::config::Config;

/// `name`: the agent's.
pub fn registry(config: &Config, name: &str) -> Registry {
    let wanted = &config.telemetry;
    let host = || match wanted.use_node_name {
        true => name.to_owned(),
        // An agent whose host has no name is at least told apart by its own.
        false => nix::unistd::gethostname().map_or_else(|_| name.to_owned(), |host| host.to_string_lossy().into_owned()),
    };
    let (interval, retention) = (wanted.in_memory_collection_interval, wanted.in_memory_retention_period);
    let n_kept = retention.as_nanos() / interval.as_nanos().max(1);
    Registry::new(Settings {
        collection_interval: wanted.collection_interval,
        interval,
        n_kept: usize::try_from(n_kept).unwrap_or(usize::MAX),
        prometheus: wanted.prometheus_metrics,
        host: (!wanted.disable_hostname).then(host),
        // The configuration was checked: a filter that cannot be read did not get here.
        filter: Filter::new(&wanted.prefix_filter, wanted.filter_default).unwrap_or_default(),
    })
}
