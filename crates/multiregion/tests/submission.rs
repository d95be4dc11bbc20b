//! Submissions: what regions answer, what the origin makes of it, how votes are counted.

mod common;

use std::sync::Arc;

use common::{Region, key};
use model::{IdSource, Job, MultiregionStrategy, Overrides, Phase, RegionName, RolloutHeader, RolloutId, RolloutKind, Unreachable, Uuid};
use multiregion::submission::{Answer, Answers, Decision, Verdict, Vote, answer, count, decide, stop};
use state::{Command, Outcome, PhaseChange};

fn job(what: &str, regions: &[&str]) -> Job {
    testkit::job("web").env("WHAT", what).multiregion(MultiregionStrategy::default(), regions).build()
}

trait Submits {
    fn answer(&self, job: &Job) -> Answer;
    fn adopt(&mut self, header: &RolloutHeader, source: &Job);
    fn walk(&mut self, phases: &[Phase]);
}

impl Submits for Region {
    fn answer(&self, job: &Job) -> Answer {
        answer(&self.0, job, String::new())
    }

    fn adopt(&mut self, header: &RolloutHeader, source: &Job) {
        self.stage(header, source);
        self.adopt_staged(header);
    }

    fn walk(&mut self, phases: &[Phase]) {
        phases.iter().for_each(|to| self.go(*to, ""));
    }
}

fn submit(regions: &[&Region], job: &Job) -> Decision {
    let answers: Answers = regions.iter().map(|region| (region.0.identity().region.clone(), Ok(region.answer(job)))).collect();
    decide(job, &regions[0].0.identity().region, &answers, Uuid::from_u128(1), "somebody", 5)
}

#[track_caller]
fn proposed(decision: Decision) -> RolloutHeader {
    match decision {
        Decision::Propose(header) => *header,
        other => panic!("not proposed: {other:?}"),
    }
}

/// West and east with a rollout of `one` that both have finished.
fn finished() -> (Region, Region, Job) {
    let (mut west, mut east) = (Region::new("west"), Region::new("east"));
    let one = job("one", &["west", "east"]);
    let header = proposed(submit(&[&west, &east], &one));
    for region in [&mut west, &mut east] {
        region.adopt(&header, &one);
        region.walk(&[Phase::Running, Phase::Blocked, Phase::Unblocking, Phase::Successful]);
    }
    (west, east, one)
}

/// The first rollout: no base, version 0, the regions as listed; the next one follows it.
#[test]
fn headers() {
    let (west, east) = (Region::new("west"), Region::new("east"));
    let first = proposed(submit(&[&west, &east], &job("one", &["west", "east"])));
    assert_eq!((first.id.lamport, first.id.origin.as_str(), first.base.clone(), first.job_version), (1, "west", None, 0));
    assert_eq!((first.regions.len(), first.dropped.len(), first.author.as_str(), first.submit_time), (2, 0, "somebody", 5));
    let (west, east, _) = finished();
    let next = proposed(submit(&[&east, &west], &job("two", &["west", "east"])));
    assert_eq!((next.id.lamport, next.id.origin.as_str(), next.base, next.job_version), (2, "east", Some(first.id), 1));
}

/// The same specification again changes nothing, wherever its rollout stands, unless some region failed, was stopped or has drifted.
#[test]
fn the_same_again() {
    use Phase::{Blocked, Failed, Held, Paused, Running, Unblocking};
    for (phases, is_unchanged) in [
        (&[][..], true),
        (&[Running], true),
        (&[Running, Paused], true),
        (&[Running, Blocked], true),
        (&[Running, Blocked, Unblocking], true),
        (&[Failed], false),
        (&[Running, Blocked, Held], true),
    ] {
        let (mut west, mut east) = (Region::new("west"), Region::new("east"));
        let one = job("one", &["west", "east"]);
        let header = proposed(submit(&[&west, &east], &one));
        west.adopt(&header, &one);
        east.adopt(&header, &one);
        east.walk(phases);
        let decision = submit(&[&west, &east], &one);
        let want =
            if is_unchanged { Decision::Unchanged(header.id.clone()) } else { Decision::Propose(Box::new(proposed(decision.clone()))) };
        assert_eq!(decision, want, "{phases:?}");
        if !is_unchanged {
            assert_eq!(proposed(decision).base, Some(header.id));
        }
    }
    let (west, east, one) = finished();
    assert!(matches!(submit(&[&west, &east], &one), Decision::Unchanged(_)), "at its end, and as it should be");
}

/// Each row: what happens to the job in the east alone, and that the same specification is then a new rollout, with a version of its own.
#[test]
fn drift() {
    let stopped = |region: &mut Region| {
        region.apply(&Command::DeregisterJob { key: key(), purge: false, eval: None, time: 0 });
    };
    let purged = |region: &mut Region| {
        region.apply(&Command::DeregisterJob { key: key(), purge: true, eval: None, time: 0 });
    };
    let scaled = |region: &mut Region| {
        let mut job = region.0.job(&key()).map(|job| (**job).clone()).expect("a job");
        job.task_groups[0].count += 1;
        let register = state::RegisterJob { job: job.into(), submission: None, enforce_index: None, eval: None, time: 0 };
        region.apply(&Command::RegisterJob(Box::new(register)));
    };
    let scaled_and_purged = |region: &mut Region| {
        scaled(region);
        purged(region);
    };
    let scaled_twice = |region: &mut Region| (0..2).for_each(|_| scaled(region));
    let purged_and_new = |region: &mut Region| {
        purged(region);
        let register = state::RegisterJob { job: testkit::job("web").arc(), submission: None, enforce_index: None, eval: None, time: 0 };
        region.apply(&Command::RegisterJob(Box::new(register)));
    };
    type Case<'a> = (&'a str, &'a dyn Fn(&mut Region), u64);
    let cases: [Case<'_>; 6] = [
        ("stopped", &stopped, 2),
        ("purged", &purged, 1),
        ("scaled", &scaled, 2),
        ("scaled twice", &scaled_twice, 3),
        // Its allocations may still be known elsewhere under the number that it had.
        ("scaled and purged", &scaled_and_purged, 2),
        ("purged and registered anew", &purged_and_new, 2),
    ];
    for (what, act, version) in cases {
        let (west, mut east, one) = finished();
        act(&mut east);
        assert!(east.answer(&one).drifted, "{what}");
        let header = proposed(submit(&[&west, &east], &one));
        assert_eq!(header.job_version, version, "{what}");
    }
}

/// A region that failed and returned to the version before has drifted; the next version is beyond what it used for that.
#[test]
fn drift_by_auto_revert() {
    let (mut west, mut east, _) = finished();
    let two = job("two", &["west", "east"]);
    let header = proposed(submit(&[&west, &east], &two));
    west.adopt(&header, &two);
    east.adopt(&header, &two);
    let head = east.0.rollout_head(&key()).cloned().expect("a head");
    let change = PhaseChange {
        id: head.header.id.clone(),
        from: head.phase,
        to: Phase::Failed,
        cause: String::new(),
        cause_region: RegionName::default(),
        forced: false,
        revert_to: Some(0),
        stop_job: false,
        eval: None,
        time: 0,
    };
    assert_eq!(east.apply(&Command::SetRolloutPhase(Box::new(change))), Outcome::Done);
    assert_eq!(east.0.job(&key()).map(|job| job.version), Some(2));
    assert!(east.answer(&two).drifted && !west.answer(&two).drifted);
    assert_eq!(proposed(submit(&[&west, &east], &two)).job_version, 3);
}

/// Any refusal, and any region that does not answer, refuses the whole; every region is named with what it said.
#[test]
fn refusals() {
    let (west, east) = (Region::new("west"), Region::new("east"));
    let one = job("one", &["west", "east", "north"]);
    let answers: Answers = vec![
        ("west".into(), Ok(west.answer(&one))),
        ("east".into(), Ok(answer(&east.0, &one, "no such node pool".to_owned()))),
        ("north".into(), Err("No path to region".to_owned())),
    ];
    let Decision::Refuse { reason: text, winner: None } = decide(&one, &"west".into(), &answers, Uuid::nil(), "", 0) else {
        panic!("not refused")
    };
    for line in ["* west: ok", "* east: no such node pool", "* north: no answer: No path to region"] {
        assert!(text.contains(line), "{line} is not in: {text}");
    }
}

/// What a region refuses by itself: while another proposal is undecided, another kind of job, a name that no datagram can carry.
#[test]
fn own_refusals() {
    let (mut west, east, one) = finished();
    assert_eq!(west.answer(&one).refusal, "");
    let batch = Job { kind: model::JobType::Batch, ..one.clone() };
    assert!(west.answer(&batch).refusal.contains("cannot change job type"));
    let long = Job { id: "x".repeat(300).into(), ..one };
    assert!(west.answer(&long).refusal.contains("shorten the id"));
    let two = job("two", &["west", "east"]);
    let header = proposed(submit(&[&east, &west], &two));
    let id = header.id.clone();
    let stage = Command::StageRollout { header: header.into(), source: Some(two.clone().into()), submission: None, time: 0 };
    assert_eq!(west.apply(&stage), Outcome::Done);
    assert_eq!(west.answer(&two).busy.as_ref(), Some(&id));
    // Another rollout came first, and nothing else is in the way.
    let Decision::Refuse { reason, winner } = submit(&[&east, &west], &two) else { panic!("not refused") };
    assert!(
        winner.as_ref() == Some(&id) && reason.contains(&format!("* west: another rollout of the job is being decided: {id}")),
        "{reason}"
    );
    let silent: Answers = vec![("east".into(), Err("gone".to_owned())), ("west".into(), Ok(west.answer(&two)))];
    assert!(matches!(decide(&two, &"west".into(), &silent, Uuid::nil(), "", 0), Decision::Refuse { winner: None, .. }));
}

fn deferring(what: &str, regions: &[&str]) -> Job {
    let strategy = MultiregionStrategy { unreachable: Unreachable::Defer, ..Default::default() };
    testkit::job("web").env("WHAT", what).multiregion(strategy, regions).build()
}

/// Where the job says so, a region that does not answer is no hindrance: it is deferred, whether it is listed or left out. A refusal is one,
/// and so is silence of the origin itself.
#[test]
fn unreachable_regions() {
    let (mut west, mut east, _) = finished();
    let silent = |name: &str| (RegionName::from(name), Err("No path to region".to_owned()));
    let ask = |west: &Region, job: &Job, others: Answers| {
        let own = (RegionName::from("west"), Ok(west.answer(job)));
        decide(job, &"west".into(), &[vec![own], others].concat(), Uuid::from_u128(5), "", 0)
    };
    let both = deferring("two", &["west", "east"]);
    let header = proposed(ask(&west, &both, vec![silent("east")]));
    assert_eq!((header.deferred.as_slice(), header.dropped.len(), header.job_version), (&["east".into()][..], 0, 1));
    assert_eq!(header.participants().collect::<Vec<_>>(), ["west"], "it votes alone");
    let left = proposed(ask(&west, &deferring("two", &["west"]), vec![silent("east")]));
    assert_eq!((left.dropped.as_slice(), left.deferred.as_slice()), (&["east".into()][..], &["east".into()][..]));
    let refuses = vec![("east".into(), Ok(answer(&east.0, &both, "no such node pool".to_owned())))];
    assert!(matches!(ask(&west, &both, refuses), Decision::Refuse { .. }));
    assert!(matches!(decide(&both, &"west".into(), &vec![silent("west")], Uuid::nil(), "", 0), Decision::Refuse { .. }));
    // The other half cannot do the same: only one of them has the first of the list.
    let own = ("east".into(), Ok(east.answer(&both)));
    let reason = match decide(&both, &"east".into(), &vec![silent("west"), own], Uuid::from_u128(6), "", 0) {
        Decision::Refuse { reason, winner: None } => reason,
        other => panic!("{other:?}"),
    };
    assert!(reason.contains("1 of its 2 regions can be asked") && reason.contains("half of them with the first"), "{reason}");
    // Before there is a rollout, no half will do.
    let fresh = Region::new("west");
    assert!(matches!(ask(&fresh, &both, vec![silent("east")]), Decision::Refuse { .. }));
    let three = deferring("two", &["west", "east", "north"]);
    let north = ("north".into(), Ok(Region::new("north").answer(&three)));
    assert_eq!(proposed(ask(&fresh, &three, vec![silent("east"), north.clone()])).deferred, [RegionName::from("east")]);
    // Nor does it count regions that the present rollout does not have, or a region that has missed it.
    let own = ("east".into(), Ok(east.answer(&three)));
    let answers = vec![silent("west"), own, north.clone()];
    assert!(matches!(decide(&three, &"east".into(), &answers, Uuid::from_u128(6), "", 0), Decision::Refuse { .. }));
    let answers = vec![("west".into(), Ok(west.answer(&three))), silent("east"), north];
    assert!(matches!(decide(&three, &"north".into(), &answers, Uuid::from_u128(6), "", 0), Decision::Refuse { .. }));
    let rejecting = job("two", &["west", "east"]);
    assert!(matches!(ask(&west, &rejecting, vec![silent("east")]), Decision::Refuse { .. }));
    // The same again changes nothing while it is away; when it is back and has not joined yet, it takes part in a new one.
    west.adopt(&header, &both);
    assert_eq!(ask(&west, &both, vec![silent("east")]), Decision::Unchanged(header.id.clone()));
    assert!(matches!(submit(&[&west, &east], &both), Decision::Propose(_)));
    // It hears of it, and joins when the others are through with it.
    let mut records = multiregion::Records::default();
    let tell = |records: &mut multiregion::Records, region: &Region| {
        for record in multiregion::own_records(&region.0) {
            records.put(record);
        }
    };
    tell(&mut records, &west);
    let (header, source) = (Arc::new(header), Arc::new(both));
    assert_eq!(multiregion::missing(&east.0, &records), [[(header.id.clone(), RegionName::from("west"))]]);
    assert_eq!(multiregion::learn(&east.0, &records, &header, Some(&source), 9), None, "west is not through with it");
    west.walk(&[Phase::Running, Phase::Blocked, Phase::Unblocking, Phase::Successful]);
    tell(&mut records, &west);
    let command = multiregion::learn(&east.0, &records, &header, Some(&source), 9).expect("it joins");
    assert_eq!(east.apply(&command), Outcome::Done);
    for _ in 0..2 {
        let step = multiregion::step(&east.0, &records, 9, &mut IdSource::new(1));
        step.propose.iter().for_each(|command| _ = east.apply(command));
    }
    let head = east.0.rollout_head(&key()).expect("a head");
    assert_eq!((&head.header.id, head.phase), (&header.id, Phase::Running));
    assert!(multiregion::missing(&east.0, &records).is_empty());
}

/// West has finished a second rollout while east, which was to take part, could not be asked.
fn finished_without_east() -> (Region, Region, Job, RolloutHeader) {
    let (mut west, east, _) = finished();
    let both = deferring("two", &["west", "east"]);
    let silent = (RegionName::from("east"), Err("No path to region".to_owned()));
    let answers: Answers = vec![("west".into(), Ok(west.answer(&both))), silent];
    let header = proposed(decide(&both, &"west".into(), &answers, Uuid::from_u128(5), "", 0));
    west.adopt(&header, &both);
    west.walk(&[Phase::Running, Phase::Blocked, Phase::Unblocking, Phase::Successful]);
    (west, east, both, header)
}

/// What a later rollout says counts, not one that a region missed before it.
#[test]
fn a_late_region_joins_the_last_rollout_only() {
    let (mut west, east, both, header) = finished_without_east();
    let mut records = multiregion::Records::default();
    let stop = stop(&west.0, &west.0.rollout_head(&key()).cloned().expect("a head"), Uuid::from_u128(6), "", 7);
    assert!(stop.regions.contains(&"east".into()), "it may have joined by then");
    west.adopt(&stop, &both);
    multiregion::own_records(&west.0).into_iter().for_each(|record| _ = records.put(record));
    assert_eq!(multiregion::learn(&east.0, &records, &Arc::new(header), Some(&Arc::new(both)), 9), None);
    assert!(multiregion::learn(&east.0, &records, &Arc::new(stop), None, 9).is_some());
}

/// A rollout that leaves a region out while it is away reaches it also when a later one, which has nothing to do with it, was decided without yet
/// another region.
#[test]
fn a_region_that_was_left_out_learns_so_behind_a_rollout_of_others() {
    let (mut west, mut north, east) = (Region::new("west"), Region::new("north"), finished().1);
    let silent = |name: &str| (RegionName::from(name), Err("No path to region".to_owned()));
    let own = |region: &Region, job: &Job| (region.0.identity().region.clone(), Ok(region.answer(job)));
    let first = job("one", &["west", "north", "east"]);
    let head = proposed(submit(&[&west, &north, &Region::new("east")], &first));
    west.adopt(&head, &first);
    north.adopt(&head, &first);
    let without_east = deferring("two", &["west", "north"]);
    let answers = vec![own(&west, &without_east), own(&north, &without_east), silent("east")];
    let second = proposed(decide(&without_east, &"west".into(), &answers, Uuid::from_u128(5), "", 0));
    assert_eq!((&second.dropped[..], &second.deferred[..]), (&["east".into()][..], &["east".into()][..]));
    west.adopt(&second, &without_east);
    north.adopt(&second, &without_east);
    west.walk(&[Phase::Running, Phase::Blocked]);
    let third = deferring("three", &["west", "north"]);
    let answers = vec![own(&west, &third), silent("north")];
    let third_header = proposed(decide(&third, &"west".into(), &answers, Uuid::from_u128(6), "", 0));
    assert!(!third_header.everybody().any(|region| region.as_str() == "east"), "{third_header:?}");
    west.adopt(&third_header, &third);
    let mut records = multiregion::Records::default();
    for record in [&west, &north].into_iter().flat_map(|region| multiregion::own_records(&region.0)) {
        records.put(record);
    }
    let lists = multiregion::missing(&east.0, &records);
    let ids: Vec<&RolloutId> = lists.iter().flatten().map(|(id, _)| id).collect();
    assert_eq!(ids, [&third_header.id, &second.id]);
    assert!(!multiregion::concerns(&east.0, &third_header) && multiregion::concerns(&east.0, &second));
    let learned = multiregion::learn(&east.0, &records, &Arc::new(second), Some(&Arc::new(without_east)), 9);
    assert!(learned.is_some(), "it is left out");
}

/// A region that was away and gave the version's number to something of its own does not ask for the rollout again and again: it cannot have it.
#[test]
fn a_late_region_whose_version_is_taken_does_not_join() {
    let (west, mut east, both, header) = finished_without_east();
    let mut records = multiregion::Records::default();
    multiregion::own_records(&west.0).into_iter().for_each(|record| _ = records.put(record));
    let (header, source) = (Arc::new(header), Arc::new(both));
    assert!(multiregion::learn(&east.0, &records, &header, Some(&source), 9).is_some());
    let mut own = (**east.0.job(&key()).expect("a job")).clone();
    own.priority += 1;
    let register = state::RegisterJob { job: Arc::new(own), submission: None, enforce_index: None, eval: None, time: 9 };
    assert!(matches!(east.apply(&Command::RegisterJob(Box::new(register))), Outcome::Registered { version: 1, .. }));
    assert_eq!(multiregion::learn(&east.0, &records, &header, Some(&source), 9), None);
}

/// What a person asserts in one region is kept by every region that hears of it, and shown; an excluded region is not asked any more.
#[test]
fn overrides_spread() {
    let (mut west, mut east) = (Region::new("west"), Region::new("east"));
    let one = job("one", &["west", "east"]);
    let header = proposed(submit(&[&west, &east], &one));
    west.adopt(&header, &one);
    east.adopt(&header, &one);
    let asserted = |region: &str| Overrides { excluded: [region.into()].into(), ..Default::default() };
    let command = |overrides| Command::OverrideRollout { id: header.id.clone(), overrides, time: 3 };
    assert!(matches!(west.apply(&command(asserted("mars"))), Outcome::Refused(text) if text.contains("mars")));
    assert_eq!(west.apply(&command(asserted("east"))), Outcome::Done);
    assert_eq!(west.answer(&one).head_regions, [RegionName::from("west")]);
    let mut records = multiregion::Records::default();
    multiregion::own_records(&west.0).into_iter().for_each(|record| _ = records.put(record));
    let step = multiregion::step(&east.0, &records, 9, &mut IdSource::new(1));
    step.propose.iter().for_each(|command| _ = east.apply(command));
    let head = east.0.rollout_head(&key()).expect("a head");
    assert_eq!((&head.overrides, head.phase, head.forced), (&asserted("east"), Phase::Failed, true), "{}", head.cause);
    assert_eq!(multiregion::step(&east.0, &records, 9, &mut IdSource::new(2)).propose, []);
    let alone = submit(&[&west], &job("two", &["west"]));
    assert_eq!(proposed(alone).dropped, Vec::<RegionName>::new(), "nobody waits for it");
}

/// An origin that is excluded after it has committed: its peers adopt all the same, also if their leader forgets in between what it has heard.
#[test]
fn an_excluded_origin_has_committed() {
    let (mut west, mut east) = (Region::new("west"), Region::new("east"));
    let one = job("one", &["west", "east"]);
    let header = proposed(submit(&[&west, &east], &one));
    let (staged, source) = (Arc::new(header.clone()), Some(Arc::new(one.clone())));
    east.apply(&Command::StageRollout { header: staged, source, submission: None, time: 0 });
    west.adopt(&header, &one);
    let excluded = Overrides { excluded: ["west".into()].into(), ..Default::default() };
    west.apply(&Command::OverrideRollout { id: header.id.clone(), overrides: excluded, time: 3 });
    let mut records = multiregion::Records::default();
    multiregion::own_records(&west.0).into_iter().for_each(|record| _ = records.put(record));
    // The first of its wishes is committed, then comes another leader.
    let step = multiregion::step(&east.0, &records, 9, &mut IdSource::new(1));
    east.apply(&step.propose[0]);
    let step = multiregion::step(&east.0, &multiregion::Records::default(), 9, &mut IdSource::new(2));
    step.propose.iter().for_each(|command| _ = east.apply(command));
    assert!(east.0.rollout(&header.id).is_some_and(|rollout| rollout.phase.is_adopted()));
}

/// A region that leaves the list is asked and dropped; one that has left is let go when it is known to have heard of it.
#[test]
fn dropped_regions() {
    let (mut west, mut east, _) = finished();
    let alone = job("alone", &["west"]);
    assert_eq!(west.answer(&alone).head_regions, ["west", "east"].map(RegionName::from), "whom the origin has to ask");
    let header = proposed(submit(&[&west, &east], &alone));
    assert_eq!((header.regions.as_slice(), header.dropped.as_slice()), (&["west".into()][..], &["east".into()][..]));
    west.adopt(&header, &alone);
    assert_eq!(west.answer(&alone).head_regions, ["west", "east"].map(RegionName::from), "east may still run the one before");
    east.adopt(&header, &alone);
    west.walk(&[Phase::Running]);
    assert_eq!(west.answer(&alone).head_regions, [RegionName::from("west")], "nobody runs before everybody has adopted");
    west.walk(&[Phase::Failed]);
    assert_eq!(west.answer(&alone).head_regions, [RegionName::from("west")], "it has run");
}

/// A stop concerns the regions that may have the job, and takes its base from the head.
#[test]
fn stops() {
    let (mut west, east, _) = finished();
    let alone = job("alone", &["west"]);
    let header = proposed(submit(&[&west, &east], &alone));
    west.adopt(&header, &alone);
    let head = west.0.rollout_head(&key()).cloned().expect("a head");
    let stop = stop(&west.0, &head, Uuid::from_u128(3), "somebody", 7);
    assert_eq!((stop.kind, stop.base.as_ref()), (RolloutKind::Stop, Some(&header.id)));
    assert_eq!((stop.regions.as_slice(), stop.dropped.as_slice()), (&["west".into()][..], &["east".into()][..]));
    assert!(stop.id > header.id);
}

/// A region that the list has left out can be asked for the stop as well: it takes part, and everybody stops.
#[test]
fn a_stop_from_a_dropped_region() {
    let (mut west, mut east, _) = finished();
    let alone = job("alone", &["west"]);
    let header = proposed(submit(&[&west, &east], &alone));
    west.adopt(&header, &alone);
    east.adopt(&header, &alone);
    east.walk(&[Phase::Dropped]);
    let head = east.0.rollout_head(&key()).cloned().expect("a head");
    let stop = stop(&east.0, &head, Uuid::from_u128(3), "", 7);
    assert_eq!((stop.regions.as_slice(), stop.dropped.as_slice()), (&["west".into()][..], &["east".into()][..]));
    for region in [&mut east, &mut west] {
        region.adopt(&stop, &alone);
        assert!(region.0.job(&key()).is_some_and(|job| job.stop));
    }
}

/// A region that was away when the others stopped hears of it by their records, fetches it and stops too.
#[test]
fn a_stop_reaches_who_was_away() {
    let (mut west, mut east, one) = finished();
    let head = west.0.rollout_head(&key()).cloned().expect("a head");
    let header = Arc::new(stop(&west.0, &head, Uuid::from_u128(3), "", 7));
    west.adopt(&header, &one);
    let mut records = multiregion::Records::default();
    for record in multiregion::own_records(&west.0) {
        records.put(record);
    }
    assert_eq!(multiregion::missing(&east.0, &records), [[(header.id.clone(), RegionName::from("west"))]]);
    let command = multiregion::learn(&east.0, &records, &header, None, 9).expect("it concerns the east");
    assert_eq!(east.apply(&command), Outcome::Done);
    let step = multiregion::step(&east.0, &records, 9, &mut IdSource::new(1));
    for command in &step.propose {
        east.apply(command);
    }
    assert!(east.0.job(&key()).is_some_and(|job| job.stop));
    assert!(multiregion::missing(&east.0, &records).is_empty());
    assert_eq!(multiregion::learn(&east.0, &records, &header, None, 9), None, "known by now");
    assert!(multiregion::missing(&Region::new("north").0, &records).is_empty(), "a region that never had the job");
}

/// A job without deployments (batch) that is stopped here ends its rollout here: there is no deployment whose end could tell.
#[test]
fn stopped_without_a_deployment() {
    let (mut west, east) = (Region::new("west"), Region::new("east"));
    let batch = Job { kind: model::JobType::Batch, ..job("one", &["west", "east"]) };
    let header = proposed(submit(&[&west, &east], &batch));
    west.adopt(&header, &batch);
    assert!(west.0.deployments().next().is_none());
    west.apply(&Command::DeregisterJob { key: key(), purge: false, eval: None, time: 0 });
    let step = multiregion::step(&west.0, &multiregion::Records::default(), 0, &mut IdSource::new(1));
    for command in &step.propose {
        assert_eq!(west.apply(command), Outcome::Done);
    }
    let head = west.0.rollout_head(&key()).cloned().expect("a head");
    assert_eq!((head.phase, head.cause.as_str()), (Phase::Cancelled, "Cancelled because job is stopped"));
    assert_eq!(multiregion::step(&west.0, &multiregion::Records::default(), 0, &mut IdSource::new(1)).propose, []);
}

/// What a region published never looks older than before: not when its deployment is collected, and what changes after the end is no news.
#[test]
fn records_do_not_become_older() {
    let (mut west, ..) = finished();
    let freshness = |region: &Region| multiregion::own_records(&region.0)[0].freshness();
    let published = freshness(&west);
    let deployment = west.0.latest_deployment(&key()).cloned().expect("a deployment");
    let plan = state::Plan { deployment: Some((*deployment).clone()), ..Default::default() };
    west.apply(&Command::ApplyPlan(Box::new(plan)));
    assert!(west.0.latest_deployment(&key()).is_some_and(|now| now.modify_index > deployment.modify_index));
    assert_eq!(freshness(&west), published);
    west.apply(&Command::Reap(Box::new(state::Reap { deployments: vec![deployment.id], ..Default::default() })));
    assert!(west.0.latest_deployment(&key()).is_none());
    assert_eq!(freshness(&west), published);
}

/// Votes: all yes commits; a no or a silence withdraws; a younger rival is waited for; an older one has won.
#[test]
fn counting() {
    let id = |lamport| RolloutId { lamport, origin: "west".into(), uuid: Uuid::nil() };
    let busy = |lamport| Vote::Busy(id(lamport));
    let (yes, no) = (Vote::Yes, Vote::No("head".to_owned()));
    let silent = Vote::Silent("No path to region".to_owned());
    // What two peers say to number 5, whether there is time, and: commit, ask again, or withdraw in favour of whom.
    let check = |votes: [&Vote; 2], patient: bool, want: &str| {
        let votes: Vec<(RegionName, Vote)> =
            [("east", votes[0]), ("north", votes[1])].map(|(name, vote)| (name.into(), vote.clone())).to_vec();
        let got = match count(&id(5), &votes, patient) {
            Verdict::Commit => "commit".to_owned(),
            Verdict::AskAgain(regions) => format!("ask {}", regions.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" ")),
            Verdict::Withdraw { winner, reason } => {
                assert!(reason.contains("east") && reason.contains("north"), "every region is named: {reason}");
                format!("withdraw {}", winner.map_or("-".to_owned(), |winner| winner.lamport.to_string()))
            }
        };
        assert_eq!(got, want, "{votes:?}");
    };
    check([&yes, &yes], true, "commit");
    check([&yes, &yes], false, "commit");
    check([&yes, &no], true, "withdraw -");
    check([&silent, &yes], true, "withdraw -");
    check([&yes, &busy(7)], true, "ask north");
    check([&busy(7), &busy(8)], true, "ask east north");
    check([&busy(7), &yes], false, "withdraw 7");
    check([&yes, &busy(3)], true, "withdraw 3");
    check([&busy(7), &busy(3)], true, "withdraw 7");
    check([&busy(7), &no], true, "withdraw 7");
}

/// What people read: whom a region waits for.
#[test]
fn words() {
    let header = RolloutHeader {
        id: RolloutId { lamport: 1, origin: "west".into(), uuid: Uuid::nil() },
        namespace: "default".into(),
        job_id: "web".into(),
        base: None,
        kind: RolloutKind::Run,
        job_version: 0,
        spec_hash: String::new(),
        regions: ["west", "east", "north"].map(RegionName::from).to_vec(),
        dropped: Vec::new(),
        deferred: Vec::new(),
        strategy: MultiregionStrategy { max_parallel: 1, ..Default::default() },
        author: String::new(),
        submit_time: 0,
    };
    let record = model::RegionRecord { desired: 5, healthy: 2, ..testkit::full(0).expect("a record") };
    for (known, of, want) in [
        ("west=running east=adopted north=adopted", "east", "waiting for west (running, 2 of 5 healthy)"),
        ("west=adopted east=adopted", "west", "waiting for north (nothing heard from it yet)"),
        ("west=adopted east=voted north=voted", "west", "waiting for east (voted), north (voted)"),
        ("west=voted east=voted north=voted", "north", "waiting for west (voted)"),
        ("west=blocked east=held north=failed", "west", "waiting for east (blocked), north (failed)"),
        ("west=unblocking east=blocked north=unblocking", "west", "waiting for east (blocked)"),
        ("west=held east=failed north=failed", "west", "a person: another region failed; unblock this one, or run a new version"),
        ("west=blocked east=cancelled north=running", "west", "a person: east (cancelled); unblock this one, or run a new version"),
        (
            "west=unblocking east=cancelled north=cancelled",
            "west",
            "a person: east (cancelled), north (cancelled); unblock this one, or run a new version",
        ),
        ("west=paused east=adopted north=adopted", "west", "a person: resume it"),
        ("west=running east=adopted north=adopted", "west", "its own allocations"),
        ("west=successful", "west", ""),
        ("west=successful", "east", "nothing heard from it yet"),
    ] {
        let phases = known
            .split(' ')
            .filter_map(|item| item.split_once('='))
            .map(|(name, phase)| (RegionName::from(name), phase.parse().expect("a phase")))
            .collect();
        assert_eq!(
            multiregion::waiting_for(&header, &of.into(), &phases, &Overrides::default(), |_| Some(&record)),
            want,
            "{known}, of {of}"
        );
    }
}
