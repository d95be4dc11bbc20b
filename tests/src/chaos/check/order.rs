//! Who may run when.

use std::collections::{BTreeMap, HashMap};

use super::Report;
use super::case::{Case, Claim, NOT_ADOPTED, STARTED, by_age};
use crate::chaos::history::Seen;

pub fn check(case: &Case, report: Report) {
    let certain = Certain::new(case);
    at_most_k_run(case, &certain, report);
    nobody_runs_before_all_have_adopted(case, report);
    one_rollout_of_a_job_runs(case, &certain, report);
}

/// When a region was certainly running in a rollout: from the first answer that said so, whoever gave it, to the last consistent question that
/// the region itself answered so. A pause in between keeps its slot.
struct Certain<'a>(BTreeMap<&'a str, BTreeMap<&'a str, (u64, u64)>>);

impl<'a> Certain<'a> {
    fn new(case: &'a Case) -> Certain<'a> {
        let mut begun: HashMap<(&str, &str), u64> = HashMap::new();
        let mut last: HashMap<(&str, &str), u64> = HashMap::new();
        for claim in case.claims().filter(|claim| claim.record.phase == "running") {
            let place = (claim.rollout.id.as_str(), claim.region.region.as_str());
            let begun = begun.entry(place).or_insert(u64::MAX);
            *begun = (*begun).min(claim.sight.span.answered);
            if claim.is_own() && claim.sight.is_consistent {
                let last = last.entry(place).or_default();
                *last = (*last).max(claim.sight.span.asked);
            }
        }
        let mut spans: BTreeMap<&str, BTreeMap<&str, (u64, u64)>> = BTreeMap::new();
        for ((rollout, region), begun) in begun {
            let Some(last) = last.get(&(rollout, region)).filter(|last| **last >= begun) else { continue };
            spans.entry(rollout).or_default().insert(region, (begun, *last));
        }
        Certain(spans)
    }

    fn of(&self, rollout: &str) -> impl Iterator<Item = (&'a str, (u64, u64))> {
        self.0.get(rollout).into_iter().flatten().map(|(region, span)| (*region, *span))
    }
}

fn counts(rollout: &Seen, region: &str) -> bool {
    rollout.regions.iter().any(|listed| listed.region == region && listed.is_listed && !listed.is_deferred)
}

fn at_most_k_run(case: &Case, certain: &Certain, report: Report) {
    let touched = case.touched();
    for rollout in case.rollouts() {
        let Ok(max_parallel) = usize::try_from(rollout.max_parallel) else { continue };
        if max_parallel == 0 || touched.contains(rollout.id.as_str()) {
            continue;
        }
        let spans: Vec<_> = certain.of(&rollout.id).filter(|(region, _)| counts(rollout, region)).collect();
        for (_, (moment, _)) in &spans {
            let at_once: Vec<_> = spans.iter().filter(|(_, (from, to))| from <= moment && moment <= to).collect();
            if at_once.len() > max_parallel {
                report("at most max_parallel regions run", format!("{}: at {moment} µs {at_once:?}", rollout.id));
                break;
            }
        }
    }
}

/// Whoever has not adopted after somebody was seen to have started.
fn nobody_runs_before_all_have_adopted(case: &Case, report: Report) {
    let touched = case.touched();
    for rollout in case.rollouts() {
        if rollout.kind != "run" || touched.contains(rollout.id.as_str()) {
            continue;
        }
        let of_rollout = |claim: &Claim| claim.rollout.id == rollout.id && counts(rollout, &claim.region.region);
        let started = case.claims().filter(of_rollout).filter(|claim| claim.is_in(STARTED)).min_by_key(|claim| claim.sight.span.answered);
        let Some(started) = started else { continue };
        let participants = rollout.regions.iter().filter(|region| !region.is_deferred);
        for participant in participants.filter(|region| region.region != started.region.region) {
            let own_later = case.sights.iter().filter(|sight| {
                sight.region == participant.region && sight.is_consistent && sight.span.asked >= started.sight.span.answered
            });
            let lacks = |shown: &Seen| match by_age(&shown.id, &rollout.id) {
                std::cmp::Ordering::Less => own_phase(shown, &participant.region).is_none_or(|phase| !NOT_ADOPTED.contains(&phase)),
                std::cmp::Ordering::Equal => own_phase(shown, &participant.region).is_some_and(|phase| NOT_ADOPTED.contains(&phase)),
                std::cmp::Ordering::Greater => false,
            };
            for sight in own_later {
                if sight.rollout.as_ref().is_none_or(lacks) {
                    let shown = sight.rollout.as_ref().map(|shown| (&shown.id, own_phase(shown, &participant.region)));
                    let said = format!("{} asked at {} µs has {shown:?}", sight.server, sight.span.asked);
                    report("nobody runs before all have adopted", format!("{started}\nbut {said}"));
                    break;
                }
            }
        }
    }
}

fn own_phase<'a>(rollout: &'a Seen, region: &str) -> Option<&'a str> {
    let own = rollout.regions.iter().find(|listed| listed.region == region)?;
    own.record.as_ref().map(|record| record.phase.as_str())
}

/// A region that was away and is to join a newer rollout late may still be in the older one.
fn one_rollout_of_a_job_runs(case: &Case, certain: &Certain, report: Report) {
    let (touched, rollouts) = (case.touched(), case.rollouts());
    let joins_late = |rollout: &Seen, region: &str| rollout.regions.iter().any(|listed| listed.region == region && listed.is_deferred);
    for (position, newer) in rollouts.iter().enumerate() {
        for older in &rollouts[..position] {
            if touched.contains(older.id.as_str()) || touched.contains(newer.id.as_str()) {
                continue;
            }
            for (one, (from, to)) in certain.of(&older.id).filter(|(region, _)| !joins_late(newer, region)) {
                for (two, (since, until)) in certain.of(&newer.id).filter(|(region, _)| !joins_late(newer, region)) {
                    if from.max(since) <= to.min(until) {
                        let evidence =
                            format!("{one} runs {} in {from}..{to} µs, {two} runs {} in {since}..{until} µs", older.id, newer.id);
                        report("one rollout of a job runs at a time", evidence);
                    }
                }
            }
        }
    }
}
