//! What is done with a block once its fields are read: the shorthands of job files.

use crate::decode::take_list;
use crate::diagnostic::{Diagnostic, Kind, Severity};
use crate::schema::Finish;
use crate::tree::{Fields, Node, Span};

type Report<'r> = &'r dyn Fn(Diagnostic, Span);

/// Finishes a block of a job file.
pub(crate) fn file_block(finish: Finish, fields: &mut Fields, report: Report<'_>) {
    match finish {
        Finish::Nothing => {}
        Finish::Constraint => constraint(fields, report),
        Finish::Affinity => {
            shorthands(&["version", "semver", "regexp", "set_contains", "set_contains_all", "set_contains_any"], fields, report)
        }
        Finish::TaskScaling => task_scaling(fields, report),
        Finish::Logs => logs(fields, report),
        Finish::Network => network(fields),
        Finish::Job => tasks_without_group(fields),
    }
}

/// Finishes an object of a request body.
pub(crate) fn request_object(finish: Finish, fields: &mut Fields, report: Report<'_>) {
    if finish == Finish::Logs {
        logs(fields, report);
    }
}

/// What to write instead of something that is not supported.
pub(crate) fn advice(word: &str) -> &'static str {
    match word {
        "set_contains_all" | "set_contains_any" | "is_set" | "is_not_set" => "write it as operator = \"…\" with attribute and value",
        _ => "",
    }
}

/// `regexp = "^a"` is operator and value; `distinct_hosts = true` is a constraint by itself.
fn constraint(fields: &mut Fields, report: Report<'_>) {
    shorthands(&["version", "semver", "regexp", "set_contains"], fields, report);
    if let Some(flag) = fields.remove("@distinct_hosts") {
        let text = flag.as_bool().unwrap_or(false).to_string();
        set_operator(fields, "distinct_hosts", flag.span.clone(), report);
        fields.insert("RTarget".to_owned(), Node::leaf(text, flag.span));
    }
    if let Some(attribute) = fields.remove("@distinct_property") {
        set_operator(fields, "distinct_property", attribute.span.clone(), report);
        fields.insert("LTarget".to_owned(), attribute);
    }
}

/// `scaling "cpu"` moves the share of the processor, `scaling "mem"` the memory; a type that is written out says more than the label.
fn task_scaling(fields: &mut Fields, report: Report<'_>) {
    if let Some(kind) = fields.remove("@type") {
        fields.insert("Type".to_owned(), kind);
        return;
    }
    let Some(label) = fields.get("Type") else { return };
    let span = label.span.clone();
    match label.as_text() {
        Some("cpu") => _ = fields.insert("Type".to_owned(), Node::leaf("vertical_cpu", span)),
        Some("mem") => _ = fields.insert("Type".to_owned(), Node::leaf("vertical_mem", span)),
        other => {
            let summary = format!("the scaling block of a task is named \"cpu\" or \"mem\", not {:?}", other.unwrap_or_default());
            report(Diagnostic::error(Kind::Malformed, summary), span);
        }
    }
}

fn shorthands(operators: &[&str], fields: &mut Fields, report: Report<'_>) {
    for &operator in operators {
        let Some(value) = fields.remove(&format!("@{operator}")) else { continue };
        let span = value.span.clone();
        if fields.contains_key("RTarget") {
            let detail = "the shorthand already says the value";
            report(
                Diagnostic::error(Kind::Malformed, format!("{operator:?} and \"value\" exclude each other")).detail(detail),
                span.clone(),
            );
        }
        set_operator(fields, operator, span, report);
        fields.insert("RTarget".to_owned(), value);
    }
}

fn set_operator(fields: &mut Fields, operator: &str, span: Span, report: Report<'_>) {
    let other = fields.get("Operand").and_then(Node::as_text).filter(|known| *known != operator);
    if let Some(other) = other {
        report(Diagnostic::error(Kind::Malformed, format!("{operator:?} and the operator {other:?} exclude each other")), span.clone());
    }
    fields.insert("Operand".to_owned(), Node::leaf(operator, span));
}

/// `enabled` is the former, opposite form of `disabled`.
fn logs(fields: &mut Fields, report: Report<'_>) {
    let Some(enabled) = fields.remove("Enabled") else { return };
    let Some(flag) = enabled.as_bool() else { return };
    let warning = Diagnostic::new(Severity::Warning, Kind::Invalid, "\"enabled\" of logs is deprecated")
        .detail("write disabled = true or leave it out");
    report(warning, enabled.span.clone());
    match fields.get("Disabled").and_then(Node::as_bool) {
        Some(disabled) if disabled == flag => {
            report(Diagnostic::error(Kind::Malformed, "\"enabled\" and \"disabled\" of logs contradict each other"), enabled.span);
        }
        Some(_) => {}
        None => {
            fields.insert("Disabled".to_owned(), Node::leaf(!flag, enabled.span));
        }
    }
}

/// Ports with a number are reserved, the others get one.
fn network(fields: &mut Fields) {
    let reserved = take_list(fields, "@reserved_ports").into_iter().map(|port| (port, true));
    let ports: Vec<_> = reserved.chain(take_list(fields, "@port").into_iter().map(|port| (port, false))).collect();
    for (port, is_reserved) in ports {
        let is_static = port.as_fields().and_then(|port| port.get("Value")).and_then(Node::as_integer).is_some_and(|number| number != 0);
        let name = if is_reserved || is_static { "ReservedPorts" } else { "DynamicPorts" };
        let list = fields.entry(name.to_owned()).or_insert_with(|| Node::list(Vec::new(), port.span.clone()));
        if let Some(items) = list.as_list_mut() {
            items.push(port);
        }
    }
}

/// A task right under the job is a group of its own, of the same name.
fn tasks_without_group(fields: &mut Fields) {
    for task in take_list(fields, "@task") {
        let span = task.span.clone();
        let mut group = Fields::new();
        if let Some(name) = task.as_fields().and_then(|task| task.get("Name")) {
            group.insert("Name".to_owned(), name.clone());
        }
        group.insert("Tasks".to_owned(), Node::list(vec![task], span.clone()));
        let groups = fields.entry("TaskGroups".to_owned()).or_insert_with(|| Node::list(Vec::new(), span.clone()));
        if let Some(items) = groups.as_list_mut() {
            items.push(Node::fields(group, span));
        }
    }
}
