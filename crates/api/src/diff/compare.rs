//! The comparison of two JSON objects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{DiffType, FieldDiff, ObjectDiff, any_change, kind};

/// Maps of texts whose entries show as fields of their parent: `Meta[owner]`.
const FLAT: &[&str] = &["Meta", "Env"];

/// Objects of any shape, all of whose values show as fields by their path: `args[1]`.
const FREE: &[&str] = &["Config", "Options"];

/// What one object of a list is called.
const SINGULAR: &[(&str, &str)] = &[
    ("Affinities", "Affinity"),
    ("Artifacts", "Artifact"),
    ("Checks", "Check"),
    ("Constraints", "Constraint"),
    ("Devices", "Device"),
    ("DynamicPorts", "Dynamic Port"),
    ("Networks", "Network"),
    ("Links", "Link"),
    ("Regions", "Region"),
    ("ReservedPorts", "Static Port"),
    ("ScalingPolicies", "Scaling"),
    ("Services", "Service"),
    ("Spreads", "Spread"),
    ("Templates", "Template"),
    ("VolumeMounts", "VolumeMount"),
    ("Volumes", "Volume"),
];

/// What the region writes into an object.
const WRITTEN: &[(&str, &[&str])] = &[("Scaling", &["CreateIndex", "ID", "ModifyIndex", "Target"])];

type Object = Map<String, Value>;

/// Differences of fields and of objects below. `context`: unchanged fields are listed, too.
pub(super) fn members(old: Option<&Object>, new: Option<&Object>, ignored: &[&str], context: bool) -> (Vec<FieldDiff>, Vec<ObjectDiff>) {
    let keys: BTreeSet<&String> = old.into_iter().chain(new).flat_map(Map::keys).filter(|key| !ignored.contains(&key.as_str())).collect();
    let (mut fields, mut objects) = (Vec::new(), Vec::new());
    for key in keys {
        let get = |object: Option<&'_ Object>| object.and_then(|object| object.get(key)).filter(|value| !value.is_null()).cloned();
        let (old, new) = (get(old), get(new));
        if FREE.contains(&key.as_str()) {
            objects.extend(free_object(key, old.as_ref(), new.as_ref()));
        } else if FLAT.contains(&key.as_str()) {
            fields.extend(entries(key, old.as_ref(), new.as_ref(), context));
        } else if is_a(Value::is_array, &old, &new) {
            objects.extend(list(key, items(old.as_ref()), items(new.as_ref()), context));
        } else if is_a(Value::is_object, &old, &new) {
            let object = |value: &Option<Value>| value.as_ref().and_then(Value::as_object).cloned();
            objects.extend(object_diff(key, object(&old).as_ref(), object(&new).as_ref()));
        } else {
            fields.extend(field(key, &text(old.as_ref()), &text(new.as_ref()), context));
        }
    }
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    (fields, objects)
}

fn is_a(test: fn(&Value) -> bool, old: &Option<Value>, new: &Option<Value>) -> bool {
    old.as_ref().is_some_and(test) || new.as_ref().is_some_and(test)
}

fn items(list: Option<&Value>) -> &[Value] {
    list.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// One value as text; absent is empty.
fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// A field, unless it is the same in both and no context is wanted.
fn field(name: &str, old: &str, new: &str, context: bool) -> Option<FieldDiff> {
    if old == new && (!context || old.is_empty()) {
        return None;
    }
    let kind = kind(!old.is_empty(), !new.is_empty(), old != new);
    Some(FieldDiff { kind, name: name.to_owned(), old: old.to_owned(), new: new.to_owned(), annotations: Vec::new() })
}

/// The entries of a map of texts.
fn entries(key: &str, old: Option<&Value>, new: Option<&Value>, context: bool) -> Vec<FieldDiff> {
    let flat = |value: Option<&Value>| -> BTreeMap<String, String> {
        let map = value.and_then(Value::as_object).into_iter().flatten();
        map.map(|(entry, value)| (format!("{key}[{entry}]"), text(Some(value)))).collect()
    };
    texts(&flat(old), &flat(new), context)
}

/// Fields by name.
fn texts(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>, context: bool) -> Vec<FieldDiff> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let get = |map: &BTreeMap<String, String>, name: &String| map.get(name).cloned().unwrap_or_default();
    names.into_iter().filter_map(|name| field(name, &get(old, name), &get(new, name), context)).collect()
}

/// An object of any shape: every value by its path.
fn free_object(name: &str, old: Option<&Value>, new: Option<&Value>) -> Option<ObjectDiff> {
    let flat = |value: Option<&Value>| {
        let mut fields = BTreeMap::new();
        for (key, value) in value.and_then(Value::as_object).into_iter().flatten() {
            flatten(key.clone(), value, &mut fields);
        }
        fields
    };
    let (old, new) = (flat(old), flat(new));
    let diff = ObjectDiff {
        kind: kind(!old.is_empty(), !new.is_empty(), old != new),
        name: name.to_owned(),
        fields: texts(&old, &new, true),
        objects: Vec::new(),
    };
    (diff.kind != DiffType::None).then_some(diff)
}

fn flatten(path: String, value: &Value, fields: &mut BTreeMap<String, String>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                flatten(format!("{path}[{index}]"), item, fields);
            }
        }
        Value::Object(object) => {
            for (key, item) in object {
                flatten(format!("{path}[{key}]"), item, fields);
            }
        }
        value => {
            fields.insert(path, text(Some(value)));
        }
    }
}

/// An object, with its unchanged fields as context.
fn object_diff(name: &str, old: Option<&Object>, new: Option<&Object>) -> Option<ObjectDiff> {
    let written = WRITTEN.iter().find(|(object, _)| *object == name).map_or(&[][..], |(_, fields)| fields);
    let (fields, objects) = members(old, new, written, true);
    let kind = kind(old.is_some(), new.is_some(), any_change(&fields, &objects));
    (kind != DiffType::None).then(|| ObjectDiff { kind, name: name.to_owned(), fields, objects })
}

/// A list: of texts, compared as a set, or of objects.
fn list(key: &str, old: &[Value], new: &[Value], context: bool) -> Vec<ObjectDiff> {
    let (old, new) = without_common(old, new);
    if old.iter().chain(&new).all(|item| item.is_object()) {
        return object_list(SINGULAR.iter().find(|(list, _)| *list == key).map_or(key, |(_, one)| one), old, new);
    }
    let mut fields: Vec<FieldDiff> = old.into_iter().filter_map(|item| field(key, &text(Some(item)), "", context)).collect();
    fields.extend(new.into_iter().filter_map(|item| field(key, "", &text(Some(item)), context)));
    let (deleted, added) = (fields.iter().any(|f| f.kind == DiffType::Deleted), fields.iter().any(|f| f.kind == DiffType::Added));
    if fields.is_empty() {
        return Vec::new();
    }
    // A set that loses and gains is edited, like one that only gains beside what it had.
    let kind = match (deleted, added) {
        (true, false) => DiffType::Deleted,
        (false, true) => DiffType::Added,
        _ => DiffType::Edited,
    };
    vec![ObjectDiff { kind, name: key.to_owned(), fields, objects: Vec::new() }]
}

/// What is in one list only. Equal items cancel one by one.
fn without_common<'a>(old: &'a [Value], new: &'a [Value]) -> (Vec<&'a Value>, Vec<&'a Value>) {
    (only_in(old, new), only_in(new, old))
}

fn only_in<'a>(list: &'a [Value], other: &[Value]) -> Vec<&'a Value> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for item in other {
        *counts.entry(item.to_string()).or_default() += 1;
    }
    let mut is_common = |item: &Value| match counts.get_mut(&item.to_string()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    };
    list.iter().filter(|item| !is_common(item)).collect()
}

/// Objects that share a name or label are one edited object; so are the only two that are left, unless they are conditions.
fn object_list(name: &str, old: Vec<&Value>, new: Vec<&Value>) -> Vec<ObjectDiff> {
    let (old_named, deleted): (Vec<&Value>, Vec<&Value>) = old.into_iter().partition(|object| identity(object).is_some());
    let mut old_named: BTreeMap<&str, &Value> = old_named.into_iter().filter_map(|object| Some((identity(object)?, object))).collect();
    let (mut diffs, mut added) = (Vec::new(), Vec::new());
    for item in new {
        match identity(item) {
            Some(identity) => {
                let before = old_named.remove(identity).and_then(Value::as_object);
                diffs.extend(object_diff(name, before, item.as_object()));
            }
            None => added.push(item),
        }
    }
    diffs.extend(old_named.into_values().filter_map(|object| object_diff(name, object.as_object(), None)));
    if let ([old], [new]) = (deleted.as_slice(), added.as_slice())
        && old.get("Operand").is_none()
    {
        diffs.extend(object_diff(name, old.as_object(), new.as_object()));
        return diffs;
    }
    diffs.extend(deleted.into_iter().filter_map(|item| object_diff(name, item.as_object(), None)));
    diffs.extend(added.into_iter().filter_map(|item| object_diff(name, None, item.as_object())));
    diffs
}

fn identity(object: &Value) -> Option<&str> {
    ["Name", "Label"].into_iter().find_map(|key| object.get(key).and_then(Value::as_str)).filter(|name| !name.is_empty())
}
