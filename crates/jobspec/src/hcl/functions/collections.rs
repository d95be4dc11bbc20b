//! Lists and objects.

use std::collections::BTreeMap;

use super::{Answer, Arguments, Function, MANY, Refusal, function};
use crate::hcl::value::{Number, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    function("chunklist", 2, 2, chunks),
    function("coalesce", 1, MANY, coalesce),
    function("coalescelist", 1, MANY, coalesce_list),
    function("compact", 1, 1, compact),
    function("concat", 1, MANY, concat),
    function("contains", 2, 2, contains),
    function("distinct", 1, 1, distinct),
    function("element", 2, 2, element),
    function("flatten", 1, 1, flatten),
    function("index", 2, 2, index_of),
    function("keys", 1, 1, |arguments| Ok(Value::List(arguments.object(0)?.keys().map(|key| key.as_str().into()).collect()))),
    function("length", 1, 1, length),
    function("lookup", 2, 3, lookup),
    function("merge", 0, MANY, merge),
    function("range", 1, 3, range),
    function("reverse", 1, 1, |arguments| Ok(Value::List(arguments.items(0)?.iter().rev().cloned().collect()))),
    function("slice", 3, 3, slice),
    function("sort", 1, 1, sort),
    function("values", 1, 1, |arguments| Ok(Value::List(arguments.object(0)?.values().cloned().collect()))),
    function("zipmap", 2, 2, zip_map),
];

fn chunks(arguments: &Arguments<'_>) -> Answer {
    let (items, size) = (arguments.items(0)?, arguments.count(1)?);
    let size = if size == 0 { items.len().max(1) } else { size };
    Ok(Value::List(items.chunks(size).map(|chunk| Value::List(chunk.to_vec())).collect()))
}

fn coalesce(arguments: &Arguments<'_>) -> Answer {
    let found = arguments.all().iter().find(|value| !matches!(value, Value::Null));
    found.cloned().ok_or_else(|| "all arguments are null".into())
}

fn coalesce_list(arguments: &Arguments<'_>) -> Answer {
    for index in 0..arguments.len() {
        if !arguments.items(index)?.is_empty() {
            return arguments.any(index).cloned();
        }
    }
    Err("all lists are empty".into())
}

fn compact(arguments: &Arguments<'_>) -> Answer {
    let mut kept = Vec::new();
    for item in arguments.items(0)? {
        match item {
            Value::Null => {}
            item => match item.to_text() {
                Some(text) if text.is_empty() => {}
                Some(text) => kept.push(Value::Text(text)),
                None => return Err(arguments.refuse(0, format!("expected a list of strings, it has a {}", item.type_name()))),
            },
        }
    }
    Ok(Value::List(kept))
}

fn concat(arguments: &Arguments<'_>) -> Answer {
    let mut all = Vec::new();
    for index in 0..arguments.len() {
        all.extend_from_slice(arguments.items(index)?);
    }
    Ok(Value::List(all))
}

fn contains(arguments: &Arguments<'_>) -> Answer {
    let wanted = arguments.any(1)?;
    Ok(Value::Bool(arguments.items(0)?.iter().any(|item| item.equals(wanted))))
}

fn distinct(arguments: &Arguments<'_>) -> Answer {
    let items = arguments.items(0)?;
    // Sorted beside the list, so that long lists do not cost their square.
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by(|left, right| match (items.get(*left), items.get(*right)) {
        (Some(left), Some(right)) => left.compare(right),
        _ => left.cmp(right),
    });
    order.dedup_by(
        |later, earlier| matches!((items.get(*later), items.get(*earlier)), (Some(later), Some(earlier)) if later.equals(earlier)),
    );
    order.sort_unstable();
    Ok(Value::List(order.into_iter().filter_map(|index| items.get(index).cloned()).collect()))
}

/// The index wraps around.
fn element(arguments: &Arguments<'_>) -> Answer {
    let (items, index) = (arguments.items(0)?, arguments.integer(1)?);
    if items.is_empty() {
        return Err(arguments.refuse(0, "the list is empty"));
    }
    let wrapped = index.rem_euclid(i64::try_from(items.len()).unwrap_or(i64::MAX));
    let found = usize::try_from(wrapped).ok().and_then(|index| items.get(index));
    found.cloned().ok_or_else(|| arguments.refuse(1, "the index is out of range"))
}

fn flatten(arguments: &Arguments<'_>) -> Answer {
    fn collect(items: &[Value], flat: &mut Vec<Value>) {
        for item in items {
            match item.items() {
                Some(inner) => collect(inner, flat),
                None => flat.push(item.clone()),
            }
        }
    }
    let mut flat = Vec::new();
    collect(arguments.items(0)?, &mut flat);
    Ok(Value::List(flat))
}

/// The place of a value in a list; the value of a key in an object.
fn index_of(arguments: &Arguments<'_>) -> Answer {
    if let Value::Object(fields) = arguments.any(0)? {
        let key = arguments.text(1)?;
        return fields.get(&*key).cloned().ok_or_else(|| arguments.refuse(1, format!("there is no key {key:?}")));
    }
    let wanted = arguments.any(1)?;
    let place = arguments.items(0)?.iter().position(|item| item.equals(wanted));
    place.map(Value::integer).ok_or_else(|| arguments.refuse(1, "the list has no such item"))
}

fn length(arguments: &Arguments<'_>) -> Answer {
    match arguments.any(0)? {
        Value::List(items) | Value::Set(items) => Ok(Value::integer(items.len())),
        Value::Object(fields) => Ok(Value::integer(fields.len())),
        Value::Text(text) => Ok(Value::integer(text.chars().count())),
        other => Err(arguments.wrong(0, "list, object or string", other)),
    }
}

fn lookup(arguments: &Arguments<'_>) -> Answer {
    let (fields, key) = (arguments.object(0)?, arguments.text(1)?);
    match fields.get(&*key) {
        Some(value) => Ok(value.clone()),
        None if arguments.has(2) => arguments.any(2).cloned(),
        None => Err(arguments.refuse(1, format!("there is no key {key:?} and no default"))),
    }
}

fn merge(arguments: &Arguments<'_>) -> Answer {
    let mut merged = BTreeMap::new();
    for index in 0..arguments.len() {
        if !matches!(arguments.any(index)?, Value::Null) {
            merged.extend(arguments.object(index)?.clone());
        }
    }
    Ok(Value::Object(merged))
}

/// `range(end)`, `range(start, end)`, `range(start, end, step)`; the end is not in it.
fn range(arguments: &Arguments<'_>) -> Answer {
    let (start, end) = match arguments.len() {
        1 => (Number::Integer(0), arguments.number(0)?),
        _ => (arguments.number(0)?, arguments.number(1)?),
    };
    let downwards = end.compare(start).is_lt();
    let step = if arguments.has(2) { arguments.number(2)? } else { Number::Integer(if downwards { -1 } else { 1 }) };
    let sign = step.compare(Number::Integer(0));
    if sign.is_eq() || (sign.is_lt() != downwards && end.compare(start).is_ne()) {
        return Err(arguments.refuse(2, "the step must lead from start to end"));
    }
    let mut numbers = Vec::new();
    let mut current = start;
    while if downwards { current.compare(end).is_gt() } else { current.compare(end).is_lt() } {
        arguments.charge_values(1)?;
        numbers.push(Value::Number(current));
        let next = match (current, step) {
            (Number::Integer(current), Number::Integer(step)) => current.checked_add(step).map(Number::Integer),
            (current, step) => Number::from_arithmetic(current.to_float() + step.to_float()),
        };
        match next {
            Some(next) if next.compare(current).is_ne() => current = next,
            _ => return Err("the step is too small for these numbers".into()),
        }
    }
    Ok(Value::List(numbers))
}

fn slice(arguments: &Arguments<'_>) -> Answer {
    let (items, start, end) = (arguments.items(0)?, arguments.count(1)?, arguments.count(2)?);
    let part = items.get(start..end);
    part.map(|part| Value::List(part.to_vec()))
        .ok_or_else(|| arguments.refuse(1, format!("there is no slice {start} to {end}: the list has {}", items.len())))
}

fn sort(arguments: &Arguments<'_>) -> Answer {
    let mut texts = arguments.texts(0)?;
    texts.sort();
    Ok(Value::List(texts.into_iter().map(Value::Text).collect()))
}

fn zip_map(arguments: &Arguments<'_>) -> Answer {
    let (keys, values) = (arguments.texts(0)?, arguments.items(1)?);
    if keys.len() != values.len() {
        let reason = format!("there are {} keys and {} values", keys.len(), values.len());
        return Err(Refusal::from(reason));
    }
    Ok(Value::Object(keys.into_iter().zip(values.iter().cloned()).collect()))
}
