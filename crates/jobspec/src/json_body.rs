//! Job files in the JSON form of HCL, made into the syntax tree of the native form.
//!
//! Labels are the keys of objects, repeated blocks are lists, and strings are templates. The tree does not know where in the text its parts
//! stood.

use hcl_edit::Ident;
use hcl_edit::expr::{Array, Expression, Object, ObjectKey, ObjectValue};
use hcl_edit::structure::{Attribute, Block, BlockLabel, Body};
use hcl_edit::template::StringTemplate;
use serde_json::{Map, Value as Json};

use crate::diagnostic::{Diagnostic, Diagnostics, Kind};
use crate::operands;
use crate::schema::table::JOB;
use crate::schema::{Block as Schema, Shape};

/// What the keys of an object mean.
#[derive(Clone, Copy)]
enum Place {
    File,
    Variable,
    Validation,
    Known(&'static Schema),
    /// Attributes only.
    Plain,
}

/// The syntax tree of a job file in JSON.
pub(crate) fn body(file: &Map<String, Json>) -> Result<Body, Diagnostics> {
    object(file, Place::File)
}

fn object(fields: &Map<String, Json>, place: Place) -> Result<Body, Diagnostics> {
    let mut body = Body::new();
    for (key, value) in fields.iter().filter(|(key, _)| *key != "//") {
        let Some((n_labels, inner)) = block_of(place, key) else {
            body.push(Attribute::new(ident(key)?, expression_of(place, key, value)?));
            continue;
        };
        if key == "dynamic" {
            dynamic(value, place, &mut body)?;
        } else {
            blocks(key, value, n_labels, inner, &mut Vec::new(), &mut body)?;
        }
    }
    Ok(body)
}

/// How many labels the block of this name has, and what stands in it; `None` when it is an attribute.
fn block_of(place: Place, key: &str) -> Option<(usize, Place)> {
    match (place, key) {
        (Place::File, "job") => Some((1, Place::Known(&JOB))),
        (Place::File, "variable") => Some((1, Place::Variable)),
        (Place::File, _) => Some((0, Place::Plain)),
        (Place::Variable, "validation") => Some((0, Place::Validation)),
        (Place::Known(_), "dynamic") => Some((1, Place::Plain)),
        (Place::Known(schema), _) => match schema.find(key)?.shape {
            Shape::One(inner) | Shape::Many(inner) => Some((usize::from(inner.label.is_some()), Place::Known(inner))),
            Shape::OpaqueBlock => Some((0, Place::Plain)),
            _ => None,
        },
        _ => None,
    }
}

fn blocks(key: &str, value: &Json, n_labels: usize, inner: Place, labels: &mut Vec<String>, body: &mut Body) -> Result<(), Diagnostics> {
    match value {
        Json::Array(items) => items.iter().try_for_each(|item| blocks(key, item, n_labels, inner, labels, body)),
        Json::Object(fields) if labels.len() < n_labels => {
            fields.iter().filter(|(label, _)| *label != "//").try_for_each(|(label, value)| {
                labels.push(label.clone());
                let outcome = blocks(key, value, n_labels, inner, labels, body);
                labels.pop();
                outcome
            })
        }
        Json::Object(fields) => {
            body.push(block(key, labels, object(fields, inner)?)?);
            Ok(())
        }
        Json::Null => Ok(()),
        _ => Err(wrong(Kind::Malformed, format!("{key:?} is a block: an object is needed"))),
    }
}

fn block(key: &str, labels: &[String], body: Body) -> Result<Block, Diagnostics> {
    let mut block = Block::new(ident(key)?);
    block.labels = labels.iter().map(|label| BlockLabel::from(label.as_str())).collect();
    block.body = body;
    Ok(block)
}

/// `{"port": {"for_each": …, "content": {…}}}`
fn dynamic(value: &Json, place: Place, body: &mut Body) -> Result<(), Diagnostics> {
    match value {
        Json::Array(items) => return items.iter().try_for_each(|item| dynamic(item, place, body)),
        Json::Object(made) => {
            for (word, description) in made {
                let descriptions = match description {
                    Json::Array(items) => items.iter().collect(),
                    single => vec![single],
                };
                for description in descriptions {
                    let Json::Object(fields) = description else {
                        return Err(wrong(Kind::Malformed, format!("dynamic {word:?}: an object with for_each and content is needed")));
                    };
                    let inner = block_of(place, word).map_or(Place::Plain, |(_, inner)| inner);
                    let mut inner_body = Body::new();
                    for (key, value) in fields {
                        match value {
                            Json::Object(content) if key == "content" => inner_body.push(block("content", &[], object(content, inner)?)?),
                            value => inner_body.push(Attribute::new(ident(key)?, expression(value)?)),
                        }
                    }
                    body.push(block("dynamic", std::slice::from_ref(word), inner_body)?);
                }
            }
        }
        _ => return Err(wrong(Kind::Malformed, "\"dynamic\" is a block: an object is needed")),
    }
    Ok(())
}

/// Types and conditions are expressions written as strings.
fn expression_of(place: Place, key: &str, value: &Json) -> Result<Expression, Diagnostics> {
    match (place, key, value) {
        (Place::Variable, "type", Json::String(text)) => {
            operands::check(text).map_err(|reason| wrong(Kind::Malformed, format!("{key}: {reason}")))?;
            hcl_edit::parser::parse_expr(text).map_err(|error| wrong(Kind::Syntax, format!("{key}: {} in {text:?}", error.message())))
        }
        _ => expression(value),
    }
}

fn expression(value: &Json) -> Result<Expression, Diagnostics> {
    Ok(match value {
        Json::Null => Expression::null(),
        Json::Bool(flag) => (*flag).into(),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), _, _) => number.into(),
            (_, Some(number), _) => number.into(),
            (_, _, Some(number)) => number.into(),
            _ => Expression::null(),
        },
        Json::String(text) if text.contains("${") || text.contains("%{") => {
            operands::check_template(text).map_err(|reason| wrong(Kind::Malformed, reason))?;
            let template = hcl_edit::parser::parse_template(text);
            let template = template.map_err(|error| wrong(Kind::Syntax, format!("in {text:?}: {}", error.message())))?;
            StringTemplate::from(template).into()
        }
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => Expression::Array(items.iter().map(expression).collect::<Result<Array, _>>()?),
        Json::Object(fields) => {
            let mut object = Object::new();
            for (key, value) in fields {
                object.insert(ObjectKey::Expression(expression(&Json::String(key.clone()))?), ObjectValue::new(expression(value)?));
            }
            Expression::Object(object)
        }
    })
}

fn wrong(kind: Kind, summary: impl Into<String>) -> Diagnostics {
    Diagnostics(vec![Diagnostic::error(kind, summary)])
}

fn ident(word: &str) -> Result<Ident, Diagnostics> {
    Ident::try_new(word).map_err(|_| wrong(Kind::Malformed, format!("{word:?} cannot be the name of an argument or block")))
}
