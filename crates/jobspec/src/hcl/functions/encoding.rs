//! Base64, JSON, CSV, URLs; YAML is next door.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Answer, Arguments, Function, function, yaml};
use crate::hcl::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    function("base64decode", 1, 1, base64_decode),
    function("base64encode", 1, 1, |arguments| Ok(STANDARD.encode(arguments.text(0)?.as_bytes()).into())),
    function("csvdecode", 1, 1, csv_decode),
    function("jsondecode", 1, 1, json_decode),
    function("jsonencode", 1, 1, |arguments| Ok(arguments.any(0)?.to_json().to_string().into())),
    function("urlencode", 1, 1, url_encode),
    function("yamldecode", 1, 1, yaml::decode),
    function("yamlencode", 1, 1, yaml::encode),
];

fn base64_decode(arguments: &Arguments<'_>) -> Answer {
    let bytes = STANDARD.decode(arguments.text(0)?.trim()).map_err(|error| arguments.refuse(0, format!("not base64: {error}")))?;
    String::from_utf8(bytes).map(Value::Text).map_err(|_| arguments.refuse(0, "what it encodes is not text in UTF-8"))
}

fn json_decode(arguments: &Arguments<'_>) -> Answer {
    let json: serde_json::Value =
        serde_json::from_str(&arguments.text(0)?).map_err(|error| arguments.refuse(0, format!("not JSON: {error}")))?;
    Ok(Value::from_json(&json))
}

/// As in a query: letters, digits and `-_.~` stay, a space is `+`.
fn url_encode(arguments: &Arguments<'_>) -> Answer {
    let mut encoded = String::new();
    for byte in arguments.text(0)?.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            b' ' => encoded.push('+'),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    Ok(encoded.into())
}

/// The first line names the fields; an object for each further line.
fn csv_decode(arguments: &Arguments<'_>) -> Answer {
    let text = arguments.text(0)?;
    let mut rows = csv_rows(&text).map_err(|reason| arguments.refuse(0, reason))?.into_iter();
    let Some(header) = rows.next() else { return Err(arguments.refuse(0, "the first line must name the fields")) };
    let mut unique = header.clone();
    unique.sort();
    unique.dedup();
    if unique.len() != header.len() {
        return Err(arguments.refuse(0, "two fields have the same name"));
    }
    let mut objects = Vec::new();
    for (index, row) in rows.enumerate() {
        if row.len() != header.len() {
            return Err(arguments.refuse(0, format!("line {} has {} fields, not {}", index + 2, row.len(), header.len())));
        }
        arguments.charge_values(header.len())?;
        arguments.charge(header.iter().map(String::len).fold(0, usize::saturating_add))?;
        objects.push(Value::Object(header.iter().cloned().zip(row.into_iter().map(Value::Text)).collect::<BTreeMap<_, _>>()));
    }
    Ok(Value::List(objects))
}

/// Fields in quotes may hold commas, line ends and doubled quotes; empty lines are skipped.
fn csv_rows(text: &str) -> Result<Vec<Vec<String>>, String> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut field = String::new();
    let mut in_quotes = false;
    let mut was_quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if in_quotes && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if in_quotes => in_quotes = false,
            c if in_quotes => field.push(c),
            '"' if field.is_empty() && !was_quoted => {
                in_quotes = true;
                was_quoted = true;
            }
            '"' => return Err("a quote stands in the middle of a field".to_owned()),
            ',' => {
                row.push(std::mem::take(&mut field));
                was_quoted = false;
            }
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' => {
                if !(row.is_empty() && field.is_empty() && !was_quoted) {
                    row.push(std::mem::take(&mut field));
                    rows.push(std::mem::take(&mut row));
                }
                was_quoted = false;
            }
            c => field.push(c),
        }
    }
    if in_quotes {
        return Err("a quote is not closed".to_owned());
    }
    if !(row.is_empty() && field.is_empty() && !was_quoted) {
        row.push(field);
        rows.push(row);
    }
    Ok(rows)
}
