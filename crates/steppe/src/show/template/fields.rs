//! Which fields an object of the interface can have.

use serde_json::{Map, Value};

/// Names of all fields of the types of the interface, in order, a line each; but for a few types in small letters, which look like maps.
const KNOWN: &str = include_str!("fields.txt");

/// Fields with keys that people choose.
const MAPS: &[&str] =
    &["Meta", "Env", "Attributes", "Config", "Options", "TaskGroups", "TaskStates", "Summary", "Labels", "Headers", "Tags"];

fn is_known(name: &str) -> bool {
    KNOWN.lines().any(|known| known == name)
}

/// The value of a field that is not there. The interface leaves out what is empty, and people choose the keys of maps: those are empty. A name
/// that no type has, asked of an object whose own names are all of types, is a mistake.
/// `of`: the field that holds the object, where that is known.
pub(super) fn left_out(object: &Map<String, Value>, of: Option<&str>, name: &str) -> Result<Value, String> {
    let is_map = || of.is_some_and(|of| MAPS.contains(&of)) || object.is_empty() || !object.keys().all(|key| is_known(key));
    if is_known(name) || is_map() {
        return Ok(Value::Null);
    }
    let similarity = |key: &String| strsim::jaro_winkler(&key.to_lowercase(), &name.to_lowercase());
    let closest = object.keys().map(|key| (similarity(key), key)).max_by(|a, b| a.0.total_cmp(&b.0));
    Err(match closest {
        Some((similarity, key)) if similarity > 0.85 => format!("there is no field {name:?}; did you mean {key:?}?"),
        _ => format!("there is no field {name:?}; there are {}", object.keys().map(String::as_str).collect::<Vec<_>>().join(", ")),
    })
}
