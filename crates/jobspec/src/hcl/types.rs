//! Type constraints: `string`, `list(number)`, `object({ name = string, port = optional(number, 80) })`, and conversion to them.

use std::collections::BTreeMap;

use hcl_edit::Span;
use hcl_edit::expr::{Expression, FuncCall, ObjectKey};

use super::value::Value;
use super::world::{Budget, Fault};
use crate::diagnostic::nearest;

/// What a value must be, or be made into.
#[derive(Clone, Debug)]
pub(crate) enum Type {
    Any,
    Text,
    Number,
    Bool,
    List(Box<Type>),
    Set(Box<Type>),
    Map(Box<Type>),
    Tuple(Vec<Type>),
    Object(BTreeMap<String, Attribute>),
}

/// An attribute of an object type.
#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    of: Type,
    /// What it is when it is left out; `None` when it must be there.
    default: Option<Value>,
}

/// Gives an expression its value.
type Evaluate<'e> = &'e dyn Fn(&Expression) -> Result<Value, Fault>;

const SIMPLE: &[&str] = &["string", "number", "bool", "any", "list", "set", "map", "object", "tuple"];

/// Reads a type expression. `evaluate` gives the defaults of `optional(…)` their values.
pub(crate) fn parse(expression: &Expression, evaluate: Evaluate<'_>, budget: &Budget) -> Result<Type, Fault> {
    let parsed =
        match expression {
            Expression::Parenthesis(parenthesis) => parse(parenthesis.inner(), evaluate, budget),
            Expression::Variable(name) => simple(name.as_str()),
            // Early job files have the type in quotes.
            Expression::String(name) => simple(name.as_str()),
            Expression::FuncCall(call) if !call.name.is_namespaced() => complex(call, evaluate, budget),
            _ => Err(Fault::new("this is not a type")
                .detail("write string, number, bool, any, list(T), set(T), map(T), object({…}) or tuple([…])")),
        };
    parsed.map_err(|fault| fault.or_at(expression.span()))
}

fn simple(name: &str) -> Result<Type, Fault> {
    match name {
        "string" => Ok(Type::Text),
        "number" => Ok(Type::Number),
        "bool" => Ok(Type::Bool),
        "any" => Ok(Type::Any),
        "list" => Ok(Type::List(Box::new(Type::Any))),
        "set" => Ok(Type::Set(Box::new(Type::Any))),
        "map" => Ok(Type::Map(Box::new(Type::Any))),
        _ => Err(unknown(name)),
    }
}

fn unknown(name: &str) -> Fault {
    let fault = Fault::new(format!("there is no type {name:?}"));
    match nearest(name, SIMPLE.iter().copied()) {
        Some(near) => fault.detail(format!("did you mean {near:?}?")),
        None => fault.detail("write string, number, bool, any, list(T), set(T), map(T), object({…}) or tuple([…])"),
    }
}

fn complex(call: &FuncCall, evaluate: Evaluate<'_>, budget: &Budget) -> Result<Type, Fault> {
    let name = call.name.name.as_str();
    let (Some(argument), 1) = (call.args.get(0), call.args.len()) else {
        return Err(if SIMPLE.contains(&name) { Fault::new(format!("{name}(…) takes exactly one type")) } else { unknown(name) });
    };
    match (name, argument) {
        ("list", _) => Ok(Type::List(Box::new(parse(argument, evaluate, budget)?))),
        ("set", _) => Ok(Type::Set(Box::new(parse(argument, evaluate, budget)?))),
        ("map", _) => Ok(Type::Map(Box::new(parse(argument, evaluate, budget)?))),
        ("tuple", Expression::Array(items)) => {
            items.iter().map(|item| parse(item, evaluate, budget)).collect::<Result<_, _>>().map(Type::Tuple)
        }
        ("object", Expression::Object(fields)) => {
            let mut attributes = BTreeMap::new();
            for (key, value) in fields.iter() {
                let name = match key {
                    ObjectKey::Ident(name) => name.as_str().to_owned(),
                    ObjectKey::Expression(Expression::String(name)) => name.value().clone(),
                    ObjectKey::Expression(other) => return Err(Fault::new("an attribute of an object type is a name").or_at(other.span())),
                };
                attributes.insert(name, attribute(value.expr(), evaluate, budget)?);
            }
            Ok(Type::Object(attributes))
        }
        ("tuple", _) => Err(Fault::new("tuple takes a list of types in brackets")),
        ("object", _) => Err(Fault::new("object takes names and types in braces")),
        _ => Err(unknown(name)),
    }
}

fn attribute(expression: &Expression, evaluate: Evaluate<'_>, budget: &Budget) -> Result<Attribute, Fault> {
    let Expression::FuncCall(call) = expression else { return Ok(Attribute { of: parse(expression, evaluate, budget)?, default: None }) };
    if call.name.is_namespaced() || call.name.name.as_str() != "optional" {
        return Ok(Attribute { of: parse(expression, evaluate, budget)?, default: None });
    }
    let (of, default) = match (call.args.get(0), call.args.get(1), call.args.len()) {
        (Some(of), None, _) => (parse(of, evaluate, budget)?, Value::Null),
        (Some(of), Some(default), 2) => {
            let of = parse(of, evaluate, budget)?;
            let value = convert(evaluate(default)?, &of, budget).map_err(|reason| Fault::new(reason).or_at(default.span()))?;
            (of, value)
        }
        _ => return Err(Fault::new("optional takes a type and, if wanted, a default").or_at(expression.span())),
    };
    Ok(Attribute { of, default: Some(default) })
}

/// The value as the type wants it, or why it cannot be. `null` is a value of every type.
pub(crate) fn convert(value: Value, wanted: &Type, budget: &Budget) -> Result<Value, String> {
    let mismatch = |noun: &str, value: &Value| Err(format!("{noun} is required, not {}", super::evaluate::article(value)));
    match (wanted, value) {
        (_, Value::Null) => Ok(Value::Null),
        (Type::Any, value) => Ok(value),
        (Type::Text, value) => value.to_text().map_or_else(|| mismatch("a string", &value), |text| Ok(Value::Text(text))),
        (Type::Number, value) => match (value.to_number(), &value) {
            (Some(number), _) => Ok(Value::Number(number)),
            (None, Value::Text(text)) => Err(format!("a number is required, not the string {text:?}")),
            (None, value) => mismatch("a number", value),
        },
        (Type::Bool, value) => value.to_bool().map_or_else(|| mismatch("a bool", &value), |flag| Ok(Value::Bool(flag))),
        (Type::List(item), Value::List(items) | Value::Set(items)) => convert_items(items, item, budget).map(Value::List),
        (Type::Set(item), Value::List(items) | Value::Set(items)) => convert_items(items, item, budget).map(Value::set),
        (Type::List(_), value) => mismatch("a list", &value),
        (Type::Set(_), value) => mismatch("a set", &value),
        (Type::Map(item), Value::Object(fields)) => {
            let fields = fields.into_iter().map(|(key, value)| match convert(value, item, budget) {
                Ok(value) => Ok((key, value)),
                Err(reason) => Err(format!("key {key:?}: {reason}")),
            });
            fields.collect::<Result<_, _>>().map(Value::Object)
        }
        (Type::Map(_), value) => mismatch("a map", &value),
        (Type::Tuple(types), Value::List(items) | Value::Set(items)) => {
            if types.len() != items.len() {
                return Err(format!("{} items are required, not {}", types.len(), items.len()));
            }
            let items = items
                .into_iter()
                .zip(types)
                .enumerate()
                .map(|(index, (item, of))| convert(item, of, budget).map_err(|reason| format!("item {index}: {reason}")));
            items.collect::<Result<_, _>>().map(Value::List)
        }
        (Type::Tuple(_), value) => mismatch("a list", &value),
        (Type::Object(attributes), Value::Object(mut fields)) => {
            let mut converted = BTreeMap::new();
            for (name, attribute) in attributes {
                let value = match (fields.remove(name), &attribute.default) {
                    (Some(Value::Null), Some(default)) => copy(default, budget)?,
                    (Some(value), _) => convert(value, &attribute.of, budget).map_err(|reason| format!("attribute {name:?}: {reason}"))?,
                    (None, Some(default)) => copy(default, budget)?,
                    (None, None) => return Err(format!("attribute {name:?} is required")),
                };
                pay(name.len() as u64, budget)?;
                converted.insert(name.clone(), value);
            }
            // What the type does not name is dropped, as object types do.
            Ok(Value::Object(converted))
        }
        (Type::Object(_), value) => mismatch("an object", &value),
    }
}

/// A default is paid for each time that it fills a gap: a short list may have many.
fn copy(default: &Value, budget: &Budget) -> Result<Value, String> {
    pay(default.size(), budget)?;
    Ok(default.clone())
}

fn pay(bytes: u64, budget: &Budget) -> Result<(), String> {
    budget.make(bytes).map_err(|fault| fault.summary)
}

fn convert_items(items: Vec<Value>, of: &Type, budget: &Budget) -> Result<Vec<Value>, String> {
    items
        .into_iter()
        .enumerate()
        .map(|(index, item)| convert(item, of, budget).map_err(|reason| format!("item {index}: {reason}")))
        .collect()
}
