//! The values of expressions.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::world::VALUE_COST;

/// A value of the expression language.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    /// Lists and tuples.
    List(Vec<Value>),
    /// Sorted and without duplicates.
    Set(Vec<Value>),
    /// Maps and objects.
    Object(BTreeMap<String, Value>),
}

/// A number: exact while it is whole.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Integer(i128),
    /// Always finite.
    Float(f64),
}

/// From here on not every whole float is exactly that integer.
const EXACT_FLOAT_MAX: f64 = 9_007_199_254_740_992.0;

impl Number {
    /// `None` for what is not a number or not finite.
    pub fn from_float(float: f64) -> Option<Self> {
        if !float.is_finite() {
            None
        } else if float.fract() == 0.0 && float.abs() <= EXACT_FLOAT_MAX {
            Some(Self::Integer(float as i128))
        } else {
            Some(Self::Float(float))
        }
    }

    /// The result of arithmetic, rounded to the digits that a float really has, so that 0.1 + 0.2 is 0.3.
    pub fn from_arithmetic(float: f64) -> Option<Self> {
        if !float.is_finite() {
            return None;
        }
        Self::from_float(format!("{float:.14e}").parse().unwrap_or(float))
    }

    pub fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(integer) = text.parse::<i128>() {
            return Some(Self::Integer(integer));
        }
        // Rust reads "inf" and "nan" too; a number begins with a digit, a sign or a point.
        if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'))
            || text.contains(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'e' | 'E'))
        {
            return None;
        }
        text.parse().ok().and_then(Self::from_float)
    }

    pub fn from_json(number: &serde_json::Number) -> Option<Self> {
        if let Some(integer) = number.as_i64() {
            Some(Self::Integer(i128::from(integer)))
        } else if let Some(integer) = number.as_u64() {
            Some(Self::Integer(i128::from(integer)))
        } else {
            number.as_f64().and_then(Self::from_float)
        }
    }

    pub fn from_hcl(number: &hcl_edit::Number) -> Option<Self> {
        if let Some(integer) = number.as_i64() {
            Some(Self::Integer(i128::from(integer)))
        } else if let Some(integer) = number.as_u64() {
            Some(Self::Integer(i128::from(integer)))
        } else {
            number.as_f64().and_then(Self::from_float)
        }
    }

    pub fn to_float(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            Self::Float(float) => float,
        }
    }

    pub fn to_integer(self) -> Option<i64> {
        match self {
            Self::Integer(integer) => i64::try_from(integer).ok(),
            Self::Float(_) => None,
        }
    }

    pub fn to_json(self) -> serde_json::Value {
        match self {
            Self::Integer(integer) => match (i64::try_from(integer), u64::try_from(integer)) {
                (Ok(integer), _) => integer.into(),
                (_, Ok(integer)) => integer.into(),
                _ => serde_json::Value::from(integer as f64),
            },
            Self::Float(float) => serde_json::Value::from(float),
        }
    }

    pub fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(left), Self::Integer(right)) => left.cmp(&right),
            (left, right) => left.to_float().total_cmp(&right.to_float()),
        }
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(integer) => integer.fmt(f),
            Self::Float(float) => float.fmt(f),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Number(Number::Integer(i128::from(integer)))
    }
}

impl Value {
    pub fn integer(integer: usize) -> Self {
        Self::Number(Number::Integer(integer as i128))
    }

    pub fn set(mut items: Vec<Value>) -> Self {
        items.sort_by(Value::compare);
        items.dedup_by(|left, right| left.compare(right) == Ordering::Equal);
        Self::Set(items)
    }

    /// What it is, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::List(_) => "list",
            Self::Set(_) => "set",
            Self::Object(_) => "object",
        }
    }

    /// Strings, numbers and bools as text.
    pub fn to_text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Number(number) => Some(number.to_string()),
            Self::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    /// Numbers, and strings that are one.
    pub fn to_number(&self) -> Option<Number> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => Number::from_text(text),
            _ => None,
        }
    }

    /// Bools, and the strings `true` and `false`.
    pub fn to_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(flag) => Some(*flag),
            Self::Text(text) if text == "true" => Some(true),
            Self::Text(text) if text == "false" => Some(false),
            _ => None,
        }
    }

    /// Items of lists and sets.
    pub fn items(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) | Self::Set(items) => Some(items),
            _ => None,
        }
    }

    /// How much of the budget a copy costs.
    pub fn size(&self) -> u64 {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => VALUE_COST,
            Self::Text(text) => VALUE_COST + text.len() as u64,
            Self::List(items) | Self::Set(items) => items.iter().fold(VALUE_COST, |size, item| size + item.size()),
            Self::Object(fields) => fields.iter().fold(VALUE_COST, |size, (key, value)| size + key.len() as u64 + value.size()),
        }
    }

    /// How many levels of lists and objects it has.
    pub fn depth(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => 0,
            Self::List(items) | Self::Set(items) => 1 + items.iter().map(Value::depth).max().unwrap_or(0),
            Self::Object(fields) => 1 + fields.values().map(Value::depth).max().unwrap_or(0),
        }
    }

    /// `==` of the language: values of different types differ, numbers compare as numbers.
    pub fn equals(&self, other: &Self) -> bool {
        self.compare(other) == Ordering::Equal
    }

    /// A total order, by type and then by value.
    pub fn compare(&self, other: &Self) -> Ordering {
        fn rank(value: &Value) -> u8 {
            match value {
                Value::Null => 0,
                Value::Bool(_) => 1,
                Value::Number(_) => 2,
                Value::Text(_) => 3,
                Value::List(_) => 4,
                Value::Set(_) => 5,
                Value::Object(_) => 6,
            }
        }
        fn sequence(left: &[Value], right: &[Value]) -> Ordering {
            let items = left.iter().zip(right).map(|(left, right)| left.compare(right)).find(|ordering| ordering.is_ne());
            items.unwrap_or_else(|| left.len().cmp(&right.len()))
        }
        match (self, other) {
            (Self::Bool(left), Self::Bool(right)) => left.cmp(right),
            (Self::Number(left), Self::Number(right)) => left.compare(*right),
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            (Self::List(left), Self::List(right)) | (Self::Set(left), Self::Set(right)) => sequence(left, right),
            (Self::Object(left), Self::Object(right)) => {
                let fields = left
                    .iter()
                    .zip(right)
                    .map(|((left_key, left), (right_key, right))| left_key.cmp(right_key).then_with(|| left.compare(right)));
                fields.into_iter().find(|ordering| ordering.is_ne()).unwrap_or_else(|| left.len().cmp(&right.len()))
            }
            _ => rank(self).cmp(&rank(other)),
        }
    }

    pub fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(flag) => Self::Bool(*flag),
            serde_json::Value::Number(number) => Number::from_json(number).map_or(Self::Null, Self::Number),
            serde_json::Value::String(text) => Self::Text(text.clone()),
            serde_json::Value::Array(items) => Self::List(items.iter().map(Self::from_json).collect()),
            serde_json::Value::Object(fields) => {
                Self::Object(fields.iter().map(|(key, value)| (key.clone(), Self::from_json(value))).collect())
            }
        }
    }

    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(flag) => serde_json::Value::Bool(*flag),
            Self::Number(number) => number.to_json(),
            Self::Text(text) => serde_json::Value::String(text.clone()),
            Self::List(items) | Self::Set(items) => serde_json::Value::Array(items.iter().map(Self::to_json).collect()),
            Self::Object(fields) => serde_json::Value::Object(fields.iter().map(|(key, value)| (key.clone(), value.to_json())).collect()),
        }
    }
}
