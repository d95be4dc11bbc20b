//! What is wrong is named, with its place and with what would be right; and nothing changes.

use std::sync::OnceLock;

use api::client::Query;
use process_tests::{Agent, Cluster, Guest, JobFile, ask, get, request, settled, until};
use serde_json::{Value, json};

const SERVER: &str = "west-server-1";

fn cluster() -> Guest {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    Guest(CLUSTER.get_or_init(|| Cluster::up(&["west", "east"], 1, 1)))
}

/// Submits a job file that must be refused with all of these words; nothing of it may be left.
#[track_caller]
fn refused(cluster: &Cluster, id: &str, text: &str, words: &[&str]) {
    let printed = cluster.steppe_with(SERVER, &["job", "run", "-detach", "-"], text).fails_with(1);
    for word in words {
        assert!(printed.contains(word), "{word:?} is not in\n{printed}");
    }
    for region in ["west", "east"] {
        let jobs = ask(cluster.api(SERVER).jobs(&Query::new().region(region).prefix(id))).expect("jobs").value;
        assert!(jobs.is_empty(), "{region}: {jobs:?}");
        let evals =
            ask(cluster.api(SERVER).job_evaluations(id, &Query::new().region(region))).map(|answer| answer.value).unwrap_or_default();
        assert!(evals.is_empty(), "{region}: {evals:?}");
    }
}

#[test]
fn every_wrong_block_of_a_job_file_is_named_with_its_place() {
    // two unknown attributes in different blocks and a block that cannot be where it is
    let cluster = cluster();
    let text = "job \"wrong\" {\n  datacentres = [\"*\"]\n  group \"g\" {\n    counts = 3\n    task \"t\" {\n      driver = \"raw_exec\"\n      upgrade {}\n    }\n  }\n}\n";
    refused(&cluster, "wrong", text, &["2,3", "datacentres", "datacenters", "4,5", "counts", "count", "7,7", "upgrade"]);
    let unfinished = "job \"wrong\" {\n  group \"g\" {\n";
    refused(&cluster, "wrong", unfinished, &["stdin:"]);
    let types = "job \"wrong\" {\n  priority = \"high\"\n  group \"g\" {\n    count = [1]\n    task \"t\" {\n      driver = \"raw_exec\"\n    }\n  }\n}\n";
    refused(&cluster, "wrong", types, &["2,", "priority", "4,", "count"]);
    let variable = "variable \"n\" {\n  type = number\n}\njob \"wrong\" {\n  group \"g\" {\n    count = var.n\n    task \"t\" {\n      driver = \"raw_exec\"\n    }\n  }\n}\n";
    refused(&cluster, "wrong", variable, &["\"n\""]);
}

#[test]
fn what_is_not_supported_yet_is_refused_with_its_place() {
    // each with its line and column
    let cluster = cluster();
    for (words, text) in [
        (
            &["volume", "4,"][..],
            JobFile::service("later")
                .text()
                .replace("  group \"g\" {\n", "  group \"g\" {\n    volume \"v\" {\n      type = \"host\"\n      source = \"s\"\n    }\n"),
        ),
        (&["template"][..], JobFile::service("later").task("template {\n  data = \"x\"\n  destination = \"local/x\"\n}").text()),
    ] {
        let words: Vec<&str> = words.iter().copied().filter(|word| *word != "4,").collect();
        refused(&cluster, "later", &text, &[&words[..], &["not supported yet"]].concat());
    }
}

#[test]
fn what_no_node_has_yet_is_named_with_what_there_is_and_waited_for() {
    // a job for nodes that may come: accepted with a warning, and blocked
    let cluster = cluster();
    let rows: [(&str, String, &[&str]); 2] = [
        ("rocket", JobFile::service("rocket").driver("rocket", "").text(), &["rocket", "raw_exec", "mock_driver"]),
        ("mars", JobFile::service("mars").text().replace("[\"*\"]", "[\"mars-1\"]"), &["mars-1", "west-1"]),
    ];
    for (id, text, words) in rows {
        let printed = cluster.steppe_with(SERVER, &["job", "run", "-detach", "-"], &text).ok();
        assert!(printed.contains("Job Warnings") && words.iter().all(|word| printed.contains(word)), "{printed}");
        let evaluations = || ask(cluster.api(SERVER).job_evaluations(id, &Query::new())).map(|answer| answer.value).unwrap_or_default();
        settled("it waits", evaluations, |evals| evals.iter().any(|eval| eval.status == model::EvalStatus::Blocked));
        cluster.steppe(SERVER, &["job", "stop", "-purge", "-detach", id]).ok();
    }
}

#[test]
fn unknown_regions_and_pools_are_named_with_those_that_exist() {
    // one at a time
    let cluster = cluster();
    let rows: [(String, &[&str]); 3] = [
        (JobFile::service("nowhere").job("node_pool = \"gpus\"").text(), &["gpus", "default"]),
        (JobFile::service("nowhere").job("region = \"mars\"").text(), &["mars", "west", "east"]),
        (
            JobFile::service("nowhere")
                .count(0)
                .job("multiregion {\n  region \"west\" {\n    count = 1\n  }\n  region \"mars\" {\n    count = 1\n  }\n}")
                .text(),
            &["mars", "west", "east"],
        ),
    ];
    for (text, words) in rows {
        refused(&cluster, "nowhere", &text, words);
    }
}

#[test]
fn a_multi_region_job_that_one_region_refuses_changes_nothing_anywhere() {
    // a datacenter that east does not have: the answer names east and its reason, and west registers nothing
    let cluster = cluster();
    let regions = "multiregion {\n  region \"west\" {\n    count = 1\n  }\n  region \"east\" {\n    count = 1\n    datacenters = [\"east-7\"]\n  }\n}";
    let text = JobFile::service("half").count(0).job(regions).text();
    refused(&cluster, "half", &text, &["east", "east-7", "east-1"]);
    let twice = "multiregion {\n  region \"west\" {\n    count = 1\n  }\n  region \"west\" {\n    count = 1\n  }\n}";
    refused(&cluster, "half", &JobFile::service("half").count(0).job(twice).text(), &["west"]);
    let mode = "multiregion {\n  strategy {\n    on_failure = \"panic\"\n  }\n  region \"west\" {\n    count = 1\n  }\n}";
    refused(&cluster, "half", &JobFile::service("half").count(0).job(mode).text(), &["panic", "fail_all", "fail_local"]);
}

#[test]
fn a_body_of_the_wrong_type_names_the_field() {
    // rows: a body for PUT /v1/jobs and what the answer must say, with code 400
    let cluster = cluster();
    let address = cluster.member(SERVER).http.replace("http://", "");
    let job = |change: fn(&mut Value)| {
        let mut body = json!({ "Job": { "ID": "typed", "Name": "typed", "Type": "service", "Datacenters": ["*"],
            "TaskGroups": [{ "Name": "g", "Count": 1, "Tasks": [{ "Name": "t", "Driver": "raw_exec", "Config": { "command": "/bin/true" } }] }] } });
        change(&mut body);
        body
    };
    let rows = [
        (job(|body| body["Job"]["Priority"] = json!("high")), &["Job.Priority", "integer"][..]),
        (job(|body| body["Job"]["TaskGroups"][0]["Count"] = json!("three")), &["TaskGroups[0].Count"]),
        (job(|body| body["Job"]["TaskGroups"][0]["Tasks"][0]["Env"] = json!(["A=b"])), &["Tasks[0].Env"]),
        (job(|body| body["Job"] = json!([])), &["Job"]),
    ];
    for (body, words) in rows {
        let (code, answer) = request("PUT", &address, "/v1/jobs", Some(&body)).expect("an answer");
        let text = answer.as_str().unwrap_or_default();
        assert_eq!(code, 400, "{text}");
        for word in words {
            assert!(text.contains(word), "{word:?} is not in {text:?}");
        }
    }
    for (method, path, code) in
        [("PUT", "/v1/jobs", 400), ("GET", "/v1/nothing", 404), ("DELETE", "/v1/jobs", 405), ("GET", "/v1/jobs?index=soon", 400)]
    {
        let (answered, text) = request(method, &address, path, None).expect("an answer");
        assert_eq!(answered, code, "{method} {path}: {text}");
    }
    assert!(ask(cluster.api(SERVER).jobs(&Query::new().prefix("typed"))).expect("jobs").value.is_empty());
}

#[test]
fn commands_that_cannot_be_understood_say_so() {
    // a flag, a command and an id that do not exist
    let cluster = cluster();
    for (arguments, words) in [
        (&["job", "status", "-regoin", "west"][..], "regoin"),
        (&["job", "frobnicate"][..], "frobnicate"),
        (&["job", "status", "nosuchjob"][..], "nosuchjob"),
        (&["alloc", "status", "deadbeef"][..], "deadbeef"),
        (&["alloc", "status", "not-an-id"][..], "not-an-i"),
        (&["deployment", "status", "deadbeef"][..], "deadbeef"),
        (&["node", "status", "deadbeef"][..], "deadbeef"),
        (&["job", "run", "/nonexistent/file.nomad.hcl"][..], "/nonexistent/file.nomad.hcl"),
    ] {
        let output = cluster.steppe(SERVER, arguments);
        assert_ne!(output.code, 0, "{output}");
        assert!(output.err.contains(words) || output.out.contains(words), "{output}");
    }
}

#[test]
fn who_takes_up_more_than_the_limits_is_refused_with_the_key() {
    // a third watcher, and writes beside the only one that may be under way; when others have gone there is room again
    let folder = tempfile::tempdir().expect("a folder");
    let text = "server {\n  enabled = true\n  bootstrap_expect = 1\n}\nlimits {\n  max_watches = 2\n  max_pending_writes = 1\n}\n";
    let agent = Agent::start(folder.path(), text, &[]);
    until("there is a leader", || get(&agent.http, "/v1/jobs"));
    let watch = || request("GET", &agent.http, "/v1/job/none/allocations?index=1000000&wait=2s", None);
    let mut answers: Vec<(u16, Value)> = std::thread::scope(|scope| {
        let watchers: Vec<_> = (0..3).map(|_| scope.spawn(watch)).collect();
        watchers.into_iter().map(|watcher| watcher.join().expect("watched").expect("an answer")).collect()
    });
    answers.sort_by_key(|(status, _)| *status);
    assert_eq!(answers.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [200, 200, 429]);
    assert!(answers[2].1.as_str().is_some_and(|said| said.contains("limits.max_watches")), "{answers:?}");
    assert_eq!(watch().expect("an answer").0, 200, "there is room again");
    let write = |n: usize| {
        let task = json!({ "Name": "t", "Driver": "raw_exec", "Config": { "command": "/bin/true" } });
        let group = json!({ "Name": "g", "Count": 0, "Tasks": [task] });
        let job = json!({ "Job": { "ID": format!("job-{n}"), "Type": "batch", "Datacenters": ["*"], "TaskGroups": [group] } });
        request("PUT", &agent.http, "/v1/jobs", Some(&job)).expect("an answer")
    };
    until("a write is refused beside others", || {
        let answers: Vec<_> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..8).map(|n| scope.spawn(move || write(n))).collect();
            writers.into_iter().map(|writer| writer.join().expect("written")).collect()
        });
        assert!(answers.iter().any(|(status, _)| *status == 200), "{answers:?}");
        let (_, said) = answers.iter().find(|(status, _)| *status == 429)?;
        assert!(said.as_str().is_some_and(|said| said.contains("limits.max_pending_writes")), "{said}");
        Some(())
    });
    assert_eq!(write(9).0, 200);
}
