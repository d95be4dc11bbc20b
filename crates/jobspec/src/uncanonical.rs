//! A job in JSON as its file says it, for those who ask for it without defaults: every field is there, and `null` when it is not set.

use serde_json::{Map, Value as Json};

use crate::schema::table::{JOB, JOB_SERVER_FIELDS};
use crate::schema::{Block, Field, Shape};
use crate::tree::{Data, Node};

pub(crate) fn json(job: &Node) -> Json {
    let mut fields = object(&JOB, job);
    for name in JOB_SERVER_FIELDS {
        fields.insert((*name).to_owned(), Json::Null);
    }
    Json::Object(fields)
}

fn object(schema: &'static Block, node: &Node) -> Map<String, Json> {
    let mut json = Map::new();
    let set = node.as_fields();
    if let Some(label) = schema.label.filter(|label| !label.is_empty()) {
        json.insert(label.to_owned(), set.and_then(|set| set.get(label)).map_or(Json::String(String::new()), Node::to_json));
    }
    for field in schema.fields.iter().filter(|field| !field.json.is_empty()) {
        let value = set.and_then(|set| set.get(field.json)).map_or_else(|| absent(field), |node| value(field, node));
        json.insert(field.json.to_owned(), value);
    }
    json
}

fn value(field: &Field, node: &Node) -> Json {
    match (field.shape, &node.data) {
        (Shape::One(inner), _) => Json::Object(object(inner, node)),
        (Shape::Many(inner), Data::List(items)) => Json::Array(items.iter().map(|item| Json::Object(object(inner, item))).collect()),
        _ => node.to_json(),
    }
}

fn absent(field: &Field) -> Json {
    match field.shape {
        _ if !field.absent_is_zero => Json::Null,
        Shape::Text | Shape::Word(..) => Json::String(String::new()),
        Shape::Bool => Json::Bool(false),
        Shape::Integer | Shape::Duration => Json::from(0),
        _ => Json::Null,
    }
}
