//! What changes from one job to another, as `plan` and `versions` show it.
//!
//! The difference is taken over the JSON of the two jobs, so a new attribute of a job shows up without a line here. [`jobs`] compares,
//! [`annotate`] adds what a plan would do about it.

mod annotate;
mod compare;

use std::collections::BTreeMap;

use model::Job;
use model::json::nullable;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use annotate::annotate;

/// What happened to a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum DiffType {
    #[default]
    None,
    Added,
    Deleted,
    Edited,
}

impl DiffType {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Added => "Added",
            Self::Deleted => "Deleted",
            Self::Edited => "Edited",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobDiff {
    #[serde(rename = "Type")]
    pub kind: DiffType,
    #[serde(rename = "ID")]
    pub id: String,
    #[serde(with = "nullable")]
    pub fields: Vec<FieldDiff>,
    #[serde(with = "nullable")]
    pub objects: Vec<ObjectDiff>,
    /// All groups of both jobs, also unchanged ones, by name.
    #[serde(with = "nullable")]
    pub task_groups: Vec<TaskGroupDiff>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TaskGroupDiff {
    #[serde(rename = "Type")]
    pub kind: DiffType,
    pub name: String,
    #[serde(with = "nullable")]
    pub fields: Vec<FieldDiff>,
    #[serde(with = "nullable")]
    pub objects: Vec<ObjectDiff>,
    /// All tasks of both, also unchanged ones, by name.
    #[serde(with = "nullable")]
    pub tasks: Vec<TaskDiff>,
    /// How many allocations a plan would ignore, create, destroy, …
    #[serde(with = "nullable")]
    pub updates: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TaskDiff {
    #[serde(rename = "Type")]
    pub kind: DiffType,
    pub name: String,
    #[serde(with = "nullable")]
    pub fields: Vec<FieldDiff>,
    #[serde(with = "nullable")]
    pub objects: Vec<ObjectDiff>,
    #[serde(with = "nullable")]
    pub annotations: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ObjectDiff {
    #[serde(rename = "Type")]
    pub kind: DiffType,
    pub name: String,
    #[serde(with = "nullable")]
    pub fields: Vec<FieldDiff>,
    #[serde(with = "nullable")]
    pub objects: Vec<ObjectDiff>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct FieldDiff {
    #[serde(rename = "Type")]
    pub kind: DiffType,
    pub name: String,
    pub old: String,
    pub new: String,
    #[serde(with = "nullable")]
    pub annotations: Vec<String>,
}

/// What the region itself writes into a job, and what is compared elsewhere. The job's own update strategy is the default of its groups, where
/// it is compared.
const NOT_OF_JOB: &[&str] = &[
    "ID",
    "TaskGroups",
    "Update",
    "Status",
    "StatusDescription",
    "Version",
    "VersionTag",
    "Stable",
    "SubmitTime",
    "CreateIndex",
    "ModifyIndex",
    "JobModifyIndex",
    "NomadTokenID",
    "Payload",
];
const NOT_OF_GROUP: &[&str] = &["Name", "Tasks"];
const NOT_OF_TASK: &[&str] = &["Name"];

/// The difference between two jobs; `None`: there is no such job (yet, or any more).
pub fn jobs(old: Option<&Job>, new: Option<&Job>) -> JobDiff {
    let (old_map, new_map) = (old.map(to_map), new.map(to_map));
    let (fields, objects) = compare::members(old_map.as_ref(), new_map.as_ref(), NOT_OF_JOB, false);
    let task_groups: Vec<TaskGroupDiff> =
        pair(old_map.as_ref(), new_map.as_ref(), "TaskGroups").into_iter().map(|(name, (old, new))| group(name, old, new)).collect();
    let changed = any_change(&fields, &objects) || task_groups.iter().any(|group| group.kind != DiffType::None);
    JobDiff {
        kind: kind(old.is_some(), new.is_some(), changed),
        id: new.or(old).map(|job| job.id.to_string()).unwrap_or_default(),
        fields,
        objects,
        task_groups,
    }
}

fn group(name: &str, old: Option<&Map<String, Value>>, new: Option<&Map<String, Value>>) -> TaskGroupDiff {
    let (fields, objects) = compare::members(old, new, NOT_OF_GROUP, false);
    let tasks: Vec<TaskDiff> = pair(old, new, "Tasks").into_iter().map(|(name, (old, new))| task(name, old, new)).collect();
    let changed = any_change(&fields, &objects) || tasks.iter().any(|task| task.kind != DiffType::None);
    TaskGroupDiff {
        kind: kind(old.is_some(), new.is_some(), changed),
        name: name.to_owned(),
        fields,
        objects,
        tasks,
        updates: BTreeMap::new(),
    }
}

fn task(name: &str, old: Option<&Map<String, Value>>, new: Option<&Map<String, Value>>) -> TaskDiff {
    let (fields, objects) = compare::members(old, new, NOT_OF_TASK, false);
    let changed = any_change(&fields, &objects);
    TaskDiff { kind: kind(old.is_some(), new.is_some(), changed), name: name.to_owned(), fields, objects, annotations: Vec::new() }
}

/// A job is an object in JSON; a value that cannot be written compares as one without fields.
fn to_map(job: &Job) -> Map<String, Value> {
    match serde_json::to_value(job) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// An object in the old and in the new parent.
type Sides<'a> = (Option<&'a Map<String, Value>>, Option<&'a Map<String, Value>>);

/// The objects of a list of named objects in both parents, by name.
fn pair<'a>(old: Option<&'a Map<String, Value>>, new: Option<&'a Map<String, Value>>, list: &str) -> BTreeMap<&'a str, Sides<'a>> {
    let mut pairs: BTreeMap<&str, Sides<'_>> = BTreeMap::new();
    for object in objects_of(old, list) {
        pairs.entry(name_of(object)).or_default().0 = Some(object);
    }
    for object in objects_of(new, list) {
        pairs.entry(name_of(object)).or_default().1 = Some(object);
    }
    pairs
}

fn objects_of<'a>(parent: Option<&'a Map<String, Value>>, list: &str) -> impl Iterator<Item = &'a Map<String, Value>> {
    parent.and_then(|parent| parent.get(list)).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

fn name_of(object: &Map<String, Value>) -> &str {
    object.get("Name").and_then(Value::as_str).unwrap_or_default()
}

fn kind(was: bool, is: bool, changed: bool) -> DiffType {
    match (was, is) {
        (false, true) => DiffType::Added,
        (true, false) => DiffType::Deleted,
        _ if changed => DiffType::Edited,
        _ => DiffType::None,
    }
}

fn any_change(fields: &[FieldDiff], objects: &[ObjectDiff]) -> bool {
    fields.iter().any(|field| field.kind != DiffType::None) || objects.iter().any(|object| object.kind != DiffType::None)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod complete;
