//! Small files of literal values, such as those of namespaces and node pools: HCL by a table of keys, to the JSON of the interface.

use std::io::Read;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::parser;
use hcl_edit::structure::{Body, Structure};
use serde_json::{Map, Value};

use crate::context::Stop;

/// Longer ones are none.
const BYTES_MAX: u64 = 1 << 20;

/// A key that a file may have, and the field that it stands for.
pub struct Key {
    pub name: &'static str,
    pub field: &'static str,
    pub kind: Kind,
}

pub enum Kind {
    Text,
    Switch,
    Texts,
    /// Texts by name.
    Map,
    Block(&'static [Key]),
    /// Known, and refused.
    NotYet,
}

/// A text with its name for messages.
pub struct Source {
    name: String,
    text: String,
}

impl Source {
    /// A file, or standard input for `-`.
    pub fn read(path: &str) -> Result<Self, Stop> {
        let failed = |error: std::io::Error| Stop::error(format!("Error reading {path}: {error}"));
        let mut text = String::new();
        if path == "-" {
            std::io::stdin().take(BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
            return Ok(Self { name: "stdin".to_owned(), text });
        }
        std::fs::File::open(path).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text)).map_err(failed)?;
        Ok(Self { name: path.to_owned(), text })
    }

    /// `json`: it was said to be; a text that begins with a brace is as well.
    pub fn is_json(&self, json: bool) -> bool {
        json || self.text.trim_start().starts_with('{')
    }

    /// The JSON of the interface, keys in any case.
    pub fn json(&self) -> Result<Value, Stop> {
        serde_json::from_str(&self.text).map_err(|error| Stop::error(format!("{}: not valid JSON: {error}", self.name)))
    }

    /// Keys without a block around them.
    pub fn keys(&self, keys: &[Key]) -> Result<Value, Stop> {
        self.block(&self.parse()?, keys)
    }

    /// One block `noun "name" { … }`: its name, and its keys.
    pub fn named_block(&self, noun: &str, keys: &[Key]) -> Result<(String, Value), Stop> {
        let body = self.parse()?;
        let mut found = None;
        for structure in &body {
            let at = structure.span().map_or(0, |span| span.start);
            match structure {
                Structure::Block(block) if block.ident.as_str() == noun && found.is_none() => {
                    let [label] = block.labels.as_slice() else {
                        return Err(self.problem(at, &format!("a {noun} has one name: {noun} \"name\" {{")));
                    };
                    found = Some((label.as_str().to_owned(), self.block(&block.body, keys)?));
                }
                _ => return Err(self.problem(at, &format!("the file has one block, {noun} \"name\" {{ … }}, and nothing else"))),
            }
        }
        found.ok_or_else(|| Stop::error(format!("{}: there is no block {noun} \"name\" {{ … }}", self.name)))
    }

    fn parse(&self) -> Result<Body, Stop> {
        jobspec::check_hcl(&self.text).map_err(|reason| Stop::error(format!("{}: {reason}", self.name)))?;
        parser::parse_body(&self.text).map_err(|error| {
            let (line, column) = (error.location().line(), error.location().column());
            Stop::error(format!("{}:{line}:{column}: syntax error: {}", self.name, error.message()))
        })
    }

    fn problem(&self, at: usize, text: &str) -> Stop {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let (line, column) = (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or("").chars().count() + 1);
        Stop::error(format!("{}:{line}:{column}: {text}", self.name))
    }

    fn block(&self, body: &Body, keys: &[Key]) -> Result<Value, Stop> {
        let mut fields = Map::new();
        for structure in body {
            let at = structure.span().map_or(0, |span| span.start);
            let name = match structure {
                Structure::Attribute(attribute) => attribute.key.as_str(),
                Structure::Block(block) => block.ident.as_str(),
            };
            let Some(key) = keys.iter().find(|key| key.name == name) else {
                let known: Vec<&str> = keys.iter().map(|key| key.name).collect();
                return Err(self.problem(at, &format!("unknown key {name:?}; it takes {}", known.join(", "))));
            };
            let value = match (&key.kind, structure) {
                (Kind::NotYet, _) => return Err(self.problem(at, &format!("{name} is not supported yet"))),
                (Kind::Block(inner), Structure::Block(block)) if block.labels.is_empty() => self.block(&block.body, inner)?,
                (Kind::Map, Structure::Block(block)) if block.labels.is_empty() => self.map_of(&block.body)?,
                (kind, Structure::Attribute(attribute)) => self.value(&attribute.value, kind, at, name)?,
                _ => return Err(self.problem(at, &format!("{name} is no block"))),
            };
            if fields.insert(key.field.to_owned(), value).is_some() {
                return Err(self.problem(at, &format!("{name} is given twice")));
            }
        }
        Ok(Value::Object(fields))
    }

    fn map_of(&self, body: &Body) -> Result<Value, Stop> {
        let mut map = Map::new();
        for structure in body {
            let at = structure.span().map_or(0, |span| span.start);
            let Structure::Attribute(attribute) = structure else { return Err(self.problem(at, "a map has no blocks")) };
            let value = self.value(&attribute.value, &Kind::Text, at, attribute.key.as_str())?;
            map.insert(attribute.key.to_string(), value);
        }
        Ok(Value::Object(map))
    }

    fn value(&self, expression: &Expression, kind: &Kind, at: usize, name: &str) -> Result<Value, Stop> {
        match (kind, expression) {
            (Kind::Text, Expression::String(text)) => Ok(Value::String(text.value().clone())),
            (Kind::Text, Expression::Number(number)) => Ok(Value::String(number.value().to_string())),
            (Kind::Text | Kind::Switch, Expression::Bool(value)) => {
                Ok(if matches!(kind, Kind::Switch) { Value::Bool(*value.value()) } else { Value::String(value.value().to_string()) })
            }
            (Kind::Texts, Expression::Array(items)) => {
                items.iter().map(|item| self.value(item, &Kind::Text, at, name)).collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
            (Kind::Map, Expression::Object(object)) => {
                let mut map = Map::new();
                for (key, value) in object.iter() {
                    let key = match key {
                        ObjectKey::Ident(ident) => ident.to_string(),
                        ObjectKey::Expression(Expression::String(text)) => text.value().clone(),
                        ObjectKey::Expression(_) => return Err(self.problem(at, &format!("{name}: a name is a literal string"))),
                    };
                    map.insert(key, self.value(value.expr(), &Kind::Text, at, name)?);
                }
                Ok(Value::Object(map))
            }
            _ => {
                let wanted = match kind {
                    Kind::Text => "a literal string",
                    Kind::Switch => "true or false",
                    Kind::Texts => "a list of literal strings",
                    Kind::Map => "a map of literal strings",
                    Kind::Block(_) | Kind::NotYet => "a block",
                };
                Err(self.problem(at, &format!("{name} is {wanted}")))
            }
        }
    }
}
