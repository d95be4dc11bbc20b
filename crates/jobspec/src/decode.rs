//! The job block of a file, read by the table of `schema` into a `Node`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;

use hcl_edit::Span as _;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Attribute, Block as HclBlock, Body, Structure};
use serde_json::{Map, Value as Json};

use crate::diagnostic::{Diagnostic, Kind, Source, nearest};
use crate::findings::Findings;
use crate::finish;
use crate::hcl::{Evaluator, Fault, Scope, Value, entries, wrong_type};
use crate::schema::table::JOB;
use crate::schema::{Block, Field, Shape, Support};
use crate::tree::{Data, Fields, Node, Span};

/// Blocks that `dynamic` may make in one job; a real job has some dozens.
const DYNAMIC_BLOCKS_MAX: usize = crate::BLOCKS_MAX;

/// What reading one of them costs beside its expressions.
const DYNAMIC_BLOCK_COST: u64 = 1_000;

pub(crate) struct Decoder<'a> {
    pub evaluator: &'a Evaluator<'a>,
    pub source: &'a Source,
    pub findings: &'a Findings,
    dynamic_blocks: Cell<usize>,
}

/// A block to read: one of the file, or one that `dynamic` makes.
struct Found<'b> {
    word: &'b str,
    labels: Vec<(String, Span)>,
    body: &'b Body,
    /// Of the word that opens it.
    span: Span,
}

impl<'a> Decoder<'a> {
    pub fn new(evaluator: &'a Evaluator<'a>, source: &'a Source, findings: &'a Findings) -> Self {
        Self { evaluator, source, findings, dynamic_blocks: Cell::new(0) }
    }

    /// The whole job.
    pub fn job(&self, block: &HclBlock, scope: &Scope<'_>) -> Node {
        let found = found(block);
        self.check_labels(&found, 1);
        let mut node = self.block(&JOB, &found, scope);
        if let (Some((label, span)), Some(fields)) = (found.labels.first(), node.as_fields_mut()) {
            for name in ["ID", "Name"] {
                fields.entry(name.to_owned()).or_insert_with(|| Node::leaf(label.as_str(), span.clone()));
            }
        }
        node
    }

    fn block(&self, schema: &'static Block, found: &Found<'_>, scope: &Scope<'_>) -> Node {
        let mut fields = Fields::new();
        self.body(schema, found.body, scope, &mut fields);
        if let (Some(name), Some((label, span))) = (schema.label.filter(|name| !name.is_empty()), found.labels.first()) {
            fields.insert(name.to_owned(), Node::leaf(label.as_str(), span.clone()));
        }
        finish::file_block(schema.finish, &mut fields, &|diagnostic, span| self.report(diagnostic, span));
        Node::fields(fields, found.span.clone())
    }

    fn body(&self, schema: &'static Block, body: &Body, scope: &Scope<'_>, fields: &mut Fields) {
        for structure in body.iter() {
            match structure {
                Structure::Attribute(attribute) => self.attribute(schema, attribute, scope, fields),
                Structure::Block(block) if block.ident.as_str() == "dynamic" => {
                    self.dynamic(block, scope, &mut |found, scope| self.inner_block(schema, found, scope, fields));
                }
                Structure::Block(block) => self.inner_block(schema, &found(block), scope, fields),
            }
        }
    }

    fn attribute(&self, schema: &'static Block, attribute: &Attribute, scope: &Scope<'_>, fields: &mut Fields) {
        let word = attribute.key.as_str();
        let span = attribute.key.span();
        let Some(field) = schema.find(word) else {
            self.unknown(schema, "argument", word, span);
            return;
        };
        if let (Support::NotYet(harmless), shape) = (field.support, field.shape) {
            if shape.is_block() {
                self.refuse(schema, "block", word, span);
            } else if let Some(value) = self.value(&attribute.value, scope)
                && !asks_for_nothing(&value.to_json(), harmless)
            {
                self.refuse(schema, "argument", word, span);
            }
            return;
        }
        if field.shape.is_block() {
            let detail = format!("write it as a block: {word} {{ … }}");
            self.report(Diagnostic::error(Kind::Malformed, format!("{word:?} is a block, not an argument")).detail(detail), span);
            return;
        }
        let Some(value) = self.value(&attribute.value, scope) else { return };
        let value_span = attribute.value.span();
        let Some(json) = self.shaped(field, word, value, value_span.clone()) else { return };
        self.put(fields, field, Node::leaf(json, value_span.or(span.clone())), word, span);
    }

    fn inner_block(&self, schema: &'static Block, found: &Found<'_>, scope: &Scope<'_>, fields: &mut Fields) {
        let word = found.word;
        let Some(field) = schema.find(word) else {
            self.unknown(schema, "block", word, found.span.clone());
            return;
        };
        if matches!(field.support, Support::NotYet(_)) {
            self.refuse(schema, "block", word, found.span.clone());
            return;
        }
        match field.shape {
            Shape::One(inner) => {
                self.check_labels(found, usize::from(inner.label.is_some()));
                let node = self.block(inner, found, scope);
                self.put(fields, field, node, word, found.span.clone());
            }
            Shape::Many(inner) => {
                self.check_labels(found, usize::from(inner.label.is_some()));
                let node = self.block(inner, found, scope);
                let name = key_of(field);
                let list = fields.entry(name).or_insert_with(|| Node::list(Vec::new(), found.span.clone()));
                if let Some(items) = list.as_list_mut() {
                    items.push(node);
                }
            }
            Shape::TextMap => {
                self.check_labels(found, 0);
                let node = Node::leaf(self.text_block(word, found.body, scope), found.span.clone());
                self.put(fields, field, node, word, found.span.clone());
            }
            Shape::Free => {
                self.check_labels(found, 0);
                let places = places(found.body);
                let free = self.free_block(found.body, scope).into_iter().map(|(key, value)| {
                    let place = places.get(key.as_str()).cloned();
                    (key, Node::leaf(value, place))
                });
                self.put(fields, field, Node::fields(free.collect(), found.span.clone()), word, found.span.clone());
            }
            _ => {
                let detail = format!("write it as an argument: {word} = …");
                self.report(
                    Diagnostic::error(Kind::Malformed, format!("{word:?} is an argument, not a block")).detail(detail),
                    found.span.clone(),
                );
            }
        }
    }

    /// Sets a field that may be set once.
    fn put(&self, fields: &mut Fields, field: &Field, node: Node, word: &str, span: Span) {
        let name = key_of(field);
        if node.is_null() {
            return;
        }
        if fields.contains_key(&name) {
            self.report(Diagnostic::error(Kind::Malformed, format!("{word:?} is set twice")).detail("only one is allowed here"), span);
            return;
        }
        fields.insert(name, node);
    }

    /// Runs `each` for every block that a `dynamic` block stands for.
    fn dynamic(&self, block: &HclBlock, scope: &Scope<'_>, each: &mut dyn FnMut(&Found<'_>, &Scope<'_>)) {
        let span = block.ident.span();
        let [label] = block.labels.as_slice() else {
            let detail = "write dynamic \"port\" { for_each = … content { … } }";
            self.report(Diagnostic::error(Kind::Malformed, "a dynamic block has one label, the block to make").detail(detail), span);
            return;
        };
        let word = label.as_str();
        let mut for_each = None;
        let mut iterator = word;
        let mut labels = None;
        let mut content = None;
        for structure in block.body.iter() {
            match structure {
                Structure::Attribute(attribute) => match (attribute.key.as_str(), &attribute.value) {
                    ("for_each", value) => for_each = Some(value),
                    ("iterator", Expression::Variable(name)) => iterator = name.as_str(),
                    ("iterator", Expression::String(name)) => iterator = name.as_str(),
                    ("iterator", other) => self.report(Diagnostic::error(Kind::Malformed, "the iterator is a name"), other.span()),
                    ("labels", value) => labels = Some(value),
                    (other, _) => self.unknown_word("argument", other, ["for_each", "iterator", "labels"], attribute.key.span()),
                },
                Structure::Block(inner) if inner.ident.as_str() == "content" && content.is_none() => content = Some(inner),
                Structure::Block(inner) => self.unknown_word("block", inner.ident.as_str(), ["content"], inner.ident.span()),
            }
        }
        let (Some(for_each), Some(content)) = (for_each, content) else {
            self.report(Diagnostic::error(Kind::Malformed, "a dynamic block needs for_each and a content block"), span);
            return;
        };
        let Some(collection) = self.value(for_each, scope) else { return };
        let entries = match entries(collection) {
            Ok(entries) => entries,
            Err(fault) => {
                self.fault(fault.or_at(for_each.span()));
                return;
            }
        };
        for (key, value) in entries {
            self.dynamic_blocks.set(self.dynamic_blocks.get() + 1);
            if self.dynamic_blocks.get() > DYNAMIC_BLOCKS_MAX {
                let detail = format!("a job may have {DYNAMIC_BLOCKS_MAX}");
                self.report(Diagnostic::error(Kind::Malformed, "dynamic blocks make too many blocks").detail(detail), span);
                return;
            }
            if let Err(fault) = self.evaluator.world.budget.charge(DYNAMIC_BLOCK_COST) {
                self.fault(fault);
                return;
            }
            let element = Value::Object([("key".to_owned(), key), ("value".to_owned(), value)].into());
            let inner = scope.child(vec![(iterator.to_owned(), element)]);
            let Some(labels) = self.dynamic_labels(labels, &inner) else { return };
            each(&Found { word, labels, body: &content.body, span: content.ident.span().or(span.clone()) }, &inner);
        }
    }

    fn dynamic_labels(&self, labels: Option<&Expression>, scope: &Scope<'_>) -> Option<Vec<(String, Span)>> {
        let Some(expression) = labels else { return Some(Vec::new()) };
        let value = self.value(expression, scope)?;
        let texts: Option<Vec<_>> =
            value.items().and_then(|items| items.iter().map(|item| item.to_text().map(|text| (text, expression.span()))).collect());
        if texts.is_none() {
            self.fault(wrong_type("list of strings", &value).or_at(expression.span()));
        }
        texts
    }

    fn text_block(&self, word: &str, body: &Body, scope: &Scope<'_>) -> Json {
        let mut texts = Map::new();
        for structure in body.iter() {
            match structure {
                Structure::Attribute(attribute) => {
                    let Some(value) = self.value(&attribute.value, scope) else { continue };
                    match value.to_text() {
                        Some(text) => {
                            texts.insert(attribute.key.as_str().to_owned(), text.into());
                        }
                        None if matches!(value, Value::Null) => {}
                        None => self.fault(wrong_type("string", &value).or_at(attribute.value.span())),
                    }
                }
                Structure::Block(block) => {
                    let summary = format!("{word:?} has no blocks, only names and texts");
                    self.report(Diagnostic::error(Kind::Malformed, summary), block.ident.span());
                }
            }
        }
        Json::Object(texts)
    }

    /// Blocks within become lists of objects, one level more for each label.
    fn free_block(&self, body: &Body, scope: &Scope<'_>) -> Map<String, Json> {
        let mut object = Map::new();
        for structure in body.iter() {
            match structure {
                Structure::Attribute(attribute) => {
                    if let Some(value) = self.value(&attribute.value, scope)
                        && !matches!(value, Value::Null)
                    {
                        object.insert(attribute.key.as_str().to_owned(), value.to_json());
                    }
                }
                Structure::Block(block) if block.ident.as_str() == "dynamic" => {
                    self.dynamic(block, scope, &mut |found, scope| self.free_inner(found, scope, &mut object));
                }
                Structure::Block(block) => self.free_inner(&found(block), scope, &mut object),
            }
        }
        object
    }

    fn free_inner(&self, found: &Found<'_>, scope: &Scope<'_>, object: &mut Map<String, Json>) {
        let mut value = Json::Object(self.free_block(found.body, scope));
        for (label, _) in found.labels.iter().rev() {
            value = Json::Object([(label.clone(), Json::Array(vec![value]))].into_iter().collect());
        }
        match object.entry(found.word).or_insert_with(|| Json::Array(Vec::new())) {
            Json::Array(items) => items.push(value),
            _ => self.report(
                Diagnostic::error(Kind::Malformed, format!("{:?} is both an argument and a block here", found.word)),
                found.span.clone(),
            ),
        }
    }

    /// The value of an argument as its field wants it; `null` means that it is not set.
    fn shaped(&self, field: &Field, word: &str, value: Value, span: Span) -> Option<Json> {
        if matches!(value, Value::Null) {
            return Some(Json::Null);
        }
        let shaped = match field.shape {
            Shape::Text => value.to_text().map(Json::String).ok_or_else(|| wrong_type("string", &value)),
            Shape::Word(known, later) => match value.to_text() {
                Some(text) => match check_word(&text, known, later) {
                    None => Ok(Json::String(text)),
                    Some(diagnostic) => {
                        self.report(Diagnostic { summary: format!("{word}: {}", diagnostic.summary), ..diagnostic }, span);
                        return None;
                    }
                },
                None => Err(wrong_type("string", &value)),
            },
            Shape::Bool => value.to_bool().map(Json::Bool).ok_or_else(|| wrong_type("bool", &value)),
            Shape::Integer => integer(&value).map(Json::from),
            Shape::Duration => duration(&value).map(Json::from),
            Shape::TextList => match value.items().map(|items| items.iter().map(Value::to_text).collect::<Option<Vec<_>>>()) {
                Some(Some(texts)) => Ok(Json::from(texts)),
                _ => Err(wrong_type("list of strings", &value)),
            },
            Shape::TextMap => text_map(&value),
            Shape::Free => match &value {
                Value::Object(_) => Ok(value.to_json()),
                _ => Err(wrong_type("object", &value)),
            },
            Shape::One(_) | Shape::Many(_) | Shape::OpaqueBlock | Shape::OpaqueAttribute => return None,
        };
        match shaped {
            Ok(json) => Some(json),
            Err(fault) => {
                self.fault(Fault { summary: format!("{word}: {}", fault.summary), ..fault }.or_at(span));
                None
            }
        }
    }

    fn value(&self, expression: &Expression, scope: &Scope<'_>) -> Option<Value> {
        match self.evaluator.evaluate(expression, scope) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.fault(fault);
                None
            }
        }
    }

    fn check_labels(&self, found: &Found<'_>, wanted: usize) {
        let word = found.word;
        match (found.labels.get(wanted), found.labels.len() < wanted) {
            (Some((label, span)), _) => {
                let summary = format!("the {word:?} block has a label too many: {label:?}");
                self.report(Diagnostic::error(Kind::Malformed, summary), span.clone().or(found.span.clone()));
            }
            (None, true) => {
                let detail = format!("write {word} \"name\" {{ … }}");
                self.report(
                    Diagnostic::error(Kind::Malformed, format!("the {word:?} block needs a label")).detail(detail),
                    found.span.clone(),
                );
            }
            (None, false) => {}
        }
    }

    fn refuse(&self, schema: &Block, noun: &str, word: &str, span: Span) {
        let place = if schema.name == word { String::new() } else { format!(" in {:?}", schema.name) };
        self.report(
            Diagnostic::error(Kind::Unsupported, format!("{noun} {word:?}{place} is not supported yet")).detail(finish::advice(word)),
            span,
        );
    }

    fn unknown(&self, schema: &'static Block, noun: &str, word: &str, span: Span) {
        let detail = match nearest(word, schema.words()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => match schema.home_of(word).or_else(|| JOB.home_of(word)) {
                Some(home) => format!("it belongs in {home:?}"),
                None => String::new(),
            },
        };
        self.report(Diagnostic::error(Kind::Malformed, format!("unsupported {noun} {word:?}")).detail(detail), span);
    }

    fn unknown_word<'w>(&self, noun: &str, word: &str, known: impl IntoIterator<Item = &'w str>, span: Span) {
        let detail = nearest(word, known).map(|near| format!("did you mean {near:?}?")).unwrap_or_default();
        self.report(Diagnostic::error(Kind::Malformed, format!("unsupported {noun} {word:?}")).detail(detail), span);
    }

    pub fn report(&self, diagnostic: Diagnostic, span: Option<Range<usize>>) {
        self.findings.add(diagnostic, self.source, span);
    }

    pub fn fault(&self, fault: Fault) {
        self.findings.fault(fault, self.source);
    }
}

fn found(block: &HclBlock) -> Found<'_> {
    let labels = block.labels.iter().map(|label| (label.as_str().to_owned(), label.span())).collect();
    Found { word: block.ident.as_str(), labels, body: &block.body, span: block.ident.span() }
}

/// What only job files have goes under a name that no JSON field has, until the block is finished.
fn key_of(field: &Field) -> String {
    if field.json.is_empty() { format!("@{}", field.hcl) } else { field.json.to_owned() }
}

/// Whether the value of a field that is not supported may be passed over.
pub(crate) fn asks_for_nothing(value: &Json, harmless: &[&str]) -> bool {
    match value {
        Json::String(text) => text.is_empty() || harmless.contains(&text.as_str()),
        Json::Array(items) => items.iter().all(|item| asks_for_nothing(item, harmless)),
        Json::Object(fields) => fields.values().all(|value| asks_for_nothing(value, harmless)),
        other => model::json::means_nothing(other),
    }
}

/// Where the words of a body stand first.
fn places(body: &Body) -> BTreeMap<&str, Range<usize>> {
    let mut places = BTreeMap::new();
    for structure in body.iter() {
        let (word, span) = match structure {
            Structure::Attribute(attribute) => (attribute.key.as_str(), attribute.key.span()),
            Structure::Block(block) => (block.ident.as_str(), block.ident.span()),
        };
        if let Some(span) = span {
            places.entry(word).or_insert(span);
        }
    }
    places
}

/// What is wrong with a word, if anything. `cni/*` in the lists stands for all words that begin so.
pub(crate) fn check_word(word: &str, known: &[&str], later: &[&str]) -> Option<Diagnostic> {
    let is_among = |words: &[&str]| {
        let begins = |start: &str| word.strip_prefix(start).is_some_and(|rest| !matches!(rest, "" | "*"));
        words.iter().any(|one| match one.strip_suffix('*') {
            Some(start) => begins(start),
            None => *one == word,
        })
    };
    if is_among(known) {
        return None;
    }
    if is_among(later) {
        return Some(Diagnostic::error(Kind::Unsupported, format!("{word:?} is not supported yet")));
    }
    let listed: Vec<String> = known.iter().filter(|word| !word.is_empty()).map(|word| format!("{word:?}")).collect();
    let detail = match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("known are: {}", listed.join(", ")),
    };
    Some(Diagnostic::error(Kind::Invalid, format!("unknown word {word:?}")).detail(detail))
}

fn integer(value: &Value) -> Result<i64, Fault> {
    let number = value.to_number().ok_or_else(|| wrong_type("integer", value))?;
    number.to_integer().ok_or_else(|| Fault::new(format!("expected integer, got {number}")))
}

fn duration(value: &Value) -> Result<i64, Fault> {
    if let Value::Text(text) = value
        && let Ok(length) = model::parse_duration(text)
    {
        return Ok(length);
    }
    // Without a unit it is nanoseconds.
    let number = value.to_number().and_then(|number| number.to_integer());
    number.ok_or_else(|| wrong_type("duration such as \"30s\" or \"1h30m\"", value))
}

fn text_map(value: &Value) -> Result<Json, Fault> {
    let Value::Object(fields) = value else { return Err(wrong_type("object of strings", value)) };
    let mut texts = Map::new();
    for (key, value) in fields {
        match value.to_text() {
            Some(text) => {
                texts.insert(key.clone(), text.into());
            }
            None if matches!(value, Value::Null) => {}
            None => {
                let fault = wrong_type("string", value);
                return Err(Fault { summary: format!("{key:?}: {}", fault.summary), ..fault });
            }
        }
    }
    Ok(Json::Object(texts))
}

/// Takes a list out of a block's fields.
pub(crate) fn take_list(fields: &mut Fields, name: &str) -> Vec<Node> {
    match fields.remove(name) {
        Some(Node { data: Data::List(items), .. }) => items,
        _ => Vec::new(),
    }
}
