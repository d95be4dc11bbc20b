//! What must be true at every step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Job, OnFailure, Overrides, Phase, RegionName, RegionRecord, Rollout, RolloutHeader, RolloutId, RolloutKind};
use state::Store;

use super::group::Group;

/// All that was ever seen; regions forget, this does not.
#[derive(Default)]
pub struct History {
    /// By rollout, what it is and where it stands, with `forced`.
    pub rollouts: BTreeMap<RolloutId, Seen>,
    /// What could be published so far, by region and rollout: the phase at each freshness.
    published: BTreeMap<(RegionName, RolloutId), BTreeMap<(u64, u64), Phase>>,
    /// What a version number stands for, by region.
    specifications: BTreeMap<(RegionName, u64), Arc<Job>>,
    /// Indexes up to which regions were looked at.
    looked: BTreeMap<RegionName, u64>,
    /// Adoptions whose specification was checked.
    right: BTreeSet<(RegionName, RolloutId)>,
    /// Rollouts whose job a person changed in one region alone.
    meddled: BTreeSet<RolloutId>,
    /// What people asserted, wherever.
    asserted: BTreeMap<RolloutId, Overrides>,
}

pub struct Seen {
    pub header: Arc<RolloutHeader>,
    pub regions: BTreeMap<RegionName, At>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct At {
    pub phase: Phase,
    pub forced: bool,
    pub cause_region: RegionName,
    has_run: bool,
}

impl Seen {
    pub fn phase(&self, region: &RegionName) -> Option<Phase> {
        self.regions.get(region).map(|at| at.phase)
    }

    pub fn is_committed(&self) -> bool {
        self.phase(&self.header.id.origin).is_some_and(|phase| phase.is_adopted())
    }
}

impl History {
    pub fn people_were_here(&mut self, store: &Store) {
        self.meddled.extend(store.rollouts().filter(|rollout| !rollout.phase.is_terminal()).map(|rollout| rollout.header.id.clone()));
    }

    pub fn people_asserted(&mut self, id: &RolloutId, overrides: &Overrides) {
        self.asserted.entry(id.clone()).or_default().merge(overrides);
    }

    pub fn asserted(&self, id: &RolloutId) -> Overrides {
        self.asserted.get(id).cloned().unwrap_or_default()
    }

    pub fn is_meddled(&self, id: &RolloutId) -> bool {
        self.meddled.contains(id)
    }

    /// Looks at the regions that have changed, and at all rollouts when one has.
    pub fn look(&mut self, regions: &[Group]) {
        let is_news = |region: &&Group| self.looked.get(&region.name) != Some(&region.truth.index());
        let changed: Vec<&Group> = regions.iter().filter(is_news).collect();
        for region in &changed {
            self.looked.insert(region.name.clone(), region.truth.index());
            self.take(region);
            self.check_records(region);
            self.check_specifications(region);
            check_one_rollout_at_a_time(region);
            check_nothing_starts_early(region);
        }
        if changed.is_empty() {
            return;
        }
        for (id, seen) in &self.rollouts {
            let asserted = self.asserted(id);
            check_slots(id, seen, &asserted);
            check_barrier(id, seen, &asserted);
            check_success_is_shared(id, seen, &asserted);
            check_how_failures_spread(id, seen);
        }
        self.check_one_running_rollout();
        self.check_one_winner_per_base();
    }

    fn take(&mut self, region: &Group) {
        for rollout in region.truth.rollouts() {
            self.take_rollout(region, rollout);
        }
        for job in region.truth.jobs().flat_map(|job| region.truth.job_versions(&job.key())) {
            let known = self.specifications.entry((region.name.clone(), job.version)).or_insert_with(|| Arc::clone(&job));
            if !Arc::ptr_eq(known, &job) {
                assert!(known.same_specification(&job), "{}: version {} stands for two specifications", region.name, job.version);
                *known = job;
            }
        }
    }

    fn take_rollout(&mut self, region: &Group, rollout: &Rollout) {
        let id = &rollout.header.id;
        let seen =
            self.rollouts.entry(id.clone()).or_insert_with(|| Seen { header: Arc::clone(&rollout.header), regions: BTreeMap::new() });
        assert_eq!(seen.header, rollout.header, "a header never changes");
        let before = seen.regions.get(&region.name);
        let now = At {
            phase: rollout.phase,
            forced: rollout.forced,
            cause_region: rollout.cause_region.clone(),
            has_run: rollout.phase == Phase::Running || before.is_some_and(|before| before.has_run),
        };
        if let Some(before) = before.filter(|before| before.phase.is_terminal()) {
            assert_eq!(before, &now, "{}: a phase at its end changed", region.name);
        }
        if before.is_some_and(|before| before.phase == Phase::Adopted) && rollout.phase == Phase::Running {
            let staged = region.truth.rollout_staged(&rollout.header.job_key());
            assert!(staged.is_none(), "{}: {id} starts although a newer one is staged", region.name);
        }
        seen.regions.insert(region.name.clone(), now);
    }

    /// Freshness only grows, and says all that matters.
    fn check_records(&mut self, region: &Group) {
        for record in multiregion::own_records(&region.truth) {
            assert_eq!(record.region.name, region.name, "one author per record");
            let key = (region.name.clone(), record.rollout.clone());
            let said = self.published.entry(key).or_default();
            if let Some((freshness, phase)) = said.last_key_value() {
                assert!(record.freshness() >= *freshness, "{}: a record became older", region.name);
                assert!(record.freshness() > *freshness || record.phase == *phase, "{}: two records of one freshness", region.name);
            }
            said.insert(record.freshness(), record.phase);
        }
    }

    /// What is heard of a region is what it had committed before it said so.
    pub fn check_heard(&self, record: &RegionRecord) {
        let said = self.published.get(&(record.region.name.clone(), record.rollout.clone()));
        let phase = said.and_then(|said| said.get(&record.freshness()));
        assert_eq!(phase, Some(&record.phase), "{} said of {} what it had not committed", record.region.name, record.rollout);
    }

    /// What is adopted is the rollout's very specification, in the rollout's version.
    fn check_specifications(&mut self, region: &Group) {
        for rollout in region.truth.rollouts().filter(|rollout| rollout.phase.is_adopted() && rollout.header.kind == RolloutKind::Run) {
            let place = (region.name.clone(), rollout.header.id.clone());
            if !self.right.insert(place) {
                continue;
            }
            let Some(source) = &rollout.source else { panic!("{}: {} has no specification", region.name, rollout.header.id) };
            assert_eq!(multiregion::spec_hash(source), rollout.header.spec_hash);
            let wanted = multiregion::effective_job(source, &region.name);
            let kept = region.truth.job_version(&rollout.header.job_key(), rollout.header.job_version);
            match (wanted, kept) {
                (Some(wanted), Some(kept)) => assert!(wanted.same_specification(kept), "{}: version {}", region.name, kept.version),
                (Some(_), None) => panic!("{}: {} was adopted without its version", region.name, rollout.header.id),
                (None, _) => assert!(rollout.header.dropped.contains(&region.name)),
            }
        }
    }

    /// An older one may run only where one of those after it could not reach, as its job allowed. Once a person has excluded regions, the two sides
    /// may go their own ways.
    fn check_one_running_rollout(&self) {
        let running = self.rollouts.iter().map(|(id, seen)| {
            let regions = seen.regions.iter().filter(|(_, at)| at.phase == Phase::Running);
            (id, regions.map(|(name, _)| name).collect::<Vec<_>>())
        });
        let running: Vec<_> = running.filter(|(_, regions)| !regions.is_empty()).collect();
        for (at, (old, regions)) in running.iter().enumerate() {
            for (new, _) in &running[at + 1..] {
                let after = || self.rollouts.iter().filter(|(id, seen)| *id > *old && *id <= *new && seen.is_committed());
                let are_split = self.asserted.iter().any(|(id, asserted)| id <= *new && !asserted.excluded.is_empty());
                for region in regions.iter().copied().filter(|_| !are_split) {
                    let is_away = after().any(|(_, seen)| seen.header.deferred.contains(region));
                    assert!(is_away, "{old} runs in {region} while {new} runs");
                }
            }
        }
    }

    fn check_one_winner_per_base(&self) {
        let mut winners: BTreeMap<Option<&RolloutId>, &RolloutId> = BTreeMap::new();
        // Who is excluded, or told that the origin is, gives up a vote that the origin may count, and is not asked about what comes next.
        let has_excluded = |id: &RolloutId| !self.asserted(id).excluded.is_empty();
        let is_overridden = |(id, seen): &(&RolloutId, &Seen)| has_excluded(id) || seen.header.base.as_ref().is_some_and(has_excluded);
        let committed = self.rollouts.iter().filter(|(_, seen)| seen.is_committed() && seen.header.kind == RolloutKind::Run);
        for (id, seen) in committed.filter(|seen| !is_overridden(seen)) {
            let other = winners.insert(seen.header.base.as_ref(), id);
            assert!(other.is_none(), "{id} and {other:?} both replaced {:?}", seen.header.base);
        }
    }

    /// "Nothing to do" is said only when that is true.
    pub fn check_unchanged(&self, id: &RolloutId, regions: &[Group]) {
        assert!(self.rollouts.get(id).is_some_and(Seen::is_committed), "{id} stands for a submission and is not committed");
        assert!(regions.iter().any(|region| region.truth.rollout(id).is_some()));
    }
}

/// At most k run at any moment.
fn check_slots(id: &RolloutId, seen: &Seen, asserted: &Overrides) {
    let k = seen.header.strategy.max_parallel as usize;
    let is_waited_for =
        |name: &RegionName| !seen.header.deferred.contains(name) && !asserted.released.contains(name) && !asserted.excluded.contains(name);
    let running = seen.regions.iter().filter(|(name, at)| at.phase == Phase::Running && is_waited_for(name));
    let running: Vec<_> = running.map(|(name, _)| name).collect();
    assert!(k == 0 || running.len() <= k, "{id}: {running:?} run, {k} may");
}

/// A region runs, or drops out, only after all have adopted.
fn check_barrier(id: &RolloutId, seen: &Seen, asserted: &Overrides) {
    if seen.header.kind == RolloutKind::Run && seen.regions.values().any(|at| at.has_run || at.phase == Phase::Dropped) {
        for name in seen.header.participants().filter(|name| !asserted.excluded.contains(*name)) {
            assert!(seen.phase(name).is_some_and(|phase| phase.is_adopted()), "{id} ran before {name} had adopted it");
        }
    }
}

/// Unforced, never successful in one region and failed or held in another.
fn check_success_is_shared(id: &RolloutId, seen: &Seen, asserted: &Overrides) {
    if !asserted.is_empty() || seen.regions.values().any(|at| at.forced) {
        return;
    }
    // What a region does that joined late stays its own affair.
    let in_time = || seen.regions.iter().filter(|(name, _)| !seen.header.deferred.contains(name));
    let any = |wanted: &[Phase]| in_time().any(|(_, at)| wanted.contains(&at.phase));
    assert!(!(any(&[Phase::Successful]) && any(&[Phase::Failed, Phase::Held])), "{id}: {:?}", seen.regions);
}

/// Under `fail_local` no failure spreads, under `""` from earlier regions to later ones only.
fn check_how_failures_spread(id: &RolloutId, seen: &Seen) {
    let position = |name: &RegionName| seen.header.regions.iter().position(|listed| listed == name);
    for (name, at) in seen.regions.iter().filter(|(_, at)| at.phase == Phase::Failed && !at.cause_region.is_empty()) {
        let may = match seen.header.strategy.on_failure {
            OnFailure::FailLocal => false,
            OnFailure::FailRemaining => position(&at.cause_region) < position(name),
            OnFailure::FailAll => true,
        };
        assert!(may, "{id}: {name} failed because of {}: {:?}", at.cause_region, seen.regions);
    }
}

fn check_one_rollout_at_a_time(region: &Group) {
    let open = region.truth.rollouts().filter(|rollout| rollout.phase.is_adopted() && !rollout.phase.is_terminal());
    let open: Vec<_> = open.map(|rollout| &rollout.header.id).collect();
    assert!(open.len() <= 1, "{}: two rollouts of one job are under way: {open:?}", region.name);
    let staged = region.truth.rollouts().filter(|rollout| rollout.phase == Phase::Voted).count();
    assert!(staged <= 1, "{}: two votes at once", region.name);
}

/// Nothing of a rollout is placed before its turn.
fn check_nothing_starts_early(region: &Group) {
    for rollout in region.truth.rollouts().filter(|rollout| matches!(rollout.phase, Phase::Adopted | Phase::Paused)) {
        if rollout.phase == Phase::Paused && rollout.resume_to != Some(Phase::Adopted) {
            continue;
        }
        let early = region.truth.deployment_allocs(rollout.deployment_id).count();
        assert_eq!(early, 0, "{}: allocations of {} before its turn", region.name, rollout.header.id);
    }
}
