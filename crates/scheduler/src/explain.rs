//! Why work does not fit, in words for people.

use model::AllocMetric;

/// `group app: 2 not placed; 4 nodes looked at: 3 refused by "${attr.kernel.name} = plan9", 1 without room (memory)`.
pub fn unplaced(group: &str, metric: &AllocMetric) -> String {
    let n = metric.coalesced_failures + 1;
    format!("group {group}: {n} not placed; {}", reasons(metric))
}

/// What kept the nodes from taking the work.
pub fn reasons(metric: &AllocMetric) -> String {
    if metric.nodes_evaluated == 0 {
        return match metric.nodes_in_pool {
            0 => format!("no node of node pool {:?} is ready and eligible", metric.node_pool),
            n => format!("none of the {n} ready nodes of node pool {:?} is in the job's datacenters", metric.node_pool),
        };
    }
    let refused = metric.constraint_filtered.iter().map(|(constraint, n)| format!("{n} refused by {constraint:?}"));
    let exhausted = metric.dimension_exhausted.iter().map(|(dimension, n)| format!("{n} without room ({dimension})"));
    let reasons: Vec<String> = refused.chain(exhausted).collect();
    let nodes = if metric.nodes_evaluated == 1 { "node" } else { "nodes" };
    if reasons.is_empty() {
        // Possible only for a job that wants all at once: this group would have fitted.
        return format!("{} {nodes} looked at, but the job wants all of it at once", metric.nodes_evaluated);
    }
    format!("{} {nodes} looked at: {}", metric.nodes_evaluated, reasons.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn map(pairs: &[(&str, i64)]) -> BTreeMap<String, i64> {
        pairs.iter().map(|(key, n)| ((*key).to_owned(), *n)).collect()
    }

    /// Each situation has its own words.
    #[test]
    fn words() {
        let pool = |n| AllocMetric { node_pool: "gpu".to_owned(), nodes_in_pool: n, ..AllocMetric::default() };
        let rows = [
            (pool(0), "group app: 1 not placed; no node of node pool \"gpu\" is ready and eligible"),
            (pool(2), "group app: 1 not placed; none of the 2 ready nodes of node pool \"gpu\" is in the job's datacenters"),
            (
                AllocMetric {
                    nodes_evaluated: 4,
                    coalesced_failures: 1,
                    constraint_filtered: map(&[("${attr.kernel.name} = plan9", 3)]),
                    dimension_exhausted: map(&[("memory", 1)]),
                    ..pool(4)
                },
                "group app: 2 not placed; 4 nodes looked at: 3 refused by \"${attr.kernel.name} = plan9\", 1 without room (memory)",
            ),
        ];
        for (metric, expected) in rows {
            assert_eq!(unplaced("app", &metric), expected);
        }
    }
}
