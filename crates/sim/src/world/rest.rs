//! The faults stop, and what is under way comes to its end.

use std::time::Duration;

use model::{Deployment, DeploymentStatus, OnFailure, Overrides, Phase, RegionName, RolloutKind};
use state::Store;

use super::call::Request;
use super::executor::{Executor, Sim};
use super::group::Group;
use super::invariants::Seen;
use super::people::Deed;
use super::server::from_bytes;
use super::world::World;

/// Far more than any rollout needs; reconcilers that never agree with themselves use it up.
const REST_MAX: Duration = Duration::from_secs(1_800);
/// Nothing has happened for longer than the slowest tick: it has come to rest.
const QUIET: Duration = Duration::from_secs(36);
const LOOK: Duration = Duration::from_secs(4);

pub fn come_to_rest(executor: &mut Executor) {
    let sim = executor.sim.clone();
    calm_down(&sim);
    let end = sim.with(|world| world.now + REST_MAX);
    let mut quiet_since = None;
    let mut last = Vec::new();
    loop {
        executor.run(LOOK);
        let (now, present, are_equal) = sim.with(|world| {
            world.people_resume(&sim);
            let is_due = world.groups.iter().any(|group| waits_for_its_time(&group.truth));
            let present = world.groups.iter().map(|group| group.committed.len()).collect::<Vec<_>>();
            (world.now, present, world.unequal().is_none() && !is_due)
        });
        if present != last || !are_equal {
            last = present;
            quiet_since = None;
        } else if now >= *quiet_since.get_or_insert(now) + QUIET {
            return sim.with(World::check_rest);
        }
        if now > end {
            let why = sim.with(|world| world.unequal());
            panic!("no rest within {REST_MAX:?}: {}", why.unwrap_or_else(|| "a reconciler is busy for ever".to_owned()));
        }
    }
}

/// Something will happen by itself, later: what failed is placed again, or no progress is made in time.
fn waits_for_its_time(store: &Store) -> bool {
    let has_deadline = |deployment: &Deployment| deployment.task_groups.values().any(|group| !group.require_progress_by.is_never());
    let rolls = |deployment: &Deployment| deployment.status == DeploymentStatus::Running && !deployment.is_complete();
    store.open_evals().any(|eval| eval.wait_until.0 > 0) || store.active_deployments().any(|known| rolls(known) && has_deadline(known))
}

/// No more faults.
fn calm_down(sim: &Sim) {
    let down = sim.with(|world| {
        world.tell(|| "---- the faults stop".to_owned());
        world.is_resting = true;
        world.network.heal();
        world.flakes = 0;
        for at in 0..world.servers.len() {
            world.resume(at);
            world.servers[at].disk_delay_max = Duration::from_millis(5);
        }
        (0..world.servers.len()).filter(|at| !world.servers[*at].is_up).collect::<Vec<_>>()
    });
    for at in down {
        World::start(sim, at);
    }
}

impl World {
    fn people_resume(&mut self, sim: &Sim) {
        for region in 0..self.groups.len() {
            if self.groups[region].truth.rollout_head(&self.key).is_some_and(|head| head.phase == Phase::Paused) {
                Self::person(self, sim, region, Request::Deed(Deed::Resume));
            }
        }
    }

    /// Servers that do not know the same yet.
    fn unequal(&self) -> Option<String> {
        for server in &self.servers {
            let group = &self.groups[server.region];
            if server.raft.applied < server.raft.log.len() || server.raft.log.len() != group.committed.len() {
                let raft = &server.raft;
                return Some(format!("{} applied {} of {}", server.name, raft.applied, raft.log.len().max(group.committed.len())));
            }
        }
        let digests = self.servers.iter().map(|server| server.gossip.as_ref().map(gossip::Gossip::digest));
        let digests: Vec<_> = digests.collect();
        let odd = digests.iter().position(|digest| *digest != digests[0]);
        odd.map(|odd| format!("{} and {} do not know the same records", self.servers[0].name, self.servers[odd].name))
    }

    /// Every server of a region has the region's state, also when it comes back from a snapshot.
    fn check_replicas(&self) {
        for server in &self.servers {
            let group = &self.groups[server.region];
            assert!(server.store == group.truth, "{} has another state than its region", server.name);
        }
        for group in &self.groups {
            from_bytes(&group.truth);
        }
    }

    fn check_rest(&mut self) {
        self.check_replicas();
        self.check_heard_all();
        for region in &self.groups {
            assert_eq!(region.truth.rollout_staged(&self.key), None, "{}: a proposal was never decided", region.name);
            assert_eq!(region.truth.open_evals().count(), 0, "{}: evaluations are left over", region.name);
            let active = region.truth.active_deployments().filter(|deployment| !deployment.is_multiregion);
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
            // Who is told that the origin is excluded gives up a vote that the origin may count.
            let is_origin_excluded = asserted.excluded.contains(&id.origin);
            for name in seen.header.participants().filter(|name| !is_origin_excluded && !asserted.excluded.contains(*name)) {
                assert!(seen.phase(name).is_some_and(|phase| phase.is_adopted()), "{id} was never adopted in {name}");
            }
            for name in seen.header.dropped.iter().filter(|name| !is_origin_excluded && !asserted.excluded.contains(*name)) {
                let is_over = matches!(seen.phase(name), Some(Phase::Dropped | Phase::Cancelled));
                // A region that was away does not join what has been aborted meanwhile, and keeps what it has.
                let is_over = is_over || asserted.aborted && seen.header.deferred.contains(name);
                assert!(is_over || self.is_still_away(seen, name), "{id}: {name} was left out and goes on: {:?}", seen.regions);
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

    /// Everybody knows what every region says now.
    fn check_heard_all(&self) {
        for server in &self.servers {
            for group in self.groups.iter().filter(|group| group.name != self.groups[server.region].name) {
                for record in multiregion::own_records(&group.truth) {
                    let heard = server.records.get(&record.rollout, &group.name).map(|heard| (heard.phase, heard.forced, heard.overrides));
                    let said = Some((record.phase, record.forced, record.overrides));
                    assert_eq!(heard, said, "{} has not heard what {} says of {}", server.name, group.name, record.rollout);
                }
            }
        }
    }

    /// A deferred region has not joined, because it need not any more: it has a later rollout, or another one is the last.
    fn is_still_away(&self, seen: &Seen, name: &RegionName) -> bool {
        let is_behind = |region: &Group| {
            let head = region.truth.rollout_head(&self.key);
            head.is_none_or(|head| head.header.id < seen.header.id)
        };
        let at = self.position(name).unwrap_or_default();
        // The last one that concerns it decides.
        let later = self.history.rollouts.values().filter(|other| other.is_committed() && other.header.id > seen.header.id);
        let has_later = later.into_iter().any(|other| other.header.everybody().any(|region| region == name));
        seen.header.deferred.contains(name) && seen.phase(name).is_none() && (has_later || !is_behind(&self.groups[at]))
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
            let used = self.groups[at].truth.newest_version(&self.key);
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
            let store = &self.groups[at].truth;
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
        // A region of which another one believes that it is gone, while it is not, may be waited for until a person says more.
        let is_split = !self.history.asserted(&seen.header.id).excluded.is_empty();
        for (name, at) in seen.regions.iter().filter(|_| !is_split) {
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
