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
        word("type", "Type", &["service", "batch", "system", "sysbatch"]),
        integer("priority", "Priority"),
        boolean("all_at_once", "AllAtOnce"),
        field("datacenters", "Datacenters", Shape::TextList),
        text("node_pool", "NodePool"),
        many("Constraints", &CONSTRAINT),
        many("Affinities", &AFFINITY),
        many("TaskGroups", &GROUP),
        one("Update", &UPDATE),
        one("Multiregion", &MULTIREGION),
        many("Spreads", &SPREAD),
        one("Periodic", &PERIODIC),
        one("ParameterizedJob", &PARAMETERIZED),
        one("Reschedule", &RESCHEDULE),
        one("Migrate", &MIGRATE),
        field("meta", "Meta", Shape::TextMap),
        one("UI", &UI),
        later_block("vault", ""),
        later_block("secret", ""),
        sugar("task", Shape::Many(&TASK)),
        boolean("", "Stop"),
        text("", "ParentID"),
        boolean("", "Dispatched"),
        text("", "DispatchIdempotencyToken"),
        text("", "Payload"),
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
        sugar("distinct_property", Shape::Text),
        // Existing job files may have them, and they never did anything there.
        sugar_later("set_contains_all"),
        sugar_later("set_contains_any"),
        sugar_later("is_set"),
        sugar_later("is_not_set"),
    ],
};

pub(crate) static AFFINITY: Block = Block {
    name: "affinity",
    label: None,
    finish: Finish::Affinity,
    fields: &[
        plain(text("attribute", "LTarget")),
        plain(text("value", "RTarget")),
        plain(text("operator", "Operand")),
        integer("weight", "Weight"),
        sugar("version", Shape::Text),
        sugar("semver", Shape::Text),
        sugar("regexp", Shape::Text),
        sugar("set_contains", Shape::Text),
        sugar("set_contains_all", Shape::Text),
        sugar("set_contains_any", Shape::Text),
    ],
};

pub(crate) static SPREAD: Block = Block {
    name: "spread",
    label: None,
    finish: Finish::Nothing,
    fields: &[plain(text("attribute", "Attribute")), integer("weight", "Weight"), many("SpreadTarget", &SPREAD_TARGET)],
};

pub(crate) static SPREAD_TARGET: Block =
    Block { name: "target", label: Some("Value"), finish: Finish::Nothing, fields: &[plain(integer("percent", "Percent"))] };

pub(crate) static PERIODIC: Block = Block {
    name: "periodic",
    label: None,
    finish: Finish::Nothing,
    fields: &[
        boolean("enabled", "Enabled"),
        text("cron", "Spec"),
        field("crons", "Specs", Shape::TextList),
        word("", "SpecType", &["cron"]),
        boolean("prohibit_overlap", "ProhibitOverlap"),
        text("time_zone", "TimeZone"),
    ],
};

pub(crate) static PARAMETERIZED: Block = Block {
    name: "parameterized",
    label: None,
    finish: Finish::Nothing,
    fields: &[
        plain(word("payload", "Payload", &["optional", "required", "forbidden"])),
        field("meta_required", "MetaRequired", Shape::TextList),
        field("meta_optional", "MetaOptional", Shape::TextList),
    ],
};

pub(crate) static UI: Block = Block {
    name: "ui",
    label: None,
    finish: Finish::Nothing,
    fields: &[plain(text("description", "Description")), many("Links", &UI_LINK)],
};

pub(crate) static UI_LINK: Block =
    Block { name: "link", label: None, finish: Finish::Nothing, fields: &[plain(text("label", "Label")), plain(text("url", "Url"))] };

pub(crate) static SCALING: Block = Block {
    name: "scaling",
    label: None,
    finish: Finish::Nothing,
    fields: &[
        integer("min", "Min"),
        integer("max", "Max"),
        field("policy", "Policy", Shape::Free),
        boolean("enabled", "Enabled"),
        field("type", "Type", Shape::Word(&["horizontal"], &["vertical_cpu", "vertical_mem"])),
        text("", "ID"),
        field("", "Target", Shape::TextMap),
    ],
};

/// The label is `cpu` or `mem`.
pub(crate) static TASK_SCALING: Block = Block {
    name: "scaling",
    label: Some("Type"),
    finish: Finish::TaskScaling,
    fields: &[
        integer("min", "Min"),
        integer("max", "Max"),
        field("policy", "Policy", Shape::Free),
        boolean("enabled", "Enabled"),
        sugar("type", Shape::Word(&["vertical_cpu", "vertical_mem"], &["horizontal"])),
        text("", "ID"),
        field("", "Target", Shape::TextMap),
    ],
};

pub(crate) static DISCONNECT: Block = Block {
    name: "disconnect",
    label: None,
    finish: Finish::Nothing,
    fields: &[
        duration("lost_after", "LostAfter"),
        duration("stop_on_client_after", "StopOnClientAfter"),
        boolean("replace", "Replace"),
        word("reconcile", "Reconcile", &["best_score", "keep_original", "keep_replacement", "longest_running"]),
    ],
};

pub(crate) static GROUP: Block = Block {
    name: "group",
    label: Some("Name"),
    finish: Finish::Nothing,
    fields: &[
        integer("count", "Count"),
        many("Constraints", &CONSTRAINT),
        many("Affinities", &AFFINITY),
        many("Tasks", &TASK),
        many("Spreads", &SPREAD),
        later_block("volume", "Volumes"),
        one("RestartPolicy", &RESTART),
        one("Disconnect", &DISCONNECT),
        one("ReschedulePolicy", &RESCHEDULE),
        one("EphemeralDisk", &EPHEMERAL_DISK),
        one("Update", &UPDATE),
        one("Migrate", &MIGRATE),
        many("Networks", &NETWORK),
        field("meta", "Meta", Shape::TextMap),
        later_block("service", "Services"),
        duration("shutdown_delay", "ShutdownDelay"),
        duration("max_run_duration", "MaxRunDuration"),
        duration("stop_after_client_disconnect", "StopAfterClientDisconnect"),
        duration("max_client_disconnect", "MaxClientDisconnect"),
        one("Scaling", &SCALING),
        later_block_unless("consul", "Consul", &["default"]),
        boolean("prevent_reschedule_on_lost", "PreventRescheduleOnLost"),
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
        many("Affinities", &AFFINITY),
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
        one("DispatchPayload", &DISPATCH_PAYLOAD),
        later_block("volume_mount", "VolumeMounts"),
        later_block("csi_plugin", "CSIPluginConfig"),
        plain(boolean("leader", "Leader")),
        plain(duration("shutdown_delay", "ShutdownDelay")),
        plain(text("kill_signal", "KillSignal")),
        later("kind", "Kind", &[]),
        many("ScalingPolicies", &TASK_SCALING),
        later_block("secret", "Secrets"),
        later_block_unless("identity", "Identities", &["default", "nomadproject.io"]),
        later_block_unless("", "Identity", &["default", "nomadproject.io"]),
        later_block("action", "Actions"),
        later_block("schedule", "Schedule"),
    ],
};

pub(crate) static DISPATCH_PAYLOAD: Block =
    Block { name: "dispatch_payload", label: None, finish: Finish::Nothing, fields: &[plain(text("file", "File"))] };

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
        integer("cores", "Cores"),
        integer("memory", "MemoryMB"),
        integer("memory_max", "MemoryMaxMB"),
        integer("disk", "DiskMB"),
        many("Networks", &NETWORK),
        many("Devices", &DEVICE),
        one("NUMA", &NUMA),
        later("secrets", "SecretsMB", &[]),
        integer("iops", "IOPS"),
    ],
};

pub(crate) static NUMA: Block = Block {
    name: "numa",
    label: None,
    finish: Finish::Nothing,
    fields: &[plain(word("affinity", "Affinity", &["none", "prefer", "require"])), later("devices", "Devices", &[])],
};

pub(crate) static DEVICE: Block = Block {
    name: "device",
    label: Some("Name"),
    finish: Finish::Nothing,
    fields: &[integer("count", "Count"), many("Constraints", &CONSTRAINT), many("Affinities", &AFFINITY)],
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
    fields: &[boolean("sticky", "Sticky"), boolean("migrate", "Migrate"), integer("size", "SizeMB")],
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
        plain(field("mode", "Mode", Shape::Word(&["", "none", "host", "bridge", "cni/*"], &[]))),
        later("device", "Device", &[]),
        later("cidr", "CIDR", &[]),
        later("ip", "IP", &[]),
        later_block("dns", "DNS"),
        field("", "ReservedPorts", Shape::Many(&PORT)),
        field("", "DynamicPorts", Shape::Many(&PORT)),
        sugar("reserved_ports", Shape::Many(&PORT)),
        sugar("port", Shape::Many(&PORT)),
        later("hostname", "Hostname", &[]),
        integer("mbits", "MBits"),
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
        plain(text("host_network", "HostNetwork")),
        plain(boolean("ignore_collision", "IgnoreCollision")),
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
