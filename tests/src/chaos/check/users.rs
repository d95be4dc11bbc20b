//! What users were told.

use super::Report;
use super::case::{Case, Submission};
use crate::chaos::history::Rest;

pub fn check(case: &Case, report: Report) {
    what_was_accepted_is_kept(case, report);
    a_conflict_names_who_won(case, report);
}

/// So many versions of a job are kept; older ones go.
const VERSIONS_KEPT: usize = 6;

/// In every region that took part, as the specification of some version.
fn what_was_accepted_is_kept(case: &Case, report: Report) {
    let Some(rests) = case.rests.values().next() else { return };
    for submission in case.submissions.iter().filter(|submission| submission.status == 200) {
        let Submission { spec, span, .. } = submission;
        // who returns to it, or stops it, gives it another number
        let version_in = |rest: &Rest| {
            let those = rest.versions.iter().filter(|version| version.marker == spec.marker);
            those.map(|version| version.version).min()
        };
        let may_have_lost_it = |rest: &Rest| rest.versions.len() >= VERSIONS_KEPT;
        let listed = || rests.iter().filter(|rest| spec.regions.contains(&rest.region) && !may_have_lost_it(rest));
        let Some(version) = listed().find_map(version_in) else {
            if listed().next().is_some() {
                report("what was accepted is not lost", format!("{} was accepted at {} µs, no region has it", spec.marker, span.answered));
            }
            continue;
        };
        let rollouts = case.rollouts();
        let of_version = || rollouts.iter().filter(|rollout| rollout.kind == "run" && rollout.version == version);
        for rest in listed().filter(|rest| version_in(rest).is_none()) {
            let of_rollouts = || case.sights.iter().filter_map(|sight| sight.rollout.as_ref());
            let is_overridden = of_rollouts()
                .filter(|rollout| rollout.version == version && rollout.kind == "run")
                .any(|rollout| rollout.regions.iter().any(|own| own.region == rest.region && own.is_overridden));
            let joins_late = of_version().any(|rollout| rollout.regions.iter().any(|own| own.region == rest.region && own.is_deferred));
            if !joins_late && !is_overridden {
                let evidence = format!("{} was accepted and is version {version}, {} never got it", spec.marker, rest.region);
                report("what was committed is adopted by all", evidence);
            }
        }
    }
}

/// A rollout that somebody saw, or at least one that its origin was then deciding and had to give up.
fn a_conflict_names_who_won(case: &Case, report: Report) {
    for submission in case.submissions.iter().filter(|submission| submission.status == 409) {
        let Submission { spec, region, span, text, .. } = submission;
        let refused = || format!("{} in {region} at {}..{} µs: {text:?}", spec.marker, span.asked, span.answered);
        let Some(winner) = named(text) else {
            if !text.contains("withdrawn") {
                report("a conflict names who won", refused());
            }
            continue;
        };
        let is_seen = case.rollouts().iter().any(|rollout| rollout.id == winner);
        let origin = winner.split('.').nth(1).unwrap_or_default();
        let is_undecided = |other: &&Submission| {
            let is_itself = other.span == *span && other.region == *region;
            !is_itself && other.region == origin && other.status != 200 && other.span.asked <= span.answered
        };
        if !is_seen && !case.submissions.iter().any(|other| is_undecided(&other)) {
            report("a conflict names a rollout that exists", refused());
        }
    }
}

/// The first id of a rollout in a text: `number.region.uuid`.
fn named(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-').map(|word| word.trim_matches('.')).find(|word| {
        let mut parts = word.splitn(3, '.');
        parts.next().is_some_and(|number| number.parse::<u64>().is_ok())
            && parts.next().is_some()
            && parts.next().is_some_and(|uuid| uuid.len() == 36 && uuid.bytes().filter(|byte| *byte == b'-').count() == 4)
    })
}
