//! The event stream: what a region does, told once and in order to whoever follows.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use api::EventStreamLine;
use api::client::{Client, JsonStream, Query};
use model::{EventTopic, EventType};
use process_tests::{Cluster, Guest, JobFile, ask, ask_within, until};

fn cluster() -> Guest {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    Guest(CLUSTER.get_or_init(|| Cluster::up(&["west", "east"], 3, 1)))
}

/// Lines from an index on; 0: from now on.
fn follow(api: &Client, topics: &[&str], query: &Query) -> JsonStream<EventStreamLine> {
    ask(api.events(topics, query)).expect("a stream")
}

/// Reads on until a line ends what is wanted; all lines up to it.
fn lines_until(stream: &mut JsonStream<EventStreamLine>, wanted: impl Fn(&EventStreamLine) -> bool) -> Vec<EventStreamLine> {
    let mut lines: Vec<EventStreamLine> = Vec::new();
    loop {
        let line = ask(stream.next()).expect("a line").expect("the stream goes on");
        let is_last = wanted(&line);
        lines.push(line);
        if is_last {
            return lines;
        }
    }
}

fn has_phase(line: &EventStreamLine, phase: &str) -> bool {
    line.events.iter().any(|event| event.topic == EventTopic::Rollout && event.payload["Rollout"]["Phase"] == phase)
}

fn phases(lines: &[EventStreamLine]) -> Vec<&str> {
    let events = lines.iter().flat_map(|line| &line.events).filter(|event| event.topic == EventTopic::Rollout);
    events.map(|event| event.payload["Rollout"]["Phase"].as_str().expect("a phase")).collect()
}

fn over_two_regions(id: &str, update: &str) -> JobFile {
    let listed = "multiregion {\nstrategy {\nmax_parallel = 1\n}\nregion \"west\" {\ncount = 1\n}\nregion \"east\" {\ncount = 1\n}\n}";
    JobFile::service(id).count(0).job(listed).update(update)
}

#[test]
fn a_rollout_is_told_step_by_step_in_each_region() {
    // followed on a client of west, for west and for east, from before the submission to the end; and once more from another server's memory
    let cluster = cluster();
    let api = cluster.api("west-client-1");
    let topics = ["Rollout:told", "Deployment:told", "Job:told"];
    let mut streams = ["west", "east"].map(|region| follow(&api, &topics, &Query::new().region(region)));
    cluster.submit("east-server-2", &over_two_regions("told", "min_healthy_time = \"200ms\""), &[]).ok();
    for (stream, region) in streams.iter_mut().zip(["west", "east"]) {
        let lines = lines_until(stream, |line| has_phase(line, "successful"));
        assert_eq!(phases(&lines), ["voted", "adopted", "running", "blocked", "unblocking", "successful"], "{region}");
        assert!(lines.windows(2).all(|pair| pair[0].index < pair[1].index), "{region}: in the order of the log");
        let adopted = lines.iter().find(|line| has_phase(line, "adopted")).expect("adoption");
        let types: BTreeSet<(EventTopic, EventType)> = adopted.events.iter().map(|event| (event.topic, event.kind)).collect();
        let expected = [
            (EventTopic::Job, EventType::JobRegistered),
            (EventTopic::Deployment, EventType::RolloutAdopted),
            (EventTopic::Rollout, EventType::RolloutAdopted),
        ];
        assert_eq!(types, expected.into(), "{region}");
        let job = adopted.events.iter().find(|event| event.topic == EventTopic::Job).expect("the job");
        assert_eq!((job.key.as_str(), &*job.namespace, job.index), ("told", "default", adopted.index));
        assert_eq!(job.payload["Job"]["TaskGroups"][0]["Count"], 1, "{region}: what runs there");

        // nothing is skipped, nothing comes twice, whoever is asked and wherever one begins
        for server in 1..=3 {
            let other = cluster.api(&format!("{region}-server-{server}"));
            for begin in [0, 2] {
                let after = Query { index: lines[begin].index, ..Query::default() };
                let again = lines_until(&mut follow(&other, &topics, &after), |line| has_phase(line, "successful"));
                assert_eq!(again, lines[begin + 1..], "{region}-server-{server} after {begin}");
            }
        }
    }
}

#[test]
fn what_people_do_to_a_rollout_is_told() {
    // paused and resumed where it rolls, another region excluded, then aborted
    let cluster = cluster();
    let api = cluster.api("west-server-1");
    let mut stream = follow(&api, &["Rollout:acted"], &Query::new());
    cluster.submit("west-server-1", &over_two_regions("acted", "min_healthy_time = \"15s\""), &[]).ok();
    lines_until(&mut stream, |line| has_phase(line, "running"));
    let act = |words: &[&str]| {
        let words = [&["job", "rollout"], words, &["-yes", "acted"]].concat();
        cluster.steppe("west-server-2", &words)
    };
    until("west is known to run", || (act(&["pause", "-region", "west"]).code == 0).then_some(()));
    let paused = lines_until(&mut stream, |line| has_phase(line, "paused")).pop().expect("a line");
    assert_eq!((paused.events[0].kind, &paused.events[0].payload["Rollout"]["Forced"]), (EventType::RolloutPhase, &false.into()));
    act(&["resume", "-region", "west"]).ok();
    lines_until(&mut stream, |line| has_phase(line, "running"));
    act(&["exclude", "-region", "east"]).ok();
    let excluded = lines_until(&mut stream, |line| line.events[0].kind == EventType::RolloutOverride).pop().expect("a line");
    assert_eq!(excluded.events[0].payload["Rollout"]["Excluded"], serde_json::json!(["east"]));
    act(&["abort"]).ok();
    let failed = lines_until(&mut stream, |line| has_phase(line, "failed")).pop().expect("a line");
    assert!(failed.events[0].payload["Rollout"]["Cause"].as_str().is_some_and(|cause| cause.contains("aborted")), "{failed:?}");
}

#[test]
fn a_job_is_told_from_its_registration_to_its_purge() {
    // all topics at first; then only what concerns the job; what is in another namespace is not told
    let cluster = cluster();
    let api = cluster.api("east-server-1");
    let mut all = follow(&api, &[], &Query::new());
    let mut one = follow(&api, &["*:whole"], &Query::new());
    let mut elsewhere = follow(&api, &["*:whole"], &Query::new().namespace("other"));
    let alloc = cluster.run("east-server-1", &JobFile::service("whole"), 1).remove(0);
    cluster.steppe("east-server-1", &["job", "stop", "-detach", "-purge", "-yes", "whole"]).ok();
    let is_purge = |line: &EventStreamLine| line.events.iter().any(|event| event.payload.contains_key("Deleted"));
    let lines = lines_until(&mut one, is_purge);
    let told: Vec<(EventTopic, EventType)> = lines.iter().flat_map(|line| &line.events).map(|event| (event.topic, event.kind)).collect();
    for expected in [
        (EventTopic::Job, EventType::JobRegistered),
        (EventTopic::Evaluation, EventType::JobRegistered),
        (EventTopic::Allocation, EventType::PlanResult),
        (EventTopic::Deployment, EventType::PlanResult),
        (EventTopic::Allocation, EventType::AllocationUpdated),
        (EventTopic::Job, EventType::JobDeregistered),
    ] {
        assert!(told.contains(&expected), "{expected:?} in {told:?}");
    }
    let events = lines.iter().flat_map(|line| &line.events);
    let placed = events.clone().find(|event| event.topic == EventTopic::Allocation).expect("an allocation");
    assert_eq!((placed.key.clone(), &placed.payload["Allocation"]["Job"]), (alloc.id.to_string(), &serde_json::Value::Null));
    let whole = lines_until(&mut all, is_purge);
    assert!(whole.iter().map(|line| line.events.len()).sum::<usize>() >= told.len());
    assert!(ask_within(Duration::from_millis(200), elsewhere.next()).is_none(), "another namespace");
}

#[test]
fn what_cannot_be_followed_is_refused() {
    // an unknown topic, a missing key, an index that is none, a region that nobody knows: before anything is sent
    let cluster = cluster();
    let api = cluster.api("west-server-1");
    for (topic, words) in [("Jobs", "Allocation"), ("Job:", "Topic:key")] {
        let refused = ask(api.events(&[topic], &Query::new())).expect_err(topic).to_string();
        assert!(refused.contains("400") && refused.contains(words), "{topic}: {refused}");
    }
    let bad = ask(api.events(&[], &Query::new().with("index", "first"))).expect_err("no index").to_string();
    assert!(bad.contains("Expect a number"), "{bad}");
    for (filter, words) in [("Bogus ==", "filter expression"), ("Bogus == 1", "unknown field")] {
        for query in [Query::new(), Query::new().region("*")] {
            let refused = ask(api.events(&[], &query.with("filter", filter))).expect_err(filter).to_string();
            assert!(refused.contains("400") && refused.contains(words), "{filter}: {refused}");
        }
    }
    let nowhere = ask(api.events(&[], &Query::new().region("nowhere"))).expect_err("no region").to_string();
    assert!(nowhere.contains("No path to region"), "{nowhere}");
}

#[test]
fn all_regions_are_told_in_one_stream() {
    // each line with its region; another reader resumes both where he knows them
    let others = cluster();
    let cluster = Cluster::plan(&["west", "east"], 1, 1).beside(&others).up();
    let api = cluster.api("west-server-1");
    let everywhere = || Query::new().region("*");
    let mut stream = follow(&api, &["Job"], &everywhere());
    let tells =
        |region: &str, job: &str, line: &EventStreamLine| &*line.region == region && line.events.iter().any(|event| event.key == job);
    let mut known = Vec::new();
    for (region, job) in [("west", "w1"), ("east", "e1")] {
        cluster.run(&format!("{region}-server-1"), &JobFile::service(job), 1);
        let lines = lines_until(&mut stream, |line| tells(region, job, line));
        assert!(lines.iter().all(|line| line.error.is_empty()), "{lines:?}");
        known.push(format!("{region}:{}", lines[lines.len() - 1].index));
    }
    cluster.run("east-server-1", &JobFile::service("e2"), 1);
    lines_until(&mut stream, |line| tells("east", "e2", line));
    // an expression leaves out events, and lines of which nothing is left
    let only = |query: Query| query.with("filter", "Payload.Job.ID == e2 and Type == JobRegistered");
    let beginning = known.iter().map(|position| format!("{}:1", &position[..4])).collect::<Vec<_>>().join(",");
    let lines = lines_until(&mut follow(&api, &["*"], &only(everywhere().with("index", beginning))), |line| tells("east", "e2", line));
    assert!(matches!(&lines[..], [line] if line.events.len() == 1), "{lines:?}");
    let mut of_east = follow(&cluster.api("east-server-1"), &["*"], &only(Query::new().with("index", "1")));
    let lines = lines_until(&mut of_east, |line| line.events.iter().any(|event| event.key == "e2"));
    assert!(lines.iter().map(|line| line.events.len()).sum::<usize>() == 1, "{lines:?}");
    // where both are known, nothing is told again
    let resumed = everywhere().with("index", known.join(","));
    let lines = lines_until(&mut follow(&api, &["Job"], &resumed), |line| tells("east", "e2", line));
    assert!(lines.iter().all(|line| !tells("west", "w1", line) && !tells("east", "e1", line)), "{lines:?}");
    let refused = ask(api.events(&["Job"], &everywhere().with("index", "7"))).expect_err("one index for all").to_string();
    assert!(refused.contains("400") && refused.contains("index=west:120,east:7"), "{refused}");
}

#[test]
fn pools_and_all_namespaces_are_told() {
    // a node pool from its making to its end, whichever namespace one follows; a job of another namespace where all are followed
    let cluster = cluster();
    let api = cluster.api("west-server-2");
    let mut pools = follow(&api, &["NodePool:pond"], &Query::new().namespace("other"));
    let mut all = follow(&api, &["Job"], &Query::new().namespace("*"));
    let pool = serde_json::json!({ "Name": "pond", "Description": "deep" });
    ask(api.put_quietly("/v1/node/pools", &Query::new(), &pool)).expect("a pool");
    ask(api.put_quietly("/v1/namespace", &Query::new(), &serde_json::json!({ "Name": "meadow" }))).expect("a namespace");
    cluster.submit("west-server-1", &JobFile::service("afar").count(0).job("namespace = \"meadow\""), &[]).ok();
    cluster.steppe("west-server-1", &["node", "pool", "delete", "pond"]).ok();
    let is_over = |line: &EventStreamLine| line.events.iter().any(|event| event.kind == EventType::NodePoolDeleted);
    let lines = lines_until(&mut pools, is_over);
    let told = lines.iter().flat_map(|line| &line.events);
    let told: Vec<_> = told.map(|event| (event.topic, event.kind, event.key.as_str(), &event.payload["NodePool"]["Description"])).collect();
    let description = serde_json::json!("deep");
    assert_eq!(
        told,
        [
            (EventTopic::NodePool, EventType::NodePoolUpserted, "pond", &description),
            (EventTopic::NodePool, EventType::NodePoolDeleted, "pond", &description)
        ]
    );
    let is_afar = |line: &EventStreamLine| line.events.iter().any(|event| event.key == "afar" && &*event.namespace == "meadow");
    lines_until(&mut all, is_afar);
}

#[test]
fn a_region_that_is_away_is_told_and_followed_again() {
    // east's only server is killed and comes back: one line says so, then its events go on without what was told before
    let others = cluster();
    let cluster = Cluster::plan(&["west", "east"], 1, 0).beside(&others).up();
    let mut stream = follow(&cluster.api("west-server-1"), &["Job"], &Query::new().region("*"));
    let is_of = |line: &EventStreamLine, job: &str| line.events.iter().any(|event| event.key == job);
    cluster.submit("east-server-1", &JobFile::service("before").count(0), &[]).ok();
    lines_until(&mut stream, |line| is_of(line, "before"));
    cluster.kill(&["east-server-1"]);
    let away = lines_until(&mut stream, |line| !line.error.is_empty()).pop().expect("a line");
    assert_eq!((&*away.region, away.events.len()), ("east", 0), "{away:?}");
    // west is told meanwhile
    cluster.submit("west-server-1", &JobFile::service("meanwhile").count(0), &[]).ok();
    lines_until(&mut stream, |line| &*line.region == "west" && is_of(line, "meanwhile"));
    cluster.start(&["east-server-1"]);
    cluster.submit("east-server-1", &JobFile::service("after").count(0), &[]).ok();
    let lines = lines_until(&mut stream, |line| is_of(line, "after"));
    assert!(lines.iter().all(|line| !is_of(line, "before")), "nothing is told twice: {lines:?}");
}
