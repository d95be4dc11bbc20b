//! The guards: what a region may do next in one rollout.
//!
//! Properties that they keep, whatever stale copies of the other regions' phases they look at:
//! * at most `max_parallel` regions run at once: a region starts when fewer than that many *earlier-listed* regions are not done, and done
//!   stays true. Take the running region that stands last in the list: when it started, fewer than k before it were not done.
//! * a region runs only after all participants have adopted;
//! * unforced, no region is successful while another is failed or held: success needs everybody's vote, and a vote is given only when
//!   every region was complete.
//!
//! Every guard is enabled only by facts that stay true once true.

use std::collections::BTreeMap;

use model::{OnFailure, Phase, RegionName, RolloutHeader, RolloutKind};

/// What is known of the regions of one rollout: the own phase as committed here, the others' as they published it. A region of which nothing
/// is known is missing.
pub type Phases = BTreeMap<RegionName, Phase>;

/// The next step of a region in its rollout, with the region that caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// The origin committed: take it as head.
    Adopt,
    /// The origin gave up.
    Withdraw,
    Start,
    /// The own deployment is complete.
    Complete,
    /// A peer failed, and the mode says that this region fails too.
    FailWithPeer(RegionName),
    /// A peer failed, and this region need not.
    Hold(RegionName),
    /// Everybody is complete: promise not to fail by oneself any more.
    Vote,
    Finish,
    /// No longer in the list: stop the job here.
    Drop,
    /// The job was stopped or changed in this region alone; how, in the words of a deployment.
    Cancel(&'static str),
}

/// What the region itself knows beside the phases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Local {
    /// The own deployment is healthy and promoted (or there is none).
    pub complete: bool,
    /// This region has voted for a newer rollout of the job, which is not decided: nothing of this one starts any more.
    pub newer_staged: bool,
    /// The job here is no longer what the rollout brought: why, in the words of a deployment.
    pub gone: Option<&'static str>,
}

/// What `me` does next in the rollout of `header`, if anything. `own` is its present phase.
pub fn next(header: &RolloutHeader, me: &RegionName, own: Phase, phases: &Phases, local: Local) -> Option<Move> {
    if own.is_adopted()
        && !own.is_terminal()
        && !header.dropped.contains(me)
        && let Some(why) = local.gone
    {
        return Some(Move::Cancel(why));
    }
    match own {
        Phase::Voted => decided(header, me, phases),
        Phase::Adopted if header.dropped.contains(me) => all_adopted(header, me, phases).then_some(Move::Drop),
        Phase::Adopted => {
            failed_with(header, me, phases).or_else(|| (!local.newer_staged && may_start(header, me, phases)).then_some(Move::Start))
        }
        Phase::Running => failed_with(header, me, phases).or_else(|| local.complete.then_some(Move::Complete)),
        Phase::Paused => failed_with(header, me, phases),
        Phase::Blocked => failed_with(header, me, phases)
            .or_else(|| held_by(header, me, phases))
            .or_else(|| all_others(header, me, phases, may_be_voted_with).then_some(Move::Vote)),
        Phase::Unblocking => failed_with(header, me, phases)
            .or_else(|| held_by(header, me, phases))
            .or_else(|| all_others(header, me, phases, has_voted).then_some(Move::Finish)),
        Phase::Held => failed_with(header, me, phases),
        Phase::Rejected | Phase::Withdrawn | Phase::Successful | Phase::Failed | Phase::Cancelled | Phase::Dropped | Phase::Stopped => None,
    }
}

/// The origin's own record is the decision.
fn decided(header: &RolloutHeader, me: &RegionName, phases: &Phases) -> Option<Move> {
    let origin = &header.id.origin;
    if header.kind == RolloutKind::Stop {
        // A stop has no barrier: whoever has heard of it does it.
        return Some(Move::Adopt);
    }
    if origin == me {
        // The origin decides when it has all votes, in the request that submitted it.
        return None;
    }
    match phases.get(origin) {
        Some(phase) if phase.is_adopted() => Some(Move::Adopt),
        Some(Phase::Withdrawn | Phase::Rejected) => Some(Move::Withdraw),
        _ => None,
    }
}

/// Every participant has adopted, and fewer than `max_parallel` earlier regions are not done.
fn may_start(header: &RolloutHeader, me: &RegionName, phases: &Phases) -> bool {
    if !all_adopted(header, me, phases) {
        return false;
    }
    let max_parallel = usize::try_from(header.strategy.max_parallel).unwrap_or(0);
    if max_parallel == 0 {
        return true;
    }
    let earlier = header.regions.iter().take_while(|region| *region != me).filter(|region| !header.deferred.contains(region));
    earlier.filter(|region| !phases.get(*region).is_some_and(Phase::is_done)).count() < max_parallel
}

fn all_adopted(header: &RolloutHeader, me: &RegionName, phases: &Phases) -> bool {
    header.participants().filter(|region| *region != me).all(|region| phases.get(region).is_some_and(Phase::is_adopted))
}

/// The failed region because of which `me` fails too.
fn failed_with(header: &RolloutHeader, me: &RegionName, phases: &Phases) -> Option<Move> {
    // What a region does that joined late stays its own affair.
    let failed = |region: &&RegionName| phases.get(*region) == Some(&Phase::Failed) && !header.deferred.contains(region);
    let cause = match header.strategy.on_failure {
        OnFailure::FailAll => header.regions.iter().filter(|region| *region != me).find(failed),
        OnFailure::FailRemaining => header.regions.iter().take_while(|region| *region != me).find(failed),
        OnFailure::FailLocal => None,
    };
    cause.cloned().map(Move::FailWithPeer)
}

/// Some region failed and this one need not.
fn held_by(header: &RolloutHeader, me: &RegionName, phases: &Phases) -> Option<Move> {
    let mut others = header.regions.iter().filter(|region| *region != me && !header.deferred.contains(region));
    others.find(|region| phases.get(*region) == Some(&Phase::Failed)).cloned().map(Move::Hold)
}

fn all_others(header: &RolloutHeader, me: &RegionName, phases: &Phases, is: fn(Phase) -> bool) -> bool {
    let others = header.regions.iter().filter(|region| *region != me && !header.deferred.contains(region));
    others.into_iter().all(|region| phases.get(region).is_some_and(|phase| is(*phase)))
}

fn may_be_voted_with(phase: Phase) -> bool {
    matches!(phase, Phase::Blocked | Phase::Unblocking | Phase::Successful)
}

fn has_voted(phase: Phase) -> bool {
    matches!(phase, Phase::Unblocking | Phase::Successful)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{MultiregionStrategy, RolloutId, Uuid};

    fn header(max_parallel: i64, on_failure: OnFailure) -> RolloutHeader {
        RolloutHeader {
            id: RolloutId { lamport: 1, origin: "a".into(), uuid: Uuid::from_u128(1) },
            namespace: "default".into(),
            job_id: "web".into(),
            base: None,
            kind: RolloutKind::Run,
            job_version: 0,
            spec_hash: String::new(),
            regions: vec!["a".into(), "b".into(), "c".into()],
            dropped: vec![],
            deferred: vec![],
            strategy: MultiregionStrategy { max_parallel, on_failure },
            author: String::new(),
            submit_time: 0,
        }
    }

    /// `a=running b=adopted` and the region that looks; the move, or "-".
    fn check(max_parallel: i64, on_failure: OnFailure, known: &str, me: &str, complete: bool, want: &str) {
        let phases: Phases = known
            .split_whitespace()
            .map(|item| item.split_once('=').expect("name=phase"))
            .map(|(name, phase)| (RegionName::from(name), phase.parse().expect("a phase")))
            .collect();
        let me = RegionName::from(me);
        let own = phases[&me];
        let got = next(&header(max_parallel, on_failure), &me, own, &phases, Local { complete, ..Default::default() });
        let got = got.map_or("-".to_owned(), |next| format!("{next:?}"));
        assert_eq!(got, want, "k={max_parallel} {on_failure:?} {known}, seen by {me}");
    }

    use OnFailure::{FailAll, FailLocal, FailRemaining};

    /// Peers follow the origin's decision and nothing else.
    #[test]
    fn deciding() {
        check(1, FailAll, "a=voted b=voted c=voted", "b", false, "-");
        check(1, FailAll, "b=voted c=adopted", "b", false, "-");
        check(1, FailAll, "a=adopted b=voted", "b", false, "Adopt");
        check(1, FailAll, "a=failed b=voted", "b", false, "Adopt");
        check(1, FailAll, "a=cancelled b=voted", "b", false, "Adopt");
        check(1, FailAll, "a=withdrawn b=voted", "b", false, "Withdraw");
        check(1, FailAll, "a=voted b=voted c=voted", "a", false, "-");
    }

    /// Nobody starts before all have adopted; then in order, at most k at once.
    #[test]
    fn starting() {
        check(1, FailAll, "a=adopted b=adopted", "a", false, "-");
        check(1, FailAll, "a=adopted b=adopted c=voted", "a", false, "-");
        check(1, FailAll, "a=adopted b=adopted c=adopted", "a", false, "Start");
        check(1, FailAll, "a=adopted b=adopted c=adopted", "b", false, "-");
        check(1, FailAll, "a=running b=adopted c=adopted", "b", false, "-");
        check(1, FailAll, "a=paused b=adopted c=adopted", "b", false, "-");
        check(1, FailAll, "a=blocked b=adopted c=adopted", "b", false, "Start");
        check(1, FailAll, "a=blocked b=adopted c=adopted", "c", false, "-");
        check(1, FailAll, "a=cancelled b=adopted c=adopted", "b", false, "Start");
        check(2, FailAll, "a=running b=adopted c=adopted", "b", false, "Start");
        check(2, FailAll, "a=running b=running c=adopted", "c", false, "-");
        check(2, FailAll, "a=running b=blocked c=adopted", "c", false, "Start");
        check(0, FailAll, "a=running b=running c=adopted", "c", false, "Start");
    }

    /// Complete, vote, finish; success needs everybody's vote.
    #[test]
    fn finishing() {
        check(1, FailAll, "a=running b=adopted c=adopted", "a", true, "Complete");
        check(1, FailAll, "a=running b=adopted c=adopted", "a", false, "-");
        check(1, FailAll, "a=blocked b=running c=adopted", "a", true, "-");
        check(1, FailAll, "a=blocked b=blocked c=blocked", "a", true, "Vote");
        check(1, FailAll, "a=blocked b=unblocking c=successful", "a", true, "Vote");
        check(1, FailAll, "a=unblocking b=blocked c=unblocking", "a", true, "-");
        check(1, FailAll, "a=unblocking b=unblocking c=unblocking", "a", true, "Finish");
        check(1, FailAll, "a=unblocking b=unblocking c=successful", "b", true, "Finish");
        check(1, FailAll, "a=blocked b=cancelled c=blocked", "a", true, "-");
        check(1, FailAll, "a=blocked b=held c=blocked", "a", true, "-");
    }

    /// The three failure modes.
    #[test]
    fn failing() {
        check(1, FailAll, "a=blocked b=failed c=adopted", "a", true, "FailWithPeer(\"b\")");
        check(1, FailAll, "a=blocked b=failed c=adopted", "c", false, "FailWithPeer(\"b\")");
        check(1, FailAll, "a=unblocking b=failed c=adopted", "a", true, "FailWithPeer(\"b\")");
        check(1, FailAll, "a=held b=failed c=adopted", "a", true, "FailWithPeer(\"b\")");
        check(1, FailRemaining, "a=blocked b=failed c=adopted", "a", true, "Hold(\"b\")");
        check(1, FailRemaining, "a=blocked b=failed c=adopted", "c", false, "FailWithPeer(\"b\")");
        check(2, FailRemaining, "a=running b=failed c=running", "a", false, "-");
        check(2, FailRemaining, "a=failed b=held c=failed", "b", true, "FailWithPeer(\"a\")");
        check(1, FailLocal, "a=blocked b=failed c=adopted", "a", true, "Hold(\"b\")");
        check(1, FailLocal, "a=blocked b=failed c=adopted", "c", false, "Start");
        check(1, FailLocal, "a=unblocking b=failed c=blocked", "a", true, "Hold(\"b\")");
        check(1, FailLocal, "a=held b=failed c=blocked", "a", true, "-");
        check(1, FailAll, "a=paused b=failed c=adopted", "a", true, "FailWithPeer(\"b\")");
        check(1, FailAll, "a=successful b=failed c=adopted", "a", true, "-");
    }

    /// A newer proposal that this region voted for keeps what has not started from starting; what runs goes on.
    #[test]
    fn newer_staged() {
        let everywhere = |phase: Phase| -> Phases { ["a", "b", "c"].map(|name| (RegionName::from(name), phase)).into() };
        let (header, a) = (header(1, FailAll), RegionName::from("a"));
        let local = Local { newer_staged: true, complete: true, gone: None };
        assert_eq!(next(&header, &a, Phase::Adopted, &everywhere(Phase::Adopted), local), None);
        assert_eq!(next(&header, &a, Phase::Running, &everywhere(Phase::Adopted), local), Some(Move::Complete));
        let local = Local { newer_staged: false, ..local };
        assert_eq!(next(&header, &a, Phase::Adopted, &everywhere(Phase::Adopted), local), Some(Move::Start));
    }

    /// A job that was stopped or changed here alone ends the rollout here, whatever its phase, unless it has ended or is not adopted.
    #[test]
    fn gone() {
        for phase in Phase::ALL.iter().copied() {
            let phases: Phases = ["a", "b", "c"].map(|name| (RegionName::from(name), Phase::Voted)).into();
            let local = Local { complete: true, newer_staged: false, gone: Some("why") };
            let got = next(&header(1, FailAll), &"b".into(), phase, &phases, local);
            let want = (phase != Phase::Voted && !phase.is_terminal()).then_some(Move::Cancel("why"));
            assert_eq!(got, want, "{phase}");
        }
    }

    /// What a deferred region does counts for nobody else.
    #[test]
    fn deferred() {
        let header = RolloutHeader { deferred: vec!["b".into()], ..header(1, FailAll) };
        let phases: Phases = [("a", Phase::Blocked), ("b", Phase::Failed), ("c", Phase::Blocked)]
            .map(|(name, phase)| (RegionName::from(name), phase))
            .into();
        assert_eq!(next(&header, &"a".into(), Phase::Blocked, &phases, Local::default()), Some(Move::Vote));
    }

    /// A region that is no longer listed stops the job once everybody has adopted, and its own failure does not count.
    #[test]
    fn dropping() {
        let mut header = header(1, FailAll);
        header.dropped = vec!["d".into()];
        let phases = |text: &str| -> Phases {
            text.split_whitespace()
                .filter_map(|item| item.split_once('='))
                .map(|(name, phase)| (name.into(), phase.parse().unwrap()))
                .collect()
        };
        let d = RegionName::from("d");
        assert_eq!(next(&header, &d, Phase::Adopted, &phases("a=adopted b=adopted c=voted d=adopted"), Local::default()), None);
        assert_eq!(
            next(&header, &d, Phase::Adopted, &phases("a=adopted b=adopted c=adopted d=adopted"), Local::default()),
            Some(Move::Drop)
        );
        let a = RegionName::from("a");
        assert_eq!(
            next(&header, &a, Phase::Adopted, &phases("a=adopted b=adopted c=adopted"), Local::default()),
            None,
            "d has not adopted"
        );
        assert_eq!(
            next(&header, &a, Phase::Adopted, &phases("a=adopted b=adopted c=adopted d=dropped"), Local::default()),
            Some(Move::Start)
        );
    }
}
