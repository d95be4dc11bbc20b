//! Jobs that launch others: by the clock, by hand, by a dispatch.

use std::sync::OnceLock;

use api::client::Query;
use api::{JobDispatchRequest, JobListStub, ScalingRequest};
use model::{EvalTrigger, JobStatus, Payload};
use process_tests::{Cluster, Guest, JobFile, ask, settled, until};

const SERVER: &str = "west-server-1";

fn cluster() -> Guest {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    Guest(CLUSTER.get_or_init(|| Cluster::up(&["west"], 1, 1)))
}

fn periodic(id: &str, script: &str, cron: &str, more: &str) -> JobFile {
    JobFile::batch(id, script).job(&format!("periodic {{\n  crons = [\"{cron}\"]\n{more}}}"))
}

fn children(cluster: &Cluster, server: &str, parent: &str) -> Vec<JobListStub> {
    let jobs = ask(cluster.api(server).jobs(&Query::new().prefix(format!("{parent}/")))).expect("jobs").value;
    jobs.into_iter().filter(|job| job.parent_id == *parent).collect()
}

/// The second for which a child was launched.
fn second(child: &JobListStub) -> i64 {
    child.id.rsplit_once("/periodic-").and_then(|(_, second)| second.parse().ok()).expect("a second")
}

#[test]
fn the_clock_launches() {
    // every other second a child that ends at once, until the parent is stopped
    let cluster = cluster();
    let out = cluster.submit(SERVER, &periodic("tick", "exec true", "*/2 * * * * * *", ""), &[]).ok();
    assert!(out.starts_with("Job registration successful\nApproximate next launch time: ") && !out.contains("Evaluation"), "{out}");
    let ended = |all: &Vec<JobListStub>| all.iter().filter(|child| child.status == JobStatus::Dead).count() >= 2;
    let launched = settled("two children have ended", || children(&cluster, SERVER, "tick"), ended);
    assert!(launched.iter().all(|child| second(child) % 2 == 0), "{launched:#?}");
    let text = cluster.steppe(SERVER, &["job", "status", "tick"]).ok();
    for part in
        ["Periodic             = true", "Next Periodic Launch = ", "Children Job Summary\n", "Previously Launched Jobs\n", "tick/periodic-"]
    {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
    assert!(cluster.steppe(SERVER, &["job", "status"]).ok().contains("batch/periodic"));
    cluster.steppe(SERVER, &["job", "stop", "tick"]).ok();
    let parent = ask(cluster.api(SERVER).job("tick", &Query::new())).expect("the parent").value;
    assert_eq!(parent.status, JobStatus::Dead);
    cluster.steppe(SERVER, &["job", "periodic", "force", "tick"]).fails_with(1);
    // the first start after a stop begins with what is due then
    let out = cluster.steppe(SERVER, &["job", "start", "tick"]).ok();
    assert!(out.starts_with("Job start successful\nApproximate next launch time: "), "{out}");
    cluster.steppe(SERVER, &["job", "stop", "-purge", "tick"]).ok();
}

#[test]
fn launches_do_not_overlap_where_that_is_prohibited() {
    // another job is the clock: it was launched three times meanwhile
    let cluster = cluster();
    cluster.submit(SERVER, &periodic("slow", "exec sleep 3600", "* * * * * * *", "  prohibit_overlap = true\n"), &[]).ok();
    settled("the child runs", || children(&cluster, SERVER, "slow"), |all| all.iter().any(|child| child.status == JobStatus::Running));
    cluster.submit(SERVER, &periodic("clock", "exec true", "* * * * * * *", ""), &[]).ok();
    settled("the clock ticks", || children(&cluster, SERVER, "clock"), |all| all.len() >= 3);
    assert_eq!(children(&cluster, SERVER, "slow").len(), 1);
    // a person may
    let out = cluster.steppe(SERVER, &["job", "periodic", "force", "-detach", "slow"]).ok();
    assert!(out.starts_with("Force periodic successful\nEvaluation ID: "), "{out}");
    assert_eq!(children(&cluster, SERVER, "slow").len(), 2);
    // a stopped parent leaves its children alone
    for parent in ["slow", "clock"] {
        cluster.steppe(SERVER, &["job", "stop", parent]).ok();
    }
    let all = settled("both run", || children(&cluster, SERVER, "slow"), |all| all.iter().all(|child| child.status == JobStatus::Running));
    for child in all {
        cluster.steppe(SERVER, &["job", "stop", "-detach", &child.id]).ok();
    }
}

#[test]
fn a_dispatch_brings_its_payload_and_meta_to_the_task() {
    let cluster = cluster();
    let job = JobFile::batch("work", "cat local/in/put; echo; echo $NOMAD_META_who $NOMAD_META_why; stat -c %a local/in/put")
        .job("meta {\n  why = \"nobody knows\"\n}")
        .job("parameterized {\n  payload = \"required\"\n  meta_required = [\"who\"]\n  meta_optional = [\"why\"]\n}")
        .task("dispatch_payload {\n  file = \"in/put\"\n}");
    let out = cluster.submit(SERVER, &job, &[]).ok();
    assert_eq!(out, "Job registration successful\n");
    let arguments = ["job", "dispatch", "-wait", "-meta", "who=ann", "-id-prefix-template", "blue", "work", "-"];
    let out = cluster.steppe_with(SERVER, &arguments, "the payload").ok();
    let child = out.lines().find_map(|line| line.strip_prefix("Dispatched Job ID = ")).expect("an id").to_owned();
    assert!(child.starts_with("work/dispatch-blue-"), "{out}");
    let alloc = cluster.allocs(SERVER, &child).remove(0);
    assert_eq!(cluster.stdout(SERVER, &alloc, &Query::new()), "the payload\nann nobody knows\n755\n");
    let job = ask(cluster.api(SERVER).job(&child, &Query::new())).expect("the child").value;
    assert_eq!((&*job.payload.0, job.dispatched, job.parent_id.as_str()), (&b"the payload"[..], true, "work"));
    let text = cluster.steppe(SERVER, &["job", "status", "work"]).ok();
    for part in ["Parameterized Job\n", "Required Metadata = who", "Parameterized Job Summary\n", "Dispatched Jobs\n", &child] {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
    // what does not fit is refused, and says why
    for (arguments, input, expected) in [
        (vec!["-meta", "who=ann", "work"], "", "requires a payload"),
        (vec!["work", "-"], "x", "requires meta that is not given: who"),
        (vec!["-meta", "who=ann", "-meta", "x=y", "work", "-"], "x", "takes no meta of these names: x"),
        (vec!["-meta", "who=ann", "work", "-"], &"x".repeat(16_385), "the payload has 16385 bytes, at most 16384 are allowed"),
    ] {
        let text = cluster.steppe_with(SERVER, &[&["job", "dispatch", "-detach"], arguments.as_slice()].concat(), input).fails_with(1);
        assert!(text.contains(expected), "{expected:?} in {text}");
    }
    let refused =
        ask(cluster.api(SERVER).evaluate_job(&api::JobEvaluateRequest { job_id: "work".to_owned(), ..Default::default() }, &Query::new()));
    assert!(refused.expect_err("a parent").to_string().contains("evaluate one of its children"));
    cluster.steppe(SERVER, &["job", "stop", "-purge", "work"]).ok();
}

#[test]
fn a_token_dispatches_once() {
    let cluster = cluster();
    cluster.submit(SERVER, &JobFile::batch("once", "exec sleep 3600").job("parameterized {}"), &[]).ok();
    let dispatch = |token: &str, query: &Query| {
        let request =
            JobDispatchRequest { idempotency_token: token.to_owned(), payload: Payload(b"x".as_slice().into()), ..Default::default() };
        ask(cluster.api(SERVER).dispatch_job("once", &request, query)).expect("a child").value
    };
    let first = dispatch("a", &Query::new());
    let (again, by_query, other) =
        (dispatch("a", &Query::new()), dispatch("", &Query::new().with("idempotency_token", "a")), dispatch("b", &Query::new()));
    assert_eq!((&again.dispatched_job_id, &again.eval_id), (&first.dispatched_job_id, &first.eval_id));
    assert_eq!(by_query.dispatched_job_id, first.dispatched_job_id);
    assert_ne!(other.dispatched_job_id, first.dispatched_job_id);
    for child in children(&cluster, SERVER, "once") {
        cluster.steppe(SERVER, &["job", "stop", "-detach", &child.id]).ok();
    }
    settled("the first is over", || children(&cluster, SERVER, "once"), |all| all.iter().all(|child| child.status == JobStatus::Dead));
    assert_ne!(dispatch("a", &Query::new()).dispatched_job_id, first.dispatched_job_id);
    for child in children(&cluster, SERVER, "once") {
        cluster.steppe(SERVER, &["job", "stop", "-detach", "-purge", &child.id]).ok();
    }
    cluster.steppe(SERVER, &["job", "stop", "-purge", "once"]).ok();
}

#[test]
fn versions_have_names() {
    let cluster = cluster();
    for count in 1..=2 {
        cluster.submit(SERVER, &JobFile::service("named").count(count), &[]).ok();
    }
    let run = |arguments: &[&str]| cluster.steppe(SERVER, &[&["job"], arguments].concat());
    assert_eq!(
        run(&["tag", "apply", "-name", "small", "-description", "one of them", "-version", "0", "named"]).ok(),
        "Job version 0 tagged with name \"small\"\n"
    );
    assert_eq!(run(&["tag", "apply", "-name", "large", "named"]).ok(), "Job version 1 tagged with name \"large\"\n");
    run(&["tag", "apply", "-name", "small", "-version", "1", "named"]).fails_with(1);
    let text = run(&["history", "-diff-tag", "small", "named"]).ok();
    for part in ["Tag Name", "= small", "= one of them", "= large", "Count"] {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
    assert!(run(&["revert", "-detach", "named", "nosuch"]).fails_with(1).contains("its tags: large, small"));
    settled(
        "the deployment has ended",
        || cluster.steppe(SERVER, &["job", "deployments", "-latest", "named"]).ok(),
        |text| text.contains("successful"),
    );
    run(&["revert", "-detach", "named", "small"]).ok();
    let job = ask(cluster.api(SERVER).job("named", &Query::new())).expect("the job").value;
    assert_eq!((job.version, job.task_groups[0].count), (2, 1));
    assert_eq!(run(&["tag", "unset", "-name", "small", "named"]).ok(), "Tag \"small\" removed from job \"named\"\n");
    assert!(run(&["tag", "unset", "-name", "small", "named"]).fails_with(1).contains("not found"));
    run(&["stop", "-detach", "-purge", "named"]).ok();
}

#[test]
fn counts_move_within_their_policy() {
    let cluster = cluster();
    let job = JobFile::service("wide")
        .count(2)
        .group("scaling {\n  min = 1\n  max = 3\n  enabled = false\n  policy {\n    cooldown = \"1m\"\n  }\n}");
    cluster.submit(SERVER, &job, &[]).ok();
    let scale = |count: i64| {
        let target = [("Group".to_owned(), "g".to_owned())].into();
        let request = ScalingRequest { count: Some(count), target, message: "because".to_owned(), ..Default::default() };
        ask(cluster.api(SERVER).scale_job("wide", &request, &Query::new()))
    };
    let refusal = |count| scale(count).expect_err("out of bounds").to_string();
    assert!(refusal(0).contains("group count was less than scaling policy minimum: 0 < 1"), "{}", refusal(0));
    assert!(refusal(4).contains("group count was greater than scaling policy maximum: 4 > 3"), "{}", refusal(4));
    settled(
        "the deployment has ended",
        || cluster.steppe(SERVER, &["job", "deployments", "-latest", "wide"]).ok(),
        |text| text.contains("successful"),
    );
    scale(3).expect("within bounds");
    let events = cluster.steppe(SERVER, &["job", "scaling-events", "-verbose", "wide"]).ok();
    assert!(
        events.contains("Task Group  Count  PrevCount  Error  Message  Eval ID")
            && events.contains("g           3      2          false  because"),
        "{events}"
    );
    let list = cluster.steppe(SERVER, &["scaling", "policy", "list", "-job", "wide", "-verbose"]).ok();
    let row = list.lines().nth(1).expect("a policy").to_owned();
    assert!(row.contains("false    horizontal  Namespace:default,Job:wide,Group:g"), "{list}");
    let id = row.split(' ').next().expect("an id").to_owned();
    let info = cluster.steppe(SERVER, &["scaling", "policy", "info", &id[..8]]).ok();
    assert!(info.contains("Enabled = false") && info.contains("Max     = 3") && info.contains("\"cooldown\": \"1m\""), "{info}");
    // the same job has the same ids again, and -preserve-counts keeps within the bounds
    settled(
        "the deployment has ended",
        || cluster.steppe(SERVER, &["job", "deployments", "-latest", "wide"]).ok(),
        |text| text.contains("successful"),
    );
    let narrow = JobFile::service("wide").count(1).group("scaling {\n  min = 1\n  max = 2\n}");
    cluster.submit(SERVER, &narrow, &["-preserve-counts"]).ok();
    let job = ask(cluster.api(SERVER).job("wide", &Query::new())).expect("the job").value;
    assert_eq!((job.task_groups[0].count, job.scaling_policies().next().map(|policy| policy.id)), (2, Some(id)));
    cluster.steppe(SERVER, &["job", "stop", "-detach", "-purge", "wide"]).ok();
    assert_eq!(cluster.steppe(SERVER, &["scaling", "policy", "list", "-job", "wide"]).ok(), "No policies found\n");
}

#[test]
fn a_new_leader_launches_nothing_twice() {
    // three servers; the leader is killed while a job is launched every second
    let other = cluster();
    let cluster =
        Cluster::plan(&["west"], 3, 1).beside(&other).allow(&["leader", "connect", "not committed", "heartbeat", "gossip", "raft"]).up();
    let leader = cluster.leader("west");
    let server = cluster.servers("west").into_iter().find(|server| server.name != leader).expect("another").name;
    cluster.submit(&server, &periodic("tick", "exec true", "* * * * * * *", ""), &[]).ok();
    settled("the first is launched", || children(&cluster, &server, "tick"), |all| all.len() >= 2);
    let before = children(&cluster, &server, "tick").iter().map(second).max().expect("a child");
    cluster.kill_now(&leader);
    let launched_since = || {
        let jobs = ask(cluster.api(&server).jobs(&Query::new().prefix("tick/").stale())).ok()?.value;
        (jobs.iter().filter(|job| second(job) > before).count() >= 3).then_some(())
    };
    until("the next leader launches", launched_since);
    cluster.steppe(&server, &["job", "stop", "tick"]).ok();
    let all = children(&cluster, &server, "tick");
    for child in &all {
        let evals = ask(cluster.api(&server).job_evaluations(&child.id, &Query::new())).expect("evaluations").value;
        let launches = evals.iter().filter(|eval| eval.triggered_by == EvalTrigger::PeriodicJob).count();
        assert_eq!(launches, 1, "{child:#?}");
    }
    let mut seconds: Vec<i64> = all.iter().map(second).collect();
    seconds.sort_unstable();
    seconds.dedup();
    assert_eq!(seconds.len(), all.len());
}
