//! The faults stop, and what is under way comes to its end.

use model::{OnFailure, Overrides, Phase, RegionName, RolloutKind};

use crate::invariants::Seen;
use crate::world::World;

/// Far more than any rollout needs; reconcilers that never agree with themselves use them up.
const ROUNDS_MAX: usize = 400;

impl World {
    pub fn come_to_rest(&mut self) {
        self.tell(|| "---- the faults stop".to_owned());
        self.network.heal();
        (self.network.lost, self.network.doubled, self.flakes) = (0, 0, 0);
        let mut quiet = 0;
        for _ in 0..ROUNDS_MAX {
            quiet = if self.round() { 0 } else { quiet + 1 };
            if quiet > 3 {
                self.check_rest();
                return;
            }
        }
        panic!("no rest after {ROUNDS_MAX} rounds: a reconciler is busy for ever");
    }

    /// Everybody does everything there is to do; says whether there was anything.
    fn round(&mut self) -> bool {
        let mut any = false;
        self.now += 10_000_000_000;
        for at in 0..self.regions.len() {
            self.people_resume(at);
            while self.regions[at].schedule(self.now, &mut self.dice) {
                any = true;
            }
            any |= self.report_all_health(at);
            any |= self.reconcile(at, false);
            any |= self.regions[at].submission.is_some();
            self.publish(at, true);
        }
        self.drive_submissions();
        while self.network.n_under_way() > 0 {
            self.deliver();
        }
        self.history.look(&self.regions);
        any
    }

    fn check_rest(&mut self) {
        for region in &self.regions {
            assert_eq!(region.store.rollout_staged(&self.key), None, "{}: a proposal was never decided", region.name);
            assert_eq!(region.store.open_evals().count(), 0, "{}: evaluations are left over", region.name);
            let active = region.store.active_deployments().filter(|deployment| !deployment.is_multiregion);
            assert_eq!(active.count(), 0, "{}: a deployment never ended", region.name);
        }
        let ids: Vec<_> = self.history.rollouts.keys().cloned().collect();
        for id in ids {
            let seen = &self.history.rollouts[&id];
            if !seen.is_committed() {
                for at in seen.regions.values() {
                    assert!(matches!(at.phase, Phase::Withdrawn | Phase::Rejected), "{id} was not committed: {:?}", seen.regions);
                }
                continue;
            }
            if seen.header.kind == RolloutKind::Stop {
                self.check_stop(seen);
                continue;
            }
            let asserted = self.history.asserted(&id);
            for name in seen.header.participants().filter(|name| !asserted.excluded.contains(*name)) {
                assert!(seen.phase(name).is_some_and(|phase| phase.is_adopted()), "{id} was never adopted in {name}");
            }
            for name in seen.header.dropped.iter().filter(|name| !asserted.excluded.contains(*name)) {
                let is_over = matches!(seen.phase(name), Some(Phase::Dropped | Phase::Cancelled));
                // A region that was away does not join what has been aborted meanwhile, and keeps what it has.
                let is_over = is_over || asserted.aborted && seen.header.deferred.contains(name);
                assert!(is_over || self.is_still_away(seen, name), "{id}: {name} {:?}", seen.regions);
            }
            self.check_late(seen, &asserted);
            self.told.deferred += seen.header.deferred.len() as u64;
            self.told.joined_late += seen.header.deferred.iter().filter(|name| seen.phase(name).is_some()).count() as u64;
            let forced = !asserted.is_empty() || seen.regions.values().any(|at| at.forced);
            let cancelled = seen.header.regions.iter().any(|name| seen.phase(name) == Some(Phase::Cancelled));
            if cancelled {
                self.told.superseded += 1;
            }
            if forced || cancelled || self.history.is_meddled(&id) {
                self.check_loosely(seen);
                continue;
            }
            let in_time = seen.header.regions.iter().filter(|name| !seen.header.deferred.contains(name));
            let phases: Vec<Phase> = in_time.filter_map(|name| seen.phase(name)).collect();
            check_outcome(seen.header.strategy.on_failure, &phases, &format!("{id}"));
            self.told.all_successful += u64::from(phases.iter().all(|phase| *phase == Phase::Successful));
            self.told.failed += u64::from(phases.contains(&Phase::Failed));
            self.told.held += u64::from(phases.contains(&Phase::Held));
        }
    }

    /// A deferred region has not joined, because it need not any more: it has a later rollout, or another one is the last.
    fn is_still_away(&self, seen: &Seen, name: &RegionName) -> bool {
        let is_behind = |region: &crate::region::Region| {
            let head = region.store.rollout_head(&self.key);
            head.is_none_or(|head| head.header.id < seen.header.id)
        };
        let at = self.position(name).unwrap_or_default();
        seen.header.deferred.contains(name) && seen.phase(name).is_none() && !is_behind(&self.regions[at])
    }

    /// Who was away has joined the last rollout when all others were successful.
    fn check_late(&self, seen: &Seen, asserted: &Overrides) {
        let is_last = self.history.rollouts.values().all(|other| !other.is_committed() || other.header.id <= seen.header.id);
        let listed = |name: &&RegionName| seen.header.regions.contains(name);
        let in_time = || seen.header.participants().filter(|name| seen.header.regions.contains(name));
        let all_successful = in_time().all(|name| seen.phase(name) == Some(Phase::Successful));
        if !is_last || !all_successful || !asserted.is_empty() {
            return;
        }
        for name in seen.header.deferred.iter().filter(listed) {
            let at = self.position(name).unwrap_or_default();
            let used = self.regions[at].store.newest_version(&self.key);
            let is_over = seen.phase(name).is_some_and(|phase| phase.is_terminal() || phase == Phase::Blocked);
            // It gave the number of the version to something of its own.
            let cannot = seen.phase(name).is_none() && used.is_some_and(|used| used >= seen.header.job_version);
            assert!(is_over || cannot, "{}: {name} has not joined: {:?}", seen.header.id, seen.regions);
        }
    }

    /// A stop has reached every region whose job was still what it stopped.
    fn check_stop(&self, seen: &Seen) {
        for name in seen.header.participants() {
            let Some(at) = self.position(name) else { continue };
            let store = &self.regions[at].store;
            // One that was away from the beginning never had it.
            let never_came = store.rollout_head(&self.key).is_none() && store.job(&self.key).is_none();
            let is_past = never_came
                || store.rollout_head(&self.key).is_some_and(|head| {
                    head.header.id > seen.header.id || head.header.kind == RolloutKind::Stop || seen.phase(name) == Some(Phase::Stopped)
                });
            assert!(is_past, "{}: the stop {} never came", name, seen.header.id);
            let is_stopped = store.rollout_head(&self.key).is_none_or(|head| head.header.kind != RolloutKind::Stop)
                || store.job(&self.key).is_none_or(|job| job.stop);
            assert!(is_stopped || self.history.is_meddled(&seen.header.id), "{name}: stopped, and there again");
        }
    }

    /// With people's hands in it: no region is left where it would go on by itself.
    fn check_loosely(&self, seen: &Seen) {
        for (name, at) in &seen.regions {
            let is_end = at.phase.is_terminal() || matches!(at.phase, Phase::Blocked | Phase::Held | Phase::Unblocking);
            assert!(is_end, "{name} is left {}: {:?}", at.phase, seen.regions);
        }
    }
}

/// The outcomes at rest.
fn check_outcome(mode: OnFailure, phases: &[Phase], what: &str) {
    let is = |phase: Phase| move |other: &Phase| *other == phase;
    if phases.iter().all(is(Phase::Successful)) {
        return;
    }
    let fits = match mode {
        OnFailure::FailAll => phases.iter().all(is(Phase::Failed)),
        OnFailure::FailRemaining => {
            let n_held = phases.iter().take_while(|phase| **phase == Phase::Held).count();
            n_held < phases.len() && phases[n_held..].iter().all(is(Phase::Failed))
        }
        OnFailure::FailLocal => phases.contains(&Phase::Failed) && phases.iter().all(|phase| matches!(phase, Phase::Failed | Phase::Held)),
    };
    assert!(fits, "{what} under {mode:?} ended as {phases:?}");
}
