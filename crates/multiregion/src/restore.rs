//! A region that was restored from a snapshot finds out what it had said last.
//!
//! The snapshot is older than what the region told the others, and they have acted on it: promised success, started, failed with it. So before
//! it takes part in anything again, it asks each of them ([`witnesses`]). A witness first writes down that it heeds nothing any more that the
//! region said before it was restored, so that what it answers is all that it will ever act on. Then it tells ([`testify`]) what it has heard,
//! and what it did itself: that a region runs, say, proves that all had adopted, also when nobody has the record any more. From all of it
//! follows how far each rollout had come ([`recover`]). Nothing of that is taken back; only what was running has failed, because nobody knows
//! what was placed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{EvalTrigger, IdSource, Job, Phase, RegionName, Rollout, RolloutHeader, RolloutId, RolloutKind, Testimony, Witnessed};
use state::{Command, LiftFence, Recovery, Store};

use crate::record::Records;
use crate::step::{adopt, own_revert, rollout_eval};

/// The regions that must be asked, as far as this one's state knows them: all that its jobs' present rollouts concern. Who was excluded is
/// not waited for.
pub fn witnesses(view: &Store) -> BTreeSet<RegionName> {
    let me = &view.identity().region;
    let excluded: BTreeSet<&RegionName> = view.rollouts().flat_map(|rollout| &rollout.overrides.excluded).collect();
    let concerned = view.rollouts().flat_map(|rollout| rollout.header.everybody());
    concerned.filter(|region| *region != me && !excluded.contains(region)).cloned().collect()
}

/// What this region knows of `restored`.
pub fn testify(view: &Store, records: &Records, restored: &RegionName) -> Testimony {
    Testimony {
        records: records.all().filter(|record| record.region.name == *restored).cloned().collect(),
        rollouts: view
            .rollouts()
            .filter(|rollout| rollout.header.concerns(restored))
            .map(|rollout| Witnessed {
                header: Arc::clone(&rollout.header),
                source: rollout.source.clone(),
                phase: rollout.phase,
                forced: rollout.forced,
                cause_region: rollout.cause_region.clone(),
                overrides: rollout.overrides.clone(),
            })
            .collect(),
        lamport: view.identity().lamport,
    }
}

/// How far a rollout had come here, and why.
#[derive(Clone, Debug, PartialEq)]
struct Said {
    phase: Phase,
    cause: String,
    cause_region: RegionName,
    forced: bool,
}

impl Said {
    fn plainly(phase: Phase) -> Self {
        Self { phase, cause: String::new(), cause_region: RegionName::default(), forced: false }
    }
}

/// The command that ends the fence. `testimonies`: of every region that had to be asked.
pub fn recover<'a>(view: &Store, testimonies: impl Iterator<Item = &'a Testimony> + Clone, now: i64, ids: &mut IdSource) -> Command {
    let me = &view.identity().region;
    let mut lamport = view.identity().lamport;
    let mut headers: BTreeMap<RolloutId, (Arc<RolloutHeader>, Option<Arc<Job>>)> = BTreeMap::new();
    let mut said: BTreeMap<RolloutId, Said> = BTreeMap::new();
    for rollout in view.rollouts() {
        headers.insert(rollout.header.id.clone(), (Arc::clone(&rollout.header), rollout.source.clone()));
    }
    for testimony in testimonies.clone() {
        lamport = lamport.max(testimony.lamport);
        for known in &testimony.rollouts {
            let id = &known.header.id;
            lamport = lamport.max(id.lamport);
            headers.entry(id.clone()).or_insert_with(|| (Arc::clone(&known.header), known.source.clone()));
            if let Some(phase) = implied(me, known) {
                further(&mut said, id, Said::plainly(phase));
            }
        }
    }
    for record in testimonies.flat_map(|testimony| &testimony.records).filter(|record| record.incarnation < view.identity().incarnation) {
        lamport = lamport.max(record.rollout.lamport);
        let heard =
            Said { phase: record.phase, cause: record.cause.clone(), cause_region: record.cause_region.clone(), forced: record.forced };
        further(&mut said, &record.rollout, heard);
    }
    let mut newest: BTreeMap<_, &RolloutId> = BTreeMap::new();
    for (id, (header, _)) in &headers {
        let phases = [view.rollout(id).map(|rollout| rollout.phase), said.get(id).map(|said| said.phase)];
        if phases.into_iter().flatten().max_by_key(|phase| rank(*phase)).is_some_and(|phase| phase.is_adopted()) {
            newest.insert(header.job_key(), id);
        }
    }
    let mut rollouts = Vec::new();
    for (id, (header, source)) in &headers {
        let is_newest = newest.get(&header.job_key()).is_some_and(|newest| *newest == id);
        let said = said.remove(id);
        rollouts.extend(recovery(view, header, source.as_ref(), said, is_newest, now, ids));
    }
    Command::LiftFence(Box::new(LiftFence { rollouts, lamport, time: now }))
}

/// Keeps what is further on; of two that are as far, the one that says why.
fn further(said: &mut BTreeMap<RolloutId, Said>, id: &RolloutId, new: Said) {
    let is_further = said.get(id).is_none_or(|old| (rank(old.phase), old.cause.len()) < (rank(new.phase), new.cause.len()));
    if is_further {
        said.insert(id.clone(), new);
    }
}

/// Every step of a rollout leads to a higher rank, but for pausing and resuming.
fn rank(phase: Phase) -> u8 {
    match phase {
        Phase::Voted => 0,
        Phase::Adopted => 1,
        Phase::Running | Phase::Paused => 2,
        Phase::Blocked => 3,
        Phase::Unblocking => 4,
        Phase::Held => 5,
        Phase::Rejected | Phase::Withdrawn | Phase::Successful | Phase::Failed | Phase::Cancelled | Phase::Dropped | Phase::Stopped => 6,
    }
}

/// How far `me` must have come for a peer to be where it is.
fn implied(me: &RegionName, peer: &Witnessed) -> Option<Phase> {
    let header = &peer.header;
    let is_waited_for = header.participants().any(|region| region == me) && !peer.overrides.excluded.contains(me);
    if header.kind == RolloutKind::Stop || !is_waited_for {
        return None;
    }
    if peer.cause_region == *me && matches!(peer.phase, Phase::Failed | Phase::Held) {
        return Some(Phase::Failed);
    }
    let is_listed = header.regions.contains(me);
    Some(match peer.phase {
        Phase::Successful if is_listed && !peer.forced => Phase::Unblocking,
        Phase::Unblocking if is_listed => Phase::Blocked,
        Phase::Successful | Phase::Unblocking | Phase::Running | Phase::Blocked | Phase::Held | Phase::Dropped => Phase::Adopted,
        // The vote may have been counted; it is given again, or withdrawn with the proposal.
        Phase::Voted | Phase::Adopted | Phase::Paused | Phase::Failed | Phase::Cancelled => Phase::Voted,
        Phase::Rejected | Phase::Withdrawn | Phase::Stopped => return None,
    })
}

/// What is to be done about one rollout, if the snapshot does not say the same.
fn recovery(
    view: &Store,
    header: &Arc<RolloutHeader>,
    source: Option<&Arc<Job>>,
    said: Option<Said>,
    is_newest: bool,
    now: i64,
    ids: &mut IdSource,
) -> Option<Recovery> {
    let me = &view.identity().region;
    let known = view.rollout(&header.id);
    let known_phase = known.map(|rollout| rollout.phase);
    if known_phase.is_some_and(|phase| phase.is_terminal()) {
        return None;
    }
    let said = said.filter(|said| known_phase.is_none_or(|phase| rank(said.phase) > rank(phase)));
    let was_to_start = known.is_some_and(|rollout| rollout.phase == Phase::Paused && rollout.resume_to == Some(Phase::Adopted));
    let mut last = match (said, known_phase) {
        (Some(said), _) => said,
        (None, Some(phase)) if !was_to_start => Said::plainly(phase),
        _ => return None,
    };
    if matches!(last.phase, Phase::Running | Phase::Paused) {
        last =
            Said { cause: "Failed because the region was restored from a snapshot meanwhile".to_owned(), ..Said::plainly(Phase::Failed) };
    }
    if !is_newest && !last.phase.is_terminal() && last.phase.is_adopted() {
        // A later one has taken its place.
        last = Said::plainly(Phase::Cancelled);
    }
    if Some(last.phase) == known_phase {
        return None;
    }
    let mut recovery = Recovery {
        header: Arc::clone(header),
        source: source.cloned(),
        phase: last.phase,
        cause: last.cause,
        cause_region: last.cause_region,
        forced: last.forced,
        adoption: None,
        stop_job: last.phase == Phase::Dropped,
        revert_to: None,
        eval: None,
    };
    let is_adopted_here = known_phase.is_some_and(|phase| phase.is_adopted());
    let blank = Rollout::voted(Arc::clone(header), source.cloned(), 0, now);
    let rollout = known.map_or(&blank, |known| &**known);
    // What was cancelled had given way to something that is not known here: the snapshot's job stands.
    let has_brought_something = last.phase.is_adopted() && !matches!(last.phase, Phase::Cancelled | Phase::Dropped);
    if !is_adopted_here && is_newest && has_brought_something {
        let Command::AdoptRollout(adoption) = adopt(view, rollout, me, now, ids) else { return None };
        let mut groups = adoption.deployment.iter().flat_map(|deployment| deployment.task_groups.values());
        if last.phase == Phase::Failed && groups.any(|group| group.auto_revert) {
            let stable = view.latest_stable_job(&header.job_key(), header.job_version);
            recovery.revert_to = stable.map(|stable| stable.version);
        }
        recovery.adoption = Some(adoption);
    } else if is_adopted_here && last.phase == Phase::Failed {
        let revert = own_revert(view, rollout);
        recovery.revert_to = revert.version;
        recovery.cause.push_str(&revert.suffix);
        recovery.eval = Some(rollout_eval(view, rollout, EvalTrigger::DeploymentWatcher, ids));
    } else if last.phase == Phase::Dropped {
        recovery.eval = Some(rollout_eval(view, rollout, EvalTrigger::JobDeregister, ids));
    }
    Some(recovery)
}
