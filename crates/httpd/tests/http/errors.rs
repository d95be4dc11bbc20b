//! Refusals: status codes and texts.

use httpd::AgentInfo;
use model::NodeId;
use rpc::message::Failure;

use crate::world::*;

/// Each row: a request, its status and its text.
#[tokio::test]
async fn texts() {
    let server = Server::start().await;
    let check = async |method: &str, path: &str, body: &str, status: u16, text: &str| {
        let answer = server.send(method, path, body).await;
        assert_eq!((answer.status, answer.text().as_str()), (status, text), "{method} {path} {body}");
        if !text.is_empty() {
            assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8", "{method} {path}");
        }
    };
    let get = async |path: &str, status: u16, text: &str| check("GET", path, "", status, text).await;
    // Not there.
    get("/v1/job/nope", 404, "job not found").await;
    get("/v1/job/nope/versions", 404, "job versions not found").await;
    get("/v1/job/nope/summary", 404, "job not found").await;
    get("/v1/job/nope/scale", 404, "job not found").await;
    get("/v1/job/web/submission?version=9", 404, "job source not found").await;
    get(&format!("/v1/allocation/{NOWHERE}"), 404, "alloc not found").await;
    get(&format!("/v1/evaluation/{NOWHERE}"), 404, "eval not found").await;
    get(&format!("/v1/deployment/{NOWHERE}"), 404, "deployment not found").await;
    get(&format!("/v1/node/{NOWHERE}"), 404, "node not found").await;
    get(&format!("/v1/node/{NODE}/nothing"), 404, "resource not found").await;
    get(&format!("/v1/client/fs/ls/{NOWHERE}"), 404, &format!("Unknown allocation \"{NOWHERE}\"")).await;
    get("/v1/client/fs/ls/abc", 404, "Unknown allocation \"abc\"").await;
    get("/v1/client/stats?node_id=abc", 404, "Unknown node \"abc\"").await;
    let zeros = "00000000-0000-0000-0000-000000000000";
    get(&format!("/v1/client/stats?node_id={zeros}"), 404, &format!("Unknown node \"{zeros}\"")).await;
    get(&format!("/v1/allocation/{NOWHERE}/checks"), 404, &format!("Unknown allocation \"{NOWHERE}\"")).await;
    get(&format!("/v1/client/allocation/{NOWHERE}/checks"), 404, &format!("Unknown allocation \"{NOWHERE}\"")).await;
    get("/v1/nowhere", 404, "").await;
    get("/v2/jobs", 404, "").await;
    // Ids are whole.
    get(
        "/v1/allocation/1111",
        404,
        "alloc not found: \"1111\" is not an id of 36 characters; ids that begin with a text are listed with ?prefix=",
    )
    .await;
    get("/v1/allocations?prefix=zz", 500, "Invalid UUID: \"zz\" cannot begin an id: invalid character 'z'").await;
    // Parameters.
    get("/v1/jobs?index=x", 400, "Invalid index").await;
    get("/v1/jobs?wait=x", 400, "Invalid wait time").await;
    get("/v1/jobs?stale=x", 400, "Expect `true` or `false` for `stale` query string parameter").await;
    get("/v1/jobs?per_page=x", 400, "Expect a number for `per_page` query string parameter").await;
    get("/v1/jobs?filter=ID", 400, "failed to read filter expression: expected ==, !=, in, not in, contains, not contains, matches, not matches, is empty or is not empty at the end").await;
    get("/v1/evaluations?job=web&filter=ID+is+empty", 400, "Filter expression cannot be used with other filter parameters").await;
    get("/v1/jobs?region=mars", 500, "No path to region \"mars\"; known regions: east, west").await;
    get("/v1/job/web/submission", 400, "Missing query parameter `version`: the version whose source is asked for").await;
    get("/v1/client/stats", 400, "No local Node and node_id not provided").await;
    let logs = |query: &str| format!("/v1/client/fs/logs/{ALLOC}?{query}");
    get(&logs(""), 400, "must provide task name").await;
    get(&logs("task=t"), 400, "must provide log type (stdout/stderr)").await;
    get(&logs("task=t&type=x"), 400, "unknown log type \"x\": it is stdout or stderr").await;
    get(&logs("task=t&type=stdout&origin=x"), 400, "invalid origin \"x\": it is start or end").await;
    get(&logs("task=t&type=stdout&offset=-1"), 400, "offset -1 is negative").await;
    get(&format!("/v1/client/fs/cat/{ALLOC}"), 400, "must provide a file name").await;
    get(&format!("/v1/client/fs/readat/{ALLOC}?path=x"), 400, "must provide an offset").await;
    check("PUT", "/v1/agent/join", "", 400, "missing address to join").await;
    check("PUT", "/v1/agent/force-leave", "", 400, "missing node to force leave").await;
    // Bodies.
    check("PUT", "/v1/jobs", "", 400, "Request body is empty").await;
    check("PUT", "/v1/jobs", "{}", 400, "Job must be specified").await;
    check("PUT", "/v1/jobs", "{\"Job\":", 400, "Request body is not valid JSON: EOF while parsing a value at line 1 column 7").await;
    check("PUT", "/v1/jobs", "[1]", 400, "request body: expected object, got array").await;
    check("PUT", "/v1/job/web", "{\"Job\":{\"ID\":\"x\"}}", 400, "Job ID does not match name").await;
    check("PUT", "/v1/job/web/plan", "{\"Job\":{\"ID\":\"x\"}}", 400, "Job ID does not match").await;
    let both = format!("{{\"HealthyAllocationIDs\":[\"{ALLOC}\"],\"UnhealthyAllocationIDs\":[\"{ALLOC}\"]}}");
    let text = format!("allocation {ALLOC} is in HealthyAllocationIDs and in UnhealthyAllocationIDs: name it once");
    check("PUT", &format!("/v1/deployment/allocation-health/{DEPLOYMENT}"), &both, 400, &text).await;
    check("PUT", "/v1/job/web/revert", "{\"JobID\":\"x\"}", 400, "Job ID does not match").await;
    check("PUT", "/v1/job/web/revert", "{\"JobVersion\":\"x\"}", 400, "JobVersion: expected integer, got string").await;
    check("PUT", "/v1/job/web/scale", "{\"Count\":1}", 400, "missing task group name for scaling action").await;
    check(
        "PUT",
        &format!("/v1/deployment/pause/{DEPLOYMENT}"),
        &format!("{{\"DeploymentID\":\"{NODE}\"}}"),
        400,
        "Deployment ID does not match",
    )
    .await;
    check("PUT", &format!("/v1/deployment/promote/{DEPLOYMENT}"), "{}", 400, "Promotion needs All or the names of Groups").await;
    check(
        "PUT",
        &format!("/v1/deployment/allocation-health/{DEPLOYMENT}"),
        "{\"HealthyAllocationIDs\":[\"x\"]}",
        400,
        "HealthyAllocationIDs[0]: \"x\" is not an id of 36 characters",
    )
    .await;
    check(
        "PUT",
        &format!("/v1/node/{NODE}/eligibility"),
        "{\"Eligibility\":\"maybe\"}",
        400,
        "Invalid scheduling eligibility \"maybe\": it is eligible or ineligible",
    )
    .await;
    check(
        "PUT",
        "/v1/search",
        "{\"Context\":\"moon\"}",
        400,
        "unknown context \"moon\": it is one of all, allocs, deployment, evals, jobs, namespaces, node_pools, nodes, scaling_policy, quotas, \
         recommendations, plugins, vars, volumes, host_volumes",
    )
    .await;
    check("PUT", &format!("/v1/node/{NODE}/drain"), "", 400, "Request body is empty").await;
    check("PUT", &format!("/v1/node/{NODE}/drain"), "{\"NodeID\":\"x\"}", 400, "Node ID does not match").await;
    check("DELETE", "/v1/client/metadata", "", 405, "Invalid method").await;
    check("GET", "/v1/client/metadata", "", 400, "No local Node and node_id not provided").await;
    // Not built.
    // Launches and names of versions.
    check("GET", "/v1/job/web/dispatch", "", 405, "Invalid method").await;
    check("PUT", "/v1/job/web/dispatch", "{\"JobID\":\"db\"}", 400, "Job ID does not match").await;
    check("GET", "/v1/job/web/periodic/force", "", 405, "Invalid method").await;
    check("GET", "/v1/job/web/versions/gold/tag", "", 405, "Invalid method").await;
    check("PUT", "/v1/job/web/versions/gold/tag", "", 400, "Request body is empty").await;
    check("PUT", "/v1/scaling/policies", "", 405, "Invalid method").await;
    get("/v1/agent/monitor/export", 501, "reading the log that was written before (GET /v1/agent/monitor/export) is not supported yet")
        .await;
    get("/v1/acl/policies", 501, "access control (GET /v1/acl/policies) is not supported yet").await;
    get("/v1/quotas", 501, "Nomad Enterprise only endpoint").await;
    get("/v1/agent/servers", 501, "Invalid method").await;
    let delete = async |body: &str, status: u16, text: &str| check("DELETE", "/v1/evaluations", body, status, text).await;
    delete("", 400, "Request body is empty").await;
    delete("{}", 400, "EvalIDs or Filter has to say which evaluations are meant").await;
    delete("{\"EvalIDs\":\"x\"}", 400, "EvalIDs: expected array, got string").await;
    delete("{\"EvalIDs\":[\"x\"]}", 400, "EvalIDs[0]: \"x\" is not an id of 36 characters").await;
    delete("{\"Filter\":\"Nope == 1\"}", 400, "failed to read filter expression: unknown field \"Nope\"").await;
    delete(&format!("{{\"EvalIDs\":[\"{EVAL}\"],\"Filter\":\"Status == pending\"}}"), 400, "EvalIDs and Filter exclude each other").await;
    let many = format!("{{\"EvalIDs\":[{}]}}", vec![format!("\"{EVAL}\""); 7282].join(","));
    delete(&many, 400, "7282 EvalIDs are more than the 7281 that one request may have").await;
}

/// A region that does not exist is refused also where the answer would not depend on it.
#[tokio::test]
async fn unknown_regions() {
    let server = Server::start().await;
    let job = serde_json::json!({"Job": job_json("web")}).to_string();
    for (method, path, body) in [
        ("PUT", "/v1/validate/job?region=mars", job.as_str()),
        ("PUT", "/v1/search?region=mars", "{\"Prefix\":\"zz\",\"Context\":\"allocs\"}"),
        ("DELETE", "/v1/evaluations?region=mars", "{}"),
    ] {
        let answer = server.send(method, path, body).await;
        assert_eq!((answer.status, answer.text().as_str()), (500, "No path to region \"mars\"; known regions: west, east"), "{path}");
        let elsewhere = server.send(method, &path.replace("mars", "east"), body).await;
        assert_ne!(elsewhere.text(), answer.text(), "{path}");
    }
    for path in ["/v1/agent/join?address=a:1&region=east", "/v1/agent/force-leave?node=x&region=east"] {
        server.send("PUT", path, "").await;
        assert!(server.world.last_call().starts_with("east Agent("), "{path}: {}", server.world.last_call());
    }
}

/// Whoever asks with the wrong verb is told so; PUT and POST are one.
#[tokio::test]
async fn verbs() {
    let server = Server::start().await;
    for (method, path) in [
        ("DELETE", "/v1/jobs".to_owned()),
        ("PATCH", "/v1/jobs".to_owned()),
        ("PATCH", "/v1/job/web".to_owned()),
        ("PUT", "/v1/job/web/versions".to_owned()),
        ("GET", "/v1/job/web/plan".to_owned()),
        ("GET", "/v1/validate/job".to_owned()),
        ("GET", "/v1/jobs/parse".to_owned()),
        ("PUT", "/v1/allocations".to_owned()),
        ("DELETE", format!("/v1/allocation/{ALLOC}")),
        ("GET", format!("/v1/allocation/{ALLOC}/stop")),
        ("PUT", "/v1/evaluations".to_owned()),
        ("PUT", "/v1/deployments".to_owned()),
        ("GET", format!("/v1/deployment/fail/{DEPLOYMENT}")),
        ("PUT", "/v1/nodes".to_owned()),
        ("GET", format!("/v1/node/{NODE}/eligibility")),
        ("PUT", format!("/v1/client/fs/ls/{ALLOC}")),
        ("PUT", "/v1/client/stats".to_owned()),
        ("GET", format!("/v1/client/allocation/{ALLOC}/restart")),
        ("PUT", "/v1/agent/self".to_owned()),
        ("GET", "/v1/agent/join".to_owned()),
        ("PUT", "/v1/status/leader".to_owned()),
        ("PUT", "/v1/regions".to_owned()),
        ("GET", "/v1/search".to_owned()),
        ("GET", "/v1/search/fuzzy".to_owned()),
        ("PUT", "/v1/namespaces".to_owned()),
        ("GET", "/v1/namespace".to_owned()),
        ("PATCH", "/v1/namespace/dev".to_owned()),
        ("DELETE", "/v1/node/pools".to_owned()),
        ("PUT", "/v1/node/pool/gpu/nodes".to_owned()),
        ("DELETE", "/v1/operator/scheduler/configuration".to_owned()),
        ("GET", "/v1/system/gc".to_owned()),
        ("POST", "/v1/system/gc".to_owned()),
    ] {
        let answer = server.send(method, &path, "").await;
        assert_eq!((answer.status, answer.text().as_str()), (405, "Invalid method"), "{method} {path}");
    }
}

/// What the region says goes through with its code; permission has its own.
#[tokio::test]
async fn failures_of_the_region() {
    let server = Server::start().await;
    for (failure, status, text) in [
        (Failure::internal("No cluster leader"), 500, "No cluster leader"),
        (Failure::new(409, "another rollout is older"), 409, "another rollout is older"),
        (Failure::new(200, "odd"), 500, "odd"),
        (Failure::new(7, "odder"), 500, "odder"),
        (Failure::internal("rpc error: Permission denied"), 403, "Permission denied"),
        (Failure::internal("x: ACL token not found"), 403, "ACL token not found"),
    ] {
        *server.world.failure.lock().unwrap() = Some(failure);
        for (method, path) in [("GET", "/v1/jobs"), ("DELETE", "/v1/job/web"), ("GET", "/v1/agent/members")] {
            let answer = server.send(method, path, "").await;
            assert_eq!((answer.status, answer.text().as_str()), (status, text), "{path}");
        }
        let answer = server.get(&format!("/v1/client/fs/logs/{ALLOC}?task=t&type=stdout")).await;
        assert_eq!((answer.status, answer.text().as_str()), (status, text));
    }
}

/// An object that is not there still says as of when.
#[tokio::test]
async fn not_found_has_an_index() {
    let server = Server::start().await;
    let answer = server.get("/v1/job/nope").await;
    assert_eq!((answer.header("x-nomad-index"), answer.header("x-nomad-knownleader")), ("30", "true"));
}

/// A client agent knows its servers and is no server.
#[tokio::test]
async fn client_agents() {
    let node_id: NodeId = NODE.parse().unwrap();
    let servers = std::sync::Arc::new(|| vec!["10.0.0.1:4647".to_owned()]);
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let set_servers = {
        let told = told.clone();
        std::sync::Arc::new(move |servers: &[String]| *told.lock().unwrap() = servers.to_vec())
    };
    let info = AgentInfo { server: false, node_id: Some(node_id), servers, set_servers, ..Default::default() };
    let server = Server::start_with(info).await;
    for (query, status) in [("", 400), ("?address=", 400), ("?address=a:b", 400), ("?address=10.0.0.9&address=%5B::1%5D:7", 200)] {
        assert_eq!(server.send("PUT", &format!("/v1/agent/servers{query}"), "").await.status, status, "{query}");
    }
    assert_eq!(*told.lock().unwrap(), ["10.0.0.9", "[::1]:7"]);
    assert_eq!(server.get("/v1/agent/servers").await.json(), serde_json::json!(["10.0.0.1:4647"]));
    assert_eq!(server.get("/v1/agent/health").await.json(), serde_json::json!({"client": {"ok": true, "message": "ok"}}));
    assert_eq!(server.get("/v1/client/stats").await.text(), "{\"Uptime\":7}");
    assert!(server.get("/v1/agent/self").await.json().get("member").is_none());
    for path in ["/v1/agent/join?address=a", "/v1/agent/force-leave?node=a"] {
        let answer = server.send("PUT", path, "").await;
        assert_eq!((answer.status, answer.text().as_str()), (501, "Invalid method"));
    }
}

/// The root leads to the pages, with its query.
#[tokio::test]
async fn root() {
    let server = Server::start().await;
    let answer = server.get("/?ott=x").await;
    assert_eq!((answer.status, answer.header("location")), (307, "/ui/?ott=x"));
    assert_eq!(server.get("/").await.header("location"), "/ui/");
    assert_eq!(server.get("/ui/").await.status, 200);
}
