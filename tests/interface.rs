//! The interface of one agent with work: every answer has the shape that clients know.

#[path = "../crates/httpd/tests/http/shapes.rs"]
mod shapes;

use process_tests::{Agent, get, put, request, until};
use serde_json::{Value, json};
use shapes::Shapes;

const BOTH: &str = "server {\n  enabled = true\n  bootstrap_expect = 1\n}\nclient {\n  enabled = true\n}\nplugin \"raw_exec\" {\n  config {\n    enabled = true\n  }\n}\n";

fn job(id: &str, count: u32, operating_system: &str) -> Value {
    json!({
        "Job": { "ID": id, "Name": id, "Type": "service", "Datacenters": ["*"], "Meta": { "owner": "ann" },
            "Constraints": [{ "LTarget": "${attr.kernel.name}", "RTarget": operating_system, "Operand": "=" }],
            "TaskGroups": [{ "Name": "g", "Count": count, "Update": { "MaxParallel": 2, "MinHealthyTime": 100_000_000 },
                "Networks": [{ "DynamicPorts": [{ "Label": "http" }] }],
                "Tasks": [{ "Name": "t", "Driver": "raw_exec", "Resources": { "CPU": 20, "MemoryMB": 16 },
                    "Config": { "command": "/bin/sh", "args": ["-c", "echo hello; echo oops >&2; exec sleep 3600"] } }] }] },
        "Submission": { "Source": "job \"walk\" {}", "Format": "hcl2" }
    })
}

/// A job that went through two versions and a failed task, one that finds no node, and one that failed: their allocations, evaluations and
/// deployments hold about everything that can be in them.
fn make_work(http: &str) -> Value {
    let put_job = |job: &Value| put(http, "/v1/jobs", Some(job)).expect("registered");
    let mut first = Value::Null;
    for (version, count) in [(0, 1), (1, 2)] {
        let answer = put_job(&job("walk", count, "linux"));
        first = if first.is_null() { answer } else { first };
        until("it is deployed", || {
            get(http, "/v1/job/walk/deployment").filter(|found| found["JobVersion"] == version && found["Status"] == "successful")
        });
    }
    put_job(&job("stuck", 1, "plan9"));
    let mut fails = job("fails", 1, "linux");
    fails["Job"]["Type"] = json!("batch");
    fails["Job"]["TaskGroups"][0]["Update"] = Value::Null;
    fails["Job"]["TaskGroups"][0]["RestartPolicy"] = json!({ "Attempts": 0, "Mode": "fail" });
    fails["Job"]["TaskGroups"][0]["Tasks"][0]["Config"] = json!({ "command": "/bin/false" });
    put_job(&fails);
    until("one is blocked", || get(http, "/v1/evaluations?status=blocked").filter(|found| *found != json!([])));
    until("one has failed", || get(http, "/v1/job/fails/allocations").filter(|found| found[0]["ClientStatus"] == "failed"));
    first
}

#[test]
fn every_answer_has_its_shape() {
    // rows: a question and the type of its answer; what a list holds is checked item by item
    let folder = tempfile::tempdir().expect("a folder");
    let agent = Agent::start(folder.path(), BOTH, &[]);
    let http = agent.http.as_str();
    until("a node is ready", || get(http, "/v1/nodes").filter(|nodes| nodes[0]["Status"] == "ready"));
    let eval = make_work(http)["EvalID"].as_str().expect("an evaluation").to_owned();
    let shapes = Shapes::load();
    let alloc = get(http, "/v1/job/walk/allocations").expect("allocations")[0].clone();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let (id, node) = (text(&alloc["ID"]), text(&alloc["NodeID"]));
    let deployment = text(&get(http, "/v1/job/walk/deployment").expect("a deployment")["ID"]);
    let reads = [
        ("array<JobListStub>", "/v1/jobs?meta=true".to_owned()),
        ("array<JobStatusesJob>", "/v1/jobs/statuses".to_owned()),
        ("Job", "/v1/job/walk".to_owned()),
        ("Job", "/v1/job/fails".to_owned()),
        ("JobVersionsResponse", "/v1/job/walk/versions?diffs=true".to_owned()),
        ("array<AllocListStub>", "/v1/job/walk/allocations".to_owned()),
        ("array<AllocListStub>", "/v1/job/fails/allocations".to_owned()),
        ("array<Evaluation>", "/v1/job/stuck/evaluations".to_owned()),
        ("array<Deployment>", "/v1/job/walk/deployments".to_owned()),
        ("Deployment", "/v1/job/walk/deployment".to_owned()),
        ("JobSummary", "/v1/job/walk/summary".to_owned()),
        ("JobSubmission", "/v1/job/walk/submission?version=0".to_owned()),
        ("JobScaleStatus", "/v1/job/walk/scale".to_owned()),
        ("array<AllocListStub>", "/v1/allocations?resources=true".to_owned()),
        ("Allocation", format!("/v1/allocation/{id}")),
        ("array<Evaluation>", "/v1/evaluations".to_owned()),
        ("EvalCountResponse", "/v1/evaluations/count".to_owned()),
        ("Evaluation", format!("/v1/evaluation/{eval}")),
        ("Evaluation", format!("/v1/evaluation/{eval}?related=true")),
        ("array<AllocListStub>", format!("/v1/evaluation/{}/allocations", text(&alloc["EvalID"]))),
        ("array<Deployment>", "/v1/deployments".to_owned()),
        ("Deployment", format!("/v1/deployment/{deployment}")),
        ("array<AllocListStub>", format!("/v1/deployment/allocations/{deployment}")),
        ("array<NodeListStub>", "/v1/nodes?resources=true&os=true".to_owned()),
        ("Node", format!("/v1/node/{node}")),
        ("array<Allocation>", format!("/v1/node/{node}/allocations")),
        ("HostStats", "/v1/client/stats".to_owned()),
        ("HostStats", format!("/v1/client/stats?node_id={node}")),
        ("AllocResourceUsage", format!("/v1/client/allocation/{id}/stats")),
        ("array<AllocFileInfo>", format!("/v1/client/fs/ls/{id}")),
        ("AllocFileInfo", format!("/v1/client/fs/stat/{id}?path=alloc/logs/t.stdout.0")),
        ("StreamFrame", format!("/v1/client/fs/logs/{id}?task=t&type=stdout")),
        ("StreamFrame", format!("/v1/client/fs/stream/{id}?path=alloc/logs/t.stderr.0&follow=false")),
        ("AgentSelf", "/v1/agent/self".to_owned()),
        ("ServerMembersResponse", "/v1/agent/members".to_owned()),
        ("AgentHealthResponse", "/v1/agent/health".to_owned()),
        ("AgentSchedulerWorkersInfo", "/v1/agent/schedulers".to_owned()),
        ("AgentSchedulerWorkerConfigResponse", "/v1/agent/schedulers/config".to_owned()),
        ("RaftConfigurationResponse", "/v1/operator/raft/configuration".to_owned()),
        ("string", "/v1/status/leader".to_owned()),
        ("array<string>", "/v1/status/peers".to_owned()),
        ("array<string>", "/v1/regions".to_owned()),
    ];
    for (kind, path) in reads {
        let (status, answer) = request("GET", http, &path, None).expect("an answer");
        assert_eq!(status, 200, "{path}: {answer}");
        assert_ne!(answer, json!([]), "{path}");
        shapes.check(kind, &answer);
    }
    let plain = |path: String| request("GET", http, &path, None).expect("an answer").1;
    assert_eq!(plain(format!("/v1/client/fs/logs/{id}?task=t&type=stderr&plain=true")), json!("oops\n"));
    assert_eq!(plain(format!("/v1/client/fs/cat/{id}?path=alloc/logs/t.stdout.0")), json!("hello\n"));
    assert_eq!(plain(format!("/v1/client/fs/readat/{id}?path=alloc/logs/t.stdout.0&offset=1&limit=3")), json!("ell"));

    let next = json!({ "Job": job("walk", 3, "linux")["Job"], "Diff": true });
    let source = "job \"x\" {\n  group \"g\" {\n    task \"t\" {\n      driver = \"raw_exec\"\n    }\n  }\n}\n";
    let writes = [
        ("JobPlanResponse", "/v1/job/walk/plan".to_owned(), next.clone()),
        ("JobValidateResponse", "/v1/validate/job".to_owned(), next.clone()),
        ("Job", "/v1/jobs/parse".to_owned(), json!({ "JobHCL": source, "Canonicalize": true })),
        ("JobRegisterResponse", "/v1/job/walk/evaluate".to_owned(), json!({ "JobID": "walk" })),
        ("JobStabilityResponse", "/v1/job/walk/stable".to_owned(), json!({ "JobID": "walk", "JobVersion": 0, "Stable": true })),
        ("JobRegisterResponse", "/v1/job/walk/scale".to_owned(), json!({ "Target": { "Group": "g" }, "Message": "noted" })),
        ("NodeUpdateResponse", format!("/v1/node/{node}/evaluate"), Value::Null),
        ("NodeEligibilityUpdateResponse", format!("/v1/node/{node}/eligibility"), json!({ "Eligibility": "eligible" })),
        ("GenericResponse", format!("/v1/client/allocation/{id}/signal"), json!({ "Task": "t", "Signal": "SIGCONT" })),
        ("GenericResponse", format!("/v1/client/allocation/{id}/restart"), json!({ "TaskName": "t" })),
        ("SearchResponse", "/v1/search".to_owned(), json!({ "Prefix": "wa", "Context": "jobs" })),
        ("JobRegisterResponse", "/v1/job/walk/revert".to_owned(), json!({ "JobID": "walk", "JobVersion": 0 })),
        ("AllocStopResponse", format!("/v1/allocation/{id}/stop"), Value::Null),
    ];
    for (kind, path, body) in writes {
        let (status, answer) = request("PUT", http, &path, Some(&body).filter(|body| !body.is_null())).expect("an answer");
        assert_eq!(status, 200, "{path}: {answer}");
        shapes.check(kind, &answer);
    }
    // what came of it
    shapes.check("Allocation", &get(http, &format!("/v1/allocation/{id}")).expect("the allocation"));
    shapes.check("JobScaleStatus", &get(http, "/v1/job/walk/scale").expect("a status"));
    shapes.check("array<Evaluation>", &get(http, "/v1/evaluations").expect("evaluations"));
    let stopped = request("DELETE", http, "/v1/job/walk", None).expect("an answer").1;
    shapes.check("JobDeregisterResponse", &stopped);
    assert_eq!(request("PUT", http, "/v1/system/gc", None), Some((200, json!(""))));
}

#[test]
fn the_scheduler_of_a_server_is_told_what_to_do() {
    // off, or on for other types of jobs only, evaluations stay pending; on again, they are worked off; nonsense changes nothing
    let folder = tempfile::tempdir().expect("a folder");
    let agent = Agent::start(folder.path(), BOTH, &[]);
    let http = agent.http.as_str();
    until("a node is ready", || get(http, "/v1/nodes").filter(|nodes| nodes[0]["Status"] == "ready"));
    let configure = |n: i64, kinds: &[&str]| {
        let body = json!({ "num_schedulers": n, "enabled_schedulers": kinds });
        request("PUT", http, "/v1/agent/schedulers/config", Some(&body)).expect("an answer")
    };
    let register = |job: &Value| {
        let (status, answer) = request("PUT", http, "/v1/jobs", Some(job)).expect("an answer");
        assert_eq!(status, 200, "{answer}");
        format!("/v1/evaluation/{}", answer["EvalID"].as_str().expect("an evaluation"))
    };
    let doing = || get(http, "/v1/agent/schedulers").expect("schedulers")["schedulers"][0]["workload_status"].clone();
    until("the scheduler waits for work", || (doing() == "WaitingToDequeue").then_some(()));
    let (status, text) = configure(4, &["service"]);
    assert!(status == 400 && text.to_string().contains("give 0 or 1"), "{status} {text}");
    for (id, n, kinds) in [("off", 0, &["service"][..]), ("other", 1, &["batch", "_core"])] {
        let (status, answer) = configure(n, kinds);
        assert_eq!((status, &answer["num_schedulers"]), (200, &json!(n)), "{answer}");
        let eval = register(&job(id, 1, "linux"));
        // a job of a type that is worked at comes behind it, if any is
        let mut batch = job(&format!("{id}-batch"), 1, "linux");
        batch["Job"]["Type"] = json!("batch");
        batch["Job"]["TaskGroups"][0]["Update"] = Value::Null;
        let behind = register(&batch);
        let status_of = |eval: &str| get(http, eval).expect("an evaluation")["Status"].clone();
        if n == 1 {
            until("the other type is worked off", || (status_of(&behind) == "complete").then_some(()));
        } else {
            assert_eq!((doing(), status_of(&behind)), (Value::Null, json!("pending")));
        }
        assert_eq!(status_of(&eval), "pending", "{id}");
        assert_eq!(configure(1, &["service", "batch", "system", "sysbatch"]).0, 200);
        until("it is worked off", || (status_of(&eval) == "complete").then_some(()));
    }
}

#[test]
fn counts_and_resources_can_be_kept() {
    // a job scaled and sized otherwise than its file says; registering the file keeps what it is asked to keep
    let folder = tempfile::tempdir().expect("a folder");
    let agent = Agent::start(folder.path(), BOTH, &[]);
    let http = agent.http.as_str();
    until("a node is ready", || get(http, "/v1/nodes").filter(|nodes| nodes[0]["Status"] == "ready"));
    let of_file = job("sized", 1, "linux");
    let mut grown = job("sized", 2, "linux");
    grown["Job"]["TaskGroups"][0]["Tasks"][0]["Resources"]["MemoryMB"] = json!(24);
    for (counts, resources, count, memory) in [(true, false, 2, 16), (false, true, 1, 24), (true, true, 2, 24), (false, false, 1, 16)] {
        put(http, "/v1/jobs", Some(&grown)).expect("registered");
        let mut body = of_file.clone();
        body["PreserveCounts"] = json!(counts);
        body["PreserveResources"] = json!(resources);
        put(http, "/v1/jobs", Some(&body)).expect("registered");
        let group = get(http, "/v1/job/sized").expect("the job")["TaskGroups"][0].clone();
        assert_eq!((&group["Count"], &group["Tasks"][0]["Resources"]["MemoryMB"]), (&json!(count), &json!(memory)), "{counts} {resources}");
    }
}
