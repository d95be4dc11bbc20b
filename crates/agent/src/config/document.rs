//! One configuration file as a tree of values that know where they were written, whichever syntax it is in.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hcl_edit::expr::{Expression, ObjectKey, UnaryOperator};
use hcl_edit::structure::{Body, Structure};
use hcl_edit::{Number, Span, parser};

use super::hcl1;
use super::problem::{Origin, Problem};

/// Labels of one block; each is a level of the tree, and no block of a configuration has more than one.
pub const LABELS_MAX: usize = 8;

/// Values in one file. A configuration has some hundreds; a parser needs far more memory for a value than it has bytes.
const VALUES_MAX: usize = 10_000;

/// A value and the byte offset at which it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub at: usize,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Switch(bool),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    /// In the order written; a key comes twice when a block is repeated. A block's labels are keys of maps around its body.
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: String,
    pub at: usize,
    pub node: Node,
}

/// A parsed file: its tree, and the text that turns offsets into lines and columns.
#[derive(Debug)]
pub struct Document {
    path: Arc<PathBuf>,
    text: String,
    pub entries: Vec<Entry>,
}

impl Document {
    /// Reads and parses a file; one that ends in `.json` as JSON, every other as HCL of either version.
    ///
    /// # Errors
    /// The one problem that keeps the file from being read: it cannot be opened, or the position and nature of the syntax error.
    pub fn read(path: &Path) -> Result<Document, Problem> {
        let text =
            fs::read_to_string(path).map_err(|e| Problem::new(Origin::Nowhere, format!("{}: cannot be read: {e}", path.display())))?;
        Document::parse(path, text)
    }

    /// Parses `text` as the file `path`, which is named in problems and decides the syntax.
    ///
    /// # Errors
    /// The position and nature of the syntax error.
    pub fn parse(path: &Path, text: String) -> Result<Document, Problem> {
        let mut document = Document { path: Arc::new(path.to_owned()), text, entries: Vec::new() };
        document.check_size()?;
        document.entries =
            if path.extension().is_some_and(|extension| extension == "json") { document.parse_json()? } else { document.parse_hcl()? };
        Ok(document)
    }

    /// Refuses a text that would keep the parser busy for too long.
    fn check_size(&self) -> Result<(), Problem> {
        let n_values = self.text.bytes().filter(|byte| matches!(byte, b',' | b'=' | b':' | b'[' | b'{')).count();
        if n_values > VALUES_MAX {
            return Err(self.problem(0, format!("too many values: about {n_values}, at most {VALUES_MAX} are read from one file")));
        }
        jobspec::check_hcl(&self.text).map_err(|reason| self.problem(0, reason))
    }

    /// The place of a byte offset.
    pub fn origin(&self, at: usize) -> Origin {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Origin::File { path: self.path.clone(), line, column }
    }

    fn problem(&self, at: usize, message: impl Into<String>) -> Problem {
        Problem::new(self.origin(at), message)
    }

    fn syntax(&self, error: &parser::Error) -> Problem {
        let Origin::File { path, .. } = self.origin(0) else { return Problem::new(Origin::Nowhere, error.message()) };
        let location = error.location();
        let message = format!("syntax error: {}", error.message());
        Problem::new(Origin::File { path, line: location.line(), column: location.column() }, message)
    }

    fn parse_hcl(&self) -> Result<Vec<Entry>, Problem> {
        match parser::parse_body(&self.text) {
            Ok(body) => self.body(&body),
            Err(e) => hcl1::read(&self.text).ok_or_else(|| self.syntax(&e)),
        }
    }

    /// serde_json says what is wrong with bad JSON; good JSON is also an HCL object expression, whose tree has the positions.
    fn parse_json(&self) -> Result<Vec<Entry>, Problem> {
        if let Err(e) = serde_json::from_str::<serde::de::IgnoredAny>(&self.text) {
            let origin = Origin::File { path: self.path.clone(), line: e.line().max(1), column: e.column().max(1) };
            let message = e.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            return Err(Problem::new(origin, format!("syntax error: {message}")));
        }
        let expression = parser::parse_expr(self.text.trim_end()).map_err(|e| self.syntax(&e))?;
        let node = self.expression(&expression, start(expression.span()))?;
        match node.value {
            Value::Map(entries) => Ok(entries),
            _ => Err(self.problem(node.at, "a configuration file in JSON is an object")),
        }
    }

    fn body(&self, body: &Body) -> Result<Vec<Entry>, Problem> {
        let mut entries = Vec::new();
        for structure in body {
            let at = start(structure.span());
            match structure {
                Structure::Attribute(attribute) => {
                    let node = self.expression(&attribute.value, at)?;
                    entries.push(Entry { key: attribute.key.to_string(), at, node });
                }
                Structure::Block(block) if block.labels.len() > LABELS_MAX => {
                    return Err(self.problem(at, format!("{} has {} labels", block.ident.as_str(), block.labels.len())));
                }
                Structure::Block(block) => {
                    let mut node = Node { at, value: Value::Map(self.body(&block.body)?) };
                    for label in block.labels.iter().rev() {
                        let at = label.span().map_or(at, |span| span.start);
                        node = Node { at, value: Value::Map(vec![Entry { key: label.as_str().to_owned(), at, node }]) };
                    }
                    entries.push(Entry { key: block.ident.to_string(), at, node });
                }
            }
        }
        Ok(entries)
    }

    fn expression(&self, expression: &Expression, fallback: usize) -> Result<Node, Problem> {
        let at = expression.span().map_or(fallback, |span| span.start);
        let value = match expression {
            Expression::Null(_) => Value::Null,
            Expression::Bool(value) => Value::Switch(*value.value()),
            Expression::Number(number) => Value::Number(self.number(number.value(), at)?),
            Expression::UnaryOp(operation) if *operation.operator.value() == UnaryOperator::Neg => match &operation.expr {
                Expression::Number(number) => Value::Number(-self.number(number.value(), at)?),
                _ => return Err(self.not_literal(at)),
            },
            Expression::String(text) => Value::Text(text.value().clone()),
            Expression::HeredocTemplate(heredoc) => Value::Text(self.heredoc(&heredoc.template, at)?),
            Expression::Array(array) => {
                let nodes: Result<_, _> = array.iter().map(|element| self.expression(element, at)).collect();
                Value::List(nodes?)
            }
            Expression::Object(object) => {
                let mut entries = Vec::new();
                for (key, value) in object.iter() {
                    let (name, key_at) = self.object_key(key, at)?;
                    entries.push(Entry { key: name, at: key_at, node: self.expression(value.expr(), key_at)? });
                }
                Value::Map(entries)
            }
            Expression::StringTemplate(_) => {
                return Err(self.problem(at, "`${…}` is not evaluated in the agent's configuration; write `$${` for a literal `${`"));
            }
            _ => return Err(self.not_literal(at)),
        };
        Ok(Node { at, value })
    }

    fn object_key(&self, key: &ObjectKey, fallback: usize) -> Result<(String, usize), Problem> {
        match key {
            ObjectKey::Ident(ident) => Ok((ident.to_string(), ident.span().map_or(fallback, |span| span.start))),
            ObjectKey::Expression(Expression::String(text)) => Ok((text.value().clone(), text.span().map_or(fallback, |span| span.start))),
            ObjectKey::Expression(expression) => Err(self.not_literal(expression.span().map_or(fallback, |span| span.start))),
        }
    }

    fn heredoc(&self, template: &hcl_edit::template::Template, at: usize) -> Result<String, Problem> {
        let mut text = String::new();
        for element in template {
            match element {
                hcl_edit::template::Element::Literal(literal) => text.push_str(literal.value()),
                _ => return Err(self.not_literal(at)),
            }
        }
        Ok(text)
    }

    fn number(&self, number: &Number, at: usize) -> Result<f64, Problem> {
        number.as_f64().ok_or_else(|| self.problem(at, "this number is out of range"))
    }

    fn not_literal(&self, at: usize) -> Problem {
        self.problem(at, "the agent's configuration takes literal values only: strings, numbers, booleans, lists and maps")
    }
}

fn start(span: Option<Range<usize>>) -> usize {
    span.map_or(0, |span| span.start)
}
