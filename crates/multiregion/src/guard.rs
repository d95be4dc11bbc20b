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

use model::{OnFailure, Overrides, Phase, RegionName, RolloutHeader, RolloutKind};

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
    /// A person ended the rollout, or this region's part in it; how, in words.
    FailByPerson(&'static str),
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

/// What `me` does next in the rollout of `header`, if anything. `own` is its present phase; `overrides` is what people asserted anywhere.
pub fn next(header: &RolloutHeader, me: &RegionName, own: Phase, phases: &Phases, overrides: &Overrides, local: Local) -> Option<Move> {
    let look = Look { header, me, phases, overrides };
    if own.is_adopted()
        && !own.is_terminal()
        && let Some(end) = look.ended_by_person().or_else(|| look.gone(local))
    {
        return Some(end);
    }
    match own {
        Phase::Voted => look.decided(),
        Phase::Adopted if header.dropped.contains(me) => look.all_adopted().then_some(Move::Drop),
        Phase::Adopted => look.failed_with().or_else(|| (!local.newer_staged && look.may_start()).then_some(Move::Start)),
        Phase::Running => look.failed_with().or_else(|| local.complete.then_some(Move::Complete)),
        Phase::Paused => look.failed_with(),
        Phase::Blocked => {
            look.failed_with().or_else(|| look.held_by()).or_else(|| look.all_others(may_be_voted_with).then_some(Move::Vote))
        }
        Phase::Unblocking => look.failed_with().or_else(|| look.held_by()).or_else(|| look.all_others(has_voted).then_some(Move::Finish)),
        Phase::Held => look.failed_with(),
        Phase::Rejected | Phase::Withdrawn | Phase::Successful | Phase::Failed | Phase::Cancelled | Phase::Dropped | Phase::Stopped => None,
    }
}

/// Whether a region that was away may take the rollout now that it has heard of it: one that was left out, to stop the job, as soon as the
/// rollout is known to be decided; one that is listed when all others have succeeded.
pub fn may_join(header: &RolloutHeader, me: &RegionName, phases: &Phases, overrides: &Overrides) -> bool {
    let look = Look { header, me, phases, overrides };
    if overrides.aborted || !header.deferred.contains(me) || !look.counts_at_all(me) {
        return false;
    }
    if header.dropped.contains(me) {
        return look.is_committed();
    }
    let listed = header.regions.iter().filter(|region| *region != me && look.counts(region));
    look.is_committed() && listed.into_iter().all(|region| phases.get(region) == Some(&Phase::Successful))
}

/// One region's look at a rollout.
struct Look<'a> {
    header: &'a RolloutHeader,
    me: &'a RegionName,
    phases: &'a Phases,
    overrides: &'a Overrides,
}

impl Look<'_> {
    fn is(&self, region: &RegionName, test: impl Fn(Phase) -> bool) -> bool {
        self.phases.get(region).is_some_and(|phase| test(*phase))
    }

    /// What the region does matters to the others: it did not join late, and nobody excluded it.
    fn counts(&self, region: &RegionName) -> bool {
        !self.header.deferred.contains(region) && self.counts_at_all(region)
    }

    fn counts_at_all(&self, region: &RegionName) -> bool {
        !self.overrides.excluded.contains(region)
    }

    fn ended_by_person(&self) -> Option<Move> {
        let why = if self.overrides.aborted {
            "the rollout was aborted"
        } else if !self.counts_at_all(self.me) {
            "the region was excluded from the rollout"
        } else {
            return None;
        };
        // A region that is left out has nothing to fail at.
        Some(if self.header.dropped.contains(self.me) { Move::Cancel(why) } else { Move::FailByPerson(why) })
    }

    fn gone(&self, local: Local) -> Option<Move> {
        local.gone.filter(|_| !self.header.dropped.contains(self.me)).map(Move::Cancel)
    }

    /// The origin's own record is the decision. Nobody adopts before it.
    fn is_committed(&self) -> bool {
        self.header.participants().any(|region| self.is(region, |phase| phase.is_adopted()))
    }

    fn decided(&self) -> Option<Move> {
        let origin = &self.header.id.origin;
        if self.header.kind == RolloutKind::Stop {
            // A stop has no barrier: whoever has heard of it does it.
            return Some(Move::Adopt);
        }
        if origin == self.me {
            // The origin decides when it has all votes, in the request that submitted it.
            return None;
        }
        if !self.counts_at_all(self.me) {
            return Some(Move::Withdraw);
        }
        if self.is_committed() {
            return Some(Move::Adopt);
        }
        let is_given_up = self.is(origin, |phase| matches!(phase, Phase::Withdrawn | Phase::Rejected)) || !self.counts_at_all(origin);
        is_given_up.then_some(Move::Withdraw)
    }

    /// Every participant has adopted, and fewer than `max_parallel` earlier regions are not done.
    fn may_start(&self) -> bool {
        if !self.all_adopted() {
            return false;
        }
        let max_parallel = usize::try_from(self.header.strategy.max_parallel).unwrap_or(0);
        if max_parallel == 0 {
            return true;
        }
        let earlier = self.header.regions.iter().take_while(|region| *region != self.me).filter(|region| self.counts(region));
        let is_done = |region: &RegionName| self.overrides.released.contains(region) || self.is(region, |phase| phase.is_done());
        earlier.filter(|region| !is_done(region)).count() < max_parallel
    }

    fn all_adopted(&self) -> bool {
        let mut others = self.header.participants().filter(|region| *region != self.me && self.counts(region));
        others.all(|region| self.is(region, |phase| phase.is_adopted()))
    }

    /// The failed region because of which `me` fails too.
    fn failed_with(&self) -> Option<Move> {
        if self.header.deferred.contains(self.me) {
            return None;
        }
        // What a region does that joined late stays its own affair.
        let failed = |region: &&RegionName| self.is(region, |phase| phase == Phase::Failed) && self.counts(region);
        let regions = &self.header.regions;
        let cause = match self.header.strategy.on_failure {
            OnFailure::FailAll => regions.iter().filter(|region| *region != self.me).find(failed),
            OnFailure::FailRemaining => regions.iter().take_while(|region| *region != self.me).find(failed),
            OnFailure::FailLocal => None,
        };
        cause.cloned().map(Move::FailWithPeer)
    }

    /// Some region failed and this one need not.
    fn held_by(&self) -> Option<Move> {
        let mut others = self.header.regions.iter().filter(|region| *region != self.me && self.counts(region));
        others.find(|region| self.is(region, |phase| phase == Phase::Failed)).cloned().map(Move::Hold)
    }

    fn all_others(&self, test: fn(Phase) -> bool) -> bool {
        let mut others = self.header.regions.iter().filter(|region| *region != self.me && self.counts(region));
        others.all(|region| self.is(region, test))
    }
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
            strategy: MultiregionStrategy { max_parallel, on_failure, ..Default::default() },
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
        let got =
            next(&header(max_parallel, on_failure), &me, own, &phases, &Overrides::default(), Local { complete, ..Default::default() });
        let got = got.map_or("-".to_owned(), |next| format!("{next:?}"));
        assert_eq!(got, want, "k={max_parallel} {on_failure:?} {known}, seen by {me}");
    }

    use OnFailure::{FailAll, FailLocal, FailRemaining};

    /// Peers follow the origin's decision and nothing else.
    #[test]
    fn deciding() {
        check(1, FailAll, "a=voted b=voted c=voted", "b", false, "-");
        // Nobody adopts before the origin has.
        check(1, FailAll, "b=voted c=adopted", "b", false, "Adopt");
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
        assert_eq!(next(&header, &a, Phase::Adopted, &everywhere(Phase::Adopted), &Overrides::default(), local), None);
        assert_eq!(next(&header, &a, Phase::Running, &everywhere(Phase::Adopted), &Overrides::default(), local), Some(Move::Complete));
        let local = Local { newer_staged: false, ..local };
        assert_eq!(next(&header, &a, Phase::Adopted, &everywhere(Phase::Adopted), &Overrides::default(), local), Some(Move::Start));
    }

    /// A job that was stopped or changed here alone ends the rollout here, whatever its phase, unless it has ended or is not adopted.
    #[test]
    fn gone() {
        for phase in Phase::ALL.iter().copied() {
            let phases: Phases = ["a", "b", "c"].map(|name| (RegionName::from(name), Phase::Voted)).into();
            let local = Local { complete: true, newer_staged: false, gone: Some("why") };
            let got = next(&header(1, FailAll), &"b".into(), phase, &phases, &Overrides::default(), local);
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
        assert_eq!(next(&header, &"a".into(), Phase::Blocked, &phases, &Overrides::default(), Local::default()), Some(Move::Vote));
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
        assert_eq!(
            next(&header, &d, Phase::Adopted, &phases("a=adopted b=adopted c=voted d=adopted"), &Overrides::default(), Local::default()),
            None
        );
        assert_eq!(
            next(&header, &d, Phase::Adopted, &phases("a=adopted b=adopted c=adopted d=adopted"), &Overrides::default(), Local::default()),
            Some(Move::Drop)
        );
        let a = RegionName::from("a");
        assert_eq!(
            next(&header, &a, Phase::Adopted, &phases("a=adopted b=adopted c=adopted"), &Overrides::default(), Local::default()),
            None,
            "d has not adopted"
        );
        assert_eq!(
            next(&header, &a, Phase::Adopted, &phases("a=adopted b=adopted c=adopted d=dropped"), &Overrides::default(), Local::default()),
            Some(Move::Start)
        );
    }

    /// What people assert: `released=a excluded=b aborted`.
    fn check_overridden(asserted: &str, known: &str, me: &str, header: &RolloutHeader, want: &str) {
        let mut overrides = Overrides::default();
        for item in asserted.split_whitespace() {
            match item.split_once('=') {
                Some(("released", region)) => _ = overrides.released.insert(region.into()),
                Some(("excluded", region)) => _ = overrides.excluded.insert(region.into()),
                _ => overrides.aborted = true,
            }
        }
        let items = known.split_whitespace().filter_map(|item| item.split_once('='));
        let phases: Phases = items.map(|(name, phase)| (name.into(), phase.parse().expect("a phase"))).collect();
        let me = RegionName::from(me);
        let got = next(header, &me, phases[&me], &phases, &overrides, Local::default());
        assert_eq!(got.map_or("-".to_owned(), |next| format!("{next:?}")), want, "{asserted}: {known} seen by {me}");
    }

    /// A released region has done its part for the order, and for nothing else.
    #[test]
    fn released() {
        let header = header(1, FailAll);
        check_overridden("", "a=running b=adopted c=adopted", "b", &header, "-");
        check_overridden("released=a", "a=running b=adopted c=adopted", "b", &header, "Start");
        check_overridden("released=a", "a=running b=adopted c=adopted", "c", &header, "-");
        check_overridden("released=a", "b=adopted c=adopted", "b", &header, "-");
        check_overridden("released=a", "a=running b=blocked c=blocked", "b", &header, "-");
        check_overridden("released=a", "a=failed b=blocked c=blocked", "b", &header, "FailWithPeer(\"a\")");
    }

    /// An excluded region counts for nobody, whatever it does, and ends its own part when it hears of it.
    #[test]
    fn excluded() {
        let header = header(1, FailAll);
        check_overridden("", "b=adopted c=adopted", "b", &header, "-");
        check_overridden("excluded=a", "b=adopted c=adopted", "b", &header, "Start");
        check_overridden("excluded=a", "a=failed b=adopted c=adopted", "b", &header, "Start");
        check_overridden("excluded=a", "a=running b=blocked c=blocked", "b", &header, "Vote");
        check_overridden("excluded=a", "a=running b=unblocking c=unblocking", "b", &header, "Finish");
        check_overridden("excluded=b", "b=voted", "b", &header, "Withdraw");
        for phase in ["adopted", "running", "paused", "blocked", "held", "unblocking"] {
            let end = "FailByPerson(\"the region was excluded from the rollout\")";
            check_overridden("excluded=b", &format!("a=blocked b={phase} c=adopted"), "b", &header, end);
        }
        check_overridden("excluded=b", "a=blocked b=successful c=adopted", "b", &header, "-");
        // An origin that is gone for good decides nothing any more; what it has decided stays.
        check_overridden("excluded=a", "b=voted c=voted", "b", &header, "Withdraw");
        check_overridden("excluded=a", "b=voted c=adopted", "b", &header, "Adopt");
        let header = RolloutHeader { dropped: vec!["d".into()], ..header };
        check_overridden("excluded=d", "a=adopted b=adopted c=adopted", "a", &header, "Start");
        check_overridden("excluded=d", "d=adopted", "d", &header, "Cancel(\"the region was excluded from the rollout\")");
    }

    /// An aborted rollout fails wherever it has not ended, under every mode.
    #[test]
    fn aborted() {
        for mode in [FailAll, FailRemaining, FailLocal] {
            let header = header(1, mode);
            for phase in Phase::ALL.iter().filter(|phase| phase.is_adopted()) {
                let end = if phase.is_terminal() { "-" } else { "FailByPerson(\"the rollout was aborted\")" };
                check_overridden("aborted", &format!("a=successful b={phase} c=adopted"), "b", &header, end);
            }
        }
    }

    /// A region that was away joins when the others are through with it, and then rolls alone; one that is left out needs to know only that it
    /// was decided.
    #[test]
    fn joining_late() {
        let header = RolloutHeader { deferred: vec!["b".into()], ..header(1, FailAll) };
        let phases = |text: &str| -> Phases {
            let items = text.split_whitespace().filter_map(|item| item.split_once('='));
            items.map(|(name, phase)| (name.into(), phase.parse().expect("a phase"))).collect()
        };
        let none = Overrides::default();
        let b = RegionName::from("b");
        for (known, want) in [
            ("", false),
            ("a=successful", false),
            ("a=successful c=unblocking", false),
            ("a=successful c=failed", false),
            ("a=successful c=successful", true),
        ] {
            assert_eq!(may_join(&header, &b, &phases(known), &none), want, "{known}");
        }
        assert!(!may_join(&header, &"a".into(), &phases("a=successful c=successful"), &none), "it takes part already");
        let aborted = Overrides { aborted: true, ..Default::default() };
        assert!(!may_join(&header, &b, &phases("a=successful c=successful"), &aborted));
        let excluded = Overrides { excluded: ["b".into()].into(), ..Default::default() };
        assert!(!may_join(&header, &b, &phases("a=successful c=successful"), &excluded));
        let header = RolloutHeader { dropped: vec!["d".into()], deferred: vec!["d".into()], ..header };
        assert!(!may_join(&header, &"d".into(), &phases("a=voted"), &none));
        assert!(may_join(&header, &"d".into(), &phases("a=adopted"), &none));
        // Then it rolls alone, whatever the others did meanwhile.
        let header = RolloutHeader { deferred: vec!["b".into()], dropped: vec![], ..header };
        for (own, complete, want) in [
            ("voted", false, "Adopt"),
            ("adopted", false, "Start"),
            ("running", true, "Complete"),
            ("blocked", true, "Vote"),
            ("unblocking", true, "Finish"),
        ] {
            let phases = phases(&format!("a=successful b={own} c=successful"));
            let got = next(&header, &b, phases[&b], &phases, &none, Local { complete, ..Default::default() });
            assert_eq!(got.map(|next| format!("{next:?}")).as_deref(), Some(want), "{own}");
        }
    }
}
