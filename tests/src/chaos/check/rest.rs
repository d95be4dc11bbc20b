//! Where every rollout ends when the faults have stopped.

use super::Report;
use super::case::{Case, Deed, by_age};
use crate::chaos::history::{Record, Rest, Seen, SeenRegion, Spec};

pub fn check(case: &Case, report: Report) {
    for (at, why) in &case.restless {
        report("every rollout comes to rest", format!("not until {at} µs: {}", why.join("; ")));
    }
    for rests in case.rests.values() {
        let why = unrest(case, rests);
        // whoever waited in vain has said so
        if !why.is_empty() && case.restless.is_empty() {
            report("what was at rest stays so", why.join("; "));
        }
    }
}

/// Why a job is not yet where it must end, with what every region has of it; empty when it is.
pub fn unrest(case: &Case, rests: &[Rest]) -> Vec<String> {
    let mut why = Vec::new();
    let heads = rests.iter().filter_map(|rest| rest.rollout.as_ref());
    let Some(head) = heads.max_by(|one, two| by_age(&one.id, &two.id)) else { return why };
    let look = Look { case, rests, head };
    for rest in rests {
        if let Err(reason) = look.region(rest) {
            why.push(format!("{}: {reason}", rest.region));
        }
    }
    why
}

struct Look<'a> {
    case: &'a Case,
    rests: &'a [Rest],
    /// The newest rollout.
    head: &'a Seen,
}

impl Look<'_> {
    fn region(&self, rest: &Rest) -> Result<(), String> {
        let Some(place) = self.head.regions.iter().find(|region| region.region == rest.region) else {
            return runs(rest, &[], "is not in the list");
        };
        if place.is_deferred && place.is_listed && !self.all_others_are_successful(place) {
            // it joins when they are
            return Ok(());
        }
        let shown = rest.rollout.as_ref().map_or("no rollout", |rollout| rollout.id.as_str());
        if shown != self.head.id && self.is_overridden(place) {
            // it was excluded before it adopted
            return Ok(());
        }
        if shown != self.head.id {
            return Err(format!("has {shown}, not {}", self.head.id));
        }
        let phase = self.phase(&rest.region);
        let is = |wanted: &str| if phase == wanted { Ok(()) } else { Err(format!("is {phase:?}, not {wanted}")) };
        if self.head.kind == "stop" {
            is("stopped")?;
            return runs(rest, &[], "is stopped");
        }
        if !place.is_listed {
            is("dropped")?;
            return runs(rest, &[], "was dropped");
        }
        let spec = self.spec()?;
        let has_it = rest.versions.iter().any(|version| version.version == self.head.version && version.marker == spec.marker);
        if !has_it {
            return Err(format!("has no version {} that is {}", self.head.version, spec.marker));
        }
        if self.is_touched() {
            if !["successful", "failed", "cancelled", "held", "blocked"].contains(&phase) {
                return Err(format!("is {phase:?} after a person's deed"));
            }
        } else {
            is(self.end_of(spec, place))?;
        }
        let count = spec.regions.iter().position(|region| *region == rest.region).map_or(0, |position| spec.counts[position]);
        match phase {
            "failed" | "cancelled" => ends_reverted(rest, spec, self.head.version, count),
            _ => runs(rest, &[(self.head.version, count)], "has rolled out"),
        }
    }

    fn phase(&self, region: &str) -> &str {
        self.own(region).map_or("", |own| &own.phase)
    }

    /// As if it had failed by itself: nobody else is held to it.
    fn is_failed_by_person(&self, region: &str) -> bool {
        let is_asked = |deed: &Deed| deed.what == "fail" && deed.region == region && (deed.status == 200 || deed.status == 0);
        self.case.deeds.iter().any(is_asked) && self.own(region).is_some_and(|own| own.phase == "failed" && own.cause_region.is_empty())
    }

    fn is_overridden(&self, place: &SeenRegion) -> bool {
        let shown = self.rests.iter().filter_map(|rest| rest.rollout.as_ref()).filter(|shown| shown.id == self.head.id);
        shown.into_iter().flat_map(|shown| &shown.regions).any(|region| region.region == place.region && region.is_overridden)
    }

    fn own(&self, region: &str) -> Option<&Record> {
        let rest = self.rests.iter().find(|rest| rest.region == region)?;
        let shown = rest.rollout.as_ref().filter(|shown| shown.id == self.head.id)?;
        shown.regions.iter().find(|own| own.region == region)?.record.as_ref()
    }

    fn is_touched(&self) -> bool {
        self.case.touched().contains(self.head.id.as_str()) || {
            let shown = self.rests.iter().filter_map(|rest| rest.rollout.as_ref()).filter(|shown| shown.id == self.head.id);
            let is_forced = |region: &SeenRegion| region.record.as_ref().is_some_and(|record| record.is_forced);
            shown.into_iter().any(|shown| shown.is_aborted || shown.regions.iter().any(|own| own.is_overridden || is_forced(own)))
        }
    }

    /// What the newest rollout brings. A region that it leaves out gives its own versions numbers when it stops.
    fn spec(&self) -> Result<&Spec, String> {
        let takes_part = |rest: &&Rest| self.head.regions.iter().any(|region| region.is_listed && region.region == rest.region);
        let versions = self.rests.iter().filter(takes_part).flat_map(|rest| &rest.versions);
        let known = versions.filter(|version| version.version == self.head.version).find_map(|version| self.case.spec(&version.marker));
        known.ok_or_else(|| format!("nobody knows what version {} is", self.head.version))
    }

    fn takes_part(&self) -> impl Iterator<Item = &SeenRegion> {
        self.head.regions.iter().filter(|region| region.is_listed && !region.is_deferred)
    }

    fn all_others_are_successful(&self, me: &SeenRegion) -> bool {
        let mut others = self.head.regions.iter().filter(|region| region.is_listed && region.region != me.region);
        others.all(|region| self.phase(&region.region) == "successful")
    }

    /// The known outcomes: a failure that can come comes, whatever else goes wrong, because nothing else makes a region fail.
    fn end_of(&self, spec: &Spec, place: &SeenRegion) -> &'static str {
        let fails = |region: &SeenRegion| spec.failing.contains(&region.region) || self.is_failed_by_person(&region.region);
        if place.is_deferred {
            return if fails(place) { "failed" } else { "successful" };
        }
        let Some(first) = self.takes_part().position(fails) else { return "successful" };
        let position = self.takes_part().position(|region| region.region == place.region).unwrap_or(0);
        let has_failed = match self.head.on_failure.as_str() {
            "fail_all" => true,
            "fail_local" => fails(place),
            _ => position >= first,
        };
        if has_failed { "failed" } else { "held" }
    }
}

/// A region that failed goes back to the newest version that was good, if it shall.
fn ends_reverted(rest: &Rest, spec: &Spec, failed: u64, count: u64) -> Result<(), String> {
    let Some(present) = &rest.present else { return Err("the job is gone".to_owned()) };
    let has_good = rest.versions.iter().any(|version| version.is_stable && version.version < failed);
    if spec.reverts && has_good && present.version <= failed {
        return Err(format!("has failed version {failed} and does not return to the one before"));
    }
    if present.version > failed { runs(rest, &[(present.version, count)], "has returned") } else { Ok(()) }
}

/// Exactly so many allocations of these versions run.
fn runs(rest: &Rest, wanted: &[(u64, u64)], why: &str) -> Result<(), String> {
    let running: Vec<u64> = rest.allocs.iter().filter(|alloc| alloc.status == "running").map(|alloc| alloc.version).collect();
    let mut expected: Vec<u64> = Vec::new();
    for (version, count) in wanted {
        expected.extend((0..*count).map(|_| *version));
    }
    let sorted = |mut versions: Vec<u64>| {
        versions.sort_unstable();
        versions
    };
    let (running, expected) = (sorted(running), sorted(expected));
    if running == expected { Ok(()) } else { Err(format!("{why}, and versions {running:?} run, not {expected:?}")) }
}
