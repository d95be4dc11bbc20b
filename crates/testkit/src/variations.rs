//! A value once for each of its parts, with that part changed: for tests that nothing of a type is forgotten.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Words that are no defaults, one of each enum of a job whose default comes first in a full value.
const OTHER_WORDS: &[&str] = &["batch", "manual", "fail", "constant", "vertical_cpu", "optional", "pending"];

/// One copy of the value for each value below it in its JSON, with that one as if nobody had written it, or else with another word; with the
/// path that leads to it, in which made-up keys are `*`. The first item of a list stands for all.
///
/// # Panics
///
/// When a part cannot be changed.
pub fn variations<T: Serialize + DeserializeOwned>(full: &T) -> Vec<(String, T)> {
    let full = serde_json::to_value(full).expect("json");
    let mut pointers = Vec::new();
    leaves(&full, String::new(), &mut pointers);
    let name = |pointer: &str| {
        let parts: Vec<&str> = pointer.split('/').skip(1).map(|part| if part.starts_with("text-") { "*" } else { part }).collect();
        parts.join("/")
    };
    pointers.into_iter().map(|pointer| (name(&pointer), changed(&full, &pointer))).collect()
}

/// JSON pointers to all values below.
fn leaves(value: &Value, pointer: String, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| leaves(value, format!("{pointer}/{key}"), found)),
        Value::Array(items) => items.iter().take(1).for_each(|item| leaves(item, format!("{pointer}/0"), found)),
        Value::Null => {}
        _ => found.push(pointer),
    }
}

fn changed<T: Serialize + DeserializeOwned>(full: &Value, pointer: &str) -> T {
    let differs = |other: &T| serde_json::to_value(other).is_ok_and(|other| other != *full);
    let without = || serde_json::from_value(without(full, pointer)).ok();
    let with = |word: &&str| {
        let mut changed = full.clone();
        *changed.pointer_mut(pointer)? = Value::from(*word);
        serde_json::from_value(changed).ok()
    };
    let mut others = without().into_iter().chain(OTHER_WORDS.iter().filter_map(with));
    others.find(differs).unwrap_or_else(|| panic!("{pointer}: no other value is known"))
}

fn without(full: &Value, pointer: &str) -> Value {
    let mut changed = full.clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap_or_default();
    match changed.pointer_mut(parent) {
        Some(Value::Object(object)) => drop(object.remove(key)),
        Some(Value::Array(items)) => items.clear(),
        other => panic!("{pointer}: {other:?}"),
    }
    changed
}
