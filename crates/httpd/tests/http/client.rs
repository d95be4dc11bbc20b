//! The typed client against the interface: what it sends is understood, what comes back is what was meant.

use std::time::Duration;

use api::client::{DeregisterOptions, Error, Query};
use api::*;
use model::{Eligibility, Job};

use crate::world::*;

/// Every method of the client gets its answer.
#[tokio::test]
async fn every_endpoint() {
    let server = Server::start().await;
    let client = server.client();
    let q = Query::new();
    let job: Job = client.job("web", &q).await.unwrap().value;
    assert_eq!(job, *server.world.jobs[0]);
    assert_eq!(client.job("shop/cart", &q).await.unwrap().value, *server.world.jobs[1]);
    let jobs = client.jobs(&q).await.unwrap();
    assert_eq!((jobs.value.len(), jobs.index, jobs.last_contact, jobs.known_leader), (2, 30, 3, true));
    assert_eq!(client.job_statuses(&JobStatusesRequest::default(), &q).await.unwrap().value[0].allocs.len(), 2);
    let registered = client.register_job(&JobRegisterRequest { job: Some(job.clone()), ..Default::default() }, &q).await.unwrap();
    assert_eq!((registered.value.eval_id.as_str(), registered.index), (EVAL, 31));
    let plan =
        client.plan_job("web", &JobPlanRequest { job: Some(job.clone()), diff: true, ..Default::default() }, &q).await.unwrap().value;
    assert_eq!(plan.diff.unwrap().kind, diff::DiffType::None);
    assert_eq!(client.validate_job(&JobValidateRequest { job: Some(job), ..Default::default() }, &q).await.unwrap().value.error, "");
    let hcl = "job \"x\" {\n  group \"g\" {\n    task \"t\" {\n      driver = \"mock_driver\"\n    }\n  }\n}\n".to_owned();
    assert_eq!(
        client.parse_job(&JobsParseRequest { job_hcl: hcl, canonicalize: true, ..Default::default() }, &q).await.unwrap().value.id,
        "x"
    );
    let bare = JobsParseRequest { job_hcl: "job \"x\" {\n}\n".to_owned(), ..Default::default() };
    assert_eq!(client.parse_job(&bare, &q).await.unwrap().value.priority, 0);
    let stop = DeregisterOptions { purge: true, global: true, ..Default::default() };
    assert_eq!(client.deregister_job("web", &stop, &q).await.unwrap().value.unreached_regions, ["east"]);
    assert_eq!(client.job_versions("web", true, &q).await.unwrap().value.diffs.len(), 1);
    assert_eq!(client.job_allocations("web", true, &q).await.unwrap().value.len(), 2);
    assert_eq!(client.job_evaluations("web", &q).await.unwrap().value.len(), 2);
    assert_eq!(client.job_deployments("web", false, &q).await.unwrap().value.len(), 1);
    assert!(client.job_latest_deployment("web", &q).await.unwrap().value.is_some());
    assert!(client.job_latest_deployment("nope", &q).await.unwrap().value.is_none());
    assert_eq!(client.job_summary("web", &q).await.unwrap().value.summary["app"].running, 2);
    assert_eq!(client.job_submission("web", 1, &q).await.unwrap().value.format, "hcl2");
    let evaluate = JobEvaluateRequest { job_id: "shop/cart".into(), ..Default::default() };
    assert_eq!(client.evaluate_job(&evaluate, &q).await.unwrap().value.eval_id, EVAL);
    client.revert_job(&JobRevertRequest { job_id: "web".into(), ..Default::default() }, &q).await.unwrap();
    client.set_job_stability(&JobStabilityRequest { job_id: "web".into(), ..Default::default() }, &q).await.unwrap();
    let scale = ScalingRequest { count: Some(3), target: [("Group".to_owned(), "app".to_owned())].into(), ..Default::default() };
    client.scale_job("web", &scale, &q).await.unwrap();
    assert_eq!(client.job_scale_status("web", &q).await.unwrap().value.task_groups["app"].running, 1);
    assert_eq!(client.job_rollout("shop/cart", &q).await.unwrap().value.regions.len(), 2);
    assert_eq!(client.allocations(&Query::new().prefix("1")).await.unwrap().value.len(), 1);
    assert_eq!(client.allocation(ALLOC, &q).await.unwrap().value.name, "web.app[0]");
    assert_eq!(client.stop_allocation(ALLOC, true, &q).await.unwrap().value.eval_id, EVAL);
    client.restart_allocation(ALLOC, &AllocationRestartRequest::default(), &q).await.unwrap();
    client.signal_allocation(ALLOC, &AllocSignalRequest { signal: "SIGHUP".into(), ..Default::default() }, &q).await.unwrap();
    assert_eq!(client.allocation_stats(ALLOC, "", &q).await.unwrap().value.timestamp, 8);
    client.collect_allocation(ALLOC, &q).await.unwrap();
    assert_eq!(client.evaluations(&Query::new().page(1, "")).await.unwrap().next_token, Some(format!("21.{NEXT_EVAL}")));
    assert_eq!(client.evaluations_count(&q).await.unwrap().value.count, 2);
    assert_eq!(client.evaluation(EVAL, &q).await.unwrap().value, *server.world.evals[0]);
    assert_eq!(client.related_evaluation(EVAL, &q).await.unwrap().value.related_evals.len(), 1);
    assert_eq!(client.evaluation_allocations(EVAL, &q).await.unwrap().value.len(), 2);
    let search = SearchRequest { prefix: "we".into(), context: "jobs".into(), ..Default::default() };
    assert_eq!(client.search(&search, &q).await.unwrap().value.matches["jobs"], ["web"]);
    assert_eq!(client.deployments(&q).await.unwrap().value, [(*server.world.deployments[0]).clone()]);
    assert_eq!(client.deployment(DEPLOYMENT, &q).await.unwrap().value.job_version, 1);
    assert_eq!(client.deployment_allocations(DEPLOYMENT, &q).await.unwrap().value.len(), 2);
    assert_eq!(client.fail_deployment(DEPLOYMENT, &q).await.unwrap().value.reverted_job_version, Some(0));
    client.pause_deployment(DEPLOYMENT, true, &q).await.unwrap();
    client.promote_deployment(DEPLOYMENT, &[], &q).await.unwrap();
    client.promote_deployment(DEPLOYMENT, &["app".to_owned()], &q).await.unwrap();
    let health =
        DeploymentAllocHealthRequest { deployment_id: DEPLOYMENT.into(), healthy_allocation_ids: vec![ALLOC.into()], ..Default::default() };
    client.set_alloc_health(&health, &q).await.unwrap();
    client.unblock_deployment(DEPLOYMENT, &q).await.unwrap();
    assert_eq!(client.nodes(&q).await.unwrap().value[0].version, "1.2.3");
    let node = client.node(NODE, &q).await.unwrap().value;
    assert!(node.node.secret_id.is_nil() && !node.drain && node.node.name == "n1");
    assert_eq!(client.node_allocations(NODE, &q).await.unwrap().value.len(), 2);
    client.set_node_eligibility(NODE, Eligibility::Ineligible, &q).await.unwrap();
    client.evaluate_node(NODE, &q).await.unwrap();
    client.purge_node(NODE, &q).await.unwrap();
    assert_eq!(client.host_stats(NODE, &q).await.unwrap().value.uptime, 7);
    client.collect_node(NODE, &q).await.unwrap();
    assert!(client.list_files(ALLOC, "/", &q).await.unwrap().value[0].is_dir);
    assert_eq!(client.stat_file(ALLOC, "alloc", &q).await.unwrap().value.size, 4096);
    assert_eq!(client.agent_self().await.unwrap().member.unwrap().name, "server-1.west");
    assert_eq!(client.members(&q).await.unwrap().members.len(), 1);
    assert_eq!(client.join(&["a:1".into(), "b:2".into()], &q).await.unwrap().num_joined, 2);
    client.force_leave("x", true, &q).await.unwrap();
    assert!(client.agent_health().await.unwrap().ok);
    *server.world.healthy.lock().unwrap() = false;
    let health = client.agent_health().await.unwrap();
    assert_eq!((health.ok, health.parts.server.unwrap().message.as_str()), (false, "no leader"));
    assert_eq!(client.leader(&q).await.unwrap(), "10.0.0.1:4647");
    assert_eq!(client.peers(&q).await.unwrap(), ["10.0.0.1:4647"]);
    assert_eq!(client.regions().await.unwrap(), ["east", "west"]);
    assert_eq!(client.raft_configuration(&q).await.unwrap().servers[0].node, "s1.west");
    client.system_gc(&q).await.unwrap();
    client.reconcile_summaries(&q).await.unwrap();
    let drained = client.drain_node(&NodeUpdateDrainRequest { node_id: NODE.into(), ..Default::default() }, &q).await.unwrap();
    assert_eq!((drained.value.node_modify_index, drained.value.eval_ids.len()), (31, 1));
    let meta = client.node_meta(NODE, &q).await.unwrap().value;
    assert_eq!((meta.meta["a"].as_str(), &meta.dynamic["b"], meta.configured["b"].as_str()), ("2", &None, "1"));
}

/// Region and namespace of the client go along, unless a query has its own.
#[tokio::test]
async fn region_and_namespace() {
    let server = Server::start().await;
    let client = server.client().with_region("east").with_namespace("team");
    client.job("web", &Query::new()).await.unwrap_err();
    assert!(server.world.last_call().starts_with("east Read") && server.world.last_call().contains("\"team\""));
    client.jobs(&Query::new().region("west").namespace("*")).await.unwrap();
    assert!(server.world.last_call().starts_with("west Read") && server.world.last_call().contains("namespace: None"));
}

/// A waiting query through the client.
#[tokio::test]
async fn waits() {
    let server = Server::start().await;
    let client = server.client();
    let query = Query::new().after(30, Duration::from_secs(60));
    let (answer, ()) = tokio::join!(client.jobs(&query), async {
        while server.world.calls.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        server.world.change();
    });
    assert_eq!(answer.unwrap().index, 31);
}

/// Errors say what the server said, or why there is no server.
#[tokio::test]
async fn errors() {
    let server = Server::start().await;
    let error = server.client().job("nope", &Query::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "Unexpected response code: 404 (job not found)");
    assert!(error.is_not_found());
    let error = server.client().with_region("mars").jobs(&Query::new()).await.unwrap_err();
    assert_eq!(error.body(), Some("No path to region \"mars\"; known regions: east, west"));

    // A port that was free a moment ago and has no listener.
    let address = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = Client::new(&address.to_string()).unwrap().jobs(&Query::new()).await.unwrap_err();
    assert!(error.is_connection(), "{error}");
    assert_eq!(
        error.to_string(),
        format!("Get \"http://{address}/v1/jobs\": dial tcp {address}: connection refused: no agent listens there")
    );
    let error = Client::new("http://no-such-host.invalid:4646").unwrap().jobs(&Query::new()).await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }) && error.to_string().contains("no-such-host.invalid:4646"), "{error}");
    assert!(matches!(Client::new("").unwrap().with_token("a\nb"), Err(Error::Token)));
}
