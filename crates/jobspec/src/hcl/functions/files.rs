//! Files, read by what the caller hands in; and paths, which are only text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Answer, Arguments, Function, function};
use crate::hcl::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    function("abspath", 1, 1, absolute),
    function("basename", 1, 1, base_name),
    function("dirname", 1, 1, directory_name),
    function("file", 1, 1, file),
    function("filebase64", 1, 1, file_base64),
    function("fileexists", 1, 1, file_exists),
    function("fileset", 2, 2, file_set),
    function("pathexpand", 1, 1, expand),
];

fn absolute(arguments: &Arguments<'_>) -> Answer {
    Ok(clean(&arguments.files()?.absolute(&arguments.text(0)?)).into())
}

fn base_name(arguments: &Arguments<'_>) -> Answer {
    arguments.files()?;
    let path = arguments.text(0)?;
    let trimmed = path.trim_end_matches('/');
    Ok(match (path.is_empty(), trimmed.is_empty()) {
        (true, _) => ".".into(),
        (false, true) => "/".into(),
        _ => trimmed.rsplit('/').next().unwrap_or(trimmed).into(),
    })
}

fn directory_name(arguments: &Arguments<'_>) -> Answer {
    arguments.files()?;
    let path = arguments.text(0)?;
    Ok(path.rsplit_once('/').map_or_else(|| ".".to_owned(), |(directory, _)| clean(&format!("{directory}/"))).into())
}

fn read(arguments: &Arguments<'_>) -> Result<Vec<u8>, super::Refusal> {
    let path = arguments.text(0)?;
    let path = with_home(arguments, &path)?;
    let bytes = arguments.files()?.read(&path).map_err(|reason| arguments.refuse(0, format!("cannot read {path:?}: {reason}")))?;
    arguments.charge(bytes.len())?;
    Ok(bytes)
}

fn file(arguments: &Arguments<'_>) -> Answer {
    String::from_utf8(read(arguments)?).map(Value::Text).map_err(|_| arguments.refuse(0, "the file is not text in UTF-8; use filebase64"))
}

fn file_base64(arguments: &Arguments<'_>) -> Answer {
    Ok(STANDARD.encode(read(arguments)?).into())
}

fn file_exists(arguments: &Arguments<'_>) -> Answer {
    let path = arguments.text(0)?;
    let path = with_home(arguments, &path)?;
    arguments.files()?.exists(&path).map(Value::Bool).map_err(|reason| arguments.refuse(0, format!("{path:?}: {reason}")))
}

/// The files below a directory that a pattern names: `*` and `?` within one part, `**` for any number of parts, `{a,b}` for either.
fn file_set(arguments: &Arguments<'_>) -> Answer {
    let (directory, pattern) = (arguments.text(0)?, arguments.text(1)?);
    let directory = with_home(arguments, &directory)?;
    let matcher = glob(&pattern).map_err(|reason| arguments.refuse(1, reason))?;
    let files =
        arguments.files()?.files_below(&directory).map_err(|reason| arguments.refuse(0, format!("cannot list {directory:?}: {reason}")))?;
    arguments.charge_values(files.len())?;
    Ok(Value::set(files.into_iter().filter(|file| matcher.is_match(file)).map(Value::Text).collect()))
}

fn expand(arguments: &Arguments<'_>) -> Answer {
    arguments.files()?;
    let path = arguments.text(0)?;
    with_home(arguments, &path).map(Value::Text)
}

fn with_home(arguments: &Arguments<'_>, path: &str) -> Result<String, super::Refusal> {
    let Some(rest) = path.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/')) else { return Ok(path.to_owned()) };
    let home = arguments.files()?.home().ok_or_else(|| arguments.refuse(0, "the home directory is not known"))?;
    Ok(format!("{}{rest}", home.trim_end_matches('/')))
}

/// The shortest path of the same meaning, without looking at the disk.
fn clean(path: &str) -> String {
    let is_rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if is_rooted => {}
            part => parts.push(part),
        }
    }
    match (is_rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

fn glob(pattern: &str) -> Result<regex::Regex, String> {
    let mut expression = String::from("^");
    let mut chars = pattern.chars().peekable();
    let mut braces = 0;
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                chars.next();
                // `**/` also stands for no part at all.
                if chars.peek() == Some(&'/') {
                    chars.next();
                    expression.push_str("(?:[^/]+/)*");
                } else {
                    expression.push_str(".*");
                }
            }
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            '{' => {
                braces += 1;
                expression.push_str("(?:");
            }
            '}' if braces > 0 => {
                braces -= 1;
                expression.push(')');
            }
            ',' if braces > 0 => expression.push('|'),
            c => expression.push_str(&regex::escape(&c.to_string())),
        }
    }
    expression.push('$');
    crate::validate::regex(&expression).map_err(|_| format!("{pattern:?} is not a pattern"))
}
