//! One author per record, and what never changes.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Report;
use super::case::{Case, Claim, NOT_ADOPTED, TERMINAL};
use crate::chaos::history::Seen;

pub fn check(case: &Case, report: Report) {
    same_freshness_same_content(case, report);
    freshness_only_grows(case, report);
    terminal_phases_never_change(case, report);
    headers_never_change(case, report);
    one_specification_per_version(case, report);
    one_of_those_on_a_base(case, report);
}

fn same_freshness_same_content(case: &Case, report: Report) {
    let mut known: HashMap<(&str, &str, (u64, u64)), Claim> = HashMap::new();
    for claim in case.claims() {
        let first = *known.entry((&claim.rollout.id, &claim.region.region, claim.record.freshness)).or_insert(claim);
        if first.record != claim.record {
            report("the same freshness says the same", format!("{first}\nbut {claim}"));
        }
    }
}

/// Of a region about itself by consistent reads, whoever is asked; and of anybody's copy in a server, while it lives.
fn freshness_only_grows(case: &Case, report: Report) {
    let mut by_source: BTreeMap<(String, &str, &str), Vec<Claim>> = BTreeMap::new();
    for claim in case.claims() {
        let source = match (claim.sight.is_consistent, claim.is_own()) {
            (true, true) => "consistent".to_owned(),
            // the answer came from whoever led
            (true, false) => continue,
            (false, _) => format!("{} in life {}", claim.sight.server, claim.sight.life),
        };
        by_source.entry((source, &claim.rollout.id, &claim.region.region)).or_default().push(claim);
    }
    for claims in by_source.values_mut() {
        claims.sort_by_key(|claim| claim.sight.span.answered);
        let mut by_question = claims.clone();
        by_question.sort_by_key(|claim| claim.sight.span.asked);
        let mut before = claims.iter().peekable();
        let mut freshest: Option<&Claim> = None;
        for claim in &by_question {
            while let Some(earlier) = before.next_if(|earlier| earlier.sight.span.answered <= claim.sight.span.asked) {
                if freshest.is_none_or(|freshest| freshest.record.freshness < earlier.record.freshness) {
                    freshest = Some(earlier);
                }
            }
            if let Some(freshest) = freshest.filter(|freshest| freshest.record.freshness > claim.record.freshness) {
                report("freshness only grows", format!("{freshest}\nthen {claim}"));
                break;
            }
        }
    }
}

fn terminal_phases_never_change(case: &Case, report: Report) {
    let mut ended: HashMap<(&str, &str), Claim> = HashMap::new();
    for claim in case.claims().filter(|claim| claim.is_in(TERMINAL)) {
        let first = ended.entry((&claim.rollout.id, &claim.region.region)).or_insert(claim);
        if claim.record.freshness < first.record.freshness {
            *first = claim;
        }
    }
    let mut told = HashSet::new();
    for claim in case.claims() {
        let place = (claim.rollout.id.as_str(), claim.region.region.as_str());
        let Some(end) = ended.get(&place) else { continue };
        if claim.record.freshness > end.record.freshness && claim.record.phase != end.record.phase && told.insert(place) {
            report("terminal phases never change", format!("{end}\nthen {claim}"));
        }
    }
}

fn headers_never_change(case: &Case, report: Report) {
    let mut known: HashMap<&str, (&Seen, String)> = HashMap::new();
    let mut told = HashSet::new();
    for sight in &case.sights {
        let Some(rollout) = &sight.rollout else { continue };
        let header = header(rollout);
        let (_, first) = known.entry(&rollout.id).or_insert_with(|| (rollout, header.clone()));
        if *first != header && told.insert(&rollout.id) {
            report("a rollout is the same everywhere", format!("{}: {first}\nbut {} has {header}", rollout.id, sight.server));
        }
    }
}

fn header(rollout: &Seen) -> String {
    let Seen { base, kind, version, spec_hash, max_parallel, on_failure, .. } = rollout;
    let regions: Vec<_> = rollout.regions.iter().map(|region| (&region.region, region.is_listed, region.is_deferred)).collect();
    format!("{:?}", (base, kind, version, spec_hash, max_parallel, on_failure, regions))
}

fn one_specification_per_version(case: &Case, report: Report) {
    let mut known: HashMap<(&str, u64), (u64, &str)> = HashMap::new();
    for rest in case.rests.values().flatten() {
        for version in rest.versions.iter().chain(&rest.present) {
            let here = (version.hash, version.marker.as_str());
            let first = *known.entry((&rest.region, version.version)).or_insert(here);
            if first != here {
                let (region, version) = (&rest.region, version.version);
                report("a version has one specification", format!("version {version} in {region} is {first:?} and {here:?}"));
            }
        }
    }
    let mut rolled: HashMap<(&str, u64), Claim> = HashMap::new();
    for claim in case.claims().filter(|claim| claim.rollout.kind == "run" && !claim.is_in(NOT_ADOPTED)) {
        let first = *rolled.entry((&claim.region.region, claim.rollout.version)).or_insert(claim);
        if first.rollout.spec_hash != claim.rollout.spec_hash {
            report("a version has one specification", format!("version {}: {first}\nand {claim}", claim.rollout.version));
        }
    }
}

fn one_of_those_on_a_base(case: &Case, report: Report) {
    let mut adopted: HashMap<Option<&str>, Claim> = HashMap::new();
    let mut told = HashSet::new();
    for claim in case.claims().filter(|claim| !claim.is_in(NOT_ADOPTED)) {
        let base = claim.rollout.base.as_deref();
        let first = *adopted.entry(base).or_insert(claim);
        let are_proposals = !is_free(first.rollout, claim.rollout) && !is_free(claim.rollout, first.rollout);
        if first.rollout.id != claim.rollout.id && are_proposals && told.insert(base) {
            report("two proposals on one base never both commit", format!("base {base:?}: {first}\nand {claim}"));
        }
    }
}

/// A stop asks nobody: two who stop the same want the same, and whoever takes no part in the other rollout may stop what it has.
fn is_free(stop: &Seen, other: &Seen) -> bool {
    let origin = stop.id.split('.').nth(1).unwrap_or_default();
    let takes_part = other.regions.iter().any(|region| region.region == origin && !region.is_deferred);
    stop.kind == "stop" && (other.kind == "stop" || !takes_part)
}
