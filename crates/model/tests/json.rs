//! The JSON of nouns against the field lists of the interface (`data/fields.tsv`).

use std::collections::BTreeMap;

use model::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use testkit::{any, full};

struct Field {
    name: &'static str,
    kind: &'static str,
    nullable: bool,
    omitempty: bool,
    /// Only in the types of client libraries.
    client_only: bool,
}

fn fields(name: &str) -> Vec<Field> {
    let lines = include_str!("data/fields.tsv").lines().filter(|line| !line.starts_with('#'));
    let fields: Vec<Field> = lines
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .filter(|cells| cells[0] == name)
        .map(|cells| Field {
            name: cells[1],
            kind: cells[2],
            nullable: cells[3] == "null",
            omitempty: cells[4] == "omit",
            client_only: cells[5] == "client_lib",
        })
        .collect();
    assert!(!fields.is_empty(), "{name} is not in the list");
    fields
}

/// What `omitempty` leaves out. Words that are never empty stay.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(_) => false,
    }
}

fn shape_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn expected_shape(kind: &str) -> &'static str {
    match kind {
        "integer" | "number" => "number",
        "boolean" => "boolean",
        kind if kind.starts_with("string") => "string",
        kind if kind.starts_with("array") => "array",
        _ => "object",
    }
}

/// What is ours beyond the interface, in files that ask for it.
const ADDED: &[(&str, &str)] = &[("MultiregionStrategy", "Unreachable")];

/// What belongs to parts that are not there yet.
const LATER: &[(&str, &str)] = &[("NodePool", "NodeIdentityTTL")];

/// Types whose name is not the interface's.
const NAMES: &[(&str, &str)] = &[("DeviceAttribute", "Attribute"), ("NamespaceSpec", "Namespace")];

fn check<T: Serialize + DeserializeOwned + Default + PartialEq + std::fmt::Debug>() {
    let name = std::any::type_name::<T>().rsplit("::").next().unwrap_or_default();
    let name = NAMES.iter().find(|(ours, _)| *ours == name).map_or(name, |(_, theirs)| theirs);
    let fields = fields(name);
    let by_name: BTreeMap<&str, &Field> = fields.iter().map(|field| (field.name, field)).collect();
    let mut wrong = Vec::new();

    // Everything filled: the keys are the interface's, with values of its types.
    let object = |value: &T| match serde_json::to_value(value) {
        Ok(Value::Object(object)) => object,
        other => panic!("{name}: {other:?}"),
    };
    let filled = object(&full::<T>(1).expect("a value"));
    for (key, value) in &filled {
        match by_name.get(key.as_str()) {
            None if ADDED.contains(&(name, key.as_str())) => {}
            None => wrong.push(format!("{key} is not of the interface")),
            Some(field) if value.is_null() && !field.nullable => wrong.push(format!("{key} is null")),
            Some(field) if !value.is_null() && shape_of(value) != expected_shape(field.kind) => {
                wrong.push(format!("{key} is a {}, not a {}", shape_of(value), field.kind));
            }
            Some(_) => {}
        }
    }

    // Everything empty: absent, null or empty as the interface has it.
    let empty = object(&T::default());
    for field in fields.iter().filter(|field| !field.client_only && !LATER.contains(&(name, field.name))) {
        match empty.get(field.name) {
            None if !field.omitempty => wrong.push(format!("{} is missing when empty", field.name)),
            None => {}
            Some(value) if field.omitempty && is_empty(value) => {
                wrong.push(format!("{} is {value} when empty, and should be left out", field.name));
            }
            Some(Value::Array(_)) => wrong.push(format!("{} is an empty list, and should be null", field.name)),
            Some(Value::Object(object)) if object.is_empty() => {
                wrong.push(format!("{} is an empty object, and should be null", field.name))
            }
            Some(Value::Null) if !field.nullable && !field.kind.starts_with("string(RFC3339") => {
                wrong.push(format!("{} is null when empty", field.name));
            }
            Some(_) => {}
        }
    }
    for (_, key) in ADDED.iter().filter(|(of, key)| *of == name && empty.contains_key(*key)) {
        wrong.push(format!("{key} is an addition, and should be left out where nobody asked for it"));
    }
    assert!(wrong.is_empty(), "{name}:\n  {}", wrong.join("\n  "));

    // Both ways, whatever is filled; and what is missing or null reads as empty.
    for value in full::<T>(1).into_iter().chain((0..100).map(any::<T>)) {
        let text = serde_json::to_string(&value).expect("json");
        let read: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}: {text}"));
        assert_eq!(read, value, "{name}");
    }
    assert_eq!(serde_json::from_str::<T>("{}").ok(), Some(T::default()), "{name} of {{}}");
}

macro_rules! checks {
    ($($type:ident)+) => {
        $(
            #[test]
            #[allow(non_snake_case)]
            fn $type() {
                check::<model::$type>();
            }
        )+
    };
}

/// Each type by a test of its own: keys, shapes, what is left out, what is null.
mod types {
    use super::check;

    checks! {
        Affinity AllocDeploymentStatus AllocMetric AllocNetworkStatus AllocatedCpuResources AllocatedDeviceResource ClientHostNetworkConfig
        DeviceAttribute DisconnectStrategy DispatchPayloadConfig JobUIConfig JobUILink JobVersionTag NamespaceCapabilities
        NamespaceNodePoolConfiguration NamespaceSpec NodeDevice NodeDeviceLocality NodeDeviceResource NodePool NodePoolSchedulerConfiguration
        ParameterizedJobConfig PeriodicConfig PreemptionConfig RequestedDevice ScalingPolicy SchedulerConfiguration Spread SpreadTarget AllocatedMemoryResources AllocatedPortMapping
        AllocatedResources AllocatedSharedResources AllocatedTaskResources Allocation Constraint Deployment DeploymentState DesiredTransition
        DesiredUpdates DrainMetadata DrainStrategy DriverInfo EphemeralDisk Evaluation Job JobChildrenSummary JobSubmission JobSummary
        LegacyNodeCpuResources LogConfig MigrateStrategy Multiregion MultiregionRegion MultiregionStrategy NetworkResource Node
        NodeDiskResources NodeEvent NodeMemoryResources NodeNetworkAddress NodeNetworkResource NodeProcessorResources
        NodeReservedCpuResources NodeReservedDiskResources NodeReservedMemoryResources NodeReservedNetworkResources NodeReservedResources
        NodeResources NodeScoreMeta PlanAnnotations Port RescheduleEvent ReschedulePolicy RescheduleTracker Resources RestartPolicy Task
        TaskEvent TaskGroup TaskGroupSummary TaskLifecycle TaskState UpdateStrategy
    }
}

/// Parts of the interface that are not supported are refused when they ask for something, and read when they ask for nothing.
#[test]
fn unsupported_parts() {
    for (text, fits) in [
        (r#"{"Services": null}"#, true),
        (r#"{"Services": []}"#, true),
        (r#"{"Consul": {"Namespace": "", "Cluster": ""}}"#, true),
        (r#"{"Services": [{"Name": "web"}]}"#, false),
        (r#"{"Volumes": {"data": {"Type": "host"}}}"#, false),
    ] {
        assert_eq!(serde_json::from_str::<TaskGroup>(text).is_ok(), fits, "{text}");
    }
}
