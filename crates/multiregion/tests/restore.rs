//! A region comes back from a snapshot in the middle of a rollout: what it had told the others is not taken back, also when nobody has its
//! words any more.

mod common;

use common::{Region, key};
use model::{IdSource, MultiregionStrategy, OnFailure, Phase, RolloutHeader, RolloutId, RolloutKind, Uuid};
use multiregion::Records;
use multiregion::restore::{recover, testify, witnesses};
use state::{Command, Outcome, Store};

fn header() -> RolloutHeader {
    let source = source();
    RolloutHeader {
        id: RolloutId { lamport: 4, origin: "east".into(), uuid: Uuid::from_u128(4) },
        namespace: source.namespace.clone(),
        job_id: source.id.clone(),
        base: None,
        kind: RolloutKind::Run,
        job_version: 3,
        spec_hash: multiregion::spec_hash(&source),
        regions: vec!["west".into(), "east".into()],
        dropped: Vec::new(),
        deferred: Vec::new(),
        strategy: MultiregionStrategy { max_parallel: 1, on_failure: OnFailure::FailAll, ..Default::default() },
        author: String::new(),
        submit_time: 0,
    }
}

fn source() -> model::Job {
    testkit::job("web").multiregion(MultiregionStrategy { max_parallel: 1, ..Default::default() }, &["west", "east"]).build()
}

trait Restores {
    fn phase(&self) -> Option<Phase>;
    fn walk_to(&mut self, to: &str, cause: &str);
    fn restore(&mut self, saved: &Store);
}

impl Restores for Region {
    fn phase(&self) -> Option<Phase> {
        self.0.rollout(&header().id).map(|rollout| rollout.phase)
    }

    /// From where it is to there, by every step between.
    fn walk_to(&mut self, to: &str, cause: &str) {
        let to: Phase = match to {
            "-" => return,
            to => to.parse().expect("a phase"),
        };
        if self.phase().is_none() {
            self.stage(&header(), &source());
        }
        if to == Phase::Voted {
            return;
        }
        if self.phase() == Some(Phase::Voted) {
            self.adopt_staged(&header());
        }
        let line = [Phase::Adopted, Phase::Running, Phase::Blocked, Phase::Unblocking, Phase::Successful];
        let at = |phase: Phase| line.iter().position(|on_line| *on_line == phase);
        let steps: Vec<Phase> = match at(to) {
            Some(end) => line[at(self.phase().expect("a phase")).expect("on the line") + 1..=end].to_vec(),
            None => vec![to],
        };
        steps.into_iter().for_each(|to| self.go(to, cause));
    }

    fn restore(&mut self, saved: &Store) {
        let records: Vec<Vec<u8>> = saved.snapshot_records().map(|record| record.expect("bytes")).collect();
        let (id, n_records) = (Uuid::from_u128(5), records.len() as u64);
        self.apply(&Command::BeginRestore { id });
        self.apply(&Command::AddToRestore { id, position: 0, records });
        assert_eq!(self.apply(&Command::FinishRestore { id, n_records, incarnation: 0, time: 0 }), Outcome::Done);
    }
}

/// West was saved at `saved`, said `said` last and is restored; east is at `peer` (because of `cause`), and `heard` what west said, or lost it.
#[track_caller]
fn check(saved: &str, said: &str, heard: bool, (peer, cause): (&str, &str), want: &str) {
    let (mut west, mut east) = (Region::new("west"), Region::new("east"));
    west.walk_to(saved, "");
    let snapshot = west.0.clone();
    west.walk_to(said, "");
    east.walk_to(peer, cause);
    let mut records = Records::default();
    if heard {
        multiregion::own_records(&west.0).into_iter().for_each(|record| _ = records.put(record));
    }
    west.restore(&snapshot);
    let testimony = testify(&east.0, &records, &"west".into());
    let lift = recover(&west.0, std::iter::once(&testimony), 0, &mut IdSource::new(2));
    assert_eq!(west.apply(&lift), Outcome::Done);
    let row = format!("saved {saved}, said {said} ({heard}), east {peer}");
    assert_eq!(west.phase().map_or("-".to_owned(), |phase| phase.to_string()), want, "{row}");
    assert!(!west.0.is_fenced() && west.0.identity().lamport >= 4 || peer == "-", "{row}");
    // Its words are newer than all it said before.
    for record in multiregion::own_records(&west.0) {
        assert!(records.put(record), "{row}");
    }
    let job = west.0.job(&key()).map(|job| job.version);
    if ["adopted", "blocked", "unblocking", "successful"].contains(&want) {
        assert_eq!(job, Some(3), "{row}: what it stands for is there");
        assert_eq!(west.0.rollout_head(&key()).map(|head| head.header.id.clone()), Some(header().id), "{row}");
    }
    assert!(want == "-" || west.0.newest_version(&key()) >= Some(3), "{row}: the number is not given again");
}

/// Rows of what was saved, said, heard and done.
#[test]
fn what_was_said_stands() {
    // Nothing said: nothing to do.
    check("-", "-", true, ("-", ""), "-");
    check("successful", "successful", true, ("successful", ""), "successful");
    // A vote may have been counted: it is given again. Whether it was, the origin says.
    check("-", "voted", true, ("voted", ""), "voted");
    check("-", "voted", false, ("adopted", ""), "voted");
    check("voted", "adopted", true, ("adopted", ""), "adopted");
    check("-", "adopted", false, ("running", ""), "adopted");
    // What was running is not known any more.
    check("running", "running", true, ("adopted", ""), "failed");
    check("adopted", "running", true, ("adopted", ""), "failed");
    check("-", "running", true, ("adopted", ""), "failed");
    // Promises are kept.
    check("adopted", "blocked", true, ("adopted", ""), "blocked");
    check("-", "blocked", false, ("unblocking", ""), "blocked");
    check("running", "unblocking", true, ("unblocking", ""), "unblocking");
    check("-", "unblocking", false, ("successful", ""), "unblocking");
    check("running", "unblocking", false, ("successful", ""), "unblocking");
    check("adopted", "successful", true, ("successful", ""), "successful");
    // So are ends.
    check("running", "failed", true, ("failed", "west"), "failed");
    check("adopted", "failed", false, ("failed", "west"), "failed");
    check("-", "cancelled", true, ("cancelled", ""), "cancelled");
}

/// Whoever a rollout concerns is asked, unless a person said that it counts no more.
#[test]
fn whom_to_ask() {
    let mut west = Region::new("west");
    assert!(witnesses(&west.0).is_empty());
    west.walk_to("adopted", "");
    assert_eq!(witnesses(&west.0), ["east".into()].into());
    let overrides = model::Overrides { excluded: ["east".into()].into(), ..Default::default() };
    west.apply(&Command::OverrideRollout { id: header().id, overrides, time: 0 });
    assert!(witnesses(&west.0).is_empty());
}

/// Before it knows what it had said, the region does nothing, and the others do nothing any more because of what it said.
#[test]
fn nothing_moves_behind_the_fence() {
    let (mut west, mut east) = (Region::new("west"), Region::new("east"));
    west.walk_to("adopted", "");
    let snapshot = west.0.clone();
    west.walk_to("blocked", "");
    east.walk_to("adopted", "");
    let mut of_west = Records::default();
    multiregion::own_records(&west.0).into_iter().for_each(|record| _ = of_west.put(record));
    let moves = |region: &Region, records: &Records| multiregion::step(&region.0, records, 0, &mut IdSource::new(3)).propose.len();
    assert_eq!(moves(&east, &of_west), 1, "its turn has come");
    west.restore(&snapshot);
    let mut of_east = Records::default();
    multiregion::own_records(&east.0).into_iter().for_each(|record| _ = of_east.put(record));
    assert_eq!(moves(&west, &of_east), 0, "it would start");
    east.apply(&Command::HeedRegion { region: "west".into(), incarnation: west.0.identity().incarnation });
    assert_eq!(moves(&east, &of_west), 0, "what west said before is nothing to go by");
    let testimony = testify(&east.0, &of_west, &"west".into());
    west.apply(&recover(&west.0, std::iter::once(&testimony), 0, &mut IdSource::new(4)));
    multiregion::own_records(&west.0).into_iter().for_each(|record| _ = of_west.put(record));
    assert_eq!(moves(&east, &of_west), 1, "west says again that it is complete");
}
