//! What a plan would do about a difference.

use std::collections::BTreeMap;

use model::{DesiredUpdates, PlanAnnotations};

use super::{DiffType, FieldDiff, JobDiff, ObjectDiff, TaskDiff, TaskGroupDiff};

const CREATE: &str = "forces create";
const DESTROY: &str = "forces destroy";
const IN_PLACE: &str = "forces in-place update";
const REPLACE: &str = "forces create/destroy update";

/// Objects of a task whose change replaces it.
const REPLACING_OBJECTS: &[&str] = &[
    "Artifact",
    "CSIPluginConfig",
    "Config",
    "Consul",
    "Device",
    "Identities",
    "Identity",
    "Lifecycle",
    "Resources",
    "Secrets",
    "Template",
    "Vault",
    "VolumeMount",
];

/// Fields of a task whose change replaces it.
const REPLACING_FIELDS: &[&str] = &["Driver", "Kind", "Leader", "User"];

/// Says in the difference what the plan would do to each group and task.
pub fn annotate(diff: &mut JobDiff, plan: &PlanAnnotations) {
    for group in &mut diff.task_groups {
        if let Some(updates) = plan.desired_tg_updates.get(&group.name) {
            group.updates = counts(updates);
        }
        annotate_count(group);
        let kind = group.kind;
        for task in &mut group.tasks {
            task.annotations = annotation(kind, task).map(str::to_owned).into_iter().collect();
        }
    }
}

fn counts(updates: &DesiredUpdates) -> BTreeMap<String, u64> {
    [
        ("ignore", updates.ignore),
        ("create", updates.place),
        ("destroy", updates.stop),
        ("migrate", updates.migrate),
        ("canary", updates.canary),
        ("in-place update", updates.in_place_update),
        ("create/destroy update", updates.destructive_update),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(|(name, count)| (name.to_owned(), count))
    .collect()
}

fn annotate_count(group: &mut TaskGroupDiff) {
    let Some(field) = group.fields.iter_mut().find(|field| field.name == "Count") else { return };
    let number = |text: &str| text.parse::<i64>().unwrap_or(0);
    field.annotations = match number(&field.new).cmp(&number(&field.old)) {
        std::cmp::Ordering::Greater => vec![CREATE.to_owned()],
        std::cmp::Ordering::Less => vec![DESTROY.to_owned()],
        std::cmp::Ordering::Equal => Vec::new(),
    };
}

fn annotation(group: DiffType, task: &TaskDiff) -> Option<&'static str> {
    match (group, task.kind) {
        (_, DiffType::None) => None,
        (DiffType::Added, _) => Some(CREATE),
        (DiffType::Deleted, _) => Some(DESTROY),
        (_, DiffType::Added | DiffType::Deleted) => Some(REPLACE),
        (_, DiffType::Edited) if task.fields.iter().any(replaces_field) || task.objects.iter().any(replaces_object) => Some(REPLACE),
        (_, DiffType::Edited) => Some(IN_PLACE),
    }
}

fn replaces_field(field: &FieldDiff) -> bool {
    let name = field.name.as_str();
    field.kind != DiffType::None && (REPLACING_FIELDS.contains(&name) || name.starts_with("Env[") || name.starts_with("Meta["))
}

fn replaces_object(object: &ObjectDiff) -> bool {
    let changes = |name: &str| object.fields.iter().any(|field| field.name == name && field.kind != DiffType::None);
    match object.name.as_str() {
        "LogConfig" => changes("Disabled"),
        "RestartPolicy" => changes("RenderTemplates"),
        name => object.kind != DiffType::None && REPLACING_OBJECTS.contains(&name),
    }
}
