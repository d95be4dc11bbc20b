//! Why allocations were not placed, and how nodes were scored.

use std::collections::{BTreeMap, BTreeSet};

use model::AllocMetric;

use super::{id, row, table};

/// `Task Group "app" (failed to place 2 allocations):` and the reasons, for every group; when asked, also how nodes were scored.
pub fn failed_groups(failed: &BTreeMap<String, AllocMetric>, verbose: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for (group, metric) in failed {
        let n = metric.coalesced_failures.saturating_add(1);
        lines.push(format!("Task Group {group:?} (failed to place {n} allocation{}):", if n == 1 { "" } else { "s" }));
        let mut reasons = reasons(metric);
        if reasons.is_empty() {
            reasons.push("* The job wants all of it at once (all_at_once), and there is no room for all of it".to_owned());
        }
        lines.extend(reasons.into_iter().map(|reason| format!("  {reason}")));
        let table = scores(metric, verbose).filter(|_| verbose);
        lines.extend(table.iter().flat_map(|table| table.lines()).map(|line| format!("  {line}")));
    }
    lines
}

/// What kept nodes away, and how the others were scored; `None` when there is nothing to say.
pub fn placement(metric: &AllocMetric, verbose: bool) -> Option<String> {
    let mut parts = Vec::new();
    let reasons = reasons(metric);
    // An allocation that was placed found a node, whatever old figures say.
    if metric.nodes_evaluated > 0 && !reasons.is_empty() {
        parts.push(reasons.join("\n"));
    }
    parts.extend(scores(metric, verbose));
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// `* …`, a line per reason.
fn reasons(metric: &AllocMetric) -> Vec<String> {
    let mut lines = Vec::new();
    if metric.nodes_evaluated == 0 {
        lines.push("* No nodes were eligible for evaluation".to_owned());
    }
    let empty = metric.nodes_available.iter().filter(|(_, available)| **available == 0);
    lines.extend(empty.map(|(datacenter, _)| format!("* No nodes are available in datacenter {datacenter:?}")));
    lines.extend(metric.class_filtered.iter().map(|(class, n)| format!("* Class {class:?}: {n} nodes excluded by filter")));
    lines.extend(metric.constraint_filtered.iter().map(|(text, n)| format!("* Constraint \"{text}\": {n} nodes excluded by filter")));
    if metric.nodes_exhausted > 0 {
        lines.push(format!("* Resources exhausted on {} nodes", metric.nodes_exhausted));
    }
    lines.extend(metric.class_exhausted.iter().map(|(class, n)| format!("* Class {class:?} exhausted on {n} nodes")));
    lines.extend(metric.dimension_exhausted.iter().map(|(dimension, n)| format!("* Dimension \"{dimension}\" exhausted on {n} nodes")));
    lines.extend(metric.quota_exhausted.iter().map(|dimension| format!("* Quota limit hit {dimension:?}")));
    lines
}

/// A row per node with what each scorer gave; `None` when nothing was scored.
fn scores(metric: &AllocMetric, verbose: bool) -> Option<String> {
    if metric.score_meta_data.is_empty() {
        return None;
    }
    let scorers: BTreeSet<&String> = metric.score_meta_data.iter().flat_map(|node| node.scores.keys()).collect();
    let mut header = vec!["Node".to_owned()];
    header.extend(scorers.iter().map(|scorer| (*scorer).clone()));
    header.push("final score".to_owned());
    let mut rows = vec![header];
    for node in &metric.score_meta_data {
        let mut cells = vec![id(node.node_id, verbose)];
        cells.extend(scorers.iter().map(|scorer| three_digits(node.scores.get(*scorer).copied().unwrap_or(0.0))));
        cells.push(three_digits(node.norm_score));
        rows.push(row(&cells));
    }
    Some(table(&rows))
}

/// Three significant digits, without trailing zeros.
fn three_digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let digits_before = value.abs().log10().floor() as i32 + 1;
    let decimals = usize::try_from((3 - digits_before).clamp(0, 9)).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: what happened while placing; what is said about it.
    #[test]
    fn every_reason_has_its_line() {
        let check = |metric: AllocMetric, expected: &[&str]| assert_eq!(reasons(&metric), expected);
        let one = |key: &str, n: i64| BTreeMap::from([(key.to_owned(), n)]);
        let seen = AllocMetric { nodes_evaluated: 3, ..AllocMetric::default() };
        check(AllocMetric::default(), &["* No nodes were eligible for evaluation"]);
        check(AllocMetric { nodes_available: one("dc1", 0), ..seen.clone() }, &["* No nodes are available in datacenter \"dc1\""]);
        check(AllocMetric { nodes_available: one("dc1", 1), ..seen.clone() }, &[]);
        check(AllocMetric { class_filtered: one("big", 2), ..seen.clone() }, &["* Class \"big\": 2 nodes excluded by filter"]);
        check(
            AllocMetric { constraint_filtered: one("${attr.kernel.name} = plan9", 1), ..seen.clone() },
            &["* Constraint \"${attr.kernel.name} = plan9\": 1 nodes excluded by filter"],
        );
        check(
            AllocMetric {
                nodes_exhausted: 2,
                class_exhausted: one("big", 2),
                dimension_exhausted: one("memory", 2),
                quota_exhausted: vec!["cpu".to_owned()],
                ..seen
            },
            &[
                "* Resources exhausted on 2 nodes",
                "* Class \"big\" exhausted on 2 nodes",
                "* Dimension \"memory\" exhausted on 2 nodes",
                "* Quota limit hit \"cpu\"",
            ],
        );
    }

    /// What would have fitted alone says so.
    #[test]
    fn held_back() {
        let metric = AllocMetric { nodes_evaluated: 1, coalesced_failures: 1, ..AllocMetric::default() };
        let lines = failed_groups(&BTreeMap::from([("db".to_owned(), metric)]), false);
        assert_eq!(lines[0], "Task Group \"db\" (failed to place 2 allocations):");
        assert_eq!(lines[1..], ["  * The job wants all of it at once (all_at_once), and there is no room for all of it"]);
    }

    /// Rows: a score; three significant digits of it.
    #[test]
    fn digits() {
        for (value, expected) in
            [(0.0, "0"), (-1.0, "-1"), (0.0191, "0.0191"), (-0.490_53, "-0.491"), (0.25, "0.25"), (12.345, "12.3"), (1234.5, "1234")]
        {
            assert_eq!(three_digits(value), expected);
        }
    }
}
