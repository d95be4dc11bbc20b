//! The regions of a job. Whether they are members of the pool is asked by those who know it.

use model::{JobType, Multiregion, OnFailure};

use super::Report;

pub(super) fn check(multiregion: &Multiregion, kind: JobType, report: &mut Report<'_>) {
    if multiregion.regions.is_empty() {
        report.error("Regions", "at least one region is needed");
    }
    report.unique("region", "Regions", "Name", multiregion.regions.iter().map(|region| region.name.as_str()));
    for (index, region) in multiregion.regions.iter().enumerate() {
        let mut report = report.part(&format!("Regions[{index}]"), &format!("region {:?}", region.name));
        if region.name.is_empty() {
            report.error("Name", "a region needs a name");
        }
        if region.count < 0 {
            report.error("Count", format!("count must not be negative: {}", region.count));
        }
        if region.datacenters.iter().any(|datacenter| datacenter.is_empty()) {
            report.error("Datacenters", "the name of a datacenter must not be empty");
        }
        if !region.node_pool.is_empty() && !super::is_word_of(&region.node_pool, "-_") {
            report.error("NodePool", format!("invalid node pool {:?}: it has 1 to 128 letters, digits, - and _", region.node_pool));
        }
        super::meta(&region.meta, &mut report);
    }
    let Some(strategy) = &multiregion.strategy else { return };
    if strategy.max_parallel < 0 {
        report.error("Strategy.MaxParallel", format!("max_parallel must not be negative: {}", strategy.max_parallel));
    }
    if kind == JobType::Batch && (strategy.max_parallel != 0 || strategy.on_failure != OnFailure::default()) {
        report.error("Strategy", "batch jobs take no strategy: they have no deployments");
    }
}
