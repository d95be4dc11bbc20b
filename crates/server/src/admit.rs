//! Admission: what must hold before a job becomes a command. Looks at a view and changes nothing.

use std::collections::BTreeSet;

use model::{ALL_NODE_POOL, DEFAULT_NAMESPACE, DEFAULT_NODE_POOL, Job};
use state::Store;

/// Errors and warnings about a job in this region.
#[derive(Debug, Default)]
pub struct Findings {
    pub errors: Vec<String>,
    pub warnings: Vec<String>,
}

impl Findings {
    /// All errors in the form of the interface; empty when there are none.
    pub fn error_text(&self) -> String {
        listed(&self.errors, "error")
    }

    /// All warnings in the form of the interface; empty when there are none.
    pub fn warning_text(&self) -> String {
        listed(&self.warnings, "warning")
    }
}

fn listed(texts: &[String], what: &str) -> String {
    if texts.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = texts.iter().map(|text| format!("\t* {text}")).collect();
    format!("{} {what}{} occurred:\n{}", texts.len(), if texts.len() == 1 { "" } else { "s" }, lines.join("\n"))
}

/// Checks an effective job against what the region has.
pub fn check(view: &Store, job: &Job) -> Findings {
    let mut findings = Findings::default();
    if job.namespace != DEFAULT_NAMESPACE {
        findings.errors.push(format!("job {:?} is in nonexistent namespace {:?}; known: {DEFAULT_NAMESPACE}", job.id, job.namespace));
    }
    let pools: BTreeSet<&str> =
        [ALL_NODE_POOL, DEFAULT_NODE_POOL].into_iter().chain(view.nodes().map(|node| node.node_pool.as_str())).collect();
    if !pools.contains(job.node_pool.as_str()) {
        findings.errors.push(format!("job {:?} is in nonexistent node pool {:?}; known: {}", job.id, job.node_pool, names(&pools)));
    }
    if view.n_nodes() > 0 {
        datacenters(view, job, &mut findings);
        drivers(view, job, &mut findings);
    }
    if let Some(present) = view.job(&job.key())
        && present.kind != job.kind
        && !present.stop
    {
        findings.errors.push(format!("cannot change job type from {:?} to {:?}", present.kind.as_str(), job.kind.as_str()));
    }
    findings
}

fn names(known: &BTreeSet<&str>) -> String {
    known.iter().copied().collect::<Vec<_>>().join(", ")
}

fn datacenters(view: &Store, job: &Job, findings: &mut Findings) {
    let known: BTreeSet<&str> = view.nodes().map(|node| node.datacenter.as_str()).collect();
    let unknown: Vec<&str> =
        job.datacenters.iter().map(String::as_str).filter(|wanted| !known.iter().any(|name| matches_glob(wanted, name))).collect();
    if unknown.is_empty() {
        return;
    }
    let text = format!("no node is in datacenter {:?}; known: {}", unknown.join("\", \""), names(&known));
    if unknown.len() == job.datacenters.len() {
        findings.errors.push(text);
    } else {
        findings.warnings.push(text);
    }
}

fn drivers(view: &Store, job: &Job, findings: &mut Findings) {
    let known: BTreeSet<&str> =
        view.nodes().flat_map(|node| node.drivers.iter()).filter(|(_, driver)| driver.detected).map(|(name, _)| name.as_str()).collect();
    for group in &job.task_groups {
        for task in group.tasks.iter().filter(|task| !known.contains(task.driver.as_str())) {
            findings.errors.push(format!(
                "task {:?} of group {:?}: no node has the driver {:?}; known: {}",
                task.name,
                group.name,
                task.driver,
                names(&known)
            ));
        }
    }
}

/// `*` stands for any characters.
fn matches_glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => {
            text.starts_with(head)
                && (head.len()..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| matches_glob(tail, &text[at..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Datacenters may be given with stars.
    #[test]
    fn globs() {
        for (pattern, text, want) in [
            ("*", "west-1", true),
            ("west-*", "west-1", true),
            ("*-1", "west-1", true),
            ("west", "west-1", false),
            ("w*t-*1", "west-1", true),
            ("e*", "west-1", false),
        ] {
            assert_eq!(matches_glob(pattern, text), want, "{pattern} {text}");
        }
    }
}
