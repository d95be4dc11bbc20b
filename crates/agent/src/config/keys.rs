//! The table of keys: what each one sets, which are known and not in effect, and what a mistyped one may have meant.

use std::sync::LazyLock;

use super::Config;
use super::values::Slot;

/// Names the place that a key sets; `None` for what is not in effect.
///
/// Adding a key to the agent begins with a line here.
pub fn slot<'c>(config: &'c mut Config, path: &str) -> Option<Slot<'c>> {
    let (server, client) = (&mut config.server, &mut config.client);
    Some(match path {
        "name" => Slot::OptionalText(&mut config.name),
        "region" => Slot::Text(&mut config.region),
        "datacenter" => Slot::Text(&mut config.datacenter),
        "data_dir" => Slot::Path(&mut config.data_dir),
        "bind_addr" => Slot::Address(&mut config.bind_addr),
        "addresses.http" => Slot::Addresses(&mut config.addresses.http),
        "addresses.rpc" => Slot::OptionalAddress(&mut config.addresses.rpc),
        "addresses.serf" => Slot::OptionalAddress(&mut config.addresses.gossip),
        "advertise.http" => Slot::Advertise(&mut config.advertise.http),
        "advertise.rpc" => Slot::Advertise(&mut config.advertise.rpc),
        "advertise.serf" => Slot::Advertise(&mut config.advertise.gossip),
        "ports.http" => Slot::Port(&mut config.ports.http),
        "ports.rpc" => Slot::Port(&mut config.ports.rpc),
        "ports.serf" => Slot::Port(&mut config.ports.gossip),
        "limits.http_max_conns_per_client" => Slot::Count(&mut config.limits.http_max_conns_per_client, 0..=1_000_000),
        "limits.http_max_conns" => Slot::Count(&mut config.limits.http_max_conns, 1..=1_000_000),
        "limits.http_max_header_bytes" => Slot::Count(&mut config.limits.http_max_header_bytes, 4096..=1 << 24),
        "limits.http_max_body_bytes" => Slot::Count(&mut config.limits.http_max_body_bytes, 4096..=1 << 30),
        "limits.http_max_bodies_bytes" => Slot::Count(&mut config.limits.http_max_bodies_bytes, 4096..=1 << 32),
        "limits.rpc_handshake_timeout" => Slot::Time(&mut config.limits.rpc_handshake_timeout),
        "limits.rpc_max_conns_per_client" => Slot::Count(&mut config.limits.rpc_max_conns_per_client, 0..=1_000_000),
        "limits.rpc_max_conns" => Slot::Count(&mut config.limits.rpc_max_conns, 1..=1_000_000),
        "limits.rpc_max_message_bytes" => Slot::Count(&mut config.limits.rpc_max_message_bytes, 8 << 20..=1 << 30),
        "limits.rpc_max_requests_per_conn" => Slot::Count(&mut config.limits.rpc_max_requests_per_conn, 64..=1 << 24),
        "limits.max_watches" => Slot::Count(&mut config.limits.max_watches, 1..=1 << 24),
        "limits.gossip_max_syncs" => Slot::Count(&mut config.limits.gossip_max_syncs, 1..=65_536),
        "limits.max_monitors" => Slot::Count(&mut config.limits.max_monitors, 1..=1_024),
        "limits.max_pending_writes" => Slot::Count(&mut config.limits.max_pending_writes, 1..=1 << 24),
        "leave_on_interrupt" => Slot::Switch(&mut config.leave_on_interrupt),
        "leave_on_terminate" => Slot::Switch(&mut config.leave_on_terminate),
        "log_level" => Slot::Level(&mut config.log.level),
        "log_json" => Slot::Switch(&mut config.log.json),
        "log_file" => Slot::OptionalText(&mut config.log.file),
        "log_rotate_duration" => Slot::Time(&mut config.log.rotate_after),
        "log_rotate_bytes" => Slot::Count(&mut config.log.rotate_bytes, 0..=u64::MAX),
        "log_rotate_max_files" => Slot::Signed(&mut config.log.rotate_max_files, -1..=1_000_000),

        "telemetry.collection_interval" => Slot::Time(&mut config.telemetry.collection_interval),
        "telemetry.in_memory_collection_interval" => Slot::Time(&mut config.telemetry.in_memory_collection_interval),
        "telemetry.in_memory_retention_period" => Slot::Time(&mut config.telemetry.in_memory_retention_period),
        "telemetry.prometheus_metrics" => Slot::Switch(&mut config.telemetry.prometheus_metrics),
        "telemetry.disable_hostname" => Slot::Switch(&mut config.telemetry.disable_hostname),
        "telemetry.use_node_name" => Slot::Switch(&mut config.telemetry.use_node_name),
        "telemetry.publish_allocation_metrics" => Slot::Switch(&mut config.telemetry.publish_allocation_metrics),
        "telemetry.publish_node_metrics" => Slot::Switch(&mut config.telemetry.publish_node_metrics),
        "telemetry.prefix_filter" => Slot::Words(&mut config.telemetry.prefix_filter),
        "telemetry.filter_default" => Slot::Switch(&mut config.telemetry.filter_default),

        "http_api_response_headers" => Slot::Map(&mut config.http_response_headers),
        "server.enabled" => Slot::Switch(&mut server.enabled),
        "server.bootstrap_expect" => Slot::Count(&mut server.bootstrap_expect, 0..=5),
        "server.data_dir" => Slot::Path(&mut server.data_dir),
        "server.server_join.start_join" | "server.start_join" => Slot::Peers(&mut server.join.start_join),
        "server.server_join.retry_join" | "server.retry_join" => Slot::Peers(&mut server.join.retry_join),
        "server.server_join.retry_max" | "server.retry_max" => Slot::Count(&mut server.join.retry_max, 0..=u64::MAX),
        "server.server_join.retry_interval" | "server.retry_interval" => Slot::Time(&mut server.join.retry_interval),
        "server.heartbeat_grace" => Slot::Time(&mut server.heartbeat_grace),
        "server.min_heartbeat_ttl" => Slot::Time(&mut server.min_heartbeat_ttl),
        "server.max_heartbeats_per_second" => Slot::Rate(&mut server.max_heartbeats_per_second),
        "server.failover_heartbeat_ttl" => Slot::Time(&mut server.failover_heartbeat_ttl),
        "server.job_gc_interval" => Slot::Time(&mut server.gc.interval),
        "server.job_gc_threshold" => Slot::Time(&mut server.gc.job),
        "server.job_max_count" => Slot::Count(&mut server.job_max_count, 0..=1 << 40),
        "server.job_max_priority" => Slot::Count(&mut server.job_max_priority, 100..=model::PRIORITY_MAX.unsigned_abs()),
        "server.job_default_priority" => Slot::Count(&mut server.job_default_priority, 1..=model::PRIORITY_MAX.unsigned_abs()),
        "server.job_tracked_versions" => Slot::Count(&mut server.job_tracked_versions, 1..=1_000_000),
        "server.job_max_source_size" => Slot::Bytes(&mut server.job_max_source_size),
        "server.search.fuzzy_enabled" => Slot::Switch(&mut server.search.fuzzy_enabled),
        "server.search.limit_query" => Slot::Count(&mut server.search.limit_query, 1..=1_000_000),
        "server.search.limit_results" => Slot::Count(&mut server.search.limit_results, 1..=1_000_000),
        "server.search.min_term_length" => Slot::Count(&mut server.search.min_term_length, 1..=128),
        "server.num_schedulers" => Slot::Signed(&mut server.num_schedulers, 0..=i64::MAX),
        "server.enabled_schedulers" => Slot::JobTypes(&mut server.enabled_schedulers),
        "server.eval_gc_threshold" => Slot::Time(&mut server.gc.eval),
        "server.batch_eval_gc_threshold" => Slot::Time(&mut server.gc.batch_eval),
        "server.deployment_gc_threshold" => Slot::Time(&mut server.gc.deployment),
        "server.enable_event_broker" => Slot::Switch(&mut server.enable_event_broker),
        "server.event_buffer_size" => Slot::Count(&mut server.event_buffer_size, 1..=100_000),
        "server.raft_snapshot_threshold" => Slot::Count(&mut server.raft_snapshot_threshold, 1..=u64::MAX),
        "server.raft_trailing_logs" => Slot::Count(&mut server.raft_trailing_logs, 1..=u64::MAX),
        "autopilot.cleanup_dead_servers" => Slot::Switch(&mut server.autopilot.cleanup_dead_servers),
        "autopilot.server_stabilization_time" => Slot::Time(&mut server.autopilot.server_stabilization_time),
        "autopilot.last_contact_threshold" => Slot::Time(&mut server.autopilot.last_contact_threshold),
        "autopilot.max_trailing_logs" => Slot::Count(&mut server.autopilot.max_trailing_logs, 1..=u64::MAX),
        "autopilot.min_quorum" => Slot::Count(&mut server.autopilot.min_quorum, 0..=99),
        "server.authoritative_region" => Slot::Text(&mut server.authoritative_region),
        "server.default_scheduler_config.scheduler_algorithm" => Slot::Algorithm(&mut server.scheduler.algorithm),
        "server.default_scheduler_config.memory_oversubscription_enabled" => Slot::Switch(&mut server.scheduler.memory_oversubscription),
        "server.default_scheduler_config.reject_job_registration" => Slot::Switch(&mut server.scheduler.reject_job_registration),
        "server.default_scheduler_config.pause_eval_broker" => Slot::Switch(&mut server.scheduler.pause_eval_broker),
        "server.default_scheduler_config.node_limit_for_feasibility_checks" => Slot::Count(&mut server.scheduler.node_limit, 0..=u64::MAX),
        "server.default_scheduler_config.preemption_config.system_scheduler_enabled" => {
            Slot::Switch(&mut server.scheduler.preemption.system)
        }
        "server.default_scheduler_config.preemption_config.sysbatch_scheduler_enabled" => {
            Slot::Switch(&mut server.scheduler.preemption.sysbatch)
        }
        "server.default_scheduler_config.preemption_config.batch_scheduler_enabled" => Slot::Switch(&mut server.scheduler.preemption.batch),
        "server.default_scheduler_config.preemption_config.service_scheduler_enabled" => {
            Slot::Switch(&mut server.scheduler.preemption.service)
        }
        "server.node_gc_threshold" => Slot::Time(&mut server.gc.node),

        "client.enabled" => Slot::Switch(&mut client.enabled),
        "client.servers" => Slot::Peers(&mut client.servers),
        "client.server_join.start_join" => Slot::Peers(&mut client.join.start_join),
        "client.server_join.retry_join" => Slot::Peers(&mut client.join.retry_join),
        "client.server_join.retry_max" => Slot::Count(&mut client.join.retry_max, 0..=u64::MAX),
        "client.server_join.retry_interval" => Slot::Time(&mut client.join.retry_interval),
        "client.node_class" => Slot::Text(&mut client.node_class),
        "client.node_pool" => Slot::Text(&mut client.node_pool),
        "client.meta" => Slot::Map(&mut client.meta),
        "client.options" => Slot::Map(&mut client.options),
        "client.reserved.cpu" => Slot::Count(&mut client.reserved.cpu, 0..=u32::MAX.into()),
        "client.reserved.memory" => Slot::Count(&mut client.reserved.memory, 0..=u32::MAX.into()),
        "client.reserved.disk" => Slot::Count(&mut client.reserved.disk, 0..=u32::MAX.into()),
        "client.reserved.reserved_ports" => Slot::Text(&mut client.reserved.ports),
        "client.reserved.cores" => Slot::Text(&mut client.reserved.cores),
        "client.reservable_cores" => Slot::Text(&mut client.reservable_cores),
        "client.default_ineligible" => Slot::Switch(&mut client.default_ineligible),
        "client.host_network" => Slot::HostNetworks(&mut client.host_networks),
        "client.drain_on_shutdown" => Slot::DrainOnShutdown(&mut client.drain_on_shutdown),
        "client.state_dir" => Slot::Path(&mut client.state_dir),
        "client.alloc_dir" => Slot::Path(&mut client.alloc_dir),
        "client.network_interface" => Slot::OptionalText(&mut client.network_interface),
        "client.min_dynamic_port" => Slot::Port(&mut client.min_dynamic_port),
        "client.max_dynamic_port" => Slot::Port(&mut client.max_dynamic_port),
        "client.max_kill_timeout" => Slot::Time(&mut client.max_kill_timeout),
        "client.cpu_total_compute" => Slot::Count(&mut client.cpu_total_compute, 0..=u32::MAX.into()),
        "client.memory_total_mb" => Slot::Count(&mut client.memory_total_mb, 0..=u32::MAX.into()),
        "client.disk_total_mb" => Slot::Count(&mut client.disk_total_mb, 0..=u32::MAX.into()),
        "client.disk_free_mb" => Slot::Count(&mut client.disk_free_mb, 0..=u32::MAX.into()),
        "client.node_max_allocs" => Slot::Count(&mut client.max_allocs, 0..=u32::MAX.into()),
        "client.gc_interval" => Slot::Time(&mut client.collection.interval),
        "client.gc_max_allocs" => Slot::Count(&mut client.collection.max_allocs, 0..=u32::MAX.into()),
        "client.gc_disk_usage_threshold" => Slot::Percent(&mut client.collection.disk_usage),
        "client.gc_inode_usage_threshold" => Slot::Percent(&mut client.collection.inode_usage),

        "plugin.raw_exec.config.enabled" => Slot::Switch(&mut config.plugins.raw_exec.enabled),
        "plugin.raw_exec.config.denied_envvars" => Slot::Words(&mut config.plugins.raw_exec.denied_envvars),
        "plugin.raw_exec.config.denied_host_uids" => Slot::Text(&mut config.plugins.raw_exec.denied_host_uids),
        "plugin.raw_exec.config.denied_host_gids" => Slot::Text(&mut config.plugins.raw_exec.denied_host_gids),
        "plugin.mock_driver.config.enabled" => Slot::Switch(&mut config.plugins.mock_driver),
        _ => return None,
    })
}

/// What a key is to this agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Sets something.
    InEffect,
    /// Holds keys that set something.
    Block,
    /// Known, and refused.
    NotSupportedYet,
    Unknown,
}

/// Every key of the interface, in effect or not.
static KNOWN: LazyLock<Vec<&str>> =
    LazyLock::new(|| include_str!("known_keys.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect());

/// The keys in effect, as dotted paths.
pub static IN_EFFECT: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let mut config = Config::default();
    KNOWN.iter().copied().filter(|path| slot(&mut config, path).is_some()).collect()
});

pub fn standing(path: &str) -> Standing {
    if IN_EFFECT.contains(&path) {
        Standing::InEffect
    } else if IN_EFFECT.iter().any(|key| key.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))) {
        Standing::Block
    } else if KNOWN.contains(&path) {
        Standing::NotSupportedYet
    } else {
        Standing::Unknown
    }
}

/// What to say about a key that does not exist: the nearest one of its block, or the block in which a key of this name exists.
pub fn hint(block: &str, key: &str) -> String {
    let children = |of: &[&'static str]| -> Vec<&'static str> {
        let prefix = if block.is_empty() { String::new() } else { format!("{block}.") };
        let mut names: Vec<&str> = of.iter().filter_map(|path| path.strip_prefix(prefix.as_str())?.split('.').next()).collect();
        names.dedup();
        names
    };
    let elsewhere = || IN_EFFECT.iter().find(|path| path.rsplit_once('.').is_some_and(|(_, last)| last == key));
    if let Some(near) = nearest(&children(&IN_EFFECT), key) {
        return format!("; did you mean \"{near}\"?");
    }
    if let Some((home, _)) = elsewhere().and_then(|path| path.rsplit_once('.')) {
        return format!("; it belongs in the block {}", home.replace('.', " { "));
    }
    if let Some(near) = nearest(&children(&KNOWN), key) {
        return format!("; did you mean \"{near}\"? (not supported yet)");
    }
    format!("; it takes {}", children(&IN_EFFECT).join(", "))
}

/// The most similar name, when it is similar enough to be what was meant.
pub fn nearest<'n>(names: &[&'n str], meant: &str) -> Option<&'n str> {
    let likeness = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &meant.to_lowercase());
    let best = names.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    // below this, the proposals stop making sense to a reader
    (likeness(best) >= 0.8).then_some(best)
}
