//! Texts.

use super::{Answer, Arguments, Function, MANY, function};
use crate::hcl::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    function("chomp", 1, 1, |arguments| Ok(arguments.text(0)?.trim_end_matches(['\r', '\n']).into())),
    function("indent", 2, 2, indent),
    function("join", 2, MANY, join),
    function("lower", 1, 1, |arguments| Ok(arguments.text(0)?.to_lowercase().into())),
    function("regex_replace", 3, 3, regex_replace),
    function("replace", 3, 3, replace),
    function("split", 2, 2, split),
    function("strlen", 1, 1, |arguments| Ok(Value::integer(arguments.text(0)?.chars().count()))),
    function("strrev", 1, 1, |arguments| Ok(arguments.text(0)?.chars().rev().collect::<String>().into())),
    function("substr", 3, 3, substring),
    function("title", 1, 1, title),
    function("trim", 2, 2, trim),
    function("trimprefix", 2, 2, trim_prefix),
    function("trimspace", 1, 1, |arguments| Ok(arguments.text(0)?.trim().into())),
    function("trimsuffix", 2, 2, trim_suffix),
    function("upper", 1, 1, |arguments| Ok(arguments.text(0)?.to_uppercase().into())),
];

/// Work units of compiling a pattern: a thousand of them are enough for a job.
const REGEX_WORK: usize = 100_000;

/// All lines but the first.
fn indent(arguments: &Arguments<'_>) -> Answer {
    let (spaces, text) = (arguments.count(0)?, arguments.text(1)?);
    let lines = text.matches('\n').count();
    arguments.charge(spaces.saturating_mul(lines).saturating_add(text.len()))?;
    Ok(text.replace('\n', &format!("\n{}", " ".repeat(if lines == 0 { 0 } else { spaces }))).into())
}

fn join(arguments: &Arguments<'_>) -> Answer {
    let separator = arguments.text(0)?;
    let mut parts = Vec::new();
    for index in 1..arguments.len() {
        parts.extend(arguments.texts(index)?);
    }
    arguments.charge(parts.iter().map(|part| part.len().saturating_add(separator.len())).fold(0, usize::saturating_add))?;
    Ok(parts.join(&*separator).into())
}

fn replace(arguments: &Arguments<'_>) -> Answer {
    let (text, search, replacement) = (arguments.text(0)?, arguments.text(1)?, arguments.text(2)?);
    let hits = text.matches(&*search).count();
    arguments.charge(hits.saturating_mul(replacement.len()).saturating_add(text.len()))?;
    Ok(text.replace(&*search, &replacement).into())
}

fn regex_replace(arguments: &Arguments<'_>) -> Answer {
    let (text, pattern, replacement) = (arguments.text(0)?, arguments.text(1)?, arguments.text(2)?);
    arguments.charge_work(REGEX_WORK.saturating_add(text.len()))?;
    let pattern = crate::validate::regex(&pattern).map_err(|reason| arguments.refuse(1, reason))?;
    let mut result = String::new();
    let mut last = 0;
    for captures in pattern.captures_iter(&text) {
        let Some(whole) = captures.get(0) else { continue };
        let mut part = text.get(last..whole.start()).unwrap_or("").to_owned();
        captures.expand(&replacement, &mut part);
        last = whole.end();
        arguments.charge(part.len().saturating_add(32))?;
        result.push_str(&part);
    }
    result.push_str(text.get(last..).unwrap_or(""));
    Ok(result.into())
}

fn split(arguments: &Arguments<'_>) -> Answer {
    let (separator, text) = (arguments.text(0)?, arguments.text(1)?);
    arguments.charge_values(if separator.is_empty() { text.len() } else { text.matches(&*separator).count() })?;
    let parts: Vec<Value> = if text.is_empty() {
        Vec::new()
    } else if separator.is_empty() {
        text.chars().map(|c| c.to_string().into()).collect()
    } else {
        text.split(&*separator).map(Value::from).collect()
    };
    // A text without separators is one part, also when it is empty.
    Ok(Value::List(if text.is_empty() { vec!["".into()] } else { parts }))
}

/// A negative offset counts from the end; length -1 means the rest.
fn substring(arguments: &Arguments<'_>) -> Answer {
    let (text, offset, length) = (arguments.text(0)?, arguments.integer(1)?, arguments.integer(2)?);
    let count = text.chars().count();
    let start = match usize::try_from(offset) {
        Ok(offset) => offset.min(count),
        Err(_) => count.saturating_sub(usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX)),
    };
    let taken = match length {
        -1 => count,
        length => usize::try_from(length).map_err(|_| arguments.refuse(2, "the length must be -1 or more"))?,
    };
    Ok(text.chars().skip(start).take(taken).collect::<String>().into())
}

fn title(arguments: &Arguments<'_>) -> Answer {
    let mut result = String::new();
    let mut at_start = true;
    for c in arguments.text(0)?.chars() {
        if at_start && c.is_alphabetic() {
            result.extend(c.to_uppercase());
        } else {
            result.push(c);
        }
        at_start = !(c.is_alphanumeric() || matches!(c, '_' | '\''));
    }
    Ok(result.into())
}

fn trim(arguments: &Arguments<'_>) -> Answer {
    let (text, set) = (arguments.text(0)?, arguments.text(1)?);
    Ok(text.trim_matches(|c| set.contains(c)).into())
}

fn trim_prefix(arguments: &Arguments<'_>) -> Answer {
    let (text, prefix) = (arguments.text(0)?, arguments.text(1)?);
    Ok(text.strip_prefix(&*prefix).unwrap_or(&text).into())
}

fn trim_suffix(arguments: &Arguments<'_>) -> Answer {
    let (text, suffix) = (arguments.text(0)?, arguments.text(1)?);
    Ok(text.strip_suffix(&*suffix).unwrap_or(&text).into())
}
