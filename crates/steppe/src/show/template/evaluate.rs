//! Nodes and a value to text.

use serde_json::Value;

use super::fields;
use super::parse::{Base, Command, Node, Operand, Pipeline, Template};

/// How deep templates may call each other.
const DEPTH_MAX: usize = 100;
/// How often they may: what calls itself twice ends here.
const CALLS_MAX: usize = 1_000_000;

pub fn run(template: &Template, value: &Value) -> Result<String, String> {
    let mut scope = Scope { template, depth: 0, n_calls: 0, variables: vec![(String::new(), value.clone())], out: String::new() };
    scope.nodes(&template.nodes, value)?;
    Ok(scope.out)
}

/// How a block ended.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Scope<'t> {
    template: &'t Template,
    depth: usize,
    n_calls: usize,
    /// The newest last; the empty name is `$`.
    variables: Vec<(String, Value)>,
    out: String,
}

impl Scope<'_> {
    /// Runs the nodes of a block, whose variables end with it.
    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, String> {
        let n_outside = self.variables.len();
        let mut flow = Flow::On;
        for node in nodes {
            flow = self.node(node, dot)?;
            if flow != Flow::On {
                break;
            }
        }
        self.variables.truncate(n_outside);
        Ok(flow)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow, String> {
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Print(pipeline) => {
                let text = shown(&self.pipeline(pipeline, dot)?);
                self.out.push_str(&text);
            }
            Node::Assign { name, new, value } => {
                let value = self.pipeline(value, dot)?;
                if *new {
                    self.variables.push((name.clone(), value));
                } else {
                    let known = self.variables.iter_mut().rev().find(|(known, _)| known == name);
                    known.ok_or_else(|| undeclared(name))?.1 = value;
                }
            }
            Node::If { condition, then, otherwise } => {
                let chosen = if is_true(&self.pipeline(condition, dot)?) { then } else { otherwise };
                return self.nodes(chosen, dot);
            }
            Node::With { name, value, then, otherwise } => {
                let value = self.pipeline(value, dot)?;
                return if is_true(&value) { self.with(&[(name, &value)], then, &value) } else { self.nodes(otherwise, dot) };
            }
            Node::Range { key, item, over, body, otherwise } => {
                let entries = entries(self.pipeline(over, dot)?)?;
                if entries.is_empty() {
                    return self.nodes(otherwise, dot);
                }
                for (name, value) in &entries {
                    if self.with(&[(key, name), (item, value)], body, value)? == Flow::Break {
                        break;
                    }
                }
            }
            Node::Template { name, value } => {
                let value = value.as_ref().map(|value| self.pipeline(value, dot)).transpose()?;
                self.call_template(name, value.unwrap_or_default())?;
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    /// Nothing of the caller but the value is known there.
    fn call_template(&mut self, name: &str, value: Value) -> Result<(), String> {
        let nodes = self.template.defined.get(name).ok_or_else(|| format!("template {name:?} is not defined"))?;
        if self.depth == DEPTH_MAX {
            return Err(format!("template {name:?}: templates call each other more than {DEPTH_MAX} deep"));
        }
        self.n_calls += 1;
        if self.n_calls > CALLS_MAX {
            return Err(format!("template {name:?}: templates call each other more than {CALLS_MAX} times"));
        }
        let of_caller = std::mem::replace(&mut self.variables, vec![(String::new(), value.clone())]);
        self.depth += 1;
        self.nodes(nodes, &value)?;
        self.depth -= 1;
        self.variables = of_caller;
        Ok(())
    }

    /// Runs a block with variables of its own.
    fn with(&mut self, own: &[(&Option<String>, &Value)], nodes: &[Node], dot: &Value) -> Result<Flow, String> {
        let n_outside = self.variables.len();
        for (name, value) in own {
            self.variables.extend(name.iter().map(|name| (name.clone(), (*value).clone())));
        }
        let flow = self.nodes(nodes, dot)?;
        self.variables.truncate(n_outside);
        Ok(flow)
    }

    fn pipeline(&self, pipeline: &Pipeline, dot: &Value) -> Result<Value, String> {
        let mut last = None;
        for command in &pipeline.0 {
            last = Some(self.command(command, dot, last)?);
        }
        last.ok_or_else(|| "a value is missing".to_owned())
    }

    fn command(&self, Command(operands): &Command, dot: &Value, piped: Option<Value>) -> Result<Value, String> {
        let Some((first, rest)) = operands.split_first() else { return Err("a value is missing".to_owned()) };
        if let Base::Function(name) = &first.base {
            if let (true, [.., _]) = (matches!(name.as_str(), "and" | "or"), rest) {
                return self.decide(name == "or", rest, dot, piped);
            }
            let mut arguments = rest.iter().map(|operand| self.operand(operand, dot)).collect::<Result<Vec<_>, _>>()?;
            arguments.extend(piped);
            return call(name, &arguments);
        }
        if !rest.is_empty() || piped.is_some() {
            return Err("only functions take arguments".to_owned());
        }
        self.operand(first, dot)
    }

    /// The first of the operands that is true, or not true, else the last; those behind it are not looked at.
    fn decide(&self, wanted: bool, operands: &[Operand], dot: &Value, piped: Option<Value>) -> Result<Value, String> {
        let mut last = Value::Null;
        for operand in operands {
            last = self.operand(operand, dot)?;
            if is_true(&last) == wanted {
                return Ok(last);
            }
        }
        Ok(piped.unwrap_or(last))
    }

    fn operand(&self, operand: &Operand, dot: &Value) -> Result<Value, String> {
        let base = match &operand.base {
            Base::Dot => dot.clone(),
            Base::Literal(value) => value.clone(),
            Base::Group(pipeline) => self.pipeline(pipeline, dot)?,
            Base::Function(name) => call(name, &[])?,
            Base::Variable(name) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                known.map(|(_, value)| value.clone()).ok_or_else(|| undeclared(name))?
            }
        };
        let mut of = None;
        operand.fields.iter().try_fold(base, |value, name| match value {
            Value::Object(mut object) => {
                let of = of.replace(name.as_str());
                match object.remove(name) {
                    Some(value) => Ok(value),
                    None => fields::left_out(&object, of, name),
                }
            }
            Value::Null => Ok(Value::Null),
            other => Err(format!("{name:?}: {} has no fields", noun(&other))),
        })
    }
}

fn undeclared(name: &str) -> String {
    format!("variable ${name} is not declared")
}

fn noun(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn entries(over: Value) -> Result<Vec<(Value, Value)>, String> {
    match over {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => Ok(items.into_iter().enumerate().map(|(at, item)| (at.into(), item)).collect()),
        Value::Object(fields) => Ok(fields.into_iter().map(|(name, value)| (name.into(), value)).collect()),
        other => Err(format!("range over {}", noun(&other))),
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// As the interface's templates print values; what is left out in JSON is an empty text.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            // A float without a fraction is printed without one.
            Some(float) if number.is_f64() => float.to_string(),
            _ => number.to_string(),
        },
        Value::Bool(flag) => flag.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}:{}", shown(value))).collect();
            format!("map[{}]", fields.join(" "))
        }
    }
}

fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    match (name, arguments) {
        ("not", [value]) => Ok((!is_true(value)).into()),
        ("and", [.., last]) => Ok(arguments.iter().find(|value| !is_true(value)).unwrap_or(last).clone()),
        ("or", [.., last]) => Ok(arguments.iter().find(|value| is_true(value)).unwrap_or(last).clone()),
        ("len", [value]) => length(value).map(Value::from),
        ("index", [value, keys @ ..]) => keys.iter().try_fold(value.clone(), index),
        ("slice", [value, bounds @ ..]) => slice(value, bounds),
        ("eq", [first, others @ ..]) if !others.is_empty() => Ok(others.iter().any(|other| equal(first, other)).into()),
        ("ne", [a, b]) => Ok((!equal(a, b)).into()),
        ("lt", [a, b]) => Ok(order(a, b)?.is_lt().into()),
        ("le", [a, b]) => Ok(order(a, b)?.is_le().into()),
        ("gt", [a, b]) => Ok(order(a, b)?.is_gt().into()),
        ("ge", [a, b]) => Ok(order(a, b)?.is_ge().into()),
        ("print", values) => Ok(print(values).into()),
        ("println", values) => Ok(format!("{}\n", values.iter().map(shown).collect::<Vec<_>>().join(" ")).into()),
        ("printf", [Value::String(pattern), values @ ..]) => printf(pattern, values).map(Value::from),
        ("html", values) => Ok(print(values).chars().map(html).collect::<String>().into()),
        ("js", values) => Ok(print(values).chars().map(js).collect::<String>().into()),
        ("urlquery", values) => Ok(query(&print(values)).into()),
        ("not" | "and" | "or" | "len" | "index" | "slice" | "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "printf", _) => {
            Err(format!("{name} does not take {} arguments of these kinds", arguments.len()))
        }
        _ => Err(format!(
            "function {name:?} is not supported; there are and, eq, ge, gt, html, index, js, le, len, lt, ne, not, or, print, printf, println, slice, \
             urlquery"
        )),
    }
}

/// A character as HTML text.
fn html(c: char) -> String {
    match c {
        '"' => "&#34;".to_owned(),
        '\'' => "&#39;".to_owned(),
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '\0' => "\u{fffd}".to_owned(),
        c => c.to_string(),
    }
}

/// A character within a text of JavaScript.
fn js(c: char) -> String {
    match c {
        '\\' => "\\\\".to_owned(),
        '\'' => "\\'".to_owned(),
        '"' => "\\\"".to_owned(),
        '<' | '>' | '&' | '=' => format!("\\u{:04X}", u32::from(c)),
        c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
        c => c.to_string(),
    }
}

/// A text as a value in the query of an address.
fn query(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        b' ' => "+".to_owned(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn length(value: &Value) -> Result<usize, String> {
    match value {
        Value::Null => Ok(0),
        Value::String(text) => Ok(text.len()),
        Value::Array(items) => Ok(items.len()),
        Value::Object(fields) => Ok(fields.len()),
        other => Err(format!("len of {}", noun(other))),
    }
}

fn index(value: Value, key: &Value) -> Result<Value, String> {
    match (value, key) {
        (Value::Array(items), Value::Number(at)) => {
            let found = at.as_u64().and_then(|at| usize::try_from(at).ok()).and_then(|at| items.get(at).cloned());
            found.ok_or_else(|| format!("index {at} is out of range: the list has {} items", items.len()))
        }
        (Value::Object(mut fields), Value::String(name)) => Ok(fields.remove(name).unwrap_or(Value::Null)),
        (Value::Null, _) => Ok(Value::Null),
        (other, key) => Err(format!("{} has no index {}", noun(&other), shown(key))),
    }
}

/// From the first bound to before the second, as far as there are bounds.
fn slice(value: &Value, bounds: &[Value]) -> Result<Value, String> {
    let length = length(value)?;
    let bound = |at: usize, default: usize| match bounds.get(at) {
        None => Some(default),
        Some(bound) => bound.as_u64().and_then(|bound| usize::try_from(bound).ok()),
    };
    let range = bound(0, 0).zip(bound(1, length)).filter(|_| bounds.len() <= 2).map(|(from, to)| from..to);
    let range = range.ok_or("slice takes a text or list and up to two whole numbers")?;
    let found = match value {
        Value::String(text) => text.get(range.clone()).map(Value::from),
        Value::Array(items) => items.get(range.clone()).map(Value::from),
        Value::Null => Some(Value::Null),
        other => return Err(format!("slice of {}", noun(other))),
    };
    found.ok_or_else(|| format!("slice from {} to {} is out of range: the length is {length}", range.start, range.end))
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        // What is left out in JSON is empty.
        (Value::Null, other) | (other, Value::Null) => !is_true(other),
        _ => a == b,
    }
}

fn order(a: &Value, b: &Value) -> Result<std::cmp::Ordering, String> {
    let ordering = match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    };
    ordering.ok_or_else(|| format!("{} and {} cannot be compared", noun(a), noun(b)))
}

/// Values after each other, with a blank between two of which neither is a text.
fn print(values: &[Value]) -> String {
    let mut out = String::new();
    for (at, value) in values.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| values.get(before));
        if before.is_some_and(|before| !before.is_string() && !value.is_string()) {
            out.push(' ');
        }
        out.push_str(&shown(value));
    }
    out
}

/// `%s`, `%d`, `%v`, `%q`, `%t`, `%f`, `%x` with flags `-` and `0` and a width and precision, and `%%`.
fn printf(pattern: &str, values: &[Value]) -> Result<String, String> {
    let mut values = values.iter();
    let mut out = String::new();
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let (mut left, mut zero, mut width, mut precision) = (false, false, String::new(), None);
        while let Some(flag) = rest.next_if(|c| matches!(c, '-' | '0')) {
            if flag == '-' { left = true } else { zero = true }
        }
        while let Some(digit) = rest.next_if(char::is_ascii_digit) {
            width.push(digit);
        }
        if rest.next_if_eq(&'.').is_some() {
            let mut digits = String::new();
            while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            precision = Some(digits.parse::<usize>().unwrap_or(0).min(100));
        }
        let verb = rest.next().ok_or("printf: the pattern ends within a verb")?;
        if verb == '%' {
            out.push('%');
            continue;
        }
        let value = values.next().ok_or_else(|| format!("printf: too few values for {pattern:?}"))?;
        let text = match verb {
            's' | 'v' | 'd' | 't' => shown(value),
            'q' => format!("{:?}", shown(value)),
            'f' => format!("{:.*}", precision.unwrap_or(6), value.as_f64().ok_or_else(|| format!("printf: %f of {}", noun(value)))?),
            'x' => format!("{:x}", value.as_i64().ok_or_else(|| format!("printf: %x of {}", noun(value)))?),
            other => return Err(format!("printf: the verb %{other} is not supported")),
        };
        // Wider than any terminal is a mistake.
        let missing = width.parse::<usize>().unwrap_or(0).min(1000).saturating_sub(text.chars().count());
        match (left, zero) {
            (true, _) => out.push_str(&(text + &" ".repeat(missing))),
            (false, true) => out.push_str(&("0".repeat(missing) + &text)),
            (false, false) => out.push_str(&(" ".repeat(missing) + &text)),
        }
    }
    Ok(out)
}
