//! `${…}` in the texts of a task: attributes and metadata of the node, and the task's environment.

use std::collections::BTreeMap;

use model::Node;
use serde_json::Value;

/// What can be put in.
pub(crate) struct Interpolator {
    values: BTreeMap<String, String>,
}

impl Interpolator {
    /// `${attr.…}`, `${meta.…}`, `${node.…}` of a node.
    pub fn of_node(node: &Node, region: &str) -> Self {
        let mut values = BTreeMap::from([
            ("node.unique.id".to_owned(), node.id.to_string()),
            ("node.unique.name".to_owned(), node.name.clone()),
            ("node.datacenter".to_owned(), node.datacenter.clone()),
            ("node.region".to_owned(), region.to_owned()),
            ("node.class".to_owned(), node.node_class.clone()),
            ("node.pool".to_owned(), node.node_pool.clone()),
        ]);
        values.extend(node.attributes.iter().map(|(key, value)| (format!("attr.{key}"), value.clone())));
        values.extend(node.meta.iter().map(|(key, value)| (format!("meta.{key}"), value.clone())));
        Self { values }
    }

    /// `${NAME}` and `${env["NAME"]}` too.
    pub fn add_env(&mut self, env: &BTreeMap<String, String>) {
        self.values.extend(env.iter().map(|(name, value)| (name.clone(), value.clone())));
    }

    /// What is not known stays as it is: a shell may know it.
    pub fn text(&self, text: &str) -> String {
        let mut done = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            done.push_str(before);
            let Some((inside, tail)) = after.split_once('}') else {
                done.push_str("${");
                done.push_str(after);
                return done;
            };
            match self.value(inside.trim()) {
                Some(value) => {
                    done.push_str(value);
                    rest = tail;
                }
                None => {
                    done.push_str("${");
                    // There may be another beginning before the end.
                    rest = after;
                }
            }
        }
        done.push_str(rest);
        done
    }

    /// Every text in a JSON value; not the keys.
    pub fn json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => Value::Array(items.iter().map(|item| self.json(item)).collect()),
            Value::Object(fields) => Value::Object(fields.iter().map(|(key, value)| (key.clone(), self.json(value))).collect()),
            other => other.clone(),
        }
    }

    fn value(&self, name: &str) -> Option<&str> {
        let quoted = name.strip_prefix("env[").and_then(|rest| rest.strip_suffix(']'));
        let name = quoted.map_or(name, |rest| rest.trim_matches('"'));
        self.values.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: a text and what becomes of it.
    #[test]
    fn texts() {
        let node = Node {
            name: "c1".to_owned(),
            datacenter: "west-1".to_owned(),
            attributes: [("kernel.name".to_owned(), "linux".to_owned())].into(),
            meta: [("rack".to_owned(), "r1".to_owned())].into(),
            ..Node::default()
        };
        let mut interpolator = Interpolator::of_node(&node, "west");
        interpolator.add_env(&[("NOMAD_ALLOC_INDEX".to_owned(), "2".to_owned())].into());
        for (text, want) in [
            ("", ""),
            ("plain $x {y}", "plain $x {y}"),
            ("${attr.kernel.name}/${meta.rack}", "linux/r1"),
            ("${node.datacenter} ${node.region} ${ node.unique.name }", "west-1 west c1"),
            ("n${NOMAD_ALLOC_INDEX}${env[\"NOMAD_ALLOC_INDEX\"]}", "n22"),
            ("${HOME:-x} ${unknown}", "${HOME:-x} ${unknown}"),
            ("${open", "${open"),
            ("${a ${meta.rack}", "${a r1"),
        ] {
            assert_eq!(interpolator.text(text), want, "{text}");
        }
        let json = serde_json::json!({"${meta.rack}": ["${meta.rack}", 1, {"a": "x${meta.rack}"}]});
        assert_eq!(interpolator.json(&json), serde_json::json!({"${meta.rack}": ["r1", 1, {"a": "xr1"}]}));
    }
}
