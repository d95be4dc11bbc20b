//! Constraints: known operators, targets that exist in principle, and values that can be compared.

use model::Constraint;

use super::Report;

/// Whose constraints they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Job,
    Group,
    Task,
    Device,
}

/// Operators that compare `LTarget` with `RTarget`.
const COMPARING: &[&str] = &[
    "=",
    "==",
    "is",
    "!=",
    "not",
    "<",
    "<=",
    ">",
    ">=",
    "regexp",
    "version",
    "semver",
    "set_contains",
    "set_contains_all",
    "set_contains_any",
];

pub(super) fn check(constraints: &[Constraint], owner: Owner, report: &mut Report<'_>) {
    for (index, constraint) in constraints.iter().enumerate() {
        check_one(constraint, owner, &mut report.part(&format!("Constraints[{index}]"), "constraint"));
    }
}

fn check_one(constraint: &Constraint, owner: Owner, report: &mut Report<'_>) {
    let Constraint { l_target, r_target, operand } = constraint;
    let only_for_groups = owner == Owner::Task || owner == Owner::Device;
    match operand.as_str() {
        "distinct_hosts" => {
            if only_for_groups {
                report.error("Operand", "distinct_hosts is for jobs and groups");
            }
            if !matches!(r_target.as_str(), "" | "true" | "false") {
                report.error("RTarget", format!("distinct_hosts is true or false, not {r_target:?}"));
            }
            return;
        }
        "distinct_property" => {
            if only_for_groups {
                report.error("Operand", "distinct_property is for jobs and groups");
            }
            if !r_target.is_empty() && !r_target.parse::<u64>().is_ok_and(|most| most > 0) {
                report.error("RTarget", format!("distinct_property takes how many may share a value, a number above 0, not {r_target:?}"));
            }
        }
        "is_set" | "is_not_set" => {
            if !r_target.is_empty() {
                report.error("RTarget", format!("{operand} takes no value"));
            }
        }
        operand if COMPARING.contains(&operand) => {
            comparison(l_target, r_target, operand, report);
            return;
        }
        other => {
            let known = ["is_set", "is_not_set", "distinct_hosts", "distinct_property"];
            unknown_operator(other, COMPARING.iter().copied().chain(known), report);
        }
    }
    target(l_target, report);
}

fn unknown_operator(other: &str, known: impl Iterator<Item = &'static str>, report: &mut Report<'_>) {
    let hint = crate::diagnostic::nearest(other, known).map(|near| format!(": did you mean {near:?}?")).unwrap_or_default();
    report.error("Operand", format!("unknown operator {other:?}{hint}"));
}

/// An attribute and a value that are compared.
pub(super) fn comparison(l_target: &str, r_target: &str, operand: &str, report: &mut Report<'_>) {
    if !COMPARING.contains(&operand) {
        unknown_operator(operand, COMPARING.iter().copied(), report);
        return;
    }
    if r_target.is_empty() {
        report.error("RTarget", format!("the operator {operand:?} needs a value"));
    }
    target(l_target, report);
    match operand {
        // A pattern that the node fills in cannot be read yet.
        "regexp" if !r_target.contains("${") => {
            if let Err(reason) = super::regex(r_target) {
                report.error("RTarget", format!("{r_target:?}: {reason}"));
            }
        }
        "version" | "semver" if !r_target.is_empty() && !is_version_requirement(r_target, operand == "semver") => {
            report.error("RTarget", format!("{r_target:?} is not a requirement of versions, such as \">= 1.2, < 2.0\""));
        }
        _ => {}
    }
}

fn target(l_target: &str, report: &mut Report<'_>) {
    if l_target.is_empty() {
        report.error("LTarget", "an attribute is needed, such as ${attr.kernel.name}");
    } else if l_target.starts_with('$') && !is_node_target(l_target) {
        report.error("LTarget", format!("{l_target:?} is nothing that nodes have: use ${{attr.…}}, ${{meta.…}} or ${{node.…}}"));
    }
}

/// Whether nodes, or their devices, have something of this name.
pub(super) fn is_node_target(target: &str) -> bool {
    let Some(name) = target.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else { return false };
    const NODE: &[&str] = &["node.unique.id", "node.unique.name", "node.datacenter", "node.region", "node.class", "node.pool"];
    let has_name = |prefix| name.strip_prefix(prefix).is_some_and(|rest: &str| !rest.is_empty());
    has_name("attr.") || has_name("meta.") || has_name("device.") || NODE.contains(&name)
}

/// `>= 1.2, < 2.0`: comparisons with versions, all of which must hold.
fn is_version_requirement(text: &str, is_semver: bool) -> bool {
    text.split(',').all(|part| {
        let part = part.trim();
        let operator_end = part.find(|c: char| !matches!(c, '=' | '!' | '<' | '>' | '~')).unwrap_or(part.len());
        let Some((operator, version)) = part.split_at_checked(operator_end) else { return false };
        let is_operator = matches!(operator, "" | "=" | "!=" | ">" | ">=" | "<" | "<=") || (operator == "~>" && !is_semver);
        is_operator && is_version(version.trim())
    })
}

/// `1.2.3-beta.1+build`, with any number of parts and an optional `v` in front.
fn is_version(text: &str) -> bool {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (rest, build) = text.split_once('+').unwrap_or((text, "0"));
    let (numbers, pre) = rest.split_once('-').unwrap_or((rest, "0"));
    let is_identifiers =
        |text: &str| text.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
    let is_numbers = numbers.split('.').all(|part| !part.is_empty() && part.len() <= 18 && part.bytes().all(|byte| byte.is_ascii_digit()));
    is_numbers && is_identifiers(pre) && is_identifiers(build)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requirements of versions are told from other texts.
    #[test]
    fn version_requirements() {
        let rows = [
            ("1.2.3", true),
            (">= 1.2, < 2.0", true),
            ("~> 1.2", true),
            ("!= v1.0.0-beta.1+5", true),
            (">1", true),
            ("", false),
            (">=", false),
            ("=> 1.2", false),
            ("1.2.", false),
            ("1.x", false),
            (">= 1.2 < 2.0", false),
            ("latest", false),
        ];
        for (text, expected) in rows {
            assert_eq!(is_version_requirement(text, false), expected, "{text:?}");
        }
        assert!(!is_version_requirement("~> 1.2", true), "semver has no ~>");
    }
}
