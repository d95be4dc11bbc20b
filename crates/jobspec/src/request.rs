//! The job of a request body, read by the same table as a job file.

use serde_json::Value as Json;

use crate::decode::{asks_for_nothing, check_word};
use crate::diagnostic::{Diagnostic, Diagnostics, Kind};
use crate::findings::Findings;
use crate::finish;
use crate::hcl::Number;
use crate::schema::table::JOB;
use crate::schema::{Block, Field, Shape, Support};
use crate::tree::{Fields, Node};

/// The tree of a job in JSON and warnings, or everything that is wrong with it. Names of fields are found in any case, unknown ones are
/// ignored, `null` is absent.
pub(crate) fn job(value: &Json) -> Result<(Node, Vec<Diagnostic>), Diagnostics> {
    let reader = Reader::default();
    let node = match value {
        Json::Object(_) => reader.object(&JOB, value, ""),
        other => {
            reader.mismatch("", "object", other);
            None
        }
    };
    let (errors, warnings) = reader.findings.split();
    match node {
        Some(node) if errors.is_empty() => Ok((node, warnings)),
        _ => Err(Diagnostics(errors)),
    }
}

#[derive(Default)]
struct Reader {
    findings: Findings,
}

impl Reader {
    fn object(&self, schema: &'static Block, value: &Json, path: &str) -> Option<Node> {
        let Json::Object(object) = value else {
            self.mismatch(path, "object", value);
            return None;
        };
        let mut fields = Fields::new();
        for (key, value) in object {
            if let Some(label) = schema.label.filter(|label| label.eq_ignore_ascii_case(key)) {
                match value {
                    Json::String(text) => {
                        fields.insert(label.to_owned(), Node::leaf(text.as_str(), None));
                    }
                    Json::Null => {}
                    other => self.mismatch(&join(path, label), "string", other),
                }
                continue;
            }
            let Some(field) = schema.fields.iter().find(|field| !field.json.is_empty() && field.json.eq_ignore_ascii_case(key)) else {
                continue;
            };
            if let Some(node) = self.field(field, value, &join(path, field.json)) {
                fields.insert(field.json.to_owned(), node);
            }
        }
        finish::request_object(schema.finish, &mut fields, &|diagnostic, _| self.findings.put(diagnostic.subject(path)));
        Some(Node::fields(fields, None))
    }

    fn field(&self, field: &Field, value: &Json, path: &str) -> Option<Node> {
        if let Support::NotYet(harmless) = field.support {
            if !asks_for_nothing(value, harmless) {
                let diagnostic = Diagnostic::error(Kind::Unsupported, "not supported yet").detail(finish::advice(field.hcl));
                self.findings.put(diagnostic.subject(path));
            }
            return None;
        }
        if value.is_null() {
            return None;
        }
        let json = match field.shape {
            Shape::One(inner) => return self.object(inner, value, path),
            Shape::Many(inner) => {
                let Json::Array(items) = value else {
                    self.mismatch(path, "array", value);
                    return None;
                };
                let items = items.iter().enumerate().filter_map(|(index, item)| self.object(inner, item, &format!("{path}[{index}]")));
                return Some(Node::list(items.collect(), None));
            }
            Shape::Text if value.is_string() => value.clone(),
            Shape::Text => return self.no_field(path, "string", value),
            Shape::Word(known, later) => return self.word(value, known, later, path),
            Shape::Bool if value.is_boolean() => value.clone(),
            Shape::Bool => return self.no_field(path, "boolean", value),
            Shape::Integer => match whole(value) {
                Some(integer) => integer.into(),
                None => return self.no_field(path, "integer", value),
            },
            Shape::Duration => match whole(value).or_else(|| value.as_str().and_then(|text| model::parse_duration(text).ok())) {
                Some(length) => length.into(),
                None => return self.no_field(path, "duration in nanoseconds", value),
            },
            Shape::TextList => match value {
                Json::Array(items) => {
                    for (index, item) in items.iter().enumerate().filter(|(_, item)| !item.is_string()) {
                        self.mismatch(&format!("{path}[{index}]"), "string", item);
                    }
                    value.clone()
                }
                other => return self.no_field(path, "array", other),
            },
            Shape::TextMap => match value {
                Json::Object(fields) => {
                    for (key, item) in fields.iter().filter(|(_, item)| !item.is_string() && !item.is_null()) {
                        self.mismatch(&join(path, key), "string", item);
                    }
                    // A text that is null is an empty one.
                    let texts = fields.iter().map(|(key, text)| (key.clone(), if text.is_null() { "".into() } else { text.clone() }));
                    Json::Object(texts.collect())
                }
                other => return self.no_field(path, "object", other),
            },
            Shape::Free if value.is_object() => value.clone(),
            Shape::Free => return self.no_field(path, "object", value),
            Shape::OpaqueBlock | Shape::OpaqueAttribute => return None,
        };
        Some(Node::leaf(json, None))
    }

    fn word(&self, value: &Json, known: &[&str], later: &[&str], path: &str) -> Option<Node> {
        let Json::String(word) = value else { return self.no_field(path, "string", value) };
        // Clients write every field; the empty word says nothing.
        if word.is_empty() && !known.contains(&"") {
            return None;
        }
        match check_word(word, known, later) {
            None => Some(Node::leaf(word.as_str(), None)),
            Some(diagnostic) => {
                self.findings.put(diagnostic.subject(path));
                None
            }
        }
    }

    /// A mismatch that ends the reading of a field.
    fn no_field(&self, path: &str, expected: &str, got: &Json) -> Option<Node> {
        self.mismatch(path, expected, got);
        None
    }

    fn mismatch(&self, path: &str, expected: &str, got: &Json) {
        let got = match got {
            Json::Null => "null",
            Json::Bool(_) => "boolean",
            Json::Number(number) if number.is_f64() => "fractional number",
            Json::Number(number) if number.as_i64().is_none() => "integer that is too large",
            Json::Number(_) => "integer",
            Json::String(_) => "string",
            Json::Array(_) => "array",
            Json::Object(_) => "object",
        };
        let subject = if path.is_empty() { "Job" } else { path };
        self.findings.put(Diagnostic::error(Kind::Malformed, format!("expected {expected}, got {got}")).subject(subject));
    }
}

/// `1`, also written `1.0` or `1e3`.
fn whole(value: &Json) -> Option<i64> {
    match value {
        Json::Number(number) => Number::from_json(number)?.to_integer(),
        _ => None,
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
