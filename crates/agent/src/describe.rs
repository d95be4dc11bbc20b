//! The configuration in effect as `/v1/agent/self` shows it: the field names that clients know.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::config::{Config, Join};
use crate::network::Endpoints;

/// The `config` member of the answer. There are no secrets in it.
pub fn describe(config: &Config, files: &[PathBuf], name: &str, bound: &Endpoints, advertised: &Endpoints) -> Value {
    let ip = |address: Option<std::net::SocketAddr>| address.map(|address| address.ip().to_string()).unwrap_or_default();
    let text = |address: Option<std::net::SocketAddr>| address.map(|address| address.to_string()).unwrap_or_default();
    json!({
        "Region": config.region,
        "Datacenter": config.datacenter,
        "NodeName": name,
        "DataDir": path(&config.data_dir),
        "LogLevel": config.log.level.to_string(),
        "LogJson": config.log.json,
        "LogFile": config.log.file.clone().unwrap_or_default(),
        "LogRotateBytes": config.log.rotate_bytes,
        "LogRotateDuration": model::format_duration(nanoseconds(config.log.rotate_after)),
        "LogRotateMaxFiles": config.log.rotate_max_files,
        "BindAddr": config.bind_addr.to_string(),
        "Addresses": { "HTTP": ip(Some(bound.http)), "RPC": ip(bound.rpc), "Serf": ip(bound.gossip) },
        "AdvertiseAddrs": { "HTTP": text(Some(advertised.http)), "RPC": text(advertised.rpc), "Serf": text(advertised.gossip) },
        "Ports": {
            "HTTP": bound.http.port(),
            "RPC": bound.rpc.map_or(config.ports.rpc, |address| address.port()),
            "Serf": bound.gossip.map_or(config.ports.gossip, |address| address.port()),
        },
        "Server": server(config),
        "Client": client(config),
        "Plugins": [
            { "Name": "raw_exec", "Config": { "enabled": config.plugins.raw_exec.enabled } },
            { "Name": "mock_driver", "Config": { "enabled": config.plugins.mock_driver } },
        ],
        "ACL": { "Enabled": false },
        "Telemetry": telemetry(config),
        "LeaveOnInt": config.leave_on_interrupt,
        "LeaveOnTerm": config.leave_on_terminate,
        "DevMode": config.dev,
        "Files": files,
        "Version": { "Version": env!("CARGO_PKG_VERSION"), "VersionPrerelease": "", "VersionMetadata": "", "Revision": "" },
    })
}

fn telemetry(config: &Config) -> Value {
    let telemetry = &config.telemetry;
    json!({
        "CollectionInterval": model::format_duration(nanoseconds(telemetry.collection_interval)),
        "InMemoryCollectionInterval": model::format_duration(nanoseconds(telemetry.in_memory_collection_interval)),
        "InMemoryRetentionPeriod": model::format_duration(nanoseconds(telemetry.in_memory_retention_period)),
        "PrometheusMetrics": telemetry.prometheus_metrics,
        "DisableHostname": telemetry.disable_hostname,
        "UseNodeName": telemetry.use_node_name,
        "PublishAllocationMetrics": telemetry.publish_allocation_metrics,
        "PublishNodeMetrics": telemetry.publish_node_metrics,
        "PrefixFilter": telemetry.prefix_filter,
        "FilterDefault": telemetry.filter_default,
    })
}

fn server(config: &Config) -> Value {
    let server = &config.server;
    json!({
        "Enabled": server.enabled,
        "BootstrapExpect": server.bootstrap_expect,
        "DataDir": path(&server.data_dir),
        "HeartbeatGrace": nanoseconds(server.heartbeat_grace),
        "MinHeartbeatTTL": nanoseconds(server.min_heartbeat_ttl),
        "MaxHeartbeatsPerSecond": server.max_heartbeats_per_second,
        "FailoverHeartbeatTTL": nanoseconds(server.failover_heartbeat_ttl),
        "EnableEventBroker": server.enable_event_broker,
        "EventBufferSize": server.event_buffer_size,
        "JobMaxCount": server.job_max_count,
        "JobMaxPriority": server.job_max_priority,
        "JobDefaultPriority": server.job_default_priority,
        "JobTrackedVersions": server.job_tracked_versions,
        "JobMaxSourceSize": server.job_max_source_size,
        "NumSchedulers": server.num_schedulers,
        "EnabledSchedulers": server.enabled_schedulers,
        "Search": {
            "FuzzyEnabled": server.search.fuzzy_enabled,
            "LimitQuery": server.search.limit_query,
            "LimitResults": server.search.limit_results,
            "MinTermLength": server.search.min_term_length,
        },
        "RaftSnapshotThreshold": server.raft_snapshot_threshold,
        "RaftTrailingLogs": server.raft_trailing_logs,
        "JobGCInterval": model::format_duration(nanoseconds(server.gc.interval)),
        "JobGCThreshold": model::format_duration(nanoseconds(server.gc.job)),
        "EvalGCThreshold": model::format_duration(nanoseconds(server.gc.eval)),
        "BatchEvalGCThreshold": model::format_duration(nanoseconds(server.gc.batch_eval)),
        "DeploymentGCThreshold": model::format_duration(nanoseconds(server.gc.deployment)),
        "NodeGCThreshold": model::format_duration(nanoseconds(server.gc.node)),
        "ServerJoin": join(&server.join),
    })
}

fn client(config: &Config) -> Value {
    let client = &config.client;
    json!({
        "Enabled": client.enabled,
        "StateDir": path(&client.state_dir),
        "AllocDir": path(&client.alloc_dir),
        "Servers": client.servers,
        "NodeClass": client.node_class,
        "NodePool": client.node_pool,
        "Options": client.options,
        "Meta": client.meta,
        "NetworkInterface": client.network_interface.clone().unwrap_or_default(),
        "CpuCompute": client.cpu_total_compute,
        "MemoryMB": client.memory_total_mb,
        "DiskTotalMB": client.disk_total_mb,
        "DiskFreeMB": client.disk_free_mb,
        "NodeMaxAllocs": client.max_allocs,
        "GCInterval": nanoseconds(client.collection.interval),
        "GCMaxAllocs": client.collection.max_allocs,
        "GCDiskUsageThreshold": client.collection.disk_usage,
        "GCInodeUsageThreshold": client.collection.inode_usage,
        "MaxKillTimeout": model::format_duration(nanoseconds(client.max_kill_timeout)),
        "MinDynamicPort": client.min_dynamic_port,
        "MaxDynamicPort": client.max_dynamic_port,
        "ReservableCores": client.reservable_cores,
        "HostNetworks": client.host_networks.iter().map(|(name, network)| json!({
            "Name": name,
            "CIDR": network.cidr,
            "Interface": network.interface,
            "ReservedPorts": network.reserved_ports,
        })).collect::<Vec<_>>(),
        "Drain": client.drain_on_shutdown.as_ref().map(|drain| json!({
            "Deadline": nanoseconds(drain.deadline),
            "IgnoreSystemJobs": drain.ignore_system_jobs,
            "Force": drain.force,
        })),
        "Reserved": {
            "CPU": client.reserved.cpu,
            "MemoryMB": client.reserved.memory,
            "DiskMB": client.reserved.disk,
            "ReservedPorts": client.reserved.ports,
            "Cores": client.reserved.cores,
        },
        "ServerJoin": join(&client.join),
    })
}

fn path(path: &Option<PathBuf>) -> String {
    path.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
}

fn join(join: &Join) -> Value {
    json!({
        "StartJoin": join.start_join,
        "RetryJoin": join.retry_join,
        "RetryMaxAttempts": join.retry_max,
        "RetryInterval": nanoseconds(join.retry_interval),
    })
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
