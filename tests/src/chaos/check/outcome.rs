//! How failures spread, and what never goes together. Nothing is said of rollouts in which a person had a hand.

use super::Report;
use super::case::{Case, Claim};
use crate::chaos::history::Seen;

pub fn check(case: &Case, report: Report) {
    let touched = case.touched();
    for rollout in case.rollouts().into_iter().filter(|rollout| !touched.contains(rollout.id.as_str())) {
        success_is_unanimous(case, rollout, report);
        failures_spread_as_the_mode_says(case, rollout, report);
    }
}

fn of<'a>(case: &'a Case, rollout: &'a Seen) -> impl Iterator<Item = Claim<'a>> {
    case.claims().filter(|claim| claim.rollout.id == rollout.id && claim.region.is_listed && !claim.region.is_deferred)
}

fn success_is_unanimous(case: &Case, rollout: &Seen, report: Report) {
    let Some(successful) = of(case, rollout).find(|claim| claim.is_in(&["successful"])) else { return };
    if let Some(other) = of(case, rollout).find(|claim| claim.is_in(&["failed", "held"])) {
        report("never successful in one region and failed or held in another", format!("{successful}\nand {other}"));
    }
}

fn failures_spread_as_the_mode_says(case: &Case, rollout: &Seen, report: Report) {
    let position = |name: &str| rollout.regions.iter().position(|region| region.region == name);
    for claim in of(case, rollout).filter(|claim| claim.is_in(&["failed"])) {
        let (region, cause) = (&claim.region.region, &claim.record.cause_region);
        if cause.is_empty() || cause == region {
            continue;
        }
        if rollout.on_failure == "fail_local" {
            return report("under fail_local no failure spreads", claim.to_string());
        }
        if rollout.on_failure.is_empty() && position(cause) > position(region) {
            return report("a failure spreads to later regions only", claim.to_string());
        }
    }
}
