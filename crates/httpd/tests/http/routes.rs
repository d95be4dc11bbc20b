//! Every route once: the shape of its answer, what was asked behind it, its headers.

use serde_json::{Value, json};

use crate::shapes::Shapes;
use crate::world::*;

/// Each row: a path, and the type of its answer. All answers of reads carry the headers of one.
#[tokio::test]
async fn reads() {
    let server = Server::start().await;
    let shapes = Shapes::load();
    let rows = [
        ("/v1/jobs".to_owned(), "array<JobListStub>"),
        ("/v1/jobs?meta=true".to_owned(), "array<JobListStub>"),
        ("/v1/jobs/statuses".to_owned(), "array<JobStatusesJob>"),
        ("/v1/job/web".to_owned(), "Job"),
        ("/v1/job/shop%2Fcart".to_owned(), "Job"),
        ("/v1/job/shop/cart".to_owned(), "Job"),
        ("/v1/job/web/versions".to_owned(), "JobVersionsResponse"),
        ("/v1/job/web/versions?diffs=true".to_owned(), "JobVersionsResponse"),
        ("/v1/job/shop%2Fcart/versions".to_owned(), "JobVersionsResponse"),
        ("/v1/job/web/allocations".to_owned(), "array<AllocListStub>"),
        ("/v1/job/web/evaluations".to_owned(), "array<Evaluation>"),
        ("/v1/job/web/deployments".to_owned(), "array<Deployment>"),
        ("/v1/job/web/deployment".to_owned(), "Deployment"),
        ("/v1/job/web/summary".to_owned(), "JobSummary"),
        ("/v1/job/web/submission?version=1".to_owned(), "JobSubmission"),
        ("/v1/job/web/scale".to_owned(), "JobScaleStatus"),
        ("/v1/job/web/versions?diffs=true&diff_tag=gold".to_owned(), "JobVersionsResponse"),
        ("/v1/scaling/policies".to_owned(), "array<ScalingPolicyListStub>"),
        (format!("/v1/scaling/policies?prefix={}&job=web&type=horizontal", &policy().id[..4]), "array<ScalingPolicyListStub>"),
        (format!("/v1/scaling/policy/{}", policy().id), "ScalingPolicy"),
        ("/v1/allocations".to_owned(), "array<AllocListStub>"),
        ("/v1/allocations?resources=true&task_states=false".to_owned(), "array<AllocListStub>"),
        (format!("/v1/allocation/{ALLOC}"), "Allocation"),
        ("/v1/evaluations".to_owned(), "array<Evaluation>"),
        ("/v1/evaluations/count".to_owned(), "EvalCountResponse"),
        (format!("/v1/evaluation/{EVAL}"), "Evaluation"),
        (format!("/v1/evaluation/{EVAL}?related=true"), "Evaluation"),
        (format!("/v1/evaluation/{EVAL}/allocations"), "array<AllocListStub>"),
        ("/v1/deployments".to_owned(), "array<Deployment>"),
        (format!("/v1/deployment/{DEPLOYMENT}"), "Deployment"),
        (format!("/v1/deployment/allocations/{DEPLOYMENT}"), "array<AllocListStub>"),
        ("/v1/nodes".to_owned(), "array<NodeListStub>"),
        ("/v1/nodes?resources=true&os=true".to_owned(), "array<NodeListStub>"),
        (format!("/v1/node/{NODE}"), "Node"),
        (format!("/v1/node/{NODE}/allocations"), "array<Allocation>"),
    ];
    for (path, kind) in rows {
        let answer = server.get(&path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        shapes.check(kind, &answer.json());
        assert_ne!(answer.json(), json!([]), "{path}");
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        let headers = ["x-nomad-index", "x-nomad-lastcontact", "x-nomad-knownleader"].map(|name| answer.header(name));
        assert_eq!(headers, ["30", "3", "true"], "{path}");
    }
}

/// Each row: a launch or a name that is asked for, the type of the answer, and a part of it that says what was asked behind it.
#[tokio::test]
async fn launches_and_names() {
    let server = Server::start().await;
    let shapes = Shapes::load();
    for (method, path, body, kind, expected) in [
        ("PUT", "/v1/job/web/dispatch", "{\"Payload\":\"Ynl0ZXM=\"}", "JobDispatchResponse", "\"DispatchedJobID\":\"web/dispatch-7-5\""),
        ("PUT", "/v1/job/web/dispatch", "", "JobDispatchResponse", "\"DispatchedJobID\":\"web/dispatch-7-0\""),
        ("PUT", "/v1/job/web/dispatch?idempotency_token=q", "{\"IdempotencyToken\":\"b\"}", "JobDispatchResponse", "dispatch-7-q0"),
        ("POST", "/v1/job/a%2Fb/dispatch/payload", "raw bytes", "JobDispatchResponse", "\"DispatchedJobID\":\"a/b/dispatch-7-9\""),
        ("PUT", "/v1/job/web/periodic/force", "", "PeriodicForceResponse", "\"EvalCreateIndex\":31"),
        ("PUT", "/v1/job/web/versions/gold/tag", "{\"Version\":3,\"Description\":\"d\"}", "JobTagResponse", "gold of Some(3)"),
        ("PUT", "/v1/job/web/versions/a%2Fb/tag", "{\"Latest\":true}", "JobTagResponse", "a/b of None"),
        ("DELETE", "/v1/job/web/versions/gold/tag", "", "JobTagResponse", "\"Name\":\"\""),
    ] {
        let answer = server.send(method, path, body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        shapes.check(kind, &answer.json());
        assert!(answer.text().contains(expected), "{path}: {expected:?} in {}", answer.text());
    }
    let absent = server.get("/v1/job/web/versions?diffs=true&diff_tag=nosuch").await;
    assert_eq!((absent.status, absent.text()), (404, "no version of the job has the tag \"nosuch\"".to_owned()));
    let absent = server.get("/v1/scaling/policy/8484aff3-2c2e-6526-3d4b-d870ce50fb3f").await;
    assert_eq!((absent.status, absent.text()), (404, "policy not found".to_owned()));
}

/// Reads that are no queries have no index.
#[tokio::test]
async fn about_the_agent() {
    let server = Server::start().await;
    let shapes = Shapes::load();
    for (path, kind) in [
        ("/v1/agent/self", "AgentSelf"),
        ("/v1/agent/members", "ServerMembersResponse"),
        ("/v1/agent/health", "AgentHealthResponse"),
        ("/v1/operator/raft/configuration", "RaftConfigurationResponse"),
        ("/v1/status/leader", "string"),
        ("/v1/status/peers", "array<string>"),
        ("/v1/regions", "array<string>"),
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.header("x-nomad-index")), (200, ""), "{path}: {}", answer.text());
        shapes.check(kind, &answer.json());
    }
    assert_eq!(server.get("/v1/regions").await.json(), json!(["east", "west"]));
    assert_eq!(server.get("/v1/status/leader").await.json(), json!("10.0.0.1:4647"));
    assert_eq!(server.get("/v1/agent/health").await.json(), json!({"server": {"ok": true, "message": "ok"}}));
    assert_eq!(server.get("/v1/agent/self").await.json()["member"]["Name"], "server-1.west");
    let raft = server.get("/v1/operator/raft/configuration").await.json();
    assert_eq!(
        raft["Servers"],
        json!([{"ID": "00000000-0000-0000-0000-000000000007", "Node": "s1.west", "Address": "10.0.0.1:4647", "Leader": true, "Voter": true, "RaftProtocol": "3"}])
    );
    let answer = server.get("/v1/operator/autopilot/configuration").await;
    let expected = json!({"CleanupDeadServers": true, "LastContactThreshold": "200ms", "MaxTrailingLogs": 250, "MinQuorum": 0,
        "ServerStabilizationTime": "10s", "EnableRedundancyZones": false, "DisableUpgradeMigration": false, "EnableCustomUpgrades": false,
        "CreateIndex": 0, "ModifyIndex": 0});
    assert_eq!((answer.header("x-nomad-index"), answer.json()), ("", expected));
    for (verb, path, status, words) in [
        ("GET", "/v1/operator/raft/peer?id=x", 404, "Invalid method"),
        ("DELETE", "/v1/operator/raft/peer", 400, "?id"),
        ("DELETE", "/v1/operator/raft/peer?address=10.0.0.1:4647", 400, "by its id"),
        ("PUT", "/v1/operator/raft/transfer-leadership", 400, "?address"),
        ("PUT", "/v1/operator/raft/transfer-leadership?id=x&address=y", 400, "only one"),
        ("DELETE", "/v1/operator/autopilot/configuration", 404, "Invalid method"),
        ("PUT", "/v1/operator/autopilot/health", 404, "Invalid method"),
        ("PUT", "/v1/operator/autopilot/configuration?cas=x", 400, "number"),
    ] {
        let answer = server.send(verb, path, "").await;
        assert!(answer.status == status && answer.text().contains(words), "{verb} {path}: {} {}", answer.status, answer.text());
    }
    let answer = server.send("PUT", "/v1/agent/join?address=a:1&address=bad:2", "").await;
    shapes.check("JoinResult", &answer.json());
    assert_eq!(answer.json(), json!({"num_joined": 1, "error": "1 error occurred:\n\t* bad:2: no answer\n\n", "warning": ""}));
    let answer = server.send("PUT", "/v1/agent/force-leave?node=x&prune", "").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    assert_eq!(server.world.last_call(), "west Agent(ForceLeave { name: \"x\", prune: true })");
    *server.world.healthy.lock().unwrap() = false;
    let answer = server.get("/v1/agent/health?type=server&type=client").await;
    assert_eq!(answer.status, 500);
    assert_eq!(
        answer.json(),
        json!({"client": {"ok": false, "message": "client not enabled"}, "server": {"ok": false, "message": "no leader"}})
    );
}

/// Each row: a request that changes something, the type of its answer, and what was asked behind it.
#[tokio::test]
async fn writes() {
    let server = Server::start().await;
    let shapes = Shapes::load();
    let check = async |method: &str, path: &str, body: Value, kind: &str, asked: &str| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = server.send(method, path, &body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        match kind {
            "" => assert_eq!(answer.text(), "", "{path}"),
            kind => shapes.check(kind, &answer.json()),
        }
        let call = server.world.last_call();
        assert!(call.contains(asked), "{path} asked {call}, not {asked}");
        answer
    };
    let web = "JobKey { namespace: \"default\", id: \"web\" }";
    check("POST", "/v1/jobs", json!({"Job": job_json("web")}), "JobRegisterResponse", "west Write(RegisterJob(").await;
    check("PUT", "/v1/job/web", json!({"Job": job_json("web")}), "JobRegisterResponse", "west Write(RegisterJob(").await;
    check("PUT", "/v1/job/web/plan", json!({"Job": job_json("web"), "Diff": true}), "JobPlanResponse", "Write(PlanJob").await;
    check(
        "POST",
        "/v1/job/web/evaluate",
        Value::Null,
        "JobRegisterResponse",
        &format!("EvaluateJob {{ key: {web}, force_reschedule: false }}"),
    )
    .await;
    check(
        "PUT",
        "/v1/job/web/evaluate",
        json!({"JobID": "web", "EvalOptions": {"ForceReschedule": true}}),
        "JobRegisterResponse",
        "force_reschedule: true",
    )
    .await;
    check(
        "PUT",
        "/v1/job/web/revert",
        json!({"JobVersion": 3}),
        "JobRegisterResponse",
        &format!("RevertJob {{ key: {web}, version: 3, enforce_prior_version: None }}"),
    )
    .await;
    check("PUT", "/v1/job/web/stable", json!({"JobVersion": 3, "Stable": true}), "JobStabilityResponse", "version: 3, stable: true").await;
    check(
        "PUT",
        "/v1/job/web/scale",
        json!({"Count": 5, "Target": {"Group": "app"}, "Message": "more"}),
        "JobRegisterResponse",
        "group: \"app\", count: Some(5), message: \"more\", error: false, meta: \"\"",
    )
    .await;
    check(
        "PUT",
        "/v1/job/web/scale",
        json!({"Target": {"Group": "app"}, "Message": "stuck", "Error": true, "Meta": {"cpu": 0.9}}),
        "JobRegisterResponse",
        "count: None, message: \"stuck\", error: true, meta: \"{\\\"cpu\\\":0.9}\"",
    )
    .await;
    let stopped = check(
        "DELETE",
        "/v1/job/web?purge=true&eval_priority=7",
        Value::Null,
        "JobDeregisterResponse",
        "purge: true, global: false, eval_priority: 7",
    )
    .await;
    assert_eq!((stopped.header("x-nomad-index"), stopped.header("x-nomad-knownleader")), ("31", ""));
    let stopped = server.send("DELETE", "/v1/job/web?global=true", "").await;
    assert_eq!(stopped.json()["UnreachedRegions"], json!(["east"]));
    let alloc = |noun: &str| format!("/v1/allocation/{ALLOC}/{noun}");
    check("PUT", &alloc("stop?no_shutdown_delay=true"), Value::Null, "AllocStopResponse", "no_shutdown_delay: true, reschedule: false")
        .await;
    check("PUT", &alloc("stop?reschedule=true"), Value::Null, "AllocStopResponse", "no_shutdown_delay: false, reschedule: true").await;
    let deployment = |verb: &str| format!("/v1/deployment/{verb}/{DEPLOYMENT}");
    let failed = check("PUT", &deployment("fail"), Value::Null, "DeploymentUpdateResponse", "FailDeployment").await;
    assert_eq!(failed.json()["RevertedJobVersion"], 0);
    check("PUT", &deployment("pause"), json!({"DeploymentID": DEPLOYMENT, "Pause": true}), "DeploymentUpdateResponse", "pause: true").await;
    check("PUT", &deployment("promote"), json!({"All": true}), "DeploymentUpdateResponse", "groups: []").await;
    check("PUT", &deployment("promote"), json!({"Groups": ["app"]}), "DeploymentUpdateResponse", "groups: [\"app\"]").await;
    check("PUT", &deployment("unblock"), json!({"DeploymentID": DEPLOYMENT}), "DeploymentUpdateResponse", "UnblockDeployment").await;
    let health = json!({"HealthyAllocationIDs": [ALLOC], "UnhealthyAllocationIDs": null});
    check("PUT", &deployment("allocation-health"), health, "DeploymentUpdateResponse", &format!("healthy: [{ALLOC}], unhealthy: []")).await;
    let node = |noun: &str| format!("/v1/node/{NODE}/{noun}");
    check("PUT", &node("eligibility"), json!({"Eligibility": "ineligible"}), "NodeEligibilityUpdateResponse", "eligible: false").await;
    let drain = |body: Value| (node("drain"), body);
    for ((path, body), want) in [
        (drain(json!({"DrainSpec": {"Deadline": 5, "IgnoreSystemJobs": true}})), "Some(Drain { deadline: 5, ignore_system_jobs: true })"),
        (drain(json!({"DrainSpec": null, "MarkEligible": true})), "drain: None, mark_eligible: true"),
        (drain(json!({"DrainSpec": {"Deadline": -1}, "Meta": {"message": "why"}})), "meta: {\"message\": \"why\"}"),
    ] {
        check("PUT", &path, body, "NodeDrainUpdateResponse", want).await;
    }
    let metadata = format!("/v1/client/metadata?node_id={NODE}");
    check("GET", &metadata, Value::Null, "NodeMetaResponse", "ReadMeta").await;
    check("POST", &metadata, json!({"Meta": {"a": "2", "b": null}}), "NodeMetaResponse", "{\"a\": Some(\"2\"), \"b\": None}").await;
    let named = json!({"NodeID": NODE, "Meta": {"a": "2"}});
    check("POST", "/v1/client/metadata", named, "NodeMetaResponse", &format!("Node({NODE})")).await;
    check("PUT", &node("evaluate"), Value::Null, "NodeUpdateResponse", "EvaluateNode").await;
    check("PUT", &node("purge"), Value::Null, "NodeUpdateResponse", "PurgeNode").await;
    check("PUT", "/v1/system/gc", Value::Null, "", "CollectGarbage").await;
    check("PUT", "/v1/system/reconcile/summaries", Value::Null, "", "ReconcileSummaries").await;
    let on_node = |noun: &str| format!("/v1/client/allocation/{ALLOC}/{noun}");
    check("PUT", &on_node("restart"), json!({"TaskName": "server"}), "GenericResponse", "Restart { task: \"server\", all_tasks: false }")
        .await;
    check("PUT", &on_node("signal"), json!({"Signal": "SIGHUP"}), "GenericResponse", "Signal { task: \"\", signal: \"SIGHUP\" }").await;
    check("GET", &on_node("gc"), Value::Null, "", "CollectAlloc").await;
    check("PUT", &format!("/v1/client/gc?node_id={NODE}"), Value::Null, "", &format!("OnNode(Node({NODE}), CollectAll)")).await;
    check(
        "POST",
        "/v1/search",
        json!({"Prefix": "we", "Context": "jobs"}),
        "SearchResponse",
        "Search { context: Jobs, text: \"we\", fuzzy: false",
    )
    .await;
    check("POST", "/v1/validate/job", json!({"Job": job_json("web")}), "JobValidateResponse", "").await;
}

/// Registering says where the job went, with which namespace, and what the region answered.
#[tokio::test]
async fn register() {
    let server = Server::start().await;
    let check = async |query: &str, body: Value, region: &str, job_region: &str, namespace: &str| {
        let answer = server.send("PUT", &format!("/v1/jobs{query}"), &body.to_string()).await;
        assert_eq!(answer.status, 200, "{query} {body}: {}", answer.text());
        assert_eq!(answer.json()["Warnings"], "mind the gap");
        assert_eq!((&answer.json()["EvalID"], &answer.json()["JobModifyIndex"]), (&json!(EVAL), &json!(31)));
        let call = server.world.calls.lock().unwrap().last().unwrap().clone();
        let rpc::message::Write::RegisterJob(register) = server.world.last_write() else { panic!("{call:?}") };
        let got = (call.region.as_str(), register.job.region.as_str(), register.job.namespace.as_str());
        assert_eq!(got, (region, job_region, namespace), "{query} {body}");
        register
    };
    let with = |key: &str, value: Value| {
        let mut job = job_json("web");
        job[key] = value;
        job
    };
    check("", json!({"Job": job_json("web")}), "west", "west", "default").await;
    check("", json!({"Job": with("Region", json!("global"))}), "west", "west", "default").await;
    check("", json!({"Job": with("Region", json!("east"))}), "east", "east", "default").await;
    check("", json!({"Job": with("Region", json!("east")), "Region": "west"}), "west", "west", "default").await;
    check("?region=east", json!({"Job": with("Region", json!("west"))}), "east", "east", "default").await;
    check("?region=global", json!({"Job": job_json("web")}), "west", "west", "default").await;
    check("", json!({"Job": with("Namespace", json!("a")), "Namespace": "b"}), "west", "west", "b").await;
    check("?namespace=c", json!({"Job": with("Namespace", json!("a")), "Namespace": "b"}), "west", "west", "c").await;
    let multi = |regions: &[&str]| {
        let regions: Vec<Value> = regions.iter().map(|name| json!({"Name": name, "Count": 1})).collect();
        json!({"Job": with("Multiregion", json!({"Regions": regions}))})
    };
    check("", multi(&["west", "east"]), "west", "global", "default").await;
    check("", multi(&["east", "north"]), "east", "global", "default").await;
    check("?region=west", multi(&["east", "north"]), "east", "global", "default").await;
    let body = json!({
        "job": job_json("web"), "enforceindex": true, "JobModifyIndex": 7, "PreserveCounts": true, "EvalPriority": 60,
        "Submission": {"Source": "job {}", "Format": "hcl2", "VariableFlags": {"a": "b"}}, "SecretID": "x", "Unknown": [1]
    });
    let register = check("", body, "west", "west", "default").await;
    assert_eq!((register.enforce_index, register.preserve_counts, register.eval_priority), (Some(7), true, 60));
    assert_eq!(register.submission.as_ref().unwrap().variable_flags["a"], "b");
    let register = check("", json!({"Job": job_json("web"), "EnforceIndex": true}), "west", "west", "default").await;
    assert_eq!(register.enforce_index, Some(0));
    assert_eq!(check("", json!({"Job": job_json("web"), "JobModifyIndex": 7}), "west", "west", "default").await.enforce_index, None);
}

/// A plan shows the difference that the region found.
#[tokio::test]
async fn plan() {
    let server = Server::start().await;
    let mut job = job_json("web");
    job["Meta"] = json!({"owner": "ann"});
    job["TaskGroups"][0]["Count"] = json!(4);
    let plan = server.send("PUT", "/v1/job/web/plan", &json!({"Job": job, "Diff": true}).to_string()).await.json();
    assert_eq!(plan["Diff"]["Type"], "Edited");
    assert_eq!(plan["Diff"]["TaskGroups"][0]["Updates"], json!({"create": 2}));
    assert_eq!(
        plan["Diff"]["TaskGroups"][0]["Fields"],
        json!([{"Type": "Edited", "Name": "Count", "Old": "2", "New": "4", "Annotations": ["forces create"]}])
    );
    assert_eq!(plan["Annotations"]["DesiredTGUpdates"]["app"]["Place"], 2);
    assert_eq!((&plan["JobModifyIndex"], &plan["Index"], &plan["FailedTGAllocs"]), (&json!(20), &json!(31), &Value::Null));
    let plan = server.send("PUT", "/v1/job/web/plan", &json!({"Job": job}).to_string()).await.json();
    assert_eq!(plan["Diff"], Value::Null);
}

/// Versions come with what changed between them when asked.
#[tokio::test]
async fn versions() {
    let server = Server::start().await;
    let versions = server.get("/v1/job/web/versions?diffs=true").await.json();
    assert_eq!(versions["Versions"].as_array().unwrap().len(), 2);
    assert_eq!(versions["Diffs"].as_array().unwrap().len(), 1);
    assert_eq!(versions["Diffs"][0]["TaskGroups"][0]["Fields"][0]["New"], "2");
    assert_eq!(server.get("/v1/job/web/versions").await.json()["Diffs"], Value::Null);
    let changed = async |chosen: u64| {
        let versions = server.get(&format!("/v1/job/web/versions?diffs=true&diff_version={chosen}")).await.json();
        let counts = versions["Diffs"].as_array().unwrap().iter().map(|diff| diff["TaskGroups"][0]["Fields"][0].clone());
        counts.map(|count| format!("{} to {}", count["Old"], count["New"])).collect::<Vec<_>>()
    };
    assert_eq!(changed(0).await, ["\"1\" to \"2\""]);
    assert_eq!(changed(1).await, ["\"2\" to \"1\""]);
    let check = async |query: &str, status: u16, text: &str| {
        let answer = server.get(&format!("/v1/job/web/versions?diffs=true&{query}")).await;
        assert_eq!((answer.status, answer.text().as_str()), (status, text), "{query}");
    };
    check("diff_version=7", 404, "the job has no version 7; kept: 1, 0").await;
    check("diff_version=x", 400, "Expect a number for `diff_version` query string parameter").await;
    check("diff_tag=nosuch", 404, "no version of the job has the tag \"nosuch\"").await;
    // The first version has a name.
    let tagged = server.get("/v1/job/web/versions?diffs=true&diff_tag=gold").await.json();
    assert_eq!(tagged["Diffs"], server.get("/v1/job/web/versions?diffs=true&diff_version=0").await.json()["Diffs"]);
    check("diff_tag=gold&diff_version=0", 400, "diff_version and diff_tag exclude each other").await;
}

/// A job that is not valid is an answer, not an error.
#[tokio::test]
async fn validate() {
    let server = Server::start().await;
    let check = async |job: Value| server.send("PUT", "/v1/validate/job", &json!({"Job": job}).to_string()).await.json();
    let good = check(job_json("web")).await;
    assert_eq!((&good["ValidationErrors"], &good["Error"], &good["DriverConfigValidated"]), (&Value::Null, &json!(""), &json!(true)));
    let mut job = job_json("web");
    job["Datacenters"] = json!([]);
    job["TaskGroups"] = json!([]);
    let bad = check(job).await;
    assert!(!bad["ValidationErrors"].as_array().unwrap().is_empty(), "{bad}");
    assert!(bad["Error"].as_str().unwrap().contains("occurred:"), "{bad}");
    // What only the region knows.
    let unwanted = check(job_json("unwanted")).await;
    assert_eq!(
        (&unwanted["ValidationErrors"], &unwanted["Error"]),
        (&json!(["nobody wants it"]), &json!("1 error occurred:\n\t* nobody wants it\n\n"))
    );
    assert_eq!((&good["Warnings"], &unwanted["Warnings"]), (&json!("1 warning:\n\n* mind the gap"), &good["Warnings"]));
}

/// A job file becomes a job; broken ones say where.
#[tokio::test]
async fn parse() {
    let server = Server::start().await;
    let hcl = "variable \"n\" {\n  default = 1\n}\njob \"web\" {\n  group \"app\" {\n    count = var.n\n    task \"t\" {\n      driver = \"raw_exec\"\n    }\n  }\n}\n";
    let parse = async |body: Value| server.send("POST", "/v1/jobs/parse", &body.to_string()).await;
    let job = parse(json!({"JobHCL": hcl, "Variables": "n = 3", "Canonicalize": true})).await;
    assert_eq!((job.status, &job.json()["TaskGroups"][0]["Count"], &job.json()["Priority"]), (200, &json!(3), &json!(50)));
    Shapes::load().check("Job", &job.json());
    let job = parse(json!({"JobHCL": hcl})).await;
    assert_eq!((&job.json()["TaskGroups"][0]["Count"], &job.json()["Priority"]), (&json!(1), &Value::Null));
    let broken = parse(json!({"JobHCL": "job \"x\" {\n  grup \"a\" {}\n}\n"})).await;
    assert_eq!(broken.status, 400);
    assert!(broken.text().contains("input.hcl:2,"), "{}", broken.text());
    assert_eq!(parse(json!({})).await.text(), "Job spec is empty");
}

/// A rollout shows every region, also one that was not heard from.
#[tokio::test]
async fn rollout() {
    let server = Server::start().await;
    let rollout = server.get("/v1/job/shop%2Fcart/rollout").await;
    assert_eq!(rollout.header("x-nomad-index"), "30");
    let rollout = rollout.json();
    assert_eq!((&rollout["ID"], &rollout["JobVersion"]), (&json!("4.west.00000000-0000-0000-0000-000000000000"), &json!(3)));
    let [west, east] = rollout["Regions"].as_array().unwrap().as_slice() else { panic!("{rollout}") };
    assert_eq!((&west["Phase"], &west["Status"], &west["Healthy"]), (&json!("held"), &json!("blocked"), &json!(1)));
    assert_eq!((&east["Known"], &east["Phase"], &east["WaitingFor"]), (&json!(false), &Value::Null, &json!("west")));
    let none = server.get("/v1/job/web/rollout").await;
    assert_eq!((none.status, none.text().as_str()), (404, "rollout not found"));
}

/// What a person asserts about a rollout goes on as it is meant, or is refused in words.
#[tokio::test]
async fn asserting_something_about_a_rollout() {
    let server = Server::start().await;
    let path = "/v1/job/shop%2Fcart/rollout";
    for (body, excluded, released, aborted) in [
        (json!({"Action": "abort"}), vec![], vec![], true),
        (json!({"Action": "exclude", "Region": "east"}), vec!["east"], vec![], false),
        (json!({"Action": "release", "Region": "west"}), vec![], vec!["west"], false),
    ] {
        let answer = server.send("PUT", path, &body.to_string()).await;
        assert_eq!((answer.status, answer.json()), (200, json!({"Index": 31})), "{body}");
        let names = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
        let overrides = model::Overrides { excluded: names(&excluded), released: names(&released), aborted };
        let rpc::message::Write::OverrideRollout { key, overrides: asserted } = server.world.last_write() else { panic!("{body}") };
        assert_eq!((key.id.as_str(), asserted), ("shop/cart", overrides), "{body}");
    }
    for (body, words) in [
        (json!({"Action": "exclude"}), "Region: which one to exclude?"),
        (json!({"Action": "abort", "Region": "east"}), "a rollout is aborted in all its regions"),
        (json!({"Action": "undo"}), "Action: unknown \"undo\"; known are: abort, exclude, release"),
        (json!({}), "Action: unknown"),
    ] {
        let answer = server.send("PUT", path, &body.to_string()).await;
        assert!(answer.status == 400 && answer.text().contains(words), "{body}: {} {}", answer.status, answer.text());
    }
}

/// Details of what is shown: secrets, texts of events, what may be asked for.
#[tokio::test]
async fn details() {
    let server = Server::start().await;
    let node = server.get(&format!("/v1/node/{NODE}")).await.json();
    assert_eq!((&node["SecretID"], &node["Drain"]), (&json!(""), &json!(false)));
    let alloc = server.get(&format!("/v1/allocation/{ALLOC}")).await.json();
    let messages: Vec<&str> =
        alloc["TaskStates"]["server"]["Events"].as_array().unwrap().iter().map(|event| event["DisplayMessage"].as_str().unwrap()).collect();
    assert_eq!(messages, ["Task received by client", "own words"]);
    assert!(alloc.get("NextAllocation").is_none() && alloc["Job"]["ID"] == "web");
    assert_eq!(server.get(&format!("/v1/node/{NODE}/allocations")).await.json()[0]["Job"]["ID"], "web");
    let first = async |path: &str| server.get(path).await.json()[0].clone();
    assert_eq!(first("/v1/jobs").await.get("Meta"), None);
    assert_eq!(first("/v1/jobs?meta=1&prefix=web").await["Meta"], json!({"owner": "ann"}));
    assert_eq!(first("/v1/allocations").await.get("AllocatedResources"), None);
    assert!(first("/v1/allocations?resources=true").await["AllocatedResources"].is_object());
    assert_eq!(first("/v1/allocations?task_states=false").await["TaskStates"], Value::Null);
    let stub = first("/v1/nodes?os=true").await;
    assert_eq!(
        (&stub["Address"], &stub["Version"], &stub["Attributes"]),
        (&json!("10.0.0.7"), &json!("1.2.3"), &json!({"os.name": "debian"}))
    );
    assert_eq!(server.get("/v1/job/nope/deployment").await.text(), "null");
    for path in
        ["/v1/job/nope/allocations", "/v1/job/nope/evaluations", "/v1/job/nope/deployments", "/v1/jobs?prefix=zz", "/v1/nodes?prefix=00"]
    {
        assert_eq!(server.get(path).await.text(), "[]", "{path}");
    }
    let related = server.get(&format!("/v1/evaluation/{EVAL}?related=true")).await.json();
    assert_eq!(related["RelatedEvals"][0]["ID"], NEXT_EVAL);
    let stats = server.get(&format!("/v1/client/stats?node_id={NODE}")).await;
    assert_eq!((stats.text().as_str(), stats.header("content-type")), ("{\"Uptime\":7}", "application/json"));
    assert_eq!(server.get(&format!("/v1/client/allocation/{ALLOC}/stats?task=server")).await.text(), "{\"Timestamp\":8}");
    for path in [format!("/v1/allocation/{ALLOC}/checks"), format!("/v1/client/allocation/{ALLOC}/checks")] {
        assert_eq!(server.get(&path).await.text(), "{}", "{path}");
    }
    let scale = server.get("/v1/job/web/scale").await.json();
    let expected = json!({"Desired": 2, "Placed": 1, "Running": 1, "Healthy": 1, "Unhealthy": 0, "Events": [
        {"Time": 7, "Count": 2, "PreviousCount": 1, "Message": "more", "Error": false, "Meta": {"by": {"cpu": 0.9}}, "EvalID": EVAL, "CreateIndex": 20},
        {"Time": 0, "Count": null, "PreviousCount": 0, "Message": "", "Error": false, "Meta": null, "EvalID": null, "CreateIndex": 0},
    ]});
    assert_eq!(scale["TaskGroups"]["app"], expected, "the deployment's count of 2 is of another time");
    let files = server.get(&format!("/v1/client/fs/ls/{ALLOC}")).await.json();
    Shapes::load().check("array<AllocFileInfo>", &files);
    assert!(server.world.last_call().contains("List { path: \"/\" }"));
    let file = server.get(&format!("/v1/client/fs/stat/{ALLOC}?path=alloc")).await.json();
    Shapes::load().check("AllocFileInfo", &file);
}

/// Lists are filtered by the full object, paged, and ordered.
#[tokio::test]
async fn lists() {
    let server = Server::start().await;
    let ids = async |path: &str| {
        let answer = server.get(path).await;
        let list = answer.json();
        let ids: Vec<String> = list
            .as_array()
            .unwrap_or_else(|| panic!("{path}: {list}"))
            .iter()
            .map(|item| item["ID"].as_str().unwrap().to_owned())
            .collect();
        (ids.join(","), answer.header("x-nomad-nexttoken").to_owned())
    };
    assert_eq!(ids("/v1/jobs").await.0, "shop/cart,web");
    assert_eq!(ids("/v1/jobs?filter=Meta.owner+%3D%3D+ann").await.0, "web");
    assert_eq!(ids("/v1/jobs?per_page=1").await, ("shop/cart".into(), "default.web".into()));
    assert_eq!(ids("/v1/jobs?per_page=1&next_token=default.web").await, ("web".into(), "".into()));
    assert_eq!(ids("/v1/jobs/statuses").await.0, "web,shop/cart");
    assert_eq!(ids("/v1/jobs/statuses?per_page=1").await, ("web".into(), "12.default.shop/cart".into()));
    // Who names jobs without a namespace means the default one.
    let named = server.send("POST", "/v1/jobs/statuses", "{\"Jobs\":[{\"ID\":\"web\"}]}").await.json();
    assert_eq!((named[0]["ID"].as_str(), named.as_array().map(Vec::len)), (Some("web"), Some(1)));
    assert_eq!(ids("/v1/allocations").await.0, format!("{OLD_ALLOC},{ALLOC}"));
    assert_eq!(ids("/v1/allocations?reverse=true").await.0, format!("{ALLOC},{OLD_ALLOC}"));
    assert_eq!(ids("/v1/allocations?prefix=111").await.0, ALLOC);
    assert_eq!(ids("/v1/allocations?filter=NextAllocation+is+not+empty").await.0, OLD_ALLOC);
    let both = format!("{OLD_ALLOC},{ALLOC}");
    assert_eq!(ids("/v1/allocations?filter=Job.Type+%3D%3D+service+and+TaskGroup+is+not+empty").await.0, both);
    assert_eq!(ids("/v1/allocations?filter=Job.Type+%3D%3D+batch").await.0, "");
    assert_eq!(ids("/v1/evaluations?status=blocked&job=web").await.0, NEXT_EVAL);
    assert_eq!(ids("/v1/evaluations?per_page=1").await.1, format!("21.{NEXT_EVAL}"));
    assert_eq!(server.get("/v1/evaluations/count?filter=Status+%3D%3D+blocked").await.json()["Count"], 1);
    assert_eq!(ids("/v1/nodes?filter=Attributes%5B%22os.name%22%5D+%3D%3D+debian").await.0, NODE);
    server.get("/v1/jobs?namespace=*").await;
    assert!(server.world.last_call().contains("namespace: None"));
    server.get("/v1/jobs").await;
    assert!(server.world.last_call().contains("namespace: Some(\"default\")"));
}

/// Search puts together what each context has; of everything, what has nothing is left out.
#[tokio::test]
async fn search() {
    let server = Server::start().await;
    let search = async |body: Value| server.send("POST", "/v1/search", &body.to_string()).await.json();
    let jobs = search(json!({"Prefix": "we", "Context": "jobs"})).await;
    assert_eq!((&jobs["Matches"], &jobs["Truncations"], &jobs["Index"]), (&json!({"jobs": ["web"]}), &json!({"jobs": false}), &json!(30)));
    assert_eq!(search(json!({"Prefix": "ee"})).await["Matches"], json!({"nodes": [NODE]}));
    // what a region cannot have is searched, too
    let volumes = search(json!({"Prefix": "we", "Context": "volumes"})).await;
    assert_eq!((&volumes["Matches"]["volumes"], &volumes["Truncations"]["volumes"]), (&json!([]), &json!(false)));
    assert_eq!(search(json!({"Prefix": "zz", "Context": "all"})).await["Matches"], Value::Null);
}
