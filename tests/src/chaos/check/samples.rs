//! Small histories: one that is fine, and one for each rule that breaks it and nothing else.

use super::*;
use crate::chaos::history::{Alloc, Record, Rest, Seen, SeenRegion, Sight, Span, Spec, Version};

const REGIONS: [&str; 3] = ["a", "b", "c"];
const FIRST: &str = "1.a.00000000-0000-0000-0000-000000000001";
const SECOND: &str = "2.b.00000000-0000-0000-0000-000000000002";

fn spec(marker: &str, on_failure: &str, failing: &[&str]) -> Spec {
    Spec {
        job: "j".to_owned(),
        marker: marker.to_owned(),
        regions: REGIONS.map(str::to_owned).to_vec(),
        counts: vec![1, 2, 1],
        failing: failing.iter().map(|region| (*region).to_owned()).collect(),
        max_parallel: 1,
        on_failure: on_failure.to_owned(),
        defers: false,
        reverts: false,
    }
}

fn submitted(spec: &Spec, region: &str, at: u64, status: u16, text: &str) -> Event {
    let span = Span { asked: at, answered: at + 1 };
    Event::Submitted { spec: spec.clone(), region: region.to_owned(), span, status, text: text.to_owned() }
}

/// `a=running/7 b=adopted/3`: what is known of each region, with its freshness; a region that is not mentioned is unknown.
fn seen(id: &str, mode: &str, known: &str) -> Seen {
    let record = |name: &str| {
        let (phase, seq) = known.split(' ').find_map(|item| item.strip_prefix(name)?.strip_prefix('=')?.split_once('/'))?;
        Some(Record { freshness: (1, seq.parse().expect("a number")), phase: phase.to_owned(), ..Record::default() })
    };
    let region = |name: &str| SeenRegion { region: name.to_owned(), is_listed: true, record: record(name), ..SeenRegion::default() };
    Seen {
        id: id.to_owned(),
        kind: "run".to_owned(),
        version: u64::from(id != FIRST),
        base: (id != FIRST).then(|| FIRST.to_owned()),
        spec_hash: format!("hash of {id}"),
        max_parallel: 1,
        on_failure: mode.to_owned(),
        regions: REGIONS.map(region).to_vec(),
        ..Seen::default()
    }
}

/// Said by a server of `region`, by a consistent read.
fn said(region: &str, at: u64, rollout: Option<Seen>) -> Event {
    Event::Seen(Sight {
        job: "j".to_owned(),
        server: format!("{region}-1"),
        life: 1,
        region: region.to_owned(),
        is_consistent: true,
        span: Span { asked: at, answered: at + 1 },
        rollout,
    })
}

fn at_rest(region: &str, rollout: Seen, version: &Version, running: usize) -> Event {
    let alloc = |_| Alloc { version: version.version, status: "running".to_owned(), ..Alloc::default() };
    Event::Rest(Rest {
        stage: 0,
        job: "j".to_owned(),
        region: region.to_owned(),
        span: Span { asked: 900, answered: 901 },
        rollout: Some(rollout),
        present: Some(version.clone()),
        versions: vec![version.clone()],
        deployments: Vec::new(),
        allocs: (0..running).map(alloc).collect(),
    })
}

fn version(number: u64, marker: &str) -> Version {
    Version { version: number, marker: marker.to_owned(), hash: 7, ..Version::default() }
}

/// Every region rests in this phase, in [`FIRST`].
fn all_rest(mode: &str, phases: [&str; 3]) -> Vec<Event> {
    let rest = |(position, region): (usize, &&str)| {
        let running = if phases[position] == "failed" { 0 } else { [1, 2, 1][position] };
        at_rest(region, seen(FIRST, mode, &format!("{region}={}/90", phases[position])), &version(0, "one"), running)
    };
    REGIONS.iter().enumerate().map(rest).collect()
}

/// One region after the other, and all successful.
fn fine() -> Vec<Event> {
    let mut events = vec![submitted(&spec("one", "fail_all", &[]), "a", 1, 200, "")];
    let say = |region, at, known| said(region, at, Some(seen(FIRST, "fail_all", known)));
    events.extend([
        say("b", 10, "b=voted/3"),
        say("a", 20, "a=adopted/5"),
        say("b", 30, "b=adopted/6"),
        say("c", 32, "c=adopted/4"),
        say("a", 40, "a=running/7 b=adopted/6 c=adopted/4"),
        say("a", 50, "a=running/7"),
        say("a", 60, "a=blocked/8"),
        say("b", 70, "a=blocked/8 b=running/9"),
        say("b", 80, "b=running/9"),
    ]);
    events.extend(all_rest("fail_all", ["successful"; 3]));
    events
}

/// The rules that a history breaks, without repetitions.
fn broken(events: &[Event]) -> Vec<&'static str> {
    let mut rules: Vec<_> = check(events).into_iter().map(|violation| violation.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

fn with(more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    fine().into_iter().chain(more).collect()
}

fn say(region: &str, at: u64, known: &str) -> Event {
    said(region, at, Some(seen(FIRST, "fail_all", known)))
}

#[test]
fn what_is_fine_is_fine() {
    assert_eq!(check(&fine()), []);
    let stale_copies = [say("b", 82, "a=running/7 b=running/9"), say("c", 84, "a=adopted/5 b=adopted/6 c=adopted/4")];
    assert_eq!(check(&with(stale_copies)), []);
}

#[test]
fn records() {
    // same freshness, another phase; as old copies may do, not the region itself
    assert_eq!(broken(&with([say("c", 85, "a=paused/7")])), ["the same freshness says the same"]);
    assert_eq!(broken(&with([say("a", 85, "a=adopted/5")])), ["freshness only grows"]);
    let mut stale = [say("c", 84, "b=running/9"), say("c", 86, "b=adopted/6")];
    for event in &mut stale {
        if let Event::Seen(sight) = event {
            sight.is_consistent = false;
        }
    }
    assert_eq!(broken(&with(stale.clone())), ["freshness only grows"]);
    // after a restart it may have to learn again
    if let Event::Seen(sight) = &mut stale[1] {
        sight.life = 2;
    }
    assert_eq!(check(&with(stale)), []);
    assert_eq!(broken(&with([say("c", 85, "a=blocked/91")])), ["terminal phases never change"]);
    let other = Seen { version: 5, ..seen(FIRST, "fail_all", "") };
    assert_eq!(broken(&with([said("c", 85, Some(other))])), ["a rollout is the same everywhere"]);
}

#[test]
fn versions_and_bases() {
    let rest = |hash: u64| at_rest("a", seen(FIRST, "fail_all", "a=successful/90"), &Version { hash, ..version(0, "one") }, 1);
    assert_eq!(check(&with([rest(7)])), []);
    assert_eq!(broken(&with([rest(8)])), ["a version has one specification"]);
    // the same version number for another rollout that was adopted; one that was voted for only may have it
    let second = |known: &str, base: Option<&str>| Seen { base: base.map(str::to_owned), version: 0, ..seen(SECOND, "fail_all", known) };
    let early = |rollout| said("c", 5, Some(rollout));
    assert_eq!(check(&with([early(second("b=voted/2", Some(FIRST)))])), []);
    assert_eq!(broken(&with([early(second("b=adopted/2", Some(FIRST)))])), ["a version has one specification"]);
    let rules = broken(&with([early(Seen { version: 1, ..second("b=adopted/2", None) })]));
    assert_eq!(rules, ["two proposals on one base never both commit"]);
    assert_eq!(check(&with([early(Seen { version: 1, ..second("b=withdrawn/2", None) })])), []);
    // a stop needs no vote, but b has voted for the other one, unless it was away
    let mut other = seen(FIRST, "fail_all", "a=adopted/2 b=adopted/2");
    let stop = Seen { kind: "stop".to_owned(), base: None, ..seen(SECOND, "fail_all", "b=stopped/3") };
    let rule = "two proposals on one base never both commit";
    assert_eq!(broken(&told(&[("a", &other), ("b", &stop)])), [rule]);
    assert_eq!(check(&told(&[("a", &Seen { kind: "stop".to_owned(), ..other.clone() }), ("b", &stop)])), []);
    other.regions[1].is_deferred = true;
    assert_eq!(check(&told(&[("a", &other), ("b", &stop)])), []);
}

/// Rollouts as regions told them, in this order; nothing was submitted or is at rest.
fn told(rollouts: &[(&str, &Seen)]) -> Vec<Event> {
    let event = |(position, (region, rollout)): (usize, &(&str, &Seen))| said(region, 10 + 10 * position as u64, Some((*rollout).clone()));
    rollouts.iter().enumerate().map(event).collect()
}

fn first(known: &str) -> Seen {
    seen(FIRST, "fail_all", known)
}

#[test]
fn at_most_k() {
    // a runs before and after b was seen to run; a copy says when a began, but not that it still runs
    let (a, b) = (first("a=running/7"), first("b=running/9"));
    let rule = "at most max_parallel regions run";
    assert_eq!(broken(&told(&[("a", &a), ("b", &b), ("b", &b), ("a", &a)])), [rule]);
    assert_eq!(check(&told(&[("a", &a), ("a", &a), ("b", &b), ("b", &b)])), []);
    let copy = first("a=running/7 b=running/9");
    assert_eq!(check(&told(&[("a", &a), ("b", &b), ("b", &copy), ("c", &copy)])), []);
    let parallel = |rollout: &Seen| Seen { max_parallel: 2, ..rollout.clone() };
    assert_eq!(check(&told(&[("a", &parallel(&a)), ("b", &parallel(&b)), ("b", &parallel(&b)), ("a", &parallel(&a))])), []);
    let mut released = a.clone();
    released.regions[0].is_overridden = true;
    assert_eq!(check(&told(&[("a", &a), ("b", &b), ("b", &b), ("a", &released)])), []);
}

#[test]
fn barrier() {
    let rule = "nobody runs before all have adopted";
    let runs = first("a=running/7");
    assert_eq!(broken(&told(&[("a", &runs), ("c", &first("c=voted/3"))])), [rule]);
    assert_eq!(check(&told(&[("c", &first("c=voted/3")), ("a", &runs), ("c", &first("c=adopted/5"))])), []);
    let nothing = |at| said("c", at, None);
    assert_eq!(broken(&[told(&[("a", &runs)]), vec![nothing(50)]].concat()), [rule]);
    assert_eq!(check(&[told(&[("a", &runs)]), vec![nothing(5)]].concat()), []);
    // the second rollout runs, and c still has the first
    let second = Seen { version: 1, ..seen(SECOND, "fail_all", "b=running/20") };
    assert_eq!(broken(&told(&[("b", &second), ("c", &first("c=successful/5"))])), [rule]);
    assert_eq!(check(&told(&[("c", &first("c=successful/5")), ("b", &second)])), []);
    let mut deferred = second.clone();
    deferred.regions[2].is_deferred = true;
    assert_eq!(check(&told(&[("b", &deferred), ("c", &first("c=successful/5"))])), []);
}

#[test]
fn one_rollout_at_a_time() {
    let (older, newer) = (first("a=running/7"), seen(SECOND, "fail_all", "b=running/9"));
    let rules = broken(&told(&[("a", &older), ("b", &newer), ("b", &newer), ("a", &older)]));
    assert_eq!(rules, ["nobody runs before all have adopted", "one rollout of a job runs at a time"]);
    assert_eq!(check(&told(&[("a", &older), ("a", &older), ("b", &newer), ("b", &newer)])), []);
}

#[test]
fn outcomes() {
    let check_first = |mode: &str, known: &str| broken(&told(&[("a", &seen(FIRST, mode, known))]));
    let unanimous = "never successful in one region and failed or held in another";
    assert_eq!(check_first("fail_all", "a=successful/9 b=failed/7"), [unanimous]);
    assert_eq!(check_first("fail_local", "a=held/9 b=successful/7"), [unanimous]);
    assert_eq!(check_first("fail_local", "a=held/9 b=failed/7"), [""; 0]);
    // forced by a person: anything goes
    let mut forced = seen(FIRST, "fail_all", "a=successful/9 b=failed/7");
    if let Some(record) = &mut forced.regions[0].record {
        record.is_forced = true;
    }
    assert_eq!(check(&told(&[("a", &forced)])), []);
    let because = |mode: &str, cause: &str| {
        let mut failed = seen(FIRST, mode, "b=failed/7");
        if let Some(record) = &mut failed.regions[1].record {
            record.cause_region = cause.to_owned();
        }
        broken(&told(&[("b", &failed)]))
    };
    assert_eq!(because("fail_local", "a"), ["under fail_local no failure spreads"]);
    assert_eq!(because("", "c"), ["a failure spreads to later regions only"]);
    assert_eq!(because("", "a"), [""; 0]);
    assert_eq!(because("fail_all", "c"), [""; 0]);
    assert_eq!(because("fail_local", "b"), [""; 0]);
}

#[test]
fn users() {
    let other = |status, text: &str| submitted(&spec("other", "fail_all", &[]), "b", 5, status, text);
    assert_eq!(broken(&with([other(200, "")])), ["what was accepted is not lost"]);
    assert_eq!(check(&with([other(0, "")])), []);
    assert_eq!(check(&with([other(500, "refused")])), []);
    // accepted, and one of three regions never got it
    let mut lacking = fine();
    for event in &mut lacking {
        if let Event::Rest(rest) = event
            && rest.region == "c"
        {
            rest.versions = vec![version(0, "another")];
        }
    }
    assert!(broken(&lacking).contains(&"what was committed is adopted by all"), "{:?}", broken(&lacking));
    let named = |id: &str| other(409, &format!("another rollout of the job came first: {id}"));
    assert_eq!(check(&with([named(FIRST)])), []);
    assert_eq!(broken(&with([named(SECOND)])), ["a conflict names a rollout that exists"]);
    assert_eq!(broken(&with([other(409, "no")])), ["a conflict names who won"]);
    // its own submission was not accepted: it was withdrawn before anybody saw it
    let loser = submitted(&spec("third", "fail_all", &[]), "b", 4, 500, "");
    assert_eq!(check(&with([loser, named(SECOND)])), []);
}

/// What a rollout of this mode in which these regions fail may end as: exactly the wanted.
#[test]
fn known_outcomes() {
    let words = ["successful", "failed", "held"];
    let rows = [
        ("fail_all", vec![], "successful successful successful"),
        ("fail_all", vec!["b"], "failed failed failed"),
        ("", vec!["b"], "held failed failed"),
        ("", vec!["c", "b"], "held failed failed"),
        ("", vec!["a"], "failed failed failed"),
        ("fail_local", vec!["b"], "held failed held"),
        ("fail_local", vec!["a", "c"], "failed held failed"),
    ];
    for (mode, failing, wanted) in rows {
        for n in 0..27 {
            let phases = [words[n % 3], words[n / 3 % 3], words[n / 9]];
            let mut events = vec![submitted(&spec("one", mode, &failing), "a", 1, 200, "")];
            events.extend(all_rest(mode, phases));
            let is_fine = check(&events).is_empty();
            assert_eq!(is_fine, phases.join(" ") == wanted, "{mode:?} {failing:?} {phases:?}: {:?}", check(&events));
        }
    }
}

#[test]
fn a_person_fails_a_region() {
    // it counts as a failure of its own, and spreads as one
    let failed = |status| Event::Done {
        job: "j".to_owned(),
        what: "fail".to_owned(),
        region: "b".to_owned(),
        span: Span::default(),
        status,
        text: String::new(),
    };
    let ends = |deed: Vec<Event>, phases| {
        let events = [vec![submitted(&spec("one", "", &[]), "a", 1, 200, "")], all_rest("", phases), deed].concat();
        check(&events).is_empty()
    };
    assert!(ends(vec![failed(200)], ["held", "failed", "failed"]));
    assert!(ends(vec![failed(0)], ["held", "failed", "failed"]));
    assert!(ends(vec![failed(0)], ["successful"; 3]));
    assert!(!ends(vec![failed(200)], ["held", "failed", "held"]));
    assert!(!ends(vec![], ["held", "failed", "failed"]));
}

#[test]
fn rest() {
    let rule = "what was at rest stays so";
    let change = |change: &dyn Fn(&mut Rest)| {
        let mut events = fine();
        for event in &mut events {
            if let Event::Rest(rest) = event
                && rest.region == "b"
            {
                change(rest);
            }
        }
        broken(&events)
    };
    assert_eq!(change(&|rest| drop(rest.allocs.pop())), [rule]);
    assert_eq!(change(&|rest| rest.allocs[0].version = 3), [rule]);
    assert_eq!(change(&|rest| rest.allocs.push(rest.allocs[0].clone())), [rule]);
    assert!(change(&|rest| rest.rollout = None).contains(&rule));
    assert!(
        broken(&with([Event::Restless { job: "j".to_owned(), at: 999, why: vec!["b".to_owned()] }]))
            .contains(&"every rollout comes to rest")
    );
}

#[test]
fn stops_and_returns() {
    // a stop reaches everybody, and nothing runs any more
    let stop = |phase: &str, running: usize| {
        let rest = |region: &&str| {
            let kind = "stop".to_owned();
            let own = if *region == "c" { phase } else { "stopped" };
            let rollout = Seen { kind, ..seen(SECOND, "fail_all", &format!("{region}={own}/90")) };
            at_rest(region, rollout, &version(0, "one"), if *region == "c" { running } else { 0 })
        };
        broken(&REGIONS.iter().map(rest).collect::<Vec<_>>())
    };
    assert_eq!(stop("stopped", 0), [""; 0]);
    assert_eq!(stop("voted", 0), ["what was at rest stays so"]);
    assert_eq!(stop("stopped", 1), ["what was at rest stays so"]);
    // version 1 fails everywhere; whoever has a good version 0 returns to it, as version 2
    let returns = |present: u64, running: usize| {
        let two = Spec { reverts: true, ..spec("two", "fail_all", &["a"]) };
        let rest = |(position, region): (usize, &&str)| {
            let good = Version { is_stable: true, ..version(0, "one") };
            let mut versions = vec![version(1, "two"), good];
            if present == 2 {
                versions.insert(0, version(2, "one"));
            }
            let running = if *region == "b" { running } else { [1, 2, 1][position] };
            let rollout = seen(SECOND, "fail_all", &format!("{region}=failed/90"));
            match at_rest(region, rollout, &version(present, if present == 2 { "one" } else { "two" }), running) {
                Event::Rest(rest) => Event::Rest(Rest { versions, ..rest }),
                other => other,
            }
        };
        let mut events = vec![submitted(&two, "a", 1, 200, "")];
        events.extend(REGIONS.iter().enumerate().map(rest));
        broken(&events)
    };
    assert_eq!(returns(2, 2), [""; 0]);
    assert_eq!(returns(2, 1), ["what was at rest stays so"]);
    assert_eq!(returns(1, 2), ["what was at rest stays so"]);
}
