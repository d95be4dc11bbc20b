//! The table of paths. Handlers check the verb themselves, because PUT and POST are one and the text of a wrong verb is fixed.

mod agent;
mod alloc_on_node;
mod allocs;
mod deployments;
mod elsewhere;
mod evals;
mod events;
mod events_everywhere;
mod fs;
mod job;
mod job_changes;
mod job_launch;
mod job_lists;
mod job_plan;
mod job_register;
mod job_rollout;
mod job_scale;
mod job_statuses;
mod job_tags;
mod jobs;
mod jobs_parse;
mod metrics;
mod monitor;
mod namespaces;
mod node_pools;
mod node_stats;
mod nodes;
mod operator;
mod policies;
mod scheduler;
mod search;
mod snapshot;
mod status;
mod system;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::any;

use crate::compress::compress;
use crate::request::App;

/// All paths.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/jobs", any(jobs::jobs))
        .route("/v1/jobs/parse", any(jobs_parse::parse))
        .route("/v1/jobs/statuses", any(job_statuses::statuses))
        .route("/v1/job/{*rest}", any(job::job))
        .route("/v1/validate/job", any(job_plan::validate))
        .route("/v1/allocations", any(allocs::list))
        .route("/v1/allocation/{*rest}", any(allocs::allocation))
        .route("/v1/evaluations", any(evals::list))
        .route("/v1/evaluations/count", any(evals::count))
        .route("/v1/evaluation/{*rest}", any(evals::evaluation))
        .route("/v1/deployments", any(deployments::list))
        .route("/v1/deployment/{*rest}", any(deployments::deployment))
        .route("/v1/event/stream", any(events::follow))
        .route("/v1/nodes", any(nodes::list))
        .route("/v1/node/{*rest}", any(nodes::node))
        .route("/v1/client/fs/{*rest}", any(fs::fs))
        .route("/v1/client/stats", any(node_stats::stats))
        .route("/v1/client/gc", any(node_stats::collect))
        .route("/v1/client/metadata", any(node_stats::metadata))
        .route("/v1/client/allocation/{*rest}", any(alloc_on_node::allocation))
        .route("/v1/agent/self", any(agent::about))
        .route("/v1/agent/members", any(agent::members))
        .route("/v1/agent/join", any(agent::join))
        .route("/v1/agent/force-leave", any(agent::force_leave))
        .route("/v1/agent/servers", any(agent::servers))
        .route("/v1/agent/schedulers", any(agent::schedulers))
        .route("/v1/agent/schedulers/config", any(agent::schedulers_config))
        .route("/v1/agent/health", any(agent::health))
        .route("/v1/agent/monitor", any(monitor::monitor))
        .route("/v1/scaling/policies", any(policies::list))
        .route("/v1/scaling/policy/{*rest}", any(policies::policy))
        .route("/v1/metrics", any(metrics::metrics))
        .route("/v1/status/leader", any(status::leader))
        .route("/v1/status/peers", any(status::peers))
        .route("/v1/regions", any(status::regions))
        .route("/v1/operator/raft/configuration", any(operator::raft_configuration))
        .route("/v1/operator/autopilot/configuration", any(operator::autopilot_configuration))
        .route("/v1/operator/autopilot/health", any(operator::autopilot_health))
        .route("/v1/operator/raft/peer", any(operator::raft_peer))
        .route("/v1/operator/raft/transfer-leadership", any(operator::transfer_leadership))
        .route("/v1/operator/snapshot", any(snapshot::snapshot))
        .route("/v1/search", any(search::search))
        .route("/v1/search/fuzzy", any(search::fuzzy))
        .route("/v1/namespaces", any(namespaces::list))
        .route("/v1/namespace", any(namespaces::any))
        .route("/v1/namespace/{*rest}", any(namespaces::one))
        .route("/v1/node/pools", any(node_pools::pools))
        .route("/v1/node/pool/{*rest}", any(node_pools::pool))
        .route("/v1/operator/scheduler/configuration", any(scheduler::configuration))
        .route("/v1/system/gc", any(system::collect_garbage))
        .route("/v1/system/reconcile/summaries", any(system::reconcile_summaries))
        .route("/", any(elsewhere::root))
        .route("/ui/", any(elsewhere::no_user_interface))
        .fallback(elsewhere::elsewhere)
        .layer(from_fn(compress))
        .layer(from_fn_with_state(app.clone(), add_headers))
        .with_state(app)
}

/// The headers that the configuration adds to every answer.
async fn add_headers(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in &app.info.response_headers {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    response
}
