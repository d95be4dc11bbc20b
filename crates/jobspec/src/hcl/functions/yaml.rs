//! YAML, as far as it is data: no tags but those of the core schema, and aliases are paid for like everything else.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::{Answer, Arguments, Refusal};
use crate::hcl::value::{Number, Value};

/// Levels of lists and objects in a text.
const DEPTH_MAX: usize = 64;

/// A list or object that is being read.
struct Open {
    anchor: usize,
    items: Vec<Value>,
    /// For objects: the fields so far, and the key whose value comes next.
    fields: Option<(BTreeMap<String, Value>, Option<String>)>,
}

pub(super) fn decode(arguments: &Arguments<'_>) -> Answer {
    let text = arguments.text(0)?;
    arguments.charge(text.len())?;
    let mut anchors: HashMap<usize, Value> = HashMap::new();
    let mut open: Vec<Open> = Vec::new();
    let mut document = None;
    for event in Parser::new_from_str(&text) {
        let (event, span) =
            event.map_err(|error| arguments.refuse(0, format!("not YAML: line {}: {}", error.marker().line(), error.info())))?;
        let wrong = |reason: &str| arguments.refuse(0, format!("line {}: {reason}", span.start.line()));
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => (anchor, scalar(&text, style, tag.as_ref()).map_err(wrong)?),
            Event::Alias(anchor) => {
                let value = anchors.get(&anchor).ok_or_else(|| wrong("an alias to nothing"))?;
                arguments.charge(usize::try_from(value.size()).unwrap_or(usize::MAX))?;
                (0, value.clone())
            }
            Event::SequenceStart(anchor, _) => {
                open.push(Open { anchor, items: Vec::new(), fields: None });
                if open.len() > DEPTH_MAX {
                    return Err(wrong("it is nested too deeply"));
                }
                continue;
            }
            Event::MappingStart(anchor, _) => {
                open.push(Open { anchor, items: Vec::new(), fields: Some((BTreeMap::new(), None)) });
                if open.len() > DEPTH_MAX {
                    return Err(wrong("it is nested too deeply"));
                }
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open { anchor, fields: Some((fields, _)), .. }) => (anchor, Value::Object(fields)),
                Some(Open { anchor, items, .. }) => (anchor, Value::List(items)),
                None => return Err(wrong("an end without a beginning")),
            },
            Event::DocumentStart(_) if document.is_some() => return Err(wrong("only one document is read")),
            _ => continue,
        };
        arguments.charge_values(1)?;
        if anchor > 0 {
            arguments.charge(usize::try_from(value.size()).unwrap_or(usize::MAX))?;
            anchors.insert(anchor, value.clone());
        }
        match open.last_mut() {
            None => document = Some(value),
            Some(Open { fields: Some((fields, key)), .. }) => put(fields, key, value).map_err(wrong)?,
            Some(Open { items, .. }) => items.push(value),
        }
    }
    Ok(document.unwrap_or(Value::Null))
}

/// Keys and values come in turn; `<<` takes over the fields of an object that the text itself does not set.
fn put(fields: &mut BTreeMap<String, Value>, key: &mut Option<String>, value: Value) -> Result<(), &'static str> {
    let Some(name) = key.take() else {
        *key = Some(value.to_text().ok_or("a key must be a string")?);
        return Ok(());
    };
    match (name.as_str(), value) {
        ("<<", Value::Object(inherited)) => {
            for (name, value) in inherited {
                fields.entry(name).or_insert(value);
            }
        }
        (_, value) => {
            fields.insert(name, value);
        }
    }
    Ok(())
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Cow<'_, Tag>>) -> Result<Value, &'static str> {
    let core = tag.filter(|tag| tag.is_yaml_core_schema()).map(|tag| tag.suffix.as_str());
    if core == Some("str") || (style != ScalarStyle::Plain && core.is_none()) {
        return Ok(text.into());
    }
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        ".inf" | "-.inf" | "+.inf" | ".nan" | ".Inf" | "-.Inf" | ".NaN" | ".INF" | "-.INF" | ".NAN" => {
            return Err("infinite numbers have no place here");
        }
        _ => {
            let based = text.strip_prefix("0x").map(|digits| (digits, 16)).or_else(|| text.strip_prefix("0o").map(|digits| (digits, 8)));
            match based {
                Some((digits, base)) => {
                    i128::from_str_radix(digits, base).map_or_else(|_| text.into(), |integer| Value::Number(Number::Integer(integer)))
                }
                None if text.trim() == text => Number::from_text(text).map_or_else(|| text.into(), Value::Number),
                None => text.into(),
            }
        }
    })
}

pub(super) fn encode(arguments: &Arguments<'_>) -> Answer {
    let mut text = String::new();
    block(arguments, arguments.any(0)?, 0, &mut text)?;
    Ok(text.into())
}

/// Lists stand at the indent of their key, keys and texts in quotes.
fn block(arguments: &Arguments<'_>, value: &Value, indent: usize, text: &mut String) -> Result<(), Refusal> {
    arguments.charge(indent.saturating_add(1))?;
    let pad = " ".repeat(indent);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (index, (key, value)) in fields.iter().enumerate() {
                // The first field of an object in a list stands behind the dash.
                if index > 0 || text.is_empty() || text.ends_with('\n') {
                    text.push_str(&pad);
                }
                text.push_str(&quoted(key));
                text.push(':');
                match value {
                    Value::Object(inner) if !inner.is_empty() => {
                        text.push('\n');
                        block(arguments, value, indent + 2, text)?;
                    }
                    Value::List(inner) | Value::Set(inner) if !inner.is_empty() => {
                        text.push('\n');
                        block(arguments, value, indent, text)?;
                    }
                    _ => {
                        text.push(' ');
                        block(arguments, value, 0, text)?;
                    }
                }
            }
        }
        Value::List(items) | Value::Set(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 || text.is_empty() || text.ends_with('\n') {
                    text.push_str(&pad);
                }
                text.push_str("- ");
                let inner = if matches!(item, Value::Object(_) | Value::List(_) | Value::Set(_)) { indent + 2 } else { 0 };
                block(arguments, item, inner, text)?;
            }
        }
        single => {
            text.push_str(&inline(single));
            text.push('\n');
        }
    }
    Ok(())
}

fn inline(value: &Value) -> String {
    match value {
        Value::Text(text) => quoted(text),
        other => other.to_json().to_string(),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}
