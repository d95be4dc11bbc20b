//! Whether an expression holds for a JSON value.

use serde_json::Value;

use super::{Expression, Test};

pub(super) fn holds(expression: &Expression, object: &Value) -> Result<bool, String> {
    match expression {
        Expression::Or(left, right) => Ok(holds(left, object)? || holds(right, object)?),
        Expression::And(left, right) => Ok(holds(left, object)? && holds(right, object)?),
        Expression::Not(inner) => Ok(!holds(inner, object)?),
        Expression::Test(selector, test) => {
            let name = || selector.join(".");
            let found = find(object, selector)?;
            match test {
                Test::Equals(text) => equals(found, text).map_err(|problem| format!("{} {problem}", name())),
                Test::Contains(text) => contains(found, text).map_err(|problem| format!("{} {problem}", name())),
                Test::Empty => empty(found).map_err(|problem| format!("{} {problem}", name())),
                Test::Matches(regex) => match found {
                    Value::Null => Ok(regex.is_match("")),
                    Value::String(text) => Ok(regex.is_match(text)),
                    other => Err(format!("{} is {} and cannot be matched", name(), kind(other))),
                },
            }
        }
    }
}

/// What the selector names; null where there is nothing.
fn find<'a>(object: &'a Value, selector: &[String]) -> Result<&'a Value, String> {
    let mut found = object;
    for (position, part) in selector.iter().enumerate() {
        let inner = match found {
            Value::Object(object) => object.get(part),
            Value::Array(items) => {
                let number: usize = part.parse().map_err(|_| {
                    let list = selector[..position].join(".");
                    format!("{list} is a list: name one of its items by its number, as in {list}.0.{}", selector[position..].join("."))
                })?;
                items.get(number)
            }
            _ => None,
        };
        match inner {
            Some(inner) => found = inner,
            None => return Ok(&Value::Null),
        }
    }
    Ok(found)
}

fn equals(value: &Value, text: &str) -> Result<bool, String> {
    match value {
        // Left out because it is empty.
        Value::Null => Ok(matches!(text, "" | "0" | "false" | "null")),
        Value::String(value) => Ok(value == text),
        Value::Bool(value) => match text {
            "true" => Ok(*value),
            "false" => Ok(!value),
            _ => Err(format!("is true or false, {text:?} is not")),
        },
        Value::Number(number) => {
            let same_integer = |text: &str| {
                Some(match number.as_i64() {
                    Some(number) => number == text.parse::<i64>().ok()?,
                    None => number.as_u64()? == text.parse::<u64>().ok()?,
                })
            };
            let same_fraction = |text: &str| Some(number.as_f64()? == text.parse::<f64>().ok()?);
            same_integer(text).or_else(|| same_fraction(text)).ok_or_else(|| format!("is a number, {text:?} is not"))
        }
        other => Err(format!("is {}: use in or contains", kind(other))),
    }
}

fn contains(value: &Value, text: &str) -> Result<bool, String> {
    match value {
        Value::Null => Ok(false),
        Value::String(value) => Ok(value.contains(text)),
        Value::Array(items) => Ok(items.iter().any(|item| equals(item, text).unwrap_or(false))),
        Value::Object(object) => Ok(object.contains_key(text)),
        other => Err(format!("is {} and contains nothing", kind(other))),
    }
}

fn empty(value: &Value) -> Result<bool, String> {
    match value {
        Value::Null => Ok(true),
        Value::String(text) => Ok(text.is_empty()),
        Value::Array(items) => Ok(items.is_empty()),
        Value::Object(object) => Ok(object.is_empty()),
        other => Err(format!("is {} and is never empty", kind(other))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
