//! The blocks of a job file. To make a feature take effect, give its row a real shape and full support, and the crates that act on it the
//! rest; nothing else in this crate has to change.

use super::{Block, Field, Finish, Shape, Support};

const fn field(hcl: &'static str, json: &'static str, shape: Shape) -> Field {
    Field { hcl, json, shape, support: Support::Full, absent_is_zero: false }
}

const fn text(hcl: &'static str, json: &'static str) -> Field {
    field(hcl, json, Shape::Text)
}

const fn integer(hcl: &'static str, json: &'static str) -> Field {
    field(hcl, json, Shape::Integer)
}

const fn boolean(hcl: &'static str, json: &'static str) -> Field {
    field(hcl, json, Shape::Bool)
}

const fn duration(hcl: &'static str, json: &'static str) -> Field {
    field(hcl, json, Shape::Duration)
}

const fn word(hcl: &'static str, json: &'static str, known: &'static [&'static str]) -> Field {
    field(hcl, json, Shape::Word(known, &[]))
}

const fn one(json: &'static str, block: &'static Block) -> Field {
    field(block.name, json, Shape::One(block))
}

const fn many(json: &'static str, block: &'static Block) -> Field {
    field(block.name, json, Shape::Many(block))
}

/// An attribute that is not supported yet. `harmless` are texts that ask for nothing, such as its default.
const fn later(hcl: &'static str, json: &'static str, harmless: &'static [&'static str]) -> Field {
    Field { hcl, json, shape: Shape::OpaqueAttribute, support: Support::NotYet(harmless), absent_is_zero: false }
}

/// A block that is not supported yet.
const fn later_block(hcl: &'static str, json: &'static str) -> Field {
    Field { hcl, json, shape: Shape::OpaqueBlock, support: Support::NotYet(&[]), absent_is_zero: false }
}

/// The same, with texts that ask for nothing in a request body, because existing clients send them.
const fn later_block_unless(hcl: &'static str, json: &'static str, harmless: &'static [&'static str]) -> Field {
    Field { hcl, json, shape: Shape::OpaqueBlock, support: Support::NotYet(harmless), absent_is_zero: false }
}

/// Only in job files; the block's `finish` reads it.
const fn sugar(hcl: &'static str, shape: Shape) -> Field {
    Field { hcl, json: "", shape, support: Support::Sugar, absent_is_zero: false }
}

const fn sugar_later(hcl: &'static str) -> Field {
    Field { hcl, json: "", shape: Shape::OpaqueAttribute, support: Support::NotYet(&[]), absent_is_zero: false }
}

/// Always there in JSON, also when nothing is set.
const fn plain(field: Field) -> Field {
    Field { absent_is_zero: true, ..field }
}

pub(crate) static JOB: Block = Block {
    name: "job",
    label: Some(""),
    finish: Finish::Job,
    fields: &[
        text("region", "Region"),
        text("namespace", "Namespace"),
        text("id", "ID"),
        text("name", "Name"),
        field("type", "Type", Shape::Word(&["service", "batch"], &["system", "sysbatch"])),
        integer("priority", "Priority"),
        later("all_at_once", "AllAtOnce", &[]),
        field("datacenters", "Datacenters", Shape::TextList),
        text("node_pool", "NodePool"),
        many("Constraints", &CONSTRAINT),
        later_block("affinity", "Affinities"),
        many("TaskGroups", &GROUP),
        one("Update", &UPDATE),
        one("Multiregion", &MULTIREGION),
        later_block("spread", "Spreads"),
        later_block("periodic", "Periodic"),
        later_block("parameterized", "ParameterizedJob"),
        one("Reschedule", &RESCHEDULE),
        one("Migrate", &MIGRATE),
        field("meta", "Meta", Shape::TextMap),
        later_block("ui", "UI"),
        later_block("vault", ""),
        later_block("secret", ""),
        sugar("task", Shape::Many(&TASK)),
        boolean("", "Stop"),
        later("", "ParentID", &[]),
        later("", "Dispatched", &[]),
        later("", "DispatchIdempotencyToken", &[]),
        later("", "Payload", &[]),
        later("", "ConsulNamespace", &[]),
        later("", "ConsulToken", &[]),
        later("", "VaultNamespace", &[]),
        later("", "VaultToken", &[]),
    ],
};

/// Written by the servers: clients send them back, and nobody reads them.
pub(crate) static JOB_SERVER_FIELDS: &[&str] = &[
    "NomadTokenID",
    "Status",
    "StatusDescription",
    "Stable",
    "Version",
    "SubmitTime",
    "CreateIndex",
    "ModifyIndex",
    "JobModifyIndex",
    "VersionTag",
];

pub(crate) static CONSTRAINT: Block = Block {
    name: "constraint",
    label: None,
    finish: Finish::Constraint,
    fields: &[
        plain(text("attribute", "LTarget")),
        plain(text("value", "RTarget")),
        plain(text("operator", "Operand")),
        sugar("version", Shape::Text),
        sugar("semver", Shape::Text),
        sugar("regexp", Shape::Text),
        sugar("set_contains", Shape::Text),
        sugar("distinct_hosts", Shape::Bool),
        sugar_later("distinct_property"),
        // Existing job files may have them, and they never did anything there.
        sugar_later("set_contains_all"),
        sugar_later("set_contains_any"),
        sugar_later("is_set"),
        sugar_later("is_not_set"),
    ],
};

pub(crate) static GROUP: Block = Block {
    name: "group",
    label: Some("Name"),
    finish: Finish::Nothing,
    fields: &[
        integer("count", "Count"),
        many("Constraints", &CONSTRAINT),
        later_block("affinity", "Affinities"),
        many("Tasks", &TASK),
        later_block("spread", "Spreads"),
        later_block("volume", "Volumes"),
        one("RestartPolicy", &RESTART),
        later_block("disconnect", "Disconnect"),
        one("ReschedulePolicy", &RESCHEDULE),
        one("EphemeralDisk", &EPHEMERAL_DISK),
        one("Update", &UPDATE),
        one("Migrate", &MIGRATE),
        many("Networks", &NETWORK),
        field("meta", "Meta", Shape::TextMap),
        later_block("service", "Services"),
        duration("shutdown_delay", "ShutdownDelay"),
        later("max_run_duration", "MaxRunDuration", &[]),
        later("stop_after_client_disconnect", "StopAfterClientDisconnect", &[]),
        later("max_client_disconnect", "MaxClientDisconnect", &[]),
        later_block("scaling", "Scaling"),
        later_block_unless("consul", "Consul", &["default"]),
        later("prevent_reschedule_on_lost", "PreventRescheduleOnLost", &[]),
        later_block("vault", ""),
        later_block("secret", ""),
    ],
};

pub(crate) static TASK: Block = Block {
    name: "task",
    label: Some("Name"),
    finish: Finish::Nothing,
    fields: &[
        plain(text("driver", "Driver")),
        plain(text("user", "User")),
        one("Lifecycle", &LIFECYCLE),
        field("config", "Config", Shape::Free),
        many("Constraints", &CONSTRAINT),
        later_block("affinity", "Affinities"),
        field("env", "Env", Shape::TextMap),
        later_block("service", "Services"),
        one("Resources", &RESOURCES),
        one("RestartPolicy", &RESTART),
        field("meta", "Meta", Shape::TextMap),
        duration("kill_timeout", "KillTimeout"),
        one("LogConfig", &LOGS),
        later_block("artifact", "Artifacts"),
        later_block("vault", "Vault"),
        later_block_unless("consul", "Consul", &["default"]),
        later_block("template", "Templates"),
        later_block("dispatch_payload", "DispatchPayload"),
        later_block("volume_mount", "VolumeMounts"),
        later_block("csi_plugin", "CSIPluginConfig"),
        plain(boolean("leader", "Leader")),
        plain(duration("shutdown_delay", "ShutdownDelay")),
        plain(text("kill_signal", "KillSignal")),
        later("kind", "Kind", &[]),
        later_block("scaling", "ScalingPolicies"),
        later_block("secret", "Secrets"),
        later_block_unless("identity", "Identities", &["default", "nomadproject.io"]),
        later_block_unless("", "Identity", &["default", "nomadproject.io"]),
        later_block("action", "Actions"),
        later_block("schedule", "Schedule"),
    ],
};

pub(crate) static LIFECYCLE: Block = Block {
    name: "lifecycle",
    label: None,
    finish: Finish::Nothing,
    fields: &[plain(word("hook", "Hook", &["prestart", "poststart", "poststop"])), plain(boolean("sidecar", "Sidecar"))],
};

pub(crate) static RESOURCES: Block = Block {
    name: "resources",
    label: None,
    finish: Finish::Nothing,
    fields: &[
        integer("cpu", "CPU"),
        later("cores", "Cores", &[]),
        integer("memory", "MemoryMB"),
        integer("memory_max", "MemoryMaxMB"),
        integer("disk", "DiskMB"),
        later_block("network", "Networks"),
        later_block("device", "Devices"),
        later_block_unless("numa", "NUMA", &["none"]),
        later("secrets", "SecretsMB", &[]),
        later("iops", "IOPS", &[]),
    ],
};

pub(crate) static RESTART: Block = Block {
    name: "restart",
    label: None,
    finish: Finish::Nothing,
    fields: &[
        duration("interval", "Interval"),
        integer("attempts", "Attempts"),
        duration("delay", "Delay"),
        word("mode", "Mode", &["fail", "delay"]),
        later("render_templates", "RenderTemplates", &[]),
    ],
};

pub(crate) static RESCHEDULE: Block = Block {
    name: "reschedule",
    label: None,
    finish: Finish::Nothing,
    fields: &[
        integer("attempts", "Attempts"),
        duration("interval", "Interval"),
        duration("delay", "Delay"),
        word("delay_function", "DelayFunction", &["constant", "exponential", "fibonacci"]),
        duration("max_delay", "MaxDelay"),
        boolean("unlimited", "Unlimited"),
    ],
};

pub(crate) static EPHEMERAL_DISK: Block = Block {
    name: "ephemeral_disk",
    label: None,
    finish: Finish::Nothing,
    fields: &[later("sticky", "Sticky", &[]), later("migrate", "Migrate", &[]), integer("size", "SizeMB")],
};

pub(crate) static UPDATE: Block = Block {
    name: "update",
    label: None,
    finish: Finish::Nothing,
    fields: &[
        duration("stagger", "Stagger"),
        integer("max_parallel", "MaxParallel"),
        word("health_check", "HealthCheck", &["checks", "task_states", "manual"]),
        duration("min_healthy_time", "MinHealthyTime"),
        duration("healthy_deadline", "HealthyDeadline"),
        duration("progress_deadline", "ProgressDeadline"),
        integer("canary", "Canary"),
        boolean("auto_revert", "AutoRevert"),
        boolean("auto_promote", "AutoPromote"),
    ],
};

pub(crate) static MIGRATE: Block = Block {
    name: "migrate",
    label: None,
    finish: Finish::Nothing,
    fields: &[
        integer("max_parallel", "MaxParallel"),
        word("health_check", "HealthCheck", &["checks", "task_states"]),
        duration("min_healthy_time", "MinHealthyTime"),
        duration("healthy_deadline", "HealthyDeadline"),
    ],
};

pub(crate) static NETWORK: Block = Block {
    name: "network",
    label: None,
    finish: Finish::Network,
    fields: &[
        plain(field("mode", "Mode", Shape::Word(&["", "host"], &["none", "bridge", "cni/*"]))),
        later("device", "Device", &[]),
        later("cidr", "CIDR", &[]),
        later("ip", "IP", &[]),
        later_block("dns", "DNS"),
        field("", "ReservedPorts", Shape::Many(&PORT)),
        field("", "DynamicPorts", Shape::Many(&PORT)),
        later_block("reserved_ports", ""),
        sugar("port", Shape::Many(&PORT)),
        later("hostname", "Hostname", &[]),
        later("mbits", "MBits", &[]),
        later_block("cni", "CNI"),
    ],
};

pub(crate) static PORT: Block = Block {
    name: "port",
    label: Some("Label"),
    finish: Finish::Nothing,
    fields: &[
        plain(integer("static", "Value")),
        plain(integer("to", "To")),
        later("host_network", "HostNetwork", &["default"]),
        later("ignore_collision", "IgnoreCollision", &[]),
    ],
};

pub(crate) static LOGS: Block = Block {
    name: "logs",
    label: None,
    finish: Finish::Logs,
    fields: &[
        integer("max_files", "MaxFiles"),
        integer("max_file_size", "MaxFileSizeMB"),
        boolean("enabled", "Enabled"),
        boolean("disabled", "Disabled"),
    ],
};

pub(crate) static MULTIREGION: Block =
    Block { name: "multiregion", label: None, finish: Finish::Nothing, fields: &[one("Strategy", &STRATEGY), many("Regions", &REGION)] };

pub(crate) static STRATEGY: Block = Block {
    name: "strategy",
    label: None,
    finish: Finish::Nothing,
    fields: &[
        integer("max_parallel", "MaxParallel"),
        word("on_failure", "OnFailure", &["", "fail_all", "fail_local"]),
        word("unreachable", "Unreachable", &["reject", "defer"]),
    ],
};

pub(crate) static REGION: Block = Block {
    name: "region",
    label: Some("Name"),
    finish: Finish::Nothing,
    fields: &[
        integer("count", "Count"),
        field("datacenters", "Datacenters", Shape::TextList),
        text("node_pool", "NodePool"),
        field("meta", "Meta", Shape::TextMap),
    ],
};
