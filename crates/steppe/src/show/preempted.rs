//! Allocations that make room for others.

use std::collections::BTreeMap;

use model::PreemptedAlloc;

use super::{id, row, table};

/// More than so many are counted by job.
const LISTED_MAX: usize = 10;

/// A row per allocation, or when they are many, per job; `None` when nobody has to go.
pub fn preempted(allocs: &[PreemptedAlloc], verbose: bool) -> Option<String> {
    if allocs.is_empty() {
        return None;
    }
    if allocs.len() > LISTED_MAX {
        return Some(by_job(allocs));
    }
    let mut rows = vec![row(&["Alloc ID", "Job ID", "Task Group"])];
    rows.extend(allocs.iter().map(|alloc| vec![id(alloc.id, verbose), alloc.job_id.to_string(), alloc.task_group.to_string()]));
    Some(table(&rows))
}

fn by_job(allocs: &[PreemptedAlloc]) -> String {
    let mut jobs: BTreeMap<_, (String, usize)> = BTreeMap::new();
    for alloc in allocs {
        let key = (alloc.namespace.to_string(), alloc.job_id.to_string());
        jobs.entry(key).or_insert_with(|| (alloc.job_type.to_string(), 0)).1 += 1;
    }
    let mut rows = vec![row(&["Job ID", "Namespace", "Job Type", "Preemptions"])];
    rows.extend(jobs.into_iter().map(|((namespace, job), (kind, n))| vec![job, namespace, kind, n.to_string()]));
    table(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allocs(n: usize) -> Vec<PreemptedAlloc> {
        let alloc = |i: usize| PreemptedAlloc {
            job_id: if i.is_multiple_of(3) { "etl" } else { "log" }.into(),
            namespace: "default".into(),
            task_group: "app".into(),
            ..PreemptedAlloc::default()
        };
        (0..n).map(alloc).collect()
    }

    /// Few are listed, many are counted.
    #[test]
    fn few_and_many() {
        assert_eq!(preempted(&[], false), None);
        let few = preempted(&allocs(2), false).unwrap_or_default();
        assert_eq!(few.lines().count(), 3);
        assert!(few.starts_with("Alloc ID"), "{few}");
        let many = preempted(&allocs(12), false).unwrap_or_default();
        let words: Vec<Vec<&str>> = many.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words, [["etl", "default", "service", "4"], ["log", "default", "service", "8"]]);
    }
}
