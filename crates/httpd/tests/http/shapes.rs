//! The shapes of the interface: which fields each type has, of what kind, and which may be null or left out.

use std::collections::BTreeMap;

use serde_json::Value;

struct Field {
    kind: String,
    nullable: bool,
    optional: bool,
}

pub struct Shapes(BTreeMap<String, BTreeMap<String, Field>>);

impl Shapes {
    pub fn load() -> Self {
        let mut types: BTreeMap<String, BTreeMap<String, Field>> = BTreeMap::new();
        for line in include_str!("../data/shapes.tsv").lines().filter(|line| !line.starts_with('#')) {
            let [name, field, kind, nullable, optional] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line:?}") };
            let entry = Field { kind: kind.to_owned(), nullable: nullable == "yes", optional: optional == "yes" };
            types.entry(name.to_owned()).or_default().insert(field.to_owned(), entry);
        }
        Self(types)
    }

    /// Panics unless `value` is what the interface calls `kind`. Within it, what can be `null` is so when it is empty.
    pub fn check(&self, kind: &str, value: &Value) {
        self.walk(kind, value, kind, false);
    }

    fn walk(&self, kind: &str, value: &Value, path: &str, nullable: bool) {
        if value.is_null() {
            assert!(nullable || kind.starts_with("string(RFC3339"), "{path} is null and must not be");
            return;
        }
        let fits = |is: bool| assert!(is, "{path} is {value}, not {kind}");
        if let Some(inner) = kind.strip_prefix("array<").and_then(|rest| rest.strip_suffix('>')) {
            fits(value.is_array() && !(nullable && value.as_array().is_some_and(Vec::is_empty)));
            for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                self.walk(inner, item, &format!("{path}[{index}]"), false);
            }
        } else if let Some(inner) = kind.strip_prefix("object<string,").and_then(|rest| rest.strip_suffix('>')) {
            fits(value.is_object() && !(nullable && value.as_object().is_some_and(serde_json::Map::is_empty)));
            for (key, item) in value.as_object().into_iter().flatten() {
                self.walk(inner, item, &format!("{path}.{key}"), true);
            }
        } else {
            match kind {
                "boolean" => fits(value.is_boolean()),
                "integer" => fits(value.is_i64() || value.is_u64()),
                "number" => fits(value.is_number()),
                "any" => {}
                kind if kind.starts_with("string") => fits(value.is_string()),
                kind => self.object(kind, value, path),
            }
        }
    }

    fn object(&self, kind: &str, value: &Value, path: &str) {
        let fields = self.0.get(kind).unwrap_or_else(|| panic!("{path}: no shape of {kind}"));
        let object = value.as_object().unwrap_or_else(|| panic!("{path} is {value}, not {kind}"));
        for key in object.keys() {
            assert!(fields.contains_key(key), "{path}.{key} is no field of {kind}");
        }
        for (name, field) in fields {
            match object.get(name) {
                Some(item) => self.walk(&field.kind, item, &format!("{path}.{name}"), field.nullable),
                None => assert!(field.optional, "{path}.{name} is missing"),
            }
        }
    }
}

/// The check itself sees what is wrong.
#[test]
fn shapes_are_strict() {
    let shapes = Shapes::load();
    let fails = |value: Value| std::panic::catch_unwind(|| shapes.check("GenericResponse", &value)).is_err();
    assert!(!fails(serde_json::json!({"Index": 1})));
    assert!(fails(serde_json::json!({})));
    assert!(fails(serde_json::json!({"Index": "1"})));
    assert!(fails(serde_json::json!({"Index": null})));
    assert!(fails(serde_json::json!({"Index": 1, "More": 1})));
}
