//! Sets.

use super::{Answer, Arguments, Function, MANY, function};
use crate::hcl::value::Value;

pub(super) const FUNCTIONS: &[Function] =
    &[function("setintersection", 1, MANY, intersection), function("setproduct", 1, MANY, product), function("setunion", 1, MANY, union)];

fn intersection(arguments: &Arguments<'_>) -> Answer {
    let mut common = arguments.items(0)?.to_vec();
    for index in 1..arguments.len() {
        let mut other = arguments.items(index)?.to_vec();
        other.sort_by(Value::compare);
        common.retain(|item| other.binary_search_by(|candidate| candidate.compare(item)).is_ok());
    }
    Ok(Value::set(common))
}

fn union(arguments: &Arguments<'_>) -> Answer {
    let mut all = Vec::new();
    for index in 0..arguments.len() {
        all.extend_from_slice(arguments.items(index)?);
    }
    Ok(Value::set(all))
}

/// Every combination of an item of each, the last one changing fastest.
fn product(arguments: &Arguments<'_>) -> Answer {
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for index in 0..arguments.len() {
        let items = arguments.items(index)?;
        let mut longer = Vec::new();
        for row in &rows {
            for item in items {
                let cost = row.iter().fold(item.size(), |cost, value| cost.saturating_add(value.size()));
                arguments.charge(usize::try_from(cost).unwrap_or(usize::MAX))?;
                longer.push(row.iter().cloned().chain([item.clone()]).collect());
            }
        }
        rows = longer;
    }
    Ok(Value::List(rows.into_iter().map(Value::List).collect()))
}
