//! A job in the shape of the interface's JSON, in which what nobody set is absent, and which remembers where everything was written.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value as Json;

pub(crate) type Span = Option<Range<usize>>;
pub(crate) type Fields = BTreeMap<String, Node>;

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub data: Data,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// A text, number, bool or null; or a free value such as a driver's configuration.
    Leaf(Json),
    List(Vec<Node>),
    Fields(Fields),
}

impl Node {
    pub fn leaf(value: impl Into<Json>, span: Span) -> Self {
        Self { data: Data::Leaf(value.into()), span }
    }

    pub fn list(items: Vec<Node>, span: Span) -> Self {
        Self { data: Data::List(items), span }
    }

    pub fn fields(fields: Fields, span: Span) -> Self {
        Self { data: Data::Fields(fields), span }
    }

    /// A value without places. What is `null` is absent; a driver's configuration stays as it is.
    pub fn from_json(value: Json) -> Self {
        let data = match value {
            Json::Array(items) => Data::List(items.into_iter().map(Node::from_json).collect()),
            Json::Object(fields) => {
                let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
                let node_of = |name: &str, value| if name == "Config" { Node::leaf(value, None) } else { Node::from_json(value) };
                Data::Fields(
                    fields
                        .map(|(name, value)| {
                            let node = node_of(&name, value);
                            (name, node)
                        })
                        .collect(),
                )
            }
            single => Data::Leaf(single),
        };
        Self { data, span: None }
    }

    pub fn as_fields(&self) -> Option<&Fields> {
        match &self.data {
            Data::Fields(fields) => Some(fields),
            _ => None,
        }
    }

    pub fn as_fields_mut(&mut self) -> Option<&mut Fields> {
        match &mut self.data {
            Data::Fields(fields) => Some(fields),
            _ => None,
        }
    }

    pub fn as_list_mut(&mut self) -> Option<&mut Vec<Node>> {
        match &mut self.data {
            Data::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match &self.data {
            Data::Leaf(Json::String(text)) => Some(text),
            _ => None,
        }
    }

    pub fn as_integer(&self) -> Option<i64> {
        match &self.data {
            Data::Leaf(value) => value.as_i64(),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match &self.data {
            Data::Leaf(value) => value.as_bool(),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.data, Data::Leaf(Json::Null))
    }

    /// How many objects stand in lists: groups, tasks and other blocks that may be repeated. Defaults do not change it.
    pub fn n_repeated(&self) -> usize {
        match &self.data {
            Data::Leaf(_) => 0,
            Data::List(items) => items.iter().map(|item| usize::from(item.as_fields().is_some()) + item.n_repeated()).sum(),
            Data::Fields(fields) => fields.values().map(Node::n_repeated).sum(),
        }
    }

    pub fn to_json(&self) -> Json {
        match &self.data {
            Data::Leaf(value) => value.clone(),
            Data::List(items) => Json::Array(items.iter().map(Node::to_json).collect()),
            Data::Fields(fields) => Json::Object(fields.iter().map(|(name, node)| (name.clone(), node.to_json())).collect()),
        }
    }

    /// Where each part was written, by its path: `TaskGroups[0].Tasks[1].Driver`.
    pub fn spans(&self) -> BTreeMap<String, Range<usize>> {
        let mut spans = BTreeMap::new();
        self.collect_spans(String::new(), &mut spans);
        spans
    }

    fn collect_spans(&self, path: String, spans: &mut BTreeMap<String, Range<usize>>) {
        match &self.data {
            Data::Leaf(_) => {}
            Data::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.collect_spans(format!("{path}[{index}]"), spans);
                }
            }
            Data::Fields(fields) => {
                for (name, node) in fields {
                    node.collect_spans(if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, spans);
                }
            }
        }
        if let Some(span) = &self.span {
            spans.insert(path, span.clone());
        }
    }
}
