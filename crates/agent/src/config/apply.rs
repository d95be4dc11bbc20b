//! A document onto a configuration: every entry finds its slot, or is a problem.

use std::collections::BTreeMap;

use super::Config;
use super::document::{Document, Entry, Node, Value};
use super::keys::{self, Standing};
use super::problem::{Origin, Problems};

/// Where each key that was set was last set.
pub type Origins = BTreeMap<String, Origin>;

/// Applies one document on top of what `config` already is.
pub fn apply(document: &Document, config: &mut Config, origins: &mut Origins, problems: &mut Problems) {
    let mut walk = Walk { document, config, origins, problems };
    walk.entries("", &document.entries);
}

struct Walk<'w> {
    document: &'w Document,
    config: &'w mut Config,
    origins: &'w mut Origins,
    problems: &'w mut Problems,
}

impl Walk<'_> {
    fn entries(&mut self, block: &str, entries: &[Entry]) {
        for entry in entries {
            let path = if block.is_empty() { entry.key.clone() } else { format!("{block}.{}", entry.key) };
            match keys::standing(&path) {
                Standing::InEffect => self.set(&path, entry),
                Standing::Block => self.block(&path, &entry.node),
                Standing::NotSupportedYet => self.problem(entry.at, format!("{} is not supported yet", name(block, &entry.key))),
                Standing::Unknown => {
                    let hint = keys::hint(block, &entry.key);
                    self.problem(entry.at, format!("unknown key {}{hint}", name(block, &entry.key)));
                }
            }
        }
    }

    fn set(&mut self, path: &str, entry: &Entry) {
        let origin = self.document.origin(entry.node.at);
        let Some(slot) = keys::slot(self.config, path) else { return };
        match slot.set(&entry.node.value) {
            Ok(()) => {
                self.origins.insert(path.to_owned(), origin);
            }
            Err(message) => self.problems.push(origin, format!("{path}: {message}")),
        }
    }

    fn block(&mut self, path: &str, node: &Node) {
        match &node.value {
            Value::Map(entries) => self.entries(path, entries),
            // JSON may write a repeated block as a list of objects
            Value::List(nodes) if nodes.iter().all(|node| matches!(node.value, Value::Map(_))) => {
                for node in nodes {
                    self.block(path, node);
                }
            }
            _ => self.problem(node.at, format!("{path} is a block: write {path} {{ … }}")),
        }
    }

    fn problem(&mut self, at: usize, message: String) {
        self.problems.push(self.document.origin(at), message);
    }
}

/// A key in words: `"enabled" in server`, `plugin "docker"`.
fn name(block: &str, key: &str) -> String {
    match block {
        "" => format!("\"{key}\""),
        "plugin" => format!("plugin \"{key}\""),
        _ => format!("\"{key}\" in {block}"),
    }
}
